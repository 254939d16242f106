"""Zip archives: stored files are read in place, others unpacked when they are read.

The central directory says what there is; the header in front of each file's data must lie
where it says, and no two may overlap, so that what an archive can unpack to is bounded by its
size.  Times are those of the extended stamp, or the archive's without a zone.  Unix modes
and links are taken where the archive has them.
Source: PKWARE's APPNOTE, 4.3 to 4.5; Info-ZIP's extra fields.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from .dir import DMDIR
from .image import (
    BADNAMES,
    COST,
    DEVICES,
    PATHMAX,
    Data,
    Extents,
    ImageError,
    Node,
    Reader,
    Store,
    Tree,
    exactly,
)
from .inflate import Inflated, unpack

_END: Final = struct.Struct("<4s4H2IH")  # signature, disks, entries twice, size, offset, comment
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR: Final = struct.Struct("<4sIQI")
_ENTRY: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_FULL16: Final = 0xFFFF
_FULL32: Final = 0xFFFFFFFF
_MOST: Final = 512 << 20  # bytes of a central directory
STORED: Final = 0
METHODS: Final = {8: "deflate", 12: "bzip2"}
MOST_PACKED: Final = {8: 1040, 12: 50_000_000}  # bytes that one byte can stand for, at most
UNIX: Final = 3  # who made an entry
S_IFMT, S_IFDIR, S_IFREG, S_IFLNK = 0o170000, 0o040000, 0o100000, 0o120000


def is_zip(reader: Reader) -> bool:
    """Whether it ends as a zip does."""
    return _find_end(reader) is not None


def _find_end(reader: Reader) -> tuple[bytes, int] | None:
    """The record at the end, which a comment may follow, and its offset."""
    start = max(0, reader.size - _END.size - _FULL16)
    tail = reader.read(reader.size - start, start)
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        record = tail[at : at + _END.size]
        if len(record) == _END.size and at + _END.size + _END.unpack(record)[-1] <= len(tail):
            return record, start + at
        at = tail.rfind(b"PK\5\6", 0, at)
    return None


def read_zip(reader: Reader, store: Store) -> Tree:
    """All files of an archive.  Raises ImageError."""
    end = _find_end(reader)
    if end is None:
        raise ImageError(reader, 0, "no central directory")
    count, size, start, base = _directory(reader, *end)
    data = exactly(reader, size, start, "the central directory")
    tree = Tree(reader)
    taken: list[tuple[int, int]] = []
    at = 0
    for _ in range(count):
        at = _entry(tree, store, data, at, start, base, taken)
    taken.sort()
    for i in range(1, len(taken)):
        if taken[i][0] < taken[i - 1][1]:
            raise ImageError(reader, taken[i][0], "files that overlap")
    return tree.finish()


def _directory(reader: Reader, record: bytes, at: int) -> tuple[int, int, int, int]:
    """Its entries, its size, its offset, and what is to be added to offsets in it."""
    _, disk, first, _, count, size, start, _ = _END.unpack(record)
    end = at
    if at >= _LOCATOR.size:
        locator = reader.read(_LOCATOR.size, at - _LOCATOR.size)
        if locator[:4] == b"PK\6\7":
            where = _LOCATOR.unpack(locator)[2]
            long = exactly(reader, _END64.size, where, "the end of the central directory")
            sign, _, _, _, disk, first, _, count, size, start = _END64.unpack(long)
            if sign != b"PK\6\6":
                raise ImageError(reader, where, "not the end of a central directory")
            end = where
    if disk or first:
        raise ImageError(reader, at, "one of several disks; join them to one file first")
    if size > min(end, _MOST) or count * _ENTRY.size > size:
        raise ImageError(reader, at, f"a central directory of {size} bytes and {count} files")
    base = end - size - start  # of a program that unpacks itself, in front
    if base < 0:
        raise ImageError(reader, at, "a central directory beyond its end")
    return count, size, start + base, base


@dataclass(slots=True)
class Entry:
    """What the central directory says of a file."""

    here: int  # where it says so
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    length: int
    local: int  # where the file's own header is
    mode: int  # Unix's; 0 if it has none
    mtime: int
    folder: bool


def _entry(tree: Tree, store: Store, data: bytes, at: int, start: int, base: int,
           taken: list[tuple[int, int]]) -> int:
    """Put one file of the central directory; where the next is."""
    entry, after = _parse(tree.reader, data, at, start)
    node = Node(entry.mode & 0o777 if entry.mode else 0o755 if entry.folder else 0o644,
                entry.mtime)
    if entry.mode & S_IFMT not in (0, S_IFDIR, S_IFREG, S_IFLNK):
        tree.leave_out(DEVICES)
        return after
    if entry.folder:
        node.mode |= DMDIR
        node.children = {}
    else:
        entry.local += base
        node.data, node.length = _data(tree.reader, store, entry, start, taken), entry.length
        tree.charge(COST, entry.here)  # for that
    if entry.mode & S_IFMT == S_IFLNK and not entry.folder:
        if not 0 < entry.length <= PATHMAX:
            tree.leave_out(BADNAMES)
            return after
        tree.charge(entry.length, entry.here)
        node.target = str(node.data(entry.length, 0), "utf-8", "surrogateescape")
        node.length = 0
    tree.put(entry.name, node, entry.here)
    return after


def _parse(reader: Reader, data: bytes, at: int, start: int) -> tuple[Entry, int]:
    """The entry at a place of the central directory, and where the next is."""
    here = start + at
    if at + _ENTRY.size > len(data):
        raise ImageError(reader, here, "the central directory is cut off")
    (sign, made, _, flags, method, time, date, crc, packed, length, n_name, n_extra, n_comment,
     _, _, attributes, local) = _ENTRY.unpack_from(data, at)
    at += _ENTRY.size
    after = at + n_name + n_extra + n_comment
    if sign != b"PK\1\2" or after > len(data):
        raise ImageError(reader, here, "not an entry of a central directory")
    raw = data[at : at + n_name]
    name = str(raw, "utf-8", "surrogateescape") if flags & 0x800 else _old_name(raw)
    mtime = _dos_time(date, time)
    for kind, body in _extras(data[at + n_name : after - n_comment]):
        if kind == 1:
            length, packed, local = _long(reader, here, body, length, packed, local)
        elif kind == 0x5455 and len(body) >= 5 and body[0] & 1:
            mtime = int.from_bytes(body[1:5], "little")
    mode = attributes >> 16 if made >> 8 == UNIX else 0
    folder = name.endswith("/") or mode & S_IFMT == S_IFDIR or bool(not mode and attributes & 16)
    return Entry(here, name, flags, method, crc, packed, length, local, mode, mtime, folder), after


def _data(reader: Reader, store: Store, entry: Entry, start: int,
          taken: list[tuple[int, int]]) -> Data:
    """How a file is read; its place in the archive goes to taken."""
    local, packed, length = entry.local, entry.packed, entry.length
    head = exactly(reader, _LOCAL.size, local, "a file's header")
    if head[:4] != b"PK\3\4":
        raise ImageError(reader, local, "not a file's header")
    begin = local + _LOCAL.size + sum(_LOCAL.unpack(head)[-2:])
    if begin + packed > start:
        raise ImageError(reader, local, f"a file of {packed} bytes reaches beyond the files")
    taken.append((local, begin + packed))
    if entry.flags & 1:
        return _unreadable(reader, local, "the file is encrypted")
    if entry.method == STORED:
        if packed != length:
            raise ImageError(reader, local, "a stored file of two lengths")
        return Extents(reader, [(begin, length)])
    if entry.method not in METHODS:
        return _unreadable(reader, local, f"compressed by an unknown method, {entry.method}")
    if length > packed * MOST_PACKED[entry.method]:
        raise ImageError(reader, local, f"{packed} bytes cannot hold a file of {length}")
    return Inflated(store, length, entry.crc,
                    _opener(reader, METHODS[entry.method], begin, packed))


def _opener(reader: Reader, kind: str, offset: int, packed: int,
            ) -> Callable[[], tuple[Iterator[bytes], Callable[[str], ImageError]]]:
    def start() -> tuple[Iterator[bytes], Callable[[str], ImageError]]:
        return (unpack(reader, kind, offset, packed),
                lambda what: ImageError(reader, offset, what))
    return start


def _unreadable(reader: Reader, offset: int, why: str) -> Callable[[int, int], bytes]:
    def read(count: int, at: int) -> bytes:
        raise ImageError(reader, offset, why)
    return read


def _old_name(raw: bytes) -> str:
    """A name that does not say what it is in: UTF-8 if it can be, else as DOS has it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _extras(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, body) of the extra fields; what is cut off ends them."""
    at = 0
    while at + 4 <= len(data):
        kind, size = struct.unpack_from("<2H", data, at)
        if at + 4 + size > len(data):
            return
        yield kind, data[at + 4 : at + 4 + size]
        at += 4 + size


def _long(reader: Reader, here: int, body: bytes, *short: int) -> tuple[int, ...]:
    """The three numbers, those that did not fit from the field of zip64."""
    numbers = []
    for value in short:
        if value == _FULL32:
            if len(body) < 8:
                raise ImageError(reader, here, "a zip64 field that is too short")
            value = int.from_bytes(body[:8], "little")
            body = body[8:]
        numbers.append(value)
    return tuple(numbers)


def _dos_time(date: int, time: int) -> int:
    """Seconds since 1970; 0 for what is no time."""
    try:
        when = datetime(1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11,
                        time >> 5 & 63, (time & 31) * 2, tzinfo=UTC)
    except ValueError:
        return 0
    return max(0, int(when.timestamp()))
