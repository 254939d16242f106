"""/net/cs and /net/dns: questions and answers, the database, addresses as text."""

from __future__ import annotations

import pytest

from vx9.fs.dir import ORDWR
from vx9.fs.errors import PlanError
from vx9.fs.ramfs import RamFS
from vx9.images.root import entries
from vx9.kernel import boot, ipaddr, ndb
from vx9.kernel.devcs import ipattr
from vx9.kernel.kernel import Kernel


@pytest.fixture
def kernel(host):
    return Kernel(host=host, image=entries("glenda"))


class Asker:
    """cs or dns, open."""

    def __init__(self, kernel, name):
        self.kernel = kernel
        self.p = kernel.boot
        self.c = self.do(self.p.ns.open(self.p, f"/net/{name}", ORDWR))

    def do(self, coro):
        task = self.kernel.sched.spawn(coro)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("vx9.kernel.sched.log.exception", lambda *args: None)
            self.kernel.sched.run(lambda: task.done)
        if task.error is not None:
            raise task.error
        return task.result

    def __call__(self, question, count=128):
        data = question if isinstance(question, bytes) else question.encode()
        assert self.do(self.c.write(self.p, data, 0)) == len(data)
        self.do(self.c.seek(self.p, 0, 0))
        answers = []
        while answer := self.do(self.c.read(self.p, count)):
            answers.append(answer.decode())
        return answers

    def fails(self, question):
        with pytest.raises(PlanError) as caught:
            self(question)
        return str(caught.value)


@pytest.fixture
def cs(kernel):
    return Asker(kernel, "cs")


@pytest.fixture
def dns(kernel):
    return Asker(kernel, "dns")


def put(kernel, name, text):
    """Add to a file of the image."""
    p = kernel.boot

    async def write():
        c = await p.ns.open(p, name, ORDWR)
        await c.seek(p, 0, 2)
        await c.write(p, text.encode())
        await c.close()
    kernel.call(write)


@pytest.mark.parametrize(("question", "answers"), [
    ("tcp!127.0.0.1!80", ["/net/tcp/clone 127.0.0.1!80"]),
    ("tcp!localhost!http", ["/net/tcp/clone 127.0.0.1!80"]),
    ("tcp!LOCALHOST!ssh", ["/net/tcp/clone 127.0.0.1!22"]),
    ("tcp!localhost.!ssh", ["/net/tcp/clone 127.0.0.1!22"]),
    ("tcp!vx9!9fs", ["/net/tcp/clone 127.0.0.1!564"]),
    ("udp!127.0.0.1!domain", ["/net/udp/clone 127.0.0.1!53"]),
    ("tcp!*!0", ["/net/tcp/clone 0"]),
    ("tcp!::!80", ["/net/tcp/clone 80"]),
    ("tcp!*!*", ["/net/tcp/clone *"]),
    ("tcp![::ffff:127.0.0.1]!80", ["/net/tcp/clone ::ffff:127.0.0.1!80"]),
    ("tcp!127.0.0.1!login", ["/net/tcp/clone 127.0.0.1!513!r"]),
    ("tcp!127.0.0.1!80!fasttimeout", ["/net/tcp/clone 127.0.0.1!80!fasttimeout"]),
    ("net!127.0.0.1!https", ["/net/tcp/clone 127.0.0.1!443"]),
    ("net!localhost!1", [f"/net/{net}/clone 127.0.0.1!1" for net in ("tcp", "udp", "icmp")]),
    ("telco!5551234!data", ["/net/telco/clone 5551234!data"]),
    ("telco!5551234", ["/net/telco/clone 5551234"]),
    ("!protocol=udp", ["protocol=udp ipv4proto=17"]),
    ("!tcp=http", ["tcp=http port=80"]),
    ("!ipinfo dom=localhost dom sys", ["dom=localhost sys=localhost"]),
    ("refresh", []),
    ("tcp!127.0.0.1!80\n", ["/net/tcp/clone 127.0.0.1!80"]),
])
def test_answers(cs, question, answers):
    assert cs(question) == answers


@pytest.mark.parametrize(("question", "error"), [
    ("tcp!127.0.0.1!nonesuch", "cs: can't translate service"),
    ("udp!127.0.0.1!https", "cs: can't translate service"),
    ("tcp!127.0.0.1", "cs: can't translate service"),
    ("tcp!127.0.0.1!a_b", "cs: can't translate service"),
    ("net!nowhere.example!1", "cs: can't translate address: dns: name does not exist"),
    ("tcp!nowhere!1", "cs: can't translate address: dns: name does not exist"),
    ("net!!!!.###.bogus..domain.!1", "cs: can't translate address: dns: name does not exist"),
    ("tcp!$nothing!1", "cs: can't translate address"),
    ("localhost", "cs: can't translate service"),
    ("", "cs: can't translate service"),
    ("!protocol=nonesuch", "cs: no match"),
    ("!protocol", "cs: bad query"),
    ("!", "cs: bad query"),
    ("!ipinfo", "cs: bad query"),
    ("x" * 2000, "cs: request too long"),
    (b"tcp!\xff\xfe!\x01", "cs: can't translate service"),
])
def test_refusals(cs, question, error):
    assert cs.fails(question) == error
    assert cs("tcp!*!1") == ["/net/tcp/clone 1"]


def test_offsets(cs):
    first = "/net/tcp/clone 127.0.0.1!1"
    cs("net!localhost!1")
    read = lambda n, off: cs.do(cs.c.read(cs.p, n, off)).decode()  # noqa: E731
    assert read(5, 0) == first[:5]
    assert read(100, 5) == first[5:]
    assert read(100, len(first)) == "/net/udp/clone 127.0.0.1!1"
    assert read(100, 10_000) == ""
    cs.fails("!nothing")
    assert read(100, 0) == ""


def test_each_descriptor_has_its_own_answers(kernel, cs):
    other = Asker(kernel, "cs")
    cs.do(cs.c.write(cs.p, b"tcp!*!1", 0))
    other("tcp!*!2")
    assert cs.do(cs.c.read(cs.p, 100, 0)) == b"/net/tcp/clone 1"
    for asker in (cs, other):
        asker.do(asker.c.close())
    assert kernel.devices["N"]._answers == {}


def test_the_database_is_read_again_when_it_changes(kernel, cs, dns):
    assert "can't translate" in cs.fails("tcp!helix!guest")
    put(kernel, "/lib/ndb/local", "\nip=127.0.0.9 sys=helix dom=helix.example\n"
        "\tmx=mail.example pref=5\n\ttxtrr=\"some words\" smtp=helix\n")
    put(kernel, "/lib/ndb/common", "\ntcp=guest port=1234\n")
    kernel.host.now_ns += 2_000_000_000
    assert cs("tcp!helix!guest") == ["/net/tcp/clone 127.0.0.9!1234"]
    assert cs("tcp!helix.example!1") == ["/net/tcp/clone 127.0.0.9!1"]
    assert dns("helix.example ip") == ["helix.example ip\t127.0.0.9"]
    assert dns("helix.example mx") == ["helix.example mx\t5 mail.example"]
    assert dns("helix.example txt") == ["helix.example txt\tsome words"]
    put(kernel, "/net/ndb", "ip=127.0.0.8 sys=other auth=helix\nsys=vx9 auth=helix\n")
    assert cs("tcp!other!1") == ["/net/tcp/clone 127.0.0.8!1"]
    assert cs("tcp!$auth!1") == ["/net/tcp/clone 127.0.0.9!1"]


def test_dns(dns):
    assert dns("localhost ip") == ["localhost ip\t127.0.0.1"]
    assert dns("localhost. IP") == ["localhost ip\t127.0.0.1"]
    assert dns("1.0.0.127.in-addr.arpa ptr") == ["1.0.0.127.in-addr.arpa ptr\tlocalhost"]
    assert dns("localhost any") == ["localhost ip\t127.0.0.1"]
    assert dns.fails("localhost cname") == "dns: resource does not exist; negrcode 0"
    assert dns.fails("nowhere.example ip") == "dns: name does not exist"
    assert dns.fails("2.0.0.127.in-addr.arpa ptr") == "dns: name does not exist"
    assert dns.fails("localhost frob") == "dns: unknown type frob"
    assert dns.fails("localhost") == "dns: illegal request localhost"
    assert dns.fails("") == "dns: illegal request "


def test_a_tree_mounts_them_as_its_own(host):
    """As /lib/namespace does it where ndb/cs and ndb/dns run; they may take the names over."""
    async def no_names(kernel):
        pass

    kernel = Kernel(host=host, places=(), first_names=no_names)
    root = RamFS("glenda", lambda: 0, 1 << 20)
    root.put("/lib/ndb/local", b"ip=127.0.0.1 sys=helix dom=helix.example\n", 0o664)
    told = []
    kernel.call(boot.boot, kernel, root, None, ("namespace", "".join(f"{line}\n" for line in (
        "mount -c #s/boot /root", "bind -a /root /", "bind -a #I /net", "bind -c #s /srv",
        "mount -a /srv/cs /net", "mount -a /srv/dns /net"))), told.append, None)
    assert told == []
    assert Asker(kernel, "cs")("tcp!helix!1") == ["/net/tcp/clone 127.0.0.1!1"]
    assert Asker(kernel, "dns")("helix.example ip") == ["helix.example ip\t127.0.0.1"]
    p = kernel.boot
    kernel.call(p.ns.remove, p, "/srv/cs")
    kernel.call(p.ns.create, p, "/srv/cs", 1, 0o666)


def test_without_an_image_numbers_still_work(host):
    cs = Asker(Kernel(host=host), "cs")
    assert cs("tcp!127.0.0.1!80") == ["/net/tcp/clone 127.0.0.1!80"]
    assert cs("tcp!vx9!80") == ["/net/tcp/clone 127.0.0.1!80"]
    assert cs.fails("tcp!127.0.0.1!http") == "cs: can't translate service"


@pytest.mark.parametrize(("name", "kind"), [
    ("1.2.3.4", "ip"), ("::1", "ip"), ("fe80::abc", "ip"), ("a.b", "dom"), ("x.example", "dom"),
    ("helix", "sys"), ("12", "sys"), ("abc", "sys"), ("a_b.c", "sys"), ("", "sys"),
])
def test_ipattr(name, kind):
    assert ipattr(name) == kind


def test_the_table_of_services():
    """Each service of the image has one port, and each protocol one number."""
    seen = set()
    for entry in entries("glenda"):
        if entry.path != "/lib/ndb/common":
            continue
        for each in ndb.parse(entry.load().decode()):
            (kind, name), (attr, value), *rest = each.pairs()
            assert (kind, name) not in seen
            seen.add((kind, name))
            assert attr == ("ipv4proto" if kind == "protocol" else "port")
            assert 0 < int(value) < (256 if kind == "protocol" else 65536)
            assert rest in ([], [("restricted", "")])
    assert {("tcp", "http"), ("udp", "domain"), ("protocol", "icmp")} <= seen
    assert ("udp", "https") not in seen


def test_ndb_syntax():
    first, second = ndb.parse(
        '# a comment\nsys=a ip=1.2.3.4 # more\n\tdom=a.b "x" quoted="two words" flag\n\n'
        "  \nsys=b=c\ttrusted=\n")
    assert list(first.pairs()) == [("sys", "a"), ("ip", "1.2.3.4"), ("dom", "a.b"), ('"x"', ""),
                                   ("quoted", "two words"), ("flag", "")]
    assert list(second.pairs()) == [("sys", "b=c"), ("trusted", "")]
    assert [len(ndb.parse(text)) for text in ("", "=", "==\n=x y", '"', 'a="', "\t\tx")] == [
        0, 0, 1, 1, 1, 1]
    assert ndb.files_of(ndb.parse("database=\n\tfile=/x\n\tfile=/y\n")) == ["/x", "/y"]


@pytest.mark.parametrize(("text", "shown"), [
    ("127.0.0.1", "127.0.0.1"), ("127.1", "127.0.0.1"), ("10.1.2", "10.0.1.2"),
    ("128.1.2", "128.1.0.2"), ("::ffff:1.2.3.4", "1.2.3.4"), ("::FFFF:0102:0304", "1.2.3.4"),
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("fe80:0:0:1::2", "fe80:0:0:1::2"),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
    ("::1.2.3.4", "::102:304"),
])
def test_addresses(text, shown):
    address = ipaddr.parse(text)
    assert len(address) == 16
    assert ipaddr.show(address) == shown
    assert ipaddr.parse(shown) == address


@pytest.mark.parametrize("text", [
    "", "127", "1.2.3.4.5", "1.2.3.256", "1.2.3.", ".1", "a.b", "1..2", ":", ":::", "1:2", "::1::",
    "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "::g", "1.2.3.4:", "٣.1.1.1", "x" * 100,
    "1.2.3.4::",
])
def test_what_is_no_address(text):
    with pytest.raises(PlanError, match="bad ip address syntax"):
        ipaddr.parse(text)


def test_masks():
    assert ipaddr.show_mask(ipaddr.prefix_mask(104)) == "/104"
    assert ipaddr.show_mask(bytes(16)) == "/0"
    assert ipaddr.show_mask(b"\xff\0\xff" + bytes(13)) == "ff00:ff00::"
