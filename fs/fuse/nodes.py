"""Nodes: the files that the host knows of, and the Fids that we keep for some of them.

The host names a file by the number of a Node as long as it has looked it up more often than
forgotten it.  A Node knows its folder and name; the Fid for it, which may cost the server a
descriptor, is kept only for those used last and else walked to again.  A file that was
replaced by another one under its name gets a new Node; the old one is stale.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from ..dir import QTDIR, Qid
from ..errnos import ESTALE
from ..errors import ENONEXIST, PlanError
from ..server import Fid, FileServer
from .wire import ROOT

if TYPE_CHECKING:
    from .files import Handle

KEPT: Final = 512  # Fids
DEPTH: Final = 4096  # folders above a file


class Node:
    """A file that the host knows of."""

    __slots__ = ("children", "direct", "fid", "handles", "lookups", "name", "number", "parent", "qid", "users")

    def __init__(self, number: int, parent: Node | None, name: str, qid: Qid) -> None:
        self.number = number
        self.parent = parent  # None: the root, or a file that is not under its name any more
        self.name = name
        self.qid = qid
        self.direct = True  # as far as we have seen, its bytes are not for the host to remember
        self.lookups = 0  # that the host has not forgotten
        self.fid: Fid | None = None  # not open
        self.users = 0  # operations that are under way with fid
        self.children: dict[str, Node] = {}
        self.handles: list[Handle] = []  # open ones

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return bool(self.qid[2] & QTDIR)


class Nodes:
    """All of them."""

    def __init__(self, server: FileServer, root: Fid) -> None:
        self.server = server
        self.root = Node(ROOT, None, "/", root.qid)
        self.root.fid = root
        self.root.lookups = 1
        self.by_number = {ROOT: self.root}
        self._last = ROOT
        self._kept: OrderedDict[Node, None] = OrderedDict()

    # Fids

    async def use(self, node: Node) -> Fid:
        """The Fid for node, not open; done() must follow.  Raises PlanError."""
        node.users += 1
        try:
            fid = node.fid
            if fid is None:
                fid = await self._reach(node)
            elif node in self._kept:
                self._kept.move_to_end(node)
            return fid
        except BaseException:
            node.users -= 1
            raise

    def done(self, node: Node) -> None:
        """The use is over."""
        node.users -= 1

    async def _reach(self, node: Node) -> Fid:
        """Walk to node from the nearest folder above it that has a Fid."""
        names: list[str] = []
        above: Node | None = node
        while above is not None and above.fid is None:
            names.append(above.name)
            above = above.parent
            if len(names) > DEPTH:
                break
        if above is None or above.fid is None:
            raise PlanError(ENONEXIST)
        names.reverse()
        above.users += 1
        try:
            fid, _ = await self.server.walk(above.fid, names)
        finally:
            above.users -= 1
        if fid is None:
            raise PlanError(ENONEXIST)
        if fid.qid[0] != node.qid[0] or bool(fid.qid[2] & QTDIR) != node.is_dir:
            await self.server.clunk(fid)
            raise PlanError(ESTALE)
        return await self.keep(node, fid)

    async def keep(self, node: Node, fid: Fid) -> Fid:
        """Let node have fid, or the one that it has already; the Fid that it has then."""
        if node.fid is not None:
            await self.server.clunk(fid)
            return node.fid
        node.fid = fid
        self._kept[node] = None
        while len(self._kept) > KEPT:
            old = next((n for n in self._kept if not n.users), None)
            if old is None:
                break
            await self.drop(old)
        return fid

    async def drop(self, node: Node) -> None:
        """Give up the Fid of node, unless it is in use."""
        if node.fid is None or node.users or node is self.root:
            return
        fid, node.fid = node.fid, None
        self._kept.pop(node, None)
        await self.server.clunk(fid)

    async def drop_below(self, node: Node) -> None:
        """Give up the Fids of node and all below it: they may know names that are old."""
        work = [node]
        while work:
            one = work.pop()
            work += one.children.values()
            await self.drop(one)

    # Numbers

    def child(self, parent: Node, name: str, qid: Qid) -> Node:
        """The Node of what is called name in parent now."""
        node = parent.children.get(name)
        if node is not None:
            if node.qid[0] == qid[0] and node.is_dir == bool(qid[2] & QTDIR):
                node.qid = qid
                return node
            self.detach(node)
        self._last += 1
        node = Node(self._last, parent, name, qid)
        parent.children[name] = node
        self.by_number[node.number] = node
        return node

    def detach(self, node: Node) -> None:
        """The file is not under its name any more."""
        if node.parent is not None:
            if node.parent.children.get(node.name) is node:
                del node.parent.children[node.name]
            node.parent = None

    async def forget(self, node: Node, lookups: int) -> None:
        """The host has forgotten so many of its lookups."""
        node.lookups = max(0, node.lookups - lookups)
        await self.prune(node)

    async def prune(self, node: Node) -> None:
        """Let go of a Node that nobody knows or needs, and of the folders above it."""
        at: Node | None = node
        while at is not None and at is not self.root and not (
                at.lookups or at.children or at.handles or at.users):
            parent = at.parent
            self.by_number.pop(at.number, None)
            self.detach(at)
            await self.drop(at)
            at = parent

    async def close(self) -> None:
        """Give up every Fid."""
        for node in list(self._kept):
            node.users = 0
            await self.drop(node)
        fid, self.root.fid = self.root.fid, None
        if fid is not None:
            await self.server.clunk(fid)
