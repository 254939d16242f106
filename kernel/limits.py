"""Limits: what the guests of one kernel may use of the host, each with a name.

The table is all there is to know of them: the options of the vx9 command, its reports and the
manual derive from it.  A guest that meets one gets an error like those of Plan 9, or (memory
of all together, processor time, output) is ended; what was met is remembered by name.
Source: setrlimit's idea; the errors of the kernel's allocators.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import ENOMEM, PlanError
from vx9.kernel.stop import ProcCtl

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.proc import Proc
    from vx9.vxcore import MemoryObject

BYTES, COUNT, SECONDS = "size", "count", "time"
MB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Limit:
    """One row."""

    name: str
    kind: str
    default: int | None  # None: none, or as it says
    option: str  # that sets it; all can be set by --limit NAME=VALUE
    meaning: str
    ends: str = ""  # the exit status of vx9 run, if meeting it is the end

    @property
    def attribute(self) -> str:
        """Its name in Limits."""
        return self.name.replace("-", "_")


# fmt: off
TABLE: Final = (
    Limit("memory", BYTES, None, "--memory",
          "data and attached segments of one process; without it, as its kind of program needs", "137"),
    Limit("total-memory", BYTES, 4096 * MB, "--total-memory",
          "host memory of all guests: pages in use, files in memory, kernel objects", "137"),
    Limit("processes", COUNT, 1000, "--max-procs", "processes at a time"),
    Limit("files", COUNT, 5000, "--max-files", "descriptors of one table"),
    Limit("mounts", COUNT, 4096, "", "mounts in one name space"),
    Limit("conversations", COUNT, 1024, "", "open ends of each protocol in /net"),
    Limit("ram", BYTES, 256 * MB, "", "files of one tree in memory, such as /tmp"),
    Limit("output", BYTES, None, "--output-limit",
          "what a program may write to each of the streams that it was lent", "137"),
    Limit("cpu-time", SECONDS, None, "--cpu-time",
          "processor time of all guests, the kernel's work for them included", "124"),
    Limit("time", SECONDS, None, "--timeout", "time by the clock (vx9 run)", "124"),
)
# fmt: on
BY_NAME: Final = {row.name: row for row in TABLE}


class Limits:
    """The values, as attributes named like the rows with _ for -; Account has the bytes."""

    memory: int | None
    total_memory: int | None
    processes: int
    files: int
    mounts: int
    conversations: int
    ram: int
    output: int | None
    cpu_time: float | None
    time: float | None

    def __init__(self, **values: float | None) -> None:
        for row in TABLE:
            setattr(self, row.attribute, values.pop(row.attribute, row.default))
        if values:
            raise TypeError(f"no limits of these names: {', '.join(values)}")

    def value(self, name: str) -> float | None:
        """The value of the limit with this name."""
        found: float | None = getattr(self, BY_NAME[name].attribute)
        return found


class Account:
    """Bytes of the host that kernel objects take, and what was met of all limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.met: set[str] = set()
        self.used = 0  # by kernel objects
        self.pages = 0  # by guests' pages, when last counted

    def take(self, size: int) -> None:
        """Count size bytes more (or, below 0, less).  Raises PlanError(ENOMEM)."""
        most = self.limits.total_memory
        if size > 0 and most is not None and self.used + self.pages + size > most:
            self.met.add("total-memory")
            raise PlanError(ENOMEM)
        self.used += size

    def give(self, size: int) -> None:
        """Count size bytes less."""
        self.used -= size


COUNT_EVERY_NS: Final = 20_000_000
COUNT_COST: Final = 20  # counting takes at most one part of so many of the time


class Watch:
    """Looks at what the guests use together, as they run."""

    def __init__(self, kernel: Kernel, account: Account) -> None:
        self.kernel = kernel
        self.account = account
        self.cpu_ns = 0
        self._next_ns = 0

    def tick(self, p: Proc) -> None:
        """p has run for a while."""
        used, p.billed_ns = p.task.run_ns - p.billed_ns, p.task.run_ns
        self.cpu_ns += used
        limits = self.account.limits
        if limits.cpu_time is not None and self.cpu_ns > limits.cpu_time * 1e9:
            self.account.met.add("cpu-time")
            for other in list(self.kernel.procs.values()):
                other.kill()
        now = self.kernel.host.monotonic_ns()
        if now >= self._next_ns and limits.total_memory is not None:
            self.check_memory(limits.total_memory)
            took = self.kernel.host.monotonic_ns() - now
            self._next_ns = now + max(COUNT_EVERY_NS, took * COUNT_COST)

    def check_memory(self, most: int) -> None:
        """Count pages; end the largest processes when there are too many."""
        account = self.account
        if account.used + self._at_most() <= most:
            account.pages = 0
            return
        account.pages = sum(obj.used() for obj in self._objects(self.kernel.procs.values()))
        if account.used + account.pages <= most:
            return
        account.met.add("total-memory")
        largest = max((p for p in self.kernel.procs.values() if p.space is not None and not p.killed),
                      key=_private, default=None)
        if largest is not None:
            kill_big(self.kernel, largest)

    def _at_most(self) -> int:
        """More than the pages in use can be, quickly."""
        return sum(p.space.size() for p in self.kernel.procs.values() if p.space is not None)

    @staticmethod
    def _objects(procs: Iterable[Proc]) -> set[MemoryObject]:
        return {seg.obj for p in procs if p.space is not None for seg in p.space.all()}


def _private(p: Proc) -> int:
    assert p.space is not None
    return p.space.used_bytes()


def kill_big(kernel: Kernel, big: Proc) -> None:
    """End a process, and those that share its data."""
    assert big.space is not None
    data = big.space.data.obj
    for p in list(kernel.procs.values()):
        if p.space is not None and p.space.data.obj is data:
            if p.broken:
                kernel.free_broken(p)
            else:
                p.procctl = ProcCtl.EXITBIG
                p.kill()


def report(name: str, limits: Limits) -> str:
    """A line for people: which limit, its value, what raises it."""
    row = BY_NAME[name]
    value = limits.value(name)
    how = f"{row.option} raises it" if row.option else f"--limit {name}=... raises it"
    shown = f" of {show(row, value)}" if value is not None else ""
    return f"{name} limit{shown} reached ({row.meaning}); {how}"


def show(row: Limit, value: float) -> str:
    """A value as its option takes it."""
    if row.kind == SECONDS:
        return f"{value:g}s"
    number = int(value)
    if row.kind == BYTES:
        for shift, unit in ((30, "G"), (20, "M"), (10, "K")):
            if number and number % (1 << shift) == 0:
                return f"{number >> shift}{unit}"
    return str(number)


__all__ = ["BYTES", "COUNT", "SECONDS", "TABLE", "Account", "Limit", "Limits", "Watch", "report",
           "show"]
