"""Registers, flags, faults and traps, seen by the host program."""

import math
import struct
import subprocess
import sys

import pytest

from vx9.vxcore import (
    EXEC,
    READ,
    WRITE,
    Cpu,
    Memory,
    MemoryFault,
    MemoryObject,
    TrapKind,
    capabilities,
    offer,
)

from .elf32 import machine

DATA = 0x10000


def run(code: str, **registers) -> tuple:
    cpu = machine(bytes.fromhex(code))
    for name, value in registers.items():
        setattr(cpu, name, value)
    trap = cpu.run()
    return cpu, trap


def test_int_returns_to_the_host_with_eip_after_it():
    cpu, trap = run("b82a000000 cd40 cd41")
    assert (trap.kind, trap.number, cpu.eax, cpu.eip) == (TrapKind.INT, 0x40, 42, 0x1007)
    assert cpu.run().number == 0x41


def test_registers_survive_the_crossing():
    cpu = machine(bytes.fromhex("cd40 ebfc"))
    values = tuple(0x11111111 * i for i in range(1, 9))
    cpu.set_regs((*values[:4], 0x1F000, *values[5:], 0x1000, 0x202))
    for _ in range(3):
        assert cpu.run().kind == TrapKind.INT
        assert cpu.get_regs()[:4] == values[:4]
        assert cpu.get_regs()[5:8] == values[5:]


@pytest.mark.parametrize("flags", [0, 1, 4, 0x10, 0x40, 0x80, 0x800, 0x400, 0xCD5, 0x8D5])
def test_flags_survive_every_transfer(flags):
    code = bytes.fromhex(
        "eb00"  # jmp next
        "e802000000"  # call f
        "eb01"  # jmp over
        "c3"  # f: ret
        "ba11100000"  # mov edx, 0x1011
        "ffe2"  # jmp edx
        "cd40"
    )
    cpu = machine(code)
    cpu.eflags = flags
    trap = cpu.run()
    assert trap.kind == TrapKind.INT
    assert cpu.eflags & 0xCD5 == flags


def test_popf_cannot_set_what_would_hurt_the_host():
    # push 0xffffffff; popf; pushf; pop eax; int 0x40
    cpu, trap = run("6aff 9d 9c 58 cd40")
    assert trap.kind == TrapKind.INT
    assert cpu.eax == 0x200ED7  # CF PF AF ZF SF DF OF, IF, ID and the bit that is always 1
    assert cpu.eflags & (0x100 | 0x4000 | 0x40000) == 0
    # AC would make the host's unaligned accesses fault, NT its iret
    assert struct.unpack_from("<I", b"\0\1\2\3\4\5", 1)[0] == 0x04030201


# feature: CPUID leaf, register, bit, and an instruction of it
TOLD = {
    "x87": (1, "edx", 0, "d9e8"),
    "mmx": (1, "edx", 23, "0f77"),
    "sse": (1, "edx", 25, "0f57c0"),
    "sse2": (1, "edx", 26, "660fefc0"),
    "sse3": (1, "ecx", 0, "f20f12c0"),
    "pclmul": (1, "ecx", 1, "660f3a44c000"),
    "ssse3": (1, "ecx", 9, "660f3800c0"),
    "sse41": (1, "ecx", 19, "660f3817c0"),
    "sse42": (1, "ecx", 20, "f20f38f1c0"),
    "popcnt": (1, "ecx", 23, "f30fb8c0"),
    "aes": (1, "ecx", 25, "660f38dcc0"),
    "sha": (7, "ebx", 29, "0f38c8c0"),
    "lzcnt": (0x80000001, "ecx", 5, "f30fbdc0"),
}
# What must never be told: no VEX (FMA, OSXSAVE, AVX, F16C), nothing that we refuse.
HIDDEN = {
    (1, "ecx"): 1 << 3 | 1 << 12 | 1 << 22 | 1 << 26 | 1 << 27 | 1 << 28 | 1 << 29 | 1 << 30,
    (1, "edx"): 1 << 11 | 1 << 19,
    (7, "ebx"): 1 << 3 | 1 << 5 | 1 << 8 | 1 << 16 | 1 << 18 | 1 << 19,
    (7, "ecx"): 0xFFFFFFFF,
    (7, "edx"): 0xFFFFFFFF,
    (0x80000001, "edx"): 0xFFFFFFFF,
}


@pytest.fixture
def offered():
    """Leaves what is offered as it was."""
    before = capabilities()["features"]
    yield before
    offer(before)


def cpuid(leaf, register, subleaf=0):
    cpu, trap = run("0fa2 cd40", eax=leaf, ecx=subleaf)
    assert trap.kind == TrapKind.INT
    return getattr(cpu, register)


def test_cpuid_tells_what_is_offered(offered):
    host = capabilities()["host_features"]
    assert set(offered) == set(host) - {"tzcnt"}
    assert set(host) <= {"base", "tzcnt", *TOLD}
    assert cpuid(0, "eax") >= 7 or "sha" not in host
    assert cpuid(0x80000000, "eax") == 0x80000001
    for name, (leaf, register, bit, code) in TOLD.items():
        for names in (set(offered) - {name}, set(offered)):
            offer(names)
            told = cpuid(leaf, register) >> bit & 1
            _, trap = run(code + "cd40", eax=5)
            kind = TrapKind.INT if name in names else TrapKind.ILLEGAL
            assert (told, trap.kind) == (name in names, kind), name
    for (leaf, register), bits in HIDDEN.items():
        assert cpuid(leaf, register) & bits == 0
    assert cpuid(7, "ebx", subleaf=1) == 0
    assert cpuid(0x16, "eax") == cpuid(0x40000000, "eax") == cpuid(0x80000008, "eax") == 0


def test_bsf_with_f3(offered):
    code = "f30fbcc1 0f94c2 cd40"  # rep bsf eax, ecx (tzcnt to newer processors); setz dl
    cpu, _ = run(code, eax=77, ecx=0, edx=0)
    assert (cpu.eax, cpu.edx) == (77, 1)
    cpu, _ = run(code, eax=77, ecx=0x50, edx=9)
    assert (cpu.eax, cpu.edx) == (4, 0)
    if "tzcnt" in capabilities()["host_features"]:
        offer({*offered, "tzcnt"})
        cpu, _ = run(code, eax=77, ecx=0, edx=9)
        assert (cpu.eax, cpu.edx) == (32, 0)
        assert cpuid(7, "ebx") >> 3 & 1 == 0


def test_offer_refuses(offered):
    with pytest.raises(ValueError, match="does not have avx; it has base"):
        offer(["base", "avx"])
    with pytest.raises(ValueError, match="base"):
        offer(["sse2"])
    assert capabilities()["features"] == offered


def test_no_shadow_stack():
    cpu, trap = run("f30f1ec9 cd40", ecx=0x1234)  # rdsspd ecx
    assert (trap.kind, cpu.ecx) == (TrapKind.INT, 0x1234)


def test_direction_flag_is_the_guests_alone():
    cpu, trap = run("fd cd40")
    assert trap.kind == TrapKind.INT
    assert cpu.eflags & 0x400
    assert bytes(bytearray(b"abc" * 1000)) == b"abc" * 1000


@pytest.mark.parametrize(
    ("code", "registers", "address", "write"),
    [
        ("a100000000", {}, 0, False),  # mov eax, [0]
        ("a300000000", {}, 0, True),
        ("8b03", {"ebx": 0xFFFFFFF0}, 0xFFFFFFF0, False),  # beyond the limit
        ("8903", {"ebx": 0x80000000}, 0x80000000, True),
        ("8b44 8b10", {"ebx": 0xFFFFFFFF, "ecx": 4}, 0x1F, False),  # wraps
        ("50", {"esp": 0}, 0xFFFFFFFC, True),  # push
        ("58", {"esp": 0x7FFFFFFF}, 0x7FFFFFFF, False),
        ("c3", {"esp": 4}, 4, False),
        ("e800000000", {"esp": 0x2000}, 0x1FFC, True),  # call pushes into the text
        ("ff13", {"ebx": 0x90000000}, 0x90000000, False),  # call [ebx]
        ("f3a4", {"ecx": 5, "esi": 0x1FFFE, "edi": 0x10000}, 0x20000, False),
        ("c60500100000 01", {}, 0x1000, True),  # the text is read-only
        ("0f2803", {"ebx": 0xA0000000}, 0xA0000000, False),  # movaps
        ("dd03", {"ebx": 0xA0000000}, 0xA0000000, False),  # fld
        ("60", {"esp": 0x10}, 0xC, True),  # pusha: its first push
    ],
)
def test_faults_are_exact(code, registers, address, write):
    registers = {"esp": 0x1F000, **registers}
    cpu, trap = run(code + "cd40", **registers)
    assert trap.kind == TrapKind.FAULT, trap
    assert (trap.address, trap.write) == (address, write)
    assert cpu.eip == 0x1000
    if code != "f3a4":
        for name, value in registers.items():
            assert getattr(cpu, name) == value, name


def test_interrupted_string_instruction_has_its_progress():
    cpu, trap = run("f3a4", ecx=5, esi=0x1FFFE, edi=0x10000)
    assert (cpu.ecx, cpu.esi, cpu.edi) == (3, 0x20000, 0x10002)
    cpu, trap = run("f3aa", ecx=0x100, edi=0x1FFF0)
    assert (trap.address, trap.write) == (0x20000, True)
    assert (cpu.ecx, cpu.edi) == (0xF0, 0x20000)


@pytest.mark.parametrize(
    ("code", "kind", "eip"),
    [
        ("cc", TrapKind.BREAKPOINT, 0x1001),
        ("cd03", TrapKind.BREAKPOINT, 0x1002),
        ("31d2 31c9 f7f1", TrapKind.DIVIDE, 0x1004),
        ("0f0b", TrapKind.ILLEGAL, 0x1000),
        ("f4", TrapKind.PROTECTION, 0x1000),
        ("90 8ed8", TrapKind.ILLEGAL, 0x1001),  # mov ds, ax
        ("65a100000000", TrapKind.ILLEGAL, 0x1000),  # gs:
        ("0f05", TrapKind.ILLEGAL, 0x1000),
        ("ea000000003300", TrapKind.ILLEGAL, 0x1000),  # far jmp to 64-bit code
        ("b8ffffff7f 83c001 ce", TrapKind.OVERFLOW, 0x1009),
        ("0f2805 08000100", TrapKind.PROTECTION, 0x1000),  # movaps, not aligned
    ],
)
def test_traps(code, kind, eip):
    cpu, trap = run(code + "cd40")
    assert (trap.kind, cpu.eip) == (kind, eip), trap


def test_jump_to_nowhere_faults_there():
    for target in (0, 0x50000, 0xF0000000, 0xF8000000, 0xFFFFFFFF, DATA):
        cpu, trap = run("ffe0", eax=target)
        assert (trap.kind, trap.address, trap.write) == (TrapKind.FAULT, target, False)
        assert (cpu.eip, cpu.eax) == (target, target)


def test_instruction_across_the_end_of_the_text():
    cpu = machine(b"\x90" * 4094 + b"\xb8\x01")  # mov eax, imm32 cut off
    trap = cpu.run()
    assert (trap.kind, trap.address, cpu.eip) == (TrapKind.FAULT, 0x2000, 0x1FFE)


def test_unmasked_floating_point_exceptions():
    # fninit; fldcw [DATA]; fld1; fldz; fdivp; fwait
    cpu = machine(bytes.fromhex("dbe3 d92d00000100 d9e8 d9ee def9 9b cd40"))
    cpu.memory.write(DATA, b"\x32\x02")  # Plan 9's: zero divide unmasked
    trap = cpu.run()
    assert trap.kind == TrapKind.FPU
    # the same by SSE: ldmxcsr with nothing masked; divsd
    cpu = machine(bytes.fromhex("0fae1500000100 660fefc9 f20f2ac0 f20f5ec1 cd40"))
    cpu.memory.write(DATA, struct.pack("<I", 0))
    cpu.eax = 1
    assert cpu.run().kind == TrapKind.SIMD
    assert float.fromhex("0x1.5555555555555p-2") == 1.0 / 3.0


def test_guest_rounding_modes_stay_in_the_guest():
    # fldcw: round up, single precision; ldmxcsr: flush to zero, round down
    cpu = machine(bytes.fromhex("d92d00000100 0fae1504000100 cd40 ebfc"))
    cpu.memory.write(DATA, struct.pack("<II", 0x087F, 0x1F80 | 0x8000 | 0x2000 | 0x40))
    for _ in range(3):
        assert cpu.run().kind == TrapKind.INT
        assert math.ldexp(1.0, -1074) > 0
        assert 5e-324 * 1.0 > 0
        assert float.fromhex("0x1.5555555555555p-2") == 1.0 / 3.0
    image = cpu.fpu
    assert struct.unpack_from("<H", image, 0)[0] == 0x087F
    assert struct.unpack_from("<I", image, 24)[0] == 0x1F80 | 0x8000 | 0x2000 | 0x40


def test_fpu_state_is_each_guests_own():
    # movd xmm0, eax; int 0x40; movd eax, xmm0; int 0x41
    code = bytes.fromhex("660f6ec0 cd40 660f7ec0 cd41")
    a, b = machine(code), machine(code)
    a.eax, b.eax = 111, 222
    a.run(), b.run()
    assert sum(x / 7.0 for x in range(100)) > 0
    a.eax = b.eax = 0
    a.run(), b.run()
    assert (a.eax, b.eax) == (111, 222)
    fresh = machine(bytes.fromhex("660f7ec0 cd40"))
    fresh.run()
    assert fresh.eax == 0


def test_environment_store_tells_no_host_address():
    # fld1; fnstenv [DATA]; fnsave [DATA+64]; fxsave [DATA+512]
    cpu, trap = run("d9e8 d93500000100 dd3540000100 0fae0500020100 cd40")
    assert trap.kind == TrapKind.INT
    env = struct.unpack("<7I", cpu.memory.read(DATA, 28))
    assert env[0] & 0xFFFF == 0x37F
    assert (env[1] >> 11) & 7 == 7
    assert env[3:6] == (0, 0, 0)
    assert cpu.memory.read(DATA + 512 + 8, 16) == bytes(16)
    assert cpu.memory.read(DATA + 512 + 288, 128) == bytes(128)


def test_quantum_and_interrupt():
    cpu, trap = run("41 ebfd")  # inc ecx; jmp back
    assert trap.kind == TrapKind.QUANTUM
    first = cpu.ecx
    assert cpu.run(4000).kind == TrapKind.QUANTUM
    assert cpu.ecx > first
    cpu.interrupt()
    assert cpu.run().kind == TrapKind.INTERRUPT
    assert cpu.run(1).kind == TrapKind.QUANTUM


def test_copy_state_is_a_fork():
    cpu, _ = run("660f6ec0 cd40 660f7ec0 cd41", eax=5)
    child = Cpu(cpu.memory)
    child.copy_state(cpu)
    child.eax = 0
    assert child.run().number == 0x41
    assert child.eax == 5


def test_host_access_to_guest_memory():
    memory = Memory(1 << 20)
    a, b = MemoryObject(0x1000), MemoryObject(0x1000)
    memory.map(0x10000, a, READ | WRITE)
    memory.map(0x11000, b, READ | WRITE)
    memory.write(0x10FFE, b"across")
    assert memory.read(0x10FFE, 6) == b"across"
    assert b.read(0, 4) == b"ross"
    assert memory.cstring(0x10FFE, 100) == b"across"
    for address, count in ((0xFFFF, 2), (0x11FFF, 2), (0, 1), (0xFFFFFFFF, 2), (0x10000, 1 << 31)):
        with pytest.raises(MemoryFault):
            memory.read(address, count)
    with pytest.raises(MemoryFault) as e:
        memory.write(0x11FFE, b"1234")
    assert (e.value.address, e.value.write) == (0x12000, True)
    assert memory.read(0x11FFE, 2) == b"\0\0"  # all or nothing
    assert memory.where(0x11004) == (b, 4)
    assert memory.cas32(0x10000, 0, 7) and not memory.cas32(0x10000, 0, 8)
    memory.unmap(0x10000)
    with pytest.raises(MemoryFault):
        memory.load32(0x10000)
    for prot in (0, WRITE, EXEC, WRITE | EXEC, 9):
        with pytest.raises(ValueError, match="protection"):
            memory.map(0x20000, MemoryObject(1), prot)
    with pytest.raises(ValueError, match="overlap"):
        memory.map(0x11000, MemoryObject(1), READ)
    memory.close()
    with pytest.raises(ValueError, match="closed"):
        memory.read(0, 1)


def test_objects_grow_shrink_and_are_shared():
    shared = MemoryObject(0x1000, 0x4000)
    code = bytes.fromhex("a100000300 cd40 ebf7")
    cpus = []
    for _ in range(2):
        cpu = machine(code)
        cpu.memory.map(0x2F000, shared, READ | WRITE)
        cpus.append(cpu)
    for cpu in cpus:
        assert cpu.run().kind == TrapKind.FAULT
    shared.resize(0x2000)
    shared.write(0x1000, b"\x2a\0\0\0")
    for cpu in cpus:
        assert cpu.run().kind == TrapKind.INT
        assert cpu.eax == 42
    snapshot = shared.copy()
    shared.write(0x1000, b"\x2b\0\0\0")
    assert snapshot.read(0x1000, 1) == b"\x2a"
    shared.resize(0x1000)
    for cpu in cpus:
        assert cpu.run().kind == TrapKind.FAULT
    shared.resize(0x2000)
    assert shared.read(0x1000, 4) == bytes(4)
    with pytest.raises(ValueError, match="reserve"):
        shared.resize(0x5000)


def test_more_guests_than_slots():
    """Slots bound what runs at once, not what exists."""
    code = bytes.fromhex("41 cd40 ebfb")
    cpus = [machine(code, limit=500 << 20 if i % 3 else 1 << 20) for i in range(20)]
    for turn in range(1, 4):
        for cpu in cpus:
            assert cpu.run().kind == TrapKind.INT
            assert cpu.ecx == turn


def test_a_small_guest_runs_where_large_ones_were():
    """In a process of its own, which has no small slot from other tests."""
    program = """
from vx9.vxcore import EXEC, READ, Cpu, Memory, MemoryObject

def run(limit):
    memory, text = Memory(limit), MemoryObject(2)
    text.write(0, b"\\xcd\\x40")
    memory.map(0x1000, text, READ | EXEC)
    cpu = Cpu(memory)
    cpu.eip = 0x1000
    cpu.run()
    return memory

for _ in range(20):
    run(200 << 20).close()
kept = [run(200 << 20) for _ in range(20)]
run(1 << 20)
run(200 << 20)
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_small_guests_find_room_where_large_ones_were():
    code = bytes.fromhex("41 cd40 ebfb")
    large = [machine(code, limit=limit) for limit in Memory.LIMITS[1:] for _ in range(8)]
    for cpu in large:
        assert cpu.run().kind == TrapKind.INT
    for cpu in large[::2]:
        cpu.memory.close()
    small = [machine(code) for _ in range(70)]
    for cpu in small + large[1::2] + small:
        assert cpu.run().kind == TrapKind.INT


def test_rewritten_text_is_translated_again():
    cpu = machine(bytes.fromhex("b801000000 cd40"))
    cpu.run()
    text = cpu.memory.where(0x1000)[0]
    text.write(1, b"\x02")
    cpu.eip = 0x1000
    cpu.run()
    assert cpu.eax == 2
