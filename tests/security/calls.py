"""The system-call boundary: calls with hostile arguments (calls.c), and odd calls (odd.c).

A function for each ID, as in scenarios.py.  tests/kernel/test_hostile.py has each argument of
each call at each limit, one by one, on a scripted processor; here guests make them, with
others that share the memory and change it meanwhile.
"""

import contextlib
import functools
import os
import sys
import tempfile
from pathlib import Path

from vx9.fs.errors import PlanError
from vx9.kernel.systab import load

from .scenarios import Cases, Scenario, scenarios_of
from .world import world

TABLE = load()
GROUP = 10  # calls that are tried side by side
SECONDS = 1.0
MARKER = "marker-of-a-guest"
_opened: list[str] = []


def scenarios() -> list[Scenario]:
    """All of them."""
    return scenarios_of(globals())


def tried(how: str, numbers: list[int], seed: int) -> None:
    """Guests that make these calls; they may end as they like."""
    with world(memory=32 << 20, processes=120) as w:
        handles = []
        with contextlib.suppress(PlanError):  # they may have made all processes that there can be
            for n in numbers:
                handles.append(w.start("calls", how, str(n), str(seed + n)))  # noqa: PERF401
        for handle in handles:
            try:
                handle.wait(SECONDS)
            except TimeoutError:
                break  # they sleep and fork; enough calls were made
        w.end_all(*handles)


def groups(how: str, numbers: list[int], seed: int, size: int = GROUP) -> Cases:
    """A case for each few calls."""
    for at in range(0, len(numbers), size):
        some = numbers[at:at + size]
        names = " ".join(TABLE.calls[n].name for n in some)
        yield names, functools.partial(tried, how, some, seed)


def with_type(*kinds: str) -> list[int]:
    """The calls that have an argument of one of these types."""
    return [n for n, call in TABLE.calls.items() if any(k.name in kinds for _, k in call.args)]


def SYS_1() -> Cases:
    """Pointers."""
    yield from groups("pointers", [n for n, c in TABLE.calls.items()
                                   if any(k.c.endswith("*") for _, k in c.args)], 1)


def SYS_2() -> Cases:
    """Numbers."""
    yield from groups("numbers", [n for n, c in TABLE.calls.items()
                                  if any(not k.c.endswith("*") for _, k in c.args)], 2)


def SYS_3() -> Cases:
    """Strings."""
    yield from groups("strings", with_type("str", "strz", "argv", "exitstr", "xbuf", "buf64"), 3, 6)


def SYS_5() -> Cases:
    """Memory that another process changes during the call."""
    yield from groups("race", list(TABLE.calls), 5)


def odd(what: str, *wanted: str) -> None:
    """odd.c's report must have these words, and nothing wrong."""
    with world(memory=32 << 20, processes=120) as w:
        status = w.run("odd", what)
        said = w.result()
        assert status is not None and status.code == 0, (status, said)
        assert "WRONG" not in said and "OPEN" not in said, said
        for word in wanted:
            assert word in said, said


def SYS_4() -> Cases:
    """Arguments of exec."""
    yield "all", functools.partial(odd, "arguments", "none ok", "gigabyte ok", "done")
    yield from groups("pointers", [7], 40)
    yield from groups("race", [7, 7, 7], 41)


def SYS_6() -> Cases:
    """Numbers of calls that are none."""
    yield "numbers", functools.partial(odd, "numbers", "bad 12 of 12")
    yield "pointers with none", functools.partial(tried, "pointers", [48, 49, 54, 1000], 6)
    yield "a race with none", functools.partial(tried, "race", [48, -1, 1 << 30], 7)


def SYS_7() -> Cases:
    """Files closed during a read, descriptors moved by others, exec beside threads, handlers."""
    for what, wanted in (("closed", "read"), ("dups", "done"), ("execs", "done"),
                         ("handlers", "handled 20")):
        yield what, functools.partial(odd, what, wanted)


def SYS_8() -> Cases:
    """What calls write, and nothing behind it."""
    yield "outputs", functools.partial(
        odd, "fresh", *(f"{name} ok" for name in ("stat", "dirread", "regs", "await", "errstr", "fd2path")))
    for what in ("race", "numbers"):
        yield what, functools.partial(tried, what, with_type("out", "outstr", "waitrec")[:GROUP], 8)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(("open", "os.", "subprocess", "socket.")):
        text = repr(arguments)
        if MARKER in text:
            _opened.append(f"{event} {text}")


def SYS_9() -> Cases:
    """No name of a guest's is a name of the host's."""
    def marked(root: bool) -> None:
        if not _opened:
            sys.addaudithook(_audit)
        with tempfile.TemporaryDirectory() as folder, world() as w:
            if root:
                w.kernel.bind_host(folder, "/n/files")
            w.run("odd", "marks")
            assert "done" in w.result()
        assert not _opened, _opened

    yield "without host files", functools.partial(marked, False)
    yield "with host files", functools.partial(marked, True)

    def no_programs() -> None:
        before = set(os.listdir("/proc/self/task"))
        odd("marks", "done")
        assert len(os.listdir("/proc/self/task")) <= len(before) + 4
        assert not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().strip()

    yield "no process of the host's", no_programs


def SYS_10() -> Cases:
    """The host's own files about memory, devices, descriptors, however they are named."""
    def through(rw: bool) -> None:
        with tempfile.TemporaryDirectory() as folder, world() as w:
            for name, target in (("mem", "/proc/self/mem"), ("devmem", "/dev/mem"), ("up", "/"),
                                 ("null", "/dev/null")):
                os.symlink(target, f"{folder}/{name}")
            os.mkfifo(f"{folder}/fifo")
            w.kernel.bind_host(folder, "/n/files", rw)
            status = w.run("odd", "places")
            said = w.result()
            assert status is not None and "done" in said and "OPEN" not in said, said

    yield "read-only", functools.partial(through, False)
    yield "for writing", functools.partial(through, True)
    yield "nothing bound", functools.partial(odd, "places", "done")
