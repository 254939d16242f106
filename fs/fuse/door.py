"""Door: what a host file system asks, done by a FileServer; the back ends bring the requests.

Both back ends call the same methods: the raw one by the numbers of Nodes and Handles, the
one on libfuse by paths (reach).  A failure is a PlanError, whose errno errnos.py knows, or
an OSError where only POSIX has a word for it.  Concurrency is the server's: a method may be
interrupted where the server sleeps.

Two methods that a server may have beside FileServer's are used: move(fid, folder, name) puts
a file elsewhere, over what is there; room(fid) tells (bytes in all, bytes free).
Source: docs/fuse.md, intro(5).
"""

from __future__ import annotations

import errno
import stat
from typing import Any, Final

from ..dir import DMDIR, OREAD, QTDIR, Dir, DirChange
from ..errnos import EXDEV
from ..errors import EEXIST, EISDIR, ENONEXIST, ENOTDIR, EPERM, PlanError
from ..replace import replace
from ..server import Fid, FileServer
from .attr import Attr, Look, direct
from .files import O_ACCMODE, O_EXCL, O_TRUNC, SPECIAL, Change, Handle, check, omode, usable
from .nodes import Node, Nodes

READ_MOST: Final = 1 << 20


class Door:
    """One mount of a server's tree."""

    def __init__(self, server: FileServer, root: Fid, look: Look) -> None:
        self.server = server
        self.look = look
        self.nodes = Nodes(server, root)
        self.handles: dict[int, Handle] = {}
        self._last = 0
        self._aside = 0

    async def close(self) -> None:
        """End every Fid."""
        for handle in list(self.handles.values()):
            await self.release(handle)
        await self.nodes.close()

    # Finding

    def node(self, number: int) -> Node:
        """The Node of a number that the host gave."""
        node = self.nodes.by_number.get(number)
        if node is None:
            raise OSError(errno.ESTALE, "no such node")
        return node

    def handle(self, number: int) -> Handle:
        """The Handle of a number that the host gave."""
        handle = self.handles.get(number)
        if handle is None:
            raise OSError(errno.EBADF, "no such handle")
        return handle

    async def _walk(self, parent: Node, *names: str) -> Fid:
        """A new Fid for what is called so in parent; without a name, for parent."""
        for name in names:
            check(name)
        above = await self.nodes.use(parent)
        try:
            fid, _ = await self.server.walk(above, names)
        finally:
            self.nodes.done(parent)
        if fid is None:
            raise PlanError(ENONEXIST)
        return fid

    async def lookup(self, parent: Node, name: str) -> tuple[Node, Dir]:
        """The file called name in a folder."""
        return await self._found(parent, name, await self._walk(parent, name))

    async def _stat(self, fid: Fid) -> Dir:
        """Of a Fid that ends when that fails."""
        try:
            return await self.server.stat(fid)
        except BaseException:
            await self.server.clunk(fid)
            raise

    async def _found(self, parent: Node, name: str, fid: Fid) -> tuple[Node, Dir]:
        d = await self._stat(fid)
        node = self.nodes.child(parent, name, fid.qid)
        node.direct = direct(d)
        await self.nodes.keep(node, fid)
        return node, d

    async def reach(self, path: str) -> Node:
        """The file of a path from the root, as it is now."""
        node = self.nodes.root
        names = [name for name in path.split("/") if name]
        if not names:
            return node
        fid, qids = await self.server.walk(await self.nodes.use(node), names)
        self.nodes.done(node)
        if fid is None:
            raise PlanError(ENONEXIST if qids and qids[-1][2] & QTDIR else ENOTDIR)
        for name, qid in zip(names, qids, strict=True):
            node = self.nodes.child(node, name, qid)
        await self.nodes.keep(node, fid)
        return node

    # Attributes

    async def _use(self, node: Node, handle: Handle | None) -> Fid:
        """A Fid of the file: a handle's, if there is no name any more; done() must follow."""
        if handle is None and node.fid is None and node.handles:
            handle = node.handles[-1]
        if handle is not None and (node.fid is None or node.parent is None):
            node.users += 1
            return handle.fid
        return await self.nodes.use(node)

    async def stat(self, node: Node, handle: Handle | None = None) -> Dir:
        """What is known of the file."""
        fid = await self._use(node, handle)
        try:
            d = await self.server.stat(fid)
        finally:
            self.nodes.done(node)
        node.direct = direct(d)
        return d

    def attr(self, node: Node, d: Dir) -> Attr:
        """How it looks; a file that was removed has no links."""
        return self.look.attr(d, 0 if node.parent is None and node is not self.nodes.root else 1)

    async def setattr(self, node: Node, handle: Handle | None, change: Change) -> None:
        """Change what can be; see docs/fuse.md."""
        for asked, ours in ((change.uid, self.look.uid), (change.gid, self.look.gid)):
            if asked is not None and asked != ours:
                raise OSError(errno.EPERM, "owners are the name space's")
        made = DirChange(length=change.size, mtime=change.mtime, atime=change.atime)
        fid = await self._use(node, handle)
        try:
            if change.mode is not None:
                if change.mode & SPECIAL:
                    raise OSError(errno.EPERM, "no such bits in Plan 9")
                old = await self.server.stat(fid)
                made.mode = old.mode & ~0o777 | change.mode & 0o777
            if made.is_sync():
                return
            try:
                await self.server.wstat(fid, made)
            except PlanError:
                if made.atime is None:
                    raise
                made.atime = None  # which stat(5) lets nobody change
                if not made.is_sync():
                    await self.server.wstat(fid, made)
        finally:
            self.nodes.done(node)

    async def room(self, node: Node) -> tuple[int, int]:
        """(bytes in all, bytes free) where node is; (0, 0): nobody knows."""
        ask: Any = getattr(self.server, "room", None)
        if ask is None:
            return 0, 0
        fid = await self._use(node, None)
        try:
            total, free = await ask(fid)
            return total, free
        finally:
            self.nodes.done(node)

    # Open files

    def _opened(self, node: Node, fid: Fid, is_direct: bool) -> Handle:
        self._last += 1
        handle = Handle(self._last, node, fid, is_direct)
        self.handles[handle.number] = handle
        node.handles.append(handle)
        return handle

    async def open(self, node: Node, flags: int) -> Handle:
        """An open file, or a directory."""
        mode = OREAD if node.is_dir else omode(flags)
        if node.is_dir and flags & O_ACCMODE:
            raise PlanError(EISDIR)
        fid = await self._walk(node)
        try:
            await self.server.open(fid, mode)
        except BaseException:
            await self.server.clunk(fid)
            raise
        return self._opened(node, fid, node.direct)

    async def read(self, handle: Handle, count: int, offset: int) -> bytes:
        """At most count bytes."""
        count = min(count, READ_MOST)
        return (await self.server.read(handle.fid, count, offset))[:count]

    async def write(self, handle: Handle, data: bytes, offset: int) -> int:
        """The count written."""
        return min(await self.server.write(handle.fid, data, offset), len(data))

    async def sync(self, handle: Handle) -> None:
        """Return when what was written is durable."""
        await self.server.wstat(handle.fid, DirChange())

    async def entries(self, handle: Handle, offset: int) -> list[Dir]:
        """All of a directory, as it was when its beginning was read."""
        if handle.entries is None or offset == 0:
            seen: dict[str, Dir] = {}
            for d in await self.server.readdir(handle.fid):
                if d.name not in seen and usable(d.name):  # a union's first member hides others
                    seen[d.name] = d
            handle.entries = list(seen.values())
        return handle.entries

    async def release(self, handle: Handle) -> None:
        """The file is closed."""
        if self.handles.pop(handle.number, None) is None:
            return
        handle.node.handles.remove(handle)
        try:
            await self.server.clunk(handle.fid)
        finally:
            await self.nodes.prune(handle.node)

    # Names

    async def create(self, parent: Node, name: str, flags: int, mode: int) -> tuple[Node, Dir, Handle]:
        """A new file, open; without O_EXCL one that has come meanwhile will do."""
        fid = await self._made(parent, name, mode & 0o777, omode(flags & ~O_TRUNC))
        if fid is None:
            if flags & O_EXCL:
                raise PlanError(EEXIST)
            node, d = await self.lookup(parent, name)
            return node, d, await self.open(node, flags)
        d = await self._stat(fid)
        node = self.nodes.child(parent, name, fid.qid)
        node.direct = d.type != ord("M") and direct(d)
        return node, d, self._opened(node, fid, node.direct)

    async def make(self, parent: Node, name: str, mode: int) -> tuple[Node, Dir]:
        """A new file or, with S_IFDIR, folder; nothing else can be made."""
        kind = stat.S_IFMT(mode)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise OSError(errno.EPERM, "no such files in Plan 9")
        perm = mode & 0o777 | (DMDIR if kind == stat.S_IFDIR else 0)
        fid = await self._made(parent, name, perm, OREAD)
        if fid is None:
            raise PlanError(EEXIST)
        await self.server.clunk(fid)
        return await self.lookup(parent, name)

    async def _made(self, parent: Node, name: str, perm: int, mode: int) -> Fid | None:
        """The open Fid of a new file; None: the name is taken."""
        check(name)
        fid = await self._walk(parent)
        try:
            await self.server.create(fid, name, perm, mode)
        except BaseException as error:
            await self.server.clunk(fid)
            if isinstance(error, PlanError) and "exists" in str(error):
                return None
            raise
        return fid

    async def remove(self, parent: Node, name: str, is_dir: bool) -> None:
        """unlink(2), or rmdir(2)."""
        fid = await self._walk(parent, name)
        try:
            if bool(fid.qid[2] & QTDIR) != is_dir:
                raise PlanError(ENOTDIR if is_dir else EISDIR)
            await self.server.remove(fid)
        finally:
            await self.server.clunk(fid)
        await self._gone(parent, name)

    async def _gone(self, parent: Node, name: str) -> None:
        node = parent.children.get(name)
        if node is not None:
            self.nodes.detach(node)
            if node.handles:
                await self.nodes.drop(node)  # the open one knows the file better
            await self.nodes.prune(node)

    async def rename(self, parent: Node, name: str, to: Node, new: str, replace: bool) -> None:
        """rename(2)."""
        check(new)
        fid = await self._walk(parent, name)
        try:
            if parent is to and name == new:
                return
            if not (replace and await self._moved(fid, to, new)):
                if parent is not to:
                    raise PlanError(EXDEV)
                try:
                    await self.server.wstat(fid, DirChange(name=new))
                except PlanError as error:
                    if "exists" not in str(error):
                        raise
                    if not replace:
                        raise PlanError(EEXIST) from None
                    await self._replace(parent, fid, new)
        finally:
            await self.server.clunk(fid)
        await self._gone(to, new)
        node = parent.children.pop(name, None)
        if node is not None:
            await self.nodes.drop_below(node)
            node.parent, node.name = to, new
            to.children[new] = node
            await self.nodes.prune(parent)

    async def _moved(self, fid: Fid, to: Node, new: str) -> bool:
        """Whether the server could put the file there in one step."""
        move: Any = getattr(self.server, "move", None)
        if move is None:
            return False
        folder = await self.nodes.use(to)
        try:
            await move(fid, folder, new)
        except PlanError as error:
            if str(error) not in (EXDEV, EPERM):
                raise
            return False
        finally:
            self.nodes.done(to)
        return True

    async def _replace(self, parent: Node, fid: Fid, name: str) -> None:
        """Give fid a name that another file has."""
        other = await self._walk(parent, name)
        self._aside += 1
        try:
            await replace(self.server, fid, other, name, self._aside)
        finally:
            await self.server.clunk(other)
