"""What the kernel's operations cost, beside the host's own and those that 9vx took.

Times are of the processor, in all threads and child processes, as they are for 9vx; so who else
uses the machine counts little.  The wall's are kept beside them.
Source: ops.c is the guest, hostops.c the same for Linux; both have the operations in this order.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from vx9.fs.dir import OWRITE, Qid
from vx9.fs.server import Fid, Refuser
from vx9.userland.bench import workloads
from vx9.userland.errors import Refusal

PLACE: Final = "/n/bench"
BLOCK: Final = 65536


@dataclass(frozen=True)
class Operation:
    """One kind of operation."""

    name: str
    times: int  # that one work() of ops.c does it
    target: float  # microseconds, at most
    peer: str = "-"  # what 9vx took on a machine of this kind, in microseconds


# fmt: off
OPERATIONS: Final = (
    Operation("null system call",                  100_000, 0.1,  "2.7"),
    Operation("pread of /dev/bintime",              50_000, 0.3),
    Operation("nsec",                               50_000, 0.3),
    Operation("semacquire, free",                   50_000, 0.3),
    Operation("sleep(0), alone",                    50_000, 0.3),
    Operation("two by sleep(0), one turn each",      5_000, 6,    "6.9-57"),
    Operation("the same, sharing memory",            5_000, 25),
    Operation("pipe, 1 byte there and back",         5_000, 12,   "16-96"),
    Operation("pipe, 8 KiB block",                  10_000, 6,    "7.5"),
    Operation("pipe, 64 KiB block",                  4_000, 43.7),  # 1.5 GB/s
    Operation("read+write 8 KiB, zero to null",     20_000, 1.5,  "6.4"),
    Operation("rfork+exits+await",                     500, 60,   "126"),
    Operation("rfork+exec+await of a small program",   500, 150,  "180"),
    Operation("open+close of a host file",           5_000, 25,   "50"),
    Operation("pread 8 KiB from a host file",       20_000, 6,    "12.7"),
)
# fmt: on
PYTHON_TARGET: Final = 3.0  # of the null system call, when Python answers it
GUEST: Final = workloads.Workload("ops", "ops.c", variants=len(OPERATIONS))


@dataclass
class Measured:
    """Microseconds of one operation: median and spread."""

    median: float
    low: float
    high: float
    wall: float  # median, by the clock on the wall


@dataclass
class Row:
    """An operation as it came out."""

    name: str
    unit: str
    vx9: Measured
    python: Measured  # without the calls that C answers
    host: Measured | None  # the same by the host's own calls; None: it has none
    peer: str
    target: float
    met: bool


Seconds = tuple[float, float]  # of the processor, of the wall


def of(seconds: Sequence[Seconds], times: int) -> Measured:
    """From the seconds of several times so many."""
    values, walls = ([second * 1e6 / times for second in kind] for kind in zip(*seconds, strict=True))
    return Measured(statistics.median(values), min(values), max(values), statistics.median(walls))


class Stopwatch(Refuser):
    """A file that notes when lines are written to it."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.marks: list[int] = []  # processor time, in nanoseconds

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """A line."""
        self.marks.append(time.process_time_ns())
        self.lines.append(data)
        return len(data)


def times(operation: Operation, tiny: bool) -> int:
    """As TIMES in ops.c."""
    return operation.times // 100 + 1 if tiny else operation.times


def build(folder: Path, tiny: bool) -> tuple[Path, Path]:
    """The program for the guest and the one for the host, and what they read, in folder."""
    more = ("-DTINY",) if tiny else ()
    guest = workloads.guest(GUEST, folder, more)
    (folder / "block").write_bytes(os.urandom(BLOCK))
    native = folder / "hostops"
    command = [workloads.compiler(), "-O2", *more, "-o", str(native), str(workloads.HERE / "hostops.c")]
    for static in (["-static"], []):  # as quick to execute as it can be, where there is a libc.a
        done = subprocess.run(command + static, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return guest, native
    raise Refusal(f"bench: hostops.c does not compile: {done.stderr.strip()}")


def run_native(native: Path) -> list[list[Seconds]]:
    """The seconds of each operation on the host, without the first; none for what it has not."""
    done = subprocess.run([str(native)], capture_output=True, text=True, check=False,
                          cwd=native.parent, timeout=workloads.RUN_LIMIT)
    lines = done.stdout.splitlines()
    repeats = len(lines) // len(OPERATIONS)
    if done.returncode or repeats < 2:
        raise Refusal(f"bench: hostops ended with status {done.returncode}: {done.stderr.strip()}")
    return [[(int(line.split()[0], 16) / 1e9, int(line.split()[1], 16) / 1e9)
             for line in lines[at + 1:at + repeats] if line != "-"]
            for at in range(0, repeats * len(OPERATIONS), repeats)]


def run_guest(folder: Path, guest: Path, fast: bool) -> list[list[Seconds]]:
    """The same in a kernel of its own, with calls answered in C or without."""
    from vx9.kernel.chan import Chan
    from vx9.kernel.host import Host
    from vx9.kernel.kernel import Kernel

    host = Host()
    host.fast = fast
    kernel = Kernel(host)
    kernel.start()
    try:
        kernel.bind_host(str(folder), PLACE)
        watch = Stopwatch()
        out = Chan(watch, Fid(Qid(0, 0, 0), kernel.user, OWRITE), "stopwatch")
        out.mode = OWRITE
        status = kernel.spawn([f"{PLACE}/{guest.name}"], env={}, cwd="/", stdin=None, stdout=out,
                              stderr=2).wait(workloads.RUN_LIMIT)
        if status.code:
            raise Refusal(f"bench: {guest.name} ended with {status.message!r}")
    finally:
        kernel.stop()
    found = workloads.results(b"".join(watch.lines), guest.name, len(OPERATIONS))
    repeats = len(watch.marks) // len(OPERATIONS)
    seconds: list[list[Seconds]] = []
    for operation, run in zip(OPERATIONS, found, strict=True):
        if int(run.checksum, 16):
            raise Refusal(f"bench: {operation.name}: a call failed")
        marks = watch.marks[repeats * len(seconds):repeats * (len(seconds) + 1)]
        used = [(end - begin) / 1e9 for begin, end in pairwise(marks)]
        seconds.append(list(zip(used, run.warm, strict=True)))
    return seconds


def measure(folder: Path, rounds: int, tiny: bool, progress: Callable[[str], None]) -> list[Row]:
    """Every operation, ours and the host's in turn."""
    guest, native = build(folder, tiny)
    found: tuple[list[list[Seconds]], ...] = tuple([[] for _ in OPERATIONS] for _ in range(3))
    for number in range(rounds):
        progress(f"operations of the kernel, round {number + 1} of {rounds}")
        for into, runs in zip(found, (run_guest(folder, guest, True), run_guest(folder, guest, False),
                                      run_native(native)), strict=True):
            for seconds, more in zip(into, runs, strict=True):
                seconds += more
    rows = []
    for operation, fast, slow, host in zip(OPERATIONS, *found, strict=True):
        n = times(operation, tiny)
        ours = of(fast, n)
        rows.append(Row(operation.name, "us", ours, of(slow, n), of(host, n) if host else None,
                        operation.peer, operation.target, ours.median <= operation.target))
    first = rows[0]
    rows.insert(1, Row("null system call, answered in Python", "us", first.python, first.python, first.host,
                       first.peer, PYTHON_TARGET, first.python.median <= PYTHON_TARGET))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The report for people."""
    lines = [("microseconds of the processor", "vx9", "spread", "wall", "no C", "host", "spread", "wall",
              "9vx", "target", "")]
    for row in rows:
        host = row.host
        lines.append((
            row.name, f"{row.vx9.median:.3g}", f"{row.vx9.low:.3g}..{row.vx9.high:.3g}",
            f"{row.vx9.wall:.3g}", f"{row.python.median:.3g}", "-" if host is None else f"{host.median:.3g}",
            "-" if host is None else f"{host.low:.3g}..{host.high:.3g}",
            "-" if host is None else f"{host.wall:.3g}", row.peer, f"{row.target:g}",
            "met" if row.met else "MISSED"))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join([line[0].ljust(widths[0]),
                                *(cell.rjust(width) for cell, width in
                                  zip(line[1:], widths[1:], strict=True))]).rstrip()
                     for line in lines)
