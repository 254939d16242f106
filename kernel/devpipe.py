"""#| pipes: two ends, each readable and writable, with the boundaries of writes kept.

Every attach makes a new pipe.  After the last close of one end the other drains, reads
end of file three times and fails then; a write to it fails with a note.
Source: pipe(3); /sys/src/9/port/devpipe.c, qio.c.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from vx9.fs import perm
from vx9.fs.dir import DMDIR, OREAD, QTDIR, Dir, DirChange, Qid
from vx9.fs.errors import EBADARG, EHUNGUP, ENONEXIST, ENOTDIR, EPERM, PlanError
from vx9.fs.server import Fid, Refuser
from vx9.kernel import note
from vx9.kernel.account import Account
from vx9.kernel.note import NoteKind
from vx9.kernel.sched import Rendez

ATOMIC: Final = 64 * 1024  # a longer write is several
QUEUE: Final = 256 * 1024  # bytes under way before a writer waits
ENDS_OF_FILE: Final = 3
BLOCK_COST: Final = 64  # bytes of the host besides the data
_NAMES: Final = ("data", "data1")


class _Queue:
    """What one end can read."""

    __slots__ = ("blocks", "closed", "ends", "hungup", "more", "room", "size")

    def __init__(self) -> None:
        self.blocks: deque[bytes] = deque()
        self.size = 0
        self.more = Rendez()
        self.room = Rendez()
        self.hungup = False  # no writer any more
        self.closed = False  # no reader any more
        self.ends = 0  # ends of file read


class _Pipe:
    """Two queues; end i reads queues[i] and writes the other."""

    __slots__ = ("mode", "opens", "path", "queues")

    def __init__(self, path: int) -> None:
        self.path = path
        self.queues = (_Queue(), _Queue())
        self.opens = [0, 0]
        self.mode = [0o600, 0o600]


class Pipe(Refuser):
    """The pipe device."""

    dc = "|"

    def __init__(self, eve: str = "none", now: Callable[[], int] = lambda: 0,
                 account: Account | None = None) -> None:
        self.eve = eve
        self.now = now
        self._made = 0
        self._take = account.take if account is not None else _uncounted

    def _qid(self, pipe: _Pipe, end: int) -> Qid:
        return Qid(pipe.path * 4 + end + 1, 0, QTDIR if end < 0 else 0)

    async def attach(self, uid: str, spec: str) -> Fid:
        """The folder of a new pipe."""
        self._made += 1
        pipe = _Pipe(self._made)
        return Fid(self._qid(pipe, -1), uid, -1, (pipe, -1))

    async def pair(self, uid: str) -> tuple[Fid, Fid]:
        """Both ends of a new pipe, open."""
        root = await self.attach(uid, "")
        pipe = root.aux[0]
        pipe.opens = [1, 1]
        return (Fid(self._qid(pipe, 0), uid, 2, (pipe, 0), iounit=ATOMIC),
                Fid(self._qid(pipe, 1), uid, 2, (pipe, 1), iounit=ATOMIC))

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """To data and data1."""
        pipe, end = fid.aux
        qids: list[Qid] = []
        for name in names:
            if end >= 0 and name != "..":
                if qids:
                    return None, qids
                raise PlanError(ENOTDIR)
            if name == "..":
                end = -1
            elif name in _NAMES:
                end = _NAMES.index(name)
            else:
                if qids:
                    return None, qids
                raise PlanError(ENONEXIST)
            qids.append(self._qid(pipe, end))
        return Fid(self._qid(pipe, end), fid.uid, -1, (pipe, end)), qids

    async def open(self, fid: Fid, mode: int) -> None:
        """An end that was closed for good can be opened again when the other is closed too."""
        pipe, end = fid.aux
        if end < 0:
            if mode != OREAD:
                raise PlanError(EBADARG)
        else:
            if fid.uid != self.eve:  # whoever holds the pipe's folder made the pipe
                perm.check(pipe.mode[end], perm.OWNER, perm.rights_needed(mode & 3))
            if pipe.opens == [0, 0]:
                pipe.queues = (_Queue(), _Queue())
            pipe.opens[end] += 1
            fid.iounit = ATOMIC
        fid.omode = mode

    async def clunk(self, fid: Fid) -> None:
        """The last close of an end."""
        pipe, end = fid.aux
        if end < 0 or fid.omode < 0:
            return
        pipe.opens[end] -= 1
        if pipe.opens[end]:
            return
        mine, theirs = pipe.queues[end], pipe.queues[1 - end]
        theirs.hungup = True
        theirs.more.wakeup()
        mine.closed = mine.hungup = True
        self._take(-mine.size - BLOCK_COST * len(mine.blocks))
        mine.blocks.clear()
        mine.size = 0
        mine.room.wakeup()
        mine.more.wakeup()

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """At most count bytes of one write."""
        pipe, end = fid.aux
        q = pipe.queues[end]
        blocks = q.blocks
        if not blocks:
            await q.more.sleep(lambda: blocks or q.hungup)
            if not blocks:
                q.ends += 1
                if q.ends > ENDS_OF_FILE:
                    raise PlanError(EHUNGUP)
                return b""
        return self._block(q, count)

    def _block(self, q: _Queue, count: int) -> bytes:
        """The first block, or count bytes of it."""
        blocks = q.blocks
        block = blocks[0]
        size = len(block)
        if size <= count:
            blocks.popleft()
            self._take(-size - BLOCK_COST)
        else:
            blocks[0] = block[count:]
            block = block[:count]
            size = count
            self._take(-size)
            q.more.wakeup()
        full = q.size >= QUEUE
        q.size -= size
        if full and q.size < QUEUE:
            q.room.wakeup()
        return block

    def read_now(self, fid: Fid, count: int, offset: int) -> bytes | None:
        """As read, when there is something."""
        pipe, end = fid.aux
        q: _Queue = pipe.queues[end]
        return self._block(q, count) if q.blocks else None

    def write_now(self, fid: Fid, data: bytes, offset: int) -> int | None:
        """As write, when it is one block and there is room."""
        pipe, end = fid.aux
        q: _Queue = pipe.queues[1 - end]
        size = len(data)
        if q.closed or q.hungup or size > ATOMIC or q.size + size >= QUEUE:
            return None
        self._take(size + BLOCK_COST)
        q.blocks.append(data)
        q.size += size
        q.more.wakeup()
        return size

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """One block for the other end; waits after it while too much is under way."""
        pipe, end = fid.aux
        q = pipe.queues[1 - end]
        p = fid.proc
        for at in range(0, len(data) or 1, ATOMIC):
            if q.closed or q.hungup:
                _complain(p)
            block = data if len(data) <= ATOMIC else data[at:at + ATOMIC]
            self._take(len(block) + BLOCK_COST, p.fds.charged if p is not None else 0)
            q.blocks.append(block)
            q.size += len(block)
            q.more.wakeup()
            if q.size >= QUEUE:
                await q.room.sleep(lambda: q.size < QUEUE or q.closed)
                if q.closed:
                    _complain(p)
        return len(data)

    async def readdir(self, fid: Fid) -> list[Dir]:
        """Both ends."""
        pipe, _ = fid.aux
        return [self._dir(pipe, 0), self._dir(pipe, 1)]

    async def stat(self, fid: Fid) -> Dir:
        """The length is what can be read now."""
        return self._dir(*fid.aux)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """The mode alone, by the owner."""
        pipe, end = fid.aux
        other = (change.name, change.length, change.uid, change.gid, change.muid, change.mtime)
        if end < 0 or fid.uid != self.eve or any(v is not None for v in other):
            raise PlanError(EPERM)
        if change.mode is not None:
            pipe.mode[end] = change.mode & 0o777

    def _dir(self, pipe: _Pipe, end: int) -> Dir:
        now = self.now()
        if end < 0:
            return Dir(self._qid(pipe, end), DMDIR | 0o500, now, now, 0, "#|",
                       self.eve, self.eve, self.eve, ord("|"), self.dev)
        return Dir(self._qid(pipe, end), pipe.mode[end], now, now, pipe.queues[end].size,
                   _NAMES[end], self.eve, self.eve, self.eve, ord("|"), self.dev)


def _uncounted(size: int, own: int = 0) -> None:
    """A pipe of nobody's."""


def _complain(p: Any) -> None:
    """Nobody can read it: the note, and the error."""
    if p is not None:
        note.post(p, "sys: write on closed pipe", NoteKind.USER)
    raise PlanError(EHUNGUP)
