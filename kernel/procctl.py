"""What can be written to /proc/n/ctl.

Source: proc(3); /sys/src/9/port/devproc.c (procctlreq).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.errors import (
    EBADARG, EBADCTL, ECMDARGS, EEMPTYCTL, EPERM, EPROCDIED, EUNKNOWNCTL, PlanError,
)

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

Control = Callable[[Any, "Proc", list[str]], Awaitable[None]]


async def control(by: Proc | None, p: Proc, words: list[str]) -> None:
    """Carry out a message, split into words, that process by wrote.  Raises PlanError."""
    if not words:
        raise PlanError(EEMPTYCTL)
    entry = CONTROLS.get(words[0])
    shown = '"' + " ".join(words) + '"'
    if entry is None:
        raise PlanError(f"{EUNKNOWNCTL} {shown}")
    low, high, act = entry
    if not low <= len(words) - 1 <= high:
        raise PlanError(f"{ECMDARGS} {shown}")
    await act(by, p, words[1:])


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
    wanted = max(0, min(19, _int(args[0])))
    if wanted > p.priority and (by is None or by.user != p.kernel.eve):
        raise PlanError(EPERM)
    p.priority = wanted


async def _fixedpri(by: Any, p: Proc, args: list[str]) -> None:
    await _pri(by, p, args)
    p.fixed_priority = True


async def _private(by: Any, p: Proc, args: list[str]) -> None:
    p.private = True


async def _stop(by: Any, p: Proc, args: list[str]) -> None:
    p.stop = p.attention = True
    await _waitstop(by, p, args)


async def _waitstop(by: Any, p: Proc, args: list[str]) -> None:
    """Wait until p has stopped; it stops itself after the call."""
    if p is not by:
        await p.changed.sleep(lambda: p.stopped or p.dead)
        if p.dead and not p.broken:
            raise PlanError(EPROCDIED)


async def _start(by: Any, p: Proc, args: list[str]) -> None:
    if not p.stopped:
        raise PlanError(EBADCTL)
    p.stop = False
    p.changed.wakeup()


async def _startstop(by: Any, p: Proc, args: list[str]) -> None:
    """Start, and stop again at the next note."""
    await _start(by, p, args)
    p.stop_at_note = True
    await p.changed.sleep(lambda: (p.stopped and p.stop) or p.dead)


async def _nothing(by: Any, p: Proc, args: list[str]) -> None:
    """A hint that asks for nothing here: memory is never swapped, processors are alike."""


# word: (fewest arguments, most, action)
CONTROLS: Final[dict[str, tuple[int, int, Control]]] = {
    "close": (1, 1, _close),
    "closefiles": (0, 0, _closefiles),
    "fixedpri": (1, 1, _fixedpri),
    "hang": (0, 0, _hang),
    "kill": (0, 0, _kill),
    "nohang": (0, 0, _nohang),
    "noswap": (0, 0, _nothing),
    "pri": (1, 1, _pri),
    "private": (0, 0, _private),
    "start": (0, 0, _start),
    "startstop": (0, 0, _startstop),
    "stop": (0, 0, _stop),
    "waitstop": (0, 0, _waitstop),
    "wired": (0, 1, _nothing),
}
