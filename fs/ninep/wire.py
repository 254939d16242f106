"""Messages as bytes: the codec, compiled from the table of messages.py, and streams of them.

`text`, which shows a message as a line, comes from the table too.  Every length is checked
against what is there before it is used.  Which messages there are is the dialect's: an
unpacker gets its Table.
Source: intro(5) and the pages of section 5 named like the messages.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, get_type_hints

from ..dir import Qid
from ..errors import ENAMETOOLONG, ERRMAX, clip
from .messages import *  # noqa: F403
from .messages import (
    HEADER,
    MESSAGES,
    MESSAGES_L,
    NAMES,
    NOTAG,
    OVERHEAD,
    Rlerror,
    Rread,
    Rstat,
    Twrite,
)

Message: TypeAlias = Any  # one of the classes of messages.py
Table: TypeAlias = list[Any]  # unpackers by number
_Get = Callable[[bytes, int, int], tuple[Any, int]]  # bytes, where, end -> value, where it ends
_Put = Callable[[Any], bytes]

_U2: Final = struct.Struct("<H")
_U4: Final = struct.Struct("<I")
_QID: Final = struct.Struct("<BIQ")
_HEAD: Final = struct.Struct("<IBH")


class BadMessage(Exception):
    """Bytes that are no message; str() says why, tag is the message's when that is known."""

    def __init__(self, text: str, tag: int = NOTAG) -> None:
        super().__init__(text)
        self.tag = tag


# What a field is in bytes.  A getter may leave it to struct to miss bytes beyond the buffer,
# but not to miss the end of the message: the compiled unpackers look whether they met it.

def _get_string(data: bytes, at: int, end: int) -> tuple[str, int]:
    at += 2
    stop = at + _U2.unpack_from(data, at - 2)[0]
    if stop > end:
        raise BadMessage("a string is longer than its message")
    text = data[at:stop].decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise BadMessage("a string with NUL in it")
    return text, stop


def _put_string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if len(data) > 0xFFFF:
        raise BadMessage(f"{ENAMETOOLONG}: more than 65535 bytes")
    if 0 in data:
        raise BadMessage("a string with NUL in it")
    return _U2.pack(len(data)) + data


def _get_qid(data: bytes, at: int, end: int) -> tuple[Qid, int]:
    kind, vers, path = _QID.unpack_from(data, at)
    return Qid(path, vers, kind), at + 13


def _put_qid(qid: Qid) -> bytes:
    return _QID.pack(qid[2], qid[1] & 0xFFFFFFFF, qid[0] & 0xFFFFFFFFFFFFFFFF)


def _many(get: _Get, put: _Put) -> tuple[_Get, _Put]:
    """How a counted list of such fields is read and written."""
    def get_many(data: bytes, at: int, end: int) -> tuple[tuple[Any, ...], int]:
        count = _U2.unpack_from(data, at)[0]
        if count > NAMES:
            raise BadMessage(f"{count} elements; a walk has at most {NAMES}")
        at += 2
        values = []
        for _ in range(count):
            value, at = get(data, at, end)
            values.append(value)
        return tuple(values), at

    def put_many(values: tuple[Any, ...]) -> bytes:
        if len(values) > NAMES:
            raise BadMessage(f"{len(values)} elements; a walk has at most {NAMES}")
        return _U2.pack(len(values)) + b"".join(map(put, values))

    return get_many, put_many


def _counted(count: struct.Struct, most: int) -> tuple[_Get, _Put]:
    """How bytes with their count before them are read and written."""
    def get(data: bytes, at: int, end: int) -> tuple[bytes, int]:
        at += count.size
        stop = at + count.unpack_from(data, at - count.size)[0]
        if stop > end:
            raise BadMessage("data longer than their message")
        return bytes(data[at:stop]), stop

    def put(data: bytes) -> bytes:
        if len(data) > most:
            raise BadMessage(f"more than {most} bytes")
        return count.pack(len(data)) + data

    return get, put


def _number(form: struct.Struct) -> tuple[_Get, _Put]:
    """How a number between fields of other kinds is read and written."""
    def get(data: bytes, at: int, end: int) -> tuple[int, int]:
        return form.unpack_from(data, at)[0], at + form.size

    return get, form.pack


_FIELDS: Final[dict[str, tuple[_Get, _Put]]] = {
    **{letter: _number(struct.Struct("<" + letter)) for letter in "BHIQ"},
    "string": (_get_string, _put_string),
    "qid": (_get_qid, _put_qid),
    "strings": _many(_get_string, _put_string),
    "qids": _many(_get_qid, _put_qid),
    "data": _counted(_U4, 0xFFFFFFFF - HEADER - OVERHEAD),
    "stat": _counted(_U2, 0xFFFF),
}


def _compile(number: int, message: type) -> tuple[Callable[[bytes, int, int], Message],
                                                  Callable[[Message], bytes]]:
    """The unpacker and the packer of a message, from its fields."""
    kinds = [hint.__metadata__[0]
             for hint in get_type_hints(message, include_extras=True).values()]
    fixed = next((i for i, kind in enumerate(kinds) if len(kind) > 1), len(kinds))
    head = struct.Struct("<" + "".join(kinds[:fixed]))  # the tag and the numbers after it
    whole = struct.Struct("<IB" + "".join(kinds[:fixed]))
    gets = [_FIELDS[kind][0] for kind in kinds[fixed:]]
    puts = [_FIELDS[kind][1] for kind in kinds[fixed:]]
    size, unpack_head, pack_head, join = whole.size, head.unpack_from, whole.pack, b"".join
    new = tuple.__new__

    def unpack_fixed(data: bytes, at: int, end: int) -> Message:
        if end - at != size:
            raise BadMessage(f"{message.__name__} of {end - at} bytes; it has {size}")
        return new(message, unpack_head(data, at + 5))

    def pack_fixed(values: Message) -> bytes:
        return pack_head(size, number, *values)

    def unpack_any(data: bytes, at: int, end: int) -> Message:
        if end - at < size:
            raise BadMessage(f"{message.__name__} of only {end - at} bytes")
        values = list(unpack_head(data, at + 5))
        at += size
        for get in gets:
            value, at = get(data, at, end)
            values.append(value)
        if at != end:
            raise BadMessage(f"{message.__name__} whose fields do not fill it exactly")
        return new(message, values)

    def pack_any(values: Message) -> bytes:
        rest = join([put(value) for put, value in zip(puts, values[fixed:], strict=True)])
        return pack_head(size + len(rest), number, *values[:fixed]) + rest

    return (unpack_any, pack_any) if gets else (unpack_fixed, pack_fixed)


PLAIN: Final[Table] = [None] * 256  # 9P2000
DOT_L: Final[Table] = [None] * 256  # 9P2000.L
_PACK: Final[dict[type, Callable[[Message], bytes]]] = {}
for _messages, _table in ((MESSAGES, PLAIN), (MESSAGES_L, DOT_L)):
    for _at, _message in _messages.items():
        _table[_at], _PACK[_message] = _compile(_at, _message)
# What may answer the first Tversion: servers that only have 9P2000.L refuse in it.
EITHER: Final[Table] = PLAIN.copy()
EITHER[7] = _compile(7, Rlerror)[0]

# Those that are hot and carry data, with a copy less.
_STAT: Final = struct.Struct("<IBHH")
_PACK[Rstat] = lambda message: _pack_stat(*message)
_PACK[Rread] = lambda message: b"".join(pack_read(*message))
_PACK[Twrite] = lambda message: b"".join(pack_write(*message))


def pack(message: Message) -> bytes:
    """The bytes of a message.  Raises BadMessage when a value does not fit its field."""
    try:
        return _PACK[type(message)](message)
    except struct.error as error:
        raise BadMessage(f"{type(message).__name__}: {error}") from None


def _pack_stat(tag: int, stat: bytes) -> bytes:
    return _STAT.pack(9 + len(stat), 125, tag, len(stat)) + stat


def pack_read(tag: int, data: bytes) -> list[bytes]:
    """An Rread in two pieces, so that much data need not be copied."""
    return [_READ.pack(11 + len(data), 117, tag, len(data)), data]


def pack_write(tag: int, fid: int, offset: int, data: bytes) -> list[bytes]:
    """A Twrite in two pieces."""
    return [_WRITE.pack(23 + len(data), 118, tag, fid, offset, len(data)), data]


_READ: Final = struct.Struct("<IBHI")
_WRITE: Final = struct.Struct("<IBHIQI")


def unpack(data: bytes, at: int = 0, end: int | None = None, table: Table = PLAIN) -> Message:
    """The message that data[at:end] is, its size field included.  Raises BadMessage."""
    if end is None:
        end = len(data)
        if end - at < HEADER or _U4.unpack_from(data, at)[0] != end - at:
            raise BadMessage(f"{end - at} bytes that are not one message")
    number = data[at + 4]
    get = table[number]
    if get is None:
        raise BadMessage(f"there is no message of type {number}", _tag(data, at))
    try:
        return get(data, at, end)
    except BadMessage as error:
        error.tag = _tag(data, at)
        raise
    except struct.error:
        name = (MESSAGES.get(number) or MESSAGES_L[number]).__name__
        raise BadMessage(f"{name} too short for its fields", _tag(data, at)) from None


def _tag(data: bytes, at: int) -> int:
    return int(_U2.unpack_from(data, at + 5)[0])


class Splitter:
    """A stream of bytes taken apart into messages of at most `limit` bytes each."""

    __slots__ = ("_need", "_parts", "limit", "table", "waiting")

    def __init__(self, limit: int, table: Table = PLAIN) -> None:
        self.limit = limit
        self.table = table
        self.waiting = 0  # bytes of a message that is not whole yet
        self._parts: list[bytes | memoryview] = []  # those bytes
        self._need = 0  # how many there must be

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that data complete, one after another.

        Raises BadMessage where the stream stops making sense; it is of no use afterwards.
        Nothing is allocated by a declared size: what is kept are bytes that came.
        """
        parts = self._parts
        if parts:
            parts.append(data)
            self.waiting += len(data)
            if self.waiting < self._need:
                return
            data = b"".join(parts)
            parts.clear()
            self.waiting = 0
        at, end = 0, len(data)
        size = 4
        while end - at >= 4:
            size = self._size(data, at)
            if end - at < size:
                break
            yield unpack(data, at, at + size, self.table)
            at += size
            size = 4
        if at < end:
            self._need = size
            self.waiting = end - at
            parts.append(memoryview(data)[at:] if at else data)

    def _size(self, data: bytes, at: int) -> int:
        size: int = _U4.unpack_from(data, at)[0]
        if not HEADER <= size <= self.limit:
            raise BadMessage(f"a message of {size} bytes; there are none of less than {HEADER} "
                             f"and more than {self.limit} were not agreed on")
        return size


def ename(text: str) -> str:
    """text as an Rerror may carry it."""
    return clip(text.replace("\0", "?"), ERRMAX - 1)


def text(message: Message) -> str:
    """A message as one line, for logs and tracers."""
    words = []
    for name, value in zip(message._fields, message, strict=True):
        if isinstance(value, bytes):
            words.append(f"{name} of {len(value)} bytes")
        elif isinstance(value, Qid):
            words.append(f"{name} ({value.path:#x} {value.vers} {value.type:#04x})")
        else:
            words.append(f"{name} {value!r}")
    return f"{type(message).__name__} " + " ".join(words)
