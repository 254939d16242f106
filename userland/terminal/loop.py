"""vx9, vx9 -c LINE, and vx9 with commands on standard input: the loop around a Shell.

ctrl-C is an interrupt note to the pipeline in the foreground; at the prompt it drops the line.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Final

from vx9.userland import rooted, session
from vx9.userland.terminal.prompt import Lines, Plain, source, usable_terminal
from vx9.userland.terminal.shell import Exit, Shell

PATIENCE: Final = 3  # interrupts that a pipeline may ignore before one kills it


@contextlib.contextmanager
def interrupts(shell: Shell) -> Iterator[None]:
    """While guests run, ctrl-C is an interrupt note to the foreground pipeline."""
    pressed = 0

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        job = shell.foreground
        if job is not None:
            pressed += 1
            job.note("interrupt" if pressed <= PATIENCE else "kill")

    old = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)


def loop(shell: Shell, lines: Lines) -> None:
    """Read and run until the end of the input, or exit."""
    while True:
        try:
            shell.reap()
            line = lines.read(f"{shell.guests.cwd}% ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if line.strip():
            with interrupts(shell), restored_terminal():
                shell.run(line)


@contextlib.contextmanager
def own_group() -> Iterator[None]:
    """Be the terminal's foreground process group: ctrl-C is ours, not also make's that started us."""
    before = os.getpgrp()
    if before == os.getpid() or os.tcgetpgrp(0) != before:
        yield
        return
    # Nobody would wake a group of its own that ctrl-Z stops; and a group in the background
    # must ignore SIGTTOU to take the terminal back.
    old = {number: signal.signal(number, signal.SIG_IGN)
           for number in (signal.SIGTSTP, signal.SIGTTOU)}
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    try:
        yield
    finally:
        os.tcsetpgrp(0, before)
        os.setpgid(0, before)
        for number, handler in old.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def restored_terminal() -> Iterator[None]:
    """Give the terminal back as it was, whatever a guest did to it."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    saved = termios.tcgetattr(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)


def history_folder() -> list[str]:
    """Where the history is written, as a list that may be empty."""
    from vx9.userland.terminal.prompt import history_file

    path = history_file()
    return [str(path.parent)] if path else []


def shell(options: argparse.Namespace) -> int:
    """vx9, vx9 -c LINE, and vx9 with commands on standard input; the status of the last command."""
    from vx9.userland.terminal.guests import Guests

    typed = options.line is None and usable_terminal()
    with own_group() if typed else contextlib.nullcontext(), session.kernel(
            options, writable=history_folder() if typed else ()) as kernel:
        rc = rooted.find_shell(kernel, options)
        if rc is not None:
            return rooted.shell(kernel, options, rc)
        guests = Guests(kernel, options)
        environment = rooted.environment(options)
        lines = Plain(0) if options.line is not None else source()
        it = Shell(guests, environment, lines.history)
        try:
            if options.line is None:
                loop(it, lines)
            else:
                with interrupts(it):
                    it.run(options.line)
        except Exit:
            pass
        else:
            if typed:
                return 0  # ctrl-D is no failure, whatever came before it
        finally:
            it.end()
        return it.code
