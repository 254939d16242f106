"""What a parent learns of a dead child, the text of arguments, and %q.

Source: wait(2), quote(2), proc(3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vx9.fs.errors import clip, quote

STATUS_MAX: Final = 127  # bytes of a message
ARGS_MAX: Final = 128  # bytes that are kept of the arguments, the closing NUL included


def quote_arg(text: str) -> str:
    """A word as the kernel's %q prints it: quoted only when it must be."""
    if text and not any(c <= " " or c == "'" for c in text):
        return text
    return quote(text)


def args_text(name: str, args: Sequence[str], written: str | None) -> str:
    """As /proc/n/args shows it: the words, or what was written in their place."""
    if written is not None:
        return clip(f"{name} [{written}]", ARGS_MAX - 1)
    kept = clip("\0".join(args), ARGS_MAX - 1).split("\0") if args else []
    return clip(" ".join(map(quote_arg, kept)), ARGS_MAX - 1)


@dataclass(frozen=True, slots=True)
class WaitRecord:
    """What a parent learns of a dead child; times in milliseconds."""

    pid: int
    user_ms: int
    sys_ms: int
    real_ms: int
    message: str

    def text(self) -> str:
        """As await and /proc/n/wait give it."""
        return (f"{self.pid} {self.user_ms} {self.sys_ms} {self.real_ms} "
                f"{quote_arg(self.message)}")
