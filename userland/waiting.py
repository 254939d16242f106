"""Waiting for a guest in the thread that Python's signal handlers run in.

A lock's wait does not see a signal that came just before it, so the handler would run only
when the guest ends; a descriptor that the signal itself writes to has no such gap.
"""

import contextlib
import os
import select
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vx9.kernel.kernel import ExitStatus, Handle


class _Bell:
    """A pipe that rings: by signals, and by other threads until it is closed."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.lock = threading.Lock()
        self.closed = False
        self.previous = signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        self.poll = select.poll()
        self.poll.register(self.reader, select.POLLIN)

    def ring(self) -> None:
        """Wake who waits.  Any thread, at any time."""
        with self.lock, contextlib.suppress(BlockingIOError):
            if not self.closed:
                os.write(self.writer, b"\0")

    def wait(self, seconds: float | None) -> None:
        """Until it rings, at most so long."""
        self.poll.poll(None if seconds is None else max(0.0, seconds) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self.reader, 4096)

    def close(self) -> None:
        """Give the descriptors back."""
        signal.set_wakeup_fd(self.previous)
        with self.lock:
            self.closed = True
            os.close(self.reader)
            os.close(self.writer)


def wait(handle: "Handle", timeout: float | None = None) -> "ExitStatus":
    """Wait for the end of a guest; signal handlers run meanwhile.  Raises TimeoutError."""
    if threading.current_thread() is not threading.main_thread():
        return handle.wait(timeout)
    end = None if timeout is None else time.monotonic() + timeout
    bell = _Bell()
    try:
        handle.when_done(bell.ring)
        while not handle.done():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            bell.wait(left)
        return handle.wait(0)
    finally:
        bell.close()
