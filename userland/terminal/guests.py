"""What the shell asks of the kernel: open, list and change folders, pipes, programs.

The shell is outside: it acts as the kernel's boot process, in the name space that all it
starts share, and keeps the current folder itself.
"""

import argparse
import contextlib
import os
import posixpath
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from vx9.fs.dir import OREAD, OTRUNC, OWRITE, unpack_all
from vx9.fs.errors import PlanError
from vx9.userland import session

if TYPE_CHECKING:
    from vx9.kernel.chan import Chan
    from vx9.kernel.kernel import Handle, Kernel

NEW_FILE: Final = 0o666
LISTING: Final = 65536  # bytes of a folder's records read at once


class Guests:
    """One kernel, as the shell uses it."""

    Fault = PlanError
    standard: tuple[int, int, int] = (0, 1, 2)

    def __init__(self, kernel: "Kernel", options: argparse.Namespace) -> None:
        self.kernel = kernel
        self.cwd = "/"
        self.chdir(session.start_folder(options, os.getcwd()))

    @staticmethod
    def reason(text: str) -> str:
        """An error without the name that it was decorated with."""
        return session.reason(text)

    def absolute(self, name: str) -> str:
        """A name as seen from the shell's folder."""
        return name if name.startswith("#") else posixpath.join(self.cwd, name)

    def chdir(self, name: str) -> None:
        """Make a folder the current one.  Raises Fault."""
        self.cwd = self.kernel.call(session.change_to, self.kernel, self.absolute(name))

    def names(self, folder: str) -> list[str]:
        """The names in a folder; none when it cannot be listed."""
        async def listed() -> list[str]:
            boot = self.kernel.boot
            c = await boot.ns.open(boot, self.absolute(folder), OREAD)
            try:
                records = []
                while c.is_dir and (data := await c.read(boot, LISTING)):
                    records += unpack_all(data)
                return [d.name for d in records]
            finally:
                await c.close()
        try:
            return self.kernel.call(listed)
        except PlanError:
            return []

    @contextlib.contextmanager
    def opened(self, name: str, op: str) -> "Iterator[Chan]":
        """A file opened for a redirection: < > >>.  Raises Fault."""
        async def opening() -> "Chan":
            boot, path = self.kernel.boot, self.absolute(name)
            if op == "<":
                return await boot.ns.open(boot, path, OREAD)
            if op == ">":
                return await boot.ns.create(boot, path, OWRITE | OTRUNC, NEW_FILE)
            try:
                c = await boot.ns.open(boot, path, OWRITE)
            except PlanError:
                return await boot.ns.create(boot, path, OWRITE, NEW_FILE)
            c.offset = (await c.stat(boot)).length
            return c
        c: Chan = self.kernel.call(opening)
        try:
            yield c
        finally:
            self.kernel.call(c.close)

    def pipe(self, stack: contextlib.ExitStack) -> "tuple[Chan, Chan]":
        """The reading and the writing end of a new pipe, ours until the stack unwinds."""
        ends = self.kernel.call(self.kernel.pipe, self.kernel.user)
        for c in ends:
            stack.callback(self.kernel.call, c.close)
        return ends

    def spawn(self, words: list[str], path: str, variables: Mapping[str, object],
              streams: "Mapping[int, int | Chan | None]") -> "Handle":
        """Start a program.  Raises Fault."""
        return self.kernel.spawn(
            words, env=variables, cwd=self.cwd, path=self.absolute(path), stdin=streams.get(0),
            stdout=streams.get(1), stderr=streams.get(2))

    @staticmethod
    def ended(handle: "Handle") -> bool:
        """Whether a program has ended."""
        return handle.done()
