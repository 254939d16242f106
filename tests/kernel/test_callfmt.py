"""The text of /proc/n/syscall, whatever the arguments are."""

import struct

import pytest

from vx9.kernel import callfmt

from .conftest import NUMBERS


@pytest.fixture
def shown(guest, kernel):
    """shown(name, words...) -> the text of a call about to be made."""
    def script(g):
        while True:
            yield from g.call("sleep", 1000)

    p = guest(script)
    kernel.sched.drain()
    p.name = "prog"

    def entry(name, *words):
        p.mem.write(p.cpu.esp + 4, struct.pack(f"<{len(words)}I", *(w & 0xFFFFFFFF for w in words)))
        return callfmt.entry(p, p.kernel.calls[NUMBERS[name]])

    entry.p = p
    return entry


def test_the_measured_line(shown):
    shown.p.mem.write(0x2100, b"/lib/ndb/common\0")
    assert shown("open", 0x2100, 0) == \
        f'{shown.p.pid} prog Open 1100 2100/"/lib/ndb/common" 00000000'


@pytest.mark.parametrize(("call", "rest"), [
    (("close", -1), "-1"), (("rfork", 0x14), "00000014"), (("rendezvous", 0x7, 0xFFFFFFFF), "7 ffffffff"),
    (("bind", 0, 0x10, 4), '0/"" 10 00000004'), (("exits", 0), '0/""'), (("brk_", 0x5000), "5000"),
    (("pwrite", 1, 0x2200, 3, 0, 1), '1 2200/"a.b" 3 4294967296'),
    (("pwrite", 1, 0x9000000, 3, 0, 0), "1 9000000 3 0"), (("exec", 0x10, 0xFFFFFFFC), "10 fffffffc"),
    (("seek", 0x2000, 3, -1, -1, 2), "2000 3 -1 2"), (("alarm", 5), "5"), (("sleep", -5), "-5"),
])
def test_arguments(shown, call, rest):
    shown.p.mem.write(0x2200, b"a\x01b")
    assert shown(*call).split(" ", 4)[4] == rest


def test_argument_lists_are_bounded(shown):
    p = shown.p
    p.mem.write(0x2400, b"x" * 0x400 + b"\0")
    p.mem.write(0x2900, struct.pack("<200I", *[0x2400] * 200) + bytes(4))
    text = shown("exec", 0x2400, 0x2900)
    assert text.endswith(" ...") and len(text) < 2 * callfmt.TEXT


def test_results(shown, kernel):
    p = shown.p
    p.mem.write(0x2200, b"data\n")
    shown("pread", 3, 0x2200, 100, -1, -1)
    call = kernel.calls[NUMBERS["pread"]]
    assert callfmt.leave(p, call, 5, "", 7, 9) == ' 2200/"data." 100 -1 = 5 "" 7 9\n'
    assert callfmt.leave(p, call, -1, "i/o error", 7, 9) == ' /"" 100 -1 = -1 i/o error 7 9\n'
    shown("await", 0x2200, 100)
    assert callfmt.leave(p, kernel.calls[NUMBERS["await"]], 4, "", 7, 9) == '2200/"data" 100 = 4 "" 7 9\n'
    shown("errstr", 0x2200, 64)
    assert callfmt.leave(p, kernel.calls[NUMBERS["errstr"]], 0, "", 7, 9) == '"" 64 = 0 "" 7 9\n'
    shown("segattach", 0, 0x2200, 0, 10)
    assert callfmt.leave(p, kernel.calls[NUMBERS["segattach"]], 0xDEFFD000, "", 7, 9) == \
        ' = deffd000 "" 7 9\n'
