"""#g: segments with names, shared by all that attach them."""

import re

import pytest

from vx9.fs.dir import DMDIR, ORDWR, OREAD, OWRITE, DirChange
from vx9.fs.errors import PlanError


def fails(text):
    return pytest.raises(PlanError, match=re.escape(text) + "$")


@pytest.fixture
def make(v):
    """make(name, va): a segment."""
    def make(name, va=b"va 0x1000000 0x2000"):
        v.close(v.create(f"#g/{name}", OREAD, DMDIR | 0o777))
        if va:
            v.put(f"#g/{name}/ctl", va)

    return make


def test_a_folder_is_a_segment(v, make):
    make("one", b"")
    assert {n: d.mode for n, d in v.ls("#g").items()} == {"one": DMDIR | 0o777}
    assert {n: (d.mode, d.length) for n, d in v.ls("#g/one").items()} == {
        "ctl": (0o660, 0), "data": (0o660, 0)}
    with fails("segment not yet allocated"):
        v.get("#g/one/ctl")
    with fails("'#g/one/data' segment not yet allocated"):
        v.open("#g/one/data", ORDWR)
    v.put("#g/one/ctl", b"va 0x10000fff 0x1001 sticky\n")
    assert v.get("#g/one/ctl") == b"va 0x10000000 0x2000\n"
    assert v.stat("#g/one/data").length == 0x2000
    with fails("already has a virtual address"):
        v.put("#g/one/ctl", b"va 0x20000000 0x1000")


def test_contents(v, make):
    make("one")
    v.put("#g/one/data", b"hi mom")
    c = v.open("#g/one/data", ORDWR)
    assert v.read(c, 10, 0) == b"hi mom\0\0\0\0" and v.read(c, 10, 0x2000) == b""
    assert v.read(c, 1 << 20, 0x1FFF) == b"\0"
    assert v.write(c, b"abcdef", 0x1FFE) == 2
    with fails("bad arg in system call"):
        v.write(c, b"x", 0x2001)
    v.close(c)


def test_segments_count_against_the_memory_of_all(v, make, kernel):
    used = kernel.account.used
    make("counted", b"va 0x1000000 0x100000")
    assert kernel.account.used == used + 0x100000
    kernel.account.limits.total_memory = kernel.account.used + 0x1000
    make("more", b"")
    with fails("kernel allocate failed"):
        v.put("#g/more/ctl", b"va 0x2000000 0x2000")
    v.remove("#g/counted")
    assert kernel.account.used == used and "total-memory" in kernel.account.met
    v.put("#g/more/ctl", b"va 0x2000000 0x2000")


def test_processes_share_it(v, make, run):
    make("pair")
    v.put("#g/pair/data", b"\7\0\0\0")

    def parent(g):
        at = yield from g.call("segattach", 0, g.text("pair"), 0x5000, 77)
        assert at == 0x1000000
        assert (yield from g.fails("segattach", 0, g.text("pair"), 0, 0)) == \
            "overlaps existing segment"
        yield from g.call("rfork", 16)
        yield from g.call("await", g.room(64), 64)
        assert g.get(at, 4) == b"\x2a\0\0\0"
        yield from g.call("segdetach", at)
        assert (yield from g.fails("segdetach", at)) == "bad arg in system call"
        yield from g.call("exits", 0)

    def child(g):
        assert g.get(0x1000000, 4) == b"\7\0\0\0"
        g.p.mem.write(0x1000000, b"\x2a")
        yield from g.call("exits", 0)

    assert run(parent, child).exit.status == ""
    assert v.get("#g/pair/data", 4) == b"\x2a\0\0\0"


def test_it_outlives_its_name(v, make, guest, kernel):
    make("gone")

    def script(g):
        at = yield from g.call("segattach", 0, g.text("gone"), 0, 0)
        g.p.mem.write(at, b"here")
        yield from g.call("sleep", 1000)
        assert g.get(at, 4) == b"here"
        assert (yield from g.fails("segattach", 0, g.text("gone"), 0, 0)) == \
            "bad arg in system call"
        yield from g.call("exits", 0)

    p = guest(script)
    c = v.open("#g/gone/ctl", OREAD)
    kernel.sched.drain()
    v.remove("#g/gone")
    assert v.ls("#g") == {} and v.read(c) == b"va 0x1000000 0x2000\n"
    with fails("global segment disappeared"):
        v.kernel.call(c.stat, v.p)
    v.close(c)
    kernel.sched.run(lambda: p.dead)
    assert p.exit.status == ""


def test_attaching_asks_for_the_rights_of_data(v, make, guest, kernel):
    make("mine")
    make("unplaced", b"")
    said = []

    def script(g):
        for name in ("mine", "unplaced"):
            text = yield from g.fails("segattach", 0, g.text(name), 0, 0)
            said.append(text)
        yield from g.call("exits", 0)

    p = guest(script)
    p.user = "mallory"
    kernel.sched.run(lambda: p.dead)
    assert said == ["permission denied"] * 2
    v.wstat("#g/mine/data", DirChange(mode=0o666))
    v.wstat("#g/unplaced/ctl", DirChange(mode=0o666))
    said.clear()

    def again(g):
        assert (yield from g.call("segattach", 0, g.text("mine"), 0, 0)) == 0x1000000
        said.append((yield from g.fails("segattach", 0, g.text("unplaced"), 0, 0)))
        yield from g.call("exits", 0)

    p = guest(again)
    p.user = "mallory"
    kernel.sched.run(lambda: p.dead)
    assert said == ["global segment not assigned a virtual address"]


def test_a_segment_over_the_stack_is_refused(v, make, run):
    make("high", b"va 0xd0000000 0x1000")
    make("low", b"va 0x1000 0x3000")

    def script(g):
        for name in ("high", "low"):
            assert (yield from g.fails("segattach", 0, g.text(name), 0, 0)) == \
                "overlaps existing segment"
        yield from g.call("exits", 0)

    assert run(script).exit.status == ""


@pytest.mark.parametrize("line, text", [
    (b"", "bad process or channel control request"),
    (b"free", "bad process or channel control request"),
    (b"va", "bad arg in system call"), (b"va 1", "bad arg in system call"),
    (b"va x y", "bad arg in system call"), (b"va -1 1", "bad arg in system call"),
    (b"va 0 0x1000", "bad arg in system call"), (b"va 0x1000 0", "bad arg in system call"),
    (b"va 0xe0000000 1", "bad arg in system call"), (b"va " + b"9" * 60 + b" 1",
                                                     "bad arg in system call"),
    (b"va 0x1000000 0x1000 odd", "bad arg in system call"),
    (b"va 0x1000000 0x1000 fixed", "no device here needs a fixed segment; make it sticky"),
    (b"va 0x1000000 0x20000000", "kernel allocate failed"),
])
def test_bad_addresses(v, make, line, text):
    make("bad", b"")
    with fails(text):
        v.put("#g/bad/ctl", line)


def test_what_is_refused(v, make):
    make("taken")
    for name, perm, text in (("file", 0o666, "bad arg in system call"),
                             ("shared", DMDIR, "file already exists"),
                             ("memory", DMDIR, "file already exists")):
        with fails(f"'#g/{name}' {text}"):
            v.create(f"#g/{name}", OREAD, perm)
    with fails("'#g/taken/x' permission denied"):
        v.create("#g/taken/x", OREAD, DMDIR)
    with fails("'#g/taken' file is a directory"):
        v.open("#g/taken", OWRITE)
    with fails("permission denied"):
        v.remove("#g/taken/data")
    with fails("'#g/taken/data' not a directory"):
        v.stat("#g/taken/data/x")
    assert v.stat("#g/taken/..").name == "#g"
    v.p.user = "mallory"
    with fails("permission denied"):
        v.remove("#g/taken")
    v.p.user = "glenda"
    for i in range(99):
        make(f"n{i}", b"")
    with fails("'#g/more' too many global segments"):
        make("more", b"")
