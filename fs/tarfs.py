"""Tar archives: ustar, pax, GNU's long names and sparse files, and what V7 wrote.

Hard links are names of one file.  An archive made elsewhere says who its owners were; imagefs
shows that, or one owner of all.  Source: pax(1) of POSIX, tar(5), GNU tar's manual ("Basic Tar
Format", "Storing Sparse Files").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .dir import DMDIR
from .image import (
    BADNAMES,
    DEVICES,
    ODD,
    OUTSIDE,
    Extents,
    ImageError,
    Node,
    Reader,
    Tree,
    exactly,
    nothing,
)
from .tarsparse import gnu_map, pax_map

BLOCK: Final = 512
EXTRA: Final = 1 << 20  # bytes of extended headers, or of a long name, that make sense


@dataclass(slots=True)
class Header:
    """One member, extended headers applied."""

    at: int  # where its header is
    data: int  # where its data is
    block: bytes
    kind: bytes
    size: int  # of the data in the archive
    name: str
    link: str
    mode: int
    mtime: int
    uid: str
    gid: str
    pax: dict[str, str] = field(default_factory=dict)


def text(data: bytes) -> str:
    """A field that a NUL ends."""
    return str(data.partition(b"\0")[0], "utf-8", "surrogateescape")


def number(data: bytes) -> int:
    """A number: octal, or binary when the first bit is set.  Raises ValueError."""
    if data[0] & 0x80:
        if data[0] & 0x40:
            return int.from_bytes(data, "big", signed=True)
        return int.from_bytes(data, "big") - (0x80 << 8 * (len(data) - 1))
    digits = data.partition(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise ValueError
    return int(digits, 8) if digits else 0


def is_tar(head: bytes) -> bool:
    """Whether that is the first block of a tar; the empty one begins with zeros."""
    if len(head) < BLOCK:
        return False
    return not any(head[:BLOCK]) if not head[0] else _sums(head)


def _sums(block: bytes) -> bool:
    try:
        want = number(block[148:156])
    except ValueError:
        return False
    rest = block[:148] + b" " * 8 + block[156:BLOCK]
    if sum(rest) == want:
        return True
    return sum(byte - 256 if byte > 127 else byte for byte in rest) == want  # as some old ones had it


class _Archive:
    """Where we are in an archive, and what its extended headers said."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.at = 0
        self._shared: dict[str, str] = {}  # pax's "g": for all that follow

    def next(self) -> Header | None:
        """The next member; None at the end."""
        longer: dict[str, str] = {}
        while True:
            here = self.at
            block = self.reader.read(BLOCK, here) if here < self.reader.size else b""
            if not block or not any(block):
                return None
            if len(block) < BLOCK:
                raise ImageError(self.reader, here, "a header is cut off")
            if not _sums(block):
                raise ImageError(self.reader, here, "not a tar header: its checksum is wrong")
            try:
                header = self._header(block, here)
                kind = header.kind
                if kind == b"x":
                    longer.update(self._pax(header))
                elif kind == b"g":
                    self._shared.update(self._pax(header))
                elif kind in b"LK":
                    longer["path" if kind == b"L" else "linkpath"] = text(self._extra(header))
                else:
                    self._apply(header, {**self._shared, **longer})
                    self._pass(header)
                    return header
            except (ValueError, OverflowError):
                raise ImageError(self.reader, here, "a header with a bad number") from None
            self._pass(header)

    def _header(self, block: bytes, at: int) -> Header:
        name = text(block[:100])
        prefix = text(block[345:500])
        if block[257:263] == b"ustar\0" and prefix:
            name = f"{prefix}/{name}"
        ids = number(block[108:116]), number(block[116:124])
        uid, gid = text(block[265:297]), text(block[297:329])
        if block[257:262] != b"ustar":
            uid = gid = ""
        return Header(at, at + BLOCK, block, block[156:157], number(block[124:136]), name,
                      text(block[157:257]), number(block[100:108]), number(block[136:148]),
                      uid or str(ids[0]), gid or str(ids[1]))

    def _pass(self, header: Header) -> None:
        size = header.size if header.kind not in b"12345" else 0
        if size < 0 or header.data + size > self.reader.size:
            raise ImageError(self.reader, header.at, f"a member of {size} bytes reaches beyond "
                                                     "the image")
        header.size = size
        self.at = header.data + (size + BLOCK - 1) // BLOCK * BLOCK

    def _extra(self, header: Header) -> bytes:
        if not 0 <= header.size <= EXTRA:
            raise ImageError(self.reader, header.at, f"an extended header of {header.size} bytes")
        return exactly(self.reader, header.size, header.data, "an extended header")

    def _pax(self, header: Header) -> dict[str, str]:
        """Records of pax: length, space, key=value, newline."""
        data = self._extra(header)
        found: dict[str, str] = {}
        at = 0
        while at < len(data) and data[at]:
            digits, space, _ = data[at : at + 20].partition(b" ")
            length = int(digits) if digits.isdigit() else 0
            record = data[at + len(digits) + 1 : at + length]
            key, equals, value = record[:-1].partition(b"=")
            if not space or not equals or record[-1:] != b"\n" or at + length > len(data):
                raise ImageError(self.reader, header.data + at, "a bad record of pax")
            name = str(key, "utf-8", "surrogateescape")
            said = str(value, "utf-8", "surrogateescape")
            if name in ("GNU.sparse.offset", "GNU.sparse.numbytes"):  # which come again and again
                map_ = found.get("GNU.sparse.map", "")
                found["GNU.sparse.map"] = f"{map_},{said}" if map_ else said
            else:
                found[name] = said
            at += length
        return found

    def _apply(self, header: Header, pax: dict[str, str]) -> None:
        header.pax = pax
        header.name = pax.get("GNU.sparse.name", pax.get("path", header.name))
        header.link = pax.get("linkpath", header.link)
        header.size = whole(pax["size"]) if pax.get("size") else header.size
        if pax.get("mtime"):
            header.mtime = int(float(pax["mtime"][:20]))
        header.uid = pax.get("uname") or header.uid
        header.gid = pax.get("gname") or header.gid


def whole(digits: str) -> int:
    """A decimal number that is not negative.  Raises ValueError."""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise ValueError
    return int(digits)


def read_tar(reader: Reader) -> Tree:
    """All files of an archive.  Raises ImageError."""
    tree = Tree(reader)
    archive = _Archive(reader)
    while (header := archive.next()) is not None:
        try:
            _member(tree, archive, header)
        except (ValueError, OverflowError):
            raise ImageError(reader, header.at, "a header with a bad number") from None
    return tree.finish()


def _member(tree: Tree, archive: _Archive, header: Header) -> None:
    node = Node(header.mode & 0o777, header.mtime, header.uid, header.gid)
    kind = header.kind
    if kind == b"1":
        _hard_link(tree, header, node)
    elif kind == b"2":
        if not header.link or "\0" in header.link:
            tree.leave_out(BADNAMES)
            return
        tree.charge(len(header.link), header.at)
        node.target = header.link
        tree.put(header.name, node, header.at)
    elif kind in (b"3", b"4", b"6"):
        tree.leave_out(DEVICES)
    elif kind in (b"5", b"D") or (kind in (b"0", b"\0") and header.name.endswith("/")):
        node.mode |= DMDIR
        node.children = {}
        tree.put(header.name, node, header.at)
    elif kind in (b"0", b"\0", b"7", b"S"):
        pieces = _pieces(tree, archive, header)
        if pieces:
            tree.charge(32 * len(pieces), header.at)
            extents = Extents(tree.reader, pieces)
            node.data, node.length = extents, extents.length
        else:
            node.data, node.length = nothing, 0
        tree.put(header.name, node, header.at)
    else:
        tree.leave_out(ODD)


def _hard_link(tree: Tree, header: Header, node: Node) -> None:
    first = tree.find(header.link)
    if first is None or first.children is not None:
        tree.leave_out(OUTSIDE)
    elif first.target is not None:
        node.target = first.target
        tree.put(header.name, node, header.at)
    else:
        tree.put(header.name, first, header.at)


def _pieces(tree: Tree, archive: _Archive, header: Header) -> list[tuple[int, int]]:
    """Where a file's data is."""
    if header.kind == b"S":
        pieces, skipped = gnu_map(tree.reader, header.block, header.data, header.size, number)
        archive.at += skipped
        return pieces
    if any(key in header.pax for key in ("GNU.sparse.map", "GNU.sparse.major")):
        return pax_map(tree.reader, header.pax, header.data, header.size, whole)
    return [(header.data, header.size)] if header.size else []
