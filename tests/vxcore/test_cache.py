"""Fragments: linking, the tables, sharing, and what happens when they are full."""

import os
import struct
import subprocess
import sys

import pytest

from vx9.vxcore import (
    EXEC,
    READ,
    WRITE,
    CodeCache,
    Cpu,
    Memory,
    MemoryObject,
    TrapKind,
    _core,
)

from .elf32 import machine

TEXT = 0x10000


def guest(text: MemoryObject, code: CodeCache | None = None) -> Cpu:
    memory = Memory(32 << 20, code)
    memory.map(TEXT, text, READ | EXEC)
    memory.map(0x1800000, MemoryObject(0x10000), READ | WRITE)
    cpu = Cpu(memory)
    cpu.eip, cpu.esp = TEXT, 0x180F000
    return cpu


def test_targets_with_the_same_low_bits():
    """Functions 64 KiB apart share a place in the tables, and so do the places they return to."""
    count = 40
    text = MemoryObject((count + 2) << 16)
    main = b""
    for i in range(count):
        # at the i'th 64 KiB: f: add eax, i; mov ecx, 7; ret -- and 0x100 on, a caller of f
        text.write((i + 1) << 16, b"\x05" + struct.pack("<I", i + 1) + b"\xb9\7\0\0\0\xc3")
        target = TEXT + ((i + 1) << 16)
        caller = ((i + 1) << 16) + 0x100
        code = b"\xbb" + struct.pack("<I", target) + b"\xff\xd3"  # mov ebx, f; call ebx
        code += b"\xe8" + struct.pack("<i", -0x100 - len(code) - 5) + b"\xc3"
        text.write(caller, code)
        main += b"\xba" + struct.pack("<I", TEXT + caller) + b"\xff\xd2"  # mov edx; call edx
    main += b"\x4f\x0f\x85" + struct.pack("<i", -len(main) - 7) + b"\xcd\x40"  # dec edi; jnz
    text.write(0, main)
    cpu = guest(text)
    cpu.edi = 100
    cpu.ecx = 0
    trap = cpu.run(1_000_000)
    assert trap.kind == TrapKind.INT
    assert cpu.eax == 100 * 2 * sum(range(1, count + 1))
    lookups = cpu.memory.code.stats()["lookups"]
    cpu.eip, cpu.edi = TEXT, 1000
    cpu.run(1_000_000)
    assert cpu.memory.code.stats()["lookups"] < lookups + 10  # no misses once it is warm


def test_one_site_with_many_targets():
    # loop: mov eax, [esi*4 + table]; call eax; dec esi; jnz loop
    cpu = machine(bytes.fromhex("8b04b500000100 ffd0 4e 75f4 cd40") + b"\x43\xc3" * 64)
    for i in range(65):
        cpu.memory.store32(0x10000 + 4 * i, 0x1000 + 14 + 2 * (i % 64))
    for _ in range(3):
        cpu.eip, cpu.esi, cpu.ebx = 0x1000, 64, 0
        assert cpu.run().kind == TrapKind.INT
        assert cpu.ebx == 64


def test_fragments_are_shared_by_all_that_run_one_text():
    text = MemoryObject(0x1000)
    text.write(0, bytes.fromhex("31c0 83c003 49 75fa cd40"))
    code = CodeCache()
    made = None
    for _ in range(5):
        cpu = guest(text, code)
        cpu.ecx = 10
        assert cpu.run().kind == TrapKind.INT
        assert cpu.eax == 30
        made = made or code.stats()["fragments"]
        assert code.stats()["fragments"] == made
    other = MemoryObject(0x1000)
    memory = Memory(1 << 20, code)
    with pytest.raises(ValueError, match="new CodeCache"):
        memory.map(TEXT, other, READ | EXEC)


def long_text(n: int) -> MemoryObject:
    """n fragments of straight code, each jumping to the next; then INT 0x40."""
    piece = b"\x40" * 40 + b"\xeb\x00"
    text = MemoryObject(len(piece) * n + 2)
    text.write(0, piece * n + b"\xcd\x40")
    return text


def test_a_full_arena_is_flushed_and_used_again():
    text = long_text(20_000)
    cpu = guest(text)
    _core._limit_arena(1)
    try:
        for turn in range(1, 3):
            cpu.eip = TEXT
            while (trap := cpu.run()).kind == TrapKind.QUANTUM:
                pass
            assert trap.kind == TrapKind.INT
            assert cpu.eax == turn * 40 * 20_000
        assert cpu.memory.code.stats()["flushes"] >= 2
        other = guest(long_text(100))  # whose code pushes out the first one's
        assert other.run().kind == TrapKind.INT
        cpu.eip = TEXT
        while cpu.run().kind == TrapKind.QUANTUM:
            pass
        assert cpu.eax == 3 * 40 * 20_000
    finally:
        _core._limit_arena(1 << 20)


def test_more_texts_than_tables():
    # call f; inc ecx; int 0x40; jmp back; f: ret
    code = bytes.fromhex("e805000000 41 cd40 ebf6 c3")
    cpus = [machine(code) for _ in range(130)]
    for turn in range(1, 4):
        for cpu in cpus:
            assert cpu.run().kind == TrapKind.INT
            assert cpu.ecx == turn


def test_objects_and_memories_give_back_what_they_took():
    def shape() -> tuple[int, int]:
        with open("/proc/self/maps") as f:
            lines = f.read().splitlines()
        return len(lines), sum("vx9-pages" in x for x in lines)

    machine(b"\xcd\x40").run()
    before = shape()
    for i in range(300):
        cpu = machine(b"\xcd\x40")
        cpu.run()
        cpu.memory.close()
        if i == 20:
            before = shape()
    after = shape()
    assert after[0] <= before[0] + 4
    big = MemoryObject(64 << 20)
    assert big.used() == 0
    big.write(5 << 20, b"x")
    assert big.used() == 4096
    big.zero(0, 64 << 20)
    assert big.used() == 0


WITHOUT_AVX = """
from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject

memory = Memory(1 << 20)
text = MemoryObject(0x1000)
text.write(0, bytes.fromhex({code!r}))
memory.map(0x1000, text, READ | EXEC)
memory.map(0x10000, MemoryObject(0x1000), READ | WRITE)
memory.write(0x10000, bytes(range(32)))
cpu = Cpu(memory)
cpu.eip, cpu.esp = 0x1000, 0x10F00
print(cpu.run(), memory.read(0x10100, 32) == bytes(range(32)))
"""


def test_a_landing_leaves_the_guests_sse_state_alone():
    """A target that has code already: its landing is made while the guest's state is live."""
    code = (
        "eb02 c3 c3"                        # f: ret; g: ret
        "0f100500000100 0f100d10000100"     # movups 0x10000, xmm0; movups 0x10010, xmm1
        "e8ebffffff e8e7ffffff"             # call f; call g
        "ba04000000"                        # mov edx, 4
        "b902100000 89d0 83e001 01c1 ffd1"  # mov ecx, f; mov eax, edx; and eax, 1; call ecx + eax
        "4a 75ef"                           # dec edx; jnz
        "0f110500010100 0f110d10010100"     # movups xmm0, 0x10100; movups xmm1, 0x10110
        "cd40"
    )
    # libc's memcpy without the registers that 32-bit code does not have.
    tunables = "glibc.cpu.hwcaps=-AVX512VL,-AVX512F,-AVX2,-AVX,-ERMS"
    done = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_AVX.format(code=code)],
        env=os.environ | {"GLIBC_TUNABLES": tunables}, capture_output=True, text=True, check=True,
    )
    assert done.stdout == "<Trap INT 0x40> True\n"
