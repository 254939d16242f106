"""HostFS: a folder of the host as a file server, read-only unless told otherwise.

Nothing outside the folder is ever opened: one name at a time is opened below its parent's
descriptor without following links; a link is followed only by openat2 with
RESOLVE_BENEATH, so while it stays in the folder (hostlinks.py); ".." is taken from the name
kept here, never from the host's.  Only regular files and directories are served: each name is
first opened with O_PATH, which has no effect on devices and FIFOs, and then looked at.  A Fid
keeps one descriptor, of the very file that was walked to, so renames on the host do no harm.

Rules of mapping.  The guest acts as the host user who runs vx9, and the host checks its
rights; for root, who could do anything, the owner's bits of a file decide.  Modes are the
host's lower nine bits; set-id and sticky bits neither show nor can be set.  Append-only,
exclusive-use and temporary files are remembered as long as the server lives, for the host
has no such bits.  Owners are the host's names; they cannot be changed.
Source: intro(5), stat(5), open(5); openat2(2) of Linux.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from typing import Final

from . import perm as rights
from .dir import (
    DMAPPEND,
    DMDIR,
    DMEXCL,
    ORCLOSE,
    OREAD,
    OTRUNC,
    QTDIR,
    Dir,
    DirChange,
    Qid,
    check_name,
)
from .errors import (
    EBADARG,
    EISDIR,
    ENONEXIST,
    ENOTDIR,
    ENOTREG,
    EPERM,
    ETOOBIG,
    EXLOCKED,
    PlanError,
)
from .hostattr import KEPT, Attributes
from .hostcalls import OFFMAX, Calls, File, plan_error
from .hostlinks import Hidden
from .hostnames import HostNames
from .server import Fid

_PATH: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_REAL: Final = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_HOW: Final = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY)


class HostFS(HostNames):
    """The host folder (or regular file) root; rw lets it be changed.

    me is the name that the host user, and its group, has among guests; without it, the host's own.
    Raises PlanError when root is not there or is something else.
    """

    def __init__(self, root: str | bytes, rw: bool = False, me: str | None = None,
                 hidden: Hidden | None = None) -> None:
        self.rw = rw
        self._hidden = hidden if hidden is not None else Hidden()
        self._calls = Calls(self._hidden)
        self._all_powerful = os.geteuid() == 0
        self._attr = Attributes(os.geteuid(), me)
        self._locked: set[int] = set()  # exclusive-use files that are open
        try:
            fd = os.open(root, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            raise plan_error(error) from None
        self._root = File(fd, ())
        self._served(os.fstat(fd))

    def close(self) -> None:
        """Give the descriptors back; Fids stay usable."""
        self._root.close()
        self._calls.close()

    # Walking

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root; spec means nothing."""
        try:
            f = File(os.dup(self._root.fd), ())
            return Fid(self._attr.qid(os.fstat(f.fd)), uid, -1, f)
        except OSError as error:
            raise plan_error(error) from None

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """One name at a time."""
        f: File = fid.aux
        try:
            if not names:
                return Fid(fid.qid, fid.uid, -1, File(os.dup(f.fd), f.path)), []
        except OSError as error:
            raise plan_error(error) from None
        qids: list[Qid] = []
        for name in names:
            try:
                f, st = self._step(f, name)
            except (OSError, PlanError) as error:
                if qids:
                    return None, qids
                raise (plan_error(error) if isinstance(error, OSError) else error) from None
            qids.append(self._attr.qid(st))
        return Fid(qids[-1], fid.uid, -1, f), qids

    def _step(self, f: File, name: str) -> tuple[File, os.stat_result]:
        if name == "..":
            path = f.path[:-1]
            up = File(self._beneath(path), path)
            return up, self._served(os.fstat(up.fd))
        raw = name.encode("utf-8", "surrogateescape")
        if raw in (b"", b".") or b"/" in raw or b"\0" in raw or self._hidden.has(f.fd, raw):
            raise PlanError(ENONEXIST)
        new = File(os.open(raw, _PATH, dir_fd=f.fd), (*f.path, raw))
        st = os.fstat(new.fd)
        if stat.S_ISLNK(st.st_mode):
            new = File(self._beneath(new.path), new.path)
            st = os.fstat(new.fd)
        return new, self._served(st)

    @staticmethod
    def _served(st: os.stat_result) -> os.stat_result:
        if not (stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode)):
            raise PlanError(ENOTREG)
        return st

    # Opening

    async def open(self, fid: Fid, mode: int) -> None:
        """Open the very file that was walked to, in place of its O_PATH descriptor."""
        f: File = fid.aux
        need = rights.rights_needed(mode)
        if need & rights.AWRITE or mode & ORCLOSE:
            self._check_rw()
        is_dir = bool(fid.qid[2] & QTDIR)
        if is_dir and mode & ~ORCLOSE != OREAD:
            raise PlanError(EISDIR)
        try:
            if self._all_powerful or need == rights.AEXEC or self._attr.bits:
                st = os.fstat(f.fd)
                self._check(st, need)
                if need == rights.AEXEC and not self._all_powerful:
                    self._check_exec(f)
            bits = self._attr.bits.get(fid.qid[0], 0) if self._attr.bits else 0
            if bits & DMEXCL and fid.qid[0] in self._locked:
                raise PlanError(EXLOCKED)
            flags = _HOW[mode & 3] | _REAL
            if bits & DMAPPEND:
                flags |= os.O_APPEND
            elif mode & OTRUNC:
                flags |= os.O_TRUNC
            fd = self._calls.reopen(f.fd, flags)
        except OSError as error:
            raise plan_error(error) from None
        f.close()
        f.fd, fid.omode = fd, mode
        if bits & DMEXCL:
            self._locked.add(fid.qid[0])

    @staticmethod
    def _check_exec(f: File) -> None:
        if not os.access(b"/proc/self/fd/%d" % f.fd, os.X_OK, effective_ids=True):
            raise PlanError(EPERM)

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """Make a file or directory; its mode is masked by its folder's, not by the umask."""
        f: File = fid.aux
        self._check_rw()
        check_name(name)
        if perm & ~(DMDIR | KEPT | 0o777):
            raise PlanError(EBADARG)
        if perm & DMDIR and mode & ~ORCLOSE != OREAD:
            raise PlanError(EISDIR)
        rights.open_kind(mode)
        raw = name.encode("utf-8", "surrogateescape")
        try:
            parent = os.fstat(f.fd)
            if not stat.S_ISDIR(parent.st_mode):
                raise PlanError(ENOTDIR)
            self._check(parent, rights.AWRITE | rights.AEXEC)
            bits = rights.inherit(perm, parent.st_mode) & 0o777
            fd = self._make(f.fd, raw, perm, mode, bits)
            st = os.fstat(fd)
        except OSError as error:
            raise plan_error(error) from None
        path = self._attr.path(st)
        self._attr.keep(path, perm)
        if perm & DMEXCL:
            self._locked.add(path)
        f.close()
        f.fd = fd
        f.path = (*f.path, raw)
        fid.qid, fid.omode = self._attr.qid(st), mode

    @staticmethod
    def _make(parent: int, raw: bytes, perm: int, mode: int, bits: int) -> int:
        """The open descriptor of a new file with just these permission bits."""
        if perm & DMDIR:
            os.mkdir(raw, 0o700, dir_fd=parent)
            fd = os.open(raw, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                         dir_fd=parent)
        else:
            flags = _HOW[mode & 3] | _REAL | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            if perm & DMAPPEND:
                flags |= os.O_APPEND
            fd = os.open(raw, flags, 0o600, dir_fd=parent)
        try:
            os.fchmod(fd, bits)
        except OSError:
            os.close(fd)
            raise
        return fd

    async def clunk(self, fid: Fid) -> None:
        """Close the descriptor; remove on close happens here."""
        f: File = fid.aux
        if fid.omode >= 0:
            if fid.omode & ORCLOSE:
                with contextlib.suppress(PlanError):
                    await self.remove(fid)
            self._locked.discard(fid.qid[0])
            fid.omode = -1
        try:
            f.close()
        except OSError as error:
            raise plan_error(error) from None

    # Contents

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """One pread; the disk is what one waits for."""
        return fid.aux.read(count, offset)

    def read_now(self, fid: Fid, count: int, offset: int) -> bytes:
        """The same."""
        return fid.aux.read(count, offset)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """One pwrite (at the end, for a file that is append-only)."""
        return fid.aux.write(data, offset)

    def write_now(self, fid: Fid, data: bytes, offset: int) -> int:
        """The same."""
        return fid.aux.write(data, offset)

    async def readdir(self, fid: Fid) -> list[Dir]:
        """All that could be walked to: links that lead astray and special files are left out."""
        f, dirs = fid.aux, []
        try:
            with os.scandir(f.fd) as entries:
                for entry in entries:
                    name = os.fsencode(entry.name)
                    if self._hidden.has(f.fd, name):
                        continue
                    try:
                        st = entry.stat(follow_symlinks=False)
                        if stat.S_ISLNK(st.st_mode):
                            target = File(self._beneath((*f.path, name)), ())
                            st = os.fstat(target.fd)
                        dirs.append(self._dir(self._served(st), name))
                    except (OSError, PlanError):
                        continue
        except OSError as error:
            raise plan_error(error) from None
        return dirs

    # Attributes

    def _dir(self, st: os.stat_result, name: bytes) -> Dir:
        d = self._attr.dir(st, name)
        d.dev = self.dev
        return d

    async def stat(self, fid: Fid) -> Dir:
        """From the descriptor."""
        f: File = fid.aux
        try:
            return self._dir(os.fstat(f.fd), f.path[-1] if f.path else b"/")
        except OSError as error:
            raise plan_error(error) from None

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """Rename first, which fails most often, and undo it when the rest fails."""
        f: File = fid.aux
        try:
            if change.is_sync():
                if fid.omode >= 0:
                    os.fsync(f.fd)
                return
            self._check_rw()
            st = os.fstat(f.fd)
            self._check_change(st, change)
            old = f.path
            if change.name is not None and (not old or change.name != os.fsdecode(old[-1])):
                self._rename(f, change.name)
            try:
                self._apply(f, st, change)
            except (OSError, PlanError):
                if f.path != old:
                    self._rename(f, old[-1].decode("utf-8", "surrogateescape"))
                raise
        except OSError as error:
            raise plan_error(error) from None

    def _check_change(self, st: os.stat_result, change: DirChange) -> None:
        d = self._dir(st, b"")
        known = DMDIR | KEPT | 0o777
        if change.mode is not None and (
                (change.mode ^ d.mode) & DMDIR or change.mode & ~known):
            raise PlanError(EBADARG)
        if change.length is not None and change.length != d.length:
            if d.mode & DMDIR:
                raise PlanError(EISDIR)
            if change.length > OFFMAX:
                raise PlanError(ETOOBIG)
            self._check(st, rights.AWRITE)
        for asked, has in ((change.uid, d.uid), (change.gid, d.gid), (change.muid, d.muid)):
            if asked is not None and asked != has:
                raise PlanError(EPERM)

    def _apply(self, f: File, st: os.stat_result, change: DirChange) -> None:
        path = b"/proc/self/fd/%d" % f.fd  # the file itself, also when only O_PATH is open
        if change.length is not None and change.length != st.st_size and \
                not stat.S_ISDIR(st.st_mode):
            os.truncate(path, change.length)
        if change.mode is not None:
            if change.mode & 0o777 != st.st_mode & 0o777:
                os.chmod(path, change.mode & 0o777)
            self._attr.keep(self._attr.path(st), change.mode)
        if change.atime is not None or change.mtime is not None:
            atime = st.st_atime_ns if change.atime is None else change.atime * 1_000_000_000
            mtime = st.st_mtime_ns if change.mtime is None else change.mtime * 1_000_000_000
            os.utime(path, ns=(atime, mtime))
