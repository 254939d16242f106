"""#I as processes use it: conversations, addresses, calls, datagrams, what is refused."""

from __future__ import annotations

import random
import struct

import pytest

from vx9.fs.dir import DMDIR, ORDWR, OREAD, OTRUNC, OWRITE, DirChange
from vx9.fs.errors import PlanError
from vx9.kernel.chan import Chan
from vx9.kernel.ipaddr import V4PREFIX
from vx9.kernel.kernel import Kernel, Limits

from .netview import Net

LO = V4PREFIX + bytes((127, 0, 0, 1))


@pytest.fixture
def net(kernel):
    return Net(kernel)


def fails(words):
    return pytest.raises(PlanError, match=words)


# The tree


def test_the_folders(net):
    assert list(net.ls()) == ["tcp", "udp", "icmp", "ipifc", "arp", "bootp", "ndb", "iproute",
                              "ipselftab", "log", "cs", "dns"]
    assert list(net.ls("tcp")) == ["clone", "stats"]
    ctl, _ = net.conv("tcp")
    assert list(net.ls("tcp")) == ["0", "clone", "stats"]
    assert list(net.ls("tcp/0")) == ["ctl", "data", "err", "listen", "local", "remote", "status"]
    assert list(net.ls("ipifc/0"))[-1] == "snoop"
    d = net.ls("tcp")["clone"]
    assert (chr(d.type), d.mode, d.uid, d.gid) == ("I", 0o666, "network", "glenda")
    d = net.ls("tcp/0")["data"]
    assert (d.mode, d.uid) == (0o660, "glenda")
    assert net.ls()["tcp"].mode == DMDIR | 0o555
    net.close(ctl)
    assert net.ls("tcp/0")["data"].uid == "network"
    for name in ("tcp/7", "tcp/00", "tcp/clone/x", "tcp/-1", "sctp", "tcp/0/snoop"):
        with fails("does not exist|not a directory"):
            net.open(name, OREAD)


def test_every_file_of_the_tree_has_a_qid_of_its_own(net):
    held = [net.conv("tcp"), net.conv("tcp"), net.conv("udp")]
    seen = []
    for folder in ("", "tcp", "tcp/0", "tcp/1", "udp", "udp/0", "icmp", "ipifc", "ipifc/0"):
        seen += [d.qid.path for d in net.ls(folder).values() if chr(d.type) == "I"]
    assert len(seen) == len(set(seen))
    del held


def test_dotdot(net):
    assert net.get("tcp/../ipifc/0/../../iproute") == net.get("iproute")


def test_interface_files(net):
    assert net.get("iproute").splitlines()[0].split() == [
        "127.0.0.0", "/104", "127.0.0.0", "4i", "ifc", "0"]
    assert "6i" not in net.get("iproute")
    assert net.get("ipselftab").split() == [
        "127.255.255.255", "01", "4b", "127.0.0.0", "01", "4b", "127.0.0.1", "01", "4u"]
    first, address = net.get("ipifc/0/status").splitlines()
    assert first.startswith("device /dev/null maxtu 16384 sendra 0 ")
    assert address.split() == ["127.0.0.1", "/104", "127.0.0.0", "4294967295", "4294967295"]
    assert address.startswith("\t")
    assert net.get("ndb") == "ip=127.0.0.1 ipmask=/104 sys=vx9\n"
    assert net.get("arp") == ""
    for name, message in (("ipifc/0/ctl", "unbind"), ("iproute", "flush"), ("arp", "add x y z")):
        c = net.open(name, OWRITE)
        with fails("permission denied|bad arp"):
            net.write(c, message)
    with fails("permission denied: the loopback is the only interface"):
        net.open("ipifc/clone")


def test_ndb_can_be_written(net):
    c = net.open("ndb", OWRITE)
    net.write(c, "ip=1.2.3.4\n", 0)
    assert net.get("ndb") == "ip=1.2.3.4\n"
    with fails("i/o error"):
        net.write(c, b"x" * 9000, 0)
    with fails("i/o error"):
        net.write(c, b"x", 100)
    net.close(c, net.open("ndb", OWRITE | OTRUNC))
    assert net.get("ndb") == ""


def test_other_stacks_have_no_interface(net):
    def ctl(name):
        return net.do(net.p.ns.open(net.p, name, ORDWR))

    one = ctl("#I1/tcp/clone")
    with fails("no route"):
        net.write(one, "connect 127.0.0.1!80")
    with fails("does not exist"):
        ctl("#I1/ipifc/0/status")
    for spec in ("#I128/tcp", "#Ix/tcp", "#I99999999999/tcp"):
        with fails("bad attach specifier"):
            ctl(spec)


# Conversations


def test_numbers_are_reused_lowest_first(net):
    convs = [net.conv("udp") for _ in range(4)]
    assert [number for _, number in convs] == [0, 1, 2, 3]
    net.close(convs[2][0])
    net.close(convs[1][0])
    assert net.conv("udp")[1] == 1
    assert net.conv("udp")[1] == 2
    assert net.conv("udp")[1] == 4


def test_a_conversation_lives_while_a_file_of_it_is_open(net):
    ctl, number = net.conv("udp", "announce 7")
    data = net.open(f"udp/{number}/data")
    net.close(ctl)
    assert net.get(f"udp/{number}/local") == "::!7\n"
    assert net.conv("udp")[1] != number
    net.close(data)
    assert net.get(f"udp/{number}/local") == "::!7\n"  # the last one's, until it is used again
    assert net.conv("udp")[1] == number
    assert net.get(f"udp/{number}/local") == "::!0\n"


def test_there_is_a_limit(host):
    kernel = Kernel(host=host, limits=Limits(conversations=3))
    net = Net(kernel)
    held = [net.conv("tcp") for _ in range(3)]
    with fails("no free devices"):
        net.open("tcp/clone")
    assert kernel.limits_met == {"conversations"}
    net.close(held.pop()[0])
    net.open("tcp/clone")
    net.conv("udp")


def test_others_may_not_use_it(net):
    _, number = net.conv("tcp", "announce 80")
    boot = net.p
    boot.user = "bob"
    try:
        for file in ("ctl", "data", "err", "listen"):
            with fails("permission denied"):
                net.open(f"tcp/{number}/{file}")
        assert net.get(f"tcp/{number}/status").startswith("Listen")
        for name in ("ndb", "iproute", "ipifc/0/ctl"):
            with fails("permission denied"):
                net.open(name, OWRITE)
        with fails("permission denied"):
            net.write(net.open("tcp/clone"), "announce *!*")
    finally:
        boot.user = "glenda"


def test_the_owner_gives_it_away(net):
    ctl, number = net.conv("udp")
    net.do(ctl.wstat(net.p, DirChange(mode=0o666, uid="bob")))
    d = net.ls(f"udp/{number}")["ctl"]
    assert (d.mode, d.uid) == (0o666, "bob")
    with fails("permission denied"):
        net.do(ctl.wstat(net.p, DirChange(name="x")))


@pytest.mark.parametrize(("message", "error"), [
    ("", "short control request"), ("  ", "short control request"),
    ("frob", "unknown control request"),
    ("connect", "bad args to connect"), ("connect 1 2 3", "bad args to connect"),
    ("connect 127.0.0.1", "malformed address"), ("connect x!1", "bad ip address syntax"),
    ("connect 127.0.0.1!99999", "bad port"), ("connect 8.8.8.8!53", "no route"),
    ("connect ::1!53", "no route"), ("announce", "bad args to announce"),
    ("announce 1.2.3.4!80", "not a local IP address"), ("announce x!80", "bad ip address syntax"),
    ("bind", "bad args to bind"), ("addmulti", "addmulti needs interface address"),
    ("addmulti 127.0.0.1 1.2.3.4", "addmulti for a non multicast address"),
    ("keepalive", "connection must be in Establised state"),
    ("accept 1", "unknown control request"),
    ("x" * 2000, "too large"), ("\xff\xfe\0", "unknown control request"),
    ("connect 127.0.0.1!" + "9" * 500, "bad port"),
])
def test_bad_messages(net, message, error):
    ctl, _ = net.conv("tcp")
    with fails(error):
        net.write(ctl, message.encode("latin-1"))


def test_harmless_messages(net):
    ctl, _ = net.conv("tcp")
    for message in ("ttl 5", "ttl", "tos 1", "ignoreadvice", "checksum 0", "hangup"):
        net.write(ctl, message)


# tcp


def test_a_call(net):
    lctl, lnumber = net.conv("tcp", "announce *!80")
    assert net.get(f"tcp/{lnumber}/local") == "::!80\n"
    assert net.get(f"tcp/{lnumber}/remote") == "::!0\n"
    assert net.get(f"tcp/{lnumber}/status").startswith("Listen qin 0 qout 0 ")
    waiting = net.start(net.p.ns.open(net.p, f"/net/tcp/{lnumber}/listen", OREAD))
    assert not waiting.done
    _, cnumber = held = net.conv("tcp", "connect 127.0.0.1!80")
    assert net.get(f"tcp/{cnumber}/local") == "127.0.0.1!5000\n"
    assert net.get(f"tcp/{cnumber}/remote") == "127.0.0.1!80\n"
    snumber = int(net.read(waiting.result, 20, 0))
    assert snumber not in (lnumber, cnumber)
    assert net.get(f"tcp/{snumber}/local") == "127.0.0.1!80\n"
    assert net.get(f"tcp/{snumber}/remote") == "127.0.0.1!5000\n"
    assert net.get(f"tcp/{snumber}/status").startswith("Established ")
    near, far = net.open(f"tcp/{cnumber}/data"), net.open(f"tcp/{snumber}/data")
    net.write(near, "hello ")
    net.write(near, "world")
    assert net.ls(f"tcp/{snumber}")["data"].length == 11
    assert net.read(far, 3) == b"hel"
    assert net.read(far) == b"lo world"  # a stream has no boundaries
    net.write(far, "back")
    assert net.read(near) == b"back"
    del lctl, held


def test_addresses_of_announcing(net):
    for message, local in (("announce *!0", "::!5000"), ("announce 127.0.0.1!81", "127.0.0.1!81"),
                           ("announce 82", "::!82"), ("announce ::!83", "::!83"),
                           ("announce ::ffff:127.0.0.1!84", "127.0.0.1!84"),
                           ("announce *!85!r", "::!85"), ("announce 127.1!86", "127.0.0.1!86")):
        _, number = net.conv("tcp", message)
        assert net.get(f"tcp/{number}/local") == local + "\n"


def test_local_ends_of_calls(net):
    net.conv("tcp", "announce 80")
    for message, local in (("connect 127.0.0.1!80 99", "127.0.0.1!99"),
                           ("connect 127.0.0.1!80 127.0.0.1!98", "127.0.0.1!98"),
                           ("connect 127.0.0.1!80 127.0.0.1!0", "127.0.0.1!5000"),
                           ("connect 127.0.0.1!80!r", "127.0.0.1!600")):
        _, number = net.conv("tcp", message)
        assert net.get(f"tcp/{number}/local") == local + "\n"
    ctl, number = net.conv("tcp", "bind 97", "connect 127.0.0.1!80")
    assert net.get(f"tcp/{number}/local") == "127.0.0.1!97\n"
    with fails("address in use"):
        net.conv("tcp", "connect 127.0.0.1!80 97")
    with fails("connection in use"):
        net.write(ctl, "connect 127.0.0.1!80")


def test_a_port_is_announced_once_and_free_after_hangup(net):
    ctl, _ = net.conv("tcp", "announce *!80")
    with fails("address in use"):
        net.conv("tcp", "announce *!80")
    net.conv("udp", "announce *!80")
    specific, _ = net.conv("tcp", "announce 127.0.0.1!80")
    net.write(ctl, "hangup")
    net.conv("tcp", "announce *!80")
    net.close(specific)
    net.conv("tcp", "announce 127.0.0.1!80")


def test_refused(net):
    ctl, number = net.conv("tcp")
    with fails("connection refused"):
        net.write(ctl, "connect 127.0.0.1!80")
    assert net.get(f"tcp/{number}/status").startswith("Closed")
    with fails("connection in use"):
        net.write(ctl, "connect 127.0.0.1!80")
    err = net.open(f"tcp/{number}/err", OREAD)
    assert net.read(err) == b"connection refused"
    with fails("not announced"):
        net.open(f"tcp/{number}/listen")


def test_nobody_answers(net):
    ctl, _ = net.conv("tcp")
    task = net.start(ctl.write(net.p, b"connect 127.0.0.2!80"))
    assert not task.done
    net.kernel.sched.run(lambda: task.done)
    assert str(task.error) == "connection timed out"


def test_end_of_file_after_what_was_sent(net):
    (cctl, near), (sctl, far) = net.pair()
    net.write(near, "last words")
    net.close(near, cctl)
    assert net.get("tcp/1/status").startswith("Finwait2")
    assert net.get("tcp/2/status").startswith("Close_wait")
    assert net.write(far, "anyone?") == 7  # as on a wire, only the next write can know
    with fails("i/o on hungup channel"):
        net.write(far, "anyone?")
    assert net.read(far) == b"last words"
    for _ in range(3):
        assert net.read(far) == b""
    with fails("i/o on hungup channel"):
        net.read(far)
    net.close(far, sctl)
    assert net.get("tcp/1/status").startswith("Closed")
    assert net.conv("tcp")[1] == 0 and net.conv("tcp")[1] == 1


def test_close_wakes_readers_of_both_ends(net):
    (cctl, near), (_, far) = net.pair()
    tasks = [net.start(near.read(net.p, 10)), net.start(far.read(net.p, 10))]
    net.write(cctl, "close")
    assert [t.done and t.result for t in tasks] == [b"", b""]
    net.write(cctl, "close")


def test_hangup_resets_both_ends(net):
    (cctl, near), (sctl, far) = net.pair()
    net.write(near, "lost")
    net.write(cctl, "hangup")
    for end in (near, far):
        assert net.read(end) == b""
        with fails("i/o on hungup channel"):
            net.write(end, "x")
    assert "EstabResets: 1\n" in net.get("tcp/stats")
    net.close(near, far, cctl, sctl)
    assert net.kernel.devices["I"].select("").stack.protos[0].ends == {}


def test_hangup_of_a_listener_wakes_it(net):
    ctl, number = net.conv("tcp", "announce 80")
    waiting = net.start(net.p.ns.open(net.p, f"/net/tcp/{number}/listen", OREAD))
    caller, _ = net.conv("tcp", "connect 127.0.0.1!80")
    assert waiting.done
    waiting = net.start(net.p.ns.open(net.p, f"/net/tcp/{number}/listen", OREAD))
    net.write(ctl, "hangup")
    assert str(waiting.error).endswith("listen hungup")
    with fails("listen hungup|not announced"):
        net.open(f"tcp/{number}/listen", OREAD)
    del caller


def test_calls_that_nobody_took_end_with_the_listener(net):
    lctl, _ = net.conv("tcp", "announce 80")
    ctl, number = net.conv("tcp", "connect 127.0.0.1!80")
    data = net.open(f"tcp/{number}/data")
    net.close(lctl)
    assert net.read(data) == b""
    net.close(ctl, data)
    assert net.conv("tcp")[1] == 0


def test_the_listeners_queue_is_bounded(net):
    _, number = held = net.conv("tcp", "announce 80")
    callers = [net.conv("tcp", "connect 127.0.0.1!80") for _ in range(30)]
    ctl, _ = net.conv("tcp")
    task = net.start(ctl.write(net.p, b"connect 127.0.0.1!80"))
    assert not task.done
    net.open(f"tcp/{number}/listen", OREAD)
    net.kernel.sched.drain()
    assert task.done and task.error is None
    ctl, _ = net.conv("tcp")
    task = net.start(ctl.write(net.p, b"connect 127.0.0.1!80"))
    net.write(ctl, "hangup")
    assert str(task.error) == "i/o on hungup channel"
    ctl, _ = net.conv("tcp")
    task = net.start(ctl.write(net.p, b"connect 127.0.0.1!80"))
    net.kernel.sched.run(lambda: task.done)
    assert str(task.error) == "connection timed out"
    del held, callers


def test_flow_control(net):
    (_, near), (_, far) = net.pair()
    task = net.start(near.write(net.p, bytes(1 << 20)))
    assert not task.done
    conv = far.fid.aux.conv
    assert 64 * 1024 <= conv.rq.size <= 96 * 1024
    got = 0
    while got < 1 << 20:
        got += len(net.read(far))
    assert task.done and task.result == 1 << 20


def test_what_waits_is_interrupted(net):
    (_, near), (_, far) = net.pair()
    writer = net.start(near.write(net.p, bytes(1 << 20)))
    reader = net.start(near.read(net.p, 1))
    lctl, number = net.conv("tcp", "announce 81")
    listener = net.start(net.p.ns.open(net.p, f"/net/tcp/{number}/listen", OREAD))
    ctl, _ = net.conv("tcp")
    caller = net.start(ctl.write(net.p, b"connect 127.0.0.9!80"))
    for task in (writer, reader, listener, caller):
        assert not task.done
        net.kernel.sched.interrupt(task)
        net.kernel.sched.drain()
        assert str(task.error).endswith("interrupted")
    net.write(far, "still")
    assert net.read(near) == b"still"
    net.close(lctl)
    assert net.get(f"tcp/{number}/status").startswith("Closed")


def test_what_waits_is_killed(net):
    """And leaves nothing behind when its files are closed."""
    (nctl, near), (fctl, far) = net.pair()
    lctl, number = net.conv("tcp", "announce 81")
    ctl, _ = net.conv("tcp")
    waiting = [net.start(coro) for coro in (
        near.write(net.p, bytes(1 << 20)), near.read(net.p, 1), ctl.write(net.p, b"connect 127.9!1"),
        net.p.ns.open(net.p, f"/net/tcp/{number}/listen", OREAD))]
    for task in waiting:
        assert not task.done
        net.kernel.sched.kill(task)
    net.kernel.sched.drain()
    assert all(task.done for task in waiting)
    net.close(nctl, near, fctl, far, lctl, ctl)
    tcp = net.kernel.devices["I"].select("").stack.protos[0]
    assert tcp.ends == {} and tcp.lports == {} and all(c.free for c in tcp.convs)


def test_writers_are_told_of_the_end(net):
    for end in ("close", "hangup"):
        (_, near), (sctl, far) = net.pair()
        task = net.start(near.write(net.p, bytes(1 << 20)))
        net.write(sctl, end)
        assert str(task.error) == "i/o on hungup channel"
        del far


def test_several_readers_and_writers_share_a_conversation(net):
    (_, near), (_, far) = net.pair()
    readers = [net.start(far.read(net.p, 100)) for _ in range(3)]
    for word in (b"one", b"two", b"three"):
        net.write(near, word)
    assert sorted(task.result for task in readers) == [b"one", b"three", b"two"]


def test_a_write_of_nothing_is_nothing(net):
    (_, near), (_, far) = net.pair()
    assert net.write(near, "") == 0
    net.write(near, "x")
    assert net.read(far) == b"x"


def test_an_unconnected_conversation_takes_nothing(net):
    _, number = held = net.conv("tcp")
    with fails("i/o on hungup channel"):
        net.write(net.open(f"tcp/{number}/data"), "x")
    del held


def test_everything_is_given_back(net):
    for i in range(100):
        (cctl, near), (sctl, far) = net.pair()
        orders = (near, cctl, far, sctl), (far, sctl, near, cctl), (near, far, cctl, sctl)
        net.close(*orders[i % 3])
    tcp = net.kernel.devices["I"].select("").stack.protos[0]
    assert len(tcp.convs) == 3 and all(c.free for c in tcp.convs)
    assert tcp.ends == {} and tcp.lports == {}


# udp


def header(raddr, rport, laddr=bytes(16)):
    return raddr + laddr + bytes(16) + struct.pack(">2H", rport, 0)


def test_datagrams_between_two_that_connected(net):
    _, a = held = net.conv("udp", "connect 127.0.0.1!2000 1000")
    _, b = more = net.conv("udp", "connect 127.0.0.1!1000 2000")
    near, far = net.open(f"udp/{a}/data"), net.open(f"udp/{b}/data")
    for data in (b"one", b"", b"three"):
        assert net.write(near, data) == len(data)
    assert net.ls(f"udp/{b}")["data"].length == 8
    assert net.read(far) == b"one"
    assert net.read(far) == b""
    assert net.read(far, 2) == b"th"  # the rest of a message is lost
    net.write(near, "next")
    assert net.read(far) == b"next"
    assert net.get(f"udp/{a}/status") == "Open qin 0 qout 0\n"
    del held, more


def test_headers(net):
    _, a = held = net.conv("udp", "announce 1000", "headers")
    _, b = more = net.conv("udp", "announce 127.0.0.1!2000", "headers")
    near, far = net.open(f"udp/{a}/data"), net.open(f"udp/{b}/data")
    assert net.write(near, header(LO, 2000) + b"hello") == 57
    got = net.read(far)
    assert got == LO + LO + LO + struct.pack(">2H", 1000, 2000) + b"hello"
    net.write(far, got[:32] + bytes(16) + got[48:52] + b"back")
    assert net.read(near)[52:] == b"back"
    with fails("too small: a datagram begins with 52 bytes of header"):
        net.write(near, bytes(51))
    with fails("too large"):
        net.write(near, header(LO, 2000) + bytes(65508))
    assert net.write(near, header(LO, 2000)) == 52
    assert len(net.read(far)) == 52
    for raddr in (V4PREFIX + bytes((8, 8, 8, 8)), bytes(15) + b"\1"):
        assert net.write(near, header(raddr, 53) + b"x") == 53  # nobody hears it
    del held, more


def test_old_headers(net):
    _, a = held = net.conv("udp", "announce 1000", "oldheaders")
    data = net.open(f"udp/{a}/data")
    net.write(data, LO + LO + struct.pack(">2H", 1000, 0) + b"me")
    assert net.read(data) == LO + LO + struct.pack(">2H", 1000, 1000) + b"me"
    del held


def test_calls_by_datagram(net):
    _, number = held = net.conv("udp", "announce 1000")
    _, a = more = net.conv("udp", "connect 127.0.0.1!1000")
    near = net.open(f"udp/{a}/data")
    net.write(near, "first")
    net.write(near, "second")
    ctl = net.open(f"udp/{number}/listen", OREAD)
    data = net.open(f"udp/{int(net.read(ctl, 20, 0))}/data")
    assert net.read(data) == b"first" and net.read(data) == b"second"
    net.write(data, "answer")
    assert net.read(near) == b"answer"
    del held, more


def test_nobody_at_a_port(net):
    _, a = held = net.conv("udp", "connect 127.0.0.1!1000")
    near = net.open(f"udp/{a}/data")
    waiting = net.start(near.read(net.p, 10))
    assert net.write(near, "anyone?") == 7
    assert str(waiting.error) == "port unreachable"
    with fails("port unreachable"):
        net.write(near, "x")
    _, b = more = net.conv("udp", "ignoreadvice", "connect 127.0.0.1!1000")
    other = net.open(f"udp/{b}/data")
    for _ in range(2):
        assert net.write(other, "x") == 1
    assert "NoPorts: 3\n" in net.get("udp/stats")
    del held, more


def test_what_finds_no_room_is_lost(net):
    _, a = held = net.conv("udp", "announce 1000", "headers")
    data = net.open(f"udp/{a}/data")
    for size in (8000, 0):
        for _ in range(5000):
            net.write(data, header(LO, 1000) + bytes(size))
        conv = data.fid.aux.conv
        assert conv.rq.size <= 128 * 1024 and len(conv.rq.blocks) < 5000
    del held


def test_groups(net):
    group = V4PREFIX + bytes((224, 0, 0, 254))
    ctl, a = net.conv("udp", "announce 1000", "headers", "addmulti 127.0.0.1 224.0.0.254")
    data = net.open(f"udp/{a}/data")
    net.write(data, header(group, 1000) + b"all")
    assert net.read(data)[52:] == b"all"
    net.write(ctl, "remmulti 127.0.0.1 224.0.0.254")
    net.write(data, header(group, 1000) + b"none")
    assert data.fid.aux.conv.rq.size == 0


def test_hangup_of_udp(net):
    ctl, a = net.conv("udp", "announce 1000", "headers")
    data = net.open(f"udp/{a}/data")
    waiting = net.start(data.read(net.p, 10))
    net.write(ctl, "hangup")
    assert waiting.result == b""
    net.conv("udp", "announce 1000")


# icmp and the log


def test_echo(net):
    _, a = held = net.conv("icmp", "connect 127.0.0.1!1 7")
    data = net.open(f"icmp/{a}/data")
    request = bytes(20) + struct.pack(">BBHHH", 8, 0, 0, 0, 5) + b"ping"
    assert net.write(data, request) == len(request)
    reply = net.read(data)
    assert struct.unpack(">H", reply[2:4]) == (len(reply),)
    assert reply[12:20] == bytes((127, 0, 0, 1)) * 2
    assert struct.unpack(">BB", reply[20:22]) == (0, 0)
    assert struct.unpack(">HH", reply[24:28]) == (7, 5)
    assert reply[28:] == b"ping"
    with fails("too small"):
        net.write(data, bytes(27))
    assert net.get(f"icmp/{a}/status") == "Datagram qin 0 qout 0\n"
    del held


def test_the_log_tells_what_is_asked_for(net):
    log = net.open("log")
    net.write(log, "set tcp")
    waiting = net.start(log.read(net.p, 100))
    ctl, _ = net.conv("tcp")
    with fails("refused"):
        net.write(ctl, "connect 127.0.0.1!9")
    assert waiting.result == b"tcp: 0: nobody at 127.0.0.1!9\n"
    with fails("unknown netlog flag"):
        net.write(log, "set everything")
    with fails("bad arg"):
        net.write(log, "please")
    net.write(log, "clear tcp")


# Anything a guest may do, in any order


class Rude:
    """A guest that does what it likes with conversations, and never waits."""

    WORDS = ("connect", "announce", "bind", "hangup", "close", "headers", "oldheaders",
             "keepalive", "127.0.0.1!80", "127.0.0.1!81 90", "*!80", "*!0", "80", "81", "*!*",
             "::!80", "127.0.0.9!1", "!", "!!", "1.2.3.4!", "-1", "0", "ttl", "ignoreadvice",
             "addmulti", "224.0.0.1", "\xff")

    def __init__(self, net, seed):
        self.net, self.random = net, random.Random(seed)
        self.chans, self.tasks = [], []

    def step(self):
        net, pick = self.net, self.random
        proto = pick.choice(("tcp", "tcp", "udp", "icmp"))
        kind = pick.randrange(10)
        if kind < 3:
            member = pick.choice(("ctl", "data", "err", "listen"))
            file = pick.choice(("clone", f"{pick.randrange(6)}/{member}"))
            self.start(net.p.ns.open(net.p, f"/net/{proto}/{file}", ORDWR))
        elif self.chans and kind < 8:
            c = pick.choice(self.chans)
            text = " ".join(pick.choice(self.WORDS) for _ in range(pick.randrange(4)))
            port = pick.randrange(80, 83)
            data = pick.choice((text.encode("latin-1"), f"announce *!{port}".encode(),
                                f"connect 127.0.0.1!{port}".encode(),
                                LO + LO + LO + b"\0\x50\0\x50" + bytes(9),
                                bytes(pick.choice((0, 30, 200_000)))))
            self.start(c.write(net.p, data) if pick.randrange(3)
                       else c.read(net.p, pick.randrange(99999)))
        elif self.chans and kind == 8:
            self.close(self.chans.pop(pick.randrange(len(self.chans))))
        elif self.tasks:
            net.kernel.sched.interrupt(pick.choice(self.tasks))
            net.kernel.sched.drain()
        for task in [task for task in self.tasks if task.done]:
            self.settle(task)

    def start(self, coro):
        self.tasks.append(self.net.start(coro))

    def settle(self, task):
        self.tasks.remove(task)
        assert task.error is None or isinstance(task.error, PlanError), task.error
        if isinstance(task.result, Chan):
            self.chans.append(task.result)

    def close(self, c):
        """As the kernel does it: nothing is under way on a file that is closed."""
        for task in list(self.tasks):
            self.net.kernel.sched.interrupt(task)
        self.net.kernel.sched.drain()
        for task in list(self.tasks):
            self.settle(task)
        self.net.close(c)


@pytest.mark.parametrize("seed", range(8))
def test_rude_guests_break_nothing(net, seed):
    guest = Rude(net, seed)
    for _ in range(600):
        guest.step()
    while guest.chans or guest.tasks:
        for task in list(guest.tasks):
            net.kernel.sched.interrupt(task)
        net.kernel.sched.drain()
        for task in [t for t in guest.tasks if t.done]:
            guest.settle(task)
        while guest.chans:
            net.close(guest.chans.pop())
    for proto in net.kernel.devices["I"].select("").stack.protos[:3]:
        assert proto.ends == {} and proto.lports == {}, proto.name
        assert all(c.free and c.inuse == 0 and not c.incall for c in proto.convs)
        assert sorted(proto._free) == list(range(len(proto.convs)))
