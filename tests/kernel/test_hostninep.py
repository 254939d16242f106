"""9P on host sockets, in a real kernel: time limits, floods, a kernel that mounts itself."""

from __future__ import annotations

import socket
import time

import pytest

from vx9.fs.dir import ORDWR, OREAD
from vx9.fs.errors import PlanError
from vx9.fs.hostremote import Remote
from vx9.fs.ninep import wire
from vx9.fs.ninep.auth import SharedKey
from vx9.fs.ninep.server import Limits
from vx9.fs.ramfs import RamFS
from vx9.kernel import export, hostninep
from vx9.kernel.kernel import Kernel

HELLO = (wire.pack(wire.Tversion(wire.NOTAG, 8216, "9P2000"))
         + wire.pack(wire.Tattach(1, 1, wire.NOFID, "u", "")))


@pytest.fixture
def kernel():
    kernel = Kernel()
    kernel.start()
    yield kernel
    kernel.stop()
    assert kernel.errors == 0


@pytest.fixture
def service(kernel):
    return hostninep.Service(kernel, kernel.call(export.export, kernel.boot))


def connect(kernel, service) -> socket.socket:
    near, far = socket.socketpair()
    kernel.call(service.take, far)
    near.settimeout(10)
    return near


def ended(sock: socket.socket) -> bool:
    """Whether the other side hangs up, after whatever it says."""
    while sock.recv(65536):
        pass
    return True


def gone(service) -> bool:
    for _ in range(500):
        if not service.connections:
            return True
        time.sleep(0.01)
    return False


def test_a_message_that_is_never_finished(kernel, service, monkeypatch):
    monkeypatch.setattr(hostninep, "STALL_MS", 50.0)
    with connect(kernel, service) as sock:
        sock.sendall(HELLO + wire.pack(wire.Tstat(1, 1))[:6])
        assert ended(sock)
    with connect(kernel, service) as sock:
        sock.sendall(HELLO + b"\xff\x1f")
        for byte in bytes(100):  # slowly
            try:
                sock.send(bytes([byte]))
            except OSError:
                break
            time.sleep(0.005)
        assert ended(sock)
    assert gone(service)


def test_a_client_that_never_attaches(kernel, service, monkeypatch):
    monkeypatch.setattr(hostninep, "STRANGER_MS", 50.0)
    with connect(kernel, service) as sock, connect(kernel, service) as other:
        other.sendall(HELLO)
        assert ended(sock)
        other.sendall(wire.pack(wire.Tstat(1, 1)))
        assert other.recv(8192)
    assert gone(service)


def test_a_client_that_only_asks_is_not_read_from(kernel, service):
    service.limits = Limits(bytes=100_000)
    with connect(kernel, service) as sock:
        sock.sendall(HELLO)
        sock.settimeout(0.3)
        ask, sent = wire.pack(wire.Tstat(1, 1)) * 100, 0
        with pytest.raises(TimeoutError):  # noqa: PT012 - one of many
            while sent < 100 << 20:
                sent += sock.send(ask)
        connection, = service.connections
        assert connection.session._out_size + connection.session._size < 10 << 20
        with connect(kernel, service) as other:
            other.sendall(HELLO)
            assert other.recv(100)
        sock.settimeout(10)
        assert len(sock.recv(100000)) > 1000
    assert gone(service)


def test_large_answers(kernel, service):
    fs = RamFS(kernel.user)
    fs.put("big", bytes(range(256)) * 40000)
    fs.dev = 99
    kernel.call(kernel.boot.ns.mount, kernel.boot, fs, "/n", 4)
    with Remote(connect(kernel, service), user="u") as remote:
        assert remote.read_file("/n/big") == bytes(range(256)) * 40000
        remote.write_file("/n/copy", bytes(range(256)) * 40000)
    assert bytes(fs.root.children["copy"].data) == bytes(range(256)) * 40000


def test_a_kernel_that_mounts_itself(kernel, service):
    """Twice over: each request goes through the socket once for each mount that it crosses."""
    near, far = socket.socketpair()
    kernel.call(service.take, far)
    kernel.call(hostninep.mount, kernel, near, "self", "/mnt")
    boot = kernel.boot

    def contents(path):
        async def read():
            c = await boot.ns.open(boot, path, OREAD)
            try:
                return await c.read(boot, 100)
            finally:
                await c.close()
        return kernel.call(read)

    assert contents("/mnt/dev/user") == kernel.user.encode()
    assert contents("/mnt/mnt/mnt/dev/user") == kernel.user.encode()
    with pytest.raises(PlanError):
        contents("/mnt/mnt/nonesuch")
    assert kernel.call(boot.ns.open, boot, "/srv/self", ORDWR).is_channel


def test_a_mount_with_a_key(kernel, service):
    key = b"0123456789abcdef"
    service.auth = SharedKey(key, kernel.host.random)
    for given, text in ((None, "authentication required"), (b"another key 1234", "shared key")):
        near, far = socket.socketpair()
        kernel.call(service.take, far)
        with pytest.raises(PlanError, match=text):
            kernel.call(hostninep.mount, kernel, near, "x", "/n/x", "", given)
        assert near.fileno() < 0  # hung up
    near, far = socket.socketpair()
    kernel.call(service.take, far)
    kernel.call(hostninep.mount, kernel, near, "x", "/n/x", "dev", key)
    assert kernel.call(kernel.boot.ns.stat, kernel.boot, "/n/x/user").name == "user"


def test_the_end_of_the_kernel(service, kernel):
    """While clients wait, and one of them is the kernel itself."""
    near, far = socket.socketpair()
    kernel.call(service.take, far)
    kernel.call(hostninep.mount, kernel, near, "self", "/mnt")
    sock = connect(kernel, service)
    sock.sendall(HELLO)
    kernel.stop()
    assert ended(sock)
    sock.close()
