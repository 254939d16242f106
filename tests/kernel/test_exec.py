"""a.out headers, the initial stack, what is said of files that are no programs."""

import struct

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel import exec as execute
from vx9.kernel import tos
from vx9.kernel.dialect import VX9


def header(text=0x100, data=0x10, bss=0x20, entry=0x1020, magic=0x1EB):
    return struct.pack(">8I", magic, text, data, bss, 0, entry, 0, 0)


def test_layout():
    layout = execute.parse_header(header(0x1396F4, 0x6FA0, 0x12680, entry=0x6F9A0)).layout
    assert layout.data_base == 0x13B000
    assert layout.data_top == 0x13B000 + 0x7000
    assert layout.bss_top == -(-(0x13B000 + 0x6FA0 + 0x12680) // 4096) * 4096
    assert layout.entry == 0x6F9A0


@pytest.mark.parametrize("bad", [
    b"", b"\0" * 31, header(magic=0x1EC), header(entry=0x101F), header(entry=0x1120),
    header(entry=0), header(entry=0xFFFFFFFF), header(text=0xFFFFFFFF, entry=0x1020),
    header(data=0xF0000000), header(bss=0xFFFFFFFF), header(text=0, entry=0x1020),
])
def test_bad_headers(bad):
    with pytest.raises(PlanError, match="exec header invalid"):
        execute.parse_header(bad)


ELF64 = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 62) + bytes(44)
ELF32 = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HH", 2, 3) + bytes(44)


@pytest.mark.parametrize("first, size, words", [
    (ELF64, 1000, "ELF64 x86-64 program of the host"),
    (ELF32, 1000, "ELF32 x86 program of the host"),
    (struct.pack(">8I", 0x8A97, 1, 1, 1, 0, 0, 0, 0), 100, "Plan 9 program for amd64"),
    (header(), 100, "truncated"),
    (header(entry=1), 10_000, "header is invalid"),
    (b"hello, world\n" * 4, 52, "not a program"),
    (b"", 0, "empty"),
    (b"MZ", 2, "too short"),
])
def test_descriptions(first, size, words):
    assert words in execute.describe(first, size)


@pytest.mark.parametrize("first, size", [(header(), 0x200), (b"#!/bin/rc\n", 10)])
def test_programs_have_no_complaint(first, size):
    assert execute.describe(first, size) is None


def test_the_initial_stack_is_the_measured_one():
    top = 0xDFFFF000
    args = [b"./8.p1", b"a", b"bc d", b""]
    sp, tos_address, data = execute.arrange(args, top, tos.pack(5))
    assert sp == 0xDFFFEF90 and tos_address == 0xDFFFEFB8 and sp + len(data) == top
    argc, *argv = struct.unpack_from("<6I", data)
    assert argc == 4 and argv[4] == 0 and argv[0] == 0xDFFFEFA9
    strings = [data[a - sp:].partition(b"\0")[0] for a in argv[:4]]
    assert strings == args
    assert struct.unpack_from("<I", data, tos_address - sp + tos.PID)[0] == 5


@pytest.mark.parametrize("count", range(1, 9))
def test_the_stack_pointer_is_aligned(count):
    sp, tos_address, data = execute.arrange([b"x" * i for i in range(count)], 0x40000000,
                                            tos.pack(1))
    assert sp % 8 == 0 and sp + len(data) == 0x40000000
    assert tos_address == 0x40000000 - 72


@pytest.mark.parametrize("line, words", [
    (b"#!/bin/rc\n", [b"/bin/rc"]), (b"#! /bin/awk -f\nx", [b"/bin/awk", b"-f"]),
    (b"#!\t/bin/rc\t-e  \n", [b"/bin/rc", b"-e"]),
])
def test_interpreter_lines(line, words):
    assert execute._interpreter(line, VX9) == words


@pytest.mark.parametrize("line", [b"#!\n", b"#!   \n", b"#!/bin/rc", b"#!" + b"x" * 254])
def test_bad_interpreter_lines(line):
    with pytest.raises(PlanError, match="exec header invalid"):
        execute._interpreter(line, VX9)
