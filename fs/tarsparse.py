"""Sparse files in tar archives: which pieces of a file an archive holds, and where.

GNU tar's own format of old, and the three that it has in pax headers.  What a map says is
checked: pieces ascend, do not overlap, and lie in the member.
Source: GNU tar's manual, "Storing Sparse Files".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from .image import ImageError, Reader, exactly

BLOCK: Final = 512
PIECES: Final = 1 << 16  # of one file
LARGEST: Final = 1 << 62  # bytes that a file may seem to have

Pieces = list[tuple[int, int]]


def laid_out(reader: Reader, pairs: Iterable[tuple[int, int]], size: int, data: int,
             length: int) -> Pieces:
    """The pieces and holes of a file of size bytes, whose pieces lie one after another at data."""
    pieces: Pieces = []
    at, left = 0, length
    for offset, count in pairs:
        if offset < at or count < 0 or count > left or offset + count > size:
            raise ImageError(reader, data, "a sparse file whose map is wrong")
        if offset > at:
            pieces.append((-1, offset - at))
        if count:
            pieces.append((data + length - left, count))
        at, left = offset + count, left - count
    if not 0 <= size <= LARGEST:
        raise ImageError(reader, data, f"a sparse file of {size} bytes")
    if size > at:
        pieces.append((-1, size - at))
    return pieces


def gnu_map(reader: Reader, block: bytes, data: int, length: int,
            number: Callable[[bytes], int]) -> tuple[Pieces, int]:
    """The pieces of a member of kind S, and how much of it is more of the map."""
    pairs: list[tuple[int, int]] = []
    size = number(block[483:495])
    entries, more = block[386:482], block[482]
    skipped = 0
    while True:
        for at in range(0, len(entries), 24):
            if not entries[at + 12]:
                break
            pairs.append((number(entries[at : at + 12]), number(entries[at + 12 : at + 24])))
        if not more:
            break
        if len(pairs) > PIECES:
            raise ImageError(reader, data, "a sparse file of too many pieces")
        block = exactly(reader, BLOCK, data + skipped, "a map of a sparse file")
        entries, more = block[:504], block[504]
        skipped += BLOCK
    if data + skipped + length > reader.size:
        raise ImageError(reader, data, "a sparse file reaches beyond the image")
    return laid_out(reader, pairs, size, data + skipped, length), skipped


def pax_map(reader: Reader, pax: dict[str, str], data: int, length: int,
            whole: Callable[[str], int]) -> Pieces:
    """The pieces of a member that pax headers call sparse."""
    size = whole(pax.get("GNU.sparse.realsize") or pax.get("GNU.sparse.size", ""))
    if pax.get("GNU.sparse.major", "0") == "0":
        numbers = [whole(word) for word in pax.get("GNU.sparse.map", "").split(",") if word]
        return laid_out(reader, _pairs(reader, numbers, data), size, data, length)
    numbers, used = _map_within(reader, data, length, whole)
    return laid_out(reader, _pairs(reader, numbers, data), size, data + used, length - used)


def _pairs(reader: Reader, numbers: list[int], data: int) -> list[tuple[int, int]]:
    if len(numbers) % 2 or len(numbers) > 2 * PIECES:
        raise ImageError(reader, data, "a sparse file whose map is wrong")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _map_within(reader: Reader, data: int, length: int,
                whole: Callable[[str], int]) -> tuple[list[int], int]:
    """The map that stands before the data in whole blocks: a count, then pairs, one a line."""
    text = b""
    used = 0
    while True:
        lines = text.split(b"\n")[:-1]
        if lines:
            count = whole(str(lines[0], "ascii", "replace"))
            if count > PIECES:
                raise ImageError(reader, data, "a sparse file of too many pieces")
            if len(lines) > 2 * count:
                lines = lines[: 2 * count + 1]
                map_ = sum(len(line) + 1 for line in lines)
                return ([whole(str(line, "ascii", "replace")) for line in lines[1:]],
                        (map_ + BLOCK - 1) // BLOCK * BLOCK)
        if used + BLOCK > length or used > 50 * PIECES:
            raise ImageError(reader, data, "a sparse file whose map is wrong")
        step = min(max(BLOCK, used), (length - used) // BLOCK * BLOCK)
        text += exactly(reader, step, data + used, "a map of a sparse file")
        used += step
