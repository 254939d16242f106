"""vx9 run: one guest program, as a command prefix.

Standard input, output and error are the caller's, byte for byte, and nothing but the guest
writes to standard output; the exit status is the guest's.  Signals become notes.
Source: docs/vx9.md; the statuses are in errors.py.
"""

import argparse
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Final, Self

from vx9.userland import errors, grants, limits, rooted, session, waiting
from vx9.userland.errors import Refusal
from vx9.userland.grants import Grant
from vx9.userland.program import Program, interpreter, locate

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

    def __init__(self, handle: "Handle", patience: int | None = PATIENCE) -> None:
        self.handle = handle
        self.patience = patience  # None: an interactive program may ignore them all
        self.interrupts = 0
        self.last: int | None = None
        self.timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        self.old = {number: signal.signal(number, self.on_signal) for number in NOTES}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NOTES)
        return self

    def __exit__(self, *_: object) -> None:
        if self.timer:
            self.timer.cancel()
        if self.interrupts:
            self.old[signal.SIGINT] = signal.SIG_IGN  # more of them shall not cut our own end short
        for number, handler in self.old.items():
            signal.signal(number, handler)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """One signal: a note; the end for a guest that keeps ignoring them."""
        self.last = number
        if number == signal.SIGINT:
            self.interrupts += 1
            if self.patience is not None and self.interrupts > self.patience:
                self.handle.kill()
                return
        elif number in (signal.SIGTERM, signal.SIGHUP) and self.timer is None:
            self.timer = threading.Timer(GRACE, self.handle.kill)
            self.timer.daemon = True
            self.timer.start()
        note = NOTES[signal.Signals(number)]
        if note == "abort":
            # Threads of a Go program that all print their stacks at once wait for each other.
            self.handle.note_process(note)
        else:
            self.handle.note(note)

    def code(self, status: "ExitStatus") -> int:
        """The exit status: of the signal that vx9 got, when that is what ended the guest."""
        if self.last is not None:
            note = NOTES[signal.Signals(self.last)]
            # A Go program ends by itself of a note it does not catch, with the note for status.
            if status.code == errors.KILLED or (status.note or status.message).startswith(note):
                return 128 + self.last
        return status.code


@contextlib.contextmanager
def held() -> Iterator[None]:
    """The host's signals wait for Signals: a guest that has just begun gets them as notes."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NOTES)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait(name: str, handle: "Handle", timeout: float | None,
         patience: int | None = PATIENCE) -> int:
    """Wait for a guest and give its exit status; at the time limit, kill it."""
    with Signals(handle, patience) as signals:
        try:
            status = waiting.wait(handle, timeout)
        except TimeoutError:
            handle.kill()
            raise Refusal(f"{name}: time limit of {timeout:g} s reached; give a longer --timeout",
                          errors.TIME_LIMIT) from None
        return signals.code(status)


def start(kernel: "Kernel", options: argparse.Namespace, program: Program,
          env: dict[str, grants.Value] | None) -> "Handle":
    """Start the program with vx9's own streams; a refusal says why it cannot be."""
    from vx9.fs.errors import PlanError

    name = options.program
    cwd = session.checked_folder(kernel, options)
    try:
        return kernel.spawn([name, *options.arguments], env=env, cwd=cwd, path=program.guest)
    except PlanError as error:
        reason = session.reason(error)
        if "does not exist" in reason and program.host:
            raise Refusal(f"{name}: its interpreter {interpreter(program.host)} does not exist in "
                          "the guest; name one that does", errors.NOT_A_PROGRAM) from None
        if "does not exist" in reason:
            raise Refusal(f"{name}: {reason}; check the name", errors.NOT_FOUND) from None
        status = errors.KILLED if "virtual memory" in reason else errors.NOT_A_PROGRAM
        remedy = ("give a larger --memory" if status == errors.KILLED else
                  "build it for Plan 9 on 386")
        raise Refusal(f"{name}: {reason}; {remedy}", status) from None


def run(options: argparse.Namespace, go: bool = False) -> int:
    """Run options.program; go is for go_plan9_386_exec, which grants what a Go test may touch."""
    cwd = os.getcwd()
    program = locate(options.program, session.check_root(options), cwd)
    extra: list[Grant] = []
    if go or (program.host and grants.is_go_test(program.host, options.arguments)):
        extra += grants.go_grants(cwd, program.host or "", os.environ, rw=go)
    if program.host:
        extra.append(Grant(program.guest, program.host))
    tmpdir = session.TMP
    if go and any(grant.rw and grant.guest == os.environ.get("TMPDIR") for grant in extra):
        tmpdir = os.environ["TMPDIR"]
    env = None if options.root is not None else grants.environment(
        os.environ, options.env, options.inherit_env, options.user or rooted.USER, tmpdir)
    with session.kernel(options, extra) as kernel, held():
        handle = start(kernel, options, program, env)
        code = wait(options.program, handle, kernel.limits.time)
        return limits.outcome(options.program, kernel, code)
