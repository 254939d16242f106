"""Words of a line: blanks between, quotes around those that have some.

Source: quote(2), tokenize in getfields(2).
"""

from __future__ import annotations


def words(line: str) -> list[str]:
    """The words; a quote within quotes is written twice."""
    found: list[str] = []
    word: list[str] | None = None  # being read
    quoted = False
    at = 0
    while at < len(line):
        char = line[at]
        at += 1
        if char == "'":
            if word is None:
                word = []
            if quoted and line[at : at + 1] == "'":
                word.append("'")
                at += 1
            else:
                quoted = not quoted
        elif char in " \t\r\n" and not quoted:
            if word is not None:
                found.append("".join(word))
            word = None
        else:
            if word is None:
                word = []
            word.append(char)
    if word is not None:
        found.append("".join(word))
    return found
