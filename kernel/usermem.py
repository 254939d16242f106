"""Guest memory as the kernel sees it: the only reader and writer.

A bad address raises MemoryFault, which dispatch (proc.py) turns into the note
``sys: bad address in syscall``.  Everything is copied, once; nothing here returns a view.
Source: the checks of okaddr and vmemchr in the system calls of section 2.
"""

from __future__ import annotations

import struct
from typing import Final

from vx9.fs.errors import ETOOBIG, PlanError
from vx9.vxcore import Memory

STRING_MAX: Final = 64 * 1024  # bytes of a name, and of any string argument
_MASK: Final = 0xFFFFFFFF


class OddAddress(Exception):
    """A word that must be aligned is not."""


class UserMemory(Memory):
    """The memory of one process; read, write, check and load32 are the core's own."""

    __slots__ = ()

    def string(self, address: int, limit: int = STRING_MAX) -> bytes:
        """The bytes of a string.  Raises PlanError when limit bytes hold no end."""
        try:
            return self.cstring(address, limit)
        except ValueError:
            raise PlanError(ETOOBIG if limit < STRING_MAX else "name too long") from None

    def text(self, address: int) -> str:
        """A string as text; bytes that are not UTF-8 survive a round trip."""
        try:
            return self.cstring(address, STRING_MAX).decode("utf-8", "surrogateescape")
        except ValueError:
            raise PlanError("name too long") from None

    def truncated(self, address: int, limit: int) -> bytes:
        """At most limit bytes of a string, as for messages that are cut."""
        try:
            return self.cstring(address, limit + 1)
        except ValueError:
            return self.read(address, limit)

    def word(self, address: int) -> None:
        """Insist that address is that of an aligned, writable word."""
        self.check(address, 4, True)
        if address & 3:
            raise OddAddress

    def pointers(self, address: int, limit: int) -> list[int]:
        """The words at address up to a 0.  Raises PlanError when there are more than limit."""
        words: list[int] = []
        while True:
            run = min(16, ((-address & 0xFFF) or 0x1000) // 4 or 1)
            for word in struct.unpack(f"<{run}I", self.read(address, 4 * run)):
                if word == 0:
                    return words
                words.append(word)
            if len(words) > limit:
                raise PlanError(ETOOBIG)
            address = (address + 4 * run) & _MASK

    def put_string(self, address: int, count: int, text: bytes) -> None:
        """Store text, cut to fit count bytes with its NUL."""
        if count <= 0:
            return
        cut = text[:count - 1]
        while cut and len(cut) < len(text) and (text[len(cut)] & 0xC0) == 0x80:
            cut = cut[:-1]  # never split a character
        self.write(address, cut + b"\0")
