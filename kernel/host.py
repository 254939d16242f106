"""The host, as one object: clocks, randomness, readiness of descriptors, threads.

The only module of the kernel that touches the host.  All methods belong to the kernel
thread but submit, wakeup and interrupt_with, which any thread may call.  Descriptors
lent to guests are never made non-blocking, because others share them; instead nothing is
read or written that poll(2) did not promise, and no more than a pipe is sure to take.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from vx9.fs.errors import EHUNGUP, EIO, PlanError
from vx9.kernel.sched import Rendez

_ALIVE: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP
SAFE_WRITE: Final = select.PIPE_BUF  # what a writable pipe or terminal takes without blocking
# Signals that belong to the thread that talks to the user, not to the kernel's.
_FOREIGN_SIGNALS: Final = frozenset({
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGWINCH,
    signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT, signal.SIGUSR1,
    signal.SIGUSR2, signal.SIGPIPE, signal.SIGIO,
})


def shield(target: Callable[[], None]) -> Callable[[], None]:
    """target, for a thread of ours: without the signals meant for others."""
    def shielded() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _FOREIGN_SIGNALS)
        target()

    return shielded


class _Watch:
    """One descriptor in the poller."""

    __slots__ = ("readers", "writers")

    def __init__(self) -> None:
        self.readers = Rendez()
        self.writers = Rendez()

    def mask(self) -> int:
        return ((select.EPOLLIN | select.EPOLLRDHUP if self.readers.waiters else 0)
                | (select.EPOLLOUT if self.writers.waiters else 0))


class Edges:
    """Readiness of a descriptor that is ours and does not block.

    Whoever reads until there is nothing, clears `can_read` and sleeps at `readers` until it is
    set again; so with writing.
    """

    __slots__ = ("can_read", "can_write", "ended", "gone", "readers", "writers")

    def __init__(self) -> None:
        self.can_read = self.can_write = True
        self.ended = False  # the other side will send nothing more
        self.gone = False  # nor receive
        self.readers = Rendez()
        self.writers = Rendez()


class Host:
    """A Linux process as the kernel sees it."""

    # Whether C may answer calls, which asks the host's clocks itself; off for comparison.
    fast: bool = not os.environ.get("VX9_SLOW")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._watches: dict[int, _Watch] = {}
        self._attended: dict[int, Callable[[], None]] = {}
        self._edges: dict[int, Edges] = {}
        self._calls: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None
        self._polling = False
        self._interrupt: Callable[[], None] | None = None
        self._cooked: dict[int, list[Any]] = {}  # terminals in raw mode, and how they were

    def close(self) -> None:
        """Give the descriptors back, and terminals their modes."""
        for fd in list(self._cooked):
            with contextlib.suppress(PlanError):
                self.raw(fd, False)
        self._epoll.close()
        os.close(self._wake_fd)

    # Clocks and chance

    monotonic_ns = staticmethod(time.monotonic_ns)  # never goes back
    time_ns = staticmethod(time.time_ns)  # since 1970

    @staticmethod
    def cpu_ns() -> int:
        """Processor time of the calling thread."""
        return time.thread_time_ns()

    @staticmethod
    def random(count: int) -> bytes:
        """Unpredictable bytes."""
        return os.urandom(count)

    # Threads

    def start_thread(self, target: Callable[[], None], name: str) -> None:
        """Run target in the kernel's own thread, shielded from signals meant for others."""
        self._thread = threading.Thread(target=shield(target), name=name, daemon=True)
        self._thread.start()

    def in_kernel_thread(self) -> bool:
        """Whether the caller runs in the thread of start_thread."""
        return threading.current_thread() is self._thread

    def join_thread(self, timeout: float | None = None) -> bool:
        """Wait for the kernel's thread to end; whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def submit(self, call: Callable[[], None]) -> None:
        """Run call in the kernel thread, soon.  Any thread."""
        self._calls.append(call)
        self.wakeup()

    def interrupt_with(self, call: Callable[[], None] | None) -> None:
        """What wakeup calls as well: the way out of a running guest."""
        self._interrupt = call

    def wakeup(self) -> None:
        """Make a poll that waits return.  Any thread, also a signal handler."""
        with contextlib.suppress(OSError):
            os.eventfd_write(self._wake_fd, 1)
        if self._interrupt is not None:
            self._interrupt()

    # Readiness

    def poll(self, timeout_ns: int | None) -> None:
        """Run what was submitted and wake those whose descriptors are ready."""
        if self._calls:
            timeout_ns = 0
        seconds = -1 if timeout_ns is None else timeout_ns / 1e9
        for fd, happened in self._epoll.poll(seconds):
            if fd == self._wake_fd:
                with contextlib.suppress(OSError):
                    os.eventfd_read(fd)
                continue
            edges = self._edges.get(fd)
            if edges is not None:
                edges.can_read = edges.can_write = True
                if happened & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR):
                    edges.ended = True
                    edges.gone = edges.gone or bool(happened & ~_ALIVE)
                edges.readers.wakeup()
                edges.writers.wakeup()
                continue
            call = self._attended.get(fd)
            if call is not None:
                call()
                continue
            watch = self._watches.pop(fd, None)
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)
            if watch is not None:
                watch.readers.wakeup()
                watch.writers.wakeup()
        calls = self._calls
        while calls:
            calls.popleft()()

    def edges(self, fd: int) -> Edges:
        """Watch a descriptor of ours until no_edges; nobody else may wait for it."""
        edges = self._edges[fd] = Edges()
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP
                             | select.EPOLLET)
        return edges

    def no_edges(self, fd: int) -> None:
        """The descriptor is about to be closed."""
        if self._edges.pop(fd, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    def attend(self, fd: int, call: Callable[[], None] | None) -> None:
        """Run call in every poll that finds fd readable; None: no more."""
        if call is not None:
            self._attended[fd] = call
            self._epoll.register(fd, select.EPOLLIN)
        elif self._attended.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    async def readable(self, fd: int) -> None:
        """Sleep until a read of fd would not block."""
        await self._ready(fd, select.POLLIN)

    async def writable(self, fd: int) -> None:
        """Sleep until a write of SAFE_WRITE bytes to fd would not block."""
        await self._ready(fd, select.POLLOUT)

    async def _ready(self, fd: int, event: int) -> None:
        now = select.poll()
        now.register(fd, event)

        def ready() -> bool:
            if now.poll(0):
                return True
            return not self._watch(fd, event)

        watch = self._watches.setdefault(fd, _Watch())
        try:
            while not ready():
                watch = self._watches.setdefault(fd, watch)
                rendez = watch.readers if event == select.POLLIN else watch.writers
                await _once(rendez)
        finally:
            self._forget(fd)

    def _watch(self, fd: int, event: int) -> bool:
        """Arm the poller for fd; False when it is a file that is always ready."""
        watch = self._watches.setdefault(fd, _Watch())
        mask = watch.mask() | (select.EPOLLIN if event == select.POLLIN else select.EPOLLOUT)
        try:
            self._epoll.register(fd, mask)
        except FileExistsError:
            self._epoll.modify(fd, mask)
        except PermissionError:
            return False
        except OSError as error:
            raise PlanError(EIO) from error
        return True

    def _forget(self, fd: int) -> None:
        watch = self._watches.get(fd)
        if watch is not None and not watch.mask():
            del self._watches[fd]
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    # Descriptors lent to guests

    async def read(self, fd: int, count: int) -> bytes:
        """Read at most count bytes; b"" is end of file.  Raises PlanError."""
        await self.readable(fd)
        try:
            return os.read(fd, count)
        except OSError as error:
            raise PlanError(EIO) from error

    async def write(self, fd: int, data: bytes) -> int:
        """Write all of data.  Raises PlanError("i/o on hungup channel") when nobody reads."""
        done = 0
        whole = len(data) if self.kind(fd) == "M" else SAFE_WRITE
        while True:
            await self.writable(fd)
            try:
                done += os.write(fd, data[done:done + whole])
            except BrokenPipeError:
                raise PlanError(EHUNGUP) from None
            except OSError as error:
                raise PlanError(EIO) from error
            if done >= len(data):
                return done

    @staticmethod
    def kind(fd: int) -> str:
        """The letter that stat shows for it: M a regular file, | a pipe or socket, else c."""
        mode = _fstat(fd).st_mode
        if stat.S_ISREG(mode):
            return "M"
        return "|" if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else "c"

    @staticmethod
    def size(fd: int) -> int:
        """Bytes in a regular file.  Raises PlanError."""
        return _fstat(fd).st_size

    @staticmethod
    def seek(fd: int, offset: int, whence: int) -> int:
        """Move the position of a regular file; the new one.  Raises PlanError."""
        try:
            return os.lseek(fd, offset, whence)
        except (OSError, OverflowError) as error:
            raise PlanError(EIO) from error

    def raw(self, fd: int, on: bool) -> None:
        """Let a terminal give each byte as it comes, without echo; or as it was before."""
        try:
            if on and fd not in self._cooked:
                self._cooked[fd] = termios.tcgetattr(fd)
                mode = termios.tcgetattr(fd)
                mode[0] &= ~(termios.ICRNL | termios.IXON)
                mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
                termios.tcsetattr(fd, termios.TCSADRAIN, mode)
            elif not on and fd in self._cooked:
                termios.tcsetattr(fd, termios.TCSADRAIN, self._cooked.pop(fd))
        except (OSError, termios.error) as error:
            raise PlanError(EIO) from error

    @staticmethod
    def isatty(fd: int) -> bool:
        """Whether fd is a terminal."""
        return os.isatty(fd)

    @staticmethod
    def dup(fd: int) -> int:
        """Another descriptor for what fd is open on, not inherited by host programs."""
        try:
            return os.dup(fd)
        except OSError as error:
            raise PlanError(f"host descriptor {fd}: {error.strerror}") from error

    @staticmethod
    def close_fd(fd: int) -> None:
        """Give a descriptor back."""
        with contextlib.suppress(OSError):
            os.close(fd)


def _fstat(fd: int) -> os.stat_result:
    try:
        return os.fstat(fd)
    except OSError as error:
        raise PlanError(EIO) from error


async def _once(rendez: Rendez) -> None:
    """Sleep until the next wakeup."""
    awake = False

    def cond() -> bool:
        nonlocal awake
        was, awake = awake, True
        return was

    await rendez.sleep(cond)
