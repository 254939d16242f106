"""The tracer's lines."""

import io

import pytest

from vx9.kernel.strace import Tracer, flags, quoted


@pytest.fixture
def traced(run, kernel):
    """traced(script) -> the lines, without the number and name of the process."""
    def go(script, child=None):
        sink = io.StringIO()

        def outer(g):
            g.p.tracer = Tracer(sink)
            yield from script(g)
            yield from g.call("exits", 0)

        run(outer, child)
        lines = sink.getvalue().splitlines()
        assert all(line.startswith(("1 script ", "2 script ")) for line in lines)
        return [line.split(" ", 2)[2] for line in lines]

    return go


@pytest.mark.parametrize("call, line", [
    (lambda g: ("open", g.text("/nope"), 0x31), 'open("/nope", OWRITE|OTRUNC|OCEXEC) = '
     "-1 \"'/nope' file does not exist\""),
    (lambda g: ("create", g.text("/tmp/x"), 0x1001, 0x800001ED),
     'create("/tmp/x", OWRITE|OEXCL, 0755|DMDIR) = '),
    (lambda g: ("close", -1), "close(-1) = -1 'fd out of range or not open'"),
    (lambda g: ("brk_", 0x5000), "brk_(0x5000) = 0"),
    (lambda g: ("bind", g.text("a\n\"b"), g.text("/n"), 6), 'bind("a\\n\\"b", "/n", MAFTER|MCREATE) = -1'),
    (lambda g: ("unmount", 0, g.text("/n")), 'unmount(nil, "/n") = -1'),
    (lambda g: ("rfork", 0x8 | 0x400), "rfork(RFCNAMEG|RFNOTEG) = 0"),
    (lambda g: ("sleep", 0), "sleep(0) = 0"),
    (lambda g: ("errstr", g.put(b"mine\0", 64), 64), 'errstr("mine", 64) = 0'),
    (lambda g: ("semrelease", 0x2040, 3), "semrelease(0x2040, 3) = 3"),
    (lambda g: ("exec", g.text("/bin/nothing"), g.put(bytes(8))), "-1 'bad arg in system call'"),
])
def test_lines(traced, call, line):
    def script(g):
        yield from g.call(*call(g))

    assert line in traced(script)[0]


def test_results_in_memory_are_shown_after_the_call(traced):
    def script(g):
        where = g.room(8)
        yield from g.call("pipe", where)
        yield from g.call("pwrite", 0, g.text("hello\n"), 6, -1)
        yield from g.call("pread", 1, g.room(100), 100, -1)
        yield from g.call("fd2path", 1, g.room(64), 64)
        yield from g.call("nsec", g.room(8))

    lines = traced(script)
    assert lines[0] == "pipe([0 1]) = 0"
    assert lines[1] == 'pwrite(0, "hello\\n", 6, -1) = 6'
    assert lines[2] == 'pread(1, "hello\\n", 100, -1) = 6'
    assert lines[3] == 'fd2path(1, "#|/data1", 64) = 0'
    assert lines[4].startswith("nsec([1700000") and lines[-1] == "+++ exits '' +++"


def test_a_bad_address_and_the_note(traced):
    def script(g):
        yield from g.call("notify", 0x1200)
        yield from g.call("pread", 0, 0xFFFFFFF0, 64, -1)

    lines = traced(script)
    assert lines[1] == "pread(0, 0xfffffff0, 64, -1) = -1 'bad address'"
    assert lines[2].startswith("--- note 'sys: bad address in syscall pc=")


def test_long_buffers_are_cut_and_escaped():
    assert quoted(b"x" * 40) == '"' + "x" * 32 + '"...'
    assert quoted(b'"\x1b\xff\'') == '"\\"\\x1b\\xff\'"'


@pytest.mark.parametrize("value, names, base, text", [
    (0, {1: "A"}, "", "0"), (3, {1: "A", 2: "B"}, "", "A|B"), (5, {1: "A"}, "", "A|0x4"),
    (1, {1: "A"}, "BASE", "BASE|A"), (-2, {}, "", "0xfffffffe"),
])
def test_flags(value, names, base, text):
    assert flags(value, names, base) == text
