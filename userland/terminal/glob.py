"""File name patterns: * ? [a-z] [~a-z], over any way to list a folder.

/ is matched only by itself, and a leading . only by a dot that is written.  Source: rc(1).
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

MAGIC: Final = re.compile(r"[*?[]")
Names = Callable[[str], Iterable[str]]  # a folder -> the names in it


def escape(text: str) -> str:
    """The pattern that matches just this text."""
    return MAGIC.sub(lambda match: f"[{match.group()}]", text)


def is_pattern(pattern: str) -> bool:
    """Whether anything in it is more than a character that stands for itself."""
    return bool(MAGIC.search(re.sub(r"\[[*?[]\]", "", pattern)))


def plain(pattern: str) -> str:
    """What an escaped text was."""
    return re.sub(r"\[([*?[])\]", r"\1", pattern)


def compiled(element: str) -> re.Pattern[str]:
    """One element of a path as a regular expression."""
    out: list[str] = []
    at = 0
    while at < len(element):
        char, at = element[at], at + 1
        # A ] right after the [ or [~ stands for itself.
        begin = at + 1 if element[at:at + 1] == "~" else at
        end = element.find("]", begin + 1) if char == "[" else -1
        if char == "*":
            if out[-1:] != ["[^/]*"]:  # a run of them would only make matching slow
                out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif end > 0:
            inside = re.sub(r"([\\\[\]^&|~])", r"\\\1", element[begin:end])
            out.append(f"[{'^' if begin > at else ''}{inside}]")
            at = end + 1
        else:
            out.append(re.escape(char))
    return re.compile("".join(out), re.DOTALL)


def expand(pattern: str, names: Names) -> list[str]:
    """The existing paths that a pattern matches, sorted; none when nothing does."""
    found = ["/"] if pattern.startswith("/") else [""]
    elements = [element for element in pattern.split("/") if element]
    for depth, element in enumerate(elements):
        last = depth == len(elements) - 1
        if not is_pattern(element):
            found = [base + plain(element) for base in found]
            if last:
                found = [path for path in found if plain(element) in names(parent(path))]
        else:
            match = compiled(element).fullmatch
            found = [base + name for base in found for name in names(base or ".")
                     if match(name) and (element[0] == "." or name[0] != ".")]
        if not last:
            found = [path + "/" for path in found]
    return sorted(found)


def parent(path: str) -> str:
    """The folder that a path's last element is in."""
    head = path.rstrip("/").rpartition("/")
    return head[0] + head[1] if head[1] else "."
