"""Namespace: the mount table of a group of processes, and the evaluation of names.

A mount point is a file, known by its server and qid.path, that other files cover: its
MountHead lists them in order.  Heads are immutable: a change makes a new one, so that
whoever is in the middle of a walk keeps what it saw.  Source: intro(1), bind(2), open(2);
/sys/src/9/port/chan.c (namec, cmount).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from vx9.fs.dir import DMDIR, OCEXEC, OEXCL, OEXEC, ORCLOSE, OREAD, OTRUNC, Dir, DirChange
from vx9.fs.errors import (
    EBADARG,
    EEXIST,
    EINTR,
    EMOUNT,
    ENOATTACH,
    ENOCREATE,
    ENODMDIR,
    ENOTDIR,
    EUNION,
    EUNMOUNT,
    PlanError,
)
from vx9.fs.server import FileServer
from vx9.kernel.account import Account
from vx9.kernel.chan import Chan, mode_of, open_chan
from vx9.kernel.nslines import lines
from vx9.kernel.walk import Caller, Mount, MountHead, Name, Stuck, Walker, named

# fmt: off
MREPL:   Final = 0
MBEFORE: Final = 1
MAFTER:  Final = 2
MCREATE: Final = 4
MCACHE:  Final = 16
# fmt: on
MORDER: Final = MBEFORE | MAFTER
MOUNTMAX: Final = 4096  # mounts in one name space without limits of its own
MOUNT_COST, COPY_COST = 1024, 128  # bytes of the host that a mount, and a copy, is reckoned to take

_OPENFLAGS: Final = OTRUNC | OCEXEC | ORCLOSE


class Namespace(Walker):
    """A mount table; devtab maps device letters to servers."""

    __slots__ = ("_charged", "_count", "_next_id", "_numbers", "account", "number", "refs")

    def __init__(self, devtab: Mapping[str, FileServer],
                 numbers: Iterator[int] | None = None, account: Account | None = None) -> None:
        super().__init__(devtab)
        self.account = account
        self._charged = 0  # to the account
        self._numbers = numbers if numbers is not None else itertools.count(1)
        self.number = next(self._numbers)  # as /dev/pgrpid tells it
        self.refs = 1
        self._count = 0
        self._next_id = 1

    # The group

    def ref(self) -> Namespace:
        """One process more shares it."""
        self.refs += 1
        return self

    def copy(self) -> Namespace:
        """A name space of its own with the same mounts (RFNAMEG)."""
        other = self.empty()
        for server, table in self._tables.items():
            other._tables[server] = dict(table)
            for head in table.values():
                head.refs += 1
        other._count = self._count
        other._charge(self.copy_cost())
        other._next_id = self._next_id
        return other

    def copy_cost(self) -> int:
        """Bytes of the host that a copy is reckoned to take."""
        return COPY_COST * self._count

    def empty(self) -> Namespace:
        """A name space without mounts (RFCNAMEG)."""
        other = Namespace(self.devtab, self._numbers, self.account)
        other.dialect = self.dialect
        other.noattach = self.noattach
        other.denied = self.denied
        return other

    async def close(self) -> None:
        """One process less; the last one drops all mounts."""
        self.refs -= 1
        if self.refs:
            return
        self._charge(-self._charged)
        tables, self._tables = self._tables, {}
        for table in tables.values():
            for head in table.values():
                await head.release()

    # The table

    def _charge(self, size: int) -> None:
        if self.account is not None:
            size = max(size, -self._charged)
            self.account.take(size, self._charged)
            self._charged += size

    def has_mounts_on(self, server: FileServer) -> bool:
        """Whether any file of server is a mount point."""
        return server in self._tables

    def mounted_on(self, server: FileServer, path: int) -> MountHead | None:
        """What covers the file of that qid.path."""
        table = self._tables.get(server)
        return None if table is None else table.get(path)

    def _set(self, frm: Chan, mounts: Sequence[Mount]) -> MountHead | None:
        """Let mounts cover frm; the head it had, which the caller releases."""
        server, path = frm.server, frm.fid.qid[0]
        known = self._tables.get(server, {}).get(path)
        self._charge(MOUNT_COST * (len(mounts) - (len(known.mounts) if known else 0)))
        table = self._tables.setdefault(server, {})
        old = table.pop(path, None)
        if old is not None:
            self._count -= len(old.mounts)
        if mounts:
            table[path] = MountHead(frm.ref(), tuple(mounts))
            self._count += len(mounts)
            for mount in mounts:
                mount.to.ref()
        elif not table:
            del self._tables[server]
        return old

    def _extend(self, head: MountHead, added: Sequence[Mount], mounts: Sequence[Mount]) -> None:
        """Let a head that nobody else looks at have more mounts: no work for those it has."""
        self._charge(MOUNT_COST * len(added))
        self._count += len(added)
        for mount in added:
            mount.to.ref()
        head.mounts = tuple(mounts)

    def _mount(self, to: Chan, flag: int, spec: str) -> Mount:
        self._next_id += 1
        return Mount(self._next_id - 1, to, flag, spec)

    # What system calls ask for

    async def access(self, p: Caller, name: str) -> Chan:
        """The file of that name, not open: for stat, wstat, remove."""
        n = named(name)
        try:
            return await self._cross(p, await self._find(p, n), n)
        except PlanError as error:
            raise n.blame(error, self.dialect) from None

    async def dir(self, p: Caller, name: str) -> Chan:
        """The directory of that name, its own mount not crossed: for chdir."""
        n = named(name)
        try:
            c = await self._find(p, n)
            if not c.is_dir:
                await c.close()
                raise PlanError(ENOTDIR)
            return c
        except PlanError as error:
            raise n.blame(error, self.dialect) from None

    async def open(self, p: Caller, name: str, mode: int) -> Chan:
        """open(2).  OCEXEC shows in Chan.cexec."""
        if not 0 <= mode & ~_OPENFLAGS <= OEXEC:
            raise PlanError(EBADARG)
        n = named(name)
        try:
            c = await self._walk(p, n, len(n.elements))
            if n.must_be_dir and not c.is_dir:
                await c.close()
                raise PlanError(ENOTDIR)
            if c.server in self._tables:
                c = await self._cross(p, c, n)
            return await open_chan(p, c, mode)
        except PlanError as error:
            raise n.blame(error, self.dialect) from None

    async def create(self, p: Caller, name: str, mode: int, perm: int) -> Chan:
        """create(2): make and open a file; one that exists is opened with OTRUNC instead."""
        if not 0 <= mode & ~(_OPENFLAGS | OEXCL) <= OEXEC:
            raise PlanError(EBADARG)
        n = named(name)
        try:
            if not n.elements:
                raise PlanError(EEXIST)
            if n.must_be_dir and not perm & DMDIR:
                raise PlanError(ENODMDIR)
            excl = mode & OEXCL
            mode &= ~OEXCL
            c = await self._existing(p, n)
            if c is None:
                try:
                    return await self._create(p, n, mode, perm)
                except PlanError as error:
                    # Someone may have made it meanwhile: then it is only to be opened.
                    c = None if excl or str(error) == EINTR else await self._existing(p, n)
                    if c is None:
                        raise
            elif excl:
                await c.close()
                raise PlanError(EEXIST)
            return await open_chan(p, await self._cross(p, c, n), mode | OTRUNC)
        except PlanError as error:
            raise n.blame(error, self.dialect) from None

    async def _existing(self, p: Caller, name: Name) -> Chan | None:
        """The file of that name; None when only its last element fails."""
        try:
            return await self._walk(p, name, len(name.elements))
        except Stuck as error:
            if error.at != len(name.elements):
                raise
            return None

    async def _create(self, p: Caller, name: Name, mode: int, perm: int) -> Chan:
        """Make the file in its folder, or in the member of a union that is for it."""
        last = name.elements[-1]
        c = await self._walk(p, name, len(name.elements) - 1)
        try:
            if not c.is_dir:
                raise Stuck(len(name.elements) - 1, ENOTDIR)
            head = None if name.sharp else self.mounted_on(c.server, c.fid.qid[0])
            if head is not None:
                member = next((m.to for m in head.mounts if m.flag & MCREATE), None)
                if member is None:
                    raise PlanError(ENOCREATE)
                covers = (*c.covers, (c.depth, head))
                for _, each in covers:
                    each.refs += 1
                inside = Chan(member.server, await member.copy_fid(p), c.path, c.depth, covers)
                await c.close()
                c = inside
            c.fid.proc = p
            await c.server.create(c.fid, last, perm, mode & ~OCEXEC)
        except BaseException:
            await c.close()
            raise
        c.path = f"{c.path}{last}" if c.path == "/" else f"{c.path}/{last}"
        c.depth += 1
        c.mode = mode_of(mode)
        c.iounit = c.fid.iounit
        c.cexec = bool(mode & OCEXEC)
        return c

    async def stat(self, p: Caller, name: str) -> Dir:
        """stat(2): the name in it is the last element of the path that was used."""
        c = await self.access(p, name)
        try:
            d = await c.stat(p)
            d.name = c.name
            return d
        finally:
            await c.close()

    async def wstat(self, p: Caller, name: str, change: DirChange) -> None:
        """wstat(2)."""
        c = await self.access(p, name)
        try:
            await c.wstat(p, change)
        finally:
            await c.close()

    async def remove(self, p: Caller, name: str) -> None:
        """remove(2)."""
        c = await self.access(p, name)
        try:
            await c.remove(p)
        finally:
            await c.close()

    # Mounting

    async def bind(self, p: Caller, new: str, old: str, flag: int) -> int:
        """bind(2): let new cover old; the mount's id."""
        _check_flag(flag)
        source = await self.access(p, new)  # with its union, when it is one
        try:
            return await self._cover(p, source, old, flag, "")
        finally:
            await source.close()

    async def mount(self, p: Caller, server: FileServer, old: str, flag: int, spec: str = "",
                    channel: Chan | None = None) -> int:
        """mount(2): let the tree of server that spec selects cover old; the mount's id.

        channel is the Chan that the server's messages go through, if that is how it works.
        """
        _check_flag(flag)
        if self.noattach or "M" in self.denied:
            raise PlanError(ENOATTACH)
        root = Chan(server, await server.attach(p.user, spec), f"#{server.dc}{server.dev}")
        root.mchan = None if channel is None else channel.ref()
        try:
            return await self._cover(p, root, old, flag, spec)
        finally:
            await root.close()

    async def _cover(self, p: Caller, new: Chan, old: str, flag: int, spec: str) -> int:
        """Mount new, with the rest of its union, on the file old."""
        n = Name(old)
        try:
            on = await self._find(p, n)
        except PlanError as error:
            raise n.blame(error, self.dialect) from None
        try:
            if new.is_dir != on.is_dir or (flag & MORDER and not on.is_dir):
                raise PlanError(EMOUNT)
            union = new.union.mounts if new.union is not None else ()
            if flag & MCREATE and union and (len(union) > 1 or not union[0].flag & MCREATE):
                raise PlanError(EMOUNT)
            order = flag & MORDER
            head = self.mounted_on(on.server, on.fid.qid[0])
            there: list[Mount] = []
            if order != MREPL:
                # A fresh mount point keeps its own files as a member.
                there = list(head.mounts) if head is not None else [self._mount(on, 0, "")]
            first = self._mount(new, flag, spec)
            added = [first, *(self._mount(m.to, order or MAFTER, m.spec) for m in union[1:])]
            mounts = added + there if order == MBEFORE else there + added
            most = MOUNTMAX if self.account is None else self.account.limits.mounts
            if self._count - (len(head.mounts) if head else 0) + len(mounts) > most:
                if self.account is not None:
                    self.account.met.add("mounts")
                raise PlanError(f"too many mounts: a name space has at most {most}")
            if head is not None and there and head.refs == 1:
                self._extend(head, added, mounts)
                return first.id
            dropped = self._set(head.frm if head is not None else on, mounts)
            if dropped is not None:
                await dropped.release()
            return first.id
        finally:
            await on.close()

    async def unmount(self, p: Caller, new: str | None, old: str) -> None:
        """unmount(2): take new, or all when it is None, off old."""
        n = Name(old)
        try:
            on = await self._find(p, n)
        except PlanError as error:
            raise n.blame(error, self.dialect) from None
        source = None
        try:
            if new is not None:
                # Opening is what leads to the real Chan behind /srv/x or /fd/0.
                source = await self.open(p, new, OREAD)
            dropped = self._uncover(on, source)
        finally:
            await on.close()
            if source is not None:
                await source.close()
        await dropped.release()

    def _uncover(self, on: Chan, source: Chan | None) -> MountHead:
        """Change the table; the head that was replaced."""
        head = self.mounted_on(on.server, on.fid.qid[0])
        if head is None:
            raise PlanError(EUNMOUNT)
        left: list[Mount] = []
        if source is not None:
            left = list(head.mounts)
            for mount in left:
                to = mount.to
                if to.same_file(source) or (to.mchan is not None and to.mchan.same_file(source)):
                    left.remove(mount)
                    break
            else:
                raise PlanError(EUNION)
        self._set(head.frm, left)
        return head

    def listing(self, p: Caller) -> list[str]:
        """What /proc/n/ns shows."""
        mounts = [(m.id, head.frm, m) for table in self._tables.values()
                  for head in table.values() for m in head.mounts]
        mounts.sort(key=lambda row: row[0])
        posted = getattr(self.devtab.get("s"), "name_of", None)
        return lines([(frm, m) for _, frm, m in mounts], p.dot, self.dialect, posted)


def _check_flag(flag: int) -> None:
    if flag & ~(MORDER | MCREATE | MCACHE) or flag & MORDER == MORDER:
        raise PlanError(EBADARG)
