"""vx9 mount as POSIX programs see it: both back ends, a host folder and memory behind them.

What is mapped, what is refused, and how, is in docs/fuse.md; each row has a test here.
"""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import mmap
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vx9.fs.hostfs import HostFS


def _load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


contract = _load(Path(__file__).with_name("contract.py"))
mounting = _load(Path(__file__).parent.parent / "mounting.py")
BACKENDS = ("raw", "fusepy")
MIB = 1 << 20
pytestmark = pytest.mark.fuse


@pytest.fixture(scope="module", params=BACKENDS)
def mount(request, tmp_path_factory, demand):
    """A mount that all tests of a back end share."""
    missing = mounting.why_not(request.param)
    if missing:
        demand(missing)
    base = tmp_path_factory.mktemp("fuse")
    with mounting.mounted(base, "--rw", "--backend", request.param) as made:
        made.backend = request.param
        yield made


@pytest.fixture(params=["host", "memory"])
def folder(request, mount, tmp_path) -> Path:
    """An empty folder through the mount."""
    base = mount.folder if request.param == "host" else mount.memory
    new = base / tmp_path.name
    os.mkdir(new)
    yield new
    shutil.rmtree(new)


def refused(number: int, do, *arguments) -> None:
    with pytest.raises(OSError, match=r"^\[Errno") as caught:
        do(*arguments)
    assert caught.value.errno == number, caught.value


class TestContract(contract.Contract):
    """The acceptance suite of every server, through the mount: a host folder that is FUSE."""

    @pytest.fixture
    def server(self, folder):
        for path, data in contract.TREE.items():
            where = folder / path
            if data is None:
                where.mkdir(parents=True)
            else:
                where.parent.mkdir(parents=True, exist_ok=True)
                where.write_bytes(data)
                where.chmod(0o644)
        return HostFS(str(folder), rw=True)

    def test_a_name_too_long(self, door):
        super().test_a_name_too_long(door)


# Attributes

def test_modes_owners_times(folder):
    path = folder / "f"
    path.write_bytes(b"abc")
    st = path.stat()
    assert stat.S_ISREG(st.st_mode) and (st.st_size, st.st_nlink, st.st_blocks) == (3, 1, 1)
    assert (st.st_uid, st.st_gid) == (os.geteuid(), os.getegid())
    assert abs(st.st_mtime - time.time()) < 100
    for mode in (0o600, 0o444, 0o755, 0o640):
        path.chmod(mode)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    os.utime(path, (1_000_000_000, 1_100_000_000.75))
    assert path.stat().st_mtime == 1_100_000_000  # whole seconds
    os.chown(path, os.geteuid(), os.getegid())
    os.chown(path, -1, -1)
    refused(errno.EPERM, os.chown, path, 12345, -1)
    refused(errno.EPERM, os.chown, path, -1, 12345)
    refused(errno.EPERM, path.chmod, 0o4755)
    refused(errno.EPERM, folder.chmod, 0o1777)
    assert stat.S_ISDIR(folder.stat().st_mode) and folder.stat().st_nlink == 1
    assert path.stat().st_ino == os.stat(str(path)).st_ino != folder.stat().st_ino != 0


def test_statfs(folder):
    st = os.statvfs(folder)
    assert st.f_namemax == 255 and st.f_bsize == 4096
    assert st.f_blocks >= st.f_bfree > 0


# Contents

def test_truncate_append_holes(folder):
    path = folder / "f"
    path.write_bytes(b"0123456789")
    os.truncate(path, 4)
    assert path.read_bytes() == b"0123"
    with open(path, "ab") as file:
        file.write(b"ab")
        file.flush()
        file.write(b"cd")
    assert path.read_bytes() == b"0123abcd"
    with open(path, "r+b") as file:
        file.truncate(6)
        file.seek(100_000)
        file.write(b"end")
        file.flush()
        assert os.fstat(file.fileno()).st_size == 100_003
    assert path.read_bytes() == b"0123ab" + bytes(100_000 - 6) + b"end"
    with open(path, "wb"):
        pass
    assert path.read_bytes() == b"" and path.stat().st_size == 0


def test_a_file_of_5_gib_is_sparse(mount, tmp_path):
    path = mount.folder / "huge"
    size = 5 << 30
    with open(path, "wb") as file:
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    try:
        assert path.stat().st_size == size and (mount.host / "huge").stat().st_blocks < 100
        with open(path, "rb") as file:
            assert file.read(5) == bytes(5)
            file.seek(-4, os.SEEK_END)
            assert file.read() == b"\0end"
    finally:
        path.unlink()


def test_memory_is_bounded(mount):
    path = mount.memory / "huge"
    with open(path, "wb") as file:
        refused(errno.ENOSPC, file.truncate, 5 << 30)
    path.unlink()


def test_large_reads_and_writes(folder):
    data = os.urandom(3 * MIB + 77)
    path = folder / "big"
    path.write_bytes(data)
    assert path.read_bytes() == data
    with open(path, "r+b", buffering=0) as file:
        for at in (0, 4095, MIB - 1, 2 * MIB + 13):
            file.seek(at)
            assert file.write(b"x" * 70_000) == 70_000
            data = data[:at] + b"x" * 70_000 + data[at + 70_000:]
    assert path.read_bytes() == data


def test_mmap(folder):
    path = folder / "m"
    path.write_bytes(b"a" * 10_000)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as pages:
        assert pages[9999:] == b"a"
        pages[5000:5003] = b"xyz"
        pages.flush()
    assert path.read_bytes()[4999:5004] == b"axyza"
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as pages:
        assert pages[5000:5003] == b"xyz"


def test_fsync_and_close_mean_what_they_say(mount):
    path = mount.folder / "durable"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"here")
    assert (mount.host / "durable").read_bytes() == b"here"
    os.fsync(fd)
    os.close(fd)
    fd = os.open(mount.folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)
    path.unlink()


# Names

def test_create_exclusively(folder):
    path = folder / "x"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o444))
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    refused(errno.EEXIST, os.open, path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    refused(errno.EEXIST, os.mkdir, path)
    refused(errno.ENOENT, os.open, folder / "nope", os.O_RDONLY)
    refused(errno.ENOENT, os.mkdir, folder / "nope" / "x")
    refused(errno.ENOTDIR, os.open, path / "x", os.O_RDONLY)
    refused(errno.EISDIR, os.open, folder, os.O_WRONLY)


def test_rename(folder):
    one, two, sub = folder / "one", folder / "two", folder / "sub"
    one.write_bytes(b"1")
    os.rename(one, two)
    assert not one.exists() and two.read_bytes() == b"1"
    one.write_bytes(b"new")
    with open(two, "rb") as old:
        os.rename(one, two)  # over a file that is open
        assert two.read_bytes() == b"new" and old.read() == b"1"
    mounting.until(lambda: len(os.listdir(folder)) == 1)  # libfuse keeps what is open
    assert os.listdir(folder) == ["two"]
    sub.mkdir()
    os.rename(two, sub / "three")
    assert (sub / "three").read_bytes() == b"new" and os.listdir(folder) == ["sub"]
    os.rename(sub / "three", two)
    (sub / "in").mkdir()
    (sub / "in" / "file").write_bytes(b"f")
    os.rename(sub, folder / "moved")
    assert (folder / "moved" / "in" / "file").read_bytes() == b"f"
    refused(errno.ENOTEMPTY, os.rename, _new_folder(folder / "e"), folder / "moved")
    refused(errno.EISDIR, os.rename, two, folder / "e")
    refused(errno.ENOTDIR, os.rename, folder / "e", two)
    os.rename(folder / "e", _new_folder(folder / "other"))
    assert not (folder / "e").exists()
    refused(errno.ENOENT, os.rename, folder / "nope", folder / "x")


def _new_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_between_servers_files_do_not_move(mount):
    path = mount.memory / "here"
    path.write_bytes(b"x")
    refused(errno.EXDEV, os.rename, path, mount.folder / "here")
    shutil.move(path, mount.folder / "here")  # by copying, as mv does
    assert (mount.host / "here").read_bytes() == b"x"
    (mount.folder / "here").unlink()


def test_unlinked_while_open(folder, mount):
    path = folder / "f"
    with open(path, "w+b") as file:
        file.write(b"abc")
        file.flush()
        path.unlink()
        hidden = mount.backend == "fusepy"  # libfuse keeps it, under another name
        assert not path.exists()
        assert all(hidden and name.startswith(".fuse_hidden") for name in os.listdir(folder))
        file.seek(0)
        assert file.read() == b"abc"
        file.write(b"def")
        file.truncate(5)
        st = os.fstat(file.fileno())
        assert (st.st_size, st.st_nlink) == (5, 0)
    mounting.until(lambda: os.listdir(folder) == [])


def test_what_plan_9_has_not(folder):
    path = folder / "f"
    path.write_bytes(b"")
    refused(errno.EPERM, os.symlink, "f", folder / "s")
    refused(errno.EPERM, os.link, path, folder / "l")
    refused(errno.EPERM, os.mkfifo, folder / "p")
    refused(errno.EPERM, os.mknod, folder / "d", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.mknod(folder / "plain", stat.S_IFREG | 0o600)
    refused(errno.EOPNOTSUPP, os.setxattr, path, "user.x", b"1")
    refused(errno.EOPNOTSUPP, os.getxattr, path, "user.x")
    refused(errno.EINVAL, os.readlink, path)
    with open(path, "r+b") as file:
        refused(errno.ENOTTY, fcntl.ioctl, file, 0x5401)
    assert sorted(os.listdir(folder)) == ["f", "plain"]


def test_directories(folder):
    (folder / "d" / "e").mkdir(parents=True)
    refused(errno.ENOTEMPTY, os.rmdir, folder / "d")
    refused(errno.ENOTDIR, os.rmdir, _new_file(folder / "f"))
    refused(errno.EISDIR, os.unlink, folder / "d")
    os.rmdir(folder / "d" / "e")
    os.rmdir(folder / "d")
    assert os.listdir(folder) == ["f"]


def _new_file(path: Path) -> Path:
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a b", "ü☺".encode(), b"-", b"a'b\\", b"n" * 255])
def test_names_are_bytes(folder, name):
    path = os.fsencode(folder) + b"/" + name
    with open(path, "wb") as file:
        file.write(b"x")
    assert os.listdir(os.fsencode(folder)) == [name]
    with open(path, "rb") as file:
        assert file.read() == b"x"
    os.rename(path, path + b"z" if len(name) < 255 else path[:-1])
    assert os.listdir(os.fsencode(folder)) != [name]


def test_names_that_are_too_long(folder):
    refused(errno.ENAMETOOLONG, os.mkdir, folder / ("n" * 2000))


def test_a_directory_of_many_entries(mount):
    """Made beneath the mount; libfuse takes seconds for so many, so it has a tenth."""
    below = mount.host / "many"
    below.mkdir()
    count = 100_000 if mount.backend == "raw" else 10_000
    try:
        for i in range(count):
            os.close(os.open(below / f"f{i}", os.O_CREAT | os.O_WRONLY))
        assert set(os.listdir(mount.folder / "many")) == {f"f{i}" for i in range(count)}
        with os.scandir(mount.folder / "many") as entries:
            assert sum(e.is_file() for e in entries) == count
    finally:
        shutil.rmtree(below)


def test_locks_are_the_hosts(folder):
    """They hold among programs of the host, not for guests."""
    path = _new_file(folder / "f")
    with open(path, "r+b") as one, open(path, "r+b") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        refused(errno.EWOULDBLOCK, fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(one, fcntl.LOCK_UN)
        fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(path, "r+b") as one:
        fcntl.lockf(one, fcntl.LOCK_EX)
        code = ("import fcntl,sys\nf=open(sys.argv[1],'r+b')\n"
                "try: fcntl.lockf(f, fcntl.LOCK_EX|fcntl.LOCK_NB)\nexcept OSError: print('held')")
        assert mounting.run(sys.executable, "-c", code, path, cwd=folder).stdout == b"held\n"


def test_two_writers_at_once(folder):
    path = _new_file(folder / "log")
    code = ("import os,sys\nfd=os.open(sys.argv[1],os.O_WRONLY|os.O_APPEND)\n"
            "for i in range(200): os.write(fd,(sys.argv[2]+'%05d\\n'%i).encode())")
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), who]) for who in "ab"]
    assert [w.wait(60) for w in writers] == [0, 0]
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(f"{who}{i:05d}" for who in "ab" for i in range(200))


# Devices, and waiting

def test_devices(mount):
    dev = mount.point / "dev"
    assert float((dev / "time").read_text().split()[0]) == pytest.approx(time.time(), abs=5)
    assert (dev / "user").read_text() == "glenda"
    assert (dev / "time").stat().st_size == 0
    refused(errno.ENOENT, os.open, dev / "nonesuch", os.O_RDONLY)
    with open(dev / "null", "wb", buffering=0) as null:
        assert null.write(b"x" * 100_000) == 100_000
    with open(dev / "zero", "rb", buffering=0) as zero:
        assert zero.read(1000) == bytes(1000)


@pytest.fixture
def silent(mount) -> Path:
    """A file whose reader waits for ever: the data of a port that nobody sends to."""
    udp = mount.point / "net" / "udp"
    with open(udp / "clone", "r+b", buffering=0) as ctl:
        number = ctl.read(20).decode().strip()
        ctl.write(b"announce 5003")
        yield udp / number / "data"


def _blocked(path: Path) -> subprocess.Popen:
    process = subprocess.Popen(["cat", str(path)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    return process


def test_blocked_readers_never_stop_the_mount(mount, silent):
    readers = [_blocked(silent) for _ in range(40)]
    try:
        time.sleep(0.2)
        began = time.monotonic()
        assert (mount.point / "dev" / "user").read_text() == "glenda"
        assert time.monotonic() - began < 2
        alive = [r for r in readers if r.poll() is None]
        assert len(alive) == 40
        began = time.monotonic()
        for reader in readers:
            reader.kill()
        for reader in readers:
            assert reader.wait(10) == -signal.SIGKILL
        took = time.monotonic() - began
        assert took < (1.0 if mount.backend == "raw" else 5.0)
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()


def test_a_signal_wakes_a_reader(silent):
    reader = _blocked(silent)
    time.sleep(0.2)
    assert reader.poll() is None
    reader.terminate()
    assert reader.wait(3) == -signal.SIGTERM


def test_threads_of_one_program(folder):
    errors = []

    def work(n):
        try:
            for i in range(20):
                path = folder / f"t{n}-{i}"
                path.write_bytes(b"%d" % i * 100)
                assert path.read_bytes() == b"%d" % i * 100
                os.rename(path, folder / f"r{n}-{i}")
                (folder / f"r{n}-{i}").unlink()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and os.listdir(folder) == []
