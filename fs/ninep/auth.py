"""Authentication by fid with a shared key: both sides prove that they know it.

On the afid of Tauth the client writes its challenge, 32 bytes; reads the server's challenge
and proof, 64 bytes; and writes its own proof, 32 bytes.  A proof is the SHA-256 HMAC of who
proves, both challenges, user and tree, so none can be used a second time, by the other side
or for another user.  The key never travels; what follows on the connection is neither
encrypted nor signed.  Source: attach(5) for the flow; the method is ours.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final, Protocol

from ..errors import PlanError

CHALLENGE: Final = 32  # bytes
PROOF: Final = 32
KEY_MIN: Final = 16
NOBODY: Final = "none"  # the user who proves nothing


class Conversation(Protocol):
    """What an afid is for: the server's side of proving who a user is."""

    def read(self, count: int) -> bytes:
        """What the server has to say.  Raises PlanError."""

    def write(self, data: bytes) -> int:
        """What the client says.  Raises PlanError."""

    def proves(self, uname: str, aname: str) -> bool:
        """Whether the user has been proved, for that tree."""


class Auth(Protocol):
    """A way to authenticate."""

    def begin(self, uname: str, aname: str) -> Conversation:
        """A new conversation.  Raises PlanError."""


def _proof(key: bytes, who: bytes, client: bytes, server: bytes, uname: str, aname: str) -> bytes:
    names = [name.encode("utf-8", "surrogateescape") for name in (uname, aname)]
    message = b"".join([b"vx9 9P2000 ", who, b"\0", client, server,
                        *(len(name).to_bytes(4, "little") + name for name in names)])
    return hmac.digest(key, message, "sha256")


def check_key(key: bytes) -> bytes:
    """The key without the newline that a file ends with.  Raises PlanError if it is too short."""
    key = key.rstrip(b"\r\n")
    if len(key) < KEY_MIN:
        raise PlanError(f"a shared key has at least {KEY_MIN} bytes")
    return key


class _Server:
    """The server's side of one conversation."""

    def __init__(self, key: bytes, challenge: bytes, uname: str, aname: str) -> None:
        self._key = key
        self._mine = challenge
        self._names = (uname, aname)
        self._got = b""
        self._say = b""
        self._proved = False
        self._over = False

    def write(self, data: bytes) -> int:
        """The client's challenge, then its proof; both may come in pieces."""
        room = CHALLENGE + PROOF - len(self._got)
        if self._over or len(data) > room:
            self._over, self._proved = True, False
            raise PlanError("authentication failed")
        before = len(self._got)
        self._got += data
        client = self._got[:CHALLENGE]
        if before < CHALLENGE <= len(self._got):
            self._say = self._mine + _proof(self._key, b"server", client, self._mine, *self._names)
        if len(self._got) == CHALLENGE + PROOF:
            self._over = True
            want = _proof(self._key, b"client", client, self._mine, *self._names)
            if not hmac.compare_digest(self._got[CHALLENGE:], want):
                raise PlanError("authentication failed")
            self._proved = True
        return len(data)

    def read(self, count: int) -> bytes:
        """The server's challenge and proof, when the client's challenge is there."""
        if len(self._got) < CHALLENGE:
            raise PlanError("the client's challenge comes first")
        said, self._say = self._say[:count], self._say[count:]
        return said

    def proves(self, uname: str, aname: str) -> bool:
        """Whether it has, for these names."""
        return self._proved and (uname, aname) == self._names


class SharedKey:
    """The method, for a server with one key; random gives unpredictable bytes."""

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        self._key = check_key(key)
        self._random = random

    def begin(self, uname: str, aname: str) -> _Server:
        """The server's side for one user and tree."""
        if uname in ("", NOBODY):
            raise PlanError(f"user {uname!r} cannot authenticate")
        return _Server(self._key, self._random(CHALLENGE), uname, aname)


class Prover:
    """The client's side: write first(), read 64 bytes, write answer() of them."""

    def __init__(self, key: bytes, challenge: bytes, uname: str, aname: str) -> None:
        self._key = check_key(key)
        self._mine = challenge
        self._names = (uname, aname)

    def first(self) -> bytes:
        """What the client says first."""
        return self._mine

    def answer(self, said: bytes) -> bytes:
        """The client's proof.  Raises PlanError when the server does not know the key."""
        theirs, proof = said[:CHALLENGE], said[CHALLENGE:]
        want = _proof(self._key, b"server", self._mine, theirs, *self._names)
        if len(said) != CHALLENGE + PROOF or not hmac.compare_digest(proof, want):
            raise PlanError("the server does not know the shared key")
        return _proof(self._key, b"client", self._mine, theirs, *self._names)
