"""RamFS: a tree of files in memory.

Keeps all that stat(5) knows: modes with append-only, exclusive-use and temporary files,
versions that count modifications, who modified last.  A file that is removed while open
lives until its last Fid is clunked.  Memory is bounded by `quota`, in which each file
counts for its data and OVERHEAD.  Source: ramfs(4), stat(5), open(5), remove(5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final

from . import perm as rights
from .dir import (
    DMAPPEND,
    DMDIR,
    DMEXCL,
    DMTMP,
    ORCLOSE,
    OREAD,
    OTRUNC,
    Dir,
    DirChange,
    Qid,
    check_name,
)
from .errors import (
    EBADARG,
    EEXIST,
    EFULL,
    EISDIR,
    ENAMETOOLONG,
    ENONEXIST,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    EREMOVED,
    EXLOCKED,
    PlanError,
)
from .server import Fid, Refuser, descend

OVERHEAD: Final = 512  # bytes a file costs besides its data and name
NAMEMAX: Final = 1024  # bytes of a name
MODEBITS: Final = DMDIR | DMAPPEND | DMEXCL | DMTMP | 0o777


class Node:
    """A file."""

    __slots__ = ("atime", "children", "data", "gid", "mode", "mtime", "muid", "name", "opens",
                 "parent", "path", "uid", "vers")

    def __init__(self, path: int, name: str, mode: int, uid: str, gid: str, now: int) -> None:
        self.path = path
        self.vers = 0
        self.name = name
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.muid = uid
        self.atime = self.mtime = now
        self.parent: Node | None = None  # None: the root, or removed
        self.children: dict[str, Node] | None = {} if mode & DMDIR else None
        self.data = bytearray()
        self.opens = 0

    def qid(self) -> Qid:
        """Its Qid now."""
        return Qid(self.path, self.vers & 0xFFFFFFFF, self.mode >> 24)

    def cost(self) -> int:
        """What it takes of the quota."""
        return OVERHEAD + len(self.name) + len(self.data)


_number = attrgetter("path")  # which ascend in the order of creation


class RamFS(Refuser):
    """A tree in memory whose root belongs to `owner`; `now` tells the seconds since 1970."""

    def __init__(self, owner: str = "none", now: Callable[[], int] = lambda: 0,
                 quota: int = 256 << 20, perm: int = 0o775,
                 charge: Callable[[int], None] = lambda size: None) -> None:
        self.now = now
        self.quota = quota
        self.charge = charge  # told of every change of `used`; may raise PlanError
        self.used = 0
        self._paths = 0
        self.root = self._node("/", DMDIR | perm & 0o777, owner, owner)

    def _node(self, name: str, mode: int, uid: str, gid: str) -> Node:
        node = Node(self._paths, name, mode, uid, gid, self.now())
        self._charge(node.cost())
        self._paths += 1
        return node

    def _charge(self, size: int) -> None:
        if size > 0 and self.used + size > self.quota:
            raise PlanError(EFULL)
        self.charge(size)
        self.used += size

    # Walking

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root; spec means nothing."""
        return Fid(self.root.qid(), uid, -1, self.root)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """Each directory passed must be searchable."""
        return descend(fid, names, lambda node, name: self._step(node, name, fid.uid), Node.qid)

    def _step(self, node: Node, name: str, uid: str) -> Node:
        if node.children is None:
            raise PlanError(ENOTDIR)
        self._check(node, uid, rights.AEXEC)
        if name == "..":
            return node.parent or node
        child = node.children.get(name)
        if child is None:
            raise PlanError(ENONEXIST)
        return child

    def _check(self, node: Node, uid: str, need: int) -> None:
        rights.check(node.mode, rights.who(uid, node.uid, node.gid), need)

    def _alive(self, node: Node) -> None:
        if node.parent is None and node is not self.root:
            raise PlanError(EREMOVED)

    # Opening

    async def open(self, fid: Fid, mode: int) -> None:
        """open(5)."""
        node: Node = fid.aux
        self._alive(node)
        if node.children is not None and mode & ~ORCLOSE != OREAD:
            raise PlanError(EISDIR)
        self._check(node, fid.uid, rights.rights_needed(mode))
        if mode & ORCLOSE:
            self._check_removable(node, fid.uid)
        if node.mode & DMEXCL and node.opens:
            raise PlanError(EXLOCKED)
        if mode & OTRUNC and not node.mode & DMAPPEND:
            self._resize(node, 0)
            self._modified(node, fid.uid)
        node.opens += 1
        fid.qid = node.qid()
        fid.omode = mode

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """create in open(5)."""
        parent: Node = fid.aux
        if parent.children is None:
            raise PlanError(ENOTDIR)
        self._alive(parent)
        self._check(parent, fid.uid, rights.AWRITE)
        self._check_new_name(parent, name)
        if perm & ~MODEBITS:
            raise PlanError(EBADARG)
        if perm & DMDIR and mode & ~ORCLOSE != OREAD:
            raise PlanError(EISDIR)
        rights.open_kind(mode)
        node = self._node(name, rights.inherit(perm, parent.mode), fid.uid, parent.gid)
        node.parent = parent
        parent.children[name] = node
        self._modified(parent, fid.uid)
        node.opens = 1
        fid.aux, fid.qid, fid.omode = node, node.qid(), mode

    def _check_new_name(self, parent: Node, name: str) -> None:
        check_name(name)
        if len(name) * 4 > NAMEMAX and len(name.encode("utf-8", "surrogateescape")) > NAMEMAX:
            raise PlanError(ENAMETOOLONG)
        assert parent.children is not None
        if name in parent.children:
            raise PlanError(EEXIST)

    async def clunk(self, fid: Fid) -> None:
        """Remove on close happens here, and the end of a removed file."""
        if fid.omode < 0:
            return
        node: Node = fid.aux
        node.opens -= 1
        if fid.omode & ORCLOSE and node.parent is not None and not node.children:
            self._unlink(node, fid.uid)
        elif not node.opens and node.parent is None and node is not self.root:
            self._charge(-node.cost())
        fid.omode = -1

    async def remove(self, fid: Fid) -> None:
        """remove(5): needs the right to write the directory, not the file."""
        node: Node = fid.aux
        self._alive(node)
        self._check_removable(node, fid.uid)
        if node.children:
            raise PlanError(ENOTEMPTY)
        self._unlink(node, fid.uid)

    def _check_removable(self, node: Node, uid: str) -> None:
        if node.parent is None:
            raise PlanError(EPERM)
        self._check(node.parent, uid, rights.AWRITE)

    def _unlink(self, node: Node, uid: str) -> None:
        parent = node.parent
        assert parent is not None
        assert parent.children is not None
        del parent.children[node.name]
        node.parent = None
        self._modified(parent, uid)
        if not node.opens:
            self._charge(-node.cost())

    async def move(self, fid: Fid, folder: Fid, name: str) -> None:
        """Call the file name in folder, in place of what is called so there, as rename(2) does."""
        node, to, uid = fid.aux, folder.aux, fid.uid
        self._alive(node)
        self._alive(to)
        self._check_removable(node, uid)
        if to.children is None:
            raise PlanError(ENOTDIR)
        self._check(to, uid, rights.AWRITE)
        above: Node | None = to
        while above is not None:
            if above is node:
                raise PlanError(EBADARG)
            above = above.parent
        other = to.children.get(name)
        if other is node:
            return
        if other is not None:
            if (other.children is None) != (node.children is None):
                raise PlanError(ENOTDIR if other.children is None else EISDIR)
            if other.children:
                raise PlanError(ENOTEMPTY)
            self._unlink(other, uid)
        self._check_new_name(to, name)
        self._charge(len(name) - len(node.name))
        parent = node.parent
        del parent.children[node.name]
        node.name, node.parent = name, to
        to.children[name] = node
        self._modified(parent, uid)
        self._modified(to, uid)

    async def room(self, fid: Fid) -> tuple[int, int]:
        """Bytes in all and bytes free."""
        return self.quota, max(0, self.quota - self.used)

    # Contents

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """A piece of the data."""
        return self.read_now(fid, count, offset)

    def read_now(self, fid: Fid, count: int, offset: int) -> bytes:
        """The same."""
        node: Node = fid.aux
        node.atime = self.now()
        return bytes(memoryview(node.data)[offset : offset + count])

    async def readdir(self, fid: Fid) -> list[Dir]:
        """In the order of creation."""
        node: Node = fid.aux
        node.atime = self.now()
        return [self._dir(child) for child in sorted((node.children or {}).values(), key=_number)]

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """At offset, or at the end of an append-only file; a gap reads as zeros."""
        return self.write_now(fid, data, offset)

    def write_now(self, fid: Fid, data: bytes, offset: int) -> int:
        """The same."""
        node: Node = fid.aux
        if node.mode & DMAPPEND:
            offset = len(node.data)
        end = offset + len(data)
        if data:
            if end > len(node.data):
                self._resize(node, end)
            node.data[offset:end] = data
        self._modified(node, fid.uid)
        return len(data)

    def _resize(self, node: Node, length: int) -> None:
        grown = length - len(node.data)
        self._charge(grown)
        if grown < 0:
            del node.data[length:]
        else:
            try:
                node.data.extend(bytes(grown))
            except MemoryError:
                self._charge(-grown)
                raise PlanError(EFULL) from None

    def _modified(self, node: Node, uid: str) -> None:
        if uid is not rights.ADMIN:  # who leaves no trace
            node.vers += 1
            node.mtime = self.now()
            node.muid = uid

    # Attributes

    def _dir(self, node: Node) -> Dir:
        return Dir(node.qid(), node.mode, node.atime, node.mtime, len(node.data), node.name,
                   node.uid, node.gid, node.muid, ord(self.dc), self.dev)

    async def stat(self, fid: Fid) -> Dir:
        """All of it."""
        return self._dir(fid.aux)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """stat(5): all is checked before anything changes."""
        node, uid = fid.aux, fid.uid
        self._check_change(node, uid, change)
        if change.length is not None and change.length != len(node.data):
            self._resize(node, change.length)
            self._modified(node, uid)
        if change.name is not None and change.name != node.name:
            self._rename(node, change.name, uid)
        if change.mode is not None:
            node.mode = change.mode & MODEBITS
            node.vers += uid is not rights.ADMIN
        if change.atime is not None:
            node.atime = change.atime
        if change.mtime is not None:
            node.mtime = change.mtime
        if change.gid is not None:
            node.gid = change.gid
        if change.uid is not None:
            node.uid = change.uid
        if change.muid is not None:
            node.muid = change.muid

    def _rename(self, node: Node, name: str, uid: str) -> None:
        """The order of the directory, which is by number, stays."""
        parent = node.parent
        assert parent is not None
        assert parent.children is not None
        self._charge(len(name) - len(node.name))
        del parent.children[node.name]
        parent.children[name] = node
        node.name = name
        self._modified(parent, uid)

    def _check_change(self, node: Node, uid: str, change: DirChange) -> None:
        if change.name is not None and change.name != node.name:
            self._alive(node)
            self._check_removable(node, uid)
            assert node.parent is not None
            self._check_new_name(node.parent, change.name)
        if change.length is not None and not node.opens:
            self._alive(node)  # a file that is gone takes nothing of the quota
        rights.check_change(self._dir(node), uid, change, MODEBITS)

    # For whoever fills the tree

    def put(self, path: str, data: bytes, perm: int = 0o644) -> None:
        """Make a file with data and the directories above it."""
        node = self._plant(self.root, [name for name in path.split("/") if name], perm)
        self._resize(node, len(data))
        node.data[:] = data

    def plant(self, at: Fid, names: Sequence[str], is_dir: bool) -> None:
        """See to it that the file called names below at is there, and the folders above it."""
        self._plant(at.aux, names, DMDIR | 0o755 if is_dir else 0o644)

    def _plant(self, node: Node, names: Sequence[str], perm: int) -> Node:
        for i, name in enumerate(names):
            if node.children is None:
                raise PlanError(ENOTDIR)
            child = node.children.get(name)
            if child is None:
                check_name(name)
                mode = perm if i == len(names) - 1 else DMDIR | 0o755
                child = self._node(name, mode, self.root.uid, self.root.gid)
                child.parent = node
                node.children[name] = child
            node = child
        return node
