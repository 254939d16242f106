"""Chan: offsets, modes, directory reads, counting."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from vx9.fs.dir import ORDWR, OREAD, OWRITE, unpack_all
from vx9.fs.errors import PlanError
from vx9.fs.ramfs import RamFS
from vx9.kernel.chan import Chan, fd_line
from vx9.kernel.devroot import Root
from vx9.kernel.namespace import MREPL, Namespace

USER = "glenda"


def run(coro):
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it sleeps")


@pytest.fixture
def fs() -> RamFS:
    fs = RamFS(USER)
    fs.put("file", b"0123456789")
    for i in range(10):
        fs.put(f"dir/entry{i}", b"")
    return fs


@pytest.fixture
def p(fs):
    ns = Namespace({"/": Root(USER)})
    p = SimpleNamespace(ns=ns, user=USER)
    p.root = run(ns.attach(p, "#/"))
    p.root.path = "/"
    p.dot = p.root.ref()
    run(ns.mount(p, fs, "/n", MREPL))
    return p


@pytest.fixture
def opened(p):
    return lambda name, mode=OREAD: run(p.ns.open(p, name, mode))


def fails(text):
    return pytest.raises(PlanError, match=f"^{text}$")


def test_reading_moves_the_offset_and_pread_does_not(p, opened):
    c = opened("/n/file")
    assert run(c.read(p, 4)) == b"0123" and c.offset == 4
    assert run(c.read(p, 3, 7)) == b"789" and c.offset == 4
    assert run(c.read(p, 100)) == b"456789" and run(c.read(p, 100)) == b""


def test_writing(p, opened):
    c = opened("/n/file", ORDWR)
    assert run(c.write(p, b"ab")) == 2 and c.offset == 2
    assert run(c.write(p, b"Z", 9)) == 1 and c.offset == 2
    assert run(c.read(p, 100, 0)) == b"ab2345678Z"


def test_a_failed_write_leaves_the_offset(p, opened, fs):
    c = opened("/n/file", ORDWR)
    fs.quota = fs.used
    with fails("file system full"):
        run(c.write(p, bytes(100)))
    assert c.offset == 0


@pytest.mark.parametrize("offset", [-2, -100, -(1 << 62)])
def test_negative_offsets(p, opened, offset):
    c = opened("/n/file", ORDWR)
    with fails("negative i/o offset"):
        run(c.read(p, 1, offset))
    with fails("negative i/o offset"):
        run(c.write(p, b"x", offset))
    with fails("negative i/o offset"):
        run(opened("/n/dir").read(p, 100, offset))


def test_modes(p, opened):
    with fails("inappropriate use of fd"):
        run(opened("/n/file", OWRITE).read(p, 1))
    with fails("inappropriate use of fd"):
        run(opened("/n/file", OREAD).write(p, b"x"))
    with fails("inappropriate use of fd"):
        run(opened("/n/dir").write(p, b"x"))
    c = opened("/n/file", ORDWR)
    c.is_channel = True
    for act in (c.read(p, 1), c.write(p, b""), c.seek(p, 0, 0)):
        with fails("inappropriate use of fd"):
            run(act)


def test_seek(p, opened):
    c = opened("/n/file")
    assert run(c.seek(p, 3, 0)) == 3 and run(c.seek(p, 2, 1)) == 5
    assert run(c.seek(p, -1, 2)) == 9 and run(c.read(p, 5)) == b"9"
    assert run(c.seek(p, 1 << 40, 0)) == 1 << 40
    with fails("negative i/o offset"):
        run(c.seek(p, -1, 0))
    with fails("negative i/o offset"):
        run(c.seek(p, (1 << 63) - 1, 1))
    with fails("bad arg in system call"):
        run(c.seek(p, 0, 3))
    with fails("bad arg in system call"):
        run(c.seek(p, 0, -1))
    d = opened("/n/dir")
    run(d.read(p, 200))
    assert run(d.seek(p, 0, 0)) == 0
    for offset, whence in ((1, 0), (0, 1), (0, 2)):
        with fails("file is a directory"):
            run(d.seek(p, offset, whence))


def test_directories_come_in_whole_records(p, opened):
    c = opened("/n/dir")
    names, size = [], 0
    while data := run(c.read(p, 200)):
        size += len(data)
        names += [d.name for d in unpack_all(data)]
        assert len(data) <= 200 and c.offset == size
    assert names == [f"entry{i}" for i in range(10)]
    assert run(c.read(p, 200)) == b""
    assert run(c.read(p, 5, 0)) == b"", "no room for the first"
    assert len(unpack_all(run(c.read(p, 1 << 16, 0)))) == 10


def test_the_offset_rule_of_directories(p, opened):
    c = opened("/n/dir")
    first = run(c.read(p, 200, 0))
    assert run(c.read(p, 200, len(first))) != first
    with fails("seek in directory"):
        run(c.read(p, 200, 7))
    assert run(c.read(p, 200, 0)) == first


def test_kernel_devices_complain_of_a_small_buffer(p, opened):
    with fails("i/o count too small"):
        run(opened("/").read(p, 10))


def test_a_rewound_directory_is_read_anew(p, opened, fs):
    c = opened("/n/dir")
    run(c.read(p, 1 << 16))
    fs.put("dir/late", b"")
    run(c.seek(p, 0, 0))
    assert "late" in [d.name for d in unpack_all(run(c.read(p, 1 << 16)))]


def test_counting(p, opened, fs):
    c = opened("/n/file")
    assert c.ref() is c and c.refs == 2
    run(c.close())
    assert run(c.read(p, 1)) == b"0"
    ended = []
    original = fs.clunk

    async def clunk(fid):
        ended.append(fid)
        await original(fid)
        raise PlanError("complaint")

    fs.clunk = clunk
    run(c.close())
    assert ended == [c.fid], "and nobody hears the complaint"


def test_clone_is_a_chan_of_its_own(p):
    c = run(p.ns.access(p, "/n/dir"))
    d = run(c.clone(p))
    assert d is not c and d.path == c.path and d.same_file(c) and d.mode == -1
    run(c.close())
    assert run(d.stat(p)).name == "dir"
    run(d.close())


def test_the_dup_line(p, opened):
    c = opened("/n/file", ORDWR)
    c.offset = 42
    line = fd_line(3, c)
    assert line.startswith("  3 rw M    0 (") and line.endswith("00)     0       42 /n/file")
    assert len(line.split()) == 10 and line.split()[7] == "0", "the iounit"


def test_concurrent_writers_share_the_offset(p, opened, fs):
    """Two processes write through one Chan while the server makes both wait."""
    import types

    @types.coroutine
    def pause():
        yield

    original = fs.write

    async def slow(fid, data, offset):
        await pause()
        return await original(fid, data, offset)

    fs.write = slow
    c = opened("/n/file", ORDWR)
    writers = [c.write(p, b"aa"), c.write(p, b"bbb"), c.write(p, b"c")]
    for writer in writers:
        writer.send(None)
    for writer in reversed(writers):
        with contextlib.suppress(StopIteration):
            writer.send(None)
    assert c.offset == 6
    fs.write = original
    assert run(c.read(p, 100, 0)) == b"aabbbc6789"


def test_repr_tells_the_path(p, opened):
    assert "/n/file" in repr(opened("/n/file")) and isinstance(opened("/n/file"), Chan)
