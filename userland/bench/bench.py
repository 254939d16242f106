"""vx9 bench: measures, prints a table or JSON.  The core's part is in core.py, the kernel's here."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from vx9.userland.bench import core, ops
from vx9.userland.errors import Refusal

ROUNDS: Final = 3
UNITS: Final = {"ns": 1e9, "us": 1e6, "ms": 1e3}


@dataclass
class Figure:
    """One line of the kernel's report, in unit."""

    name: str
    unit: str
    median: float
    low: float
    high: float
    target: float | None = None
    met: bool | None = None


def figure(name: str, unit: str, seconds: Sequence[float], target: float | None = None) -> Figure:
    """A figure from measured seconds, with a target in its unit."""
    values = [second * UNITS[unit] for second in seconds]
    median = statistics.median(values)
    return Figure(name, unit, median, min(values), max(values), target=target,
                  met=None if target is None else median <= target)


def progress(text: str) -> None:
    """What is being measured, on a terminal only; the next replaces it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def kernel(folder: Path) -> list[Figure]:
    """Whole programs: in a kernel that runs, and from the command line."""
    from vx9.kernel.kernel import Kernel

    lines = []
    running = Kernel()
    running.start()
    try:
        progress("create, run, destroy")
        seconds = []
        for _ in range(50):
            begin = time.perf_counter()
            running.spawn(["/bin/hello"], env={}, cwd="/", stdin=None, stdout=None,
                          stderr=None).wait(10)
            seconds.append(time.perf_counter() - begin)
        lines.append(figure("hello: create, run, destroy", "ms", seconds[5:], 2))
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
    head = ("", "median", "spread", "target")
    rows = [head, *(
        (line.name, f"{line.median:.4g} {line.unit}", f"{line.low:.4g}..{line.high:.4g}",
         "-" if line.target is None else f"{line.target:g} {'met' if line.met else 'MISSED'}")
        for line in lines)]
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
            "python": platform.python_version()}


def bench(part: str, json_file: str | None, settings: core.Settings = core.USUAL) -> int:
    """Measure a part, or all; 0 even when a target is missed, for a benchmark is no test."""
    lines: list[Figure] = []
    operations: list[ops.Row] = []
    rows: list[core.Row] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="vx9-bench-") as name:
        folder = Path(name)
        if part in ("core", "all"):
            rows, missing = core.core(folder, settings, progress)
        if part in ("kernel", "all"):
            operations = ops.measure(folder, 1 if settings.tiny else ROUNDS, settings.tiny, progress)
            lines = kernel(folder)
        if part in ("files", "all"):
            from vx9.userland.bench.files import files
            from vx9.userland.bench.mounts import mounts

            lines += files(folder, progress) + mounts(folder, progress)
    progress("")
    about = host()
    if json_file:
        report = json.dumps({"host": about, "core": [asdict(row) for row in rows],
                             "operations": [asdict(row) for row in operations],
                             "kernel": [asdict(line) for line in lines], "missing": missing}, indent=2)
        if json_file == "-":
            print(report)
            return 0
        try:
            Path(json_file).write_text(report + "\n", encoding="utf-8")
        except OSError as error:
            raise Refusal(f"--json {json_file}: {error.strerror}") from None
    print(f"{about['cpu']}, {about['cpus']} cpus, Linux {about['linux']}, Python {about['python']}")
    if rows:
        print(core.table(rows))
    if operations:
        print(ops.table(operations))
    if lines:
        print(table(lines))
    for absent in missing:
        print(absent)
    return 0
