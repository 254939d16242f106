"""A name space as a FileServer: the contract, mounts, unions, "..", qids."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from vx9.fs.dir import DMDIR, ORDWR, OREAD, OWRITE, DirChange
from vx9.fs.errors import EISMTPT, PlanError
from vx9.fs.hostfs import HostFS
from vx9.fs.ramfs import RamFS
from vx9.kernel import export
from vx9.kernel.kernel import Kernel
from vx9.kernel.namespace import MAFTER, MBEFORE, MCREATE, MREPL

_spec = importlib.util.spec_from_file_location("mnt_tests", Path(__file__).with_name("test_devmnt.py"))
mnt = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mnt)
contract, MountDoor, Peer, ramfs = mnt.contract, mnt.MountDoor, mnt.Peer, mnt.ramfs


@pytest.fixture
def kernel(host):
    kernel = Kernel(host=host)
    yield kernel
    kernel.stop()
    assert kernel.errors == 0


def mount(kernel, server, old, flag=MREPL | MCREATE):
    server.dev = 1000 + id(server) % 10000
    return kernel.call(kernel.boot.ns.mount, kernel.boot, server, old, flag)


def exported(kernel, name):
    return kernel.call(export.export, kernel.boot, name)


class TestContract(contract.Contract):
    """A tree in memory, mounted and exported."""

    @pytest.fixture
    def server(self):
        return None

    @pytest.fixture
    def door(self, kernel):
        mount(kernel, ramfs(), "/n")
        return MountDoor(kernel, exported(kernel, "/n"))


class TestContractOverAPipe(contract.Contract):
    """The same, served by 9P to the kernel itself."""

    @pytest.fixture
    def server(self):
        return None

    @pytest.fixture
    def door(self, kernel):
        mount(kernel, ramfs(), "/n")
        return MountDoor(kernel, Peer(kernel, exported(kernel, "/n")).mount())


class TestContractOfAHostFolder(contract.Contract):
    @pytest.fixture
    def server(self):
        return None

    @pytest.fixture
    def door(self, kernel, tmp_path):
        for name, data in contract.TREE.items():
            path = tmp_path / name
            (path if data is None else path.parent).mkdir(parents=True, exist_ok=True)
            if data is not None:
                path.write_bytes(data)
        fs = HostFS(str(tmp_path), True, contract.USER)
        mount(kernel, fs, "/n")
        yield MountDoor(kernel, exported(kernel, "/n"))
        fs.close()


@pytest.fixture
def tree(kernel):
    """/n with a/x, b/y, and c mounted on a/m; the door to it."""
    for name, files in (("/n", {"a/m/covered": b"", "a/x": b"x", "b/y": b"y"}),):
        fs = RamFS(kernel.user)
        for path, data in files.items():
            fs.put(path, data)
        mount(kernel, fs, name)
    inner = RamFS(kernel.user)
    inner.put("deep/z", b"z")
    mount(kernel, inner, "/n/a/m")
    return MountDoor(kernel, exported(kernel, "/n"))


def test_walks_cross_mounts_both_ways(tree):
    fid, qids = tree.walk(tree.attach("glenda", ""), ["a", "m", "deep", "z"])
    assert len(qids) == 4 and len({q.path for q in qids}) == 4
    tree.open(fid, OREAD)
    assert tree.read(fid, 10, 0) == b"z"
    up, _ = tree.walk(tree.at("a/m/deep"), [".."])
    assert up.qid == tree.at("a/m").qid
    up, _ = tree.walk(up, [".."])
    assert up.qid.path == tree.at("a").qid.path and tree.stat(up).name == "a"
    assert tree.names("a/m") == {"deep"}


def test_nothing_leads_above_the_root(kernel, tree):
    root = tree.attach("glenda", "")
    fid = root
    for _ in range(5):
        fid, qids = tree.walk(fid, [".."])
        assert fid.qid == root.qid and qids == [root.qid]
    fid, _ = tree.walk(tree.at("a"), [".."])
    assert fid.qid == root.qid
    for spec in ("..", "../..", "a/../..", "/../a/../.."):
        assert tree.attach("glenda", spec).qid == root.qid
    with pytest.raises(PlanError):
        tree.walk(root, ["#c"])
    for name in ("../dev", "/dev", "a/b", "..", ".", ""):
        if name != "..":
            with pytest.raises(PlanError):
                tree.walk(root, [name])
        with pytest.raises(PlanError):
            tree.create(tree.attach("glenda", ""), name, 0o644, OWRITE)
        with pytest.raises(PlanError):
            tree.wstat(tree.at("a/x"), DirChange(name=name))


def test_a_spec_selects_a_folder(tree):
    assert tree.attach("glenda", "/a/m").qid == tree.at("a/m").qid
    with pytest.raises(PlanError):
        tree.attach("glenda", "nonesuch")


def test_the_root_is_seen_with_what_is_mounted_on_it(kernel, tree):
    other = RamFS(kernel.user)
    other.put("only", b"")
    mount(kernel, other, "/n", MREPL)
    assert tree.names("") == {"only"}


def test_unions(kernel):
    one, two = RamFS(kernel.user), RamFS(kernel.user)
    one.put("same", b"1"), one.put("first", b"")
    two.put("same", b"2"), two.put("second", b"")
    mount(kernel, one, "/n", MREPL)
    mount(kernel, two, "/n", MAFTER | MCREATE)
    door = MountDoor(kernel, exported(kernel, "/n"))
    assert door.names("") == {"same", "first", "second"}
    assert door.contents("same") == b"1" and door.contents("second") == b""
    door.clunk(door.make("", "new"))
    assert "new" in two.root.children and "new" not in one.root.children
    with pytest.raises(PlanError, match="exists"):
        door.make("", "first")
    mount(kernel, RamFS(kernel.user), "/n", MBEFORE)
    assert "new" in door.names("")


def test_a_folder_where_nothing_may_be_made(kernel):
    mount(kernel, ramfs(), "/n", MREPL)
    door = MountDoor(kernel, exported(kernel, "/n"))
    with pytest.raises(PlanError, match="forbids creation"):
        door.make("", "new")


def test_mount_points_are_not_removed_or_renamed(tree):
    with pytest.raises(PlanError, match=EISMTPT):
        tree.remove(tree.at("a/m"))
    with pytest.raises(PlanError, match=EISMTPT):
        tree.wstat(tree.at("a/m"), DirChange(name="other"))


def test_qids_of_all_files_differ(kernel):
    """Devices number their files from 0 or 1 each."""
    door = MountDoor(kernel, exported(kernel, "/"))
    seen = {}
    for folder in ("", "dev", "env", "proc", "srv", "fd", "n", "mnt", "tmp"):
        fid = door.open_at(folder, OREAD)
        for d in door.readdir(fid):
            name = f"{folder}/{d.name}"
            assert d.qid.path not in seen or name in ("/",), (name, seen[d.qid.path])
            seen[d.qid.path] = name
            if folder not in ("", "fd"):
                assert door.at(name).qid.path == d.qid.path, name
    assert len(seen) > 30


def test_wide_qids_stay_apart():
    from vx9.fs.dir import Qid

    qids = export.Qids()
    assert qids.of(77, 0, Qid(5, 7, 3)) == Qid(5, 7, 3)  # of the first device, unchanged
    made = {qids.of(kind, dev, Qid(path)).path for kind in (77, 99) for dev in (0, 1)
            for path in (5, 1 << 48, 1 << 63, (1 << 64) - 1)}
    assert len(made) == 16
    assert qids.of(99, 1, Qid(1 << 63)) == qids.of(99, 1, Qid(1 << 63))


def test_devices(kernel):
    door = MountDoor(kernel, exported(kernel, "/"))
    assert door.contents("dev/user") == b"glenda"
    fid = door.open_at("env/x" if "x" in door.names("env") else "dev/null", OWRITE)
    door.write(fid, b"gone", 0)
    fid = door.make("env", "x", 0o644, ORDWR)
    door.write(fid, b"value", 0)
    door.clunk(fid)
    assert kernel.boot.env.get("x") == b"value"


def test_a_file_that_opens_as_another(kernel):
    """An end of a pipe posted in /srv."""
    near, far = kernel.call(kernel.pipe, "glenda")
    door = MountDoor(kernel, exported(kernel, "/"))
    boot = kernel.boot
    fd = boot.fds.install(near)
    c = kernel.call(boot.ns.create, boot, "/srv/x", OWRITE, 0o600)
    kernel.call(c.write, boot, str(fd).encode())
    fid = door.open_at("srv/x", ORDWR)
    door.write(fid, b"to the pipe", 0)
    assert kernel.call(far.read, boot, 100) == b"to the pipe"
    door.clunk(fid)


def test_depth_is_bounded(kernel):
    fs = RamFS(kernel.user)
    mount(kernel, fs, "/n")
    door = MountDoor(kernel, exported(kernel, "/n"))
    fid = door.attach("glenda", "")
    for _ in range(export.DEPTH):
        below, _ = door.walk(fid, [])
        door.create(below, "d", DMDIR | 0o755, OREAD)
        fid, _ = door.walk(fid, ["d"])
    with pytest.raises(PlanError, match="too long"):
        door.create(fid, "d", DMDIR | 0o755, OREAD)
    with pytest.raises(PlanError, match="too long"):
        door.walk(fid, ["d"])


def test_nothing_is_kept(kernel, tree):
    """Every Chan that a fid needs goes with it."""
    before = tree.server.root.refs
    fids = [tree.at("a/m/deep"), tree.open_at("a/x", ORDWR), tree.open_at("", OREAD)]
    for fid in fids:
        tree.clunk(fid)
    assert tree.server.root.refs == before == 1
