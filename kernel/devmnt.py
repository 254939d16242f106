"""#M: the mount driver, file servers that speak 9P2000 on a Chan.

The connection (mountrpc.py) lives as long as its Chan, and holds the Chan itself while there
are Fids on it.
Source: mount(3), fversion(2), fauth(2), intro(5); /sys/src/9/port/devmnt.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.dir import OCEXEC, ORDWR, OTRUNC, Dir, DirChange, Qid, pack_change, unpack, unpack_all
from vx9.fs.errors import EBADUSEFD, ENONEXIST, PlanError
from vx9.fs.ninep import wire
from vx9.fs.ninep.client import MSIZE
from vx9.fs.ninep.wire import NAMES, NOFID, OVERHEAD, VERSION
from vx9.fs.server import Fid, Refuser
from vx9.kernel.chan import Chan
from vx9.kernel.mountrpc import Connection

if TYPE_CHECKING:
    from vx9.kernel.account import Account
    from vx9.kernel.sched import Scheduler

DIR_MOST: Final = 16 << 20  # bytes of one directory
DIR_COST: Final = 8  # what a byte of it takes of the host while it is read
EBADDIR: Final = "invalid directory entry received from server"


class _Ahead:
    """How an open file is being read."""

    __slots__ = ("data", "offset", "path", "plain")

    def __init__(self, path: int) -> None:
        self.path = path  # of its qid
        self.offset = -1  # where the last read ended
        self.data = b""  # what comes there, read already
        self.plain: bool | None = None  # whether it has a length; None: not asked yet


class Tree(Refuser):
    """What one mount made of a connection: the tree that the server showed to one attach.

    A Fid's aux is its number; None: the server has ended it.  With `cached` (MCACHE), files
    that have a length are read ahead when they are read in sequence; files without one, as
    devices are, never.
    """

    dc = "M"

    def __init__(self, connection: Connection, dev: int, afid: int = NOFID) -> None:
        self.connection = connection
        self.client = connection.client
        self.dev = dev
        self._afid = afid
        self.cached = False
        self._ahead: dict[int, _Ahead] = {}  # by the number of the Fid

    async def attach(self, uid: str, spec: str) -> Fid:
        """attach(5)."""
        return await self._begin(None, uid, wire.Tattach, self._afid, uid, spec)

    async def begin_auth(self, p: Any, uid: str, spec: str) -> Fid:
        """A Fid to authenticate by, open."""
        fid = await self._begin(p, uid, wire.Tauth, uid, spec)
        fid.omode = ORDWR
        return fid

    async def _begin(self, p: Any, uid: str, kind: type, *fields: Any) -> Fid:
        number = self.client.new_fid()
        answer = await self.connection.rpc(p, kind, number, *fields, late=self._undo(number))
        self.connection.hold()
        return Fid(answer[1], uid, -1, number)

    def _undo(self, number: int, names: int = 0) -> Callable[[Any], None]:
        """What to do with an answer that nobody waits for: end the fid that it made."""
        client = self.client

        def undo(answer: Any) -> None:
            if answer is None or (names and len(answer.wqid) < names):
                client.free_fid(number)
            elif not client.dead:
                call = client.call(wire.Tclunk, number)
                client.abandon(call, lambda _: client.free_fid(number))

        return undo

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """walk(5), at most 16 names a message."""
        qids: list[Qid] = []
        here = fid
        try:
            while True:
                run = names[len(qids) : len(qids) + NAMES]
                new, more = await self._walk(here, run)
                if here is not fid:
                    await self.clunk(here)
                    here = fid
                qids += more
                if new is None or len(qids) == len(names):
                    return new, qids
                here = new
        except PlanError:
            if here is not fid:
                await self.clunk(here)
            if not qids:
                raise
            return None, qids

    async def _walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        client = self.client
        number = client.new_fid()
        answer = await self.connection.rpc(fid.proc, wire.Twalk, fid.aux, number, tuple(names),
                                           late=self._undo(number, len(names)))
        qids = list(answer.wqid)
        if len(qids) > len(names):
            raise PlanError("too many QIDs returned by walk")
        if len(qids) < len(names):
            client.free_fid(number)
            if not qids:
                raise PlanError(ENONEXIST)
            return None, qids
        self.connection.hold()
        return Fid(qids[-1] if qids else fid.qid, fid.uid, -1, number), qids

    def _opened(self, fid: Fid, mode: int, answer: Any) -> None:
        fid.qid, fid.omode = answer.qid, mode
        if mode & OTRUNC and self._ahead:
            self._forget_ahead(fid.qid[0])
        most = self.client.msize - OVERHEAD
        fid.iounit = answer.iounit if 0 < answer.iounit < most else most

    async def open(self, fid: Fid, mode: int) -> None:
        """open(5)."""
        self._opened(fid, mode, await self.connection.rpc(fid.proc, wire.Topen, fid.aux, mode & 0xFF))

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """open(5)."""
        self._opened(fid, mode, await self.connection.rpc(
            fid.proc, wire.Tcreate, fid.aux, name, perm & 0xFFFFFFFF, mode & 0xFF & ~OCEXEC))

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """read(5): in pieces until one is short, or a note waits."""
        if self.cached:
            return await self._read_cached(fid, count, offset)
        return await self._read(fid, count, offset)

    async def _read_cached(self, fid: Fid, count: int, offset: int) -> bytes:
        """Sequential reads get what was read ahead; the second of them reads ahead."""
        ahead = self._ahead.get(fid.aux)
        if ahead is None:
            ahead = self._ahead[fid.aux] = _Ahead(fid.qid[0])
        in_sequence = offset == ahead.offset and offset > 0
        if in_sequence and ahead.data:
            data, ahead.data = ahead.data[:count], ahead.data[count:]
        else:
            ahead.data = b""
            most = count
            if in_sequence and count < self._piece(fid):
                if ahead.plain is None:
                    ahead.plain = (await self.stat(fid)).length > 0
                if ahead.plain:
                    most = self._piece(fid)
            data = await self._read(fid, most, offset)
            data, ahead.data = data[:count], data[count:]
        ahead.offset = offset + len(data)
        return data

    def _forget_ahead(self, path: int) -> None:
        """A file has changed, by way of us."""
        for ahead in self._ahead.values():
            if ahead.path == path:
                ahead.data = b""

    async def _read(self, fid: Fid, count: int, offset: int) -> bytes:
        p, piece = fid.proc, self._piece(fid)
        pieces: list[bytes] = []
        while True:
            ask = min(count, piece)
            data = (await self.connection.rpc(p, wire.Tread, fid.aux, offset, ask)).data[:ask]
            pieces.append(data)
            count -= len(data)
            offset += len(data)
            if not count or len(data) < ask or getattr(p, "notes", None):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """read(5): in pieces until one is not taken whole, or a note waits."""
        try:
            return await self._write(fid, data, offset)
        finally:
            if self._ahead:
                self._forget_ahead(fid.qid[0])

    async def _write(self, fid: Fid, data: bytes, offset: int) -> int:
        p, piece = fid.proc, self._piece(fid)
        done = 0
        while True:
            part = data if len(data) <= piece else data[done : done + piece]
            answer = await self.connection.rpc(p, wire.Twrite, fid.aux, offset + done, part)
            taken: int = min(answer.count, len(part))
            done += taken
            if done == len(data) or taken < len(part) or getattr(p, "notes", None):
                return done

    def _piece(self, fid: Fid) -> int:
        """Bytes in one message."""
        return fid.iounit or self.client.msize - OVERHEAD

    async def readdir(self, fid: Fid) -> list[Dir]:
        """All records, which the server need not have made well."""
        charged = [0]
        try:
            return await self._records(fid, charged)
        finally:
            if self.connection.account is not None:
                self.connection.account.give(charged[0])

    async def _records(self, fid: Fid, charged: list[int]) -> list[Dir]:
        p, piece = fid.proc, self._piece(fid)
        entries: list[Dir] = []
        offset = 0
        while True:
            data = (await self.connection.rpc(p, wire.Tread, fid.aux, offset, piece)).data[:piece]
            if not data:
                return entries
            offset += len(data)
            if self.connection.account is not None:
                self.connection.account.take(DIR_COST * len(data))
                charged[0] += DIR_COST * len(data)
            if offset > DIR_MOST:
                raise PlanError(f"directory of more than {DIR_MOST} bytes")
            try:
                dirs = unpack_all(data)
            except PlanError:
                raise PlanError(EBADDIR) from None
            for d in dirs:
                if not d.name or "/" in d.name or "\0" in d.name:
                    raise PlanError(EBADDIR)
                d.type, d.dev = ord("M"), self.dev
                if d.name not in (".", ".."):
                    entries.append(d)

    async def stat(self, fid: Fid) -> Dir:
        """stat(5), with the device that we know it by."""
        d = unpack((await self.connection.rpc(fid.proc, wire.Tstat, fid.aux)).stat)
        d.type, d.dev = ord("M"), self.dev
        return d

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """stat(5)."""
        await self.connection.rpc(fid.proc, wire.Twstat, fid.aux, pack_change(change))
        if self._ahead:
            self._forget_ahead(fid.qid[0])

    async def clunk(self, fid: Fid) -> None:
        """clunk(5); errors are not told."""
        number, fid.aux = fid.aux, None
        self._ahead.pop(number, None)
        try:
            if number is not None:
                await self.connection.clunk(fid.proc, number)
        finally:
            await self.connection.release()

    async def remove(self, fid: Fid) -> None:
        """remove(5): the server ends the fid, also when it refuses."""
        number, fid.aux = fid.aux, None
        self._ahead.pop(number, None)
        if number is None:
            raise PlanError(ENONEXIST)

        def gone(_: object) -> None:
            self.client.free_fid(number)

        gone(await self.connection.rpc(fid.proc, wire.Tremove, number, late=gone))


class Mnt(Refuser):
    """The mount driver; names cannot reach it."""

    dc = "M"
    name = "mnt"

    def __init__(self, sched: Scheduler, numbers: Iterator[int],
                 account: Account | None = None) -> None:
        self.sched = sched
        self.account = account
        self._numbers = numbers

    def _connection(self, c: Chan) -> Connection:
        """The connection on a Chan, made when there is none."""
        if c.mux is None:
            c.mux = Connection(self.sched, c, self.account)
        mux: Connection = c.mux
        return mux

    async def version(self, p: Any, c: Chan, msize: int = 0, version: str = "") -> str:
        """fversion(2): the version agreed on; 0 and "" are the usual values.  Raises PlanError."""
        msize = msize or MSIZE
        if 0 < c.iounit < msize:
            msize = c.iounit
        if msize < wire.MSIZE_MIN:
            raise PlanError("bad iounit in version call")
        if version and not version.startswith(VERSION):
            raise PlanError("bad 9P version specification")
        return await self._connection(c).agree(p, msize, version)

    async def auth(self, p: Any, c: Chan, aname: str) -> Chan:
        """fauth(2): the Chan to authenticate by."""
        await self.version(p, c)
        tree = Tree(self._connection(c), next(self._numbers))
        ac = Chan(tree, await tree.begin_auth(p, p.user, aname), "#M")
        ac.mode = ORDWR
        ac.mchan = c.ref()
        return ac

    async def tree(self, p: Any, c: Chan, ac: Chan | None = None, msize: int = 0) -> Tree:
        """What mount(2) attaches to; ac authenticates.  Raises PlanError."""
        connection = self._connection(c)
        await self.version(p, c, msize)
        afid = NOFID
        if ac is not None:
            if ac.mchan is not c or not isinstance(ac.server, Tree):
                raise PlanError(EBADUSEFD)
            afid = ac.fid.aux
        return Tree(connection, next(self._numbers), afid)
