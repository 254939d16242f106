"""The one permission check.

A file has rights for its owner, its group and all others.  Who is the group of a file is
the server's business: a file server asks its groups, the kernel's devices take the host
owner for the group of all their files.
Source: intro(5), access(5); devpermcheck of the kernel.
"""

from __future__ import annotations

from typing import Final

from .dir import DMDIR, OCEXEC, OEXCL, ORCLOSE, OTRUNC, Dir, DirChange
from .errors import EBADARG, EISDIR, EPERM, PlanError

AEXEC: Final = 1
AWRITE: Final = 2
AREAD: Final = 4
OWNER: Final = 6  # how far the class's bits lie from the others' ones
GROUP: Final = 3
OTHER: Final = 0
ALL: Final = 9


class _Admin(str):
    __slots__ = ()


# The user that one server of ours is to another: may do everything.  Told by identity, so
# that no name which a guest or a client gives is it.
ADMIN: Final = _Admin("admin")

_NEEDS: Final = (AREAD, AWRITE, AREAD | AWRITE, AEXEC)
_FLAGS: Final = OTRUNC | OCEXEC | ORCLOSE | OEXCL


def open_kind(mode: int) -> int:
    """The mode without its flags: OREAD, OWRITE, ORDWR or OEXEC.  Raises PlanError."""
    kind = mode & ~_FLAGS
    if not 0 <= kind <= 3:
        raise PlanError(EBADARG)
    return kind


def rights_needed(mode: int) -> int:
    """The rights that opening with mode asks for."""
    need = _NEEDS[open_kind(mode)]
    return need | AWRITE if mode & OTRUNC else need


def who(uid: str, owner: str, group: str) -> int:
    """Whether uid is OWNER, GROUP or OTHER of a file; a group has its leader's name."""
    if uid is ADMIN:
        return ALL
    return OWNER if uid == owner else GROUP if uid == group else OTHER


def check(perm: int, who: int, need: int) -> None:
    """Raise PlanError unless perm gives the class all rights in need."""
    if perm >> who & need != need and who != ALL:
        raise PlanError(EPERM)


def inherit(perm: int, parent: int) -> int:
    """The rights a new file gets: those asked for that its folder has too."""
    if perm & DMDIR:
        return perm & (~0o777 | parent & 0o777)
    return perm & (~0o666 | parent & 0o666)


def check_change(d: Dir, uid: str, change: DirChange, known: int) -> None:
    """Raise PlanError unless uid may change so the file that d tells of; its name is not judged.

    known is the mode bits that the server has.
    """
    if change.length is not None and change.length != d.length:
        if d.mode & DMDIR:
            raise PlanError(EISDIR)
        check(d.mode, who(uid, d.uid, d.gid), AWRITE)
    if change.mode is not None and (
            (change.mode ^ d.mode) & DMDIR or change.mode & ~known):
        raise PlanError(EBADARG)
    if uid is ADMIN:
        return
    owner = uid in (d.uid, d.gid)
    times = change.mtime is not None or change.atime is not None
    if not owner and (times or change.mode is not None):
        raise PlanError(EPERM)
    if change.gid not in (None, d.gid) and not uid == d.uid == change.gid:
        raise PlanError(EPERM)  # only to a group of one's own
    if change.uid not in (None, d.uid) or change.muid not in (None, d.muid):
        raise PlanError(EPERM)
