"""Symbol tables, Go's table, and where instructions go next; also with damaged input."""

import random
import struct
from types import SimpleNamespace

import pytest

from vx9.userland.see import gdbstep, gdbwire, pclntab, symbols
from vx9.userland.see.image import disassembler


def entry(value, letter, name):
    return struct.pack(">IB", value, ord(letter) | 0x80) + name + b"\0"


TABLE = (entry(0x1020, "T", b"_main") + entry(12, "m", b".frame") + entry(0x1040, "t", b"f")
         + struct.pack(">IB", 1, ord("z") | 0x80) + b"\0\0\1\0\2\0\0" + entry(0x2000, "D", b"x"))


def aout(table=TABLE, text=b"\x90" * 64):
    return struct.pack(">8I", 0x1EB, len(text), 0, 0, len(table), 0x1020, 0, 0) + text + table


def test_names_give_no_orders_to_a_terminal():
    names = symbols.read(aout(entry(0x1020, "T", b"a\x1b[2Jb\n")))
    assert names.code[0].name == "a\\x1b[2Jb\\n"


def test_plan9_symbols():
    names = symbols.read(aout())
    assert [(s.address, s.name) for s in names.code] == [(0x1020, "_main"), (0x1040, "f")]
    assert names.function(0x103F).name == "_main" and names.function(0x1000) is None
    assert names.text(0x2004, 0x2000) == "x+0x4" and names.named("x") == 0x2000


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_are_tables_all_the_same(seed):
    rng = random.Random(seed)
    whole = aout()
    elf = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, 0, 52, 0, 52, 0, 0,
                                                      40, 2, 1)
    for base in (whole, elf + bytes(200)):
        for _ in range(300):
            data = bytearray(base[:rng.randrange(len(base) + 1)])
            for _ in range(rng.randrange(4)):
                if data:
                    data[rng.randrange(len(data))] = rng.randrange(256)
            symbols.read(bytes(data))


def test_go_table_of_noise():
    rng = random.Random(1)
    head = struct.pack("<IBBBB", 0xFFFFFFF1, 0, 0, 1, 4)
    for _ in range(200):
        text = bytes(64) + head + rng.randbytes(200)
        table = pclntab.find(text, 0x1000)
        if table is not None:
            for pc in (0, 0x1000, 0x1080, 0xFFFFFFFF):
                table.name(pc), table.frame(pc), table.entry(pc)


# Steps

REGS = {"eax": 0x100, "ecx": 2, "edx": 0, "ebx": 0x2000, "esp": 0x3000, "ebp": 0, "esi": 3,
        "edi": 0, "eip": 0x1000}


@pytest.mark.parametrize("code, flags, stops, pc", [
    ("90", 0, (0x1001,), 0), ("cd40", 0, (0x1002,), 0), ("ebfe", 0, (), 0x1000),
    ("7402", 0, (), 0x1002), ("7402", 0x40, (), 0x1004), ("0f8510000000", 0, (), 0x1016),
    ("7f02", 0x880, (), 0x1004), ("7c02", 0x80, (), 0x1004), ("7602", 1, (), 0x1004),
    ("e810000000", 0, (0x1015,), 0), ("c3", 0, (0x3000 * 2,), 0), ("c20800", 0, (0x3000 * 2,), 0),
    ("ffe0", 0, (0x100,), 0), ("ff1483", 0, ((0x2000 + 0x400) * 2,), 0), ("ff63fc", 0, (0x1FFC * 2,), 0),
    ("ff24b500100000", 0, (0x100C * 2,), 0), ("e2fe", 0, (), 0x1000), ("e3fe", 0, (), 0x1002),
    ("f3a4", 0, (0x1002,), 0), ("0f0b", 0, (0x1002,), 0),
])
def test_where_instructions_go(code, flags, stops, pc):
    cpu = SimpleNamespace(**REGS, eflags=flags)
    found = gdbstep.after(bytes.fromhex(code).ljust(15, b"\x90"), cpu, disassembler(),
                          lambda address: address * 2)
    assert found.stops == stops and (stops or found.pc == pc)


# Packets

def test_packets_in_pieces():
    reader = gdbwire.Reader()
    stream = b"+" + gdbwire.packet(b"g") + b"\x03" + gdbwire.packet(b"m1,2") + b"$bad#00"
    found, replies = [], b""
    for i in range(len(stream)):
        packets, reply = reader.feed(stream[i:i + 1])
        found += packets
        replies += reply
    assert found == [b"g", b"\x03", b"m1,2"] and replies == b"++-"


def test_binary_packets():
    data = bytes(range(256))
    assert gdbwire.unescape(gdbwire.escape(data)) == data
    assert not set(b"#$*") & set(gdbwire.escape(data))
