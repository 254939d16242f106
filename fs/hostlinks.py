"""Symbolic links of a host folder, followed while they stay beneath it, and hidden names.

openat2 with RESOLVE_BENEATH follows relative links and refuses absolute ones.  Of those, the
ones that name something by the folder's own path on the host lead beneath it all the same:
they are taken apart here, name by name, and what comes out is opened without any link.
Source: openat2(2), readlink(2).
"""

from __future__ import annotations

import errno
import os
from typing import Final

from .hostcalls import Calls

LINKS: Final = 40  # followed on the way to one file
_FLAGS: Final = os.O_PATH | os.O_CLOEXEC


class Hidden:
    """Names in host folders that are not there for guests: where we ourselves are mounted.

    To look at one would be to ask ourselves, and to wait for our own answer.
    """

    def __init__(self) -> None:
        self._folders: dict[bytes, list[tuple[int, int]]] = {}
        self._paths: dict[str, list[tuple[int, int]]] = {}  # how each was added

    def __len__(self) -> int:
        return len(self._folders)

    def add(self, path: str) -> None:
        """Hide path, an absolute name without links.  Raises OSError."""
        folder, name = os.path.split(os.fsencode(path))
        st = os.stat(folder)
        where = (st.st_dev, st.st_ino)
        self._folders.setdefault(name, []).append(where)
        self._paths.setdefault(path, []).append(where)

    def remove(self, path: str) -> None:
        """Show it again."""
        name = os.path.basename(os.fsencode(path))
        self._folders[name].remove(self._paths[path].pop())
        if not self._folders[name]:
            del self._folders[name]

    def has(self, folder: int, name: bytes) -> bool:
        """Whether name is hidden in the folder that a descriptor is of."""
        folders = self._folders.get(name)
        if folders is None:
            return False
        st = os.fstat(folder)
        return (st.st_dev, st.st_ino) in folders


def open_beneath(calls: Calls, root: int, path: tuple[bytes, ...]) -> int:
    """An O_PATH descriptor of path below the folder root.  Raises OSError, EXDEV for outside."""
    try:
        return calls.open_beneath(root, b"/".join(path) or b".", _FLAGS)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        plain = resolve(calls, root, path)
        return calls.open_beneath(root, b"/".join(plain) or b".", _FLAGS | os.O_NOFOLLOW)


def resolve(calls: Calls, root: int, path: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The names below root that path leads to, links replaced by what they say."""
    top = os.readlink(b"/proc/self/fd/%d" % root)
    todo = list(reversed(path))
    done: list[bytes] = []
    links = 0
    while todo:
        name = todo.pop()
        if name in (b"", b"."):
            continue
        if name == b"..":
            if not done:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            done.pop()
            continue
        target = _link(calls, root, [*done, name])
        if target is None:
            done.append(name)
            continue
        links += 1
        if links > LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith(b"/"):
            target = _below(target, top)
            done.clear()
        todo += reversed(target.split(b"/"))
    return tuple(done)


def _link(calls: Calls, root: int, path: list[bytes]) -> bytes | None:
    """What the link path says; None for a file that is no link."""
    fd = calls.open_beneath(root, b"/".join(path[:-1]) or b".", _FLAGS)
    try:
        return os.readlink(path[-1], dir_fd=fd)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise
    finally:
        os.close(fd)


def _below(target: bytes, top: bytes) -> bytes:
    """The part of an absolute name behind the folder's own.  Raises OSError, EXDEV."""
    names = [name for name in target.split(b"/") if name not in (b"", b".")]
    first = [name for name in top.split(b"/") if name]
    if names[: len(first)] != first:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    return b"/".join(names[len(first) :])
