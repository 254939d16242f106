"""ELF to a.out: what comes out, and what is refused with which words."""

import contextlib
import struct

import pytest

from vx9.userland.guest import build, mkaout

pytestmark = pytest.mark.guest
START = mkaout.UTZERO + mkaout.HEADER


@pytest.fixture(scope="module")
def library(demand):
    try:
        return build.library()
    except build.BuildError as error:
        demand(f"a 32-bit compiler ({error})")


@pytest.fixture
def elf(library, tmp_path):
    """elf(C source, *linker flags) -> the bytes of a linked ELF program."""
    def make(source, *flags, script=True):
        path = tmp_path / "p.c"
        path.write_text(source)
        link = ["-T", build.HERE / "guest.ld"] if script else []
        build._run([*library.compiler, *library.cflags, "-m32", "-nostdlib", "-static", "-no-pie",
                    "-Wl,--build-id=none", *flags, *link, path, "-o", tmp_path / "p"], "test")
        return (tmp_path / "p").read_bytes()
    return make


PROGRAM = """
int initialised[1025] = {1, 2, 3};
char zero[5000];
char const constant[] = "constant";
static int hidden(void) { return zero[3] + initialised[2]; }
int (*pointer)(void) = hidden;
void _main(void) { for (;;) pointer(); }
"""


def header(data):
    names = "magic text data bss syms entry spsz pcsz".split()
    return dict(zip(names, struct.unpack_from(">8I", data), strict=True))


def symbols(data):
    h = header(data)
    table = data[32 + h["text"] + h["data"]:]
    assert len(table) == h["syms"]
    found = {}
    while table:
        value, kind = struct.unpack_from(">IB", table)
        name, _, table = table[5:].partition(b"\0")
        assert kind & 0x80
        found[name.decode()] = (value, chr(kind & 0x7F))
    return found


def test_parts_and_symbols(elf):
    data = mkaout.convert(elf(PROGRAM))
    h = header(data)
    assert h["magic"] == 0x1EB and h["spsz"] == h["pcsz"] == 0
    found = symbols(data)
    data_start = (START + h["text"] + 4095) & ~4095
    assert found["_main"] == (h["entry"], "T")
    assert found["hidden"][1] == "t" and START <= found["hidden"][0] < START + h["text"]
    assert found["initialised"][1] == "D" and found["zero"][1] == "B"
    at = 32 + h["text"] + found["initialised"][0] - data_start
    assert data[at:at + 12] == struct.pack("<3I", 1, 2, 3)
    assert found["end"][0] == data_start + h["data"] + h["bss"]
    assert b"constant\0" in data[32:32 + h["text"]]


def test_a_program_without_data_has_its_bss_at_the_next_page(elf):
    data = mkaout.convert(elf("char zero[100]; void _main(void) { for (;;) zero[1]++; }"))
    h = header(data)
    assert h["data"] == 0 and h["bss"] >= 100
    assert symbols(data)["zero"][0] % 4096 == 0


@pytest.mark.parametrize(("make", "words"), [
    (lambda data: b"#!/bin/rc\n", "not an ELF file"),
    (lambda data: data[:20], "truncated"),
    (lambda data: data[:200], "truncated"),
    (lambda data: data[:4] + b"\2" + data[5:], "compile with -m32"),
    (lambda data: data[:18] + b"\x28" + data[19:], "not for the 386"),
    (lambda data: data[:16] + b"\3" + data[17:], "not a linked program"),
    (lambda data: data[:24] + struct.pack("<I", 0x500) + data[28:], "outside the text"),
    (lambda data: data[:48] + struct.pack("<H", 0) + data[50:], "no section headers"),
])
def test_refused(elf, make, words):
    with pytest.raises(mkaout.AoutError, match=words):
        mkaout.convert(make(elf(PROGRAM)))


def test_the_wrong_layout_is_refused(elf):
    data = elf(PROGRAM.replace("_main", "_start"), script=False)
    with pytest.raises(mkaout.AoutError, match=r"link with guest\.ld"):
        mkaout.convert(data)


def test_thread_local_storage_is_refused(elf):
    data = elf("__thread int x = 3; int *p; void _main(void) { for (;;) p = &x; }",
               "-Wl,--section-start=.tdata=0x100000")
    with pytest.raises(mkaout.AoutError, match="privalloc"):
        mkaout.convert(data)


def test_no_damaged_file_gives_another_error(elf):
    good = elf(PROGRAM)
    for at in [*range(4, 52), *range(len(good) - 400, len(good))]:
        for value in (0, 0x7F, 0xFF):
            bad = good[:at] + bytes([value]) + good[at + 1:]
            with contextlib.suppress(mkaout.AoutError):
                mkaout.convert(bad)


def test_the_command(elf, tmp_path, capsys):
    elf(PROGRAM)
    assert mkaout.main([str(tmp_path / "p"), str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").stat().st_mode & 0o111
    assert mkaout.main([str(tmp_path / "p.c"), str(tmp_path / "out")]) == 1
    assert "p.c: not an ELF file" in capsys.readouterr().err
    assert mkaout.main([str(tmp_path / "nothing"), str(tmp_path / "out")]) == 1
    assert mkaout.main([]) == 2
