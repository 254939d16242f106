"""Symbol tables of programs: Plan 9 a.out of the 386, and ELF32 as the host's tools make it.

The bytes are a guest's: whatever they are, the outcome is a table, if an empty one.
Source: a.out(6).
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

AOUT: Final = struct.Struct(">8I")  # magic text data bss syms entry spsz pcsz
MAGIC: Final = 0x1EB
MOST: Final = 1 << 20  # symbols
NAME_MOST: Final = 1024
_TEXT: Final = frozenset("tTlL")
_DATA: Final = frozenset("dDbB")
_ELF_SYM: Final = struct.Struct("<IIIBBH")
_ELF_SECTION: Final = struct.Struct("<10I")


class Symbol(NamedTuple):
    """A name and what it stands for."""

    address: int
    name: str
    code: bool


class Symbols:
    """The functions and variables of a program, found by address."""

    def __init__(self, symbols: list[Symbol]) -> None:
        self.code = sorted({s.address: s for s in symbols if s.code}.values())
        self.data = sorted({s.address: s for s in symbols if not s.code}.values())
        self._code_at = [s.address for s in self.code]
        self._data_at = [s.address for s in self.data]

    def function(self, pc: int) -> Symbol | None:
        """The function that holds pc."""
        i = bisect.bisect_right(self._code_at, pc)
        return self.code[i - 1] if i else None

    def end(self, function: Symbol) -> int:
        """Where the next function begins."""
        i = bisect.bisect_right(self._code_at, function.address)
        return self._code_at[i] if i < len(self.code) else 1 << 32

    def named(self, name: str) -> int | None:
        """The address of a symbol."""
        return next((s.address for s in (*self.code, *self.data) if s.name == name), None)

    def text(self, address: int, code_end: int) -> str:
        """An address as name+offset, or nothing when no symbol is near."""
        if address < code_end:
            found = self.function(address)
        else:
            i = bisect.bisect_right(self._data_at, address)
            found = self.data[i - 1] if i else None
        if found is None or address - found.address > 1 << 24:
            return ""
        offset = address - found.address
        return f"{found.name}+{offset:#x}" if offset else found.name


def shown(name: bytes) -> str:
    """A name as it may be printed: a terminal takes no orders from it."""
    text = name.decode("utf-8", "replace")
    return text if text.isprintable() else repr(text)[1:-1]


def aout_symbols(table: bytes) -> Iterator[Symbol]:
    """The symbols of an a.out's table."""
    at = 0
    for _ in range(MOST):
        if at + 6 > len(table):
            return
        value = int.from_bytes(table[at:at + 4], "big")
        letter = chr(table[at + 4] & 0x7F)
        at += 5
        if letter in "zZ":  # a path: a NUL, then numbers of two bytes up to 0
            end = at + 1
            while table[end:end + 2] not in (b"\0\0", b"", b"\0"):
                end += 2
            at = end + 2
            continue
        end = table.find(b"\0", at)
        if end < 0:
            return
        if letter in _TEXT or letter in _DATA:
            yield Symbol(value, shown(table[at:min(end, at + NAME_MOST)]), letter in _TEXT)
        at = end + 1


def elf_symbols(data: bytes) -> Iterator[Symbol]:
    """The functions and variables of an ELF32 file."""
    try:
        offset, = struct.unpack_from("<I", data, 32)
        size, count = struct.unpack_from("<HH", data, 46)
        if size != _ELF_SECTION.size:
            return
        sections = [_ELF_SECTION.unpack_from(data, offset + i * size) for i in range(count)]
        for section in sections:
            if section[1] != 2:
                continue
            names = sections[section[6]]
            table = data[names[4]:names[4] + names[5]]
            symbols = data[section[4]:section[4] + section[5]]
            whole = len(symbols) // _ELF_SYM.size * _ELF_SYM.size
            for name, value, _, info, _, index in _ELF_SYM.iter_unpack(symbols[:whole]):
                if info & 15 in (0, 1, 2) and 0 < index < 0xFF00:
                    text = shown(table[name:name + NAME_MOST].partition(b"\0")[0])
                    code = bool(sections[index][2] & 4) if index < len(sections) else False
                    if text:
                        yield Symbol(value, text, code)
    except (struct.error, IndexError):
        return


def read(data: bytes) -> Symbols:
    """The symbols of a whole program file."""
    if data[:4] == b"\x7fELF":
        return Symbols(list(elf_symbols(data)))
    if len(data) >= AOUT.size:
        magic, text, size, _, syms, *_ = AOUT.unpack_from(data)
        if magic == MAGIC:
            start = AOUT.size + text + size
            return Symbols(list(aout_symbols(data[start:start + syms])))
    return Symbols([])
