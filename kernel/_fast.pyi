"""System calls that C answers while the guest runs, without Python (src/fast.h says which).

They are those that cannot sleep and in the case at hand cannot fail; all others, and any that a
tracer or a debugger is to see, go to the handlers in Python, which know every case.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from vx9.fs.server import Fid, FileServer
from vx9.kernel.clock import Clock
from vx9.kernel.proc import Proc
from vx9.kernel.systab import Call
from vx9.vxcore import Cpu, Trap

NULL_FILE: Final[int]  # reads as empty, swallows what is written
ZERO_FILE: Final[int]  # reads as zeros
BINTIME_FILE: Final[int]  # the clocks

class OpenFile:
    """The part of a Chan that C looks at."""

    offset: int
    mode: int  # OREAD, OWRITE, ORDWR once open
    file: int  # NULL_FILE, ZERO_FILE, BINTIME_FILE, or 0: its server answers
    is_channel: bool  # carries 9P for a mount: no longer for read and write
    server: FileServer
    fid: Fid

class Numbers:
    """The table of system calls as C has it."""

    pread_moves: bool  # also the offset of the open file, as in the 4th edition
    def __init__(self, calls: Iterable[Call]) -> None: ...
    def answer(self, name: str, on: bool) -> None:
        """Let C answer a call that it knows, as at first, or not."""

class Answers:
    """Runs the guest of one process, in the kernel's thread only."""

    answered: Final[int]  # calls so far
    call: Call  # the one that the guest made last
    args: tuple[int, ...]  # and its arguments, as call.unpack gives them
    def __init__(self, cpu: Cpu, numbers: Numbers, chan_type: type[OpenFile], woken: deque[Any],
                 spent: deque[Any], semaphores: dict[Any, Any], clock: Clock) -> None:
        """woken and spent hold the tasks that are ready, semaphores those that are waited for."""
    turn: int  # how many traps are left
    def __call__(self, p: Proc, quantum_us: int, turn: int) -> Trap | None:
        """As cpu.run(quantum_us), or None: a system call, told by call and args.

        Reads and writes whose servers have read_now and write_now are made here, so long as that is
        not the last trap of the turn.  A call that is not in the table, or whose arguments
        are not in memory, is the Trap that it always was.
        """
