"""Stopped anywhere, a guest is in a state that it passes through, and goes on from there."""

import random
import struct

import pytest

from . import differential, interrupts, programs
from .bare import DATA, STACK, TEXT, Bare, Batch

pytestmark = pytest.mark.guest

SEEDS, PER_SEED = 6, 8


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bare:
    return Bare(tmp_path_factory.mktemp("bare"))


def every_transfer() -> Batch:
    """One program with every kind of transfer, each met cold, warm and with changed targets.

    A and B are 64 KiB apart, and so are the places they are returned to: these share places in
    the core's tables.  f is called from elsewhere first, because the returns of its two
    translations learn one target each.
    """
    counter, far = DATA + 0xD00, 0x10000
    text = bytearray(far + 0x400)

    def put(at: int, code: str) -> int:
        """Code at an offset: hex, with {name} for an address and >name for a distance to it."""
        for word in code.split():
            if word.startswith(">"):
                piece = struct.pack("<i", places[word[1:]] - at - 4)
            elif word.startswith("="):
                piece = struct.pack("<I", values[word[1:]])
            else:
                piece = bytes.fromhex(word)
            text[at : at + len(piece)] = piece
            at += len(piece)
        return at

    places = {"A": 0x200, "B": far + 0x200, "f": 0x300, "drop": 0x320, "next": 0x340, "top": 10,
              "back": 0x180, "pure": 0x360, "leaf": 0x370, "skip": 0x380}
    values = {"counter": counter, "A": TEXT + 0x200, "next": TEXT + 0x340, "table": DATA + 0xD10,
              "from": DATA + 0x100, "to": DATA + 0x203, "back": TEXT + 0x180, "five": 5}
    at = put(0, "c705 =counter 03000000")
    assert at == places["top"]
    at = put(at, """
        e8 >f  e8 >f  e8 >A  e8 >B  e8 >A
        a1 =counter 83e001 c1e010 bb =A 01c3  53 ffd3  5b ffd3
        e8 >pure  e8 >leaf  e8 >skip f4  49 e8 >leaf
        6a01 6a02 e8 >drop  6a01 6a02 b9 =A 51 e8 >drop
        a3 =table 891d =table ff15 =table
        be =from bf =to b9 =five f3a4  b9 =five fd f3a5 fc
        b903000000 f8 e2fe e300 b902000000 39c0 e1fe e0fe 41 e300
        9c 9d 83f805 9c 58 9e
        ba =next ffe2
    """)
    assert at < places["back"]
    put(places["next"], "7400 0f8000000000 c705 =table =back ff25 =table")
    end = put(places["back"], "ff0d =counter 0f85 >top cd40")
    assert end < 0x200
    put(places["A"], "e8 >f 40 c3")
    put(places["B"], "e8 >f 48 c3")
    put(places["f"], "7400 f3c3")
    put(places["pure"], "40 c3")
    put(places["leaf"], "8b0424 c3")
    put(places["skip"], "83042401 c3")
    put(places["drop"], "f9 c20800")
    data, stack, fpus = programs.images(random.Random(1))
    regs = (1, 2, 3, 4, STACK + 0xC00, 6, 7, 8, TEXT, 0x202)
    return Batch(bytes(text), data, stack, fpus, [(regs, 0)])


def test_all_transfers_at_every_emitted_instruction(bare: Bare) -> None:
    tally = interrupts.Tally()
    assert interrupts.walk(every_transfer(), 0, bare, tally, every=5)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert tally.stops > 1000
    # Each kind of instruction that is the core's own was stopped at.
    missed = [f"{kind}: {count} of them" for kind, count in sorted(tally.emitted.items())
              if interrupts.ours(kind) and not tally.stopped[kind]]
    assert not missed, "\n".join(missed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_programs_at_every_emitted_instruction(bare: Bare, seed: int) -> None:
    tally = interrupts.Tally()
    batch = programs.batch(seed, PER_SEED, differential.features(), False)
    walked = sum(interrupts.walk(batch, case, bare, tally) for case in range(PER_SEED))
    assert not tally.wrong, "\n".join(tally.wrong)
    assert walked > PER_SEED // 2
    assert tally.stops > 200
