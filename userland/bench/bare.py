"""The workloads on the core alone: a guest under an interface of three calls, no kernel.

Source: work.h, whose calls these are (51 pwrite, 53 nsec, 8 exits); a.out(6).
The time that nsec gives is the processor's, of this thread, as work.h asks of Linux.
"""

import time
from typing import Final

from vx9.userland.errors import Refusal
from vx9.vxcore import EXEC, PAGE, READ, WRITE, Cpu, Memory, MemoryObject, TrapKind

BASE: Final = 0x1000
LIMIT: Final = 64 << 20
STACK: Final = 1 << 20
EXITS, PWRITE, NSEC = 8, 51, 53


def load(aout: bytes) -> Cpu:
    """A Cpu at the entry of a Plan 9 program that lies in a Memory of its own."""
    _magic, text, data, bss, _syms, entry, _spsz, _pcsz = (
        int.from_bytes(aout[at:at + 4], "big") for at in range(0, 32, 4))
    memory = Memory(LIMIT)
    code = MemoryObject(32 + text)
    code.write(0, aout[:32 + text])
    memory.map(BASE, code, READ | EXEC)
    writable = MemoryObject(max(data + bss, 1))
    writable.write(0, aout[32 + text:32 + text + data])
    memory.map(-(-(BASE + 32 + text) // PAGE) * PAGE, writable, READ | WRITE)
    top = memory.limit // PAGE * PAGE - PAGE
    memory.map(top - STACK, MemoryObject(STACK), READ | WRITE)
    cpu = Cpu(memory)
    cpu.eip, cpu.esp = entry, top - 64
    return cpu


def run(aout: bytes) -> bytes:
    """Run a workload to its end; what it printed."""
    cpu = load(aout)
    memory, output = cpu.memory, bytearray()
    while True:
        trap = cpu.run(100_000)
        if trap.kind == TrapKind.QUANTUM:
            continue
        if trap.kind != TrapKind.INT or trap.number != 0x40:
            raise Refusal(f"bench: the guest stopped with {trap} at 0x{cpu.eip:x}")
        number, stack = cpu.eax, cpu.esp
        if number == NSEC:
            memory.write(memory.load32(stack + 4), time.thread_time_ns().to_bytes(8, "little"))
            cpu.eax = 0
        elif number == PWRITE:
            count = min(memory.load32(stack + 12), PAGE)
            output += memory.read(memory.load32(stack + 8), count)
            cpu.eax = count
        elif number == EXITS:
            memory.close()
            return bytes(output)
        else:
            cpu.eax = -1
