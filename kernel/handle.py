"""What the host holds of a program that it started: its end, notes to it.

Source: ours; wait(2) for the message, and the shells' custom of 128 + signal for the code.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.kernel import note
from vx9.kernel.note import NoteKind, ProcExit

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.proc import Proc

# How the status of a process that a note ended is told to the host: 128 + number.
_NOTE_SIGNALS: Final = (
    ("hangup", 1), ("interrupt", 2), ("quit", 3), ("abort", 6), ("kill", 9), ("alarm", 14),
    ("term", 15),
    ("sys: trap: fault", 11), ("sys: trap: divide error", 8), ("sys: trap: invalid opcode", 4),
    ("sys: breakpoint", 5), ("sys: trap: debug exception", 5), ("sys: fp:", 8),
    ("sys: write on closed pipe", 13), ("sys: bad sys call", 31), ("sys:", 11),
)


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a program ended: its message, and the host's way to say it."""

    message: str
    code: int
    note: str = ""  # that it died of


def exit_status(end: ProcExit) -> ExitStatus:
    """The code: 0 for success, a decimal status itself, 128+n for a note, else 1."""
    status = end.status
    if end.cause:
        code = next((128 + n for text, n in _NOTE_SIGNALS if end.cause.startswith(text)), 1)
    elif not status:
        code = 0
    elif status.isascii() and status.isdecimal() and len(status) < 10:
        code = int(status) if int(status) < 256 else 1
    else:
        code = 1
    return ExitStatus(status, code, end.cause)


class Handle:
    """A process that the host started."""

    def __init__(self, kernel: Kernel, p: Proc) -> None:
        self._kernel = kernel
        self._proc = self.proc = p
        self._ended: concurrent.futures.Future[ExitStatus] = concurrent.futures.Future()
        self.pid = p.pid

    def wait(self, timeout: float | None = None) -> ExitStatus:
        """Wait for the end.  Raises TimeoutError after timeout seconds."""
        if not self._kernel.threaded:
            self._kernel.sched.run(self._ended.done)
        try:
            return self._ended.result(timeout)
        except concurrent.futures.TimeoutError:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s") from None

    def done(self) -> bool:
        """Whether it has ended."""
        return self._ended.done()

    def when_done(self, call: Callable[[], None]) -> None:
        """Have call called at its end, by the kernel's thread; at once if it has ended."""
        self._ended.add_done_callback(lambda _: call())

    def note(self, text: str) -> None:
        """Post a note to its note group; returns at once and may be called by signal handlers."""
        kernel, noteid = self._kernel, self._proc.noteid
        kernel.post(lambda: note.post_group(kernel.procs.values(), noteid, text))

    def note_process(self, text: str) -> None:
        """Post a note to the process alone; as note() otherwise."""
        self._kernel.post(lambda: note.post(self._proc, text, NoteKind.USER))

    def kill(self) -> None:
        """End all of its note group, whatever their handlers say; returns at once."""
        self._kernel.post(self._kill)

    def _kill(self) -> None:
        for p in list(self._kernel.procs.values()):
            if p.noteid == self._proc.noteid or p is self._proc:
                p.kill()

    def end(self, end: ProcExit) -> None:
        """The kernel tells that the process has ended."""
        if not self._ended.done():
            self._ended.set_result(exit_status(end))
