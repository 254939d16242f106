"""Requests of the FUSE protocol: one table, from which their structs are made.

A request is a header, the fixed fields of its row and then names that end in NUL, or bytes.
The table says also what is answered at once to what no server of ours can do.
Numbers are in the machine's own order, for both ends are one machine.
Source: linux/fuse.h of the kernel, version 7.31 and later; fuse(4).
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from typing import Final

MAJOR: Final = 7
MINOR: Final = 38  # what we speak
OLDEST: Final = 31  # and what the kernel must
ROOT: Final = 1  # the node of the root

HEADER: Final = struct.Struct("=IIQQIIII")  # length opcode unique node uid gid pid extensions
ANSWER: Final = struct.Struct("=IiQ")  # length error unique
ATTR: Final = struct.Struct("=QQQQQQIIIIIIIIII")
ENTRY: Final = struct.Struct("=QQQQII")  # node generation entry-valid attr-valid, nanoseconds
ATTR_OUT: Final = struct.Struct("=QII")  # attr-valid, nanoseconds, 0
OPEN_OUT: Final = struct.Struct("=QII")  # handle flags 0
WRITE_OUT: Final = struct.Struct("=II")
STATFS_OUT: Final = struct.Struct("=QQQQQIIII24x")
INIT_OUT: Final = struct.Struct("=IIIIHHIIHHI28x")
DIRENT: Final = struct.Struct("=QQII")  # ino offset namelen type
FORGOT: Final = struct.Struct("=QQ")

# fmt: off
TABLE: Final = """
#  number name       fields                            names  answer
     1 LOOKUP        -                                     1  -
     2 FORGET        lookups:Q                             0  -
     3 GETATTR       flags:I pad:I fh:Q                    0  -
     4 SETATTR       valid:I pad:I fh:Q size:Q owner:Q atime:Q mtime:Q ctime:Q atimens:I mtimens:I ctimens:I mode:I pad:I uid:I gid:I pad:I  0  -
     5 READLINK      -                                     0  EINVAL
     6 SYMLINK       -                                     2  EPERM
     8 MKNOD         mode:I rdev:I umask:I pad:I           1  -
     9 MKDIR         mode:I umask:I                        1  -
    10 UNLINK        -                                     1  -
    11 RMDIR         -                                     1  -
    12 RENAME        folder:Q                              2  -
    13 LINK          node:Q                                1  EPERM
    14 OPEN          flags:I more:I                        0  -
    15 READ          fh:Q offset:Q size:I more:I owner:Q flags:I pad:I  0  -
    16 WRITE         fh:Q offset:Q size:I more:I owner:Q flags:I pad:I  0  -
    17 STATFS        -                                     0  -
    18 RELEASE       fh:Q flags:I more:I owner:Q           0  -
    20 FSYNC         fh:Q flags:I pad:I                    0  -
    21 SETXATTR      -                                     0  ENOSYS
    22 GETXATTR      -                                     0  ENOSYS
    23 LISTXATTR     -                                     0  ENOSYS
    24 REMOVEXATTR   -                                     0  ENOSYS
    25 FLUSH         -                                     0  ENOSYS
    26 INIT          major:I minor:I readahead:I flags:I   0  -
    27 OPENDIR       flags:I more:I                        0  -
    28 READDIR       fh:Q offset:Q size:I more:I owner:Q flags:I pad:I  0  -
    29 RELEASEDIR    fh:Q flags:I more:I owner:Q           0  -
    30 FSYNCDIR      fh:Q flags:I pad:I                    0  -
    31 GETLK         -                                     0  ENOSYS
    32 SETLK         -                                     0  ENOSYS
    33 SETLKW        -                                     0  ENOSYS
    34 ACCESS        mask:I pad:I                          0  ENOSYS
    35 CREATE        flags:I mode:I umask:I more:I         1  -
    36 INTERRUPT     unique:Q                              0  -
    37 BMAP          -                                     0  ENOSYS
    38 DESTROY       -                                     0  -
    39 IOCTL         -                                     0  ENOTTY
    40 POLL          -                                     0  ENOSYS
    42 BATCH_FORGET  count:I pad:I                         0  -
    43 FALLOCATE     -                                     0  EOPNOTSUPP
    44 READDIRPLUS   fh:Q offset:Q size:I more:I owner:Q flags:I pad:I  0  -
    45 RENAME2       folder:Q flags:I pad:I                2  -
    46 LSEEK         -                                     0  ENOSYS
    47 COPY_FILE_RANGE  -                                  0  EOPNOTSUPP
    48 SETUPMAPPING  -                                     0  ENOSYS
    49 REMOVEMAPPING -                                     0  ENOSYS
    50 SYNCFS        -                                     0  ENOSYS
    51 TMPFILE       -                                     0  EOPNOTSUPP
    52 STATX         -                                     0  ENOSYS
"""

# Flags of INIT that we use; the second word begins at bit 32.
ASYNC_READ:      Final = 1 << 0
ATOMIC_O_TRUNC:  Final = 1 << 3
BIG_WRITES:      Final = 1 << 5
AUTO_INVAL_DATA: Final = 1 << 12
DO_READDIRPLUS:  Final = 1 << 13
READDIRPLUS_AUTO: Final = 1 << 14
ASYNC_DIO:       Final = 1 << 15
PARALLEL_DIROPS: Final = 1 << 18
ABORT_ERROR:     Final = 1 << 21
MAX_PAGES:       Final = 1 << 22
INIT_EXT:        Final = 1 << 30
DIRECT_IO_MMAP:  Final = 1 << 36
WANTED: Final = (ASYNC_READ | ATOMIC_O_TRUNC | BIG_WRITES | AUTO_INVAL_DATA | DO_READDIRPLUS
                 | READDIRPLUS_AUTO | ASYNC_DIO | PARALLEL_DIROPS | MAX_PAGES | INIT_EXT
                 | DIRECT_IO_MMAP)

FOPEN_DIRECT_IO: Final = 1 << 0

# What SETATTR asks to change, and GETATTR's flag.
FATTR_MODE:   Final = 1 << 0
FATTR_UID:    Final = 1 << 1
FATTR_GID:    Final = 1 << 2
FATTR_SIZE:   Final = 1 << 3
FATTR_ATIME:  Final = 1 << 4
FATTR_MTIME:  Final = 1 << 5
FATTR_FH:     Final = 1 << 6
FATTR_ATIME_NOW: Final = 1 << 7
FATTR_MTIME_NOW: Final = 1 << 8
GETATTR_FH:   Final = 1 << 0
RENAME_NOREPLACE: Final = 1 << 0
# fmt: on


@dataclass(frozen=True, slots=True)
class Op:
    """A kind of request."""

    number: int
    name: str
    fixed: struct.Struct
    names: int
    answer: int  # an errno that is the whole answer; 0: the door has one


def _row(line: str) -> Op:
    number, name, *fields, names, answer = line.split()
    codes = "".join(field.partition(":")[2] for field in fields)
    return Op(int(number), name, struct.Struct("=" + codes), int(names),
              0 if answer == "-" else getattr(errno, answer))


OPS: Final = {op.number: op for op in
              (_row(line) for line in TABLE.splitlines() if line and line[0] != "#")}
NUMBERS: Final = {op.name: op.number for op in OPS.values()}


class BadRequest(Exception):
    """A request that is not made as the table says."""


def names(data: bytes, count: int) -> list[str]:
    """The names at the end of a request, which fill it.  Raises BadRequest."""
    parts = data.split(b"\0")
    if len(parts) != count + 1 or parts[-1]:
        raise BadRequest("names")
    return [part.decode("utf-8", "surrogateescape") for part in parts[:-1]]


def request(number: int, unique: int, node: int, *fields: int, data: bytes = b"") -> bytes:
    """The bytes of a request: what the kernel would send."""
    body = OPS[number].fixed.pack(*fields) + data
    return HEADER.pack(HEADER.size + len(body), number, unique, node, 0, 0, 0, 0) + body
