"""A linked ELF32 program -> a Plan 9 386 a.out.

The ELF file must have been linked as guest.ld says: text from 0x1020, data from the next
page after it, bss right behind the data.  Usage: python mkaout.py IN OUT
Source: a.out(6), for the header and the symbol table.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAGIC: Final = 0x1EB  # of the 386
HEADER: Final = 32
UTZERO: Final = 0x1000  # where the header is mapped
PAGE: Final = 0x1000

_EHDR: Final = struct.Struct("<16sHHIIIIIHHHHHH")
_SHDR: Final = struct.Struct("<10I")
_SYM: Final = struct.Struct("<IIIBBH")
_SHT_PROGBITS, _SHT_SYMTAB, _SHT_RELA, _SHT_NOBITS, _SHT_REL, _SHT_DYNAMIC = 1, 2, 4, 8, 9, 6
_SHF_WRITE, _SHF_ALLOC, _SHF_TLS = 1, 2, 0x400
_STT_NOTYPE, _STT_OBJECT, _STT_FUNC = 0, 1, 2
_SHN_RESERVED = 0xFF00


class AoutError(Exception):
    """The file cannot become a Plan 9 program; the text says why."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the ELF file."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int


class Elf:
    """The parts of an ELF32 file that matter here."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        if data[:4] != b"\x7fELF":
            raise AoutError("not an ELF file")
        if len(data) < _EHDR.size:
            raise AoutError("truncated: the ELF header is not whole")
        ident, kind, machine, _, self.entry, _, shoff, _, _, _, _, shsize, count, names = (
            _EHDR.unpack_from(data))
        if ident[4] != 1 or ident[5] != 1:
            raise AoutError("not a 32-bit little-endian ELF file: compile with -m32")
        if machine != 3:
            raise AoutError(f"for machine {machine}, not for the 386: compile with -m32")
        if kind != 2:
            raise AoutError("not a linked program: link it statically, not as an object, "
                            "a shared library or a position-independent program")
        if count == 0 or shsize != _SHDR.size or names >= count:
            raise AoutError("no section headers: do not strip them")
        raw = [_SHDR.unpack(self._slice(shoff + i * shsize, shsize)) for i in range(count)]
        table = self._slice(raw[names][4], raw[names][5])
        self.sections = [Section(_cstring(table, r[0]), r[1], r[2], r[3], r[4], r[5], r[6])
                         for r in raw]

    def _slice(self, offset: int, size: int) -> bytes:
        if offset + size > len(self.data):
            raise AoutError("truncated: a part lies beyond the end of the file")
        return self.data[offset : offset + size]

    def content(self, section: Section) -> bytes:
        """The bytes of a section that has some in the file."""
        if section.type == _SHT_NOBITS:
            raise AoutError(f"section {section.name} has no contents, but is not bss")
        return self._slice(section.offset, section.size)


def _cstring(table: bytes, offset: int) -> str:
    end = table.find(b"\0", offset)
    return table[offset : end if end >= 0 else len(table)].decode("utf-8", "replace")


def _roundup(n: int) -> int:
    return (n + PAGE - 1) & ~(PAGE - 1)


def _image(elf: Elf, sections: list[Section], start: int) -> bytes:
    """The sections as one piece of memory from start."""
    image = bytearray()
    for section in sorted(sections, key=lambda s: s.address):
        gap = section.address - (start + len(image))
        if gap < 0:
            raise AoutError(f"section {section.name} overlaps the one before it")
        if gap >= PAGE:
            raise AoutError(f"section {section.name} is at 0x{section.address:x}, far from "
                            f"the one before it: link with guest.ld")
        image += bytes(gap) + elf.content(section)
    return bytes(image)


def _symbols(elf: Elf, data_start: int, bss_start: int) -> bytes:
    """The Plan 9 symbol table: value, type with its high bit set, name; capitals are global."""
    tables = [s for s in elf.sections if s.type == _SHT_SYMTAB]
    if not tables:
        return b""
    link, table = tables[0].link, elf.content(tables[0])
    if link >= len(elf.sections) or len(table) % _SYM.size:
        raise AoutError("the symbol table is damaged")
    names = elf.content(elf.sections[link])
    found = []
    for name, value, _, info, _, index in _SYM.iter_unpack(table):
        if info & 15 not in (_STT_NOTYPE, _STT_OBJECT, _STT_FUNC) or not 0 < index < _SHN_RESERVED:
            continue
        text = names[name:].partition(b"\0")[0]
        if not text or text.startswith(b"."):
            continue
        letter = "t" if value < data_start else "d" if value < bss_start else "b"
        found.append((value, (letter.upper() if info >> 4 else letter).encode(), text))
    return b"".join(struct.pack(">IB", value, letter[0] | 0x80) + text + b"\0"
                    for value, letter, text in sorted(found))


def convert(data: bytes) -> bytes:
    """The a.out made from the bytes of a linked ELF program.  Raises AoutError."""
    elf = Elf(data)
    parts = [s for s in elf.sections if s.flags & _SHF_ALLOC and s.size]
    for section in elf.sections:
        if section.type in (_SHT_RELA, _SHT_REL) and section.size:
            raise AoutError(f"relocations are left in {section.name}: link statically, without -r")
        if section.type == _SHT_DYNAMIC:
            raise AoutError("linked dynamically: link with -static")
    for section in parts:
        if section.flags & _SHF_TLS:
            raise AoutError(f"thread-local storage ({section.name}) has no place in an a.out: "
                            "use privalloc(2)")
    text = [s for s in parts if not s.flags & _SHF_WRITE]
    writable = [s for s in parts if s.flags & _SHF_WRITE]
    initialised = [s for s in writable if s.type != _SHT_NOBITS]
    zero = [s for s in writable if s.type == _SHT_NOBITS]
    start = UTZERO + HEADER
    if not text or min(s.address for s in text) != start:
        raise AoutError(f"text does not begin at 0x{start:x}: link with guest.ld")
    text_image = _image(elf, text, start)
    data_start = _roundup(start + len(text_image))
    if initialised and min(s.address for s in initialised) != data_start:
        raise AoutError(f"data does not begin at 0x{data_start:x}: link with guest.ld")
    data_image = _image(elf, initialised, data_start) if initialised else b""
    bss_start = data_start + len(data_image)
    bss = 0
    if zero:
        if min(s.address for s in zero) < bss_start:
            raise AoutError("bss begins inside the data: link with guest.ld")
        bss = max(s.address + s.size for s in zero) - bss_start
    if not start <= elf.entry < start + len(text_image):
        raise AoutError(f"the entry 0x{elf.entry:x} is outside the text")
    symbols = _symbols(elf, data_start, bss_start)
    header = struct.pack(">8I", MAGIC, len(text_image), len(data_image), bss, len(symbols),
                         elf.entry, 0, 0)
    return header + text_image + data_image + symbols


def main(args: list[str]) -> int:
    """Convert a file."""
    if len(args) != 2:
        print("usage: mkaout.py ELF-FILE A.OUT-FILE", file=sys.stderr)
        return 2
    try:
        result = convert(Path(args[0]).read_bytes())
        output = Path(args[1])
        output.write_bytes(result)
        output.chmod(0o755)
    except (AoutError, OSError) as error:
        print(f"mkaout: {args[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
