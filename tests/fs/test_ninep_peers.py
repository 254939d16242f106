"""9P with those whose code is not ours: pyroute2, both ways, and diod, which only has 9P2000.L."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from vx9.fs.dir import DMDIR, ORDWR, OREAD, OWRITE, DirChange, unpack
from vx9.fs.errors import EEXIST, EISDIR, ENONEXIST, ENOTEMPTY, EPERM, PlanError
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
    tmp_path.chmod(0o755)
    port = free_port()
    with subprocess.Popen([program, "-f", "-n", "-l", f"127.0.0.1:{port}", "-e", str(tmp_path),
                           "-S", "-U", "root", "-L", str(tmp_path / "log")],
                          stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield f"tcp!127.0.0.1!{port}"
        finally:
            process.kill()

def test_our_client_with_diod(diod, tmp_path):
    """It refuses 9P2000, so 9P2000.L it is; files and errors are as with every other server."""
    data = bytes(range(256)) * 5000
    with Remote(diod, user="root", tree=str(tmp_path)) as remote:
        assert remote.client.version == "9P2000.L" and remote.stat("/").mode & DMDIR
        assert remote.read_file("/file") == b"x"
        with remote.create("/new", 0o640, ORDWR) as file:
            assert file.write(data) == len(data)
            file.offset = 5
            assert file.read(10) == data[5:15] and file.stat().length == len(data)
        assert (tmp_path / "new").read_bytes() == data == remote.read_file("/new")
        assert remote.stat("/new").mode == 0o640
        remote.rename("/new", "old")
        assert remote.stat("/old").name == "old" and not (tmp_path / "new").exists()
        remote.mkdir("/folder", 0o755)
        remote.write_file("/folder/in", b"in")
        remote.wstat("/folder/in", DirChange(mode=0o600, mtime=1_000_000_000, length=1))
        d = remote.stat("/folder/in")
        assert (d.mode, d.mtime, d.length, d.name) == (0o600, 1_000_000_000, 1, "in")
        assert remote.read_file("/folder/in") == b"i"
        remote.wstat("/folder/in", DirChange())
        for fails, what in ((lambda: remote.open("/nonesuch"), ENONEXIST),
                            (lambda: remote.create("/old"), EEXIST),
                            (lambda: remote.rename("/old", "file"), EEXIST),
                            (lambda: remote.remove("/folder"), ENOTEMPTY),
                            (lambda: remote.open("/folder", OWRITE), EISDIR),
                            (lambda: remote.stat("/folder/x"), ENONEXIST),
                            (lambda: remote.create("/a", 0x40000000 | 0o644), "bad arg"),
                            (lambda: remote.wstat("/old", DirChange(uid="glenda")), EPERM)):
            with pytest.raises(PlanError, match=what):
                fails()
        assert (tmp_path / "file").read_text() == "x" and remote.read_file("/old") == data
        remote.remove("/folder/in")
        remote.remove("/folder")
        remote.remove("/old")
        assert {path.name for path in tmp_path.iterdir()} == {"file", "log"}

def test_a_big_file_and_many_with_diod(diod, tmp_path):
    (tmp_path / "many").mkdir()
    for i in range(10_000):
        (tmp_path / "many" / str(i)).touch()
    with Remote(diod, user="root", tree=str(tmp_path)) as remote:
        entries = remote.listdir("/many")
        assert {d.name for d in entries} == {str(i) for i in range(10_000)}
        piece = random.Random(1).randbytes(1 << 20)
        with remote.create("/big", 0o600) as file:
            for _ in range(64):
                file.write(piece)
            file.offset = (5 << 30) - 3
            file.write(b"end")
        assert (tmp_path / "big").stat().st_size == remote.stat("/big").length == 5 << 30
        with remote.open("/big") as file:
            file.offset = 63 << 20
            assert b"".join(file.read(1 << 15) for _ in range(32)) == piece
            file.offset = (5 << 30) - 3
            assert file.read(10) == b"end" and file.read(10) == b""
        remote.remove("/big")

def test_our_guests_with_diod(diod, vx9, tmp_path):
    """By the mount driver."""
    def sh(command):
        return vx9("run", "--user", "root", "--mount", f"{diod}:/n/remote:{tmp_path}", "rc", "-c", command,
                   cwd=tmp_path)

    done = sh("cd /n/remote && cp file copy && mkdir d && echo hello >d/x && cat d/x copy && ls -l")
    assert done.stdout.startswith(b"hello\nx"), done
    assert (tmp_path / "copy").read_text() == "x" and (tmp_path / "d/x").read_text() == "hello\n"
    done = sh("mv /n/remote/copy /n/remote/moved && rm /n/remote/d/x && rm /n/remote/d")
    assert done.returncode == 0, done
    assert (tmp_path / "moved").exists() and not (tmp_path / "d").exists()
    assert b"does not exist" in sh("cat /n/remote/nonesuch").stderr

def test_the_clients_of_diod_with_vx9_serve(diod, vx9_prefix, tmp_path):
    """They have 9P2000.L alone, and ask first whether they must authenticate."""
    data = bytes(range(256)) * 3000
    (tmp_path / "data").write_bytes(data)
    with subprocess.Popen(f"exec {vx9_prefix} serve 'tcp!127.0.0.1!0' --bind '{tmp_path}:/t' --tree /t",
                          shell=True, stderr=subprocess.PIPE) as process:
        try:
            port = process.stderr.readline().decode().rpartition("!")[2].strip()

            def ask(program, *arguments):
                found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
                return subprocess.run([found, "-s", f"127.0.0.1:{port}", "-a", "/", *arguments],
                                      capture_output=True, timeout=30)

            assert set(ask("diodls").stdout.split()) == {b"data", b"file", b"log"}
            assert ask("diodcat", "data").stdout == data
            assert b"No such file or directory" in ask("diodcat", "nonesuch").stderr
        finally:
            process.terminate()
