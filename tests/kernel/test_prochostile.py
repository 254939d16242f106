"""Whatever is read from and written to /proc, at whatever offset: error strings, and no more."""

import random

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel import procctl
from vx9.kernel.procctl import CONTROLS
from vx9.kernel.procfiles import FILES, MORE
from vx9.vxcore import TrapKind

OFFSETS = [0, 1, 75, 76, 0x1000, 0x1100, 0x1FFF, 0x2000, 0x2FFF, 0x3000, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1]
COUNTS = [0, 1, 12, 8192, 1 << 24]
PIECES = [b"", b"\0", b"\n", b"'", b"''", b"0", b"-1", b"99999999999999999999", b"\xff\xfe", b"x" * 126,
          b"x" * 127, b"x" * 128, b"x" * 300, b"% s", b"1.5ms", "µs".encode(), b"\x1b[2J"]


@pytest.fixture
def zoo(guest, kernel):
    """A process of each kind: asleep, stopped, broken, dead."""
    def asleep(g):
        yield from g.call("notify", 0x1200)
        while True:
            yield from g.call("sleep", 1_000_000)

    def broken(g):
        yield from g.trap(TrapKind.ILLEGAL)

    def dead(g):
        yield from g.call("exits", 0)

    procs = [guest(script) for script in (asleep, asleep, broken, dead)]
    kernel.sched.drain()
    procs[1].procctl = type(procs[1].procctl)(1)
    procs[1].attention = True
    kernel.sched.interrupt(procs[1].task)
    kernel.sched.drain()
    assert [p.state() for p in procs] == ["Sleep", "Stopped", "Broken", "Moribund"]
    return procs


def attempt(kernel, coro):
    """Let a task try; what it raised, None also while it waits."""
    raised = []

    async def trial():
        try:
            await coro
        except Exception as error:
            raised.append(error)

    task = kernel.sched.spawn(trial(), "attempt")
    kernel.sched.drain()
    if not task.done:
        kernel.sched.kill(task)
        kernel.sched.drain()
    return raised[0] if raised else None


@pytest.mark.parametrize("file", [*FILES, *MORE], ids=lambda file: file.name)
def test_every_file_in_every_state(zoo, kernel, file):
    server = kernel.devices["p"]
    chance = random.Random(file.name)

    async def use(p, mode, write, offset):
        fid, _ = await server.walk(await server.attach("glenda", ""), ("trace",))
        fid.aux.p, fid.aux.file = p, file  # as if walked to while it lived
        fid.proc = kernel.boot
        await server.open(fid, mode)
        try:
            if write is not None:
                assert 0 <= await server.write(fid, write, offset) <= len(write)
            else:
                count = chance.choice(COUNTS)
                assert len(await server.read(fid, count, offset)) <= count
        finally:
            await server.clunk(fid)

    for p in zoo:
        for offset in OFFSETS:
            for mode in (0, 1, 2):
                for data in (None, chance.choice(PIECES), chance.randbytes(chance.randrange(200))):
                    error = attempt(kernel, use(p, mode, data, offset))
                    assert error is None or isinstance(error, PlanError), (p, mode, data, offset, error)
    assert kernel.errors == 0


def test_every_control_message_in_every_state(zoo, kernel):
    chance = random.Random(9)
    words = sorted(CONTROLS)

    async def write(p, text):
        await procctl.control(kernel.boot, p, procctl.split(text))

    for p in zoo:
        for _ in range(300):
            text = b" ".join([chance.choice(words).encode(),
                              *chance.choices(PIECES, k=chance.randrange(3))])
            error = attempt(kernel, write(p, text.decode("utf-8", "surrogateescape")))
            assert error is None or isinstance(error, PlanError), (p, text, error)
    assert kernel.errors == 0
