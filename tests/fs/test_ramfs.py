"""RamFS: the contract, users and the quota."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import pytest

from vx9.fs.dir import DMDIR, ORDWR, OREAD, OWRITE, DirChange
from vx9.fs.errors import EFULL, EPERM, PlanError
from vx9.fs.ramfs import OVERHEAD, RamFS

_spec = importlib.util.spec_from_file_location("fs_contract", Path(__file__).with_name("contract.py"))
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)
Door, fails = contract.Door, contract.fails


def make(**options) -> RamFS:
    ticks = itertools.count(1_700_000_000)
    fs = RamFS(contract.USER, lambda: next(ticks), **options)
    for path, data in contract.TREE.items():
        if data is None:
            fs.plant(contract.run(fs.attach(contract.USER, "")), path.split("/"), True)
        else:
            fs.put(path, data)
    return fs


class TestRamFS(contract.Contract):
    @pytest.fixture
    def server(self):
        return make()


def test_others_have_the_others_rights():
    door = Door(make())
    with fails(EPERM):
        door.open_at("hello", OWRITE, "mallory")
    assert door.read(door.open_at("hello", OREAD, "mallory"), 5, 0) == b"hello"
    for change in (DirChange(mode=0o777), DirChange(mtime=1), DirChange(name="x"),
                   DirChange(length=0)):
        with fails(EPERM):
            door.wstat(door.at("hello", "mallory"), change)
    with fails(EPERM):
        door.remove(door.at("hello", "mallory"))
    with fails(EPERM):
        door.create(door.at("", "mallory"), "x", 0o644, ORDWR)


def test_directories_must_be_searchable():
    door = Door(make())
    door.wstat(door.at("sub"), DirChange(mode=DMDIR | 0o700))
    with fails(EPERM):
        door.at("sub", "mallory") and door.walk(door.at("sub", "mallory"), ["b"])


def test_a_new_file_belongs_to_its_maker_and_the_group_of_its_folder():
    door = Door(make())
    door.wstat(door.at("sub"), DirChange(mode=DMDIR | 0o777))
    fid = door.at("sub", "mallory")
    door.create(fid, "mine", 0o666, ORDWR)
    d = door.stat(fid)
    assert (d.uid, d.gid, d.muid) == ("mallory", contract.USER, "mallory")
    assert door.stat(door.at("sub")).muid == "mallory"


def test_versions_count():
    door = Door(make())
    fid = door.make("", "v")
    start = door.stat(fid).qid.vers
    for _ in range(5):
        door.write(fid, b"same", 0)
    assert door.stat(fid).qid.vers == start + 5


def test_the_quota_holds_and_comes_back():
    fs = make(quota=100_000)
    door = Door(fs)
    before = fs.used
    fid = door.make("", "big")
    assert door.write(fid, bytes(50_000), 0) == 50_000
    with fails(EFULL):
        door.write(fid, bytes(60_000), 50_000)
    with fails(EFULL):
        door.write(fid, b"x", 1 << 40)
    with fails(EFULL):
        door.wstat(fid, DirChange(length=1 << 50))
    assert door.stat(fid).length == 50_000
    door.remove(door.at("big"))
    assert fs.used > before + 50_000, "it still is open"
    door.clunk(fid)
    assert fs.used == before


def test_many_small_files_are_bounded():
    fs = make(quota=OVERHEAD * 50)
    door = Door(fs)
    with fails(EFULL):
        for i in range(100):
            door.clunk(door.make("", f"{i}"))
    assert len(door.names("")) < 55


def test_a_deep_tree():
    fs = make()
    door = Door(fs)
    fid = door.at("")
    for _ in range(3000):
        door.create(fid, "d", DMDIR | 0o777, OREAD)
        door.clunk(fid)
        fid.omode = -1
    up = fid
    for _ in range(3001):
        up, _ = door.walk(up, [".."])
    assert up.qid.path == 0


def test_put_over_a_file_is_an_error():
    fs = make()
    with pytest.raises(PlanError):
        fs.put("hello/x", b"")


def test_a_removed_file_gives_its_room_back_once():
    fs = make()
    door = Door(fs)
    fid = door.at("hello")
    door.remove(door.at("hello"))
    used = fs.used
    with pytest.raises(PlanError, match="removed"):
        door.wstat(fid, DirChange(length=0))
    assert fs.used == used
    fid = door.open_at("sub/b", ORDWR)
    door.remove(door.at("sub/b"))
    used = fs.used
    door.wstat(fid, DirChange(length=100))
    assert fs.used == used + 100
    door.clunk(fid)
    assert fs.used < used
