"""Waiting for a guest: whatever comes meanwhile, and just before."""

import os
import signal
import threading
import time

import pytest

from vx9.userland import waiting


class Handle:
    """A guest that ends when told."""

    def __init__(self):
        self.ended = threading.Event()
        self.calls = []

    def done(self):
        return self.ended.is_set()

    def when_done(self, call):
        self.calls.append(call)
        if self.done():
            call()

    def wait(self, timeout=None):
        if not self.ended.wait(timeout):
            raise TimeoutError
        return "status"

    def end(self):
        self.ended.set()
        for call in self.calls:
            call()


def test_one_that_has_ended():
    handle = Handle()
    handle.end()
    assert waiting.wait(handle) == "status"


def test_one_that_ends_in_another_thread():
    handle = Handle()
    timer = threading.Timer(0.02, handle.end)
    timer.start()
    assert waiting.wait(handle, 30) == "status"
    timer.join()
    handle.end()  # the bell is gone: nothing happens


def test_time_limit():
    with pytest.raises(TimeoutError):
        waiting.wait(Handle(), 0.01)


def test_a_signal_that_comes_before_the_wait_begins(monkeypatch):
    """The gap that a lock's wait has: its handler must run all the same, and end the guest."""
    handle = Handle()
    old = signal.signal(signal.SIGUSR2, lambda *_: handle.end())
    real = waiting._Bell.wait

    def late(self, seconds):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        os.kill(os.getpid(), signal.SIGUSR2)
        # From C alone, with no instruction of Python's in between: as if just before poll(2).
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        real(self, seconds)

    monkeypatch.setattr(waiting._Bell, "wait", late)
    try:
        start = time.monotonic()
        assert waiting.wait(handle, 20) == "status"
        assert time.monotonic() - start < 10
    finally:
        signal.signal(signal.SIGUSR2, old)


def test_what_a_handler_raises_comes_out():
    def interrupt(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGUSR2, interrupt)
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR2))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            waiting.wait(Handle(), 20)
        assert signal.set_wakeup_fd(before) == before
    finally:
        timer.join()
        signal.signal(signal.SIGUSR2, old)
