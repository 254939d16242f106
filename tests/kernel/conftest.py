"""A fake host with a clock of its own, and a processor that plays a script."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from vx9.fs.dir import OREAD, OWRITE, unpack_all
from vx9.fs.errors import PlanError
from vx9.kernel import tos
from vx9.kernel.segment import Layout, Space
from vx9.kernel.systab import load
from vx9.vxcore import CodeCache, Cpu, Memory, MemoryObject, TrapKind

NUMBERS = {call.name: call.number for call in load().calls.values()}
DATA = 0x2000  # where the data of scripted processes begins


class FakeHost:
    """Time passes only when everybody waits."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.calls: deque[Callable[[], None]] = deque()

    def monotonic_ns(self) -> int:
        return self.now_ns

    def time_ns(self) -> int:
        return 1_700_000_000_000_000_000 + self.now_ns

    def cpu_ns(self) -> int:
        return 0

    def random(self, count: int) -> bytes:
        return bytes(count)

    def submit(self, call: Callable[[], None]) -> None:
        self.calls.append(call)

    def interrupt_with(self, call: Callable[[], None] | None) -> None:
        pass

    def poll(self, timeout_ns: int | None) -> None:
        if timeout_ns is None and not self.calls:
            raise RuntimeError("deadlock: every task sleeps and no timer is set")
        if not self.calls:
            self.now_ns += timeout_ns or 0
        while self.calls:
            self.calls.popleft()()

    def in_kernel_thread(self) -> bool:
        return True

    def join_thread(self, timeout: float | None = None) -> bool:
        return True

    def close(self) -> None:
        pass


class ScriptedCpu:
    """A Cpu whose program is a generator: it yields traps and finds results in registers."""

    def __init__(self, memory: Memory) -> None:
        self.real = Cpu(memory)
        self.script: Iterator[Any] | None = None
        self.child: Callable[..., Iterator[Any]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["real"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("real", "script", "child"):
            self.__dict__[name] = value
        else:
            setattr(self.real, name, value)

    def copy_state(self, other: Any) -> None:
        self.real.copy_state(other.real)

    def run(self, quantum_us: int = 10_000) -> Any:
        assert self.script is not None
        return next(self.script)


def trap(kind: int, number: int = 0, address: int = 0, write: bool = False) -> SimpleNamespace:
    return SimpleNamespace(kind=kind, number=number, address=address, write=write)


class Guest:
    """The view a script has of its process: system calls and memory."""

    def __init__(self, p: Any) -> None:
        self.p = p
        self.at = DATA + 0x100

    def put(self, data: bytes, room: int = 0) -> int:
        """Bytes in the data segment; their address."""
        address = self.at
        self.p.mem.write(address, data.ljust(room, b"\0"))
        self.at += (max(len(data), room) + 8) & -4
        return address

    def text(self, text: str) -> int:
        return self.put(text.encode() + b"\0")

    def room(self, size: int) -> int:
        return self.put(b"", size)

    def get(self, address: int, count: int) -> bytes:
        return self.p.mem.read(address, count)

    def call(self, name: str, *args: int) -> Iterator[Any]:
        """yield from it: a system call; its result, signed."""
        p = self.p
        row = p.kernel.calls[NUMBERS[name]]
        block = b"".join(struct.pack("<q" if kind.words == 2 else "<I",
                                     arg if kind.words == 2 else arg & 0xFFFFFFFF)
                         for (_, kind), arg in zip(row.args, args, strict=True))
        esp = p.cpu.esp
        p.mem.write(esp + 4, block)
        p.cpu.eax = NUMBERS[name]
        yield trap(TrapKind.INT, 0x40)
        result = p.cpu.eax
        return result - (1 << 32) if result >= 1 << 31 else result

    def trap(self, kind: int, **more: Any) -> Iterator[Any]:
        """yield from it: a trap that is no system call."""
        yield trap(kind, **more)

    def fails(self, name: str, *args: int) -> Iterator[Any]:
        """yield from it: a call that must fail; its error string."""
        result = yield from self.call(name, *args)
        assert result == -1, f"{name} gave {result}"
        return self.p.errstr


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def kernel(host: FakeHost) -> Iterator[Any]:
    from vx9.kernel.kernel import Kernel

    k = Kernel(host=host)
    yield k
    for p in list(k.procs.values()):
        p.kill()
    k.sched.drain()
    assert k.errors == 0


@pytest.fixture
def guest(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """guest(script): a process whose program is the generator function script(Guest)."""
    from vx9.kernel import sysproc

    def child_cpu(memory: Memory) -> Any:
        return ScriptedCpu(memory)

    monkeypatch.setattr(sysproc, "Cpu", child_cpu)
    started = kernel.start_proc

    def start_proc(p: Any) -> None:
        parent = p.kernel.sched.current and next(
            (q for q in kernel.procs.values() if q.task is p.kernel.sched.current), None)
        if p.cpu.script is None and parent is not None:
            view = Guest(p)
            view.at = DATA + 0x800
            p.cpu.script, p.cpu.child = parent.cpu.child(view), parent.cpu.child
        started(p)

    kernel.start_proc = start_proc

    def make(script: Callable[[Guest], Iterator[Any]],
             child: Callable[[Guest], Iterator[Any]] | None = None) -> Any:
        p = kernel.new_proc(kernel.user, None)
        boot = kernel.boot
        p.name = "script"
        p.noteid = kernel.new_noteid()
        p.ns, p.env, p.rgrp = boot.ns.ref(), boot.env, boot.rgrp
        p.env.refs += 1
        p.rgrp.refs += 1
        p.fds = boot.fds.copy()
        p.root, p.dot = boot.root.ref(), boot.root.ref()
        text = MemoryObject(0x1000)
        space = Space.new(Memory.LIMITS[0], CodeCache(), text,
                          Layout(DATA, DATA + 0x1000, DATA + 0x2000, 0x1020), 32 << 20)
        space.stack.obj.write(space.stack.size - tos.SIZE, tos.pack(p.pid))
        p.cpu = ScriptedCpu(space.memory)
        p.set_space(space)
        p.cpu.esp = space.stack.top - 0x1000
        p.cpu.eip = 0x1100
        p.cpu.script = script(Guest(p))
        p.cpu.child = child
        kernel.start_proc(p)
        return p

    return make


@pytest.fixture
def run(kernel: Any, guest: Callable[..., Any]) -> Callable[..., Any]:
    """run(script, child): run it to its end; the process, with .exit."""
    def go(script: Any, child: Any = None) -> Any:
        p = guest(script, child)
        kernel.sched.run(lambda: p.dead)
        return p

    return go


class View:
    """What the boot process sees."""

    def __init__(self, kernel) -> None:
        self.kernel = kernel
        self.p = kernel.boot

    def __getattr__(self, name):
        return lambda *args: self.kernel.call(getattr(self.p.ns, name), self.p, *args)

    def read(self, c, count=10000, offset=-1):
        return self.kernel.call(c.read, self.p, count, offset)

    def write(self, c, data, offset=-1):
        return self.kernel.call(c.write, self.p, data, offset)

    def close(self, c):
        self.kernel.call(c.close)

    def get(self, name, count=10000):
        c = self.open(name, OREAD)
        try:
            return self.read(c, count)
        finally:
            self.close(c)

    def put(self, name, data, create=False):
        c = self.create(name, OWRITE, 0o666) if create else self.open(name, OWRITE)
        try:
            return self.write(c, data)
        finally:
            self.close(c)

    def ls(self, name):
        return {d.name: d for d in unpack_all(self.get(name, 1 << 16))}


@pytest.fixture
def v(kernel, caplog):
    caplog.set_level("CRITICAL")
    return View(kernel)


@pytest.fixture
def spinner(guest):
    def script(g):
        yield from g.call("sleep", 0)
        while True:
            yield from g.call("sleep", 1000)

    return guest(script)


@pytest.fixture
def proc(kernel):
    """proc(path, mode) -> an open file with read and write; as the kernel's own process."""
    server = kernel.devices["p"]

    class File:
        def __init__(self, path, mode=0, by=kernel.boot):
            async def begin():
                root = await server.attach(by.user, "")
                fid, _ = await server.walk(root, path.split("/"))
                if fid is None:
                    raise PlanError("does not exist")
                fid.proc = by
                await server.open(fid, mode)
                return fid

            self.fid = kernel.call(begin)

        def stat(self):
            return kernel.call(server.stat, self.fid)

        def close(self):
            kernel.call(server.clunk, self.fid)

        def read(self, count=8192, offset=0):
            return kernel.call(server.read, self.fid, count, offset)

        def write(self, data, offset=0):
            return kernel.call(server.write, self.fid, data, offset)

    return File
