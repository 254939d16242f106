"""A kernel with a neighbour in it, for hostile guests.

The neighbour (honest.c) is asked for a round of work again and again while the others run; each
answer must be right, and come in time.  At the end of a World the host has to be as before: the
threads, the processes' memory; guard.py looks at the rest.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vx9.kernel.handle import ExitStatus, Handle
from vx9.kernel.kernel import Kernel
from vx9.kernel.limits import Limits

PROGRAMS = Path()  # the folder with the guests' programs
PLACE = "/n/hostile"
PATIENCE = 10.0  # seconds that an answer may take, with all that runs beside
MASK = 0xFFFFFFFF


class Neighbour:
    """honest.c, asked through pipes by a thread of its own."""

    def __init__(self, kernel: Kernel) -> None:
        self.ask_r, self.ask_w = os.pipe()
        self.say_r, self.say_w = os.pipe()
        self.handle = kernel.spawn([f"{PLACE}/honest"], env={}, stdin=self.ask_r, stdout=self.say_w,
                                   stderr=self.say_w)
        self.x, self.sum, self.words = 1, 0, [0] * 4096
        self.answers = 0
        self.slowest = 0.0
        self.wrong = ""
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        while not self.over.is_set() and not self.wrong:
            start = time.monotonic()
            os.write(self.ask_w, b"7")
            said = self._line()
            self.slowest = max(self.slowest, time.monotonic() - start)
            want = self._round(ord("7"))
            if said != f"{want}\n":
                self.wrong = f"the neighbour says {said!r}, not {want}"
            self.answers += 1
            self.over.wait(0.01)

    def _line(self) -> str:
        import select

        text = b""
        while not text.endswith(b"\n"):
            if not select.select([self.say_r], [], [], PATIENCE)[0]:
                return f"{text!r} and nothing for {PATIENCE} s"
            part = os.read(self.say_r, 100)
            if not part:
                return "nothing: it ended"
            text += part
        return text.decode()

    def _round(self, byte: int) -> int:
        x, total, words = self.x + byte & MASK, self.sum, self.words
        for _ in range(20000):
            x = x * 1664525 + 1013904223 & MASK
            i = x >> 20
            words[i] = words[i] + x & MASK
            total ^= words[i]
        self.x, self.sum = x, total
        return total

    def finish(self) -> None:
        """No more questions; all answers were right, and its end is good."""
        self.over.set()
        self.thread.join()
        os.close(self.ask_w)
        status = self.handle.wait(PATIENCE) if not self.wrong else None
        for fd in (self.ask_r, self.say_r, self.say_w):
            os.close(fd)
        assert not self.wrong, self.wrong
        assert status is not None and status.code == 0, status
        assert self.answers, "the neighbour was never asked"


class World:
    """A kernel, its neighbour, and what hostile guests say."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.out_r, self.out_w = os.pipe()
        self.said = b""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        while part := os.read(self.out_r, 65536):
            if len(self.said) < 1 << 20:
                self.said += part

    def start(self, *argv: str, stdin: int | None = None) -> Handle:
        """A hostile guest."""
        return self.kernel.spawn([f"{PLACE}/{argv[0]}", *argv[1:]], env={"TZ": "GMT"}, stdin=stdin,
                                 stdout=self.out_w, stderr=self.out_w)

    def run(self, *argv: str, seconds: float = 20, kill: bool = False) -> ExitStatus | None:
        """Run one to its end; kill: the end may be ours, after so many seconds."""
        handle = self.start(*argv)
        try:
            return handle.wait(seconds)
        except TimeoutError:
            assert kill, f"{argv} still runs after {seconds} s"
            self.end_all(handle)
            return None

    def end_all(self, *handles: Handle) -> None:
        """End everything but the neighbour."""
        def kill() -> None:
            for p in list(self.kernel.procs.values()):
                if p.name != "honest":
                    p.kill()

        for handle in handles:
            for _ in range(100):
                self.kernel.call(kill)
                with contextlib.suppress(TimeoutError):
                    handle.wait(0.1)
                    break
            else:
                raise AssertionError("it cannot be killed")

    def result(self) -> str:
        """What was printed so far, when the printers have ended."""
        time.sleep(0.02)
        return self.said.decode("utf-8", "replace")

    def procs(self) -> list[Any]:
        """The processes now."""
        found: list[Any] = self.kernel.call(lambda: list(self.kernel.procs.values()))
        return found


@contextlib.contextmanager
def world(**limits: Any) -> Iterator[World]:
    """A World; at its end the kernel has met nothing unexpected and the host has all back."""
    threads = set(threading.enumerate())
    kernel = Kernel(limits=Limits(**{"total_memory": 300 << 20, **limits}))
    kernel.start()
    try:
        kernel.bind_host(str(PROGRAMS), PLACE)
        here = World(kernel)
        try:
            neighbour = Neighbour(kernel)
            try:
                yield here
            finally:
                neighbour.finish()
                used = kernel.call(lambda: kernel.account.used)
        finally:
            kernel.stop()
            os.close(here.out_w)
            here.reader.join()
            os.close(here.out_r)
    finally:
        kernel.stop()
    assert kernel.errors == 0, f"{kernel.errors} exceptions that nobody expected"
    assert used >= 0, "more was given back than taken"
    left = set(threading.enumerate()) - threads
    assert not left, f"threads are left: {left}"
