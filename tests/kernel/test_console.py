"""Console: the line discipline."""

from __future__ import annotations

import pytest

from vx9.kernel.console import LINE_MAX, LOG_MAX, TYPE_AHEAD, Console
from vx9.kernel.sched import Scheduler


class Screen:
    """A console, what it showed, and tasks that read it."""

    def __init__(self, host) -> None:
        self.sched = Scheduler(host)
        self.shown = bytearray()
        self.interrupts = 0
        self.c = Console()
        self.c.output = self.show
        self.c.interrupt = self.interrupt

    def interrupt(self) -> None:
        self.interrupts += 1

    async def show(self, data: bytes) -> None:
        self.shown += data

    def type(self, data: bytes) -> None:
        self.c.input(data)
        self.sched.drain()

    def reader(self, count: int = 100):
        task = self.sched.spawn(self.c.read(count))
        self.sched.drain()
        return task

    def read(self, count: int = 100) -> bytes:
        task = self.reader(count)
        assert task.done, "it waits"
        return task.result


@pytest.fixture
def s(host) -> Screen:
    return Screen(host)


def test_a_read_is_a_line(s):
    s.type(b"one\ntwo\nthr")
    assert s.read() == b"one\n" and s.read() == b"two\n"
    reader = s.reader()
    assert not reader.done
    s.type(b"ee\n")
    assert reader.result == b"three\n"


def test_a_small_read_leaves_the_rest(s):
    s.type(b"abcdef\n")
    assert [s.read(3), s.read(3), s.read(3)] == [b"abc", b"def", b"\n"]
    assert s.read(0) == b""


@pytest.mark.parametrize(("typed", "line"), [
    (b"abc\x08\x08x\n", b"ax\n"), (b"\x08\x08a\n", b"a\n"), (b"gone\x15kept\n", b"kept\n"),
    (b"a\rb\n", b"a\n"), (b"part\x04", b"part"), (b"\x04", b""), (b"old\x7fnew\n", b"new\n"),
    (b"\xc3\xa9\x08\n", b"\xc3\n"),
])
def test_editing(s, typed, line):
    s.type(typed)
    assert s.read() == line


def test_echo(s):
    s.type(b"ab\x08\n")
    s.read()
    reader = s.reader()
    s.type(b"typed while waiting")
    assert bytes(s.shown).endswith(b"typed while waiting") and not reader.done
    s.sched.interrupt(reader)
    s.sched.drain()


def test_output_comes_after_the_echo(s):
    s.type(b"x\n")
    s.sched.spawn(s.c.write(b"out"))
    s.sched.drain()
    assert bytes(s.shown) == b"x\nout"


def test_interrupt(s):
    s.type(b"abc\x7f")
    assert s.interrupts == 1
    s.c.raw_on()
    s.type(b"\x7f")
    assert s.interrupts == 1 and s.read() == b"\x7f"


def test_raw(s):
    s.type(b"begun")
    s.c.raw_on()
    assert s.read() == b"begun"
    s.type(b"\x04\x15\x08")
    assert s.read() == b"\x04\x15\x08"
    assert bytes(s.shown) == b"" or b"\x15" not in s.shown
    s.c.raw_off()
    s.type(b"line\n")
    assert s.read() == b"line\n"


def test_one_reader_at_a_time(s):
    first, second = s.reader(), s.reader()
    s.type(b"a\n")
    assert first.result == b"a\n" and not second.done
    s.type(b"b\n")
    assert second.result == b"b\n"


def test_an_interrupted_reader_lets_the_next_one_read(s):
    first, second = s.reader(), s.reader()
    s.sched.interrupt(first)
    s.sched.drain()
    assert first.done and str(first.error) == "interrupted"
    s.type(b"x\n")
    assert second.result == b"x\n"


def test_end_of_input(s):
    s.type(b"last")
    s.c.end_input()
    assert s.read() == b"last" and s.read() == b"" and s.read() == b""


def test_a_host_terminal_edits_by_itself(s):
    given = [b"one\ntwo\n", b"", b"three\n"]

    async def source(count: int) -> bytes:
        return given.pop(0)

    s.c.edits, s.c.source = False, source
    assert [s.read() for _ in range(4)] == [b"one\n", b"two\n", b"", b"three\n"]


def test_raw_tells_the_host_terminal(s):
    told = []
    s.c.set_raw = told.append
    s.c.raw_on()
    s.c.raw_on()
    s.c.raw_off()
    s.c.raw_off()
    assert told == [True, False]


def test_everything_is_bounded(s):
    s.type(b"x" * (2 * LINE_MAX) + b"\n")
    assert len(s.read(1 << 20)) == LINE_MAX + 1
    for _ in range(100):
        s.type(b"y" * 4000 + b"\n")
    total = 0
    while (reader := s.reader(1 << 20)).done:
        total += len(reader.result)
    assert 0 < total <= TYPE_AHEAD < 100 * 4001
    s.sched.interrupt(reader)
    s.sched.drain()
    s.c.note(b"z" * (3 * LOG_MAX))
    assert len(s.c.log) == LOG_MAX
