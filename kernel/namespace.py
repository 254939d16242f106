"""Namespace: the mount table of a group of processes, and the evaluation of names.

Source: intro(1), bind(2), open(2); /sys/src/9/port/chan.c (namec, walk, cmount).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from vx9.fs.dir import Dir
from vx9.fs.server import FileServer
from vx9.kernel.chan import Chan

MREPL: Final = 0
MBEFORE: Final = 1
MAFTER: Final = 2
MCREATE: Final = 4
MCACHE: Final = 16


class Caller(Protocol):
    """What name evaluation needs of a process."""

    ns: Namespace
    root: Chan  # where "/" names start
    dot: Chan  # where others start
    user: str


class Mount:
    """One member of a mount point: its id, the root Chan `to`, flags, and the spec of a mount."""

    id: int
    to: Chan
    flag: int
    spec: str


class MountHead:
    """A mount point: the covered Chan `frm` and what covers it, in order."""

    frm: Chan
    mounts: tuple[Mount, ...]
    refs: int


class Namespace:
    """Mount table; devtab maps device letters to servers (devtab.py makes it)."""

    noattach: bool  # set by rfork(RFNOMNT)

    def __init__(self, devtab: Mapping[str, FileServer]) -> None: ...

    def copy(self) -> Namespace:
        """A name space of its own with the same mounts (RFNAMEG).  refs of the copy is 1."""

    def empty(self) -> Namespace:
        """A name space without mounts (RFCNAMEG); noattach is inherited."""

    def ref(self) -> Namespace:
        """One process more shares it."""

    async def close(self) -> None:
        """One process less; the last drops all mounts."""

    async def open(self, p: Caller, name: str, mode: int) -> Chan:
        """Open a file; OCEXEC sets Chan.cexec; OEXEC on a directory is refused."""

    async def create(self, p: Caller, name: str, mode: int, perm: int) -> Chan:
        """Make and open a file, or open with OTRUNC one that is there."""

    async def access(self, p: Caller, name: str) -> Chan:
        """The file of that name, not open, mounts crossed: for stat, wstat, remove."""

    async def dir(self, p: Caller, name: str) -> Chan:
        """The directory of that name, its own mount not crossed: for chdir (p.dot = it)."""

    async def stat(self, p: Caller, name: str) -> Dir:
        """stat(2): its name is the last element of the path used."""

    async def remove(self, p: Caller, name: str) -> None:
        """remove(2)."""

    async def bind(self, p: Caller, new: str, old: str, flag: int) -> int:
        """bind(2); the mount id."""

    async def mount(self, p: Caller, server: FileServer, old: str, flag: int, spec: str = "",
                    channel: Chan | None = None) -> int:
        """Attach to server as p.user and bind its root; channel: what a posted 9P server speaks on."""

    async def unmount(self, p: Caller, new: str | None, old: str) -> None:
        """unmount(2)."""

    async def attach(self, p: Caller, sharp: str) -> Chan:
        """The root of the device that "#Xspec" names."""

    def listing(self, p: Caller) -> list[str]:
        """/proc/n/ns: the lines, oldest mount first, then cd."""
