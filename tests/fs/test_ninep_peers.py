"""9P2000 with those whose code is not ours: pyroute2, both ways, and diod, which only has 9P2000.L."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from vx9.fs.dir import DMDIR, ORDWR, OREAD, OWRITE, unpack
from vx9.fs.errors import PlanError
from vx9.fs.hostninep import accept, listen, parse, serve
from vx9.fs.hostremote import Remote
from vx9.fs.ninep import wire
from vx9.fs.ramfs import RamFS

PYROUTE2 = """
import asyncio, sys
from pyroute2.plan9.server import Plan9ServerSocket
async def main():
    server = Plan9ServerSocket(address=("127.0.0.1", int(sys.argv[1])))
    server.filesystem.create("file").data.write(bytes(range(256)) * 400)
    server.filesystem.create("other")
    await (await server.async_run())
asyncio.run(main())
"""

@pytest.fixture
def pyroute2(demand):
    """Or the test is none."""
    try:
        from pyroute2.plan9 import client
    except ImportError:
        demand("pyroute2")
    return client

def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]

def wait_for(port: int, process: subprocess.Popen) -> None:
    for _ in range(400):
        assert process.poll() is None, process.stderr and process.stderr.read()
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("it does not listen")

@pytest.fixture
def pyroute2_server(pyroute2):
    port = free_port()
    with subprocess.Popen([sys.executable, "-P", "-c", PYROUTE2, str(port)],
                          stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield f"tcp!127.0.0.1!{port}"
        finally:
            process.kill()

def test_our_client_with_the_server_of_pyroute2(pyroute2_server):
    data = bytes(range(256)) * 400
    with Remote(pyroute2_server, user="u", msize=8216) as remote:
        assert {d.name for d in remote.listdir("/")} == {"file", "other"}
        assert remote.stat("/").mode & DMDIR and remote.stat("/file").length == len(data)
        assert remote.read_file("/file") == data
        with remote.open("/other", ORDWR) as file:
            assert file.write(data[:5000]) == 5000
            file.offset = 10
            assert file.read(5) == data[10:15]
        with pytest.raises(PlanError, match="not found"):
            remote.open("/nonesuch")
        with pytest.raises(PlanError):
            remote.create("/new")
        assert remote.read_file("/file") == data  # all goes on

def test_our_guests_client_with_the_server_of_pyroute2(pyroute2_server, vx9, tmp_path):
    done = vx9("run", "--mount", f"{pyroute2_server}:/n/p", "ls", "/n/p", cwd=tmp_path)
    assert done.stdout.split() == [b"/n/p/file", b"/n/p/other"], done
    done = vx9("run", "--mount", f"{pyroute2_server}:/n/p", "cat", "/n/p/file", cwd=tmp_path)
    assert done.stdout == bytes(range(256)) * 400, done.stderr

@pytest.fixture
def our_server():
    """A memory tree on a port, and the sessions it had."""
    fs = RamFS("root", perm=0o777)
    fs.put("sub/file", bytes(range(256)) * 100, 0o666)
    for i in range(100):
        fs.put(f"many/{i}", b"", 0o666)
    fs.put("empty", b"", 0o666)
    sessions = []
    with listen(parse("tcp!127.0.0.1!0"), False) as listener:
        def loop():
            try:
                while True:
                    sessions.append(serve(accept(listener), fs))
            except OSError:
                return

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        yield fs, listener.getsockname()[1], sessions
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)

def test_the_client_of_pyroute2_with_our_server(pyroute2, our_server):
    """It reads without opening, takes error strings for JSON and makes nothing; the rest works."""
    from pyroute2.plan9 import msg_tclunk, msg_topen, msg_tstat

    fs, port, sessions = our_server

    async def talk():
        client = pyroute2.Plan9ClientSocket(address=("127.0.0.1", port))
        await client.start_session()

        async def opened(path, mode):
            fid = await client.fid(path)
            m = msg_topen()
            m["fid"], m["mode"] = fid, mode
            await client.request(m)
            return fid

        fid = await opened("sub/file", OREAD)
        answer = await client.read(fid)
        assert len(answer["data"]) == 8192 - wire.OVERHEAD  # cut, not refused
        answer = await client.read(fid, 25590, 100)
        assert bytes(answer["data"]) == bytes(range(246, 256))
        empty = await opened("empty", OWRITE)
        answer = await client.write(empty, b"hello")
        assert answer["count"] == 5 and bytes(fs.root.children["empty"].data) == b"hello"
        stat = msg_tstat()
        stat["fid"] = fid
        assert (await client.request(stat))["stat"]["name"] == "file"
        with pytest.raises(Exception, match="Expecting value"):
            await client.fid("nonesuch")
        clunk = msg_tclunk()
        clunk["fid"] = fid
        await client.request(clunk)

    asyncio.run(talk())
    for _ in range(200):
        if sessions:
            break
        time.sleep(0.01)
    assert all(not s.broken and not s.errors and s.closed for s in sessions)

def test_errors_on_the_wire(our_server):
    """What a peer that cannot parse them was sent."""
    _, port, _ = our_server
    with socket.create_connection(("127.0.0.1", port)) as sock:
        def ask(message):
            sock.sendall(wire.pack(message))
            return wire.unpack(sock.recv(8192))

        assert ask(wire.Tversion(wire.NOTAG, 8192, "9P2000.u")).version == "9P2000"
        ask(wire.Tattach(1, 0, wire.NOFID, "root", ""))
        assert ask(wire.Twalk(1, 0, 1, ("nonesuch",))) == wire.Rerror(1, "file does not exist")
        assert ask(wire.Tread(2, 0, 0, 10)) == wire.Rerror(2, "fid is not open")
        assert unpack(ask(wire.Tstat(3, 0)).stat).name == "/"

@pytest.fixture
def diod(demand, tmp_path):
    """The address of one, which serves tmp_path by 9P2000.L."""
    program = shutil.which("diod", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        demand("diod")
    (tmp_path / "file").write_text("x")
    port = free_port()
    with subprocess.Popen([program, "-f", "-n", "-l", f"127.0.0.1:{port}", "-e", str(tmp_path),
                           "-S", "-U", "root", "-L", str(tmp_path / "log")],
                          stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield f"tcp!127.0.0.1!{port}"
        finally:
            process.kill()

def test_a_server_that_does_not_speak_9p2000(diod, vx9, tmp_path):
    """It answers Tversion with a message that 9P2000 does not have."""
    with pytest.raises(PlanError, match="bad fversion conversion on reply"):
        Remote(diod)
    done = vx9("run", "--mount", diod, "ls", "/n/remote", cwd=tmp_path)
    assert done.returncode == 125 and done.stderr.count(b"\n") == 1, done
    assert b"bad fversion conversion on reply" in done.stderr

