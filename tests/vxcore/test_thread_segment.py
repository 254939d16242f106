"""The virtual thread segment: what gs: and fs: mean to a guest whose host gives it one."""

import struct
import time

import pytest

from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject, TrapKind

from .elf32 import machine

DATA = 0x10000
BASE = DATA + 0x4000
LIMIT = (1 << 26) - (1 << 16)  # of the smallest Memory
WORDS = struct.pack("<64I", *(0x01010101 * i for i in range(64)))
PREFIXES = pytest.mark.parametrize("prefix", ["65", "64"])


def thread(code: str, base: int | None = BASE, **registers: int) -> Cpu:
    """A Cpu about to run code and INT 0x40, with WORDS in its thread segment."""
    cpu = machine(bytes.fromhex(code + "cd40"))
    cpu.memory.write(BASE, WORDS)
    cpu.thread_segment = base
    for name, value in registers.items():
        setattr(cpu, name, value)
    return cpu


def word(cpu: Cpu, index: int) -> int:
    return cpu.memory.load32(BASE + 4 * index)


def test_none_at_first_and_then_illegal():
    cpu = machine(bytes.fromhex("90 65a100000000 cd40"))
    assert cpu.thread_segment is None
    assert (cpu.run().kind, cpu.eip) == (TrapKind.ILLEGAL, 0x1001)
    cpu.thread_segment = DATA
    assert (cpu.run().number, cpu.eip) == (0x40, 0x1009)
    cpu.thread_segment = None
    cpu.eip = 0x1000
    assert (cpu.run().kind, cpu.eip) == (TrapKind.ILLEGAL, 0x1001)


@pytest.mark.parametrize("base", [-1, 1 << 32])
def test_where_it_cannot_be(base):
    cpu = thread("")
    with pytest.raises(ValueError, match="4 GiB"):
        cpu.thread_segment = base
    assert cpu.thread_segment == BASE


@PREFIXES
@pytest.mark.parametrize(
    ("code", "registers", "want"),
    [
        ("a104000000", {}, 0x01010101),  # mov eax, [4]
        ("8b0508000000", {}, 0x02020202),  # mov eax, [8]
        ("8b03", {"ebx": 12}, 0x03030303),
        ("8b4304", {"ebx": 12}, 0x04040404),
        ("8b43f8", {"ebx": 12}, 0x01010101),
        ("8b83f8ffffff", {"ebx": 12}, 0x01010101),
        ("8b048b", {"ebx": 12, "ecx": 2}, 0x05050505),  # [ebx+ecx*4]
        ("8b448b04", {"ebx": 12, "ecx": 2}, 0x06060606),
        ("8b848b10000000", {"ebx": 12, "ecx": 2}, 0x09090909),
        ("8b048d08000000", {"ecx": 1}, 0x03030303),  # [ecx*4+8]
        ("8b0424", {"esp": 16}, 0x04040404),
        ("8b4500", {"ebp": 16}, 0x04040404),
        ("8b448dfc", {"ebp": 16, "ecx": 0xFFFFFFFF}, 0x02020202),
        ("0fb703", {"ebx": 4}, 0x0101),
        ("668b4302", {"ebx": 2, "eax": 0x77770000}, 0x77770101),
        ("033d04000000 89f8", {"edi": 5}, 0x01010106),  # add edi, [4]; mov eax, edi
        ("8d430c", {"ebx": 1}, 13),  # lea eax, [ebx+12]: no segment
        ("6b4304 03", {"ebx": 0}, 0x03030303),  # imul eax, [ebx+4], 3
        ("0fba6304 18 19c0", {"ebx": 0}, 0xFFFFFFFF),  # bt [ebx+4], 24; sbb eax, eax
        ("0fa303 19c0", {"ebx": 4, "eax": 32}, 0),  # bt [ebx], eax; bit 0 of word 2
        ("0fa303 19c0", {"ebx": 4, "eax": 33}, 0xFFFFFFFF),
        ("f30fb84304", {"ebx": 4}, 4),  # popcnt
        ("f30fbc4308", {"ebx": 0}, 1),  # bsf with F3, which is not tzcnt to this guest
        ("660f1f440000", {"eax": 9}, 9),  # nop
    ],
)
def test_reads(prefix, code, registers, want):
    cpu = thread(prefix + code, **registers)
    for _ in range(3):
        for name, value in registers.items():
            setattr(cpu, name, value)
        cpu.eip = 0x1000
        assert cpu.run().kind == TrapKind.INT
        assert cpu.eax == want
    assert cpu.memory.read(BASE, len(WORDS)) == WORDS


@PREFIXES
@pytest.mark.parametrize(
    ("code", "registers", "index", "want"),
    [
        ("a304000000", {"eax": 7}, 1, 7),
        ("894304", {"ebx": 4, "eax": 7}, 2, 7),
        ("c7430478563412", {"ebx": 4}, 2, 0x12345678),
        ("66c743047856", {"ebx": 4}, 2, 0x02025678),
        ("014304", {"ebx": 4, "eax": 1}, 2, 0x02020203),
        ("81848b0000000001000000", {"ebx": 4, "ecx": 1}, 2, 0x02020203),
        ("ff4304", {"ebx": 4}, 2, 0x02020203),
        ("874304", {"ebx": 4, "eax": 9}, 2, 9),
    ],
)
def test_writes(prefix, code, registers, index, want):
    cpu = thread(prefix + code, **registers)
    assert cpu.run().kind == TrapKind.INT
    assert word(cpu, index) == want
    others = [i for i in range(64) if i != index]
    assert [word(cpu, i) for i in others] == [0x01010101 * i for i in others]


@pytest.mark.parametrize("code", ["f0650fb10d04000000", "65f00fb10d04000000"])
def test_locked_compare_and_exchange(code):
    cpu = thread(code, eax=0x01010101, ecx=5)
    assert cpu.run().kind == TrapKind.INT
    assert (word(cpu, 1), cpu.eflags & 0x40) == (5, 0x40)
    cpu.eip = 0x1000
    assert cpu.run().kind == TrapKind.INT
    assert (word(cpu, 1), cpu.eax, cpu.eflags & 0x40) == (5, 5, 0)


@pytest.mark.parametrize(("left", "flags"), [(0x01010101, 0x40), (0, 1), (0x7F000000, 0)])
def test_compare_and_branch(left, flags):
    # cmp eax, gs:[4]; pushf; pop edx
    cpu = thread("653b0504000000 9c 5a", eax=left)
    assert cpu.run().kind == TrapKind.INT
    assert cpu.edx & 0x41 == flags


def test_floating_point_and_vectors():
    # fld qword gs:[8]; fstp qword fs:[0x40]; movaps xmm1, fs:[0x10]; movups gs:[0x81], xmm1
    cpu = thread("65dd0508000000 64dd1d40000000 640f280d10000000 650f110d81000000")
    cpu.memory.write(BASE + 8, struct.pack("<d", 1.25))
    assert cpu.run().kind == TrapKind.INT
    assert struct.unpack("<d", cpu.memory.read(BASE + 0x40, 8)) == (1.25,)
    assert cpu.memory.read(BASE + 0x81, 16) == WORDS[0x10:0x20]


def test_prefixes_in_any_order():
    for code in ("65f20f100d08000000", "f2650f100d08000000"):  # movsd xmm1, gs:[8]
        cpu = thread(code)
        assert cpu.run().kind == TrapKind.INT
        assert cpu.fpu[160 + 16 : 160 + 32] == WORDS[8:16] + bytes(8)


def test_push_and_pop():
    # push gs:[4]; push fs:[ebx+8]; pop gs:[0x40]; pop eax
    cpu = thread("65ff3504000000 64ff7308 658f0540000000 58", ebx=4)
    assert cpu.run().kind == TrapKind.INT
    assert (word(cpu, 16), cpu.eax, cpu.esp) == (0x03030303, 0x01010101, 0x1F000)


def test_pop_to_an_address_from_the_stack_pointer():
    """The address is made of ESP as it is after the pop."""
    cpu = thread("658f442404", base=(BASE - 0x1F000) % (1 << 32), esp=0x1F000)
    cpu.memory.store32(0x1F000, 0x55)
    assert cpu.run().kind == TrapKind.INT
    assert (word(cpu, 2), cpu.esp) == (0x55, 0x1F004)


def test_indirect_call_and_jump():
    # call gs:[0x10]; inc eax; int 0x40; f at 0x100c: mov eax, 5; jmp gs:[0x14]
    cpu = machine(bytes.fromhex("65ff1510000000 40 cd40 9090 b805000000 65ff2514000000 c3"))
    cpu.thread_segment = BASE
    cpu.memory.store32(BASE + 0x10, 0x100C)
    cpu.memory.store32(BASE + 0x14, 0x1018)
    for _ in range(4):
        cpu.eip = 0x1000
        assert cpu.run().kind == TrapKind.INT
        assert (cpu.eax, cpu.eip, cpu.esp, cpu.ecx) == (6, 0x100A, 0x1F000, 0)
    cpu.memory.store32(BASE + 0x14, 0x50000)
    cpu.eip = 0x1000
    trap = cpu.run()
    assert (trap.kind, trap.address, cpu.eip) == (TrapKind.FAULT, 0x50000, 0x50000)
    assert cpu.memory.load32(cpu.esp) == 0x1007


@pytest.mark.parametrize(
    ("code", "base", "registers", "address", "write"),
    [
        ("65a100000000", 0, {}, 0, False),
        ("65a300000000", 0, {}, 0, True),
        ("65a100000000", LIMIT, {}, LIMIT, False),
        ("65a100000000", LIMIT - 3, {}, LIMIT - 3, False),
        ("658903", 0xFFFFFFF0, {"ebx": 0}, 0xFFFFFFF0, True),
        ("648b448b10", 0xF0000000, {"ebx": 0xFFFFFFFF, "ecx": 4}, 0xF000001F, False),  # the core's
        ("658b03", 0xF8000000, {"ebx": 4}, 0xF8000004, False),
        ("658b03", BASE, {"ebx": 0x10000}, BASE + 0x10000, False),
        ("65c605fcff000001", 0x1000 - 0xFFFC + 8 + (1 << 32), {}, 0x1008, True),  # the text
        ("65ff33", 0x90000000, {"ebx": 0}, 0x90000000, False),  # push
        ("658f03", 0x90000000, {"ebx": 0}, 0x90000000, True),  # pop
        ("65ff13", 0x90000000, {"ebx": 0}, 0x90000000, False),  # call
        ("650f2803", 0xA0000000, {"ebx": 0}, 0xA0000000, False),
        ("f0650fb10b", 0xA0000000, {"ebx": 0}, 0xA0000000, True),
    ],
)
def test_faults_are_exact(code, base, registers, address, write):
    registers = {"esp": 0x1F000, "eax": 3, "edx": 4, **registers}
    cpu = thread("90" + code, base=base % (1 << 32), **registers)
    for _ in range(2):
        cpu.eip = 0x1000
        trap = cpu.run()
        assert (trap.kind, trap.address, trap.write) == (TrapKind.FAULT, address, write), trap
        assert cpu.eip == 0x1001
        for name, value in registers.items():
            assert getattr(cpu, name) == value, name


def test_addresses_wrap():
    cpu = thread("658b03", base=(BASE + 4) % (1 << 32), ebx=0xFFFFFFFC)
    assert (cpu.run().kind, cpu.eax) == (TrapKind.INT, 0)
    cpu = thread("658b4308", base=0xFFFFFFF0, ebx=BASE + 0x10)
    assert (cpu.run().kind, cpu.eax) == (TrapKind.INT, 0x02020202)


@pytest.mark.parametrize(
    "code",
    [
        "65a4",  # movsb
        "65d7",  # xlat
        "650ff7c1",  # maskmovq
        "6540",  # no operand in memory
        "6589c8",
        "65c3",
        "65eb00",
        "6565a100000000",  # more than one segment
        "6564a100000000",
        "653ea100000000",
        "2665a100000000",
        "6567a100000000",
        "65f08b00",  # LOCK where it may not be
        "65f4",  # privileged
        "650fae00",  # fxsave, which the core emulates
        "6566668b848b00000000 0000000000",  # 66 twice
        "65f30f1f0500000000",
        "8ee8",  # mov gs, eax
        "0fa8",  # push gs
        "650f0b",
        "65c4e27118c0",
    ],
)
def test_what_remains_forbidden(code):
    cpu = thread("90" + code)
    trap = cpu.run()
    assert (trap.kind, cpu.eip) == (TrapKind.ILLEGAL, 0x1001), trap


def test_an_instruction_is_at_most_fifteen_bytes():
    padded = "66" * 5 + "65" + "0f1f840000000000"  # fourteen
    assert thread(padded).run().kind == TrapKind.INT
    assert thread("66" + padded).run().kind == TrapKind.INT
    cpu = thread("6666" + padded)
    assert (cpu.run().kind, cpu.eip) == (TrapKind.ILLEGAL, 0x1000)


def test_across_the_end_of_the_text():
    for cut in ("65", "65a1", "65a1000000", "f065"):
        cpu = machine(b"\x90" * (0x1000 - len(cut) // 2) + bytes.fromhex(cut))
        cpu.thread_segment = BASE
        trap = cpu.run()
        at = 0x2000 - len(cut) // 2
        assert (trap.kind, trap.address, cpu.eip) == (TrapKind.FAULT, 0x2000, at)


def test_the_base_changes_between_runs():
    cpu = thread("65a104000000")
    for i in [*range(20), *range(20), *(i % 60 for i in range(3000))]:
        cpu.thread_segment = BASE + 4 * i
        assert cpu.thread_segment == BASE + 4 * i
        cpu.eip = 0x1000
        assert cpu.run().kind == TrapKind.INT
        assert cpu.eax == 0x01010101 * (i + 1)


def test_each_cpu_of_one_cache_has_its_own():
    cpus = [thread("65a104000000")]
    for i in range(1, 8):
        other = Memory(1 << 20, cpus[0].memory.code)
        text, _ = cpus[0].memory.where(0x1000)
        data = MemoryObject(0x10000)
        other.map(0x1000, text, READ | EXEC)
        other.map(DATA, data, READ | WRITE)
        other.write(BASE, WORDS)
        cpus.append(Cpu(other))
        cpus[i].thread_segment = BASE + 4 * i
    for _ in range(3):
        for i, cpu in enumerate(cpus):
            cpu.eip = 0x1000
            assert cpu.run().kind == TrapKind.INT
            assert cpu.eax == 0x01010101 * (i + 1)
    stats = cpus[0].memory.code.stats()
    for cpu in cpus:
        cpu.eip = 0x1000
        assert cpu.run().kind == TrapKind.INT
    assert cpus[0].memory.code.stats()["host_bytes"] == stats["host_bytes"]


def test_more_places_and_bases_than_are_remembered():
    """100 accesses with 30 bases each."""
    cpu = thread("".join(f"6503 05 {4 * (i % 8):02x}000000" for i in range(100)))
    want = sum(0x01010101 * (i % 8) for i in range(100))
    for _ in range(3):
        for i in range(30):
            cpu.thread_segment = BASE + 4 * i
            cpu.eip, cpu.eax = 0x1000, 0
            assert cpu.run().kind == TrapKind.INT
            assert cpu.eax == (want + 100 * i * 0x01010101) % (1 << 32)


def test_copy_state_takes_it_along():
    cpu = thread("65a104000000")
    child = Cpu(cpu.memory)
    child.copy_state(cpu)
    assert child.thread_segment == BASE
    assert child.run().kind == TrapKind.INT
    assert child.eax == 0x01010101
    fresh = Cpu(cpu.memory)
    child.copy_state(fresh)
    assert child.thread_segment is None


def test_flush_between():
    cpu = thread("65a104000000")
    for _ in range(3):
        cpu.memory.code.flush()
        cpu.eip = 0x1000
        assert cpu.run().kind == TrapKind.INT
        assert cpu.eax == 0x01010101


def test_code_that_writes_over_itself():
    """mov gs:[..], 7 of the operand behind it; and the store itself is changed by the host."""
    memory = Memory(1 << 20)
    text = MemoryObject(0x2000)
    text.write(0, bytes.fromhex("65c6050900000007 b001 cd40"))  # mov byte gs:[9], 7; mov al, 1
    memory.map(0x1000, text, READ | WRITE | EXEC)
    cpu = Cpu(memory)
    cpu.thread_segment = 0x1000
    for i in range(7, 12):
        memory.write(0x1007, bytes([i]))
        memory.write(0x1009, b"\x01")
        cpu.eip = 0x1000
        assert cpu.run().kind == TrapKind.INT
        assert cpu.eax & 0xFF == i


def test_a_loop_of_them(capsys):
    # mov ecx, 100000; again: mov eax, gs:[0]; add edx, eax; loop again
    cpu = thread("b9a0860100 65a100000000 01c2 e2f6", base=BASE + 4)
    start = time.perf_counter()
    while (trap := cpu.run(1_000_000)).kind == TrapKind.QUANTUM:
        pass
    rate = (time.perf_counter() - start) / 100_000
    assert (trap.kind, cpu.ecx, cpu.edx) == (TrapKind.INT, 0, 0x01010101 * 100_000 % (1 << 32))
    assert cpu.memory.code.stats()["host_bytes"] < 2000
    with capsys.disabled():
        print(f"{1e9 * rate:.0f} ns an access to a thread segment")


def test_interrupted_anywhere():
    """After any number of emitted instructions, with the base or not, it goes on as it would."""
    code = "6503050400000065ff7308658f430c"  # add eax, gs:[4]; push gs:[ebx+8]; pop gs:[ebx+12]
    for count in range(1, 40):
        cpu = thread(code, ebx=4, eax=1)
        trap, _, _ = cpu._step(count)
        while trap.kind != TrapKind.INT:
            assert trap.kind == TrapKind.INTERRUPT
            other = Cpu(cpu.memory)  # of nothing but the state that a host sees
            other.copy_state(cpu)
            cpu = other
            trap = cpu.run(1_000_000)
        assert (cpu.eax, word(cpu, 4), cpu.esp) == (0x01010102, 0x03030303, 0x1F000)
