"""Guests in several host threads at once."""

import struct
import threading

import pytest

from vx9.vxcore import (
    EXEC,
    READ,
    WRITE,
    CodeCache,
    CoreError,
    Cpu,
    Memory,
    MemoryObject,
    TrapKind,
    _core,
)

from .elf32 import machine

# loop: mov ebx, 1; lock xadd [0x10000], ebx; dec ecx; jnz loop; int 0x40
COUNT = bytes.fromhex("bb01000000 f00fc11d00000100 49 75f0 cd40")


def in_threads(*jobs):
    """Run the jobs at the same time; what they raise is raised here."""
    errors = []

    def guarded(job):
        try:
            job()
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


def finish(cpu: Cpu) -> None:
    while (trap := cpu.run()).kind in (TrapKind.QUANTUM, TrapKind.INTERRUPT):
        pass
    assert trap.kind == TrapKind.INT, trap


def test_shared_memory_from_two_slots():
    text, shared, code = MemoryObject(4096), MemoryObject(4096), CodeCache()
    text.write(0, COUNT)
    cpus = []
    for _ in range(3):
        memory = Memory(1 << 20, code)
        memory.map(0x1000, text, READ | EXEC)
        memory.map(0x10000, shared, READ | WRITE)
        memory.map(0x20000, MemoryObject(4096), READ | WRITE)
        cpu = Cpu(memory)
        cpu.eip, cpu.esp, cpu.ecx = 0x1000, 0x21000, 300_000
        cpus.append(cpu)
    in_threads(*(lambda c=c: finish(c) for c in cpus))
    assert struct.unpack("<I", shared.read(0, 4))[0] == 900_000


def test_two_cpus_in_one_memory():
    first = machine(COUNT)
    second = Cpu(first.memory)
    second.eip, second.esp = 0x1000, 0x1E000
    first.ecx = second.ecx = 200_000
    in_threads(lambda: finish(first), lambda: finish(second))
    assert first.memory.load32(0x10000) == 400_000


def test_code_is_dropped_and_memory_changed_under_running_guests():
    # call f; dec ecx; jnz; int 0x40; f: ret
    code = bytes.fromhex("e805000000 49 75f8 cd40 c3")
    cpus = [machine(code) for _ in range(2)]
    for cpu in cpus:
        cpu.ecx = 20_000_000

    def disturb():
        for _ in range(200):
            for cpu in cpus:
                cpu.memory.code.flush()
                cpu.memory.map(0x40000, MemoryObject(4096), READ | WRITE)
                cpu.memory.unmap(0x40000)
                cpu.interrupt()

    in_threads(disturb, *(lambda c=c: finish(c) for c in cpus))
    assert [cpu.ecx for cpu in cpus] == [0, 0]


def test_memory_that_grows_is_seen_by_who_runs():
    # wait until [0x10000] is set, then read [0x30000 + 0x1000]
    code = bytes.fromhex("833d0000010000 74f7 a100100300 cd40")
    cpu = machine(code)
    shared = MemoryObject(0x1000, 0x2000)
    cpu.memory.map(0x30000, shared, READ | WRITE)

    def grow():
        while cpu.eip == 0x1000 and not cpu.memory.code.stats()["fragments"]:
            pass
        shared.resize(0x2000)
        shared.write(0x1000, struct.pack("<I", 77))
        cpu.memory.store32(0x10000, 1)

    in_threads(lambda: finish(cpu), grow)
    assert cpu.eax == 77


def test_one_cpu_runs_in_one_thread_and_its_memory_stays():
    cpu = machine(bytes.fromhex("ebfe"))

    def loop():
        assert cpu.run(60_000_000).kind == TrapKind.INTERRUPT

    thread = threading.Thread(target=loop)
    thread.start()
    while not cpu.memory.code.stats()["fragments"]:
        pass
    with pytest.raises(CoreError, match="another thread"):
        cpu.run(1)
    with pytest.raises(ValueError, match="guest runs"):
        cpu.memory.close()
    cpu.interrupt()
    thread.join()


def test_too_many_threads():
    cpus = [machine(bytes.fromhex("ebfe")) for _ in range(8)]
    refused, ready = [], threading.Barrier(8)

    def run(cpu):
        try:
            cpu.run(1)
        except CoreError as e:
            refused.append(str(e))
        ready.wait()

    in_threads(*(lambda c=c: run(c) for c in cpus))
    assert refused
    assert all("at most 4" in text for text in refused)
    in_threads(lambda: cpus[0].run(1))  # ended threads gave their places back


def test_full_arena_and_many_texts_in_threads():
    """Making room waits for the other threads, and they translate meanwhile."""
    fragments = 3000

    def run_all(increment: bytes, register: str) -> None:
        cpus = []
        for _ in range(5):
            text = MemoryObject(42 * fragments + 2)
            text.write(0, (increment * 40 + b"\xeb\x00") * fragments + b"\xcd\x40")
            memory = Memory(32 << 20)
            memory.map(0x10000, text, READ | EXEC)
            cpus.append(Cpu(memory))
        for turn in range(1, 4):
            for cpu in cpus:
                cpu.eip = 0x10000
                finish(cpu)
                assert getattr(cpu, register) == turn * 40 * fragments
                assert cpu.eax + cpu.ebx + cpu.edx == turn * 40 * fragments

    _core._limit_arena(3)
    try:
        in_threads(lambda: run_all(b"\x40", "eax"), lambda: run_all(b"\x43", "ebx"),
                   lambda: run_all(b"\x42", "edx"))
    finally:
        _core._limit_arena(1 << 20)
