"""vx9 --root DIR: a host folder or image with a Plan 9 tree in it is /, its rc the shell.

The folder itself is changed only with --rw; without, and with images, changes are kept in memory
above it.
kernel/boot.py makes the name space.  Source: docs/vx9.md, "A tree of Plan 9's own".
"""

import argparse
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from vx9.userland import grants, zone
from vx9.userland.errors import NOT_A_PROGRAM, Refusal

if TYPE_CHECKING:
    from vx9.fs.hostimage import HostImage
    from vx9.fs.server import FileServer
    from vx9.kernel.dialect import Dialect
    from vx9.kernel.kernel import Kernel

USER: Final = "glenda"
SHELLS: Final = ("/bin/rc", "/386/bin/rc")  # the second when the name space has no /bin
RCMAIN: Final = "/rc/lib/rcmain"  # a plain folder, which gets our programs, has none
STREAMS: Final = (0, 1, 2)


async def no_names(_kernel: "Kernel") -> None:
    """The name space is empty until the tree is there."""


def kernel_options(options: argparse.Namespace, user: str) -> dict[str, Any]:
    """What a Kernel is made with for a tree of its own, or for a fresh name space."""
    spoken = dialect(options)
    more: dict[str, Any] = {} if spoken is None else {"dialect": spoken}
    if options.root is not None:
        return {"first_names": no_names, "places": (), **more}
    from vx9.images.root import entries
    local = {"/adm/timezone/local": zone.of_host(os.environ)}
    return {"image": entries(user, local), **more}


def dialect(options: argparse.Namespace) -> "Dialect | None":
    """The one of --dialect; None to guess."""
    if options.dialect == "auto":
        return None
    from vx9.kernel.dialect import DIALECTS as known
    return known[options.dialect]


def environment(options: argparse.Namespace) -> dict[str, grants.Value]:
    """Plan 9's variables, then those of the command line; with a root, what init gives rc."""
    user = options.user or USER
    env = grants.environment(os.environ, options.env, options.inherit_env, user, "/tmp")
    if options.root is None:
        return env
    given = {setting.partition("=")[0] for setting in options.env}
    first: dict[str, grants.Value] = {
        "home": options.home or f"/usr/{user}", "sysname": "vx9", "rootdir": "/root",
        "rootspec": "", "prompt": ["% ", "\t"]}
    env.update((name, value) for name, value in first.items() if name not in given)
    for name in ("TMPDIR", "timezone"):  # /tmp and /adm/timezone/local say it
        if name not in given:
            env.pop(name, None)
    return env


def opened(root: str) -> "str | HostImage":
    """The folder, or the image, opened while files can still be made for what it unpacks."""
    if os.path.isdir(root):
        return root
    from vx9.fs.errors import PlanError
    from vx9.fs.hostimage import HostImage

    try:
        return HostImage(root)
    except PlanError as error:
        raise Refusal(f"--root {root}: {error}; name an image that can be read") from None


def server(kernel: "Kernel", root: "str | HostImage", rw: bool) -> "FileServer":
    """The tree: the host's folder, or memory above it or above an image."""
    from vx9.fs.errors import PlanError
    from vx9.fs.hostfs import HostFS
    from vx9.fs.overlay import Overlay
    from vx9.fs.ramfs import RamFS

    below: FileServer
    try:
        if isinstance(root, str):
            hidden = kernel.devices["U"].hidden  # type: ignore[attr-defined]
            below = HostFS(root, rw, kernel.user, hidden)
        else:
            below = root.server(kernel.user)
    except PlanError as error:
        name, what = ((root, "a folder that can be read") if isinstance(root, str) else
                      (root.path, "another"))
        raise Refusal(f"--root {name}: {error}; name {what}") from None
    if rw:
        return below
    account = kernel.account
    return Overlay(below, RamFS(kernel.user, kernel.clock.seconds, account.limits.ram,
                                charge=account.take))


def report(text: str) -> None:
    """A line of a name space file that could not be carried out.

    The file is the tree's: what would control a terminal is not shown as it is.
    """
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    sys.stderr.write(f"vx9: {shown}\n")
    sys.stderr.flush()


def namespace(options: argparse.Namespace) -> tuple[str, str] | None:
    """The file of --namespace: its name and text."""
    if options.namespace is None:
        return None
    try:
        with open(options.namespace, encoding="utf-8", errors="surrogateescape") as file:
            return options.namespace, file.read()
    except OSError as error:
        raise Refusal(f"--namespace {options.namespace}: {(error.strerror or '').lower()}; "
                      "name a file of the host") from None


def boot(kernel: "Kernel", options: argparse.Namespace, root: "str | HostImage",
         file: tuple[str, str] | None) -> None:
    """Make the folder or image the root; options.start is the folder to start in."""
    from vx9.kernel import boot as booting
    from vx9.kernel import devtab

    tree = server(kernel, root, options.rw)
    kernel.call(devtab.adopt, kernel, tree)
    if not any(map(os.isatty, STREAMS)):
        kernel.call(devtab.show_console, kernel, STREAMS[2])
    for name, value in environment(options).items():
        kernel.set_env(name, value)
    ended = kernel.call(booting.boot, kernel, tree, dialect(options), file, report,
                        kernel.call(devtab.grant_programs, kernel))
    home = options.home or f"/usr/{kernel.user}"
    options.start = ended if ended != "/" else home if is_there(kernel, home) else "/"


def extend(kernel: "Kernel", options: argparse.Namespace, file: tuple[str, str]) -> None:
    """--namespace without --root: more lines for the fresh name space."""
    from vx9.kernel import boot as booting

    for name, value in environment(options).items():
        kernel.set_env(name, value)
    ended = kernel.call(booting.extend, kernel, *file, report)
    if ended != "/":
        options.start = ended


def is_there(kernel: "Kernel", name: str) -> bool:
    """Whether the first name space has a file of that name."""
    from vx9.fs.errors import PlanError

    async def look() -> None:
        await (await kernel.boot.ns.access(kernel.boot, name)).close()

    try:
        kernel.call(look)
    except PlanError:
        return False
    return True


def find_shell(kernel: "Kernel", options: argparse.Namespace) -> str | None:
    """The tree's own rc; None without a tree or an rc in it, with what rc begins with."""
    if options.root is None or not is_there(kernel, RCMAIN):
        return None
    return next((path for path in SHELLS if is_there(kernel, path)), None)


def shell(kernel: "Kernel", options: argparse.Namespace, path: str) -> int:
    """Run rc: on our terminal, on plain input, or for one line."""
    from vx9.fs.errors import PlanError
    from vx9.userland import run, session
    from vx9.userland.terminal.loop import restored_terminal

    typed = options.line is None and sys.stdin.isatty()
    words = ["rc"]
    if options.login:
        words.append("-l")
    if options.line is not None:
        words += ["-c", options.line]
    elif typed:
        words.append("-i")
    cwd = session.checked_folder(kernel, options)
    try:
        handle = kernel.spawn(words, cwd=cwd, path=path)
    except PlanError as error:
        raise Refusal(f"{path}: {session.reason(error)}; the tree's shell must be a program for "
                      "Plan 9 on 386 that may be executed", NOT_A_PROGRAM) from None
    with restored_terminal() if typed else contextlib.nullcontext():
        return run.wait(path, handle, None, None if typed else run.PATIENCE)
