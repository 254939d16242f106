"""Chan: an open file, or a place in the name space, as processes hold it.

A Chan joins a server's Fid to what the kernel knows of it: the name it was reached by, the
mounts crossed on the way (so that ".." can undo them), the union it stands for, the mode
and the offset.  Chans are shared by descriptors and processes and counted: whoever keeps
one calls ref() and later close().  Every operation is told the process p that it runs for.
Source: intro(2), fd2path(2), read(2), seek(2); /sys/src/9/port/chan.c, sysfile.c.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from vx9.fs.dir import OCEXEC, OEXEC, ORDWR, OREAD, OWRITE, QTDIR, Dir, DirChange, check_name
from vx9.fs.errors import (
    EBADARG,
    EBADCHAR,
    EBADUSEFD,
    EDIRSEEK,
    EEXECDIR,
    EISDIR,
    EISMTPT,
    EISSTREAM,
    ENEGOFF,
    ESHORT,
    PlanError,
    quote,
)
from vx9.fs.server import Fid, FileServer
from vx9.kernel._fast import OpenFile

if TYPE_CHECKING:
    from vx9.kernel.walk import MountHead

log = logging.getLogger(__name__)

OFFMAX: Final = 0x7FFFFFFFFFFFFFFF
BAD_CHARS: Final = re.compile(r"[\x00-\x1f\x7f]").search  # in names that guests give
_T = TypeVar("_T")
_LETTERS: Final = {OREAD: "r ", OWRITE: "w ", ORDWR: "rw"}


class Chan(OpenFile):
    """A counted reference to a file of a server."""

    __slots__ = (
        "_entries",
        "_next",
        "cexec",
        "covers",
        "depth",
        "iounit",
        "mchan",
        "mux",
        "path",
        "refs",
        "union",
    )

    def __init__(self, server: FileServer, fid: Fid, path: str, depth: int = 0,
                 covers: tuple[tuple[int, MountHead], ...] = ()) -> None:
        self.server = server
        self.fid = fid
        self.path = path  # the cleaned name, from "/" or from "#x"
        self.depth = depth  # how many elements path has
        self.covers = covers  # mounts crossed: after how many elements, and which
        self.union: MountHead | None = None  # the union whose first member this is
        self.mode = -1  # OREAD, OWRITE, ORDWR once open
        self.cexec = False  # closed by exec
        self.refs = 1
        self.mchan: Chan | None = None  # root of a mount: the channel to its server
        self.mux: Any = None  # the mount driver's connection on it
        self.iounit = 0
        self._entries: list[Dir] | None = None  # a directory being read
        self._next = 0

    def __repr__(self) -> str:
        return f"<Chan {self.path!r} mode {self.mode} refs {self.refs}>"

    @property
    def is_dir(self) -> bool:
        """Whether the file is a directory."""
        return bool(self.fid.qid[2] & QTDIR)

    @property
    def name(self) -> str:
        """The last element of the path; empty for "/"."""
        return self.path.rpartition("/")[2]

    @property
    def is_mount_point(self) -> bool:
        """Whether the file was found mounted on its name."""
        covers = self.covers
        return bool(covers) and covers[-1][0] == self.depth

    def same_file(self, other: Chan) -> bool:
        """Whether both are one file of one server."""
        return self.server is other.server and self.fid.qid[0] == other.fid.qid[0]

    # Counting

    def ref(self) -> Chan:
        """One user more."""
        self.refs += 1
        return self

    async def close(self) -> None:
        """One user less; the last one ends the Fid.  Errors of the server are not told."""
        self.refs -= 1
        if self.refs:
            return
        self._entries = None
        for _, head in self.covers:
            if head.refs > 1:
                head.refs -= 1
            else:
                await head.release()
        if self.union is not None:
            await self.union.release()
            self.union = None
        if self.mux is not None:
            await self.mux.close()
        try:  # as clunk
            await self.server.clunk(self.fid)
        except PlanError as error:
            log.debug("clunk: %s", error)
        self.fid.proc = None
        if self.mchan is not None:
            await self.mchan.close()

    async def copy_fid(self, p: Any) -> Fid:
        """Another Fid for the same file."""
        self.fid.proc = p
        fid, _ = await self.server.walk(self.fid, ())
        assert fid is not None
        fid.uid = p.user
        return fid

    async def clone(self, p: Any) -> Chan:
        """Another Chan for the same place, not open, with a Fid of its own."""
        c = Chan(self.server, await self.copy_fid(p), self.path, self.depth, self.covers)
        for _, head in self.covers:
            head.refs += 1
        if self.union is not None:
            self.union.refs += 1
            c.union = self.union
        if self.mchan is not None:
            c.mchan = self.mchan.ref()
        return c

    # Input and output

    async def read(self, p: Any, count: int, offset: int = -1) -> bytes:
        """Read at offset, or (-1) at the Chan's own, which then moves on."""
        if (self.mode != OREAD and self.mode != ORDWR) or self.is_channel:
            raise PlanError(EBADUSEFD)
        fid = self.fid
        fid.proc = p
        if fid.qid[2] & QTDIR:
            return await self._read_dir(p, count, offset)
        if offset == -1:
            data = await self.server.read(fid, count, self.offset)
            self.offset += len(data)
            return data
        if offset < 0:
            raise PlanError(ENEGOFF)
        return await self.server.read(fid, count, offset)

    async def write(self, p: Any, data: bytes, offset: int = -1) -> int:
        """Write at offset, or (-1) at the Chan's own, which then moves on."""
        if (self.mode != OWRITE and self.mode != ORDWR) or self.is_channel:
            raise PlanError(EBADUSEFD)
        fid = self.fid
        fid.proc = p
        if fid.qid[2] & QTDIR:
            raise PlanError(EISDIR)
        if offset == -1:
            # Moved before the write and put right after: of two writers that share the
            # Chan neither may overwrite what the other has written.
            start = self.offset
            self.offset = start + len(data)
            done = 0
            try:
                done = await self.server.write(fid, data, start)
            finally:
                if done != len(data):
                    self.offset -= len(data) - done
            return done
        if offset < 0:
            raise PlanError(ENEGOFF)
        return await self.server.write(fid, data, offset)

    async def seek(self, p: Any, offset: int, whence: int) -> int:
        """Set the offset, counted from the start (0), from itself (1) or from the end (2)."""
        if self.server.dc == "|":
            raise PlanError(EISSTREAM)
        if self.is_channel:
            raise PlanError(EBADUSEFD)
        if self.is_dir and (whence != 0 or offset != 0):
            raise PlanError(EISDIR if whence in (0, 1, 2) else EBADARG)
        if whence == 1:
            offset += self.offset
        elif whence == 2:
            offset += (await self.stat(p)).length
        elif whence != 0:
            raise PlanError(EBADARG)
        if not 0 <= offset <= OFFMAX:
            raise PlanError(ENEGOFF)
        self.offset = offset
        self._entries = None
        return offset

    # Directories

    async def _read_dir(self, p: Any, count: int, offset: int) -> bytes:
        """Whole records only, in sequence or from the start again."""
        if offset == -1:
            offset = self.offset
        if offset == 0:
            self._entries = None
        elif offset < 0:
            raise PlanError(ENEGOFF)
        elif offset != self.offset and (self.union is None or len(self.union.mounts) < 2):
            raise PlanError(EDIRSEEK)  # a union goes on where it was
        entries = self._entries
        if entries is None:
            entries = await self._list(p)
            self._entries, self._next, self.offset = entries, 0, 0
        records: list[bytes] = []
        at = self._next
        room = count
        while at < len(entries):
            record = entries[at].pack()
            if len(record) > room:
                if not records and self.server.dc != "M":
                    raise PlanError(ESHORT)
                break
            records.append(record)
            room -= len(record)
            at += 1
        if at == len(entries):
            entries.clear()
            at = 0
        self._next = at
        self.offset += count - room
        return b"".join(records)

    async def readdir(self, p: Any) -> list[Dir]:
        """The entries all at once; for the kernel's own use."""
        if self.mode != OREAD or not self.is_dir:
            raise PlanError(EBADUSEFD)
        self.fid.proc = p
        return await self._list(p)

    async def _list(self, p: Any) -> list[Dir]:
        """The entries of the directory, or of all members of its union."""
        entries = await self._entries_of(p, self.server, self.fid)
        if self.union is not None:
            for mount in self.union.mounts[1:]:
                to = mount.to
                try:
                    fid = await to.copy_fid(p)
                    fid.proc = p
                    try:
                        await to.server.open(fid, OREAD)
                        entries += await self._entries_of(p, to.server, fid)
                    finally:
                        await to.server.clunk(fid)
                except PlanError:
                    continue  # a member that fails is left out
        return entries

    @staticmethod
    async def _entries_of(p: Any, server: FileServer, fid: Fid) -> list[Dir]:
        """The entries of one directory, those that are mount points replaced."""
        entries = await server.readdir(fid)
        if entries and entries[0].dev != server.dev:
            for d in entries:
                d.type, d.dev = ord(server.dc), server.dev
        ns = p.ns
        if ns.has_mounts_on(server):
            for i, d in enumerate(entries):
                head = ns.mounted_on(server, d.qid[0])
                if head is None:
                    continue
                if any(m.to.server is server and m.to.fid.qid[0] == d.qid[0]
                       for m in head.mounts):
                    continue  # still in the union that covers it
                to = head.mounts[0].to
                try:
                    to.fid.proc = p
                    covering = await to.server.stat(to.fid)
                except PlanError:
                    continue
                covering.name = d.name
                entries[i] = covering
        return entries

    # Attributes

    async def stat(self, p: Any) -> Dir:
        """What the server tells of the file, under the name that it has there."""
        self.fid.proc = p
        server = self.server
        d = await server.stat(self.fid)
        if d.dev != server.dev:
            d.type, d.dev = ord(server.dc), server.dev
        return d

    def wstat(self, p: Any, change: DirChange) -> Awaitable[None]:
        """Change attributes; a mount point keeps its name."""
        self.fid.proc = p
        if change.name is not None:
            if BAD_CHARS(change.name):
                raise PlanError(f"{EBADCHAR}: {quote(change.name)}")
            check_name(change.name)
            if self.is_mount_point:
                raise PlanError(p.ns.dialect.about(self.path, EISMTPT))
        return self.server.wstat(self.fid, change)

    async def remove(self, p: Any) -> None:
        """Remove the file; the Chan is for closing then, whatever happened."""
        if self.is_mount_point:
            raise PlanError(EISMTPT)
        self.fid.proc = p
        await self.server.remove(self.fid)


async def hold(c: Chan, work: Awaitable[_T]) -> _T:
    """Await work on c, which others may close meanwhile."""
    c.refs += 1
    try:
        return await work
    finally:
        await c.close()


async def clunk(server: FileServer, fid: Fid) -> None:
    """End fid; an error of the server is only logged, for nobody could act on it."""
    try:
        await server.clunk(fid)
    except PlanError as error:
        log.debug("clunk: %s", error)


def fd_line(fd: int, c: Chan, width: int = 1) -> str:
    """One line of /proc/n/fd and of #d/Nctl, without its newline."""
    path, vers, kind = c.fid.qid
    return (f"{fd:3d} {_LETTERS.get(c.mode, '  ')} {c.server.dc} {c.server.dev:4d} "
            f"({path & 0xFFFFFFFFFFFFFFFF:016x} {vers & 0xFFFFFFFF:{width}d} {kind:02x}) "
            f"{c.iounit:5d} {c.offset:8d} {c.path}")


def mode_of(mode: int) -> int:
    """The mode of a Chan opened with mode: OEXEC reads."""
    kind = mode & 3
    return OREAD if kind == 3 else kind


async def open_chan(p: Any, c: Chan, mode: int) -> Chan:
    """Open c, which is used up: the Chan to use is the result.  Raises PlanError."""
    fid, server = c.fid, c.server
    try:
        if fid.qid[2] & QTDIR and mode & 3 == OEXEC:
            raise PlanError(EEXECDIR)
        fid.proc = p
        reopen = getattr(server, "reopen", None)
        if reopen is not None:
            other: Chan | None = await reopen(fid, mode, p)
            if other is not None:
                await c.close()
                if mode & OCEXEC:
                    other.cexec = True
                return other
        await server.open(fid, mode & ~OCEXEC)
    except BaseException:
        await c.close()
        raise
    c.mode = mode_of(mode)
    c.iounit = fid.iounit
    c.cexec = bool(mode & OCEXEC)
    known: Mapping[int, int] | None = getattr(server, "known", None)
    if known is not None:
        c.file = known.get(fid.qid[0], 0)
    return c
