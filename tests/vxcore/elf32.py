"""Small 32-bit guests for the tests of the core: made with the host's compiler, loaded as ELF.

The programs use three calls by INT 0x80 with Linux's numbers (exit 1, write 4, brk-less), so
that the same file can also run on the bare processor and be compared.
"""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject, Trap, TrapKind

FLAGS = (
    "-m32 -O2 -ffreestanding -nostdlib -static -fno-pic -no-pie -fno-stack-protector"
    " -fcf-protection=none -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,norelro"
    " -Wl,-z,noexecstack"
).split()


def compile_guest(source: str, into: Path, *flags: str, suffix: str = ".c") -> Path:
    """Source text -> a static ELF32 program."""
    if not shutil.which("gcc"):
        pytest.fail("these tests need gcc with -m32 (Debian: apt install gcc)")
    text = into.with_suffix(suffix)
    text.write_text(source)
    done = subprocess.run(
        ["gcc", *FLAGS, *flags, "-o", str(into), str(text)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return into


def load(path: Path, limit: int = 200 << 20) -> Cpu:
    """Map the program's segments and a stack of 1 MiB; a Cpu ready to start."""
    image = path.read_bytes()
    assert image[:5] == b"\x7fELF\x01"
    entry, phoff = struct.unpack_from("<II", image, 24)
    size, count = struct.unpack_from("<HH", image, 42)
    memory = Memory(limit)
    for i in range(count):
        kind, offset, address, _, filesz, memsz, flags, _ = struct.unpack_from(
            "<8I", image, phoff + i * size
        )
        if kind != 1 or memsz == 0:
            continue
        base = address & ~0xFFF
        pages = MemoryObject(address + memsz - base)
        pages.write(address - base, image[offset : offset + filesz])
        memory.map(base, pages, READ | (EXEC if flags & 1 else WRITE if flags & 2 else 0))
    top = memory.limit
    memory.map(top - (1 << 20), MemoryObject(1 << 20), READ | WRITE)
    cpu = Cpu(memory)
    cpu.eip, cpu.esp = entry, top - 64
    return cpu


def serve(cpu: Cpu, quantum_us: int = 100_000) -> tuple[int, bytes, Trap | None]:
    """Run under the three-call API: (exit status, output, the trap that ended it if any)."""
    output = []
    while True:
        trap = cpu.run(quantum_us)
        if trap.kind == TrapKind.QUANTUM:
            continue
        if trap.kind != TrapKind.INT or trap.number != 0x80:
            return -1, b"".join(output), trap
        if cpu.eax == 1:
            return cpu.ebx & 0xFF, b"".join(output), None
        if cpu.eax == 4:
            output.append(cpu.memory.read(cpu.ecx, cpu.edx))
            cpu.eax = cpu.edx
        else:
            cpu.eax = -38  # ENOSYS


def native(path: Path) -> tuple[int, bytes]:
    """The same program on the bare processor."""
    done = subprocess.run([str(path)], capture_output=True, timeout=60)
    return done.returncode, done.stdout


def machine(code: bytes, limit: int = 1 << 20) -> Cpu:
    """A Cpu about to run code at 0x1000, with 64 KiB of data at 0x10000 and a stack in it."""
    memory = Memory(limit)
    text = MemoryObject(len(code))
    text.write(0, code)
    memory.map(0x1000, text, READ | EXEC)
    memory.map(0x10000, MemoryObject(0x10000), READ | WRITE)
    cpu = Cpu(memory)
    cpu.eip, cpu.esp = 0x1000, 0x1F000
    return cpu
