"""Resources and leaks: guests that take what they can get (hog.c), beside one that only works.

A function for each ID, as in scenarios.py.  What was got is looked at here; that it was met
by a limit with a name, and that the neighbour got its right answers all the time, too.
"""

import functools
import itertools
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

from .guard import LOW, maps
from .scenarios import Cases, Scenario, scenarios_of
from .world import PLACE, World, world

MB = 1 << 20
WHATS = ("procs", "waiters")  # what hog.c says for more than one


def scenarios() -> list[Scenario]:
    """All of them."""
    return scenarios_of(globals())


def hog(what: str, *more: str, met: str | None = None, fails: str = "", most: int | None = None,
        seconds: float = 30, kill: bool = False, **limits: object) -> None:
    """Run hog.c; what it says it got must be at most so much, and the limit remembered."""
    with world(**limits) as w:
        status = w.run("hog", what, *more, seconds=seconds, kill=kill)
        said = w.result()
        assert fails in said, said[-300:]
        if most is not None:
            line = next((x for x in said.splitlines() if x.startswith((*WHATS, what))), "0 0")
            assert 0 < int(line.split()[1]) <= most, said[-300:]
        if met is not None:
            assert met in w.kernel.limits_met, (w.kernel.limits_met, status, said[-300:])


def case(what: str, *more: str, **expected: object) -> tuple[str, Callable[[], None]]:
    """A row: its name and what to do."""
    return " ".join((what, *more)), functools.partial(hog, what, *more, **expected)  # type: ignore[arg-type]


def RES_1() -> Cases:
    """Processes: wide, sharing memory, never waited for."""
    yield case("procs", processes=40, met="processes", most=40, fails="no procs")
    yield case("threads", processes=40, met="processes", most=40, fails="no procs")
    yield case("zombies", processes=40)

    def deep() -> None:
        with world(processes=40) as w:
            w.run("hog", "bomb", seconds=0.5, kill=True)
            assert "processes" in w.kernel.limits_met
            assert len(w.procs()) < 40

    yield "fork bomb", deep


def RES_2() -> Cases:
    """Memory: of one process, of many, the stack, segments."""
    yield case("memory", memory=32 * MB, met="memory", most=32)
    yield case("children", memory=32 * MB, total_memory=100 * MB, processes=40, met="total-memory")
    yield case("memory", "total", total_memory=40 * MB, met="total-memory")
    yield case("stack", fails="suicide: sys: trap: fault write")
    yield case("segments", memory=16 * MB, met="memory", most=4)
    yield case("segments", "many", segments=6, met="segments", most=2)
    yield case("arguments", processes=40)


def RES_3() -> Cases:
    """Descriptors, pipes, notes, waiters, timers."""
    yield case("fds", files=500, met="files", most=500, fails="no free file descriptors")
    yield case("pipes", total_memory=64 * MB, met="total-memory", most=260, fails="kernel allocate failed")
    yield case("notes", met="notes")
    yield case("rendezvous", processes=60, met="processes", most=60)
    yield case("semaphores", processes=60, met="processes", most=60)
    yield case("timers", processes=60, met="processes", most=60)
    yield case("posts", most=1000, fails="no free devices")
    yield case("variables", processes=10)
    yield "files of the host", host_files


def host_files() -> None:
    """Each takes a descriptor of the host's, and all come back."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "f").write_text("x")
        with world(files=300) as w:
            w.kernel.bind_host(folder, "/n/files")
            w.run("hog", "hostfds", "/n/files/f")
            assert "no free file descriptors" in w.result()
            assert "files" in w.kernel.limits_met
            assert len(os.listdir("/proc/self/fd")) < 200


def RES_4() -> Cases:
    """Processor time: spinners, yielders, output; and a limit that ends them."""
    def many(what: str, count: int) -> None:
        with world() as w:
            handles = [w.start("hog", what) for _ in range(count)]
            w.run("hog", "output", seconds=0.3, kill=True)
            w.end_all(*handles)

    yield "spin", functools.partial(many, "spin", 12)
    yield "yield", functools.partial(many, "yield", 12)
    yield case("output", output=MB, met="output")

    def limited() -> None:
        from vx9.kernel.kernel import Kernel
        from vx9.kernel.limits import Limits

        from . import world as here

        kernel = Kernel(limits=Limits(cpu_time=0.2))
        kernel.start()
        try:
            kernel.bind_host(str(here.PROGRAMS), PLACE)
            status = kernel.spawn([f"{PLACE}/hog", "spin"], env={}, stdin=None, stdout=None,
                                  stderr=None).wait(10)
            assert status.code == 137 and kernel.limits_met == {"cpu-time"}
        finally:
            kernel.stop()

    yield "cpu-time", limited


def RES_5() -> Cases:
    """Files in memory: many, large, deep; mounts; output."""
    yield case("files", ram=2 * MB, fails="file system full", most=4000)
    yield case("files", "total", total_memory=16 * MB, fails="kernel allocate failed",
               met="total-memory", most=32000)
    yield case("data", ram=8 * MB, fails="file system full", most=128)
    yield case("deep", ram=8 * MB)
    yield case("mounts", mounts=300, met="mounts", most=300, fails="too many mounts")
    yield case("loop", fails="loop 1")


def RES_6() -> Cases:
    """Text that costs more the longer it is, to whoever parses it."""
    def told(name: str, text: bytes, seconds: float = 5) -> None:
        import time

        with world() as w:
            p = w.kernel.boot

            async def write() -> str:
                from vx9.fs.errors import PlanError
                try:
                    c = await p.ns.open(p, name, 1)
                    try:
                        await c.write(p, text)
                    finally:
                        await c.close()
                except PlanError as error:
                    return str(error)
                return ""

            start = time.monotonic()
            w.kernel.call(write)
            assert time.monotonic() - start < seconds, "it took too long"

    texts = {"digits": b"9" * 100_000, "words": b"x " * 100_000, "nesting": b"(" * 100_000,
             "quotes": b"'" * 100_000, "newlines": b"\n" * 100_000, "signs": b"-" * 100_000}
    for name in ("/dev/time", "/dev/consctl", "/dev/sysname", "/dev/user", "/net/tcp/clone", "/net/cs",
                 "/dev/bintime", "/net/ndb", "/dev/reboot", "/dev/swap"):
        for what, text in texts.items():
            yield f"{what} to {name}", functools.partial(told, name, text)


def LEAK_1() -> Cases:
    """No address of the host's in what guests can read of themselves."""
    def scan(*argv: str, seconds: float = 0.3) -> None:
        with world() as w:
            handle = w.start(*argv)
            w.run("hog", "loop")
            for p in w.procs():
                look(w, p, upper_halves())
            w.end_all(handle)

    yield "an honest guest", functools.partial(scan, "honest")
    yield "a spinner", functools.partial(scan, "hog", "spin")
    yield "a caller", functools.partial(scan, "hog", "rendezvous")


def upper_halves() -> set[int]:
    """Of all addresses above 4 GiB that mean something."""
    return {address >> 32 for start, end, _, name in maps() if end > LOW and name != "[vsyscall]"
            for address in (start, end - 1)}


def look(w: World, p: object, upper: set[int]) -> None:
    """Every word pair of a process's memory and registers."""
    def read() -> bytes:
        space = p.space  # type: ignore[attr-defined]
        if space is None:
            return b""
        data = space.data.obj.read(0, space.data.obj.size)
        stack = space.stack.obj
        return bytes(data + stack.read(stack.size - 65536, 65536) + p.cpu.fpu  # type: ignore[attr-defined]
                     + struct.pack("<10I", *p.cpu.get_regs()) + bytes(2))  # type: ignore[attr-defined]

    data = w.kernel.call(read)
    words = struct.unpack(f"<{len(data) // 4}I", data[:len(data) // 4 * 4])
    for low, high in itertools.pairwise(words):
        assert high == 0 or high not in upper or low == 0, f"{high:#x}{low:08x} in {p}"


def LEAK_2() -> Cases:
    """Nor in what the kernel tells of processes."""
    names = ("args", "fd", "fpregs", "kregs", "ns", "proc", "profile", "regs", "segment", "status",
             "noteid", "wait")

    def told(name: str) -> None:
        with world() as w:
            handle = w.start("hog", "spin")
            p = w.kernel.boot

            async def read() -> bytes:
                from vx9.fs.errors import PlanError
                try:
                    c = await p.ns.open(p, f"/proc/{handle.pid}/{name}", 0)
                except PlanError:
                    return b""
                try:
                    return await c.read(p, 8192, 0) if name != "wait" else b""
                except PlanError:
                    return b""
                finally:
                    await c.close()

            data = w.kernel.call(read)
            for start, end, _, _ in maps():
                if start >= LOW:
                    for address in (start, end):
                        assert f"{address:x}".encode() not in data, data
            upper = upper_halves()
            for at in range(0, len(data) - 8, 4):
                low, high = struct.unpack_from("<II", data, at)
                assert high not in upper or low == 0, data[at:at + 8]
            w.end_all(handle)

    for name in names:
        yield name, functools.partial(told, name)
