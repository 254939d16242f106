"""Proc: a process, its main loop, its birth and its end.

A process is a task of the scheduler.  Its loop runs the guest until a trap, makes a
system call or a note of it, and delivers notes on the way back.
Source: fork(2), exits(2), wait(2), proc(3).
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.errors import EBADARG, ENOVMEM, PlanError
from vx9.kernel import note, pexit, stop, tos, trap
from vx9.kernel.groups import EnvGroup, FdGroup, RendezGroup
from vx9.kernel.note import Note, NoteKind, ProcExit
from vx9.kernel.pprint import bad_address, pprint
from vx9.kernel.sched import Rendez, Timer
from vx9.kernel.segment import OverQuota
from vx9.kernel.stop import ProcCtl
from vx9.kernel.usermem import OddAddress, UserMemory
from vx9.kernel.waitrec import WaitRecord, args_text
from vx9.vxcore import CoreError, Cpu, MemoryFault, TrapKind

if TYPE_CHECKING:
    from vx9.kernel._fast import Answers
    from vx9.kernel.chan import Chan
    from vx9.kernel.edf import Edf
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.namespace import Namespace
    from vx9.kernel.sched import Task
    from vx9.kernel.segment import Segment, Space
    from vx9.kernel.stop import CallStop
    from vx9.kernel.strace import Tracer
    from vx9.kernel.systab import Call
    from vx9.kernel.watch import Debugger

log = logging.getLogger(__name__)

QUANTUM_US: Final = 10_000
TURN: Final = 256  # traps of one process before the others get a turn
BLOCK: Final = 24  # bytes at the stack pointer that a call must have: pc and five words
INTERNAL: Final = "internal error of the kernel"
_MASK: Final = 0xFFFFFFFF


class Proc:
    """One process."""

    # fmt: off
    __slots__ = (  # noqa: RUF023 - by what they are about
        "kernel", "pid", "parent", "ppid", "name", "args", "user", "noteid", "children",
        "ns", "fds", "env", "rgrp", "root", "dot",
        "space", "mem", "cpu", "task", "computes", "tracer", "debugger", "call", "image_chan",
        "errstr", "notes", "notify", "notified", "ureg", "last_note", "saved_fpu", "trap", "attention",
        "killed", "fresh", "procctl", "stopped", "started", "changed", "pdbg", "syscalltrace", "psstate",
        "hang", "private", "procmode", "priority", "fixed_priority", "traced", "edf",
        "args_set", "waitq", "waiter", "waiting", "exited", "exit", "dead", "broken", "alarm",
        "start_ns", "clock_ms", "sys_ns", "child_user_ms", "child_sys_ms", "_calls", "faults", "fast", "billed_ns",
    )
    # fmt: on

    def __init__(self, kernel: Kernel, pid: int, user: str, parent: Proc | None = None) -> None:
        self.kernel = kernel
        self.pid = pid
        self.parent = parent
        self.ppid = parent.pid if parent is not None else 0
        self.user = user
        self.name = "new"
        self.args: list[str] = []
        self.args_set: str | None = None
        self.noteid = 0
        self.children: set[Proc] = set()
        self.ns: Namespace
        self.fds: FdGroup
        self.env: EnvGroup
        self.rgrp: RendezGroup
        self.root: Chan
        self.dot: Chan
        self.space: Space | None = None
        self.mem: UserMemory
        self.cpu: Cpu
        self.task: Task
        self.computes = False  # used its last quantum up; runs in a worker, if there are any
        self.tracer: Tracer | CallStop | None = None
        self.debugger: Debugger | None = None
        self.call: Call | None = None
        self.image_chan: Chan | None = None
        self.errstr = ""
        self.notes: deque[Note] = deque()
        self.notify = 0
        self.notified = False
        self.ureg = 0
        self.last_note = Note("", NoteKind.USER)
        self.saved_fpu: list[tuple[int, bytes]] = []
        self.trap = (trap.SYSCALL, 0)
        self.attention = False
        self.killed = False
        self.fresh = False  # back from rfork, where notes are not looked at
        self.procctl = ProcCtl.NOTHING
        self.stopped = False
        self.started: Rendez | None = None  # where it stands still
        self.changed = Rendez()  # stopped or dead
        self.pdbg = False  # somebody waits for it to stop
        self.syscalltrace = ""  # the call at which it stands still
        self.psstate: str | None = None  # shown in place of its state
        self.hang = False
        self.private = False
        self.procmode = 0o640
        self.priority = 10
        self.fixed_priority = False
        self.traced = False  # its events go to #p/trace
        self.edf: Edf | None = None
        self.waitq: list[WaitRecord] = []
        self.waiter = Rendez()
        self.waiting = False
        self.exited = Rendez()
        self.exit: ProcExit | None = None
        self.dead = False
        self.broken = False
        self.alarm: Timer | None = None
        self.start_ns = kernel.host.monotonic_ns()
        self.clock_ms = 0  # user time as last told to the Tos
        self.sys_ns = 0
        self.child_user_ms = self.child_sys_ms = 0
        self._calls = self.faults = 0  # so far
        self.billed_ns = 0  # of its processor time, counted by limits.Watch
        self.fast: Answers | None = None  # runs the guest, and answers calls itself

    def __repr__(self) -> str:
        return f"<Proc {self.pid} {self.name}>"

    @property
    def calls(self) -> int:
        """System calls so far."""
        return self._calls + (self.fast.answered if self.fast is not None else 0)

    def chan(self, fd: int) -> Chan:
        """The open file behind fd.  Raises PlanError(EBADFD)."""
        return self.fds.get(fd)

    def set_space(self, space: Space) -> None:
        """Run in another memory from now on."""
        self.space = space
        self.mem = self.cpu.memory = space.memory

    # What others see

    def state(self) -> str:
        """As the status file shows it."""
        if self.broken:
            return "Broken"
        if self.dead:
            return "Moribund"
        if self.stopped:
            return "Stopped"
        if self.psstate is not None:
            return self.psstate
        if self.kernel.sched.current is self.task or (self.computes and self.task.rendez):
            return "Running"
        if self.task.rendez is None:
            return "Ready"
        if self.call is None:
            return "Wakeme"
        return self.call.title

    def times_ms(self) -> tuple[int, int, int, int, int]:
        """user, system, real, children's user, children's system."""
        real = (self.kernel.host.monotonic_ns() - self.start_ns) // 1_000_000
        user_ns = self.cpu.run_ns
        self.sys_ns = max(self.sys_ns, self.task.run_ns - user_ns)
        return (user_ns // 1_000_000, self.sys_ns // 1_000_000, real,
                self.child_user_ms, self.child_sys_ms)

    def args_text(self) -> str:
        """The argument list, or what was written over it."""
        return args_text(self.name, self.args, self.args_set)

    # The main loop

    async def main(self) -> None:
        """Run until the process ends."""
        try:
            await self._user()
        except ProcExit as end:
            self.exit = end.with_traceback(None)  # else it would keep us, and we it
        except CoreError as error:
            log.error("process %d %r: %s", self.pid, self.name, error)
            self.exit = ProcExit(f"sys: {error}", cause="sys: engine")
        except Exception:
            self.kernel.internal_error(self)
            self.exit = ProcExit(INTERNAL)
        except BaseException:
            self.exit = ProcExit("Killed", cause="kill")
            raise
        finally:
            self.exit = self.exit or ProcExit(INTERNAL)
            await pexit.pexit(self, self.exit)

    async def _user(self) -> None:
        sched = self.kernel.sched
        calls = self.kernel.calls
        ncalls = len(calls)
        cpu = self.cpu
        run = cpu.run
        self.fast = fast = self.kernel.answers(cpu)
        self.task.cpu = cpu
        workers = self.kernel.workers
        sample = self.kernel.sampler
        quantum, turn, answered = sched.quantum_us(QUANTUM_US), TURN, 0
        call: Call | None
        args: tuple[Any, ...] | None
        while True:
            call = args = None
            if self.attention:
                await self._attend()
            if self.computes and workers is not None:
                event = await workers.run(self.task, cpu)
                if event is None:
                    continue
                self.computes = event.kind in (TrapKind.QUANTUM, TrapKind.INTERRUPT)
                if self.computes:
                    self._tick()
                    if sample is not None:
                        sample(self)
                    continue
            elif fast is None or self.tracer is not None or self.attention:
                event = run(quantum)
            else:
                event = fast(self, quantum, turn)
                turn = fast.turn
                if event is None:
                    call, args = fast.call, fast.args
            kind = 0 if event is None else event.kind
            if event is None or (kind == 0 and event.number == 0x40):  # TrapKind.INT
                if call is None:
                    call = calls[cpu.eax] if cpu.eax < ncalls else None
                    if call is None:
                        await self._bad_call(cpu.eax)
                        continue
                self.call = call
                self._calls += 1
                try:
                    if args is None:
                        block = self.mem.read(cpu.esp, BLOCK)  # all of it must be there
                        args = call.unpack(block[4:4 + call.size])
                    if call.strings:
                        args = self._strings(call, args)
                    if self.tracer is not None:
                        result = await self.tracer.call(self, call, args)
                    else:
                        result = call.handler(self, *args)  # type: ignore[misc]
                        if type(result) is not int:
                            result = await result
                except PlanError as error:
                    self.errstr = str(error)
                    if self.tracer is not None:
                        self.tracer.failed(self, call, error)
                    if type(error) is OverQuota:
                        self.kernel.limits_met.add("memory")
                    result = -1
                except (MemoryFault, OddAddress, CoreError, Exception) as error:
                    result = await self._failed_call(error)
                if result is not None:
                    cpu.eax = result & _MASK
                turn -= 1
                if turn:
                    continue
            elif kind != TrapKind.QUANTUM and kind != TrapKind.INTERRUPT:
                self.call = None
                note.post_trap(self, event)
                self.faults += 1
                turn -= 1
                if turn > 0:
                    continue
            elif sample is not None:
                sample(self)
            self._tick()
            if kind == TrapKind.QUANTUM or kind == TrapKind.INTERRUPT:
                self.call = None
                self.trap = trap.CLOCK
            self.computes = kind == TrapKind.QUANTUM or turn == TURN  # no call in all that time
            if fast is not None and fast.answered != answered:
                answered = fast.answered
                self.computes = kind == TrapKind.QUANTUM and self.computes
            turn = TURN
            await sched.yield_cpu()
            quantum = sched.quantum_us(QUANTUM_US)

    def _strings(self, call: Call, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments with the strings in place of their addresses."""
        read = list(args)
        for i, optional in call.strings:
            address = args[i]
            read[i] = None if optional and address == 0 else self.mem.text(address)
        return tuple(read)

    async def _bad_call(self, number: int) -> None:
        if self.tracer is not None:
            self.tracer.bad_call(self, number)
        await pprint(self, f"bad sys call number {number} pc {self.cpu.eip:x}")
        note.post(self, "sys: bad sys call", NoteKind.DEBUG)
        self.errstr = EBADARG
        self.cpu.eax = _MASK

    async def _failed_call(self, error: Exception) -> int:
        """A system call that did not end in a result or an error string; its result."""
        self.errstr = EBADARG
        if self.tracer is not None and self.call is not None:
            self.tracer.failed(self, self.call, error)
        if isinstance(error, MemoryFault):
            await bad_address(self, error)
            note.post(self, "sys: bad address in syscall", NoteKind.DEBUG)
        elif isinstance(error, OddAddress):
            note.post(self, "sys: odd address", NoteKind.DEBUG)
        elif isinstance(error, CoreError):
            log.warning("process %d: %s", self.pid, error)
            self.errstr = ENOVMEM
        else:
            self.kernel.internal_error(self)
            self.errstr = INTERNAL
        return -1

    async def _attend(self) -> None:
        """What is to be done before the next user instruction."""
        if self.fresh and not self.killed:
            self.fresh = False  # the next trip
            return
        self.attention = False
        await stop.obey(self)
        if self.killed:
            raise ProcExit("Killed", cause="kill")
        await note.deliver(self)

    def _tick(self) -> None:
        """The clock: what the process used since the last tick goes to its Tos and profile."""
        self.kernel.watch.tick(self)
        ms = self.cpu.run_ns // 1_000_000
        used = ms - self.clock_ms
        if used and self.space is not None:
            self.clock_ms = ms
            tos.set_clock(self.space.stack, ms, self.kernel.dialect.tos_size)
            self.space.text.count(self.cpu.eip, used)

    def kill(self) -> None:
        """End the process whatever its handlers say."""
        if self.dead:
            return
        self.killed = True
        self.attention = True
        self.kernel.sched.interrupt(self.task)

    # The end

    def own_text(self) -> Segment:
        """The text segment, made the process's own so that it can be written."""
        space = self.space
        assert space is not None
        if not space.own_text:
            own = space.with_own_text()
            self.set_space(own)
            space.memory.close()
            space = own
        return space.text

    def release_memory(self) -> None:
        """Give the memory back."""
        space, self.space = self.space, None
        if space is not None:
            space.release()

    async def release_groups(self) -> None:
        """Leave all groups and close what was open."""
        await self.fds.leave()
        self.env.leave()
        self.rgrp.leave()
        for c in (self.dot, self.root):
            await c.close()
        await self.ns.close()

    async def release_image(self) -> None:
        """Close the program's file."""
        c, self.image_chan = self.image_chan, None
        if c is not None:
            await c.close()
