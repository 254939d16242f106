"""vx9 bench files: requests and bytes a second over 9P2000, by servers and by clients.

Servers are asked by a client that only sends bytes made before; the client is answered by a
server that only does so.  That one asked by the other is the floor: what the sockets and the
interpreter leave.  Peers that are installed run beside.  Everything goes through a unix socket
unless the name says otherwise.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from vx9.fs.dir import OREAD, Dir, Qid
from vx9.fs.hostninep import dial, parse
from vx9.fs.hostremote import Remote
from vx9.fs.ninep import wire
from vx9.fs.ninep.request import MSIZE
from vx9.userland.bench.bench import Figure

SECONDS: Final = 0.3  # a round
ROUNDS: Final = 5
DEPTH: Final = 16
BLOCK: Final = 64 * 1024
SIZE: Final = 16 << 20  # bytes of the file that is read
NAME: Final = "file"
REQUESTS: Final = 20_000.0
PIPELINED: Final = 100_000.0
BYTES: Final = 1000.0  # MB a second

CANNED: Final = """
import socket, struct, sys
from vx9.userland.bench import files
files.canned(sys.argv[1])
"""
MEMORY: Final = """
import sys, threading
from vx9.fs.hostninep import accept, listen, parse, serve
from vx9.fs.ramfs import RamFS
fs = RamFS("bench")
fs.put(sys.argv[2], bytes(int(sys.argv[3])))
listener = listen(parse("unix!" + sys.argv[1]), False)
while True:
    threading.Thread(target=serve, args=(accept(listener), fs), daemon=True).start()
"""
PYROUTE2: Final = """
import asyncio, sys
from pyroute2.plan9.server import Plan9ServerSocket
async def main():
    server = Plan9ServerSocket(address=("127.0.0.1", int(sys.argv[1])))
    server.filesystem.create(sys.argv[2]).data.write(bytes(int(sys.argv[3])))
    await (await server.async_run())
asyncio.run(main())
"""


# The two that do as little as can be

def canned(path: str) -> None:
    """Answer from a table of bytes, by the type of the message alone."""
    qid = Qid(1)
    replies = {
        100: wire.Rversion(0, MSIZE, wire.VERSION), 104: wire.Rattach(0, Qid(0, 0, 0x80)),
        110: wire.Rwalk(0, (qid,)), 112: wire.Ropen(0, qid, 0), 120: wire.Rclunk(0),
        116: wire.Rread(0, bytes(BLOCK)), 118: wire.Rwrite(0, BLOCK),
        124: wire.Rstat(0, Dir(qid, 0, 0, 0, SIZE, NAME, "bench", "bench", "bench").pack()),
    }
    table = {kind: (data[:5], data[7:]) for kind, data in
             ((kind, wire.pack(reply)) for kind, reply in replies.items())}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            with listener.accept()[0] as sock, contextlib.suppress(OSError):
                _answer(sock, table)


def _answer(sock: socket.socket, table: dict[int, tuple[bytes, bytes]]) -> None:
    left = b""
    while data := sock.recv(1 << 18):
        data = left + data if left else data
        at, end = 0, len(data)
        out: list[bytes] = []
        while end - at >= 7:
            size = int.from_bytes(data[at : at + 4], "little")
            if end - at < size:
                break
            head, tail = table[data[at + 4]]
            out += (head, data[at + 5 : at + 7], tail)
            at += size
        left = data[at:]
        sock.sendall(b"".join(out))


class Asker:
    """A client that sends bytes made before and counts those that come."""

    def __init__(self, address: str) -> None:
        self.sock = dial(parse(address))
        self.buffer = bytearray(1 << 20)
        msize = wire.unpack(self.ask(wire.Tversion(wire.NOTAG, MSIZE, wire.VERSION))).msize
        self.block = min(BLOCK, msize - wire.OVERHEAD)
        self.ask(wire.Tattach(1, 1, wire.NOFID, "bench", ""))
        self.ask(wire.Twalk(1, 1, 2, (NAME,)))
        self.stat_size = len(self.ask(wire.Tstat(1, 2)))
        self.ask(wire.Topen(1, 2, OREAD))

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def ask(self, message: object) -> bytes:
        """One message; the whole answer.  Raises RuntimeError when it is an error."""
        self.sock.sendall(wire.pack(message))
        data = self.sock.recv(4)
        size = int.from_bytes(data, "little")
        while len(data) < size:
            data += self.sock.recv(size - len(data))
        if data[4] == 107:
            raise RuntimeError(wire.unpack(data).ename)
        return data

    def one(self, count: int) -> None:
        """Requests, each after the answer to the one before."""
        data = wire.pack(wire.Tstat(1, 2))
        send, recv = self.sock.sendall, self.sock.recv_into
        for _ in range(count):
            send(data)
            recv(self.buffer)

    def many(self, count: int) -> None:
        """Requests, sixteen at a time."""
        data = b"".join(wire.pack(wire.Tstat(tag, 2)) for tag in range(1, DEPTH + 1))
        for _ in range(0, count, DEPTH):
            self.sock.sendall(data)
            self.receive(self.stat_size * DEPTH)

    def receive(self, size: int) -> None:
        """Take so many bytes."""
        recv = self.sock.recv_into
        while size > 0:
            size -= recv(self.buffer, min(size, len(self.buffer)))

    def blocks(self, count: int) -> None:
        """Blocks of the file, four under way."""
        block, per_file = self.block, SIZE // self.block
        ahead = 4
        for i in range(count + ahead):
            if i >= ahead:
                self.receive(block + 11)
            if i < count:
                self.sock.sendall(wire.pack(
                    wire.Tread(i % ahead + 1, 2, i % per_file * block, block)))


class Client:
    """Remote, doing the same."""

    def close(self) -> None:
        """Hang up."""
        self.remote.close()

    def __init__(self, address: str) -> None:
        self.remote = Remote(address, user="bench")
        self.fid = self.remote.walk(f"/{NAME}")
        self.file = self.remote.open(f"/{NAME}")
        self.block = BLOCK

    def one(self, count: int) -> None:
        """Requests, each after the answer to the one before."""
        for _ in range(count):
            self.remote.rpc(wire.Tstat, self.fid)

    def many(self, count: int) -> None:
        """Requests, sixteen under way."""
        remote = self.remote
        under_way: deque[object] = deque()
        for _ in range(0, count, DEPTH):
            under_way.extend(remote.client.call(wire.Tstat, self.fid) for _ in range(DEPTH))
            while under_way:
                remote.wait(under_way.popleft())  # type: ignore[arg-type]

    def blocks(self, count: int) -> None:
        """Blocks of the file, as read_file has them."""
        self.file.offset = 0
        for i, _ in enumerate(self.file.pieces(BLOCK)):
            if i + 1 >= count:
                break


# Measuring

def _rates(do: Callable[[int], None], first: int) -> list[float]:
    """How often a second, in each round."""
    count, rates = first, []
    for i in range(ROUNDS + 1):
        begin = time.perf_counter()
        do(count)
        took = time.perf_counter() - begin
        if i:
            rates.append(count / took)
        else:  # to warm up, and to learn how many make a round
            count = max(DEPTH, int(count * SECONDS / took) // DEPTH * DEPTH)
    return rates


@contextlib.contextmanager
def _child(*argv: str, ready: Path | int) -> Iterator[None]:
    """A server in a process of its own, when it listens."""
    process = subprocess.Popen([sys.executable, "-P", *argv], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until and not _listens(ready):
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _listens(where: Path | int) -> bool:
    family = socket.AF_INET if isinstance(where, int) else socket.AF_UNIX
    with socket.socket(family) as sock:
        try:
            sock.connect(("127.0.0.1", where) if isinstance(where, int) else str(where))
        except OSError:
            return False
    return True


def rate(name: str, unit: str, values: Sequence[float], target: float | None) -> Figure:
    """A figure of which more is better."""
    median = statistics.median(values)
    return Figure(name, unit, median, min(values), max(values), target,
                  None if target is None else median >= target)


def _rows(name: str, address: str, kind: type, judged: bool, wanted: str = "12b") -> list[Figure]:
    it = kind(address)
    rows = []
    if "1" in wanted:
        rows.append(rate(f"{name}: one request after the other", "/s", _rates(it.one, 500),
                         REQUESTS if judged else None))
    if "2" in wanted:
        rows.append(rate(f"{name}: {DEPTH} at a time", "/s", _rates(it.many, 800),
                         PIPELINED if judged else None))
    if "b" in wanted:
        scale = it.block / 1e6
        rows.append(rate(f"{name}: reads of 64 KiB", "MB/s",
                         [value * scale for value in _rates(it.blocks, 64)],
                         BYTES if judged else None))
    it.close()
    return rows


def files(folder: Path, progress: Callable[[str], None]) -> list[Figure]:
    """All rows."""
    rows = []

    def at(name: str) -> tuple[str, Path]:
        path = folder / name
        return f"unix!{path}", path

    progress("9P: the floor")
    address, path = at("canned")
    with _child("-c", CANNED, str(path), ready=path):
        rows += _rows("floor", address, Asker, False)
        progress("9P: the client")
        rows += _rows("client (Remote)", address, Client, True)
    progress("9P: a server of a memory tree")
    address, path = at("memory")
    with _child("-c", MEMORY, str(path), NAME, str(SIZE), ready=path):
        rows += _rows("server, memory tree", address, Asker, True)
    progress("9P: vx9 serve")
    address, path = at("names")
    tree = folder / "served"
    tree.mkdir()
    (tree / NAME).write_bytes(bytes(SIZE))
    with _child("-m", "vx9", "serve", address, "--bind", f"{tree}:/n/s", "--tree", "/n/s",
                ready=path):
        rows += _rows("vx9 serve, host folder", address, Asker, False)
    if importlib.util.find_spec("pyroute2") is not None:
        progress("9P: pyroute2")
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        with _child("-c", PYROUTE2, str(port), NAME, str(SIZE), ready=port), \
                contextlib.suppress(Exception):
            rows += _rows("pyroute2's server (tcp)", f"tcp!127.0.0.1!{port}", Asker, False, "12")
    return rows
