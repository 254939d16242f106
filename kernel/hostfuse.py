"""Raw: the FUSE door on /dev/fuse itself, in the kernel's thread.

Requests are taken when the poller says so; one that needs no waiting is answered before the
next is read, any other is a task, so that blocked readers cost no thread and FUSE_INTERRUPT
wakes them.  Source: fuse(4); fs/fuse/session.py.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.errors import PlanError
from vx9.fs.fuse.attr import Look
from vx9.fs.fuse.door import Door
from vx9.fs.fuse.session import REQUEST_MOST, Pieces, Session
from vx9.fs.hostninep import MSIZE
from vx9.kernel import hostninep
from vx9.kernel.devhost import Host
from vx9.kernel.export import Export, export

if TYPE_CHECKING:
    from vx9.fs.hostlinks import Hidden
    from vx9.fs.server import Fid
    from vx9.kernel.chan import Chan
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.mountrpc import Connection
    from vx9.kernel.proc import Proc
    from vx9.kernel.sched import Task

log = logging.getLogger(__name__)

HIDE: Final = "hide!"
BATCH: Final = 16  # requests before the rest of the kernel has a turn


class _Runner:
    """Runs requests at once, as far as they come without sleeping."""

    def __init__(self, kernel: Kernel) -> None:
        self.spawn: Callable[[Coroutine[Any, Any, Any], str], Task] = kernel.sched.start
        self.interrupt = kernel.sched.interrupt


class Raw:
    """A mounted descriptor of /dev/fuse, served until it is unmounted."""

    def __init__(self, kernel: Kernel, door: Door, fd: int, cache: float,
                 ended: Callable[[], None]) -> None:
        self.kernel = kernel
        self.door = door
        self.fd = fd
        self.ended = ended
        self.session = Session(door, self._send, _Runner(kernel), cache)
        self._room = bytearray(REQUEST_MOST)
        self._view = memoryview(self._room)
        self._into = [self._room]
        self._open = True

    def start(self) -> None:
        """Serve from now on."""
        self.kernel.host.attend(self.fd, self._take)

    def _take(self) -> None:
        """What the kernel asks."""
        readv, fd, into, view, feed = os.readv, self.fd, self._into, self._view, self.session.feed
        for _ in range(BATCH):
            try:
                count = readv(fd, into)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):  # the asker is gone already
                    continue
                if error.errno != errno.ENODEV:
                    log.error("FUSE: %s", error)
                self._end()
                return
            feed(view[:count])
            if self.session.ended:
                self._end()
                return

    def _send(self, pieces: Pieces) -> None:
        try:
            os.writev(self.fd, pieces)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):  # who asked is gone
                log.error("FUSE: answer: %s", error)

    def _end(self) -> None:
        """It is unmounted, and nobody uses it any more."""
        if self._open:
            self._open = False
            self.kernel.host.attend(self.fd, None)
            self.kernel.errors += self.session.errors
            self.session.interrupt_all()
            self.ended()

    async def close(self) -> None:
        """Give everything back."""
        self._end()
        with contextlib.suppress(PlanError):
            await self.door.close()
        os.close(self.fd)


class Offered(Export):
    """What --attach gets: the name space; and where it is mounted is hidden from guests.

    A guest that looked there would have the kernel wait for what the kernel itself must answer.
    """

    def __init__(self, p: Proc, root: Chan, hidden: Hidden) -> None:
        super().__init__(p, root)
        self.hidden = hidden
        self._hiding: dict[Fid, str] = {}

    async def attach(self, uid: str, spec: str) -> Fid:
        """As ever; with HIDE and a path of the host, that is hidden until the clunk."""
        path = spec.removeprefix(HIDE)
        if path == spec:
            return await super().attach(uid, spec)
        fid = await super().attach(uid, "")
        try:
            self.hidden.add(path)
        except (OSError, ValueError):
            await self.clunk(fid)
            raise PlanError(f"{path}: its folder is not there") from None
        self._hiding[fid] = path
        return fid

    async def clunk(self, fid: Fid) -> None:
        """Show again what was hidden."""
        path = self._hiding.pop(fid, None)
        if path is not None:
            self.hidden.remove(path)
        await super().clunk(fid)


async def offer(kernel: Kernel) -> Offered:
    """The name space of the kernel for those who attach to it."""
    device = kernel.devices["U"]
    assert isinstance(device, Host)
    return Offered(kernel.boot, await kernel.boot.ns.dir(kernel.boot, "/"), device.hidden)


async def door(kernel: Kernel, tree: str, uid: int, gid: int) -> Door:
    """A door to the kernel's name space from the folder tree down.  Raises PlanError."""
    server = await export(kernel.boot, tree)
    return Door(server, await server.attach(kernel.user, ""), Look(kernel.user, uid, gid))


async def far_door(kernel: Kernel, sock: socket.socket, name: str, uid: int,
                   gid: int, ended: Callable[[], None]) -> tuple[Door, Chan]:
    """A door to what a 9P server shows on a socket, and the Chan to close after it.

    ended is called when the server is gone.
    """
    boot = kernel.boot
    c = hostninep.Socket(kernel, sock).chan(f"#s/{name}")
    try:
        await kernel.mnt.version(boot, c, MSIZE)
        server = await kernel.mnt.tree(boot, c, None, MSIZE)
        root = await server.attach(kernel.user, "")
        d = await server.stat(root)
    except BaseException:
        await c.close()
        raise
    async def watch() -> None:
        await connection.hung_up()
        ended()

    connection: Connection = c.mux
    kernel.sched.spawn(watch(), "attached")
    return Door(server, root, Look(d.uid, uid, gid)), c
