"""What a debugger of the host's is told of the processes that it follows (Proc.debugger).

All of it happens in the kernel thread, between two steps of the process, and must not wait;
a debugger stops a process as /proc/n/ctl does (stop.py).
Source: proc(3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vx9.kernel.note import ProcExit
    from vx9.kernel.proc import Proc


class Debugger(Protocol):
    """Follows processes; a child has its parent's debugger once born has been told of it."""

    def trapped(self, p: Proc, kind: int, text: str) -> bool:
        """p trapped, and is to get a note of it with this text; whether the debugger keeps that."""

    def born(self, p: Proc, child: Proc) -> None:
        """p has made a child, which has not run yet."""

    def ran(self, p: Proc) -> None:
        """p has become another program, which has not run yet."""

    def ended(self, p: Proc, end: ProcExit) -> None:
        """p is dead; its memory is still there."""
