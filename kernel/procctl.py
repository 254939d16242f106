"""What can be written to /proc/n/ctl.

Source: proc(3); /sys/src/9/port/devproc.c (procctlreq).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.errors import (
    EBADARG,
    EBADCTL,
    ECMDARGS,
    EEMPTYCTL,
    EINUSE,
    EPERM,
    EUNKNOWNCTL,
    PlanError,
)
from vx9.kernel import stop
from vx9.kernel.edf import Edf, parse_time
from vx9.kernel.proctrace import TraceEvent
from vx9.kernel.quote import words
from vx9.kernel.stop import ProcCtl
from vx9.kernel.waitrec import quote_arg

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

Control = Callable[[Any, "Proc", list[str]], Awaitable[None]]
PRI_NORMAL: Final = 10
PRI_MAX: Final = 19


def split(text: str) -> list[str]:
    """The words of a message."""
    return words(text.replace("\0", " "))


async def control(by: Proc | None, p: Proc, message: Sequence[str]) -> None:
    """Carry out a message, split into words, that process by wrote.  Raises PlanError."""
    if not message:
        raise PlanError(EEMPTYCTL)
    entry = CONTROLS.get(message[0])
    shown = '"' + " ".join(map(quote_arg, message)) + '"'
    if entry is None or (message[0] in INTERRUPTS and not p.kernel.dialect.interrupts):
        raise PlanError(f"{EUNKNOWNCTL} {shown}")
    low, high, act = entry
    if not low <= len(message) - 1 <= high:
        raise PlanError(f"{ECMDARGS} {shown}")
    await act(by, p, list(message[1:]))


def _int(text: str) -> int:
    sign = text.removeprefix("-")
    if not (sign.isascii() and sign.isdecimal() and len(sign) < 10):
        raise PlanError(EBADARG)
    return int(text)


async def _close(by: Any, p: Proc, args: list[str]) -> None:
    await p.fds.remove(_int(args[0])).close()


async def _closefiles(by: Any, p: Proc, args: list[str]) -> None:
    for c in p.fds.take_all():
        await c.close()


async def _hang(by: Any, p: Proc, args: list[str]) -> None:
    p.hang = True


async def _nohang(by: Any, p: Proc, args: list[str]) -> None:
    p.hang = False


async def _kill(by: Any, p: Proc, args: list[str]) -> None:
    if p.broken:
        p.kernel.free_broken(p)
    else:
        p.kill()


async def _pri(by: Any, p: Proc, args: list[str]) -> None:
    wanted = _int(args[0])
    if wanted > PRI_NORMAL and (by is None or by.user != p.kernel.eve):
        raise PlanError(EPERM)
    p.priority = max(0, min(PRI_MAX, wanted))
    p.fixed_priority = False


async def _fixedpri(by: Any, p: Proc, args: list[str]) -> None:
    await _pri(by, p, args)
    p.fixed_priority = True


async def _private(by: Any, p: Proc, args: list[str]) -> None:
    p.private = True


async def _profile(by: Any, p: Proc, args: list[str]) -> None:
    if p.space is None or p.space.own_text:
        raise PlanError(EBADCTL)
    p.space.text.start_profile()


async def _stop(by: Any, p: Proc, args: list[str]) -> None:
    await stop.wait(by, p, ProcCtl.STOPME)


async def _waitstop(by: Any, p: Proc, args: list[str]) -> None:
    await stop.wait(by, p)


async def _start(by: Any, p: Proc, args: list[str]) -> None:
    stop.start(p)


async def _startstop(by: Any, p: Proc, args: list[str]) -> None:
    """Start, and stop again at the next note."""
    stop.start(p, ProcCtl.TRACEME)
    await stop.wait(by, p, ProcCtl.TRACEME)


async def _startsyscall(by: Any, p: Proc, args: list[str]) -> None:
    """Start, and stop again at the beginning or the end of a system call."""
    stop.start(p, ProcCtl.TRACESYSCALL)
    await stop.wait(by, p, ProcCtl.TRACESYSCALL)


async def _interrupt(by: Any, p: Proc, args: list[str]) -> None:
    """End what p waits for, without a note."""
    p.kernel.sched.interrupt(p.task)


async def _nointerrupt(by: Any, p: Proc, args: list[str]) -> None:
    if p.notes:
        raise PlanError(EINUSE)
    p.task.interrupted = False


async def _trace(by: Any, p: Proc, args: list[str]) -> None:
    p.traced = _int(args[0]) != 0 if args else not p.traced


async def _event(by: Any, p: Proc, args: list[str]) -> None:
    if by is not None:
        p.kernel.proctrace.record(by, TraceEvent.USER)


async def _nothing(by: Any, p: Proc, args: list[str]) -> None:
    """A hint that asks for nothing here: memory is never swapped, processors are alike."""


async def _wired(by: Any, p: Proc, args: list[str]) -> None:
    _int(args[0])  # processors are alike


# Real time

def _edf(p: Proc) -> Edf:
    if p.edf is None:
        p.edf = Edf()
    return p.edf


async def _period(by: Any, p: Proc, args: list[str]) -> None:
    _edf(p).period_ns = parse_time(args[0])


async def _deadline(by: Any, p: Proc, args: list[str]) -> None:
    _edf(p).deadline_ns = parse_time(args[0])


async def _cost(by: Any, p: Proc, args: list[str]) -> None:
    _edf(p).cost_ns = parse_time(args[0])


async def _sporadic(by: Any, p: Proc, args: list[str]) -> None:
    _edf(p).sporadic = True


async def _deadlinenotes(by: Any, p: Proc, args: list[str]) -> None:
    _edf(p).notes = True


async def _extra(by: Any, p: Proc, args: list[str]) -> None:
    _edf(p).extra = True


async def _admit(by: Any, p: Proc, args: list[str]) -> None:
    if p.edf is None:
        raise PlanError("edf params")
    p.edf.admit()


INTERRUPTS: Final = frozenset({"interrupt", "nointerrupt"})  # words that not all dialects have
# word: (fewest arguments, most, action)
CONTROLS: Final[dict[str, tuple[int, int, Control]]] = {
    "admit": (0, 0, _admit),
    "close": (1, 1, _close),
    "closefiles": (0, 0, _closefiles),
    "cost": (1, 1, _cost),
    "deadline": (1, 1, _deadline),
    "deadlinenotes": (0, 0, _deadlinenotes),
    "event": (0, 0, _event),
    "expel": (0, 0, _nothing),  # nobody is admitted
    "extra": (0, 0, _extra),
    "fixedpri": (1, 1, _fixedpri),
    "hang": (0, 0, _hang),
    "interrupt": (0, 0, _interrupt),
    "kill": (0, 0, _kill),
    "nohang": (0, 0, _nohang),
    "nointerrupt": (0, 0, _nointerrupt),
    "noswap": (0, 0, _nothing),
    "period": (1, 1, _period),
    "pri": (1, 1, _pri),
    "private": (0, 0, _private),
    "profile": (0, 0, _profile),
    "sporadic": (0, 0, _sporadic),
    "start": (0, 0, _start),
    "startstop": (0, 0, _startstop),
    "startsyscall": (0, 0, _startsyscall),
    "stop": (0, 0, _stop),
    "trace": (0, 1, _trace),
    "waitstop": (0, 0, _waitstop),
    "wired": (1, 1, _wired),
}
