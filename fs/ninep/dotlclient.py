"""Asking a server of 9P2000.L in the words of 9P2000.

A request of 9P2000 becomes a Long call, which asks what 9P2000.L has for it, often several
things one after the other, and makes the answer of 9P2000 out of theirs.  So all that uses a
Client need not know which dialect the server speaks.  Names come from the walks, for such
servers have no stat; errors from their numbers; users are numbers.
Source: intro(5) and what it names; protocol.md of diod.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Final

from ..dir import (
    DMDIR,
    OCEXEC,
    OEXEC,
    ORCLOSE,
    OREAD,
    Dir,
    Qid,
    check_name,
    unpack_change,
)
from ..errnos import text_of
from ..errors import (
    EBADARG,
    EDIRSEEK,
    EEXIST,
    EISDIR,
    EMOUNTRPC,
    ENONEXIST,
    ENOTDIR,
    EPERM,
    PlanError,
)
from ..perm import inherit
from . import dotl, wire
from .call import Ask, Steps
from .dotl import NONUNAME
from .dotlfids import File, Root, changes, number
from .wire import OVERHEAD, Message

if TYPE_CHECKING:
    from .client import Client

_AT_ONCE: Final = 64  # entries of a folder that are asked about together
_MODES: Final = DMDIR | 0o777
_NOT_THERE: Final = (text_of(errno.EOPNOTSUPP), text_of(errno.ENOSYS))


def _one(kind: type, *fields: Any) -> Generator[list[Ask], list[Any], Any]:
    """Ask one thing.  Raises PlanError."""
    answer, = yield [(kind, *fields)]
    if isinstance(answer, PlanError):
        raise answer
    return answer


class Translation:
    """The Long calls of one Client."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.files: dict[int, File] = {}

    def takes(self, kind: type, fields: tuple[Any, ...]) -> bool:
        """Whether 9P2000.L has not the request, or has it in other words."""
        if kind is wire.Tread:
            file = self.files.get(fields[0])
            return file is not None and file.is_dir
        return kind in _VERBS

    def steps(self, request: Message) -> Steps:
        """The steps that request takes."""
        return _VERBS[type(request)](self, request)

    def _drop(self, fid: int) -> None:
        """End a fid of ours, some time."""
        client = self.client
        if not client.dead:
            call = client.ask(wire.Tclunk, fid)
            call.wake = lambda: client.free_fid(fid)

    # Fids

    def _file(self, fid: int) -> File:
        file = self.files.get(fid)
        if file is None:
            raise PlanError("unknown fid")
        return file

    def _know(self, fid: int, file: File) -> None:
        self._forget(fid)
        self.files[fid] = file

    def _forget(self, fid: int) -> None:
        file = self.files.pop(fid, None)
        if file is not None:
            if file.own:
                self._drop(file.own)
            file.root.users -= 1
            if not file.root.users:
                self._drop(file.root.fid)

    # Verbs

    def auth(self, t: wire.Tauth) -> Steps:
        """attach(5)."""
        return (yield from _one(wire.TauthL, t.afid, t.uname, t.aname, number(t.uname)))

    def attach(self, t: wire.Tattach) -> Steps:
        """attach(5); the place is kept by a fid of our own too."""
        got = yield from _one(wire.TattachL, t.fid, t.afid, t.uname, t.aname, number(t.uname))
        own = self.client.new_fid()
        try:
            yield from _one(wire.Twalk, t.fid, own, ())
        except PlanError:
            self.client.free_fid(own)
            yield [(wire.Tclunk, t.fid)]
            raise
        qid = dotl.plain(got.qid)
        self._know(t.fid, File(Root(own), (), qid))
        return wire.Rattach(t.tag, qid)

    def walk(self, t: wire.Twalk) -> Steps:
        """walk(5)."""
        file = self._file(t.fid)
        got = yield from _one(wire.Twalk, t.fid, t.newfid, t.wname)
        qids = tuple(map(dotl.plain, got.wqid))
        if len(qids) == len(t.wname):
            names = file.names
            for name in t.wname:
                names = names[:-1] if name == ".." else (*names, name)
            self._know(t.newfid, File(file.root, names, qids[-1] if qids else file.qid))
        return wire.Rwalk(t.tag, qids)

    def open(self, t: wire.Topen) -> Steps:
        """open(5); that OEXEC needs a right to execute is asked here."""
        file = self._file(t.fid)
        mode = t.mode & ~(OCEXEC | ORCLOSE)
        if file.is_dir and mode != OREAD:
            raise PlanError(EISDIR)
        if mode & 3 == OEXEC and not (yield from self._getattr(t.fid)).mode & 0o111:
            raise PlanError(EPERM)
        if file.is_dir:
            yield from self._keep(t.fid, file)
        got = yield from _one(wire.Tlopen, t.fid, dotl.oflags(mode))
        file.is_open, file.rclose = True, bool(t.mode & ORCLOSE)
        return wire.Ropen(t.tag, file.qid, got.iounit)

    def _keep(self, fid: int, file: File) -> Generator[Any, Any, None]:
        if not file.own:
            file.own = yield from self._walk_down(fid, ())

    def create(self, t: wire.Tcreate) -> Steps:
        """open(5), with the mode that the folder leaves of the one asked for."""
        file = self._file(t.fid)
        if not file.is_dir:
            raise PlanError(ENOTDIR)
        check_name(t.name)
        if t.perm & ~_MODES:
            raise PlanError(f"{EBADARG}: modes beyond 0777; 9P2000.L has none of Plan 9's")
        mode = t.mode & ~(OCEXEC | ORCLOSE)
        if t.perm & DMDIR and mode != OREAD:
            raise PlanError(EISDIR)
        folder = yield from self._getattr(t.fid)
        perm = inherit(t.perm, folder.mode) & 0o777
        if t.perm & DMDIR:
            yield from _one(wire.Tmkdir, t.fid, t.name, perm, NONUNAME)
            qids = (yield from _one(wire.Twalk, t.fid, t.fid, (t.name,))).wqid
            if len(qids) != 1:
                raise PlanError(EMOUNTRPC)
            qid = qids[0]
            yield from self._keep(t.fid, file)
            got = yield from _one(wire.Tlopen, t.fid, dotl.O_DIRECTORY)
        else:
            flags = dotl.oflags(mode & 3) | dotl.O_CREAT | dotl.O_EXCL
            got = yield from _one(wire.Tlcreate, t.fid, t.name, flags, perm, NONUNAME)
            qid = got.qid
        file.qid, file.names = dotl.plain(qid), (*file.names, t.name)
        file.is_open, file.rclose = True, bool(t.mode & ORCLOSE)
        return wire.Rcreate(t.tag, file.qid, got.iounit)

    def read(self, t: wire.Tread) -> Steps:
        """read(5): of folders whole records, made of names and what is asked about each."""
        file = self._file(t.fid)
        if not t.offset:
            file.records.clear()
            file.cookie = file.at = 0
            file.ended = False
        elif t.offset != file.at:
            raise PlanError(EDIRSEEK)
        while not file.records and not file.ended:
            yield from self._more(t.fid, file)
        records: list[bytes] = []
        room = t.count
        while file.records and len(file.records[0]) <= room:
            room -= len(file.records[0])
            records.append(file.records.popleft())
        data = b"".join(records)
        file.at = t.offset + len(data)
        return wire.Rread(t.tag, data)

    def _more(self, fid: int, file: File) -> Generator[Any, Any, None]:
        """The next entries of a folder."""
        got = yield from _one(wire.Treaddir, fid, file.cookie, self.client.msize - OVERHEAD)
        entries = list(dotl.records(got.data))
        names = [name for _, _, name in entries if name not in (".", "..")]
        for name in names:
            check_name(name)
        if entries:
            file.cookie = entries[-1][1]
        else:
            file.ended = True
        for at in range(0, len(names), _AT_ONCE):
            dirs = yield from self._stats(file, names[at : at + _AT_ONCE])
            file.records.extend(d.pack() for d in dirs)

    def _stats(self, file: File, names: list[str]) -> Generator[Any, Any, list[Dir]]:
        """The Dirs of entries of a folder, without those that are gone."""
        client, dirs = self.client, []
        asks = [(wire.Twalk, file.own, client.new_fid(), (name,)) for name in names]
        fids: list[int] = []
        try:
            walked = yield asks
            for ask, got in zip(asks, walked, strict=True):
                (client.free_fid if isinstance(got, PlanError) else fids.append)(ask[2])
            found = _there(zip(names, walked, strict=True))
            answers = (yield [(wire.Tgetattr, fid, dotl.GETATTR_BASIC) for fid in fids]) if fids else []
            for name, got in _there(zip([name for name, _ in found], answers, strict=True)):
                dirs.append(dotl.directory(got, name))
        finally:
            for fid in fids:
                self._drop(fid)
        return dirs

    def _walk_down(self, start: int, names: tuple[str, ...]) -> Generator[Any, Any, int]:
        """A fid of ours; the caller drops it."""
        fid = self.client.new_fid()
        at = start
        while True:
            run, names = names[: wire.NAMES], names[wire.NAMES :]
            try:
                got = yield from _one(wire.Twalk, at, fid, run)
                if len(got.wqid) < len(run):
                    raise PlanError(ENONEXIST)
            except PlanError:
                if at == fid:
                    self._drop(fid)
                else:
                    self.client.free_fid(fid)
                raise
            at = fid
            if not names:
                return fid

    def _getattr(self, fid: int) -> Generator[Any, Any, Any]:
        return (yield from _one(wire.Tgetattr, fid, dotl.GETATTR_BASIC))

    def stat(self, t: wire.Tstat) -> Steps:
        """stat(5), under the name walked to."""
        file = self._file(t.fid)
        got = yield from self._getattr(t.fid)
        return wire.Rstat(t.tag, dotl.directory(got, file.names[-1] if file.names else "/").pack())

    def wstat(self, t: wire.Twstat) -> Steps:
        """stat(5): all that can be known to fail fails first; a rename goes back if the rest does."""
        file, change = self._file(t.fid), unpack_change(t.stat)
        if change.is_sync():
            yield from self._sync(t.fid, file)
            return wire.Rwstat(t.tag)
        old = dotl.directory((yield from self._getattr(t.fid)),
                             file.names[-1] if file.names else "/")
        sets = changes(old, change)
        name = change.name if change.name != old.name else None
        if name is not None:
            yield from self._rename(t.fid, file, name)
        if sets is not None:
            try:
                yield from _one(wire.Tsetattr, t.fid, *sets)
            except PlanError:
                if name is not None:
                    yield from self._rename(t.fid, file, old.name)
                raise
        return wire.Rwstat(t.tag)

    def _sync(self, fid: int, file: File) -> Generator[Any, Any, None]:
        if file.is_open:
            yield from _one(wire.Tfsync, fid, 0)
            return
        own = yield from self._walk_down(fid, ())
        try:
            yield from _one(wire.Tlopen, own, dotl.oflags(OREAD))
            yield from _one(wire.Tfsync, own, 0)
        finally:
            self._drop(own)

    def _rename(self, fid: int, file: File, name: str) -> Generator[Any, Any, None]:
        """Another name in the folder where it still is; Linux would replace who has that name."""
        check_name(name)
        if not file.names:
            raise PlanError(f"{EPERM}: the root keeps its name")
        old = file.names[-1]
        folder = yield from self._walk_down(file.root.fid, file.names[:-1])
        try:
            there = yield from self._look(folder, old)
            if there is None or there[0] != file.qid[0]:
                raise PlanError(ENONEXIST)
            if (yield from self._look(folder, name)) is not None:
                raise PlanError(EEXIST)
            try:
                yield from _one(wire.Trenameat, folder, old, folder, name)
            except PlanError as error:
                if str(error) not in _NOT_THERE:
                    raise
                yield from _one(wire.Trename, fid, folder, name)  # the older message
        finally:
            self._drop(folder)
        file.names = (*file.names[:-1], name)

    def _look(self, folder: int, name: str) -> Generator[Any, Any, Qid | None]:
        """The qid of a file in a folder, None when there is none."""
        fid = self.client.new_fid()
        try:
            got = yield from _one(wire.Twalk, folder, fid, (name,))
        except PlanError as error:
            self.client.free_fid(fid)
            if str(error) != ENONEXIST:
                raise
            return None
        self._drop(fid)
        return got.wqid[-1] if got.wqid else None

    def clunk(self, t: wire.Tclunk) -> Steps:
        """clunk(5); what was opened with ORCLOSE goes, if it can."""
        file = self.files.get(t.fid)
        kind = wire.Tremove if file is not None and file.rclose else wire.Tclunk
        self._forget(t.fid)
        answer, = yield [(kind, t.fid)]
        if isinstance(answer, PlanError) and kind is wire.Tclunk:
            raise answer
        return wire.Rclunk(t.tag)

    def remove(self, t: wire.Tremove) -> Steps:
        """remove(5)."""
        file = self.files.get(t.fid)
        is_root = file is not None and not file.names
        self._forget(t.fid)
        if is_root:
            yield [(wire.Tclunk, t.fid)]
            raise PlanError(f"{EPERM}: the root stays")
        return (yield from _one(wire.Tremove, t.fid))


def _there(answers: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Names and answers, but of files that are gone.  Raises PlanError."""
    there = []
    for name, answer in answers:
        if not isinstance(answer, PlanError):
            there.append((name, answer))
        elif str(answer) != ENONEXIST:
            raise answer
    return there


_VERBS: Final[dict[type, Callable[[Translation, Any], Steps]]] = {
    wire.Tread: Translation.read,
    wire.Tauth: Translation.auth,
    wire.Tattach: Translation.attach,
    wire.Twalk: Translation.walk,
    wire.Topen: Translation.open,
    wire.Tcreate: Translation.create,
    wire.Tstat: Translation.stat,
    wire.Twstat: Translation.wstat,
    wire.Tclunk: Translation.clunk,
    wire.Tremove: Translation.remove,
}
