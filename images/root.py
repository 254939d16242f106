"""The fresh root: root.proto and the files beside it, as a list of entries.

Whoever makes a name space puts the entries into a tree of its own kind; contents are read
only when asked for, since most files of a root are never opened.
Source: proto(2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

DMDIR: Final = 0x80000000


class ProtoError(Exception):
    """root.proto is malformed, or names a file that is not there; the text names the line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or directory; directories come before what is in them."""

    path: str  # absolute
    mode: int  # with DMDIR
    uid: str
    gid: str
    load: Callable[[], bytes] | None  # the contents; None for a directory

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return bool(self.mode & DMDIR)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    depth: int
    words: list[str]


def _lines(text: str) -> Iterator[_Line]:
    for number, line in enumerate(text.splitlines(), 1):
        body = line.split("#", 1)[0].rstrip()
        words = body.split()
        if words:
            yield _Line(number, len(body) - len(body.lstrip("\t")), words)


def _mode(word: str) -> int:
    return int(word.removeprefix("d"), 8) | (DMDIR if word.startswith("d") else 0)


def _find(folder: Traversable, name: str) -> Traversable:
    for part in name.split("/"):
        folder = folder.joinpath(part)
    return folder


def parse(text: str, files: Traversable, user: str) -> list[Entry]:
    """The entries of a proto file whose sources are under files.  Raises ProtoError."""
    top = Entry("", DMDIR | 0o775, user, user, None)
    above = [top]
    entries: list[Entry] = []
    for line in _lines(text):
        try:
            if line.depth >= len(above):
                raise ValueError("indented by more than one tab")
            del above[line.depth + 1 :]
            parent = above[-1]
            if not parent.is_dir:
                raise ValueError(f"{parent.path} is not a directory")
            name, mode, uid, gid, source = (*line.words, *("",) * 5)[:5]
            uid, gid = (word.replace("$user", user) for word in (uid, gid))
            bits = _mode(mode) if mode else parent.mode & 0o777
            uid, gid = uid or parent.uid, gid or parent.gid
            if name == "*":
                folder = _find(files, source)
                entries += [Entry(f"{parent.path}/{file.name}", bits, uid, gid, file.read_bytes)
                            for file in sorted(folder.iterdir(), key=lambda f: f.name)
                            if file.is_file() and not file.name.startswith(".")]
                continue
            path = f"{parent.path}/{name.replace('$user', user)}"
            load = None
            if not bits & DMDIR:
                file = _find(files, source or "root" + path)
                if not file.is_file():
                    raise ValueError(f"{source or 'root' + path} is not there")
                load = file.read_bytes
            entry = Entry(path, bits, uid, gid, load)
        except (ValueError, OSError) as error:
            raise ProtoError(f"root.proto:{line.number}: {error}") from None
        entries.append(entry)
        above.append(entry)
    return entries


def entries(user: str = "glenda", replaced: Mapping[str, bytes] | None = None) -> list[Entry]:
    """The fresh root for a user.

    ``replaced`` gives other contents to files of it, by path: the host's certificates as
    /sys/lib/tls/ca.pem where they are granted, its time zone as /adm/timezone/local.
    Raises ProtoError.
    """
    files = resources.files(__package__)
    found = parse(files.joinpath("root.proto").read_text("utf-8"), files, user)
    for path, contents in (replaced or {}).items():
        index = next((i for i, e in enumerate(found) if e.path == path and not e.is_dir), None)
        if index is None:
            raise ProtoError(f"{path} is not a file of the root image")
        old = found[index]
        found[index] = Entry(path, old.mode, old.uid, old.gid, partial(bytes, contents))
    return found


def programs() -> dict[str, Callable[[], bytes]]:
    """The guest programs that were built, by name."""
    folder = resources.files(__package__).joinpath("bin").joinpath("386")
    if not folder.is_dir():
        return {}
    return {file.name: file.read_bytes for file in folder.iterdir()
            if file.is_file() and not file.name.startswith(".")}
