"""Finding the program to run, and naming what a wrong file is."""

import struct

import pytest

from vx9.userland.errors import NOT_A_PROGRAM, NOT_FOUND, Refusal
from vx9.userland.program import Program, complaint, locate

ELF = b"\x7fELF"


def aout(magic=0x1EB, text=64, data=0, entry=0x1020, size=None) -> tuple[bytes, int]:
    """A header and the file's size."""
    return struct.pack(">8I", magic, text, data, 0, 0, entry, 0, 0), 32 + text + data if size is None else size


def test_a_sound_header_passes():
    assert complaint(*aout()) is None
    assert complaint(b"#!/bin/rc\n", 10) is None


@pytest.mark.parametrize(("header", "size", "says"), [
    (*aout(0x8A97), "Plan 9 program for amd64"),
    (*aout(0x647), "Plan 9 program for ARM"),
    (ELF + b"\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + bytes(12), 9000, "ELF64 x86-64 program"),
    (ELF + b"\x01\x01\x01" + bytes(9) + b"\x02\x00\x03\x00" + bytes(12), 9000, "ELF32 x86 program"),
    (ELF, 4, "too short"),
    (b"", 0, "empty"),
    (b"\0", 1, "too short"),
    (b"hello, world, and all who live in it\n"[:32], 36, "not a program"),
    (aout()[0][:20], 20, "too short"),
    (*aout(size=40), "truncated"),
    (*aout(entry=0), "invalid"),
    (*aout(entry=0x1020 + 64), "invalid"),
])
def test_wrong_files_are_named(header, size, says):
    assert says in complaint(header[:32], size)


def refused(*args) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        locate(*args)
    return refusal.value


def test_a_host_file_wins_over_bin(tmp_path):
    header, _ = aout()
    program = tmp_path / "hello"
    program.write_bytes(header + bytes(64))
    program.chmod(0o755)
    here = str(tmp_path)
    assert locate("hello", None, here) == Program(f"{here}/hello", f"{here}/hello")
    assert locate("./hello", None, here) == Program(f"{here}/hello", f"{here}/hello")
    assert locate("cat", None, here) == Program("/bin/cat", None)
    assert locate("/bin/cat", None, here) == Program("/bin/cat", None)
    assert locate("bin/x", here, here) == Program("/bin/x", None)
    program.chmod(0o644)
    assert "chmod +x" in str(refused("./hello", None, here))


def test_what_is_not_there_or_no_file(tmp_path):
    here = str(tmp_path)
    assert refused("./nothing", None, here).status == NOT_FOUND
    assert refused("", None, here).status == NOT_FOUND
    assert refused("./", None, here).status == NOT_A_PROGRAM
    assert refused("/dev/null", None, here).status == NOT_A_PROGRAM
    (tmp_path / "notes.txt").write_text("not a program " * 9)
    fault = refused("./notes.txt", None, here)
    assert fault.status == NOT_A_PROGRAM
    assert str(fault).startswith("./notes.txt: it is not a program")
