"""System calls that C answers while the guest runs, without Python (src/fast.h says which).

They are those that cannot sleep and in the case at hand cannot fail; all others, and any that a
tracer or a debugger is to see, go to the handlers in Python, which know every case.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from vx9.kernel.clock import Clock
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

class Numbers:
    """Which system calls of a table (number, name) C knows."""

    def __init__(self, names: Iterable[tuple[int, str]]) -> None: ...

class Answers:
    """Runs the guest of one process, in the kernel's thread only."""

    answered: Final[int]  # calls so far
    def __init__(self, cpu: Cpu, numbers: Numbers, chan_type: type[OpenFile], woken: deque[Any],
                 spent: deque[Any], semaphores: dict[Any, Any], clock: Clock) -> None:
        """woken and spent hold the tasks that are ready, semaphores those that are waited for."""
    def __call__(self, quantum_us: int, chans: list[Any]) -> Trap:
        """As cpu.run(quantum_us); chans are the open files, by descriptor."""
