"""The servers of images: the contract, by every format and compression."""

from __future__ import annotations

import importlib.util
import tarfile
import zipfile
from pathlib import Path

import pytest

from vx9.fs.dir import DMDIR, DMEXCL, OREAD
from vx9.fs.errors import EPERM, EXLOCKED, PlanError
from vx9.fs.hostfs import HostFS
from vx9.fs.hostimage import HostImage
from vx9.fs.imagefs import ImageFS, read_tree
from vx9.fs.overlay import Overlay
from vx9.fs.ramfs import RamFS


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"fs_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    __import__("sys").modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


contract, making = load("contract"), load("imagemaking")
TREE = contract.TREE

MAKERS = {
    "tar": lambda: making.tar(TREE),
    "tar-gnu": lambda: making.tar(TREE, form=tarfile.GNU_FORMAT),
    "tar-ustar": lambda: making.tar(TREE, form=tarfile.USTAR_FORMAT),
    "tar-gz": lambda: making.tar(TREE, "w:gz"),
    "tar-xz": lambda: making.tar(TREE, "w:xz"),
    "tar-bz2": lambda: making.tar(TREE, "w:bz2"),
    "zip": lambda: making.zip_(TREE),
    "zip-stored": lambda: making.zip_(TREE, zipfile.ZIP_STORED),
    "zip-bz2": lambda: making.zip_(TREE, zipfile.ZIP_BZIP2),
    "iso": lambda: making.iso(TREE),
    "iso-plan9": lambda: making.iso(TREE, "plan9"),
    "iso-rock": lambda: making.iso(TREE, "rock"),
    "iso-joliet": lambda: making.iso(TREE, joliet=True),
    "iso-plan9-joliet": lambda: making.iso(TREE, "plan9", joliet=True),
}


@pytest.fixture(params=MAKERS)
def image(request) -> bytes:
    return MAKERS[request.param]()


class TestInMemory(contract.RefusesWriting):
    @pytest.fixture
    def server(self, image):
        return ImageFS(read_tree(making.Bytes(image), making.Room()))


class TestOnTheHost(contract.RefusesWriting):
    @pytest.fixture(params=["tar", "tar-xz", "zip", "iso-plan9"])
    def server(self, request, tmp_path):
        (tmp_path / "image").write_bytes(MAKERS[request.param]())
        server = HostImage(str(tmp_path / "image")).server("glenda")
        yield server
        server.close()


class TestRamAbove(contract.Contract):
    @pytest.fixture(params=["tar-gz", "zip", "iso"])
    def server(self, request):
        below = ImageFS(read_tree(making.Bytes(MAKERS[request.param]()), making.Room()), "glenda")
        for node in nodes(below.tree.root):  # the plain ISO has no writable files
            node.mode |= 0o644 if node.children is None else 0o755
            node.mode &= ~0o111 if node.children is None else ~0
        return Overlay(below, RamFS("glenda", lambda: 10**9))


class TestHostAbove(contract.Contract):
    @pytest.fixture
    def server(self, tmp_path):
        below = ImageFS(read_tree(making.Bytes(MAKERS["tar"]()), making.Room()), contract.USER)
        server = Overlay(below, HostFS(str(tmp_path), True, contract.USER))
        yield server
        server.close()


class TestPlan9UnderRam(contract.Contract):
    @pytest.fixture
    def server(self):
        root = making.grown(TREE)
        for f in walk(root):
            f.uid = f.gid = contract.USER
        below = ImageFS(read_tree(making.Bytes(making.iso(root, "plan9")), making.Room()))
        below.tree.root.uid = contract.USER
        return Overlay(below, RamFS(contract.USER, lambda: 10**9))


def walk(f):
    yield f
    for child in f.children:
        yield from walk(child)


def nodes(node):
    yield node
    for child in (node.children or {}).values():
        yield from nodes(child)


def test_owner(image):
    tree = read_tree(making.Bytes(image), making.Room())
    door = contract.Door(ImageFS(tree, "glenda"))
    d = door.stat(door.at("sub/deep/file"))
    assert (d.uid, d.gid) == (("sys", "sys") if tree.plan9 else ("glenda", "glenda"))
    assert d.mtime == making.MTIME


@pytest.mark.parametrize("data", [
    b"", b"x", b"hello" * 1000, bytes(100), b"\x1f\x8b", b"\x1f\x8b\x08rubbish", b"PK\3\4 and no more",
    b"\xfd7zXZ\0rubbish", b"BZh9rubbish", bytes(32768) + b"\1CD001\1"])
def test_what_is_no_image(data):
    with pytest.raises(PlanError, match=r"^test\.img: offset \d+: "):
        read_tree(making.Bytes(data), making.Room())


def test_the_empty_ones():
    for data in (making.tar({}), making.zip_({}), making.iso({})):
        tree = read_tree(making.Bytes(data), making.Room())
        assert tree.root.children == {}


def test_rights():
    tree = {"secret": making.member("secret", tarfile.REGTYPE, mode=0o600, uname="rob", gname="sys"),
            "shut": making.member("shut", tarfile.DIRTYPE, mode=0o700, uname="rob", gname="sys"),
            "shut/x": b"x"}
    door = contract.Door(ImageFS(read_tree(making.Bytes(making.tar(tree)), making.Room())))
    with contract.fails(EPERM):
        door.open_at("secret", OREAD)
    with contract.fails("stuck"):
        door.at("shut/x")
    assert door.read(door.open_at("shut/x", OREAD, "rob"), 9, 0) == b"x"
    door.open_at("secret", OREAD, "rob")


def test_exclusive_use():
    root = making.folder("", making.File("lock", data=b"1", mode=DMEXCL | 0o666))
    door = contract.Door(ImageFS(read_tree(making.Bytes(making.iso(root, "plan9")), making.Room())))
    fid = door.open_at("lock", OREAD)
    with contract.fails(EXLOCKED):
        door.open_at("lock", OREAD)
    door.clunk(fid)
    assert door.stat(door.at("lock")).mode == DMEXCL | 0o666
    door.open_at("lock", OREAD)
    assert door.stat(door.at("")).mode & DMDIR


def test_an_image_that_becomes_shorter(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(making.tar({"big": b"x" * 100000}))
    server = HostImage(str(path)).server()
    door = contract.Door(server)
    fid = door.open_at("big", OREAD)
    with path.open("r+b") as file:
        file.truncate(5000)
    with contract.fails("x.tar: offset 512: .*has changed"):
        door.read(fid, 100000, 0)
    server.close()
    server.close()


def test_what_cannot_be_opened(tmp_path):
    for name in ("nope", "."):
        with pytest.raises(PlanError):
            HostImage(str(tmp_path / name))


def test_big_compressed_files_are_read_anywhere(tmp_path):
    import random
    noise = random.Random(1).randbytes(1 << 20)
    data = noise + bytes(3 << 20) + noise[::-1]
    for image in (making.tar({"a": b"1", "big": data}, "w:gz"), making.zip_({"a": b"1", "big": data})):
        (tmp_path / "image").write_bytes(image)
        server = HostImage(str(tmp_path / "image")).server()
        door = contract.Door(server)
        one, two = door.open_at("big", OREAD), door.open_at("big", OREAD)
        for fid, offset in ((one, 5), (two, (4 << 20) + 7), (one, 1 << 20), (two, 0), (one, (5 << 20) - 3)):
            assert door.read(fid, 1000, offset) == data[offset : offset + 1000]
        server.close()
