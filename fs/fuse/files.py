"""What the Door and its back ends speak of: open files, changes, flags and names.

Source: open(2), open(5), stat(5).
"""

from __future__ import annotations

import errno
import stat
from dataclasses import dataclass
from typing import Final

from ..dir import OEXEC, ORDWR, OREAD, OTRUNC, OWRITE, Dir
from ..errors import ENAMETOOLONG, PlanError
from ..server import Fid
from .nodes import Node

NAME_MOST: Final = 1024  # bytes; the kernel gives no longer ones, and takes none
O_ACCMODE: Final = 3
O_EXCL: Final = 0o200
O_TRUNC: Final = 0o1000
FMODE_EXEC: Final = 0x20
_OMODES: Final = (OREAD, OWRITE, ORDWR, ORDWR)
SPECIAL: Final = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


@dataclass(slots=True, eq=False)
class Handle:
    """An open file or directory."""

    number: int
    node: Node
    fid: Fid
    direct: bool = False
    entries: list[Dir] | None = None  # of a directory that is being read


@dataclass(frozen=True, slots=True)
class Change:
    """What setattr is to change; None leaves alone.  Times in seconds."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    atime: int | None = None
    mtime: int | None = None


def omode(flags: int) -> int:
    """The mode of open(5) for the flags of open(2)."""
    if flags & FMODE_EXEC and not flags & O_ACCMODE:
        return OEXEC
    return _OMODES[flags & O_ACCMODE] | (OTRUNC if flags & O_TRUNC else 0)


def raw_name(name: str) -> bytes:
    """The bytes of a name."""
    return name.encode("utf-8", "surrogateescape")


def usable(name: str) -> bool:
    """Whether a server's name is one that the host takes."""
    return not (name in ("", ".", "..") or "/" in name or "\0" in name
                or (len(name) * 4 > NAME_MOST and len(raw_name(name)) > NAME_MOST))


def check(name: str) -> None:
    """Refuse a name that no file can have, or that is too long."""
    if not usable(name):
        if len(raw_name(name)) > NAME_MOST:
            raise PlanError(ENAMETOOLONG)
        raise OSError(errno.EINVAL, "no name of a file")
