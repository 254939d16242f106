"""What both sides of 9P2000.L speak of: flags of Linux, attributes, records of Treaddir.

Source: open(2), stat(2) of Linux; protocol.md of diod; include/net/9p/9p.h of Linux.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from ..dir import DMDIR, ORDWR, OREAD, OTRUNC, OWRITE, Dir, Qid
from ..errors import PlanError
from . import wire

# fmt: off
O_ACCMODE:   Final = 0o3
O_CREAT:     Final = 0o100
O_EXCL:      Final = 0o200
O_TRUNC:     Final = 0o1000
O_LARGEFILE: Final = 0o100000
O_DIRECTORY: Final = 0o200000

S_IFMT:      Final = 0o170000
S_IFDIR:     Final = 0o040000
S_IFREG:     Final = 0o100000
SPECIAL:     Final = 0o7000  # set-user-id, set-group-id and sticky

GETATTR_BASIC: Final = 0x7FF
SET_MODE:    Final = 0x1
SET_UID:     Final = 0x2
SET_GID:     Final = 0x4
SET_SIZE:    Final = 0x8
SET_ATIME:   Final = 0x10  # to now, unless the next but two says
SET_MTIME:   Final = 0x20
GIVEN_ATIME: Final = 0x80
GIVEN_MTIME: Final = 0x100
AT_REMOVEDIR: Final = 0x200

NONUNAME:    Final = 0xFFFFFFFF
NOBODY:      Final = 65534
MAGIC:       Final = 0x01021997  # what Linux calls this file system
BLOCK:       Final = 4096
# fmt: on
_MODES: Final = (OREAD, OWRITE, ORDWR, ORDWR)
_ENTRY: Final = struct.Struct("<BIQQBH")
_DT_DIR: Final = 4
_DT_REG: Final = 8


def omode(flags: int) -> int:
    """The mode of open(5) for the flags of Linux; those that it cannot know change nothing."""
    return _MODES[flags & O_ACCMODE] | (OTRUNC if flags & O_TRUNC else 0)


def oflags(mode: int) -> int:
    """The flags for a mode of open(5); OEXEC is reading."""
    return O_LARGEFILE | (0, 1, 2, 0)[mode & 3] | (O_TRUNC if mode & OTRUNC else 0)


def attributes(tag: int, d: Dir, uid: int, gid: int) -> wire.Rgetattr:
    """The answer to Tgetattr: all that is basic, times in whole seconds."""
    kind, size = (S_IFDIR, 0) if d.mode & DMDIR else (S_IFREG, d.length)
    return wire.Rgetattr(tag, GETATTR_BASIC, d.qid, kind | d.mode & 0o777, uid, gid, 1, 0, size,
                         BLOCK, (size + 511) >> 9, d.atime, 0, d.mtime, 0, d.mtime, 0, 0, 0,
                         0, d.qid[1])


def directory(got: wire.Rgetattr, name: str) -> Dir:
    """The Dir that an answer to Tgetattr tells of; users have their numbers for names."""
    mode = got.mode & 0o777 | (got.qid[2] & 0xE4) << 24 & ~DMDIR
    is_dir = got.mode & S_IFMT == S_IFDIR
    length = 0 if is_dir else got.size
    uid = str(got.uid)
    return Dir(plain(got.qid), mode | DMDIR if is_dir else mode, got.atime & 0xFFFFFFFF,
               got.mtime & 0xFFFFFFFF, length, name, uid, str(got.gid), uid)


def plain(qid: Qid) -> Qid:
    """A qid with those bits of its type that 9P2000 has."""
    return Qid(qid[0], qid[1], qid[2] & 0xE4)


def record(qid: Qid, offset: int, name: bytes) -> bytes:
    """What Treaddir gives of an entry; offset is where the next one begins."""
    kind = _DT_DIR if qid[2] & 0x80 else _DT_REG
    return _ENTRY.pack(qid[2], qid[1] & 0xFFFFFFFF, qid[0], offset, kind, len(name)) + name


def records(data: bytes) -> Iterator[tuple[Qid, int, str]]:
    """Qid, offset and name of each entry.  Raises PlanError where data make no sense."""
    at = 0
    while at < len(data):
        if at + _ENTRY.size > len(data):
            raise PlanError("malformed directory")
        kind, vers, path, offset, _, length = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size + length
        if at > len(data):
            raise PlanError("malformed directory")
        yield Qid(path, vers, kind), offset, data[at - length : at].decode("utf-8", "surrogateescape")
