"""#e: the environment of the calling process, a file a variable.

Which group a Fid means is asked anew at each call, as the process may have got another.
#ec is the group that programs start with.  Source: env(3); /sys/src/9/port/devenv.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vx9.fs import perm as rights
from vx9.fs.dir import DMDIR, ORCLOSE, OREAD, OTRUNC, QTDIR, Dir, Qid, check_name
from vx9.fs.errors import EBADARG, EISDIR, ENONEXIST, ENOTDIR, EPERM, ETOOBIG, PlanError
from vx9.fs.server import Fid, Refuser
from vx9.kernel.groups import MAX_VALUE, EnvGroup, EnvVar

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel


class _Place:
    """What a Fid stands for: a variable, or (None) the folder; `common`: of #ec."""

    __slots__ = ("common", "variable")

    def __init__(self, variable: EnvVar | None, common: bool) -> None:
        self.variable = variable
        self.common = common


class Env(Refuser):
    """The environment device."""

    dc = "e"
    name = "env"

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.eve = kernel.eve
        self._born = kernel.clock.seconds()

    def _group(self, fid: Fid) -> EnvGroup:
        if fid.aux.common or fid.proc is None:
            return self.kernel.boot.env
        group: EnvGroup = fid.proc.env
        return group

    def _variable(self, fid: Fid) -> EnvVar:
        """The variable in the group of the caller, which may be a copy of the one walked to."""
        group = self._group(fid)
        known: EnvVar | None = fid.aux.variable
        if known is None:
            raise PlanError(EISDIR)
        if group.find(known.name) is known:
            return known
        variable = group.by_path(known.path)
        if variable is None or variable.name != known.name:
            raise PlanError(ENONEXIST)
        return variable

    @staticmethod
    def _qid(group: EnvGroup, variable: EnvVar | None) -> Qid:
        if variable is None:
            return Qid(0, group.vers & 0xFFFFFFFF, QTDIR)
        return Qid(variable.path, variable.vers & 0xFFFFFFFF, 0)

    async def attach(self, uid: str, spec: str) -> Fid:
        """The folder; c is the group of all."""
        if spec not in ("", "c"):
            raise PlanError(EBADARG)
        return Fid(Qid(0, 0, QTDIR), uid, -1, _Place(None, spec == "c"))

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """One level of variables."""
        group = self._group(fid)
        variable = fid.aux.variable
        qids: list[Qid] = []
        for name in names:
            found = None if name == ".." else group.find(name)
            if name != ".." and (variable is not None or found is None):
                if qids:
                    return None, qids
                raise PlanError(ENOTDIR if variable is not None else ENONEXIST)
            variable = found
            qids.append(self._qid(group, variable))
        place = _Place(variable, fid.aux.common)
        return Fid(self._qid(group, variable), fid.uid, -1, place), qids

    async def open(self, fid: Fid, mode: int) -> None:
        """By anybody; but what is of all, only the host owner changes."""
        if fid.aux.variable is None:
            if mode != OREAD:
                raise PlanError(EPERM)
        else:
            if mode != OREAD:
                self._may_change(fid)
            variable = self._variable(fid)
            if mode & OTRUNC:
                self._group(fid).assign(variable, b"")
            fid.aux.variable = variable
        fid.omode = mode

    def _may_change(self, fid: Fid) -> None:
        if fid.aux.common and fid.uid != self.eve:
            raise PlanError(EPERM)

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """A new variable; whatever perm, it gets 0666."""
        self._may_change(fid)
        if fid.aux.variable is not None:
            raise PlanError(ENOTDIR)
        if perm & DMDIR:
            raise PlanError(EPERM)
        rights.open_kind(mode)
        check_name(name)
        group = self._group(fid)
        fid.aux.variable = group.create(name)
        fid.qid = self._qid(group, fid.aux.variable)
        fid.omode = mode

    async def clunk(self, fid: Fid) -> None:
        """Remove on close."""
        if fid.omode >= 0 and fid.omode & ORCLOSE:
            await self.remove(fid)

    async def remove(self, fid: Fid) -> None:
        """Forget the variable."""
        if fid.aux.variable is None:
            raise PlanError(EPERM)
        self._may_change(fid)
        self._group(fid).remove(self._variable(fid))

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """A piece of the value."""
        return self._variable(fid).value[offset : offset + count]

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """A gap before offset is filled with zeros."""
        if offset + len(data) > MAX_VALUE:
            raise PlanError(ETOOBIG)
        variable = self._variable(fid)
        if not data:
            return 0
        old = variable.value
        self._group(fid).assign(
            variable, old[:offset].ljust(offset, b"\0") + data + old[offset + len(data) :])
        return len(data)

    async def readdir(self, fid: Fid) -> list[Dir]:
        """All variables."""
        group = self._group(fid)
        return [self._dir(group, variable) for variable in group.variables]

    async def stat(self, fid: Fid) -> Dir:
        """Of the folder or a variable."""
        variable = None if fid.aux.variable is None else self._variable(fid)
        return self._dir(self._group(fid), variable)

    def _dir(self, group: EnvGroup, variable: EnvVar | None) -> Dir:
        now = self.kernel.clock.seconds()
        qid = self._qid(group, variable)
        if variable is None:
            return Dir(qid, DMDIR | 0o555, now, self._born, 0, "#e",
                       self.eve, self.eve, self.eve, ord("e"), self.dev)
        return Dir(qid, 0o666, now, self._born, len(variable.value), variable.name,
                   self.eve, self.eve, self.eve, ord("e"), self.dev)
