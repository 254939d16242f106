"""What a parent learns of a dead child, and %q.

Source: wait(2), quote(2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vx9.fs.errors import quote

STATUS_MAX: Final = 127  # bytes of a message


def quote_arg(text: str) -> str:
    """A word as %q prints it: quoted only when it must be."""
    if text and not any(c in " \t\n\r'=" for c in text):
        return text
    return quote(text)


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
        message = self.message
        if not message or any(c in " \t\n'" for c in message):
            message = quote(message)
        return f"{self.pid} {self.user_ms} {self.sys_ms} {self.real_ms} {message}"
