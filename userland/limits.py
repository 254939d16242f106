"""The options that set limits, made from the kernel's table, and what is said when one is met."""

import argparse
import contextlib
import functools
import os
import resource
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vx9.kernel.limits import BY_NAME, BYTES, SECONDS, TABLE, Limit, Limits, report
from vx9.userland import errors
from vx9.userland.errors import Refusal

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

HOST_FILES = 16384  # descriptors of vx9's, of which each open file of a host folder takes one
CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
ORDINARY = {"notes"}  # met without anything being wrong
ELSEWHERE = {"--memory", "--timeout"}  # options with a place of their own


def size(text: str) -> int:
    """Bytes from 64K, 256M, 1G or a plain number."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    number, unit = (text[:-1], units[text[-1].upper()]) if text[-1:].upper() in units else (text, 1)
    if not (number.isascii() and number.isdigit() and len(number) < 16) or int(number) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write 64K, 256M or 1G")
    return int(number) * unit


def moment(text: str) -> float:
    """Seconds, or none at all: 0."""
    return 0.0 if text == "0" else seconds(text)


def seconds(text: str) -> float:
    """Seconds from 30, 0.5, 30s, 2m or 1h."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        value = float(number) * unit
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; write 30, 0.5, 2m or 1h")
    return value


def count(text: str) -> int:
    """A number of things."""
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _value(row: Limit, text: str) -> tuple[str, float]:
    reader: Callable[[str], float] = {BYTES: size, SECONDS: seconds}.get(row.kind, count)
    return row.name, reader(text)


def assignment(text: str) -> tuple[str, float]:
    """NAME=VALUE of --limit."""
    name, _, value = text.partition("=")
    if name not in BY_NAME:
        raise argparse.ArgumentTypeError(f"there is no limit {name!r}; there are "
                                         + ", ".join(row.name for row in TABLE))
    return _value(BY_NAME[name], value)


def add_options(add: Callable[..., None], gather: type[argparse.Action],
                given: list[tuple[str, float]]) -> None:
    """Add an option for each row, and --limit for all."""
    short = [row for row in TABLE if row.option and row.option not in ELSEWHERE]
    for row in short:  # a line of help each would be a screen of them
        add(row.option, action=gather, const=given, dest="limit",
            type=functools.partial(_value, row), help=argparse.SUPPRESS)
    add("--limit", action=gather, const=given, dest="limit", type=assignment,
        metavar="NAME=VALUE", help="set a limit: " + ", ".join(row.name for row in TABLE))


def host_memory() -> int:
    """Bytes that this process could have: the machine's, or its control group's if that is less."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for name in CGROUP_FILES:
        with contextlib.suppress(OSError, ValueError), open(name, encoding="ascii") as file:
            memory = min(memory, int(file.read()))
    return memory


def chosen(options: argparse.Namespace) -> Limits:
    """The limits of a command line."""
    values: dict[str, Any] = {BY_NAME[name].attribute: value for name, value in options.limit}
    limits = Limits(**values)
    if "total_memory" not in values and limits.total_memory is not None:
        limits.total_memory = min(limits.total_memory, host_memory() // 4 * 3)
    if options.memory is not None:
        limits.memory = options.memory
    if getattr(options, "timeout", None) is not None:
        limits.time = options.timeout
    return limits


def room_for_files() -> None:
    """Ask the host for as many descriptors as guests may want; before the walls go up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = HOST_FILES if hard == resource.RLIM_INFINITY else min(hard, HOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def outcome(name: str, kernel: "Kernel", code: int) -> int:
    """The exit status of a program that has ended with code, when limits or bugs were met.

    Raises Refusal where the limit is why it ended; otherwise, if it failed, says what was met.
    """
    if kernel.errors:
        sys.stderr.write(f"vx9: {kernel.errors} errors of vx9 itself, told above; please report "
                         "them\n")
    met = sorted(kernel.limits_met - ORDINARY, key=lambda limit: BY_NAME[limit].ends, reverse=True)
    told: Sequence[str] = [f"{name}: {report(limit, kernel.limits)}" for limit in met]
    if not met or (code == 0 and "cpu-time" not in met):
        return code
    status = {"cpu-time": errors.TIME_LIMIT, "memory": errors.KILLED}.get(met[0])
    if "cpu-time" in met:
        status = errors.TIME_LIMIT
    for line in told[:-1]:
        sys.stderr.write(f"vx9: {line}\n")
    raise Refusal(told[-1], status if status is not None else code)
