"""What hostfs needs of Linux beside Python's os: two system calls, and errors in our words.

Source: openat2(2), renameat2(2), errno(3).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Sized
from typing import Final

from .errors import (
    EBADARG,
    EEXIST,
    EFULL,
    EINUSE,
    EIO,
    EISDIR,
    ENAMETOOLONG,
    ENOFD,
    ENOMEM,
    ENONEXIST,
    ENOTDIR,
    ENOTEMPTY,
    ENOTREG,
    EPERM,
    EREMOVED,
    ETOOBIG,
    PlanError,
)

OFFMAX: Final = 0x7FFFFFFFFFFFFFFF
_TRIES: Final = 40  # openat2 asks for another one when the host renames meanwhile

# fmt: off
ERRORS: Final = {
    errno.ENOENT:       ENONEXIST,
    errno.ENOTDIR:      ENOTDIR,
    errno.EISDIR:       EISDIR,
    errno.EEXIST:       EEXIST,
    errno.ENOTEMPTY:    ENOTEMPTY,
    errno.EACCES:       EPERM,
    errno.EPERM:        EPERM,
    errno.EROFS:        EPERM,
    errno.EXDEV:        f"{EPERM}: symbolic link leads outside",
    errno.ELOOP:        f"{EPERM}: symbolic link loop",
    errno.ENAMETOOLONG: ENAMETOOLONG,
    errno.EMFILE:       ENOFD,
    errno.ENFILE:       ENOFD,
    errno.ENOMEM:       ENOMEM,
    errno.ENOSPC:       EFULL,
    errno.EDQUOT:       EFULL,
    errno.EFBIG:        ETOOBIG,
    errno.EOVERFLOW:    ETOOBIG,
    errno.EINVAL:       EBADARG,
    errno.EBUSY:        EINUSE,
    errno.ETXTBSY:      EINUSE,
    errno.ESTALE:       EREMOVED,
    errno.EIO:          EIO,
    errno.ENXIO:        ENOTREG,
    errno.EOPNOTSUPP:   EPERM,
}
# fmt: on


def plan_error(error: OSError) -> PlanError:
    """What a guest is told of a failure of the host."""
    number = error.errno or 0
    return PlanError(ERRORS.get(number) or os.strerror(number).lower())


class Calls:
    """The system calls that Python does not have, or not like this."""

    SYS_RENAMEAT2: Final = 316
    SYS_OPENAT2: Final = 437
    NOREPLACE: Final = 1
    NO_XDEV: Final = 0x01
    NO_MAGICLINKS: Final = 0x02
    BENEATH: Final = 0x08

    class How(ctypes.Structure):
        """struct open_how."""

        _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64),
                    ("resolve", ctypes.c_uint64)]

    def __init__(self, stay: Sized = ()) -> None:
        self._stay = stay  # while it holds something, links lead to no other mount
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._how = self.How()
        self._pid = os.getpid()
        self._fds = File(os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), ())

    def close(self) -> None:
        """Give the descriptor back."""
        self._fds.close()

    def reopen(self, fd: int, flags: int) -> int:
        """Another descriptor of the very file behind one, also of one with O_PATH."""
        if self._fds.fd < 0 or os.getpid() != self._pid:  # closed; or a fork's: not our descriptors
            return os.open(b"/proc/self/fd/%d" % fd, flags)
        return os.open(b"%d" % fd, flags, dir_fd=self._fds.fd)  # saves finding out who we are

    def open_beneath(self, fd: int, path: bytes, flags: int) -> int:
        """A descriptor of path, which lies below fd whatever links it goes through."""
        self._how.flags = flags
        self._how.resolve = self.BENEATH | self.NO_MAGICLINKS | (self.NO_XDEV if self._stay else 0)
        for _ in range(_TRIES):
            new = int(self._syscall(
                ctypes.c_long(self.SYS_OPENAT2), ctypes.c_int(fd), ctypes.c_char_p(path),
                ctypes.byref(self._how), ctypes.c_size_t(ctypes.sizeof(self._how))))
            if new >= 0:
                return new
            number = ctypes.get_errno()
            if number != errno.EAGAIN:
                raise OSError(number, os.strerror(number))
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def rename(self, fd: int, old: bytes, new: bytes) -> None:
        """Rename in the directory fd, never over a file that is there."""
        if self._syscall(ctypes.c_long(self.SYS_RENAMEAT2), ctypes.c_int(fd),
                         ctypes.c_char_p(old), ctypes.c_int(fd), ctypes.c_char_p(new),
                         ctypes.c_uint(self.NOREPLACE)) == 0:
            return
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(number, os.strerror(number))
        # A file system without the flag: look first, which leaves a moment's gap.
        with contextlib.suppress(FileNotFoundError):
            os.stat(new, dir_fd=fd, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        os.rename(old, new, src_dir_fd=fd, dst_dir_fd=fd)


class File:
    """What a Fid keeps: a descriptor and the name below the root."""

    __slots__ = ("fd", "path")

    def __init__(self, fd: int, path: tuple[bytes, ...]) -> None:
        self.fd = fd
        self.path = path

    def read(self, count: int, offset: int) -> bytes:
        """At most count bytes at offset."""
        try:
            return os.pread(self.fd, count, offset) if offset <= OFFMAX - count else b""
        except OSError as error:
            raise plan_error(error) from None

    def write(self, data: bytes, offset: int) -> int:
        """Store data at offset; how much of it."""
        if offset > OFFMAX:
            raise PlanError(ETOOBIG)
        try:
            return os.pwrite(self.fd, data, offset)
        except OSError as error:
            raise plan_error(error) from None

    def close(self) -> None:
        """Once; more often does no harm."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if self.fd >= 0:
            with contextlib.suppress(OSError):
                self.close()
