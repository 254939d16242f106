"""Name evaluation: names taken apart, mount points, and the walk from name to file.

Evaluation walks in runs as long as the server goes and no mount point lies between; ".."
is taken by itself and undoes the mount that the last element crossed.  The cost of a step
does not depend on the number of mounts.

Source: intro(1); /sys/src/9/port/chan.c (namec, walk).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from vx9.fs.dir import QTDIR, Qid
from vx9.fs.errors import (
    EBADCHAR,
    EBADSHARP,
    EEMPTYNAME,
    EFILENAME,
    ENAMETOOLONG,
    ENOATTACH,
    ENOTDIR,
    PlanError,
    quote,
)
from vx9.fs.server import Fid, FileServer
from vx9.kernel.chan import BAD_CHARS, Chan, clunk
from vx9.kernel.dialect import VX9, Dialect

if TYPE_CHECKING:
    from vx9.kernel.namespace import Namespace

NAMEMAX: Final = 65536  # bytes of a name, or of the path of a Chan
SHARPMAX: Final = 128  # bytes of "#x" and what follows it
RUN: Final = 16  # elements in one walk
REMEMBERED: Final = 128  # characters of a name that is worth it
ALWAYS: Final = "|decp"  # devices that RFNOMNT leaves


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
    """A walk that failed at its element number `at`, counted from 1; 0: before the first."""

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
        if BAD_CHARS(text):
            raise PlanError(f"{EBADCHAR}: {quote(text)}")
        self.text = text
        self.sharp = 0  # how long the "#x" in front is
        rest = text
        if text[0] == "#":
            slash = text.find("/", 2)
            self.sharp = len(text) if slash < 0 else slash
            if len(text[: self.sharp].encode("utf-8", "surrogateescape")) >= SHARPMAX:
                raise PlanError(EFILENAME)
            rest = text[self.sharp :]
        self.elements = [e for e in rest.split("/") if e and e != "."]
        self.must_be_dir = rest.endswith(("/", "/."))

    def upto(self, count: int) -> str:
        """The name as it was given, up to its element number count; all of it for the last."""
        if count >= len(self.elements):
            return self.text
        at = self.sharp
        for piece in self.text[self.sharp :].split("/"):
            at += len(piece)
            if piece and piece != ".":
                count -= 1
                if count <= 0:
                    break
            at += 1
        return self.text[:at]

    def blame(self, error: PlanError, dialect: Dialect) -> PlanError:
        """The error that says which part of the name it is about."""
        at = error.at if isinstance(error, Stuck) else len(self.elements)
        if not at:
            return PlanError(str(error))
        return PlanError(dialect.about(self.upto(at), str(error)))


_remembered = functools.lru_cache(256)(Name)  # programs open the same few names over and over


def named(text: str) -> Name:
    """The Name of text; nobody changes it."""
    return _remembered(text) if len(text) <= REMEMBERED else Name(text)


class Place:
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
        if self.mine or self.undone is not None:
            await self.move(to.server, to.fid)
        else:
            self.server, self.fid = to.server, to.fid
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
        self.fid.uid = self.p.user  # who bound a server does not lend its rights
        return Chan(self.server, self.fid, self.path, self.depth, self.covers)

    async def drop(self) -> None:
        """Let go of everything."""
        if self.mine:
            await clunk(self.server, self.fid)
        for _, head in self.covers:
            await head.release()
        if self.undone is not None:
            await self.undone.release()


class Walker:
    """Evaluates names in a mount table; Namespace keeps the table."""

    __slots__ = ("_tables", "denied", "devtab", "dialect", "noattach")

    def __init__(self, devtab: Mapping[str, FileServer]) -> None:
        self.devtab = devtab
        self.dialect = VX9
        self.noattach = False  # set by rfork(RFNOMNT)
        self.denied: frozenset[str] = frozenset()  # devices that chdev took away
        self._tables: dict[FileServer, dict[int, MountHead]] = {}

    def allows(self, letter: str) -> bool:
        """Whether names may begin with "#letter"."""
        return letter not in self.denied and (not self.noattach or letter in ALWAYS)

    def deny(self, letters: Iterable[str]) -> None:
        """Take devices away for good; without "M" nothing can be mounted."""
        self.denied |= frozenset(letters)

    async def attach(self, p: Caller, sharp: str) -> Chan:
        """The root of the device that "#Xspec" names."""
        letter = sharp[1:2]
        if letter == "M" or not self.allows(letter):
            raise PlanError(ENOATTACH)
        server = self.devtab.get(letter)
        if server is None:
            raise PlanError(EBADSHARP)
        select = getattr(server, "select", None)
        if select is not None:  # one letter for many servers
            server = select(sharp[2:])
        return Chan(server, await server.attach(p.user, sharp[2:]), sharp)

    async def _walk(self, p: Caller, name: Name, count: int) -> Chan:
        """The file that the first count elements lead to, its own mount not crossed."""
        start = None
        if name.sharp:
            try:
                start = await self.attach(p, name.text[: name.sharp])
            except PlanError as error:
                raise Stuck(0, str(error)) from None
            place = Place(p, start)
        else:
            place = Place(p, p.root if name.text[0] == "/" else p.dot)
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

    async def _up(self, place: Place, done: int) -> None:
        """Walk "..", from the covered file when the last element crossed a mount."""
        if not place.fid.qid[2] & QTDIR:
            raise Stuck(done, ENOTDIR)
        await place.undo()
        place.fid.proc = place.p
        try:
            fid, _ = await place.server.walk(place.fid, ("..",))
        except PlanError as error:
            raise Stuck(done + 1, str(error)) from None
        if fid is None:
            raise Stuck(done + 1, self.dialect.stuck)
        if place.depth:
            place.depth -= 1
            path = place.path
            cut = path.rindex("/")
            place.path = path[:cut] or "/"
        await place.move(place.server, fid)

    async def _down(self, place: Place, run: list[str], done: int, cross: bool) -> int:
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
            raise Stuck(done + len(qids) + 1, self.dialect.stuck)
        more = "/".join(run[:steps])
        place.path = place.path + more if place.path == "/" else f"{place.path}/{more}"
        place.depth += steps
        if head is not None:
            await place.cross(head)
        elif fid is not None:
            if place.mine or place.undone is not None:
                await place.move(server, fid)
            else:
                place.server, place.fid, place.mine, place.head = server, fid, True, None
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
            fid = await to.copy_fid(p)
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
