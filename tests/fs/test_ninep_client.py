"""The client's session: tags, flushes, lies; and both sessions against a model."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from vx9.fs.dir import (
    DMDIR,
    ORDWR,
    OREAD,
    OTRUNC,
    OWRITE,
    DirChange,
    Qid,
    pack_change,
    unpack,
    unpack_all,
)
from vx9.fs.errors import EHUNGUP, EINTR, EMOUNTRPC, PlanError
from vx9.fs.ninep import wire
from vx9.fs.ninep.client import ABANDONED, Client
from vx9.fs.ninep.wire import (
    NOTAG,
    Rclunk,
    Rerror,
    Rflush,
    Rread,
    Rstat,
    Rversion,
    Tclunk,
    Tread,
    Tstat,
)
from vx9.fs.ramfs import RamFS

_spec = importlib.util.spec_from_file_location("ninep_server_tests",
                                               Path(__file__).with_name("test_ninep_server.py"))
server_tests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(server_tests)
Back = server_tests.Back


@pytest.fixture
def client():
    client = Client()
    call = client.ask_version(8216)
    assert client.take() == [wire.pack(wire.Tversion(NOTAG, 8216, "9P2000"))]
    client.feed(wire.pack(Rversion(NOTAG, 8216, "9P2000")))
    client.agree(call)
    return client


def sent(client):
    return [wire.unpack(data) for data in client.take()]


def feed(client, *answers):
    client.feed(b"".join(map(wire.pack, answers)))


def test_tags_count_from_1_and_are_used_again(client):
    calls = [client.call(Tstat, n) for n in range(3)]
    assert [m.tag for m in sent(client)] == [1, 2, 3]
    feed(client, Rstat(2, b"x"))
    assert calls[1].result() == Rstat(2, b"x") and not calls[0].done
    assert client.call(Tstat, 9).request.tag == 2
    feed(client, Rstat(3, b""), Rerror(1, "no"))
    with pytest.raises(PlanError, match=r"^no$"):
        calls[0].result()


def test_answers_may_come_before_nothing_was_asked(client):
    call = client.call(Tstat, 1)
    feed(client, Rstat(1, b"early"), Rstat(77, b""), Rversion(NOTAG, 1, ""))
    assert not call.done and not client.dead


def test_wakeups(client):
    woken = []
    call = client.call(Tstat, 1, wake=lambda: woken.append(1))
    client.take()
    feed(client, Rstat(1, b""))
    assert woken == [1] and call.done


@pytest.mark.parametrize("answer", [Rclunk(1), Tstat(1, 5), Rflush(1), Rversion(1, 1, "")])
def test_answers_of_a_wrong_kind(client, answer):
    call, other = client.call(Tstat, 1), client.call(Tstat, 2)
    client.take()
    feed(client, answer)
    assert call.error == EMOUNTRPC and not other.done and not client.dead


def test_flush(client):
    call = client.call(Tread, 1, 0, 5)
    client.take()
    flush = client.flush(call)
    assert sent(client) == [wire.Tflush(2, 1)] and flush.flushes is call
    feed(client, Rflush(2))
    assert call.error == EINTR and flush.done
    assert {client.call(Tstat, 1).request.tag for _ in range(2)} == {1, 2}


def test_an_answer_before_the_flush_keeps_the_tag_until_it_is_flushed(client):
    call = client.call(Tread, 1, 0, 5)
    client.take()
    client.flush(call)
    client.take()
    feed(client, Rread(1, b"data"))
    assert call.result().data == b"data"
    assert client.call(Tstat, 1).request.tag == 3
    feed(client, Rflush(2))
    assert {client.call(Tstat, 1).request.tag for _ in range(2)} == {1, 2}


def test_what_was_never_sent_needs_no_flush(client):
    call = client.call(Tread, 1, 0, 5)
    assert client.flush(call) is None and call.error == EINTR
    assert client.take() == [] and not client.busy


def test_flush_of_a_flush(client):
    call = client.call(Tread, 1, 0, 5)
    client.take()
    first = client.flush(call)
    client.take()
    second = client.flush(first)
    client.take()
    feed(client, Rflush(2), Rflush(3))
    assert call.error == EINTR and second.done and not client.busy


def test_a_server_that_forgets_a_flush_keeps_the_tag_of_what_it_was_about(client):
    call = client.call(Tread, 1, 0, 5)
    client.take()
    first = client.flush(call)
    client.take()
    client.flush(first)
    client.take()
    feed(client, Rflush(3))
    assert call.error == EINTR and first.error == EINTR
    assert client.busy == 1 and client.call(Tstat, 1).request.tag != 1
    feed(client, Rread(1, b"late"))
    assert call.error == EINTR


def test_abandoned(client):
    late = []
    call = client.call(Tread, 1, 0, 5)
    client.take()
    client.abandon(call, late.append)
    assert client.abandoned == 1 and client.call(Tstat, 1).request.tag == 2
    feed(client, Rread(1, b"x"))
    assert late == [Rread(1, b"x")] and client.abandoned == 0


def test_a_server_that_answers_nothing_is_given_up(client):
    other = client.call(Tstat, 1)
    for _ in range(ABANDONED + 1):
        client.abandon(client.call(Tstat, 1))
    assert client.dead and other.error == EMOUNTRPC
    with pytest.raises(PlanError, match=EHUNGUP):
        client.call(Tstat, 1)


def test_the_end(client):
    calls = [client.call(Tread, 1, 0, 5) for _ in range(3)]
    client.take()
    flush = client.flush(calls[0])
    client.feed(b"")
    assert {call.error for call in [*calls, flush]} == {EMOUNTRPC}
    with pytest.raises(PlanError, match=EHUNGUP):
        client.call(Tclunk, 1)
    client.feed(b"more")
    client.hangup("again")


def test_messages_too_long_to_send(client):
    with pytest.raises(PlanError, match="name too long"):
        client.call(wire.Tcreate, 1, "x" * 9000, 0, 0)
    with pytest.raises(PlanError, match="name too long"):
        client.call(wire.Tcreate, 1, "x" * 70000, 0, 0)
    with pytest.raises(PlanError, match="NUL"):
        client.call(wire.Twalk, 1, 2, ("a\0b",))
    assert not client.busy and client.call(Tstat, 1).request.tag == 1


def test_random_and_mutated_answers():
    """10^5 of them: no exception, and every call ends at the latest with the connection."""
    chance = random.Random(3)
    good = [wire.pack(m) for m in (
        Rstat(1, b"x"), Rread(1, b"data"), Rclunk(1), Rflush(1), Rerror(1, "no"),
        wire.Rwalk(1, (Qid(1),)), wire.Ropen(1, Qid(1), 0), Rversion(NOTAG, 8216, "9P2000"),
        wire.Rwrite(1, 4), Tstat(1, 1))]
    kinds = [(Tstat, 1), (Tread, 1, 0, 9), (Tclunk, 1), (wire.Twalk, 1, 2, ("x",)),
             (wire.Topen, 1, 0), (wire.Twrite, 1, 0, b"data")]
    fed = died = 0
    while fed < 100_000:
        client = Client()
        client.ask_version(8216)
        client.take()
        calls = []
        for _ in range(500):
            if client.dead:
                died += 1
                break
            if chance.random() < 0.5:
                kind, *fields = chance.choice(kinds)
                calls.append(client.call(kind, *fields))
            elif calls and chance.random() < 0.3:
                call = chance.choice(calls)
                if not call.done:
                    if chance.random() < 0.9:
                        if call.flushed is None:
                            calls.append(client.flush(call) or call)
                    else:
                        client.abandon(call)
            if chance.random() < 0.8:
                client.take()
            data = bytearray(chance.choice(good))
            data[5] = chance.choice((1, 2, 3, 4, 5))
            if chance.random() < 0.01:
                data[chance.randrange(len(data))] = chance.randrange(256)
            client.feed(bytes(data))
            fed += 1
        client.feed(b"")
        assert all(call.done for call in calls)
    assert died > 50


# Client and server against a model

NAMES = ("a", "b", "c")


class Model(RuleBasedStateMachine):
    """A tree of at most three names a folder, and fids on it, as they should be."""

    @initialize()
    def begin(self):
        self.back = Back(RamFS("u"))
        self.tree: dict = {(): None}  # path -> bytes, or None for a folder
        self.fids: dict = {}  # number -> [path, mode or None, of a removed file: its data]
        self.next = 1
        self.attach()

    def ask(self, kind, *fields):
        try:
            return self.back.rpc(kind, *fields)
        except PlanError as error:
            return str(error)

    def attach(self):
        self.ask(wire.Tattach, self.next, wire.NOFID, "u", "")
        self.fids[self.next] = [(), None]
        self.next += 1

    def pick(self, n):
        return sorted(self.fids)[n % len(self.fids)] if self.fids else 999

    def alive(self, number):
        return number in self.fids and self.fids[number][0] in self.tree

    @rule()
    def another_root(self):
        self.attach()

    @rule(n=st.integers(0, 20), names=st.lists(st.sampled_from((*NAMES, "..")), max_size=3))
    def walk(self, n, names):
        number = self.pick(n)
        if number not in self.fids or not self.alive(number):
            return
        path, mode = self.fids[number]
        got = self.ask(wire.Twalk, number, self.next, tuple(names))
        if mode is not None:
            assert got == "fid is open"
            return
        steps = 0
        for name in names:
            if self.tree[path] is not None:
                break
            path = path[:-1] if name == ".." else (*path, name)
            if path not in self.tree:
                break
            steps += 1
        if steps == len(names):
            assert len(got.wqid) == steps
            self.fids[self.next] = [path, None]
            self.next += 1
        elif steps:
            assert len(got.wqid) == steps
        else:
            assert got in ("not a directory", "file does not exist")

    @rule(n=st.integers(0, 20), mode=st.sampled_from((OREAD, OWRITE, ORDWR, OWRITE | OTRUNC)))
    def open(self, n, mode):
        number = self.pick(n)
        if not self.alive(number):
            return
        path, before = self.fids[number]
        got = self.ask(wire.Topen, number, mode)
        if before is not None:
            assert got == "fid is open"
        elif self.tree[path] is None and mode != OREAD:
            assert got == "file is a directory"
        else:
            assert isinstance(got, wire.Ropen), got
            self.fids[number][1] = mode & 3
            if mode & OTRUNC:
                self.tree[path] = b""

    @rule(n=st.integers(0, 20), name=st.sampled_from(NAMES), folder=st.booleans())
    def create(self, n, name, folder):
        number = self.pick(n)
        if not self.alive(number):
            return
        path, mode = self.fids[number]
        got = self.ask(wire.Tcreate, number, name, DMDIR | 0o777 if folder else 0o666,
                       OREAD if folder else ORDWR)
        if mode is not None:
            assert got == "fid is open"
        elif self.tree[path] is not None:
            assert got == "not a directory"
        elif (*path, name) in self.tree:
            assert got == "file already exists"
        else:
            assert isinstance(got, wire.Rcreate), got
            path = (*path, name)
            self.tree[path] = None if folder else b""
            # Fids of a removed file of that name are no fids of this one.
            self.forget(path)
            self.fids[number] = [path, OREAD if folder else ORDWR]

    def forget(self, path):
        for number in [k for k, (p, _) in self.fids.items() if p == path]:
            self.ask(Tclunk, number)
            del self.fids[number]

    @rule(n=st.integers(0, 20), offset=st.integers(0, 12), data=st.binary(max_size=6))
    def write(self, n, offset, data):
        number = self.pick(n)
        if not self.alive(number):
            return
        path, mode = self.fids[number]
        got = self.ask(wire.Twrite, number, offset, data)
        if mode is None:
            assert got == "fid is not open"
        elif self.tree[path] is None:
            assert got == "file is a directory"
        elif mode == OREAD:
            assert got == "fid is not open for writing"
        else:
            assert got.count == len(data)
            if data:
                old = self.tree[path].ljust(offset, b"\0")
                self.tree[path] = old[:offset] + data + old[offset + len(data):]

    @rule(n=st.integers(0, 20), offset=st.integers(0, 12), count=st.integers(0, 9))
    def read(self, n, offset, count):
        number = self.pick(n)
        if not self.alive(number) or (self.tree[self.fids[number][0]] is None
                                      and self.fids[number][1] is not None):
            return
        path, mode = self.fids[number]
        got = self.ask(Tread, number, offset, count)
        if mode is None:
            assert got == "fid is not open"
        elif mode == OWRITE:
            assert got == "fid is not open for reading"
        else:
            assert got.data == self.tree[path][offset:offset + count]

    @rule(n=st.integers(0, 20), name=st.sampled_from(NAMES), length=st.none() | st.integers(0, 9))
    def wstat(self, n, name, length):
        number = self.pick(n)
        if not self.alive(number) or self.fids[number][0] == ():
            return
        path, _ = self.fids[number]
        new = (*path[:-1], name)
        got = self.ask(wire.Twstat, number, pack_change(DirChange(name=name, length=length)))
        if new != path and new in self.tree:
            assert got == "file already exists"
        elif self.tree[path] is None and length:
            assert got == "file is a directory"
        else:
            assert isinstance(got, wire.Rwstat), got
            if length is not None and self.tree[path] is not None:
                self.tree[path] = self.tree[path][:length].ljust(length, b"\0")
            if new != path:
                self.forget(new)
                self.move(path, new)

    def move(self, old, new):
        def to(path):
            return new + path[len(old):] if path[:len(old)] == old else path
        gone = [k for k, (p, _) in self.fids.items() if p not in self.tree]
        for number in gone:
            self.ask(Tclunk, number)
            del self.fids[number]
        self.tree = {to(path): data for path, data in self.tree.items()}
        self.fids = {number: [to(path), mode] for number, (path, mode) in self.fids.items()}

    @rule(n=st.integers(0, 20))
    def remove(self, n):
        number = self.pick(n)
        if not self.alive(number):
            return
        path, _ = self.fids.pop(number)
        got = self.ask(wire.Tremove, number)
        if path == ():
            assert got == "permission denied"
        elif any(p[:len(path)] == path and p != path for p in self.tree):
            assert got == "directory not empty"
        else:
            assert isinstance(got, wire.Rremove), got
            del self.tree[path]
        assert self.ask(Tstat, number) == "unknown fid"

    @rule(n=st.integers(0, 20))
    def clunk(self, n):
        number = self.pick(n)
        got = self.ask(Tclunk, number)
        assert isinstance(got, Rclunk) if number in self.fids else got == "unknown fid"
        self.fids.pop(number, None)

    @invariant()
    def stat_tells_what_is(self):
        for number, (path, _) in self.fids.items() if hasattr(self, "fids") else ():
            if path in self.tree:
                d = unpack(self.ask(Tstat, number).stat)
                data = self.tree[path]
                assert d.name == (path[-1] if path else "/")
                assert bool(d.mode & DMDIR) == (data is None) and d.length == len(data or b"")

    def teardown(self):
        if not hasattr(self, "fids"):
            return
        assert len(self.back.session.fids) == len(self.fids)
        self.attach()
        fid = self.next - 1
        self.ask(wire.Topen, fid, OREAD)
        names = {d.name for d in unpack_all(self.ask(Tread, fid, 0, 8000).data)}
        assert names == {path[0] for path in self.tree if len(path) == 1}
        assert self.back.session.errors == 0


Model.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestModel = Model.TestCase
