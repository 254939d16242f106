"""Session: the kernel's side of the FUSE protocol, without /dev/fuse.

feed() takes one request, the answers go to `send`, each as pieces of bytes to be written at
once.  A request that sleeps is a task of the runner, and FUSE_INTERRUPT interrupts it, as a
note does in the guest.  What the kernel would never send is answered with an error, never
trusted: it may be another program.  Source: linux/fuse.h; fs/fuse/wire.py.
"""

from __future__ import annotations

import errno
import logging
import stat
from collections.abc import Callable, Coroutine
from typing import Any, Final

from ..dir import DMDIR, Dir
from ..errnos import Errnos
from ..errors import PlanError
from ..ninep.request import Inline, Runner
from . import wire
from .attr import direct, ino, plain
from .door import Door
from .files import Change, raw_name
from .nodes import Node
from .wire import ANSWER, ATTR, ATTR_OUT, DIRENT, ENTRY, HEADER, OPS, BadRequest, Op

log = logging.getLogger(__name__)

Pieces = tuple[bytes, ...]
Handler = Callable[["Session", Node, tuple[int, ...], Any], Coroutine[Any, Any, Pieces]]
WRITE_MOST: Final = 1 << 20
PAGES: Final = WRITE_MOST // 4096
REQUEST_MOST: Final = WRITE_MOST + 8192  # of room to read a request into
BACKGROUND: Final = 64
REQUESTS: Final = 1 << 16  # under way; the kernel asks for far fewer
OLD: Final = errno.EPROTO
_DT_DIR: Final = 4
_DT_REG: Final = 8
_EMPTY: Final[Pieces] = ()


class Session:
    """One connection to the kernel."""

    def __init__(self, door: Door, send: Callable[[Pieces], None], runner: Runner | None = None,
                 cache: float = 1.0) -> None:
        self.door = door
        self.send = send
        self.runner = runner if runner is not None else Inline()
        self.flags = 0  # agreed on by INIT
        self.minor = 0  # 0: nothing agreed on
        self.ended = False  # by DESTROY
        self.errors = 0  # unexpected exceptions
        self.served = 0
        self._cache = (int(cache), int(cache % 1 * 1e9))
        self._errnos = Errnos()
        self._tasks: dict[int, Any] = {}

    @property
    def busy(self) -> int:
        """Requests under way."""
        return len(self._tasks)

    def feed(self, message: bytes | memoryview) -> None:
        """One request."""
        if len(message) < HEADER.size:
            log.warning("FUSE: a request of %d bytes", len(message))
            return
        length, number, unique, node, *_ = HEADER.unpack_from(message)
        op = OPS.get(number)
        if op is None:
            self._fail(unique, errno.ENOSYS)
        elif length != len(message) or len(message) < HEADER.size + op.fixed.size:
            self._fail(unique, errno.EINVAL)
        elif op.answer:
            self._fail(unique, op.answer)
        else:
            fields = op.fixed.unpack_from(message, HEADER.size)
            body = message[HEADER.size + op.fixed.size :]
            now = _AT_ONCE.get(op.name)
            if now is not None:
                now(self, unique, node, fields, body)
            elif not self.minor or unique in self._tasks or len(self._tasks) >= REQUESTS:
                self._fail(unique, errno.EIO)
            else:
                self._begin(op, unique, node, fields, body)

    def _begin(self, op: Op, unique: int, node: int, fields: tuple[int, ...], body: Any) -> None:
        coro = self._run(op, unique, node, fields, bytes(body))
        self._tasks[unique] = None
        task = self.runner.spawn(coro, op.name)
        if unique in self._tasks:
            self._tasks[unique] = task

    async def _run(self, op: Op, unique: int, number: int, fields: tuple[int, ...],
                   body: bytes) -> None:
        """Do it, whatever happens, and answer."""
        failed, pieces = 0, _EMPTY
        try:
            node = self.door.node(number)
            given = wire.names(body, op.names) if op.names else body
            pieces = await _HANDLERS[op.name](self, node, fields, given)
        except PlanError as error:
            failed = self._errnos.of(str(error))
        except OSError as error:
            failed = error.errno or errno.EIO
        except BadRequest:
            failed = errno.EINVAL
        except Exception:
            self.errors += 1
            log.exception("FUSE: %s", op.name)
            failed = errno.EIO
        except BaseException:
            failed = errno.EINTR
            raise
        finally:
            self._tasks.pop(unique, None)
            self.served += 1
            if failed:
                self._fail(unique, failed)
            else:
                size = sum(map(len, pieces))
                self.send((ANSWER.pack(ANSWER.size + size, 0, unique), *pieces))

    def _fail(self, unique: int, number: int) -> None:
        self.send((ANSWER.pack(ANSWER.size, -number, unique),))

    def interrupt_all(self) -> None:
        """Nobody waits for anything any more."""
        for task in list(self._tasks.values()):
            if task is not None:
                self.runner.interrupt(task)

    # Requests that are answered at once, or never

    def _init(self, unique: int, _: int, fields: tuple[int, ...], body: Any) -> None:
        major, minor, readahead, flags = fields
        if major != wire.MAJOR or minor < wire.OLDEST:
            if major > wire.MAJOR:  # it will ask again, as we speak
                out = wire.INIT_OUT.pack(wire.MAJOR, wire.MINOR, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                self.send((ANSWER.pack(ANSWER.size + len(out), 0, unique), out))
                return
            log.error("FUSE: the kernel speaks %d.%d; at least %d.%d is needed", major, minor,
                      wire.MAJOR, wire.OLDEST)
            self._fail(unique, OLD)
            return
        if flags & wire.INIT_EXT and len(body) >= 4:
            flags |= int.from_bytes(body[:4], "little") << 32
        self.flags = flags & wire.WANTED
        self.minor = min(minor, wire.MINOR)
        out = wire.INIT_OUT.pack(
            wire.MAJOR, wire.MINOR, readahead, self.flags & 0xFFFFFFFF, BACKGROUND,
            BACKGROUND * 3 // 4, WRITE_MOST, 1_000_000_000, PAGES, 0, self.flags >> 32)
        self.send((ANSWER.pack(ANSWER.size + len(out), 0, unique), out))

    def _interrupt(self, _unique: int, _node: int, fields: tuple[int, ...], _: Any) -> None:
        task = self._tasks.get(fields[0])
        if task is not None:
            self.runner.interrupt(task)

    def _forget(self, _unique: int, node: int, fields: tuple[int, ...], _: Any) -> None:
        self._forgotten([(node, fields[0])])

    def _forget_many(self, _unique: int, _node: int, fields: tuple[int, ...], body: Any) -> None:
        size = wire.FORGOT.size
        count = min(fields[0], len(body) // size)
        self._forgotten(list(wire.FORGOT.iter_unpack(bytes(body[: count * size]))))

    def _forgotten(self, some: list[tuple[int, int]]) -> None:
        nodes = self.door.nodes

        async def forget() -> None:
            for number, lookups in some:
                node = nodes.by_number.get(number)
                if node is not None and node is not nodes.root:
                    await nodes.forget(node, lookups)

        self.runner.spawn(forget(), "FORGET")

    def _destroy(self, unique: int, _node: int, _fields: tuple[int, ...], _: Any) -> None:
        self.ended = True
        self.send((ANSWER.pack(ANSWER.size, 0, unique),))

    # What is known of files

    def _valid(self, d: Dir) -> tuple[int, int]:
        """How long the kernel may believe it: seconds and nanoseconds.

        Of every folder, for it asks for the rights of each that a path goes through.
        """
        return self._cache if d.mode & DMDIR or plain(d) else (0, 0)

    def _entry(self, node: Node, d: Dir) -> Pieces:
        node.lookups += 1
        s, ns = self._valid(d)
        name_s, name_ns = self._cache if plain(d) else (0, 0)
        return (ENTRY.pack(node.number, 0, name_s, s, name_ns, ns), ATTR.pack(*self.door.attr(node, d)))

    def _attr(self, node: Node, d: Dir) -> Pieces:
        return (ATTR_OUT.pack(*self._valid(d), 0), ATTR.pack(*self.door.attr(node, d)))

    async def lookup(self, node: Node, _: tuple[int, ...], names: list[str]) -> Pieces:
        return self._entry(*await self.door.lookup(node, names[0]))

    async def getattr(self, node: Node, fields: tuple[int, ...], _: Any) -> Pieces:
        flags, _pad, fh = fields
        handle = self.door.handles.get(fh) if flags & wire.GETATTR_FH else None
        return self._attr(node, await self.door.stat(node, handle))

    async def setattr(self, node: Node, fields: tuple[int, ...], _: Any) -> Pieces:
        (valid, _pad, fh, size, _owner, atime, mtime, _ctime, _, _, _, mode, _, uid, gid,
         _) = fields
        handle = self.door.handles.get(fh) if valid & wire.FATTR_FH else None

        def asked(bit: int, value: int) -> int | None:
            return value if valid & bit else None

        await self.door.setattr(node, handle, Change(
            asked(wire.FATTR_MODE, mode & 0o7777), asked(wire.FATTR_UID, uid),
            asked(wire.FATTR_GID, gid), asked(wire.FATTR_SIZE, size),
            asked(wire.FATTR_ATIME, atime & 0xFFFFFFFF), asked(wire.FATTR_MTIME, mtime & 0xFFFFFFFF)))
        return self._attr(node, await self.door.stat(node, handle))

    async def statfs(self, node: Node, _: tuple[int, ...], _body: Any) -> Pieces:
        total, free = await self.door.room(node)
        return (wire.STATFS_OUT.pack(total >> 12, free >> 12, free >> 12, 0, 0, 4096, 255, 4096, 0),)

    # Open files

    async def open(self, node: Node, fields: tuple[int, ...], _: Any) -> Pieces:
        handle = await self.door.open(node, fields[0])
        return (_open_out(handle.number, handle.direct),)

    async def opendir(self, node: Node, _: tuple[int, ...], _body: Any) -> Pieces:
        handle = await self.door.open(node, 0)
        return (_open_out(handle.number, False),)

    async def read(self, _node: Node, fields: tuple[int, ...], _body: Any) -> Pieces:
        fh, offset, size, *_ = fields
        return (await self.door.read(self.door.handle(fh), size, offset),)

    async def write(self, _node: Node, fields: tuple[int, ...], body: bytes) -> Pieces:
        fh, offset, size, *_ = fields
        if size != len(body):
            raise BadRequest("size of a write")
        return (wire.WRITE_OUT.pack(await self.door.write(self.door.handle(fh), body, offset), 0),)

    async def fsync(self, _: Node, fields: tuple[int, ...], _body: Any) -> Pieces:
        await self.door.sync(self.door.handle(fields[0]))
        return _EMPTY

    async def release(self, _: Node, fields: tuple[int, ...], _body: Any) -> Pieces:
        await self.door.release(self.door.handle(fields[0]))
        return _EMPTY

    async def readdir(self, node: Node, fields: tuple[int, ...], _body: Any) -> Pieces:
        return await self._list(node, fields, False)

    async def readdirplus(self, node: Node, fields: tuple[int, ...], _body: Any) -> Pieces:
        return await self._list(node, fields, True)

    async def _list(self, folder: Node, fields: tuple[int, ...], plus: bool) -> Pieces:
        """As many entries from an offset on as there is room for; "." and ".." come first."""
        fh, offset, room, *_ = fields
        handle = self.door.handle(fh)
        if not folder.is_dir:
            raise OSError(errno.ENOTDIR, "no directory")
        entries = await self.door.entries(handle, offset)
        out: list[bytes] = []
        while offset < len(entries) + 2:
            d = entries[offset - 2] if offset >= 2 else None
            name = raw_name(d.name) if d is not None else (b".", b"..")[offset]
            size = (DIRENT.size + len(name) + 7) & ~7
            if plus:
                size += ENTRY.size + ATTR.size
            if size > room:
                break
            room -= size
            offset += 1
            if plus and d is None:
                out.append(bytes(ENTRY.size + ATTR.size))
            elif plus and d is not None:
                node = self.door.nodes.child(handle.node, d.name, d.qid)
                node.direct = direct(d)
                out += self._entry(node, d)
            kind = _DT_DIR if d is None or d.mode & DMDIR else _DT_REG
            number = ino(d) if d is not None else handle.fid.qid[0] + 1
            out.append(DIRENT.pack(number & 0xFFFFFFFFFFFFFFFF, offset, len(name), kind) + name
                       + bytes(-(DIRENT.size + len(name)) % 8))
        return (b"".join(out),)

    # Names

    async def create(self, parent: Node, fields: tuple[int, ...], names: list[str]) -> Pieces:
        node, d, handle = await self.door.create(parent, names[0], fields[0], fields[1])
        return (*self._entry(node, d), _open_out(handle.number, handle.direct))

    async def mknod(self, parent: Node, fields: tuple[int, ...], names: list[str]) -> Pieces:
        return self._entry(*await self.door.make(parent, names[0], fields[0]))

    async def mkdir(self, parent: Node, fields: tuple[int, ...], names: list[str]) -> Pieces:
        mode = fields[0] & 0o7777 | stat.S_IFDIR
        return self._entry(*await self.door.make(parent, names[0], mode))

    async def unlink(self, parent: Node, _: tuple[int, ...], names: list[str]) -> Pieces:
        await self.door.remove(parent, names[0], False)
        return _EMPTY

    async def rmdir(self, parent: Node, _: tuple[int, ...], names: list[str]) -> Pieces:
        await self.door.remove(parent, names[0], True)
        return _EMPTY

    async def rename(self, parent: Node, fields: tuple[int, ...], names: list[str]) -> Pieces:
        await self.door.rename(parent, names[0], self.door.node(fields[0]), names[1], True)
        return _EMPTY

    async def rename2(self, parent: Node, fields: tuple[int, ...], names: list[str]) -> Pieces:
        if fields[1] & ~wire.RENAME_NOREPLACE:
            raise OSError(errno.EINVAL, "no way to exchange files")
        await self.door.rename(parent, names[0], self.door.node(fields[0]), names[1], not fields[1])
        return _EMPTY


def _open_out(handle: int, is_direct: bool) -> bytes:
    return wire.OPEN_OUT.pack(handle, wire.FOPEN_DIRECT_IO if is_direct else 0, 0)


_AT_ONCE: Final = {
    "INIT": Session._init, "INTERRUPT": Session._interrupt, "FORGET": Session._forget,
    "BATCH_FORGET": Session._forget_many, "DESTROY": Session._destroy,
}
_SAME: Final = {"RELEASEDIR": "release", "FSYNCDIR": "fsync"}
_HANDLERS: Final[dict[str, Handler]] = {
    op.name: getattr(Session, _SAME.get(op.name, op.name.lower()))
    for op in OPS.values() if not op.answer and op.name not in _AT_ONCE
}
