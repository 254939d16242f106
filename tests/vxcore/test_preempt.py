"""Interrupts may come anywhere: the guest must not notice, nor the host's other users of signals."""

import faulthandler
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from vx9.vxcore import Cpu, TrapKind

from . import elf32

# Calls, returns (one that drops arguments), indirect calls by a table, recursion, loops by LOOP
# and JECXZ, string instructions, flags across transfers, x87 and SSE kept in registers.
BUSY = r"""
typedef unsigned u;
static int call(int n, int a, const void *b, int c)
{
    int r;
    __asm__ volatile("int $0x80" : "=a"(r) : "0"(n), "b"(a), "c"(b), "d"(c) : "memory");
    return r;
}
static u __attribute__((noinline)) mix(u a, u b) { return (a << 5 | a >> 27) ^ (b * 2654435761u); }
static u __attribute__((noinline)) f0(u x) { return mix(x, 1); }
static u __attribute__((noinline)) f1(u x) { return mix(x, x >> 3) + 7; }
static u __attribute__((noinline)) f2(u x) { return x & 1 ? f0(x + 1) : f1(x); }
static u __attribute__((noinline, stdcall)) f3(u x, u y) { return mix(x, y) - y; }
static u (*volatile table[4])(u) = {f0, f1, f2, f1};
static u __attribute__((noinline)) tree(u n, u x)
{
    return n ? mix(tree(n - 1, x + 1), tree(n - 1, x ^ 0x55)) : x;
}
static u __attribute__((noinline)) loops(u x)
{
    u n = 50 + (x & 15), r = x, s;
    __asm__ volatile("1: rol $1, %0; adc %1, %0; loop 1b; jecxz 2f; ud2; 2:"
                     : "+r"(r), "=&r"(s), "+c"(n) : "1"(3) : "cc");
    return r;
}
static char buffer[2][300];
static double half = 0.5;
void __attribute__((force_align_arg_pointer)) _start(void)
{
    u i, x = 1;
    double d = 1;
    for (i = 0; i < ROUNDS; i++) {
        x = table[x & 3](x) + f3(x, i);
        x ^= tree(3, x);
        x += loops(x);
        u n = 200, from = (u)buffer[i & 1], to = (u)buffer[~i & 1];
        buffer[i & 1][x % 300] = (char)x;
        __asm__ volatile("rep movsb" : "+c"(n), "+S"(from), "+D"(to) : : "memory");
        x += (u)buffer[~i & 1][i % 200];
        d = d * half + (double)(x & 0xff);
        if (d > 1e6)
            x++;
    }
    x ^= (u)(int)d;
    char text[9];
    for (i = 0; i < 8; i++, x <<= 4)
        text[i] = "0123456789abcdef"[x >> 28];
    text[8] = '\n';
    call(4, 1, text, 9);
    call(1, 0, 0, 0);
}
"""


@pytest.mark.guest
@pytest.mark.parametrize("flags", [("-O2",), ("-O1", "-msse2", "-mfpmath=sse")])
def test_thousands_of_interrupts_change_nothing(tmp_path, flags):
    program = elf32.compile_guest(BUSY, tmp_path / "busy", "-DROUNDS=100000", *flags)
    expected = elf32.native(program)
    target: list[Cpu] = []
    stop = threading.Event()

    def pester():
        count = 0
        while not stop.is_set():
            for cpu in target:
                cpu.interrupt()
            count += 1
            for _ in range(count % 50):
                pass

    thread = threading.Thread(target=pester)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    interrupts, moved = 0, set()
    try:
        while interrupts < 300:  # as many runs as it takes, on a machine that is busy
            cpu = elf32.load(program)
            target[:] = [cpu]
            output = b""
            while True:
                trap = cpu.run()
                if trap.kind == TrapKind.INTERRUPT:
                    interrupts += 1
                    moved.add(cpu.eip)
                    if interrupts % 3 == 0:  # now and then, go on by guest address
                        cpu.set_regs(cpu.get_regs())
                elif trap.kind == TrapKind.INT and cpu.eax == 4:
                    output += cpu.memory.read(cpu.ecx, cpu.edx)
                elif trap.kind == TrapKind.INT:
                    break
                else:
                    assert trap.kind == TrapKind.QUANTUM, (trap, hex(cpu.eip))
            assert (cpu.ebx, output) == expected
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(switch)
    assert len(moved) > 20


def script(body: str) -> subprocess.CompletedProcess:
    """Run body in a Python of its own, with machine() and the vxcore names."""
    here = os.path.dirname(__file__)
    text = f"import sys; sys.path.insert(0, {here!r})\n" + textwrap.dedent(
        """
        import faulthandler, os, signal, threading
        from vx9.vxcore import *
        def machine(code):
            memory = Memory(1 << 20)
            text = MemoryObject(len(code)); text.write(0, code)
            memory.map(0x1000, text, READ | EXEC)
            memory.map(0x10000, MemoryObject(0x10000), READ | WRITE)
            cpu = Cpu(memory); cpu.eip, cpu.esp = 0x1000, 0x1F000
            return cpu
        FAULT = bytes.fromhex("a100000000")
        LOOP = bytes.fromhex("ebfe")
        """
    ) + textwrap.dedent(body)
    return subprocess.run([sys.executable, "-P", "-c", text], capture_output=True, text=True,
                          timeout=60)


def test_faulthandler_may_be_enabled_and_disabled_at_any_time():
    done = script(
        """
        def ok():
            cpu = machine(FAULT)
            assert cpu.run().kind == TrapKind.FAULT
            return cpu
        faulthandler.enable(); cpu = ok()
        faulthandler.disable(); ok()
        faulthandler.enable(); ok(); cpu.eip = 0x1000; assert cpu.run().kind == TrapKind.FAULT
        thread = threading.Thread(target=ok); thread.start(); thread.join()
        faulthandler.disable(); faulthandler.enable()
        cpu.eip = 0x1000; assert cpu.run().kind == TrapKind.FAULT
        print("fine")
        """
    )
    assert done.stdout == "fine\n", done.stderr


def test_the_hosts_own_faults_are_still_reported():
    done = script(
        """
        faulthandler.enable()
        machine(FAULT).run()
        import ctypes
        ctypes.string_at(16)
        """
    )
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr
    assert "ctypes" in done.stderr or "string_at" in done.stderr


def test_control_c_ends_a_guest_that_runs_in_the_main_thread():
    done = script(
        """
        cpu = machine(LOOP)
        main = os.getpid()
        threading.Timer(0.05, os.kill, (main, signal.SIGINT)).start()
        try:
            cpu.run(60_000_000)
        except KeyboardInterrupt:
            print("interrupted at", hex(cpu.eip))
        assert cpu.run().kind == TrapKind.QUANTUM
        """
    )
    assert done.stdout == "interrupted at 0x1000\n", done.stderr


def test_other_signals_and_other_threads_meanwhile():
    done = script(
        """
        got = []
        signal.signal(signal.SIGALRM, lambda *a: got.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        cpu = machine(LOOP)
        for _ in range(30):
            assert cpu.run(4000).kind == TrapKind.QUANTUM
        threads = []
        def work():
            c = machine(bytes.fromhex("b900000002 e2fe cd40"))
            while c.run().kind == TrapKind.QUANTUM: pass
            assert c.ecx == 0
            got.append(2)
        for _ in range(3):
            t = threading.Thread(target=work); t.start(); threads.append(t)
        for t in threads: t.join()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert got.count(1) > 10 and got.count(2) == 3
        print("fine")
        """
    )
    assert done.stdout == "fine\n", done.stderr


def test_a_forked_child_is_told_that_it_cannot_run_guests():
    done = script(
        """
        cpu = machine(LOOP)
        cpu.run(1)
        pid = os.fork()
        if pid == 0:
            try:
                machine(LOOP)
            except CoreError as e:
                print(e, flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        assert cpu.run(1).kind == TrapKind.QUANTUM
        """
    )
    assert "forked" in done.stdout, done.stderr
    assert done.returncode == 0


def test_pytest_has_faulthandler_on_here():
    """pytest enables it; so all tests of this folder run beside it."""
    assert faulthandler.is_enabled()
    cpu = elf32.machine(bytes.fromhex("a100000000"))
    assert cpu.run().kind == TrapKind.FAULT
