"""Limits: what the guests of one kernel may use of the host, each with a name.

The table is all there is to know of them: the options of the vx9 command, its reports and the
manual derive from it.  A guest that meets one gets an error like those of Plan 9, or (memory
of all together, processor time, output) is ended; what was met is remembered by name (account.py).  This module imports nothing of the kernel, so that the
command line can be read without it.
Source: setrlimit's idea; the errors of the kernel's allocators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BYTES, COUNT, SECONDS = "size", "count", "time"
MB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Limit:
    """One row."""

    name: str
    kind: str
    default: int | None  # None: none, or as it says
    option: str  # that sets it; all can be set by --limit NAME=VALUE
    meaning: str
    ends: str = ""  # the exit status of vx9 run, if meeting it is the end

    @property
    def attribute(self) -> str:
        """Its name in Limits."""
        return self.name.replace("-", "_")


# fmt: off
TABLE: Final = (
    Limit("memory", BYTES, None, "--memory",
          "data and attached segments of one process; without it, as its kind of program needs", "137"),
    Limit("total-memory", BYTES, 4096 * MB, "--total-memory",
          "host memory of all guests: pages in use, files in memory, kernel objects", "137"),
    Limit("processes", COUNT, 1000, "--max-procs", "processes at a time"),
    Limit("files", COUNT, 5000, "--max-files", "descriptors of one table"),
    Limit("mounts", COUNT, 4096, "", "mounts in one name space"),
    Limit("segments", COUNT, 9, "", "segments of one process, its own four included"),
    Limit("notes", COUNT, 5, "", "notes that wait for one process; more are lost"),
    Limit("conversations", COUNT, 1024, "", "open ends of each protocol in /net"),
    Limit("ram", BYTES, 256 * MB, "", "files of one tree in memory, such as /tmp"),
    Limit("output", BYTES, None, "--output-limit",
          "what a program may write to each of the streams that it was lent", "137"),
    Limit("cpu-time", SECONDS, None, "--cpu-time",
          "processor time of all guests, the kernel's work for them included", "124"),
    Limit("time", SECONDS, None, "--timeout", "time by the clock (vx9 run)", "124"),
)
# fmt: on
BY_NAME: Final = {row.name: row for row in TABLE}


class Limits:
    """The values, as attributes named like the rows with _ for -."""

    memory: int | None
    total_memory: int | None
    processes: int
    files: int
    mounts: int
    segments: int
    notes: int
    conversations: int
    ram: int
    output: int | None
    cpu_time: float | None
    time: float | None

    def __init__(self, **values: float | None) -> None:
        for row in TABLE:
            setattr(self, row.attribute, values.pop(row.attribute, row.default))
        if values:
            raise TypeError(f"no limits of these names: {', '.join(values)}")

    def value(self, name: str) -> float | None:
        """The value of the limit with this name."""
        found: float | None = getattr(self, BY_NAME[name].attribute)
        return found


def report(name: str, limits: Limits) -> str:
    """A line for people: which limit, its value, what raises it."""
    row = BY_NAME[name]
    value = limits.value(name)
    how = f"{row.option} raises it" if row.option else f"--limit {name}=... raises it"
    shown = f" of {show(row, value)}" if value is not None else ""
    return f"{name} limit{shown} reached ({row.meaning}); {how}"


def show(row: Limit, value: float) -> str:
    """A value as its option takes it."""
    if row.kind == SECONDS:
        return f"{value:g}s"
    number = int(value)
    if row.kind == BYTES:
        for shift, unit in ((30, "G"), (20, "M"), (10, "K")):
            if number and number % (1 << shift) == 0:
                return f"{number >> shift}{unit}"
    return str(number)


__all__ = ["BYTES", "BY_NAME", "COUNT", "SECONDS", "TABLE", "Limit", "Limits", "report", "show"]
