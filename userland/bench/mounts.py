"""The mounts' part of vx9 bench files: vx9 mount beside an empty file system on the same binding.

Each empty one answers from constants, by the same binding, with the same time-outs, so that a
ratio is what our part costs.  Both are mounted at once and asked in turn, round by round.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from vx9.fs import hostfuse
from vx9.fs.errors import PlanError
from vx9.fs.fuse import wire
from vx9.userland.bench.bench import Figure

ROUNDS: Final = 5
SECONDS: Final = 0.05
SIZE: Final = 16 << 20
NAME: Final = "file"
MIB: Final = 1 << 20
ENTRIES: Final = 10_000
RATIO: Final = 1.5
LIST_MS: Final = 500.0
_EMPTY: Final = "import sys\nfrom vx9.userland.bench import mounts\nmounts.{}(sys.argv[2], int(sys.argv[1]))\n"


# The empty file systems

def raw_empty(point: str, cache: int) -> None:
    """A folder with one file of zeros, on /dev/fuse itself."""
    fd = hostfuse.mount(point, "vx9-bench")
    os.set_blocking(fd, True)
    room = bytearray(MIB + 8192)
    data = bytes(MIB)
    attrs = {node: wire.ATTR.pack(node, size, size >> 9, 0, 0, 0, 0, 0, 0, mode, 1, os.getuid(),
                                  os.getgid(), 0, 4096, 0)
             for node, mode, size in ((1, 0o40755, 0), (2, 0o100644, SIZE))}
    init = wire.INIT_OUT.pack(7, wire.MINOR, 131072, wire.WANTED & 0xFFFFFFFF, 64, 48, MIB,
                              1_000_000_000, 256, 0, wire.WANTED >> 32)
    n = wire.NUMBERS
    while True:
        try:
            count = os.readv(fd, [room])
        except OSError:
            return
        _, op, unique, node, *_ = wire.HEADER.unpack_from(room)
        out: tuple[bytes, ...] = ()
        error = 0
        if op == n["LOOKUP"]:
            if room[40 : count - 1] == NAME.encode():
                out = (wire.ENTRY.pack(2, 0, cache, cache, 0, 0), attrs[2])
            else:
                error = -2
        elif op == n["GETATTR"]:
            out = (wire.ATTR_OUT.pack(cache, 0, 0), attrs[node])
        elif op in (n["OPEN"], n["OPENDIR"]):
            out = (wire.OPEN_OUT.pack(1, 0, 0),)
        elif op == n["READ"]:
            _, offset, size, *_ = wire.OPS[op].fixed.unpack_from(room, 40)
            out = (data[: max(0, min(size, SIZE - offset))],)
        elif op == n["INIT"]:
            out = (init,)
        elif op in (n["FORGET"], n["BATCH_FORGET"], n["INTERRUPT"]):
            continue
        elif op not in (n["RELEASE"], n["RELEASEDIR"], n["READDIR"], n["READDIRPLUS"]):
            error = -38
        os.writev(fd, (wire.ANSWER.pack(16 + sum(map(len, out)), error, unique), *out))


def fusepy_empty(point: str, cache: int) -> None:
    """The same on libfuse."""
    from vx9.kernel.hostlibfuse import binding

    fuse = binding()
    data = bytes(MIB)

    class Empty:
        use_ns = True

        def __call__(self, name: str, *arguments: Any) -> Any:
            return getattr(self, name)(*arguments)

        def init(self, _path: str) -> None:
            """Nothing."""

        def destroy(self, _path: str) -> None:
            """Nothing."""

        def getattr(self, path: str, _fh: Any = None) -> dict[str, int]:
            if path == "/":
                return {"st_mode": 0o40755, "st_nlink": 1}
            if path == f"/{NAME}":
                return {"st_mode": 0o100644, "st_size": SIZE, "st_nlink": 1}
            raise fuse.FuseOSError(2)

        def open(self, _path: str, _fi: Any) -> int:
            return 0

        def read(self, _path: str, size: int, offset: int, _fi: Any) -> bytes:
            return data[: max(0, min(size, SIZE - offset))]

        def release(self, _path: str, _fi: Any) -> int:
            return 0

    options = {"big_writes": True, "nonempty": True} if getattr(
        fuse, "fuse_version_major", 2) == 2 else {}
    fuse.FUSE(Empty(), point, raw_fi=True, foreground=True, fsname="vx9-bench", subtype="vx9",
              attr_timeout=cache, entry_timeout=cache, **options)


# Measuring

@contextlib.contextmanager
def _mounted(point: Path, argv: list[str], cwd: Path) -> Iterator[Path]:
    point.mkdir()
    process = subprocess.Popen([sys.executable, "-P", *argv, str(point)], cwd=cwd,
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while hostfuse.on(str(point)) is None:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("it was not mounted")
            time.sleep(0.02)
        yield point
    finally:
        with contextlib.suppress(PlanError):
            hostfuse.unmount(str(point), lazy=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def _stat(path: str, count: int) -> None:
    stat = os.stat
    for _ in range(count):
        stat(path)


def _open_read_close(path: str, count: int) -> None:
    for _ in range(count):
        fd = os.open(path, os.O_RDONLY)
        os.read(fd, 100)
        os.close(fd)


def _read(path: str, count: int) -> None:
    at = SIZE
    fd = -1
    for _ in range(count):
        if at >= SIZE:  # opened anew, nothing of it is in the host's memory
            if fd >= 0:
                os.close(fd)
            fd, at = os.open(path, os.O_RDONLY), 0
        at += len(os.pread(fd, MIB, at))
    os.close(fd)


_WHAT: Final = (("stat", _stat, 200), ("open, read, close", _open_read_close, 100),
                ("reads of 1 MiB", _read, 16))


def _seconds(do: Callable[[str, int], None], path: str, count: int) -> float:
    begin = time.perf_counter()
    do(path, count)
    return (time.perf_counter() - begin) / count


def _compare(name: str, ours: Path, empty: Path) -> list[Figure]:
    """Rates of ours, and how many times longer it takes than the empty one."""
    rows = []
    for what, do, first in _WHAT:
        took = _seconds(do, str(ours), first)
        count = max(first, int(SECONDS / took))
        pairs = [(_seconds(do, str(ours), count), _seconds(do, str(empty), count))
                 for _ in range(ROUNDS)]
        rates = [1 / mine for mine, _ in pairs]
        ratios = [mine / its for mine, its in pairs]
        rows.append(Figure(f"{name}: {what}", "/s", statistics.median(rates), min(rates), max(rates)))
        ratio = statistics.median(ratios)
        rows.append(Figure(f"{name}: {what}, times an empty one", "", ratio, min(ratios), max(ratios),
                           RATIO, ratio <= RATIO))
    return rows


def mounts(folder: Path, progress: Callable[[str], None]) -> list[Figure]:
    """All rows of the back ends that work here."""
    rows: list[Figure] = []
    if not os.access(hostfuse.DEVICE, os.R_OK | os.W_OK):
        return rows
    host = folder / "mount-host"
    host.mkdir()
    (host / NAME).write_bytes(bytes(SIZE))
    (host / "many").mkdir()
    for i in range(ENTRIES):
        (host / "many" / f"f{i}").touch()
    for backend in ("raw", "fusepy"):
        for cache in (1, 0):
            name = f"mount ({backend})" if cache else f"mount ({backend}, nothing remembered)"
            progress(f"vx9 {name}")
            with contextlib.suppress(RuntimeError):
                rows += _back_end(folder, host, backend, cache, name)
    return rows


def _back_end(folder: Path, host: Path, backend: str, cache: int, name: str) -> list[Figure]:
    empty_argv = ["-c", _EMPTY.format(f"{backend}_empty"), str(cache)]
    argv = ["-m", "vx9", "mount", "--rw", "--cache", str(cache), "--backend", backend]
    with (_mounted(folder / f"empty-{backend}-{cache}", empty_argv, folder) as empty,
          _mounted(folder / f"ours-{backend}-{cache}", argv, host) as ours):
        memory = ours / "tmp" / NAME
        memory.write_bytes(bytes(SIZE))
        seen = ours / str(host).lstrip("/")
        rows = _compare(f"{name}, memory", memory, empty / NAME)
        rows += _compare(f"{name}, host folder", seen / NAME, empty / NAME)
        took = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            if len(os.listdir(seen / "many")) != ENTRIES:
                raise RuntimeError("entries are missing")
            took.append((time.perf_counter() - begin) * 1000)
    middle = statistics.median(took)
    return [*rows, Figure(f"{name}: 10,000 entries listed", "ms", middle, min(took), max(took),
                          LIST_MS, middle <= LIST_MS)]
