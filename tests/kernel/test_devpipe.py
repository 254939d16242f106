"""Pipes: boundaries, flow, ends of file."""

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel.devpipe import QUEUE, Pipe
from vx9.kernel.sched import Scheduler


@pytest.fixture
def do(host):
    """Run coroutines as tasks until they end, or as far as they get."""
    sched = Scheduler(host)

    def run(*coros):
        tasks = [sched.spawn(c) for c in coros]
        sched.drain()
        for task in tasks:
            if task.error is not None:
                raise task.error
        return [task.result if task.done else ... for task in tasks]

    run.sched = sched
    return run


@pytest.fixture
def pipes():
    return Pipe("eve", lambda: 1)


@pytest.fixture
def ends(do, pipes):
    return do(pipes.pair("glenda"))[0]


def test_a_read_gives_bytes_of_one_write(do, pipes, ends):
    near, far = ends
    do(pipes.write(near, b"hello", 0), pipes.write(near, b"world", 0))
    assert do(pipes.stat(far))[0].length == 10
    for count, expected in ((3, b"hel"), (100, b"lo"), (100, b"world")):
        assert do(pipes.read(far, count, 0)) == [expected]


def test_both_directions(do, pipes, ends):
    do(pipes.write(ends[1], b"back", 0), pipes.write(ends[0], b"forth", 0))
    assert do(pipes.read(ends[0], 9, 0), pipes.read(ends[1], 9, 0)) == [b"back", b"forth"]


def test_an_empty_write_reads_once_as_nothing(do, pipes, ends):
    do(pipes.write(ends[0], b"", 0), pipes.write(ends[0], b"x", 0))
    assert do(pipes.read(ends[1], 9, 0)) == [b""]
    assert do(pipes.read(ends[1], 9, 0)) == [b"x"]


def test_a_reader_waits(do, pipes, ends):
    got = []

    async def reader():
        got.append(await pipes.read(ends[1], 9, 0))

    assert do(reader()) == [...]
    do(pipes.write(ends[0], b"now", 0))
    assert got == [b"now"]


def test_three_ends_of_file_then_hungup(do, pipes, ends):
    do(pipes.write(ends[0], b"last", 0))
    do(pipes.clunk(ends[0]))
    assert do(pipes.read(ends[1], 9, 0)) == [b"last"]
    for _ in range(3):
        assert do(pipes.read(ends[1], 9, 0)) == [b""]
    with pytest.raises(PlanError, match="i/o on hungup channel"):
        do(pipes.read(ends[1], 9, 0))
    with pytest.raises(PlanError, match="i/o on hungup channel"):
        do(pipes.write(ends[1], b"x", 0))


def test_closing_wakes_a_reader_and_a_writer(do, pipes, ends):
    near, far = ends

    async def reader():
        return await pipes.read(far, 9, 0)

    async def writer():
        with pytest.raises(PlanError, match="hungup"):  # noqa: PT012 - one of many
            while True:
                await pipes.write(far, bytes(65536), 0)
        return "told"

    tasks = [do.sched.spawn(reader()), do.sched.spawn(writer())]
    do.sched.drain()
    assert not any(t.done for t in tasks)
    do(pipes.clunk(near))
    assert [t.result for t in tasks] == [b"", "told"]


def test_flow_control(do, pipes, ends):
    near, far = ends
    size = 0
    while do(pipes.write(near, bytes(50_000), 0)) != [...]:
        size += 50_000
    assert size < QUEUE <= size + 50_000
    while size > 0:
        size -= len(do(pipes.read(far, 65536, 0))[0])
    assert not near.aux[0].queues[1].room.waiters


def test_long_writes_are_cut_into_atoms(do, pipes, ends):
    do(pipes.write(ends[0], bytes(70_000), 0))
    assert [len(do(pipes.read(ends[1], 1 << 20, 0))[0]) for _ in range(2)] == [65536, 70_000 - 65536]


def test_names_of_a_pipe(do, pipes):
    root = do(pipes.attach("glenda", ""))[0]
    other = do(pipes.attach("glenda", ""))[0]
    assert root.qid != other.qid
    end, qids = do(pipes.walk(root, ("data1",)))[0]
    assert end.qid == qids[0] and end.qid.path == root.qid.path + 2
    assert [d.name for d in do(pipes.readdir(root))[0]] == ["data", "data1"]
    back, _ = do(pipes.walk(end, ("..",)))[0]
    assert back.qid == root.qid
    with pytest.raises(PlanError, match="file does not exist"):
        do(pipes.walk(root, ("data2",)))
    assert do(pipes.walk(root, ("data", "x")))[0] == (None, [root.qid._replace(
        path=root.qid.path + 1, type=0)])


def test_clunk_of_a_fid_that_was_not_opened_changes_nothing(do, pipes, ends):
    clone, _ = do(pipes.walk(ends[0], ()))[0]
    do(pipes.clunk(clone))
    do(pipes.write(ends[0], b"alive", 0))
    assert do(pipes.read(ends[1], 9, 0)) == [b"alive"]
