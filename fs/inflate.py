"""Unpacking: compressed data into a Store, no further than it is asked for.

Source: RFC 1951, RFC 1952, and the modules of Python's library.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from .errors import PlanError
from .image import ImageError, Reader, Store, exactly

CHUNK: Final = 1 << 18
LZMA_MEMORY: Final = 256 << 20
MOST: Final = 4 << 30  # bytes that a compressed tar may have unpacked

KINDS: Final = {"gzip": b"\x1f\x8b\x08", "xz": b"\xfd7zXZ\0", "bzip2": b"BZh"}


class _Zlib:
    """zlib with the interface of the other two."""

    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.decompressobj(wbits)
        self._more = False  # it had more to say than it was let

    def decompress(self, data: bytes, most: int) -> bytes:
        """At most most bytes more."""
        chunk = self._zlib.decompress(self._zlib.unconsumed_tail + data, most)
        self._more = len(chunk) == most
        return chunk

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    @property
    def needs_input(self) -> bool:
        return not (self._more or self._zlib.unconsumed_tail)


_MAKE: Final[dict[str, Callable[[], Any]]] = {
    "deflate": lambda: _Zlib(-15),
    "gzip": lambda: _Zlib(31),
    "xz": lambda: lzma.LZMADecompressor(memlimit=LZMA_MEMORY),
    "bzip2": bz2.BZ2Decompressor,
}


def unpack(reader: Reader, kind: str, offset: int, length: int) -> Iterator[bytes]:
    """What the compressed bytes there hold, in chunks.  Raises ImageError."""
    end = offset + length
    engine = _MAKE[kind]()
    data = b""
    while True:
        if engine.needs_input and not data:
            if offset >= end:
                raise ImageError(reader, offset, f"{kind} data ends early")
            data = exactly(reader, min(CHUNK, end - offset), offset, f"{kind} data")
            offset += len(data)
        try:
            chunk = engine.decompress(data, CHUNK)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise ImageError(reader, offset, f"bad {kind} data: {error}") from None
        data = b""
        if chunk:
            yield chunk
        if engine.eof:
            data = engine.unused_data
            if len(data) < 16 and offset < end:
                more = exactly(reader, min(CHUNK, end - offset), offset, f"{kind} data")
                data += more
                offset += len(more)
            if kind not in KINDS or not data.startswith(KINDS[kind]):
                return  # what follows is padding
            engine = _MAKE[kind]()


class Unpacked:
    """A Reader of all that a compressed image holds; it is unpacked when it is made."""

    def __init__(self, reader: Reader, kind: str, store: Store) -> None:
        self.name = reader.name
        self.size = 0
        self._store = store
        self._base = store.reserve(0)
        for chunk in unpack(reader, kind, 0, reader.size):
            if self.size + len(chunk) > MOST:
                raise ImageError(reader, self.size, f"more than {MOST >> 30} GiB when unpacked")
            store.write(chunk, store.reserve(len(chunk)))
            self.size += len(chunk)

    def read(self, count: int, offset: int) -> bytes:
        """The bytes there."""
        count = min(count, self.size - offset)
        return self._store.read(count, self._base + offset) if count > 0 else b""


class Inflated:
    """The data of one compressed file; length and crc are what the image says of it."""

    __slots__ = ("_bad", "_base", "_chunks", "_crc", "_done", "_error", "_length", "_make",
                 "_store", "_sum")

    def __init__(self, store: Store, length: int, crc: int,
                 make: Callable[[], tuple[Iterator[bytes], Callable[[str], ImageError]]]) -> None:
        self._store = store
        self._length = length
        self._crc = crc
        self._make = make
        self._base = -1
        self._done = 0
        self._sum = 0
        self._error = ""

    def __call__(self, count: int, offset: int) -> bytes:
        """A piece of the data, unpacked as far as that if it was not yet."""
        if self._error:
            raise PlanError(self._error)
        if self._base < 0:
            self._chunks, self._bad = self._make()
            self._base = self._store.reserve(self._length)
        if self._done < offset + count:
            try:
                self._go_on(offset + count)
            except ImageError as error:
                self._error = str(error)
                raise
        return self._store.read(count, self._base + offset)

    def _go_on(self, to: int) -> None:
        while self._done < to:
            chunk = next(self._chunks, b"")
            if not chunk or self._done + len(chunk) > self._length:
                raise self._bad("a file is not as long as the image says")
            self._store.write(chunk, self._base + self._done)
            self._sum = zlib.crc32(chunk, self._sum)
            self._done += len(chunk)
        if self._done == self._length:
            if next(self._chunks, b""):
                raise self._bad("a file is longer than the image says")
            if self._sum != self._crc:
                raise self._bad("a file does not match its checksum")
