"""ImageFS: the files of an image, read-only.

Source: intro(5), open(5), stat(5); image.py says what a Tree is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from . import perm as rights
from .dir import DMEXCL, ORCLOSE, OREAD, OTRUNC, Dir, DirChange, Qid
from .errors import EISDIR, ENONEXIST, ENOTDIR, EPERM, EXLOCKED, PlanError
from .image import ImageError, Node, Reader, Store, Tree, exactly
from .inflate import KINDS, Unpacked
from .isofs import is_iso, read_iso
from .server import Fid, Refuser, descend
from .tarfs import is_tar, read_tar
from .zipfs import is_zip, read_zip

HEAD = 512  # bytes that tell the format, but for ISO 9660


class Place(NamedTuple):
    """A Node, and the way to it: a folder that links lead to has several."""

    node: Node
    name: str
    up: Place | None


class ImageFS(Refuser):
    """A Tree; what has no Plan 9 owner belongs to owner, or without one to whom the image says."""

    def __init__(self, tree: Tree, owner: str | None = None,
                 close: Callable[[], None] = lambda: None) -> None:
        self.tree = tree
        self.close = close  # gives the image back to the host
        self._owner = None if tree.plan9 else owner
        self._root = Place(tree.root, "/", None)

    def _dir(self, node: Node, name: str) -> Dir:
        uid, gid = self._owners(node)
        return Dir(node.qid(), node.mode, node.mtime, node.mtime, node.length, name,
                   uid, gid, uid, ord(self.dc), self.dev)

    def _owners(self, node: Node) -> tuple[str, str]:
        if self._owner is not None:
            return self._owner, self._owner
        return node.uid or "none", node.gid or "none"

    def _check(self, node: Node, uid: str, need: int) -> None:
        rights.check(node.mode, rights.who(uid, *self._owners(node)), need)

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root; spec means nothing."""
        return Fid(self._root.node.qid(), uid, -1, self._root)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """Each directory passed must be searchable."""
        return descend(fid, names, lambda place, name: self._step(place, name, fid.uid),
                       lambda place: place.node.qid())

    def _step(self, place: Place, name: str, uid: str) -> Place:
        node = place.node
        if node.children is None:
            raise PlanError(ENOTDIR)
        self._check(node, uid, rights.AEXEC)
        if name == "..":
            return place.up or place
        child = node.children.get(name)
        if child is None:
            raise PlanError(ENONEXIST)
        return Place(child, name, place)

    async def open(self, fid: Fid, mode: int) -> None:
        """For reading and executing."""
        node: Node = fid.aux.node
        need = rights.rights_needed(mode)
        if need & rights.AWRITE or mode & (ORCLOSE | OTRUNC):
            raise PlanError(EPERM)
        if node.children is not None and mode != OREAD:
            raise PlanError(EISDIR)
        self._check(node, fid.uid, need)
        if node.mode & DMEXCL and node.opens:
            raise PlanError(EXLOCKED)
        node.opens += 1
        fid.omode = mode

    async def clunk(self, fid: Fid) -> None:
        """Lets go of an exclusive-use file."""
        if fid.omode >= 0:
            fid.aux.node.opens -= 1
            fid.omode = -1

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """From the image, or from what was unpacked of it."""
        node: Node = fid.aux.node
        count = min(count, node.length - offset)
        return node.data(count, offset) if count > 0 else b""

    async def readdir(self, fid: Fid) -> list[Dir]:
        """In the order of the image."""
        node: Node = fid.aux.node
        return [self._dir(child, name) for name, child in (node.children or {}).items()]

    async def stat(self, fid: Fid) -> Dir:
        """As the image says."""
        return self._dir(fid.aux.node, fid.aux.name)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """Nothing changes; what was never written is durable."""
        if not change.is_sync():
            raise PlanError(EPERM)


def read_tree(reader: Reader, store: Store) -> Tree:
    """The files of an image, whose format its contents tell.  Raises PlanError."""
    head = reader.read(HEAD, 0)
    for kind, magic in KINDS.items():
        if head.startswith(magic):
            inside = Unpacked(reader, kind, store)
            if not is_tar(inside.read(HEAD, 0)):
                raise ImageError(reader, 0, f"compressed by {kind}, but not a tar within")
            return read_tar(inside)
    if is_iso(reader) and not head.strip(b"\0"):
        return read_iso(reader)
    if is_tar(head):
        return read_tar(reader)
    if is_iso(reader):
        return read_iso(reader)
    if is_zip(reader):
        return read_zip(reader, store)
    exactly(reader, 1, 0, "the first byte")
    raise ImageError(reader, 0, "not a tar, zip or ISO 9660 image")
