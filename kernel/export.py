"""Export: a name space as a FileServer, for 9P and for whatever else shows files to others.

Walks go through mounts and unions as a process's own do, but not above the root of what is
exported.  All is done as one process does it, with its rights; the name that a client gives
is not believed.  Files of many servers get qids that are unlike each other.
Source: exportfs(4), intro(5).  This module is a friend of Namespace and uses its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.dir import OCEXEC, Dir, DirChange, Qid, check_name
from vx9.fs.errnos import EXDEV
from vx9.fs.errors import EEXIST, EISMTPT, ENAMETOOLONG, ENONEXIST, ENOTDIR, PlanError
from vx9.fs.server import Fid
from vx9.kernel.chan import Chan, open_chan
from vx9.kernel.walk import Name

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

_BITS: Final = 48  # of a qid.path are the server's own, if they suffice
_WIDE: Final = (1 << 16) - 1  # in front of numbers given to those that do not
_MANY: Final = 1 << 20  # such numbers
DEPTH: Final = 256  # elements below the root


class Qids:
    """Makes one space of qids out of those of many servers; the first one's stay as they are."""

    def __init__(self) -> None:
        self._servers: dict[tuple[int, int], int] = {}
        self._wide: dict[tuple[int, int, int], int] = {}

    def of(self, kind: int, dev: int, qid: Qid) -> Qid:
        """The qid of a file of the device kind, instance dev."""
        path, vers, bits = qid
        number = self._servers.setdefault((kind, dev), len(self._servers))
        if path >> _BITS or number >= _WIDE:
            if len(self._wide) >= _MANY and (kind, dev, path) not in self._wide:
                raise PlanError("too many files with wide qids")
            number = _WIDE
            path = self._wide.setdefault((kind, dev, path), len(self._wide))
        return Qid(number << _BITS | path, vers, bits)

    def of_chan(self, c: Chan) -> Qid:
        """The qid of a Chan's file."""
        return self.of(ord(c.server.dc), c.server.dev, c.fid.qid)


class _As:
    """The exporting process, seen as one whose current directory is elsewhere."""

    def __init__(self, p: Proc, dot: Chan) -> None:
        self._p = p
        self.dot = dot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._p, name)


def _name(element: str) -> Name:
    """A name of one element, which may have characters that guests may not use."""
    if element != "..":
        check_name(element)
    name = Name("./x")
    name.elements = [element]
    return name


class Spot:
    """Where a Fid is: a place in the name space, its own mount not crossed, or an open file."""

    __slots__ = ("file", "name", "names", "place")

    def __init__(self, place: Chan | None, names: tuple[str, ...]) -> None:
        self.place = place
        self.names = names  # from the root
        self.file: Chan | None = None


class Export:
    """The name space of p below the place root, which it takes over."""

    dc = "M"
    dev = 0

    def __init__(self, p: Proc, root: Chan) -> None:
        self.p = p
        self.root = root
        self.qids = Qids()

    async def close(self) -> None:
        """Nothing is asked any more."""
        await self.root.close()

    # Places

    def _fid(self, place: Chan, names: tuple[str, ...], uid: str) -> Fid:
        """The Fid of a place; its qid is that of what is mounted there."""
        head = self.p.ns.mounted_on(place.server, place.fid.qid[0])
        seen = place if head is None else head.mounts[0].to
        return Fid(self.qids.of_chan(seen), uid, -1, Spot(place, names))

    async def _step(self, place: Chan, name: str) -> Chan:
        """The place called name below place."""
        return await self.p.ns._find(_As(self.p, place), _name(name))

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root, or the folder below it that spec names."""
        fid = self._fid(await self.root.clone(self.p), (), uid)
        for name in spec.split("/"):
            if name in ("", "."):
                continue
            try:
                below, _ = await self.walk(fid, (name,))
            finally:
                await self.clunk(fid)
            assert below is not None
            fid = below
        return fid

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """One name after the other, for each may cross a mount."""
        spot: Spot = fid.aux
        qids: list[Qid] = []
        if spot.place is None:
            raise PlanError(ENONEXIST)
        new = self._fid(await spot.place.clone(self.p), spot.names, fid.uid)
        for name in names:
            try:
                before: Spot = new.aux
                assert before.place is not None
                if name != "..":
                    if len(before.names) >= DEPTH:
                        raise PlanError(ENAMETOOLONG)
                    place, path = await self._step(before.place, name), (*before.names, name)
                elif before.names:
                    place, path = await self._step(before.place, ".."), before.names[:-1]
                else:
                    place, path = await self.root.clone(self.p), ()
            except PlanError:
                await self.clunk(new)
                if qids:
                    return None, qids
                raise
            await self.clunk(new)
            new = self._fid(place, path, fid.uid)
            qids.append(new.qid)
        return new, qids

    async def _file(self, spot: Spot) -> Chan:
        """The file at a place, what is mounted there if something is; the caller closes it."""
        if spot.file is not None:
            return spot.file.ref()
        if spot.place is None:
            raise PlanError(ENONEXIST)
        return await self.p.ns._cross(self.p, await spot.place.clone(self.p), Name("."))

    # Files

    async def open(self, fid: Fid, mode: int) -> None:
        """open(2); the file may be another one than the place's, as it is in #d and #s."""
        spot: Spot = fid.aux
        place = spot.place
        if place is not None and self.p.ns.mounted_on(place.server, place.fid.qid[0]) is None:
            c = place.ref()  # nobody walks from an open file, so it need not be another Chan
        else:
            c = await self._file(spot)
        c = await open_chan(self.p, c, mode & ~OCEXEC)
        spot.file = c
        fid.qid, fid.omode = self.qids.of_chan(c), mode

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """create(2) with OEXCL, in the member of a union that is for it."""
        spot: Spot = fid.aux
        if spot.place is None:
            raise PlanError(ENOTDIR)
        if len(spot.names) >= DEPTH:
            raise PlanError(ENAMETOOLONG)
        ns, caller, n = self.p.ns, _As(self.p, spot.place), _name(name)
        c = await ns._existing(caller, n)
        if c is not None:
            await c.close()
            raise PlanError(EEXIST)
        c = await ns._create(caller, n, mode & ~OCEXEC, perm)
        await spot.place.close()
        spot.place, spot.file = None, c
        spot.names = (*spot.names, name)
        fid.qid, fid.omode = self.qids.of_chan(c), mode

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """read(2)."""
        c: Chan = fid.aux.file
        return await c.read(self.p, count, offset)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """read(2)."""
        c: Chan = fid.aux.file
        return await c.write(self.p, data, offset)

    async def readdir(self, fid: Fid) -> list[Dir]:
        """All members of a union, mount points shown as what is mounted there."""
        entries: list[Dir] = await fid.aux.file.readdir(self.p)
        return [self._shown(d) for d in entries]

    def _shown(self, d: Dir) -> Dir:
        d.qid = self.qids.of(d.type, d.dev, d.qid)
        return d

    async def stat(self, fid: Fid) -> Dir:
        """stat(2), under the name that was walked to."""
        spot: Spot = fid.aux
        c = spot.file
        if c is not None:
            d = await c.stat(self.p)
        elif spot.place is None:
            raise PlanError(ENONEXIST)
        else:
            head = self.p.ns.mounted_on(spot.place.server, spot.place.fid.qid[0])
            if head is None:
                d = await spot.place.stat(self.p)
            else:
                head.refs += 1
                try:
                    d = await head.mounts[0].to.stat(self.p)
                finally:
                    await head.release()
        self._shown(d)
        d.name = spot.names[-1] if spot.names else "/"
        return d

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """stat(2)."""
        spot: Spot = fid.aux
        c = await self._file(spot)
        try:
            if change.name is not None and spot.names and change.name == spot.names[-1]:
                change.name = None
            if change.name is not None:
                check_name(change.name)
                if c.is_mount_point:
                    raise PlanError(EISMTPT)
            c.fid.proc = self.p
            await c.server.wstat(c.fid, change)
        finally:
            await c.close()
        if change.name is not None and spot.names:
            spot.names = (*spot.names[:-1], change.name)

    async def move(self, fid: Fid, folder: Fid, name: str) -> None:
        """Call the file name in folder, where one server has both and can do it in a step."""
        check_name(name)
        spot: Spot = fid.aux
        c, to = await self._file(spot), None
        try:
            to = await self._file(folder.aux)
            move: Any = getattr(c.server, "move", None)
            if c.is_mount_point:
                raise PlanError(EISMTPT)
            if move is None or c.server is not to.server or to.union is not None:
                raise PlanError(EXDEV)
            c.fid.proc = to.fid.proc = self.p
            await move(c.fid, to.fid, name)
        finally:
            await c.close()
            if to is not None:
                await to.close()
        spot.names = (*folder.aux.names, name)

    async def room(self, fid: Fid) -> tuple[int, int]:
        """Bytes in all and bytes free where the file is, as far as its server knows."""
        c = await self._file(fid.aux)
        try:
            room: Any = getattr(c.server, "room", None)
            if room is None:
                return 0, 0
            total, free = await room(c.fid)
            return total, free
        finally:
            await c.close()

    async def remove(self, fid: Fid) -> None:
        """remove(2)."""
        c = await self._file(fid.aux)
        try:
            await c.remove(self.p)
        finally:
            await c.close()

    async def clunk(self, fid: Fid) -> None:
        """close(2)."""
        spot: Spot = fid.aux
        place, file, spot.place, spot.file = spot.place, spot.file, None, None
        if file is not None:
            await file.close()
        if place is not None:
            await place.close()


async def export(p: Proc, name: str = "/") -> Export:
    """The name space of p from the folder called name down.  Raises PlanError."""
    return Export(p, await p.ns.dir(p, name))
