"""Namespace: the mount table of a group of processes, and the evaluation of names.

A mount point is a file, known by its server and qid.path, that other files cover: its
MountHead lists them in order.  Evaluation walks in runs as long as the server goes and no
mount point lies between; ".." is taken by itself and undoes the mount that the last
element crossed.  Heads are immutable: a change makes a new one, so that whoever is in the
middle of a walk keeps what it saw.  The cost of a step does not depend on the number of
mounts.  Source: intro(1), bind(2), open(2); /sys/src/9/port/chan.c (namec, walk, cmount).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from vx9.fs.dir import (
    DMDIR,
    OCEXEC,
    OEXCL,
    OEXEC,
    ORCLOSE,
    OREAD,
    OTRUNC,
    QTDIR,
    Dir,
    DirChange,
    Qid,
)
from vx9.fs.errors import (
    EBADARG,
    EBADCHAR,
    EBADSHARP,
    EDOESNOTEXIST,
    EEMPTYNAME,
    EEXECDIR,
    EEXIST,
    EINTR,
    EMOUNT,
    ENAMETOOLONG,
    ENOATTACH,
    ENOCREATE,
    ENODMDIR,
    ENOTDIR,
    EUNION,
    EUNMOUNT,
    PlanError,
    about,
    quote,
)
from vx9.fs.server import Fid, FileServer
from vx9.kernel.chan import Chan, clunk, mode_of

# fmt: off
MREPL:   Final = 0
MBEFORE: Final = 1
MAFTER:  Final = 2
MCREATE: Final = 4
MCACHE:  Final = 16
# fmt: on
MORDER: Final = MBEFORE | MAFTER
MOUNTMAX: Final = 4096  # mounts in one name space
NAMEMAX: Final = 65536  # bytes of a name
RUN: Final = 16  # elements in one walk
ALWAYS: Final = "|decp"  # devices that RFNOMNT leaves

_OPENFLAGS: Final = OTRUNC | OCEXEC | ORCLOSE
_LETTERS: Final = (("a", MAFTER), ("b", MBEFORE), ("c", MCREATE), ("C", MCACHE))
_BAD: Final = re.compile(r"[\x00-\x1f\x7f]").search


class Caller(Protocol):
    """What the evaluation of names needs of a process."""

    ns: Namespace
    root: Chan  # where names with a "/" in front start
    dot: Chan  # where others start
    user: str


class Mount:
    """One member of what covers a mount point; as immutable as its head."""

    __slots__ = ("flag", "id", "spec", "to")

    def __init__(self, number: int, to: Chan, flag: int, spec: str) -> None:
        self.id = number
        self.to = to  # the root of what is mounted
        self.flag = flag
        self.spec = spec


class MountHead:
    """A mount point: the covered file and what covers it, in order.  Counted like a Chan."""

    __slots__ = ("frm", "mounts", "refs")

    def __init__(self, frm: Chan, mounts: tuple[Mount, ...]) -> None:
        self.frm = frm
        self.mounts = mounts
        self.refs = 1

    async def release(self) -> None:
        """One user less; the last one lets go of all Chans."""
        self.refs -= 1
        if not self.refs:
            await self.frm.close()
            for mount in self.mounts:
                await mount.to.close()


class Stuck(PlanError):
    """A walk that failed at its element number `at`, counted from 1."""

    def __init__(self, at: int, text: str) -> None:
        super().__init__(text)
        self.at = at


class Name:
    """A name taken apart."""

    __slots__ = ("elements", "must_be_dir", "sharp", "text")

    def __init__(self, text: str) -> None:
        if not text:
            raise PlanError(EEMPTYNAME)
        if len(text) * 4 > NAMEMAX and len(text.encode("utf-8", "surrogateescape")) > NAMEMAX:
            raise PlanError(ENAMETOOLONG)
        if _BAD(text):
            raise PlanError(f"{EBADCHAR}: {quote(text)}")
        self.text = text
        self.sharp = 0  # how long the "#x" in front is
        rest = text
        if text[0] == "#":
            slash = text.find("/", 2)
            self.sharp = len(text) if slash < 0 else slash
            rest = text[self.sharp :]
        self.elements = [e for e in rest.split("/") if e and e != "."]
        self.must_be_dir = rest.endswith(("/", "/."))

    def upto(self, count: int) -> str:
        """The name as it was given, up to its element number count."""
        at = self.sharp
        for piece in self.text[self.sharp :].split("/"):
            at += len(piece)
            if piece and piece != ".":
                count -= 1
                if count <= 0:
                    break
            at += 1
        return self.text[:at]

    def blame(self, error: PlanError) -> PlanError:
        """The error that says which part of the name it is about."""
        if not self.elements:
            return PlanError(str(error))
        at = error.at if isinstance(error, Stuck) else len(self.elements)
        return PlanError(about(self.upto(at), str(error)))


class Namespace:
    """A mount table; devtab maps device letters to servers."""

    __slots__ = ("_count", "_next_id", "_tables", "devtab", "noattach", "refs")

    def __init__(self, devtab: Mapping[str, FileServer]) -> None:
        self.devtab = devtab
        self.noattach = False  # set by rfork(RFNOMNT)
        self.refs = 1
        self._tables: dict[FileServer, dict[int, MountHead]] = {}
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
        other._next_id = self._next_id
        return other

    def empty(self) -> Namespace:
        """A name space without mounts (RFCNAMEG)."""
        other = Namespace(self.devtab)
        other.noattach = self.noattach
        return other

    async def close(self) -> None:
        """One process less; the last one drops all mounts."""
        self.refs -= 1
        if self.refs:
            return
        tables, self._tables = self._tables, {}
        for table in tables.values():
            for head in table.values():
                await head.release()

    # The table

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

    def _mount(self, to: Chan, flag: int, spec: str) -> Mount:
        self._next_id += 1
        return Mount(self._next_id - 1, to, flag, spec)

    # Walking

    async def attach(self, p: Caller, sharp: str) -> Chan:
        """The root of the device that "#Xspec" names."""
        letter = sharp[1:2]
        if letter == "M" or (self.noattach and letter not in ALWAYS):
            raise PlanError(ENOATTACH)
        server = self.devtab.get(letter)
        if server is None:
            raise PlanError(EBADSHARP)
        return Chan(server, await server.attach(p.user, sharp[2:]), sharp)

    async def _walk(self, p: Caller, name: Name, count: int) -> Chan:
        """The file that the first count elements lead to, its own mount not crossed."""
        start = None
        if name.sharp:
            start = await self.attach(p, name.text[: name.sharp])
            place = _Place(p, start)
        else:
            place = _Place(p, p.root if name.text[0] == "/" else p.dot)
        try:
            names = name.elements
            done = 0
            while done < count:
                if names[done] == "..":
                    await self._up(place, done)
                    done += 1
                else:
                    run = names[done : min(count, done + RUN)]
                    if ".." in run:
                        run = run[: run.index("..")]
                    done += await self._down(place, run, done, not name.sharp)
            return await place.chan()
        except BaseException:
            await place.drop()
            raise
        finally:
            if start is not None:
                await start.close()

    async def _up(self, place: _Place, done: int) -> None:
        """Walk "..", from the covered file when the last element crossed a mount."""
        await place.undo()
        place.fid.proc = place.p
        try:
            fid, _ = await place.server.walk(place.fid, ("..",))
        except PlanError as error:
            raise Stuck(done + 1, str(error)) from None
        if place.depth:
            place.depth -= 1
            path = place.path
            cut = path.rindex("/")
            place.path = path[:cut] or "/"
        await place.move(place.server, fid)

    async def _down(self, place: _Place, run: list[str], done: int, cross: bool) -> int:
        """Walk a run of names, at most to the first mount point; how many were walked."""
        tables = self._tables
        if cross and place.head is None and place.server in tables:
            head = tables[place.server].get(place.fid.qid[0])
            if head is not None:
                await place.cross(head)
        server = place.server
        place.fid.proc = place.p
        try:
            fid, qids = await server.walk(place.fid, run)
        except PlanError as error:
            found = await place.try_others(run)
            if found is None:
                raise Stuck(done + 1, str(error)) from None
            server, fid, qids = found
        steps = len(run)
        head = None
        if cross and steps > 1 and server in tables:
            table = tables[server]
            for i, qid in enumerate(qids[: steps - 1], 1):
                head = table.get(qid[0])
                if head is not None:
                    if fid is not None:
                        await clunk(server, fid)
                    steps = i
                    break
        if head is None and fid is None:
            if qids and not qids[-1][2] & QTDIR:
                raise Stuck(done + len(qids), ENOTDIR)
            raise Stuck(done + len(qids) + 1, EDOESNOTEXIST)
        more = "/".join(run[:steps])
        place.path = place.path + more if place.path == "/" else f"{place.path}/{more}"
        place.depth += steps
        if head is not None:
            await place.cross(head)
        else:
            await place.move(server, fid)
        return steps

    async def _find(self, p: Caller, name: Name) -> Chan:
        """The file of that name, its own mount not crossed."""
        c = await self._walk(p, name, len(name.elements))
        if name.must_be_dir and not c.is_dir:
            await c.close()
            raise PlanError(ENOTDIR)
        return c

    async def _cross(self, p: Caller, c: Chan, name: Name) -> Chan:
        """The Chan for what is mounted on c, or c; c is used up."""
        table = None if name.sharp else self._tables.get(c.server)
        head = None if table is None else table.get(c.fid.qid[0])
        if head is None:
            return c
        covers = (*c.covers, (c.depth, head))
        for _, each in covers:
            each.refs += 1
        to = head.mounts[0].to
        try:
            to.fid.proc = p
            fid, _ = await to.server.walk(to.fid, ())
            assert fid is not None
        except BaseException:
            for _, each in covers:
                await each.release()
            raise
        finally:
            await c.close()
        crossed = Chan(to.server, fid, c.path, c.depth, covers)
        crossed.union = head
        head.refs += 1
        return crossed

    # What system calls ask for

    async def access(self, p: Caller, name: str) -> Chan:
        """The file of that name, not open: for stat, wstat, remove."""
        n = Name(name)
        try:
            return await self._cross(p, await self._find(p, n), n)
        except PlanError as error:
            raise n.blame(error) from None

    async def dir(self, p: Caller, name: str) -> Chan:
        """The directory of that name, its own mount not crossed: for chdir."""
        n = Name(name)
        try:
            c = await self._find(p, n)
            if not c.is_dir:
                await c.close()
                raise PlanError(ENOTDIR)
            return c
        except PlanError as error:
            raise n.blame(error) from None

    async def open(self, p: Caller, name: str, mode: int) -> Chan:
        """open(2).  OCEXEC shows in Chan.cexec."""
        if not 0 <= mode & ~_OPENFLAGS <= OEXEC:
            raise PlanError(EBADARG)
        n = Name(name)
        try:
            c = await self._walk(p, n, len(n.elements))
            if n.must_be_dir and not c.is_dir:
                await c.close()
                raise PlanError(ENOTDIR)
            if c.server in self._tables:
                c = await self._cross(p, c, n)
            return await open_chan(p, c, mode)
        except PlanError as error:
            raise n.blame(error) from None

    async def create(self, p: Caller, name: str, mode: int, perm: int) -> Chan:
        """create(2): make and open a file; one that exists is opened with OTRUNC instead."""
        if not 0 <= mode & ~(_OPENFLAGS | OEXCL) <= OEXEC:
            raise PlanError(EBADARG)
        n = Name(name)
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
            raise n.blame(error) from None

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
                inside = Chan(member.server, await _copy(p, member), c.path, c.depth, covers)
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
        if self.noattach:
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
            raise n.blame(error) from None
        try:
            if new.is_dir != on.is_dir or (flag & MORDER and not on.is_dir):
                raise PlanError(EMOUNT)
            union = new.union.mounts if new.union is not None else ()
            if flag & MCREATE and union and (len(union) > 1 or not union[0].flag & MCREATE):
                raise PlanError(EMOUNT)
            order = flag & MORDER
            first = self._mount(new, flag, spec)
            added = [first]
            added += [self._mount(m.to, order or MAFTER, m.spec) for m in union[1:]]
            head = self.mounted_on(on.server, on.fid.qid[0])
            if order == MREPL:
                mounts = added
            else:
                # A fresh mount point keeps its own files as a member.
                there = list(head.mounts) if head is not None else [self._mount(on, 0, "")]
                mounts = added + there if order == MBEFORE else there + added
            if self._count - (len(head.mounts) if head else 0) + len(mounts) > MOUNTMAX:
                raise PlanError(f"too many mounts: a name space has at most {MOUNTMAX}")
            dropped = self._set(head.frm if head is not None else on, mounts)
            if dropped is not None:
                await dropped.release()
            return first.id
        finally:
            await on.close()

    async def unmount(self, p: Caller, new: str | None, old: str) -> None:
        """unmount(2): take new, or all when it is None, off old."""
        source = None
        if new is not None:
            # Opening is what leads to the real Chan behind /srv/x or /fd/0.
            source = await self.open(p, new, OREAD)
        try:
            n = Name(old)
            try:
                on = await self._find(p, n)
            except PlanError as error:
                raise n.blame(error) from None
            try:
                dropped = self._uncover(on, source)
            finally:
                await on.close()
            await dropped.release()
        finally:
            if source is not None:
                await source.close()

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
        """What /proc/n/ns shows: the mounts from the oldest on, then the current directory."""
        mounts = [(m.id, head.frm, m) for table in self._tables.values()
                  for head in table.values() for m in head.mounts]
        lines = []
        for _, frm, m in sorted(mounts, key=lambda row: row[0]):
            flags = "".join(c for c, bit in _LETTERS if m.flag & bit)
            flags = flags and "-" + flags
            if m.to.mchan is None:
                lines.append(f"bind {flags} {m.to.path} {frm.path}\n")
            else:
                lines.append(f"mount {flags} {m.to.mchan.path} {frm.path} {m.spec}\n")
        lines.append(f"cd {p.dot.path}\n")
        return lines


class _Place:
    """Where a walk is: a Fid, ours (to clunk) or lent by a Chan, and how it was reached."""

    __slots__ = ("covers", "depth", "fid", "head", "mine", "p", "path", "server", "undone")

    def __init__(self, p: Caller, start: Chan) -> None:
        self.p = p
        self.server = start.server
        self.fid = start.fid
        self.mine = False
        self.path = start.path
        self.depth = start.depth
        self.covers = start.covers
        for _, head in self.covers:
            head.refs += 1
        self.head: MountHead | None = None  # the mount point just crossed
        self.undone: MountHead | None = None  # the one just undone: it lends the Fid

    async def move(self, server: FileServer, fid: Fid) -> None:
        """Go to a Fid of our own."""
        old_server, old_fid, mine = self.server, self.fid, self.mine
        self.server, self.fid, self.mine, self.head = server, fid, True, None
        if mine:
            await clunk(old_server, old_fid)
        if self.undone is not None:
            undone, self.undone = self.undone, None
            await undone.release()

    async def cross(self, head: MountHead) -> None:
        """Go to the first of what is mounted here."""
        head.refs += 1
        self.covers += ((self.depth, head),)
        to = head.mounts[0].to
        await self.move(to.server, to.fid)
        self.mine, self.head = False, head

    async def undo(self) -> None:
        """Go back to what the last mount crossed covers, if it was crossed at this element."""
        if self.covers and self.covers[-1][0] == self.depth:
            head = self.covers[-1][1]
            await self.move(head.frm.server, head.frm.fid)
            self.mine = False
            self.covers = self.covers[:-1]
            self.undone = head

    async def try_others(self, run: list[str]) -> tuple[FileServer, Fid | None, list[Qid]] | None:
        """Walk run in the other members of the union just entered."""
        if self.head is not None:
            for mount in self.head.mounts[1:]:
                to = mount.to
                to.fid.proc = self.p
                try:
                    return (to.server, *await to.server.walk(to.fid, run))
                except PlanError:
                    continue
        return None

    async def chan(self) -> Chan:
        """The Chan for this place, which is used up."""
        if len(self.path) > NAMEMAX:
            raise PlanError(ENAMETOOLONG)
        if not self.mine:
            self.fid.proc = self.p
            fid, _ = await self.server.walk(self.fid, ())
            assert fid is not None
            await self.move(self.server, fid)
        self.mine = False
        return Chan(self.server, self.fid, self.path, self.depth, self.covers)

    async def drop(self) -> None:
        """Let go of everything."""
        if self.mine:
            await clunk(self.server, self.fid)
        for _, head in self.covers:
            await head.release()
        if self.undone is not None:
            await self.undone.release()


async def open_chan(p: Caller, c: Chan, mode: int) -> Chan:
    """Open c, which is used up: the Chan to use is the result.  Raises PlanError."""
    fid, server = c.fid, c.server
    try:
        if fid.qid[2] & QTDIR and mode & 3 == OEXEC:
            raise PlanError(EEXECDIR)
        fid.proc = p
        reopen = getattr(server, "reopen", None)
        if reopen is not None:
            other: Chan | None = await reopen(fid, mode, p)
            if other is not None:
                await c.close()
                if mode & OCEXEC:
                    other.cexec = True
                return other
        await server.open(fid, mode & ~OCEXEC)
    except BaseException:
        await c.close()
        raise
    c.mode = mode_of(mode)
    c.cexec = bool(mode & OCEXEC)
    return c


async def _copy(p: Caller, c: Chan) -> Fid:
    """Another Fid for the place of c."""
    c.fid.proc = p
    fid, _ = await c.server.walk(c.fid, ())
    assert fid is not None
    return fid


def _check_flag(flag: int) -> None:
    if flag & ~(MORDER | MCREATE | MCACHE) or flag & MORDER == MORDER:
        raise PlanError(EBADARG)
