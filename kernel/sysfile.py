"""System calls about files and the name space.

Source: open(2), read(2), seek(2), dup(2), pipe(2), fd2path(2), stat(2), remove(2), bind(2),
chdir(2), fversion(2), fauth(2).
"""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Final

from vx9.fs.dir import OCEXEC, OEXCL, ORCLOSE, ORDWR, OTRUNC, Dir, unpack_change
from vx9.fs.errors import (
    EBADARG,
    EBADCHAR,
    EBADSTAT,
    EBADUSEFD,
    EEMPTYNAME,
    ENOATTACH,
    ESHORT,
    ESHORTSTAT,
    PlanError,
    quote,
)
from vx9.kernel.chan import BAD_CHARS, Chan, hold
from vx9.kernel.devmnt import Tree
from vx9.kernel.namespace import MCACHE
from vx9.kernel.pprint import many_fds
from vx9.kernel.usermem import OddAddress

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

MAX_READ: Final = 16 << 20  # a longer read is cut short
VERSION_MAX: Final = 256  # bytes of the version that fversion asks for
WRITE_PIECE: Final = 1 << 20  # a longer write goes to the server in pieces
STAT_MAX: Final = 2 + 0xFFFF
_U32: Final = 0xFFFFFFFF


async def _install(p: Proc, c: Chan) -> int:
    """A descriptor for c, or c closed and the error."""
    try:
        fd = p.fds.install(c)
    except PlanError:
        await c.close()
        raise
    if p.fds.exceeded:
        await many_fds(p)
    if c.cexec and p.kernel.dialect.cexec_of_fd:
        c.cexec = False
        p.fds.cexec.add(fd)
    return fd


def _open_mode(mode: int, flags: int) -> int:
    """mode, if it is one of the four with no other flags.  Raises PlanError(EBADARG)."""
    if mode & ~flags & ~3:
        raise PlanError(EBADARG)
    return mode


async def sys_open(p: Proc, name: str, mode: int) -> int:
    """open(2)."""
    _open_mode(mode, OTRUNC | OCEXEC | ORCLOSE)
    return await _install(p, await p.ns.open(p, name, mode))


async def sys_create(p: Proc, name: str, mode: int, perm: int) -> int:
    """open(2)."""
    _open_mode(mode, OTRUNC | OCEXEC | ORCLOSE | OEXCL)
    return await _install(p, await p.ns.create(p, name, mode, perm))


async def sys_close(p: Proc, fd: int) -> int:
    """open(2)."""
    await p.fds.remove(fd).close()
    return 0


async def sys_dup(p: Proc, old: int, new: int) -> int:
    """dup(2)."""
    c = p.fds.get(old).ref()
    if new == -1:
        return await _install(p, c)
    try:
        replaced = p.fds.install_at(c, new)
    except PlanError:
        await c.close()
        raise
    if replaced is not None:
        await replaced.close()
    if p.fds.exceeded:
        await many_fds(p)
    return new


async def sys_pread(p: Proc, fd: int, buf: int, n: int, offset: int) -> int:
    """read(2); offset -1 uses and moves the one of the open file."""
    p.mem.check(buf, n & _U32, True)
    c = p.fds.get(fd)
    n = min(n, MAX_READ)
    c.refs += 1  # others may close fd meanwhile
    try:
        data = await c.read(p, n, offset)
    finally:
        if c.refs > 1:
            c.refs -= 1
        else:
            await c.close()
    if offset != -1 and p.kernel.dialect.pread_moves and not c.is_dir:
        c.offset += len(data)
    p.mem.write(buf, data[:n])
    return min(len(data), n)


async def sys_pwrite(p: Proc, fd: int, buf: int, n: int, offset: int) -> int:
    """write(2); offset -1 uses and moves the one of the open file."""
    p.mem.check(buf, n & _U32, False)
    c = p.fds.get(fd)
    c.refs += 1
    try:
        if n <= WRITE_PIECE:
            return await c.write(p, p.mem.read(buf, n), offset)
        done = 0
        while done < n:
            piece = p.mem.read(buf + done, min(WRITE_PIECE, n - done))
            count = await c.write(p, piece, offset if offset < 0 else offset + done)
            done += count
            if count < len(piece):
                break
        return done
    finally:
        if c.refs > 1:
            c.refs -= 1
        else:
            await c.close()


async def sys_seek(p: Proc, result: int, fd: int, offset: int, whence: int) -> int:
    """seek(2)."""
    p.mem.check(result, 8, True)
    c = p.fds.get(fd)
    p.mem.write(result, struct.pack("<q", await hold(c, c.seek(p, offset, whence))))
    return 0


async def sys_pipe(p: Proc, where: int) -> int:
    """pipe(2)."""
    p.mem.check(where, 8, True)
    if where & 3:
        raise OddAddress
    near, far = await p.kernel.pipe(p.user)
    try:
        first = p.fds.install(near)
    except PlanError:
        await near.close()
        await far.close()
        raise
    try:
        second = p.fds.install(far)
    except PlanError:
        await p.fds.remove(first).close()
        await far.close()
        raise
    p.mem.write(where, struct.pack("<2i", first, second))
    return 0


def sys_fd2path(p: Proc, fd: int, buf: int, n: int) -> int:
    """fd2path(2)."""
    p.mem.check(buf, n & _U32, True)
    path = p.fds.get(fd).path
    p.mem.put_string(buf, n, path.encode("utf-8", "surrogateescape"))
    return 0


# Attributes

def _put_stat(p: Proc, d: Dir, buf: int, n: int) -> int:
    record = d.pack()
    if len(record) > n:
        record = record[:2]
    p.mem.write(buf, record)
    return len(record)


def _stat_room(p: Proc, buf: int, n: int) -> None:
    p.mem.check(buf, n & _U32, True)
    if n < 2:
        raise PlanError(ESHORTSTAT)


async def sys_stat(p: Proc, name: str, buf: int, n: int) -> int:
    """stat(2)."""
    _stat_room(p, buf, n)
    return _put_stat(p, await p.ns.stat(p, name), buf, n)


async def sys_fstat(p: Proc, fd: int, buf: int, n: int) -> int:
    """stat(2)."""
    _stat_room(p, buf, n)
    c = p.fds.get(fd)
    d = await hold(c, c.stat(p))
    if p.kernel.dialect.fstat_by_path:
        d.name = c.name
    elif c.is_dir and c.server.dc != "M":
        d.name = c.name or "/"  # folders of devices have no names of their own
    return _put_stat(p, d, buf, n)


def _record(p: Proc, buf: int, n: int) -> bytes:
    p.mem.check(buf, n & _U32, False)
    if n > STAT_MAX:
        raise PlanError(EBADSTAT)
    return p.mem.read(buf, n)


async def sys_wstat(p: Proc, name: str, buf: int, n: int) -> int:
    """stat(2)."""
    change = unpack_change(_record(p, buf, n))
    c = await p.ns.access(p, name)
    try:
        await c.wstat(p, change)
    finally:
        await c.close()
    return n


async def sys_fwstat(p: Proc, fd: int, buf: int, n: int) -> int:
    """stat(2)."""
    change = unpack_change(_record(p, buf, n))
    c = p.fds.get(fd)
    if c.is_channel:
        raise PlanError(EBADUSEFD)
    await hold(c, c.wstat(p, change))
    return n


# Names

async def sys_remove(p: Proc, name: str) -> int:
    """remove(2)."""
    await p.ns.remove(p, name)
    return 0


async def sys_chdir(p: Proc, name: str) -> int:
    """chdir(2)."""
    new = await p.ns.dir(p, name)
    old, p.dot = p.dot, new
    await old.close()
    return 0


async def sys_bind(p: Proc, name: str, old: str, flag: int) -> int:
    """bind(2)."""
    number = await p.ns.bind(p, name, old, flag)
    return number if p.kernel.dialect.bind_numbers else 0


async def sys_unmount(p: Proc, name: str | None, old: str) -> int:
    """bind(2)."""
    await p.ns.unmount(p, name, old)
    return 0


def _channel(p: Proc, fd: int) -> Chan:
    """The open file, fit to carry 9P.  Raises PlanError(EBADUSEFD)."""
    c = p.fds.get(fd)
    if c.mode != ORDWR or c.is_dir:
        raise PlanError(EBADUSEFD)
    return c


async def sys_mount(p: Proc, fd: int, afd: int, old: str, flag: int, aname: str | None) -> int:
    """bind(2).  Closes fd when it succeeds."""
    if flag & ~0o27 or flag & 3 == 3:
        raise PlanError(EBADARG)
    if aname and BAD_CHARS(aname):
        raise PlanError(f"{EBADCHAR}: {quote(aname)}")
    if p.ns.noattach or "M" in p.ns.denied:
        raise PlanError(ENOATTACH)
    c = _channel(p, fd)
    auth = None if afd < 0 else _channel(p, afd)
    if not old:
        raise PlanError(EEMPTYNAME)

    async def mount() -> int:
        server = await p.kernel.mount_server(p, c, auth)
        if flag & MCACHE and isinstance(server, Tree):
            server.cached = True
        return await p.ns.mount(p, server, old, flag, aname or "", c)

    work = mount() if auth is None else hold(auth, mount())
    mounted = await hold(c, work)
    with contextlib.suppress(PlanError):  # another process may have closed it
        await p.fds.remove(fd).close()
    return mounted if p.kernel.dialect.bind_numbers else 0


async def sys_fauth(p: Proc, fd: int, aname: str) -> int:
    """fauth(2)."""
    c = _channel(p, fd)
    ac = await hold(c, p.kernel.mnt.auth(p, c, aname))
    ac.cexec = True
    return await _install(p, ac)


async def sys_fversion(p: Proc, fd: int, msize: int, version: int, n: int) -> int:
    """fversion(2)."""
    p.mem.check(version, n & _U32, True)
    if n <= 0 or msize < 0:
        raise PlanError(EBADARG)
    asked, end, _ = p.mem.read(version, min(n, VERSION_MAX)).partition(b"\0")
    if not end:
        raise PlanError(EBADARG)
    c = _channel(p, fd)
    wanted = asked.decode("utf-8", "replace")
    agreed = await hold(c, p.kernel.mnt.version(p, c, msize, wanted))
    answer = agreed.encode()
    if len(answer) > n:
        raise PlanError(ESHORT)
    p.mem.write(version, answer)
    return len(answer)
