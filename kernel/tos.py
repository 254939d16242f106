"""The block at the top of a process's stack, which its library reads without system calls.

Source: exec(2) (_tos), tos.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vx9.kernel.segment import Segment

SIZE: Final = 72
PID: Final = 48  # offset of pid; the child of rfork must find its own number there
CLOCK: Final = 52
# pp next last first, pid what of the profiler; cyclefreq kcycles pcycles; pid clock; kscr[4]
_WORD: Final = struct.Struct("<I")
_LAYOUT: Final = struct.Struct("<6I Q q q 2I 16x")
assert _LAYOUT.size == SIZE


def pack(pid: int, cycle_hz: int = 0) -> bytes:
    """A fresh block for process pid; cycle_hz is the rate of RDTSC, 0 when unknown."""
    return _LAYOUT.pack(0, 0, 0, 0, 0, 0, cycle_hz, 0, 0, pid, 0)


def set_pid(stack: Segment, pid: int, size: int) -> None:
    """Tell a stack, with a block of this size, whose it is."""
    stack.obj.write(stack.size - size + PID, _WORD.pack(pid))


def set_clock(stack: Segment, ms: int, size: int) -> None:
    """Tell the process how much time it has used."""
    stack.obj.write(stack.size - size + CLOCK, _WORD.pack(ms & 0xFFFFFFFF))
