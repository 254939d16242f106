"""#g shared segments with names: made as folders, given an address, attached by their name.

A segment lives until its folder is removed and the last process that attached it has let go.
Source: segment(3), segattach(2); /sys/src/9/port/devsegment.c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vx9.fs import perm as rights
from vx9.fs.dir import DMDIR, ORDWR, OREAD, QTDIR, Dir, DirChange, Qid, check_name
from vx9.fs.errors import (
    EBADARG,
    EBADCTL,
    EEXIST,
    EISDIR,
    ENOMEM,
    ENONEXIST,
    ENOTDIR,
    EPERM,
    PlanError,
)
from vx9.fs.server import Fid, Refuser, descend
from vx9.kernel.segment import SegKind, Segment, page_up
from vx9.vxcore import PAGE, CoreError, MemoryObject

MAX: Final = 100  # segments
TOTAL: Final = 256 << 20  # bytes in all of them
USER_TOP: Final = 0xDFFFF000  # the end of addresses that programs may have
CLASSES: Final = frozenset({"shared", "memory"})  # of segattach itself
_FILES: Final = ("ctl", "data")


@dataclass(slots=True, eq=False)
class Named:
    """One name; seg is None until it has an address."""

    number: int
    name: str
    owner: str
    perm: int = 0o660
    seg: Segment | None = None


class Segments(Refuser):
    """The segment device.  A Fid's aux is (Named or None for the root, "ctl", "data" or "")."""

    dc = "g"
    name = "segment"

    def __init__(self, eve: str, now: Callable[[], int], take: Callable[[int], None]) -> None:
        self._take = take  # counts bytes against the limit of all guests
        self.eve = eve
        self.now = now
        self.born = now()
        self._named: dict[str, Named] = {}
        self._made = 0

    def rename_user(self, old: str, new: str) -> None:
        """A user has another name."""
        for named in self._named.values():
            if named.owner == old:
                named.owner = new

    def segment(self, name: str, uid: str) -> Segment | None:
        """What segattach is to attach for that class.  Raises PlanError."""
        named = self._named.get(name)
        if named is None:
            return None
        self._check(named, uid, ORDWR)
        if named.seg is None:
            raise PlanError("global segment not assigned a virtual address")
        return named.seg

    def _check(self, named: Named, uid: str, mode: int) -> None:
        rights.check(named.perm, rights.who(uid, named.owner, self.eve),
                     rights.rights_needed(mode & 3))

    # The tree

    @staticmethod
    def _qid(place: tuple[Named | None, str]) -> Qid:
        named, file = place
        if named is None:
            return Qid(0, 0, QTDIR)
        return Qid(named.number << 3 | (_FILES.index(file) + 2 if file else 1), 0,
                   0 if file else QTDIR)

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root."""
        return Fid(self._qid((None, "")), uid, -1, (None, ""))

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """Two levels."""
        return descend(fid, names, self._step, self._qid)

    def _step(self, place: tuple[Named | None, str], name: str) -> tuple[Named | None, str]:
        named, file = place
        if name == "..":
            return (named, "") if file else (None, "")
        if file:
            raise PlanError(ENOTDIR)
        if named is None:
            if name not in self._named:
                raise PlanError(ENONEXIST)
            return self._named[name], ""
        if name not in _FILES:
            raise PlanError(ENONEXIST)
        return named, name

    def _alive(self, fid: Fid) -> Named:
        named: Named = fid.aux[0]
        if self._named.get(named.name) is not named:
            raise PlanError("global segment disappeared")
        return named

    async def open(self, fid: Fid, mode: int) -> None:
        """data only once there is some."""
        named, file = fid.aux
        if not file:
            if mode != OREAD:
                raise PlanError(EISDIR)
        else:
            self._check(self._alive(fid), fid.uid, mode)
            if file == "data":
                self._segment(named)
        fid.omode = mode

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """A folder, which is a segment."""
        named, file = fid.aux
        if named is not None or file:
            raise PlanError(EPERM)
        check_name(name)
        if name in self._named or name in CLASSES:
            raise PlanError(EEXIST)
        if not perm & DMDIR:
            raise PlanError(EBADARG)
        if len(self._named) >= MAX:
            raise PlanError("too many global segments")
        self._made += 1
        self._named[name] = named = Named(self._made, name, fid.uid)
        fid.aux = named, ""
        fid.qid, fid.omode = self._qid(fid.aux), mode

    async def remove(self, fid: Fid) -> None:
        """The folder, by its owner or the host's."""
        if fid.aux[0] is None or fid.aux[1]:
            raise PlanError(EPERM)
        named = self._alive(fid)
        if fid.uid not in (named.owner, self.eve):
            raise PlanError(EPERM)
        del self._named[named.name]
        if named.seg is not None:
            named.seg.refs -= 1
            self._take(-named.seg.size)  # now its processes' alone

    # Contents

    @staticmethod
    def _segment(named: Named) -> Segment:
        if named.seg is None:
            raise PlanError("segment not yet allocated")
        return named.seg

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """The memory, or the line that made it."""
        seg = self._segment(fid.aux[0])
        if fid.aux[1] == "ctl":
            line = b"va 0x%x 0x%x\n" % (seg.base, seg.size)
            return line[offset : offset + count]
        count = min(count, seg.size - offset)
        return seg.obj.read(offset, count) if count > 0 else b""

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Into the memory; or va ADDRESS LENGTH."""
        named, file = fid.aux
        if file == "ctl":
            self._allocate(fid, named, data.replace(b"\0", b" ").split())
            return len(data)
        seg = self._segment(named)
        if offset > seg.size:
            raise PlanError(EBADARG)
        data = data[: seg.size - offset]
        if data:
            seg.obj.write(offset, data)
        return len(data)

    def _allocate(self, fid: Fid, named: Named, words: list[bytes]) -> None:
        if words[:1] != [b"va"]:
            raise PlanError(EBADCTL)
        if named.seg is not None:
            raise PlanError("already has a virtual address")
        if len(words) not in (3, 4) or (len(words) == 4 and words[3] not in (b"sticky", b"fixed")):
            raise PlanError(EBADARG)
        base, length = _number(words[1]), _number(words[2])
        top = page_up(base + length)
        base &= -PAGE
        if base == 0 or top > USER_TOP or top <= base:
            raise PlanError(EBADARG)
        if len(words) == 4:
            if fid.uid != self.eve:
                raise PlanError(EPERM)
            if words[3] == b"fixed":
                raise PlanError("no device here needs a fixed segment; make it sticky")
        size = top - base
        if sum(n.seg.size for n in self._named.values() if n.seg is not None) + size > TOTAL:
            raise PlanError(ENOMEM)
        self._take(size)
        try:
            named.seg = Segment(SegKind.SHARED, base, top, MemoryObject(size))
        except CoreError as error:
            self._take(-size)
            raise PlanError(ENOMEM) from error

    # Attributes

    async def readdir(self, fid: Fid) -> list[Dir]:
        """The segments, or the two files of one."""
        named, _ = fid.aux
        if named is None:
            return [self._dir((each, ""), DMDIR | 0o777) for each in self._named.values()]
        return [self._dir((named, file)) for file in _FILES]

    async def stat(self, fid: Fid) -> Dir:
        """The length of data is that of the segment."""
        if fid.aux[0] is not None:
            self._alive(fid)
        return self._dir(fid.aux)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """The mode of both files, by the owner or the host's."""
        if not fid.aux[1]:
            raise PlanError(EPERM)
        named = self._alive(fid)
        others: tuple[Any, ...] = (change.name, change.length, change.uid, change.gid, change.muid,
                                   change.mtime)
        if fid.uid not in (named.owner, self.eve) or any(v is not None for v in others):
            raise PlanError(EPERM)
        if change.mode is not None:
            named.perm = change.mode & 0o777

    def _dir(self, place: tuple[Named | None, str], folder: int = DMDIR | 0o555) -> Dir:
        named, file = place
        name = file or ("#g" if named is None else named.name)
        owner = self.eve if named is None else named.owner
        mode = named.perm if named is not None and file else folder
        length = named.seg.size if named is not None and named.seg is not None \
            and file == "data" else 0
        return Dir(self._qid(place), mode, self.now(), self.born, length, name,
                   owner, self.eve, owner, ord(self.dc), self.dev)


def _number(word: bytes) -> int:
    """As strtoul reads it, but all of it."""
    try:
        value = int(word, 0) if len(word) <= 22 else -1
    except ValueError:
        value = -1
    if value < 0:
        raise PlanError(EBADARG)
    return value
