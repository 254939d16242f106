"""9P2000.L: both sides back to back, each message of Linux's at our server, and hostile peers."""

from __future__ import annotations

import errno
import importlib.util
import random
from pathlib import Path

import pytest

from vx9.fs.dir import DMDIR, ORDWR, OREAD, OWRITE, QTDIR, Dir, Qid
from vx9.fs.errnos import text_of
from vx9.fs.errors import EINTR, PlanError
from vx9.fs.hostfs import HostFS
from vx9.fs.ninep import dotl, wire
from vx9.fs.ninep.client import Client
from vx9.fs.ninep.server import Session
from vx9.fs.ninep.wire import NOFID, NOTAG, VERSION_L

_spec = importlib.util.spec_from_file_location("ninep_server", Path(__file__).with_name("test_ninep_server.py"))
plain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plain)
contract, ramfs = plain.contract, plain.ramfs
NOW = 1_800_000_000


class Back(plain.Back):
    """FileServer's verbs by a client whose server has 9P2000.L alone."""

    def __init__(self, server) -> None:
        self.session = Session(server, now=lambda: NOW)
        self.client = Client()
        self.client.agree(self.wait(self.client.ask_version(1 << 17)))
        assert self.client.version == VERSION_L == "9P2000.L"

    def wait(self, call):
        while not call.done:
            for message in self.client.take():
                if message[4] == 100 and wire.unpack(message).version == "9P2000":
                    self.client.feed(wire.pack(wire.Rlerror(NOTAG, errno.EIO)))  # as diod does
                    continue
                self.session.feed(message)
            if out := self.session.take():
                self.client.feed(b"".join(out))
        return call


class DotL(contract.Contract):
    """What 9P2000.L can carry of the contract; for the rest, how it is refused."""

    def test_append_only(self, door):
        with pytest.raises(PlanError, match="L has none"):
            super().test_append_only(door)
        assert "log" not in door.names("")

    def test_exclusive_use(self, door):
        with pytest.raises(PlanError, match="L has none"):
            super().test_exclusive_use(door)
        assert "lock" not in door.names("")


class TestContractOfRamFS(DotL):
    @pytest.fixture
    def server(self):
        back = Back(ramfs())
        yield back
        assert back.session.errors == 0


class TestContractOfAHostFolder(DotL):
    @pytest.fixture
    def server(self, tmp_path):
        for name, data in contract.TREE.items():
            path = tmp_path / name
            (path if data is None else path.parent).mkdir(parents=True, exist_ok=True)
            if data is not None:
                path.write_bytes(data)
        fs = HostFS(str(tmp_path), True, contract.USER)
        back = Back(fs)
        yield back
        assert back.session.errors == 0
        fs.close()


# The messages, one after another

Q = Qid(0x1122334455667788, 0xAABBCCDD, 0x80)
QHEX = "80 ddccbbaa 8877665544332211"
# Written by hand from diod's protocol.md.
SAMPLES = [
    (wire.TauthL(1, 2, "u", "a", 5), "15000000 66 0100 02000000 0100 75 0100 61 05000000"),
    (wire.TattachL(1, 2, NOFID, "u", "", 5), "18000000 68 0100 02000000 ffffffff 0100 75 0000 05000000"),
    (wire.Rlerror(1, 2), "0b000000 07 0100 02000000"),
    (wire.Tstatfs(1, 2), "0b000000 08 0100 02000000"),
    (wire.Rstatfs(1, 2, 3, 4, 5, 6, 7, 8, 9, 255),
     "43000000 09 0100 02000000 03000000" + "".join(f" {n:02x}00000000000000" for n in range(4, 10)) + " ff000000"),
    (wire.Tlopen(1, 2, 0o100002), "0f000000 0c 0100 02000000 02800000"),
    (wire.Rlopen(1, Q, 9), f"18000000 0d 0100 {QHEX} 09000000"),
    (wire.Tlcreate(1, 2, "f", 1, 0o644, 7), "1a000000 0e 0100 02000000 0100 66 01000000 a4010000 07000000"),
    (wire.Rlcreate(1, Q, 9), f"18000000 0f 0100 {QHEX} 09000000"),
    (wire.Tsymlink(1, 2, "f", "t", 7), "15000000 10 0100 02000000 0100 66 0100 74 07000000"),
    (wire.Rsymlink(1, Q), f"14000000 11 0100 {QHEX}"),
    (wire.Tmknod(1, 2, "f", 3, 4, 5, 6), "1e000000 12 0100 02000000 0100 66 03000000 04000000 05000000 06000000"),
    (wire.Rmknod(1, Q), f"14000000 13 0100 {QHEX}"),
    (wire.Trename(1, 2, 3, "f"), "12000000 14 0100 02000000 03000000 0100 66"),
    (wire.Rrename(1), "07000000 15 0100"),
    (wire.Treadlink(1, 2), "0b000000 16 0100 02000000"),
    (wire.Rreadlink(1, "t"), "0a000000 17 0100 0100 74"),
    (wire.Tgetattr(1, 2, 0x7FF), "13000000 18 0100 02000000 ff07000000000000"),
    (wire.Rgetattr(1, 0x7FF, Q, 1, 2, 3, *range(4, 19)),
     f"a0000000 19 0100 ff07000000000000 {QHEX} 01000000 02000000 03000000"
     + "".join(f" {n:02x}00000000000000" for n in range(4, 19))),
    (wire.Tsetattr(1, 2, 3, 4, 5, 6, *range(7, 12)), "43000000 1a 0100 02000000 03000000 04000000 05000000 06000000"
     + "".join(f" {n:02x}00000000000000" for n in range(7, 12))),
    (wire.Rsetattr(1), "07000000 1b 0100"),
    (wire.Txattrwalk(1, 2, 3, "x"), "12000000 1e 0100 02000000 03000000 0100 78"),
    (wire.Rxattrwalk(1, 9), "0f000000 1f 0100 0900000000000000"),
    (wire.Txattrcreate(1, 2, "x", 3, 4), "1a000000 20 0100 02000000 0100 78 0300000000000000 04000000"),
    (wire.Rxattrcreate(1), "07000000 21 0100"),
    (wire.Treaddir(1, 2, 3, 4), "17000000 28 0100 02000000 0300000000000000 04000000"),
    (wire.Rreaddir(1, b"xyz"), "0e000000 29 0100 03000000 78797a"),
    (wire.Tfsync(1, 2, 1), "0f000000 32 0100 02000000 01000000"),
    (wire.Rfsync(1), "07000000 33 0100"),
    (wire.Tlock(1, 2, 1, 1, 3, 4, 5, "c"),
     "27000000 34 0100 02000000 01 01000000 0300000000000000 0400000000000000 05000000 0100 63"),
    (wire.Rlock(1, 2), "08000000 35 0100 02"),
    (wire.Tgetlock(1, 2, 1, 3, 4, 5, "c"),
     "23000000 36 0100 02000000 01 0300000000000000 0400000000000000 05000000 0100 63"),
    (wire.Rgetlock(1, 1, 3, 4, 5, "c"), "1f000000 37 0100 01 0300000000000000 0400000000000000 05000000 0100 63"),
    (wire.Tlink(1, 2, 3, "f"), "12000000 46 0100 02000000 03000000 0100 66"),
    (wire.Rlink(1), "07000000 47 0100"),
    (wire.Tmkdir(1, 2, "f", 3, 4), "16000000 48 0100 02000000 0100 66 03000000 04000000"),
    (wire.Rmkdir(1, Q), f"14000000 49 0100 {QHEX}"),
    (wire.Trenameat(1, 2, "a", 3, "b"), "15000000 4a 0100 02000000 0100 61 03000000 0100 62"),
    (wire.Rrenameat(1), "07000000 4b 0100"),
    (wire.Tunlinkat(1, 2, "f", 3), "12000000 4c 0100 02000000 0100 66 03000000"),
    (wire.Runlinkat(1), "07000000 4d 0100"),
]


def unpack(data: bytes):
    return wire.unpack(data, table=wire.DOT_L)


@pytest.mark.parametrize(("message", "text"), SAMPLES, ids=lambda v: type(v).__name__)
def test_bytes(message, text):
    data = bytes.fromhex(text)
    assert wire.pack(message) == data
    assert unpack(data) == message and type(unpack(data)) is type(message)
    assert wire.text(message).startswith(type(message).__name__)
    for length in range(len(data)):
        with pytest.raises(wire.BadMessage):
            unpack(data[:length])
        if length >= wire.HEADER:
            with pytest.raises(wire.BadMessage):
                unpack(length.to_bytes(4, "little") + data[4:length])
    with pytest.raises(wire.BadMessage):
        unpack((len(data) + 1).to_bytes(4, "little") + data[4:] + b"\0")


def test_all_messages_have_a_sample_here_or_in_9p2000():
    there = {type(m) for m, _ in SAMPLES} | set(wire.MESSAGES.values())
    assert set(wire.MESSAGES_L.values()) <= there
    assert all(number + 1 in wire.MESSAGES_L for number in wire.MESSAGES_L if number % 2 == 0)


def test_the_dialects_do_not_mix():
    with pytest.raises(wire.BadMessage, match="no message of type 24"):
        wire.unpack(wire.pack(wire.Tgetattr(1, 2, 3)))
    with pytest.raises(wire.BadMessage, match="no message of type 112"):
        unpack(wire.pack(wire.Topen(1, 2, 0)))


# Our server, as Linux asks it

class Talk(plain.Talk):
    """A client of 9P2000.L that says what it is told."""

    def __init__(self, server=None, uid=1000, **options) -> None:
        super().__init__(server, 0, now=lambda: NOW, **options)
        assert self.ask(wire.Tversion(NOTAG, 8216, VERSION_L)) == wire.Rversion(NOTAG, 8216, VERSION_L)
        self.split.table = wire.DOT_L
        self.ask(wire.TattachL(1, 1, NOFID, "glenda", "", uid))

    def walk(self, new: int, *names: str):
        return self.ask(wire.Twalk(1, 1, new, names))


def test_only_a_session_that_knows_the_time_speaks_it():
    talk = plain.Talk(msize=0)
    assert talk.ask(wire.Tversion(NOTAG, 8216, VERSION_L)).version == "9P2000"


W = wire.Twalk(1, 1, 2, ("hello",))
CASES = {
    "no file": [(wire.Twalk(1, 1, 2, ("nope",)), errno.ENOENT)],
    "no fid": [(wire.Tgetattr(1, 9, 0), errno.EBADF), (wire.Tlopen(1, 9, 0), errno.EBADF)],
    "no right": [(W, wire.Rwalk), (wire.Tsetattr(1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0), wire.Rsetattr),
                 (wire.Tlopen(1, 2, 0), errno.EACCES)],
    "open twice": [(W, wire.Rwalk), (wire.Tlopen(1, 2, 0), wire.Rlopen), (wire.Tlopen(1, 2, 0), errno.EIO)],
    "a folder is not written": [(wire.Tlopen(1, 1, 1), errno.EISDIR)],
    "O_DIRECTORY": [(W, wire.Rwalk), (wire.Tlopen(1, 2, dotl.O_DIRECTORY), errno.ENOTDIR)],
    "folders are not read as files": [(wire.Tlopen(1, 1, 0), wire.Rlopen), (wire.Tread(1, 1, 0, 9), errno.EISDIR)],
    "create": [(wire.Tlcreate(1, 1, "n", 2, 0o644, 0), wire.Rlcreate), (wire.Twrite(1, 1, 0, b"x"), wire.Rwrite(1, 1))],
    "create what is there": [(wire.Tlcreate(1, 1, "hello", 2, 0o644, 0), wire.Rlcreate),
                             (wire.Tread(1, 1, 0, 5), wire.Rread(1, b"hello"))],
    "create with O_EXCL": [(wire.Tlcreate(1, 1, "hello", dotl.O_EXCL | 2, 0o644, 0), errno.EEXIST)],
    "create with O_TRUNC": [(wire.Tlcreate(1, 1, "hello", dotl.O_TRUNC | 2, 0o644, 0), wire.Rlcreate),
                            (wire.Tread(1, 1, 0, 5), wire.Rread(1, b""))],
    "create a folder's name": [(wire.Tlcreate(1, 1, "sub", 2, 0o644, 0), errno.EISDIR)],
    "create set-user-id": [(wire.Tlcreate(1, 1, "n", 2, 0o4755, 0), errno.EPERM)],
    "bad names": [(wire.Tlcreate(1, 1, "a/b", 2, 0o644, 0), errno.EINVAL), (wire.Tmkdir(1, 1, "..", 0o755, 0), errno.EINVAL),
                  (wire.Tunlinkat(1, 1, ".", 0), errno.EINVAL), (wire.Trenameat(1, 1, "hello", 1, ""), errno.EINVAL)],
    "mkdir": [(wire.Tmkdir(1, 1, "n", 0o755, 0), wire.Rmkdir), (wire.Tmkdir(1, 1, "n", 0o755, 0), errno.EEXIST)],
    "mknod": [(wire.Tmknod(1, 1, "n", 0o100644, 0, 0, 0), wire.Rmknod), (wire.Tmknod(1, 1, "p", 0o10644, 0, 0, 0), errno.EPERM)],
    "links": [(wire.Tsymlink(1, 1, "l", "t", 0), errno.EPERM), (wire.Tlink(1, 1, 1, "l"), errno.EPERM),
              (wire.Treadlink(1, 1), errno.EINVAL)],
    "locks": [(wire.Tlock(1, 1, 0, 0, 0, 0, 0, ""), errno.ENOLCK), (wire.Tgetlock(1, 1, 0, 0, 0, 0, ""), errno.ENOLCK)],
    "attributes": [(wire.Txattrwalk(1, 1, 5, "user.x"), errno.EOPNOTSUPP), (wire.Txattrcreate(1, 1, "x", 1, 0), errno.EOPNOTSUPP),
                   (wire.Tgetattr(1, 5, 0), errno.EBADF)],
    "owners": [(W, wire.Rwalk), (wire.Tsetattr(1, 2, 2, 0, 1000, 0, 0, 0, 0, 0, 0), wire.Rsetattr),
               (wire.Tsetattr(1, 2, 2, 0, 7, 0, 0, 0, 0, 0, 0), errno.EPERM)],
    "rename over": [(wire.Trenameat(1, 1, "hello", 1, "empty"), errno.EISDIR), (wire.Trenameat(1, 1, "sub", 1, "empty"), wire.Rrenameat),
                    (wire.Twalk(1, 1, 2, ("empty", "b")), lambda r: len(r.wqid) == 2)],
    "rename into another": [(wire.Twalk(1, 1, 2, ("sub",)), wire.Rwalk), (wire.Trenameat(1, 1, "hello", 2, "b"), wire.Rrenameat),
                            (wire.Twalk(1, 2, 3, ("b",)), wire.Rwalk), (wire.Tgetattr(1, 3, 0), lambda r: r.size == 13)],
    "rename by fid": [(W, wire.Rwalk), (wire.Trename(1, 2, 1, "x"), wire.Rrename), (wire.Twalk(1, 1, 3, ("x",)), wire.Rwalk)],
    "rename to nowhere": [(wire.Trenameat(1, 1, "hello", 9, "x"), errno.EBADF), (wire.Trename(1, 1, 9, "x"), errno.EBADF)],
    "unlink": [(wire.Tunlinkat(1, 1, "hello", dotl.AT_REMOVEDIR), errno.ENOTDIR), (wire.Tunlinkat(1, 1, "hello", 0), wire.Runlinkat),
               (wire.Tunlinkat(1, 1, "hello", 0), errno.ENOENT), (wire.Tunlinkat(1, 1, "empty", 0), errno.EISDIR),
               (wire.Tunlinkat(1, 1, "sub", dotl.AT_REMOVEDIR), errno.ENOTEMPTY),
               (wire.Tunlinkat(1, 1, "empty", dotl.AT_REMOVEDIR), wire.Runlinkat)],
    "statfs": [(wire.Tstatfs(1, 1), lambda r: r.blocks == (1 << 22) // 4096 and r.namelen == 255)],
    "fsync": [(wire.Tfsync(1, 1, 0), wire.Rfsync)],
    "readdir of what is not open": [(wire.Treaddir(1, 1, 0, 99), errno.EBADF)],
    "a count too small": [(wire.Tlopen(1, 1, 0), wire.Rlopen), (wire.Treaddir(1, 1, 0, 9), errno.EINVAL)],
}


@pytest.mark.parametrize("case", CASES)
def test_answers(case):
    talk = Talk()
    for message, want in CASES[case]:
        got = talk.ask(message)
        if isinstance(want, int):
            assert got == wire.Rlerror(1, want), (message, got)
        elif isinstance(want, type):
            assert type(got) is want, (message, got)
        elif callable(want):
            assert want(got), (message, got)
        else:
            assert got == want
    talk.session.close()
    assert talk.session.closed and not talk.session.errors


def test_owners_and_times():
    talk = Talk()
    talk.walk(2, "hello")
    got = talk.ask(wire.Tgetattr(1, 2, dotl.GETATTR_BASIC))
    assert (got.mode, got.uid, got.size, got.nlink) == (dotl.S_IFREG | 0o644, 1000, 13, 1)
    now = dotl.SET_ATIME | dotl.SET_MTIME
    assert talk.ask(wire.Tsetattr(1, 2, now, 0, 0, 0, 0, 0, 0, 0, 0)) == wire.Rsetattr(1)
    assert talk.ask(wire.Tgetattr(1, 2, 0)).mtime == NOW
    talk.ask(wire.Tsetattr(1, 2, now | dotl.GIVEN_MTIME, 0, 0, 0, 0, 0, 0, 5, 999))
    assert talk.ask(wire.Tgetattr(1, 2, 0)).mtime == 5
    assert Talk(uid=dotl.NONUNAME).ask(wire.Tgetattr(1, 1, 0)).uid == dotl.NOBODY


def test_a_directory_in_pieces():
    talk = Talk()
    for i in range(50):
        talk.ask(wire.Tmkdir(1, 1, f"d{i}", 0o755, 0))
    talk.ask(wire.Tlopen(1, 1, 0))
    names, at = [], 0
    while data := talk.ask(wire.Treaddir(1, 1, at, 100)).data:
        records = list(dotl.records(data))
        names += [name for _, _, name in records]
        at = records[-1][1]
    assert sorted(names) == sorted([".", "..", "hello", "sub", "empty", *(f"d{i}" for i in range(50))])
    again = talk.ask(wire.Treaddir(1, 1, 3, 100)).data
    assert next(name for _, _, name in dotl.records(again)) == names[3]


def test_nonsense_never_harms_our_server():
    chance, samples = random.Random(5), [wire.pack(m) for m, _ in SAMPLES]
    for _ in range(400):
        talk = Talk()
        for _ in range(10):
            data = bytearray(chance.choice(samples))
            for _ in range(chance.randrange(4)):
                data[chance.randrange(4, len(data))] = chance.randrange(256)
            talk.session.feed(bytes(data))
        talk.session.close()
        assert not talk.session.errors and talk.session.closed


# Our client, and servers that lie

class Liar:
    """A server of 9P2000.L that answers by a function."""

    def __init__(self, reply) -> None:
        self.client = Client()
        self.reply = reply
        self.client.agree(self.wait(self.client.ask_version(8216)))

    def wait(self, call, most=5000):
        while not call.done and most:
            messages = self.client.take()
            if not messages:
                break
            for data in messages:
                most -= 1
                message = wire.unpack(data, table=wire.DOT_L)
                for answer in self.reply(message):
                    self.client.feed(answer if isinstance(answer, bytes) else wire.pack(answer))
        return call

    def ask(self, kind, *fields):
        return self.wait(self.client.call(kind, *fields)).result()


def honest(message):
    """What a server says at the beginning."""
    if type(message) is wire.Tversion:
        unknown = message.version != VERSION_L
        return [wire.Rversion(NOTAG, 8216, "unknown" if unknown else VERSION_L)]
    if type(message) is wire.TattachL:
        return [wire.Rattach(message.tag, Qid(1, 0, QTDIR))]
    return [wire.Rwalk(message.tag, ())] if type(message) is wire.Twalk and not message.wname else None


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOTEMPTY, 0, 9999, 0xFFFFFFFF])
def test_numbers_become_words(number):
    liar = Liar(lambda m: honest(m) or [wire.Rlerror(m.tag, number)])
    liar.ask(wire.Tattach, 1, NOFID, "u", "")
    with pytest.raises(PlanError) as caught:
        liar.ask(wire.Tstat, 1)
    assert str(caught.value) == text_of(number)


def test_lies_never_harm_our_client():
    """Answers of any kind and content, to every request."""
    chance = random.Random(7)
    samples = [m for m, _ in SAMPLES] + [wire.Rwalk(1, (Q,) * n) for n in range(4)]
    for turn in range(400):
        def reply(message, turn=turn):
            if turn % 4 and (first := honest(message)):
                return first
            if type(message) is wire.Tversion:
                return honest(message)
            data = bytearray(wire.pack(chance.choice(samples)))
            data[5:7] = message.tag.to_bytes(2, "little")
            if chance.random() < 0.8:
                data[4] = wire.NUMBERS[type(message)] + 1
            if chance.random() < 0.3:
                data[chance.randrange(7, len(data) or 8) if len(data) > 7 else 4] = chance.randrange(256)
            return [bytes(data)]

        liar, told = Liar(reply), []
        for kind, *fields in ((wire.Tattach, 1, NOFID, "u", ""), (wire.Twalk, 1, 2, ("a",)), (wire.Tstat, 1),
                              (wire.Topen, 1, OREAD), (wire.Tread, 1, 0, 4000), (wire.Tread, 1, 1, 4000),
                              (wire.Tcreate, 2, "x", DMDIR | 0o755, OREAD), (wire.Tcreate, 1, "x", 0o644, ORDWR),
                              (wire.Twstat, 1, Dir(Q, 1, 2, 3, 4, "n", "", "", "").pack()),
                              (wire.Tremove, 2), (wire.Tclunk, 1)):
            try:
                liar.ask(kind, *fields)
            except PlanError as error:
                told.append(str(error))
        assert all(told)


def test_an_interrupt_ends_what_takes_several_steps():
    asked = []

    def reply(message):
        asked.append(type(message))
        if first := honest(message):
            return first
        return [wire.Rflush(message.tag)] if type(message) is wire.Tflush else []

    liar = Liar(reply)
    liar.ask(wire.Tattach, 1, NOFID, "u", "")
    call = liar.client.call(wire.Tcreate, 1, "x", 0o644, OWRITE)
    liar.wait(call, 1)
    assert asked[-1] is wire.Tgetattr and not call.done
    assert liar.client.flush(call) is call
    liar.wait(call)
    assert call.error == EINTR and wire.Tlcreate not in asked


def test_a_killed_process_starts_no_further_step():
    waiting = []

    def reply(message):
        if first := honest(message):
            return first
        waiting.append(message)
        return []

    liar = Liar(reply)
    liar.ask(wire.Tattach, 1, NOFID, "u", "")
    call, late = liar.client.call(wire.Tcreate, 1, "x", 0o644, OWRITE), []
    liar.wait(call, 1)
    liar.client.abandon(call, late.append)
    liar.client.feed(wire.pack(wire.Rgetattr(waiting[0].tag, 0, Q, 0o40755, *[0] * 17)))
    assert late == [None] and not liar.client.take() and not liar.client.abandoned


def test_a_server_that_hangs_up_ends_it_all():
    liar = Liar(lambda m: honest(m) or [])
    liar.ask(wire.Tattach, 1, NOFID, "u", "")
    calls = [liar.client.call(wire.Tstat, 1), liar.client.call(wire.Tcreate, 1, "x", 0o644, OWRITE)]
    liar.client.take()
    liar.client.feed(b"")
    assert all(call.done and call.error for call in calls) and not liar.client.busy
    with pytest.raises(PlanError):
        liar.client.call(wire.Tstat, 1)


def test_a_server_that_refuses_both_dialects():
    for reply in (wire.Rlerror(NOTAG, errno.EIO), wire.Rversion(NOTAG, 8216, "unknown")):
        with pytest.raises(PlanError):
            Liar(lambda m, reply=reply: [reply])
