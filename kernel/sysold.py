"""System calls of old about files: those of the third edition, and read and write without offset.

Source: read(2), seek(2), stat(2), bind(2); fsession(2) and stat(2) of the third edition.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from vx9.fs.dir import U32, Dir
from vx9.fs.errors import EBADARG, EOLDFSTAT, EOLDFWSTAT, EOLDSTAT, EOLDWSTAT, PlanError
from vx9.kernel import sysfile
from vx9.kernel.chan import hold

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

STAT: Final = struct.Struct("<28s28s28sIIIIIQHH")
MOST: Final = 128  # bytes of a new record that an old one is made of
DIRECTORY: Final = 0x80000000  # in qid.path: a directory


async def sys__read(p: Proc, fd: int, buf: int, n: int) -> int:
    """read(2)."""
    return await sysfile.sys_pread(p, fd, buf, n, -1)


async def sys__write(p: Proc, fd: int, buf: int, n: int) -> int:
    """write(2)."""
    return await sysfile.sys_pwrite(p, fd, buf, n, -1)


async def sys_oseek(p: Proc, fd: int, offset: int, whence: int) -> int:
    """seek(2) of old: the result is the new offset."""
    c = p.fds.get(fd)
    return await hold(c, c.seek(p, offset, whence))


def _pack_old(d: Dir, failure: str) -> bytes:
    """The record of the system before the fourth edition, if it tells enough."""
    def fixed(text: str) -> bytes:
        return text.encode("utf-8", "surrogateescape")[:28]

    if len(d.pack()) > MOST:
        raise PlanError(failure)
    path = d.qid[0] & 0x7FFFFFFF | (DIRECTORY if d.qid[2] & 0x80 else 0)
    return STAT.pack(fixed(d.name), fixed(d.uid), fixed(d.gid), path, d.qid[1] & U32,
                          d.mode & U32, d.atime & U32, d.mtime & U32, d.length,
                          d.type & 0xFFFF, d.dev & 0xFFFF)


async def sys__stat(p: Proc, name: str, buf: int) -> int:
    """stat(2) of old: 116 bytes."""
    p.mem.check(buf, STAT.size, True)
    p.mem.write(buf, _pack_old(await p.ns.stat(p, name), EOLDSTAT))
    return 0


async def sys__fstat(p: Proc, fd: int, buf: int) -> int:
    """stat(2) of old: 116 bytes."""
    p.mem.check(buf, STAT.size, True)
    c = p.fds.get(fd)
    d = await hold(c, c.stat(p))
    d.name = c.name
    p.mem.write(buf, _pack_old(d, EOLDFSTAT))
    return 0


def sys__wstat(p: Proc, name: str, buf: int) -> int:
    """stat(2) of old: withdrawn, as in Plan 9 itself."""
    raise PlanError(EOLDWSTAT)


def sys__fwstat(p: Proc, fd: int, buf: int) -> int:
    """stat(2) of old: withdrawn, as in Plan 9 itself."""
    raise PlanError(EOLDFWSTAT)


async def sys__mount(p: Proc, fd: int, old: str, flag: int, spec: str | None) -> int:
    """bind(2) of old: without authentication."""
    return await sysfile.sys_mount(p, fd, -1, old, flag, spec)


def sys__fsession(p: Proc, fd: int, buf: int, n: int) -> int:
    """fsession(2) of old: no challenge."""
    if n == 0:
        raise PlanError(EBADARG)
    p.mem.check(buf, n & U32, True)
    p.mem.write(buf, b"\0")
    return 0
