"""Overlay: the contract over two kinds of lower and upper trees, and what only it does."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from random import Random

import pytest

from vx9.fs.dir import DMDIR, ORCLOSE, ORDWR, OREAD, OTRUNC, OWRITE, DirChange
from vx9.fs.errors import EEXIST, ENONEXIST, ENOTEMPTY, EPERM, EREMOVED, PlanError
from vx9.fs.hostfs import HostFS
from vx9.fs.overlay import Overlay
from vx9.fs.ramfs import RamFS

_spec = importlib.util.spec_from_file_location("fs_contract", Path(__file__).with_name("contract.py"))
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)
Door, fails = contract.Door, contract.fails


def ram(tree=(), **options) -> RamFS:
    ticks = itertools.count(1_700_000_000)
    fs = RamFS(contract.USER, lambda: next(ticks), **options)
    for path, data in dict(tree).items():
        if data is None:
            fs.plant(contract.run(fs.attach(contract.USER, "")), path.split("/"), True)
        else:
            fs.put(path, data)
    return fs


def host(folder: Path, tree=(), rw: bool = False) -> HostFS:
    folder.mkdir()
    for path, data in dict(tree).items():
        where = folder / path
        if data is None:
            where.mkdir(parents=True)
        else:
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(data)
            where.chmod(0o644)
    return HostFS(str(folder), rw, contract.USER)


TREE = contract.TREE


class TestRamOverRam(contract.Contract):
    @pytest.fixture
    def server(self):
        return Overlay(ram(TREE), ram())


class TestRamOverHost(contract.Contract):
    @pytest.fixture
    def server(self, tmp_path):
        return Overlay(host(tmp_path / "low", TREE), ram())


class TestHostOverHost(contract.Contract):
    @pytest.fixture
    def server(self, tmp_path):
        return Overlay(host(tmp_path / "low", TREE), host(tmp_path / "up", rw=True))


class TestAllAbove(contract.Contract):
    """Nothing below: the upper tree alone."""

    @pytest.fixture
    def server(self):
        return Overlay(ram(), ram(TREE))


class TestPartsOfBoth(contract.Contract):
    @pytest.fixture
    def server(self):
        low = {name: data for name, data in TREE.items() if name != "sub/b"}
        return Overlay(ram(low), ram({"sub/b": b""}))


@pytest.fixture
def low(tmp_path: Path) -> Path:
    host(tmp_path / "low", {**TREE, "usr/glenda/lib/profile": b"bind -c tmp /tmp\n",
                            "usr/glenda/tmp": None}).close()
    return tmp_path / "low"


@pytest.fixture
def up(tmp_path: Path) -> Path:
    (tmp_path / "up").mkdir()
    return tmp_path / "up"


@pytest.fixture
def door(low: Path) -> Door:
    return Door(Overlay(HostFS(str(low), False, contract.USER), ram()))


def there(door: Door, path: str) -> bool:
    """Whether a walk gets to path."""
    try:
        door.clunk(door.at(path))
    except PlanError:
        return False
    return True


def snapshot(folder: Path) -> dict[str, object]:
    """All there is to see of a host folder."""
    return {str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_mtime_ns,
                                            path.read_bytes() if path.is_file() else None)
            for path in sorted(folder.rglob("*"))}


def change_everything(door: Door) -> None:
    """Each kind of change, once."""
    fid = door.open_at("hello", ORDWR)
    door.write(fid, b"HELLO", 0)
    door.clunk(fid)
    door.clunk(door.open_at("sub/deep/file", OWRITE | OTRUNC))
    door.remove(door.at("sub/b"))
    door.wstat(door.at("sub"), DirChange(name="bus", mtime=7))
    door.clunk(door.make("usr/glenda/tmp", "new"))
    door.wstat(door.at("usr/glenda/lib"), DirChange(mode=DMDIR | 0o700))
    door.remove(door.at("empty"))
    door.clunk(door.make("", "empty", DMDIR | 0o755, OREAD))


def test_the_lower_tree_never_changes(low, door):
    before = snapshot(low)
    change_everything(door)
    assert snapshot(low) == before
    assert door.contents("hello") == b"HELLO, world\n"
    assert door.contents("bus/deep/file") == b""
    assert door.names("") == {"hello", "bus", "empty", "usr"}


def test_an_upper_tree_that_lasts_is_taken_up_again(low, up):
    def both() -> Door:
        return Door(Overlay(HostFS(str(low), False, contract.USER),
                            HostFS(str(up), True, contract.USER)))

    change_everything(both())
    door = both()
    assert door.names("") == {"hello", "bus", "empty", "usr"}
    assert door.names("bus") == {"deep"} and door.names("bus/deep") == {"file"}
    assert door.contents("hello") == b"HELLO, world\n"
    assert door.names("usr/glenda/tmp") == {"new"}
    assert door.contents("usr/glenda/lib/profile") == b"bind -c tmp /tmp\n"
    for name in ("sub", "bus/b"):
        assert not there(door, name)
    door.wstat(door.at("bus"), DirChange(name="sub"))
    assert both().names("sub") == {"deep"}


def test_who_reads_goes_on_with_the_copy(door):
    reader = door.open_at("hello", OREAD)
    assert door.read(reader, 5, 0) == b"hello"
    writer = door.open_at("hello", OWRITE)
    door.write(writer, b"HELLO", 0)
    assert door.read(reader, 5, 0) == b"HELLO"
    assert door.stat(reader).qid == door.stat(writer).qid


def test_a_file_keeps_its_qid_path_and_owner_when_it_is_copied(door):
    before = door.stat(door.at("hello"))
    folder = door.stat(door.at("sub")).qid.path
    fid = door.open_at("hello", OWRITE)
    after = door.stat(fid)
    assert after.qid == before.qid
    assert (after.uid, after.gid, after.mode, after.mtime) == \
        (before.uid, before.gid, before.mode, before.mtime)
    door.clunk(door.make("sub", "new"))
    assert door.stat(door.at("sub")).qid.path == folder
    root = door.open_at("", OREAD)
    assert {d.name: d.qid.path for d in door.readdir(root)}["sub"] == folder


def test_a_copy_leaves_its_folder_as_it_was(low, door):
    before = door.stat(door.at("sub/deep"))
    door.clunk(door.open_at("sub/deep/file", OWRITE))
    after = door.stat(door.at("sub/deep"))
    assert (after.mtime, after.muid, after.qid) == (before.mtime, before.muid, before.qid)


def test_what_is_not_allowed_copies_nothing(low):
    (low / "hello").chmod(0o444)
    upper = ram()
    door = Door(Overlay(HostFS(str(low), False, contract.USER), upper))
    door.at("")
    used = upper.used
    for refused in (lambda: door.open_at("hello", OWRITE), lambda: door.open_at("hello", ORDWR),
                    lambda: door.open_at("sub/b", OWRITE, "mallory"),
                    lambda: door.wstat(door.at("sub/b", "mallory"), DirChange(mode=0o777)),
                    lambda: door.remove(door.at("sub/b", "mallory")),
                    lambda: door.create(door.at("sub", "mallory"), "x", 0o644, ORDWR),
                    lambda: door.wstat(door.at("sub/b", "mallory"), DirChange(name="x"))):
        with fails(EPERM):
            refused()
    assert upper.used == used


def test_a_name_that_was_removed_can_be_made_again(door):
    for _ in range(3):
        door.remove(door.at("hello"))
        with fails(ENONEXIST):
            door.at("hello")
        door.clunk(door.make("", "hello"))
        assert door.contents("hello") == b""


def test_a_folder_made_where_one_was_removed_is_empty(door):
    for path in ("sub/deep/file", "sub/deep", "sub/b", "sub"):
        door.remove(door.at(path))
    door.clunk(door.make("", "sub", DMDIR | 0o755, OREAD))
    assert door.names("sub") == set()
    assert not there(door, "sub/deep")
    door.clunk(door.make("sub", "deep"))
    assert door.contents("sub/deep") == b""


def test_a_renamed_folder_keeps_what_lies_below(door):
    fid = door.at("usr/glenda")
    door.wstat(fid, DirChange(name="ken"))
    assert door.contents("usr/ken/lib/profile").startswith(b"bind")
    assert not there(door, "usr/glenda")
    door.clunk(door.make("usr", "glenda", DMDIR | 0o755, OREAD))
    assert door.names("usr/glenda") == set()
    door.wstat(door.at("usr/ken/lib"), DirChange(name="bil"))
    assert door.contents("usr/ken/bil/profile").startswith(b"bind")
    fid = door.open_at("usr/ken/bil/profile", ORDWR)
    door.write(fid, b"BIND", 0)
    door.wstat(door.at("usr/ken"), DirChange(name="rob"))
    assert door.contents("usr/rob/bil/profile").startswith(b"BIND -c")
    assert door.names("usr/rob") == {"bil", "tmp"}


def test_a_folder_renamed_over_a_removed_name_shows_nothing_of_it(door):
    door.clunk(door.make("", "new", DMDIR | 0o755, OREAD))
    for path in ("sub/deep/file", "sub/deep", "sub/b", "sub"):
        door.remove(door.at(path))
    door.wstat(door.at("new"), DirChange(name="sub"))
    assert door.names("sub") == set()


def test_a_folder_is_full_while_either_tree_has_something_in_it(door):
    door.remove(door.at("sub/b"))
    with fails(ENOTEMPTY):
        door.remove(door.at("sub"))
    door.remove(door.at("sub/deep/file"))
    door.remove(door.at("sub/deep"))
    door.clunk(door.make("sub", "x"))
    with fails(ENOTEMPTY):
        door.remove(door.at("sub"))
    door.remove(door.at("sub/x"))
    door.remove(door.at("sub"))
    assert "sub" not in door.names("")


def test_marks_are_nobodys_files(door):
    door.remove(door.at("hello"))
    for name in (".wh.hello", ".wh..opaque"):
        with fails(ENONEXIST):
            door.at(name)
        with fails(EPERM):
            door.make("", name)
        with fails(EPERM):
            door.wstat(door.at("sub/b"), DirChange(name=name))
    assert not any(name.startswith(".wh.") for name in door.names(""))


def test_removing_what_was_copied(door):
    fid = door.open_at("hello", ORDWR | ORCLOSE)
    door.write(fid, b"x", 0)
    door.clunk(fid)
    with fails(ENONEXIST):
        door.at("hello")


def test_fids_of_a_removed_file(door):
    unopened, opened = door.at("hello"), door.open_at("hello", OREAD)
    door.remove(door.at("hello"))
    with fails(EREMOVED):
        door.open(unopened, OREAD)
    assert door.read(opened, 5, 0) == b"hello"
    door.clunk(door.make("", "hello"))
    assert door.read(opened, 5, 0) == b"hello"


def test_changes_of_the_host_below_are_seen(low, door):
    (low / "late").write_bytes(b"late")
    assert door.contents("late") == b"late"
    (low / "late").unlink()
    with fails(ENONEXIST):
        door.at("late")
    (low / "hello").write_bytes(b"changed")
    assert door.contents("hello") == b"changed"


def test_a_read_only_folder_above_takes_copies_all_the_same(low, up):
    door = Door(Overlay(HostFS(str(low), False, contract.USER),
                        HostFS(str(up), True, contract.USER)))
    door.wstat(door.at("sub"), DirChange(mode=DMDIR | 0o555))
    door.clunk(door.open_at("sub/b", OWRITE))
    assert (up / "sub/b").is_file() and (up / "sub").stat().st_mode & 0o777 == 0o555
    with fails(EPERM):
        door.make("sub", "x")


def test_a_big_file_is_copied_whole(low, door):
    data = bytes(range(256)) * 4096
    (low / "big").write_bytes(data)
    (low / "big").chmod(0o644)
    fid = door.open_at("big", ORDWR)
    door.write(fid, b"X", 1 << 19)
    want = bytearray(data)
    want[1 << 19] = ord("X")
    assert b"".join(door.read(fid, 1 << 16, at) for at in range(0, len(data), 1 << 16)) == want


def test_a_copy_that_does_not_fit_leaves_nothing(low):
    (low / "big").write_bytes(bytes(100_000))
    (low / "big").chmod(0o644)
    upper = ram(quota=50_000)
    door = Door(Overlay(HostFS(str(low), False, contract.USER), upper))
    door.at("")
    used = upper.used
    with fails("file system full"):
        door.open_at("big", ORDWR)
    assert upper.used == used
    assert len(door.contents("big")) == 100_000


def test_folders_of_both_walk_in_one_go(door):
    door.clunk(door.make("usr/glenda/lib", "new"))
    fid, qids = door.walk(door.attach(contract.USER, ""), ["usr", "glenda", "lib", "profile"])
    assert fid is not None and len(qids) == 4
    fid, qids = door.walk(door.attach(contract.USER, ""), ["usr", "glenda", "nope", "x"])
    assert fid is None and len(qids) == 2
    with fails(EEXIST):
        door.make("usr/glenda/lib", "profile")


NAMES = ("a", "b", "c", "hello", "sub", "deep", "file")


def everything(door: Door, path: str = "") -> dict[str, object]:
    """The whole tree."""
    found: dict[str, object] = {}
    fid = door.open_at(path, OREAD)
    entries = door.readdir(fid)
    door.clunk(fid)
    for d in entries:
        where = f"{path}/{d.name}".lstrip("/")
        assert where not in found
        if d.mode & DMDIR:
            found[where] = d.mode
            found.update(everything(door, where))
        else:
            found[where] = (d.mode, door.contents(where))
    return found


def attempt(act) -> str:
    """What came of it."""
    try:
        act()
    except PlanError as error:
        text = str(error)
        return ENONEXIST if text.startswith("stuck") else text
    return "done"


def step(door: Door, kind: str, path: str, name: str, data: bytes) -> str:
    """One change of a tree."""
    def write() -> None:
        fid = door.open_at(path, OWRITE | (OTRUNC if len(data) % 2 else 0))
        door.write(fid, data, len(data) % 3)
        door.clunk(fid)

    def close_on() -> None:
        door.clunk(door.open_at(path, OREAD | ORCLOSE))

    acts = {
        "write": write,
        "rclose": close_on,
        "create": lambda: door.clunk(door.make(path, name)),
        "mkdir": lambda: door.clunk(door.make(path, name, DMDIR | 0o755, OREAD)),
        "remove": lambda: door.remove(door.at(path)),
        "rename": lambda: door.wstat(door.at(path), DirChange(name=name)),
        "mode": lambda: door.wstat(door.at(path), DirChange(
            mode=0o600 | len(data) | (DMDIR | 0o100 if door.at(path).qid[2] & 0x80 else 0))),
        "length": lambda: door.wstat(door.at(path), DirChange(length=len(data))),
    }
    return attempt(acts[kind])


@pytest.mark.parametrize("kind", ["ram", "host"])
def test_any_changes_give_what_one_tree_gives(kind, tmp_path):
    """Random changes, done to an overlay and to a plain tree; both look alike all the time."""
    tree = {**TREE, "sub/c/file": b"1", "sub/c/deep/a": b"2", "b/a/file": b"3"}
    random = Random(5)
    for turn in range(60 if kind == "ram" else 15):
        lower = ram(tree)
        upper = ram() if kind == "ram" else host(tmp_path / str(turn), rw=True)
        mine, plain = Door(Overlay(lower, upper)), Door(ram(tree))
        before = everything(Door(lower))
        history = []
        for _ in range(40):
            depth = random.choice((0, 1, 1, 2, 2, 3))
            path = "/".join(random.choice(NAMES) for _ in range(depth))
            kinds = ("write", "create", "mkdir", "remove", "remove", "rename", "rename", "mode",
                     "length", "rclose")
            change = (random.choice(kinds), path, random.choice(NAMES), bytes(random.randrange(9)))
            history.append(change)
            assert step(mine, *change) == step(plain, *change), history
            assert everything(mine) == everything(plain), history
        assert everything(Door(lower)) == before
        if kind == "host":
            again = Door(Overlay(ram(tree), HostFS(str(tmp_path / str(turn)), True, contract.USER)))
            assert everything(again) == everything(plain), history
