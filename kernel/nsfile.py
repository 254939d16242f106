"""namespace(6): files that say how a name space is made, and carrying them out.

Each line is one operation, in the order of the file; a line that fails is reported and the
next one is done.  Source: namespace(6), newns in auth(2).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.fs.dir import ORDWR, OREAD
from vx9.fs.errors import EBADSHARP, EDOESNOTEXIST, EISDIR, PlanError
from vx9.kernel.namespace import MAFTER, MBEFORE, MCACHE, MCREATE
from vx9.kernel.quote import words

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

NESTED: Final = 16  # files that include one another
LINES: Final = 10_000  # carried out for one name space
SIZE: Final = 1 << 20  # bytes of a file
REPORTS: Final = 50  # lines that fail and are told one by one
FLAGS: Final = {"a": MAFTER, "b": MBEFORE, "c": MCREATE, "C": MCACHE}
_VARIABLE: Final = re.compile(r"\$([^/.!'$\s]*)")

# operation: (options, least and most arguments, what it takes)
# fmt: off
OPERATIONS: Final = {
    "mount":   ("abcC", 2, 3, "[-abcC] servename old [spec]"),
    "bind":    ("abcC", 2, 2, "[-abcC] new old"),
    "import":  ("abc",  2, 3, "[-abc] host [remotepath] mountpoint"),
    "cd":      ("",     1, 1, "dir"),
    "unmount": ("",     1, 2, "[new] from"),
    "clear":   ("",     0, 0, ""),
    ".":       ("",     1, 1, "path"),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Line:
    """One operation as it is written, variables not yet replaced."""

    number: int
    text: str
    name: str
    flags: str
    arguments: list[str]


class BadLine(Exception):
    """A line that is no operation; the text says what is wrong."""


def parse_line(number: int, text: str) -> Line | None:
    """The operation of a line; None for an empty one or a comment.  Raises BadLine."""
    if not text.strip() or text.lstrip().startswith("#"):
        return None
    name, *rest = words(text)
    if name not in OPERATIONS:
        raise BadLine(f"unknown operation; there are {', '.join(OPERATIONS)}")
    known, least, most, takes = OPERATIONS[name]
    flags = ""
    while rest and known and rest[0].startswith("-") and len(rest[0]) > 1:
        flags += rest.pop(0)[1:]
    if wrong := [flag for flag in flags if flag not in known]:
        raise BadLine(f"unknown option -{wrong[0]}; {name} takes {takes}")
    if not least <= len(rest) <= most:
        raise BadLine(f"{len(rest)} arguments; {name} takes {takes or 'none'}")
    return Line(number, text.strip(), name, flags, rest)


def mounts_root(text: str) -> bool:
    """Whether the file itself mounts the server that the kernel posts as the root's."""
    for number, each in enumerate(text.splitlines(), 1):
        try:
            line = parse_line(number, each)
        except BadLine:
            continue
        if line and line.name == "mount" and line.arguments[0] in ("#s/boot", "/srv/boot"):
            return True
    return False


class Builder:
    """Carries name space files out in the kernel's first name space.

    report is told of every line that could not be carried out: file:line: text: why.  run
    runs a program of the guest to its end; its status.  A file for many machines names devices,
    servers and further files that only some have: any_machine, and those lines are not told.
    """

    def __init__(self, kernel: Kernel, report: Callable[[str], None],
                 run: Callable[[Sequence[str]], Awaitable[str]], any_machine: bool = False) -> None:
        self.kernel = kernel
        self.report = report
        self.run = run
        self.any_machine = any_machine
        self._lines = 0
        self._failed = 0

    async def carry_out(self, text: str, name: str, depth: int = 0) -> None:
        """All lines of a file called name."""
        for number, each in enumerate(text.splitlines(), 1):
            line = None
            try:
                line = parse_line(number, each)
                if line is None:
                    continue
                self._lines += 1
                if self._lines > LINES:
                    raise BadLine(f"more than {LINES} lines for one name space")
                await self._do(line, depth)
            except (BadLine, PlanError) as error:
                if self.any_machine and line is not None and self._elsewhere(line, str(error)):
                    continue
                self._tell(f"{name}:{number}: {each.strip()}: {error}")
                if self._lines > LINES:
                    return

    def _elsewhere(self, line: Line, error: str) -> bool:
        """Whether what a line wants is there on other machines: a device, a server, a file."""
        if EBADSHARP in error:
            return True
        if EDOESNOTEXIST not in error:
            return False
        server = f"'{self.expand(line.arguments[0])}'" if line.arguments else ""
        return line.name == "." or (line.name == "mount" and server in error)

    def _tell(self, text: str) -> None:
        self._failed += 1
        if self._failed <= REPORTS:
            self.report(text)
        elif self._failed == REPORTS + 1:
            self.report("more lines of the name space file fail, and are not told")

    def expand(self, word: str) -> str:
        """A word with the values of the variables in it; one that is not set is empty."""
        def value(match: re.Match[str]) -> str:
            variable = self.kernel.boot.env.find(match[1])
            if variable is None:
                return ""
            return variable.value.partition(b"\0")[0].decode("utf-8", "surrogateescape")

        return _VARIABLE.sub(value, word)

    async def _do(self, line: Line, depth: int) -> None:
        boot = self.kernel.boot
        arguments = [self.expand(word) for word in line.arguments]
        flag = 0
        for letter in line.flags:
            flag |= FLAGS[letter]
        match line.name, arguments:
            case "bind", [new, old]:
                await boot.ns.bind(boot, new, old, flag)
            case "mount", [server, old, *spec]:
                await self._mount(server, old, flag, "".join(spec))
            case "unmount", [old]:
                await boot.ns.unmount(boot, None, old)
            case "unmount", [new, old]:
                await boot.ns.unmount(boot, new, old)
            case "cd", [folder]:
                dot = await boot.ns.dir(boot, folder)
                boot.dot, old_dot = dot, boot.dot
                await old_dot.close()
            case "clear", []:
                ns = boot.ns
                boot.ns = ns.empty()
                await ns.close()
            case ".", [path]:
                if depth >= NESTED:
                    raise BadLine(f"files nested more than {NESTED} deep")
                await self.carry_out(await self.read(path), path, depth + 1)
            case "import", _:
                flags = [f"-{line.flags}"] if line.flags else []
                status = await self.run(["/bin/import", *flags, *arguments])
                if status:
                    raise BadLine(status)

    async def _mount(self, name: str, old: str, flag: int, spec: str) -> None:
        boot = self.kernel.boot
        channel = await boot.ns.open(boot, name, ORDWR)
        try:
            server = await self.kernel.mount_server(boot, channel, None)
            await boot.ns.mount(boot, server, old, flag, spec, channel)
        finally:
            await channel.close()

    async def read(self, path: str) -> str:
        """The text of a file in the name space as it is now.  Raises PlanError."""
        boot = self.kernel.boot
        c = await boot.ns.open(boot, path, OREAD)
        try:
            if c.is_dir:
                raise PlanError(EISDIR)
            parts: list[bytes] = []
            while (data := await c.read(boot, 1 << 16)) and sum(map(len, parts)) < SIZE:
                parts.append(data)
            return b"".join(parts).decode("utf-8", "surrogateescape")
        finally:
            await c.close()
