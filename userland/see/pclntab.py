"""Go's own table of functions: their names, and how large the frame is at each instruction.

Layouts of go1.18 (0xfffffff0) and since go1.20 (0xfffffff1), 32 bits, little-endian.  The
table is the guest's, so every read is checked and every walk bounded.
Source: runtime/symtab.go's description of the format.
"""

from __future__ import annotations

import bisect
import struct
from typing import Final

from vx9.userland.see.symbols import shown

MAGICS: Final = {0xFFFFFFF0, 0xFFFFFFF1}
_HEAD: Final = struct.Struct("<IBBBBII6I")
_STEPS: Final = 1 << 16  # of one function's table


class PcTable:
    """One pclntab, at an address of the text."""

    def __init__(self, text: bytes, base: int, at: int) -> None:
        self.data = text[at - base:]
        (magic, pad1, pad2, quantum, pointer, count, _files, self.start, names, _cu, _file,
         pctab, functions) = _HEAD.unpack_from(self.data)
        if magic not in MAGICS or pad1 or pad2 or quantum != 1 or pointer != 4:
            raise ValueError("not a table of 32-bit Go for x86")
        self.names, self.pctab, self.functions = names, pctab, functions
        if functions + 8 * count > len(self.data):
            raise ValueError("truncated")
        pairs = struct.unpack_from(f"<{2 * count}I", self.data, functions)
        self.entries = pairs[::2]
        self.offsets = pairs[1::2]
        if self.start == 0:  # since go1.26 the linker leaves it to a symbol
            raise ValueError("no start of text")
        self._frames: dict[int, int | None] = {}

    def _index(self, pc: int) -> int | None:
        i = bisect.bisect_right(self.entries, pc - self.start) - 1
        return i if i >= 0 else None

    def name(self, pc: int) -> str | None:
        """The function that holds pc."""
        i = self._index(pc)
        if i is None:
            return None
        try:
            offset, = struct.unpack_from("<i", self.data, self.functions + self.offsets[i] + 4)
        except struct.error:
            return None
        at = self.names + offset
        end = self.data.find(b"\0", at, at + 1024)
        return shown(self.data[at:end]) if end > at >= 0 else None

    def entry(self, pc: int) -> int | None:
        """Where that function begins."""
        i = self._index(pc)
        return None if i is None else self.start + self.entries[i]

    def frame(self, pc: int) -> int | None:
        """Bytes between the stack pointer at pc and the return address."""
        if pc not in self._frames:
            self._frames[pc] = self._walk(pc)
        return self._frames[pc]

    def _walk(self, pc: int) -> int | None:
        i = self._index(pc)
        if i is None:
            return None
        try:
            where, = struct.unpack_from("<I", self.data, self.functions + self.offsets[i] + 16)
        except struct.error:
            return None
        at = self.pctab + where
        value, reached = -1, self.start + self.entries[i]
        for step in range(_STEPS):
            delta, at = self._varint(at)
            if delta is None or (delta == 0 and step):
                return None
            value += -(delta + 1 >> 1) if delta & 1 else delta >> 1
            advance, at = self._varint(at)
            if advance is None:
                return None
            reached += advance
            if pc < reached:
                return value if 0 <= value < 1 << 28 else None
        return None

    def _varint(self, at: int) -> tuple[int | None, int]:
        value = 0
        for shift in range(0, 35, 7):
            if not 0 <= at < len(self.data):
                return None, at
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        return None, at


def find(text: bytes, base: int, hint: int | None = None) -> PcTable | None:
    """The table in a text that begins at base: where the symbol says, or where it looks like one."""
    if hint is not None and base <= hint < base + len(text):
        try:
            return PcTable(text, base, hint)
        except (ValueError, struct.error):
            pass
    for magic in (0xFFFFFFF1, 0xFFFFFFF0):
        pattern = struct.pack("<IBBBB", magic, 0, 0, 1, 4)
        at = text.find(pattern)
        for _ in range(16):
            if at < 0:
                break
            try:
                return PcTable(text, base, base + at)
            except (ValueError, struct.error):
                at = text.find(pattern, at + 1)
    return None
