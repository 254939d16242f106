"""What a client of 9P2000.L keeps of a fid, and the numbers that its requests want.

Source: protocol.md of diod; stat(5).
"""

from __future__ import annotations

from collections import deque

from ..dir import DMDIR, QTDIR, Dir, DirChange, Qid
from ..errors import EBADARG, EISDIR, EPERM, PlanError
from . import dotl
from .dotl import NONUNAME


class Root:
    """A fid of ours where somebody attached, to come to parents from."""

    __slots__ = ("fid", "users")

    def __init__(self, fid: int) -> None:
        self.fid = fid
        self.users = 0  # fids below it


class File:
    """What is known of a fid."""

    __slots__ = ("at", "cookie", "ended", "is_open", "names", "own", "qid", "rclose", "records", "root")

    def __init__(self, root: Root, names: tuple[str, ...], qid: Qid) -> None:
        root.users += 1
        self.root = root
        self.names = names  # from the root
        self.qid = qid
        self.is_open = False
        self.own = 0  # a fid of ours for a folder that is open: nobody walks from what is
        self.rclose = False
        self.records: deque[bytes] = deque()  # of a folder, to be read
        self.cookie = 0  # where the next ones are
        self.ended = False  # there are none
        self.at = 0  # the offset that goes with the first

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder's."""
        return bool(self.qid[2] & QTDIR)


def number(uname: str) -> int:
    """The number of a user, when the name is one."""
    return int(uname) if uname.isascii() and uname.isdecimal() and len(uname) < 10 else NONUNAME


def changes(old: Dir, change: DirChange) -> tuple[int, ...] | None:
    """The fields of the Tsetattr that is needed, None when none is.  Raises PlanError."""
    valid = 0
    uid = gid = NONUNAME
    if change.muid not in (None, old.muid):
        raise PlanError(EPERM)
    if change.uid not in (None, old.uid):
        valid, uid = valid | dotl.SET_UID, number(str(change.uid))
    if change.gid not in (None, old.gid):
        valid, gid = valid | dotl.SET_GID, number(str(change.gid))
    if valid and NONUNAME in (uid if valid & dotl.SET_UID else 0,
                              gid if valid & dotl.SET_GID else 0):
        raise PlanError(f"{EPERM}: owners have numbers in 9P2000.L")
    mode = change.mode
    if mode is not None and mode != old.mode:
        if (mode ^ old.mode) & ~0o777:
            raise PlanError(f"{EBADARG}: modes beyond 0777; 9P2000.L has none of Plan 9's")
        valid |= dotl.SET_MODE
    if change.length is not None and change.length != old.length:
        if old.mode & DMDIR:
            raise PlanError(EISDIR)
        valid |= dotl.SET_SIZE
    if change.atime is not None:
        valid |= dotl.SET_ATIME | dotl.GIVEN_ATIME
    if change.mtime is not None:
        valid |= dotl.SET_MTIME | dotl.GIVEN_MTIME
    if not valid:
        return None
    return (valid, (mode or 0) & 0o777, uid, gid, change.length or 0, change.atime or 0, 0,
            change.mtime or 0, 0)
