"""ISO 9660 images: whose names count, and what nobody should write."""

from __future__ import annotations

import importlib.util
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from vx9.fs.dir import DMAPPEND, DMDIR
from vx9.fs.errors import PlanError
from vx9.fs.hostimage import HostImage
from vx9.fs.image import BADNAMES, DEVICES, OUTSIDE
from vx9.fs.imagefs import ImageFS, read_tree
from vx9.fs.isofs import lowered


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"fs_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


contract, making = load("contract"), load("imagemaking")
File, folder, iso = making.File, making.folder, making.iso


def read(data: bytes):
    return read_tree(making.Bytes(data), making.Room())


def door_of(*arguments, **more):
    return contract.Door(ImageFS(read(iso(*arguments, **more))))


def test_plan9_names_owners_and_modes():
    door = door_of(folder("",
        File("README", b"F000001", b"long", uid="ken", gid="bell", mode=0o664),
        File("log", data=b"", mode=DMAPPEND | 0o622),
        folder("Long Folder Name é", File("x" * 150, b"F000002", b"deep"), iso=b"D000001", mode=DMDIR | 0o700,
               uid=contract.USER),
        File("plain", data=b"p", full=False)), "plan9")
    assert door.names("") == {"README", "log", "Long Folder Name é", "plain"}
    assert door.contents("README") == b"long" and door.contents("Long Folder Name é/" + "x" * 150) == b"deep"
    d = door.stat(door.at("README"))
    assert (d.uid, d.gid, d.mode, d.mtime) == ("ken", "bell", 0o664, making.MTIME)
    d = door.stat(door.at("log"))
    assert d.mode == DMAPPEND | 0o622 and d.qid.type == 0x40
    assert door.stat(door.at("Long Folder Name é")).mode == DMDIR | 0o700


@pytest.mark.parametrize("name, shown", [
    (b"HELLO.TXT;1", "hello.txt"), (b"HELLO.;1", "hello"), (b"HELLO", "hello"), (b"Mixed.C;12", "Mixed.C"),
    (b"a;b", "a;b"), (b";1", ""), (b".", "."), ("É.C".encode(), "é.c"), (b"\xff", "\udcff")])
def test_plain_names(name, shown):
    assert lowered(name) == shown


def test_conform_map():
    text = b"D000000 Long Folder\nF000000 Makefile.orig\nF000001 ../evil\nF000002 taken\nrubbish\nF000003 \n"
    door = door_of(folder("", File("_conform.map", data=text), File("f000000", data=b"a"), File("f000001", data=b"b"),
                          File("f000002", data=b"c"), File("taken", data=b"d"), File("f000003", data=b"e"),
                          folder("d000000", File("f000000", data=b"f"))))
    assert door.names("") == {"_conform.map", "Makefile.orig", "f000001", "f000002", "taken", "f000003", "Long Folder"}
    assert door.contents("Long Folder/Makefile.orig") == b"f" and door.contents("taken") == b"d"


def test_who_wins():
    tree = {"Some Name": b"x"}
    assert door_of(tree, "plan9", joliet=True).names("") == {"Some Name"}
    assert door_of(tree, "rock", joliet=True).names("") == {"Some Name"}
    assert door_of(tree, joliet=True).names("") == {"Some Name"}
    assert door_of(tree).names("") == {"some name"}


def px(mode: int) -> bytes:
    return b"PX" + bytes((36, 1)) + b"".join(map(making.both32, (mode, 1, 7, 8)))


def nm(name: bytes, flags: int = 0) -> bytes:
    return b"NM" + bytes((5 + len(name), 1, flags)) + name


def sl(*parts: tuple[int, bytes]) -> bytes:
    body = b"".join(bytes((flags, len(text))) + text for flags, text in parts)
    return b"SL" + bytes((5 + len(body), 1, 0)) + body


def rocky(name: str, area: bytes, data: bytes | None = b"") -> File:
    return File(name, data=data, area=area + bytes(len(area) & 1))


def test_rock_ridge():
    stamp = bytes((99, 1, 2, 3, 4, 5, 0))
    door = door_of(folder("",
        rocky("f", px(0o100640) + nm(b"long ", 1) + nm(b"name") + b"TF" + bytes((12, 1, 2)) + stamp, b"1"),
        rocky("l", px(0o120777) + nm(b"link") + sl((1, b"long"), (0, b" name"))),
        rocky("u", px(0o120777) + nm(b"up") + sl((2, b""), (4, b""), (0, b"x"))),
        rocky("r", px(0o120777) + nm(b"abs") + sl((8, b""), (0, b"link"))),
        rocky("dev", px(0o020666) + nm(b"null") + b"PN" + bytes((20, 1)) + bytes(16))), "rock")
    assert door.names("") == {"long name", "link", "abs"}
    assert door.server.tree.left_out == {OUTSIDE: 1, DEVICES: 1}
    d = door.stat(door.at("long name"))
    assert (d.mode, d.uid, d.gid, d.mtime) == (0o640, "7", "8", 915246245)
    assert door.at("abs").qid == door.at("link").qid == d.qid


def test_continuations():
    name = b"n" * 200
    more = File("more", data=nm(name) + px(0o100600))
    ce = b"CE" + bytes((28, 1)) + b"".join(map(making.both32, (20, 0, len(more.data))))
    root = folder("", more, rocky("f", ce))
    assert iso(root, "rock") and more.start == 18
    ce = b"CE" + bytes((28, 1)) + b"".join(map(making.both32, (18, 0, len(more.data))))
    assert door_of(folder("", more, rocky("f", ce)), "rock").names("") == {"more", "n" * 200}
    circle = File("more", data=ce)
    ce = b"CE" + bytes((28, 1)) + b"".join(map(making.both32, (18, 0, len(ce))))
    with contract.fails("test.img: offset .*never end"):
        door_of(folder("", circle, rocky("f", ce)), "rock")


def test_moved_folders():
    """A folder too deep for ISO 9660 lies elsewhere and is shown where it was."""
    deep = folder("deep", File("inside", data=b"x"))
    root = folder("", folder("rr_moved", deep), rocky("here", b""))
    iso(root, "rock")
    cl = b"CL" + bytes((12, 1)) + making.both32(deep.start)
    deep.area = making.rock_area(deep) + b"RE\x04\x01"
    root.children[1] = rocky("here", cl + nm(b"Here"))
    door = door_of(root, "rock")
    assert door.contents("Here/inside") == b"x" and door.names("rr_moved") == set()


def test_files_in_pieces():
    root = folder("", File("big", data=b"a" * 2048, flags=0x80), File("big", data=b"b" * 100), File("c", data=b"c"),
                  File("empty", data=b""))
    door = door_of(root)
    assert door.contents("big") == b"a" * 2048 + b"b" * 100 and door.names("") == {"big", "c", "empty"}
    assert door.read(door.open_at("big", 0), 4, 2046) == b"aabb"


def test_big_folders():
    door = door_of({f"file{i:05}": b"" for i in range(3000)}, "plan9")
    assert len(door.names("")) == 3000


# Hostile images

@pytest.mark.parametrize("name", ["..", ".", "a/b", "/", "x\0y", "x" * 1 + "/.."])
@pytest.mark.parametrize("style", ["plan9", "rock", "joliet"])
def test_bad_names(name, style):
    bad = File(name, b"" if style == "joliet" else b"BAD", b"x", area=nm(name.encode()) if style == "rock" else None)
    if style == "joliet":
        bad.iso = name.encode("utf-16-be")
    tree = read(iso(folder("", bad, File("ok", data=b"", iso="ok".encode("utf-16-be") if style == "joliet" else b"")),
                    "plain" if style == "joliet" else style, joliet=style == "joliet"))
    assert set(tree.root.children) == {"ok"} and tree.left_out == {BADNAMES: 1}


def circle(up: int = 0) -> bytes:
    """A folder that says it is its parent."""
    inner = folder("inner")
    root = folder("", folder("outer", inner))
    data = bytearray(iso(root, "plan9"))
    block = root.start if up else root.children[0].start
    outer = root.children[0].start
    at = data.index(b"INNER", outer * 2048) - 33
    struct.pack_into("<I", data, at + 2, block)
    return bytes(data)


GOOD = iso({"a": b"hello", "sub/b": b"x"}, "plan9")
ROOT = struct.unpack_from("<I", GOOD, 16 * 2048 + 158)[0] * 2048
A = GOOD.index(b"\1A\0\3sys", ROOT) - 32 if b"\1A\0\3sys" in GOOD else GOOD.index(b"A\0\3sys", ROOT) - 33


def patched(at: int, form: str, value: int, data: bytes = GOOD) -> bytes:
    out = bytearray(data)
    struct.pack_into(form, out, at, value)
    return bytes(out)


@pytest.mark.parametrize("data, says", [
    (circle(), "a folder that is in two places"), (circle(1), "a folder that is in two places"),
    (patched(A + 2, "<I", 1 << 31), "a file of 5 bytes reaches"),
    (patched(A + 10, "<I", 0xFFFFFFFF), "a file of 4294967295 bytes reaches"),
    (patched(A, "B", 20), "an entry of a folder that is too short"),
    (patched(A + 32, "B", 250), "an entry of a folder whose name is too long"),
    (patched(A + 32, "B", 0), "an entry of a folder whose name is too long"),
    (patched(A + 35, "B", 200), "an entry whose Plan 9 fields are cut off"),
    (patched(A + 25, "B", 2), "an entry that is a file and a folder"),
    (patched(16 * 2048 + 166, "<I", 0x7FFFFFFF), "a folder of 2147483647 bytes"),
    (patched(16 * 2048 + 158, "<I", 0x7FFFFFFF), "a folder reaches beyond"),
    (patched(16 * 2048 + 128, "<H", 4096), "a volume with blocks of 4096"),
    (patched(16 * 2048, "B", 3), "no primary volume descriptor"),
    (patched(17 * 2048 + 1, "B", 3), "not a volume descriptor"),
    (GOOD[: 17 * 2048], "a volume descriptor reaches beyond"),
    (GOOD[:ROOT], "a folder reaches beyond|a folder of"),
])
def test_hostile(data, says):
    with contract.fails(rf"test.img: offset -?\d+: ({says})"):
        read(data)


def test_depth():
    with contract.fails("test.img: offset .*more than 256 folders"):
        read(iso({"a/" * 260 + "x": b""}, "plan9"))


def test_mutations():
    """Whatever the bytes: a tree or a PlanError, and all of the tree can be read."""
    chance = random.Random(9)
    tree = {"Name": b"hello", "sub/b": b"x", "sub/deep/c": b"y" * 3000}
    seeds = [iso(tree, "plan9"), iso(tree, "rock"), iso(tree, joliet=True),
             iso({"_conform.map": b"F000000 Long\n", "f000000": b"x"}),
             iso(folder("", rocky("f", px(0o100640) + nm(b"long name") + sl((1, b"a"), (0, b"b")), b"1")), "rock")]
    good = 0
    for i in range(4000):
        data = bytearray(seeds[i % len(seeds)])
        top = struct.unpack_from("<I", data, 16 * 2048 + 158)[0] * 2048
        for _ in range(chance.randint(1, 5)):
            start = chance.choice((16 * 2048, 17 * 2048, top, top, top - 2048, 18 * 2048))
            at = start + chance.randrange(300)
            if at < len(data):
                data[at] = chance.choice((0, 0xFF, 0x80, chance.randrange(256)))
        try:
            read_ = read(bytes(data))
        except PlanError:
            continue
        good += making.read_all(read_) > 0
    assert good > 100


TOOLS = [tool for tool in ("genisoimage", "xorrisofs") if shutil.which(tool)]


@pytest.mark.parametrize("options", [["-R"], ["-J"], [], ["-R", "-J"]], ids=" ".join)
def test_what_other_writers_write(options, tmp_path, demand):
    if not TOOLS:
        demand("genisoimage or xorrisofs")
    top = tmp_path / "top"
    deep = top.joinpath(*"abcdefghij")
    deep.mkdir(parents=True)
    (deep / "end").write_bytes(b"deep")
    (top / "file.txt").write_bytes(b"x" * 5000)
    if "-R" in options:
        (top / "link").symlink_to("file.txt")
        (top / ("long" * 50)).write_bytes(b"long")
    for tool in TOOLS:
        image = tmp_path / f"{tool}.iso"
        done = subprocess.run([tool, "-quiet", "-D" if "-R" not in options else "-r", *options, "-o", image, top],
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        server = HostImage(str(image)).server()
        door = contract.Door(server)
        assert door.contents("file.txt") == b"x" * 5000
        assert door.contents("a/b/c/d/e/f/g/h/i/j/end") == b"deep"
        if "-R" in options:
            assert door.contents("link") == b"x" * 5000 and door.contents("long" * 50) == b"long"
        server.close()
