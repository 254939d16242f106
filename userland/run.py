"""vx9 run: one guest program, as a command prefix.

Standard input, output and error are the caller's, byte for byte, and nothing but the guest
writes to standard output; the exit status is the guest's.  Signals become notes.
Source: docs/vx9.md; the statuses are in errors.py.
"""

import argparse
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Final

from vx9.userland import errors, grants, session
from vx9.userland.errors import Refusal
from vx9.userland.grants import Grant
from vx9.userland.program import Program, locate

if TYPE_CHECKING:
    from vx9.kernel.kernel import ExitStatus, Handle, Kernel

# What a signal to vx9 says to the guest.  abort makes Go print its goroutines.
NOTES: Final = {
    signal.SIGINT: "interrupt", signal.SIGQUIT: "abort", signal.SIGHUP: "hangup",
    signal.SIGTERM: "hangup",
}
GRACE: Final = 2.0  # seconds a guest has between SIGTERM or SIGHUP and its end
PATIENCE: Final = 3  # interrupts that a guest may ignore before one kills it


class Signals:
    """Passes the host's signals on to a guest's note group while it runs."""

    def __init__(self, name: str, handle: "Handle") -> None:
        self.name = name
        self.handle = handle
        self.interrupts = 0
        self.last: int | None = None
        self.timer: threading.Timer | None = None

    def __enter__(self) -> "Signals":
        self.old = {number: signal.signal(number, self.on_signal) for number in NOTES}
        return self

    def __exit__(self, *_: object) -> None:
        if self.timer:
            self.timer.cancel()
        for number, handler in self.old.items():
            signal.signal(number, handler)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """One signal: a note; the end for a guest that keeps ignoring them."""
        self.last = number
        if number == signal.SIGINT:
            self.interrupts += 1
            if self.interrupts > PATIENCE:
                self.handle.kill()
                return
        elif number in (signal.SIGTERM, signal.SIGHUP) and self.timer is None:
            self.timer = threading.Timer(GRACE, self.handle.kill)
            self.timer.daemon = True
            self.timer.start()
        self.handle.note(NOTES[signal.Signals(number)])

    def status(self, code: int) -> int:
        """The exit status: of the signal that vx9 got, when that is what ended the guest."""
        ended_by_note = code in (128 + signal.SIGHUP, 128 + signal.SIGINT, errors.KILLED)
        if ended_by_note and self.last is not None and self.last != signal.SIGINT:
            return 128 + self.last
        if code == errors.KILLED and self.last == signal.SIGINT:
            return errors.INTERRUPTED
        return code


def wait(name: str, handle: "Handle", timeout: float | None) -> int:
    """Wait for a guest and give its exit status; at the time limit, kill it."""
    with Signals(name, handle) as signals:
        try:
            status = handle.wait(timeout)
        except TimeoutError:
            handle.kill()
            raise Refusal(f"{name}: time limit of {timeout:g} s reached; give a longer --timeout",
                          errors.TIME_LIMIT) from None
        return signals.status(status.code)


def run(options: argparse.Namespace, go: bool = False) -> int:
    """Run options.program; go is for go_plan9_386_exec, which grants what a Go test may touch."""
    cwd = os.getcwd()
    root = session.check_root(options)
    program = locate(options.program, root, cwd)
    extra: list[Grant] = []
    if go or (program.host and grants.is_go_test(program.host, options.arguments)):
        extra += grants.go_grants(cwd, program.host or "", os.environ, rw=go)
    if program.host:
        extra.append(Grant(program.guest, program.host))
    wanted = session.requested(options, cwd, extra)
    tmpdir = os.environ["TMPDIR"] if go and any(
        grant.rw and grant.guest == os.environ.get("TMPDIR") for grant in wanted) else session.TMP
    env = grants.environment(os.environ, options.env, options.inherit_env,
                             options.user or "glenda", tmpdir)
    return 0
