"""#s: a place to post open files under a name; opening the name gives that very file.

Source: srv(3); /sys/src/9/port/devsrv.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vx9.fs import perm as rights
from vx9.fs.dir import (
    DMDIR,
    ORCLOSE,
    ORDWR,
    OREAD,
    OTRUNC,
    OWRITE,
    QTAUTH,
    QTDIR,
    Dir,
    DirChange,
    Qid,
    check_name,
)
from vx9.fs.errors import (
    EBADFD,
    EBADUSEFD,
    EEXIST,
    EISDIR,
    ENAMETOOLONG,
    ENODEV,
    ENONEXIST,
    ENOTDIR,
    EPERM,
    ESHUTDOWN,
    ESRVEXIST,
    ETOOBIG,
    PlanError,
)
from vx9.fs.server import Fid, Refuser
from vx9.kernel.account import Account
from vx9.kernel.chan import Chan, mode_of

NAME_MAX: Final = 255  # characters
ENTRIES: Final = 1000  # names posted at a time
POST_COST: Final = 2048  # bytes of the host that a name and its file are reckoned to take
_DIGITS: Final = re.compile(rb"[ \t\n\v\f\r]*(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")


def _number(data: bytes) -> int:
    """The number of an open file as atof(2)'s strtoul reads it: what follows does not matter."""
    found = _DIGITS.match(data)
    if found is None:
        raise PlanError(EBADFD)
    digits = found[1]
    return int(digits, 16 if digits[1:2] in b"xX" else 8) if digits[:1] == b"0" else int(digits)


def _uncounted(size: int, own: int) -> None:
    """Names of nobody's."""


@dataclass(slots=True, eq=False)
class Post:
    """One name, and the file posted there (None: not yet)."""

    name: str
    path: int
    owner: str
    perm: int
    chan: Chan | None = None


class Srv(Refuser):
    """The srv device.  A Fid's aux is a Post, or None for the folder."""

    dc = "s"
    name = "srv"

    def __init__(self, eve: str = "none", now: Callable[[], int] = lambda: 0,
                 account: Account | None = None) -> None:
        self.eve = eve
        self._take = account.take if account is not None else _uncounted
        self.now = now
        self.born = now()
        self.posts: dict[str, Post] = {}
        self._paths = 0

    def rename_user(self, old: str, new: str) -> None:
        """A user has another name."""
        for post in self.posts.values():
            if post.owner == old:
                post.owner = new

    @staticmethod
    def _qid(post: Post | None) -> Qid:
        return Qid(0, 0, QTDIR) if post is None else Qid(post.path, 0, 0)

    def _alive(self, fid: Fid) -> Post:
        post: Post | None = fid.aux
        if post is None:
            raise PlanError(EPERM)
        if self.posts.get(post.name) is not post:
            raise PlanError(ENONEXIST)
        return post

    def name_of(self, c: Chan) -> str | None:
        """The name that a file is posted under."""
        return next((post.name for post in self.posts.values()
                     if post.chan is not None and post.chan.same_file(c)), None)

    def post(self, name: str, owner: str, perm: int, c: Chan) -> None:
        """Post c, as the kernel itself does."""
        self._paths += 1
        self._take(POST_COST, 0)
        self.posts = {name: Post(name, self._paths, owner, perm, c), **self.posts}

    async def attach(self, uid: str, spec: str) -> Fid:
        """The folder."""
        return Fid(self._qid(None), uid)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """One level of names."""
        post = fid.aux
        qids: list[Qid] = []
        for name in names:
            found = None if name == ".." else self.posts.get(name)
            if name != ".." and (post is not None or found is None):
                if qids:
                    return None, qids
                raise PlanError(ENOTDIR if post is not None else ENONEXIST)
            post = found
            qids.append(self._qid(post))
        return Fid(self._qid(post), fid.uid, -1, post), qids

    async def reopen(self, fid: Fid, mode: int, p: Any) -> Chan | None:
        """The posted file."""
        if fid.aux is None:
            return None
        post = self._alive(fid)
        if post.chan is None:
            raise PlanError(ESHUTDOWN)
        if mode & OTRUNC:
            raise PlanError(ESRVEXIST)
        if post.chan.mode not in (ORDWR, mode_of(mode)):
            raise PlanError(EPERM)
        rights.check(post.perm, rights.who(fid.uid, post.owner, self.eve),
                     rights.rights_needed(mode & 3))
        return post.chan.ref()

    async def open(self, fid: Fid, mode: int) -> None:
        """The folder alone."""
        if mode != OREAD:
            raise PlanError(EPERM if mode & ORCLOSE else EISDIR)
        fid.omode = mode

    async def create(self, fid: Fid, name: str, perm: int, mode: int) -> None:
        """A name, for writing a descriptor's number to."""
        if fid.aux is not None:
            raise PlanError(ENOTDIR)
        if perm & DMDIR or mode_of(mode) != OWRITE:
            raise PlanError(EPERM)
        self._check_name(name)
        if len(self.posts) >= ENTRIES:
            raise PlanError(ENODEV)
        self._take(POST_COST, len(self.posts) * POST_COST)
        self._paths += 1
        post = Post(name, self._paths, fid.uid, perm & 0o777)
        # The newest name comes first.
        self.posts = {name: post, **self.posts}
        fid.aux, fid.qid, fid.omode = post, self._qid(post), mode

    def _check_name(self, name: str) -> None:
        check_name(name)
        if len(name) > NAME_MAX:
            raise PlanError(ENAMETOOLONG)
        if name in self.posts:
            raise PlanError(EEXIST)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Post the open file whose number is written."""
        post = self._alive(fid)
        if post.chan is not None:
            raise PlanError(EBADUSEFD)
        if len(data) >= 32:
            raise PlanError(ETOOBIG)
        if fid.proc is None:
            raise PlanError(EBADFD)
        c: Chan = fid.proc.fds.get(_number(data))
        if c.cexec or (c.fid.omode & ORCLOSE and c.fid.omode >= 0):
            raise PlanError("posted fd has remove-on-close or close-on-exec")
        if c.fid.qid[2] & QTAUTH:
            raise PlanError("cannot post auth file in srv")
        post.chan = c.ref()
        return len(data)

    async def clunk(self, fid: Fid) -> None:
        """Remove on close."""
        if fid.omode >= 0 and fid.omode & ORCLOSE and fid.aux is not None:
            await self._drop(self._alive(fid))

    async def remove(self, fid: Fid) -> None:
        """By its owner or the host's; by anybody if all have all rights and it is not the host's."""
        post = self._alive(fid)
        anybodys = post.perm & 7 == 7 and post.owner != self.eve
        if not (anybodys or fid.uid in (post.owner, self.eve)) or post.name == "boot":
            raise PlanError(EPERM)
        await self._drop(post)

    async def _drop(self, post: Post) -> None:
        del self.posts[post.name]
        self._take(-POST_COST, 0)
        chan, post.chan = post.chan, None
        if chan is not None:
            await chan.close()

    async def readdir(self, fid: Fid) -> list[Dir]:
        """The newest first."""
        return [self._dir(post) for post in self.posts.values()]

    async def stat(self, fid: Fid) -> Dir:
        """Of the name, not of the file posted."""
        return self._dir(fid.aux and self._alive(fid))

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """Name, mode and owner, by its owner or the host's."""
        post = self._alive(fid)
        if fid.uid not in (post.owner, self.eve):
            raise PlanError(EPERM)
        if change.length is not None or change.gid is not None or change.muid is not None:
            raise PlanError(EPERM)
        if change.name is not None and change.name != post.name:
            self._check_name(change.name)
            self.posts = {change.name if each is post else name: each
                          for name, each in self.posts.items()}
            post.name = change.name
        if change.mode is not None:
            post.perm = change.mode & 0o777
        if change.uid is not None:
            post.owner = change.uid

    def _dir(self, post: Post | None) -> Dir:
        qid = self._qid(post)
        if post is None:
            return Dir(qid, DMDIR | 0o555, self.now(), self.born, 0, "#s",
                       self.eve, self.eve, self.eve, ord("s"), self.dev)
        return Dir(qid, post.perm, self.now(), self.born, 0, post.name,
                   post.owner, self.eve, post.owner, ord("s"), self.dev)
