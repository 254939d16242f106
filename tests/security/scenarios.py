"""Rows of the matrix that are more than a piece of code: what threads, signals and mappings do.

Each function gives the cases of one ID, named after it: (name, what to do).  They run in
hostile.py, beside the victim, like the cases of the table; an AssertionError is a failure.
"""

import contextlib
import ctypes
import functools
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from vx9.vxcore import EXEC, READ, WRITE, CoreError, Cpu, Memory, MemoryObject, TrapKind, _core

from .cases import DATA, LIMIT, READONLY, TEXT, TOP
from .guard import LOW, Room, machine, maps

Cases = Iterator[tuple[str, Callable[[], None]]]


class Scenario(NamedTuple):
    """One of them."""

    id: str
    name: str
    run: Callable[[], None]
    outcome: str = "as the scenario says"


def scenarios() -> list[Scenario]:
    """All, in the order of this file."""
    return scenarios_of(globals())


def scenarios_of(module: dict[str, Any]) -> list[Scenario]:
    """Those of a module's functions that are named after an ID."""
    found = []
    for name, function in module.items():
        first, _, rest = name.partition("_")
        if first.isupper() and rest.isdigit():
            id_ = f"{first}-{rest}"
            found += [Scenario(id_, f"{id_} {what}", run) for what, run in function()]
    return found


# ---- helpers ----

def ends(cpu: Cpu, number: int = 0x41, seconds: float = 5) -> None:
    """Run until INT number; quanta and interrupts are gone through."""
    limit = time.monotonic() + seconds
    while True:
        trap = cpu.run(20_000)
        if trap.kind in (TrapKind.QUANTUM, TrapKind.INTERRUPT):
            assert time.monotonic() < limit, "it does not end"
            continue
        assert (trap.kind, trap.number) == (TrapKind.INT, number), (trap, hex(cpu.eip))
        return


def faults(cpu: Cpu, *addresses: int, seconds: float = 5) -> None:
    """Run until a read of one of these addresses faults."""
    limit = time.monotonic() + seconds
    while True:
        trap = cpu.run(20_000)
        if trap.kind == TrapKind.QUANTUM and time.monotonic() < limit:
            continue
        assert trap.kind == TrapKind.FAULT, (trap, hex(cpu.eip))
        assert trap.address in addresses and not trap.write, trap
        return


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


@contextlib.contextmanager
def meanwhile(work: Callable[[], None], pause: float = 0) -> Iterator[None]:
    """Do it again and again in another thread."""
    stop = threading.Event()
    wrong: list[BaseException] = []

    def loop() -> None:
        try:
            while not stop.is_set():
                work()
                time.sleep(pause)
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not wrong, wrong


def shared_text(code: bytes, prot: int = READ | WRITE) -> tuple[Cpu, MemoryObject]:
    """A guest whose text can also be written, at 0x40000."""
    cpu = machine(code)
    text = cpu.memory.where(TEXT)[0]
    cpu.memory.map(0x40000, text, prot)
    cpu.esp = 0x1F000
    return cpu, text


# ---- floating point ----

def FPU_7() -> Cases:
    """A note handler may use floating point: the host gives it a context and takes it back."""
    # fld1; int 0x40; fld1; faddp; fstp dword [0x10000]; mov eax, [0x10000]; int 0x41
    code = "d9e8 cd40 d9e8 dec1 d91d00000100 a100000100 cd41"

    def swap(control: int) -> None:
        cpu = machine(hexed(code))
        ends(cpu, 0x40)
        saved = cpu.fpu
        handler = machine(hexed("d9eb d9eb d9eb 0f57c0 cd40"))  # of the same guest, say
        cpu.fpu = control.to_bytes(2, "little") + handler.fpu[2:]
        handler.fpu = cpu.fpu
        ends(handler, 0x40)
        cpu.fpu = saved
        ends(cpu)
        assert cpu.eax == 0x40000000  # 2.0
    for control in (0x37F, 0, 0x40, 0xFFFF):
        yield f"context {control:#x}", functools.partial(swap, control)


# ---- control flow ----

def CF_3() -> Cases:
    """Code that stops being code."""
    loop = hexed("40 ebfd")

    def unmapped() -> None:
        cpu = machine(hexed("b801000000 cd41"))
        ends(cpu)
        cpu.eip = TEXT
        cpu.memory.unmap(TEXT)
        faults(cpu, TEXT)

    def not_executable() -> None:
        cpu = machine(hexed("b801000000 cd41"))
        ends(cpu)
        text = cpu.memory.where(TEXT)[0]
        cpu.eip = TEXT
        cpu.memory.unmap(TEXT)
        cpu.memory.map(TEXT, text, READ)
        faults(cpu, TEXT)

    def shrunk() -> None:
        cpu = machine(b"\x90" * 5000 + hexed("cd41"))
        ends(cpu)
        cpu.memory.where(TEXT)[0].resize(0x1000)
        cpu.eip = TEXT
        faults(cpu, TEXT + 0x1000)

    def under_a_runner(change: Callable[[Cpu], None]) -> None:
        cpu = machine(loop)
        timer = threading.Timer(0.02, change, (cpu,))
        timer.start()
        faults(cpu, TEXT, TEXT + 1)
        timer.join()

    yield "unmapped after translation", unmapped
    yield "no longer executable", not_executable
    yield "shrunk", shrunk
    yield "unmapped by another thread", functools.partial(
        under_a_runner, lambda cpu: cpu.memory.unmap(TEXT))


def CF_4() -> Cases:
    """Self-modifying code: what is new is seen at the next jump."""
    def by_alias() -> None:
        # mov byte [0x40010], 2: the immediate of the mov at 0x100f; jmp there
        cpu, _ = shared_text(hexed("b901000000 c6051000040002 eb01 90 b801000000 cd41"))
        ends(cpu)
        assert cpu.eax == 2

    def after_a_flush() -> None:
        # inc byte [0x40011]; jmp 0x1010; 0x1010: mov eax, n; int 0x41.  Text that is not writable
        # where it runs is not watched elsewhere: who writes it by an alias flushes
        cpu, _ = shared_text(hexed("fe0511000400 eb08 9090909090909090 b800000000 cd41"))
        for i in range(1, 100):
            cpu.eip = TEXT
            ends(cpu)
            assert cpu.eax == i, (cpu.eax, i)
            cpu.memory.code.flush()

    def in_place() -> None:
        # the same in a segment that is writable and executable: seen at once
        memory = Memory(LIMIT)
        text = MemoryObject(0x1000)
        text.write(0, hexed("fe0511100000 eb08 9090909090909090 b800000000 cd41"))
        memory.map(TEXT, text, READ | WRITE | EXEC)
        cpu = Cpu(memory)
        for i in range(1, 100):
            cpu.eip = TEXT
            ends(cpu)
            assert cpu.eax == i, (cpu.eax, i)

    def by_the_host() -> None:
        cpu, text = shared_text(hexed("b801000000 cd41"))
        for i in range(1, 50):
            text.write(1, bytes([i]))
            cpu.eip = TEXT
            ends(cpu)
            assert cpu.eax == i

    def by_the_host_through_the_guest() -> None:
        cpu, _ = shared_text(hexed("b801000000 cd41"))
        for i in range(1, 50):
            cpu.memory.write(0x40001, bytes([i]))
            cpu.eip = TEXT
            ends(cpu)
            assert cpu.eax == i

    def into_something_forbidden() -> None:
        cpu, _ = shared_text(hexed("66c705150004000f05 eb0a" + "90" * 12 + "cd41"))
        trap = cpu.run()
        assert trap.kind == TrapKind.ILLEGAL, trap
        assert cpu.eip == TEXT + 0x15

    yield "through an alias", by_alias
    yield "through an alias, then a flush", after_a_flush
    yield "in place, a hundred times", in_place
    yield "by the host", by_the_host
    yield "by the host, at a guest address", by_the_host_through_the_guest
    yield "into a forbidden instruction", into_something_forbidden


def CF_5() -> Cases:
    """Bytes that change while they are translated: the old outcome or the new one."""
    def race(place: int, one: str, other: str, outcomes: set[object]) -> None:
        cpu, text = shared_text(hexed("b801000000 9090 cd41"))
        turn = [0]

        def flip() -> None:
            turn[0] ^= 1
            text.write(place, hexed(other if turn[0] else one))
        seen = set()
        with meanwhile(flip):
            for _ in range(300):
                cpu.eip, cpu.eax = TEXT, 0
                trap = cpu.run()
                seen.add(cpu.eax if trap.kind == TrapKind.INT else trap.kind)
        assert seen <= outcomes, seen

    yield "an immediate", functools.partial(race, 1, "01000000", "ffffffff", {1, 0xFFFFFFFF})
    yield "an instruction", functools.partial(race, 5, "9090", "0f05", {1, TrapKind.ILLEGAL})
    yield "a length", functools.partial(race, 0, "b801000000", "33c0909090", {1, 0})
    yield "far jump", functools.partial(
        race, 0, "b8010000009090", "ea00100000330090"[:14], {1, TrapKind.ILLEGAL})


def CF_7() -> Cases:
    """More code than fits."""
    def entries(count: int, stride: int, rounds: int = 1, arena: int = 0) -> None:
        # each cell: add eax, stride; jmp eax.  The last one: int 0x41
        cell = hexed("05") + stride.to_bytes(4, "little") + hexed("ffe0")
        text = MemoryObject(count * stride + 0x1000)
        for i in range(count):
            text.write(i * stride, cell)
        text.write(count * stride, hexed("cd41"))
        memory = Memory(LIMIT)
        memory.map(TEXT, text, READ | EXEC)
        cpu = Cpu(memory)
        if arena:
            _core._limit_arena(arena)
        try:
            for _ in range(rounds):
                cpu.eip = cpu.eax = TEXT
                ends(cpu, seconds=20)
                assert cpu.eax == TEXT + count * stride
        finally:
            _core._limit_arena(128)
        assert memory.code.stats()["fragments"] >= count

    yield "10,000 entries", functools.partial(entries, 10_000, 32)
    yield "colliding entries", functools.partial(entries, 500, 0x10000, 4)
    yield "twice a small arena", functools.partial(entries, 20_000, 16, 2, 1)


def CF_8() -> Cases:
    """Code is dropped while it runs."""
    loops = {
        "calls": "31c0 40 e80a000000 3d00000300 72f3 cd41 90 c3",
        "indirect jumps": "31c0 b907100000 40 3d00000300 7302 ffe1 cd41",
        "branches": "31c0 40 3d00000400 72f8 cd41",
    }

    def flushed(code: str, want: int) -> None:
        cpu = machine(hexed(code))
        cpu.esp = 0x1F000
        with meanwhile(cpu.memory.code.flush, 0.0005):
            ends(cpu, seconds=10)
        assert cpu.eax == want

    yield "calls", functools.partial(flushed, loops["calls"], 0x30000)
    yield "indirect jumps", functools.partial(flushed, loops["indirect jumps"], 0x30000)
    yield "branches", functools.partial(flushed, loops["branches"], 0x40000)


def CF_12() -> Cases:
    """Interrupted all the time, at whatever instruction it is."""
    loops = {
        "call and return": ("31c0 40 e80a000000 3d00000400 72f3 cd41 90 c3", 0x40000),
        "return that drops": ("31c0 40 6a07 e809000000 3d00000400 72f1 cd41 c20400", 0x40000),
        "indirect call": ("31c0 bb16100000 40 ffd3 3d00000400 72f6 cd41 90909090 c3", 0x40000),
        "indirect jump": ("31c0 b907100000 40 3d00000400 7302 ffe1 cd41", 0x40000),
        "loop": ("b900000800 31c0 40 e2fd cd41", 0x80000),
        "jecxz": ("b900000400 31c0 40 49 e302 ebfa cd41", 0x40000),
        "strings": ("31c0 40 bf00000100 b900080000 f3aa 3d40000000 72ec cd41", 0x40),
    }

    def interrupted(code: str, want: int) -> None:
        cpu = machine(hexed(code))
        cpu.esp = 0x1F000
        with meanwhile(cpu.interrupt):
            ends(cpu, seconds=20)
        assert (cpu.eax, cpu.esp) == (want, 0x1F000), hex(cpu.eax)

    for name, (code, want) in loops.items():
        yield name, functools.partial(interrupted, code, want)


# ---- memory ----

def MEM_6() -> Cases:
    """Segments and mappings that no host program may ask for."""
    def refused(address: int, size: int, prot: int) -> None:
        memory = Memory(LIMIT)
        obj = MemoryObject(size)
        for bad in (functools.partial(memory.map, address, obj, prot),):
            try:
                bad()
            except (ValueError, OverflowError):
                continue
            raise AssertionError("mapped")
        assert memory.mappings() == []

    def no_such_limit(limit: int) -> None:
        try:
            Memory(limit)
        except (ValueError, OverflowError):
            return
        raise AssertionError("made")

    for address in (-1, -0x1000, 1, 0x800, LIMIT, LIMIT - 0x800, 1 << 31, 1 << 32, 1 << 64):
        yield f"at {address:#x}", functools.partial(refused, address, 0x1000, READ)
    yield "across the limit", functools.partial(refused, LIMIT - 0x1000, 0x2000, READ | WRITE)
    yield "write only", functools.partial(refused, 0x1000, 0x1000, WRITE)
    yield "no protection", functools.partial(refused, 0x1000, 0x1000, 0)
    yield "other bits", functools.partial(refused, 0x1000, 0x1000, READ | 8)
    for limit in (0, -1, 1 << 30, 1 << 32, 1 << 64):
        yield f"limit {limit:#x}", functools.partial(no_such_limit, limit)


def MEM_7() -> Cases:
    """Between the windows is nothing, for 64 KiB at the least."""
    def guarded(guests: int, address: int, size: int) -> None:
        keep = []
        for _ in range(guests):
            memory = Memory(LIMIT)
            memory.map(TEXT, text(), READ | EXEC)
            memory.map(address, MemoryObject(size), READ | WRITE)
            cpu = Cpu(memory)
            cpu.eip = TEXT
            ends(cpu)
            keep.append(cpu)
        for start, end, perms, _ in maps():
            if end > 0xF0000000 or perms.startswith("---"):
                continue
            last = (end - 1) % 0x4000000
            assert last < 0x4000000 - 0x10000, f"{start:#x}-{end:#x} {perms}"

    def text() -> MemoryObject:
        obj = MemoryObject(0x1000)
        obj.write(0, hexed("cd41"))
        return obj

    yield "to the limit", functools.partial(guarded, 1, LIMIT - 0x1000, 0x1000)
    yield "all of it", functools.partial(guarded, 1, 0x2000, LIMIT - 0x2000)
    yield "several", functools.partial(guarded, 6, 0x2000, LIMIT - 0x2000)


def MEM_8() -> Cases:
    """Memory that goes while a guest uses it."""
    touch = "8b0500000400 8b0500100400 ebf2"  # mov eax, [0x40000]; mov eax, [0x41000]; again

    def changed(change: Callable[[Cpu, MemoryObject], None], *addresses: int) -> None:
        cpu = machine(hexed(touch))
        obj = MemoryObject(0x2000, 0x4000)
        cpu.memory.map(0x40000, obj, READ | WRITE)
        timer = threading.Timer(0.02, change, (cpu, obj))
        timer.start()
        faults(cpu, *addresses)
        timer.join()

    def storm() -> None:
        cpu = machine(hexed("8b0500000400 40 75f7 cd41"))  # until [0x40000] is -1
        obj = MemoryObject(0x1000, 0x10000)
        cpu.memory.map(0x40000, obj, READ | WRITE)
        sizes = iter([0x2000, 0x1000, 0x8000, 0x1000] * 200)
        with meanwhile(lambda: obj.resize(next(sizes, 0x1000))):
            for _ in range(10):
                assert cpu.run(4000).kind in (TrapKind.QUANTUM, TrapKind.FAULT)
        obj.write(0, b"\xff\xff\xff\xff")
        ends(cpu)

    yield "shrunk", functools.partial(changed, lambda cpu, obj: obj.resize(0x1000), 0x41000)
    yield "unmapped", functools.partial(
        changed, lambda cpu, obj: cpu.memory.unmap(0x40000), 0x40000, 0x41000)
    yield "grown and shrunk", storm


def MEM_9() -> Cases:
    """Memory that was another's is zero; sharers do not miss who is gone."""
    secret = b"\xa5secret\x5a" * 512

    def residue(size: int) -> None:
        for _ in range(20):
            obj = MemoryObject(size)
            assert obj.read(0, min(size, 1 << 20)) == bytes(min(size, 1 << 20))
            obj.write(0, secret)
            obj.write(size - len(secret), secret)
            del obj

    def shrunk_and_grown() -> None:
        obj = MemoryObject(0x4000, 0x10000)
        obj.write(0x2000, secret)
        obj.resize(0x1000)
        obj.resize(0x10000)
        assert obj.read(0x1000, 0xF000) == bytes(0xF000)

    def sharer_dies() -> None:
        shared = MemoryObject(0x1000)
        guests = []
        for _ in range(6):
            cpu = machine(hexed("f0ff0500000400 cd41 ebf5"))
            cpu.memory.map(0x40000, shared, READ | WRITE)
            ends(cpu)
            guests.append(cpu)
        while guests:
            cpu = guests.pop()
            cpu.memory.close()
            for other in guests:
                ends(other)
        assert shared.read(0, 4) == (6 + 5 + 4 + 3 + 2 + 1).to_bytes(4, "little")

    def snapshots() -> None:
        first = MemoryObject(0x4000)
        first.write(0, secret)
        copies = [first.copy() for _ in range(50)]
        first.zero(0, 0x4000)
        assert all(copy.read(0, 8) == secret[:8] for copy in copies)

    for size in (0x1000, 0x10000, 0x1000000):
        yield f"residue in {size:#x}", functools.partial(residue, size)
    yield "residue in what grew", shrunk_and_grown
    yield "a sharer ends", sharer_dies
    yield "snapshots", snapshots


def MEM_11() -> Cases:
    """More guests than slots: nobody sees another's memory."""
    def many(count: int, limit: int) -> None:
        guests = []
        for i in range(count):
            memory = Memory(limit)
            text = MemoryObject(0x1000)
            text.write(0, hexed("a300000100 cd40 a100000100 cd41"))
            memory.map(TEXT, text, READ | EXEC)
            memory.map(DATA, MemoryObject(0x1000), READ | WRITE)
            cpu = Cpu(memory)
            cpu.eip, cpu.eax = TEXT, 1000 + i
            guests.append(cpu)
        for cpu in guests:
            ends(cpu, 0x40)
            cpu.eax = 0
        for i, cpu in enumerate(guests):
            ends(cpu)
            assert cpu.eax == 1000 + i

    yield "300 small ones", functools.partial(many, 300, LIMIT)
    yield "20 large ones", functools.partial(many, 20, 500 << 20)
    yield "once more", functools.partial(many, 100, LIMIT)


# ---- signals ----

class Stack(ctypes.Structure):
    _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


def SIG_1() -> Cases:
    """A stack pointer that, taken for the host's, is on or near the alternate stack."""
    def faulting(offset: int, code: str, kind: int) -> None:
        stack = Stack()
        ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
        assert stack.sp and stack.sp >= LOW
        cpu = machine(hexed(code))
        cpu.esp = (stack.sp + (offset if offset >= 0 else stack.size + offset)) & 0xFFFFFFFF
        before = cpu.esp
        trap = cpu.run()
        assert trap.kind == kind, trap
        assert cpu.esp == before

    for offset in (0, 8, 64, 512, 4096, -8, -512, -4096):
        yield f"page fault, {offset}", functools.partial(
            faulting, offset, "a100000000", TrapKind.FAULT)
        yield f"undefined, {offset}", functools.partial(faulting, offset, "0f0b", TrapKind.ILLEGAL)
        yield f"divide, {offset}", functools.partial(
            faulting, offset, "31c9 f7f1", TrapKind.DIVIDE)


def SIG_2() -> Cases:
    """Every signal that can come while a guest runs."""
    def comes(number: int) -> None:
        got = []
        old = signal.signal(number, lambda n, _frame: got.append(n))
        try:
            cpu = machine(hexed("40 ebfd"))
            me = threading.main_thread().ident
            with meanwhile(lambda: signal.pthread_kill(me, number), 0.001):
                limit = time.monotonic() + 5
                while len(got) < 3 and time.monotonic() < limit:
                    assert cpu.run(4000).kind == TrapKind.QUANTUM
            assert len(got) >= 3
            assert cpu.eip in (TEXT, TEXT + 1)
        finally:
            signal.signal(number, old)

    names = ("SIGHUP SIGINT SIGQUIT SIGUSR1 SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGCHLD SIGCONT SIGTSTP"
             " SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR").split()
    for name in names:
        yield name, functools.partial(comes, getattr(signal, name))
    for number in (34, 35, 42, 44, 50, 63, 64):
        yield f"real-time {number}", functools.partial(comes, number)


def SIG_3() -> Cases:
    """Signals upon signals."""
    def many_faults(code: str, kind: int) -> None:
        cpu = machine(hexed(code))
        with meanwhile(cpu.interrupt):
            for _ in range(2000):
                trap = cpu.run()
                assert trap.kind in (kind, TrapKind.INTERRUPT), trap

    def stopped_and_continued() -> None:
        cpu = machine(hexed("b900000010 e2fe cd41"))
        stop = "for i in 1 2 3; do kill -STOP $PPID; kill -CONT $PPID; done"
        with subprocess.Popen(["sh", "-c", stop]) as child:
            ends(cpu, seconds=20)
            assert child.wait() == 0

    yield "page faults under interrupts", functools.partial(
        many_faults, "a100000000", TrapKind.FAULT)
    yield "undefined under interrupts", functools.partial(many_faults, "0f0b", TrapKind.ILLEGAL)
    yield "divisions under interrupts", functools.partial(
        many_faults, "31c9 f7f1", TrapKind.DIVIDE)
    yield "limit under interrupts", functools.partial(
        many_faults, "a1000000f0", TrapKind.FAULT)
    yield "stopped and continued", stopped_and_continued


def SIG_4() -> Cases:
    """Threads that enter guests: each has its stack for signals, or is refused."""
    def threads(count: int, code: str) -> None:
        said: list[str] = []

        def one() -> None:
            try:
                cpu = machine(hexed(code))
                stack = Stack()
                for _ in range(20):
                    cpu.eip = TEXT
                    assert cpu.run(2000).kind != TrapKind.INTERRUPT
                    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
                    assert stack.sp >= LOW and stack.flags & 2 == 0
                said.append("ran")
            except CoreError as error:
                said.append("refused" if "too many threads" in str(error) else str(error))
            except BaseException as error:
                said.append(repr(error))
        every = [threading.Thread(target=one) for _ in range(count)]
        for thread in every:
            thread.start()
        for thread in every:
            thread.join()
        assert set(said) <= {"ran", "refused"} and "ran" in said, said

    yield "two that fault", functools.partial(threads, 2, "a100000000")
    yield "three that spin", functools.partial(threads, 3, "ebfe")
    yield "more than may", functools.partial(threads, 12, "a100000000")


@contextlib.contextmanager
def raising(exception: type[BaseException]) -> Iterator[None]:
    """In the block, SIGUSR1 comes after some milliseconds and raises; it ends the block."""
    inside = threading.Event()
    me = threading.main_thread().ident

    def send() -> None:
        inside.wait()
        time.sleep(0.004)
        signal.pthread_kill(me, signal.SIGUSR1)

    def handler(_number: int, _frame: object) -> None:
        raise exception
    old = signal.signal(signal.SIGUSR1, handler)
    thread = threading.Thread(target=send)
    thread.start()
    try:
        inside.set()
        yield
        raise AssertionError("the block ended by itself")
    except exception:
        pass
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, old)


def SIG_6() -> Cases:
    """Ctrl-C while a guest runs."""
    def interrupted(code: str) -> None:
        cpu = machine(hexed(code))
        cpu.esp = 0x1F000
        for _ in range(5):
            with raising(KeyboardInterrupt):
                while True:
                    cpu.run(1_000_000)
        assert TEXT <= cpu.eip < TEXT + len(code)
        assert cpu.esp in (0x1F000, 0x1EFFC)

    def during_calls() -> None:
        cpu = machine(hexed("40 cd41 ebfb"))
        calls = 0
        with raising(KeyboardInterrupt):
            while True:
                cpu.run()
                calls += 1
        ends(cpu)
        assert cpu.eax in (calls + 1, calls + 2)

    yield "in a loop", functools.partial(interrupted, "ebfe")
    yield "in a string instruction", functools.partial(
        interrupted, "bf00000100 b900f00000 f3aa ebf2")
    yield "in calls", functools.partial(interrupted, "e802000000 ebf9 c3")
    yield "between calls", during_calls


def SIG_8() -> Cases:
    """What a note handler may hand back: registers that no processor would take."""
    def forged(regs: tuple[int, ...], want: int) -> None:
        cpu = machine(hexed("9c 58 cd41"))
        cpu.set_regs((0, 0, 0, 0, 0x1F000, 0, 0, 0, *regs))
        trap = cpu.run()
        if want < 0:
            assert trap.kind == TrapKind.FAULT and trap.address == regs[0] & 0xFFFFFFFF
        else:
            assert trap.kind == TrapKind.INT and cpu.eax == want, hex(cpu.eax)

    def forged_fpu(image: bytes) -> None:
        cpu = machine(hexed("9bd9e8 0f57c0 90 cd41"))
        cpu.fpu = image
        assert cpu.run().kind in (TrapKind.INT, TrapKind.FPU)

    yield "all flags", functools.partial(forged, (TEXT, 0xFFFFFFFF), 0x200ED7)
    yield "AC NT TF IOPL VM RF", functools.partial(forged, (TEXT, 0x77300), 0x202)
    for eip in (0, LIMIT, 0xF0000000, 0xF8000000, 0xFFFFFFFF, -1, DATA, READONLY, TOP):
        yield f"eip {eip & 0xFFFFFFFF:#x} ({eip})", functools.partial(forged, (eip, 0x202), -1)
    for byte in (0, 0xFF, 0x55, 0xAA):
        yield f"FPU image of {byte:#x}", functools.partial(forged_fpu, bytes([byte]) * 512)


def SIG_9() -> Cases:
    """An exception in run() leaves nothing locked."""
    def raised(code: str, many: int) -> None:
        class Stop(Exception):
            pass

        for _ in range(many):
            cpu = machine(hexed(code), room=Room())
            cpu.esp = 0x1F000
            with raising(Stop):
                while True:
                    cpu.run(1_000_000)
            cpu.memory.close()
            ends(machine(hexed("cd41")))

    yield "spinning", functools.partial(raised, "ebfe", 5)
    yield "calling", functools.partial(raised, "cd40 ebfc", 5)
    yield "faulting", functools.partial(raised, "a100000000", 5)
