"""What a Session does for the messages of 9P2000.L: Linux's verbs, by those of a FileServer.

Reading, writing, walking and ending fids are 9P2000's (verbs.py).  What no FileServer has is
refused: links, special files, locks, extended attributes, owners other than they are.
Source: protocol.md of diod; rename(2), unlink(2) and others of Linux.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..dir import DMDIR, OREAD, QTDIR, DirChange, check_name
from ..errnos import EBADFID, EXDEV, Refused
from ..errors import EBADARG, EISDIR, ENOTDIR, EPERM, PlanError
from ..replace import replace
from ..server import Fid, FileServer
from . import dotl, verbs, wire
from .dotl import NOBODY, NONUNAME
from .verbs import OFFSET_MAX, Held, Rule
from .wire import Message

if TYPE_CHECKING:
    from .server import Request, Session


def _on(request: Request) -> Held:
    assert request.on is not None
    return request.on


def _folder(held: Held) -> Fid:
    """The Fid of a folder, to walk from.  Raises PlanError."""
    fid = held.file()
    if not fid.qid[2] & QTDIR:
        raise PlanError(ENOTDIR)
    if fid.omode >= 0:
        raise Refused(errno.EBADF, "fid is open")
    return fid


@contextmanager
def _beside(session: Session, request: Request, number: int) -> Iterator[Fid]:
    """The folder of a second fid that a request names, kept from ending meanwhile."""
    held = session.fids.get(number)
    if held is None:
        raise PlanError(EBADFID)
    if held is request.on:
        yield _folder(held)
        return
    if held.alone:
        raise Refused(errno.EBUSY, "fid in use")
    held.users += 1
    try:
        yield _folder(held)
    finally:
        session.release(held)


async def _child(server: FileServer, folder: Fid, name: str) -> Fid:
    """A Fid for the file called name in folder; the caller ends it."""
    check_name(name)
    fid, _ = await server.walk(folder, (name,))
    assert fid is not None
    return fid


async def _copy(server: FileServer, fid: Fid) -> Fid:
    new, _ = await server.walk(fid, ())
    assert new is not None
    return new


def _user(t: Any) -> str:
    """The name of the user who attaches: a number where there is no name."""
    return str(t.n_uname) if not t.uname and t.n_uname != NONUNAME else str(t.uname)


async def _auth(session: Session, request: Request, t: wire.TauthL) -> Message:
    if session.auth is None:  # ENOENT is how diod says that, and what its clients wait for
        raise Refused(errno.ENOENT, "authentication not required")
    return await verbs.RULES[wire.Tauth].serve(
        session, request, wire.Tauth(t.tag, t.afid, _user(t), t.aname))


async def _attach(session: Session, request: Request, t: wire.TattachL) -> Message:
    assert request.new is not None
    request.new.number = t.n_uname
    return await verbs.RULES[wire.Tattach].serve(
        session, request, wire.Tattach(t.tag, t.fid, t.afid, _user(t), t.aname))


async def _statfs(session: Session, request: Request, t: wire.Tstatfs) -> Message:
    room: Any = getattr(session.server, "room", None)
    total, free = (0, 0) if room is None else await room(_on(request).file())
    return wire.Rstatfs(t.tag, dotl.MAGIC, dotl.BLOCK, total // dotl.BLOCK, free // dotl.BLOCK,
                        free // dotl.BLOCK, 0, 0, 0, 255)


async def _lopen(session: Session, request: Request, t: wire.Tlopen) -> Message:
    fid = _on(request).closed_file()
    mode = dotl.omode(t.flags)
    if fid.qid[2] & QTDIR:
        if mode != OREAD:
            raise PlanError(EISDIR)
    elif t.flags & dotl.O_DIRECTORY:
        raise PlanError(ENOTDIR)
    await session.server.open(fid, mode)
    return wire.Rlopen(t.tag, fid.qid, 0)


async def _lcreate(session: Session, request: Request, t: wire.Tlcreate) -> Message:
    """A new file, open; without O_EXCL one that is there will do."""
    on, server = _on(request), session.server
    fid = on.file()
    _folder(on)
    check_name(t.name)
    _check_special(t.mode)
    mode = dotl.omode(t.flags & ~dotl.O_TRUNC)
    try:
        await server.create(fid, t.name, t.mode & 0o777, mode)
    except PlanError as error:
        if t.flags & dotl.O_EXCL or "exists" not in str(error):
            raise
        there = await _child(server, fid, t.name)
        try:
            if there.qid[2] & QTDIR:
                raise PlanError(EISDIR) from None
            await server.open(there, dotl.omode(t.flags))
        except BaseException:
            await server.clunk(there)
            raise
        on.fid = there
        await server.clunk(fid)
        fid = there
    return wire.Rlcreate(t.tag, fid.qid, 0)


def _check_special(mode: int) -> None:
    if mode & dotl.SPECIAL:
        raise Refused(errno.EPERM, f"{EPERM}: no such bits in Plan 9")


async def _make(session: Session, request: Request, name: str, perm: int) -> Any:
    """The qid of a new file or folder, not open."""
    server = session.server
    check_name(name)
    fid = await _copy(server, _folder(_on(request)))
    try:
        await server.create(fid, name, perm, OREAD)
        return fid.qid
    finally:
        await server.clunk(fid)


async def _mkdir(session: Session, request: Request, t: wire.Tmkdir) -> Message:
    # The sticky and set-group-id bits that folders of Linux inherit are no wish of anybody.
    return wire.Rmkdir(t.tag, await _make(session, request, t.name, DMDIR | t.mode & 0o777))


async def _mknod(session: Session, request: Request, t: wire.Tmknod) -> Message:
    if t.mode & dotl.S_IFMT not in (0, dotl.S_IFREG):
        raise Refused(errno.EPERM, f"{EPERM}: no such files in Plan 9")
    _check_special(t.mode)
    return wire.Rmknod(t.tag, await _make(session, request, t.name, t.mode & 0o777))


def _refuse(number: int, text: str) -> Any:
    """A verb that says so."""
    async def refuse(session: Session, request: Request, t: Message) -> Message:
        raise Refused(number, text)

    return refuse


def _number(session: Session, held: Held, fid: Fid, name: str) -> int:
    """The number of a user: whoever attached is the owner of what is his, or the name space's."""
    if held.number != NONUNAME and name in (fid.uid, session.owner):
        return held.number
    if name.isascii() and name.isdecimal() and len(name) <= 10 and int(name) < NONUNAME:
        return int(name)
    return NOBODY


async def _getattr(session: Session, request: Request, t: wire.Tgetattr) -> Message:
    on = _on(request)
    fid = on.file()
    d = await session.server.stat(fid)
    return dotl.attributes(t.tag, d, _number(session, on, fid, d.uid),
                           _number(session, on, fid, d.gid))


async def _setattr(session: Session, request: Request, t: wire.Tsetattr) -> Message:
    on, server, valid = _on(request), session.server, t.valid
    fid = on.file()
    change = DirChange()
    if valid & (dotl.SET_MODE | dotl.SET_UID | dotl.SET_GID):
        d = await server.stat(fid)
        for bit, asked, name in ((dotl.SET_UID, t.uid, d.uid), (dotl.SET_GID, t.gid, d.gid)):
            if valid & bit and asked not in (NONUNAME, _number(session, on, fid, name)):
                raise Refused(errno.EPERM, f"{EPERM}: owners are the server's")
        if valid & dotl.SET_MODE:
            _check_special(t.mode)
            change.mode = d.mode & ~0o777 | t.mode & 0o777
    if valid & dotl.SET_SIZE:
        if t.size > OFFSET_MAX:
            raise PlanError(EBADARG)
        change.length = t.size
    now = session.now
    assert now is not None
    if valid & dotl.SET_ATIME:
        change.atime = _seconds(t.atime if valid & dotl.GIVEN_ATIME else now())
    if valid & dotl.SET_MTIME:
        change.mtime = _seconds(t.mtime if valid & dotl.GIVEN_MTIME else now())
    if not change.is_sync():
        await _change(server, fid, change)
    return wire.Rsetattr(t.tag)


def _seconds(time: int) -> int:
    if not 0 <= time < 0xFFFFFFFF:
        raise PlanError(f"{EBADARG}: times are from 1970 to 2106")
    return int(time)


async def _change(server: FileServer, fid: Fid, change: DirChange) -> None:
    """wstat, without the time of access where a server lets nobody change that."""
    try:
        await server.wstat(fid, change)
    except PlanError:
        if change.atime is None:
            raise
        change.atime = None
        if not change.is_sync():
            await server.wstat(fid, change)


async def _readdir(session: Session, request: Request, t: wire.Treaddir) -> Message:
    """Whole records from the offset on, which counts entries: "." and ".." are the first."""
    held = _on(request)
    fid = held.file()
    if not fid.qid[2] & QTDIR:
        raise PlanError(ENOTDIR)
    if fid.omode < 0:
        raise PlanError("fid is not open")
    if not t.offset or not held.records:
        entries = await session.server.readdir(fid)
        qid = fid.qid
        held.records = [dotl.record(qid, 1, b"."), dotl.record(qid, 2, b".."), *(
            dotl.record(d.qid, i, d.name.encode("utf-8", "surrogateescape"))
            for i, d in enumerate(entries, 3))]
    records = held.records
    at, room = t.offset, request.size
    first = at
    while at < len(records) and len(records[at]) <= room:
        room -= len(records[at])
        at += 1
    if at == first < len(records):
        raise PlanError(f"{EBADARG}: a count too small for one entry")
    data = b"".join(records[first:at])
    if not data:
        held.records = []
    return wire.Rreaddir(t.tag, data)


async def _read(session: Session, request: Request, t: wire.Tread) -> Message | list[bytes]:
    fid = _on(request).fid
    if fid is not None and fid.qid[2] & QTDIR:
        raise PlanError(EISDIR)
    return await verbs.RULES[wire.Tread].serve(session, request, t)


async def _fsync(session: Session, request: Request, t: wire.Tfsync) -> Message:
    await session.server.wstat(_on(request).file(), DirChange())
    return wire.Rfsync(t.tag)


async def _rename(session: Session, request: Request, t: wire.Trename) -> Message:
    """By a fid of the file: its folder is the one that has it under its name."""
    fid = _on(request).file()
    server = session.server
    with _beside(session, request, t.dfid) as folder:
        name = (await server.stat(fid)).name
        same = False
        try:
            there = await _child(server, folder, name)
        except PlanError:
            pass
        else:
            same = there.qid[0] == fid.qid[0]
            await server.clunk(there)
        await _give(session, fid, folder, t.name, same)
    return wire.Rrename(t.tag)


async def _renameat(session: Session, request: Request, t: wire.Trenameat) -> Message:
    folder = _folder(_on(request))
    with _beside(session, request, t.newdir) as to:
        fid = await _child(session.server, folder, t.oldname)
        try:
            same = folder.qid[0] == to.qid[0]
            if not same or t.oldname != t.newname:
                await _give(session, fid, to, t.newname, same)
        finally:
            await session.server.clunk(fid)
    return wire.Rrenameat(t.tag)


async def _give(session: Session, fid: Fid, folder: Fid, name: str, same: bool) -> None:
    """Call a file name in folder, in place of what is called so; same: it is there already."""
    server = session.server
    check_name(name)
    move: Any = getattr(server, "move", None)
    if move is not None:
        try:
            await move(fid, folder, name)
            return
        except PlanError as error:
            if str(error) not in (EXDEV, EPERM):
                raise
    if not same:
        raise PlanError(EXDEV)
    try:
        await server.wstat(fid, DirChange(name=name))
        return
    except PlanError as error:
        if "exists" not in str(error):
            raise
    other = await _child(server, folder, name)
    session.replaced += 1
    try:
        await replace(server, fid, other, name, session.replaced)
    finally:
        await server.clunk(other)


async def _unlinkat(session: Session, request: Request, t: wire.Tunlinkat) -> Message:
    server = session.server
    fid = await _child(server, _folder(_on(request)), t.name)
    try:
        if bool(fid.qid[2] & QTDIR) != bool(t.flags & dotl.AT_REMOVEDIR):
            raise PlanError(EISDIR if fid.qid[2] & QTDIR else ENOTDIR)
        await server.remove(fid)
    finally:
        await server.clunk(fid)
    return wire.Runlinkat(t.tag)


def _count(session: Session, t: wire.Treaddir) -> int:
    return min(t.count, session.msize - wire.OVERHEAD)


_LINKS: Final = _refuse(errno.EPERM, f"{EPERM}: no links in Plan 9")
_LOCKS: Final = _refuse(errno.ENOLCK, f"{EPERM}: no locks")
_XATTRS: Final = _refuse(errno.EOPNOTSUPP, f"{EPERM}: no extended attributes")

# fmt: off
RULES: Final[dict[type, Rule]] = {
    **{message: rule for message, rule in verbs.RULES.items()
       if message in wire.MESSAGES_L.values()},
    wire.TauthL:       Rule(_auth, makes=1),
    wire.TattachL:     Rule(_attach, makes=1),
    wire.Tread:        Rule(_read, size=verbs.RULES[wire.Tread].size),
    wire.Tstatfs:      Rule(_statfs),
    wire.Tlopen:       Rule(_lopen, alone=True),
    wire.Tlcreate:     Rule(_lcreate, alone=True),
    wire.Tsymlink:     Rule(_LINKS),
    wire.Tmknod:       Rule(_mknod),
    wire.Trename:      Rule(_rename, alone=True),
    wire.Treadlink:    Rule(_refuse(errno.EINVAL, f"{EBADARG}: no link")),
    wire.Tgetattr:     Rule(_getattr),
    wire.Tsetattr:     Rule(_setattr, alone=True),
    wire.Txattrwalk:   Rule(_XATTRS),
    wire.Txattrcreate: Rule(_XATTRS),
    wire.Treaddir:     Rule(_readdir, alone=True, size=_count),
    wire.Tfsync:       Rule(_fsync),
    wire.Tlock:        Rule(_LOCKS),
    wire.Tgetlock:     Rule(_LOCKS),
    wire.Tlink:        Rule(_LINKS),
    wire.Tmkdir:       Rule(_mkdir),
    wire.Trenameat:    Rule(_renameat),
    wire.Tunlinkat:    Rule(_unlinkat),
}
# fmt: on
