"""The control socket of a running vx9: its name space, for vx9 mount --attach.

--name NAME makes it, as NAME in a folder that is its user's alone; who connects must be that
user (or root).  What is spoken is 9P2000.  It is removed when vx9 is no more.
Source: docs/fuse.md.
"""

import argparse
import contextlib
import os
import re
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.userland import ending
from vx9.userland.errors import Refusal

if TYPE_CHECKING:
    from vx9.fs.hostremote import Remote
    from vx9.kernel.kernel import Kernel

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Far:
    """A connection to another vx9."""

    name: str
    sock: socket.socket
    hold: "Remote"  # has it hide where we mount, as long as it is open


def folder() -> str:
    """Where the sockets are: nobody else can come in.  Raises Refusal."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    path = f"{base}/vx9" if os.path.isdir(base) else f"/tmp/vx9-{os.geteuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        st = os.lstat(path)
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}; set XDG_RUNTIME_DIR") from None
    if not stat.S_ISDIR(st.st_mode) or st.st_uid != os.geteuid() or st.st_mode & 0o077:
        raise Refusal(f"{path}: not a folder of yours alone; remove it, or set XDG_RUNTIME_DIR")
    return path


def _address(option: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refusal(f"{option} {name}: not a name; use letters, digits, _, . and -")
    return os.path.join(folder(), name)


def dial(name: str, point: str) -> Far:
    """Connections to the vx9 that was given --name NAME, to mount it on point.  Raises Refusal."""
    from vx9.fs.errors import PlanError
    from vx9.fs.hostremote import Remote
    from vx9.kernel.hostfuse import HIDE

    path = _address("--attach", name)
    socks = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(2)]
    try:
        for sock in socks:
            sock.connect(path)
    except OSError as error:
        known = ", ".join(sorted(os.listdir(os.path.dirname(path)))) or "none"
        raise Refusal(f"--attach {name}: {error.strerror}; start a vx9 with --name {name} "
                      f"(running: {known})") from None
    try:
        return Far(name, socks[0], Remote(socks[1], tree=HIDE + point))
    except PlanError as error:
        raise Refusal(f"--attach {name}: {error}") from None


@contextlib.contextmanager
def offered(options: argparse.Namespace) -> Iterator[socket.socket | None]:
    """The listening socket of --name, made before the walls go up; gone at the end."""
    if options.name is None:
        yield None
        return
    from vx9.fs import hostninep
    from vx9.fs.errors import PlanError

    path = _address("--name", options.name)
    try:
        listener = hostninep.listen(hostninep.Address("unix", path), False)
    except PlanError as error:
        raise Refusal(f"--name {options.name}: {error}; is another vx9 called so?") from None
    behind = ending.remove_behind(path)
    try:
        yield listener
    finally:
        listener.close()
        behind.now()


def serve(kernel: "Kernel", listener: socket.socket | None) -> None:
    """Let those in who connect."""
    if listener is not None:
        from vx9.kernel import hostfuse, hostninep

        tree = kernel.call(hostfuse.offer, kernel)
        kernel.call(hostninep.Service(kernel, tree).start, listener)
