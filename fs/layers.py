"""The two layers of an overlay: which of them has a file, and how one gets into the upper.

What is above hides what is below.  In a folder of the upper tree names that begin with MARK
are the overlay's own and never seen: a whiteout, `.wh.NAME`, hides NAME of the lower tree;
OPAQUE says that nothing of the lower tree shows in the folder; FROM holds the name of the
lower folder that does, when its upper one was renamed; ROOT says that the upper tree has been
one of an overlay and its root has the lower one's mode.  All that is known lies in the two
trees, so that an overlay may be taken up again; Nodes only say what the Fids of one file
share.  Source: intro(5); the whiteouts of the Linux overlay file systems.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final
from weakref import WeakValueDictionary

from . import perm as rights
from .dir import DMAPPEND, DMDIR, DMEXCL, DMTMP, OREAD, OWRITE, QTDIR, Dir, DirChange, Qid
from .errors import EEXIST, ENAMETOOLONG, ENONEXIST, EPERM, EREMOVED, PlanError
from .perm import ADMIN
from .server import Fid, FileServer

MARK: Final = ".wh."
OPAQUE: Final = ".wh..opaque"
FROM: Final = ".wh..from"
ROOT: Final = ".wh..root"
_COPY: Final = ".wh..copy"
CHUNK: Final = 1 << 18  # bytes copied at once
RUN: Final = 16  # names in one walk
LOWER: Final = 0
UPPER: Final = 1
MODE: Final = DMDIR | DMAPPEND | DMEXCL | DMTMP | 0o777
_NUMBERS: Final = 1 << 62  # of qid.path, in one layer


class Node:
    """A file of the merged tree, the same one for all Fids that have it."""

    __slots__ = ("__weakref__", "gone", "is_dir", "low", "name", "number", "parent", "up", "vers")

    def __init__(self, parent: Node | None, name: str, low: tuple[str, ...] | None, up: bool,
                 is_dir: bool, number: int, vers: int) -> None:
        self.parent = parent
        self.name = name
        self.low = low  # where the lower tree has it; None: nowhere, or it is hidden
        self.up = up  # whether the upper tree has it
        self.is_dir = is_dir
        self.number = number  # qid.path
        self.vers = vers  # what qid.vers counts from
        self.gone = False

    def names(self) -> list[str]:
        """From the root: where the upper tree has it."""
        found: list[str] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            found.append(node.name)
            node = node.parent
        return found[::-1]


class Place:
    """What a Fid has: the Node, and a Fid of each layer that shows something of it."""

    __slots__ = ("lower", "node", "upper")

    def __init__(self, node: Node, lower: Fid | None, upper: Fid | None) -> None:
        self.node = node
        self.lower = lower
        self.upper = upper


class Layers:
    """The lower tree, which never changes here, and the upper one."""

    def __init__(self, lower: FileServer, upper: FileServer) -> None:
        self.lower = lower
        self.upper = upper
        self._live: WeakValueDictionary[tuple[Node, str], Node] = WeakValueDictionary()
        self._copied: dict[int, tuple[int, int]] = {}  # number and vers, by number in upper
        self._wide: dict[tuple[int, int], int] = {}
        self._copies = 0
        self._marks = False  # whether there may be any but ROOT
        self._root: Node | None = None

    # Numbers

    def _number(self, layer: int, path: int) -> int:
        """The qid.path of what a layer calls path: unlike all others."""
        if 0 <= path < _NUMBERS:
            return layer * _NUMBERS + path
        return 2 * _NUMBERS + self._wide.setdefault((layer, path), len(self._wide))

    def _identity(self, layer: int, qid: Qid) -> tuple[int, int]:
        """(number, vers to add to that of the layer)."""
        if layer == UPPER and qid[0] in self._copied:
            return self._copied[qid[0]]
        return self._number(layer, qid[0]), 0

    def _shown(self, layer: int, qid: Qid) -> Qid:
        """The Qid to show for what a layer has."""
        number, vers = self._identity(layer, qid)
        return Qid(number, qid[1] + vers & 0xFFFFFFFF, qid[2])

    def _node(self, parent: Node, name: str, low: tuple[str, ...] | None, layer: int,
              qid: Qid) -> Node:
        """The Node for what was found; a new one when the file is another than before."""
        number, vers = self._identity(layer, qid)
        node = self._live.get((parent, name))
        if node is None or node.number != number or node.gone:
            is_dir = bool(qid[2] & QTDIR)
            node = Node(parent, name, low, layer == UPPER, is_dir, number, vers)
            self._live[parent, name] = node
        return node

    # Finding

    async def _attach(self, uid: str) -> Place:
        lower, upper = await self.lower.attach(uid, ""), await self.upper.attach(uid, "")
        if self._root is None:
            number = self._number(LOWER, lower.qid[0])
            self._root = Node(None, "/", (), True, True, number, 0)
            self._marks = True
            self._marks = await self._marked(upper, ROOT)
            if not self._marks:
                d = await self.lower.stat(lower)
                await self._become(self._as_admin(upper), d)
                await self._mark(self._root, ROOT)
                self._marks = False
                await self.upper.clunk(upper)
                upper = await self.upper.attach(uid, "")
        return Place(self._root, lower, upper)

    async def _drop(self, place: Place) -> None:
        for server, fid in ((self.lower, place.lower), (self.upper, place.upper)):
            if fid is not None:
                with contextlib.suppress(PlanError):
                    await server.clunk(fid)
        place.lower = place.upper = None

    @staticmethod
    async def _go(server: FileServer, uid: str, names: Sequence[str]) -> Fid:
        """A Fid of one layer for names below its root."""
        fid = await server.attach(uid, "")
        for at in range(0, len(names), RUN):
            run = names[at : at + RUN]
            try:
                found, _ = await server.walk(fid, run)
            finally:
                await server.clunk(fid)
            if found is None:
                raise PlanError(ENONEXIST)
            fid = found
        return fid

    async def _reach(self, node: Node, uid: str) -> Place:
        """Fids for a Node, from the roots."""
        upper = await self._go(self.upper, uid, node.names()) if node.up else None
        lower = None
        if node.low is not None and (node.is_dir or not node.up):
            lower = await self._go(self.lower, uid, node.low)
        return Place(node, lower, upper)

    async def _walk_one(self, server: FileServer, fid: Fid | None, name: str) -> Fid | None:
        """The file of that name in a folder of one layer; None when it has none."""
        if fid is None:
            return None
        try:
            found, _ = await server.walk(fid, (name,))
        except PlanError as error:
            if str(error) in (ENONEXIST, ENAMETOOLONG):
                return None
            raise
        return found

    async def _descend(self, place: Place, names: Sequence[str],
                       uid: str) -> tuple[Place | None, list[Qid]]:
        """Walk one name that is above, or all if nothing below here is."""
        node = place.node
        if node.up:
            if names[0].startswith(MARK):
                raise PlanError(ENONEXIST)
            upper = await self._walk_one(self.upper, place.upper, names[0])
            if upper is not None:
                return await self._both(place, names[0], upper, uid)
            if node.low is None or await self._marked(place.upper, MARK + names[0]):
                raise PlanError(ENONEXIST)
        assert place.lower is not None
        lower, found = await self.lower.walk(place.lower, names)
        for name, qid in zip(names, found, strict=False):
            assert node.low is not None
            node = self._node(node, name, (*node.low, name), LOWER, qid)
        qids = [self._shown(LOWER, qid) for qid in found]
        return (None if lower is None else Place(node, lower, None)), qids

    async def _both(self, place: Place, name: str, upper: Fid,
                    uid: str) -> tuple[Place, list[Qid]]:
        """The child that is above, with what shows of the lower tree in it."""
        low: tuple[str, ...] | None = None
        lower = None
        folder = place.node
        if (upper.qid[2] & QTDIR and folder.low is not None
                and not await self._marked(upper, OPAQUE)):
            low = await self._moved(upper)
            if low is None:
                low = (*folder.low, name)
                lower = await self._walk_one(self.lower, place.lower, name)
            else:
                with contextlib.suppress(PlanError):
                    lower = await self._go(self.lower, uid, low)
            if lower is None or not lower.qid[2] & QTDIR:
                await self._drop(Place(folder, lower, None))
                low = lower = None
        node = self._node(folder, name, low, UPPER, upper.qid)
        node.low = low
        return Place(node, lower, upper), [self._shown(UPPER, upper.qid)]

    async def _moved(self, folder: Fid) -> tuple[str, ...] | None:
        """What the mark FROM says in an upper folder; None without one."""
        if not self._marks:
            return None
        fid = await self._walk_one(self.upper, self._as_admin(folder), FROM)
        if fid is None:
            return None
        try:
            await self.upper.open(fid, OREAD)
            text = await self.upper.read(fid, 1 << 16, 0)
            return tuple(text.decode("utf-8", "surrogateescape").split("/"))
        finally:
            await self.upper.clunk(fid)

    # Marks

    @staticmethod
    def _as_admin(fid: Fid) -> Fid:
        """The same place, for one walk in the overlay's own name."""
        return Fid(fid.qid, ADMIN, -1, fid.aux)

    async def _marked(self, folder: Fid | None, mark: str) -> bool:
        """Whether an upper folder has the mark."""
        if folder is None or not self._marks:
            return False
        found = await self._walk_one(self.upper, self._as_admin(folder), mark)
        if found is None:
            return False
        await self.upper.clunk(found)
        return True

    async def _mark(self, node: Node, mark: str, uid: str = ADMIN, text: str = "") -> None:
        """Put a mark into an upper folder."""
        self._marks = True
        async with self._opened(node, uid) as folder:
            try:
                await self.upper.create(folder, mark, 0o666, OWRITE)
            except PlanError as error:
                if str(error) == EEXIST:
                    return
                raise
            if text:
                await self.upper.write(folder, text.encode("utf-8", "surrogateescape"), 0)

    async def _unmark(self, folder: Fid, mark: str) -> None:
        """Take a mark out of an upper folder, if it is there."""
        found = await self._walk_one(self.upper, self._as_admin(folder), mark)
        if found is not None:
            try:
                await self.upper.remove(found)
            finally:
                await self.upper.clunk(found)

    @contextlib.asynccontextmanager
    async def _opened(self, node: Node, uid: str = ADMIN) -> AsyncIterator[Fid]:
        """A Fid for making a file in an upper folder, whatever the folder's rights."""
        folder = await self._go(self.upper, uid, node.names())
        folder.uid = uid
        d = await self.upper.stat(folder)
        # Only a host's folder minds: in memory ADMIN may do everything.
        closed = uid is ADMIN and d.mode & 0o300 != 0o300
        if closed:
            await self.upper.wstat(folder, DirChange(mode=d.mode | 0o300))
        try:
            yield folder
        finally:
            await self.upper.clunk(folder)
            if closed:
                folder = await self._go(self.upper, uid, node.names())
                await self.upper.wstat(folder, DirChange(mode=d.mode))
                await self.upper.clunk(folder)

    async def _lies_below(self, parent: Node, name: str) -> bool:
        """Whether the lower tree has something of that name in a folder."""
        if parent.low is None:
            return False
        folder = await self._go(self.lower, ADMIN, parent.low)
        try:
            found = await self._walk_one(self.lower, folder, name)
        finally:
            await self.lower.clunk(folder)
        if found is None:
            return False
        await self.lower.clunk(found)
        return True

    async def _sweep(self, node: Node) -> None:
        """Take all marks out of an upper folder that shows nothing any more."""
        async with self._opened(node) as folder:
            reading = await self._go(self.upper, ADMIN, node.names())
            await self.upper.open(reading, OREAD)
            marks = [d.name for d in await self.upper.readdir(reading)]
            await self.upper.clunk(reading)
            for mark in marks:
                await self._unmark(folder, mark)

    # Copying

    async def _raise(self, node: Node, contents: bool = True) -> None:
        """See to it that the upper tree has node, as it is; contents: with what is in it."""
        if node.up:
            return
        if node.gone or node.parent is None or node.low is None:
            raise PlanError(EREMOVED)
        await self._raise(node.parent)
        source = await self._go(self.lower, ADMIN, node.low)
        try:
            d = await self.lower.stat(source)
            if node.is_dir:
                await self._raise_dir(node, d)
            else:
                await self._raise_file(node, d, source if contents else None)
        finally:
            await self.lower.clunk(source)

    async def _raise_dir(self, node: Node, d: Dir) -> None:
        assert node.parent is not None
        async with self._opened(node.parent) as folder:
            try:
                await self.upper.create(folder, node.name, DMDIR | 0o777, OREAD)
            except PlanError as error:
                if str(error) == EEXIST and node.up:
                    return  # somebody else has done it meanwhile
                raise
            await self._become(folder, d)
            self._raised(node, folder.qid, d)

    async def _raise_file(self, node: Node, d: Dir, source: Fid | None) -> None:
        """Under a name of our own first: a copy is there whole or not at all."""
        assert node.parent is not None
        self._copies += 1
        async with self._opened(node.parent) as folder:
            await self.upper.create(folder, f"{_COPY}.{self._copies}", 0o666, OWRITE)
            try:
                if source is not None:
                    await self._copy(source, folder)
                if node.up or node.gone:
                    await self.upper.remove(folder)
                    return
                await self._become(folder, d, node.name)
            except BaseException:
                with contextlib.suppress(PlanError):
                    await self.upper.remove(folder)
                raise
            self._raised(node, folder.qid, d)

    async def _copy(self, source: Fid, to: Fid) -> None:
        await self.lower.open(source, OREAD)
        at = 0
        while data := await self.lower.read(source, CHUNK, at):
            done = 0
            while done < len(data):
                done += await self.upper.write(to, data[done:], at + done)
            at += done

    async def _become(self, fid: Fid, d: Dir, name: str | None = None) -> None:
        """Give a copy its attributes; a host's folder cannot have other owners."""
        change = DirChange(d.mode & MODE, d.atime, d.mtime, None, name, d.uid, d.gid, d.muid)
        try:
            await self.upper.wstat(fid, change)
        except PlanError as error:
            if str(error) != EPERM:
                raise
            change.uid = change.gid = change.muid = None
            await self.upper.wstat(fid, change)

    def _raised(self, node: Node, qid: Qid, d: Dir) -> None:
        node.vers, node.up = d.qid[1] - qid[1], True
        self._copied[qid[0]] = node.number, node.vers

    # Rights

    async def _check_folder(self, node: Node, uid: str) -> None:
        """Raise PlanError unless uid may make and remove files in a folder."""
        place = await self._reach(node, uid)
        try:
            d = await (self.upper.stat(place.upper) if place.upper is not None
                       else self.lower.stat(place.lower))  # type: ignore[arg-type]
            rights.check(d.mode, rights.who(uid, d.uid, d.gid), rights.AWRITE)
        finally:
            await self._drop(place)
