"""Tar archives: what other tars write, links, and what nobody should write."""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from vx9.fs import image as image_
from vx9.fs import inflate
from vx9.fs.errors import ENONEXIST, PlanError
from vx9.fs.hostimage import HostImage
from vx9.fs.image import BADNAMES, DEVICES, ODD, OUTSIDE, TWICE
from vx9.fs.imagefs import ImageFS, read_tree


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"fs_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


contract, making = load("contract"), load("imagemaking")
member, REG, SYM, LNK = making.member, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def read(data: bytes):
    return read_tree(making.Bytes(data), making.Room())


def door_of(data: bytes):
    return contract.Door(ImageFS(read(data)))


def served(*members, **files) -> tuple:
    """A Door and what was left out, of an archive."""
    tree = {**files, **{f"{i}": one for i, one in enumerate(members)}}
    tree_ = read(making.tar(tree))
    return contract.Door(ImageFS(tree_)), dict(tree_.left_out)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("name", ["x" * 101, "x" * 300, "é" * 400, "deep/" * 60 + "end", "a b\nc"])
def test_names(form, name):
    door = door_of(making.tar({name: b"data", "after": b"1"}, form=form))
    assert door.contents(name) == b"data" and door.contents("after") == b"1"


def test_names_that_are_not_utf8():
    info = tarfile.TarInfo("caf\udce9")
    for form in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        assert door_of(making.tar({"x": info}, form=form)).names("") == {"caf\udce9"}


def test_attributes():
    door = door_of(making.tar({"bin/run": member("bin/run", REG, mode=0o4751, uname="ken", gname="bell"),
                               "no": member("no", REG, uid=7, gid=9),
                               "big": member("big", REG, uid=1 << 30, mtime=1 << 33)},
                              form=tarfile.GNU_FORMAT))
    d = door.stat(door.at("bin/run"))
    assert (d.mode, d.uid, d.gid, d.muid, d.mtime) == (0o751, "ken", "bell", "ken", making.MTIME)
    d = door.stat(door.at("no"))
    assert (d.uid, d.gid) == ("7", "9")
    d = door.stat(door.at("big"))
    assert (d.uid, d.mtime) == (str(1 << 30), 0xFFFFFFFF)


def test_prefixes_are_taken_away():
    door = door_of(making.tar({"./a/b": b"1", "/a/c": b"2", "a//d": b"3", "./": None}))
    assert door.names("a") == {"b", "c", "d"} and door.names("") == {"a"}


def test_what_comes_later_holds():
    door = door_of(making.tar({"x": b"old", "./x": b"new", "d": None}))
    assert door.contents("x") == b"new"
    info = member("d", tarfile.DIRTYPE, mode=0o705)
    assert door_of(making.tar({"d": None, "d/x": b"", "again": info})).names("d") == {"x"}


def test_links():
    door, left = served(
        member("hard", LNK, "file"), member("sub/up", SYM, "../file"), member("chain", SYM, "sub/up"),
        member("abs", SYM, "/file"), member("dir", SYM, "sub"), member("early", SYM, "late"),
        member("late", SYM, "file"), member("hardlink to link", LNK, "chain"),
        member("through", SYM, "dir/../sub/./up"), member("root", SYM, "/"), file=b"here")
    for name in ("hard", "sub/up", "chain", "abs", "dir/up", "early", "late", "hardlink to link",
                 "through", "root/root/file"):
        assert door.contents(name) == b"here", name
    assert not left
    assert door.at("hard").qid.path == door.at("chain").qid.path == door.at("file").qid.path
    assert door.stat(door.at("hard")).name == "hard"
    up, _ = door.walk(door.at("dir"), [".."])
    assert up.qid.path == door.at("").qid.path


@pytest.mark.parametrize("target", [
    "../x", "/../x", "sub/../../x", "..", "../..", "nowhere", "alias", "file/x", "loop1", "sub/..//../file",
    "file/..", "x" * 70000])
def test_links_outside_are_not(target):
    door, left = served(member("loop1", SYM, "loop2"), member("loop2", SYM, "loop1"),
                        member("sub", tarfile.DIRTYPE, mode=0o755), member("alias", SYM, target), file=b"")
    assert left == {OUTSIDE: 3} and door.names("") == {"file", "sub"}
    with contract.fails(ENONEXIST):
        door.at("alias")


def test_a_link_below_itself_ends():
    door, _ = served(member("a/loop", SYM, "../a"), member("a/b", SYM, "."))
    assert door.names("a/loop/loop/b/loop") == {"loop", "b"}


def test_many_links_take_bounded_time():
    links = [member(f"l{i}", SYM, "./" * 2000 + f"l{i + 1}") for i in range(3000)]
    _, left = served(*links)
    assert left == {OUTSIDE: 3000}


@pytest.mark.parametrize("kind, why", [
    (tarfile.CHRTYPE, DEVICES), (tarfile.BLKTYPE, DEVICES), (tarfile.FIFOTYPE, DEVICES), (b"V", ODD), (b"Z", ODD)])
def test_what_is_left_out(kind, why):
    door, left = served(member("odd", kind), file=b"")
    assert left == {why: 1} and door.names("") == {"file"}


@pytest.mark.parametrize("name, why", [
    ("..", BADNAMES), ("a/../b", BADNAMES), ("../x", BADNAMES), ("/..", BADNAMES), ("x" * 1025, BADNAMES),
    ("a/" * 300 + "x", BADNAMES), ("file/x", TWICE), (".", TWICE), ("", TWICE), ("dir", TWICE), ("é" * 513, BADNAMES)])
def test_bad_names(name, why):
    door, left = served(member(name, REG), file=b"safe", **{"dir/x": b""})
    assert left == {why: 1} and door.contents("file") == b"safe" and door.names("dir") == {"x"}


def test_hard_links_to_nothing():
    _, left = served(member("a", LNK, "nothing"), member("b", LNK, ""), member("c", LNK, "../x"),
                     member("d", LNK, "a/b"))
    assert left == {OUTSIDE: 4}


# Hostile headers

def patched(data: bytes, at: int, new: bytes, block: int = 0, sums: bool = True) -> bytes:
    """An archive with bytes of a header replaced, its checksum made right again."""
    out = bytearray(data)
    out[block + at : block + at + len(new)] = new
    if sums:
        out[block + 148 : block + 156] = b" " * 8
        out[block + 148 : block + 156] = b"%06o\0 " % sum(out[block : block + 512])
    return bytes(out)


SIMPLE = making.tar({"a": b"x" * 600, "b": b"y"}, form=tarfile.USTAR_FORMAT)
LONG = making.tar({"n" * 200: b"x"}, form=tarfile.GNU_FORMAT)
PAX = making.tar({"n" * 200: b"x"})


@pytest.mark.parametrize("data, says", [
    (patched(SIMPLE, 124, b"77777777777\0"), "offset 0: a member of 8589934591 bytes"),
    (patched(SIMPLE, 124, b"\x80" + b"\xff" * 11), "offset 0: a member of"),
    (patched(SIMPLE, 124, b"\xff" * 12), "offset 0: a member of -1 bytes"),
    (patched(SIMPLE, 124, b"rubbish"), "offset 0: a header with a bad number"),
    (patched(SIMPLE, 136, b"99999999999\0"), "offset 0: a header with a bad number"),
    (patched(SIMPLE, 100, b"0\xff\xff"), "offset 0: a header with a bad number"),
    (patched(SIMPLE, 0, b"zzz", 1536, sums=False), "offset 1536: not a tar header"),
    (SIMPLE[:1700], "offset 1536: a header is cut off"),
    (SIMPLE[:1000], "offset 0: a member of 600 bytes reaches beyond"),
    (patched(LONG, 124, b"77777777777\0"), "offset 0: an extended header of"),
    (patched(PAX, 124, b"00010000000\0"), "offset 0: an extended header of"),
    (patched(PAX, 0, b"9999 path=x\n", 512, sums=False), "offset 512: a bad record"),
    (patched(PAX, 0, b"0 path=xxx\n", 512, sums=False), "offset 512: a bad record"),
    (patched(PAX, 0, b"-5 path=xx\n", 512, sums=False), "offset 512: a bad record"),
])
def test_hostile(data, says):
    with contract.fails(f"test.img: {says}"):
        read(data)


@pytest.mark.parametrize("headers", [
    {"size": "1" * 30}, {"size": "-1"}, {"size": "abc"}, {"mtime": "nan"}, {"mtime": "inf"}, {"mtime": "x"},
    {"GNU.sparse.map": "0,5,3,5", "GNU.sparse.size": "10"}, {"GNU.sparse.map": "0", "GNU.sparse.size": "10"},
    {"GNU.sparse.map": "0,5", "GNU.sparse.size": "3"}, {"GNU.sparse.map": "x,5", "GNU.sparse.size": "30"},
    {"GNU.sparse.map": "0,999", "GNU.sparse.size": "2000"}, {"GNU.sparse.map": "0,1"},
    {"GNU.sparse.map": "", "GNU.sparse.size": "9" * 20}, {"GNU.sparse.major": "1", "GNU.sparse.realsize": "5"},
])
def test_hostile_pax(headers):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("x")
        info.size = 20
        info.pax_headers = headers
        archive.addfile(info, io.BytesIO(b"7\n" * 10))
    with contract.fails(r"test.img: offset \d+: "):
        read(out.getvalue())


def test_a_bomb_is_bounded(monkeypatch, tmp_path):
    monkeypatch.setattr(inflate, "MOST", 1 << 20)
    data = making.tar({"zeros": bytes(4 << 20)}, "w:gz")
    with contract.fails(r"test.img: offset \d+: more than"):
        read(data)


def test_zeros_take_no_room(tmp_path):
    (tmp_path / "x").write_bytes(making.tar({"zeros": bytes(16 << 20)}, "w:gz"))
    server = HostImage(str(tmp_path / "x")).server()
    import os
    image = server.close.__self__
    assert os.fstat(image.store._fd).st_blocks * 512 < 1 << 20
    door = contract.Door(server)
    assert door.read(door.open_at("zeros", 0), 99, 9 << 20) == bytes(99)
    server.close()


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(image_, "ROOM", 100_000)
    with contract.fails("test.img: offset .*: more files than fit"):
        read(making.tar({f"f{i}": b"" for i in range(300)}))
    with contract.fails("test.img: offset .*: more files than fit"):
        read(making.tar({"a/" * 250: None}))


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2"])
def test_compressed_data_that_is_cut_off_or_bad(mode):
    data = making.tar({"a": bytes(range(256)) * 1000}, mode)
    for bad in (data[:-20], data[: len(data) // 2], data[: len(data) // 2] + b"\xff" * 40 + data[len(data) // 2 + 40 :]):
        with contract.fails(r"test.img: offset \d+: "):
            read(bad)
    assert door_of(data + bytes(512)).names("") == {"a"}  # padding


def test_compressed_in_several_parts():
    import gzip
    data = making.tar({"a": b"1" * 5000})
    assert door_of(gzip.compress(data[:3000]) + gzip.compress(data[3000:])).contents("a") == b"1" * 5000


@pytest.mark.skipif(not shutil.which("tar"), reason="no tar on this host")
@pytest.mark.parametrize("how", [["--format=gnu"], ["--format=posix"], ["--format=ustar"], ["--format=v7"],
                                 ["--format=gnu", "--sparse"], ["--format=posix", "--sparse"],
                                 ["--format=posix", "--sparse", "--sparse-version=0.0"],
                                 ["--format=posix", "--sparse", "--sparse-version=0.1"]])
def test_what_gnu_tar_writes(how, tmp_path):
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    with (top / "holes").open("wb") as file:
        for i in range(40):
            file.seek(i * 100_000)
            file.write(b"data %d" % i)
        file.truncate(5_000_000)
    (top / "sub" / "plain").write_bytes(b"x" * 1000)
    (top / "sub" / "link").symlink_to("plain")
    subprocess.run(["tar", *how, "-cf", tmp_path / "t.tar", "-C", top, "."], check=True)
    server = HostImage(str(tmp_path / "t.tar")).server()
    door = contract.Door(server)
    fid = door.open_at("holes", 0)
    data = b"".join(door.read(fid, 1 << 20, at) for at in range(0, 6 << 20, 1 << 20))
    assert data == (top / "holes").read_bytes()
    assert door.contents("sub/link") == b"x" * 1000
    server.close()


def test_mutations():
    """Whatever the bytes: a tree or a PlanError, and all of the tree can be read."""
    import random
    chance = random.Random(9)
    seeds = [SIMPLE[:3000], LONG[:2600], PAX[:2600], making.tar({"a": b"1", "b": None, "l": member("l", SYM, "a")}),
             making.tar({"a": b"hello" * 50}, "w:gz"), making.tar({"a": b"hello" * 50}, "w:xz")]
    for i in range(3000):
        data = bytearray(seeds[i % len(seeds)])
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice((0, 0xFF, 0x80, 0x30, chance.randrange(256)))
        if i % 2 and data[:2] not in (b"\x1f\x8b", b"\xfd7"):
            for block in range(0, len(data) - 511, 512):  # so that more than checksums is tried
                data[block + 148 : block + 156] = b" " * 8
                data[block + 148 : block + 156] = b"%06o\0 " % sum(data[block : block + 512])
        try:
            tree = read(bytes(data))
        except PlanError:
            continue
        making.read_all(tree)
