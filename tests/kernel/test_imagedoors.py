"""Images through every door: a name space, 9P, and a FUSE mount."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from vx9.fs.dir import DirChange
from vx9.fs.imagefs import ImageFS, read_tree

TESTS = Path(__file__).resolve().parent.parent


def load(path: str):
    spec = importlib.util.spec_from_file_location("doors_" + path.replace("/", "_"), TESTS / f"{path}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


export, ninep, making, mounting = map(load, ("kernel/test_export", "fs/test_ninep_server", "fs/imagemaking", "mounting"))
contract = export.contract
MAKERS = {"tar.gz": lambda tree: making.tar(tree, "w:gz"), "zip": making.zip_, "iso": lambda tree: making.iso(tree, "plan9")}


@pytest.fixture(params=MAKERS)
def image(request):
    return ImageFS(read_tree(making.Bytes(MAKERS[request.param](contract.TREE)), making.Room()))


class TestNameSpace(contract.RefusesWriting):
    @pytest.fixture
    def server(self):
        return None

    @pytest.fixture
    def door(self, kernel, image):
        export.mount(kernel, image, "/n")
        return export.MountDoor(kernel, export.exported(kernel, "/n"))


class TestNinepOfANameSpace(contract.RefusesWriting):
    @pytest.fixture
    def server(self):
        return None

    @pytest.fixture
    def door(self, kernel, image):
        export.mount(kernel, image, "/n")
        return export.MountDoor(kernel, export.Peer(kernel, export.exported(kernel, "/n")).mount())


class TestNinep(contract.RefusesWriting):
    @pytest.fixture
    def server(self, image):
        back = ninep.Back(image)
        yield back
        assert back.session.errors == 0


def test_sync(image):
    door = contract.Door(image)
    door.wstat(door.at("hello"), DirChange())


@pytest.mark.fuse
@pytest.mark.parametrize("kind", MAKERS)
def test_fuse(kind, tmp_path, demand):
    """As the root of a name space that is mounted on the host: memory above takes the changes."""
    missing = mounting.why_not("auto")
    if missing:
        demand(missing)
    file = tmp_path / "image"
    file.write_bytes(MAKERS[kind]({**contract.TREE, "big": b"0123456789" * 100_000}))
    before = file.read_bytes()
    with mounting.mounted(tmp_path, "--root", file, "--user", "sys") as made:
        point = made.point
        for path, data in contract.TREE.items():
            if data is not None:
                assert (point / path).read_bytes() == data
        assert (point / "big").read_bytes() == b"0123456789" * 100_000
        assert os.stat(point / "hello").st_mtime == making.MTIME
        (point / "hello").write_bytes(b"changed")
        os.remove(point / "sub/b")
        assert os.listdir(point / "sub") == ["deep"] and (point / "hello").read_bytes() == b"changed"
    assert file.read_bytes() == before
