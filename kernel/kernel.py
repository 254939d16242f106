"""Kernel: owns everything, and is what other programs embed.

All state belongs to the kernel thread; start() makes one, and call() and the methods built
on it may then be used from any other.  A kernel that was never started runs in the thread
that calls it, which tests use.  Two kernels in one program do not know of each other.
"""

from __future__ import annotations

import concurrent.futures
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TextIO

from vx9.fs.dir import ORDWR
from vx9.fs.errors import PlanError
from vx9.fs.server import FileServer
from vx9.kernel import devtab, sysfile, sysmem, sysold, sysproc, systab
from vx9.kernel import exec as execute
from vx9.kernel._fast import Answers, Numbers
from vx9.kernel.account import Account, Watch
from vx9.kernel.chan import Chan
from vx9.kernel.clock import Clock
from vx9.kernel.devmnt import Mnt
from vx9.kernel.devpipe import Pipe
from vx9.kernel.dialect import NINEFRONT, VX9, Dialect
from vx9.kernel.groups import EnvGroup, FdGroup, RendezGroup, env_value, make_env
from vx9.kernel.handle import ExitStatus, Handle, exit_status
from vx9.kernel.host import Host
from vx9.kernel.hostwork import Workers
from vx9.kernel.limits import Limits
from vx9.kernel.namespace import Namespace
from vx9.kernel.note import ProcExit
from vx9.kernel.proc import Proc
from vx9.kernel.proctrace import ProcTrace
from vx9.kernel.sched import Rendez, Scheduler
from vx9.kernel.segment import OverQuota
from vx9.kernel.strace import Tracer
from vx9.kernel.watch import Debugger
from vx9.vxcore import Cpu

log = logging.getLogger(__name__)

BROKEN: Final = 4  # dead processes that are kept for debuggers
STOP_SECONDS: Final = 10.0


class Kernel:
    """One Plan 9."""

    def __init__(self, host: Host | None = None, memory: int | None = None, user: str = "glenda",
                 strace: TextIO | None = None, limits: Limits | None = None,
                 sysname: str = "vx9", dialect: Dialect = VX9, processors: int = 1,
                 first_names: Callable[[Kernel], Awaitable[None]] = devtab.first_names,
                 **device_options: Any) -> None:
        self.host = host if host is not None else Host()
        self.sched = Scheduler(self.host)
        self.user = self.eve = user
        self.sysname = sysname
        self.dialect = dialect
        self.processors = processors  # that guests are told of
        self.limits = limits if limits is not None else Limits()
        if memory is not None:
            self.limits.memory = memory
        self.account = Account(self.limits)
        self.limits_met = self.account.met  # names of limits that something ran into
        self.watch = Watch(self, self.account)
        self.errors = 0  # unexpected exceptions in system calls
        self.clock = Clock(self.host)
        self.past_calls = self.past_faults = 0  # of the dead
        self.cycle_hz = 0
        self.procs: dict[int, Proc] = {}
        self.threaded = False
        self.workers: Workers | None = None  # with the kernel thread
        self.stopped = False
        self.images = execute.Images()
        self.semaphores = sysmem.Semaphores()
        self.proctrace = ProcTrace(self)
        self.tracer = Tracer(strace) if strace is not None else None
        self.debugger: Debugger | None = None  # of the programs that the host starts
        self.sampler: Callable[[Proc], None] | None = None  # told of guests at a tick
        self.autopsy: Callable[[Proc, ProcExit], Awaitable[None]] | None = None  # of those that break
        table = systab.load().bind((sysfile, sysold, sysproc, sysmem))
        self.calls = [table.calls.get(n) for n in range(max(table.calls) + 1)]
        self.numbers = Numbers(table.calls.values())
        self._pids = 0
        self._noteids = 0
        self._broken: list[Proc] = []
        self._handles: dict[Proc, Handle] = {}
        self._no_process = Rendez()
        self.devices: dict[str, FileServer] = devtab.devices(self, **device_options)
        self.pipes: Pipe = self.devices["|"]  # type: ignore[assignment]
        self.mnt: Mnt = self.devices["M"]  # type: ignore[assignment]
        self.boot = Proc(self, 0, user)
        self.boot.name = "boot"
        self.boot.fds = FdGroup(self.limits.files, self.account)
        self.boot.env = EnvGroup(account=self.account)
        self.boot.rgrp = RendezGroup()
        self.boot.ns = Namespace(self.devices, account=self.account)
        self.speak(dialect)
        self._await(self._first_names(first_names))

    def speak(self, dialect: Dialect) -> None:
        """Be a kernel of that kind from now on."""
        self.dialect = self.boot.ns.dialect = dialect
        self.numbers.pread_moves = dialect.pread_moves
        self.numbers.answer("sysr1", dialect is not NINEFRONT)  # which asks who calls

    async def _first_names(self, make: Callable[[Kernel], Awaitable[None]]) -> None:
        self.boot.root = await self.boot.ns.attach(self.boot, "#/")
        self.boot.root.path = "/"
        self.boot.dot = self.boot.root.ref()
        await make(self)

    # The kernel thread

    def start(self) -> None:
        """Run the kernel in a thread of its own."""
        self.threaded = True
        self.host.interrupt_with(self.sched.interrupt_guest)
        self.workers = Workers(self.host)
        self.host.start_thread(self._run, "vx9 kernel")

    def _run(self) -> None:
        try:
            self.sched.run()
        except BaseException:
            log.exception("the kernel thread ends")
            for handle in self._handles.values():
                handle.end(ProcExit("the kernel failed"))
            raise

    def post(self, call: Callable[[], object]) -> None:
        """Do something in the kernel thread, soon.  Any thread; also signal handlers."""
        def guarded() -> None:
            try:
                call()
            except Exception:
                self.errors += 1
                log.exception("posted call")

        self.host.submit(guarded)

    def call(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Run fn(*args) in the kernel thread; its result, awaited if it is a coroutine."""
        if not self.threaded or self.host.in_kernel_thread():
            result = fn(*args)
            return self._await(result) if inspect.iscoroutine(result) else result
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()

        async def relay() -> None:
            try:
                result = fn(*args)
                future.set_result(await result if inspect.iscoroutine(result) else result)
            except Exception as error:
                future.set_exception(error)
            except BaseException:
                future.set_exception(PlanError("the kernel stopped"))
                raise

        self.post(lambda: self.sched.spawn(relay(), "call"))
        return future.result()

    def _await(self, coro: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end in this thread, with all else that is ready."""
        failed: list[BaseException] = []

        async def outcome() -> Any:
            try:
                return await coro
            except Exception as error:
                failed.append(error)
                return None

        task = self.sched.spawn(outcome(), "call")
        self.sched.run(lambda: task.done)
        if task.error is not None:
            failed.append(task.error)
        if failed:
            raise failed[0]
        return task.result

    def stop(self) -> None:
        """End every process and the kernel thread, and give the host's things back.

        The kernel is of no use afterwards; stopping it again does nothing.
        """
        if self.stopped:
            return
        self.stopped = True

        def end() -> None:
            for p in list(self.procs.values()):
                p.kill()
            self.sched.after(STOP_SECONDS * 1000, self.sched.stop)
            self.sched.spawn(self._wind_down(), "stop")

        if self.threaded:
            self.post(end)
            self.host.join_thread(STOP_SECONDS + 1)
            self.threaded = False
        else:
            end()
            self.sched.run()
        for task in list(self.sched.tasks):
            self.sched.kill(task)
        for p in list(self._broken):
            self.free_broken(p)
        self.sched.spawn(self.boot.release_groups(), "stop")
        self.sched.drain()
        if self.workers is not None:
            self.workers.close()
        self.images.clear()
        for device in self.devices.values():
            if hasattr(device, "close"):
                device.close()
        self.host.close()

    async def _wind_down(self) -> None:
        await self._no_process.sleep(lambda: all(p.dead for p in self.procs.values()))
        self.sched.stop()

    def halt(self, reason: str) -> None:
        """End every process, as at power off; what the host started ends with reason."""
        handles, self._handles = self._handles, {}
        for handle in handles.values():
            handle.end(ProcExit(reason))
        for p in list(self.procs.values()):
            p.kill()

    # Processes

    def check_process_quota(self) -> None:
        """Raise PlanError when no process more may be."""
        if len(self.procs) >= self.limits.processes:
            self.limits_met.add("processes")
            raise PlanError("no procs")

    def new_proc(self, user: str, parent: Proc | None) -> Proc:
        """A process that is not running yet."""
        self._pids += 1
        p = Proc(self, self._pids, user, parent)
        if parent is not None:
            parent.children.add(p)
        return p

    def new_noteid(self) -> int:
        """A number for a new note group."""
        self._noteids += 1
        return self._noteids

    def answers(self, cpu: Cpu) -> Answers | None:
        """How to run a guest with the calls answered that C knows; None: let Python have them."""
        if not getattr(self.host, "fast", False):
            return None
        return Answers(cpu, self.numbers, Chan, self.sched.woken, self.sched.spent,
                       self.semaphores.queues, self.clock)

    def start_proc(self, p: Proc) -> None:
        """Let p run."""
        self.procs[p.pid] = p
        p.task = self.sched.spawn(p.main(), f"process {p.pid}")

    def reap(self, p: Proc) -> None:
        """p has ended; a broken one stays for debuggers, the newest few."""
        if p.broken:
            self._broken.append(p)
            if len(self._broken) > BROKEN:
                self.free_broken(self._broken[0])
        else:
            self.procs.pop(p.pid, None)
        handle = self._handles.pop(p, None)
        if handle is not None:
            handle.end(p.exit or ProcExit(""))
        self._no_process.wakeup()

    def free_broken(self, p: Proc) -> None:
        """Forget a broken process."""
        self._broken.remove(p)
        p.broken = False
        self.procs.pop(p.pid, None)
        p.release_memory()
        self.sched.spawn(p.release_image(), "close text")

    def internal_error(self, p: Proc) -> None:
        """Count and log the exception under way; the guest learns of it no more than that."""
        self.errors += 1
        log.exception("process %d %r", p.pid, p.name)

    async def pipe(self, uid: str) -> tuple[Chan, Chan]:
        """Both ends of a new pipe, open."""
        near, far = await self.pipes.pair(uid)
        ends = (Chan(self.pipes, near, "#|/data"), Chan(self.pipes, far, "#|/data1"))
        for c in ends:
            c.mode, c.iounit = ORDWR, c.fid.iounit
        return ends

    async def mount_server(self, p: Proc, c: Chan, auth: Chan | None) -> FileServer:
        """What a process mounts when it mounts c, on which a server speaks 9P."""
        root: FileServer | None = getattr(c.server, "mounted", None)
        return root if root is not None else await self.mnt.tree(p, c, auth)

    # For the host

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, Any] | None = None, cwd: str = "/",
              stdin: int | Chan | None = 0, stdout: int | Chan | None = 1,
              stderr: int | Chan | None = 2,
              ns: Namespace | Callable[[Kernel], Namespace] | None = None,
              path: str | None = None) -> Handle:
        """Start a program.  Raises PlanError when it cannot be.

        env None is the environment that set_env made; a list is a value of many words.
        Host descriptors are lent, not given: the guest's copies are closed with the last
        process that has them.  None is /dev/null.
        """
        handle: Handle = self.call(self._spawn, list(argv), env, cwd, (stdin, stdout, stderr),
                                   ns, path)
        return handle

    async def _spawn(self, argv: list[str], env: Mapping[str, Any] | None, cwd: str,
                     streams: Sequence[int | Chan | None],
                     ns: Namespace | Callable[[Kernel], Namespace] | None,
                     path: str | None) -> Handle:
        self.check_process_quota()
        p = self.new_proc(self.user, None)
        p.noteid = self.new_noteid()
        p.tracer, p.debugger = self.tracer, self.debugger
        p.rgrp = RendezGroup()
        p.fds = FdGroup(self.limits.files, self.account)
        p.env = self.boot.env.copy() if env is None else make_env(env, self.account)
        given = ns(self) if callable(ns) else ns
        p.ns = given if given is not None else self.boot.ns.ref()
        p.root, p.dot = self.boot.root.ref(), self.boot.root.ref()
        try:
            dot = await p.ns.dir(p, cwd)
            p.dot, old = dot, p.dot
            await old.close()
            for fd, stream in enumerate(streams):
                p.fds.install_at(await self._stream(p, stream, fd), fd)
            args = [arg.encode("utf-8", "surrogateescape") for arg in argv]
            program = await execute.prepare(p, path if path is not None else argv[0],
                                            lambda: args)
            try:
                made = execute.make_space(p, program)
            except BaseException as error:
                if isinstance(error, OverQuota):
                    self.limits_met.add("memory")
                await program.chan.close()
                raise
            p.cpu = Cpu(made[0].memory)
            await execute.commit(p, program, made)
        except BaseException:
            await p.release_groups()
            await p.release_image()
            raise
        handle = self._handles[p] = Handle(self, p)
        self.start_proc(p)
        return handle

    async def run(self, argv: Sequence[str]) -> str:
        """Run a program in the first name space, without input and output; its status."""
        p = (await self._spawn(list(argv), None, self.boot.dot.path, (None, None, 2), None,
                               None)).proc
        await p.exited.sleep(lambda: p.exit is not None)
        return p.exit.status if p.exit is not None else ""

    async def _stream(self, p: Proc, stream: int | Chan | None, fd: int) -> Chan:
        if stream is None:
            return await p.ns.open(p, "#c/null", ORDWR)
        if isinstance(stream, Chan):
            return stream.ref()
        return await devtab.stdio(self, p, stream, fd)

    def set_env(self, name: str, value: bytes | str | Sequence[str]) -> None:
        """A variable of the environment that programs start with."""
        self.call(self.boot.env.set, name, env_value(value))

    def bind(self, new: str, old: str, flag: int = 0) -> None:
        """bind(2) in the first name space."""
        self.call(self.boot.ns.bind, self.boot, new, old, flag)

    def bind_host(self, host_dir: str, guest_dir: str, rw: bool = False, mem: bool = False) -> None:
        """Let guests see a folder or file of the host at guest_dir.  Raises PlanError.

        They may change it with rw; with mem, a folder's changes are kept in memory above it.
        """
        self.call(devtab.bind_host, self, host_dir, guest_dir, rw, mem)


__all__ = ["ExitStatus", "Handle", "Kernel", "Limits", "exit_status", "make_env"]
