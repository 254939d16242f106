"""Processes by script: birth, death, waiting, meeting, sleeping."""

import struct

import pytest

from vx9.kernel import note
from vx9.kernel.note import NoteKind
from vx9.kernel.tos import PID, SIZE
from vx9.vxcore import TrapKind

RFNAMEG, RFENVG, RFFDG, RFNOTEG, RFPROC, RFMEM, RFNOWAIT = 1, 2, 4, 8, 16, 32, 64
RFCNAMEG, RFCENVG, RFCFDG, RFREND, RFNOMNT = 1024, 2048, 4096, 8192, 16384


def leave(g, status=""):
    yield from g.call("exits", g.text(status) if status else 0)


def test_exits_and_await(run):
    seen = []

    def child(g):
        yield from leave(g, "it's bad")

    def parent(g):
        pid = yield from g.call("rfork", RFPROC | RFFDG)
        buf = g.room(128)
        n = yield from g.call("await", buf, 128)
        seen.append((pid, g.get(buf, n).decode()))
        assert (yield from g.fails("await", buf, 128)) == "no living children"
        yield from leave(g)

    assert run(parent, child).exit.status == ""
    pid, text = seen[0]
    fields = text.split(" ", 4)
    assert fields[0] == str(pid) and fields[4] == f"'script {pid}: it''s bad'"


def test_records_come_newest_first_and_empty_messages_are_quoted(run):
    seen = []

    def child(g):
        yield from leave(g)

    def parent(g):
        pids = []
        for _ in range(3):
            pids.append((yield from g.call("rfork", RFPROC)))  # noqa: PERF401
        yield from g.call("sleep", 10)
        buf = g.room(128)
        for _ in range(3):
            n = yield from g.call("await", buf, 128)
            seen.append(g.get(buf, n).decode())
        assert [int(s.split()[0]) for s in seen] == pids[::-1]
        yield from leave(g)

    assert run(parent, child).exit.status == ""
    assert all(s.endswith(" ''") for s in seen)


def test_rfnowait_children_are_not_waited_for(run):
    def child(g):
        assert g.p.ppid == 0
        yield from leave(g)

    def parent(g):
        yield from g.call("rfork", RFPROC | RFNOWAIT)
        assert (yield from g.fails("await", g.room(64), 64)) == "no living children"
        yield from leave(g)

    assert run(parent, child).exit.status == ""


@pytest.mark.parametrize("flags", [
    RFPROC | RFFDG | RFCFDG, RFPROC | RFNAMEG | RFCNAMEG, RFPROC | RFENVG | RFCENVG,
    RFMEM, RFNOWAIT, RFMEM | RFFDG,
])
def test_rfork_flags_that_contradict(run, flags):
    def script(g):
        assert (yield from g.fails("rfork", flags)) == "bad arg in system call"
        yield from leave(g)

    assert run(script).exit.status == ""


@pytest.mark.parametrize("share", [True, False])
def test_what_rfork_shares(run, share):
    seen = {}

    def child(g):
        seen["pid"] = struct.unpack("<I", g.get(g.p.space.stack.top - SIZE + PID, 4))[0]
        g.p.mem.write(0x2004, b"child")
        g.p.mem.write(g.p.cpu.esp - 64, b"child")
        seen["regs"] = g.p.cpu.get_regs()
        yield from leave(g)

    def parent(g):
        g.p.mem.write(0x2004, b"start")
        g.p.mem.write(g.p.cpu.esp - 64, b"start")
        g.p.cpu.ebx = 0x1234
        pid = yield from g.call("rfork", RFPROC | (RFMEM if share else 0))
        yield from g.call("await", g.room(64), 64)
        assert seen["pid"] == pid and seen["regs"][0] == 0 and seen["regs"][3] == 0x1234
        assert g.get(0x2004, 5) == (b"child" if share else b"start")
        assert g.get(g.p.cpu.esp - 64, 5) == b"start"
        assert struct.unpack("<I", g.get(g.p.space.stack.top - SIZE + PID, 4))[0] == g.p.pid
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_brk_of_a_thread_is_seen_by_the_others(run):
    def child(g):
        assert (yield from g.call("brk_", 0x9000)) == 0
        g.p.mem.write(0x8000, b"here")
        yield from leave(g)

    def parent(g):
        yield from g.call("rfork", RFPROC | RFMEM)
        yield from g.call("sleep", 1)
        assert g.get(0x8000, 4) == b"here"
        assert g.p.space.bss.top == 0x9000
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_brk(run):
    def script(g):
        assert (yield from g.call("brk_", 0)) == 0x3000
        assert (yield from g.call("brk_", 0x100000)) == 0
        assert g.get(0xFFFFC, 4) == bytes(4)
        g.p.mem.write(0xFFFFC, b"full")
        assert (yield from g.call("brk_", 0x4000)) == 0
        assert (yield from g.call("brk_", 0x100000)) == 0
        assert g.get(0xFFFFC, 4) == bytes(4)
        assert (yield from g.fails("brk_", 0x1000)) == "virtual memory allocation failed"
        assert (yield from g.fails("brk_", 60 << 20)) in (
            "segments overlap", "virtual memory allocation failed")
        assert (yield from g.fails("brk_", 0xFFFFFFFF)) == "segments overlap"
        yield from leave(g)

    assert run(script).exit.status == ""


def test_segments_of_ones_own(run):
    def script(g):
        name = g.text("shared")
        a = yield from g.call("segattach", 0, name, 0, 0x1800)
        b = yield from g.call("segattach", 0, name, 0, 1)
        assert a == g.p.space.stack.base - 0x2000 and b == a - 0x1000
        g.p.mem.write(a, b"x")
        assert (yield from g.fails("segattach", 0, name, a, 1)) == "segments overlap"
        assert (yield from g.fails("segattach", 0, name, 0, 0)) == "bad arg in system call"
        assert (yield from g.fails("segattach", 0, g.text("vga"), 0, 1)) == "bad arg in system call"
        assert (yield from g.call("segfree", a, 0x1000)) == 0
        assert g.get(a, 1) == b"\0"
        assert (yield from g.call("segflush", a, 16)) == 0
        assert (yield from g.call("segdetach", a)) == 0
        assert (yield from g.fails("segdetach", a)) == "bad arg in system call"
        assert (yield from g.fails("segdetach", g.p.cpu.esp)) == "bad arg in system call"
        assert (yield from g.call("segbrk", b, b + 0x800)) == 0
        yield from leave(g)

    assert run(script).exit.status == ""


def test_rendezvous_swaps(run):
    def child(g):
        assert (yield from g.call("rendezvous", 7, 111)) == 222
        yield from leave(g, "done")

    def parent(g):
        yield from g.call("rfork", RFPROC)
        yield from g.call("sleep", 1)
        assert (yield from g.call("rendezvous", 7, 222)) == 111
        yield from g.call("await", g.room(64), 64)
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_a_note_breaks_every_wait(run):
    """The error is "interrupted"; rendezvous gives all ones and no error string."""
    def script(g):
        p = g.p
        yield from g.call("notify", 0x1200)
        g.p.errstr = "before"
        p.kernel.sched.after(5, lambda: note.post(p, "a", NoteKind.USER))
        assert (yield from g.call("rendezvous", 1, 2)) == -1
        assert p.errstr == "before"
        yield from g.call("noted", 0)
        sem = g.room(4)
        pipe = g.room(8)
        yield from g.call("pipe", pipe)
        fd = struct.unpack("<2i", g.get(pipe, 8))[0]
        buf = g.room(16)
        for call in (("sleep", 1000), ("semacquire", sem, 1), ("tsemacquire", sem, 1000),
                     ("pread", fd, buf, 16, -1)):
            p.kernel.sched.after(5, lambda: note.post(p, "a", NoteKind.USER))
            assert (yield from g.fails(*call)) == "interrupted"
            yield from g.call("noted", 0)
        assert not p.rgrp.waiting and not p.kernel.semaphores.queues
        yield from leave(g)

    assert run(script).exit.status == ""


def test_semaphores_between_threads(run):
    seen = []

    def child(g):
        assert (yield from g.call("semacquire", 0x2040, 1)) == 1
        seen.append(g.p.pid)
        yield from leave(g)

    def parent(g):
        pids = []
        for _ in range(3):
            pids.append((yield from g.call("rfork", RFPROC | RFMEM)))  # noqa: PERF401
        yield from g.call("sleep", 1)
        assert (yield from g.call("semrelease", 0x2040, 2)) == 2
        yield from g.call("sleep", 1)
        assert seen == pids[:2]
        assert (yield from g.call("semrelease", 0x2040, 1)) == 1
        yield from g.call("sleep", 1)
        assert seen == pids and g.get(0x2040, 4) == bytes(4)
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_semaphore_arguments(run):
    def script(g):
        sem = g.put(struct.pack("<i", 1))
        assert (yield from g.call("semacquire", sem, 0)) == 1
        assert (yield from g.call("semacquire", sem, 0)) == 0
        before = g.p.kernel.host.now_ns
        assert (yield from g.call("tsemacquire", sem, 20)) == 0
        assert g.p.kernel.host.now_ns - before >= 20_000_000
        assert (yield from g.fails("semrelease", sem, -1)) == "bad arg in system call"
        g.p.mem.write(sem, struct.pack("<i", -5))
        assert (yield from g.fails("semacquire", sem, 1)) == "bad arg in system call"
        yield from leave(g)

    assert run(script).exit.status == ""


@pytest.mark.parametrize("call, text", [
    (("semacquire", 0x2041, 0), "sys: odd address"),
    (("semacquire", 0x1000, 0), "sys: bad address in syscall"),
    (("nsec", 0), "sys: bad address in syscall"),
    (("pread", 0, 0xFFFFFFF0, 100, -1), "sys: bad address in syscall"),
    (("pread", 0, 0x2000, -1, -1), "sys: bad address in syscall"),
    (("pwrite", 1, 0x2000, 0x7FFFFFFF, -1), "sys: bad address in syscall"),
    (("open", 0, 0), "sys: bad address in syscall"),
    (("exec", 0x2000, 0xFFFFFFFC), "sys: bad address in syscall"),
    (("pipe", 0x2002), "sys: odd address"),
    (("errstr", 0x1020, 10), "sys: bad address in syscall"),
    (("stat", 0x2000, 0x1020, 64), "sys: bad address in syscall"),
])
def test_bad_addresses(run, call, text):
    def script(g):
        yield from g.call(*call)

    p = run(script)
    assert p.exit.status.startswith(text + " pc=")
    assert p.errstr == "bad arg in system call"


def test_bad_stack_pointer(run):
    def script(g):
        g.p.cpu.esp = 0xFFFFFFF8
        g.p.cpu.eax = 4
        yield from g.trap(TrapKind.INT, number=0x40)

    assert run(script).exit.status.startswith("sys: bad address in syscall")


@pytest.mark.parametrize("number", [48, 49, 54, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_bad_call_numbers(run, number):
    def script(g):
        g.p.cpu.eax = number
        yield from g.trap(TrapKind.INT, number=0x40)

    assert run(script).exit.status.startswith("sys: bad sys call")


def test_errstr_exchanges_and_success_leaves_it(run):
    def script(g):
        yield from g.fails("close", 99)
        yield from g.call("sleep", 0)
        buf = g.put(b"mine\0", 128)
        assert (yield from g.call("errstr", buf, 128)) == 0
        assert g.get(buf, 128).partition(b"\0")[0] == b"fd out of range or not open"
        assert g.p.errstr == "mine"
        assert (yield from g.call("errstr", buf, 3)) == 0
        assert g.get(buf, 4)[:3] == b"mi\0" and g.p.errstr == "fd"
        assert (yield from g.fails("errstr", buf, 0)) == "bad arg in system call"
        yield from leave(g)

    assert run(script).exit.status == ""


def test_alarm(run):
    def script(g):
        yield from g.call("notify", 0x1200)
        assert (yield from g.call("alarm", 1234)) == 0
        assert (yield from g.call("alarm", 50)) == 1230
        assert (yield from g.fails("sleep", 1000)) == "interrupted"
        text = g.get(struct.unpack("<3I", g.get(g.p.cpu.esp, 12))[2], 6)
        assert text == b"alarm\0"
        yield from g.call("noted", 0)
        assert (yield from g.call("alarm", 0)) == 0
        yield from leave(g)

    assert run(script).exit.status == ""


def test_pipe_and_dup(run):
    def script(g):
        where = g.room(8)
        yield from g.call("pipe", where)
        near, far = struct.unpack("<2i", g.get(where, 8))
        assert (yield from g.call("dup", near, 18)) == 18
        assert (yield from g.call("pwrite", 18, g.text("hello"), 5, -1)) == 5
        buf = g.room(16)
        assert (yield from g.call("pread", far, buf, 16, -1)) == 5
        assert g.get(buf, 5) == b"hello"
        assert (yield from g.fails("seek", buf, far, 0, 0)) == "seek on a stream"
        path = g.room(32)
        assert (yield from g.call("fd2path", far, path, 32)) == 0
        assert g.get(path, 9) == b"#|/data1\0"
        for fd in (near, 18):
            assert (yield from g.call("close", fd)) == 0
        for _ in range(3):
            assert (yield from g.call("pread", far, buf, 16, -1)) == 0
        assert (yield from g.fails("pread", far, buf, 16, -1)) == "i/o on hungup channel"
        yield from g.call("pwrite", far, buf, 1, -1)

    assert run(script).exit.status.startswith("sys: write on closed pipe")


def test_exits_with_a_bad_pointer(run):
    def script(g):
        yield from g.call("exits", 0xF0000000)

    assert run(script).exit.status == "invalid exit string"


def test_exits_cuts_its_message(run):
    def script(g):
        yield from g.call("exits", g.text("x" * 300))

    assert run(script).exit.status == "x" * 127


def test_a_process_quota(run, kernel):
    kernel.limits.processes = 1

    def script(g):
        assert (yield from g.fails("rfork", RFPROC)) == "no procs"
        yield from leave(g)

    assert run(script).exit.status == ""


def test_unexpected_errors_are_counted_and_told_to_nobody(run, kernel, caplog):
    def broken(p):
        raise RuntimeError("secret")

    kernel.calls[0].handler = broken

    def script(g):
        assert "secret" not in (yield from g.fails("sysr1"))
        yield from leave(g)

    assert run(script).exit.status == ""
    assert kernel.errors == 1 and "secret" in caplog.text
    kernel.errors = 0


def test_wstat_of_old_and_fversion_fail_cleanly(run):
    def script(g):
        name = g.text("/")
        assert "recompile" in (yield from g.fails("_wstat", name, 0))
        assert "recompile" in (yield from g.fails("_fwstat", 0, 0))
        buf = g.room(128)
        assert (yield from g.call("_stat", name, buf)) == 0
        assert (yield from g.fails("fversion", 77, 8192, buf, 10)) == "fd out of range or not open"
        assert (yield from g.fails("mount", 0, -1, g.text(""), 0, 0))
        yield from leave(g)

    assert run(script).exit.status == ""
