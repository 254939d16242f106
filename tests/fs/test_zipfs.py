"""Zip archives: what other zips write, and what nobody should write."""

from __future__ import annotations

import importlib.util
import io
import random
import struct
import sys
import zipfile
from pathlib import Path

import pytest

from vx9.fs.dir import DMDIR
from vx9.fs.errors import PlanError
from vx9.fs.image import BADNAMES, DEVICES, OUTSIDE, TWICE
from vx9.fs.imagefs import ImageFS, read_tree


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"fs_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


contract, making = load("contract"), load("imagemaking")


def read(data: bytes):
    return read_tree(making.Bytes(data), making.Room())


def door_of(data: bytes):
    return contract.Door(ImageFS(read(data), contract.USER))


def test_modes_times_and_links():
    door = door_of(making.zip_({"bin/run": (0o100755, b"1"), "to": (0o120777, b"bin/run"), "out": (0o120777, b"../x"),
                                "fifo": (0o010644, b""), "dir": None, "none": (0o120777, b"")}))
    assert door.stat(door.at("bin/run")).mode == 0o755 and door.contents("to") == b"1"
    assert door.stat(door.at("dir")).mode == DMDIR | 0o755
    assert door.stat(door.at("bin/run")).mtime == making.MTIME
    assert door.server.tree.left_out == {OUTSIDE: 1, DEVICES: 1, BADNAMES: 1}


def test_without_unix_modes():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("f", "d/"):
            info = zipfile.ZipInfo(name)
            info.create_system = 0
            archive.writestr(info, b"")
    door = door_of(out.getvalue())
    assert door.stat(door.at("f")).mode == 0o644 and door.stat(door.at("d")).mode == DMDIR | 0o755


@pytest.mark.parametrize("name", ["é", "x" * 1000, "a b", "日本"])
def test_names(name):
    assert door_of(making.zip_({name: b"1"})).contents(name) == b"1"


def test_names_of_dos():
    data = making.zip_({"caf1": b"x"}).replace(b"caf1", b"caf\x82")
    assert door_of(data).names("") == {"café"}


@pytest.mark.parametrize("name, why", [("../x", BADNAMES), ("..", BADNAMES), ("a/../b", BADNAMES), ("x" * 1100, BADNAMES),
                                       ("/", TWICE), ("file/x", TWICE), ("a/" * 260, BADNAMES)])
def test_bad_names(name, why):
    tree = read(making.zip_({"file": b"", name: b"x"}))
    if name == "/":
        assert not tree.left_out
    elif name.endswith("/"):
        assert tree.left_out == {why: 1}
    else:
        assert tree.left_out == {why: 1} and set(tree.root.children) == {"file"}


def test_comment_and_program_in_front():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", b"data")
        archive.comment = b"PK\5\6 and more"
    assert door_of(out.getvalue()).contents("a") == b"data"
    assert door_of(b"#!/bin/sh\n" * 99 + making.zip_({"a": b"data"})).contents("a") == b"data"


def test_zip64():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w", force_zip64=True) as file:
        file.write(b"long")
    data = out.getvalue()
    assert door_of(data).contents("a") == b"long"
    # The same with all numbers in the fields of zip64, and its end records.
    at = data.index(b"PK\1\2")
    entry = bytearray(data[at : data.index(b"PK\5\6")])
    packed, length = struct.unpack_from("<2I", entry, 20)
    entry[20:28] = b"\xff" * 8
    entry[42:46] = b"\xff" * 4
    extra = struct.pack("<2H3Q", 1, 24, length, packed, 0)
    entry[30:32] = struct.pack("<H", len(extra))
    directory = bytes(entry[: 46 + 1]) + extra
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), at)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at + len(directory), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert door_of(data[:at] + directory + end64 + locator + end).contents("a") == b"long"
    with contract.fails("test.img: offset .*not the end"):
        read(data[:at] + directory + end64.replace(b"PK", b"XX") + locator + end)


ONE = making.zip_({"a": b"hello" * 20})
LOCAL, ENTRY, END = 0, ONE.index(b"PK\1\2"), ONE.index(b"PK\5\6")


def patched(*changes: tuple[int, str, int], data: bytes = ONE) -> bytes:
    out = bytearray(data)
    for at, form, value in changes:
        struct.pack_into(form, out, at, value)
    return bytes(out)


@pytest.mark.parametrize("data, says", [
    (patched((END + 12, "<I", 1 << 31)), "a central directory of"),
    (patched((END + 16, "<I", 1 << 31)), "a central directory beyond"),
    (patched((END + 10, "<H", 99)), "a central directory of"),
    (patched((END + 4, "<H", 1)), "one of several disks"),
    (patched((ENTRY, "<H", 0)), "not an entry"),
    (patched((ENTRY + 28, "<H", 999)), "not an entry"),
    (patched((ENTRY + 42, "<I", 1 << 30)), "a file's header reaches beyond"),
    (patched((ENTRY + 42, "<I", 7)), "not a file's header"),
    (patched((ENTRY + 20, "<I", 1 << 30)), "a file of 1073741824 bytes reaches"),
    (patched((ENTRY + 24, "<I", 1 << 30)), r"\d+ bytes cannot hold"),
    (patched((ENTRY + 10, "<H", 0)), "a stored file of two lengths"),
    (patched((ENTRY + 24, "<I", 0xFFFFFFFF)), r"\d+ bytes cannot hold"),
    (patched((LOCAL + 28, "<H", 60000)), r"a file of \d+ bytes reaches"),
])
def test_hostile(data, says):
    with contract.fails(rf"test.img: offset \d+: {says}"):
        read(data)


@pytest.mark.parametrize("change, says", [
    ((ENTRY + 16, "<I", 1), "a file does not match"), ((ENTRY + 24, "<I", 99), "a file is"),
    ((ENTRY + 24, "<I", 101), "a file is not as long"), ((ENTRY + 8, "<H", 1), "the file is encrypted"),
    ((ENTRY + 10, "<H", 93), "compressed by an unknown method, 93"), ((LOCAL + 31, "<I", 0xFFFFFFFF), "bad deflate"),
    ((ENTRY + 20, "<I", 9), "deflate data ends early")])
def test_hostile_contents(change, says):
    door = door_of(patched(change))
    for _ in range(2):
        with contract.fails(rf"test.img: offset \d+: {says}"):
            door.contents("a")
    assert door.names("") == {"a"}


def test_overlap():
    """Many entries over one piece of data: what makes the worst of bombs."""
    entry, end = ONE[ENTRY:END], bytearray(ONE[END:])
    struct.pack_into("<2H2I", end, 8, 50, 50, 50 * len(entry), ENTRY)
    with contract.fails("test.img: offset 0: files that overlap"):
        read(ONE[:ENTRY] + entry * 50 + bytes(end))


def test_the_store_is_bounded():
    tree = read_tree(making.Bytes(making.zip_({"a": bytes(1 << 16), "b": bytes(1 << 16)})), making.Room(100_000))
    door = contract.Door(ImageFS(tree))
    assert door.contents("a") == bytes(1 << 16)
    with contract.fails("file system full"):
        door.contents("b")
    assert door.contents("a") == bytes(1 << 16)


def test_mutations():
    """Whatever the bytes: a tree or a PlanError, and what can be read is read."""
    chance = random.Random(9)
    seeds = [ONE, making.zip_({"a": b"1", "d": None, "d/x": b"2" * 99, "l": (0o120777, b"d/x")}),
             making.zip_({"a": b"1" * 99, "b": b""}, zipfile.ZIP_BZIP2), making.zip_({"a": b"1" * 99}, zipfile.ZIP_STORED)]
    good = 0
    for i in range(4000):
        data = bytearray(seeds[i % len(seeds)])
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice((0, 0xFF, 0x80, chance.randrange(256)))
        try:
            tree = read(bytes(data))
        except PlanError:
            continue
        good += making.read_all(tree) > 0
    assert good > 100
