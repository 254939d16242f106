"""vx9 image, and --root with an image."""

from __future__ import annotations

import importlib.util
import os
import sys
import tarfile
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "fs_imagemaking", Path(__file__).resolve().parent.parent / "fs/imagemaking.py")
making = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = making
_spec.loader.exec_module(making)

TREE = {"here": b"in the root\n", "lib/hello": b"hello\n", "lib/big": b"0123456789" * 30000}
MAKERS = {"t.tar": making.tar, "t.tgz": lambda tree: making.tar(tree, "w:gz"),
          "t.txz": lambda tree: making.tar(tree, "w:xz"), "t.zip": making.zip_,
          "t.iso": lambda tree: making.iso(tree, "plan9")}


@pytest.fixture(params=MAKERS)
def image(request, tmp_path) -> Path:
    path = tmp_path / request.param
    path.write_bytes(MAKERS[request.param](TREE))
    return path


def test_the_root_can_be_an_image(vx9, image):
    before = image.read_bytes()
    done = vx9("run", "--root", image, "cat", "/here", "/lib/hello")
    assert (done.stdout, done.stderr) == (b"in the root\nhello\n", b"")
    done = vx9("run", "--root", image, "cat", "/lib/big")
    assert done.stdout == TREE["lib/big"]
    assert image.read_bytes() == before


def test_memory_lies_above_it(vx9, tmp_path):
    (tmp_path / "t.tar").write_bytes(making.tar(TREE))
    done = vx9("run", "--root", tmp_path / "t.tar", "rm", "/lib/hello", "/here")
    assert (done.returncode, done.stderr) == (0, b"")
    done = vx9("run", "--root", tmp_path / "t.tar", "mkdir", "/lib/new")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "t.tar").read_bytes() == making.tar(TREE)


def test_files_of_a_plan9_image_keep_their_owners(vx9, tmp_path):
    (tmp_path / "t.iso").write_bytes(making.iso(TREE, "plan9"))
    assert vx9("run", "--root", tmp_path / "t.iso", "rm", "/here").returncode == 1
    assert vx9("run", "--root", tmp_path / "t.iso", "--user", "sys", "rm", "/lib/hello").returncode == 0


@pytest.mark.parametrize("arguments, says", [
    (["--rw", "--root", "t.tar"], "--root t.tar: an image cannot be written; leave --rw out"),
    (["--root", "bad"], "bad: bad: offset 0: not a tar, zip or ISO 9660 image; name another"),
    (["--root", "nowhere"], "--root nowhere: no such folder"),
])
def test_roots_that_are_refused(vx9, tmp_path, arguments, says):
    (tmp_path / "t.tar").write_bytes(making.tar(TREE))
    (tmp_path / "bad").write_bytes(b"junk" * 999)
    done = vx9("run", *arguments, "echo", cwd=tmp_path)
    assert done.returncode == 125 and done.stderr.count(b"\n") == 1
    assert says in done.stderr.decode()


def test_ls(vx9, image):
    done = vx9("image", "ls", image)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(done.stdout.decode().split()) == ["here", "lib", "lib/big", "lib/hello"]
    lines = vx9("image", "ls", "-l", image).stdout.decode().splitlines()
    assert len(lines) == 4
    assert next(line for line in lines if line.endswith(" here")).split()[3:] == ["12", "Sep", "9", "2001", "here"]


def test_unpack(vx9, image, tmp_path):
    done = vx9("image", "unpack", image, tmp_path / "new" / "folder")
    assert (done.returncode, done.stderr) == (0, b"")
    top = tmp_path / "new" / "folder"
    assert {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()} == TREE
    assert (top / "here").stat().st_mtime == making.MTIME
    assert (top / "here").stat().st_mode & 0o777 == 0o644


def test_unpack_links_and_tells_what_is_left_out(vx9, tmp_path):
    member = making.member
    tree = {"sub/file": b"x", "hard": member("hard", tarfile.LNKTYPE, "sub/file"), "d": member("d", tarfile.SYMTYPE, "sub"),
            "round": member("sub/round", tarfile.SYMTYPE, ".."), "out": member("out", tarfile.SYMTYPE, "/../etc"),
            "bad": member("../bad", tarfile.REGTYPE), "null": member("null", tarfile.CHRTYPE)}
    (tmp_path / "t.tar").write_bytes(making.tar(tree))
    done = vx9("image", "unpack", tmp_path / "t.tar", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr.decode().strip().endswith(
        "left out: 1 devices, 1 links that lead outside or nowhere, 1 names that no file may have")
    out = tmp_path / "out"
    assert os.readlink(out / "d") == "sub" and (out / "sub/round").resolve() == out.resolve()
    assert (out / "hard").read_bytes() == b"x" and (out / "hard").stat().st_nlink == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "t.tar"]
    listed = vx9("image", "ls", tmp_path / "t.tar").stdout.decode().split()
    assert sorted(listed) == ["d", "hard", "sub", "sub/file", "sub/round"]


@pytest.mark.parametrize("arguments, says", [
    (["ls", "nope"], "image nope: file does not exist"), (["ls", "bad"], "image bad: bad: offset 0: not a tar"),
    (["unpack", "t.tar", "full"], "full is not empty; name a new folder"),
    (["unpack", "t.tar", "bad/x"], "bad/x: not a directory"), (["huge"], "invalid choice"),
    (["unpack", "huge.tar", "new"], "bytes do not fit"), ([], "ls|unpack"),
])
def test_mistakes(vx9, tmp_path, arguments, says):
    (tmp_path / "t.tar").write_bytes(making.tar(TREE))
    (tmp_path / "bad").write_bytes(b"junk" * 999)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    info = making.member("huge", tarfile.REGTYPE)
    info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 61)}
    (tmp_path / "huge.tar").write_bytes(making.tar({"huge": info}))
    done = vx9("image", *arguments, cwd=tmp_path)
    assert done.returncode == 125 and says in done.stderr.decode() and b"Traceback" not in done.stderr


def test_a_file_that_cannot_be_unpacked(vx9, tmp_path):
    data = bytearray(making.zip_({"good": b"1" * 99, "worse": b"2" * 99}))
    at = data.rindex(b"PK\1\2") + 16
    data[at] ^= 1
    (tmp_path / "t.zip").write_bytes(data)
    done = vx9("image", "unpack", tmp_path / "t.zip", tmp_path / "out")
    assert done.returncode == 125 and b"worse: t.zip: offset " in done.stderr
    assert (tmp_path / "out/good").read_bytes() == b"1" * 99
