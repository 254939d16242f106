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
change at each await, so what it tells is taken before the first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .dir import Dir, DirChange, Qid
from .errors import EPERM, PlanError


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
        """A Fid for the root of the tree that spec selects, for user uid."""

    def walk(self, fid: Fid, names: Sequence[str]) -> Awaitable[tuple[Fid | None, list[Qid]]]:
        """Descend from fid, which stays as it is, by names.

        All walked: a new Fid and a qid for each name.  No names: a copy of fid.  Some
        walked: None and their qids.  The first not walked: PlanError.  The parent of the
        root is the root.
        """

    def open(self, fid: Fid, mode: int) -> Awaitable[None]:
        """Check permission and make fid ready for input and output; sets fid.omode.

        OTRUNC empties the file, ORCLOSE makes clunk remove it.  OCEXEC never comes here.
        A directory opens with OREAD alone.
        """

    def create(self, fid: Fid, name: str, perm: int, mode: int) -> Awaitable[None]:
        """Make a file in the directory fid and open it: fid becomes the new file.

        Sets fid.qid and fid.omode.  A name that exists is an error.  The server masks perm
        by that of the directory (perm.inherit).
        """

    def read(self, fid: Fid, count: int, offset: int) -> Awaitable[bytes]:
        """At most count bytes at offset; b"" is the end of the file."""

    def readdir(self, fid: Fid) -> Awaitable[list[Dir]]:
        """All entries of the directory, without "." and ".."; the door packs them."""

    def write(self, fid: Fid, data: bytes, offset: int) -> Awaitable[int]:
        """Store data at offset (at the end, if the file is append-only); the count stored."""

    def clunk(self, fid: Fid) -> Awaitable[None]:
        """End fid; removes the file when it was opened with ORCLOSE."""

    def remove(self, fid: Fid) -> Awaitable[None]:
        """Remove the file.  clunk still follows."""

    def stat(self, fid: Fid) -> Awaitable[Dir]:
        """What is known of the file."""

    def wstat(self, fid: Fid, change: DirChange) -> Awaitable[None]:
        """Change all that is not None, or nothing and raise PlanError.

        All None: return when what was written to the file is durable.
        """


class Refuser:
    """A base that refuses what its heirs do not define."""

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
