"""#M: the mount driver, file servers that speak 9P2000 on a Chan.

Any number of processes share one channel: each waits for its own answer, and two tasks of the
kernel move the messages, so that neither a process that is interrupted nor one that ends
leaves half a message behind.  A process that is interrupted asks the server to flush its
request and waits for that; one that is killed, or interrupted over and over, does not wait
any longer, so a server that never answers holds nobody for good.

The connection lives as long as its Chan; it holds the Chan itself while there are Fids on it.
Source: mount(3), fversion(2), fauth(2), intro(5); /sys/src/9/port/devmnt.c.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.dir import OCEXEC, ORDWR, Dir, DirChange, Qid, pack_change, unpack, unpack_all
from vx9.fs.errors import EBADUSEFD, EHUNGUP, EMOUNTRPC, ENONEXIST, PlanError
from vx9.fs.ninep import wire
from vx9.fs.ninep.client import MSIZE, Call, Client
from vx9.fs.ninep.wire import NAMES, NOFID, OVERHEAD, VERSION
from vx9.fs.server import Fid, FileServer, Refuser
from vx9.kernel.chan import Chan
from vx9.kernel.sched import Rendez

if TYPE_CHECKING:
    from vx9.kernel.sched import Scheduler, Task

log = logging.getLogger(__name__)

FLUSHES: Final = 8  # interrupts after which a process does not wait for the server any more
CLUNK_MS: Final = 10_000.0  # how long a close waits for the server
DIR_MOST: Final = 64 << 20  # bytes of one directory
EBADDIR: Final = "invalid directory entry received from server"


class Connection:
    """The 9P session on one Chan."""

    def __init__(self, sched: Scheduler, c: Chan) -> None:
        self.sched = sched
        self.chan = c
        self.client = Client(wake=self._wake)
        self.fids = 0  # Fids of all its trees; the first of them holds the Chan
        self._more = Rendez()
        self._turn = Rendez()  # to agree on a version
        self._agreeing = False
        self._queued = False
        self._tasks: list[Task] = []

    def _wake(self) -> None:
        self._queued = True
        self._more.wakeup()

    # The tasks

    async def _read(self) -> None:
        """Give the client what the server sends, until it ends."""
        c, client = self.chan, self.client
        try:
            while not client.dead:
                client.feed(await c.server.read(c.fid, max(client.msize, MSIZE), 0))
        except PlanError as error:
            client.hangup(str(error))

    async def _write(self) -> None:
        """Send what the client has, each message in one write."""
        c, client = self.chan, self.client
        try:
            while True:
                await self._more.sleep(lambda: self._queued)
                self._queued = False
                while messages := client.take(1):
                    await c.server.write(c.fid, messages[0], 0)
        except PlanError as error:
            client.hangup(str(error))

    def _start(self) -> None:
        self.chan.fid.proc = None  # notes about the channel are for nobody
        self.chan.is_channel = True
        self._tasks = [self.sched.spawn(self._read(), "mnt reader"),
                       self.sched.spawn(self._write(), "mnt writer")]

    async def close(self) -> None:
        """The Chan ends: fail what is under way and stop using it."""
        self.client.hangup(EMOUNTRPC)
        for task in self._tasks:
            self.sched.kill(task)
        for task in self._tasks:
            while not task.done:
                try:
                    await task.finished.sleep(lambda task=task: task.done)
                except PlanError:
                    continue  # an interrupt; it takes but one turn

    # Requests

    async def rpc(self, p: Any, kind: type, *fields: Any,
                  late: Callable[[Any], None] | None = None) -> Any:
        """Ask, and wait for the answer.  Raises PlanError.

        late gets None when there is no answer but an error, and the answer when it comes
        after nobody waits any more.
        """
        rendez = Rendez()
        try:
            call = self.client.call(kind, *fields, wake=rendez.wakeup)
        except PlanError:
            if late is not None:
                late(None)
            raise
        last: Call | None = call
        flushes = 0
        try:
            while not call.done:
                try:
                    await rendez.sleep(lambda: call.done)
                except PlanError:
                    if call.done:
                        break
                    flushes += 1
                    if getattr(p, "killed", False) or flushes > FLUSHES or last is None:
                        self.client.abandon(call, late)
                        raise
                    last = self.client.flush(last, rendez.wakeup)
        except PlanError:
            raise
        except BaseException:
            self.client.abandon(call, late)
            raise
        if call.error and late is not None:
            late(None)
        return call.result()

    async def clunk(self, p: Any, fid: int) -> None:
        """Tell the server that fid is not used any more; wait for it, but not for ever."""
        client = self.client
        if client.dead:
            return
        rendez = Rendez()
        call = client.call(wire.Tclunk, fid, wake=rendez.wakeup)
        try:
            if not client.abandoned:
                await self.sched.tsleep(rendez, lambda: call.done, CLUNK_MS)
        finally:
            if call.done:
                client.free_fid(fid)
            else:
                client.abandon(call, lambda _: client.free_fid(fid))

    # Fids

    def hold(self) -> None:
        """A Fid more."""
        if not self.fids:
            self.chan.ref()
        self.fids += 1

    async def release(self) -> None:
        """A Fid less."""
        self.fids -= 1
        if not self.fids:
            await self.chan.close()

    # Versions

    async def agree(self, p: Any, msize: int, version: str) -> str:
        """Agree with the server on a version, once; the one agreed on.  Raises PlanError."""
        client = self.client
        await self._turn.sleep(lambda: not self._agreeing)
        if client.version:
            if not version.startswith(client.version):
                raise PlanError(f"incompatible 9P versions {client.version} {version}")
            return client.version
        if client.dead:
            raise PlanError(EHUNGUP)
        self._agreeing = True
        try:
            if not self._tasks:
                self._start()
            rendez = Rendez()
            call = client.ask_version(msize, version, wake=rendez.wakeup)
            await rendez.sleep(lambda: call.done)
            if call.error == EMOUNTRPC and client.dead:
                raise PlanError("EOF receiving fversion reply")
            client.agree(call)
        except BaseException:
            self.chan.is_channel = False
            self.chan.mux = None
            await self.close()
            raise
        finally:
            self._agreeing = False
            self._turn.wakeup()
        return client.version


class Tree(Refuser):
    """What one mount made of a connection: the tree that the server showed to one attach.

    A Fid's aux is its number; None: the server has ended it.
    """

    dc = "M"

    def __init__(self, connection: Connection, dev: int, afid: int = NOFID) -> None:
        self.connection = connection
        self.client = connection.client
        self.dev = dev
        self._afid = afid

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
        p, piece = fid.proc, self._piece(fid)
        done = 0
        while True:
            part = data if len(data) <= piece else data[done : done + piece]
            answer = await self.connection.rpc(p, wire.Twrite, fid.aux, offset + done, part)
            taken = min(answer.count, len(part))
            done += taken
            if done == len(data) or taken < len(part) or getattr(p, "notes", None):
                return done

    def _piece(self, fid: Fid) -> int:
        """Bytes in one message."""
        return fid.iounit or self.client.msize - OVERHEAD

    async def readdir(self, fid: Fid) -> list[Dir]:
        """All records, which the server need not have made well."""
        p, piece = fid.proc, self._piece(fid)
        entries: list[Dir] = []
        offset = 0
        while True:
            data = (await self.connection.rpc(p, wire.Tread, fid.aux, offset, piece)).data[:piece]
            if not data:
                return entries
            offset += len(data)
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

    async def clunk(self, fid: Fid) -> None:
        """clunk(5); errors are not told."""
        number, fid.aux = fid.aux, None
        try:
            if number is not None:
                await self.connection.clunk(fid.proc, number)
        finally:
            await self.connection.release()

    async def remove(self, fid: Fid) -> None:
        """remove(5): the server ends the fid, also when it refuses."""
        number, fid.aux = fid.aux, None
        if number is None:
            raise PlanError(ENONEXIST)

        def gone(_: object) -> None:
            self.client.free_fid(number)

        gone(await self.connection.rpc(fid.proc, wire.Tremove, number, late=gone))


class Mnt(Refuser):
    """The mount driver; names cannot reach it."""

    dc = "M"
    name = "mnt"

    def __init__(self, sched: Scheduler, numbers: Iterator[int]) -> None:
        self.sched = sched
        self._numbers = numbers

    def _connection(self, c: Chan) -> Connection:
        """The connection on a Chan, made when there is none."""
        if c.mux is None:
            c.mux = Connection(self.sched, c)
        mux: Connection = c.mux
        return mux

    async def version(self, p: Any, c: Chan, msize: int = 0, version: str = "") -> str:
        """fversion(2): the version agreed on; 0 and "" are the usual values.  Raises PlanError."""
        version = version or VERSION
        msize = msize or MSIZE
        if 0 < c.iounit < msize:
            msize = c.iounit
        if msize < wire.MSIZE_MIN:
            raise PlanError("bad iounit in version call")
        if not version.startswith(VERSION):
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

    async def tree(self, p: Any, c: Chan, ac: Chan | None = None, msize: int = 0) -> FileServer:
        """What mount(2) attaches to; ac authenticates.  Raises PlanError."""
        connection = self._connection(c)
        await self.version(p, c, msize)
        afid = NOFID
        if ac is not None:
            if ac.mchan is not c or not isinstance(ac.server, Tree):
                raise PlanError(EBADUSEFD)
            afid = ac.fid.aux
        return Tree(connection, next(self._numbers), afid)
