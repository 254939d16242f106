"""FileServer: the one interface of everything that serves files.

Kernel devices, memory trees, host folders, images, remote mounts and exported name spaces
implement it; only Chan (system calls), the 9P session and the FUSE door call it.  Its verbs
are 9P's.  A failure is a PlanError.  Source: intro(5) and the pages that it names.

What a server may rely on, because each door sees to it:
  - names are not empty, not ".", at most 65535 bytes, without NUL and "/";
    ".." is never mixed with other names in one walk;
  - read, readdir and write come only on a Fid that is open for them, readdir only on a
    directory, read only on something else; walk and create only on one that is not open;
  - count and offset are not negative, and count is bounded by the door;
  - clunk comes exactly once and last, also after remove, and also when the door's client
    died; nothing else is under way on the Fid then.

What a server must bear: operations on different Fids interleave at every await; so do
reads, writes and stats on one Fid (two processes share a descriptor).  A server that waits
is interrupted by a PlanError out of its sleep and must leave its state whole.  `proc` may
change at each await, so what it tells is taken before the first.  All calls come in one thread.

What a server promises, and its callers build on:
  - errors are PlanErrors, with the strings of errors.py where one fits; nothing else is raised,
    whatever the arguments, the names and the data;
  - a method that raises has changed nothing, but for a write, of which a part may be stored;
  - a Fid means one file as long as it lives: renames do not end it, and after the file was
    removed reads, writes and stat go on or raise EREMOVED, and never meet another file;
  - two files are one when their qids have equal path and type; no path is used again for
    another file while a Fid of the first lives; vers grows with each change of the contents,
    if the server can know of it.

At each method below, "alone" says that no other call on the same Fid is under way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .dir import Dir, DirChange, Qid
from .errors import EPERM, PlanError

_Place = TypeVar("_Place")


@dataclass(slots=True, eq=False)
class Fid:
    """A server's cursor on one of its files; made by attach or walk, ended by clunk."""

    qid: Qid
    uid: str
    omode: int = -1  # the mode of open or create with its flags; -1: not open
    aux: Any = None  # the server's own
    proc: Any = None  # inside the kernel: the process that calls; None elsewhere
    iounit: int = 0  # bytes that one message to the server carries; 0: it has no messages


class FileServer(Protocol):
    """A tree of files."""

    dc: str  # the device letter that stat shows, 'M' for all that is no kernel device
    dev: int  # tells instances with one letter apart; the kernel numbers them

    def attach(self, uid: str, spec: str) -> Awaitable[Fid]:
        """A Fid for the root of the tree that spec selects, for user uid.

        Servers with one tree ignore spec.  uid is who the later calls on the Fid, and on those
        walked from it, are judged by.  Raises EBADSPEC for a tree that is not there, EPERM
        for one that uid may not see.
        """

    def walk(self, fid: Fid, names: Sequence[str]) -> Awaitable[tuple[Fid | None, list[Qid]]]:
        """Descend from fid, which stays as it is, by names.

        All walked: a new Fid and a qid for each name.  No names: a copy of fid.  Some
        walked: None and their qids.  The first not walked: PlanError.  The parent of the
        root is the root.  Each directory passed, the first too, must let uid search it.
        Raises ENOTDIR below a file, ENONEXIST for a name that is not there, EPERM.
        """

    def open(self, fid: Fid, mode: int) -> Awaitable[None]:
        """Check permission and make fid ready for input and output; sets fid.omode.

        OTRUNC empties the file, ORCLOSE makes clunk remove it.  OCEXEC never comes here.
        A directory opens with OREAD alone.  May set fid.qid and fid.iounit.  Alone; when it
        raises, fid is not open.  Raises EPERM, EISDIR, EXLOCKED (an exclusive-use file that
        another Fid has open), EREMOVED.
        """

    def create(self, fid: Fid, name: str, perm: int, mode: int) -> Awaitable[None]:
        """Make a file in the directory fid and open it: fid becomes the new file.

        Sets fid.qid and fid.omode.  A name that exists is an error, and of two who create it
        one gets that error.  The server masks perm by that of the directory (perm.inherit);
        the file opens with mode whatever it allows later.  Alone; when it raises, fid is
        the directory still.  Raises EEXIST, EPERM, ENOTDIR, EISDIR (a directory not for
        OREAD), EBADARG (bits of perm that the server does not have), EBADCHAR, EFULL.
        """

    def read(self, fid: Fid, count: int, offset: int) -> Awaitable[bytes]:
        """At most count bytes at offset; b"" is the end of the file.

        A plain file gives fewer than count only at its end or after fid.iounit; a device gives what it has, and
        waits while it has nothing.  Bytes of one write may come in several reads.
        """

    def readdir(self, fid: Fid) -> Awaitable[list[Dir]]:
        """All entries of the directory, without "." and ".."; the door packs them.

        Each is what stat would tell of the file.  As it is now: every call lists anew, and no
        entry is missed or twice because others came and went.
        """

    def write(self, fid: Fid, data: bytes, offset: int) -> Awaitable[int]:
        """Store data at offset (at the end, if the file is append-only); the count stored.

        Less than all only when no more fits, and then not 0 but an error.  A gap before offset
        reads as zeros.  Seen by reads through every Fid when it returns; durable after a wstat
        that changes nothing.  Raises EFULL, ETOOBIG, EIO.
        """

    def clunk(self, fid: Fid) -> Awaitable[None]:
        """End fid; removes the file when it was opened with ORCLOSE.  Alone; raises nothing
        that matters: fid has ended whatever happens.
        """

    def remove(self, fid: Fid) -> Awaitable[None]:
        """Remove the file.  clunk still follows.  Alone.

        Needs the right to write its directory.  Other Fids of the file live on.  Raises EPERM
        (also for the root), ENOTEMPTY, EREMOVED.
        """

    def stat(self, fid: Fid) -> Awaitable[Dir]:
        """What is known of the file, now: fid need not be open, nor the file readable.

        mode >> 24 is qid.type; a directory's length is 0; the root's name is the server's choice.
        """

    def wstat(self, fid: Fid, change: DirChange) -> Awaitable[None]:
        """Change all that is not None, or nothing and raise PlanError.

        All None: return when what was written to the file is durable.  A name is new in the
        same directory and replaces nothing.  What has its value already does not count as a
        change.  Raises EPERM (rights of stat(5)), EEXIST, EBADARG (unknown bits of the mode,
        DMDIR changed), EBADCHAR, EISDIR (a directory's length), EFULL.
        """


def descend(fid: Fid, names: Sequence[str], step: Callable[[_Place, str], _Place],
            qid: Callable[[_Place], Qid]) -> tuple[Fid | None, list[Qid]]:
    """The walk of a server whose Fids' aux is the place: step goes on by a name, or raises."""
    place: _Place = fid.aux
    qids: list[Qid] = []
    for name in names:
        try:
            place = step(place, name)
        except PlanError:
            if qids:
                return None, qids
            raise
        qids.append(qid(place))
    return Fid(qid(place), fid.uid, -1, place), qids


class Refuser:
    """A base that refuses what its heirs do not define.

    Besides, a server may have, and its callers look for: read_now and write_now; move(fid,
    folder, name), which puts a file into another directory in place of what is there; room(fid),
    (bytes in all, bytes free); close(), which gives back what it holds of the host; among the
    kernel's devices reopen(fid, mode, p), which opens to another Chan, and select(spec).
    """

    dc: str = "M"
    dev: int = 0

    # read and write for those who are not going to wait.  Where a server has them: what the other
    # gives, or None when that would have to wait, or is not so simple; then nothing has happened.
    read_now: Callable[[Fid, int, int], bytes | None] | None = None
    write_now: Callable[[Fid, bytes, int], int | None] | None = None

    async def attach(self, uid: str, spec: str) -> Fid:
        """Refused."""
        raise PlanError(EPERM)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """Refused."""
        raise PlanError(EPERM)

    async def open(self, fid: Fid, mode: int) -> None:
        """Refused."""
        raise PlanError(EPERM)

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """Refused."""
        raise PlanError(EPERM)

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """Refused."""
        raise PlanError(EPERM)

    async def readdir(self, fid: Fid) -> list[Dir]:
        """Refused."""
        raise PlanError(EPERM)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Refused."""
        raise PlanError(EPERM)

    async def clunk(self, fid: Fid) -> None:
        """Nothing to do."""

    async def remove(self, fid: Fid) -> None:
        """Refused."""
        raise PlanError(EPERM)

    async def stat(self, fid: Fid) -> Dir:
        """Refused."""
        raise PlanError(EPERM)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """Refused."""
        raise PlanError(EPERM)
