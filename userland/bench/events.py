"""What a guest's host pays for: calls, translation, faults, interrupts, cores.

Every function gives the seconds of one event, once for each round or sample.
"""

import os
import random
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from vx9.userland.bench import bare
from vx9.userland.errors import Refusal
from vx9.vxcore import EXEC, PAGE, READ, WRITE, Cpu, Memory, MemoryObject, TrapKind, _core

CODE: Final = 0x10000
DATA: Final = 0x800000
LIMIT: Final = 16 << 20
VECTOR: Final = 0x40
SPINNING: Final = 100
FOREVER: Final = b"\xeb\xfe"  # jmp to itself


def guest(code: bytes) -> Cpu:
    """A Cpu at the beginning of machine code, with a page of data at esi."""
    memory = Memory(LIMIT)
    text = MemoryObject(len(code))
    text.write(0, code)
    memory.map(CODE, text, READ | EXEC)
    memory.map(DATA, MemoryObject(PAGE), READ | WRITE)
    cpu = Cpu(memory)
    cpu.eip, cpu.esi = CODE, DATA
    return cpu


def seconds(do: Callable[[], object]) -> float:
    """Processor time of this thread."""
    begin = time.thread_time_ns()
    do()
    return (time.thread_time_ns() - begin) / 1e9


def null_call_c(rounds: int, count: int) -> list[float]:
    """An interrupt that a handler in C answers, in the core's own loop."""
    cpu = guest(b"\xcd\x40\xeb\xfc")  # int $0x40; jmp back to it
    bench = cpu._bench_traps  # type: ignore[attr-defined]
    return [seconds(lambda: bench(VECTOR, count)) / count for _ in range(rounds)]


def null_call_python(rounds: int, count: int) -> list[float]:
    """One that a Python function, found in a table by its number, answers through registers."""
    cpu = guest(b"\xcd\x40\xeb\xfc")

    def answer(cpu: Cpu) -> None:
        cpu.eax = 0

    handlers = {VECTOR: answer}
    run = cpu.run

    def serve() -> None:
        for _ in range(count):
            handlers[run().number](cpu)

    return [seconds(serve) / count for _ in range(rounds)]


def fault(rounds: int, count: int, address: int) -> list[float]:
    """A load from an address that has no memory: to the Trap, and back behind the load."""
    cpu = guest(b"\x8b\x03\xeb\xfc")  # mov (%ebx), %eax; jmp back to it
    cpu.ebx = address
    run, behind = cpu.run, CODE + 2
    trap = run()
    if trap.kind != TrapKind.FAULT or trap.address != address:
        raise Refusal(f"bench: {trap} where a fault at 0x{address:x} was to come")

    def serve() -> None:
        for _ in range(count):
            cpu.eip = behind
            run()

    return [seconds(serve) / count for _ in range(rounds)]


def page_fault(rounds: int, count: int) -> list[float]:
    """Of a page that is not mapped."""
    return fault(rounds, count, DATA + PAGE)


def limit_fault(rounds: int, count: int) -> list[float]:
    """Beyond the end of the guest's segment, where the processor does not say which address."""
    return fault(rounds, count, 0xFFFF0000)


def straight_line(count: int) -> bytes:
    """So many ordinary instructions, which run without a trap, and INT 0x40."""
    pick = random.Random(1)
    registers = (0, 1, 2, 3, 7)  # not esi, which holds the address, nor the stack's

    def one() -> bytes:
        r, s = pick.choice(registers), pick.choice(registers)
        byte, word = bytes([pick.randrange(128)]), pick.randbytes(4)
        pair, at_esi = bytes([0xC0 | s << 3 | r]), bytes([0x46 | r << 3])
        return pick.choice((
            b"\x89" + pair, b"\x01" + pair, b"\x31" + pair, b"\x85" + pair, b"\x0f\xaf" + pair,
            b"\x8b" + at_esi + byte, b"\x8b" + at_esi + byte, b"\x89" + at_esi + byte,
            b"\x03" + at_esi + byte, b"\x0f\xb6" + at_esi + byte,
            bytes([0x8D, 0x44 | r << 3, 0x80 | s << 3 | r]) + byte,
            bytes([0x83, 0xC0 | r]) + byte, bytes([0x83, 0xF8 | r]) + byte,
            bytes([0xC1, 0xE0 | r, pick.randrange(1, 31)]), bytes([0xB8 | r]) + word,
            b"\xc7\x46" + byte + word, bytes([0x0F, 0x94, 0xC0 | r & 3]),
        ))

    return b"".join(one() for _ in range(count)) + b"\xcd\x40"


def to_the_end(cpu: Cpu, end: int) -> None:
    """Run code that ends in an INT."""
    while (trap := cpu.run()).kind == TrapKind.QUANTUM:
        pass
    if trap.kind != TrapKind.INT or cpu.eip != end:
        raise Refusal(f"bench: straight-line code ended in {trap} at 0x{cpu.eip:x}")


def translation(rounds: int, count: int) -> tuple[list[float], list[float]]:
    """One straight-line instruction: code that no guest ran yet, less the time of a second run.

    And what a new program costs before: its first instruction, which is the INT at the end.
    """
    code = straight_line(count)
    each, begin = [], []
    for _ in range(rounds):
        cpu = guest(code)

        def run_from(address: int, cpu: Cpu = cpu) -> float:
            cpu.eip = address
            return seconds(partial(to_the_end, cpu, CODE + len(code)))

        begin.append(run_from(CODE + len(code) - 2))
        cold = run_from(CODE)
        each.append(max(cold - min(run_from(CODE), run_from(CODE)), 0.0) / count)
        cpu.memory.close()
    return each, begin


def verifier_share(rounds: int, count: int) -> list[float]:
    """What part of the time of translation the verifier takes."""
    translate = _core._bench_translate  # type: ignore[attr-defined]
    code = straight_line(count)
    memory = guest(code).memory
    shares = []
    for _ in range(rounds):
        unverified, verified = (
            min(translate(memory, CODE, CODE + len(code), 1, on) for _ in range(5))
            for on in (False, True))
        if not (unverified and verified):
            raise Refusal("bench: straight-line code cannot be translated")
        shares.append(1 - unverified / verified)
    return shares


def interrupt(samples: int) -> list[float]:
    """From Cpu.interrupt() in one thread to the return of run() in another; of the wall's clock."""
    cpu = guest(FOREVER)
    entering, left = threading.Event(), threading.Event()
    returned = 0
    kinds = set()

    def spin() -> None:
        nonlocal returned
        for _ in range(samples):
            entering.set()
            trap = cpu.run(1_000_000_000)
            returned = time.perf_counter_ns()
            kinds.add(trap.kind)
            left.set()

    thread = threading.Thread(target=spin)
    thread.start()
    found = []
    for _ in range(samples):
        entering.wait()
        entering.clear()
        time.sleep(0.001)  # so that it is in its guest by then
        begin = time.perf_counter_ns()
        cpu.interrupt()
        left.wait()
        left.clear()
        found.append((returned - begin) / 1e9)
    thread.join()
    cpu.memory.close()
    if kinds != {TrapKind.INTERRUPT}:
        raise Refusal(f"bench: an interrupted guest stopped with traps of the kinds {kinds}")
    return found


def control(folder: Path, samples: int, guests: int = SPINNING) -> list[float]:
    """A call into the kernel's thread while so many of its guests do nothing but compute."""
    from vx9.kernel.kernel import Kernel

    program = folder / "spin"
    program.write_bytes(b"".join(n.to_bytes(4, "big") for n in (0x1EB, 2, 0, 0, 0, 0x1020, 0, 0))
                        + FOREVER)
    program.chmod(0o755)
    kernel = Kernel()
    kernel.start()
    try:
        kernel.bind_host(str(folder), "/n/bench")
        handles = [kernel.spawn(["/n/bench/spin"], env={}, cwd="/", stdin=None, stdout=None,
                                stderr=None) for _ in range(guests)]
        end = time.monotonic() + 30
        while not kernel.call(lambda: all(p.computes for p in kernel.procs.values())):
            if time.monotonic() > end:
                raise Refusal(f"bench: {guests} guests did not all get to run in 30 seconds")
            time.sleep(0.01)
        found = []
        for _ in range(samples):
            time.sleep(0.002)
            begin = time.perf_counter_ns()
            kernel.call(int)
            found.append((time.perf_counter_ns() - begin) / 1e9)
        for handle in handles:
            handle.kill()
        for handle in handles:
            handle.wait(30)
    finally:
        kernel.stop()
    return found


def wall(do: Callable[[], object], copies: int) -> float:
    """Seconds until so many threads have each done it once."""
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            do()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(copies)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    if failed:
        raise failed[0]
    return took


def two_cores(rounds: int, native: Path, aout: bytes) -> tuple[list[float], list[float]] | None:
    """How many times one guest's work two do in its time; and native processes.  None: one core."""
    if len(os.sched_getaffinity(0)) < 2:
        return None

    def host() -> None:
        subprocess.run([str(native)], check=True, stdout=subprocess.DEVNULL)

    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        for do, found in ((lambda: bare.run(aout), ours), (host, theirs)):
            one = (wall(do, 1) + wall(do, 1)) / 2
            found.append(2 * one / wall(do, 2))
    return ours, theirs
