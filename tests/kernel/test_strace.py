"""The tracer's lines."""

import io
import re

import pytest

from vx9.kernel.strace import Tracer
from vx9.kernel.straceargs import flags, printable, quoted


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
        assert all(re.match(r"\d+\.\d{6} [12] script ", line) for line in lines), lines
        return [re.sub(r" <\d+\.\d{6}>$", "", line.split(" ", 3)[3]) for line in lines]

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


def test_stat_records(traced):
    from vx9.fs.dir import DirChange, pack_change

    def script(g):
        yield from g.call("stat", g.text("/dev/null"), g.room(200), 200)
        yield from g.call("stat", g.text("/dev/null"), g.room(8), 2)  # the size alone
        change = pack_change(DirChange(mode=0o444, name="new"))
        yield from g.call("wstat", g.text("/dev/null"), g.put(change), len(change))
        yield from g.call("wstat", g.text("/dev/null"), g.put(b"x" * 60), 60)

    lines = traced(script)
    assert lines[0].startswith('stat("/dev/null", {name="null" uid="glenda" ')
    assert " mode=0666 length=0 " in lines[0] and " qid=(0x" in lines[0]
    assert lines[1].startswith('stat("/dev/null", 0x') and lines[1].endswith("= 2")
    assert lines[2].startswith('wstat("/dev/null", {name="new" mode=0444}, ')
    assert lines[3].startswith('wstat("/dev/null", 0x')


def test_a_bad_address_and_the_note(traced):
    def script(g):
        yield from g.call("notify", 0x1200)
        yield from g.call("pread", 0, 0xFFFFFFF0, 64, -1)

    lines = traced(script)
    assert lines[1] == "pread(0, 0xfffffff0, 64, -1) = -1 'bad address 0xfffffff0'"
    assert lines[2].startswith("--- note 'sys: bad address in syscall pc=")
    assert lines[2].endswith("to 0x1200 ---")


def test_long_buffers_are_cut_and_escaped():
    assert quoted(b"x" * 40) == '"' + "x" * 32 + '"...'
    assert quoted(b'"\x1b\xff\'') == '"\\"\\x1b\\xff\'"'


@pytest.mark.parametrize("value, names, base, text", [
    (0, {1: "A"}, "", "0"), (3, {1: "A", 2: "B"}, "", "A|B"), (5, {1: "A"}, "", "A|0x4"),
    (1, {1: "A"}, "BASE", "BASE|A"), (-2, {}, "", "0xfffffffe"),
])
def test_flags(value, names, base, text):
    assert flags(value, names, base) == text


def test_every_type_of_the_table_is_shown():
    """A new type without a printer would still be a number or an address."""
    from types import SimpleNamespace

    from vx9.kernel.straceargs import show
    from vx9.kernel.systab import load
    from vx9.vxcore import MemoryFault

    def nowhere(*_):
        raise MemoryFault(0, False)

    mem = SimpleNamespace(read=nowhere, truncated=nowhere, pointers=nowhere)
    for call in load().calls.values():
        args = ["x" if kind.name in ("str", "strz") else 64 for _, kind in call.args]
        texts = [t if isinstance(t, str) else t(0) for t in show(SimpleNamespace(mem=mem), call, args)]
        for (_, kind), text in zip(call.args, texts, strict=True):
            assert not kind.c.endswith("*") or text in ("0x40", '"x"'), (call.name, kind.name)


def two(run, kernel, script, child):
    sink = io.StringIO()
    tracer = Tracer(sink)

    def outer(g):
        g.p.tracer = tracer
        yield from script(g)
        yield from g.call("exits", 0)

    run(outer, child)
    kernel.sched.drain()
    return [line.split(" ", 1)[1] for line in sink.getvalue().splitlines()], sink.getvalue()


def test_a_call_that_sleeps_alone_is_one_line(traced, host):
    def script(g):
        yield from g.call("sleep", 30)

    assert traced(script)[0] == "sleep(30) = 0"


def test_a_call_that_others_overtake_is_two_lines(run, kernel):
    def script(g):
        fds = g.room(8)
        yield from g.call("pipe", fds)
        yield from g.call("rfork", 16)
        yield from g.call("pread", 0, g.room(8), 8, -1)

    def child(g):
        yield from g.call("pwrite", 1, g.text("hi"), 2, -1)
        yield from g.call("exits", 0)

    lines, whole = two(run, kernel, script, child)
    assert "1 script pread(0, <unfinished ...>" in lines
    write = lines.index(next(line for line in lines if "pwrite" in line))
    resumed = next(line for line in lines if "<... pread resumed>" in line)
    assert re.fullmatch(r'1 script <\.\.\. pread resumed> "hi", 8, -1\) = 2 <0\.\d{6}>', resumed)
    assert lines.index("1 script pread(0, <unfinished ...>") < write < lines.index(resumed)
    assert whole.endswith("\n")


def test_a_name_that_cannot_be_read(traced):
    def script(g):
        yield from g.call("notify", 0x1200)
        yield from g.call("open", 0xFFFFFFF0, 0)

    lines = traced(script)
    assert lines[1] == "open(?) = -1 'bad address 0xfffffff0'"
    assert sum("open" in line for line in lines) == 1


def test_a_fault_is_told_with_its_place(traced):
    def script(g):
        yield from g.trap(1, address=0x10, write=True)

    lines = traced(script)
    assert lines[0] == "--- sys: trap: fault write addr=0x10 pc=0x1100 ---"
    assert lines[1].startswith("+++ exits 'sys: trap: fault write addr=0x10 pc=")


def test_a_number_that_is_no_call(traced):
    def script(g):
        g.p.cpu.eax = 9999
        yield from g.trap(0, number=0x40)

    assert traced(script)[0] == "9999(?) = -1 'bad sys call'"


def test_a_sink_that_fails_ends_the_tracing_only(run):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    def script(g):
        g.p.tracer = Tracer(Full())
        assert (yield from g.call("sleep", 5)) == 0
        yield from g.call("exits", 0)

    assert run(script).exit.status == ""


def test_a_killed_sleeper_closes_its_line(guest, kernel):
    sink = io.StringIO()

    def script(g):
        g.p.tracer = Tracer(sink)
        yield from g.call("sleep", 1000)

    p = guest(script)
    kernel.sched.drain()
    assert sink.getvalue().endswith("1 script sleep(1000")
    p.kill()
    kernel.sched.drain()
    assert re.search(r"sleep\(1000\) = -1 'interrupted' <\d", sink.getvalue())


@pytest.mark.parametrize("text, shown", [("cat", "cat"), ("a\nb\x1b", "a\\nb\\x1b"), ("\udcff", "\\udcff")])
def test_names_stay_on_their_line(text, shown):
    assert printable(text) == shown
