"""What guests use of the host, counted against the limits (limits.py).

Kernel objects (open files, mounts, variables, files in memory, data in pipes) are counted as
they come and go, at what the host is reckoned to spend on them.  Guests' pages are counted
while guests run, as only they can make more; when there are too many, the process that has
most is ended, as the kernel does that runs out of memory.
Source: /sys/src/9/port/proc.c (killbig).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import EIO, ENOMEM, PlanError
from vx9.kernel.stop import ProcCtl

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.limits import Limits
    from vx9.kernel.proc import Proc
    from vx9.vxcore import MemoryObject

LITTLE: Final = 256 << 10  # bytes of objects that anybody should have
RESERVE: Final = 16  # for these, one part of so many
LARGE: Final = 1 << 62
COUNT_EVERY_NS: Final = 20_000_000
COUNT_COST: Final = 20  # counting takes at most one part of so many of the time


class Account:
    """Bytes of the host that kernel objects take, and what was met of all limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.met: set[str] = set()
        self.used = 0

    def take(self, size: int, own: int = LARGE) -> None:
        """Count size bytes more (or, below 0, less) for one that has own already.

        Objects may take half of the memory; a little more is for those that have little, so
        that others go on beside one that takes all.  Raises PlanError(ENOMEM).
        """
        most = self.limits.total_memory
        if size > 0 and most is not None:
            little = own + size <= LITTLE
            if self.used + size > most // 2 + (most // RESERVE if little else 0):
                self.met.add("total-memory")
                raise PlanError(ENOMEM)
        self.used += size

    def has_room(self, size: int) -> bool:
        """Whether one that has much could take so much."""
        most = self.limits.total_memory
        return most is None or self.used + size <= most // 2

    def give(self, size: int) -> None:
        """Count size bytes less."""
        self.used -= size


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
        self.look()

    def look(self) -> None:
        """There may be more pages in use: count them, now and then."""
        now = self.kernel.host.monotonic_ns()
        most = self.account.limits.total_memory
        if now >= self._next_ns and most is not None:
            self.check_memory(most)
            took = self.kernel.host.monotonic_ns() - now
            self._next_ns = now + max(COUNT_EVERY_NS, took * COUNT_COST)

    def check_memory(self, most: int) -> None:
        """Count pages; end the largest processes when there are too many."""
        used = self.account.used
        if used + self._at_most() <= most:
            return
        procs = [p for p in self.kernel.procs.values() if p.space is not None]
        dying = [p for p in procs if p.killed and not p.dead]
        pages = sum(obj.used() for obj in self._objects(procs))
        pages -= sum(obj.used() for obj in self._objects(dying))  # soon
        if used + pages <= most:
            return
        self.account.met.add("total-memory")
        for p in sorted(set(procs).difference(dying), key=_private, reverse=True):
            if not p.killed:
                pages -= _private(p)
                kill_big(self.kernel, p)
            if used + pages <= most:
                return

    def _at_most(self) -> int:
        """More than the pages in use can be, quickly."""
        return sum(p.space.size() for p in self.kernel.procs.values() if p.space is not None)

    @staticmethod
    def _objects(procs: Iterable[Proc]) -> set[MemoryObject]:
        return {seg.obj for p in procs if p.space is not None for seg in p.space.all()}


def _private(p: Proc) -> int:
    """Bytes of pages that it and those that share with it hold; without its text."""
    assert p.space is not None
    return sum(obj.used() for obj in {seg.obj for seg in p.space.all() if seg is not p.space.text})


def wrote(account: Account, p: Proc | None, total: int) -> None:
    """p has written so much to one stream; too much is the end of its note group.  PlanError."""
    most = account.limits.output
    if most is None or total <= most:
        return
    account.met.add("output")
    if p is not None:
        for other in list(p.kernel.procs.values()):
            if other.noteid == p.noteid:
                other.kill()
    raise PlanError(EIO)


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


__all__ = ["Account", "Watch", "kill_big", "wrote"]
