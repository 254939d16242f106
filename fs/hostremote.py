"""Remote: a 9P2000 server, for Python programs.

    with Remote("unix!/tmp/files") as remote:
        print(remote.listdir("/"))
        data = remote.read_file("/notes/today")
        with remote.open("/log", OWRITE) as file:
            file.write(b"done\\n")

Files that are read or written in sequence have several requests under way.  Nothing is
reconnected: a connection that broke has lost its fids, and every call says so.
Not for several threads at once.  Source: intro(5).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Self

from .dir import OREAD, OTRUNC, OWRITE, QTDIR, Dir, DirChange, pack_change, unpack, unpack_all
from .errors import EMOUNTRPC, ENONEXIST, ENOTDIR, PlanError
from .hostninep import CHUNK, dial, parse, send
from .ninep import wire
from .ninep.auth import CHALLENGE, PROOF, Prover
from .ninep.client import Call, Client
from .ninep.request import MSIZE
from .ninep.wire import NAMES, NOFID, OVERHEAD

AHEAD: Final = 8  # requests under way for one file


class RemoteFile:
    """An open file of a Remote; reading and writing move its offset."""

    def __init__(self, remote: Remote, fid: int, qid: Any, iounit: int) -> None:
        self._remote = remote
        self._fid = fid
        self.qid = qid
        self.offset = 0
        most = remote.msize - OVERHEAD
        self.iounit = iounit if 0 < iounit < most else most

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file up."""
        fid, self._fid = self._fid, NOFID
        if fid != NOFID:
            self._remote.clunk(fid)

    def read(self, count: int = -1) -> bytes:
        """At most count bytes, all that is left when it is negative; b"" at the end."""
        if count < 0:
            return b"".join(self.pieces())
        ask = min(count, self.iounit)
        data: bytes = self._remote.rpc(wire.Tread, self._fid, self.offset, ask).data[:ask]
        self.offset += len(data)
        return data

    def pieces(self, most: int = 1 << 30) -> Iterator[bytes]:
        """What is left of a plain file, in pieces of at most `most` bytes, asked for ahead."""
        remote, size = self._remote, min(self.iounit, most)
        under_way: deque[Call] = deque()
        ask = self.offset
        try:
            while True:
                while len(under_way) < AHEAD:
                    under_way.append(remote.client.call(wire.Tread, self._fid, ask, size))
                    ask += size
                data = remote.wait(under_way.popleft()).data[:size]
                self.offset += len(data)
                if data:
                    yield data
                if len(data) < size:
                    if not data:
                        return
                    # Short, and not the end: what was asked for ahead lies beyond a gap.
                    self._drain(under_way)
                    ask = self.offset
        finally:
            self._drain(under_way)

    def _drain(self, under_way: deque[Call]) -> None:
        while under_way:
            with contextlib.suppress(PlanError):
                self._remote.wait(under_way.popleft())

    def write(self, data: bytes) -> int:
        """All of data, with several requests under way.  Raises PlanError."""
        remote, size = self._remote, self.iounit
        under_way: deque[tuple[Call, int]] = deque()
        start, at, done = self.offset, 0, 0
        try:
            while done < len(data):
                while at < len(data) and len(under_way) < AHEAD:
                    part = data[at : at + size]
                    under_way.append((remote.client.call(wire.Twrite, self._fid, start + at, part),
                                      len(part)))
                    at += len(part)
                call, length = under_way.popleft()
                count = remote.wait(call).count
                if not 0 < count <= length:
                    raise PlanError("the server takes nothing")
                done += count
                self.offset = start + done
                if count < length:
                    # The rest of it again, and what was sent for behind it.
                    self._drain(deque(call for call, _ in under_way))
                    under_way.clear()
                    at = done
        finally:
            self._drain(deque(call for call, _ in under_way))
        return len(data)

    def stat(self) -> Dir:
        """What is known of the file."""
        return unpack(self._remote.rpc(wire.Tstat, self._fid).stat)


class Remote:
    """A connection to a 9P2000 server, attached to one of its trees."""

    def __init__(self, address: str | socket.socket, *, user: str = "none", tree: str = "",
                 key: bytes | None = None, msize: int = MSIZE) -> None:
        sock = address if isinstance(address, socket.socket) else dial(parse(address))
        self._sock = sock
        self.client = Client()
        try:
            self.client.agree(self._wait_end(self.client.ask_version(msize)))
            afid = NOFID if key is None else self._authenticate(key, user, tree)
            self._root = self.client.new_fid()
            self.rpc(wire.Tattach, self._root, afid, user, tree)
            if afid != NOFID:
                self.clunk(afid)
        except BaseException:
            sock.close()
            raise

    @property
    def msize(self) -> int:
        """The longest message agreed on."""
        return self.client.msize

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
        self.client.hangup(EMOUNTRPC)

    # Messages

    def _wait_end(self, call: Call) -> Call:
        client, sock = self.client, self._sock
        try:
            while not call.done:
                if out := client.take():
                    send(sock, out)
                client.feed(sock.recv(CHUNK))
        except OSError as error:
            client.hangup(f"{EMOUNTRPC}: {error.strerror or error}")
        return call

    def wait(self, call: Call) -> Any:
        """The answer of a Call.  Raises PlanError."""
        return self._wait_end(call).result()

    def rpc(self, kind: type, *fields: Any) -> Any:
        """Ask and wait.  Raises PlanError."""
        return self.wait(self.client.call(kind, *fields))

    def clunk(self, fid: int) -> None:
        """End a fid."""
        with contextlib.suppress(PlanError):
            self.rpc(wire.Tclunk, fid)
        self.client.free_fid(fid)

    def _authenticate(self, key: bytes, user: str, tree: str) -> int:
        prover = Prover(key, os.urandom(CHALLENGE), user, tree)
        afid = self.client.new_fid()
        self.rpc(wire.Tauth, afid, user, tree)
        self.rpc(wire.Twrite, afid, 0, prover.first())
        said = b""
        while len(said) < CHALLENGE + PROOF and (
                more := self.rpc(wire.Tread, afid, 0, CHALLENGE + PROOF - len(said)).data):
            said += more
        self.rpc(wire.Twrite, afid, 0, prover.answer(said))
        return afid

    def walk(self, path: str) -> int:
        """A fid for path; the caller ends it.  Raises PlanError."""
        names = [name for name in path.split("/") if name and name != "."]
        fid = self.client.new_fid()
        start = self._root
        while True:
            run, names = names[:NAMES], names[NAMES:]
            try:
                got = self.rpc(wire.Twalk, start, fid, tuple(run))
                if len(got.wqid) < len(run):
                    raise PlanError(ENONEXIST)
            except PlanError:
                if start == fid:
                    self.clunk(fid)
                else:
                    self.client.free_fid(fid)
                raise
            if not names:
                return fid
            start = fid

    def _with(self, path: str, do: Callable[[int], Any]) -> Any:
        fid = self.walk(path)
        try:
            return do(fid)
        finally:
            self.clunk(fid)

    # Files

    def open(self, path: str, mode: int = OREAD) -> RemoteFile:
        """An open file.  Raises PlanError."""
        fid = self.walk(path)
        try:
            answer = self.rpc(wire.Topen, fid, mode)
        except PlanError:
            self.clunk(fid)
            raise
        return RemoteFile(self, fid, answer.qid, answer.iounit)

    def create(self, path: str, perm: int = 0o666, mode: int = OWRITE) -> RemoteFile:
        """A new file, open.  Raises PlanError when there is one."""
        folder, _, name = path.rstrip("/").rpartition("/")
        fid = self.walk(folder)
        try:
            answer = self.rpc(wire.Tcreate, fid, name, perm, mode)
        except PlanError:
            self.clunk(fid)
            raise
        return RemoteFile(self, fid, answer.qid, answer.iounit)

    def read_file(self, path: str) -> bytes:
        """All of a file."""
        with self.open(path) as file:
            return file.read()

    def write_file(self, path: str, data: bytes, perm: int = 0o666) -> None:
        """Make path hold data, whether it was there or not."""
        try:
            file = self.open(path, OWRITE | OTRUNC)
        except PlanError:
            file = self.create(path, perm)
        with file:
            file.write(data)

    def listdir(self, path: str = "/") -> list[Dir]:
        """The entries of a folder.  Raises PlanError."""
        entries: list[Dir] = []
        with self.open(path) as file:
            if not file.qid.type & QTDIR:
                raise PlanError(ENOTDIR)
            while data := file.read(file.iounit):
                entries += unpack_all(data)
        return entries

    def stat(self, path: str) -> Dir:
        """What is known of a file."""
        return unpack(self._with(path, lambda fid: self.rpc(wire.Tstat, fid)).stat)

    def wstat(self, path: str, change: DirChange) -> None:
        """Change what is known of a file."""
        self._with(path, lambda fid: self.rpc(wire.Twstat, fid, pack_change(change)))

    def rename(self, path: str, name: str) -> None:
        """Another name in the same folder."""
        self.wstat(path, DirChange(name=name))

    def mkdir(self, path: str, perm: int = 0o777) -> None:
        """A new folder."""
        self.create(path, 0x80000000 | perm, OREAD).close()

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder."""
        fid = self.walk(path)
        try:
            self.rpc(wire.Tremove, fid)
        finally:
            self.client.free_fid(fid)
