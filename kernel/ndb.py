"""The network database: files of entries, each a few lines of attr=value pairs.

An entry begins at the left margin and goes on in indented lines.  An entry database= names
the files to read.  Source: ndb(6), ndb(2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

LINE_MAX: Final = 64 * 1024  # characters
_PAIR: Final = re.compile(r'([^=\s]+)(?:=(?:"([^"]*)"?|(\S*)))?')
_COMMENTED: Final = re.compile(r'(?:[^#"=]|=(?:"[^"]*"?)?|")*')

Pair = tuple[str, str]


class Entry:
    """One entry: its lines of pairs."""

    __slots__ = ("lines",)

    def __init__(self, first: list[Pair]) -> None:
        self.lines = [first]

    def pairs(self) -> Iterator[Pair]:
        """All pairs, in order."""
        for line in self.lines:
            yield from line

    def has(self, attr: str, value: str) -> bool:
        """Whether the pair is in it; values match whatever their case."""
        folded = value.casefold()
        return any(a == attr and v.casefold() == folded for a, v in self.pairs())

    def values(self, attr: str, near: Pair | None = None) -> list[str]:
        """The values of attr; when the line with the pair `near` has some, these alone."""
        if near is not None:
            for line in self.lines:
                if near in line:
                    found = [v for a, v in line if a == attr]
                    if found:
                        return found
        return [v for a, v in self.pairs() if a == attr]


class Ndb:
    """Entries in the order of their files, found by any of their pairs."""

    def __init__(self, texts: list[str]) -> None:
        self.entries = [entry for text in texts for entry in parse(text)]
        self._by_pair: dict[Pair, list[Entry]] = {}
        for entry in self.entries:
            for attr, value in set(entry.pairs()):
                self._by_pair.setdefault((attr, value.casefold()), []).append(entry)

    def search(self, attr: str, value: str) -> list[Entry]:
        """The entries that have attr=value; any value when it is empty."""
        if value:
            return self._by_pair.get((attr, value.casefold()), [])
        return [entry for entry in self.entries if any(a == attr for a, _ in entry.pairs())]


def parse(text: str) -> list[Entry]:
    """The entries of a file."""
    entries: list[Entry] = []
    for line in text.split("\n"):
        pairs = _pairs(line[:LINE_MAX])
        if not pairs:
            continue
        if line[0] in " \t" and entries:
            entries[-1].lines.append(pairs)
        else:
            entries.append(Entry(pairs))
    return entries


def _pairs(line: str) -> list[Pair]:
    """attr=value or attr; a value may stand between quotes; # begins a comment."""
    return [(attr, quoted or plain) for attr, quoted, plain in _PAIR.findall(_uncomment(line))]


def _uncomment(line: str) -> str:
    """line up to its comment."""
    if "#" not in line:
        return line
    match = _COMMENTED.match(line)
    return line if match is None else match[0]


def files_of(entries: list[Entry]) -> list[str]:
    """The files that an entry database= names."""
    return next((entry.values("file") for entry in entries
                 if any(attr == "database" for attr, _ in entry.pairs())), [])
