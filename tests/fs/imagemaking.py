"""Images made in memory, for the tests of their readers.

The writer of ISO 9660 is tiny: folders and files, with Plan 9's fields, Rock Ridge's, Joliet's or none.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from dataclasses import dataclass, field

from vx9.fs.errors import PlanError

MTIME = 1_000_000_000
SECTOR = 2048


class Bytes:
    """A Reader of bytes."""

    name = "test.img"

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, count: int, offset: int) -> bytes:
        assert count >= 0 and offset >= 0
        return self.data[offset : offset + count]


class Room:
    """A Store in memory, with a bound."""

    def __init__(self, most: int = 1 << 24) -> None:
        self.data = bytearray()
        self.most = most
        self.end = 0

    def reserve(self, size: int) -> int:
        if self.end + size > self.most:
            raise PlanError("file system full")
        self.end += size
        return self.end - size

    def write(self, data: bytes, offset: int) -> None:
        assert offset + len(data) <= self.end
        self.data.extend(bytes(max(0, offset + len(data) - len(self.data))))
        self.data[offset : offset + len(data)] = data

    def read(self, count: int, offset: int) -> bytes:
        return bytes(self.data[offset : offset + count])


def tar(tree: dict, mode: str = "w", form: int = tarfile.PAX_FORMAT, **more: bytes) -> bytes:
    """An archive of path -> contents, None for folders, TarInfo for what is special."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:
        for path, data in tree.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
                continue
            info = tarfile.TarInfo(path)
            info.mtime = MTIME
            info.mode = 0o755 if data is None else 0o644
            info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            info.uname, info.gname = "rob", "staff"
            info.size = len(data or b"")
            archive.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


def member(name: str, kind: bytes, link: str = "", **more: object) -> tarfile.TarInfo:
    """A member without contents."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime = kind, link, MTIME
    for key, value in more.items():
        setattr(info, key, value)
    return info


def zip_(tree: dict, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of path -> contents, None for folders; (mode, contents) for other modes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, data in tree.items():
            mode = 0o40755 if data is None else 0o100644
            if isinstance(data, tuple):
                mode, data = data
            info = zipfile.ZipInfo(path + "/" if data is None else path, (2001, 9, 9, 1, 46, 40))
            info.external_attr = mode << 16
            info.create_system = 3
            info.compress_type = zipfile.ZIP_STORED if data is None else method
            archive.writestr(info, data or b"")
    return out.getvalue()


# ISO 9660

@dataclass
class File:
    """A file or folder of an image in the making."""

    name: str = ""  # the real one
    iso: bytes = b""  # the identifier; "" to make it from name
    data: bytes | None = None  # None: a folder
    children: list[File] = field(default_factory=list)
    uid: str = "sys"
    gid: str = "sys"
    mode: int = -1
    full: bool | None = None  # whether Plan 9's field has the name; None: when it must
    area: bytes | None = None  # the whole system use area
    flags: int = 0
    start: int = 0  # block
    size: int = 0


def folder(name: str, *children: File, **more) -> File:
    return File(name, children=list(children), **more)


def grown(tree: dict) -> File:
    """The root of path -> contents."""
    root = folder("")
    for path, data in tree.items():
        here = root
        *above, last = path.split("/")
        for name in above:
            there = next((child for child in here.children if child.name == name), None)
            if there is None:
                there = folder(name)
                here.children.append(there)
            here = there
        here.children.append(File(last, data=data))
    return root


def both32(n: int) -> bytes:
    return struct.pack("<I", n) + struct.pack(">I", n)


def both16(n: int) -> bytes:
    return struct.pack("<H", n) + struct.pack(">H", n)


def identifier(f: File, style: str) -> bytes:
    if f.iso:
        return f.iso
    if style == "joliet":
        return f.name.encode("utf-16-be")
    name = f.name.upper().encode()
    return name if f.data is None or style == "plan9" else name + b";1"


def plan9_area(f: File) -> bytes:
    mode = f.mode if f.mode >= 0 else (0o644 if f.data is not None else 0x80000000 | 0o775)
    must = f.name != f.name.lower() or bool(f.iso)
    name = f.name.encode() if (must if f.full is None else f.full) else b""
    area = b"".join(bytes([len(s)]) + s for s in (name, f.uid.encode(), f.gid.encode()))
    return area + b"\0" * (len(area) & 1) + both32(mode)


def rock_area(f: File) -> bytes:
    kind = 0o100000 if f.data is not None else 0o040000
    mode = f.mode if f.mode >= 0 else kind | (0o644 if kind == 0o100000 else 0o755)
    px = b"PX" + bytes((36, 1)) + b"".join(map(both32, (mode, 1, 7, 8)))
    nm = b"NM" + bytes((5 + len(f.name.encode()), 1, 0)) + f.name.encode()
    return px + nm


def record(f: File, ident: bytes, style: str, area: bytes) -> bytes:
    pad = b"" if (33 + len(ident)) % 2 == 0 else b"\0"
    flags = f.flags | (2 if f.data is None else 0)
    length = 33 + len(ident) + len(pad) + len(area)
    date = bytes((101, 9, 9, 1, 46, 40, 0))
    return (bytes((length, 0)) + both32(f.start) + both32(f.size) + date + bytes((flags, 0, 0))
            + both16(1) + bytes([len(ident)]) + ident + pad + area)


def listing(here: File, up: File, style: str) -> bytes:
    sp = b"SP\x07\x01\xbe\xef\0" if style == "rock" else b""
    blocks, block = [], b""
    rows = [record(here, b"\0", style, sp), record(up, b"\1", style, b"")]
    for f in here.children:
        area = f.area if f.area is not None else (
            plan9_area(f) if style == "plan9" else rock_area(f) if style == "rock" else b"")
        rows.append(record(f, identifier(f, style), style, area))
    for row in rows:
        if len(block) + len(row) > SECTOR:
            blocks.append(block.ljust(SECTOR, b"\0"))
            block = b""
        block += row
    return b"".join(blocks) + block.ljust(SECTOR, b"\0")


def descriptor(kind: int, root: File, style: str) -> bytes:
    system = b"PLAN 9" if style == "plan9" else b""
    escapes = b"%/E" if style == "joliet" else b""
    head = bytes([kind]) + b"CD001\1\0" + system.ljust(32) + b"TEST".ljust(32) + bytes(8)
    head += both32(0) + escapes.ljust(32, b"\0") + both16(1) + both16(1) + both16(SECTOR)
    return (head.ljust(156, b"\0") + record(root, b"\0", "", b"")).ljust(SECTOR, b"\0")


def iso(root: File | dict, style: str = "plain", joliet: bool = False) -> bytes:
    """An image: plan9, rock or plain; with joliet a second tree."""
    if isinstance(root, dict):
        root = grown(root)
    styles = [style, *(["joliet"] if joliet else [])]
    blocks: list[bytes] = []
    first = 16 + len(styles) + 1

    def put(data: bytes) -> int:
        at = first + len(blocks)
        data += bytes(-len(data) % SECTOR)
        blocks.extend(data[i : i + SECTOR] for i in range(0, len(data), SECTOR))
        return at

    def files(f: File) -> None:
        for child in f.children:
            files(child)
        if f.data is not None:
            f.start, f.size = put(f.data) if f.data else 0, len(f.data)

    def place(f: File, style: str) -> None:
        f.size = len(listing(f, f, style))
        f.start = put(bytes(f.size))
        for child in f.children:
            if child.data is None:
                place(child, style)

    def write(f: File, up: File, style: str) -> None:
        data = listing(f, up, style)
        for i in range(0, len(data), SECTOR):
            blocks[f.start - first + i // SECTOR] = data[i : i + SECTOR]
        for child in f.children:
            if child.data is None:
                write(child, f, style)

    files(root)
    heads = []
    for number, each in enumerate(styles):
        place(root, each)
        write(root, root, each)
        heads.append(descriptor(number + 1, root, each))
    end = (b"\xffCD001\1").ljust(SECTOR, b"\0")
    return bytes(16 * SECTOR) + b"".join(heads) + end + b"".join(blocks)


def read_all(tree) -> int:
    """Read every file of a tree; those that cannot be read say so.  How many can."""
    good = 0
    waiting, seen = [tree.root], set()
    while waiting:
        node = waiting.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        assert node.target is None
        if node.children is None:
            try:
                for at in (0, node.length // 2, max(0, node.length - 1)):
                    count = min(4096, node.length - at)
                    if count:
                        assert len(node.data(count, at)) == count
                good += 1
            except PlanError:
                pass
        for name, child in (node.children or {}).items():
            assert name not in ("", ".", "..") and "/" not in name and "\0" not in name
            waiting.append(child)
    return good
