"""The vx32 use: a host program runs an ELF32 guest under an API of three calls of its own."""

import pytest

from . import elf32

pytestmark = pytest.mark.guest

SOURCE = r"""
static int call(int n, int a, const void *b, int c)
{
    int r;
    __asm__ volatile("int $0x80" : "=a"(r) : "0"(n), "b"(a), "c"(b), "d"(c) : "memory");
    return r;
}
static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static int (*volatile twice[2])(int) = {fib, fib};
void __attribute__((force_align_arg_pointer)) _start(void)
{
    char text[12];
    int i, n = twice[1](20) + twice[0](5);
    double x = 1;
    for (i = 0; i < 20; i++)
        x *= 1.5;
    n += (int)x;
    for (i = 10; i >= 0; i--, n /= 10)
        text[i] = '0' + n % 10;
    text[11] = '\n';
    call(4, 1, text, 12);
    call(1, 7, 0, 0);
}
"""


@pytest.mark.parametrize("flags", [("-O0",), ("-O2",), ("-O2", "-msse2", "-mfpmath=sse")])
def test_guest_runs_as_natively(tmp_path, flags):
    program = elf32.compile_guest(SOURCE, tmp_path / "guest", *flags)
    cpu = elf32.load(program)
    status, output, trap = elf32.serve(cpu)
    assert trap is None
    assert (status, output) == elf32.native(program)
    assert output == b"%011d\n" % (6765 + 5 + int(1.5**20))


def test_only_translated_code_runs(tmp_path):
    """Fragment counters move, and no page of a slot is executable on the host."""
    program = elf32.compile_guest(SOURCE, tmp_path / "guest")
    cpu = elf32.load(program)
    assert cpu.memory.code.stats()["fragments"] == 0
    trap = cpu.run()
    assert trap.number == 0x80
    stats = cpu.memory.code.stats()
    assert stats["fragments"] > 5
    assert stats["links"] > 0
    slot_pages = arena_pages = 0
    with open("/proc/self/maps") as maps:
        for line in maps:
            span, prot, *_ = line.split()
            low = int(span.split("-")[0], 16)
            if low < 1 << 32 or "vx9-" in line:  # others (Unicorn) may keep such pages above
                assert not ("w" in prot and "x" in prot), line
            if "vx9-pages" in line:
                assert "x" not in prot, line
                slot_pages += low < 1 << 32
            if "vx9-code" in line:
                assert ("x" in prot) == (low < 1 << 32), line
                assert ("w" in prot) == (low >= 1 << 32), line
                arena_pages += 1
    assert slot_pages >= 2
    assert arena_pages == 2
