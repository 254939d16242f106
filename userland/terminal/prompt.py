"""Where lines come from: prompt_toolkit on a terminal, else plain reading.

prompt_toolkit costs 0.15 s to import, so only a terminal's prompt does.
"""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from vx9.userland.terminal.parse import SyntaxFault, Unfinished, parse

LINE_MAX: Final = 1 << 20
MORE: Final = " " * 8  # the second prompt: a tab, which prompt_toolkit would show as ^I


class Lines(Protocol):
    """A source of command lines."""

    def read(self, prompt: str) -> str:
        """The next whole command.  Raises EOFError at the end, KeyboardInterrupt on ctrl-C."""

    def history(self) -> Iterable[str]:
        """The lines typed, oldest first."""


def finished(line: str) -> bool:
    """Whether no more needs to be typed for the shell to judge the line."""
    try:
        parse(line)
    except Unfinished:
        return False
    except SyntaxFault:
        return True
    return True


def history_file() -> Path | None:
    """Where history is kept between sessions, made if need be; None when it cannot be."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    folder = Path(state) / "vx9"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "history"
        path.touch(0o600)
        if os.access(path, os.R_OK | os.W_OK):
            return path
    return None


class Typed:
    """Lines typed at a terminal."""

    def __init__(self) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, InMemoryHistory

        path = history_file()
        self.session: PromptSession[str] = PromptSession(
            history=FileHistory(str(path)) if path else InMemoryHistory(),
            enable_open_in_editor=False, mouse_support=False)

    def read(self, prompt: str) -> str:
        """One command, over several lines while it is unfinished."""
        line = self.session.prompt(prompt)
        while not finished(line):
            line += "\n" + self.session.prompt(MORE)
        return line

    def history(self) -> Iterator[str]:
        """Kept by prompt_toolkit, newest first."""
        return reversed(list(self.session.history.load_history_strings()))


class Plain:
    """Lines of a descriptor, taken byte by byte: what follows a line is for the guest it runs."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.lines: list[str] = []

    def read(self, _prompt: str) -> str:
        """One command; without a prompt, for nobody is there to see it."""
        line = self._line()
        with contextlib.suppress(EOFError):  # the shell says what is missing
            while not finished(line):
                line += "\n" + self._line()
        self.lines.append(line)
        return line

    def _line(self) -> str:
        data = bytearray()
        while char := os.read(self.fd, 1):
            if char == b"\n":
                return data.decode("utf-8", "surrogateescape")
            data += char
            if len(data) > LINE_MAX:
                raise EOFError("a line is longer than a megabyte")
        if not data:
            raise EOFError
        return data.decode("utf-8", "surrogateescape")

    def history(self) -> Iterable[str]:
        """What was read so far."""
        return self.lines


def usable_terminal() -> bool:
    """Whether a prompt with editing can be shown."""
    return (sys.stdin.isatty() and sys.stdout.isatty()
            and os.environ.get("TERM", "dumb") not in ("", "dumb"))


def source() -> Lines:
    """The lines of standard input, as it is."""
    return Typed() if usable_terminal() else Plain(0)
