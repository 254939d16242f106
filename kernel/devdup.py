"""#d: the descriptors of the calling process; opening N gives the very file that N is.

Source: dup(3); /sys/src/9/port/devdup.c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from vx9.fs.dir import DMDIR, ORCLOSE, ORDWR, OREAD, OTRUNC, OWRITE, QTDIR, Dir, Qid
from vx9.fs.errors import EBADUSEFD, EISDIR, ENONEXIST, ENOTDIR, EPERM, PlanError
from vx9.fs.server import Fid, Refuser
from vx9.kernel.chan import Chan, fd_line, mode_of

_MODES: Final = {OREAD: 0o400, OWRITE: 0o200, ORDWR: 0o600}


class Dup(Refuser):
    """The dup device.  A Fid's aux is (descriptor, whether it is the ctl file), or None."""

    dc = "d"
    name = "dup"

    def __init__(self, eve: str = "none", now: Callable[[], int] = lambda: 0) -> None:
        self.eve = eve
        self.now = now
        self.born = now()

    @staticmethod
    def _qid(place: tuple[int, bool] | None) -> Qid:
        if place is None:
            return Qid(0, 0, QTDIR)
        fd, is_ctl = place
        return Qid(fd * 2 + 1 + is_ctl, 0, 0)

    async def attach(self, uid: str, spec: str) -> Fid:
        """The folder."""
        return Fid(self._qid(None), uid)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """To N and Nctl of open descriptors."""
        place = fid.aux
        qids: list[Qid] = []
        for name in names:
            found = None if name == ".." else _parse(name)
            if name != "..":
                is_open = place is None and found is not None and _chan(fid.proc, found[0])
                if not is_open:
                    if qids:
                        return None, qids
                    raise PlanError(ENOTDIR if place is not None else ENONEXIST)
            place = found
            qids.append(self._qid(place))
        return Fid(self._qid(place), fid.uid, -1, place), qids

    async def reopen(self, fid: Fid, mode: int, p: Any) -> Chan | None:
        """The file of descriptor N, if it is open for what is asked."""
        if fid.aux is None or fid.aux[1]:
            return None
        if mode & ORCLOSE:
            raise PlanError(EPERM)
        c: Chan = p.fds.get(fid.aux[0])
        if c.mode != ORDWR and (mode_of(mode) != c.mode or (mode & OTRUNC and c.mode == OREAD)):
            raise PlanError(EBADUSEFD)
        return c.ref()

    async def open(self, fid: Fid, mode: int) -> None:
        """The folder for reading, the ctl files anyhow; but nothing can be written there."""
        if mode & ORCLOSE:
            raise PlanError(EPERM)
        if fid.aux is None and mode != OREAD:
            raise PlanError(EISDIR)
        fid.omode = mode

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """A line of /proc/n/fd."""
        fd, _ = fid.aux
        line = fd_line(fd, fid.proc.fds.get(fd)) + "\n"
        return line.encode("utf-8", "surrogateescape")[offset : offset + count]

    async def readdir(self, fid: Fid) -> list[Dir]:
        """Two files a descriptor."""
        dirs = []
        for fd, c in fid.proc.fds.open_fds() if fid.proc is not None else ():
            dirs.append(self._dir((fd, False), _MODES.get(c.mode, 0)))
            dirs.append(self._dir((fd, True), 0o400))
        return dirs

    async def stat(self, fid: Fid) -> Dir:
        """Of the file in this folder, not of what it opens."""
        if fid.aux is None:
            return self._dir(None, DMDIR | 0o555)
        fd, is_ctl = fid.aux
        c = fid.proc.fds.get(fd)
        return self._dir(fid.aux, 0o400 if is_ctl else _MODES.get(c.mode, 0))

    def _dir(self, place: tuple[int, bool] | None, mode: int) -> Dir:
        name = "#d" if place is None else f"{place[0]}ctl" if place[1] else str(place[0])
        return Dir(self._qid(place), mode, self.now(), self.born, 0, name,
                   self.eve, self.eve, self.eve, ord("d"), self.dev)


def _parse(name: str) -> tuple[int, bool] | None:
    """The descriptor that N or Nctl names."""
    digits = name.removesuffix("ctl")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 8):
        return None
    fd = int(digits)
    return (fd, digits != name) if str(fd) == digits else None


def _chan(p: Any, fd: int) -> bool:
    """Whether fd is open."""
    try:
        return p is not None and p.fds.get(fd) is not None
    except PlanError:
        return False
