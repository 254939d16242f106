"""Calls answered in C: that they are, and when they must not be.  49_hotcalls.c has what they mean."""

import os
import struct
import subprocess
import sys
from types import SimpleNamespace

import pytest

from vx9.fs.dir import ORDWR, OREAD, OWRITE
from vx9.fs.errors import PlanError
from vx9.fs.server import Fid, Refuser
from vx9.kernel._fast import BINTIME_FILE, NULL_FILE, ZERO_FILE, Answers, Numbers, OpenFile
from vx9.kernel.chan import Chan
from vx9.kernel.clock import Clock
from vx9.kernel.dialect import NINEFRONT
from vx9.kernel.host import Host
from vx9.kernel.kernel import Kernel
from vx9.kernel.systab import load
from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject, TrapKind

from .conftest import NUMBERS

CALLS = list(load().calls.values())
TEXT, DATA = 0x1000, 0x10000
SIZE = 0x4000
CALL = bytes.fromhex("cd40 cc")  # int $0x40; int3
AGAIN = bytes.fromhex("cd40 39d8 74fa cc")  # while it answers ebx


class Guest:
    """One processor with Answers, and what these look at."""

    def __init__(self, code=CALL):
        self.memory = Memory(1 << 20)
        text = MemoryObject(0x1000)
        text.write(0, code)
        self.data = MemoryObject(SIZE)
        self.memory.map(TEXT, text, READ | EXEC)
        self.memory.map(DATA, self.data, READ | WRITE | EXEC)
        self.cpu = Cpu(self.memory)
        self.woken, self.spent, self.sems, self.clock = [], [], {}, Clock(Host)
        self.chans = [None] * 4
        self.numbers = Numbers(CALLS)
        self.answers = Answers(self.cpu, self.numbers, Chan, self.woken, self.spent,
                               self.sems, self.clock)

    def run(self, quantum=10_000, turn=1):
        p = SimpleNamespace(fds=SimpleNamespace(chans=self.chans))
        return self.answers(p, quantum, turn)

    def open(self, fd, file, mode):
        c = self.chans[fd] = Chan(None, None, "")
        c.file, c.mode = file, mode
        return c

    def call(self, name, *words):
        """The result of a call; None when it came out for Python, just as it was made."""
        stack = DATA + SIZE - 64
        self.memory.write(stack, struct.pack(f"<{len(words) + 1}I", 0, *(w & 0xFFFFFFFF for w in words)))
        self.cpu.eax, self.cpu.esp, self.cpu.eip = NUMBERS[name], stack, TEXT
        before = self.answers.answered
        trap = self.run()
        if trap is not None:
            assert trap.kind == TrapKind.BREAKPOINT and self.answers.answered == before + 1
            return self.cpu.eax
        assert self.answers.call.name == name and self.cpu.eax == NUMBERS[name]
        assert self.answers.args == self.answers.call.unpack(
            self.memory.read(stack + 4, self.answers.call.size))
        assert self.answers.answered == before
        return None


@pytest.fixture
def guest():
    return Guest()


def test_what_is_answered(guest):
    assert guest.call("sysr1") == 0
    assert guest.call("sleep", 0) == 0 and guest.call("sleep", -1) == 0
    assert guest.call("sleep", 1) is None
    assert guest.call("errstr", DATA, 8) is None
    assert guest.call("nsec", DATA) == 0
    assert abs(struct.unpack("<q", guest.memory.read(DATA, 8))[0] - Host.time_ns()) < 10**10


def test_a_dialect_may_take_a_call_back(guest):
    guest.numbers.answer("sysr1", False)
    assert guest.call("sysr1") is None and guest.call("sleep", 0) == 0
    guest.numbers.answer("sysr1", True)
    assert guest.call("sysr1") == 0


def test_sysr1_of_9front_is_its_handlers():
    kernel = Kernel(dialect=NINEFRONT)
    kernel.stop()
    guest = Guest()
    guest.answers = Answers(guest.cpu, kernel.numbers, Chan, [], [], {}, guest.clock)
    assert guest.call("sysr1") is None


def test_sleep_is_pythons_when_others_are_ready(guest):
    guest.woken.append(1)
    assert guest.call("sleep", 0) is None
    guest.spent.append(guest.woken.pop())
    assert guest.call("sleep", 0) is None


def test_semaphores(guest):
    guest.memory.store32(DATA, 2)
    assert guest.call("semacquire", DATA, 1) == 1
    assert guest.call("semrelease", DATA, 4) == 5
    assert guest.memory.load32(DATA) == 5
    guest.sems[object()] = 1  # somebody waits
    assert guest.call("semrelease", DATA, 1) is None
    assert guest.call("semacquire", DATA, 1) == 1
    for value in (0, 0x80000000, 0xFFFFFFFF):
        guest.memory.store32(DATA, value)
        assert guest.call("semacquire", DATA, 1) is None
    assert guest.call("semrelease", DATA, 1) is None
    guest.memory.store32(DATA, 1)
    for address in (DATA + 1, 0, TEXT, DATA + SIZE, DATA + SIZE - 2, 0xFFFFFFFF):
        assert guest.call("semacquire", address, 1) is None
    assert guest.memory.load32(DATA) == 1


def test_a_clock_that_was_set_is_pythons(guest):
    guest.open(0, BINTIME_FILE, OREAD)
    assert guest.call("pread", 0, DATA, 32, 0, 0) == 32
    seconds, ticks, hz, again = struct.unpack(">4Q", guest.memory.read(DATA, 32))
    assert abs(seconds - Host.time_ns()) < 10**10 and ticks == again and hz == guest.clock.hz
    guest.clock.set(5)
    assert guest.call("pread", 0, DATA, 32, 0, 0) is None
    assert guest.call("nsec", DATA) is None


@pytest.mark.parametrize(("file", "mode", "name", "answered"), [
    (ZERO_FILE, OREAD, "pread", True), (ZERO_FILE, ORDWR, "pwrite", False), (0, OREAD, "pread", False),
    (NULL_FILE, OREAD, "pread", True), (NULL_FILE, ORDWR, "pwrite", True), (0, ORDWR, "pwrite", False),
    (NULL_FILE, OREAD, "pwrite", False), (NULL_FILE, -1, "pread", False), (BINTIME_FILE, ORDWR, "pwrite", False),
])
def test_files_by_mode(guest, file, mode, name, answered):
    guest.open(1, file, mode)
    assert (guest.call(name, 1, DATA, 32, 0, 0) is not None) == answered
    assert (guest.call("_" + name[1:], 1, DATA, 32) is not None) == answered
    guest.chans[1].is_channel = True
    assert guest.call(name, 1, DATA, 32, 0, 0) is None


def test_offsets_and_what_is_none_of_its_business(guest):
    c = guest.open(1, ZERO_FILE, OREAD)
    guest.data.write(0, b"x" * 0x100)
    assert guest.call("pread", 1, DATA + 1, 10, -1, -1) == 10 and c.offset == 10
    assert guest.call("_read", 1, DATA, 0) == 0 and c.offset == 10
    assert guest.call("pread", 1, DATA, 1, 7, 0) == 1 and c.offset == 10
    assert guest.memory.read(DATA, 13) == bytes(11) + b"xx"
    for fd, address, n, low, high in (
            (0, DATA, 1, 0, 0), (4, DATA, 1, 0, 0), (-1, DATA, 1, 0, 0), (1, DATA, -1, 0, 0),
            (1, DATA, SIZE + 1, 0, 0), (1, TEXT, 1, 0, 0), (1, 0, 1, 0, 0), (1, DATA, 1, -2, -1),
            (1, DATA, 0x7FFFFFFF, 0, 0), (1, 0xFFFFFFFF, 2, 0, 0)):
        assert guest.call("pread", fd, address, n, low, high) is None
    c.offset = (1 << 63) - 1
    assert guest.call("pread", 1, DATA, 1, -1, -1) is None
    guest.chans[1] = OpenFile()  # no Chan
    assert guest.call("pread", 1, DATA, 1, 0, 0) is None


def test_arguments_that_are_not_there(guest):
    for stack in (DATA + SIZE - 8, DATA + SIZE - 4, 0xFFFFFFFC, 0):
        guest.cpu.eax, guest.cpu.esp, guest.cpu.eip = NUMBERS["pread"], stack, TEXT
        assert guest.run().kind == TrapKind.INT


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_arguments_are_those_that_the_table_unpacks(guest, call):
    guest.woken.append(1)
    words = [0xFFFFFFF0, 0x80000001, 0xDEADBEEF, 0x80000000, 0x12345678]
    if call.name != "sysr1":
        assert guest.call(call.name, *words) is None and guest.answers.call is call


def test_numbers_that_are_no_calls(guest):
    guest.cpu.esp = DATA
    for number in (49, 63, 64, 1000, 0xFFFFFFFF):
        guest.cpu.eax, guest.cpu.eip = number, TEXT
        assert guest.run().kind == TrapKind.INT


def test_the_fourth_editions_pread_moves(guest):
    c = guest.open(1, ZERO_FILE, OREAD)
    guest.numbers.pread_moves = True
    assert guest.call("pread", 1, DATA, 8, 3, 0) == 8 and c.offset == 8
    c = guest.open(1, NULL_FILE, ORDWR)
    assert guest.call("pwrite", 1, DATA, 8, 3, 0) == 8 and c.offset == 0


def test_only_through_its_own_door(guest):
    """Who runs the cpu itself, as workers and tracers do, gets every call."""
    assert guest.call("sysr1") == 0
    guest.cpu.eax, guest.cpu.eip = NUMBERS["sysr1"], TEXT
    assert guest.cpu.run().kind == TrapKind.INT


def test_a_guest_that_only_calls_can_be_stopped():
    guest = Guest(AGAIN)
    guest.cpu.eax = guest.cpu.ebx = 0
    guest.cpu.eip, guest.cpu.esp = TEXT, DATA
    assert guest.run(5_000).kind == TrapKind.QUANTUM
    assert guest.answers.answered > 1000
    guest.cpu.interrupt()
    assert guest.run(10_000_000).kind == TrapKind.INTERRUPT


def test_the_guests_sse_registers_survive():
    # movdqu (%ebx), %xmm0; int $0x40; movdqu %xmm0, 16(%ebx); int3
    guest = Guest(bytes.fromhex("f30f6f03 cd40 f30f7f4310 cc"))
    guest.data.write(0, bytes(range(16)))
    guest.cpu.ebx = DATA
    assert guest.call("nsec", DATA + 64) == 0
    assert guest.data.read(16, 16) == bytes(range(16))


def test_handlers_go_with_their_cpu():
    for _ in range(100):
        guest = Guest()
        cpu, guest = guest.cpu, None
        cpu.eax, cpu.eip = NUMBERS["sysr1"], TEXT
        assert cpu.run().kind == TrapKind.INT  # nobody answers any more


class Shelf(Refuser):
    """One file that is at hand or not."""

    def __init__(self):
        self.data, self.calls = b"", []

    def read_now(self, fid, count, offset):
        self.calls.append((fid.proc, count, offset))
        if self.data is None:
            return None
        if not self.data:
            raise PlanError("gone")
        return self.data[offset:offset + count]

    def write_now(self, fid, data, offset):
        self.calls.append((fid.proc, data, offset))
        return None if self.data is None else len(data)


def shelf(guest, data, mode=ORDWR):
    server = Shelf()
    server.data = data
    fid = Fid((7, 0, 0), "glenda", mode)
    c = guest.chans[2] = Chan(server, fid, "")
    c.mode = mode
    return server, c


def moved(guest, name, *words, turn=2):
    """As call, for what the server may answer."""
    stack = DATA + SIZE - 64
    guest.memory.write(stack, struct.pack(f"<{len(words) + 1}I", 0, *(w & 0xFFFFFFFF for w in words)))
    guest.cpu.eax, guest.cpu.esp, guest.cpu.eip = NUMBERS[name], stack, TEXT
    trap = guest.run(turn=turn)
    assert trap is None or trap.kind == TrapKind.BREAKPOINT
    assert guest.answers.turn == turn - (trap is not None)
    return None if trap is None else guest.cpu.eax


def test_what_a_server_has_at_hand(guest):
    server, c = shelf(guest, b"abcdef")
    assert moved(guest, "_read", 2, DATA, 4) == 4 and guest.memory.read(DATA, 5) == b"abcd\0"
    assert c.offset == 4 and server.calls[-1][1:] == (4, 0)
    assert moved(guest, "pread", 2, DATA, 9, -1, -1) == 2 and c.offset == 6
    assert moved(guest, "pread", 2, DATA, 2, 1, 0) == 2 and guest.memory.read(DATA, 2) == b"bc"
    assert c.offset == 6
    assert moved(guest, "_write", 2, DATA, 2) == 2 and c.offset == 8
    assert server.calls[-1][1:] == (b"bc", 6)
    assert moved(guest, "pwrite", 2, DATA, 0, 5, 0) == 0 and server.calls[-1][1:] == (b"", 5)
    guest.numbers.pread_moves = True
    assert moved(guest, "pread", 2, DATA, 2, 1, 0) == 2 and c.offset == 10


def test_what_a_server_has_not(guest):
    server, c = shelf(guest, None)
    assert moved(guest, "_read", 2, DATA, 4) is None and moved(guest, "_write", 2, DATA, 4) is None
    server.data = b""
    assert moved(guest, "_read", 2, DATA, 4) is None  # the error is for the handler to tell
    assert c.offset == 0
    server.data = b"abcdef"
    seen = len(server.calls)
    for words in ((2, TEXT, 4, 0, 0), (2, 0, 4, 0, 0), (2, DATA, -1, 0, 0), (2, DATA, 4, -2, -1),
                  (2, DATA, SIZE + 1, 0, 0), (3, DATA, 4, 0, 0), (-1, DATA, 4, 0, 0)):
        assert moved(guest, "pread", *words) is None
    assert moved(guest, "pwrite", 2, DATA + SIZE - 1, 2, 0, 0) is None
    assert moved(guest, "_read", 2, DATA, 4, turn=1) is None  # the turn is over
    c.mode = OWRITE
    assert moved(guest, "_read", 2, DATA, 4) is None
    c.mode, c.is_channel = ORDWR, True
    assert moved(guest, "_read", 2, DATA, 4) is None
    c.is_channel, c.fid.qid = False, (7, 0, 0x80)
    assert moved(guest, "_read", 2, DATA, 4) is None
    assert len(server.calls) == seen


@pytest.mark.parametrize(("value", "fast"), [("", True), ("1", False)])
def test_the_environment_can_turn_it_off(value, fast):
    code = "from vx9.kernel.kernel import Kernel; k = Kernel(); print(k.host.fast); k.stop()"
    done = subprocess.run([sys.executable, "-P", "-c", code], env={**os.environ, "VX9_SLOW": value},
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(fast)
