"""#σ shares: folders for all name spaces at once, in which servers of 9P are mounted.

#σc is where they are made: a folder is a share, a file in it is one server of its union, mounted
by writing the number of a descriptor to it, with the name of a tree after a newline.  #σ shows
the shares themselves.  The newest server of a share comes first, and files are created in the
oldest, as long as it is there.
Source: shr(3) of 9front.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from vx9.fs import perm as rights
from vx9.fs.dir import (
    DMDIR,
    ORCLOSE,
    ORDWR,
    OREAD,
    OTRUNC,
    OWRITE,
    QTDIR,
    Dir,
    DirChange,
    Qid,
    check_name,
)
from vx9.fs.errors import (
    EBADARG,
    EBADUSEFD,
    EEXIST,
    EISDIR,
    ENAMETOOLONG,
    ENOATTACH,
    ENODEV,
    ENONEXIST,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    ESHUTDOWN,
    PlanError,
)
from vx9.fs.server import Fid, FileServer, Refuser, descend
from vx9.kernel.chan import Chan, mode_of
from vx9.kernel.shrtree import ShareTree

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

NAME_MAX: Final = 127  # bytes
SHARES: Final = 100
SERVERS: Final = 100  # of one share
WRITE_MAX: Final = 4096


@dataclass(slots=True, eq=False)
class Entry:
    """A share, or a server in one."""

    number: int
    name: str
    owner: str
    perm: int
    share: Entry | None = None  # of a server
    servers: list[Entry] = field(default_factory=list)  # of a share, the newest first
    to: Chan | None = None  # of a server: what is mounted; None: nothing yet
    creates: bool = False  # files are created here


class Shares:
    """All shares of a kernel, the newest first."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.born = kernel.clock.seconds()
        self.by_name: dict[str, Entry] = {}
        self.numbers = itertools.count(1)

    def dir(self, qid: Qid, name: str, mode: int, owner: str, dev: int) -> Dir:
        """What is told of a file of ours."""
        return Dir(qid, mode | (DMDIR if qid.type & QTDIR else 0), self.kernel.clock.seconds(),
                   self.born, 0, name, owner, self.kernel.eve, owner, ord("σ"), dev)

    def check(self, entry: Entry, uid: str, mode: int) -> None:
        """Raise PlanError unless uid may open the entry so."""
        rights.check(entry.perm, rights.who(uid, entry.owner, self.kernel.eve),
                     rights.rights_needed(mode & 3))


class Shr(Refuser):
    """The share device: two trees."""

    dc = "σ"
    name = "shr"

    def __init__(self, kernel: Kernel) -> None:
        self.shares = Shares(kernel)
        self._control = Control(self.shares)
        self._tree = ShareTree(self.shares)

    def select(self, spec: str) -> FileServer:
        """c is the tree of control."""
        if spec not in ("", "c"):
            raise PlanError(ENOATTACH)
        return self._control if spec else self._tree

    def rename_user(self, old: str, new: str) -> None:
        """A user has another name."""
        for share in self.shares.by_name.values():
            for entry in (share, *share.servers):
                if entry.owner == old:
                    entry.owner = new


class Control(Refuser):
    """#σc: shares as folders of servers.  A Fid's aux is an Entry, or None for the root."""

    dc = "σ"
    dev = 1

    def __init__(self, shares: Shares) -> None:
        self.shares = shares

    @staticmethod
    def _qid(entry: Entry | None) -> Qid:
        return Qid(0 if entry is None else entry.number, 0,
                   QTDIR if entry is None or entry.share is None else 0)

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root."""
        return Fid(self._qid(None), uid)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """To a share, and to a server in it."""
        return descend(fid, names, self._step, self._qid)

    def _step(self, entry: Entry | None, name: str) -> Entry | None:
        if name == "..":
            return None if entry is None else entry.share
        if entry is None:
            if name not in self.shares.by_name:
                raise PlanError(ENONEXIST)
            return self.shares.by_name[name]
        if entry.share is not None:
            raise PlanError(ENOTDIR)
        found = next((each for each in entry.servers if each.name == name), None)
        if found is None:
            raise PlanError(ENONEXIST)
        return found

    async def reopen(self, fid: Fid, mode: int, p: Any) -> Chan | None:
        """The channel of a server, to be mounted elsewhere too."""
        entry: Entry | None = fid.aux
        if entry is None or entry.share is None:
            return None
        if mode & OTRUNC:
            raise PlanError(EEXIST)
        self.shares.check(entry, fid.uid, mode)
        if entry.to is None or entry.to.mchan is None:
            raise PlanError(ESHUTDOWN)
        channel: Chan = entry.to.mchan
        if channel.mode != mode_of(mode):
            raise PlanError(EPERM)
        return channel.ref()

    async def open(self, fid: Fid, mode: int) -> None:
        """Folders, for reading."""
        if mode & ~ORCLOSE != OREAD:
            raise PlanError(EISDIR)
        if fid.aux is not None:
            self.shares.check(fid.aux, fid.uid, OREAD)
        fid.omode = mode

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """A share, or a server in one."""
        if fid.uid == "none":
            raise PlanError(EPERM)
        check_name(name)
        if len(name.encode("utf-8", "surrogateescape")) > NAME_MAX:
            raise PlanError(ENAMETOOLONG)
        make = self._new_share if fid.aux is None else self._new_server
        fid.aux = make(fid, name, perm, mode)
        fid.qid, fid.omode = self._qid(fid.aux), mode

    def _new_share(self, fid: Fid, name: str, perm: int, mode: int) -> Entry:
        shares = self.shares.by_name
        if not perm & DMDIR or mode_of(mode) != OREAD:
            raise PlanError(EPERM)
        if name in shares:
            raise PlanError(EEXIST)
        if len(shares) >= SHARES:
            raise PlanError(ENODEV)
        entry = Entry(next(self.shares.numbers), name, fid.uid, perm & 0o777)
        self.shares.by_name = {name: entry, **shares}
        return entry

    def _new_server(self, fid: Fid, name: str, perm: int, mode: int) -> Entry:
        share: Entry = fid.aux
        if perm & DMDIR or mode_of(mode) != OWRITE or share.share is not None \
                or share.owner == self.shares.kernel.eve != fid.uid:
            raise PlanError(EPERM)
        self.shares.check(share, fid.uid, ORDWR)
        if any(each.name == name for each in share.servers):
            raise PlanError(EEXIST)
        if len(share.servers) >= SERVERS:
            raise PlanError(ENODEV)
        entry = Entry(next(self.shares.numbers), name, fid.uid, perm & 0o777, share,
                      creates=not share.servers)
        share.servers.insert(0, entry)
        return entry

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Mount the server on a descriptor."""
        entry = self._server(fid)
        digits, _, aname = data.replace(b"\0", b"").partition(b"\n")
        p = fid.proc
        if not digits.isdigit() or len(digits) > 9 or len(data) > WRITE_MAX or p is None:
            raise PlanError(EBADARG)
        channel: Chan = p.fds.get(int(digits))
        if channel.mode != ORDWR or channel.is_dir:
            raise PlanError(EBADUSEFD)
        channel.ref()
        try:
            server = await self.shares.kernel.mount_server(p, channel, None)
            root = await server.attach(fid.uid, aname.decode("utf-8", "surrogateescape"))
        except BaseException:
            await channel.close()
            raise
        to = Chan(server, root, f"#σ/{entry.name}")
        to.mchan = channel
        old, entry.to = entry.to, to
        if old is not None:
            await old.close()
        if entry.share is None or entry not in entry.share.servers:  # removed meanwhile
            entry.to = None
            await to.close()
        return len(data)

    @staticmethod
    def _server(fid: Fid) -> Entry:
        entry: Entry | None = fid.aux
        if entry is None or entry.share is None:
            raise PlanError(EPERM)
        if entry not in entry.share.servers:
            raise PlanError(ENONEXIST)
        return entry

    async def readdir(self, fid: Fid) -> list[Dir]:
        """The shares, or the servers of one."""
        entries = self.shares.by_name.values() if fid.aux is None else fid.aux.servers
        return [self._dir(each) for each in entries]

    async def clunk(self, fid: Fid) -> None:
        """Remove on close."""
        if fid.omode >= 0 and fid.omode & ORCLOSE:
            await self.remove(fid)

    async def remove(self, fid: Fid) -> None:
        """An empty share, or a server, which is unmounted."""
        entry: Entry | None = fid.aux
        if entry is None:
            raise PlanError(EPERM)
        share = entry.share or entry
        if fid.uid != self.shares.kernel.eve:
            if share.owner == self.shares.kernel.eve:
                raise PlanError(EPERM)
            self.shares.check(share, fid.uid, ORDWR)
        if entry is share:
            if share.servers:
                raise PlanError(ENOTEMPTY)
            if self.shares.by_name.get(share.name) is not share:
                raise PlanError(ENONEXIST)
            del self.shares.by_name[share.name]
            return
        self._server(fid)
        share.servers.remove(entry)
        to, entry.to = entry.to, None
        if to is not None:
            await to.close()

    async def stat(self, fid: Fid) -> Dir:
        """Of a share or a server."""
        return self._dir(fid.aux)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """Mode, owner and name, by the owner or the host's."""
        entry: Entry | None = fid.aux
        shares = self.shares
        if entry is None or fid.uid not in (entry.owner, shares.kernel.eve):
            raise PlanError(EPERM)
        if change.name is not None and change.name != entry.name:
            check_name(change.name)
            beside = shares.by_name.values() if entry.share is None else entry.share.servers
            if any(each.name == change.name for each in beside):
                raise PlanError(EEXIST)
            entry.name = change.name
            shares.by_name = {each.name: each for each in shares.by_name.values()}
        if change.mode is not None:
            entry.perm = change.mode & 0o777
        if change.uid is not None:
            entry.owner = change.uid

    def _dir(self, entry: Entry | None) -> Dir:
        if entry is None:
            return self.shares.dir(self._qid(None), "#σc", 0o777, self.shares.kernel.eve, self.dev)
        return self.shares.dir(self._qid(entry), entry.name, entry.perm, entry.owner, self.dev)
