"""vx9 mount and umount: how mounts begin and end, attached ones, and real programs on them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vx9.fs import hostfuse

_spec = importlib.util.spec_from_file_location(
    "mounting", Path(__file__).parent.parent / "mounting.py")
mounting = sys.modules["mounting"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mounting)
BACKENDS = ("raw", "fusepy")
pytestmark = pytest.mark.fuse


@pytest.fixture(params=BACKENDS)
def backend(request, demand) -> str:
    missing = mounting.why_not(request.param)
    if missing:
        demand(missing)
    return request.param


@pytest.fixture
def raw(demand) -> None:
    missing = mounting.why_not("raw")
    if missing:
        demand(missing)


@pytest.fixture
def running(tmp_path):
    """running(line): a vx9 with a name, in tmp_path/host; (name, process)."""
    (tmp_path / "host").mkdir(exist_ok=True)
    (tmp_path / "run").mkdir(mode=0o700, exist_ok=True)
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    started = []

    def start(line: str, *options: str, name: str = "one"):
        process = subprocess.Popen(
            [*mounting.command(), *options, "--name", name, "-c", line], cwd=tmp_path / "host",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        started.append(process)
        mounting.until(lambda: (tmp_path / "run" / "vx9" / name).exists() or process.poll())
        assert process.poll() is None, process.stderr.read()
        return process

    start.env = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


# Beginning and ending

def test_umount_ends_it(backend, tmp_path, vx9):
    with mounting.mounted(tmp_path, "--backend", backend) as mount:
        assert (mount.point / "dev" / "user").read_text() == "glenda"
        done = vx9("mount", mount.point)
        assert done.returncode == 125 and b"mounted there already" in done.stderr
        with open(mount.point / "dev" / "time", "rb"):
            done = vx9("umount", mount.point)
            assert done.returncode == 125 and b"--lazy" in done.stderr, done
        assert vx9("umount", mount.point).returncode == 0
        assert mount.process.wait(10) == 0 and mount.gone()
    done = vx9("umount", mount.point)
    assert done.returncode == 125 and b"no vx9 is mounted there" in done.stderr


def test_lazy_umount(backend, tmp_path, vx9):
    with mounting.mounted(tmp_path, "--backend", backend) as mount, \
            open(mount.point / "dev" / "time", "rb") as file:
        assert vx9("umount", "--lazy", mount.point).returncode == 0
        assert mount.gone() and file.read(1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it(backend, tmp_path, number):
    with mounting.mounted(tmp_path, "--backend", backend) as mount:
        fd = os.open(mount.point / "dev" / "time", os.O_RDONLY)  # even while it is used
        mount.process.send_signal(number)
        assert mount.process.wait(10) == 0
        assert mount.gone()
        with pytest.raises(OSError, match=r"not connected|aborted"):
            os.read(fd, 10)
        close(fd)


def test_killed_it_leaves_no_mount(backend, tmp_path):
    with mounting.mounted(tmp_path, "--rw", "--backend", backend) as mount:
        path = mount.folder / "written"
        fd = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"done")
        mount.process.kill()
        mount.process.wait(10)
        mounting.until(mount.gone)
        with pytest.raises(OSError, match=r"not connected|aborted"):
            os.write(fd, b"too late")
        close(fd)
    assert (mount.host / "written").read_bytes() == b"done"


def close(fd: int) -> None:
    """Close a file of a mount that is no more, which tells so."""
    with contextlib.suppress(OSError):
        os.close(fd)


def test_its_users_killed_do_no_harm(backend, tmp_path):
    with mounting.mounted(tmp_path, "--rw", "--backend", backend) as mount:
        code = ("import sys\nwith open(sys.argv[1],'wb',buffering=0) as f:\n"
                " while True: f.write(b'x'*4096)")
        writers = [subprocess.Popen([sys.executable, "-c", code, str(mount.folder / f"w{i}")])
                   for i in range(3)]
        for i, writer in enumerate(writers):
            mounting.until(lambda i=i: (mount.host / f"w{i}").exists()
                           and (mount.host / f"w{i}").stat().st_size > 10_000)
            writer.kill()
            assert writer.wait(10) == -signal.SIGKILL
        assert (mount.host / "w0").stat().st_size % 4096 == 0
        assert sorted(os.listdir(mount.folder)) == ["w0", "w1", "w2"]


def test_a_dead_mount_is_cleared_at_the_next_start(raw, tmp_path, vx9):
    point = tmp_path / "mnt"
    point.mkdir()
    os.close(hostfuse.mount(str(point), "vx9-test"))  # a connection that nobody serves
    assert hostfuse.is_dead(str(point))
    with mounting.mounted(tmp_path) as mount:
        assert (mount.point / "dev" / "user").read_text() == "glenda"
    os.close(hostfuse.mount(str(point), "vx9-test"))
    assert vx9("umount", point).returncode == 0
    assert hostfuse.on(str(point)) is None


def test_in_the_background(backend, tmp_path, vx9):
    point = tmp_path / "mnt"
    point.mkdir()
    assert vx9("mount", "--background", "--backend", backend, point).returncode == 0
    assert (point / "dev" / "user").read_text() == "glenda"
    assert vx9("umount", point).returncode == 0
    mounting.until(lambda: hostfuse.on(str(point)) is None)
    done = vx9("mount", "--background", "--tree", "/nonesuch", "--backend", backend, point)
    assert done.returncode == 125 and b"name a folder of the guest" in done.stderr
    mounting.until(lambda: hostfuse.on(str(point)) is None)


@pytest.mark.parametrize(("arguments", "text"), [
    (["mount", "nonesuch"], b"mkdir"), (["umount", "."], b"no vx9 is mounted"),
    (["mount", "--attach", "nobody", "d"], b"--name nobody"),
    (["mount", "--attach", "a/b", "d"], b"not a name"), (["--name", "..", "-c", "ls"], b"not a name"),
    (["mount", "."], b"another folder"), (["mount", "--cache", "x", "d"], b"not a time"),
])
def test_refusals(raw, tmp_path, vx9, arguments, text):
    (tmp_path / "d").mkdir()
    done = vx9(*arguments, cwd=tmp_path, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert done.returncode == 125 and text in done.stderr, done


def test_a_mount_in_the_folder_that_is_given(backend, tmp_path, vx9):
    """A guest that looked there would wait for itself, so there is nothing."""
    (tmp_path / "mnt").mkdir()
    (tmp_path / "file").write_text("x")
    done = vx9("mount", "--background", "--rw", "--backend", backend, "mnt", cwd=tmp_path)
    assert done.returncode == 0, done
    try:
        inner = tmp_path / "mnt" / str(tmp_path).lstrip("/")
        assert os.listdir(inner) == ["file"]
        with pytest.raises(FileNotFoundError):
            os.listdir(inner / "mnt")
        with pytest.raises(OSError, match="Errno"):
            os.mkdir(inner / "mnt")
    finally:
        assert vx9("umount", tmp_path / "mnt").returncode == 0


# Running ones

def test_a_running_vx9(backend, running, tmp_path, vx9):
    process = running("sleep 100; echo over")
    socket = tmp_path / "run" / "vx9" / "one"
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    with mounting.mounted(tmp_path, "--attach", "one", "--backend", backend,
                          env=running.env) as mount:
        assert float((mount.point / "dev" / "time").read_text().split()[0]) > 1e9
        proc = mount.point / "proc"
        pid = _pid(proc, "sleep")
        (proc / pid / "ctl").write_text("kill")
        assert process.wait(10) is not None  # the line ends with it
        assert mount.process.wait(10) == 0  # and with vx9 the mount
    mounting.until(lambda: not socket.exists())


def _pid(proc: Path, name: str) -> str:
    def find() -> str:
        for pid in os.listdir(proc):
            if pid.isdigit() and (proc / pid / "status").read_text().split()[0] == name:
                return pid
        return ""

    mounting.until(find)
    return find()


def test_echo_kill_into_ctl(raw, running, tmp_path):
    process = running("sleep 100")
    with mounting.mounted(tmp_path, "--attach", "one", env=running.env) as mount:
        pid = _pid(mount.point / "proc", "sleep")
        done = mounting.run("sh", "-c", f"echo kill >{mount.point}/proc/{pid}/ctl", cwd=tmp_path)
        assert not done.stderr
        assert process.wait(10) is not None


def test_guests_see_not_where_they_are_mounted(raw, running, tmp_path):
    """Neither waits for the other."""
    host = tmp_path / "host"
    host.mkdir(exist_ok=True)
    process = running("cat; ls", "--rw")
    point = host / "mnt"
    point.mkdir()
    done = mounting.run(*mounting.command(), "mount", "--background", "--attach", "one", point,
                        cwd=tmp_path, env=running.env)
    try:
        assert os.listdir(point / str(host).lstrip("/")) == []
        process.stdin.close()
        assert process.stdout.read() == b""
    finally:
        process.kill()
        mounting.until(lambda: hostfuse.on(str(point)) is None)
    assert done.returncode == 0


def test_killed_vx9s_mount_ends(backend, running, tmp_path):
    process = running("sleep 100")
    with mounting.mounted(tmp_path, "--attach", "one", "--backend", backend,
                          env=running.env) as mount:
        process.kill()
        assert mount.process.wait(10) == 0
        assert mount.gone()


def test_two_of_one_name(raw, running, vx9):
    running("sleep 100")
    done = vx9("--name", "one", "-c", "ls", env=running.env)
    assert done.returncode == 125 and b"another vx9" in done.stderr


# An ordinary user

AS_USER = """
set -e
mount -t tmpfs none "$TOP"
mkdir -m 777 "$TOP/mnt" "$TOP/host" "$TOP/run"
mknod -m 666 "$TOP/fuse" c 10 229
mount --bind "$TOP/fuse" /dev/fuse
cd "$TOP/host"
exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_override \\
    --ambient-caps +dac_override sh -ec '
    export HOME="$TOP" XDG_RUNTIME_DIR="$TOP/run"
    eval "$VX9 mount --background --rw $TOP/mnt"
    cat "$TOP/mnt/dev/user"; echo
    echo text >"$TOP/mnt$TOP/host/file"
    cat file
    stat -c %u "$TOP/mnt$TOP/host/file"
    eval "$VX9 umount $TOP/mnt"
    eval "exec $VX9 mount $TOP/mnt" 2>err &
    while ! grep -q mounted err; do sleep 0.05; done
    cat "$TOP/mnt/dev/sysname"; echo
    kill -9 $!
    while grep -q " $TOP/mnt " /proc/self/mountinfo; do sleep 0.05; done
    echo gone'
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user; "
                    "for one who is not root, all tests here are this one")
def test_an_ordinary_user(raw, demand, tmp_path):
    """By fusermount3, which hands the connection over; in a name space with a /dev/fuse for all."""
    if hostfuse.helper() is None:
        demand("fusermount3 (package fuse3)")
    done = mounting.run("unshare", "-m", "sh", "-c", AS_USER, cwd=tmp_path, ok=False, timeout=60,
                        env={"TOP": "/mnt", "VX9": shlex.join(mounting.command())})
    assert done.stdout.decode().split() == ["glenda", "text", "65534", "vx9", "gone"], done
    assert done.returncode == 0 and not done.stderr


# Real programs

@pytest.fixture(scope="module")
def place(tmp_path_factory, demand):
    """A folder through the raw mount, and one beside it that is not."""
    missing = mounting.why_not("raw")
    if missing:
        demand(missing)
    base = tmp_path_factory.mktemp("programs")
    with mounting.mounted(base, "--rw") as mount:
        yield mount.folder, mount.memory


@pytest.fixture(params=["host", "memory"])
def work(request, place, tmp_path) -> Path:
    new = place[request.param == "memory"] / tmp_path.name
    new.mkdir()
    yield new
    shutil.rmtree(new)


def need(demand, program: str) -> None:
    if shutil.which(program) is None:
        demand(program)


def test_git(work, demand):
    need(demand, "git")
    env = {"GIT_AUTHOR_NAME": "g", "GIT_AUTHOR_EMAIL": "g@x", "GIT_COMMITTER_NAME": "g",
           "GIT_COMMITTER_EMAIL": "g@x", "HOME": str(work)}
    mounting.run("git", "init", "-q", "one", cwd=work, env=env)
    (work / "one" / "d").mkdir()
    for i in range(20):
        (work / "one" / "d" / f"f{i}").write_text(f"line {i}\n" * 100)
    mounting.run("git", "add", ".", cwd=work / "one", env=env)
    mounting.run("git", "commit", "-q", "-m", "first", cwd=work / "one", env=env)
    mounting.run("git", "clone", "-q", "one", "two", cwd=work, env=env)
    (work / "two" / "d" / "f3").write_text("changed\n")
    mounting.run("git", "commit", "-q", "-a", "-m", "second", cwd=work / "two", env=env)
    mounting.run("git", "gc", "-q", cwd=work / "two", env=env)
    mounting.run("git", "pull", "-q", "../two", cwd=work / "one", env=env)
    assert (work / "one" / "d" / "f3").read_text() == "changed\n"
    assert mounting.run("git", "status", "--porcelain", cwd=work / "one", env=env).stdout == b""
    mounting.run("git", "fsck", "--strict", cwd=work / "two", env=env)


def test_tar(work, tmp_path):
    source = tmp_path / "source"
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "x").write_bytes(os.urandom(100_000))
    (source / "run").write_text("#!/bin/sh\n")
    (source / "run").chmod(0o755)
    os.utime(source / "run", (1e9, 1e9))
    mounting.run("tar", "-cf", work / "t.tar", "-C", source, ".", cwd=work)
    (work / "out").mkdir()
    mounting.run("tar", "-xpf", "t.tar", "-C", "out", cwd=work)
    mounting.run("diff", "-r", source, work / "out", cwd=work)
    st = (work / "out" / "run").stat()
    assert (stat.S_IMODE(st.st_mode), st.st_mtime) == (0o755, 1e9)
    mounting.run("tar", "-df", "t.tar", "-C", "out", cwd=work)


@pytest.mark.parametrize("journal", ["delete", "wal", "persist"])
def test_sqlite(work, journal):
    import sqlite3

    path = work / "db"
    first, second = sqlite3.connect(path, timeout=0.2), sqlite3.connect(path, timeout=0.2)
    assert first.execute(f"pragma journal_mode={journal}").fetchone() == (journal,)
    first.execute("create table t(n integer primary key, s text)")
    with first:
        first.executemany("insert into t(s) values(?)", [(f"row {i}" * 20,) for i in range(2000)])
    assert second.execute("select count(*) from t").fetchone() == (2000,)
    first.execute("begin immediate")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        second.execute("begin immediate")
    first.execute("delete from t where n > 10")
    first.commit()
    assert second.execute("select count(*) from t").fetchone() == (10,)
    second.execute("vacuum")
    assert second.execute("pragma integrity_check").fetchone() == ("ok",)
    first.close()
    second.close()


def test_gcc_and_make(work, demand):
    need(demand, "gcc")
    (work / "main.c").write_text('#include <stdio.h>\nint f(void);\n'
                                 'int main(void) { printf("%d\\n", f()); return 0; }\n')
    (work / "f.c").write_text("int f(void) { return 42; }\n")
    for command in (["gcc", "-O1", "-c", "main.c"], ["gcc", "-c", "f.c"],
                    ["ar", "rc", "libf.a", "f.o"], ["gcc", "-o", "prog", "main.o", "libf.a"]):
        mounting.run(*command, cwd=work)
    assert mounting.run("./prog", cwd=work).stdout == b"42\n"


def test_rsync(work, demand, tmp_path):
    need(demand, "rsync")
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    for i in range(30):
        (source / "d" / f"f{i}").write_bytes(os.urandom(3000))
        os.utime(source / "d" / f"f{i}", (1e9 + i, 1e9 + i))
    mounting.run("rsync", "-a", f"{source}/", work / "copy", cwd=work)
    mounting.run("diff", "-r", source, work / "copy", cwd=work)
    (source / "d" / "f3").write_bytes(b"new")
    said = mounting.run("rsync", "-ai", "--delete", f"{source}/", work / "copy", cwd=work).stdout
    changed = [line for line in said.decode().splitlines() if line[1] == "f"]
    assert len(changed) == 1 and changed[0].endswith("d/f3"), said
    mounting.run("rsync", "-a", f"{work}/copy/", tmp_path / "back", cwd=work)
    mounting.run("diff", "-r", source, tmp_path / "back", cwd=work)


def test_vim(work, demand):
    need(demand, "vim")
    (work / "text").write_text("one\ntwo\n")
    for command in ("%s/one/1/ | wq", "set backup writebackup | %s/two/2/ | wq"):
        mounting.run("vim", "-u", "NONE", "-i", "NONE", "-n", "-es", "-c", command, "text",
                     cwd=work, timeout=20)
    assert (work / "text").read_text() == "1\n2\n"


def test_find_and_du(work):
    for i in range(5):
        (work / f"d{i}" / "e" / "f").mkdir(parents=True)
        (work / f"d{i}" / "e" / "f" / "g").write_bytes(b"x" * 5000)
    found = mounting.run("find", ".", "-type", "f", cwd=work).stdout.split()
    assert len(found) == 5
    found = mounting.run("find", ".", "-type", "d", "-empty", cwd=work).stdout
    assert found == b""
    assert int(mounting.run("du", "-sb", ".", cwd=work).stdout.split()[0]) >= 25_000
    mounting.run("find", ".", "-name", "g", "-delete", cwd=work)
    assert not re.search(rb"/g$", mounting.run("find", ".", cwd=work).stdout)


def test_moves_of_programs(work):
    (work / "a").mkdir()
    (work / "a" / "f").write_text("x")
    mounting.run("mv", "a/f", "g", cwd=work)
    mounting.run("cp", "-a", "a", "b", cwd=work)
    mounting.run("mv", "b", "a/b", cwd=work)
    mounting.run("install", "-m", "750", "g", "a/b/h", cwd=work)
    assert stat.S_IMODE((work / "a" / "b" / "h").stat().st_mode) == 0o750
    mounting.run("rm", "-r", "a", cwd=work)
    began = time.time()
    mounting.run("touch", "new", cwd=work)
    assert abs((work / "new").stat().st_mtime - began) < 5
