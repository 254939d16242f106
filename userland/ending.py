"""How a server of files ends: what it waits for, and who clears up behind it.

The walls forbid a process to remove its socket or take its mount down, and a killed one can
do neither; so a child made before the walls does, when a pipe tells that its parent is gone.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """The end of a server, by a signal or by its own."""

    def __init__(self) -> None:
        self._theirs, self._ours = os.pipe()
        os.set_blocking(self._ours, False)

    def come(self) -> None:
        """Let wait() return.  Any thread."""
        with contextlib.suppress(OSError):
            os.write(self._ours, bytes([0]))

    def wait(self) -> int:
        """Wait for a signal, and tell which; 0: for come()."""
        while True:
            for number in os.read(self._theirs, 64):
                if number == 0 or number in ENDING:
                    return number

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._theirs)
        os.close(self._ours)


@contextlib.contextmanager
def ending() -> Iterator[Ending]:
    """What waits for the signals that end a server, which end nothing else meanwhile.

    The signal itself writes to a pipe, for a handler in Python would not run while the
    thread that it belongs to begins to wait.
    """
    end = Ending()
    before = signal.set_wakeup_fd(end._ours, warn_on_full_buffer=False)
    old = {number: signal.signal(number, lambda *_: None) for number in ENDING}
    try:
        yield end
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        end.close()


class Behind:
    """A child that does something when this process is no more, or says so."""

    def __init__(self, do: Callable[[], object]) -> None:
        theirs, self._ours = os.pipe()  # ours closes when we end, however we do
        self.pid = os.fork()
        if self.pid:
            os.close(theirs)
            return
        try:
            os.setsid()
            for number in (*ENDING, signal.SIGQUIT, signal.SIGPIPE):
                signal.signal(number, signal.SIG_IGN)
            os.dup2(theirs, 0)
            os.closerange(3, 1 << 16)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.read(0, 1)
            do()
        finally:
            os._exit(0)

    def now(self) -> None:
        """Have it done, and wait until it is."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)


def remove_behind(path: str) -> Behind:
    """Have the socket path removed when this process is no more."""
    path = os.path.abspath(path)
    inode = os.lstat(path).st_ino

    def remove() -> None:
        with contextlib.suppress(OSError):
            if os.lstat(path).st_ino == inode:
                os.unlink(path)

    return Behind(remove)
