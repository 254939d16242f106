"""System calls about memory: segments and semaphores.

Source: brk(2), segattach(2), segbrk(2), segflush(2), semacquire(2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import EBADARG, ENOVMEM, ESOVERLAP, PlanError
from vx9.kernel.sched import Rendez
from vx9.kernel.segment import PAGE, page_up
from vx9.vxcore import CoreError, Memory

if TYPE_CHECKING:
    from vx9.kernel.devsegment import Segments
    from vx9.kernel.proc import Proc
    from vx9.kernel.segment import Space
    from vx9.vxcore import MemoryObject

_MASK: Final = 0xFFFFFFFF


def _space(p: Proc) -> Space:
    assert p.space is not None
    return p.space


def _grow(p: Proc, call: Callable[..., int], *args: object) -> int:
    """Ask for memory; that a limit was met is remembered, for the host's user to be told."""
    try:
        result = call(*args)
        p.kernel.watch.look()
        return result
    except PlanError as error:
        space = _space(p)
        if call != space.brk and call != space.segbrk and len(space.all()) >= space.segments:
            p.kernel.limits_met.add("segments")
        elif str(error) in (ENOVMEM, ESOVERLAP):
            p.kernel.limits_met.add("memory")
        raise


def sys_brk_(p: Proc, end: int) -> int:
    """brk(2)."""
    return _grow(p, _space(p).brk, end)


def sys_segbrk(p: Proc, segment: int, end: int) -> int:
    """segbrk(2)."""
    return _grow(p, _space(p).segbrk, segment, end)


def sys_segattach(p: Proc, attr: int, kind: str, address: int, length: int) -> int:
    """segattach(2): a class, or the name of a segment of #g."""
    segments: Segments = p.kernel.devices["g"]  # type: ignore[assignment]
    named = segments.segment(kind, p.user)
    if named is not None:
        _reach(p, named.top)
        return _grow(p, _space(p).join, named)
    if address:
        _reach(p, (address & -PAGE) + page_up(length))
    return _grow(p, _space(p).attach, attr, kind, address, length)


def _reach(p: Proc, top: int) -> None:
    """Let p have addresses up to top, if they can be had; what is there then says the rest."""
    space = _space(p)
    if space.memory.limit < top <= Memory.LIMITS[-1]:
        try:
            p.set_space(space.widened(top))
        except CoreError as error:
            raise PlanError(ENOVMEM) from error
        space.memory.close()


def sys_segdetach(p: Proc, address: int) -> int:
    """segattach(2)."""
    _space(p).detach(address)
    return 0


def sys_segfree(p: Proc, address: int, length: int) -> int:
    """segattach(2)."""
    _space(p).free(address, length)
    return 0


def sys_segflush(p: Proc, address: int, length: int) -> int:
    """segflush(2)."""
    _space(p).flush(address, length)
    return 0


class _Waiter:
    """A process that waits for a semaphore."""

    __slots__ = ("rendez", "woken")

    def __init__(self) -> None:
        self.rendez = Rendez()
        self.woken = False


class Semaphores:
    """Who waits for which word of memory, first come first served.

    A word is told by its memory object and offset, so that processes meet at it whatever
    their addresses; its value lives in guest memory alone.
    """

    def __init__(self) -> None:
        self.queues: dict[tuple[MemoryObject, int], deque[_Waiter]] = {}

    def wake(self, p: Proc, address: int, count: int) -> None:
        """Let up to count waiters try again."""
        queue = self.queues.get(p.mem.where(address))
        for waiter in queue or ():
            if count <= 0:
                return
            if not waiter.woken:
                waiter.woken = True
                waiter.rendez.wakeup()
                count -= 1

    async def wait(self, p: Proc, address: int, ms: int | None) -> int:
        """Wait for a value above 0 and take one: 1, or 0 when ms have passed."""
        key = p.mem.where(address)
        queue = self.queues.setdefault(key, deque())
        me = _Waiter()
        queue.append(me)
        taken = False
        sched = p.kernel.sched
        end_ns = None if ms is None else sched.host.monotonic_ns() + ms * 1_000_000
        try:
            while True:
                me.woken = False
                taken = _take(p, address)
                if taken:
                    return 1
                if end_ns is None:
                    await me.rendez.sleep(lambda: me.woken)
                    continue
                left_ms = (end_ns - sched.host.monotonic_ns()) / 1e6
                if left_ms <= 0 or not await sched.tsleep(me.rendez, lambda: me.woken, left_ms):
                    taken = _take(p, address)
                    return int(taken)
        finally:
            queue.remove(me)
            if not queue:
                del self.queues[key]
            elif me.woken and not taken:
                for heir in queue:  # the wakeup was meant for one of us
                    if not heir.woken:
                        heir.woken = True
                        heir.rendez.wakeup()
                        break


def _value(p: Proc, address: int) -> int:
    """The semaphore, which must not be below 0."""
    value = p.mem.load32(address)
    if value >= 0x80000000:
        raise PlanError(EBADARG)
    return value


def _take(p: Proc, address: int) -> bool:
    """Subtract one, if there is one."""
    while True:
        value = _value(p, address)
        if value == 0:
            return False
        if p.mem.cas32(address, value, value - 1):
            return True


def sys_semacquire(p: Proc, address: int, block: int) -> int | Awaitable[int]:
    """semacquire(2)."""
    p.mem.word(address)
    if _take(p, address):
        return 1
    return p.kernel.semaphores.wait(p, address, None) if block else 0


def sys_tsemacquire(p: Proc, address: int, ms: int) -> int | Awaitable[int]:
    """semacquire(2)."""
    p.mem.word(address)
    if _take(p, address):
        return 1
    return p.kernel.semaphores.wait(p, address, ms & _MASK) if ms else 0


def sys_semrelease(p: Proc, address: int, n: int) -> int:
    """semacquire(2)."""
    p.mem.word(address)
    if n < 0:
        raise PlanError(EBADARG)
    while True:
        value = _value(p, address)
        new = value + n & _MASK
        if n == 0 or p.mem.cas32(address, value, new):
            break
    p.kernel.semaphores.wake(p, address, n)
    return new
