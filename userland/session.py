"""A kernel with the name space that the command line asked for; run, shell and bench share it."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from vx9.userland import grants
from vx9.userland.errors import Refusal
from vx9.userland.grants import Grant

TMP = "/tmp"


def requested(options: argparse.Namespace, cwd: str, extra: Sequence[Grant] = ()) -> list[Grant]:
    """The grants of a command line: the current folder, the rules' extras, then --bind."""
    wanted = []
    if options.root is None and grants.usable_cwd(cwd):
        wanted.append(Grant(cwd, cwd, options.rw))
    wanted += extra
    wanted += map(grants.parse_bind, options.bind)
    return grants.merge(wanted)


def start_folder(options: argparse.Namespace, cwd: str) -> str:
    """The guest's current folder: --cwd, else the host's when the guest can see it."""
    if options.cwd:
        return os.path.normpath(os.path.join("/" if options.root else cwd, options.cwd))
    return cwd if options.root is None else "/"


@contextlib.contextmanager
def trace_sink(options: argparse.Namespace) -> Iterator[TextIO | None]:
    """Where --strace writes, closed at the end; None without it."""
    if options.strace_out:
        try:
            file = open(options.strace_out, "w", encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise Refusal(f"--strace-out {options.strace_out}: {error.strerror}; "
                          "name a file that can be written") from None
        with file:
            yield file
    else:
        yield sys.stderr if options.strace else None


def check_root(options: argparse.Namespace) -> str | None:
    """The host folder of --root, absolute."""
    if options.root is None:
        return None
    if not os.path.isdir(options.root):
        raise Refusal(f"--root {options.root}: no such folder on the host; make it or name another")
    return os.path.abspath(options.root)
