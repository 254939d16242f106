"""A tree as the root: what is mounted, where, and that little of it is looked at."""

from __future__ import annotations

import struct
from collections import Counter

import pytest

from vx9.fs.dir import ORDWR
from vx9.fs.errors import PlanError
from vx9.fs.ramfs import RamFS
from vx9.kernel import boot as booting
from vx9.kernel.dialect import BELL, NINEFRONT
from vx9.kernel.kernel import Kernel

TREE = {"386/bin/echo": b"echo", "rc/bin/hi": b"hi", "lib/hello": b"hello\n",
        "usr/glenda/tmp/x": b"", "mnt/a/b": b"", "adm/timezone/local": b"GMT 0\n"}
FILE = "mount -aC #s/boot /root $rootspec\nbind -a $rootdir /\nbind #c /dev\ncd /usr/$user\n"


async def nothing(_kernel: Kernel) -> None:
    pass


class Counting(RamFS):
    """Counts what is done to it."""

    def __init__(self) -> None:
        super().__init__("glenda")
        self.did: Counter[str] = Counter()

    async def readdir(self, fid):
        self.did["readdir"] += 1
        return await super().readdir(fid)

    async def walk(self, fid, names):
        self.did["walk"] += 1
        return await super().walk(fid, names)


@pytest.fixture
def boot():
    """boot(files, namespace=None, dialect=None) -> (kernel, folder at the end, lines told)."""
    kernels = []

    def make(files, namespace=None, spoken=None):
        kernel = Kernel(first_names=nothing, places=())
        kernels.append(kernel)
        kernel.set_env("user", "glenda")
        kernel.set_env("cputype", "386")
        fs = Counting()
        for name, data in files.items():
            fs.put(name, data)
        told: list[str] = []
        kernel.tree = fs
        folder = kernel.call(booting.boot, kernel, fs, spoken, namespace, told.append, None)
        return kernel, folder, told

    yield make
    for kernel in kernels:
        kernel.stop()


def names(kernel: Kernel, folder: str) -> set[str]:
    async def listed():
        c = await kernel.boot.ns.open(kernel.boot, folder, 0)
        try:
            return {d.name for d in await c.readdir(kernel.boot)}
        finally:
            await c.close()

    return kernel.call(listed)


def test_without_a_file(boot):
    kernel, folder, told = boot(TREE)
    assert (folder, told) == ("/", [])
    assert names(kernel, "/bin") == {"echo", "hi"}
    assert {"386", "lib", "usr", "dev", "proc"} <= names(kernel, "/")
    assert names(kernel, "/mnt") == {"a"} and names(kernel, "/tmp") == {"x"}
    assert {"cons", "null"} <= names(kernel, "/dev") and "boot" in names(kernel, "/srv")
    assert kernel.boot.env.find("timezone").value == b"GMT 0\n"


def test_the_trees_file(boot):
    kernel, folder, told = boot({**TREE, "lib/namespace": FILE.encode()})
    assert (folder, told) == ("/usr/glenda", [])
    assert names(kernel, "/bin") == set(), "the file does not say so"
    assert names(kernel, "/root") >= {"386", "lib"}
    assert names(kernel, "/tmp") == {"x"}


def test_a_file_that_leaves_the_root_to_us(boot):
    kernel, _, told = boot({**TREE, "lib/namespace": b"bind /rc/bin /bin\nbind -c #e /env\n"})
    assert told == [] and names(kernel, "/bin") == {"hi"} and "lib" in names(kernel, "/")


def test_a_file_given_instead(boot):
    kernel, _, told = boot({**TREE, "lib/namespace": FILE.encode()}, ("mine", "bind #p /lib\nx\n"))
    assert told[0].startswith("mine:2: x: unknown operation")
    assert "hello" not in names(kernel, "/lib")


def test_a_folder_that_is_no_tree(boot):
    kernel, folder, told = boot({"file": b"x", "bin/own": b""})
    assert (folder, told) == ("/", []) and names(kernel, "/bin") == {"own"}
    assert {"file", "dev", "tmp"} <= names(kernel, "/")
    assert names(kernel, "/tmp") == set()


def test_the_dialect(boot):
    assert boot({**TREE, "386/bin/hjfs": b""})[0].dialect is NINEFRONT
    kernel = boot({**TREE, "386/bin/hjfs": b""}, spoken=BELL)[0]
    assert kernel.dialect is BELL and kernel.boot.ns.dialect is BELL


def test_little_is_looked_at(boot):
    many = {f"sys/src/cmd/prog{i}/main.c": b"" for i in range(500)}
    kernel = boot({**TREE, **many, "lib/namespace": FILE.encode()})[0]
    assert kernel.tree.did["readdir"] == 0
    assert kernel.tree.did["walk"] < 100


def test_boot_is_a_9p_channel_too(boot):
    kernel, _, _ = boot(TREE)

    async def talk():
        c = await kernel.boot.ns.open(kernel.boot, "/srv/boot", ORDWR)
        try:
            version = struct.pack("<IBHIH", 19, 100, 0xFFFF, 8192, 6) + b"9P2000"
            await c.write(kernel.boot, version[:5])
            await c.write(kernel.boot, version[5:])
            reply = await c.read(kernel.boot, 5) + await c.read(kernel.boot, 100)
            assert reply[4] == 101 and reply.endswith(b"9P2000")
            return await c.stat(kernel.boot)
        finally:
            await c.close()

    assert kernel.call(talk).name == "data"


def test_nobody_takes_the_root_away(boot):
    kernel, _, _ = boot(TREE)
    with pytest.raises(PlanError, match="permission denied"):
        kernel.call(kernel.boot.ns.remove, kernel.boot, "/srv/boot")
