"""vx9 bench: measures, compares with native code, prints a table or JSON.

Each figure is the median of several rounds; native code, the guest and qemu-i386 take
turns within a round, so that a machine that slows down slows all three.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from vx9.userland.bench import workloads
from vx9.userland.errors import Refusal

ROUNDS: Final = 7
QEMU: Final = "qemu-i386"
UNITS: Final = {"ns": 1e9, "us": 1e6, "ms": 1e3}


@dataclass
class Figure:
    """One line of the report.  Values are in unit; ratio is to native; target bounds one of them."""

    name: str
    unit: str
    median: float
    low: float
    high: float
    native: float | None = None
    ratio: float | None = None
    qemu: float | None = None
    qemu_ratio: float | None = None
    target: float | None = None
    met: bool | None = None


def figure(name: str, unit: str, seconds: Sequence[float], target: float | None = None) -> Figure:
    """A figure from measured seconds, with a target in its unit."""
    values = [second * UNITS[unit] for second in seconds]
    median = statistics.median(values)
    return Figure(name, unit, median, min(values), max(values), target=target,
                  met=None if target is None else median <= target)


def paired(ours: Sequence[float], native: Sequence[float]) -> float:
    """The median of the rounds' ratios: what slows a whole round down cancels out."""
    return statistics.median(a / b for a, b in zip(ours, native, strict=True))


def compare(name: str, guest: Sequence[float], native: Sequence[float], qemu: Sequence[float],
            target: float | None) -> Figure:
    """A figure whose target bounds its ratio to native."""
    line = figure(name, "ms", guest)
    line.native = statistics.median(native) * 1e3
    line.ratio = paired(guest, native)
    if qemu:
        line.qemu = statistics.median(qemu) * 1e3
        line.qemu_ratio = paired(qemu, native)
    line.target, line.met = target, None if target is None else line.ratio <= target
    return line


def progress(text: str) -> None:
    """What is being measured, on a terminal only; the next replaces it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def time_workloads(folder: Path, run_guest: Callable[[Path], bytes], label: str) -> list[Figure]:
    """Every workload: native, guest and qemu by turns."""
    qemu = shutil.which(QEMU)
    lines = []
    for workload in workloads.WORKLOADS:
        host, guest = workloads.native(workload, folder), workloads.guest(workload, folder)
        runs: dict[str, Callable[[], bytes]] = {
            "native": partial(workloads.run_host, [str(host)]),
            "guest": partial(run_guest, guest)}
        if qemu:
            runs["qemu"] = partial(workloads.run_host, [qemu, str(host)])
        times: dict[str, list[float]] = {name: [] for name in ("native", "guest", "qemu")}
        sums = set()
        for turn in range(ROUNDS):
            progress(f"{workload.name} {label}, round {turn + 1} of {ROUNDS}")
            for name, run in runs.items():
                checksum, seconds = workloads.figures(run(), f"{workload.name} ({name})")
                sums.add(checksum)
                times[name].append(statistics.median(seconds))
        if len(sums) != 1:
            raise Refusal(f"bench: {workload.name} computed different results: {sorted(sums)}")
        lines.append(compare(f"{workload.name} {label}", times["guest"], times["native"],
                             times["qemu"], workload.target))
    return lines


def core(folder: Path) -> list[Figure]:
    """The core alone, without the kernel."""
    from vx9.userland.bench import bare

    progress("null trap")
    traps = [bare.null_trap_ns(1_000_000) / 1e9 for _ in range(ROUNDS)]
    python = [bare.python_trap_ns(100_000) / 1e9 for _ in range(ROUNDS)]
    return [figure("null trap, core's own loop", "ns", traps, 100),
            figure("null trap, Cpu.run() in a Python loop", "ns", python),
            *time_workloads(folder, lambda guest: bare.run(guest.read_bytes()), "(core)")]


def kernel(folder: Path) -> list[Figure]:
    """Through the kernel: system calls, processes, the command."""
    from vx9.kernel.kernel import Kernel

    lines = []
    running = Kernel()
    running.start()
    try:
        running.bind_host(str(folder), "/n/bench")

        def run_guest(guest: Path) -> bytes:
            def start(fd: int) -> None:
                status = running.spawn([f"/n/bench/{guest.name}"], env={}, cwd="/",
                                       stdin=null, stdout=fd, stderr=2).wait(workloads.RUN_LIMIT)
                if status.code:
                    raise Refusal(f"bench: {guest.name} ended with {status.message!r}")
            return workloads.to_file(folder, start)

        null = os.open(os.devnull, os.O_RDWR)
        calls = workloads.guest(workloads.NULL_CALL, folder)
        progress("null system call")
        seconds = [statistics.median(workloads.figures(run_guest(calls), "null call")[1])
                   / workloads.NULL_CALLS for _ in range(ROUNDS)]
        lines.append(figure("null system call, kernel in Python", "us", seconds, 5))

        progress("create, run, destroy")
        seconds = []
        for _ in range(50):
            begin = time.perf_counter()
            running.spawn(["/bin/hello"], env={}, cwd="/", stdin=null, stdout=null,
                          stderr=null).wait(10)
            seconds.append(time.perf_counter() - begin)
        lines.append(figure("hello: create, run, destroy", "ms", seconds[5:], 2))
        os.close(null)
    finally:
        running.stop()

    progress("vx9 run hello")
    command = [sys.executable, "-P", "-m", "vx9", "run", "/bin/hello"]
    seconds = []
    for _ in range(11):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begin)
    lines.append(figure("vx9 run hello, from the command line", "ms", seconds[1:], 250))
    return lines


def table(lines: Sequence[Figure]) -> str:
    """The report for people."""
    head = ("", "median", "spread", "native", "ratio", "qemu", "ratio", "target")
    rows = [head]
    for line in lines:
        ratio = line.ratio is not None
        missing = "-" if not ratio else "missing"
        rows.append((
            line.name, f"{line.median:.4g} {line.unit}", f"{line.low:.4g}..{line.high:.4g}",
            f"{line.native:.4g}" if ratio else "-", f"{line.ratio:.2f}" if ratio else "-",
            missing if line.qemu is None else f"{line.qemu:.4g}",
            missing if line.qemu_ratio is None else f"{line.qemu_ratio:.2f}",
            "-" if line.target is None else f"{line.target:g} {'met' if line.met else 'MISSED'}"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width)
                                               for cell, width in zip(row[1:], widths[1:], strict=True))])
        for row in rows)


def host() -> dict[str, object]:
    """What was measured on."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"cpu": model, "cpus": os.cpu_count(), "linux": platform.release(),
            "python": platform.python_version(), "qemu": shutil.which(QEMU) is not None}


def bench(part: str, json_file: str | None) -> int:
    """Measure a part, or all; 0 even when a target is missed, for a benchmark is no test."""
    lines: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="vx9-bench-") as name:
        folder = Path(name)
        if part in ("core", "all"):
            lines += core(folder)
        if part in ("kernel", "all"):
            lines += kernel(folder)
    progress("")
    about = host()
    if json_file:
        report = json.dumps({"host": about, "figures": [asdict(line) for line in lines]}, indent=2)
        if json_file == "-":
            print(report)
            return 0
        try:
            Path(json_file).write_text(report + "\n", encoding="utf-8")
        except OSError as error:
            raise Refusal(f"--json {json_file}: {error.strerror}") from None
    print(f"{about['cpu']}, {about['cpus']} cpus, Linux {about['linux']}, Python {about['python']}")
    print(table(lines))
    if not about["qemu"]:
        print(f"{QEMU} is missing; to compare with it: apt-get install qemu-user")
    return 0
