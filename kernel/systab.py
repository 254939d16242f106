"""The system-call table: syscalls.tab read into rows that dispatch, tracer and builders use.

This module imports nothing of the kernel, so that a build can read the table alone;
``bind`` joins the rows to their handlers.  A handler named sys_NAME takes the process and
the unpacked arguments and returns the result, or an awaitable of it when it may sleep.
Source: intro(2).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

# What /proc/n/status calls them, where that is not the name with a capital letter.
TITLES: Final = {"sysr1": "Running", "rendezvous": "Rendez"}
STRINGS: Final = frozenset({"str", "strz"})
# Signed in the ABI; all other one-word types are unsigned.
_SIGNED: Final = frozenset({"int", "fd", "count", "msec", "omode", "rflags", "bflags", "whence",
                            "nflag", "sgattr"})


class TableError(Exception):
    """syscalls.tab is malformed; the text names the line."""


@dataclass(frozen=True, slots=True)
class ArgType:
    """One row that begins with ``type``: how an argument is passed and what it means."""

    name: str
    words: int
    c: str
    meaning: str

    @property
    def code(self) -> str:
        """The struct code of one argument of this type."""
        if self.words == 2:
            return "q"
        return "i" if self.name in _SIGNED else "I"


@dataclass(slots=True, eq=False)
class Call:
    """One system call."""

    number: int
    name: str
    result: str
    args: tuple[tuple[str, ArgType], ...]
    page: str = ""  # of the manual
    gives: str = ""  # what the result means
    title: str = field(init=False)  # as /proc/n/status shows it
    size: int = field(init=False)  # bytes of arguments on the guest stack
    unpack: Callable[[bytes], tuple[int, ...]] = field(init=False)
    strings: tuple[tuple[int, bool], ...] = field(init=False)  # (index, may be 0)
    handler: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        layout = struct.Struct("<" + "".join(kind.code for _, kind in self.args))
        self.title = TITLES.get(self.name) or (
            self.name if self.name[0] == "_" else self.name.strip("_").capitalize())
        self.size = layout.size
        self.unpack = layout.unpack
        self.strings = tuple((i, kind.name == "strz") for i, (_, kind) in enumerate(self.args)
                             if kind.name in STRINGS)


@dataclass(frozen=True, slots=True)
class Table:
    """All of syscalls.tab."""

    types: dict[str, ArgType]
    calls: dict[int, Call]

    def bind(self, modules: Iterable[object]) -> Table:
        """Join each call to the function sys_NAME found in modules; a call without one is an error."""
        spaces = list(modules)
        for call in self.calls.values():
            wanted = "sys_" + call.name
            call.handler = next((getattr(m, wanted) for m in spaces if hasattr(m, wanted)), None)
            if call.handler is None:
                raise TableError(f"system call {call.number} {call.name} has no handler")
        return self


def parse(text: str) -> Table:
    """Read the text of a table.  Raises TableError, which names the line."""
    types: dict[str, ArgType] = {}
    calls: dict[int, Call] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            if words[0] == ";":
                last = calls[max(calls)]
                last.page, _, last.gives = " ".join(words[1:]).partition(": ")
            elif words[0] == "type":
                kind = _argtype(words)
                types[kind.name] = kind
            else:
                call = _call(words, types)
                if call.number in calls or (calls and call.number < max(calls)):
                    raise ValueError(f"number {call.number} is not above the one before")
                calls[call.number] = call
        except (ValueError, KeyError, IndexError) as error:
            raise TableError(f"syscalls.tab:{number}: {error}") from None
    return Table(types, calls)


def load() -> Table:
    """A fresh table from syscalls.tab beside this module."""
    return parse(resources.files(__package__).joinpath("syscalls.tab").read_text("ascii"))


def _argtype(words: Sequence[str]) -> ArgType:
    return ArgType(words[1], int(words[2]), words[3], " ".join(words[4:]))


def _call(words: Sequence[str], types: dict[str, ArgType]) -> Call:
    args = []
    for word in words[3:]:
        name, _, kind = word.partition(":")
        args.append((name, types[kind]))
    return Call(int(words[0]), words[1], words[2], tuple(args))
