"""How a Dir looks to POSIX: modes, owners, times, and what the host may remember of it.

Files of the name space's own user are shown as the host user's, all others as nobody's.
Times are whole seconds; ctime is mtime.  Directories have one link, which tells find(1)
that their number says nothing.  Source: stat(5); stat(2) of Linux; the rules: docs/fuse.md.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Final

from ..dir import DMAPPEND, DMDIR, DMEXCL, U64, Dir

NOBODY: Final = 65534
BLOCK: Final = 4096
NAMES: Final = ("st_ino", "st_size", "st_blocks", "st_atime", "st_mtime", "st_ctime", "st_mode",
                "st_nlink", "st_uid", "st_gid")
Attr = tuple[int, ...]  # the fields of wire.ATTR
_PLAIN: Final = ord("M")


@dataclass(frozen=True, slots=True)
class Look:
    """Who the files of user belong to on the host."""

    user: str
    uid: int
    gid: int

    def attr(self, d: Dir, links: int = 1) -> Attr:
        """The fields of wire.ATTR."""
        mode = d.mode
        size = d.length
        if mode & DMDIR:
            size, kind = 0, stat.S_IFDIR
        else:
            kind = stat.S_IFREG
        user = self.user
        return (ino(d), size, (size + 511) >> 9, d.atime, d.mtime, d.mtime, 0, 0, 0,
                kind | mode & 0o777, links, self.uid if d.uid == user else NOBODY,
                self.gid if d.gid == user else NOBODY, 0, BLOCK, 0)


def ino(d: Dir) -> int:
    """The inode number: never 0, which readdir(3) skips."""
    return d.qid[0] + 1 & U64 or U64


def named(attr: Attr) -> dict[str, int]:
    """The same for a binding that wants names; times in nanoseconds."""
    values = dict(zip(NAMES, (*attr[:6], *attr[9:13]), strict=True))
    for name in ("st_atime", "st_mtime", "st_ctime"):
        values[name] *= 1_000_000_000
    values["st_blksize"] = BLOCK
    return values


def plain(d: Dir) -> bool:
    """Whether it is an ordinary file or folder, which the host may remember things about."""
    return d.type == _PLAIN and not d.mode & (DMAPPEND | DMEXCL)


def direct(d: Dir) -> bool:
    """Whether reads and writes must come to the server as they are.

    So for all that is no ordinary file; a file without length may be one that answers.
    """
    return d.type != _PLAIN or d.length == 0 or bool(d.mode & (DMAPPEND | DMEXCL))
