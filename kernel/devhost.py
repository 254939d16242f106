"""#U: folders and files of the host that were granted, each by its number: #U1.

#R: trees in memory, made when they are first attached, each by its name: #Rtmp.  Both
answer an attach with a server of its own, so that the use of a file costs no detour.
Source: ours; hostfs and ramfs of vx9.fs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from vx9.fs.errors import EBADSPEC, PlanError
from vx9.fs.hostfs import HostFS
from vx9.fs.hostlinks import Hidden
from vx9.fs.ramfs import RamFS
from vx9.fs.server import FileServer, Refuser
from vx9.kernel.account import Account

RAMS: Final = 64  # trees in memory
SPEC_MAX: Final = 64  # characters of a tree's name


class Host(Refuser):
    """The device of host folders."""

    name = "host"

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._granted: dict[str, FileServer] = {}
        self.hidden = Hidden()  # in all of them

    def grant(self, path: str, rw: bool, me: str) -> str:
        """Let path of the host be attached; the name, "#U1".  Raises PlanError."""
        server = HostFS(path, rw, me, self.hidden)
        server.dev = next(self._numbers)
        self._granted[str(server.dev)] = server
        return f"#U{server.dev}"

    def adopt(self, server: FileServer) -> str:
        """Have another server among the granted ones; its name."""
        server.dev = next(self._numbers)
        self._granted[str(server.dev)] = server
        return f"#U{server.dev}"

    def close(self) -> None:
        """Take all grants back."""
        for server in self._granted.values():
            if hasattr(server, "close"):
                server.close()
        self._granted.clear()

    def select(self, spec: str) -> FileServer:
        """The server of one grant."""
        server = self._granted.get(spec)
        if server is None:
            raise PlanError(EBADSPEC)
        return server


class Ram(Refuser):
    """The device of memory trees; each has the same quota."""

    name = "ram"

    def __init__(self, numbers: Iterator[int], owner: str, now: Callable[[], int],
                 account: Account) -> None:
        self._numbers = numbers
        self._owner = owner
        self._now = now
        self._account = account
        self._trees: dict[str, RamFS] = {}

    def select(self, spec: str) -> RamFS:
        """The tree called spec."""
        tree = self._trees.get(spec)
        if tree is None:
            if not spec or len(spec) > SPEC_MAX or len(self._trees) >= RAMS:
                raise PlanError(EBADSPEC)
            account = self._account
            tree = RamFS(self._owner, self._now, account.limits.ram, charge=account.take)
            tree.dev = next(self._numbers)
            self._trees[spec] = tree
        return tree
