"""Files that the host lent: the standard streams of a program run by vx9.

A stream goes on where the host's position is, and leaves it where it stopped, so that the
programs of one host script can share a file; only after a seek of the guest is the host's
moved.  Pipes show as "|", regular files as "M", all else as "c".
Source: ours; pipe(3) and cons(3) for what they look like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vx9.fs.dir import ORDWR, OREAD, OWRITE, Dir, Qid
from vx9.fs.server import Fid, Refuser
from vx9.kernel.account import Account, wrote
from vx9.kernel.chan import Chan

if TYPE_CHECKING:
    from vx9.kernel.host import Host


class _Stream:
    """One lent descriptor, and where the guest's offset would be."""

    __slots__ = ("at", "fd", "written")

    def __init__(self, fd: int, at: int) -> None:
        self.fd = fd
        self.at = at
        self.written = 0  # bytes


class Stdio(Refuser):
    """The lent files of one kind."""

    def __init__(self, host: Host, dc: str, eve: str, account: Account) -> None:
        self.dc = dc
        self.eve = eve
        self.account = account
        self.host = host
        self._paths = 0

    def lend(self, fd: int, mode: int, path: str) -> Chan:
        """A Chan for a copy of the host's descriptor fd.  Raises PlanError."""
        own = self.host.dup(fd)
        at = self.host.seek(own, 0, 1) if self.dc == "M" else 0
        self._paths += 1
        c = Chan(self, Fid(Qid(self._paths), self.eve, mode, _Stream(own, at)), path, 2)
        c.mode, c.offset = mode, at
        return c

    def _go(self, s: _Stream, offset: int) -> None:
        if self.dc == "M" and offset != s.at:
            self.host.seek(s.fd, offset, 0)

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """What comes next, or (a file, after a seek) what is at offset."""
        s: _Stream = fid.aux
        self._go(s, offset)
        data = await self.host.read(s.fd, count)
        s.at = offset + len(data)
        return data

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Behind what was written before, or (a file, after a seek) at offset."""
        s: _Stream = fid.aux
        self._go(s, offset)
        wrote(self.account, fid.proc, s.written + len(data))
        count = await self.host.write(s.fd, data)
        s.written += count
        s.at = offset + count
        return count

    async def clunk(self, fid: Fid) -> None:
        """Give the copy back."""
        self.host.close_fd(fid.aux.fd)

    async def stat(self, fid: Fid) -> Dir:
        """The length of a file."""
        s: _Stream = fid.aux
        mode = {OREAD: 0o400, OWRITE: 0o200, ORDWR: 0o600}[fid.omode & 3]
        length = self.host.size(s.fd) if self.dc == "M" else 0
        now = self.host.time_ns() // 1_000_000_000
        return Dir(fid.qid, mode, now, now, length, "data", self.eve, self.eve, self.eve,
                   ord(self.dc), self.dev)
