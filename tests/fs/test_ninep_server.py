"""The server's session: the rules of section 5, message by message, and hostile clients."""

from __future__ import annotations

import importlib.util
import random
import re
import types
from pathlib import Path

import pytest

from vx9.fs.dir import (
    DMAPPEND,
    DMDIR,
    DMEXCL,
    OEXEC,
    ORCLOSE,
    ORDWR,
    OREAD,
    OTRUNC,
    OWRITE,
    Dir,
    DirChange,
    Qid,
    pack_change,
    unpack,
    unpack_all,
)
from vx9.fs.errors import EINTR, PlanError
from vx9.fs.hostfs import HostFS
from vx9.fs.ninep import wire
from vx9.fs.ninep.auth import Prover, SharedKey
from vx9.fs.ninep.client import Client
from vx9.fs.ninep.server import Limits, Session
from vx9.fs.ninep.wire import (
    NOFID,
    NOTAG,
    Rattach,
    Rclunk,
    Rcreate,
    Rerror,
    Rflush,
    Ropen,
    Rread,
    Rremove,
    Rstat,
    Rversion,
    Rwalk,
    Rwrite,
    Rwstat,
    Tattach,
    Tauth,
    Tclunk,
    Tcreate,
    Tflush,
    Topen,
    Tread,
    Tremove,
    Tstat,
    Tversion,
    Twalk,
    Twrite,
    Twstat,
)
from vx9.fs.ramfs import RamFS
from vx9.fs.server import Fid, Refuser

_spec = importlib.util.spec_from_file_location("fs_contract", Path(__file__).with_name("contract.py"))
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)


def ramfs() -> RamFS:
    fs = RamFS(contract.USER, lambda: 1_700_000_000, 1 << 22)
    for path, data in contract.TREE.items():
        if data is None:
            fs.plant(contract.run(fs.attach(contract.USER, "")), path.split("/"), True)
        else:
            fs.put(path, data)
    return fs


class Talk:
    """A client that says what it is told, and checks nothing."""

    def __init__(self, server=None, msize=8216, **options) -> None:
        self.session = Session(server if server is not None else ramfs(), **options)
        self.split = wire.Splitter(1 << 24)
        if msize:
            assert type(self.ask(Tversion(NOTAG, msize, "9P2000"))) is Rversion
            self.ask(Tattach(1, 1, NOFID, "glenda", ""))

    def send(self, *messages) -> list:
        """Messages, or bytes, at once; the answers."""
        self.session.feed(b"".join(m if isinstance(m, bytes) else wire.pack(m) for m in messages))
        return self.answers()

    def answers(self) -> list:
        return [m for piece in self.session.take() for m in self.split.feed(piece)]

    def ask(self, message):
        answer, = self.send(message)
        return answer


# The contract, over a client and a session back to back

class Back:
    """FileServer's verbs for the contract, by messages."""

    def __init__(self, server) -> None:
        self.session = Session(server)
        self.client = Client()
        self.client.agree(self.wait(self.client.ask_version(1 << 17)))

    def wait(self, call):
        while not call.done:
            for message in self.client.take():
                self.session.feed(message)
            self.client.feed(b"".join(self.session.take()))
        return call

    def rpc(self, kind, *fields):
        return self.wait(self.client.call(kind, *fields)).result()

    async def attach(self, uid, spec):
        number = self.client.new_fid()
        return Fid(self.rpc(Tattach, number, NOFID, uid, spec).qid, uid, -1, number)

    async def walk(self, fid, names):
        number = self.client.new_fid()
        qids = list(self.rpc(Twalk, fid.aux, number, tuple(names)).wqid)
        if len(qids) < len(names):
            return None, qids
        return Fid(qids[-1] if qids else fid.qid, fid.uid, -1, number), qids

    async def open(self, fid, mode):
        fid.qid, fid.omode = self.rpc(Topen, fid.aux, mode).qid, mode

    async def create(self, fid, name, perm, mode):
        fid.qid, fid.omode = self.rpc(Tcreate, fid.aux, name, perm, mode).qid, mode

    async def read(self, fid, count, offset):
        return self.rpc(Tread, fid.aux, offset, count).data

    async def readdir(self, fid):
        data, entries = b"", []
        while more := self.rpc(Tread, fid.aux, len(data), 600).data:
            data += more
            entries += unpack_all(more)
        return entries

    async def write(self, fid, data, offset):
        return self.rpc(Twrite, fid.aux, offset, data).count

    async def clunk(self, fid):
        if fid.aux is not None:
            self.rpc(Tclunk, fid.aux)

    async def remove(self, fid):
        number, fid.aux = fid.aux, None
        self.rpc(Tremove, number)

    async def stat(self, fid):
        return unpack(self.rpc(Tstat, fid.aux).stat)

    async def wstat(self, fid, change):
        self.rpc(Twstat, fid.aux, pack_change(change))


class TestContractOfRamFS(contract.Contract):
    @pytest.fixture
    def server(self):
        back = Back(ramfs())
        yield back
        assert back.session.errors == 0


class TestContractOfAHostFolder(contract.Contract):
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


# Versions

@pytest.mark.parametrize(("msize", "version", "answer"), [
    (8216, "9P2000", (8216, "9P2000")), (1 << 31, "9P2000", (131096, "9P2000")),
    (0xFFFFFFFF, "9P2000", (131096, "9P2000")), (256, "9P2000", (256, "9P2000")),
    (8216, "9P2000.u", (8216, "9P2000")), (8216, "9P2000.L", (8216, "9P2000")),
    (8216, "9P2001", (8216, "9P2000")), (8216, "9P2000.", (8216, "9P2000")),
    (8216, "9P1999", (8216, "unknown")), (8216, "9p2000", (8216, "unknown")),
    (8216, "9P2000x", (8216, "unknown")), (8216, "", (8216, "unknown")),
    (8216, "9P" + "9" * 200, (8216, "unknown")), (8216, "NFS", (8216, "unknown")),
    (255, "9P2000", "message size too small"), (0, "9P2000", "message size too small"),
    (23, "9P2000", "message size too small"),
])
def test_version(msize, version, answer):
    talk = Talk(msize=0)
    got = talk.ask(Tversion(NOTAG, msize, version))
    if isinstance(answer, str):
        assert type(got) is Rerror and answer in got.ename
    else:
        assert got == Rversion(NOTAG, *answer)
    agreed = not isinstance(answer, str) and answer[1] != "unknown"
    assert type(talk.ask(Tattach(1, 1, NOFID, "glenda", ""))) is (Rattach if agreed else Rerror)


def test_a_version_comes_first():
    talk = Talk(msize=0)
    assert "Tversion comes first" in talk.ask(Tattach(1, 1, NOFID, "u", "")).ename
    assert "Tversion comes first" in talk.ask(Tflush(1, 2)).ename


def test_a_version_ends_all_fids():
    fs = ramfs()
    talk = Talk(fs)
    talk.ask(Tcreate(1, 1, "t", 0o644, ORDWR | ORCLOSE))
    talk.ask(Twalk(1, 1, 2, ()))
    assert talk.ask(Tversion(NOTAG, 8216, "9P2000")) == Rversion(NOTAG, 8216, "9P2000")
    assert not talk.session.fids and "t" not in fs.root.children
    assert talk.ask(Tstat(1, 1)) == Rerror(1, "unknown fid")
    assert talk.ask(Tversion(NOTAG, 8216, "nonsense")).version == "unknown"
    assert "Tversion comes first" in talk.ask(Tattach(1, 1, NOFID, "u", "")).ename


def test_long_messages_only_as_agreed():
    talk = Talk(msize=300)
    assert not talk.session.broken
    talk.send((301).to_bytes(4, "little") + b"\x76\0\0" + bytes(294))
    assert "301 bytes" in talk.session.broken


# One message after another, and their answers: a message, or the beginning of an error

HELLO, SUB, ROOT = Qid(5), Qid(2, 0, 0x80), Qid(0, 0, 0x80)
W, OPEN, R = Twalk(1, 1, 2, ("hello",)), Topen(1, 2, OREAD), Rerror


def q(answer):
    """An answer of that type."""
    return answer


def wstat(fid, **change):
    return Twstat(1, fid, pack_change(DirChange(**change)))


def lying(**more) -> bytes:
    record = Dir(Qid((1 << 64) - 1, 0xFFFFFFFF, 0xFF), 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF,
                 (1 << 64) - 1, "", "", "", "", 0xFFFF, 0xFFFFFFFF)
    for name, value in more.items():
        setattr(record, name, value)
    return record.pack()


CASES = {
    # walk(5)
    "walk": [(W, Rwalk), (Tstat(1, 2), Rstat)],
    "walk of a fid to itself": [(Twalk(1, 1, 1, ("sub",)), Rwalk), (Twalk(1, 1, 2, ("b",)), Rwalk)],
    "walk to itself that fails": [(Twalk(1, 1, 1, ("x",)), "file does not exist"),
                                  (Twalk(1, 1, 2, ("hello",)), Rwalk)],
    "walk to itself in part": [(Twalk(1, 1, 1, ("sub", "x")), lambda r: len(r.wqid) == 1),
                               (Twalk(1, 1, 2, ("hello",)), Rwalk)],
    "clone": [(Twalk(1, 1, 2, ()), Rwalk(1, ())), (Tclunk(1, 1), Rclunk), (Tstat(1, 2), Rstat)],
    "walk in part makes no fid": [(Twalk(1, 1, 2, ("sub", "x", "y")), lambda r: len(r.wqid) == 1),
                                  (Tstat(1, 2), "unknown fid"), (W, Rwalk)],
    "walk that fails at once": [(Twalk(1, 1, 2, ("x", "y")), "file does not exist"),
                                (Tstat(1, 2), "unknown fid")],
    "walk through a file": [(Twalk(1, 1, 2, ("hello", "x")), lambda r: len(r.wqid) == 1)],
    "walk from a file": [(W, Rwalk), (Twalk(1, 2, 3, ("x",)), "not a directory"),
                         (Twalk(1, 2, 3, ("..",)), "not a directory"), (Twalk(1, 2, 3, ()), Rwalk)],
    "walk to a fid in use": [(W, Rwalk), (W, "duplicate fid")],
    "walk to NOFID": [(Twalk(1, 1, NOFID, ()), "duplicate fid")],
    "walk from an unknown fid": [(Twalk(1, 9, 2, ()), "unknown fid")],
    "walk of an open fid": [(W, Rwalk), (OPEN, Ropen), (Twalk(1, 2, 3, ()), "fid is open")],
    "walk up and down": [(Twalk(1, 1, 2, ("sub", "..", "sub", "deep", "..", "..", "hello")),
                          lambda r: len(r.wqid) == 7)],
    "the parent of the root is the root": [(Twalk(1, 1, 2, ("..",) * 16),
                                            lambda r: r.wqid == (ROOT,) * 16)],
    "walk of bad names": [(Twalk(1, 1, 2, ("a/b",)), "bad character in file name: 'a/b'"),
                          (Twalk(1, 1, 2, ("",)), R), (Twalk(1, 1, 2, (".",)), R),
                          (Twalk(1, 1, 2, ("sub", ".")), lambda r: len(r.wqid) == 1),
                          (Twalk(1, 1, 2, ("sub", "b/../..")), lambda r: len(r.wqid) == 1),
                          (Tstat(1, 2), "unknown fid")],
    # open(5)
    "open": [(W, Rwalk), (OPEN, Ropen), (OPEN, "fid is open"),
             (Tcreate(1, 2, "x", 0, 0), "fid is open")],
    "open of an unknown fid": [(OPEN, "unknown fid")],
    "open for what is not permitted": [(W, Rwalk), (Topen(1, 2, OEXEC), "permission denied"),
                                       (OPEN, Ropen)],
    "open with odd modes": [(W, Rwalk), (Topen(1, 2, 0x80), "bad arg"), (Topen(1, 2, 4), "bad arg"),
                            (Topen(1, 2, 0xFF), "bad arg"), (Topen(1, 2, OREAD | 0x20), Ropen)],
    "directories open for reading": [(Topen(1, 1, OWRITE), "file is a directory"),
                                     (Topen(1, 1, ORDWR), "file is a directory"),
                                     (Topen(1, 1, OREAD | OTRUNC), "file is a directory"),
                                     (Topen(1, 1, OREAD), Ropen)],
    "truncate": [(W, Rwalk), (Topen(1, 2, OWRITE | OTRUNC), Ropen),
                 (Tstat(1, 2), lambda r: unpack(r.stat).length == 0)],
    "create": [(Tcreate(1, 1, "new", 0o644, ORDWR), Rcreate), (Twrite(1, 1, 0, b"ab"), Rwrite(1, 2)),
               (Tread(1, 1, 0, 9), Rread(1, b"ab"))],
    "create under bad names": [(Tcreate(1, 1, name, 0o644, 1), R)
                               for name in ("", ".", "..", "a/b", "/x")],
    "create what is there": [(Tcreate(1, 1, "hello", 0o644, 1), "file already exists")],
    "create in a file": [(W, Rwalk), (Tcreate(1, 2, "x", 0o644, 1), "not a directory")],
    "create with odd modes": [(Tcreate(1, 1, "x", 0o644, 0x84), "bad arg"),
                              (Tcreate(1, 1, "x", DMDIR | 0o755, OWRITE), "file is a directory"),
                              (Tcreate(1, 1, "x", 0o4755, OWRITE), "bad arg")],
    "exclusive use": [(Tcreate(1, 1, "l", DMEXCL | 0o644, ORDWR), Rcreate),
                      (Tattach(1, 3, NOFID, "glenda", ""), Rattach),
                      (Twalk(1, 3, 3, ("l",)), Rwalk),
                      (Topen(1, 3, OREAD), "exclusive use file already open"),
                      (Tclunk(1, 1), Rclunk), (Topen(1, 3, OREAD), Ropen)],
    "remove on close": [(Twalk(1, 1, 2, ()), Rwalk), (Tcreate(1, 2, "t", 0o600, ORCLOSE | 1), Rcreate),
                        (Twalk(1, 1, 3, ("t",)), Rwalk), (Tclunk(1, 2), Rclunk),
                        (Twalk(1, 1, 4, ("t",)), "file does not exist")],
    "append only": [(Tcreate(1, 1, "log", DMAPPEND | 0o644, ORDWR), Rcreate),
                    (Twrite(1, 1, 0, b"ab"), Rwrite), (Twrite(1, 1, 0, b"cd"), Rwrite),
                    (Tread(1, 1, 0, 9), Rread(1, b"abcd"))],
    # read(5)
    "read before open": [(W, Rwalk), (Tread(1, 2, 0, 1), "fid is not open"),
                         (Twrite(1, 2, 0, b""), "fid is not open")],
    "read of an unknown fid": [(Tread(1, 2, 0, 1), "unknown fid"), (Twrite(1, 2, 0, b""), "unknown fid")],
    "read of what is open for writing": [(W, Rwalk), (Topen(1, 2, OWRITE), Ropen),
                                         (Tread(1, 2, 0, 1), "fid is not open for reading")],
    "write to what is open for reading": [(W, Rwalk), (OPEN, Ropen),
                                          (Twrite(1, 2, 0, b"x"), "fid is not open for writing")],
    "read": [(W, Rwalk), (OPEN, Ropen), (Tread(1, 2, 7, 5), Rread(1, b"world")),
             (Tread(1, 2, 0, 0), Rread(1, b"")), (Tread(1, 2, 13, 5), Rread(1, b"")),
             (Tread(1, 2, (1 << 63) - 1, 5), Rread(1, b"")),
             (Tread(1, 2, 1 << 63, 5), "negative i/o offset"),
             (Tread(1, 2, (1 << 64) - 1, 5), "negative i/o offset")],
    "counts are cut to what fits": [(W, Rwalk), (Topen(1, 2, ORDWR), Ropen),
                                    (Twrite(1, 2, 0, bytes(8190)), Rwrite(1, 8190)),
                                    (Twrite(1, 2, 8190, bytes(8190)), Rwrite(1, 8190)),
                                    (Tread(1, 2, 0, 0xFFFFFFFF), lambda r: len(r.data) == 8192)],
    "writes far out": [(W, Rwalk), (Topen(1, 2, ORDWR), Ropen),
                       (Twrite(1, 2, (1 << 63) - 1, b"x"), "negative i/o offset"),
                       (Twrite(1, 2, (1 << 64) - 1, b"x"), "negative i/o offset"),
                       (Twrite(1, 2, 1 << 62, b"x"), "file system full")],
    "directories are not written": [(Topen(1, 1, OREAD), Ropen),
                                    (Twrite(1, 1, 0, b"x"), "file is a directory")],
    "directories are read in order": [
        (Topen(1, 1, OREAD), Ropen),
        (Tread(1, 1, 1, 8000), "seek in directory"),
        (Tread(1, 1, 0, 40), Rread(1, b"")),  # too small for a record
        (Tread(1, 1, 0, 100), lambda r: [d.name for d in unpack_all(r.data)] == ["hello"]),
        (Tread(1, 1, 5, 100), "seek in directory"),
        (Tread(1, 1, 0, 8000), lambda r: len(unpack_all(r.data)) == 3),
        (Tread(1, 1, 0, 8000), lambda r: len(unpack_all(r.data)) == 3)],
    # clunk(5), remove(5)
    "clunk": [(Tclunk(1, 1), Rclunk), (Tclunk(1, 1), "unknown fid"), (Tstat(1, 1), "unknown fid")],
    "a fid can be used again": [(Tclunk(1, 1), Rclunk), (Tattach(1, 1, NOFID, "glenda", ""), Rattach)],
    "remove": [(W, Rwalk), (Tremove(1, 2), Rremove), (Tstat(1, 2), "unknown fid"),
               (W, "file does not exist")],
    "remove of an open file": [(W, Rwalk), (OPEN, Ropen), (Tremove(1, 2), Rremove)],
    "remove ends the fid whatever happens": [(Twalk(1, 1, 2, ("sub",)), Rwalk),
                                             (Tremove(1, 2), "directory not empty"),
                                             (Tstat(1, 2), "unknown fid"),
                                             (Tremove(1, 1), "permission denied"),
                                             (Tclunk(1, 1), "unknown fid")],
    # stat(5)
    "wstat of nothing": [(W, Rwalk), (wstat(2), Rwstat), (Twstat(1, 9, b""), "unknown fid")],
    "wstat that lies": [
        (W, Rwalk), (Twstat(1, 2, b""), "malformed"), (Twstat(1, 2, b"\0\0"), "malformed"),
        (Twstat(1, 2, lying()[:-1]), "malformed"), (Twstat(1, 2, lying() + b"\0"), "malformed"),
        (Twstat(1, 2, b"\x10" + lying()[1:]), "malformed"),
        (Twstat(1, 2, lying(name="x")[:-9] + b"\xff\xff" + lying()[-7:]), "malformed"),
        (Twstat(1, 2, lying(qid=Qid(99, 0xFFFFFFFF, 0xFF))), "wstat cannot change a qid"),
        (Twstat(1, 2, lying(length=1 << 63)), "malformed"), (Twstat(1, 2, lying()), Rwstat)],
    "wstat what cannot be": [
        (W, Rwalk), (wstat(2, name="empty"), "file already exists"), (wstat(2, name=".."), R),
        (wstat(2, name="a/b"), R), (wstat(2, mode=DMDIR | 0o755), "bad arg"),
        (wstat(2, uid="other"), "permission denied"), (wstat(2, muid="other"), "permission denied"),
        (Twalk(1, 1, 3, ("sub",)), Rwalk), (wstat(3, length=5), "file is a directory"),
        (wstat(3, mode=0o755), "bad arg")],
    "wstat is whole or nothing": [
        (W, Rwalk), (wstat(2, name="new", uid="other"), "permission denied"),
        (Tstat(1, 2), lambda r: unpack(r.stat).name == "hello"),
        (wstat(2, name="new", mode=0o600, length=3), Rwstat),
        (Tstat(1, 2), lambda r: (d := unpack(r.stat)).name == "new" and d.length == 3
         and d.mode == 0o600)],
    # attach(5)
    "attach": [(Tattach(1, 1, NOFID, "glenda", ""), "duplicate fid"),
               (Tattach(1, NOFID, NOFID, "glenda", ""), "duplicate fid"),
               (Tattach(1, 2, 1, "glenda", ""), "unknown authentication fid"),
               (Tattach(1, 2, 77, "glenda", ""), "unknown authentication fid"),
               (Tauth(1, 2, "glenda", ""), "authentication not required"),
               (Tattach(1, 2, NOFID, "other", ""), Rattach), (Topen(1, 2, OREAD), Ropen)],
    # tags
    "tags": [(Tstat(NOTAG, 1), "NOTAG is for Tversion"), (Tstat(0, 1), Rstat), (Tstat(0, 1), Rstat),
             (Tflush(1, 1), Rflush), (Tflush(1, 77), Rflush), (Tflush(NOTAG, 1), "NOTAG is for")],
}


@pytest.mark.parametrize("case", CASES)
def test_rule(case):
    talk = Talk()
    for message, want in CASES[case]:
        got = talk.ask(message)
        shown = f"{wire.text(message)} -> {wire.text(got)}"
        assert got.tag == message.tag, shown
        if isinstance(want, str):
            assert type(got) is Rerror and re.match(re.escape(want), got.ename), shown
        elif isinstance(want, type):
            assert type(got) is want, shown
        elif isinstance(want, tuple):
            assert got == want, shown
        else:
            assert want(got), shown
    assert not talk.session.broken and not talk.session.errors and not talk.session.busy


def test_strangers_have_the_others_rights():
    talk = Talk()
    talk.ask(Tattach(1, 2, NOFID, "mallory", ""))
    talk.ask(Twalk(1, 2, 3, ("hello",)))
    assert talk.ask(Topen(1, 3, OWRITE)) == Rerror(1, "permission denied")
    assert type(talk.ask(Topen(1, 3, OREAD))) is Ropen


# Nonsense ends the connection

NONSENSE = {
    "size 0": b"\0\0\0\0", "size 1": b"\1\0\0\0", "size 6": b"\6\0\0\0\x78\1",
    "size beyond msize": (8217).to_bytes(4, "little"), "largest size": b"\xff\xff\xff\xff",
    "type 0": b"\x07\0\0\0\0\1\0", "Terror": b"\x07\0\0\0\x6a\1\0", "type 255": b"\x07\0\0\0\xff\1\0",
    "an answer": wire.pack(Rclunk(1)), "another": wire.pack(Rerror(1, "x")),
    "trailing bytes": b"\x0c\0\0\0\x78\1\0\1\0\0\0\0", "short": b"\x0a\0\0\0\x78\1\0\1\0\0",
    "17 names": b"\x33\0\0\0\x6e\1\0\1\0\0\0\2\0\0\0\x11\0" + bytes(34),
    "65535 names": b"\x11\0\0\0\x6e\1\0\1\0\0\0\2\0\0\0\xff\xff",
    "a name beyond the message": b"\x13\0\0\0\x6e\1\0\1\0\0\0\2\0\0\0\1\0\xff\xff",
    "NUL in a name": b"\x14\0\0\0\x6e\1\0\1\0\0\0\2\0\0\0\1\0\1\0\0",
    "a write that lies": wire.pack(Twrite(1, 1, 0, b"abc"))[:-7] + b"\xff\0\0\0abc",
}


@pytest.mark.parametrize("case", NONSENSE)
@pytest.mark.parametrize("slowly", [False, True])
def test_nonsense(case, slowly):
    talk = Talk()
    data = wire.pack(Tstat(9, 1)) + NONSENSE[case] + wire.pack(Tstat(10, 1))
    answers = []
    for piece in ([data[i:i + 1] for i in range(len(data))] if slowly else [data]):
        answers += talk.send(piece)
    assert type(answers[0]) is Rstat and answers[0].tag == 9
    assert all(type(m) is Rerror for m in answers[1:]) and len(answers) <= 2
    assert talk.session.broken and not talk.session.wants_input
    assert talk.send(Tstat(11, 1)) == []
    talk.session.close()
    assert talk.session.closed and not talk.session.fids


# Limits

def test_fids_are_bounded():
    talk = Talk(limits=Limits(fids=50))
    answers = talk.send(*(Twalk(1, 1, n, ()) for n in range(2, 100)))
    assert [type(m) for m in answers].count(Rwalk) == 49
    assert answers[-1].ename == "too many fids: at most 50"
    assert type(talk.ask(Tclunk(1, 7))) is Rclunk and type(talk.ask(Twalk(1, 1, 7, ()))) is Rwalk


class Sleepy(Refuser):
    """Reads of its file sleep until somebody interrupts them or sets ready; so do writes."""

    def __init__(self) -> None:
        self.ready = False
        self.clunked: list[int] = []
        self.log: list[str] = []
        self.paths = 0

    async def attach(self, uid, spec):
        return Fid(Qid(0, 0, 0x80), uid, -1)

    async def walk(self, fid, names):
        self.paths += 1
        if "slow" in names:
            await self.sleep()
        return Fid(Qid(self.paths), fid.uid, -1), [Qid(self.paths)] * len(names)

    @types.coroutine
    def sleep(self):
        while not self.ready:
            yield

    async def open(self, fid, mode):
        fid.omode = mode

    async def read(self, fid, count, offset):
        await self.sleep()
        self.log.append(f"read {offset}")
        return b"data"

    async def write(self, fid, data, offset):
        self.log.append(f"write {offset}")
        return len(data)

    async def stat(self, fid):
        return Dir(fid.qid, 0, 0, 0, 0, "f", "", "", "")

    async def clunk(self, fid):
        self.log.append("clunk")
        self.clunked.append(fid.qid.path)


class Tasks:
    """A scheduler that runs a step when told to."""

    def __init__(self) -> None:
        self.tasks: list = []

    def spawn(self, coro, name):
        task = types.SimpleNamespace(coro=coro, interrupted=False)
        self.tasks.append(task)
        return task

    def interrupt(self, task):
        task.interrupted = True

    def step(self):
        """A turn for each."""
        for task in list(self.tasks):
            try:
                if task.interrupted:
                    task.interrupted = False
                    task.coro.throw(PlanError(EINTR))
                else:
                    task.coro.send(None)
            except StopIteration:
                self.tasks.remove(task)


class Slow(Talk):
    """A client of a server that sleeps."""

    def __init__(self, **options) -> None:
        self.server, self.tasks = Sleepy(), Tasks()
        super().__init__(self.server, msize=0, runner=self.tasks, **options)
        self.send(Tversion(NOTAG, 8216, "9P2000"))
        self.send(Tattach(1, 1, NOFID, "u", ""), Twalk(2, 1, 2, ("f",)), Topen(3, 2, ORDWR))

    def send(self, *messages):
        answers = super().send(*messages)
        for _ in range(6):
            self.tasks.step()
        return answers + self.answers()

    def wait(self):
        self.server.ready = True
        for _ in range(6):
            self.tasks.step()
        return self.answers()


def test_a_request_that_waits_keeps_none_waiting():
    talk = Slow()
    assert talk.send(Tread(10, 2, 0, 5)) == []
    assert type(talk.ask(Tstat(11, 1))) is Rstat and type(talk.ask(Tstat(11, 2))) is Rstat
    assert talk.ask(Twrite(12, 2, 0, b"x")) == Rwrite(12, 1)
    assert talk.wait() == [Rread(10, b"data")]


def test_duplicate_tag():
    talk = Slow()
    talk.send(Tread(10, 2, 0, 5))
    assert talk.ask(Tstat(10, 1)) == Rerror(10, "duplicate tag")
    assert talk.ask(Tflush(10, 10)) == Rerror(10, "duplicate tag")
    assert talk.wait() == [Rread(10, b"data")]
    assert type(talk.ask(Tstat(10, 1))) is Rstat


def test_a_flush_is_answered_after_its_request():
    talk = Slow()
    talk.send(Tread(10, 2, 0, 5))
    assert talk.send(Tflush(11, 10)) == [Rerror(10, EINTR), Rflush(11)]
    assert type(talk.ask(Tstat(10, 1))) is Rstat  # the tag is free
    assert not talk.session.busy


def test_many_flushes_of_one_request_and_of_each_other():
    talk = Slow()
    talk.server.ready = False
    talk.send(Tread(10, 2, 0, 5))
    flushes = [Tflush(11, 10), Tflush(12, 10), Tflush(13, 11), *(Tflush(n, n - 1) for n in range(14, 900))]
    answers = talk.send(*flushes)
    assert answers[0] == Rerror(10, EINTR) and set(answers[1:]) == {Rflush(f.tag) for f in flushes}
    assert answers.index(Rflush(11)) < answers.index(Rflush(12)) < answers.index(Rflush(13))
    assert not talk.session.busy and not talk.session.broken


def test_a_flush_that_comes_too_late():
    talk = Slow()
    talk.send(Tread(10, 2, 0, 5))
    talk.server.ready = True
    answers = talk.send(Tflush(11, 10))
    assert answers in ([Rerror(10, EINTR), Rflush(11)], [Rread(10, b"data"), Rflush(11)])


def test_flush_of_a_request_that_waits_for_its_turn():
    """It never ran and is never answered."""
    talk = Slow()
    assert talk.send(Tread(10, 2, 0, 5), Twstat(11, 2, pack_change(DirChange()))) == []
    assert talk.send(Tflush(12, 11)) == [Rflush(12)]
    assert talk.wait() == [Rread(10, b"data")]


def test_flush_of_a_clunk_waits_for_it():
    talk = Slow()
    assert talk.send(Tread(10, 2, 0, 5), Tclunk(11, 2), Tflush(12, 11)) == []
    assert talk.wait() == [Rread(10, b"data"), Rclunk(11), Rflush(12)]


def test_a_clunk_waits_for_what_is_under_way_on_its_fid():
    talk = Slow()
    assert talk.send(Tread(10, 2, 0, 5), Tread(11, 2, 1, 5), Tclunk(12, 2)) == []
    assert talk.ask(Tstat(13, 2)) == Rerror(13, "unknown fid")
    assert type(talk.ask(Tattach(14, 2, NOFID, "u", ""))) is Rattach  # another file
    assert not talk.server.clunked
    assert talk.wait() == [Rread(10, b"data"), Rread(11, b"data"), Rclunk(12)]
    assert talk.server.log == ["read 0", "read 1", "clunk"]


def test_a_client_that_does_not_wait_for_answers_gets_its_order():
    talk = Slow()
    assert talk.send(Twalk(10, 1, 5, ("slow",)), Topen(11, 5, ORDWR), Twrite(12, 5, 7, b"x"),
                     Tclunk(13, 5)) == []
    assert [type(m) for m in talk.wait()] == [Rwalk, Ropen, Rwrite, Rclunk]
    assert talk.server.log == ["write 7", "clunk"]


def test_what_waits_for_a_fid_that_is_never_made():
    talk = Slow()
    talk.send(Twalk(10, 1, 5, ("slow",)), Topen(11, 5, ORDWR), Tclunk(12, 5))
    answers = talk.send(Tflush(13, 10))
    assert answers == [Rerror(10, EINTR), Rflush(13), Rerror(11, "unknown fid"),
                       Rerror(12, "unknown fid")] or set(answers) == {
        Rerror(10, EINTR), Rflush(13), Rerror(11, "unknown fid"), Rerror(12, "unknown fid")}
    assert sorted(talk.session.fids) == [1, 2]


def test_a_version_interrupts_all():
    talk = Slow()
    talk.send(*(Tread(n, 2, 0, 5) for n in range(10, 30)), Tclunk(30, 2))
    answers = talk.send(Tversion(NOTAG, 8216, "9P2000"), Tattach(1, 1, NOFID, "u", ""))
    assert answers == [Rversion(NOTAG, 8216, "9P2000"), Rattach(1, Qid(0, 0, 0x80))]
    assert list(talk.session.fids) == [1] and sorted(talk.server.clunked) == [0, 1]


def test_many_versions_at_once():
    talk = Slow()
    talk.send(Tread(10, 2, 0, 5))
    answers = talk.send(*[Tversion(NOTAG, 8216, "9P2000")] * 5)
    for _ in range(20):
        talk.tasks.step()
    assert (answers + talk.answers()) == [Rversion(NOTAG, 8216, "9P2000")] * 5


def test_requests_are_bounded_and_flush_still_works():
    talk = Slow(limits=Limits(requests=20))
    answers = talk.send(*(Tread(n, 2, 0, 5) for n in range(10, 50)))
    assert {m.ename for m in answers} == {"too many requests under way: at most 20"}
    assert len(answers) == 20
    assert talk.send(Tflush(99, 10)) == [Rerror(10, EINTR), Rflush(99)]
    assert len(talk.wait()) == 19


def test_bytes_are_bounded():
    talk = Slow(limits=Limits(bytes=20000))
    answers = talk.send(*(Tread(n, 2, 0, 8192) for n in range(10, 20)))
    assert len(answers) == 7 and all("too much under way" in m.ename for m in answers)
    assert not talk.session.wants_input
    assert len(talk.wait()) == 3 and talk.session.wants_input


def test_a_client_that_does_not_read_is_not_read_from():
    talk = Talk(limits=Limits(bytes=20000))
    session = talk.session
    for _ in range(1000):
        if not session.wants_input:
            break
        session.feed(wire.pack(Tstat(1, 1)))
    assert not session.wants_input
    session.take()
    assert session.wants_input


def test_the_end_of_the_connection_interrupts_and_ends_all():
    talk = Slow()
    talk.send(Tread(10, 2, 0, 5), Twalk(11, 1, 3, ("slow",)), Tclunk(12, 2))
    talk.session.close()
    for _ in range(6):
        talk.tasks.step()
    assert talk.session.closed and sorted(talk.server.clunked) == [0, 1]
    assert not talk.session.busy and not talk.tasks.tasks


def test_unexpected_exceptions_are_counted_and_not_shown(caplog):
    class Broken(RamFS):
        async def stat(self, fid):
            return 1 / 0

    talk = Talk(Broken("glenda"))
    assert talk.ask(Tstat(1, 1)) == Rerror(1, "internal error of the server")
    assert talk.session.errors == 1 and "ZeroDivisionError" in caplog.text


# Authentication

KEY = b"correct horse battery staple"


def authenticating(**more) -> Talk:
    talk = Talk(msize=0, auth=SharedKey(KEY, lambda n: b"s" * n), **more)
    talk.ask(Tversion(NOTAG, 8216, "9P2000"))
    return talk


def prove(talk, afid=9, user="glenda", tree="", key=KEY, claim=None):
    assert type(talk.ask(Tauth(1, afid, claim or user, tree))) is wire.Rauth
    prover = Prover(key, b"c" * 32, user, tree)
    assert talk.ask(Twrite(1, afid, 0, prover.first())) == Rwrite(1, 32)
    said = talk.ask(Tread(1, afid, 0, 64)).data
    return talk.ask(Twrite(1, afid, 0, prover.answer(said)))


def test_a_shared_key():
    talk = authenticating()
    assert talk.ask(Tattach(1, 1, NOFID, "glenda", "")).ename == "authentication required"
    assert prove(talk) == Rwrite(1, 32)
    assert type(talk.ask(Tattach(1, 1, 9, "glenda", ""))) is Rattach
    for user, tree in (("eve", ""), ("glenda", "other"), ("none", ""), ("", "")):
        assert talk.ask(Tattach(1, 2, 9, user, tree)).ename == "authentication failed"
    assert type(talk.ask(Tattach(1, 2, 9, "glenda", ""))) is Rattach
    assert type(talk.ask(Tclunk(1, 9))) is Rclunk
    assert talk.ask(Tattach(1, 3, 9, "glenda", "")).ename == "unknown authentication fid"
    assert talk.ask(Tattach(1, 3, 1, "glenda", "")).ename == "unknown authentication fid"


def test_a_server_that_does_not_know_the_key_is_found_out():
    with pytest.raises(PlanError, match="does not know the shared key"):
        prove(authenticating(), key=b"some other key, long enough")


def test_a_proof_for_one_user_is_none_for_another():
    with pytest.raises(PlanError, match="does not know the shared key"):
        prove(authenticating(), user="glenda", claim="eve")


@pytest.mark.parametrize("pieces", [
    [b"c" * 32, b"x" * 32], [b"c" * 32, b""], [b"c" * 64], [b"c" * 65], [b"c" * 31, b"c" * 34],
    [b"c" * 32, b"x" * 31], [b"c" * 8000],
])
def test_false_proofs(pieces):
    talk = authenticating()
    talk.ask(Tauth(1, 9, "glenda", ""))
    for piece in pieces:
        talk.ask(Twrite(1, 9, 0, piece))
    assert talk.ask(Tattach(1, 1, 9, "glenda", "")).ename == "authentication failed"
    assert not talk.session.attached


def test_a_proof_in_pieces():
    talk = authenticating()
    talk.ask(Tauth(1, 9, "glenda", "t"))
    prover = Prover(KEY, b"c" * 32, "glenda", "t")
    assert "challenge comes first" in talk.ask(Tread(1, 9, 0, 64)).ename
    for byte in prover.first():
        talk.ask(Twrite(1, 9, 0, bytes([byte])))
    said = b"".join(talk.ask(Tread(1, 9, 0, 1)).data for _ in range(64))
    assert talk.ask(Tread(1, 9, 0, 1)).data == b""
    for byte in prover.answer(said):
        assert talk.ask(Twrite(1, 9, 0, bytes([byte]))) == Rwrite(1, 1)
    assert type(talk.ask(Tattach(1, 1, 9, "glenda", "t"))) is Rattach


def test_what_an_authentication_fid_is_not_for():
    talk = authenticating()
    assert "cannot authenticate" in talk.ask(Tauth(1, 9, "none", "")).ename
    assert talk.ask(Tstat(1, 9)).ename == "unknown fid"
    talk.ask(Tauth(1, 9, "glenda", ""))
    assert talk.ask(Tauth(1, 9, "glenda", "")).ename == "duplicate fid"
    for message in (Tstat(1, 9), Twalk(1, 9, 10, ()), Topen(1, 9, 0), Tcreate(1, 9, "x", 0, 0),
                    wstat(9)):
        assert talk.ask(message).ename == "fid is for authentication"
    assert talk.ask(Tremove(1, 9)).ename == "fid is for authentication"
    assert talk.ask(Tclunk(1, 9)).ename == "unknown fid"


def test_a_failed_authentication_stays_failed():
    talk = authenticating()
    talk.ask(Tauth(1, 9, "glenda", ""))
    prover = Prover(KEY, b"c" * 32, "glenda", "")
    talk.ask(Twrite(1, 9, 0, prover.first()))
    proof = prover.answer(talk.ask(Tread(1, 9, 0, 64)).data)
    talk.ask(Twrite(1, 9, 0, bytes(32)))
    assert type(talk.ask(Twrite(1, 9, 0, proof))) is Rerror
    assert talk.ask(Tattach(1, 1, 9, "glenda", "")).ename == "authentication failed"


# 10^5 messages

def test_random_and_mutated_messages():
    """No exception, no leak, always answers that are messages, and the tree stays a tree."""
    chance = random.Random(5)
    fids, names = [0, 1, 2, 3, 4, 77, NOFID], ["hello", "sub", "..", "empty", "new", "", ".", "a/b"]
    number, word = (lambda: chance.choice(fids)), (lambda: chance.choice(names))
    offsets = (0, 0, 1, 5, 100, 1 << 31, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
    counts = (0, 1, 49, 100, 8192, 0xFFFFFFFF)
    makers = [
        lambda t: Tattach(t, number(), NOFID, chance.choice(["glenda", "eve", ""]), ""),
        lambda t: Twalk(t, number(), number(), tuple(word() for _ in range(chance.randrange(4)))),
        lambda t: Twalk(t, 1, number(), (word(),)),
        lambda t: Topen(t, number(), chance.choice((0, 0, 1, 2, 3, 16, 64, 65, 255))),
        lambda t: Tcreate(t, number(), word(), chance.choice((0o644, DMDIR | 0o755, 0xFFFFFFFF)),
                          chance.choice((0, 1, 2, 66, 255))),
        lambda t: Tread(t, number(), chance.choice(offsets), chance.choice(counts)),
        lambda t: Twrite(t, number(), chance.choice(offsets), bytes(chance.choice((0, 1, 70)))),
        lambda t: Tclunk(t, number()), lambda t: Tremove(t, number()), lambda t: Tstat(t, number()),
        lambda t: wstat(number(), name=chance.choice([None, *names]),
                        length=chance.choice((None, 0, 9, 1 << 63)), mode=chance.choice((None, 0o755))),
        lambda t: Twstat(t, number(), lying()), lambda t: Tflush(t, chance.choice((0, 1, 2, NOTAG))),
        lambda t: Tauth(t, number(), "glenda", ""), lambda t: Tversion(NOTAG, 8216, "9P2000"),
    ]
    weights = [4, 8, 8, 8, 6, 8, 8, 6, 4, 6, 6, 1, 2, 1, 0.2]
    sent = sessions = broken = 0
    while sent < 100_000:
        fs = ramfs()
        talk = Talk(fs)
        sessions += 1
        for maker in chance.choices(makers, weights, k=600):
            data = wire.pack(maker(chance.choice((0, 1, 2, 1, 1))))
            if chance.random() < 0.02:
                at = chance.randrange(len(data))
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1:]
            sent += 1
            talk.session.feed(data)
            if talk.session.broken:
                broken += 1
                break
        for answer in talk.answers():
            assert type(answer) in wire.NUMBERS and wire.NUMBERS[type(answer)] % 2
        assert talk.session.errors == 0 and len(talk.session.fids) <= len(fids)
        talk.session.close()
        assert talk.session.closed and not talk.session.fids and not talk.session.busy
        nodes = [fs.root]
        for node in nodes:
            assert node.opens == 0
            nodes += (node.children or {}).values()
        assert fs.used == sum(node.cost() for node in nodes)
    assert sessions > 100 and broken > 100
