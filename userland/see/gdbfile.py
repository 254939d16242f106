"""The one file that gdb may fetch from the stub: the program's symbols, as ELF.

gdb cannot read Plan 9's a.out, so it is given an ELF file with the same names at the same
addresses and nothing else; what the memory holds it asks for as always.
Source: gdb's manual, "Host I/O Packets"; ELF's specification.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from vx9.userland.see.gdbwire import PACKET_MOST, escape

if TYPE_CHECKING:
    from vx9.kernel.segment import Space
    from vx9.userland.see.symbols import Symbols

NAME: Final = "/plan9-symbols"
FD: Final = 3
_EHDR: Final = struct.Struct("<16sHHIIIIIHHHHHH")
_SECTION: Final = struct.Struct("<10I")
_SYMBOL: Final = struct.Struct("<IIIBBH")
_NOBITS, _SYMTAB, _STRTAB = 8, 2, 3
_FUNCTION, _OBJECT, _GLOBAL = 2, 1, 0x10
_NOENT, _BADF, _INVALID = 2, 9, 22  # as Host I/O numbers errors


def elf(names: Symbols, space: Space) -> bytes:
    """An ELF32 file of these names, with sections where the segments are."""
    strings = bytearray(1)
    symbols = bytearray(_SYMBOL.size)
    for kind, section, group in ((_FUNCTION, 1, names.code), (_OBJECT, 2, names.data)):
        for i, symbol in enumerate(group):
            size = 0 if i + 1 == len(group) else group[i + 1].address - symbol.address
            symbols += _SYMBOL.pack(len(strings), symbol.address, size, kind | _GLOBAL, 0, section)
            strings += symbol.name.encode("utf-8", "replace") + b"\0"
    titles = b"\0.text\0.data\0.symtab\0.strtab\0.shstrtab\0"
    at = _EHDR.size
    parts = [(titles.index(b".symtab"), _SYMTAB, bytes(symbols), 4, 1, _SYMBOL.size),
             (titles.index(b".strtab"), _STRTAB, bytes(strings), 0, 0, 0),
             (titles.index(b".shstrtab"), _STRTAB, titles, 0, 0, 0)]
    text, data, end = space.text, space.data, space.bss.top
    sections = [
        _SECTION.pack(*[0] * 10),
        _SECTION.pack(titles.index(b".text"), _NOBITS, 6, text.base, at, text.size, 0, 0, 16, 0),
        _SECTION.pack(titles.index(b".data"), _NOBITS, 3, data.base, at, end - data.base, 0, 0, 4, 0),
    ]
    body = b""
    for name, kind, content, link, info, entry in parts:
        sections.append(_SECTION.pack(name, kind, 0, 0, at + len(body), len(content), link, info,
                                      1, entry))
        body += content + bytes(-len(content) % 4)
    ident = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header = _EHDR.pack(ident, 2, 3, 1, text.base, 0, at + len(body), 0, _EHDR.size, 0, 0,
                        _SECTION.size, len(sections), len(sections) - 1)
    return header + body + b"".join(sections)


def answer(request: bytes, content: bytes) -> bytes:
    """The reply to a vFile packet, behind its first word."""
    what, _, rest = request.partition(b":")
    if what == b"setfs":
        return b"F0"
    if what == b"open":
        name = bytes.fromhex(rest.split(b",")[0].decode("ascii"))
        return b"F%x" % FD if name == NAME.encode() else _error(_NOENT)
    words = [int(word, 16) for word in rest.split(b",")]
    if not words or words[0] != FD:
        return _error(_BADF)
    if what == b"close":
        return b"F0"
    if what == b"fstat":
        stat = struct.pack(">7I3Q3I", 0, 1, 0o100444, 1, 0, 0, 0, len(content), 4096,
                           -(-len(content) // 512), 0, 0, 0)
        return b"F%x;" % len(stat) + escape(stat)
    if what == b"pread" and len(words) == 3:
        part = content[words[2]:words[2] + min(words[1], PACKET_MOST // 2 - 16)]
        return b"F%x;" % len(part) + escape(part)
    return _error(_INVALID)


def _error(number: int) -> bytes:
    return b"F-1,%x" % number
