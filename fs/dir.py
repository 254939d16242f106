"""Qid, Dir and DirChange, the stat record, and the bits of modes.

The record is little-endian: a size that excludes itself, the fixed fields, four counted
strings.  Names are text; bytes that are not UTF-8 survive as surrogate escapes.
Source: stat(5), intro(5), open(5).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import Final, NamedTuple

from .errors import EBADCHAR, EBADSTAT, PlanError, quote

# fmt: off
DMDIR:    Final = 0x80000000
DMAPPEND: Final = 0x40000000
DMEXCL:   Final = 0x20000000
DMMOUNT:  Final = 0x10000000
DMAUTH:   Final = 0x08000000
DMTMP:    Final = 0x04000000

QTDIR:    Final = 0x80
QTAPPEND: Final = 0x40
QTEXCL:   Final = 0x20
QTMOUNT:  Final = 0x10
QTAUTH:   Final = 0x08
QTTMP:    Final = 0x04
QTFILE:   Final = 0x00

OREAD:    Final = 0
OWRITE:   Final = 1
ORDWR:    Final = 2
OEXEC:    Final = 3
OTRUNC:   Final = 0x10
OCEXEC:   Final = 0x20
ORCLOSE:  Final = 0x40
OEXCL:    Final = 0x1000
# fmt: on

STATFIXLEN: Final = 49  # a record with four empty strings
NAMEMAX: Final = 0xFFFF  # bytes of one counted string
U32: Final = 0xFFFFFFFF
U64: Final = 0xFFFFFFFFFFFFFFFF
_FIXED: Final = struct.Struct("<HHIBIQIIIQ")  # size type dev qid(type vers path) mode atime ...
_COUNT: Final = struct.Struct("<H")


class Qid(NamedTuple):
    """A server's identity of a file: two files are one when type and path are equal."""

    path: int
    vers: int = 0
    type: int = QTFILE


@dataclass(slots=True)
class Dir:
    """What stat tells of a file; times in seconds."""

    qid: Qid
    mode: int
    atime: int
    mtime: int
    length: int
    name: str
    uid: str
    gid: str
    muid: str
    type: int = ord("M")
    dev: int = 0

    def pack(self) -> bytes:
        """The record.  Raises PlanError when a string is too long for it."""
        name = self.name.encode("utf-8", "surrogateescape")
        uid = self.uid.encode("utf-8", "surrogateescape")
        gid = self.gid.encode("utf-8", "surrogateescape")
        muid = self.muid.encode("utf-8", "surrogateescape")
        size = STATFIXLEN + len(name) + len(uid) + len(gid) + len(muid)
        if size - 2 > NAMEMAX:
            raise PlanError(EBADSTAT)
        qid = self.qid
        return b"".join((
            _FIXED.pack(size - 2, self.type & 0xFFFF, self.dev & U32, qid[2] & 0xFF,
                        qid[1] & U32, qid[0] & U64, self.mode & U32, self.atime & U32,
                        self.mtime & U32, self.length & U64),
            _COUNT.pack(len(name)), name, _COUNT.pack(len(uid)), uid,
            _COUNT.pack(len(gid)), gid, _COUNT.pack(len(muid)), muid,
        ))


@dataclass(slots=True)
class DirChange:
    """What wstat asks to change; None leaves a field alone.  All None asks for a sync."""

    mode: int | None = None
    atime: int | None = None
    mtime: int | None = None
    length: int | None = None
    name: str | None = None
    uid: str | None = None
    gid: str | None = None
    muid: str | None = None

    def is_sync(self) -> bool:
        """Whether nothing is to change: a request to make the file durable."""
        return (self.mode is None and self.atime is None and self.mtime is None
                and self.length is None and self.name is None and self.uid is None
                and self.gid is None and self.muid is None)

    def unlike(self, d: Dir) -> DirChange:
        """What of it really changes a file that is as d says."""
        asked = ((f.name, getattr(self, f.name)) for f in fields(self))
        return DirChange(**{name: new for name, new in asked if new != getattr(d, name)})


def check_name(name: str) -> None:
    """Raise PlanError unless a file may have that name."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise PlanError(f"{EBADCHAR}: {quote(name)}")


def unpack(data: bytes) -> Dir:
    """The Dir of one record that fills data exactly.  Raises PlanError."""
    if len(data) < STATFIXLEN:
        raise PlanError(EBADSTAT)
    (size, kind, dev, qtype, qvers, qpath, mode, atime, mtime, length) = _FIXED.unpack_from(data)
    if size + 2 != len(data):
        raise PlanError(EBADSTAT)
    strings = []
    at = _FIXED.size
    for _ in range(4):
        if at + 2 > len(data):
            raise PlanError(EBADSTAT)
        end = at + 2 + _COUNT.unpack_from(data, at)[0]
        if end > len(data):
            raise PlanError(EBADSTAT)
        strings.append(str(data[at + 2 : end], "utf-8", "surrogateescape"))
        at = end
    if at != len(data):
        raise PlanError(EBADSTAT)
    name, uid, gid, muid = strings
    qid = Qid(qpath, qvers, qtype)
    return Dir(qid, mode, atime, mtime, length, name, uid, gid, muid, kind, dev)


def unpack_all(data: bytes) -> list[Dir]:
    """The Dirs of a directory read: records one after another.  Raises PlanError."""
    dirs = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise PlanError(EBADSTAT)
        end = at + 2 + _COUNT.unpack_from(data, at)[0]
        dirs.append(unpack(data[at:end]))
        at = end
    return dirs


def unpack_change(data: bytes) -> DirChange:
    """The change that a wstat record asks for; all ones and empty strings leave alone."""
    d = unpack(data)
    return DirChange(
        mode=None if d.mode == U32 else d.mode,
        atime=None if d.atime == U32 else d.atime,
        mtime=None if d.mtime == U32 else d.mtime,
        length=None if d.length == U64 else d.length,
        name=d.name or None,
        uid=d.uid or None,
        gid=d.gid or None,
        muid=d.muid or None,
    )


def pack_change(change: DirChange) -> bytes:
    """The wstat record that asks for change."""
    return Dir(
        qid=Qid(U64, U32, 0xFF),
        mode=U32 if change.mode is None else change.mode,
        atime=U32 if change.atime is None else change.atime,
        mtime=U32 if change.mtime is None else change.mtime,
        length=U64 if change.length is None else change.length,
        name=change.name or "",
        uid=change.uid or "",
        gid=change.gid or "",
        muid=change.muid or "",
        type=0xFFFF,
        dev=U32,
    ).pack()
