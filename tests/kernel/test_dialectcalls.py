"""File calls where the dialects differ: each script runs in all of them."""

import pytest

from vx9.fs.dir import unpack
from vx9.kernel.dialect import BELL, DIALECTS, LEGACY, NINEFRONT, VX9


@pytest.fixture(params=DIALECTS.values(), ids=lambda d: d.name)
def dialect(request, kernel):
    kernel.speak(request.param)
    return request.param


def good(run, script, *child):
    p = run(script, *child)
    assert p.exit.status == "", p.exit


def test_how_errors_name_files(run, dialect):
    def script(g):
        said = yield from g.fails("open", g.text("/dev/nope"), 0)
        assert said == ("file does not exist: '/dev/nope'" if dialect is NINEFRONT
                        else "'/dev/nope' file does not exist")
        said = yield from g.fails("open", g.text("/mnt/no/way"), 0)
        assert said == ("file does not exist: '/mnt/no'" if dialect is NINEFRONT
                        else "'/mnt/no' does not exist")
        assert (yield from g.fails("open", g.text(""), 0)) == "empty file name"
        yield from g.call("exits", 0)

    good(run, script)


def test_the_result_of_bind(run, dialect):
    def script(g):
        result = yield from g.call("bind", g.text("/dev"), g.text("/mnt"), 0)
        assert (result == 0) == (dialect is NINEFRONT) and result >= 0
        yield from g.call("exits", 0)

    good(run, script)


def test_whether_pread_moves(run, dialect):
    def script(g):
        buf = g.room(16)
        fd = yield from g.call("create", g.text("/tmp/f"), 2, 0o666)
        yield from g.call("pwrite", fd, g.text("0123456789"), 10, 0)
        assert (yield from g.call("oseek", fd, 0, 1)) == 0, "pwrite never does"
        yield from g.call("pread", fd, buf, 4, 2)
        assert (yield from g.call("oseek", fd, 0, 1)) == (4 if dialect is BELL else 0)
        yield from g.call("exits", 0)

    good(run, script)


def test_the_name_that_fstat_tells(run, dialect):
    def script(g):
        buf = g.room(128)
        yield from g.call("open", g.text("/dev/null"), 0)
        for name, ours, theirs in (("/dev/pid", "pid", "pid"), ("/dev", "dev", "dev"),
                                   ("/", "/", ""), ("/fd/0", "null", "0")):
            fd = yield from g.call("open", g.text(name), 0)
            n = yield from g.call("fstat", fd, buf, 128)
            if dialect is NINEFRONT and ours != "null":
                ours = theirs
            assert unpack(g.get(buf, n)).name == ours
            n = yield from g.call("stat", g.text(name), buf, 128)
            assert unpack(g.get(buf, n)).name == theirs
        yield from g.call("exits", 0)

    good(run, script)


def test_whose_close_on_exec_is(run, dialect):
    def script(g):
        first = yield from g.call("open", g.text("/dev/null"), 0x20)
        second = yield from g.call("dup", first, -1)
        p = g.p
        closed = [fd for fd, c in p.fds.open_fds() if c.cexec or fd in p.fds.cexec]
        assert closed == ([first] if dialect is NINEFRONT else [first, second])
        yield from g.call("exits", 0)

    good(run, script)


def test_how_the_name_space_is_told(v, kernel, dialect):
    near, far = kernel.call(kernel.pipe, "glenda")
    from vx9.fs.ramfs import RamFS

    v.p.ns = v.p.ns.empty()
    kernel.speak(dialect)
    v.bind("#e", "/mnt", 4)
    v.close(v.create("/mnt/a b", 1, 0o666))
    v.bind("/mnt/a b", "/mnt/a b", 0)
    v.mount(RamFS("glenda", lambda: 0), "/mnt", 1, "", near)
    listing = v.p.ns.listing(v.p)
    quoted = dialect is NINEFRONT
    assert "bind -c #e /mnt\n" in listing
    assert ("bind  '/mnt/a b' '/mnt/a b'\n" if quoted else "bind  /mnt/a b /mnt/a b\n") in listing
    assert listing[-2] == ("mount -b #|/data /mnt ''\n" if quoted else "mount -b #|/data /mnt \n")
    v.close(near)
    v.close(far)


def test_who_may_make_sysr1(guest, kernel, dialect):
    said = []

    def script(g):
        said.append((yield from g.call("sysr1")))
        g.p.user = "mallory"
        said.append((yield from g.call("sysr1")))
        yield from g.call("exits", 0)

    p = guest(script)
    kernel.sched.run(lambda: p.dead)
    assert said == [0, -1 if dialect is NINEFRONT else 0]


def test_the_dialects_are_told_apart():
    assert {VX9, BELL, LEGACY, NINEFRONT} == set(DIALECTS.values())
