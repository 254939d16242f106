"""The acceptance suite of FileServer: what any tree must do, at whatever door.

A class of tests is made for a server by inheriting from Contract (read-only servers: from
ReadOnlyContract) and giving it a fixture `server`; the tree to serve is TREE.  `call` runs
one coroutine; doors that need more override it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest

from vx9.fs.dir import (
    DMAPPEND,
    DMDIR,
    DMEXCL,
    ORCLOSE,
    ORDWR,
    OREAD,
    OTRUNC,
    OWRITE,
    QTAPPEND,
    QTDIR,
    DirChange,
)
from vx9.fs.errors import (
    EEXIST,
    ENONEXIST,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    EXLOCKED,
    PlanError,
)

USER = "glenda"
TREE = {"hello": b"hello, world\n", "sub/deep/file": b"deep\n", "sub/b": b"", "empty": None}


def run(coro: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never sleeps."""
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    coro.close()
    raise AssertionError("it sleeps")


class Door:
    """A server, called in the simplest way."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.server, name)
        return lambda *args: run(method(*args))

    def at(self, path: str, uid: str = USER) -> Any:
        """A Fid for path."""
        root = self.attach(uid, "")
        names = [name for name in path.split("/") if name]
        fid = root
        while names:
            fid, qids = self.walk(fid, names[:16])
            if fid is None:
                raise PlanError(f"stuck after {len(qids)}")
            names = names[16:]
        return fid

    def open_at(self, path: str, mode: int, uid: str = USER) -> Any:
        """An open Fid."""
        fid = self.at(path, uid)
        self.open(fid, mode)
        return fid

    def make(self, folder: str, name: str, perm: int = 0o644, mode: int = ORDWR) -> Any:
        """A new file, open."""
        fid = self.at(folder)
        self.create(fid, name, perm, mode)
        return fid

    def contents(self, path: str) -> bytes:
        """All of a file."""
        fid = self.open_at(path, OREAD)
        try:
            return self.read(fid, 1 << 20, 0)
        finally:
            self.clunk(fid)

    def names(self, path: str) -> set[str]:
        """The names in a directory."""
        fid = self.open_at(path, OREAD)
        try:
            return {d.name for d in self.readdir(fid)}
        finally:
            self.clunk(fid)


def fails(text: str) -> Any:
    """The block raises a PlanError with this text."""
    return pytest.raises(PlanError, match=f"^{text}")


class ReadOnlyContract:
    """What every server does."""

    @pytest.fixture
    def door(self, server: Any) -> Door:
        return Door(server)

    def test_attach_gives_the_root(self, door):
        root = door.attach(USER, "")
        assert root.qid.type & QTDIR and root.omode == -1 and root.uid == USER
        d = door.stat(root)
        assert d.qid == root.qid and d.mode & DMDIR and d.length == 0

    def test_walk_leaves_its_fid_alone_and_names_each_step(self, door):
        root = door.attach(USER, "")
        before = root.qid
        fid, qids = door.walk(root, ["sub", "deep", "file"])
        assert len(qids) == 3 and [bool(q.type & QTDIR) for q in qids] == [True, True, False]
        assert fid is not root and fid.qid == qids[-1] and root.qid == before
        assert door.walk(root, ["hello"])[1][0].path != qids[-1].path

    def test_walk_of_nothing_copies(self, door):
        fid = door.at("hello")
        copy, qids = door.walk(fid, [])
        assert copy is not fid and qids == [] and copy.qid.path == fid.qid.path
        door.clunk(fid)
        door.open(copy, OREAD)
        assert door.read(copy, 5, 0) == b"hello"

    def test_walk_that_fails_first_raises(self, door):
        with fails(ENONEXIST):
            door.walk(door.attach(USER, ""), ["nope", "x"])
        with fails(ENOTDIR):
            door.walk(door.at("hello"), ["x"])

    def test_walk_that_fails_later_gives_what_it_had(self, door):
        root = door.attach(USER, "")
        fid, qids = door.walk(root, ["sub", "nope", "x"])
        assert fid is None and len(qids) == 1
        fid, qids = door.walk(root, ["hello", "x"])
        assert fid is None and len(qids) == 1 and not qids[0].type & QTDIR

    def test_dot_dot(self, door):
        root = door.attach(USER, "")
        fid, _ = door.walk(root, [".."])
        assert fid.qid.path == root.qid.path
        up, qids = door.walk(door.at("sub/deep"), [".."])
        assert up.qid.path == door.at("sub").qid.path == qids[0].path
        for _ in range(5):
            up, _ = door.walk(up, [".."])
        assert up.qid.path == root.qid.path

    def test_the_same_file_has_the_same_qid_path(self, door):
        assert door.at("hello").qid.path == door.at("hello").qid.path
        assert door.stat(door.at("hello")).qid.path == door.at("hello").qid.path

    @pytest.mark.parametrize(("count", "offset", "want"), [
        (100, 0, b"hello, world\n"), (5, 0, b"hello"), (5, 7, b"world"), (100, 12, b"\n"),
        (100, 13, b""), (100, 1 << 40, b""), (0, 0, b""), (10, (1 << 63) - 1, b""),
    ])
    def test_read(self, door, count, offset, want):
        assert door.read(door.open_at("hello", OREAD), count, offset) == want

    def test_readdir_tells_what_stat_tells(self, door):
        root = door.open_at("", OREAD)
        found = {d.name: d for d in door.readdir(root)}
        assert set(found) == {"hello", "sub", "empty"}
        for name, d in found.items():
            other = door.stat(door.at(name))
            assert (d.qid, d.mode, d.length, d.name) == \
                (other.qid, other.mode, other.length, name)

    def test_stat(self, door):
        d = door.stat(door.at("sub/deep/file"))
        assert d.name == "file" and d.length == 5 and d.type == ord("M")
        assert d.mode >> 24 == d.qid.type == 0 and d.uid and d.gid

    def test_stat_record_packs(self, door):
        assert len(door.stat(door.at("hello")).pack()) > 49

    def test_directories_open_for_reading_alone(self, door):
        for mode in (OWRITE, ORDWR, OREAD | OTRUNC, 3):
            with pytest.raises(PlanError):
                door.open_at("sub", mode)
        assert door.open_at("sub", OREAD).omode == OREAD

    def test_clunk_of_an_unopened_fid(self, door):
        door.clunk(door.at("hello"))

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "sub/deep", "a\0b"])
    def test_no_file_is_made_under_a_bad_name(self, door, name):
        with pytest.raises(PlanError):
            door.make("", name)

    @pytest.mark.parametrize("name", ["a/b", "/etc", "sub/../../x", "x\0", "../hello"])
    def test_no_walk_takes_a_name_apart(self, door, name):
        with pytest.raises(PlanError):
            door.walk(door.attach(USER, ""), [name])


class RefusesWriting(ReadOnlyContract):
    """A server that lets nothing be changed."""

    def test_every_change_is_refused(self, door):
        for mode in (OWRITE, ORDWR, OREAD | OTRUNC, OREAD | ORCLOSE):
            with fails(EPERM):
                door.open_at("hello", mode)
        with fails(EPERM):
            door.make("", "new")
        with fails(EPERM):
            door.make("", "new", DMDIR | 0o755, OREAD)
        with fails(EPERM):
            door.remove(door.at("hello"))
        for change in (DirChange(name="x"), DirChange(mode=0), DirChange(length=0),
                       DirChange(mtime=1)):
            with fails(EPERM):
                door.wstat(door.at("hello"), change)
        assert door.contents("hello") == TREE["hello"]


class Contract(ReadOnlyContract):
    """What a server that can be written does besides."""

    def test_create_write_read(self, door):
        fid = door.make("sub", "new", 0o644)
        assert fid.omode == ORDWR and not fid.qid.type
        assert door.write(fid, b"abcdef", 0) == 6
        assert door.write(fid, b"XY", 2) == 2
        assert door.read(fid, 100, 0) == b"abXYef"
        door.clunk(fid)
        assert door.contents("sub/new") == b"abXYef"
        assert "new" in door.names("sub")

    def test_a_gap_reads_as_zeros(self, door):
        fid = door.make("", "gap")
        door.write(fid, b"x", 5)
        assert door.read(fid, 100, 0) == b"\0\0\0\0\0x"

    def test_create_of_what_exists_fails(self, door):
        with fails(EEXIST):
            door.make("", "hello")
        with fails(EEXIST):
            door.make("", "sub", DMDIR | 0o755, OREAD)
        assert door.contents("hello") == TREE["hello"]

    def test_create_in_a_file_fails(self, door):
        with fails(ENOTDIR):
            door.make("hello", "x")

    def test_create_a_directory(self, door):
        fid = door.make("", "d", DMDIR | 0o777, OREAD)
        assert fid.qid.type & QTDIR and door.readdir(fid) == []
        d = door.stat(fid)
        assert d.mode & DMDIR and d.name == "d"
        door.clunk(fid)
        door.clunk(door.make("d", "inside"))
        assert door.names("d") == {"inside"}
        with pytest.raises(PlanError):
            door.make("", "e", DMDIR | 0o777, ORDWR)
        assert "e" not in door.names("")

    @pytest.mark.parametrize(("parent", "perm", "want"), [
        (0o755, 0o666, 0o644), (0o755, 0o777, 0o755), (0o700, 0o666, 0o600),
        (0o777, 0o666, 0o666), (0o777, 0o000, 0o000), (0o750, 0o4777 & 0o777, 0o751),
        (0o755, DMDIR | 0o777, 0o755), (0o700, DMDIR | 0o777, 0o700),
    ])
    def test_the_directory_masks_the_mode(self, door, parent, perm, want):
        folder = door.at("sub")
        door.wstat(folder, DirChange(mode=DMDIR | parent))
        fid = door.make("sub", "masked", perm, OREAD)
        assert door.stat(fid).mode & 0o777 == want

    def test_modes_beyond_the_known_are_refused(self, door):
        with pytest.raises(PlanError):
            door.make("", "setuid", 0o4755)
        with pytest.raises(PlanError):
            door.wstat(door.at("hello"), DirChange(mode=0o7777))

    def test_a_new_file_can_be_written_whatever_its_mode(self, door):
        fid = door.make("", "readonly", 0o444, ORDWR)
        assert door.write(fid, b"x", 0) == 1
        door.clunk(fid)
        with fails(EPERM):
            door.open_at("readonly", OWRITE)
        with fails(EPERM):
            door.open_at("readonly", OREAD | OTRUNC)
        assert door.contents("readonly") == b"x"

    def test_no_rights_no_reading(self, door):
        door.clunk(door.make("", "secret", 0o000, OWRITE))
        with fails(EPERM):
            door.open_at("secret", OREAD)

    def test_execute_needs_its_bit(self, door):
        with fails(EPERM):
            door.open_at("hello", 3)
        door.wstat(door.at("hello"), DirChange(mode=0o755))
        assert door.read(door.open_at("hello", 3), 5, 0) == b"hello"

    def test_truncate_by_open(self, door):
        fid = door.open_at("hello", OWRITE | OTRUNC)
        assert door.stat(fid).length == 0
        door.write(fid, b"bye", 0)
        assert door.contents("hello") == b"bye"

    def test_truncate_by_wstat(self, door):
        for fid in (door.at("hello"), door.open_at("hello", OREAD), door.open_at("hello", ORDWR)):
            door.wstat(fid, DirChange(length=20))
            assert door.contents("hello") == TREE["hello"] + bytes(7)
            door.wstat(fid, DirChange(length=13))
            assert door.contents("hello") == TREE["hello"]
        with pytest.raises(PlanError):
            door.wstat(door.at("sub"), DirChange(length=1))
        door.wstat(door.at("sub"), DirChange(length=0, mode=DMDIR | 0o755))

    def test_versions_follow_contents(self, door):
        seen = {door.stat(door.at("hello")).qid.vers}
        fid = door.open_at("hello", ORDWR)
        door.write(fid, b"longer than it was", 0)
        seen.add(door.stat(fid).qid.vers)
        door.wstat(fid, DirChange(length=3))
        seen.add(door.stat(fid).qid.vers)
        assert len(seen) == 3

    def test_rename(self, door):
        fid = door.open_at("hello", OREAD)
        path = fid.qid.path
        door.wstat(fid, DirChange(name="bonjour"))
        assert door.stat(fid).name == "bonjour" and door.stat(fid).qid.path == path
        assert door.names("") == {"bonjour", "sub", "empty"}
        assert door.contents("bonjour") == TREE["hello"]
        with fails(ENONEXIST):
            door.at("hello")
        door.wstat(fid, DirChange(name="bonjour"))

    def test_rename_never_replaces(self, door):
        with fails(EEXIST):
            door.wstat(door.at("hello"), DirChange(name="empty"))
        with fails(EEXIST):
            door.wstat(door.at("sub/deep"), DirChange(name="b"))
        assert door.contents("hello") == TREE["hello"]

    @pytest.mark.parametrize("name", [".", "..", "a/b", "../x", "/x", "x\0y"])
    def test_rename_stays_in_the_directory(self, door, name):
        with pytest.raises(PlanError):
            door.wstat(door.at("hello"), DirChange(name=name))
        assert door.contents("hello") == TREE["hello"]

    def test_rename_a_directory(self, door):
        door.wstat(door.at("sub"), DirChange(name="bus"))
        assert door.contents("bus/deep/file") == b"deep\n"
        up, _ = door.walk(door.at("bus/deep"), [".."])
        assert door.stat(up).name == "bus"

    def test_wstat_is_all_or_nothing(self, door):
        before = door.stat(door.at("hello"))
        for change in (DirChange(name="x", mode=DMDIR | 0o755), DirChange(length=0, uid="eve"),
                       DirChange(mode=0o600, name="empty"), DirChange(mtime=5, gid="others")):
            with pytest.raises(PlanError):
                door.wstat(door.at("hello"), change)
        after = door.stat(door.at("hello"))
        assert (after.mode, after.length, after.mtime, after.name) == \
            (before.mode, before.length, before.mtime, before.name)

    def test_the_root_keeps_its_name(self, door):
        with pytest.raises(PlanError):
            door.wstat(door.attach(USER, ""), DirChange(name="x"))
        with pytest.raises(PlanError):
            door.remove(door.attach(USER, ""))

    def test_times(self, door):
        fid = door.at("hello")
        door.wstat(fid, DirChange(mtime=1_000_000_000, atime=900_000_000))
        d = door.stat(fid)
        assert (d.mtime, d.atime) == (1_000_000_000, 900_000_000)
        door.wstat(fid, DirChange(mtime=5))
        assert door.stat(fid).mtime == 5 and door.stat(fid).atime == 900_000_000

    def test_mode(self, door):
        fid = door.at("hello")
        door.wstat(fid, DirChange(mode=0o600))
        assert door.stat(fid).mode == 0o600
        with pytest.raises(PlanError):
            door.wstat(fid, DirChange(mode=DMDIR | 0o700))
        with pytest.raises(PlanError):
            door.wstat(door.at("sub"), DirChange(mode=0o700))

    def test_writing_what_stat_said_changes_nothing(self, door):
        fid = door.at("hello")
        d = door.stat(fid)
        door.wstat(fid, DirChange(mode=d.mode, mtime=d.mtime, length=d.length, name=d.name,
                                  uid=d.uid, gid=d.gid))
        after = door.stat(fid)
        assert (after.mode, after.length, after.name) == (d.mode, d.length, d.name)

    def test_sync(self, door):
        fid = door.open_at("hello", ORDWR)
        door.write(fid, b"H", 0)
        door.wstat(fid, DirChange())
        door.wstat(door.at("sub"), DirChange())

    def test_remove(self, door):
        fid = door.at("hello")
        door.remove(fid)
        door.clunk(fid)
        with fails(ENONEXIST):
            door.at("hello")
        assert "hello" not in door.names("")

    def test_remove_of_a_directory(self, door):
        with fails(ENOTEMPTY):
            door.remove(door.at("sub"))
        door.remove(door.at("empty"))
        assert door.names("") == {"hello", "sub"}

    def test_remove_needs_the_right_to_write_the_directory(self, door):
        door.wstat(door.at("sub"), DirChange(mode=DMDIR | 0o555))
        for refused in (lambda: door.remove(door.at("sub/b")), lambda: door.make("sub", "x"),
                        lambda: door.wstat(door.at("sub/b"), DirChange(name="c")),):
            with fails(EPERM):
                refused()
        door.wstat(door.at("sub"), DirChange(mode=DMDIR | 0o755))
        door.remove(door.at("sub/b"))

    def test_remove_twice(self, door):
        one, two = door.at("hello"), door.at("hello")
        door.remove(one)
        with pytest.raises(PlanError):
            door.remove(two)
        door.clunk(one)
        door.clunk(two)

    def test_a_removed_file_lives_while_it_is_open(self, door):
        fid = door.open_at("hello", ORDWR)
        door.remove(door.at("hello"))
        assert door.read(fid, 5, 0) == b"hello"
        assert door.write(fid, b"J", 0) == 1
        assert door.stat(fid).length == 13
        door.clunk(door.make("", "hello"))
        assert door.read(fid, 5, 0) == b"Jello"
        door.clunk(fid)
        assert door.contents("hello") == b""

    def test_remove_on_close(self, door):
        fid = door.open_at("hello", OREAD | ORCLOSE)
        assert "hello" in door.names("")
        door.clunk(fid)
        assert "hello" not in door.names("")
        fid = door.make("", "temporary", 0o600, ORDWR | ORCLOSE)
        door.write(fid, b"x", 0)
        door.clunk(fid)
        assert "temporary" not in door.names("")

    def test_remove_on_close_of_a_full_directory_leaves_it(self, door):
        fid = door.open_at("sub", OREAD | ORCLOSE)
        door.clunk(fid)
        assert "sub" in door.names("")

    def test_append_only(self, door):
        fid = door.make("", "log", DMAPPEND | 0o644, ORDWR)
        assert fid.qid.type & QTAPPEND and door.stat(fid).mode & DMAPPEND
        door.write(fid, b"one", 0)
        door.write(fid, b"two", 0)
        door.clunk(fid)
        fid = door.open_at("log", OWRITE | OTRUNC)
        door.write(fid, b"three", 1)
        assert door.contents("log") == b"onetwothree"

    def test_exclusive_use(self, door):
        fid = door.make("", "lock", DMEXCL | 0o644, ORDWR)
        with fails(EXLOCKED):
            door.open_at("lock", OREAD)
        door.clunk(fid)
        fid = door.open_at("lock", OREAD)
        with fails(EXLOCKED):
            door.open_at("lock", OREAD)
        door.clunk(fid)
        door.wstat(door.at("lock"), DirChange(mode=0o644))
        door.open_at("lock", OREAD)
        door.open_at("lock", OREAD)

    @pytest.mark.parametrize("name", ["a b", "ümlaut ☺", "-x", "\udcff\udcfe", "a" * 255, "...",
                                      "a'b", "..a", "\x1b[31m"])
    def test_odd_names(self, door, name):
        if len(name) > 1 and name.isascii() is False and "\udcff" in name:
            assert name.encode("utf-8", "surrogateescape") == b"\xff\xfe"
        door.clunk(door.make("", name))
        assert name in door.names("")
        assert door.stat(door.at(name)).name == name
        door.remove(door.at(name))
        assert name not in door.names("")

    def test_a_name_too_long(self, door):
        with pytest.raises(PlanError, match="long"):
            door.make("", "n" * 70000)

    def test_many_files(self, door):
        for i in range(300):
            door.clunk(door.make("empty", f"f{i}"))
        assert door.names("empty") == {f"f{i}" for i in range(300)}

    def test_reads_and_writes_on_several_fids(self, door):
        writer, reader = door.open_at("hello", OWRITE), door.open_at("hello", OREAD)
        door.write(writer, b"HELLO", 0)
        assert door.read(reader, 5, 0) == b"HELLO"

    def test_an_empty_write(self, door):
        fid = door.open_at("hello", OWRITE)
        assert door.write(fid, b"", 100) == 0
        assert door.stat(fid).length == 13
