"""vx9 image: what is in a tar, zip or ISO 9660 image, and out with it.

The image is read behind the walls, which let nothing but the new folder be written.  Files get
their contents, modes and times; names of one file are hard links, and folders that links led to
are links again, made last.  Source: docs/vx9.md, "vx9 image".
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vx9.userland import limits
from vx9.userland.errors import OUR_ERROR, Refusal

if TYPE_CHECKING:
    from vx9.fs.hostimage import HostImage
    from vx9.fs.image import Node, Tree

PIECE: Final = 1 << 20  # bytes read at a time
MODES: Final = ("---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx")


def image(options: argparse.Namespace) -> int:
    """vx9 image ls and vx9 image unpack; the exit status."""
    from vx9.fs.errors import PlanError
    from vx9.fs.hostimage import HostImage

    try:
        opened = HostImage(options.file)
        with contextlib.closing(opened):
            if options.action == "ls":
                return ls(behind_walls(opened, options, []), options.long)
            folder = made(options.folder)
            return unpack(behind_walls(opened, options, [folder]), folder)
    except PlanError as error:
        raise Refusal(f"image {options.file}: {error}; name another image") from None


def behind_walls(opened: "HostImage", options: argparse.Namespace, writable: list[str]) -> "Tree":
    """The files of an image, read when this process can do no more than it must."""
    if not options.no_walls:
        from vx9 import vxcore
        try:
            vxcore.harden(writable=writable)
        except vxcore.CoreError as error:
            raise Refusal(f"{error}; --no-walls goes without") from None
    tree = opened.tree()
    if tree.left_out:
        why = ", ".join(f"{count} {what}" for what, count in sorted(tree.left_out.items()))
        sys.stderr.write(f"vx9: image {options.file}: left out: {why}\n")
    return tree


def walk(tree: "Tree") -> Iterator[tuple[list[str], "Node"]]:
    """Each name and file, folders before what is in them; folders that are links only named."""
    waiting: list[tuple[list[str], Node]] = [([], tree.root)]
    while waiting:
        above, folder = waiting.pop()
        inner = []
        for name, node in (folder.children or {}).items():
            names = [*above, name]
            yield names, node
            if node.children is not None and is_first(folder, name, node):
                inner.append((names, node))
        waiting += reversed(inner)


def is_first(folder: "Node", name: str, node: "Node") -> bool:
    """Whether that is the name that a file had first."""
    return node.parent is folder and node.name == name


# ls

def ls(tree: "Tree", long: bool) -> int:
    """Names, one a line; with long, in the columns of ls -l."""
    from vx9.fs.dir import DMAPPEND, DMDIR, DMEXCL

    now = time.time()
    for names, node in walk(tree):
        path = "/".join(names)
        if sys.stdout.isatty():  # which must not be told what to do
            path = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in path)
        if long:
            kind = "d" if node.mode & DMDIR else "a" if node.mode & DMAPPEND else "-"
            lock = "l" if node.mode & DMEXCL else "-"
            bits = "".join(MODES[node.mode >> shift & 7] for shift in (6, 3, 0))
            form = "%b %e %H:%M" if now - 180 * 86400 < node.mtime <= now else "%b %e  %Y"
            date = time.strftime(form, time.localtime(node.mtime))
            path = (f"{kind}{lock}{bits} {node.uid or 'none'} {node.gid or 'none'} "
                    f"{node.length:>9} {date} {path}")
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
    sys.stdout.flush()
    return 0


# unpack

def made(folder: str) -> str:
    """The empty folder to unpack to, absolute."""
    try:
        os.makedirs(folder, exist_ok=True)
        if os.listdir(folder):
            raise Refusal(f"image unpack: {folder} is not empty; name a new folder")
    except OSError as error:
        raise Refusal(f"image unpack: {folder}: {(error.strerror or '').lower()}; "
                      "name a folder that can be made") from None
    return os.path.realpath(folder)


class Unpacking:
    """An image on its way into a folder."""

    def __init__(self, tree: "Tree", top: str) -> None:
        self.tree = tree
        self.top = top
        self.failed = 0
        self._mask = os.umask(0)
        os.umask(self._mask)
        self._first: dict[int, str] = {}  # where a file lies, by its number
        self._folders: list[tuple[str, Node]] = []

    def all(self) -> None:
        """Everything."""
        from vx9.fs.errors import PlanError

        links = []
        for names, node in walk(self.tree):
            path = os.path.join(self.top, *names)
            try:
                if node.children is None:
                    self._file(path, node)
                elif node.parent is not None and node.path() == names:
                    os.mkdir(path, 0o700)
                    self._folders.append((path, node))
                else:
                    links.append((path, node))
            except (OSError, PlanError) as error:
                self._complain(names, error)
        for path, node in links:
            target = os.path.join(self.top, *node.path())
            try:
                os.symlink(os.path.relpath(target, os.path.dirname(path)), path)
            except OSError as error:
                self._complain([path], error)
        for path, node in reversed(self._folders):
            with contextlib.suppress(OSError):
                os.chmod(path, node.mode & 0o777 & ~self._mask)
                os.utime(path, (node.mtime, node.mtime))

    def _file(self, path: str, node: "Node") -> None:
        before = self._first.get(node.number)
        if before is not None:
            os.link(before, path)
            return
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._first[node.number] = path
            for offset in range(0, node.length, PIECE):
                rest = memoryview(node.data(min(PIECE, node.length - offset), offset))
                while rest:
                    rest = rest[os.write(fd, rest):]
            os.fchmod(fd, node.mode & 0o777 & ~self._mask)
            os.utime(fd, (node.mtime, node.mtime))
        finally:
            os.close(fd)

    def _complain(self, names: list[str], error: Exception) -> None:
        self.failed += 1
        why = (error.strerror or "").lower() if isinstance(error, OSError) else str(error)
        shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in "/".join(names))
        sys.stderr.write(f"vx9: image unpack: {shown}: {why}\n")


def unpack(tree: "Tree", folder: str) -> int:
    """All files into an empty folder of the host."""
    limits.room_for_files()
    sizes = {node.number: node.length for _, node in walk(tree)}
    status = os.statvfs(folder)
    if sum(sizes.values()) > status.f_bavail * status.f_frsize:
        raise Refusal(f"image unpack: {folder}: {sum(sizes.values())} bytes do not fit; "
                      "name a folder on a larger file system")
    unpacking = Unpacking(tree, folder)
    unpacking.all()
    return OUR_ERROR if unpacking.failed else 0
