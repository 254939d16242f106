"""#¤ capabilities: how one process that may do all lets another become a certain user.

The host owner's factotum writes the hash of user@key, or of from@to@key, to caphash; who
knows the key writes the text itself to capuse and becomes the user, once.
Source: cap(3); /sys/src/9/port/devcap.c.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Final

from vx9.fs.dir import OREAD
from vx9.fs.dirtab import DirtabServer, Row
from vx9.fs.errors import EBADARG, EPERM, ESHORT, ETOOBIG, PlanError
from vx9.fs.server import Fid

HASH: Final = 20  # bytes of an HMAC by SHA1
MAX: Final = 256  # hashes that wait; more, and the oldest goes
SECONDS: Final = 60  # a hash is good for so long
USE_MAX: Final = 1024  # bytes written to capuse


class Cap(DirtabServer):
    """The capability device."""

    dc = "¤"
    name = "cap"

    def __init__(self, eve: str, now: Callable[[], int], ticks: Callable[[], int]) -> None:
        self._ticks = ticks  # nanoseconds
        self._hashes: dict[bytes, int] = {}  # and when each came, the oldest first
        super().__init__(eve, now)

    async def open(self, fid: Fid, mode: int) -> None:
        """caphash by the host owner alone."""
        if fid.aux is self.root:
            if mode != OREAD:
                raise PlanError(EBADARG)
            fid.omode = mode
            return
        await super().open(fid, mode)

    async def remove(self, fid: Fid) -> None:
        """caphash, by the host owner: nobody can make a capability from now on."""
        if fid.aux.row.name != "caphash" or fid.uid != self.eve:
            raise PlanError(EPERM)
        self.root.children.pop("caphash", None)

    def _trim(self) -> None:
        since = self._ticks() - SECONDS * 1_000_000_000
        while self._hashes:
            oldest = next(iter(self._hashes))
            if len(self._hashes) < MAX and self._hashes[oldest] > since:
                return
            del self._hashes[oldest]

    async def _caphash_write(self, fid: Fid, data: bytes, offset: int) -> int:
        if fid.uid != self.eve or "caphash" not in self.root.children:
            raise PlanError(EPERM)
        if len(data) < HASH:
            raise PlanError(ESHORT)
        self._trim()
        self._hashes[data[:HASH]] = self._ticks()
        return len(data)

    async def _capuse_write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Become the user of a capability."""
        p: Any = fid.proc
        if len(data) >= USE_MAX:
            raise PlanError(ETOOBIG)
        users, at, key = data.partition(b"\0")[0].rpartition(b"@")
        if not at or p is None:
            raise PlanError(ESHORT)
        given = hmac.digest(key, users, "sha1")
        start, at, end = users.partition(b"@")
        self._trim()
        if self._hashes.pop(given, None) is None:
            raise PlanError(f"invalid capability {_text(users)}@{_text(key)}")
        if at and _text(start) != p.user:
            raise PlanError("capability must match user")
        p.user = _text(end if at else start)
        return len(data)

    # fmt: off
    ROWS = (
        Row("capuse",  0o222, write=_capuse_write),
        Row("caphash", 0o200, write=_caphash_write),
    )
    # fmt: on


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
