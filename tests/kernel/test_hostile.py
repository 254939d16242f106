"""The system-call boundary: every call with every argument at its limits.

Whatever a guest passes, it gets a result, an error string or a note; never does the kernel
meet an exception that it did not expect (the fixture checks the count), and a neighbour
goes on.
"""

import struct

import pytest

from vx9.kernel.systab import load

CALLS = list(load().calls.values())
LIMIT = 0x3FF0000  # of the smallest address space
NUMBERS = (0, 1, -1, 2, 0x7F, 0x80, 0xFFFF, 0x10000, 0x7FFFFFFF, -0x80000000, 0x80000001 - (1 << 32))
POINTERS = (0, 1, 0xFFF, 0x1000, 0x1FFF, 0x2000, 0x2001, 0x2FFF, 0x3FFF, 0x4000, LIMIT - 4,
            LIMIT - 1, LIMIT, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)
VLONGS = (0, 1, -1, -2, 1 << 31, 1 << 32, (1 << 63) - 1, -(1 << 63))
WORDS = {"int", "uint", "fd", "count", "msec", "omode", "perm", "rflags", "bflags", "whence",
         "nflag", "sgattr"}
GOOD = {"str": 0x2F00, "strz": 0x2F00, "in": 0x2E00, "out": 0x2E00, "xbuf": 0x2E00, "buf64": 0x2E00,
        "outstr": 0x2E00, "count": 64, "vlong": -1, "argv": 0x2F40, "vlongp": 0x2E00,
        "semaddr": 0x2E00, "fdpair": 0x2E00, "waitrec": 0x2E00, "addr": 0x2E00, "func": 0x1200,
        "exitstr": 0x2F00, "fd": 0, "uint": 64}


def values(kind):
    return VLONGS if kind == "vlong" else NUMBERS if kind in WORDS else POINTERS


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.name)
def test_each_argument_at_its_limits(call, guest, kernel):
    kinds = [kind.name for _, kind in call.args]
    victim = guest(neighbour)
    for i, kind in enumerate(kinds):
        for value in values(kind):
            args = [GOOD.get(k, 0) for k in kinds]
            args[i] = value
            p = guest(lambda g, args=args: attack(g, call.name, args), child)
            kernel.sched.drain()
            p.kill()
            kernel.sched.drain()
            assert p.dead, (call.name, args)
            assert kernel.errors == 0, (call.name, args)
    assert not victim.dead and not kernel.semaphores.queues and not victim.rgrp.waiting


def neighbour(g):
    while True:
        yield from g.call("sleep", 1)


def child(g):
    yield from g.call("exits", 0)


def attack(g, name, args):
    p = g.p
    p.mem.write(0x2F00, b"/dev/null\0")
    p.mem.write(0x2F40, struct.pack("<3I", 0x2F00, 0x2F00, 0))
    p.kernel.sched.spawn(_give_null(p)) if not p.fds.open_fds() else None
    yield from g.call("sleep", 0)
    yield from g.call(name, *args)
    buf = g.put(b"", 128)
    yield from g.call("errstr", buf, 128)
    yield from neighbour(g)


async def _give_null(p):
    p.fds.install(await p.ns.open(p, "#c/null", 2))


STRINGS = [
    b"", b"/", b".", b"..", b"/" * 10_000, b"../" * 4_000, b"x" * 65_535, b"x" * 65_536, b"\xff\xfe",
    b"\xed\xa0\x80", b"a\nb", b"\x1b[2J", b"\x7f", b"#", b"##", b"#c/../..", b"#\xff", b"#M", b"#pXX",
    b"/proc/1/../../x", b"/fd/99999999999999999999", b"#d/-1", b"/env/" + b"n" * 300, b"a/" * 2_000,
    b"/dev/null/x", b"/proc/\xd9\xa1/status",
]


@pytest.mark.parametrize("name", [c.name for c in CALLS
                                  if any(k.name in ("str", "strz") for _, k in c.args)])
def test_each_name_at_its_limits(name, guest, kernel):
    kinds = [kind.name for _, kind in kernel.calls[
        next(c.number for c in CALLS if c.name == name)].args]

    def script(g, text):
        where = yield from g.call("segattach", 0, g.text("memory"), 0, 0x20000)
        g.p.mem.write(where, text + b"\0")
        args = [where if k in ("str", "strz") else GOOD.get(k, 0) for k in kinds]
        yield from g.call(name, *args)
        yield from neighbour(g)

    for text in STRINGS:
        p = guest(lambda g, text=text: script(g, text))
        kernel.sched.drain()
        p.kill()
        kernel.sched.drain()
        assert p.dead and kernel.errors == 0, text[:40]


def test_a_fork_bomb_is_stopped_and_the_neighbour_goes_on(guest, kernel):
    kernel.limits.processes = 30

    def bomb(g):
        while True:
            yield from g.call("rfork", 16)
            yield from g.call("sleep", 0)

    victim = guest(neighbour)
    guest(bomb, bomb)
    kernel.sched.run(lambda: kernel.sched.switches > 2000)
    assert len(kernel.procs) == 30 and not victim.dead
    assert kernel.limits_met == {"processes"}


def test_a_descriptor_hog(run, kernel):
    def script(g):
        where = g.room(8)
        count = 0
        while (yield from g.call("pipe", where)) == 0:
            count += 1
        assert g.p.errstr == "no free file descriptors" and count == 2500
        yield from g.call("exits", 0)

    assert run(script).exit.status == ""


def test_a_note_storm_while_the_handler_runs(guest, kernel):
    from vx9.kernel import note

    def script(g):
        yield from g.call("notify", 0x1200)
        while True:
            yield from g.call("noted", 2) if g.p.notified else g.call("sleep", 0)

    p = guest(script)
    kernel.sched.run(lambda: p.notify)
    for turn in range(200):
        note.post(p, "storm", note.NoteKind.USER)
        limit = kernel.sched.switches + 3
        kernel.sched.run(lambda limit=limit: kernel.sched.switches > limit or p.dead)
        assert not p.dead, p.exit
        assert not p.dead and len(p.saved_fpu) <= note.NESTED, turn
    assert len(p.saved_fpu) == note.NESTED
