"""Traps of the processor as Plan 9 tells them: note text, trap number, error code.

Source: notify(2), the 386 trap names.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from vx9.vxcore import TrapKind

if TYPE_CHECKING:
    from vx9.vxcore import Cpu, Trap

SYSCALL: Final = 64  # trap number of INT 0x40 in a Ureg
CLOCK: Final = (32, 0)  # trap number and error code of the end of a quantum
SSE_FLAGS: Final = 0x3F  # of MXCSR: the exceptions, as in the x87's status
_PAGE_FAULT: Final = 14
_USER, _WRITE = 4, 2  # bits of a page fault's error code

# kind: (text, trap number)
_SIMPLE: Final = {
    TrapKind.DIVIDE: ("sys: trap: divide error", 0),
    TrapKind.DEBUG: ("sys: trap: debug exception", 1),
    TrapKind.BREAKPOINT: ("sys: breakpoint", 3),
    TrapKind.OVERFLOW: ("sys: trap: overflow", 4),
    TrapKind.BOUND: ("sys: trap: bounds check", 5),
    TrapKind.ILLEGAL: ("sys: trap: invalid opcode", 6),
    TrapKind.STACK: ("sys: trap: stack exception", 12),
    TrapKind.PROTECTION: ("sys: trap: general protection violation", 13),
    TrapKind.ALIGNMENT: ("sys: trap: alignment check", 17),
}
_FP_CAUSES: Final = (
    (0x02, "denormalized operand"),
    (0x04, "division by zero"),
    (0x08, "numeric overflow"),
    (0x10, "numeric underflow"),
    (0x20, "precision loss"),
)


def describe(trap: Trap, cpu: Cpu) -> tuple[str, int, int]:
    """(note text, trap number, error code) of a trap that is not a system call."""
    kind = trap.kind
    if kind == TrapKind.FAULT:
        verb = "write" if trap.write else "read"
        code = _USER | (_WRITE if trap.write else 0)
        return f"sys: trap: fault {verb} addr={trap.address:#x}", _PAGE_FAULT, code
    if kind == TrapKind.FPU:
        status = struct.unpack_from("<H", cpu.fpu, 2)[0]
        return _fp_text(status, trap.address or cpu.eip), 16, 0
    if kind == TrapKind.SIMD:
        flags = struct.unpack_from("<I", cpu.fpu, 24)[0] & SSE_FLAGS
        return _fp_text(flags, cpu.eip), 19, 0
    if kind == TrapKind.INT:  # any vector but the system call's
        return "sys: trap: general protection violation", 13, trap.number * 8 + 2
    text, number = _SIMPLE[kind]
    return text, number, 0


def _fp_text(status: int, pc: int) -> str:
    if status & 0x01:
        if not status & 0x40:
            cause = "invalid operation"
        else:
            cause = "stack overflow" if status & 0x200 else "stack underflow"
    else:
        cause = next((text for bit, text in _FP_CAUSES if status & bit), "unknown exception")
    return f"sys: fp: {cause} fppc={pc:#x} status={status:#x}"
