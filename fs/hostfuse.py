"""The mount itself: /dev/fuse, mount(2), fusermount3, and what is mounted where.

Root mounts by itself; anybody else has fusermount3 do it, which hands over the descriptor
through a socket.  Each mount has a source of its own name, so that nobody takes down what
another put there.  All of it is done by a process without walls.
Source: mount(2), fuse(4), fusermount3(1), proc_pid_mountinfo(5).
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import os
import re
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .errors import PlanError

DEVICE: Final = "/dev/fuse"
KIND: Final = "fuse.vx9"
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MNT_DETACH: Final = 2
HELPER_SECONDS: Final = 20
_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mounted:
    """A line of the table of mounts."""

    point: str
    kind: str
    source: str


def mounted() -> Iterator[Mounted]:
    """All mounts that this process sees, older ones first."""
    def plain(word: bytes) -> str:
        return os.fsdecode(_ESCAPE.sub(lambda m: bytes([int(m[1], 8)]), word))

    with open("/proc/self/mountinfo", "rb") as table:
        for line in table:
            words = line.split()
            after = words.index(b"-", 6)
            yield Mounted(plain(words[4]), plain(words[after + 1]), plain(words[after + 2]))


def on(point: str) -> Mounted | None:
    """What is mounted on point, the last of several."""
    found = None
    for one in mounted():
        if one.point == point:
            found = one
    return found


def is_dead(point: str) -> bool:
    """Whether a server died and left its mount behind.  Asks the mount itself."""
    try:
        os.stat(point)
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def open_device() -> int:
    """A new connection to the kernel, not mounted yet.  Raises PlanError."""
    try:
        return os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise PlanError(f"{DEVICE}: {error.strerror}; "
                        "the host needs FUSE (modprobe fuse), and the right to use it") from None


def helper() -> str | None:
    """The program that mounts for those who are not root."""
    return shutil.which("fusermount3") or shutil.which("fusermount")


def mount(point: str, source: str, allow_other: bool = False) -> int:
    """Mount a new connection on point; its descriptor.  Raises PlanError."""
    options = ["default_permissions", *(["allow_other"] if allow_other else [])]
    if os.geteuid() == 0:
        fd = open_device()
        mode = stat.S_IFMT(os.stat(point).st_mode)
        data = ",".join([f"fd={fd}", f"rootmode={mode:o}", f"user_id={os.getuid()}",
                         f"group_id={os.getgid()}", *options])
        if _libc().mount(source.encode(), os.fsencode(point), KIND.encode(),
                         ctypes.c_ulong(MS_NOSUID | MS_NODEV), data.encode()) == 0:
            return fd
        number = ctypes.get_errno()
        os.close(fd)
        if number != errno.EPERM or helper() is None:
            raise PlanError(f"{point}: mount: {os.strerror(number)}")
    fd = _by_helper(point, [*options, f"fsname={source}", f"subtype={KIND.partition('.')[2]}",
                            "nosuid", "nodev"])
    os.set_blocking(fd, False)
    return fd


def _by_helper(point: str, options: Sequence[str]) -> int:
    program = helper()
    if program is None:
        raise PlanError("only root can mount without fusermount3; install the package fuse3")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(HELPER_SECONDS)
        process = subprocess.Popen(
            [program, "-o", ",".join(options), "--", point], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[theirs.fileno()],
            env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno()), "LC_ALL": "C"})
        theirs.close()
        fds = array.array("i")
        with contextlib.suppress(OSError):
            _, extra, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(fds.itemsize),
                                          socket.MSG_CMSG_CLOEXEC)
            for level, kind, data in extra:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(data[: fds.itemsize])
        said = process.communicate(timeout=HELPER_SECONDS)[1].decode(errors="replace").strip()
    if not fds:
        raise PlanError(said or f"{program} did not mount {point}")
    return fds[0]


def unmount(point: str, lazy: bool = False) -> None:
    """Take the last mount on point down; lazy: also when it is in use.  Raises PlanError."""
    number = 0
    if os.geteuid() == 0:
        if _libc().umount2(os.fsencode(point), MNT_DETACH if lazy else 0) == 0:
            return
        number = ctypes.get_errno()
        if number != errno.EPERM:
            remedy = "; something uses it (--lazy does not mind)" if number == errno.EBUSY else ""
            raise PlanError(f"{point}: {os.strerror(number)}{remedy}")
    program = helper()
    if program is None:
        raise PlanError(f"{point}: only root can unmount without fusermount3")
    done = subprocess.run([program, "-u", *(["-z"] if lazy else []), "--", point],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False, timeout=HELPER_SECONDS,
                          env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise PlanError(f"{said or point}{'; --lazy does not mind' if 'busy' in said else ''}")
