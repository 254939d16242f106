"""Every instruction that is copied, with random operands: the same as on the bare processor.

One program runs a few thousand instructions, each from a known state, and writes out what each
left behind: registers, flags, x87 and SSE state, memory.
"""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

import vx9.vxcore

from . import elf32

pytestmark = pytest.mark.guest

CORE = Path(vx9.vxcore.__file__).parent
OFFERED = set(vx9.vxcore.capabilities()["host_features"])
# Whose outcome is a trap, the time, or a state in which later ones would trap.
LEFT_OUT = set(
    "div idiv bound rdtsc ldmxcsr fldcw fldenv frstor fxrstor aam into popf std".split()
)
PER_ROW = 6

HEAD = r"""
    .intel_syntax noprefix
    .globl _start
    .bss
    .p2align 12
    .skip 262144
stack:
    .skip 65536
    .data
    .p2align 6
B:  .skip 2048
R:  .skip 64
X:  .skip 512
    .section .rodata
    .p2align 6
"""

BEGIN = """
    mov esi, offset I
    mov edi, offset B
    mov ecx, 512
    cld
    rep movsd
    fxrstor [XI]
    mov eax, {flags}
    add al, 0x7f
    sahf
    mov ebx, offset B + 512
    mov ecx, {ecx}
    mov edx, {edx}
    mov esi, offset B + 1024
    mov edi, offset B + 1280
    mov ebp, offset B + 768
    mov esp, offset stack
    mov eax, {eax}
"""

END = """
    mov [R], eax
    mov [R+4], ecx
    mov [R+8], edx
    mov [R+12], ebx
    mov [R+16], esp
    mov [R+20], ebp
    mov [R+24], esi
    mov [R+28], edi
    lahf
    seto al
    mov [R+32], eax
    mov byte ptr [R+34], 0
    mov byte ptr [R+35], 0
    fxsave [X]
    mov eax, 4
    mov ebx, 1
    mov ecx, offset B
    mov edx, 2048 + 64 + 288
    int 0x80
"""
RECORD = 2048 + 64 + 288


def table():
    spec = importlib.util.spec_from_file_location("mkinsns", CORE / "mkinsns.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mkinsns"] = module
    spec.loader.exec_module(module)
    return module, module.rows((CORE / "insns.tab").read_text())


def encode(mkinsns, row, rng):
    """Assembler text of one instruction of the row; None if it would leave the buffer."""
    prefix = b"" if row.prefix == "-" else bytes.fromhex(row.prefix)
    size16 = "o16" in row.attributes and rng.random() < 0.3
    if size16:
        prefix += b"\x66"
    if row.attributes & {"rep", "repz"}:
        prefix += rng.choice([b"", b"\xf3"] + ([b"\xf2"] if "repz" in row.attributes else []))
    map_, opcode = rng.choice(row.cells())
    body = [b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a"][map_] + bytes([opcode])
    places = row.selects()
    if places is not None:
        place = rng.choice(places)
        if place < 8:
            if "bits" in row.attributes and not row.immediate().startswith("I"):
                return None
            body += bytes([0x45 | place << 3, rng.randrange(-8, 8) * 16 & 0xFF])
            if "lock" in row.attributes and rng.random() < 0.3:
                prefix += b"\xf0"
            if rng.random() < 0.1:
                prefix += rng.choice([b"\x26", b"\x36", b"\x3e"])
        else:
            body += bytes([0xC0 + place - 8])
    text = "    .byte " + ", ".join(hex(x) for x in prefix + body) + "\n"
    if row.memory().startswith("O"):
        return text + f"    .long B + {rng.randrange(512)}\n"
    if n := mkinsns.IMMEDIATES[row.immediate()][size16]:
        text += "    .byte " + ", ".join(hex(rng.randrange(256)) for _ in range(n)) + "\n"
    return text


def program(seed):
    """(assembler source, the feature, name and text of each case)."""
    rng = random.Random(seed)
    mkinsns, rows = table()
    cases = []
    for row in rows:
        if row.action != "copy" or row.feature not in OFFERED or row.name in LEFT_OUT:
            continue
        for _ in range(PER_ROW):
            text = encode(mkinsns, row, rng)
            if text:
                cases.append((row.feature, f"{row.name} {' '.join(row.operands)}", text))
    image = bytearray(rng.randbytes(512))
    image[0:32] = bytes.fromhex("7f03 0000 0f00") + bytes(18) + bytes.fromhex("801f0000 00000000")
    for i in range(8):  # numbers of ordinary size, in x87 and in SSE
        image[32 + 16 * i : 48 + 16 * i] = rng.randbytes(7) + b"\xc0" + b"\x00\x40" + bytes(6)
        image[160 + 16 * i : 176 + 16 * i] = rng.randbytes(7) + b"\x3f" + rng.randbytes(7) + b"\x40"
    image[288:] = bytes(224)
    memory = bytearray(rng.randbytes(2048))
    for at in range(0, 2048, 32):  # some of it numbers too
        memory[at + 7] = 0x3F
    source = [HEAD, "I: .byte " + ",".join(map(str, memory)), "\n    .p2align 6\n",
              "XI: .byte " + ",".join(map(str, image)), "\n    .text\n_start:\n"]
    for _, _, text in cases:
        source.append(BEGIN.format(
            flags=hex(rng.randrange(256) << 8 | rng.randrange(2)),
            eax=hex(rng.getrandbits(32)),
            ecx=rng.choice([0, 1, 3, 5, 9, 31]),
            edx=hex(rng.getrandbits(32)),
        ))
        source.append(text)
        source.append(END)
    source.append("    mov eax, 1\n    xor ebx, ebx\n    int 0x80\n")
    return "".join(source), cases


def clean(record: bytes) -> bytes:
    """Without where the last x87 instruction was, which is ours to hide."""
    x = 2048 + 64
    return record[: x + 6] + record[x + 24 :]


@pytest.fixture
def all_offered():
    """What guests are not told of (tzcnt) is tried too."""
    before = vx9.vxcore.capabilities()["features"]
    vx9.vxcore.offer(OFFERED)
    yield
    vx9.vxcore.offer(before)


def test_every_feature_is_tried():
    _, cases = program(seed=9)
    assert {feature for feature, _, _ in cases} == OFFERED


def test_copied_instructions_do_what_they_do_natively(tmp_path, all_offered):
    source, cases = program(seed=9)
    assert len(cases) > 2000
    path = elf32.compile_guest(source, tmp_path / "all", suffix=".S")
    status, expected = elf32.native(path)
    assert status == 0
    cpu = elf32.load(path)
    status, output, trap = elf32.serve(cpu)
    done = len(output) // RECORD
    assert trap is None, (trap, hex(cpu.eip), cases[min(done, len(cases) - 1)])
    assert len(output) == len(expected) == RECORD * len(cases)
    wrong = []
    for i, case in enumerate(cases):
        at = slice(i * RECORD, (i + 1) * RECORD)
        a, b = clean(output[at]), clean(expected[at])
        if a != b:
            where = [k for k in range(len(a)) if a[k] != b[k]]
            wrong.append((case, where[:8], a[2048:2084].hex(), b[2048:2084].hex()))
    assert not wrong, "\n".join(map(str, wrong[:10]))
