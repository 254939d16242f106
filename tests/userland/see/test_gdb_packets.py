"""The stub and packets that no gdb sends: an answer, an error or silence, and it goes on."""

import random
import socket

import pytest

from vx9.userland.see.gdbwire import packet

from .test_gdb import Debugged

pytestmark = pytest.mark.guest


@pytest.fixture
def stub(programs):
    from tests.conftest import command

    d = Debugged(command("vx9"), "127.0.0.1:0", str(programs("seen")), "forever")
    host, port = d.address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    yield connection
    connection.close()
    d.run.kill()
    d.run.wait()
    d.run.stdout.close(), d.run.stderr.close()


def ask(connection, body):
    """The reply to a packet, past acknowledgements."""
    connection.sendall(packet(body))
    said = b""
    while True:
        part = connection.recv(4096)
        assert part, "the stub hung up"
        said += part
        start = said.rfind(b"$")
        if start >= 0 and said.find(b"#", start) + 3 <= len(said) and b"#" in said[start:]:
            return said[start + 1:said.find(b"#", start)]


BAD = [b"", b"m", b"m0", b"m,", b"mzz,4", b"m0,4", b"mffffffff,ffffffff", b"m1000,ffffffffffffffff",
       b"M", b"M1020,4:00", b"M1020,4:zzzzzzzz", b"M0,1:00", b"X1020", b"X0,5:abc", b"G", b"G00", b"Gzz",
       b"P", b"Pff=00", b"P0=0", b"P0=00000000000", b"p", b"p99", b"pzz", b"Z", b"Z0", b"Z0,zz,1", b"Z9,1,1",
       b"Z0,0,1", b"z0,ffffffff,1", b"H", b"Hg", b"Hgzz", b"Hg-1", b"Hc99999999999", b"T", b"Tzz", b"qXfer:",
       b"qXfer:features:read:", b"qXfer:features:read:x:0,10", b"qXfer:features:read:target.xml:zz,1",
       b"qXfer:features:read:target.xml:ffffff,10", b"vFile:", b"vFile:open:zz", b"vFile:open:2f,0,0",
       b"vFile:pread:3,ffffffff,ffffffffff", b"vFile:pread:9,1,1", b"vFile:pread:", b"vCont;", b"vCont;x",
       b"vCont;c:ffff", b"vCont;zz:1", b"vAttach;", b"vAttach;ffff", b"vAttach;zz", b"vAttach;-1", b"qRcmd,",
       b"qRcmd,zz", b"qRcmd,6869", b"qThreadExtraInfo,", b"qThreadExtraInfo,99", b"vFile:fstat:3", b"\xff\xfe",
       b"qSupported:" + b"x" * 9000]


def test_bad_packets(stub):
    for body in BAD:
        ask(stub, body)
    assert ask(stub, b"?").startswith(b"T05thread:1;")
    assert len(ask(stub, b"g")) == 2 * (16 * 4 + 80 + 32 + 128 + 4)


def test_noise(stub):
    rng = random.Random(9)
    for _ in range(300):
        stub.sendall(b"%" + rng.randbytes(rng.randrange(40)).replace(b"$", b"").replace(b"\x03", b""))
    stub.sendall(b"$" + b"a" * 100_000)
    stub.sendall(b"#00")
    for _ in range(300):
        letter = bytes([rng.choice(b"?gGpPmMXZzHTqQvcC!")])
        body = letter + rng.randbytes(rng.randrange(20)).translate(None, b"$#}*\x03")
        if not body.startswith((b"c", b"C", b"vCont;c", b"vKill", b"QStart")):
            ask(stub, body)
    assert ask(stub, b"?").startswith(b"T05")


def test_all_registers_can_be_written_back(stub):
    whole = ask(stub, b"g")
    assert ask(stub, b"G" + whole) == b"OK"
    again = ask(stub, b"g")
    assert again[:80] == whole[:80]
    assert ask(stub, b"P0=78563412") == b"OK" and ask(stub, b"p0") == b"78563412"
    assert ask(stub, b"P10=" + b"11" * 10).startswith(b"OK")  # st0
    assert ask(stub, b"p10") == b"11" * 10
