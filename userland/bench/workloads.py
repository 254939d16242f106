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
AS_WRITTEN: Final = ("-fno-align-loops", "-fno-align-jumps", "-fno-align-labels")
GUEST_TEXT: Final = "0x1020"
HOST_TEXT: Final = "0x10001020"  # at the same place of its page: the same layout
RUN_LIMIT: Final = 120  # seconds that one run of a workload may take


@dataclass(frozen=True)
class Workload:
    """A source file and how it is compiled."""

    name: str
    source: str
    flags: tuple[str, ...] = ("-O2",)
    variants: int = 1  # as in the source


LOOPS: Final = Workload("simple loops", "loops.c", ("-O2", *AS_WRITTEN), 80)
LOOP_NAMES: Final = ("registers", "total", "copy", "choose", "scan")  # sixteen layouts of each
HOT: Final = Workload("hot code", "hot.c", variants=3)
HOT_BLOCKS: Final = (3125 * 80, 12500 * 20, 131072 * 2)  # that one work() of each variant runs
HOT_BLOCKS_TINY: Final = (31, 125, 1310)
SORT: Final = Workload("sort", "quicksort.c")


def compiler() -> str:
    """A C compiler that makes 32-bit code."""
    for name in ("gcc", "clang"):
        if shutil.which(name):
            return name
    raise Refusal("bench: no C compiler; install gcc (Debian: apt-get install gcc)")


def _compile(workload: Workload, out: Path, flags: tuple[str, ...]) -> Path:
    command = [compiler(), *FLAGS, *workload.flags, *flags, "-o", str(out),
               str(HERE / workload.source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"bench: {workload.source} does not compile; "
                      f"gcc must take -m32: {done.stderr.strip()}")
    return out


def _layout(folder: Path, text: str) -> str:
    """The option for a linker script that lays a program out as the guest's, with text there.

    guest.ld has the text begin at the next address that suits its most aligned function; the
    a.out must have it begin right behind its header.
    """
    script = folder / f"{text}.ld"
    if not script.exists():
        generic = (GUEST / "guest.ld").read_text(encoding="ascii")
        begin = f". = {GUEST_TEXT};\n    .text :"
        if generic.count(begin) != 1:
            raise Refusal(f"bench: guest.ld does not place the text at {GUEST_TEXT}")
        script.write_text(generic.replace(begin, f".text {text} :"), encoding="ascii")
    return "-Wl,-T," + str(script).replace(",", "\\,")


def _file_name(workload: Workload) -> str:
    return "".join(c for c in workload.name if c.isalnum() or c == "-")


def native(workload: Workload, folder: Path, more: tuple[str, ...] = ()) -> Path:
    """The workload as a program for Linux, laid out in memory as the guest's is."""
    return _compile(workload, folder / f"{_file_name(workload)}.elf", (*more, _layout(folder, HOST_TEXT)))


def guest(workload: Workload, folder: Path, more: tuple[str, ...] = ()) -> Path:
    """The workload as a Plan 9 a.out."""
    name = _file_name(workload)
    linked = _compile(workload, folder / f"{name}.linked",
                      ("-DPLAN9", *more, _layout(folder, GUEST_TEXT)))
    out = folder / name
    converted = subprocess.run([sys.executable, "-P", str(GUEST / "mkaout.py"), str(linked), str(out)],
                               capture_output=True, text=True, check=False)
    if converted.returncode:
        raise Refusal(f"bench: {converted.stderr.strip()}")
    out.chmod(0o755)
    return out


@dataclass(frozen=True)
class Run:
    """What one run of a variant of a workload gave."""

    checksum: str
    first: float  # seconds: with cold caches, and in the guest with the time of translation
    warm: list[float]  # the repeats after it


def results(output: bytes, name: str, variants: int = 1) -> list[Run]:
    """What a workload printed, by variants."""
    lines = [line.split() for line in output.decode("ascii", "replace").splitlines()]
    repeats = len(lines) // variants
    if repeats < 2 or len(lines) % variants or any(len(line) != 2 for line in lines):
        raise Refusal(f"bench: {name} printed {output[:200]!r} and no figures")
    found = []
    for begin in range(0, len(lines), repeats):
        seconds = [int(line[1], 16) / 1e9 for line in lines[begin:begin + repeats]]
        found.append(Run(lines[begin + repeats - 1][0], seconds[0], seconds[1:]))
    return found


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
