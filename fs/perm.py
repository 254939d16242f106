"""The one permission check.

A file has rights for its owner, its group and all others.  Who is the group of a file is
the server's business: a file server asks its groups, the kernel's devices take the host
owner for the group of all their files.
Source: intro(5), access(5); devpermcheck of the kernel.
"""

from __future__ import annotations

from typing import Final

from .dir import DMDIR, OCEXEC, OEXCL, ORCLOSE, OTRUNC
from .errors import EBADARG, EPERM, PlanError

AEXEC: Final = 1
AWRITE: Final = 2
AREAD: Final = 4
OWNER: Final = 6  # how far the class's bits lie from the others' ones
GROUP: Final = 3
OTHER: Final = 0
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
    return OWNER if uid == owner else GROUP if uid == group else OTHER


def check(perm: int, who: int, need: int) -> None:
    """Raise PlanError unless perm gives the class all rights in need."""
    if perm >> who & need != need:
        raise PlanError(EPERM)


def inherit(perm: int, parent: int) -> int:
    """The rights a new file gets: those asked for that its folder has too."""
    if perm & DMDIR:
        return perm & (~0o777 | parent & 0o777)
    return perm & (~0o666 | parent & 0o666)
