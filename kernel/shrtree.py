"""#σ the shares as folders: what the servers of each have, the newest server first.

A Fid below a share holds one of the server that had the name, and passes everything on.
Source: shr(3) of 9front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vx9.fs.dir import OREAD, QTDIR, Dir, DirChange, Qid
from vx9.fs.errors import EISDIR, ENOCREATE, ENONEXIST, EPERM, PlanError
from vx9.fs.server import Fid, FileServer, Refuser
from vx9.kernel.chan import Chan, clunk

if TYPE_CHECKING:
    from vx9.kernel.devshr import Entry, Shares


@dataclass(slots=True, eq=False)
class Place:
    """The root (share None), a share, or a file below: then the Fid of its server."""

    share: Entry | None = None
    server: FileServer | None = None
    fid: Fid | None = None


class ShareTree(Refuser):
    """The mount tree of all shares."""

    dc = "σ"
    dev = 0

    def __init__(self, shares: Shares) -> None:
        self.shares = shares

    @staticmethod
    def _qid(place: Place, inner: Qid | None = None) -> Qid:
        """inner, if there is one, so that it is not taken for that of another server."""
        number = 0 if place.share is None else place.share.number
        if inner is None and place.fid is not None:
            inner = place.fid.qid
        if inner is None:
            return Qid(number, 0, QTDIR)
        return Qid(1 << 63 | (number << 48 ^ inner[0]) & (1 << 63) - 1, inner[1], inner[2])

    def _fid(self, fid: Fid, place: Place) -> Fid:
        return Fid(self._qid(place), fid.uid, -1, place)

    @staticmethod
    def _inner(fid: Fid) -> tuple[FileServer, Fid] | None:
        """The server and its Fid behind fid, which is told who calls."""
        place: Place = fid.aux
        if place.fid is None or place.server is None:
            return None
        place.fid.proc = fid.proc
        return place.server, place.fid

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root."""
        return Fid(Qid(0, 0, QTDIR), uid, -1, Place())

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """To a share, and on to what the first server has that has the first name."""
        place: Place = fid.aux
        inner = self._inner(fid)
        if inner is not None:
            return await self._walk_inside(fid, *inner, names)
        if not names or names[0] == "..":
            there = Place(place.share if not names else None)
            return self._fid(fid, there), [self._qid(there)][: len(names)]
        share, rest = place.share, names
        qids: list[Qid] = []
        if share is None:
            share = self.shares.by_name.get(names[0])
            if share is None:
                raise PlanError(ENONEXIST)
            qids.append(self._qid(Place(share)))
            rest = names[1:]
            if not rest:
                return self._fid(fid, Place(share)), qids
        for to in mounted(share):
            to.fid.proc = fid.proc
            try:
                found, more = await to.server.walk(to.fid, rest)
            except PlanError:
                continue
            return self._below(fid, Place(share, to.server, found), qids, more)
        if qids:
            return None, qids
        raise PlanError(ENONEXIST)

    async def _walk_inside(self, fid: Fid, server: FileServer, inner: Fid,
                           names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """Inside a server; the parent of its root is the share."""
        share: Entry = fid.aux.share
        found, qids = await server.walk(inner, names)
        if names and names[0] == ".." and found is not None and any(
                to.server is server and to.fid.qid[0] == found.qid[0] for to in mounted(share)):
            await clunk(server, found)
            return self._fid(fid, Place(share)), [self._qid(Place(share))]
        return self._below(fid, Place(share, server, found), [], qids)

    def _below(self, fid: Fid, place: Place, qids: list[Qid],
               more: Sequence[Qid]) -> tuple[Fid | None, list[Qid]]:
        qids += [self._qid(place, qid) for qid in more]
        if place.fid is None:
            return None, qids
        place.fid.uid = fid.uid
        return self._fid(fid, place), qids

    async def open(self, fid: Fid, mode: int) -> None:
        """Below a share the server decides."""
        inner = self._inner(fid)
        if inner is not None:
            await inner[0].open(inner[1], mode)
        elif mode != OREAD:
            raise PlanError(EISDIR)
        elif fid.aux.share is not None:
            self.shares.check(fid.aux.share, fid.uid, OREAD)
        fid.omode = mode

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """In the server that files of a share are created in, or where fid is."""
        place: Place = fid.aux
        inner = self._inner(fid)
        if inner is not None:
            await inner[0].create(inner[1], name, perm, mode)
        elif place.share is None:
            raise PlanError(EPERM)
        else:
            to = next((each.to for each in place.share.servers if each.creates), None)
            if to is None:
                raise PlanError(ENOCREATE)
            server, new = to.server, await to.copy_fid(fid.proc)
            new.uid, new.proc = fid.uid, fid.proc
            try:
                await server.create(new, name, perm, mode)
            except BaseException:
                await clunk(server, new)
                raise
            place.server, place.fid = server, new
        fid.qid, fid.omode = self._qid(place), mode

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """Of the server's file."""
        inner = self._inner(fid)
        if inner is None:
            raise PlanError(EPERM)
        return await inner[0].read(inner[1], count, offset)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """To the server's file."""
        inner = self._inner(fid)
        if inner is None:
            raise PlanError(EPERM)
        return await inner[0].write(inner[1], data, offset)

    async def readdir(self, fid: Fid) -> list[Dir]:
        """The shares, or what the servers of one have, duplicates and all."""
        place: Place = fid.aux
        inner = self._inner(fid)
        if inner is not None:
            return self._shown(place, await inner[0].readdir(inner[1]))
        if place.share is None:
            return [self._dir(each) for each in self.shares.by_name.values()]
        entries: list[Dir] = []
        for to in mounted(place.share):
            new = await to.copy_fid(fid.proc)
            new.proc = fid.proc
            try:
                await to.server.open(new, OREAD)
                entries += self._shown(place, await to.server.readdir(new))
            except PlanError:
                continue  # a server that fails is left out
            finally:
                await clunk(to.server, new)
        return entries

    def _shown(self, place: Place, entries: list[Dir]) -> list[Dir]:
        for d in entries:
            d.qid = self._qid(place, d.qid)
        return entries

    async def clunk(self, fid: Fid) -> None:
        """The server's Fid ends with ours."""
        inner = self._inner(fid)
        if inner is not None:
            await clunk(*inner)

    async def remove(self, fid: Fid) -> None:
        """A file of the server."""
        inner = self._inner(fid)
        if inner is None:
            raise PlanError(EPERM)
        await inner[0].remove(inner[1])

    async def stat(self, fid: Fid) -> Dir:
        """As the server says."""
        inner = self._inner(fid)
        if inner is not None:
            return self._shown(fid.aux, [await inner[0].stat(inner[1])])[0]
        return self._dir(fid.aux.share)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """Of the server's file."""
        inner = self._inner(fid)
        if inner is None:
            raise PlanError(EPERM)
        await inner[0].wstat(inner[1], change)

    def _dir(self, share: Entry | None) -> Dir:
        shares, qid = self.shares, self._qid(Place(share))
        if share is None:
            return shares.dir(qid, "#σ", 0o555, shares.kernel.eve, self.dev)
        return shares.dir(qid, share.name, share.perm & ~0o222, share.owner, self.dev)


def mounted(share: Entry) -> list[Chan]:
    """What the servers of a share show, the newest first."""
    return [each.to for each in share.servers if each.to is not None]
