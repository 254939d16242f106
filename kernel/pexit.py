"""The end of a process: what it gives back, and what its parent learns.

Source: exits(2), wait(2); broken processes: proc(3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vx9.fs.errors import EINUSE, ENOCHILD, EPROCDIED, PlanError, clip
from vx9.kernel.proctrace import TraceEvent
from vx9.kernel.waitrec import STATUS_MAX, WaitRecord

if TYPE_CHECKING:
    from vx9.kernel.note import ProcExit
    from vx9.kernel.proc import Proc

WAIT_RECORDS: Final = 128  # unread ones that a process may have


async def pexit(p: Proc, end: ProcExit) -> None:
    """Give everything back; nothing here may fail or be interrupted."""
    p.dead = True
    p.call = None
    p.kernel.past_calls += p.calls
    p.kernel.past_faults += p.faults
    p.task.interrupted = False
    if p.tracer is not None:
        p.tracer.exit(p, end.status)
    if end.broken and p.kernel.autopsy is not None:
        await p.kernel.autopsy(p, end)
    if p.debugger is not None:
        p.debugger.ended(p, end)
    p.kernel.proctrace.record(p, TraceEvent.DEAD)
    if p.alarm is not None:
        p.kernel.sched.cancel(p.alarm)
    try:
        await p.release_groups()
    except Exception:
        p.kernel.internal_error(p)
    _tell_parent(p, end)
    for child in p.children:
        child.parent = None
    p.children.clear()
    p.waitq.clear()
    p.waiter.wakeup()
    if end.broken and p.space is not None:
        p.broken = True
    else:
        p.release_memory()
        await p.release_image()
    p.kernel.reap(p)
    p.changed.wakeup()
    p.exited.wakeup()


def _tell_parent(p: Proc, end: ProcExit) -> None:
    """Leave a record with the parent, if it lives, waits for p, and has room."""
    user_ms, sys_ms, real_ms, child_user, child_sys = p.times_ms()
    message = f"{p.name} {p.pid}: {end.status}" if end.status else ""
    record = WaitRecord(p.pid, user_ms + child_user, sys_ms + child_sys, real_ms,
                        clip(message, STATUS_MAX))
    parent = p.parent
    if parent is None or parent.dead or p not in parent.children:
        return
    parent.children.discard(p)
    parent.child_user_ms += record.user_ms
    parent.child_sys_ms += record.sys_ms
    if len(parent.waitq) < WAIT_RECORDS:
        parent.waitq.append(record)
    parent.waiter.wakeup()


async def wait(p: Proc, by: Proc | None) -> WaitRecord:
    """The newest record of a dead child, for process by.

    Raises PlanError: ENOCHILD (only to p itself; others wait), EINUSE, EPROCDIED.
    """
    if p.waiting:
        raise PlanError(EINUSE)
    if by is p and not p.waitq and not p.children:
        raise PlanError(ENOCHILD)
    p.waiting = True
    try:
        await p.waiter.sleep(lambda: p.waitq or p.dead)
    finally:
        p.waiting = False
    if not p.waitq:
        raise PlanError(EPROCDIED)
    return p.waitq.pop()


__all__ = ["pexit", "wait"]
