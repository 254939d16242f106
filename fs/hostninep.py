"""9P on the host's sockets: addresses, and a server loop for a thread of the caller's.

An address is unix!PATH, tcp!HOST!PORT or stdio.  Source: dial(2), intro(5).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat as mode_bits
import struct
import time
from dataclasses import dataclass
from typing import Any, Final

from .errors import PlanError
from .ninep.request import MSIZE, Limits
from .ninep.server import Session
from .server import FileServer

CHUNK: Final = 256 * 1024  # bytes received at a time
BACKLOG: Final = 64
PORT: Final = "564"  # 9fs
_SMALL: Final = 16384  # bytes that are cheaper copied together than sent in pieces
_VECTORS: Final = 64  # pieces in one sendmsg


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
        return
    size = sum(map(len, pieces))
    if size <= _SMALL:
        sock.sendall(b"".join(pieces))
        return
    for at in range(0, len(pieces), _VECTORS):
        some = pieces[at : at + _VECTORS]
        left = sum(map(len, some)) - sock.sendmsg(some)
        if left:
            sock.sendall(b"".join(some)[-left:])


def serve(sock: socket.socket, server: FileServer, **options: Any) -> Session:
    """Serve one connection until it ends, by a server that never sleeps; the session it was."""
    session = Session(server, limits=Limits(msize=MSIZE), now=lambda: int(time.time()), **options)
    with sock, contextlib.suppress(OSError):
        while not session.broken and (data := sock.recv(CHUNK)):
            session.feed(data)
            if out := session.take():
                send(sock, out)
    session.close()
    return session
