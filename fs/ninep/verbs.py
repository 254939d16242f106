"""What a Session does for each T-message: the rules of section 5, then the FileServer's verb.

RULES is the table: which fid a message uses or makes, whether it bears others beside it, and
the function that serves it.  Source: attach(5), walk(5), open(5), read(5), stat(5), ...
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..dir import (
    OCEXEC,
    ORCLOSE,
    ORDWR,
    OREAD,
    OTRUNC,
    OWRITE,
    QTDIR,
    U64,
    DirChange,
    Qid,
    check_name,
    unpack,
    unpack_change,
)
from ..errors import (
    EBADARG,
    EBADCHAR,
    EBADSTAT,
    EDIRSEEK,
    EISDIR,
    ENEGOFF,
    ENONEXIST,
    ENOTDIR,
    PlanError,
    quote,
)
from ..server import Fid, FileServer
from . import wire
from .auth import Conversation
from .dotl import NONUNAME
from .wire import OVERHEAD, Message

if TYPE_CHECKING:
    from .server import Request, Session

OFFSET_MAX: Final = 0x7FFFFFFFFFFFFFFF
_OPEN_MODES: Final = 3 | OTRUNC | ORCLOSE
_WHOLE: Final = 4096  # shorter data are cheaper copied than sent as a piece of their own


class Held:
    """A fid number's file, and who uses it now."""

    __slots__ = ("alone", "at", "fid", "next", "number", "queue", "records", "talk", "users")

    def __init__(self) -> None:
        self.fid: Fid | None = None  # None: being made, or never made
        self.talk: Conversation | None = None  # an afid's
        self.users = 0  # requests under way on it
        self.alone = False  # one of them bears no other
        self.queue: deque[Request] = deque()  # those that wait, in order
        self.records: list[bytes] = []  # of a directory being read
        self.next = 0  # the record to give next
        self.at = 0  # the offset that goes with it
        self.number = NONUNAME  # of the user who attached, by 9P2000.L

    def file(self) -> Fid:
        """The Fid of a file.  Raises PlanError."""
        if self.fid is None:
            raise PlanError("unknown fid")
        if self.talk is not None:
            raise PlanError("fid is for authentication")
        return self.fid

    def closed_file(self) -> Fid:
        """The Fid of a file that is not open."""
        fid = self.file()
        if fid.omode >= 0:
            raise PlanError("fid is open")
        return fid


async def let_go(session: Session, held: Held) -> None:
    """End what a fid number stood for; errors are not told."""
    fid, held.fid = held.fid, None
    if fid is not None and held.talk is None:
        await _drop(session.server, fid)


async def _drop(server: FileServer, fid: Fid) -> None:
    try:
        await server.clunk(fid)
    except PlanError:
        return  # nobody could act on it


async def _auth(session: Session, request: Request, t: wire.Tauth) -> Message:
    fid = session.auth_fid(t.uname, t.aname)
    new = request.new
    assert new is not None
    new.fid, new.talk = fid, fid.aux
    return wire.Rauth(t.tag, fid.qid)


async def _attach(session: Session, request: Request, t: wire.Tattach) -> Message:
    session.admit_user(t.afid, t.uname, t.aname)
    new = request.new
    assert new is not None
    new.fid = fid = await session.server.attach(t.uname, t.aname)
    return wire.Rattach(t.tag, fid.qid)


async def _walk(session: Session, request: Request, t: wire.Twalk) -> Message:
    on = request.on
    assert on is not None
    start = on.closed_file()
    names = t.wname
    good = next((i for i, name in enumerate(names) if name in ("", ".") or "/" in name),
                len(names))
    if not good and names:
        raise PlanError(f"{EBADCHAR}: {quote(names[0])}" if names[0] not in ("", ".")
                        else ENONEXIST)
    if names and not start.qid[2] & QTDIR:
        raise PlanError(ENOTDIR)
    fid, qids = await _steps(session.server, start, names[:good])
    if fid is not None:
        if good < len(names):
            await _drop(session.server, fid)
        elif request.new is not None:
            request.new.fid = fid
            request.new.number = on.number
        else:
            on.fid = fid
            await _drop(session.server, start)
    return wire.Rwalk(t.tag, tuple(qids))


def _runs(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """names in pieces: each ".." by itself."""
    at = 0
    for i, name in enumerate(names):
        if name == "..":
            if at < i:
                yield names[at:i]
            yield names[i : i + 1]
            at = i + 1
    if at < len(names) or not names:
        yield names[at:]


async def _steps(server: FileServer, start: Fid,
                 names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
    """FileServer.walk with ".." among the names."""
    if ".." not in names:
        return await server.walk(start, names)
    here: Fid | None = start
    qids: list[Qid] = []
    for run in _runs(names):
        assert here is not None
        before = here
        try:
            here, more = await server.walk(before, run)
        except PlanError:
            if not qids:
                raise
            here, more = None, []
        finally:
            if before is not start:
                await _drop(server, before)
        qids += more
        if here is None:
            break
    return here, qids


def _mode(mode: int) -> int:
    """A mode of open or create as servers take it.  Raises PlanError."""
    mode &= ~OCEXEC  # says nothing to a server
    if mode & ~_OPEN_MODES:
        raise PlanError(EBADARG)
    return mode


async def _open(session: Session, request: Request, t: wire.Topen) -> Message:
    on = request.on
    assert on is not None
    fid = on.closed_file()
    mode = _mode(t.mode)
    if fid.qid[2] & QTDIR and mode & ~ORCLOSE != OREAD:
        raise PlanError(EISDIR)
    await session.server.open(fid, mode)
    return wire.Ropen(t.tag, fid.qid, 0)


async def _create(session: Session, request: Request, t: wire.Tcreate) -> Message:
    on = request.on
    assert on is not None
    fid = on.closed_file()
    if not fid.qid[2] & QTDIR:
        raise PlanError(ENOTDIR)
    check_name(t.name)
    await session.server.create(fid, t.name, t.perm, _mode(t.mode))
    return wire.Rcreate(t.tag, fid.qid, 0)


def _read_size(session: Session, t: wire.Tread) -> int:
    return min(t.count, session.msize - OVERHEAD)


async def _read(session: Session, request: Request, t: wire.Tread) -> Message | list[bytes]:
    held = request.on
    assert held is not None
    fid, count = held.fid, request.size
    if held.talk is not None:
        data = held.talk.read(count)
    else:
        if fid is None or fid.omode < 0:
            raise PlanError("unknown fid" if fid is None else "fid is not open")
        if fid.omode & 3 == OWRITE:
            raise PlanError("fid is not open for reading")
        if t.offset > OFFSET_MAX:
            raise PlanError(ENEGOFF)
        if fid.qid[2] & QTDIR:
            data = await _read_dir(session.server, held, fid, count, t.offset)
        else:
            data = await session.server.read(fid, count, t.offset)
            if len(data) > count:
                data = data[:count]
    return wire.Rread(t.tag, data) if len(data) < _WHOLE else wire.pack_read(t.tag, data)


async def _read_dir(server: FileServer, held: Held, fid: Fid, count: int, offset: int) -> bytes:
    """Whole records only, from the start or from where the last read ended."""
    if offset == 0:
        held.records = [d.pack() for d in await server.readdir(fid)]
        held.next = held.at = 0
    elif offset != held.at:
        raise PlanError(EDIRSEEK)
    records = held.records
    first = at = held.next
    room = count
    while at < len(records) and len(records[at]) <= room:
        room -= len(records[at])
        at += 1
    data = b"".join(records[first:at])
    if at == len(records):
        records.clear()
        at = 0
    held.next = at
    held.at = offset + len(data)
    return data


def _write_size(session: Session, t: wire.Twrite) -> int:
    return len(t.data)


async def _write(session: Session, request: Request, t: wire.Twrite) -> Message:
    held = request.on
    assert held is not None
    fid = held.fid
    if held.talk is not None:
        return wire.Rwrite(t.tag, held.talk.write(t.data))
    if fid is None or fid.omode < 0:
        raise PlanError("unknown fid" if fid is None else "fid is not open")
    if fid.qid[2] & QTDIR:
        raise PlanError(EISDIR)
    if fid.omode & 3 not in (OWRITE, ORDWR):
        raise PlanError("fid is not open for writing")
    if t.offset > OFFSET_MAX - len(t.data):
        raise PlanError(ENEGOFF)
    return wire.Rwrite(t.tag, await session.server.write(fid, t.data, t.offset))


async def _clunk(session: Session, request: Request, t: wire.Tclunk) -> Message:
    on = request.on
    assert on is not None
    fid, on.fid = on.fid, None
    if fid is None:
        raise PlanError("unknown fid")
    if on.talk is None:
        await session.server.clunk(fid)
    return wire.Rclunk(t.tag)


async def _remove(session: Session, request: Request, t: wire.Tremove) -> Message:
    on = request.on
    assert on is not None
    try:
        await session.server.remove(on.file())
    finally:
        await let_go(session, on)
    return wire.Rremove(t.tag)


async def _stat(session: Session, request: Request, t: wire.Tstat) -> Message:
    on = request.on
    assert on is not None
    record = (await session.server.stat(on.file())).pack()
    if len(record) + 9 > session.msize:
        raise PlanError("stat record longer than a message may be")
    return wire.Rstat(t.tag, record)


async def _wstat(session: Session, request: Request, t: wire.Twstat) -> Message:
    on = request.on
    assert on is not None
    fid = on.file()
    change = unpack_change(t.stat)
    qid = unpack(t.stat).qid
    if qid.path not in (U64, fid.qid[0]):
        raise PlanError("wstat cannot change a qid")
    if change.name is not None:
        _check_rename(fid, change)
    if change.length is not None and change.length > OFFSET_MAX:
        raise PlanError(EBADSTAT)
    await session.server.wstat(fid, change)
    return wire.Rwstat(t.tag)


def _check_rename(fid: Fid, change: DirChange) -> None:
    """A name that only repeats what stat says of a root is no change of name."""
    assert change.name is not None
    if change.name == "/" and fid.qid[2] & QTDIR:
        change.name = None
    else:
        check_name(change.name)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one T-message is served."""

    serve: Callable[[Session, Request, Any], Awaitable[Message | list[bytes]]]
    makes: int = 0  # where in the message the number of the fid that it makes is
    alone: bool = False  # whether it bears no other request on its fid
    ends: bool = False  # whether the fid is gone afterwards, whatever happens
    size: Callable[[Session, Any], int] | None = None  # bytes it holds


async def _never(session: Session, request: Request, t: Message) -> Message:
    raise AssertionError("a flush is answered with its request")


# fmt: off
RULES: Final[dict[type, Rule]] = {
    wire.Tauth:   Rule(_auth, makes=1),
    wire.Tattach: Rule(_attach, makes=1),
    wire.Twalk:   Rule(_walk, makes=2),
    wire.Topen:   Rule(_open, alone=True),
    wire.Tcreate: Rule(_create, alone=True),
    wire.Tread:   Rule(_read, size=_read_size),
    wire.Twrite:  Rule(_write, size=_write_size),
    wire.Tclunk:  Rule(_clunk, alone=True, ends=True),
    wire.Tremove: Rule(_remove, alone=True, ends=True),
    wire.Tstat:   Rule(_stat),
    wire.Twstat:  Rule(_wstat, alone=True),
}
# fmt: on
FLUSH: Final = Rule(_never, ends=True)  # the session answers it; nothing ends it early
