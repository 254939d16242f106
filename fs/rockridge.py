"""Rock Ridge: what POSIX needs of a file, in the system use areas of ISO 9660.

Fields of two letters, a length and a version; CE says where more of them stand, and each such
place is read once.  Source: SUSP (IEEE P1281), RRIP (IEEE P1282).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from .image import PATHMAX, ImageError, Reader, exactly

PLACES: Final = 64  # continuations of one area
SECTOR: Final = 2048
S_IFMT, S_IFDIR, S_IFREG, S_IFLNK = 0o170000, 0o040000, 0o100000, 0o120000


@dataclass(slots=True)
class Rock:
    """What the fields of a file say."""

    name: str = ""
    mode: int | None = None
    mtime: int | None = None
    uid: str = ""
    gid: str = ""
    target: str | None = None
    child: int | None = None  # the block where this folder really is
    moved: bool = False  # this folder is shown elsewhere

    @property
    def device(self) -> bool:
        """Whether it is none of what we serve."""
        return self.mode is not None and self.mode & S_IFMT not in (
            0, S_IFDIR, S_IFREG, S_IFLNK)


def skip_of(area: bytes) -> int:
    """The area of the root's first entry: bytes to skip in all others, or -1 without Rock Ridge."""
    if area[:2] == b"SP" and len(area) >= 7 and area[4:6] == b"\xbe\xef":
        return area[6]
    return -1


def _fields(reader: Reader, area: bytes, at: int, block: int) -> Iterator[tuple[bytes, bytes]]:
    """(letters, field) of an area and its continuations."""
    left = PLACES
    more: tuple[int, int] | None = None
    while True:
        while len(area) >= 4 and area[2] >= 4:
            letters, length = area[:2], area[2]
            if length > len(area):
                raise ImageError(reader, at, f"a field of {length} bytes that is cut off")
            if letters == b"ST":
                break
            if letters == b"CE" and length >= 28:
                place, offset, size = (int.from_bytes(area[i : i + 4], "little")
                                       for i in (4, 12, 20))
                more = place * block + offset, size
            else:
                yield letters, area[:length]
            area = area[length:]
        if more is None:
            return
        left -= 1
        at, size = more
        if left < 0 or size > SECTOR:
            raise ImageError(reader, at, "fields of Rock Ridge that never end")
        area, more = exactly(reader, size, at, "a field of Rock Ridge"), None


def rock_ridge(reader: Reader, area: bytes, at: int, block: int) -> Rock:
    """What the fields of an entry say.  Raises ImageError."""
    rock = Rock()
    name = b""
    link = _Link()
    for letters, field in _fields(reader, area, at, block):
        if letters == b"NM" and len(field) >= 5 and not field[4] & 6:
            name += field[5:]
        elif letters == b"PX" and len(field) >= 36:
            rock.mode = _number(field, 4)
            rock.uid, rock.gid = str(_number(field, 20)), str(_number(field, 28))
        elif letters == b"TF" and len(field) >= 5:
            rock.mtime = _modified(field, rock.mtime)
        elif letters == b"SL" and len(field) >= 5:
            link.add(field[5:])
        elif letters == b"CL" and len(field) >= 12:
            rock.child = _number(field, 4)
        elif letters == b"RE":
            rock.moved = True
        if len(name) > PATHMAX or len(link.text) > PATHMAX:
            raise ImageError(reader, at, "a name that is too long")
    rock.name = str(name, "utf-8", "surrogateescape")
    if rock.mode is not None and rock.mode & S_IFMT == S_IFLNK:
        rock.target = str(bytes(link.text), "utf-8", "surrogateescape")
    return rock


def seconds(date: bytes) -> int:
    """Seconds since 1970 of a date in a directory; 0 for what is no date."""
    year, month, day, hour, minute, second, zone = date
    try:
        when = datetime(1900 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return 0
    return max(0, int(when.timestamp()) - (zone - 256 if zone > 127 else zone) * 15 * 60)


def _number(field: bytes, at: int) -> int:
    return int.from_bytes(field[at : at + 4], "little")


class _Link:
    """The target of a symbolic link, of components that go on from field to field."""

    def __init__(self) -> None:
        self.text = bytearray()
        self._goes_on = True

    def add(self, data: bytes) -> None:
        """The components of one field."""
        while len(data) >= 2:
            flags, length = data[0], data[1]
            if not self._goes_on and not self.text.endswith(b"/"):
                self.text += b"/"
            if flags & 8:
                self.text += b"/"
            elif flags & 4:
                self.text += b".."
            elif flags & 2:
                self.text += b"."
            else:
                self.text += data[2 : 2 + length]
            self._goes_on = bool(flags & 1)
            data = data[2 + length :]


def _modified(field: bytes, before: int | None) -> int | None:
    """The time of the last change, if the field has it."""
    flags = field[4]
    size = 17 if flags & 0x80 else 7
    at = 5 + (size if flags & 1 else 0)
    stamp = field[at : at + size]
    if not flags & 2 or len(stamp) < size:
        return before
    if size == 7:
        return seconds(stamp)
    digits = stamp[:14]
    if not digits.isdigit():
        return before
    year = int(digits[:4]) - 1900
    if not 0 <= year <= 255:
        return before
    parts = (int(digits[i : i + 2]) for i in range(4, 14, 2))
    return seconds(bytes((year, *parts, stamp[16])))
