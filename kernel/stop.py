"""Stopping processes: at once, at their next note, or at their system calls.

A debugger asks through ctl; the process does as its ``procctl`` says on its way to user mode
(or, for system calls, at both ends of one), and stands still until it is started.
Source: proc(3); ratrace(1).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vx9.fs.errors import EBADARG, EBADCTL, EINUSE, EPROCDIED, PlanError
from vx9.kernel import callfmt
from vx9.kernel.note import ProcExit
from vx9.kernel.sched import Rendez
from vx9.kernel.usermem import OddAddress
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc
    from vx9.kernel.systab import Call


class ProcCtl(enum.IntEnum):
    """What a process is to do before it goes on."""

    NOTHING = 0
    STOPME = 1  # stop
    TRACEME = 2  # stop when there is a note
    TRACESYSCALL = 3  # stop at the next beginning or end of a system call
    EXITBIG = 4  # end: memory is short


async def obey(p: Proc) -> None:
    """On the way of p to user mode: stop, or end, if that is what it is to do."""
    if p.procctl is ProcCtl.EXITBIG:
        raise ProcExit("Killed: Insufficient physical memory", cause="kill")
    if p.procctl is ProcCtl.STOPME or (p.procctl is ProcCtl.TRACEME and p.notes):
        await halt(p)


async def halt(p: Proc) -> None:
    """Stand still until started or killed; notes that come meanwhile wait."""
    p.procctl = ProcCtl.NOTHING
    p.stopped = True
    p.changed.wakeup()
    started = Rendez()
    p.started = started
    while p.stopped and not p.killed:
        try:
            await started.sleep(lambda: not p.stopped or p.killed)
        except PlanError:
            continue
    p.stopped = False
    p.started = None
    if p.notes:
        p.task.interrupted = True  # as if they had come now


def start(p: Proc, then: ProcCtl = ProcCtl.NOTHING) -> None:
    """Let p go on.  Raises PlanError(EBADCTL) unless it stands still."""
    if not p.stopped:
        raise PlanError(EBADCTL)
    p.stopped = False
    p.procctl = then
    if then is ProcCtl.TRACESYSCALL and not isinstance(p.tracer, CallStop):
        p.tracer = CallStop(p.tracer)
    if p.started is not None:
        p.started.wakeup()


async def wait(by: Proc | None, p: Proc, ctl: ProcCtl = ProcCtl.NOTHING) -> None:
    """Tell p to stop (ctl) and wait until it stands still; by itself it stops after the call.

    Raises PlanError: somebody waits for it already, it exits, the waiter is interrupted.
    """
    if p.pdbg:
        raise PlanError(EINUSE)
    if p.stopped or p.broken:
        return
    if p.dead:
        raise PlanError(EPROCDIED)
    if ctl is not ProcCtl.NOTHING:
        p.procctl = ctl
        p.attention = True
    if p is by:
        return
    p.pdbg = True
    if by is not None:
        by.psstate = "Stopwait"
    try:
        await p.changed.sleep(lambda: p.stopped or p.dead)
    finally:
        p.pdbg = False
        if by is not None:
            by.psstate = None
    if p.dead and not p.broken:
        raise PlanError(EPROCDIED)


class CallStop:
    """Stands before the tracer of a process that stops at its system calls."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner  # the tracer, or None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name) if self.inner is not None else _nothing

    async def call(self, p: Proc, call: Call, args: Sequence[Any]) -> Any:
        """Make a call, with a stop before and after it while p is to."""
        if p.procctl is ProcCtl.TRACESYSCALL:
            p.syscalltrace = callfmt.entry(p, call)
            await halt(p)
            p.syscalltrace = ""
        if p.killed:
            return -1
        start_ns = p.kernel.host.time_ns()
        result: Any = -1
        failure: Exception | None = None
        try:
            made = self.inner.call(p, call, args) if self.inner is not None else \
                call.handler(p, *args)  # type: ignore[misc]
            result = made if type(made) is int else await made
        except (PlanError, MemoryFault, OddAddress) as error:
            failure = error
        if p.procctl is ProcCtl.TRACESYSCALL:
            why = "" if failure is None else \
                str(failure) if isinstance(failure, PlanError) else EBADARG
            shown = result if result is not None else p.cpu.eax  # exec and noted set registers
            p.syscalltrace = callfmt.leave(p, call, shown, why, start_ns, p.kernel.host.time_ns())
            await halt(p)
            p.syscalltrace = ""
        elif p.tracer is self:
            p.tracer = self.inner
        if failure is not None:
            raise failure
        return result


def _nothing(*args: object) -> None:
    """In place of what a tracer would be told."""


def inherit(child: Proc, parent: Proc) -> None:
    """rfork: of being debugged, only stops at system calls are passed on."""
    tracer = parent.tracer
    if not isinstance(tracer, CallStop):
        child.tracer = tracer
        return
    child.tracer = tracer.inner
    if parent.procctl is ProcCtl.TRACESYSCALL:
        child.procctl = ProcCtl.TRACESYSCALL
        child.tracer = CallStop(tracer.inner)


__all__ = ["CallStop", "ProcCtl", "halt", "inherit", "obey", "start", "wait"]
