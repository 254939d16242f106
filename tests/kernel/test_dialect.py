"""Dialects: the table, and how a tree tells whose it is."""

from __future__ import annotations

import pytest

from vx9.fs.ramfs import RamFS
from vx9.kernel import dialect
from vx9.kernel.dialect import BELL, DIALECTS, LEGACY, NINEFRONT, VX9
from vx9.kernel.kernel import Kernel


def guessed(**files: bytes) -> dialect.Dialect:
    """The dialect of a tree of files, "_" for "/" in their names."""
    fs = RamFS("none")
    for name, data in files.items():
        fs.put(name.replace("_", "/"), data)
    coro = dialect.guess(fs)
    with pytest.raises(StopIteration) as stop:
        coro.send(None)
    return stop.value.value


STUB = b"..\xb8\x25\0\0\0\xcd\x40\xc3.."


@pytest.mark.parametrize(("files", "want"), [
    ({}, VX9),
    ({"386_bin_rc": b"nothing known"}, VX9),
    ({"386_bin_rc": b"..#c/pid\0.."}, BELL),
    ({"386_bin_rc": STUB}, BELL),
    ({"386_bin_rc": b"\0/dev/bintime\0"}, NINEFRONT),
    ({"386_bin_rc": b"\0/dev/bintime\0#c/pid\0"}, BELL),  # an older library
    ({"386_bin_rc": b"", "386_bin_ls": b"/dev/bintime"}, NINEFRONT),
    ({"386_bin_rc": b"#c/pid", "386_bin_aux_kbdfs": b""}, NINEFRONT),
    ({"386_bin_rc": b"#c/pid", "rc_bin_sysupdate": b""}, NINEFRONT),
    ({"386_bin_rc": b"#c/pid", "386_bin_git_get": b""}, LEGACY),
    ({"386_bin_rc_x": b"a folder"}, VX9),
])
def test_guess(files, want):
    assert guessed(**files) is want


def test_guessing_does_not_list_the_tree():
    class Watched(RamFS):
        async def readdir(self, fid):
            raise AssertionError("listed")

    fs = Watched("none")
    for i in range(100):
        fs.put(f"386/bin/prog{i}", b"x")
    with pytest.raises(StopIteration):
        dialect.guess(fs).send(None)


def test_every_dialect_has_its_name():
    assert set(DIALECTS) == {"bell", "9legacy", "9front", "vx9"}
    assert all(each.name == name for name, each in DIALECTS.items())
    assert {each.tos_size for each in DIALECTS.values()} == {72, 56}


@pytest.mark.parametrize(("spoken", "text"), [
    (BELL, "'/nope' file does not exist"), (NINEFRONT, "file does not exist: '/nope'")])
def test_a_kernel_speaks_it(spoken, text):
    kernel = Kernel(dialect=spoken)
    try:
        with pytest.raises(Exception, match=text):
            kernel.call(kernel.boot.ns.stat, kernel.boot, "/nope")
        copy = kernel.boot.ns.copy()
        assert copy.dialect is spoken
        kernel.call(copy.close)
    finally:
        kernel.stop()
