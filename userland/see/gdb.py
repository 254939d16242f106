"""The stub for gdb: one process and those that share its memory, as the threads of a program.

It stops and starts processes as /proc/n/ctl does, so what a guest sees of being debugged is
what Plan 9's own debuggers would show it.  All of it happens in the kernel thread; what gdb
says is read by a task of the kernel's.  gdbsession.py has the conversation.
Source: proc(3); gdb's manual, appendix "Remote Protocol".
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from vx9.fs.errors import PlanError
from vx9.kernel import note, stop
from vx9.kernel.handle import exit_status
from vx9.kernel.note import NoteKind
from vx9.kernel.sched import Rendez
from vx9.kernel.stop import ProcCtl
from vx9.userland.errors import Refusal
from vx9.userland.see import gdbstep
from vx9.userland.see.gdbmem import INT3, View
from vx9.vxcore import MemoryFault, TrapKind

if TYPE_CHECKING:
    import capstone

    from vx9.kernel.kernel import Kernel
    from vx9.kernel.note import ProcExit
    from vx9.kernel.proc import Proc

SIGINT, SIGILL, SIGTRAP, SIGFPE, SIGBUS, SIGSEGV = 2, 4, 5, 8, 10, 11  # gdb's numbers
_SIGNALS: Final = {
    TrapKind.BREAKPOINT: SIGTRAP, TrapKind.DEBUG: SIGTRAP, TrapKind.ILLEGAL: SIGILL,
    TrapKind.DIVIDE: SIGFPE, TrapKind.OVERFLOW: SIGFPE, TrapKind.FPU: SIGFPE,
    TrapKind.SIMD: SIGFPE, TrapKind.ALIGNMENT: SIGBUS,
}
SETTLE_MS: Final = 1
_MASK: Final = 0xFFFFFFFF


class Stop(NamedTuple):
    """Why a process stands still."""

    p: Proc
    signal: int
    why: str = ""  # swbreak, or nothing


class Exited(NamedTuple):
    """The last process of the group is dead."""

    code: int
    killed: bool


class Held(NamedTuple):
    """A trap whose note waits for gdb to say whether the process gets it."""

    kind: int
    text: str


class Stub:
    """What stands between gdb and the processes."""

    def __init__(self, listener: socket.socket, path: str | None) -> None:
        self.listener = listener
        self.path = path  # of a unix socket
        self.kernel: Kernel
        self.cs: capstone.Cs
        self.connected = False
        self.begun = False  # there has been a program
        self.attached = False  # to a process that was running already
        self.views: dict[Proc, View] = {}  # the group, the first process first
        self.breakpoints: set[int] = set()
        self.stepping: dict[Proc, tuple[int, ...]] = {}  # breakpoints for one step
        self.held: dict[Proc, Held] = {}
        self.stops: deque[Stop] = deque()
        self.exited: Exited | None = None
        self.news = Rendez()

    def start(self, kernel: Kernel) -> None:
        """Wait for gdb, from now on."""
        from vx9.userland.see.gdbsession import serve
        from vx9.userland.see.image import disassembler

        self.kernel, self.cs = kernel, disassembler()

        def begin() -> None:
            kernel.sched.spawn(serve(self), "gdb")

        kernel.post(begin)

    # What the kernel tells

    def ran(self, p: Proc) -> None:
        """A new program; the very first waits for gdb at its first instruction."""
        first, self.begun = not self.begun, True
        self.views[p] = View(p)
        if first or self.connected:
            self._say(Stop(p, SIGTRAP))

    def born(self, p: Proc, child: Proc) -> None:
        """A child that shares memory is one thread more; another goes its own way."""
        if child.space is None or p.space is None or p not in self.views:
            return
        view = View(child)
        view.inherit(self.views[p])
        if child.space.data.obj is p.space.data.obj:
            for address in self.stepping.get(p, ()):
                if address not in self.breakpoints:
                    view.remove(address)
            child.debugger = self
            self.views[child] = view
        else:
            view.clear()

    def trapped(self, p: Proc, kind: int, text: str) -> bool:
        """A breakpoint, the end of a step, a fault."""
        view = self.views.get(p)
        if not self.connected or view is None:
            return False
        ours = kind == TrapKind.BREAKPOINT and p.cpu.eip in view.hidden
        if not ours:
            self.held[p] = Held(kind, text)
        stepped = p in self.stepping
        self._end_step(p)
        why = "swbreak" if ours and not (stepped and p.cpu.eip not in self.breakpoints) else ""
        self._say(Stop(p, _SIGNALS.get(kind, SIGSEGV), why))
        return True

    def ended(self, p: Proc, end: ProcExit) -> None:
        """A thread less, or the end of the program."""
        self.views.pop(p, None)
        self.held.pop(p, None)
        self.stepping.pop(p, None)
        if not self.views:
            status = exit_status(end)
            self.exited = Exited(status.code, status.code == 137)
            self.news.wakeup()

    def _say(self, what: Stop) -> None:
        self._stop(what.p)
        self.stops.append(what)
        self.news.wakeup()

    # Stopping and starting

    @staticmethod
    def _stop(p: Proc) -> None:
        if not p.stopped and not p.dead:
            p.procctl = ProcCtl.STOPME
            p.attention = True
            p.cpu.interrupt()

    async def quiet(self) -> None:
        """Stop them all; return when none runs code of its own."""
        for p in list(self.views):
            self._stop(p)
        for p in list(self.views):
            def still(p: Proc = p) -> bool:
                return p.stopped or p.dead or not (p.computes and p.task.rendez is not None)

            while not still():
                await self.kernel.sched.tsleep(p.changed, still, SETTLE_MS)

    def interrupt(self) -> None:
        """ctrl-C in gdb."""
        if self.views and not self.stops:
            self._say(Stop(next(iter(self.views)), SIGINT))

    def go(self, p: Proc, signal: int) -> None:
        """Let p run; with a signal, what it trapped for becomes its note."""
        held = self.held.pop(p, None)
        if held is not None:
            if signal:
                note.post(p, held.text, NoteKind.DEBUG)
            elif held.kind == TrapKind.BREAKPOINT and self._byte(p) == INT3:
                p.cpu.eip = p.cpu.eip + 1 & _MASK  # its own INT3
        p.procctl = ProcCtl.NOTHING
        if p.stopped:
            with contextlib.suppress(PlanError):
                stop.start(p)

    def _byte(self, p: Proc) -> int:
        try:
            return self.views[p].read(p.cpu.eip, 1)[0]
        except MemoryFault:
            return 0

    def step(self, p: Proc, signal: int) -> None:
        """Let p run one instruction."""
        if not p.stopped or (signal and p in self.held):
            self.go(p, signal)
            self._say(Stop(p, SIGTRAP))  # as soon as it comes out of the system call
            return
        held = self.held.pop(p, None)
        view = self.views[p]
        cpu = p.cpu
        if held is not None and held.kind == TrapKind.BREAKPOINT and self._byte(p) == INT3:
            where: gdbstep.Next | None = gdbstep.Next((), cpu.eip + 1 & _MASK)  # its own INT3
        else:
            try:
                where = gdbstep.after(view.read(cpu.eip, 15), cpu, self.cs, p.mem.load32)
            except MemoryFault:
                where = None
        if where is None:
            self.go(p, 0)  # it will fault, or it cannot be followed
            return
        if not where.stops:
            cpu.eip = where.pc
            if where.ecx is not None:
                cpu.ecx = where.ecx
            self._say(Stop(p, SIGTRAP))
            return
        view.remove(cpu.eip)  # the instruction itself must be there
        done = []
        for address in where.stops:
            with contextlib.suppress(MemoryFault):  # it goes where nothing is: a fault
                view.insert(address)
                done.append(address)
        self.stepping[p] = tuple(done)
        self.go(p, 0)

    def _end_step(self, p: Proc) -> None:
        for address in self.stepping.pop(p, ()):
            if address not in self.breakpoints:
                self.views[p].remove(address)
        for address in self.breakpoints:
            with contextlib.suppress(MemoryFault):
                self.views[p].insert(address)

    def finish_stop(self) -> None:
        """All stand still: what was for one step only goes."""
        for p in list(self.stepping):
            self._end_step(p)

    # Breakpoints

    def insert(self, address: int) -> None:
        """A breakpoint for all threads.  Raises MemoryFault."""
        for view in self.views.values():
            view.insert(address)
        self.breakpoints.add(address)

    def remove(self, address: int) -> None:
        """Without it."""
        self.breakpoints.discard(address)
        for view in self.views.values():
            view.remove(address)

    # The group

    async def attach(self, pid: int) -> bool:
        """Take another process for the one that is debugged; whether there is one."""
        p = self.kernel.procs.get(pid)
        if p is None or p.space is None or p.dead:
            return False
        if p not in self.views:
            self.release()
            data = p.space.data.obj
            self.attached = True
            for q in (p, *self.kernel.procs.values()):
                if q not in self.views and q.space is not None and q.space.data.obj is data:
                    q.debugger = self
                    self.views[q] = View(q)
        await self.quiet()
        self.exited = None
        return True

    def release(self) -> None:
        """Leave the processes alone: no breakpoints, and they run."""
        self.breakpoints.clear()
        self.stepping.clear()
        self.stops.clear()
        for p, view in list(self.views.items()):
            view.clear()
            p.debugger = None
            self.go(p, 1)
        self.views.clear()
        self.held.clear()

    def kill(self) -> None:
        """End them."""
        for p in list(self.views):
            p.kill()


# The socket

def address(text: str) -> tuple[str, str | tuple[str, int]]:
    """("unix", path) or ("tcp", (host, port)).  Raises Refusal."""
    kind, _, rest = text.partition("!")
    if kind == "unix" and rest:
        return "unix", rest
    if kind == "tcp":
        host, _, port = rest.rpartition("!")
    elif "/" in text:
        return "unix", text
    else:
        host, _, port = text.rpartition(":")
    host = {"": "127.0.0.1", "localhost": "127.0.0.1"}.get(host, host)
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise Refusal(f"--gdb {text}: {port!r} is no port; write 127.0.0.1:1234 or a path")
    if not (host.startswith("127.") and host.replace(".", "").isdigit() and host.count(".") == 3):
        raise Refusal(f"--gdb {text}: {host} is not this machine; gdb may only come from "
                      "127.0.0.1 or by a unix socket, as through ssh -L")
    return "tcp", (host, int(port))


@contextlib.contextmanager
def listen(text: str) -> Iterator[Stub]:
    """A stub at an address; before the walls.  Raises Refusal."""
    _, where = address(text)
    path = where if isinstance(where, str) else None
    listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        if path is not None:
            _clear(path)
            old = os.umask(0o077)
            try:
                listener.bind(path)
            finally:
                os.umask(old)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
        listener.listen(1)
    except OSError as error:
        listener.close()
        raise Refusal(f"--gdb {text}: {error.strerror}; choose another address") from None
    name = path or "{}:{}".format(*listener.getsockname())
    sys.stderr.write(f"vx9: waiting for gdb: target remote {name}\n")
    sys.stderr.flush()
    with listener:
        yield Stub(listener, path)
    if path is not None:
        with contextlib.suppress(OSError):  # the walls may not let us
            os.unlink(path)


def _clear(path: str) -> None:
    """Remove the socket of a stub that is gone, and nothing else."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass


__all__ = ["Exited", "Stop", "Stub", "address", "listen"]
