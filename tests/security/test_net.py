"""NET-1: what a guest tries with /net, and the host that must not notice.

Nothing behind /net is the host's: the same address and port in the guest and on the host are
two.  Each row is a place to call or announce, and what the guest is told.
"""

import os
import socket

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel.kernel import Kernel

from ..kernel.netview import Net

CALLS = [
    ("127.0.0.1", "connection refused"), ("127.1", "connection refused"),
    ("::ffff:127.0.0.1", "connection refused"), ("::ffff:7f00:1", "connection refused"),
    ("0.0.0.0", "no route"), ("0.1", "no route"), ("::", "no route"), ("::1", "no route"),
    ("169.254.169.254", "no route"), ("10.0.0.1", "no route"), ("172.17.0.1", "no route"),
    ("192.168.1.1", "no route"), ("8.8.8.8", "no route"), ("255.255.255.255", "no route"),
    ("224.0.0.1", "no route"), ("fe80::1", "no route"), ("ff02::1", "no route"),
    ("2001:db8::1", "no route"), ("::127.0.0.1", "no route"),
    ("localhost", "bad ip address syntax"), ("/run/host.sock", "bad ip address syntax"),
    ("@abstract", "bad ip address syntax"), ("unix", "bad ip address syntax"),
    ("2130706433", "bad ip address syntax"), ("0x7f.1", "bad ip address syntax"),
    ("127.0.0.1%lo", "bad ip address syntax"), ("[::1]", "bad ip address syntax"),
    ("127.0.0.1\udc80", "bad ip address syntax"), ("1" * 1000, "bad ip address syntax"),
]


@pytest.fixture
def net():
    kernel = Kernel()
    yield Net(kernel)
    assert kernel.errors == 0
    kernel.stop()


@pytest.fixture
def listener():
    """A port that somebody on the host listens at."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.setblocking(False)
        yield sock


@pytest.mark.parametrize(("where", "error"), CALLS, ids=lambda value: ascii(value)[:30])
def test_calls_stay_inside(net, listener, where, error):
    port = listener.getsockname()[1]
    ctl, _ = net.conv("tcp")
    with pytest.raises(PlanError, match=error):
        net.write(ctl, f"connect {where}!{port}".encode("utf-8", "surrogateescape"))
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_datagrams_stay_inside(net):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        _, number = net.conv("udp", f"connect 127.0.0.1!{sock.getsockname()[1]}")
        data = net.open(f"udp/{number}/data")
        net.write(data, "anyone?")
        with pytest.raises(BlockingIOError):
            sock.recv(100)


def host_answers(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port))


@pytest.mark.parametrize("port", [1, 22, 80, 1023])
def test_the_guests_ports_are_not_the_hosts(net, port):
    before = host_answers(port)
    held = net.conv("tcp", f"announce *!{port}"), net.conv("udp", f"announce *!{port}")
    assert host_answers(port) == before
    del held


def test_ten_thousand_conversations(net):
    """The quota says no; the host has not one descriptor more, and the next guest has room."""
    before = len(os.listdir("/proc/self/fd"))
    held, refused = [], []
    for _ in range(10_000):
        try:
            held.append(net.open("tcp/clone"))
        except PlanError as error:
            refused.append(str(error))
    assert len(held) == 1024
    assert refused == ["'/net/tcp/clone' no free devices"] * (10_000 - 1024)
    assert net.kernel.limits_met == {"conversations"}
    assert len(os.listdir("/proc/self/fd")) <= before
    net.close(*held)
    assert net.conv("tcp", "announce *!80")[1] == 0


def test_half_open_calls_and_storms_of_resets(net):
    """Callers whom nobody takes are bounded for each listener; the quota holds, and a call works."""
    lctl, number = net.conv("tcp", "announce *!80")
    for _ in range(2000):
        ctl, _ = net.conv("tcp", "connect 127.0.0.1!80")
        net.write(ctl, "hangup")
        net.close(ctl)
        net.close(net.open(f"tcp/{number}/listen"))
    for _ in range(30):
        ctl, _ = net.conv("tcp", "connect 127.0.0.1!80")
        net.close(ctl)
    waiting = [net.start(net.conv("tcp")[0].write(net.p, b"connect 127.0.0.1!80"))
               for _ in range(100)]
    assert not any(task.done for task in waiting)
    net.write(lctl, "hangup")
    assert all("refused" in str(task.error) for task in waiting)
    net.close(lctl)
    net.pair(80)


def test_unread_data_is_bounded(net):
    """Whoever never reads holds up the writer, or loses what is sent."""
    held = []
    for port in range(100, 150):
        (_, near), (_, far) = net.pair(port)
        held.append((far, net.start(near.write(net.p, bytes(1 << 20)))))
    assert not any(task.done for _, task in held)
    assert sum(far.fid.aux.conv.rq.size for far, _ in held) <= 50 * 96 * 1024


@pytest.mark.parametrize("name", ["localhost", "vx9", "nowhere.example", "metadata.internal",
                                  "127.0.0.1.example", "a" * 300, "x.local"])
def test_names_come_from_the_guests_own_database(net, name):
    """So no server outside can answer with an address inside, or change its mind."""
    dns = net.open("dns")
    with pytest.raises(PlanError, match="dns: name does not exist"):
        net.write(dns, f"{name} ip")
