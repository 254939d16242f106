"""How the attributes of a host file look to guests: Qid and Dir from what fstat tells.

Qid.path tells (device, inode) pairs apart; Qid.vers follows the host's times.  Modes are
the lower nine bits.  Append-only, exclusive-use and temporary files, which the host does
not know, are remembered here as long as the server lives.  Owners have the host's names.
Source: stat(5), intro(5).
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Final

from .dir import DMAPPEND, DMEXCL, DMTMP, QTDIR, Dir, Qid

KEPT: Final = DMAPPEND | DMEXCL | DMTMP  # mode bits that only we remember


class Attributes:
    """The rules of one server; me is the name of the host user uid, and of its group, to guests."""

    def __init__(self, uid: int, me: str | None) -> None:
        self.bits: dict[int, int] = {}  # KEPT bits by qid.path
        self._users: dict[int, str] = {} if me is None else {uid: me}
        self._groups: dict[int, str] = {} if me is None else {os.getegid(): me}
        self._devs: dict[int, int] = {}
        self._wide: dict[tuple[int, int], int] = {}

    def path(self, st: os.stat_result) -> int:
        """The qid.path: unlike that of every other file."""
        dev = self._devs.setdefault(st.st_dev, len(self._devs))
        if st.st_ino < 1 << 48 and dev < 1 << 15:
            return dev << 48 | st.st_ino
        return 1 << 63 | self._wide.setdefault((st.st_dev, st.st_ino), len(self._wide))

    def qid(self, st: os.stat_result) -> Qid:
        """The Qid now."""
        path = self.path(st)
        vers = hash((st.st_mtime_ns, st.st_ctime_ns, st.st_size)) & 0xFFFFFFFF
        kind = QTDIR if stat.S_ISDIR(st.st_mode) else 0
        if self.bits:
            kind |= self.bits.get(path, 0) >> 24
        return Qid(path, vers, kind)

    def keep(self, path: int, perm: int) -> None:
        """Remember the KEPT bits of perm."""
        if perm & KEPT:
            self.bits[path] = perm & KEPT
        else:
            self.bits.pop(path, None)

    def dir(self, st: os.stat_result, name: bytes) -> Dir:
        """The Dir of a file of that name."""
        qid = self.qid(st)
        kind = qid[2]
        uid = self._users.get(st.st_uid) or self._user(st.st_uid)
        gid = self._groups.get(st.st_gid) or self._group(st.st_gid)
        return Dir(qid, st.st_mode & 0o777 | kind << 24, int(st.st_atime), int(st.st_mtime),
                   0 if kind & QTDIR else st.st_size, name.decode("utf-8", "surrogateescape"),
                   uid, gid, uid)

    def _user(self, number: int) -> str:
        try:
            name = pwd.getpwuid(number).pw_name
        except KeyError:
            name = str(number)
        return self._users.setdefault(number, name)

    def _group(self, number: int) -> str:
        try:
            name = grp.getgrgid(number).gr_name
        except KeyError:
            name = str(number)
        return self._groups.setdefault(number, name)
