"""Code that is written while it runs: by the guest, by its host, by who shares its memory."""

import struct
import threading
import time

import pytest

from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject, TrapKind

from . import elf32

RWX = READ | WRITE | EXEC
CODE, DATA = 0x1000, 0x20000

# A just-in-time compiler: writes functions of its own, runs each, and returns their sum.
JIT = r"""
static int call(int n, int a, const void *b, int c)
{
    int r;
    __asm__ volatile("int $0x80" : "=a"(r) : "0"(n), "b"(a), "c"(b), "d"(c) : "memory");
    return r;
}
void __attribute__((force_align_arg_pointer)) _start(void)
{
    unsigned char *area = (unsigned char *)AREA, *p = area;
    unsigned i, sum = 0;
    for (i = 0; i < COUNT; i++) {
        if (p + 32 > area + SIZE)
            p = area;
        unsigned char *f = p;
        *p++ = 0xb8;                    /* mov $i, %eax */
        *(unsigned *)p = i, p += 4;
        *p++ = 0x8d, *p++ = 0x44, *p++ = 0x00, *p++ = 1;  /* lea 1(%eax,%eax), %eax */
        *p++ = 0xc3;
        sum += ((unsigned (*)(void))f)();
    }
    char text[8];
    for (i = 0; i < 8; i++, sum <<= 4)
        text[i] = "0123456789abcdef"[sum >> 28];
    call(4, 1, text, 8);
    call(1, 0, 0, 0);
}
"""


def machine(code: bytes) -> Cpu:
    memory = Memory(1 << 20)
    text = MemoryObject(0x2000)
    text.write(0, code)
    memory.map(CODE, text, RWX)
    memory.map(DATA, MemoryObject(0x1000), READ | WRITE)
    cpu = Cpu(memory)
    cpu.eip, cpu.esp = CODE, DATA + 0x800
    return cpu


@pytest.mark.guest
@pytest.mark.parametrize(("count", "size"), [(100_000, 0x10000), (20_000, 32)])
def test_just_in_time_compiler(tmp_path, count, size):
    area = 0x9000000
    path = elf32.compile_guest(JIT, tmp_path / "jit", f"-DAREA={area}", f"-DCOUNT={count}",
                               f"-DSIZE={size}")
    cpu = elf32.load(path)
    cpu.memory.map(area, MemoryObject(0x10000), RWX)
    start = time.perf_counter()
    status, output, trap = elf32.serve(cpu)
    rate = count / (time.perf_counter() - start)
    assert trap is None, (trap, hex(cpu.eip))
    assert status == 0
    assert int(output, 16) == sum(2 * i + 1 for i in range(count)) & 0xFFFFFFFF
    print(f"{rate:.0f} functions made and run each second")


def test_the_next_instruction():
    # mov byte [next+1], 7; next: mov al, 1; int 0x40
    cpu = machine(bytes.fromhex("c6050810000007 b001 cd40"))
    for _ in range(3):
        cpu.eip = CODE
        assert cpu.run().kind == TrapKind.INT
        assert cpu.eax & 0xFF == 7
        cpu.memory.write(CODE + 8, b"\x01")


def test_the_rest_of_a_string_instruction():
    """rep stosb over itself: the bytes behind it are run as written."""
    # mov edi, next; mov ecx, 2; mov al, 0x40; cld; rep stosb; next: ud2 -> inc eax, twice
    cpu = machine(bytes.fromhex("bf0f100000 b902000000 b040 fc f3aa 0f0b cd40"))
    assert cpu.run().kind == TrapKind.INT
    assert cpu.eax & 0xFF == 0x42


def test_the_host_writes():
    cpu = machine(bytes.fromhex("b801000000 cd40 ebf7"))
    for i in range(2, 6):
        assert cpu.run().kind == TrapKind.INT
        assert cpu.eax == i - 1
        word = struct.pack("<I", i)
        text = cpu.memory.where(CODE)[0]
        if i == 2:
            cpu.memory.write(CODE + 1, word)
        elif i == 3:
            text.write(1, word)
        elif i == 4:
            cpu.memory.store32(CODE + 1, i)
        else:
            text.zero(0, 0x1000)
            text.write(0, bytes.fromhex("b8 00000000 cd40 ebf7") + b"")
            text.write(1, word)
    assert cpu.run().kind == TrapKind.INT
    assert cpu.eax == 5


def test_another_memory_that_shares_it_writes():
    cpu = machine(bytes.fromhex("b801000000 cd40 ebf7"))
    text = cpu.memory.where(CODE)[0]
    cpu.run()
    # mov dword [0x30001], 9; int 0x41
    other = machine(bytes.fromhex("c7050100030009000000 cd41"))
    other.memory.map(0x30000, text, READ | WRITE)
    assert other.run().number == 0x41
    assert cpu.run().kind == TrapKind.INT
    assert cpu.eax == 9


def test_calls_between_fixed_and_changing_code():
    """Each side calls the other, directly and not, and returns to it."""
    # fixed at 0x1000: f: inc eax; ret; start at 0x1010: call w; call w through ebx; int 0x40
    memory = Memory(1 << 20)
    fixed, moving = MemoryObject(0x1000), MemoryObject(0x1000)
    fixed.write(0, b"\x40\xc3")
    fixed.write(0x10, b"\xe8" + struct.pack("<i", 0x10000 - 0x1015) + b"\xff\xd3\xcd\x40\xeb\xf5")
    # w: add eax, 10; call f; mov ecx, f; call ecx; ret
    moving.write(0, b"\x83\xc0\x0a\xe8" + struct.pack("<i", 0x1000 - 0x10008)
                 + b"\xb9\0\x10\0\0\xff\xd1\xc3")
    memory.map(0x1000, fixed, READ | EXEC)
    memory.map(0x10000, moving, RWX)
    memory.map(DATA, MemoryObject(0x1000), READ | WRITE)
    cpu = Cpu(memory)
    cpu.eip, cpu.esp, cpu.ebx = 0x1010, DATA + 0x800, 0x10000
    total = 0
    for step in (10, 20, 30):
        memory.write(0x10002, bytes([step]))
        assert cpu.run().kind == TrapKind.INT
        total += 2 * (step + 2)
        assert cpu.eax == total


def test_code_on_a_page_that_is_written_all_the_time():
    """Its own data beside it, and the stack: slow, but right."""
    # loop: inc dword [0x1f00]; push eax; pop edx; inc eax; loop; int 0x40
    cpu = machine(bytes.fromhex("ff05001f0000 50 5a 40 e2f5 cd40"))
    cpu.esp, cpu.ecx = 0x1E00, 300
    assert cpu.run(1_000_000).kind == TrapKind.INT
    assert (cpu.eax, cpu.edx, cpu.memory.load32(0x1F00)) == (300, 299, 300)


def test_one_thread_writes_what_another_runs():
    """Either the old or the new instruction runs, never a mixture."""
    # loop: mov eax, 0x11111111; if it is neither of the two, int 0x41; dec ecx; loop; int 0x40
    runner = machine(bytes.fromhex("b811111111 3d11111111 7407 3d22222222 7505 49 75ea cd40 cd41"))
    writer = Cpu(runner.memory)
    text = runner.memory.where(CODE)[0]
    # loop: mov dword [0x1001], 0x22222222; mov dword [0x1001], 0x11111111; dec ecx; jnz; int
    text.write(0x1800, bytes.fromhex(
        "c7050110000022222222 c7050110000011111111 49 75e9 cd42"))
    writer.eip, writer.esp = CODE + 0x1800, DATA + 0x400
    runner.ecx, writer.ecx = 3000, 300
    ends = []

    def run(cpu):
        while (trap := cpu.run()).kind == TrapKind.QUANTUM:
            pass
        ends.append((trap.kind, trap.number))

    threads = [threading.Thread(target=run, args=(c,)) for c in (runner, writer)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(ends) == [(TrapKind.INT, 0x40), (TrapKind.INT, 0x42)]


def test_a_copy_of_the_memory_has_its_own_code():
    cpu = machine(bytes.fromhex("b801000000 cd40 ebf7"))
    cpu.run()
    text = cpu.memory.where(CODE)[0].copy()
    text.write(1, b"\x05")
    memory = Memory(1 << 20)
    memory.map(CODE, text, RWX)
    child = Cpu(memory)
    child.eip = CODE
    child.run()
    cpu.run()
    assert (cpu.eax, child.eax) == (1, 5)


def test_code_that_is_unmapped_is_gone():
    cpu = machine(bytes.fromhex("b801000000 cd40 ebf7"))
    cpu.run()
    cpu.memory.unmap(CODE)
    trap = cpu.run()
    assert (trap.kind, trap.address) == (TrapKind.FAULT, CODE + 7)
