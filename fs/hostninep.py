"""9P on the host's sockets: addresses, a server loop, and a client for Python programs.

An address is unix!PATH, tcp!HOST!PORT or stdio.  `serve` serves one connection with a thread
of the caller's; `Remote` is what a Python program uses a server with:

    with Remote("unix!/tmp/files") as remote:
        print(remote.listdir("/"))
        data = remote.read_file("/notes/today")
        with remote.open("/log", OWRITE) as file:
            file.write(b"done\\n")

Neither reconnects: a connection that broke has lost its fids, and says so.
Source: dial(2), intro(5).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat as mode_bits
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from .dir import OREAD, OTRUNC, OWRITE, QTDIR, Dir, DirChange, pack_change, unpack, unpack_all
from .errors import EMOUNTRPC, ENONEXIST, PlanError
from .ninep import wire
from .ninep.auth import Prover
from .ninep.client import Call, Client
from .ninep.server import Limits, Session
from .ninep.wire import NAMES, NOFID, OVERHEAD
from .server import FileServer

CHUNK: Final = 256 * 1024  # bytes received at a time
MSIZE: Final = 128 * 1024 + OVERHEAD
AHEAD: Final = 8  # requests under way for one file that is read or written in sequence
BACKLOG: Final = 64
PORT: Final = "564"  # 9fs
_VECTORS: Final = 512  # pieces in one sendmsg


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    kind: str  # unix, tcp or stdio
    host: str = ""  # of tcp; the path of unix
    port: str = ""

    def __str__(self) -> str:
        return "!".join(part for part in (self.kind, self.host, self.port) if part)


def parse(text: str) -> Address:
    """An address from its text.  Raises PlanError."""
    kind, *rest = text.split("!")
    if kind == "stdio" and not rest:
        return Address("stdio")
    if kind == "unix" and len(rest) == 1 and rest[0]:
        return Address("unix", rest[0])
    if kind == "tcp" and len(rest) in (1, 2) and all(rest):
        return Address("tcp", rest[0], rest[1] if len(rest) == 2 else PORT)
    raise PlanError(f"{text}: no address; write unix!PATH, tcp!HOST!PORT or stdio")


def _failed(address: Address, error: OSError) -> PlanError:
    return PlanError(f"{address}: {error.strerror or error}")


def _resolve(address: Address) -> list[tuple[Any, ...]]:
    try:
        return socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _failed(address, error) from None


def dial(address: Address, timeout: float | None = 30.0) -> socket.socket:
    """A connection to address.  Raises PlanError."""
    if address.kind == "stdio":
        raise PlanError("stdio: nothing can be dialled there; name a unix! or tcp! address")
    if address.kind == "unix":
        places = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", address.host)]
    else:
        places = _resolve(address)
    failure: OSError | None = None
    for family, kind, protocol, _, place in places:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(timeout)
            sock.connect(place)
            sock.settimeout(None)
            _prepare(sock)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise _failed(address, failure or OSError("no such host"))


def _prepare(sock: socket.socket) -> None:
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def listen(address: Address, secret: bool) -> socket.socket:
    """A socket that listens there; without a shared secret only where none but we can come.

    A unix socket is for our user alone.  Raises PlanError.
    """
    if address.kind == "unix":
        return _listen_unix(address)
    family, kind, protocol, _, place = _resolve(address)[0]
    if not secret and not ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback:
        raise PlanError(f"{address}: others could reach it, and nobody would have to prove who "
                        "they are; give --key FILE, or listen on 127.0.0.1")
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _failed(address, error) from None
    return sock


def _listen_unix(address: Address) -> socket.socket:
    path = address.host
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.lexists(path) and mode_bits.S_ISSOCK(os.lstat(path).st_mode):
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
                    other.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)  # of a server that is gone
        old = os.umask(0o177)
        try:
            sock.bind(path)
        finally:
            os.umask(old)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _failed(address, error) from None
    return sock


def bound(sock: socket.socket, address: Address) -> Address:
    """The address that a listening socket really has: port 0 is any."""
    if address.kind != "tcp":
        return address
    return Address("tcp", address.host, str(sock.getsockname()[1]))


def ours(sock: socket.socket) -> bool:
    """Whether the peer of a unix connection is our own user, or root."""
    if sock.family != socket.AF_UNIX:
        return True
    peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid = struct.unpack("3i", peer)[1]
    return uid in (0, os.geteuid())


def accept(listener: socket.socket) -> socket.socket:
    """The next connection.  Raises OSError."""
    sock, _ = listener.accept()
    _prepare(sock)
    return sock


def send(sock: socket.socket, pieces: list[bytes]) -> None:
    """All pieces, in order.  Raises OSError."""
    if len(pieces) == 1:
        sock.sendall(pieces[0])
    elif sum(map(len, pieces)) <= CHUNK:
        sock.sendall(b"".join(pieces))
    else:
        for piece in pieces:
            sock.sendall(piece)


def serve(sock: socket.socket, server: FileServer, **options: Any) -> Session:
    """Serve one connection until it ends, by a server that never sleeps; the session it was."""
    session = Session(server, limits=Limits(msize=MSIZE), **options)
    with contextlib.suppress(OSError):
        while not session.broken and (data := sock.recv(CHUNK)):
            session.feed(data)
            if out := session.take():
                send(sock, out)
    session.close()
    return session


class RemoteFile:
    """An open file of a Remote; reading and writing move its offset."""

    def __init__(self, remote: Remote, fid: int, qid: Any, iounit: int) -> None:
        self._remote = remote
        self._fid = fid
        self.qid = qid
        self.offset = 0
        most = remote.msize - OVERHEAD
        self.iounit = iounit if 0 < iounit < most else most

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file up."""
        fid, self._fid = self._fid, NOFID
        if fid != NOFID:
            self._remote.clunk(fid)

    def read(self, count: int = -1) -> bytes:
        """At most count bytes, all that is left when it is negative; b"" at the end."""
        if count < 0:
            return b"".join(self.pieces())
        ask = min(count, self.iounit)
        data: bytes = self._remote.rpc(wire.Tread, self._fid, self.offset, ask).data[:ask]
        self.offset += len(data)
        return data

    def pieces(self) -> Iterator[bytes]:
        """What is left of the file, with several requests under way; for plain files."""
        remote, size = self._remote, self.iounit
        under_way: deque[Call] = deque()
        ask = self.offset
        try:
            while True:
                while len(under_way) < AHEAD:
                    under_way.append(remote.client.call(wire.Tread, self._fid, ask, size))
                    ask += size
                data = remote.wait(under_way.popleft()).data[:size]
                self.offset += len(data)
                if data:
                    yield data
                if len(data) < size:
                    if not data:
                        return
                    # Short, and not the end: what was asked for ahead lies beyond a gap.
                    self._drain(under_way)
                    ask = self.offset
        finally:
            self._drain(under_way)

    def _drain(self, under_way: deque[Call]) -> None:
        while under_way:
            with contextlib.suppress(PlanError):
                self._remote.wait(under_way.popleft())

    def write(self, data: bytes) -> int:
        """All of data, with several requests under way.  Raises PlanError."""
        remote, size = self._remote, self.iounit
        under_way: deque[tuple[Call, int]] = deque()
        at = 0
        try:
            while at < len(data) or under_way:
                if at < len(data) and len(under_way) < AHEAD:
                    part = data[at : at + size]
                    under_way.append((remote.client.call(
                        wire.Twrite, self._fid, self.offset + at, part), len(part)))
                    at += len(part)
                else:
                    call, length = under_way.popleft()
                    if remote.wait(call).count != length:
                        raise PlanError("the server did not take all of it")
        finally:
            self._drain(deque(call for call, _ in under_way))
        self.offset += len(data)
        return len(data)

    def stat(self) -> Dir:
        """What is known of the file."""
        return unpack(self._remote.rpc(wire.Tstat, self._fid).stat)


class Remote:
    """A connection to a 9P2000 server, attached to one of its trees."""

    def __init__(self, address: str | socket.socket, *, user: str = "none", tree: str = "",
                 key: bytes | None = None, msize: int = MSIZE) -> None:
        sock = address if isinstance(address, socket.socket) else dial(parse(address))
        self._sock = sock
        self.client = Client()
        try:
            self.client.agree(self._wait_end(self.client.ask_version(msize)))
            afid = NOFID if key is None else self._authenticate(key, user, tree)
            self._root = self.client.new_fid()
            self.rpc(wire.Tattach, self._root, afid, user, tree)
            if afid != NOFID:
                self.clunk(afid)
        except BaseException:
            sock.close()
            raise

    @property
    def msize(self) -> int:
        """The longest message agreed on."""
        return self.client.msize

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
        self.client.hangup(EMOUNTRPC)

    # Messages

    def _wait_end(self, call: Call) -> Call:
        client, sock = self.client, self._sock
        try:
            while not call.done:
                if out := client.take():
                    send(sock, out)
                client.feed(sock.recv(CHUNK))
        except OSError as error:
            client.hangup(f"{EMOUNTRPC}: {error.strerror or error}")
        return call

    def wait(self, call: Call) -> Any:
        """The answer of a Call.  Raises PlanError."""
        return self._wait_end(call).result()

    def rpc(self, kind: type, *fields: Any) -> Any:
        """Ask and wait.  Raises PlanError."""
        return self.wait(self.client.call(kind, *fields))

    def clunk(self, fid: int) -> None:
        """End a fid."""
        with contextlib.suppress(PlanError):
            self.rpc(wire.Tclunk, fid)
        self.client.free_fid(fid)

    def _authenticate(self, key: bytes, user: str, tree: str) -> int:
        prover = Prover(key, os.urandom(32), user, tree)
        afid = self.client.new_fid()
        self.rpc(wire.Tauth, afid, user, tree)
        self.rpc(wire.Twrite, afid, 0, prover.first())
        said = b""
        while len(said) < 64 and (more := self.rpc(wire.Tread, afid, 0, 64 - len(said)).data):
            said += more
        self.rpc(wire.Twrite, afid, 0, prover.answer(said))
        return afid

    def walk(self, path: str) -> int:
        """A fid for path; the caller ends it.  Raises PlanError."""
        names = [name for name in path.split("/") if name and name != "."]
        fid = self.client.new_fid()
        start = self._root
        while True:
            run, names = names[:NAMES], names[NAMES:]
            try:
                got = self.rpc(wire.Twalk, start, fid, tuple(run))
                if len(got.wqid) < len(run):
                    raise PlanError(ENONEXIST)
            except PlanError:
                if start == fid:
                    self.clunk(fid)
                else:
                    self.client.free_fid(fid)
                raise
            if not names:
                return fid
            start = fid

    def _with(self, path: str, do: Callable[[int], Any]) -> Any:
        fid = self.walk(path)
        try:
            return do(fid)
        finally:
            self.clunk(fid)

    # Files

    def open(self, path: str, mode: int = OREAD) -> RemoteFile:
        """An open file.  Raises PlanError."""
        fid = self.walk(path)
        try:
            answer = self.rpc(wire.Topen, fid, mode)
        except PlanError:
            self.clunk(fid)
            raise
        return RemoteFile(self, fid, answer.qid, answer.iounit)

    def create(self, path: str, perm: int = 0o666, mode: int = OWRITE) -> RemoteFile:
        """A new file, open.  Raises PlanError when there is one."""
        folder, _, name = path.rstrip("/").rpartition("/")
        fid = self.walk(folder)
        try:
            answer = self.rpc(wire.Tcreate, fid, name, perm, mode)
        except PlanError:
            self.clunk(fid)
            raise
        return RemoteFile(self, fid, answer.qid, answer.iounit)

    def read_file(self, path: str) -> bytes:
        """All of a file."""
        with self.open(path) as file:
            return file.read()

    def write_file(self, path: str, data: bytes, perm: int = 0o666) -> None:
        """Make path hold data, whether it was there or not."""
        try:
            file = self.open(path, OWRITE | OTRUNC)
        except PlanError:
            file = self.create(path, perm)
        with file:
            file.write(data)

    def listdir(self, path: str = "/") -> list[Dir]:
        """The entries of a folder.  Raises PlanError."""
        entries: list[Dir] = []
        with self.open(path) as file:
            if not file.qid.type & QTDIR:
                raise PlanError("not a directory")
            while data := file.read(file.iounit):
                entries += unpack_all(data)
        return entries

    def stat(self, path: str) -> Dir:
        """What is known of a file."""
        return unpack(self._with(path, lambda fid: self.rpc(wire.Tstat, fid)).stat)

    def wstat(self, path: str, change: DirChange) -> None:
        """Change what is known of a file."""
        self._with(path, lambda fid: self.rpc(wire.Twstat, fid, pack_change(change)))

    def rename(self, path: str, name: str) -> None:
        """Another name in the same folder."""
        self.wstat(path, DirChange(name=name))

    def mkdir(self, path: str, perm: int = 0o777) -> None:
        """A new folder."""
        self.create(path, 0x80000000 | perm, OREAD).close()

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder."""
        fid = self.walk(path)
        try:
            self.rpc(wire.Tremove, fid)
        finally:
            self.client.free_fid(fid)


__all__: Sequence[str] = ("Address", "Remote", "RemoteFile", "accept", "bound", "dial", "listen",
                          "ours", "parse", "send", "serve")
