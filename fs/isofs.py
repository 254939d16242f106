"""ISO 9660 images, with Plan 9's names, owners and modes, Rock Ridge's or Joliet's.

Plan 9 writes `PLAN 9` as the system identifier of the volume, and behind each name in a folder
(the system use area) the full name, if the one of ISO 9660 is another, owner, group and
mode.  Without these the names are Rock Ridge's, Joliet's, or ISO 9660's own in lower case, without
version and final dot; then _conform.map in the root says which long name each stands for.
Source: ECMA-119; mk9660(8), dossrv(4) (9660srv); rockridge.py has the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .dir import DMAPPEND, DMDIR, DMEXCL, DMTMP
from .image import (
    BADNAMES,
    DEPTH,
    DEVICES,
    ODD,
    Extents,
    ImageError,
    Node,
    Reader,
    Tree,
    exactly,
    split,
)
from .rockridge import Rock, rock_ridge, seconds, skip_of

SECTOR: Final = 2048
FIRST: Final = 16  # sector of the first volume descriptor
DESCRIPTORS: Final = 100
MAP: Final = "_conform.map"
MAPMAX: Final = 16 << 20
MODEBITS: Final = DMAPPEND | DMEXCL | DMTMP | 0o777
JOLIET: Final = (b"%/@", b"%/C", b"%/E")
# fmt: off
HIDDEN_KIND: Final = 0x04  # an associated file: a resource fork
IS_DIR:      Final = 0x02
GOES_ON:     Final = 0x80  # in the next record
# fmt: on
_RECORD: Final = struct.Struct("<BBI4xI4x7sBBB4xB")  # to the length of the name


@dataclass(slots=True)
class Record:
    """One entry of a directory."""

    at: int
    start: int  # of the data, in bytes
    size: int
    date: bytes
    flags: int
    woven: bool  # interleaved: with gaps
    name: bytes
    more: bytes  # the system use area


@dataclass(slots=True)
class Volume:
    """What the volume descriptors say."""

    reader: Reader
    block: int  # bytes
    root: Record
    plan9: bool = False
    joliet: bool = False
    skip: int = -1  # bytes of a system use area before Rock Ridge's; -1: it has none
    folders: int = 0  # bytes of directories read


def is_iso(reader: Reader) -> bool:
    """Whether it has a volume descriptor where ISO 9660 wants it."""
    return reader.read(6, FIRST * SECTOR)[1:] == b"CD001"


def read_iso(reader: Reader) -> Tree:
    """All files of an image.  Raises ImageError."""
    volume = _volume(reader)
    tree = Tree(reader, plan9=volume.plan9)
    _fill(tree, volume)
    if not (volume.plan9 or volume.joliet or volume.skip >= 0):
        _rename(tree)
    return tree.finish()


def _volume(reader: Reader) -> Volume:
    """The best of the volumes: Plan 9's, Rock Ridge's, Joliet's, the plain one."""
    plain = joliet = None
    for sector in range(FIRST, FIRST + DESCRIPTORS):
        at = sector * SECTOR
        data = exactly(reader, SECTOR, at, "a volume descriptor")
        if data[1:6] != b"CD001":
            raise ImageError(reader, at, "not a volume descriptor")
        if data[0] == 255:
            break
        if data[0] == 1 and plain is None:
            plain = _described(reader, data, at)
            plain.plan9 = data[8:14] == b"PLAN 9"
        elif data[0] == 2 and joliet is None and data[88:91] in JOLIET:
            joliet = _described(reader, data, at)
            joliet.joliet = True
    if plain is None:
        raise ImageError(reader, FIRST * SECTOR, "no primary volume descriptor")
    if plain.plan9:
        return plain
    first = next(_records(plain, plain.root), None)
    plain.folders = 0
    plain.skip = -1 if first is None else skip_of(first.more)
    return plain if plain.skip >= 0 or joliet is None else joliet


def _described(reader: Reader, data: bytes, at: int) -> Volume:
    block = int.from_bytes(data[128:130], "little")
    if block not in (512, 1024, 2048):
        raise ImageError(reader, at, f"a volume with blocks of {block} bytes")
    volume = Volume(reader, block, Record(at, 0, 0, b"", 0, False, b"", b""))
    volume.root = _record(volume, data[156:190], at + 156)
    return volume


def _record(volume: Volume, data: bytes, at: int) -> Record:
    """The entry of a directory that data is."""
    if len(data) < _RECORD.size + 1:
        raise ImageError(volume.reader, at, "an entry of a folder that is too short")
    _, attributes, block, size, date, flags, unit, gap, n = _RECORD.unpack_from(data)
    end = _RECORD.size + n
    if n == 0 or end > len(data):
        raise ImageError(volume.reader, at, "an entry of a folder whose name is too long")
    return Record(at, (block + attributes) * volume.block, size, date, flags,
                  bool(unit or gap), data[_RECORD.size : end], data[end + (end & 1) :])


def _records(volume: Volume, folder: Record) -> Iterator[Record]:
    """The entries of a directory; none lies in two sectors."""
    reader = volume.reader
    volume.folders += folder.size
    if volume.folders > reader.size:
        raise ImageError(reader, folder.at, f"a folder of {folder.size} bytes, which do not fit")
    for start in range(folder.start, folder.start + folder.size, SECTOR):
        size = min(SECTOR, folder.start + folder.size - start)
        data = exactly(reader, size, start, "a folder")
        at = 0
        while at < size and (length := data[at]):  # 0: the next is in the next sector
            if at + length > size:
                raise ImageError(reader, start + at, "an entry of a folder that is cut off")
            yield _record(volume, data[at : at + length], start + at)
            at += length
            at += length & 1 and at < size and not data[at]  # some pad it, some do not


def _fill(tree: Tree, volume: Volume) -> None:
    """Put all files; each directory can be in one place only, which also ends circles."""
    seen = {volume.root.start}
    waiting = [(tree.root, volume.root, 0)]
    while waiting:
        folder, record, depth = waiting.pop()
        if depth >= DEPTH:
            raise ImageError(volume.reader, record.at, f"more than {DEPTH} folders in each other")
        pieces: list[tuple[int, int]] = []
        for entry in _records(volume, record):
            if entry.name in (b"\0", b"\1"):  # . and ..
                if record is volume.root:
                    tree.root.mtime = tree.root.mtime or seconds(entry.date)
                continue
            if not entry.flags & IS_DIR:
                pieces.append((entry.start, entry.size))
                if entry.flags & GOES_ON:
                    continue
            placed = _put(tree, volume, folder, entry, pieces)
            pieces = []
            if placed is None:
                continue
            node, inside = placed
            if node.children is not None:
                if inside.start in seen:
                    raise ImageError(volume.reader, entry.at, "a folder that is in two places")
                seen.add(inside.start)
                waiting.append((node, inside, depth + 1))


def _put(tree: Tree, volume: Volume, folder: Node, entry: Record,
         pieces: list[tuple[int, int]]) -> tuple[Node, Record] | None:
    """The file of an entry, and where its contents are when it is a directory."""
    reader = volume.reader
    node = Node(0o555, seconds(entry.date))
    if entry.flags & IS_DIR:
        node.mode |= DMDIR
        node.children = {}
    if volume.plan9 and entry.more:
        name = _plan9(volume, entry, node) or lowered(entry.name)
    elif volume.joliet:
        name = entry.name.decode("utf-16-be", "replace").partition(";")[0]
    else:
        name = lowered(entry.name)
    inside = entry
    if volume.skip >= 0:
        rock = rock_ridge(reader, entry.more[volume.skip :], entry.at, volume.block)
        if rock.moved:  # shown where it was
            return None
        name = rock.name or name
        inside = _rock(volume, rock, entry, node)
        if rock.device:
            tree.leave_out(DEVICES)
            return None
    if entry.flags & HIDDEN_KIND or (entry.woven and node.target is None):
        tree.leave_out(ODD)
        return None
    if "/" in name or split(name) != [name]:
        tree.leave_out(BADNAMES)
        return None
    if node.children is None and node.target is None:
        pieces = [(start, size) for start, size in pieces if size]
        tree.charge(32 * len(pieces), entry.at)
        if pieces:
            extents = Extents(reader, pieces)
            node.data, node.length = extents, extents.length
    elif node.target is not None:
        tree.charge(len(node.target), entry.at)
    if tree.put_in(folder, name, node, entry.at) is not node:
        return None
    return node, inside


def _rock(volume: Volume, rock: Rock, entry: Record, node: Node) -> Record:
    """What Rock Ridge says of an entry, put into node; where its contents are."""
    if rock.mode is not None:
        node.mode = node.mode & DMDIR | rock.mode & 0o777
    node.mtime = rock.mtime if rock.mtime is not None else node.mtime
    node.uid, node.gid = rock.uid, rock.gid
    if rock.target is not None and node.children is None:
        node.target = rock.target
    if rock.child is None or node.children is not None:
        return entry
    start = rock.child * volume.block
    data = exactly(volume.reader, 1, start, "a folder that was moved")
    data = exactly(volume.reader, data[0], start, "a folder that was moved")
    node.mode |= DMDIR
    node.children = {}
    inside = _record(volume, data, start)
    if inside.start != start:
        raise ImageError(volume.reader, entry.at, "a folder that was moved, and is not there")
    return inside


def _plan9(volume: Volume, entry: Record, node: Node) -> str:
    """Put owner, group and mode of Plan 9's into node; the full name, or nothing."""
    data, at, words = entry.more, 0, []
    for _ in range(3):
        n = data[at] if at < len(data) else 0
        words.append(str(data[at + 1 : at + 1 + n], "utf-8", "surrogateescape"))
        at += 1 + n
    at += at & 1
    if at + 4 > len(data):
        raise ImageError(volume.reader, entry.at, "an entry whose Plan 9 fields are cut off")
    mode = int.from_bytes(data[at : at + 4], "little")
    if bool(mode & DMDIR) != (node.children is not None):
        raise ImageError(volume.reader, entry.at, "an entry that is a file and a folder")
    node.mode = mode & (DMDIR | MODEBITS)
    name, node.uid, node.gid = words
    return name


def lowered(name: bytes) -> str:
    """A name of ISO 9660's as we show it; one with small letters is nobody's but its own."""
    text = str(name, "utf-8", "surrogateescape")
    stem, mark, version = text.rpartition(";")
    if mark and version.isdigit():
        text = stem
    if len(text) > 1 and text.endswith("."):
        text = text[:-1]
    return text.lower() if text == text.upper() else text


def _rename(tree: Tree) -> None:
    """By _conform.map, whose lines are a short name and the long one, both without folders."""
    assert tree.root.children is not None
    file = next((node for name, node in tree.root.children.items() if name.lower() == MAP), None)
    if file is None or file.children is not None or file.length > MAPMAX:
        return
    text = str(file.data(file.length, 0), "utf-8", "surrogateescape") if file.length else ""
    long: dict[str, str] = {}
    for line in text.splitlines():
        short, space, name = line.partition(" ")
        if space and split(name) == [name]:
            tree.charge(len(name), 0)
            long[short.lower()] = name
    folders = [tree.root]
    while folders:
        folder = folders.pop()
        children = folder.children or {}
        renamed: dict[str, Node] = {}
        for name, node in children.items():
            new = long.get(name.lower(), name)
            if new != name and (new in children or new in renamed):
                new = name
            node.name = new
            renamed[new] = node
            if node.children is not None:
                folders.append(node)
        folder.children = renamed
