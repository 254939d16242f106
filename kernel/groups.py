"""What processes share: descriptor tables, environments, rendezvous tags.

Each group counts the processes that hold it; ``leave`` gives one hold up.
Source: fork(2), dup(2), env(3), rendezvous(2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from vx9.fs.errors import EBADFD, EEXIST, ENOFD, ENONEXIST, ETOOBIG, PlanError

if TYPE_CHECKING:
    from vx9.kernel.account import Account
    from vx9.kernel.chan import Chan
    from vx9.kernel.sched import Rendez

STEP: Final = 20  # a table grows by so many descriptors
MAX_FDS: Final = 5000
MAX_VALUE: Final = 16300  # bytes in one environment variable
MAX_ENV: Final = 1 << 20  # bytes in all variables of a group
VARIABLE_COST: Final = 128  # bytes that a variable counts for besides its name and value
FD_COST: Final = 1024  # bytes of the host that an open file is reckoned to take


class FdGroup:
    """A table of open files."""

    __slots__ = ("_free", "account", "cexec", "chans", "charged", "exceeded", "limit", "refs")

    def __init__(self, limit: int = MAX_FDS, account: Account | None = None) -> None:
        self.account = account
        self.charged = 0  # to the account
        self.chans: list[Chan | None] = [None] * STEP
        self.limit = limit
        self.refs = 1
        self.cexec: set[int] = set()  # what exec closes, beside Chans that say so themselves
        self.exceeded = 0  # a multiple of 100 that descriptors have reached; not yet told
        self._free = 0  # no descriptor below is free

    def get(self, fd: int) -> Chan:
        """The open file.  Raises PlanError(EBADFD)."""
        if 0 <= fd < len(self.chans):
            c = self.chans[fd]
            if c is not None:
                return c
        raise PlanError(EBADFD)

    def install(self, c: Chan) -> int:
        """Put c at the lowest free descriptor.  The table takes over the caller's reference."""
        chans = self.chans
        try:
            fd = chans.index(None, self._free)
        except ValueError:
            fd = len(chans)
            if fd >= self.limit:
                self._full()
            self._grow(fd)
        if fd >= self.limit:
            self._full()
        self._charge(c)
        chans[fd] = c
        self._free = fd + 1
        return fd

    def _full(self) -> NoReturn:
        if self.account is not None:
            self.account.met.add("files")
        raise PlanError(ENOFD)

    def _charge(self, c: Chan) -> None:
        if self.account is not None:
            cost = FD_COST + len(c.path)
            self.account.take(cost, self.charged)
            self.charged += cost

    def _give(self, c: Chan) -> None:
        if self.account is not None:
            cost = min(self.charged, FD_COST + len(c.path))
            self.account.give(cost)
            self.charged -= cost

    def empty(self) -> FdGroup:
        """A table without files, under the same limits."""
        return FdGroup(self.limit, self.account)

    def _grow(self, fd: int) -> None:
        """Make room for fd, the first that is used of the new ones."""
        if fd // 100 > (len(self.chans) - 1) // 100:
            self.exceeded = fd // 100 * 100
        self.chans.extend([None] * STEP)

    def install_at(self, c: Chan, fd: int) -> Chan | None:
        """Put c at fd, as install does; what was there before, for the caller to close."""
        chans = self.chans
        if fd < 0 or fd >= len(chans) + STEP:
            raise PlanError(EBADFD)
        if fd >= self.limit:
            self._full()
        self._charge(c)
        if fd >= len(chans):
            self._grow(fd)
        old, chans[fd] = chans[fd], c
        if old is not None:
            self._give(old)
        self.cexec.discard(fd)
        return old

    def remove(self, fd: int) -> Chan:
        """Take the file out of the table, for the caller to close.  Raises PlanError(EBADFD)."""
        c = self.get(fd)
        self._give(c)
        self.chans[fd] = None
        self.cexec.discard(fd)
        self._free = min(self._free, fd)
        return c

    def open_fds(self) -> list[tuple[int, Chan]]:
        """All (descriptor, file), ascending."""
        return [(fd, c) for fd, c in enumerate(self.chans) if c is not None]

    def copy(self) -> FdGroup:
        """A table of the same files, made in one step."""
        new = self.empty()
        if self.account is not None:
            self.account.take(self.charged, 0)
            new.charged = self.charged
        new.chans = list(self.chans)
        new._free = self._free
        new.cexec = set(self.cexec)
        for c in new.chans:
            if c is not None:
                c.refs += 1
        return new

    def take_all(self) -> list[Chan]:
        """Empty the table; its files, for the caller to close."""
        chans = [c for c in self.chans if c is not None]
        if self.account is not None:
            self.account.give(self.charged)
            self.charged = 0
        self.chans = [None] * STEP
        self._free = 0
        return chans

    async def leave(self) -> None:
        """One process less; the last one closes all files."""
        self.refs -= 1
        if self.refs == 0:
            for c in self.take_all():
                await c.close()


@dataclass(slots=True, eq=False)
class EnvVar:
    """One environment variable, a file of /env."""

    name: str
    path: int  # of its qid
    vers: int = 0
    value: bytes = b""

    def cost(self) -> int:
        """Bytes that it counts for."""
        return VARIABLE_COST + len(self.name) + len(self.value)


@dataclass(slots=True, eq=False)
class EnvGroup:
    """The variables, in the order of creation; vers counts every change."""

    variables: list[EnvVar] = field(default_factory=list)
    vers: int = 0
    refs: int = 1
    _paths: int = 0
    _index: dict[str, EnvVar] = field(default_factory=dict)
    account: Account | None = None
    size: int = 0  # of all variables

    def find(self, name: str) -> EnvVar | None:
        """The variable called name."""
        return self._index.get(name)

    def by_path(self, path: int) -> EnvVar | None:
        """The variable with this qid path."""
        return next((v for v in self.variables if v.path == path), None)

    def get(self, name: str) -> bytes | None:
        """The value of the variable called name."""
        variable = self._index.get(name)
        return None if variable is None else variable.value

    def create(self, name: str) -> EnvVar:
        """A new empty variable.  Raises PlanError(EEXIST)."""
        if name in self._index:
            raise PlanError(EEXIST)
        variable = EnvVar(name, self._paths + 1)
        self._resize(variable.cost())
        self._paths += 1
        self.vers += 1
        self.variables.append(variable)
        self._index[name] = variable
        return variable

    def assign(self, variable: EnvVar, value: bytes) -> None:
        """Change a value.  Raises PlanError(ETOOBIG)."""
        if len(value) > MAX_VALUE:
            raise PlanError(ETOOBIG)
        self._resize(len(value) - len(variable.value))
        variable.value = value
        variable.vers += 1
        self.vers += 1

    def set(self, name: str, value: bytes) -> None:
        """Make name have value."""
        self.assign(self.find(name) or self.create(name), value)

    def remove(self, variable: EnvVar) -> None:
        """Forget a variable; the last one takes its place.  Raises PlanError(ENONEXIST)."""
        if self._index.get(variable.name) is not variable:
            raise PlanError(ENONEXIST)
        self._resize(-variable.cost())
        del self._index[variable.name]
        last = self.variables.pop()
        if last is not variable:
            self.variables[self.variables.index(variable)] = last
        self.vers += 1

    def copy(self) -> EnvGroup:
        """An independent group with the same variables."""
        copies = [EnvVar(v.name, v.path, v.vers, v.value) for v in self.variables]
        other = EnvGroup([], self.vers, 1, self._paths, {}, self.account)
        other._resize(self.size)
        other.variables, other._index = copies, {v.name: v for v in copies}
        return other

    def empty(self) -> EnvGroup:
        """A group without variables, under the same limits."""
        return EnvGroup(account=self.account)

    def _resize(self, more: int) -> None:
        if more > 0 and self.size + more > MAX_ENV:
            raise PlanError(ETOOBIG)
        if self.account is not None:
            self.account.take(more, self.size)
        self.size += more

    def leave(self) -> None:
        """One process less."""
        self.refs -= 1
        if self.refs == 0:
            self._resize(-self.size)


def env_value(value: bytes | str | Sequence[str]) -> bytes:
    """A value as /env holds it: a list has a NUL after each element."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in value)


def make_env(values: Mapping[str, Any], account: Account | None = None) -> EnvGroup:
    """An environment group; names that cannot be files are left out."""
    env = EnvGroup(account=account)
    for name, value in values.items():
        if name and "/" not in name and name not in (".", ".."):
            env.set(name, env_value(value))
    return env


@dataclass(slots=True, eq=False)
class Meeting:
    """A process that waits in rendezvous."""

    value: int
    rendez: Rendez
    met: bool = False


@dataclass(slots=True, eq=False)
class RendezGroup:
    """The tags at which processes wait for each other; at most one process a tag."""

    waiting: dict[int, Meeting] = field(default_factory=dict)
    refs: int = 1

    def leave(self) -> None:
        """One process less."""
        self.refs -= 1
