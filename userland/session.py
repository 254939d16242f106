"""A kernel with the name space that the command line asked for; run, shell and bench share it."""

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from vx9.userland import control, grants, limits, remote, rooted
from vx9.userland.errors import Refusal
from vx9.userland.grants import Grant
from vx9.userland.see.watching import watching

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

TMP = "/tmp"


def requested(options: argparse.Namespace, cwd: str, extra: Sequence[Grant] = ()) -> list[Grant]:
    """The grants of a command line: the current folder, the rules' extras, then --bind."""
    wanted = []
    if options.root is None and grants.usable_cwd(cwd):
        wanted.append(Grant(cwd, cwd, options.rw))
    if options.root is None:
        wanted += grants.certificates(os.environ)
    wanted += extra
    wanted += map(grants.parse_bind, options.bind)
    return grants.merge(wanted)


def start_folder(options: argparse.Namespace, cwd: str) -> str:
    """The guest's current folder: --cwd, else the host's when the guest can see it."""
    if options.cwd:
        return os.path.normpath(os.path.join("/" if options.root else cwd, options.cwd))
    if options.start:
        return str(options.start)
    return cwd if options.root is None else "/"


def check_root(options: argparse.Namespace) -> str | None:
    """The host folder or image of --root, absolute."""
    if options.root is None:
        return None
    if os.path.isfile(options.root):
        if options.rw:
            raise Refusal(f"--root {options.root}: an image cannot be written; leave --rw out")
    elif not os.path.isdir(options.root):
        raise Refusal(f"--root {options.root}: no such folder on the host; make it or name another")
    return os.path.abspath(options.root)


def walls(options: argparse.Namespace, wanted: Sequence[Grant], writable: Sequence[str]) -> None:
    """Take from this process what it does not need, for good: docs/security.md."""
    limits.room_for_files()
    if options.no_walls:
        return
    from vx9 import vxcore

    if options.root is not None and options.rw:
        writable = [*writable, os.path.abspath(options.root)]
    terminals = [path for path in ("/dev/tty", "/dev/pts", "/dev/null") if os.path.exists(path)]
    try:
        vxcore.harden(writable=[*terminals, *writable, *(g.host for g in wanted if g.rw)])
    except vxcore.CoreError as error:
        raise Refusal(f"{error}; --no-walls goes without") from None


@contextlib.contextmanager
def kernel(options: argparse.Namespace, extra: Sequence[Grant] = (),
           writable: Sequence[str] = (),
           prepare: "Callable[[Kernel], object]" = lambda kernel: None) -> "Iterator[Kernel]":
    """A running kernel with everything granted, and vx9's own writable files; stopped at the end.

    From then on this process cannot start programs, nor change any other file of the host.
    """
    root, file = check_root(options), rooted.namespace(options)
    wanted = requested(options, os.getcwd(), extra)
    key = remote.read_key(options.key)
    from vx9.fs.errors import PlanError
    from vx9.kernel.kernel import Kernel

    tree = None if root is None else rooted.opened(root)
    with (watching(options) as seen, remote.remotes(options) as remotes,
          control.offered(options) as listener):
        user = options.user or rooted.USER
        running = Kernel(limits=limits.chosen(options), user=user, strace=seen.trace, processors=options.ncpu,
                         **rooted.kernel_options(options, user))
        seen.hook(running)
        prepare(running)
        walls(options, wanted, writable)  # before there are other threads
        running.start()
        try:
            seen.start(running)
            if tree is not None:
                rooted.boot(running, options, tree, file)
            for grant in wanted:
                try:
                    running.bind_host(grant.host, grant.guest, grant.rw, grant.mem)
                except PlanError as error:
                    raise Refusal(f"{grant.host}: cannot be bound at {grant.guest}: {error}; "
                                  "bind it elsewhere with --bind HOST:GUEST") from None
            if root is None and file is not None:
                rooted.extend(running, options, file)
            remote.mount(running, remotes, key)
            control.serve(running, listener)
            yield running
        finally:
            running.stop()


async def change_to(running: "Kernel", folder: str) -> str:
    """The clean name of a folder of the first name space.  Raises PlanError if it is none."""
    c = await running.boot.ns.dir(running.boot, folder)
    try:
        return c.path
    finally:
        await c.close()


def checked_folder(running: "Kernel", options: argparse.Namespace) -> str:
    """The folder to start in, which must be there."""
    from vx9.fs.errors import PlanError

    cwd = start_folder(options, os.getcwd())
    try:
        running.call(change_to, running, cwd)
    except PlanError as error:
        raise Refusal(f"--cwd {cwd}: {reason(error)}; name a folder of the guest") from None
    return cwd


def reason(error: object) -> str:
    """An error without the quoted name that the kernel put before it."""
    text = str(error)
    if text.startswith("'"):
        return text.rpartition("' ")[2]
    return text.rpartition(": '")[0] if text.endswith("'") and ": '" in text else text
