"""Names in a host folder: files are removed, renamed and moved by them.

Only what a name stands for now is touched: the host may have put another file there since it
was walked to.  HostFS is made of this.  Source: remove(5), stat(5); renameat2(2) of Linux.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from . import perm as rights
from .dir import check_name
from .errnos import EXDEV
from .errors import EPERM, EREMOVED, PlanError
from .hostattr import Attributes
from .hostcalls import Calls, File, plan_error
from .hostlinks import open_beneath
from .server import Fid, Refuser


class HostNames(Refuser):
    """What HostFS does with names."""

    rw: bool
    _root: File
    _calls: Calls
    _attr: Attributes
    _all_powerful: bool

    def _beneath(self, path: tuple[bytes, ...]) -> int:
        """An O_PATH descriptor of path, links followed while they stay below the root."""
        return open_beneath(self._calls, self._root.fd, path)

    # Rights

    def _check_rw(self) -> None:
        if not self.rw:
            raise PlanError(EPERM)

    def _check(self, st: os.stat_result, need: int) -> None:
        if self._all_powerful:
            rights.check(st.st_mode, rights.OWNER, need)

    # Names

    async def remove(self, fid: Fid) -> None:
        """Take the name out of its folder, if it still is this file's (or a link to it)."""
        f: File = fid.aux
        self._check_rw()
        if not f.path:
            raise PlanError(EPERM)
        try:
            with self._parent(f) as (up, st):
                if stat.S_ISDIR(st.st_mode):
                    os.rmdir(f.path[-1], dir_fd=up)
                else:
                    os.unlink(f.path[-1], dir_fd=up)
                if st.st_nlink <= 1 or stat.S_ISDIR(st.st_mode):
                    self._attr.bits.pop(self._attr.path(st), None)
        except OSError as error:
            raise plan_error(error) from None

    @contextlib.contextmanager
    def _parent(self, f: File) -> Iterator[tuple[int, os.stat_result]]:
        """The descriptor of the folder that has the file's name, and what the name stands for."""
        up = self._beneath(f.path[:-1])
        try:
            self._check(os.fstat(up), rights.AWRITE | rights.AEXEC)
            st = os.stat(f.path[-1], dir_fd=up, follow_symlinks=False)
            if not stat.S_ISLNK(st.st_mode):
                mine = os.fstat(f.fd)
                if (st.st_dev, st.st_ino) != (mine.st_dev, mine.st_ino):
                    raise PlanError(EREMOVED)
            yield up, st
        finally:
            os.close(up)

    def _rename(self, f: File, name: str) -> None:
        check_name(name)
        if not f.path:
            raise PlanError(EPERM)
        raw = name.encode("utf-8", "surrogateescape")
        with self._parent(f) as (up, _):
            self._calls.rename(up, f.path[-1], raw)
        f.path = (*f.path[:-1], raw)

    async def move(self, fid: Fid, folder: Fid, name: str) -> None:
        """Call the file name in folder, in place of what is called so there, as rename(2) does."""
        f, to = fid.aux, folder.aux
        self._check_rw()
        check_name(name)
        if not f.path:
            raise PlanError(EPERM)
        raw = name.encode("utf-8", "surrogateescape")
        try:
            self._check(os.fstat(to.fd), rights.AWRITE | rights.AEXEC)
            with self._parent(f) as (up, _):
                os.rename(f.path[-1], raw, src_dir_fd=up, dst_dir_fd=to.fd)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise PlanError(EXDEV) from None
            raise plan_error(error) from None
        f.path = (*to.path, raw)

    async def room(self, fid: Fid) -> tuple[int, int]:
        """Bytes in all and bytes free, where the file is."""
        try:
            st = os.fstatvfs(fid.aux.fd)
        except OSError as error:
            raise plan_error(error) from None
        return st.f_blocks * st.f_frsize, st.f_bavail * st.f_frsize
