"""Static trees: a table with one Row a file is a file server.

A device lists its files in ROWS; a Row that has rows of its own is a directory.  Functions
in a Row get the server and the Fid.  Permission follows the kernel's devices: the owner's
bits for the owner, the group's for `eve`, else the others'.
Source: dev(9) (devgen, Dirtab); /sys/src/9/port/dev.c.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from . import perm
from .dir import DMDIR, OREAD, QTDIR, Dir, Qid
from .errors import ENONEXIST, ENOTDIR, EPERM, PlanError
from .server import Fid, Refuser

Read = Callable[[Any, Fid, int, int], Awaitable[bytes]]
Write = Callable[[Any, Fid, bytes, int], Awaitable[int]]
Hook = Callable[[Any, Fid], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """One file of a static tree."""

    name: str
    perm: int
    read: Read | None = None
    write: Write | None = None
    text: Callable[[Any, Fid], bytes] | None = None  # instead of read: the whole contents
    length: Callable[[Any, Fid], int] | None = None
    on_open: Hook | None = None  # after the permission check
    on_clunk: Hook | None = None  # of a Fid that is open
    rows: Sequence[Row] | None = None  # a directory


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A Row in its place in the tree."""

    row: Row
    qid: Qid
    parent: Node | None
    children: dict[str, Node]


class DirtabServer(Refuser):
    """A server whose files are the Rows of ROWS."""

    ROWS: ClassVar[Sequence[Row]] = ()

    def __init__(self, eve: str = "none", now: Callable[[], int] = lambda: 0,
                 rows: Sequence[Row] | None = None) -> None:
        self.eve = eve
        self.now = now  # seconds
        self.born = now()
        self._paths = 0
        top = Row(f"#{self.dc}", DMDIR | 0o555, rows=self.ROWS if rows is None else rows)
        self.root = self._plant(top, None)

    def _plant(self, row: Row, parent: Node | None) -> Node:
        is_dir = row.rows is not None
        kind = row.perm >> 24 | (QTDIR if is_dir else 0)
        node = Node(row, Qid(self._paths, 0, kind), parent, {})
        self._paths += 1
        for child in row.rows or ():
            node.children[child.name] = self._plant(child, node)
        return node

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root; devices of this kind ignore spec."""
        return Fid(self.root.qid, uid, -1, self.root)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """By the table."""
        node = fid.aux
        qids: list[Qid] = []
        for name in names:
            if name == "..":
                node = node.parent or node
            else:
                child = node.children.get(name)
                if child is None:
                    if qids:
                        return None, qids
                    raise PlanError(ENOTDIR if node.row.rows is None else ENONEXIST)
                node = child
            qids.append(node.qid)
        return Fid(node.qid, fid.uid, -1, node), qids

    async def open(self, fid: Fid, mode: int) -> None:
        """By the mode in the table."""
        row = fid.aux.row
        if row.rows is not None and mode != OREAD:
            raise PlanError(EPERM)
        need = perm.rights_needed(mode & 3)  # OTRUNC means nothing to a device
        perm.check(row.perm, perm.who(fid.uid, self.eve, self.eve), need)
        if row.on_open is not None:
            await row.on_open(self, fid)
        fid.omode = mode

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """By the Row's function, or a piece of its text."""
        row: Row = fid.aux.row
        if row.read is not None:
            return await row.read(self, fid, count, offset)
        if row.text is not None:
            return row.text(self, fid)[offset : offset + count]
        raise PlanError(EPERM)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """By the Row's function."""
        write: Write | None = fid.aux.row.write
        if write is None:
            raise PlanError(EPERM)
        return await write(self, fid, data, offset)

    async def readdir(self, fid: Fid) -> list[Dir]:
        """The Rows in their order."""
        return [self._dir(child, fid) for child in fid.aux.children.values()]

    async def clunk(self, fid: Fid) -> None:
        """Runs the Row's on_clunk when fid was open."""
        if fid.omode >= 0:
            hook = fid.aux.row.on_clunk
            if hook is not None:
                await hook(self, fid)

    async def stat(self, fid: Fid) -> Dir:
        """From the table."""
        return self._dir(fid.aux, fid)

    def _dir(self, node: Node, fid: Fid) -> Dir:
        row = node.row
        length = 0 if row.length is None else row.length(self, fid)
        return Dir(node.qid, row.perm, self.now(), self.born, length, row.name,
                   self.eve, self.eve, self.eve, ord(self.dc), self.dev)
