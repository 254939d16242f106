"""An image in a file of the host: its bytes, and room for what is unpacked of it.

The file is read by offset, not mapped, for it may become shorter meanwhile.  What is unpacked goes
into a file without a name, made at once because later vx9 may not make files; zeros take no
room in it.  Source: open(2), pread(2), tempfile of Python.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from typing import Final

from .errors import EFULL, ENOTREG, PlanError
from .hostcalls import plan_error
from .image import Tree
from .imagefs import ImageFS, read_tree

MOST: Final = 16 << 30  # bytes of all that is unpacked


class HostImage:
    """A file of the host as a Reader, and its Store.  Raises PlanError when it cannot be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.basename(path)
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            raise plan_error(error) from None
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise PlanError(ENOTREG)
        self.size = status.st_size
        self.store = HostStore()

    def read(self, count: int, offset: int) -> bytes:
        """The bytes there."""
        try:
            data = os.pread(self._fd, count, offset)
            while 0 < len(data) < count:
                more = os.pread(self._fd, count - len(data), offset + len(data))
                if not more:
                    break
                data += more
        except OSError as error:
            raise plan_error(error) from None
        return data

    def tree(self) -> Tree:
        """Its files.  Raises PlanError."""
        return read_tree(self, self.store)

    def server(self, owner: str | None = None) -> ImageFS:
        """A server of its files, whose close gives all back.  Raises PlanError."""
        return ImageFS(self.tree(), owner, self.close)

    def close(self) -> None:
        """Give the file back; again is no harm."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.store.close()


class HostStore:
    """A Store in a temporary file, or in memory where no such file can be made."""

    def __init__(self) -> None:
        try:
            with tempfile.TemporaryFile() as file:
                self._fd = os.dup(file.fileno())
        except OSError:
            self._fd = os.memfd_create("vx9-image", os.MFD_CLOEXEC)
        self._end = 0

    def reserve(self, size: int) -> int:
        """The offset of that much room, which reads as zeros."""
        if self._end + size > MOST:
            raise PlanError(f"{EFULL}: an image with more than {MOST >> 30} GiB to unpack")
        start = self._end
        self._end += size
        try:
            os.ftruncate(self._fd, self._end)
        except OSError as error:
            raise plan_error(error) from None
        return start

    def write(self, data: bytes, offset: int) -> None:
        """Keep data, which lies in what was reserved."""
        if data.count(0) == len(data):
            return
        rest = memoryview(data)
        try:
            while rest:
                n = os.pwrite(self._fd, rest, offset)
                offset += n
                rest = rest[n:]
        except OSError as error:
            raise plan_error(error) from None

    def read(self, count: int, offset: int) -> bytes:
        """What was kept."""
        try:
            return os.pread(self._fd, count, offset)
        except OSError as error:
            raise plan_error(error) from None

    def close(self) -> None:
        """Give the room back."""
        with contextlib.suppress(OSError):
            os.close(self._fd)
