"""A call that waits holds its file, whatever others who share the table do to the descriptor."""

import struct

SHARED = 0x10 | 0x20  # RFPROC | RFMEM: the table is one


def test_a_close_does_not_end_a_read_under_way(run, kernel):
    got = []

    def parent(g):
        yield from g.call("pipe", g.room(8))  # 0 and 1
        yield from g.call("rfork", SHARED)
        yield from g.call("sleep", 20)
        yield from g.call("close", 0)
        yield from g.call("sleep", 20)
        assert not got, "it waits on"
        assert (yield from g.call("pwrite", 1, g.text("still"), 5, -1)) == 5
        yield from g.call("sleep", 20)
        assert (yield from g.call("pwrite", 1, g.text("x"), 1, -1)) == -1, "now it has gone"
        yield from g.call("exits", 0)

    def child(g):
        buf = g.room(16)
        n = yield from g.call("pread", 0, buf, 16, -1)
        got.append(g.get(buf, max(n, 0)))
        yield from g.call("exits", 0)

    p = run(parent, child)
    assert p.exit.status.startswith("sys: write on closed pipe"), p.exit
    assert got == [b"still"]


def test_a_close_does_not_end_a_write_under_way(run, kernel):
    done = []

    def parent(g):
        yield from g.call("pipe", g.room(8))
        yield from g.call("rfork", SHARED)
        yield from g.call("sleep", 20)
        yield from g.call("close", 0)
        buf = g.room(16)
        total = 0
        while (n := (yield from g.call("pread", 1, 0x2800, 0x700, -1))) > 0:
            total += n
        assert n == 0 and total == 0x600000, hex(total)
        assert buf and done == [0x600000]
        yield from g.call("exits", 0)

    def child(g):
        at = yield from g.call("segattach", 0, g.text("memory"), 0, 0x600000)
        done.append((yield from g.call("pwrite", 0, at, 0x600000, -1)))
        yield from g.call("exits", 0)

    p = run(parent, child)
    assert p.exit.status == "", p.exit


def test_the_descriptor_may_mean_another_file_meanwhile(run, kernel):
    def parent(g):
        yield from g.call("pipe", g.room(8))
        yield from g.call("rfork", SHARED)
        yield from g.call("sleep", 20)
        fd = yield from g.call("open", g.text("/dev/zero"), 0)
        assert (yield from g.call("dup", fd, 0)) == 0
        yield from g.call("pwrite", 1, g.text("pipe"), 4, -1)
        yield from g.call("sleep", 20)
        assert struct.unpack("<i", g.get(0x2F00, 4)) == (4,)
        yield from g.call("exits", 0)

    def child(g):
        buf = g.room(16)
        n = yield from g.call("pread", 0, buf, 16, -1)
        g.p.mem.write(0x2F00, struct.pack("<i", n))
        yield from g.call("exits", 0)

    p = run(parent, child)
    assert p.exit.status == "", p.exit
