"""The real host: readiness, other threads, the poller."""

import contextlib
import os
import threading

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel.host import SAFE_WRITE, Host
from vx9.kernel.sched import Scheduler


@pytest.fixture
def real():
    host = Host()
    yield host
    host.close()


@pytest.fixture
def sched(real):
    return Scheduler(real)


@pytest.fixture
def pipe():
    fds = list(os.pipe())
    yield fds
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)


def finish(sched, *coros):
    tasks = [sched.spawn(c) for c in coros]
    sched.run(lambda: all(t.done for t in tasks))
    for task in tasks:
        if task.error:
            raise task.error
    return [t.result for t in tasks]


def test_a_reader_waits_for_a_writer(real, sched, pipe):
    async def writer():
        await sched.sleep_ms(1)
        return await real.write(pipe[1], b"hello")

    assert finish(sched, real.read(pipe[0], 10), writer()) == [b"hello", 5]


def test_a_long_write_to_a_slow_reader(real, sched, pipe):
    data = os.urandom(300_000)

    async def reader():
        parts = []
        while sum(map(len, parts)) < len(data):
            parts.append(await real.read(pipe[0], 10_000))
        return b"".join(parts)

    assert finish(sched, reader(), real.write(pipe[1], data)) == [data, len(data)]
    assert SAFE_WRITE <= 4096


def test_end_of_file_and_a_reader_that_went_away(real, sched, pipe):
    os.close(pipe[1])
    assert finish(sched, real.read(pipe[0], 10)) == [b""]
    left, right = os.pipe()
    os.close(left)
    with pytest.raises(PlanError, match="i/o on hungup channel"):
        finish(sched, real.write(right, b"x"))
    os.close(right)


def test_files_are_always_ready(real, sched, tmp_path):
    with open(tmp_path / "f", "w+b") as file:
        assert finish(sched, real.write(file.fileno(), bytes(100_000))) == [100_000]
        file.seek(0)
        assert len(finish(sched, real.read(file.fileno(), 200_000))[0]) == 100_000


def test_a_descriptor_that_is_closed(real, sched):
    with pytest.raises(PlanError, match="i/o error"):
        finish(sched, real.read(999, 1))


def test_an_interrupt_breaks_the_wait_and_leaves_no_watch(real, sched, pipe):
    async def reader():
        with pytest.raises(PlanError, match=r"^interrupted$"):
            await real.read(pipe[0], 1)

    task = sched.spawn(reader())
    sched.after(1, lambda: sched.interrupt(task))
    sched.run(lambda: task.done)
    assert task.error is None and not real._watches


def test_other_threads_submit(real, sched):
    done = []
    thread = threading.Thread(target=lambda: real.submit(lambda: done.append(1)))
    thread.start()
    sched.run(lambda: done)
    thread.join()


def test_reader_and_writer_of_one_descriptor(real, sched):
    import socket

    a, b = socket.socketpair()
    with a, b:
        async def echo():
            await real.write(b.fileno(), await real.read(b.fileno(), 10))

        async def ask():
            await sched.sleep_ms(1)
            await real.write(a.fileno(), b"ping")

        assert finish(sched, real.read(a.fileno(), 10), ask(), echo())[0] == b"ping"
