"""Giving a file a name that another file has, as rename(2) of POSIX does and wstat(5) does not.

Source: rename(2) of POSIX; stat(5).
"""

from __future__ import annotations

from typing import Final

from .dir import DMDIR, QTDIR, DirChange
from .errors import EISDIR, ENOTDIR, PlanError
from .server import Fid, FileServer

ASIDE: Final = ".vx9-replaced-"  # what the other file is called for a moment


async def replace(server: FileServer, fid: Fid, other: Fid, name: str, turn: int) -> None:
    """Call fid name, as other in the same folder is called, which goes; both stay to be ended.

    No step loses a file, wherever it ends.  turn tells replacements under way apart.
    """
    d = await server.stat(other)
    if bool(fid.qid[2] & QTDIR) != bool(d.mode & DMDIR):
        raise PlanError(EISDIR if d.mode & DMDIR else ENOTDIR)
    if d.mode & DMDIR:
        await server.remove(other)  # which an empty one alone survives not
        await server.wstat(fid, DirChange(name=name))
        return
    await server.wstat(other, DirChange(name=f"{ASIDE}{turn}-{d.qid[0]:x}"))
    try:
        await server.wstat(fid, DirChange(name=name))
    except BaseException:
        await server.wstat(other, DirChange(name=name))
        raise
    await server.remove(other)
