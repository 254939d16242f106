"""#p/trace: what the scheduler does with the processes that asked for it (ctl trace).

A reader gets records of 16 bytes: process, event, time.  Nothing is recorded, and the
scheduler not watched, while nobody has the file open.
Source: proc(3); /sys/include/trace.h.
"""

from __future__ import annotations

import enum
import struct
from collections import deque
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import PlanError

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.proc import Proc
    from vx9.kernel.sched import Task

EVENTS: Final = 0x4000  # that wait to be read; more are not recorded
RECORD: Final = struct.Struct("<IIq")


class TraceEvent(enum.IntEnum):
    """The numbers of trace.h that happen here."""

    RUN = 3
    READY = 4
    SLEEP = 5
    DEAD = 10
    USER = 13


class ProcTrace:
    """The events of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.is_open = False
        self._events: deque[bytes] = deque()

    def open(self) -> None:
        """Begin to record.  Raises PlanError when somebody does already."""
        if self.is_open:
            raise PlanError("already open")
        self.is_open = True
        self._events.clear()
        self.kernel.sched.observe(self._step)

    def close(self) -> None:
        """Stop recording."""
        self.is_open = False
        self.kernel.sched.observe(None)

    def read(self, count: int) -> bytes:
        """As many records as there are and fit."""
        events = self._events
        return b"".join(events.popleft() for _ in range(min(len(events), count // RECORD.size)))

    def record(self, p: Proc, event: TraceEvent) -> None:
        """Something happened to p."""
        if self.is_open and p.traced and len(self._events) < EVENTS:
            self._events.append(RECORD.pack(p.pid, event, self.kernel.host.time_ns()))

    def _step(self, task: Task, runs: bool) -> None:
        """Before and after a turn of a task."""
        p = next((p for p in self.kernel.procs.values() if p.traced and p.task is task), None)
        if p is None or task.done:
            return
        if runs:
            self.record(p, TraceEvent.RUN)
        else:
            self.record(p, TraceEvent.READY if task.rendez is None else TraceEvent.SLEEP)


__all__ = ["ProcTrace", "TraceEvent"]
