"""#/ the root: folders to mount things on.

A name space is built on them.  The kernel adds more where the host asks for a place that
no server has.  Source: root(3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from vx9.fs.dir import DMDIR, check_name
from vx9.fs.dirtab import DirtabServer, Node, Row
from vx9.fs.errors import ENOTDIR, PlanError
from vx9.fs.server import Fid

# fmt: off
FOLDERS: Final = (
    "bin", "boot", "dev", "env", "fd", "mnt", "net", "net.alt", "proc", "root", "srv",
)
# fmt: on
# Beside those: where a fresh name space has more to mount on.
PLACES: Final = ("lib", "n", "tmp", "usr")


class Root(DirtabServer):
    """The root device: folders, read-only."""

    dc = "/"
    name = "root"

    def __init__(self, eve: str = "none", now: Callable[[], int] = lambda: 0,
                 places: Sequence[str] = PLACES) -> None:
        super().__init__(eve, now, [Row(name, DMDIR | 0o555, rows=())
                                    for name in sorted((*FOLDERS, *places))])

    def plant(self, at: Fid, names: Sequence[str], is_dir: bool) -> None:
        """See to it that the file called names below at is there, and the folders above it."""
        node: Node = at.aux
        for i, name in enumerate(names):
            if node.row.rows is None:
                raise PlanError(ENOTDIR)
            child = node.children.get(name)
            if child is None:
                check_name(name)
                row = Row(name, DMDIR | 0o555, rows=()) if is_dir or i < len(names) - 1 else \
                    Row(name, 0o444, text=_empty)
                child = node.children[name] = self._plant(row, node)
            node = child


def _empty(server: Root, fid: object) -> bytes:
    return b""

