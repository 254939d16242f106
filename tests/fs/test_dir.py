"""The stat record and the error strings."""

from __future__ import annotations

import contextlib
import random

import pytest

from vx9.fs import errors
from vx9.fs.dir import (
    DMDIR,
    QTDIR,
    STATFIXLEN,
    Dir,
    DirChange,
    Qid,
    check_name,
    pack_change,
    unpack,
    unpack_all,
    unpack_change,
)
from vx9.fs.errors import PlanError, about, about_last, clip, quote

D = Dir(Qid(0x1122334455667788, 9, QTDIR), DMDIR | 0o755, 1, 2, 0, "nàme", "uid", "gid", "muid",
        ord("c"), 7)


def test_the_record_is_that_of_stat_5():
    empty = Dir(Qid(1, 2, 3), 4, 5, 6, 7, "", "", "", "", 8, 9)
    assert empty.pack().hex() == ("2f00" "0800" "09000000" "03" "02000000" "0100000000000000"
                                  "04000000" "05000000" "06000000" "0700000000000000" + "0000" * 4)
    assert len(empty.pack()) == STATFIXLEN


def test_records_come_back():
    assert unpack(D.pack()) == D
    assert unpack_all(D.pack() * 3) == [D] * 3 and unpack_all(b"") == []


def test_bytes_that_are_no_text_come_back():
    name = b"\xff\x00\xfe".decode("utf-8", "surrogateescape")
    d = Dir(Qid(0), 0, 0, 0, 0, name, "", "", "")
    assert unpack(d.pack()).name == name


def test_numbers_are_cut_to_their_fields():
    d = Dir(Qid(1 << 70 | 5, 1 << 40 | 6, 0x180), 1 << 40, 1 << 33, -1, 1 << 65, "", "", "", "")
    assert unpack(d.pack()).qid == Qid(5, 6, 0x80)


@pytest.mark.parametrize("cut", range(len(D.pack())))
def test_short_records_are_refused(cut):
    with pytest.raises(PlanError, match="malformed stat buffer"):
        unpack(D.pack()[:cut])


def test_lying_records_are_refused():
    record = D.pack()
    chance = random.Random(9)
    for _ in range(3000):
        data = bytearray(record)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        data = bytes(data)[:chance.randrange(len(data) + 1)] if chance.random() < 0.3 else bytes(data)
        with contextlib.suppress(PlanError):
            assert unpack(data).pack() == data
    with pytest.raises(PlanError):
        unpack(record + b"x")
    with pytest.raises(PlanError):
        unpack_all(record + b"x")


def test_a_record_too_long():
    with pytest.raises(PlanError):
        Dir(Qid(0), 0, 0, 0, 0, "x" * 0xFFFF, "y", "", "").pack()


def test_changes():
    assert unpack_change(pack_change(DirChange())) == DirChange()
    assert DirChange().is_sync() and not DirChange(length=0).is_sync()
    change = DirChange(mode=0o644, length=0, name="x", mtime=5, gid="sys")
    assert unpack_change(pack_change(change)) == change


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0"])
def test_bad_names(name):
    with pytest.raises(PlanError, match="bad character in file name"):
        check_name(name)


def test_errors_are_cut_to_127_bytes_between_characters():
    assert str(PlanError("x" * 500)) == "x" * 127
    assert str(PlanError("é" * 100)) == "é" * 63
    assert clip("abc", 2) == "ab" and clip("é", 1) == ""
    for text in (errors.ENONEXIST, "", "'x' permission denied"):
        assert str(PlanError(text)) == text


def test_decoration():
    assert quote("it's") == "'it''s'"
    assert about("/nodir", errors.ENONEXIST) == "'/nodir' file does not exist"
    for name in ("/long" * 100, "é" * 300, "'" * 300, "\udcff" * 300, "/a'" * 90):
        text = about(name, errors.EPERM)
        assert len(text.encode("utf-8", "surrogateescape")) <= 127
        assert text.startswith("'...") and text.endswith("' permission denied")
        assert str(PlanError(text)) == text


@pytest.mark.parametrize("name, shown", [
    ("/" + "y" * 66, "/" + "y" * 66),  # with the message 84 bytes
    ("/" + "y" * 67, "..." + "y" * 32),
    ("y" * 300 + "/", ".../"),
    ("/" + "é" * 300, "..." + "é" * 16),
    ("x" + "é" * 300 + "z", "..." + "é" * 15 + "z"),
    ("/usr/glenda" + "/d" * 100, "..." + "/d" * 33),
    ("/usr/" + "d" * 40 + "/" + "e" * 40, ".../" + "e" * 40),
])
def test_a_long_name_is_shown_from_a_slash_on(name, shown):
    assert about(name, errors.EPERM) == f"'{shown}' permission denied"
    assert about_last(name, errors.EPERM) == f"permission denied: '{shown}'"


def test_every_error_string_fits():
    for name, text in vars(errors).items():
        if name.startswith("E") and isinstance(text, str):
            assert 0 < len(text) < 127 and text == text.strip()
