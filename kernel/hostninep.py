"""9P between the kernel and the host: sockets that a name space is served on, or mounted from.

Each connection has two tasks, one that reads and one that sends; requests are tasks of their
own, so one that waits keeps none waiting.  Sockets are made before vx9's walls go up and are
given here.  Source: exportfs(4), import(4), listen(8).
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from vx9.fs import hostninep
from vx9.fs.dir import ORDWR, Dir, Qid
from vx9.fs.errors import EHUNGUP, PlanError
from vx9.fs.hostninep import CHUNK
from vx9.fs.ninep.auth import CHALLENGE, PROOF, Auth, Prover
from vx9.fs.ninep.server import Limits, Session
from vx9.fs.server import Fid, FileServer, Refuser
from vx9.kernel import devtab
from vx9.kernel.chan import Chan
from vx9.kernel.devsrv import Srv
from vx9.kernel.namespace import MCACHE, MCREATE, MREPL
from vx9.kernel.sched import Rendez, Timer

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.sched import Task

log = logging.getLogger(__name__)

CONNECTIONS: Final = 64
STALL_MS: Final = 30_000.0  # to finish a message once begun
STRANGER_MS: Final = 60_000.0  # to attach
GRACE_MS: Final = 10_000.0  # for what is under way when the client says no more
_PIECE: Final = 1 << 20  # bytes given to the host at a time
_SMALL: Final = 16384  # bytes that are cheaper copied together than sent in pieces
_VECTORS: Final = 64  # pieces given at a time


class Line:
    """A host socket, for tasks."""

    def __init__(self, kernel: Kernel, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.host = kernel.host
        self.sock = sock
        self.edges = self.host.edges(sock.fileno())

    async def recv(self, count: int = CHUNK) -> bytes:
        """What has come, at least a byte; b"" at the end.  Raises PlanError when interrupted."""
        edges = self.edges
        while True:
            try:
                return self.sock.recv(count)
            except BlockingIOError:
                edges.can_read = False
                await edges.readers.sleep(lambda: edges.can_read)
            except OSError:
                return b""

    async def send(self, pieces: list[bytes]) -> None:
        """All pieces, in order.  Raises PlanError."""
        done = 0
        if len(pieces) > 1 and sum(map(len, pieces)) > _SMALL:
            # Not copied together when the host takes them as they are.
            try:
                done = self.sock.sendmsg(pieces[:_VECTORS])
            except BlockingIOError:
                done = 0
            except OSError:
                raise PlanError(EHUNGUP) from None
            while pieces and done >= len(pieces[0]):
                done -= len(pieces[0])
                del pieces[0]
        left = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))[done:]
        edges = self.edges
        while left:
            try:
                left = left[self.sock.send(left[:_PIECE]) :]
            except BlockingIOError:
                edges.can_write = False
                await edges.writers.sleep(lambda: edges.can_write)
            except OSError:
                raise PlanError(EHUNGUP) from None

    def shut(self) -> None:
        """End it, so that whoever waits for it learns."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give it back."""
        if self.sock.fileno() >= 0:
            self.host.no_edges(self.sock.fileno())
        self.sock.close()


class _Connection:
    """A client of a Service."""

    def __init__(self, service: Service, sock: socket.socket) -> None:
        kernel = service.kernel
        self.service = service
        self.line = Line(kernel, sock)
        self.sched = kernel.sched
        self.session = Session(service.server, kernel.sched, auth=service.auth,
                               limits=service.limits, wake=self._wake,
                               now=kernel.clock.seconds, owner=kernel.eve)
        self.more = Rendez()  # something to send, room for more, or the end
        self._alarms: dict[str, Timer] = {}
        self.tasks = [self.sched.spawn(self._read(), "9P receiver"),
                      self.sched.spawn(self._write(), "9P sender")]

    def _wake(self) -> None:
        self.more.wakeup()
        self.line.edges.readers.wakeup()

    def _watch(self, what: str, ms: float, still: Callable[[], bool]) -> None:
        """Hang up in ms, if still holds then; unless that is being watched already."""
        def look() -> None:
            del self._alarms[what]
            if still():
                log.info("9P: %s", what)
                self.line.shut()

        if what not in self._alarms:
            self._alarms[what] = self.sched.after(ms, look)

    def _watch_message(self, taken: int) -> None:
        """A message has begun; it must end."""
        session = self.session

        def stalled() -> bool:
            if session.waiting and session.taken != taken:
                self._watch_message(session.taken)  # another one
            return bool(session.waiting) and session.taken == taken

        self._watch("stalled", STALL_MS, stalled)

    async def _read(self) -> None:
        session, line, edges = self.session, self.line, self.line.edges
        self._watch("never attached", STRANGER_MS, lambda: not session.attached)
        try:
            while data := await line.recv():
                session.feed(data)
                if session.broken:
                    break
                if session.waiting:
                    self._watch_message(session.taken)
                if not session.wants_input:
                    await edges.readers.sleep(
                        lambda: session.wants_input or session.broken or edges.ended)
            if session.busy and not session.broken and not edges.gone:
                # It may only have said that it asks no more.
                await self.sched.tsleep(self.more, lambda: not session.busy, GRACE_MS)
        except PlanError:
            pass
        finally:
            for alarm in self._alarms.values():
                self.sched.cancel(alarm)
            session.close()
            self.more.wakeup()

    async def _write(self) -> None:
        session, line, edges = self.session, self.line, self.line.edges
        try:
            while not session.closed or session.has_output:
                await self.more.sleep(lambda: session.has_output or session.closed)
                out = session.take()
                edges.readers.wakeup()  # there is room again
                if out:
                    await line.send(out)
                if session.broken and not session.has_output:
                    line.shut()
        except PlanError:
            line.shut()
            await self.more.sleep(lambda: session.closed)
        finally:
            line.close()
            self.service.kernel.errors += session.errors
            self.service.connections.discard(self)


class Service:
    """A FileServer for whoever connects to a listening socket."""

    def __init__(self, kernel: Kernel, server: FileServer, auth: Auth | None = None,
                 limits: Limits | None = None) -> None:
        self.kernel = kernel
        self.server = server
        self.auth = auth
        self.limits = limits if limits is not None else Limits()
        self.connections: set[_Connection] = set()

    def start(self, listener: socket.socket) -> Task:
        """Take connections from now on."""
        listener.setblocking(False)
        return self.kernel.sched.spawn(self._accept(listener), "9P listener")

    async def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                await self.kernel.host.readable(listener.fileno())
                try:
                    sock = hostninep.accept(listener)
                except OSError as error:
                    log.info("9P: accept: %s", error)
                    await self.kernel.sched.sleep_ms(10)
                    continue
                if len(self.connections) >= CONNECTIONS:
                    log.info("9P: more than %d connections", CONNECTIONS)
                    sock.close()
                elif self.auth is None and not hostninep.ours(sock):
                    log.info("9P: a connection of another user's")
                    sock.close()
                else:
                    self.take(sock)

    def take(self, sock: socket.socket) -> _Connection:
        """Serve one connection."""
        connection = _Connection(self, sock)
        self.connections.add(connection)
        return connection


class Socket(Refuser):
    """The one file that a host socket is inside the kernel, open already."""

    dc = "|"

    def __init__(self, kernel: Kernel, sock: socket.socket) -> None:
        self.line = Line(kernel, sock)
        self.eve = kernel.eve
        self.now = kernel.clock.seconds

    def chan(self, name: str) -> Chan:
        """The open file."""
        c = Chan(self, Fid(Qid(1), self.eve, ORDWR), name, 1)
        c.mode = ORDWR
        return c

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """What has come."""
        return await self.line.recv(min(count, CHUNK))

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """All of it."""
        await self.line.send([data])
        return len(data)

    async def stat(self, fid: Fid) -> Dir:
        """What can be said of a socket."""
        now = self.now()
        return Dir(fid.qid, 0o600, now, now, 0, "data", self.eve, self.eve, self.eve, ord("|"))

    async def clunk(self, fid: Fid) -> None:
        """Hang up."""
        self.line.shut()
        self.line.close()


async def mount(kernel: Kernel, sock: socket.socket, name: str, guest: str, tree: str = "",
                key: bytes | None = None, msize: int = hostninep.MSIZE) -> None:
    """Mount what a server on the host serves at guest, and post it as name in #s."""
    boot, srv = kernel.boot, kernel.devices["s"]
    assert isinstance(srv, Srv)
    c = Socket(kernel, sock).chan(f"#s/{name}")
    try:
        await devtab.make_place(kernel, guest, True)
        await kernel.mnt.version(boot, c, msize)
        ac = None if key is None else await _prove(kernel, c, tree, key)
        try:
            server = await kernel.mnt.tree(boot, c, ac, msize)
            server.cached = True
            await boot.ns.mount(boot, server, guest, MREPL | MCREATE | MCACHE, tree, c)
            srv.post(name, kernel.eve, 0o600, c.ref())
        finally:
            if ac is not None:
                await ac.close()
    finally:
        await c.close()


async def _prove(kernel: Kernel, c: Chan, tree: str, key: bytes) -> Chan:
    """A Chan on which we have proved that we know the key."""
    boot = kernel.boot
    prover = Prover(key, kernel.host.random(CHALLENGE), boot.user, tree)
    ac = await kernel.mnt.auth(boot, c, tree)
    try:
        await ac.write(boot, prover.first())
        said = b""
        while len(said) < CHALLENGE + PROOF:
            more = await ac.read(boot, CHALLENGE + PROOF - len(said))
            if not more:
                break
            said += more
        await ac.write(boot, prover.answer(said))
    except BaseException:
        await ac.close()
        raise
    return ac
