"""Every file of every device, opened in every mode, read and written at every limit.

A device answers, refuses with an error string or waits; it never fails otherwise, and what
one process did to it keeps no other from it.
"""

import pytest

from vx9.fs.dir import DMDIR, OCEXEC, ORCLOSE, OTRUNC, DirChange, unpack_all
from vx9.fs.errors import PlanError

LETTERS = "/ceds|pg¤σPr¶IN"
MODES = (0, 1, 2, 3, 0 | OTRUNC, 1 | OTRUNC, 0 | ORCLOSE, 2 | OCEXEC)
OFFSETS = (0, 1, 11, 4096, (1 << 31) - 1, (1 << 63) - 1, -1, -2)
COUNTS = (0, 1, 8, 200, 1 << 16)
DATA = (b"", b"\0", b"0", b"-1", b"99999999999999999999", b"x" * 20, b"a b c", b"\xff" * 100, b"n",
        b"n" + b"\xff" * 8, b"d" + b"\x80" + bytes(11), b"f" + b"\xff" * 8, b"chdev", b"va 1 1", b"@",
        b"a@b@c", bytes(70000), b"close", b"kill -1", b"stop\0", b"connect 1", b"\n", b"'")
NAMES = ("x", "..", ".", "a\0b", "\udcff", "y" * 300, "0")


@pytest.fixture
def attempt(v, kernel):
    """attempt(call, ...): its result, None if it waits or says no."""
    def attempt(call, *args):
        async def go():
            result = call(*args)
            return await result if hasattr(result, "__await__") else result

        task = kernel.sched.spawn(go())
        kernel.sched.drain()
        if not task.done:
            kernel.sched.kill(task)
            kernel.sched.drain()
            return None
        assert task.error is None or isinstance(task.error, PlanError), (args, task.error)
        return task.result

    return attempt


def sleeper(g):
    while True:
        yield from g.call("sleep", 1)


def files(v, attempt, name, depth=0):
    """All names of a device's tree, a folder before what is in it."""
    yield name
    c = attempt(v.p.ns.open, v.p, name, 0)
    if c is None or not c.is_dir or depth > 2:
        if c is not None:
            attempt(c.close)
        return
    data = attempt(c.read, v.p, 1 << 16) or b""
    attempt(c.close)
    for d in unpack_all(data)[:40]:
        yield from files(v, attempt, f"{name}/{d.name}", depth + 1)


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("user", ["glenda", "mallory", "none"])
def test_every_file_of_a_device(v, kernel, attempt, guest, letter, user):
    ns = v.p.ns = v.p.ns.copy()
    if letter == "p":
        guest(sleeper)
    fd = v.p.fds.install(v.open("/dev/null", 2))
    if letter == "g":
        v.close(v.create("#g/seg", 0, DMDIR | 0o777))
        v.put("#g/seg/ctl", b"va 0x1000000 0x1000")
    if letter == "s":
        v.put("#s/posted", b"%d" % fd, create=True)
    if letter == "e":
        v.put("#e/var", b"value", create=True)
    if letter == "σ":
        v.close(v.create("#σc/share", 0, DMDIR | 0o777))
    v.p.user = user
    roots = [f"#{letter}", "#σc"] if letter == "σ" else [f"#{letter}"]
    for name in [name for root in roots for name in files(v, attempt, root)]:
        for mode in MODES:
            c = attempt(ns.open, v.p, name, mode)
            if c is None:
                continue
            for offset in OFFSETS:
                for count in COUNTS:
                    data = attempt(c.read, v.p, count, offset)
                    assert data is None or len(data) <= max(count, 32), (name, mode, count)
            for data in DATA:
                attempt(c.write, v.p, data, 0)
                attempt(c.write, v.p, data, OFFSETS[len(data) % 7])
            attempt(c.stat, v.p)
            attempt(c.wstat, v.p, DirChange(mode=0o777 if name.endswith("e") else 0o600))
            attempt(c.wstat, v.p, DirChange(length=1 << 62, uid="", name="../x"))
            attempt(c.wstat, v.p, DirChange())
            attempt(c.close)
        for inner in NAMES:
            attempt(ns.access, v.p, f"{name}/{inner}")
            for perm in (0o666, DMDIR | 0o777, 0xFFFFFFFF):
                c = attempt(ns.create, v.p, f"{name}/{inner}", 1, perm)
                if c is not None:
                    attempt(c.close)
        attempt(ns.remove, v.p, name)
        v.p.user = user
        assert kernel.errors == 0, name
    v.p.user = "glenda"
    assert not v.p.dead and len(v.get("#c/time")) == 78
