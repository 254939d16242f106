"""Python's Unicode data -> runetype.h: ranges of letters, digits, blanks and cases.

Source: isalpharune(2); the Unicode categories.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable


def _ranges(member: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Closed ranges of the characters that are members."""
    ranges: list[tuple[int, int]] = []
    for code in range(0x110000):
        if member(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = (ranges[-1][0], code)
            else:
                ranges.append((code, code))
    return ranges


def _mapping(to: Callable[[str], str]) -> list[tuple[int, int, int, int]]:
    """(first, last, step, difference) of what a one-to-one mapping changes."""
    rows: list[tuple[int, int, int, int]] = []
    for code in range(0x110000):
        other = to(chr(code))
        if len(other) != 1 or ord(other) == code:
            continue
        difference = ord(other) - code
        if rows:
            first, last, step, same = rows[-1]
            gap = code - last
            if same == difference and gap in (1, 2) and (first == last or gap == step):
                rows[-1] = (first, code, gap, same)
                continue
        rows.append((code, code, 1, difference))
    return rows


def _table(kind: str, name: str, rows: Iterable[tuple[int, ...]]) -> list[str]:
    body = [f"    {{{', '.join(str(n) for n in row)}}}," for row in rows]
    return [f"static {kind} const {name}[] = {{", *body, "};", ""]


def header() -> str:
    """The text of runetype.h."""
    category = unicodedata.category
    lines = [f"/* Made by mkrunetype from Unicode {unicodedata.unidata_version}. */", ""]
    for name, member in (
        ("alpha", lambda c: category(c)[0] == "L"),
        ("digit", lambda c: category(c) == "Nd"),
        ("space", lambda c: category(c)[0] == "Z" or c in "\t\n\v\f\r\x85\ufeff"),
        ("upper", lambda c: category(c) == "Lu"),
        ("lower", lambda c: category(c) == "Ll"),
        ("title", lambda c: category(c) in ("Lu", "Lt")),
    ):
        lines += _table("Range", name, _ranges(member))
    for name, to in (("toupper", str.upper), ("tolower", str.lower), ("totitle", str.title)):
        lines += _table("Map", name, _mapping(to))
    return "\n".join(lines)
