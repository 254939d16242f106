"""Processes that stop others: who may wait, for what, and how it ends."""

from vx9.kernel import note
from vx9.kernel.note import NoteKind
from vx9.kernel.stop import CallStop, ProcCtl


def sleeper(g):
    yield from g.call("notify", 0x1200)
    while True:
        yield from g.call("sleep", 10)


def ctl(g, p, words):
    """yield from it: write a message to p's ctl; the result."""
    fd = yield from g.call("open", g.text(f"#p/{p.pid}/ctl"), 1)
    assert fd >= 0
    data = words.encode()
    result = yield from g.call("pwrite", fd, g.put(data), len(data), -1)
    yield from g.call("close", fd)
    return result


def test_one_debugger_at_a_time(guest, kernel):
    victim = guest(sleeper)
    seen = []

    def first(g):
        seen.append(("first", (yield from ctl(g, victim, "waitstop"))))
        yield from g.call("exits", 0)

    def second(g):
        yield from g.call("sleep", 5)
        seen.append(("second", (yield from ctl(g, victim, "stop")), g.p.errstr))
        victim.procctl, victim.attention = ProcCtl.STOPME, True
        yield from g.call("sleep", 50)
        yield from g.call("exits", 0)

    a, b = guest(first), guest(second)
    kernel.sched.run(lambda: a.dead and b.dead)
    assert seen == [("second", -1, "device or object already in use"), ("first", 8)]
    assert not victim.pdbg and victim.stopped


def test_a_debugger_that_gives_up_leaves_the_place_free(guest, kernel):
    victim = guest(sleeper)
    seen = []

    def debugger(g):
        p = g.p
        yield from g.call("notify", 0x1200)
        kernel.sched.after(5, lambda: note.post(p, "enough", NoteKind.USER))
        assert p.state() == "Running"
        kernel.sched.after(2, lambda: seen.append(p.state()))
        seen.append((yield from ctl(g, victim, "waitstop")))
        seen.append(p.errstr)
        yield from g.call("noted", 0)
        seen.append((yield from ctl(g, victim, "stop")))
        yield from g.call("exits", 0)

    p = guest(debugger)
    kernel.sched.run(lambda: p.dead)
    assert seen == ["Stopwait", -1, "interrupted", 4] and victim.state() == "Stopped"


def test_waiting_for_what_exits_or_is_killed(guest, kernel):
    def mortal(g):
        yield from g.call("sleep", 20)
        yield from g.call("exits", 0)

    seen = []
    victims = [guest(mortal), guest(sleeper)]

    def debugger(g):
        for victim in victims:
            if victim is victims[1]:
                kernel.sched.after(5, victim.kill)
            seen.append(((yield from ctl(g, victim, "waitstop")), g.p.errstr))
        yield from g.call("exits", 0)

    p = guest(debugger)
    kernel.sched.run(lambda: p.dead)
    assert seen == [(-1, "process exited")] * 2


def test_startstop_stops_at_the_next_note_and_keeps_it(guest, kernel):
    victim = guest(sleeper)
    seen = []

    def debugger(g):
        assert (yield from ctl(g, victim, "startstop")) == -1
        yield from ctl(g, victim, "stop")
        kernel.sched.after(5, lambda: note.post(victim, "hello", NoteKind.USER))
        assert (yield from ctl(g, victim, "startstop")) == 9
        seen.append([n.text for n in victim.notes])
        assert not victim.notified
        yield from ctl(g, victim, "start")
        yield from g.call("sleep", 1)
        seen.append(victim.notified)
        yield from g.call("exits", 0)

    p = guest(debugger)
    kernel.sched.run(lambda: p.dead)
    assert seen == [["hello"], True] and p.exit.status == ""


def test_to_stop_oneself_waits_for_nobody(guest, kernel):
    def script(g):
        assert (yield from ctl(g, g.p, "stop")) == 4
        raise AssertionError("it went on")

    p = guest(script)
    kernel.sched.drain()
    assert p.state() == "Stopped"
    p.kill()
    kernel.sched.drain()
    assert p.dead and p.exit.status == "Killed"


def test_a_stop_at_a_call_that_is_interrupted(guest, kernel):
    """A note that comes while it stands still ends the call that it goes on with."""
    victim = guest(sleeper)
    seen = []

    def debugger(g):
        yield from ctl(g, victim, "stop")
        assert (yield from ctl(g, victim, "startsyscall")) == 12
        seen.append(victim.syscalltrace.split()[2:3])
        assert isinstance(victim.tracer, CallStop)
        note.post(victim, "now", NoteKind.USER)
        assert (yield from ctl(g, victim, "startsyscall")) == 12
        seen.append(victim.syscalltrace.split()[:3])
        yield from ctl(g, victim, "start")
        yield from g.call("sleep", 30)
        seen.append(victim.tracer)
        yield from g.call("exits", 0)

    p = guest(debugger)
    kernel.sched.run(lambda: p.dead)
    assert p.exit.status == ""
    assert seen == [["Sleep"], ["=", "-1", "interrupted"], None]
