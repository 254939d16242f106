"""The FUSE session without /dev/fuse: its table, hostile requests, counts, and the error table."""

from __future__ import annotations

import errno
import random
import struct

import pytest

from vx9.fs import errors
from vx9.fs.dir import DMAPPEND, DMDIR, DMEXCL, Dir, Qid
from vx9.fs.errnos import ERRNOS, Errnos
from vx9.fs.errors import PlanError
from vx9.fs.fuse import nodes, wire
from vx9.fs.fuse.attr import NOBODY, Look, direct, ino, named, plain
from vx9.fs.fuse.door import Door
from vx9.fs.fuse.session import Session
from vx9.fs.fuse.wire import ANSWER, HEADER, NUMBERS
from vx9.fs.ramfs import RamFS
from vx9.fs.server import Fid

INIT = (7, 45, 131072, 0xFFFFFFFF)


def run(coro):
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it sleeps")


class Counting(RamFS):
    """Knows how many Fids it gave, and refuses what a door must not do with them."""

    def __init__(self):
        super().__init__("glenda")
        self.live = set()

    async def attach(self, uid, spec):
        return self._new(await super().attach(uid, spec))

    async def walk(self, fid, names):
        assert fid in self.live and fid.omode == -1
        new, qids = await super().walk(fid, names)
        return (self._new(new) if new is not None and len(qids) == len(names) else None), qids

    def _new(self, fid: Fid) -> Fid:
        self.live.add(fid)
        return fid

    async def clunk(self, fid):
        self.live.remove(fid)
        await super().clunk(fid)


class Kernel:
    """Asks a session as the kernel does."""

    def __init__(self, server=None, init=True, runner=None):
        self.server = server if server is not None else Counting()
        if server is None:
            self.server.put("hello", b"hello, world\n")
            self.server.put("sub/deep/file", b"deep\n")
        self.out = []
        self.door = Door(self.server, run(self.server.attach("glenda", "")), Look("glenda", 7, 8))
        self.session = Session(self.door, lambda pieces: self.out.append(b"".join(pieces)), runner)
        self.unique = 0
        if init:
            self.ask("INIT", 0, *INIT, data=b"\xff" * 48)

    def send(self, name, node=1, *fields, data=b""):
        self.unique += 2
        self.session.feed(wire.request(NUMBERS[name], self.unique, node, *fields, data=data))

    def ask(self, name, node=1, *fields, data=b""):
        """The answer's bytes, or the errno."""
        self.out.clear()
        self.send(name, node, *fields, data=data)
        (answer,) = self.out
        length, error, unique = ANSWER.unpack_from(answer)
        assert length == len(answer) and unique == self.unique and error <= 0
        assert not self.session.errors
        return answer[ANSWER.size:] if not error else -error

    def look(self, *names):
        """The node of a path."""
        node = 1
        for name in names:
            found = self.ask("LOOKUP", node, data=name.encode() + b"\0")
            assert not isinstance(found, int), found
            node = wire.ENTRY.unpack_from(found)[0]
        return node

    def open(self, node, flags=0, name="OPEN"):
        return wire.OPEN_OUT.unpack(self.ask(name, node, flags, 0))[0]

    def read(self, node, fh, size=100, offset=0, name="READ"):
        return self.ask(name, node, fh, offset, size, 0, 0, 0, 0)


@pytest.fixture
def kernel():
    return Kernel()


def test_the_table():
    assert len(wire.OPS) == len(wire.NUMBERS) and wire.OPS[3].name == "GETATTR"
    # The sizes of the kernel's structures.
    for name, size in (("FORGET", 8), ("GETATTR", 16), ("SETATTR", 88), ("MKNOD", 16), ("MKDIR", 8),
                       ("RENAME", 8), ("RENAME2", 16), ("OPEN", 8), ("CREATE", 16), ("READ", 40),
                       ("WRITE", 40), ("RELEASE", 24), ("FSYNC", 16), ("INIT", 16),
                       ("INTERRUPT", 8), ("BATCH_FORGET", 8), ("ACCESS", 8)):
        assert wire.OPS[NUMBERS[name]].fixed.size == size, name
    for made, size in ((wire.HEADER, 40), (wire.ANSWER, 16), (wire.ATTR, 88), (wire.ENTRY, 40),
                       (wire.ATTR_OUT, 16), (wire.OPEN_OUT, 16), (wire.INIT_OUT, 64),
                       (wire.STATFS_OUT, 80), (wire.DIRENT, 24)):
        assert made.size == size


def test_init_comes_first_and_tells_what_we_speak():
    kernel = Kernel(init=False)
    assert kernel.ask("GETATTR", 1, 0, 0, 0) == errno.EIO
    out = kernel.ask("INIT", 0, 8, 0, 0, 0)
    assert struct.unpack_from("II", out) == (wire.MAJOR, wire.MINOR)
    assert kernel.ask("INIT", 0, 7, 12, 0, 0) == errno.EPROTO
    out = wire.INIT_OUT.unpack(kernel.ask("INIT", 0, *INIT))
    assert out[:2] == (7, wire.MINOR) and out[6] == 1 << 20 and not out[10]
    assert kernel.session.flags == wire.WANTED & 0xFFFFFFFF  # the second word was not sent


def test_files(kernel):
    node = kernel.look("sub", "deep", "file")
    fh = kernel.open(node)
    assert kernel.read(node, fh) == b"deep\n" and kernel.read(node, fh, 2, 1) == b"ee"
    assert kernel.ask("RELEASE", node, fh, 0, 0, 0) == b""
    assert kernel.read(node, fh) == errno.EBADF
    assert kernel.ask("RELEASE", node, fh, 0, 0, 0) == errno.EBADF


def test_what_is_forgotten_costs_nothing(kernel):
    for _ in range(3):
        node = kernel.look("sub", "deep", "file")
    before = len(kernel.door.nodes.by_number)
    kernel.send("FORGET", node, 2)
    assert len(kernel.door.nodes.by_number) == before
    deep, sub = kernel.look("sub", "deep"), kernel.look("sub")
    pairs = [(node, 1), (deep, 1000), (sub, 1000), (999, 5), (1, 1 << 63)]
    kernel.send("BATCH_FORGET", 0, 5, 0, data=b"".join(wire.FORGOT.pack(*pair) for pair in pairs))
    assert list(kernel.door.nodes.by_number) == [1] and len(kernel.server.live) == 1
    assert kernel.ask("GETATTR", node, 0, 0, 0) == errno.ESTALE
    run(kernel.door.close())
    assert not kernel.server.live


def test_fids_are_bounded(monkeypatch):
    monkeypatch.setattr(nodes, "KEPT", 10)
    kernel = Kernel()
    for i in range(50):
        kernel.server.put(f"d{i}/f", b"%d" % i)
    found = [kernel.look(f"d{i}", "f") for i in range(50)]
    assert len(kernel.server.live) <= 12
    for i, node in enumerate(found):  # and come back
        assert kernel.read(node, kernel.open(node)) == b"%d" % i
    run(kernel.door.close())
    assert not kernel.server.live


def test_a_file_that_is_another_one_now(kernel):
    old = kernel.look("hello")
    fid = run(kernel.server.walk(run(kernel.server.attach("glenda", "")), ["hello"]))[0]
    run(kernel.server.remove(fid))
    kernel.server.put("hello", b"other")
    new = kernel.look("hello")
    assert new != old
    assert kernel.read(new, kernel.open(new)) == b"other"
    assert kernel.ask("OPEN", old, 0, 0) in (errno.ENOENT, errno.ESTALE)


def test_readdir_by_offsets(kernel):
    for i in range(500):
        kernel.server.put(f"many/file{i}", b"")
    node = kernel.look("many")
    for name in ("READDIR", "READDIRPLUS"):
        fh = kernel.open(node, name="OPENDIR")
        names, offset = [], 0
        while data := kernel.read(node, fh, 1000, offset, name):
            at = 0
            while at < len(data):
                at += wire.ENTRY.size + wire.ATTR.size if name == "READDIRPLUS" else 0
                number, offset, length, _ = wire.DIRENT.unpack_from(data, at)
                names.append(data[at + 24:at + 24 + length].decode())
                assert number
                at += (24 + length + 7) & ~7
        assert names == [".", "..", *(f"file{i}" for i in range(500))]
        for offset in (10_000, 1 << 63, (1 << 64) - 1):
            assert kernel.read(node, fh, 1000, offset, name) == b""
        assert kernel.read(node, fh, 3, 0, name) == b""


def test_hostile_names(kernel):
    for name in (b"\0", b".\0", b"..\0", b"a/b\0", b"/\0"):
        for op in ("LOOKUP", "UNLINK", "RMDIR"):
            assert kernel.ask(op, 1, data=name) == errno.EINVAL
        assert kernel.ask("MKDIR", 1, 0o755, 0, data=name) == errno.EINVAL
    for data in (b"", b"hello", b"a\0b\0", b"hello\0x"):
        assert kernel.ask("LOOKUP", 1, data=data) == errno.EINVAL
    assert kernel.ask("LOOKUP", 1, data=b"n" * 3000 + b"\0") == errno.ENAMETOOLONG
    assert kernel.ask("RENAME", 1, 1, data=b"hello\0../x\0") == errno.EINVAL
    assert kernel.ask("LOOKUP", 1, data=b"\xff\0") == errno.ENOENT


def test_hostile_requests(kernel):
    """FU-1: lengths, numbers and handles that lie."""
    session, out = kernel.session, kernel.out
    out.clear()
    for short in (b"", b"x" * 39):
        session.feed(short)
    assert not out
    for op, error in ((0, errno.ENOSYS), (7, errno.ENOSYS), (4096, errno.ENOSYS), (1 << 31, errno.ENOSYS)):
        session.feed(HEADER.pack(40, op, 1000, 1, 0, 0, 0, 0))
        assert ANSWER.unpack(out.pop()) == (16, -error, 1000)
    whole = wire.request(NUMBERS["READ"], 1002, 1, 1, 0, 10, 0, 0, 0, 0)
    for length in range(40, len(whole)):
        session.feed(whole[:length])
        assert ANSWER.unpack(out.pop())[1] == -errno.EINVAL
    session.feed(HEADER.pack(0xFFFFFFFF, NUMBERS["STATFS"], 1004, 1, 0, 0, 0, 0))
    assert ANSWER.unpack(out.pop())[1] == -errno.EINVAL
    for node in (0, 99, 1 << 63):
        assert kernel.ask("GETATTR", node, 0, 0, 0) == errno.ESTALE
    for fh in (0, 77, 1 << 63):
        assert kernel.read(1, fh) == errno.EBADF
        assert kernel.ask("FSYNC", 1, fh, 0, 0) == errno.EBADF
    node = kernel.look("hello")
    fh = kernel.open(node, 2)
    assert kernel.ask("WRITE", node, fh, 0, 1 << 30, 0, 0, 0, 0, data=b"x") == errno.EINVAL
    assert kernel.ask("WRITE", node, fh, (1 << 64) - 1, 1, 0, 0, 0, 0, data=b"x") == errno.ENOSPC
    assert kernel.read(node, fh, 0xFFFFFFFF) == b"hello, world\n"
    assert kernel.read(node, fh, 10, (1 << 64) - 1) == b""
    assert kernel.read(node, fh, 100, 0, "READDIR") == errno.ENOTDIR
    for name, number in (("SYMLINK", errno.EPERM), ("READLINK", errno.EINVAL), ("IOCTL", errno.ENOTTY),
                         ("GETXATTR", errno.ENOSYS), ("SETLK", errno.ENOSYS), ("POLL", errno.ENOSYS)):
        assert kernel.ask(name, node) == number
    assert kernel.ask("MKNOD", 1, 0o020666, 259, 0, 0, data=b"null\0") == errno.EPERM
    assert kernel.ask("RENAME2", 1, 1, 2, 0, data=b"hello\0sub\0") == errno.EINVAL
    assert kernel.ask("RENAME", 1, 999, data=b"hello\0x\0") == errno.ESTALE
    kernel.send("INTERRUPT", 0, 12345)  # of nothing


def test_random_requests_do_no_harm():
    rng = random.Random(9)
    kernel = Kernel()
    kinds = [op for op in wire.OPS.values() if op.name not in ("DESTROY", "INIT")]
    for _ in range(20_000):
        op = rng.choice(kinds)
        body = bytes(rng.choice((0, 1, 2, 255, rng.randrange(256))) if rng.random() < 0.3 else 0
                     for _ in range(op.fixed.size))
        tail = rng.choice((b"", b"hello\0", b"sub\0", b"x\0y\0", b"hello\0new\0", b"\xff" * 30))
        message = HEADER.pack(40 + len(body) + len(tail), op.number, rng.randrange(1 << 40),
                              rng.randrange(6), 0, 0, 0, 0) + body + tail
        kernel.session.feed(message)
    assert kernel.session.errors == 0 and not kernel.session.busy
    run(kernel.door.close())
    assert not kernel.server.live


class Sleeper:
    """A runner whose tasks stop where the server sleeps."""

    def __init__(self):
        self.tasks = []

    def spawn(self, coro, name):
        try:
            coro.send(None)
        except StopIteration:
            return None
        self.tasks.append(coro)
        return coro

    def interrupt(self, task):
        self.tasks.remove(task)
        with pytest.raises(StopIteration):
            task.throw(PlanError(errors.EINTR))


class Slow(RamFS):
    """Readers wait for ever."""

    async def read(self, fid, count, offset):
        await _Never()


class _Never:
    def __await__(self):
        yield self


def test_interrupt_wakes_the_one_that_it_names():
    server = Slow("glenda")
    server.put("f", b"x")
    runner = Sleeper()
    kernel = Kernel(server, runner=runner)
    node = kernel.look("f")
    fh = kernel.open(node)
    kernel.out.clear()
    asked = []
    for _ in range(5):
        kernel.send("READ", node, fh, 0, 10, 0, 0, 0, 0)
        asked.append(kernel.unique)
    assert not kernel.out and kernel.session.busy == 5
    assert kernel.look("f") == node  # the others go on
    kernel.out.clear()
    kernel.send("INTERRUPT", 0, asked[2])
    assert [ANSWER.unpack(answer) for answer in kernel.out] == [(16, -errno.EINTR, asked[2])]
    kernel.send("INTERRUPT", 0, asked[2])  # again: nobody is there
    kernel.session.interrupt_all()
    assert sorted(ANSWER.unpack(answer)[2] for answer in kernel.out) == sorted(asked)


# Errors and attributes

@pytest.mark.parametrize(("text", "number"), [
    ("file does not exist", errno.ENOENT), ("'/a/b' file does not exist", errno.ENOENT),
    ("file does not exist: '/a'", errno.ENOENT), ("permission denied: symbolic link loop", errno.EACCES),
    ("directory not empty", errno.ENOTEMPTY), ("not a directory", errno.ENOTDIR),
    ("interrupted", errno.EINTR), ("no such thing at all", errno.EIO), ("", errno.EIO),
    ("file system full", errno.ENOSPC), ("unknown control message \"x\"", errno.EINVAL),
])
def test_errnos(text, number):
    assert Errnos().of(text) == number


def test_errnos_are_bounded():
    known = Errnos()
    for i in range(20_000):
        known.of(f"'{i}' file does not exist")
    assert len(known._known) < 5000 and all(ERRNOS.values())


def test_attributes():
    look = Look("glenda", 7, 8)
    d = Dir(Qid(5), DMAPPEND | 0o640, 1, 2, 1000, "n", "glenda", "sys", "glenda")
    attr = named(look.attr(d))
    assert attr["st_mode"] == 0o100640 and attr["st_uid"] == 7 and attr["st_gid"] == NOBODY
    assert (attr["st_size"], attr["st_blocks"], attr["st_ino"]) == (1000, 2, 6)
    assert attr["st_mtime"] == attr["st_ctime"] == 2_000_000_000
    assert not plain(d) and direct(d)
    d.mode = DMDIR | 0o755
    assert named(look.attr(d))["st_mode"] == 0o040755
    d.mode = 0o644
    assert plain(d) and not direct(d)
    d.length = 0
    assert plain(d) and direct(d)
    d.mode, d.length = DMEXCL, 5
    assert direct(d) and not plain(d)
    d.type = ord("c")
    assert direct(d) and not plain(d)
    for path in (0, (1 << 64) - 1, (1 << 64) - 2):
        assert 0 < ino(Dir(Qid(path), 0, 0, 0, 0, "", "", "", "")) < 1 << 64
