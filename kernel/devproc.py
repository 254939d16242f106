"""#p processes as folders: what each is doing, its memory, and the ways to steer it.

This is the tree and its rights; procfiles.py has the files of a folder.
Source: proc(3); /sys/src/9/port/devproc.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.fs import perm
from vx9.fs.dir import DMDIR, OEXCL, OREAD, OWRITE, QTDIR, Dir, DirChange, Qid
from vx9.fs.errors import (
    EBADARG,
    ENONEXIST,
    ENOTDIR,
    EPERM,
    EPROCDIED,
    PlanError,
)
from vx9.fs.server import Fid, Refuser
from vx9.kernel.procfiles import FILES, MORE, NUMBERS, PRIVATE, READ_ONLY, ProcFile

if TYPE_CHECKING:
    from vx9.kernel.chan import Chan
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.proc import Proc

SHIFT: Final = 5  # of the process in a qid's path, above the file
_TRACE: Final = ProcFile("trace", 0o444)  # of the root


@dataclass(slots=True)
class _Open:
    """A place in the tree: the root (p None), a folder (file None) or a file."""

    p: Proc | None
    file: ProcFile | None
    line: int = 0  # of ns: the next
    lines: list[str] | None = None
    noteid: int = 0  # of notepg: the group when it was opened


class Devproc(Refuser):
    """The process device."""

    dc = "p"

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    # The tree

    def _qid(self, p: Proc | None, file: ProcFile | None) -> Qid:
        if file is _TRACE:
            return Qid(1, 0xFFFFFFFF, 0)
        if p is None:
            return Qid(0, 0, QTDIR)
        index = 0 if file is None else NUMBERS[file.name]
        return Qid((p.pid << SHIFT) + index, p.pid, QTDIR if file is None else 0)

    def _alive(self, fid: Fid) -> Proc:
        """The process of a Fid.  Raises PlanError(EPROCDIED)."""
        p: Proc | None = fid.aux.p
        if p is None or self.kernel.procs.get(p.pid) is not p:
            raise PlanError(EPROCDIED)
        return p

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root."""
        return Fid(self._qid(None, None), uid, -1, _Open(None, None))

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """By number and file name."""
        at: _Open = fid.aux
        p, file = at.p, at.file
        qids: list[Qid] = []
        for name in names:
            try:
                p, file = self._step(p, file, name)
            except PlanError:
                if qids:
                    return None, qids
                raise
            qids.append(self._qid(p, file))
        return Fid(self._qid(p, file), fid.uid, -1, _Open(p, file)), qids

    def _step(self, p: Proc | None, file: ProcFile | None,
              name: str) -> tuple[Proc | None, ProcFile | None]:
        if name == "..":
            return (p, None) if file is not None else (None, None)
        if file is not None:
            raise PlanError(ENOTDIR)
        if p is None:
            if name == "trace":
                return None, _TRACE
            found = self.kernel.procs.get(int(name)) if name.isascii() and name.isdecimal() \
                and len(name) < 11 else None
            if found is None or str(found.pid) != name:
                raise PlanError(ENONEXIST)
            return found, None
        file = next((file for file in self._files() if file.name == name), None)
        if file is None:
            raise PlanError(ENONEXIST)
        if self.kernel.procs.get(p.pid) is not p:
            raise PlanError(EPROCDIED)
        return p, file

    def _files(self) -> tuple[ProcFile, ...]:
        """What a process's folder has."""
        return (*FILES, *MORE) if self.kernel.dialect.interrupts else FILES

    def _mode(self, p: Proc, file: ProcFile) -> int:
        """procmode gives all files at least its read bits."""
        return file.mode | p.procmode & 0o444 if file.mode else p.procmode

    async def open(self, fid: Fid, mode: int) -> None:
        """By the file's mode; private processes keep mem, note and ctl closed."""
        at: _Open = fid.aux
        if at.file is None:
            if mode != OREAD:
                raise PlanError(EPERM)
        elif at.file is _TRACE:
            if mode != OREAD:
                raise PlanError(EPERM)
            self.kernel.proctrace.open()
        else:
            self._open_file(fid, at.file, mode)
        fid.omode = mode

    def _open_file(self, fid: Fid, file: ProcFile, mode: int) -> None:
        p = self._alive(fid)
        name = file.name
        if perm.open_kind(mode) not in (OREAD, 3) and name in READ_ONLY:
            raise PlanError(EPERM)
        if p.private and name in PRIVATE:
            raise PlanError(EPERM)
        self._check_user(fid, p)
        if name == "notepg":
            if mode & 3 != OWRITE or p.noteid == 0:
                raise PlanError(EPERM)
            fid.aux.noteid = p.noteid
        perm.check(self._mode(p, file), perm.who(fid.uid, p.user, self.kernel.eve),
                   perm.rights_needed(mode))

    def _check_user(self, fid: Fid, p: Proc) -> None:
        if fid.uid == "none" and p.user != "none":
            raise PlanError(EPERM)

    async def reopen(self, fid: Fid, mode: int, p: Proc) -> Chan | None:
        """text is the program file itself."""
        at: _Open = fid.aux
        if at.file is None or at.file.name != "text":
            return None
        target = self._alive(fid)
        self._check_user(fid, target)
        if mode & OEXCL:
            raise PlanError(EBADARG)
        if perm.open_kind(mode) not in (OREAD, 3):
            raise PlanError(EPERM)
        if target.image_chan is None:
            raise PlanError(EPROCDIED)
        perm.check(target.procmode, perm.who(fid.uid, target.user, self.kernel.eve), perm.AREAD)
        c = await target.image_chan.clone(p)
        try:
            await c.server.open(c.fid, OREAD)
        except PlanError:
            await c.close()
            raise
        c.mode = OREAD
        return c

    async def readdir(self, fid: Fid) -> list[Dir]:
        """The processes, or the files of one."""
        if fid.aux.p is None:
            procs = sorted(self.kernel.procs.values(), key=lambda p: p.pid)
            return [self._dir(None, _TRACE), *(self._dir(p, None) for p in procs)]
        p = self._alive(fid)
        return [self._dir(p, file) for file in self._files()]

    async def stat(self, fid: Fid) -> Dir:
        """Owned by the process's user."""
        at: _Open = fid.aux
        return self._dir(None if at.p is None else self._alive(fid), at.file)

    def _dir(self, p: Proc | None, file: ProcFile | None) -> Dir:
        now = self.kernel.host.time_ns() // 1_000_000_000
        eve = self.kernel.eve
        qid = self._qid(p, file)
        if p is None:
            name, mode = ("#p", DMDIR | 0o555) if file is None else (file.name, file.mode)
            return Dir(qid, mode, now, now, 0, name, eve, eve, eve, ord("p"), self.dev)
        if file is None:
            name, mode, length = str(p.pid), DMDIR | 0o555, 0
        else:
            name, mode, length = file.name, self._mode(p, file), file.length
            if name == "wait":
                length = len(p.waitq)
            elif name == "profile" and p.space is not None and p.space.text.profile is not None:
                length = 4 * len(p.space.text.profile)
        return Dir(qid, mode, now, now, length, name, p.user, eve, p.user, ord("p"), self.dev)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """chmod of any file sets the mode of all that have none of their own; eve may chown."""
        at: _Open = fid.aux
        if at.file is None or at.p is None:
            raise PlanError(EPERM)
        p = self._alive(fid)
        if fid.uid not in (p.user, self.kernel.eve):
            raise PlanError(EPERM)
        others = (change.name, change.length, change.gid, change.muid, change.mtime)
        if any(v is not None for v in others):
            raise PlanError(EPERM)
        if change.uid is not None and change.uid != p.user:
            if fid.uid != self.kernel.eve:
                raise PlanError(EPERM)
            p.user = change.uid
        if change.mode is not None:
            p.procmode = change.mode & 0o777

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """By the file."""
        at: _Open = fid.aux
        if at.file is _TRACE:
            return self.kernel.proctrace.read(count)
        p = self._alive(fid)
        if at.file is None or at.file.read is None:
            raise PlanError(EPERM)
        return await at.file.read(p, fid, count, offset)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """By the file."""
        at: _Open = fid.aux
        if at.file is None or at.file.write is None or at.p is None:
            raise PlanError(EPERM)
        p = at.p if at.file.name == "notepg" else self._alive(fid)
        return await at.file.write(p, fid, data, offset)

    async def clunk(self, fid: Fid) -> None:
        """The end of trace's reader ends the recording."""
        if fid.aux.file is _TRACE and fid.omode != -1:
            self.kernel.proctrace.close()
