"""Streams that the host lends: files, pipes, devices and terminals."""

from __future__ import annotations

import os
import pty
import termios

import pytest

from vx9.fs.dir import ORDWR, OREAD, OWRITE
from vx9.fs.errors import PlanError
from vx9.kernel import devtab
from vx9.kernel.kernel import Kernel


@pytest.fixture
def k():
    kernel = Kernel()
    yield kernel
    kernel.stop()


class Stream:
    def __init__(self, kernel, host_fd, fd):
        self.k, self.p = kernel, kernel.boot
        self.c = kernel.call(devtab.stdio, kernel, self.p, host_fd, fd)

    def __getattr__(self, name):
        return lambda *args: self.k.call(getattr(self.c, name), self.p, *args)

    def close(self):
        self.k.call(self.c.close)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    fd = os.open(path, os.O_RDWR)
    yield fd
    os.close(fd)


def test_a_file_goes_on_where_the_host_was(k, file):
    os.lseek(file, 3, 0)
    s = Stream(k, file, 0)
    assert s.c.offset == 3 and s.read(2) == b"34" and s.c.offset == 5
    assert s.stat().type == ord("M") and s.stat().length == 10
    s.close()
    assert os.read(file, 2) == b"56", "and leaves it where it stopped"


def test_seeking_in_a_file(k, file):
    s = Stream(k, file, 3)
    assert s.c.mode == ORDWR
    assert s.seek(8, 0) == 8 and s.read(10) == b"89" and s.read(10) == b""
    assert s.read(2, 1) == b"12" and s.c.offset == 10
    assert s.seek(-1, 2) == 9 and s.write(b"xy") == 2 and s.c.offset == 11
    assert os.pread(file, 20, 0) == b"012345678xy"
    s.close()


def test_two_streams_of_one_file_do_not_overwrite_each_other(k, file):
    out, err = Stream(k, file, 1), Stream(k, file, 2)
    assert (out.c.mode, err.c.mode) == (OWRITE, OWRITE)
    for text in (b"out1", b"out2"):
        out.write(text)
        err.write(text.replace(b"out", b"ERR"))
    assert os.pread(file, 100, 0) == b"out1ERR1out2ERR2"
    out.close()
    err.close()


def test_pipes(k):
    r, w = os.pipe()
    s, t = Stream(k, r, 0), Stream(k, w, 1)
    os.close(w)
    assert chr(s.stat().type) == "|"
    t.write(b"hello")
    assert s.read(100) == b"hello"
    with pytest.raises(PlanError, match="seek on a stream"):
        s.seek(0, 0)
    t.close()
    assert s.read(100) == b"" and s.read(100) == b""
    s.close()
    os.close(r)


def test_writing_to_a_pipe_that_nobody_reads(k):
    r, w = os.pipe()
    t = Stream(k, w, 1)
    os.close(r)
    with pytest.raises(PlanError, match="i/o on hungup channel"):
        t.write(b"x")
    t.close()
    os.close(w)


def test_the_null_device(k):
    fd = os.open("/dev/null", os.O_RDWR)
    s = Stream(k, fd, 0)
    assert s.read(10) == b"" and chr(s.stat().type) == "c"
    s.close()
    os.close(fd)


def test_a_descriptor_that_is_not_open(k):
    r, w = os.pipe()
    os.close(r)
    os.close(w)
    with pytest.raises(PlanError):
        Stream(k, r, 0)


def test_a_terminal_is_the_console(k):
    master, slave = pty.openpty()
    try:
        s, t = Stream(k, slave, 0), Stream(k, slave, 1)
        assert s.c.path == t.c.path == "/dev/cons" and chr(s.stat().type) == "c"
        os.write(master, b"typed\nmore\n")
        assert s.read(100) == b"typed\n" and s.read(100) == b"more\n"
        os.write(master, b"\x04")
        assert s.read(100) == b"", "^D"
        t.write(b"shown")
        shown = b""
        while b"shown" not in shown:
            shown += os.read(master, 100)
        ctl = k.call(k.boot.ns.open, k.boot, "/dev/consctl", OWRITE)
        k.call(ctl.write, k.boot, b"rawon")
        assert not termios.tcgetattr(slave)[3] & termios.ICANON
        os.write(master, b"\x04")
        assert s.read(100) == b"\x04"
        k.call(ctl.close)
        assert termios.tcgetattr(slave)[3] & termios.ICANON
        s.close()
        t.close()
    finally:
        os.close(master)
        os.close(slave)


def test_modes(k, file):
    s = Stream(k, file, 0)
    assert s.c.mode == OREAD
    with pytest.raises(PlanError, match="inappropriate use of fd"):
        s.write(b"x")
    s.close()
