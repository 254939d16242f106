"""The C workloads: compiled once for the host and once for the guest, from the same code.

Source: work.h says what a workload is; each .c file says what it does.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vx9.userland.errors import Refusal

HERE: Final = Path(__file__).parent
GUEST: Final = HERE.parent / "guest"  # the linker script and the a.out converter
FLAGS: Final = ("-m32", "-ffreestanding", "-nostdlib", "-static", "-fno-pic", "-no-pie",
                "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
                "-Wl,--build-id=none")
RUN_LIMIT: Final = 120  # seconds that one run of a workload may take


@dataclass(frozen=True)
class Workload:
    """A source file, how it is optimised, and the most times native that it may take."""

    name: str
    source: str
    optimise: str
    target: float | None


WORKLOADS: Final = (
    Workload("sha256", "sha256.c", "-O2", 1.10),
    Workload("matmul", "matmul.c", "-O2", 1.10),
    Workload("quicksort", "quicksort.c", "-O2", 1.25),
    Workload("fib -O2", "fib.c", "-O2", 1.5),
    Workload("fib -O1", "fib.c", "-O1", None),
)
NULL_CALL: Final = Workload("null call", "nullcall.c", "-O2", None)
NULL_CALLS: Final = 20_000  # that nullcall.c makes


def compiler() -> str:
    """A C compiler that makes 32-bit code."""
    for name in ("gcc", "clang"):
        if shutil.which(name):
            return name
    raise Refusal("bench: no C compiler; install gcc (Debian: apt-get install gcc)")


def _compile(workload: Workload, out: Path, flags: tuple[str, ...]) -> Path:
    command = [compiler(), *FLAGS, workload.optimise, *flags, "-o", str(out),
               str(HERE / workload.source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"bench: {workload.source} does not compile; "
                      f"gcc must take -m32: {done.stderr.strip()}")
    return out


def native(workload: Workload, folder: Path) -> Path:
    """The workload as a program for Linux."""
    return _compile(workload, folder / f"{workload.name.replace(' ', '')}.elf", ())


def guest(workload: Workload, folder: Path) -> Path:
    """The workload as a Plan 9 a.out."""
    name = workload.name.replace(" ", "")
    linked = _compile(workload, folder / f"{name}.linked",
                      ("-DPLAN9", "-Wl,-T," + str(GUEST / "guest.ld").replace(",", "\\,")))
    out = folder / name
    converted = subprocess.run([sys.executable, "-P", str(GUEST / "mkaout.py"), str(linked), str(out)],
                               capture_output=True, text=True, check=False)
    if converted.returncode:
        raise Refusal(f"bench: {converted.stderr.strip()}")
    out.chmod(0o755)
    return out


def figures(output: bytes, name: str) -> tuple[str, list[float]]:
    """What a workload printed: its checksum and the seconds of each repeat but the first.

    The first repeat warms caches, and in the guest pays for translation.
    """
    lines = [line.split() for line in output.decode("ascii", "replace").splitlines()]
    if len(lines) < 2 or any(len(line) != 2 for line in lines):
        raise Refusal(f"bench: {name} printed {output[:200]!r} and no figures")
    return lines[0][0], [int(line[1], 16) / 1e9 for line in lines[1:]]


def run_host(command: list[str]) -> bytes:
    """Run a program of the host and give its output."""
    done = subprocess.run(command, capture_output=True, check=False, timeout=RUN_LIMIT)
    if done.returncode:
        raise Refusal(f"bench: {command[-1]} ended with status {done.returncode}: "
                      f"{done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def to_file(folder: Path, run: Callable[[int], None]) -> bytes:
    """Give run a descriptor to write to; what was written."""
    path = folder / "output"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        run(fd)
    finally:
        os.close(fd)
    return path.read_bytes()
