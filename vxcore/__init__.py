"""Run 32-bit x86 guests at near-native speed inside this process, confined.

A Memory is an address space, a Cpu the registers of one thread of control; Cpu.run() returns
a Trap.  What a trap means is for the host program to say: nothing here knows Plan 9.
"""

from vx9.vxcore._core import (
    EXEC,
    PAGE,
    READ,
    WRITE,
    CodeCache,
    CoreError,
    Cpu,
    Memory,
    MemoryFault,
    MemoryObject,
    Trap,
    TrapKind,
    capabilities,
    harden,
    offer,
    selftest,
)

__all__ = [
    "EXEC",
    "PAGE",
    "READ",
    "WRITE",
    "CodeCache",
    "CoreError",
    "Cpu",
    "Memory",
    "MemoryFault",
    "MemoryObject",
    "Trap",
    "TrapKind",
    "capabilities",
    "harden",
    "offer",
    "selftest",
]
