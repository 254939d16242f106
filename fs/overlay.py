"""Overlay: one tree of two, a lower that never changes and an upper that takes all changes.

A file of the lower tree is copied to the upper when it is first opened for writing or its
attributes change, with its owner, mode, times and qid; Fids that had it open go on with the
copy.  What is removed stays hidden.  Folders show what both trees have in them; a folder that
is renamed keeps what the lower tree has in it.  Rights are those of the files, whichever tree
they lie in.  An upper tree that lasts (a host folder) may be used again later, then with other
qid.paths; layers.py says how it remembers.  Hard links of the lower tree part when one is
written.  Source: intro(5), stat(5), open(5), remove(5).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from . import perm as rights
from .dir import (
    DMAPPEND,
    DMDIR,
    ORCLOSE,
    OREAD,
    OTRUNC,
    Dir,
    DirChange,
    Qid,
    check_name,
)
from .errors import (
    EEXIST,
    EISDIR,
    ENONEXIST,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    EREMOVED,
    PlanError,
)
from .layers import FROM, LOWER, MARK, MODE, OPAQUE, UPPER, Layers, Node, Place
from .perm import ADMIN
from .server import Fid, FileServer, Refuser


class Overlay(Layers, Refuser):
    """lower, read-only, under upper."""

    def close(self) -> None:
        """Give back what the two trees hold of the host."""
        for server in (self.lower, self.upper):
            if hasattr(server, "close"):
                server.close()

    # Walking

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root; spec means nothing."""
        place = await self._attach(uid)
        return Fid(self._qid_of(place), uid, -1, place)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """By single names where the upper tree has something, else at once below."""
        await self._refresh(fid)
        place = here = fid.aux
        qids: list[Qid] = []
        if names and names[0] == "..":
            up = await self._reach(place.node.parent or place.node, fid.uid)
            qids = [self._qid_of(up)]
            return Fid(qids[0], fid.uid, -1, up), qids
        if not names:
            return Fid(fid.qid, fid.uid, -1, await self._copy_place(place)), qids
        while len(qids) < len(names):
            try:
                there, more = await self._descend(here, names[len(qids) :], fid.uid)
            except PlanError:
                if qids:
                    return None, qids
                raise
            finally:
                if here is not place:
                    await self._drop(here)
            qids += more
            if there is None:
                return None, qids
            here = there
        return Fid(qids[-1], fid.uid, -1, here), qids

    async def _copy_place(self, place: Place) -> Place:
        copy = Place(place.node, None, None)
        if place.lower is not None:
            copy.lower, _ = await self.lower.walk(place.lower, ())
        if place.upper is not None:
            copy.upper, _ = await self.upper.walk(place.upper, ())
        return copy

    def _qid_of(self, place: Place) -> Qid:
        if place.upper is not None:
            return self._mine(place.node, place.upper.qid)
        assert place.lower is not None
        return self._shown(LOWER, place.lower.qid)

    @staticmethod
    def _mine(node: Node, qid: Qid) -> Qid:
        """The Qid to show for a Node whose file above has qid."""
        return Qid(node.number, qid[1] + node.vers & 0xFFFFFFFF, qid[2])

    async def _refresh(self, fid: Fid) -> None:
        """Go on in the upper tree when somebody has copied the file there."""
        place: Place = fid.aux
        if place.node.up and place.upper is None and not place.node.gone:
            place.upper = await self._go(self.upper, fid.uid, place.node.names())
            if fid.omode >= 0:
                await self.upper.open(self._as_user(place.upper, ADMIN), OREAD)
                place.upper.uid = fid.uid
            if not place.node.is_dir and place.lower is not None:
                old, place.lower = place.lower, None
                await self.lower.clunk(old)
        for inner in (place.lower, place.upper):
            if inner is not None:
                inner.proc, inner.uid = fid.proc, fid.uid

    @staticmethod
    def _as_user(fid: Fid, uid: str) -> Fid:
        fid.uid = uid
        return fid

    def _part(self, place: Place) -> tuple[FileServer, Fid]:
        """The layer that decides about a file, and its Fid."""
        if place.upper is not None:
            return self.upper, place.upper
        assert place.lower is not None
        return self.lower, place.lower

    # Opening

    async def open(self, fid: Fid, mode: int) -> None:
        """A file of the lower tree is copied when it is to be written."""
        await self._refresh(fid)
        place: Place = fid.aux
        node = place.node
        if node.gone:
            raise PlanError(EREMOVED)
        need = rights.rights_needed(mode)
        if mode & ORCLOSE:
            await self._check_removable(node, fid.uid)
        plain = mode & ~ORCLOSE
        if node.is_dir:
            if plain != OREAD:
                raise PlanError(EISDIR)
            await self._open_folder(place)
        else:
            if not node.up and need & rights.AWRITE:
                assert place.lower is not None
                d = await self.lower.stat(place.lower)
                rights.check(d.mode, rights.who(fid.uid, d.uid, d.gid), need)
                empty = mode & OTRUNC and not d.mode & DMAPPEND
                await self._raise(node, contents=not empty)
                await self._refresh(fid)
            server, inner = self._part(place)
            await server.open(inner, plain)
        fid.omode = mode
        fid.qid = self._qid_of(place)

    async def _open_folder(self, place: Place) -> None:
        if place.upper is not None:
            await self.upper.open(place.upper, OREAD)
        if place.lower is not None:
            await self.lower.open(place.lower, OREAD)

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """In the upper tree; a folder in the place of one that was removed starts empty."""
        await self._refresh(fid)
        place: Place = fid.aux
        node = place.node
        if not node.is_dir:
            raise PlanError(ENOTDIR)
        if node.gone:
            raise PlanError(EREMOVED)
        await self._check_folder(node, fid.uid)
        await self._check_new(place, name, fid.uid)
        if perm & DMDIR and mode & ~ORCLOSE != OREAD:
            raise PlanError(EISDIR)
        rights.open_kind(mode)
        await self._raise(node)
        await self._refresh(fid)
        assert place.upper is not None
        new, _ = await self.upper.walk(place.upper, ())
        assert new is not None
        try:
            await self.upper.create(new, name, perm, mode & ~ORCLOSE)
        except BaseException:
            await self.upper.clunk(new)
            raise
        child = self._node(node, name, None, UPPER, new.qid)
        if await self._marked(place.upper, MARK + name):
            if perm & DMDIR:
                await self._mark(child, OPAQUE)
            await self._unmark(place.upper, MARK + name)
        await self._drop(place)
        fid.aux = Place(child, None, new)
        fid.qid, fid.omode = self._mine(child, new.qid), mode

    async def _check_new(self, place: Place, name: str, uid: str) -> None:
        """Raise PlanError unless a file may be made under that name."""
        check_name(name)
        if name.startswith(MARK):
            raise PlanError(f"{EPERM}: names that begin with {MARK} are kept for the file server")
        try:
            there, _ = await self._descend(place, [name], uid)
        except PlanError as error:
            if str(error) != ENONEXIST:
                raise
        else:
            if there is not None:
                await self._drop(there)
            raise PlanError(EEXIST)

    async def clunk(self, fid: Fid) -> None:
        """Remove on close happens here."""
        if fid.omode >= 0 and fid.omode & ORCLOSE:
            with contextlib.suppress(PlanError):
                await self.remove(fid)
        fid.omode = -1
        await self._drop(fid.aux)

    # Removing

    async def remove(self, fid: Fid) -> None:
        """From the upper tree; what the lower one has under the name is hidden."""
        await self._refresh(fid)
        place: Place = fid.aux
        node = place.node
        if node.gone:
            raise PlanError(EREMOVED)
        await self._check_removable(node, fid.uid)
        parent = node.parent
        assert parent is not None
        if node.is_dir and await self._entries(node, fid.uid):
            raise PlanError(ENOTEMPTY)
        if await self._lies_below(parent, node.name):
            await self._raise(parent)
            await self._mark(parent, MARK + node.name, fid.uid)
        if place.upper is not None:
            try:
                if node.is_dir:
                    await self._sweep(node)
                await self.upper.remove(place.upper)
            except BaseException:
                with contextlib.suppress(PlanError):
                    folder = await self._go(self.upper, fid.uid, parent.names())
                    await self._unmark(folder, MARK + node.name)
                    await self.upper.clunk(folder)
                raise
            self._copied.pop(place.upper.qid[0], None)
        self._live.pop((parent, node.name), None)
        node.gone = True

    async def _check_removable(self, node: Node, uid: str) -> None:
        if node.parent is None:
            raise PlanError(EPERM)
        await self._check_folder(node.parent, uid)

    # Contents

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """From the layer that has the file now."""
        place: Place = fid.aux
        if place.upper is None and place.node.up:
            await self._refresh(fid)
        server, inner = self._part(place)
        inner.proc = fid.proc
        return await server.read(inner, count, offset)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """To the upper tree, which open has copied the file to."""
        inner: Fid = fid.aux.upper
        inner.proc = fid.proc
        return await self.upper.write(inner, data, offset)

    async def readdir(self, fid: Fid) -> list[Dir]:
        """What the lower tree shows, then what only the upper one has."""
        await self._refresh(fid)
        return await self._merge(fid.aux)

    async def _merge(self, place: Place) -> list[Dir]:
        node = place.node
        above: dict[str, Dir] = {}
        if place.upper is not None:
            above = {d.name: d for d in await self.upper.readdir(place.upper)}
        entries = []
        if node.low is not None and place.lower is not None:
            for d in await self.lower.readdir(place.lower):
                if MARK + d.name in above or d.name.startswith(MARK):
                    continue
                if d.name in above:
                    entries.append(self._dressed(above.pop(d.name), UPPER))
                else:
                    entries.append(self._dressed(d, LOWER))
        entries += [self._dressed(d, UPPER) for name, d in above.items()
                    if not name.startswith(MARK)]
        return entries

    async def _entries(self, node: Node, uid: str) -> list[Dir]:
        """All that shows in a folder."""
        place = await self._reach(node, uid)
        try:
            for inner in (place.lower, place.upper):
                if inner is not None:
                    inner.uid = ADMIN
            await self._open_folder(place)
            return await self._merge(place)
        finally:
            await self._drop(place)

    # Attributes

    def _dressed(self, d: Dir, layer: int) -> Dir:
        d.qid = self._shown(layer, d.qid)
        d.type, d.dev = ord(self.dc), self.dev
        return d

    async def stat(self, fid: Fid) -> Dir:
        """Of the upper file, if there is one."""
        await self._refresh(fid)
        place: Place = fid.aux
        server, inner = self._part(place)
        d = await server.stat(inner)
        d.qid = (self._mine(place.node, d.qid) if server is self.upper
                 else self._shown(LOWER, d.qid))
        d.name = place.node.name
        d.type, d.dev = ord(self.dc), self.dev
        return d

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """The file is copied when something really changes."""
        await self._refresh(fid)
        place: Place = fid.aux
        node = place.node
        if change.is_sync():
            if place.upper is not None:
                await self.upper.wstat(place.upper, change)
            return
        d = await self.stat(fid)
        rights.check_change(d, fid.uid, change, MODE)
        real = change.unlike(d)
        if real.is_sync():
            return
        if real.name is not None:
            await self._check_rename(node, real.name, fid.uid)
        await self._raise(node)
        await self._refresh(fid)
        if real.name is None:
            await self.upper.wstat(place.upper, real)  # type: ignore[arg-type]
        else:
            await self._rename(place, real, real.name)

    async def _check_rename(self, node: Node, name: str, uid: str) -> None:
        if node.gone:
            raise PlanError(EREMOVED)
        await self._check_removable(node, uid)
        assert node.parent is not None
        folder = await self._reach(node.parent, uid)
        try:
            await self._check_new(folder, name, uid)
        finally:
            await self._drop(folder)

    async def _rename(self, place: Place, change: DirChange, name: str) -> None:
        """Marks first, so that nothing of the lower tree shows where it should not."""
        node, upper, old = place.node, place.upper, place.node.name
        parent = node.parent
        assert upper is not None
        assert parent is not None
        if node.is_dir and parent.low is not None:
            if node.low is None:
                await self._mark(node, OPAQUE)
            else:
                await self._mark(node, FROM, text="/".join(node.low))
        hides = await self._lies_below(parent, old)
        await self.upper.wstat(upper, change)
        self._live.pop((parent, old), None)
        node.name = name
        self._live[parent, name] = node
        if hides:
            await self._mark(parent, MARK + old, upper.uid)
        folder = await self._go(self.upper, upper.uid, parent.names())
        try:
            await self._unmark(folder, MARK + name)
        finally:
            await self.upper.clunk(folder)
