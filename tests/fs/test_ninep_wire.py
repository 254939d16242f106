"""The codec of 9P2000: every message, every length that lies."""

from __future__ import annotations

import random
import string
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vx9.fs.dir import Qid
from vx9.fs.errors import ERRMAX
from vx9.fs.ninep import wire
from vx9.fs.ninep.wire import BadMessage, Splitter, pack, unpack

Q = Qid(0x1122334455667788, 0xAABBCCDD, 0x80)
QHEX = "80 ddccbbaa 8877665544332211"
# Written by hand from section 5 of the manual.
SAMPLES = [
    (wire.Tversion(0xFFFF, 8216, "9P2000"), "13000000 64 ffff 18200000 0600 395032303030"),
    (wire.Rversion(0xFFFF, 8216, "9P2000"), "13000000 65 ffff 18200000 0600 395032303030"),
    (wire.Tauth(1, 2, "u", "a"), "11000000 66 0100 02000000 0100 75 0100 61"),
    (wire.Rauth(1, Q), f"14000000 67 0100 {QHEX}"),
    (wire.Tattach(1, 2, wire.NOFID, "u", ""), "14000000 68 0100 02000000 ffffffff 0100 75 0000"),
    (wire.Rattach(1, Q), f"14000000 69 0100 {QHEX}"),
    (wire.Rerror(1, "no"), "0b000000 6b 0100 0200 6e6f"),
    (wire.Tflush(1, 2), "09000000 6c 0100 0200"),
    (wire.Rflush(1), "07000000 6d 0100"),
    (wire.Twalk(1, 2, 3, ("ab", "..")), "19000000 6e 0100 02000000 03000000 0200 0200 6162 0200 2e2e"),
    (wire.Twalk(1, 2, 3, ()), "11000000 6e 0100 02000000 03000000 0000"),
    (wire.Rwalk(1, (Q,)), f"16000000 6f 0100 0100 {QHEX}"),
    (wire.Topen(1, 2, 0x10), "0c000000 70 0100 02000000 10"),
    (wire.Ropen(1, Q, 9), f"18000000 71 0100 {QHEX} 09000000"),
    (wire.Tcreate(1, 2, "f", 0x80000000, 1), "13000000 72 0100 02000000 0100 66 00000080 01"),
    (wire.Rcreate(1, Q, 0), f"18000000 73 0100 {QHEX} 00000000"),
    (wire.Tread(1, 2, 1 << 40, 5), "17000000 74 0100 02000000 0000000000010000 05000000"),
    (wire.Rread(1, b"xyz"), "0e000000 75 0100 03000000 78797a"),
    (wire.Twrite(1, 2, 3, b"q"), "18000000 76 0100 02000000 0300000000000000 01000000 71"),
    (wire.Rwrite(1, 7), "0b000000 77 0100 07000000"),
    (wire.Tclunk(1, 2), "0b000000 78 0100 02000000"),
    (wire.Rclunk(1), "07000000 79 0100"),
    (wire.Tremove(1, 2), "0b000000 7a 0100 02000000"),
    (wire.Rremove(1), "07000000 7b 0100"),
    (wire.Tstat(1, 2), "0b000000 7c 0100 02000000"),
    (wire.Rstat(1, b"ab"), "0b000000 7d 0100 0200 6162"),
    (wire.Twstat(1, 2, b"ab"), "0f000000 7e 0100 02000000 0200 6162"),
    (wire.Rwstat(1), "07000000 7f 0100"),
]


def name(value) -> str:
    return type(value).__name__


@pytest.mark.parametrize(("message", "text"), SAMPLES, ids=lambda v: name(v)[:9])
def test_bytes(message, text):
    data = bytes.fromhex(text)
    assert pack(message) == data
    assert unpack(data) == message and type(unpack(data)) is type(message)


def test_all_27_messages_have_a_sample():
    assert {type(message) for message, _ in SAMPLES} == set(wire.MESSAGES.values())
    assert len(wire.MESSAGES) == 27 and 106 not in wire.MESSAGES


@pytest.mark.parametrize(("message", "text"), SAMPLES, ids=lambda v: name(v)[:9])
def test_no_prefix_and_no_suffix_is_a_message(message, text):
    data = bytes.fromhex(text)
    for length in range(len(data)):
        with pytest.raises(BadMessage):
            unpack(data[:length])
        if length >= wire.HEADER:  # with a size that tells the truth
            with pytest.raises(BadMessage):
                unpack(length.to_bytes(4, "little") + data[4:length])
    for more in (b"\0", b"\0\0", b"x" * 100):
        longer = (len(data) + len(more)).to_bytes(4, "little") + data[4:] + more
        with pytest.raises(BadMessage):
            unpack(longer)
        with pytest.raises(BadMessage):
            unpack(data + more)


@pytest.mark.parametrize("number", [n for n in range(256) if n not in wire.MESSAGES])
def test_other_types_are_refused(number):
    with pytest.raises(BadMessage, match="no message of type"):
        unpack(b"\x07\0\0\0" + bytes([number]) + b"\5\0")


@pytest.mark.parametrize("message", [
    wire.Rerror(1, "a\0b"), wire.Twalk(1, 2, 3, ("x\0",)), wire.Tversion(1, 2, "\0"),
    wire.Twalk(1, 2, 3, ("x",) * 17), wire.Rwalk(1, (Q,) * 17), wire.Rstat(1, bytes(70000)),
    wire.Rerror(1, "x" * 70000), wire.Tclunk(70000, 1), wire.Tclunk(1, -1),
    wire.Tread(1, 2, 1 << 64, 0), wire.Topen(1, 2, 256),
])
def test_what_no_message_can_carry_is_not_packed(message):
    with pytest.raises(BadMessage):
        pack(message)


@pytest.mark.parametrize(("text", "why"), [
    ("19000000 6e 0100 02000000 03000000 1100 0000" + " 00" * 4, "17 elements"),
    ("11000000 6e 0100 02000000 03000000 ffff", "65535 elements"),
    ("15000000 6e 0100 02000000 03000000 0200 0200 6162", "too short"),
    ("0b000000 6b 0100 ffff 6e6f", "longer than its message"),
    ("0b000000 6b 0100 0300 6e6f", "longer than its message"),
    ("0b000000 6b 0100 0200 6e00", "NUL"),
    ("0e000000 75 0100 ffffffff 78797a", "longer than their message"),
    ("0e000000 75 0100 02000000 78797a", "exactly"),
    ("0b000000 7d 0100 0300 6162", "longer than their message"),
    ("18000000 76 0100 02000000 0300000000000000 000000f0 71", "longer than their message"),
])
def test_lengths_that_lie(text, why):
    data = bytes.fromhex(text)
    with pytest.raises(BadMessage, match=why) as caught:
        unpack(len(data).to_bytes(4, "little") + data[4:])
    assert caught.value.tag == 1


def test_a_length_that_reaches_into_the_next_message():
    one = bytes.fromhex("0b000000 6b 0100 0400 6e6f")
    with pytest.raises(BadMessage):
        list(Splitter(8192).feed(one + pack(wire.Rclunk(2))))


def test_names_that_are_not_utf8_survive():
    data = bytes.fromhex("0b000000 6b 0100 0200 fffe")
    assert pack(unpack(data)) == data


# The stream

def stream(messages) -> bytes:
    return b"".join(map(pack, messages))


MESSAGES = [message for message, _ in SAMPLES]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11, 64, 100000])
def test_a_stream_in_pieces_of_any_size(size):
    data, splitter, got = stream(MESSAGES * 3), Splitter(8216), []
    for at in range(0, len(data), size):
        got += splitter.feed(data[at:at + size])
    assert got == MESSAGES * 3 and not splitter.waiting


@pytest.mark.parametrize("size", [0, 1, 6, 8217, 1 << 16, 1 << 31, 0xFFFFFFFF])
def test_sizes_that_are_not_agreed_on(size):
    splitter = Splitter(8216)
    with pytest.raises(BadMessage, match=f"message of {size} bytes"):
        list(splitter.feed(size.to_bytes(4, "little")))
    good = pack(wire.Rclunk(1))
    messages = Splitter(8216).feed(good + size.to_bytes(4, "little") + b"x")
    assert next(messages) == wire.Rclunk(1)  # what came before is good
    with pytest.raises(BadMessage):
        next(messages)
    splitter = Splitter(8216)
    data = size.to_bytes(4, "little")
    for i in range(3):
        assert not list(splitter.feed(data[i:i + 1]))
    with pytest.raises(BadMessage):
        list(splitter.feed(data[3:]))


def test_nothing_is_allocated_by_a_declared_size():
    splitter = Splitter(1 << 30)
    tracemalloc.start()
    try:
        assert list(splitter.feed((1 << 30).to_bytes(4, "little") + b"\x75\0\0")) == []
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_large_message_in_small_pieces_is_cheap():
    data = pack(wire.Rread(1, bytes(1 << 20)))
    splitter = Splitter(1 << 21)
    got = [m for at in range(0, len(data), 64) for m in splitter.feed(data[at:at + 64])]
    assert len(got) == 1 and len(got[0].data) == 1 << 20


# What nobody thought of

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)
U16, U32, U64 = (st.integers(0, (1 << bits) - 1) for bits in (16, 32, 64))
QIDS = st.builds(Qid, U64, U32, st.integers(0, 255))
FIELDS = {"B": st.integers(0, 255), "H": U16, "I": U32, "Q": U64, "string": TEXT, "qid": QIDS,
          "strings": st.lists(TEXT, max_size=16).map(tuple),
          "qids": st.lists(QIDS, max_size=16).map(tuple),
          "data": st.binary(max_size=300), "stat": st.binary(max_size=300)}


def messages():
    from typing import get_type_hints

    def of(kind):
        return st.builds(kind, *(FIELDS[hint.__metadata__[0]] for hint in
                                 get_type_hints(kind, include_extras=True).values()))
    return st.one_of(*map(of, wire.MESSAGES.values()))


@settings(max_examples=300, deadline=None)
@given(messages())
def test_what_is_packed_is_unpacked(message):
    data = pack(message)
    assert unpack(data) == message
    assert len(data) == int.from_bytes(data[:4], "little")
    assert name(message) in wire.text(message)


def test_mutated_messages_are_messages_or_refused():
    """And what is a message has exactly one form in bytes."""
    chance = random.Random(9)
    good = [pack(message) for message in MESSAGES]
    accepted = 0
    for _ in range(40_000):
        data = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            data[at] = chance.choice((0, 1, 255, 127, data[at] ^ 1 << chance.randrange(8)))
        if chance.random() < 0.5:
            data[:4] = len(data).to_bytes(4, "little")
        try:
            message = unpack(bytes(data))
        except BadMessage:
            continue
        accepted += 1
        assert pack(message) == bytes(data)
    assert accepted > 1000


@pytest.mark.parametrize("text", ["", "x", "file does not exist", "y" * 500, "ä" * 100, "a\0b"])
def test_error_strings_fit(text):
    sent = unpack(pack(wire.Rerror(1, wire.ename(text)))).ename
    assert len(sent.encode()) < ERRMAX and set(sent) <= set(string.printable + "ä")
