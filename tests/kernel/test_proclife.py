"""Processes by script: what is rare - rfork with notes pending, waiting for others, limits, times."""

import struct

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel import note, pexit
from vx9.kernel.dialect import DIALECTS
from vx9.kernel.note import NoteKind
from vx9.kernel.stop import ProcCtl
from vx9.vxcore import TrapKind

RFPROC, RFMEM, RFNOWAIT, RFNOTEG = 16, 32, 64, 8
HANDLER = 0x1200


def leave(g, status=""):
    yield from g.call("exits", g.text(status) if status else 0)


# rfork and notes

def test_a_note_is_not_delivered_on_return_from_rfork(run, kernel):
    seen = {}

    def child(g):
        p = g.p
        seen["child starts at"] = p.cpu.eip
        assert [n.text for n in p.notes] == ["waiting"] and p.notify == HANDLER and not p.notified
        yield from g.call("sleep", 0)
        seen["child's handler"] = p.cpu.eip
        yield from leave(g)

    def parent(g):
        p = g.p
        yield from g.call("notify", HANDLER)
        note.post(p, "waiting", NoteKind.USER)
        pid = yield from g.call("rfork", RFPROC | RFNOWAIT)
        assert pid > 0
        seen["parent goes on at"] = p.cpu.eip
        yield from g.call("sleep", 0)
        seen["parent's handler"] = p.cpu.eip
        yield from leave(g)

    assert run(parent, child).exit.status == ""
    kernel.sched.run(lambda: not kernel.procs)
    assert seen["child starts at"] == seen["parent goes on at"] == 0x1100
    assert seen["child's handler"] == seen["parent's handler"] == HANDLER


def test_a_child_made_in_a_handler_is_in_none_but_has_the_frame(run):
    def child(g):
        p = g.p
        assert not p.notified and p.ureg
        assert (yield from g.call("noted", 3)) == 0x77  # NRSTR: the registers of before
        assert p.cpu.eip == 0x1180
        yield from leave(g)

    def parent(g):
        yield from g.call("notify", HANDLER)
        g.p.cpu.eip, g.p.cpu.eax = 0x1180, 0x77
        note.post(g.p, "now", NoteKind.USER)
        yield from g.trap(TrapKind.QUANTUM)
        assert g.p.cpu.eip == HANDLER
        yield from g.call("rfork", RFPROC)
        g.p.notified = True
        n = yield from g.call("await", 0x2600, 128)
        assert g.get(0x2600, n).endswith(b" ''")
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_stops_are_not_inherited_but_those_at_calls_are(guest, kernel):
    def script(g):
        for flags in (RFPROC, RFPROC):
            yield from g.call("rfork", flags)
            yield from g.call("sleep", 0)
        yield from leave(g)

    def child(g):
        yield from g.call("sleep", 0)
        yield from leave(g)

    p = guest(script, child)
    p.hang = True
    p.procctl = ProcCtl.TRACEME
    kernel.sched.run(lambda: p.dead)
    kernel.sched.drain()
    assert len(kernel.procs) == 0  # nobody stopped


# Waiting

def test_one_waiter_at_a_time(run):
    def child(g):
        yield from g.call("sleep", 50)
        yield from leave(g)

    def parent(g):
        p = g.p
        yield from g.call("rfork", RFPROC)

        async def other():
            with pytest.raises(PlanError, match="already in use"):
                await pexit.wait(p, p.kernel.boot)
            seen.append("refused")

        seen = []
        p.kernel.sched.after(10, lambda: p.kernel.sched.spawn(other(), "other") and None)
        n = yield from g.call("await", 0x2600, 128)
        assert n > 0 and seen == ["refused"]
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_await_is_interrupted_and_loses_nothing(run):
    def child(g):
        yield from g.call("sleep", 50)
        yield from leave(g, "late")

    def parent(g):
        p = g.p
        yield from g.call("notify", HANDLER)
        yield from g.call("rfork", RFPROC)
        p.kernel.sched.after(5, lambda: note.post(p, "now", NoteKind.USER))
        assert (yield from g.fails("await", 0x2600, 128)) == "interrupted"
        yield from g.call("noted", 0)
        n = yield from g.call("await", 0x2600, 12)
        assert n == 11 and g.get(0x2600, 12)[11] == 0
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_more_records_than_fit_are_dropped(run, kernel, monkeypatch):
    monkeypatch.setattr(pexit, "WAIT_RECORDS", 3)

    def child(g):
        yield from leave(g)

    def parent(g):
        for _ in range(5):
            yield from g.call("rfork", RFPROC)
        yield from g.call("sleep", 10)
        for _ in range(3):
            assert (yield from g.call("await", 0x2600, 128)) > 0
        assert (yield from g.fails("await", 0x2600, 128)) == "no living children"
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_messages_are_quoted_as_the_kernel_does(run):
    def child(g):
        yield from leave(g, "a=b\x01c")

    def parent(g):
        pid = yield from g.call("rfork", RFPROC)
        n = yield from g.call("await", 0x2600, 128)
        assert g.get(0x2600, n).split(b" ", 4)[4] == b"'script %d: a=b\x01c'" % pid
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_the_whole_message_is_cut(run):
    def child(g):
        yield from leave(g, "x" * 127)

    def parent(g):
        yield from g.call("rfork", RFPROC)
        n = yield from g.call("await", 0x2600, 512)
        text = g.get(0x2600, n).split(b" ", 4)[4]
        assert text[:1] == text[-1:] == b"'" and len(text) == 127 + 2
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_orphans_and_their_parents_number(run, kernel):
    seen = []

    def child(g):
        yield from g.call("sleep", 20)
        seen.append((g.p.parent, g.p.ppid))
        yield from leave(g)

    def parent(g):
        yield from g.call("rfork", RFPROC)
        yield from leave(g)

    p = run(parent, child)
    kernel.sched.run(lambda: not kernel.procs)
    assert seen == [(None, p.pid)]


# Alarms, semaphores, segments

def test_alarms_are_replaced_cancelled_and_not_inherited(run):
    def child(g):
        assert g.p.alarm is None
        assert (yield from g.call("sleep", 100)) == 0
        yield from leave(g)

    def parent(g):
        yield from g.call("notify", HANDLER)
        assert (yield from g.call("alarm", 60)) == 0
        yield from g.call("rfork", RFPROC | RFNOWAIT)
        assert (yield from g.call("alarm", 500)) == 60
        assert (yield from g.call("sleep", 100)) == 0
        assert (yield from g.call("alarm", 0)) == 400
        assert (yield from g.call("sleep", 1000)) == 0
        assert (yield from g.call("alarm", 0)) == 0
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_a_negative_time_to_wait_for_a_semaphore_is_a_long_one(run):
    def script(g):
        p = g.p
        yield from g.call("notify", HANDLER)
        p.kernel.sched.after(5000, lambda: note.post(p, "now", NoteKind.USER))
        assert (yield from g.fails("tsemacquire", 0x2040, -1)) == "interrupted"
        yield from g.call("noted", 0)
        assert (yield from g.call("tsemacquire", 0x2040, 0)) == 0
        yield from leave(g)

    assert run(script).exit.status == ""


def test_an_interrupted_waiter_hands_its_turn_on(run):
    seen = []

    def child(g):
        got = yield from g.call("semacquire", 0x2040, 1)
        seen.append((g.p.pid, got))
        yield from leave(g)

    def parent(g):
        p = g.p
        child = yield from g.call("rfork", RFPROC | RFMEM)
        yield from g.call("rfork", RFPROC | RFMEM)
        yield from g.call("sleep", 1)
        first = p.kernel.procs[child]
        first.notify = HANDLER
        yield from g.call("semrelease", 0x2040, 1)
        note.post(first, "now", NoteKind.USER)  # woken already, and now interrupted
        yield from g.call("sleep", 5)
        yield from g.call("semrelease", 0x2040, 1)
        yield from g.call("sleep", 5)
        assert len(seen) == 2 and g.get(0x2040, 4) in (bytes(4), b"\1\0\0\0")
        yield from leave(g)

    assert run(parent, child).exit.status == ""


def test_nine_segments_and_no_more(run):
    def script(g):
        name = g.text("shared")
        for _ in range(5):
            assert (yield from g.call("segattach", 0, name, 0, 1)) != -1
        assert (yield from g.fails("segattach", 0, name, 0, 1)) == "virtual memory allocation failed"
        assert len(g.p.space.all()) == 9
        yield from leave(g)

    assert run(script).exit.status == ""


def test_places_of_segments(run):
    def script(g):
        shared, memory = g.text("shared"), g.text("memory")
        for address in (1, 0xFFF, 0xFFFF0000):
            assert (yield from g.fails("segattach", 0, shared, address, 1)) == "bad arg in system call"
        a = yield from g.call("segattach", 0o40 | 0x8000, memory, 0x100800, 1)
        assert a == 0x100000  # other attributes than RONLY and CEXEC mean nothing
        assert g.p.space.attached[0].shown == "Bss"
        assert (yield from g.call("segfree", 0x1000, 0x1000)) == 0  # text would come back anyway
        assert (yield from g.call("segflush", 0x1000, 0x2000)) == 0  # on into data
        assert (yield from g.fails("segflush", 0x2000, 0x10000)) == "bad arg in system call"
        yield from leave(g)

    assert run(script).exit.status == ""


# Descriptor 2, times

def test_every_hundred_descriptors_are_remarked_once(run, kernel):
    def script(g):
        p = g.p
        pair = g.room(8)
        yield from g.call("pipe", pair)
        near, far = struct.unpack("<2i", g.get(pair, 8))
        yield from g.call("dup", near, 2)
        yield from g.call("close", near) if near != 2 else g.call("sleep", 0)
        name = g.text("#c/null")
        for _ in range(210):
            assert (yield from g.call("open", name, 0)) >= 0
        yield from g.call("close", 205)
        yield from g.call("open", name, 0)
        assert (yield from g.call("dup", 2, 315)) == -1  # further than the table can grow at once
        buf = g.room(512)
        lines = []
        for n in (100, 200):
            got = yield from g.call("pread", far, buf, 512, -1)
            lines.append(g.get(buf, got))
            assert lines[-1] == b"script %d: warning: process exceeds %d file descriptors\n" % (p.pid, n)
        yield from leave(g)

    assert run(script).exit.status == ""


def test_user_and_system_time(run, guest, kernel):
    def script(g):
        yield from g.call("sleep", 10)
        yield from leave(g)

    p = guest(script)
    p.task.run_ns = 5_000_000
    user, system, _, *children = p.times_ms()
    assert (user, system) == (0, 5) and children == [0, 0]
    p.task.run_ns = 3_000_000  # what was told stands
    assert p.times_ms()[1] == 5
    p.kill()


def test_errors_of_the_kernels_own_calls_are_no_news(kernel, caplog):
    async def fails():
        raise PlanError("as it may happen")

    with pytest.raises(PlanError):
        kernel.call(fails)
    assert not caplog.records


@pytest.mark.parametrize("dialect, ms", [("bell", 10), ("9legacy", 10), ("9front", 1), ("vx9", 1)])
def test_the_shortest_sleep(run, kernel, dialect, ms):
    kernel.dialect = DIALECTS[dialect]
    host = kernel.host

    def script(g):
        before = host.now_ns
        assert (yield from g.call("sleep", 1)) == 0
        assert host.now_ns - before == ms * 1_000_000
        before = host.now_ns
        yield from g.call("sleep", 25)
        assert host.now_ns - before == 25_000_000
        yield from leave(g)

    assert run(script).exit.status == ""
