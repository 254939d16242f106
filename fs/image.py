"""Images: what the readers of tar, zip and ISO 9660 have in common.

An image is read by offset through a Reader and never unpacked whole; what is compressed goes
into a Store as far as it is asked for.  A reader of one format makes a Tree of Nodes, once;
imagefs.py serves it.  An image is as hostile as a guest: what it takes of memory is bounded,
every offset and length in it is checked before it is used, and an ImageError names the image
and the place that is wrong.  Names that no tree may have (.., NUL, too long), devices, and
links that lead nowhere or outside are left out and counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from .dir import DMDIR, Qid
from .errors import PlanError

NAMEMAX: Final = 1024  # bytes of a name
PATHMAX: Final = 65536  # of a path, or of what a link says
DEPTH: Final = 256  # names in a path
COST: Final = 512  # bytes of memory that a file costs, besides its name
ROOM: Final = 256 << 20  # that all of a tree may cost
HOPS: Final = 40  # links that lead to links
STEPS: Final = 1 << 22  # names that all links of an image may make us walk
U32: Final = 0xFFFFFFFF

# Why something is left out.
BADNAMES: Final = "names that no file may have"
TWICE: Final = "names that are a file and a folder"
DEVICES: Final = "devices"
OUTSIDE: Final = "links that lead outside or nowhere"
ODD: Final = "files of a kind that only other systems have"

Data = Callable[[int, int], bytes]  # (count, offset): that many bytes, all within the file


class Reader(Protocol):
    """The bytes of an image."""

    name: str  # for errors
    size: int

    def read(self, count: int, offset: int) -> bytes:
        """The bytes there; fewer at the end of the image.  Raises PlanError."""


class Store(Protocol):
    """Room for what was unpacked."""

    def reserve(self, size: int) -> int:
        """The offset of that much room, which reads as zeros.  Raises PlanError."""

    def write(self, data: bytes, offset: int) -> None:
        """Keep data."""

    def read(self, count: int, offset: int) -> bytes:
        """What was kept."""


class ImageError(PlanError):
    """What is wrong with an image, and where."""

    def __init__(self, reader: Reader, offset: int, what: str) -> None:
        super().__init__(f"{reader.name[-40:]}: offset {offset}: {what}")


def exactly(reader: Reader, count: int, offset: int, what: str) -> bytes:
    """count bytes at offset.  Raises ImageError when the image ends before."""
    if offset < 0 or offset + count > reader.size:
        raise ImageError(reader, offset, f"{what} reaches beyond the image")
    data = reader.read(count, offset)
    if len(data) != count:
        raise ImageError(reader, offset, f"{what} is cut off; the image has changed")
    return data


class Extents:
    """The data of a file that lies in pieces of the image; an offset of -1 is a hole."""

    __slots__ = ("_pieces", "_reader", "_starts", "length")

    def __init__(self, reader: Reader, pieces: Iterable[tuple[int, int]]) -> None:
        self._reader = reader
        self._pieces = tuple(pieces)
        self._starts = []
        self.length = 0
        for offset, length in self._pieces:
            if length < 0 or (offset >= 0 and offset + length > reader.size):
                raise ImageError(reader, offset, f"a file of {length} bytes reaches beyond the image")
            self._starts.append(self.length)
            self.length += length

    def __call__(self, count: int, offset: int) -> bytes:
        """A piece of the data."""
        parts = []
        i = bisect_right(self._starts, offset) - 1
        while count > 0:
            place, length = self._pieces[i]
            within = offset - self._starts[i]
            n = min(count, length - within)
            if n > 0:
                parts.append(bytes(n) if place < 0 else
                             exactly(self._reader, n, place + within, "a file"))
                count -= n
                offset += n
            i += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)


def nothing(count: int, offset: int) -> bytes:
    """The data of an empty file."""
    return b""


class Node:
    """A file of an image; a symbolic link, until Tree.finish, when target is not None."""

    __slots__ = ("children", "data", "gid", "length", "mode", "mtime", "name", "number", "opens",
                 "parent", "target", "uid")

    def __init__(self, mode: int, mtime: int = 0, uid: str = "", gid: str = "",
                 data: Data = nothing, length: int = 0, target: str | None = None) -> None:
        self.mode = mode
        self.mtime = min(max(mtime, 0), U32)
        self.uid = uid
        self.gid = gid
        self.data = data
        self.length = length
        self.target = target
        self.children: dict[str, Node] | None = {} if mode & DMDIR else None
        self.parent: Node | None = None
        self.name = "/"  # and parent: where it was first
        self.number = 0
        self.opens = 0

    def qid(self) -> Qid:
        """Its Qid."""
        return Qid(self.number, 0, self.mode >> 24)

    def path(self) -> list[str]:
        """The names that lead to it."""
        names: list[str] = []
        node: Node = self
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        return names[::-1]


def split(path: str) -> list[str] | None:
    """The names in a path of an archive, "/" and "." taken away; None if no file may have them."""
    if len(path) > PATHMAX or "\0" in path:
        return None
    names = [name for name in path.split("/") if name not in ("", ".")]
    if len(names) > DEPTH or ".." in names:
        return None
    if len(path) > NAMEMAX // 4 and any(
            len(name.encode("utf-8", "surrogateescape")) > NAMEMAX for name in names):
        return None
    return names


class Tree:
    """The files of an image; plan9 says that their owners are Plan 9's."""

    def __init__(self, reader: Reader, plan9: bool = False) -> None:
        self.reader = reader
        self.plan9 = plan9
        self.root = Node(DMDIR | 0o755)
        self.left_out: Counter[str] = Counter()
        self._numbers = 0
        self._room = ROOM
        self._steps = STEPS

    def charge(self, size: int, offset: int) -> None:
        """Take memory for what stands at offset.  Raises ImageError when the image wants too much."""
        self._room -= size
        if self._room < 0:
            raise ImageError(self.reader, offset, "more files than fit in memory")

    def leave_out(self, why: str) -> None:
        """Count something that is not served."""
        self.left_out[why] += 1

    def put(self, path: str, node: Node, offset: int = 0) -> Node | None:
        """node under path, in place of the file that had it; None when it is left out."""
        names = split(path)
        if names is None:
            self.leave_out(BADNAMES)
            return None
        return self.put_names(names, node, offset)

    def put_names(self, names: Sequence[str], node: Node, offset: int = 0) -> Node | None:
        """The same, with checked names."""
        if not names:
            return self._again(self.root, node)
        folder: Node = self.root
        for name in names[:-1]:
            assert folder.children is not None
            child = folder.children.get(name)
            if child is None:
                child = self.put_in(folder, name, Node(DMDIR | 0o755, node.mtime), offset)
            if child is None or child.children is None:
                self.leave_out(TWICE)
                return None
            folder = child
        return self.put_in(folder, names[-1], node, offset)

    def put_in(self, folder: Node, name: str, node: Node, offset: int = 0) -> Node | None:
        """node as name of a folder; name has been checked."""
        assert folder.children is not None
        old = folder.children.get(name)
        if old is not None and (old.children is not None or node.children is not None):
            return self._again(old, node)
        self.charge(COST + len(name), offset)
        folder.children[name] = node
        if node.parent is None:
            self._numbers += 1
            node.number = self._numbers
            node.parent, node.name = folder, name
        return node

    def _again(self, old: Node, node: Node) -> Node | None:
        """A folder that comes again has its new attributes."""
        if old.children is None or node.children is None:
            self.leave_out(TWICE)
            return None
        old.mode, old.mtime, old.uid, old.gid = node.mode, node.mtime, node.uid, node.gid
        return old

    def find(self, path: str) -> Node | None:
        """The file under a path so far, links not followed."""
        node: Node | None = self.root
        for name in split(path) or ():
            if node is None or node.children is None:
                return None
            node = node.children.get(name)
        return None if node is self.root else node

    # Links

    def finish(self) -> Tree:
        """Put in place of each symbolic link what it leads to."""
        links = []
        folders = [self.root]
        while folders:
            folder = folders.pop()
            for name, node in (folder.children or {}).items():
                if node.target is not None:
                    links.append((folder, name, node.target))
                elif node.children is not None:
                    folders.append(node)
        found = [self._follow(folder, target) for folder, _, target in links]
        for (folder, name, _), end in zip(links, found, strict=True):
            assert folder.children is not None
            if end is None:
                self.leave_out(OUTSIDE)
                del folder.children[name]
            else:
                folder.children[name] = end
        return self

    def _follow(self, here: Node, target: str) -> Node | None:
        """What a link in the folder here leads to, / being the image's root."""
        parts: list[str] = []
        hops = 0
        link: str | None = target
        while parts or link is not None:
            if link is not None:
                hops += 1
                if hops > HOPS or not link or len(link) > PATHMAX:
                    return None
                if link.startswith("/"):
                    here = self.root
                parts += reversed(link.split("/"))
                link = None
                self._steps -= len(parts)
            self._steps -= 1
            if self._steps < 0:
                return None
            part = parts.pop()
            if here.children is None:
                return None
            if part in ("", "."):
                continue
            child = here.parent if part == ".." else here.children.get(part)
            if child is None:
                return None
            if child.target is not None:
                link = child.target
            else:
                here = child
        return here
