"""vx9 serve, vx9 import, --mount: name spaces over 9P, between processes of the host."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from vx9.fs.dir import DMDIR, ORDWR, OREAD
from vx9.fs.errors import PlanError
from vx9.fs.hostninep import dial, listen, parse
from vx9.fs.hostremote import Remote
from vx9.fs.ninep import wire

KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def serve(tmp_path, vx9_prefix):
    """serve(address, *options) -> (address it serves on, process); ended after the test."""
    started = []

    def start(address=None, *options, folder=tmp_path, **more):
        address = address if address is not None else f"unix!{tmp_path}/sock"
        argv = shlex.split(vx9_prefix)
        process = subprocess.Popen([*argv, "serve", address, *map(str, options)], cwd=folder,
                                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **more)
        started.append(process)
        line = process.stderr.readline().decode()
        said = re.match(r"vx9: serving (\S+) on (\S+)\n", line)
        assert said, line
        return said[2], process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            assert process.wait(20) == 0
        process.stderr.close()


@pytest.fixture
def key_file(tmp_path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n")
    path.chmod(0o600)
    return path


def test_what_a_file_server_is_for(serve, tmp_path):
    """Create, write, read, rename, list, remove, large files and errors, by the Python client."""
    data = os.urandom(3 << 20)
    (tmp_path / "big").write_bytes(data)
    folder = tmp_path
    address, _ = serve(None, "--rw")
    assert stat.S_IMODE(os.stat(tmp_path / "sock").st_mode) == 0o600
    with Remote(address, user="glenda", tree=str(folder)) as remote:
        assert remote.read_file("/big") == data
        remote.write_file("/new", data)
        assert (folder / "new").read_bytes() == data
        remote.rename("/new", "other")
        assert (folder / "other").exists() and remote.stat("/other").length == len(data)
        remote.mkdir("/d")
        for i in range(300):
            with remote.create(f"/d/f{i}") as file:
                file.write(b"%d" % i)
        assert {d.name for d in remote.listdir("/d")} == {f"f{i}" for i in range(300)}
        assert remote.read_file("/d/f7") == b"7"
        with pytest.raises(PlanError, match="directory not empty"):
            remote.remove("/d")
        for i in range(300):
            remote.remove(f"/d/f{i}")
        remote.remove("/d")
        assert not (folder / "d").exists()
        with pytest.raises(PlanError, match="file does not exist"):
            remote.open("/nonesuch/x")
        with pytest.raises(PlanError, match="exists"):
            remote.create("/other")
        with remote.open("/other", ORDWR) as file:
            file.offset = 10
            assert file.read(5) == data[10:15] and file.write(b"xyz") == 3 and file.stat().length
        assert (folder / "other").read_bytes()[15:18] == b"xyz"
        assert remote.stat("/").mode & DMDIR
    with Remote(address) as remote:
        assert remote.read_file("/dev/user") == b"glenda"
        assert {"dev", "bin", "proc"} <= {d.name for d in remote.listdir()}


def test_guests_use_it(serve, vx9, tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "note").write_text("from the server\n")
    address, _ = serve(None, "--bind", f"{tmp_path}/served:/n/s:rw", "--tree", "/n/s")
    here = tmp_path / "elsewhere"
    here.mkdir()
    done = vx9("run", "--mount", address, "cat", "/n/remote/note", cwd=here)
    assert (done.stdout, done.returncode) == (b"from the server\n", 0), done.stderr
    done = vx9("run", "--mount", f"{address}:/n/deep/x", "cat", "/n/deep/x/nonesuch", cwd=here)
    assert done.returncode and b"does not exist" in done.stderr
    line = "cat /usr/x/note; echo new > /usr/x/made; unmount /usr/x; ls /srv; ls /usr/x"
    done = vx9("import", address, "/usr/x", "-c", line, cwd=here)
    posted = address.replace("/", "_").encode()
    assert done.stdout == b"from the server\n/srv/" + posted + b"\n", done
    assert (tmp_path / "served" / "made").read_text() == "new\n"
    line = (f"unmount /n/remote; mount /srv/{address.replace('/', '_')} /mnt; cat /mnt/note;"
            f"bind /mnt /n; cat /n/note; unmount /n; srv {address} files; mount /srv/files /n;"
            f"cat /n/note; unmount /srv/files /n; import {address} / /n; cat /n/note")
    done = vx9("import", address, "-c", line, cwd=here)
    assert done.stdout == b"from the server\n" * 4 and not done.stderr, done


def test_loopback_and_keys(serve, vx9, tmp_path, key_file):
    address, _ = serve("tcp!127.0.0.1!0")
    with Remote(address) as remote:
        assert remote.read_file("/dev/user") == b"glenda"
    address, _ = serve("tcp!127.0.0.1!0", "--key", key_file)
    with pytest.raises(PlanError, match="authentication required"):
        Remote(address, user="u")
    with pytest.raises(PlanError, match="does not know the shared key"):
        Remote(address, user="u", key=b"x" * 32)
    with Remote(address, user="u", key=KEY) as remote:
        assert remote.read_file("/dev/user") == b"glenda"
    done = vx9("run", "--mount", address, "cat", "/n/remote/dev/user", cwd=tmp_path)
    assert done.returncode == 125 and b"--key FILE" in done.stderr
    done = vx9("run", "--mount", address, "--key", key_file, "cat", "/n/remote/dev/user", cwd=tmp_path)
    assert done.stdout == b"glenda", done.stderr
    other = tmp_path / "other"
    other.write_bytes(b"y" * 40)
    other.chmod(0o600)
    done = vx9("run", "--mount", address, "--key", other, "cat", "/dev/user", cwd=tmp_path)
    assert done.returncode == 125 and b"the keys differ" in done.stderr


@pytest.mark.parametrize(("arguments", "text"), [
    (["serve", "tcp!0.0.0.0!0"], b"give --key FILE"),
    (["serve", "tcp!0!0"], b"give --key FILE"),
    (["serve", "here"], b"write unix!PATH, tcp!HOST!PORT or stdio"),
    (["serve", "unix!"], b"no address"), (["serve", "tcp!127.0.0.1!no-such-port"], b"tcp!127.0.0.1"),
    (["serve", "unix!/nonesuch/sock"], b"No such file"),
    (["serve", "stdio", "--tree", "/nonesuch"], b"name a folder of the guest"),
    (["serve", "stdio", "--key", "nonesuch"], b"name a file with the key"),
    (["serve", "stdio", "--key", "open"], b"chmod 600"),
    (["serve", "stdio", "--key", "short"], b"at least 16 bytes"),
    (["run", "--mount", "unix!nonesuch", "hello"], b"is a server listening there?"),
    (["run", "--mount", "stdio", "hello"], b"nothing can be dialled"),
    (["run", "--mount", ":/n/x", "hello"], b"not of the form"),
    (["import", "unix!nonesuch", "n/x"], b"write /n/x"),
])
def test_refusals(vx9, tmp_path, arguments, text):
    (tmp_path / "open").write_bytes(KEY)
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "short").write_bytes(b"short\n")
    (tmp_path / "short").chmod(0o600)
    done = vx9(*arguments, cwd=tmp_path)
    assert done.returncode == 125 and text in done.stderr and b"Traceback" not in done.stderr, done
    assert done.stderr.count(b"\n") == 1


def test_standard_streams(tmp_path, vx9_prefix):
    argv = shlex.split(vx9_prefix)
    with subprocess.Popen([*argv, "serve", "stdio"], cwd=tmp_path, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        splitter, answers = wire.Splitter(1 << 20), []
        for message in (wire.Tversion(wire.NOTAG, 8216, "9P2000"),
                        wire.Tattach(1, 1, wire.NOFID, "u", ""), wire.Twalk(2, 1, 2, ("dev", "user")),
                        wire.Topen(3, 2, OREAD), wire.Tread(4, 2, 0, 100)):
            process.stdin.write(wire.pack(message))
            process.stdin.flush()
            while not (got := list(splitter.feed(os.read(process.stdout.fileno(), 8192)))):
                pass
            answers += got
        assert answers[-1] == wire.Rread(4, b"glenda")
        process.stdin.close()
        assert process.wait(20) == 0


def test_all_at_once_on_standard_input(tmp_path, vx9):
    """What was asked is answered, though no more can come."""
    asked = [wire.Tversion(wire.NOTAG, 8216, "9P2000"), wire.Tattach(1, 1, wire.NOFID, "u", ""),
             wire.Twalk(2, 1, 2, ("dev", "user")), wire.Topen(3, 2, OREAD), wire.Tread(4, 2, 0, 100)]
    done = vx9("serve", "stdio", cwd=tmp_path, input=b"".join(map(wire.pack, asked)))
    answers = list(wire.Splitter(8216).feed(done.stdout))
    assert done.returncode == 0 and answers[-1] == wire.Rread(4, b"glenda") and len(answers) == 5


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_end_of_the_server(serve, tmp_path, vx9_prefix, number):
    """Its socket goes, and a guest that waits for it gets an error and not a hang."""
    address, process = serve()
    argv = shlex.split(vx9_prefix)
    with subprocess.Popen([*argv, "run", "--mount", address, "cat", "/n/remote/dev/cons",
                           "/n/remote/dev/user"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as guest, \
            Remote(address) as remote:
        assert remote.read_file("/dev/user") == b"glenda"
        process.send_signal(number)
        assert process.wait(20) == (0 if number != signal.SIGKILL else -9)
        with pytest.raises(PlanError, match="mount rpc error"):
            remote.read_file("/dev/user")
        out, err = guest.communicate(timeout=30)
        assert guest.returncode and (b"mount rpc error" in err or b"hungup" in err
                                     or b"listening" in err), (out, err)
    for _ in range(100):
        if not (tmp_path / "sock").exists():
            break
        time.sleep(0.05)
    assert not (tmp_path / "sock").exists()


def test_a_socket_of_a_dead_server_is_replaced_and_one_of_a_living_is_not(tmp_path):
    path = tmp_path / "s"
    address = parse(f"unix!{path}")
    listen(address, False).close()
    assert path.exists()
    with listen(address, False):
        with pytest.raises(PlanError, match="in use"):
            listen(address, False)
        dial(address).close()
    path.unlink()
    path.write_text("precious")
    with pytest.raises(PlanError, match="in use"):
        listen(address, False)
    assert path.read_text() == "precious"


def test_hostile_clients_do_not_keep_others_from_it(serve, tmp_path):
    address, process = serve()
    path = tmp_path / "sock"
    idle = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for i, sock in enumerate(idle):
        sock.connect(str(path))
        sock.sendall([b"", b"\x13\0\0", b"\xff\xff\xff\xff", bytes(100), b"\x07\0\0\0\x79\1\0"][i % 5])
    flood = socket.socket(socket.AF_UNIX)
    flood.connect(str(path))
    flood.sendall(wire.pack(wire.Tversion(wire.NOTAG, 8216, "9P2000"))
                  + wire.pack(wire.Tattach(1, 1, wire.NOFID, "u", "")))
    flood.setblocking(False)
    ask = b"".join(wire.pack(wire.Tstat(tag, 1)) for tag in range(100))
    for _ in range(300):  # and never read an answer
        try:
            flood.send(ask)
        except BlockingIOError:
            break
    with Remote(address) as remote:
        assert remote.read_file("/dev/user") == b"glenda"
    for i, sock in enumerate(idle):
        sock.settimeout(10)
        if i % 5 >= 2:
            while sock.recv(1000):  # told perhaps, and hung up on
                pass
        sock.close()
    flood.close()
    assert process.poll() is None
    with Remote(address) as remote:
        assert remote.read_file("/dev/user") == b"glenda"


def test_what_waits_can_be_flushed_and_keeps_nobody_waiting(serve):
    """Opening `listen` waits for a call; a client gives up, another hangs up."""
    address, _ = serve()

    def waiting(remote, port):
        with_number = remote.open("/net/tcp/clone", ORDWR)
        number = with_number.read(10).decode().strip()
        with_number.write(b"announce %d" % port)
        call = remote.client.call(wire.Topen, remote.walk(f"/net/tcp/{number}/listen"), ORDWR)
        assert remote.stat("/dev").mode & DMDIR and not call.done
        return call

    with Remote(address) as remote:
        with Remote(address) as other:
            waiting(other, 7001)
        call = waiting(remote, 7000)
        assert remote.read_file("/dev/user") == b"glenda"
        remote.wait(remote.client.flush(call))
        assert call.error == "interrupted"
        assert remote.read_file("/dev/user") == b"glenda"


def test_many_clients(serve):
    address, _ = serve()
    remotes = [Remote(address) for _ in range(30)]
    for _ in range(3):
        assert {remote.read_file("/dev/user") for remote in remotes} == {b"glenda"}
    for remote in remotes:
        remote.close()
    with Remote(address) as remote:
        assert remote.stat("/dev").mode & DMDIR


