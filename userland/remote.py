"""--mount: servers of 9P2000 on the host that the guest gets to see, and the keys shared with them.

Sockets are made here, before the walls go up, and the kernel uses them.  Source: docs/vx9.md.
"""

import argparse
import contextlib
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.userland.errors import Refusal

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

PLACE: Final = "/n/remote"


@dataclass(frozen=True)
class Remote:
    """A server that was dialled, and where the guest finds it."""

    sock: socket.socket
    address: str
    guest: str
    tree: str  # of the server's

    @property
    def name(self) -> str:
        """What it is called in /srv."""
        return self.address.replace("/", "_")


def parse_mount(text: str) -> tuple[str, str, str]:
    """The address, the guest's folder and the server's tree of --mount ADDR[:GUEST[:TREE]]."""
    address, *more = text.rsplit(":/", 2)
    if not address:
        raise Refusal(f"--mount {text}: not of the form ADDR[:/GUEST[:/TREE]]")
    guest = more[0] if more else PLACE[1:]
    return address, os.path.normpath("/" + guest), "/" + more[1] if len(more) > 1 else ""


def read_key(path: str | None) -> bytes | None:
    """The shared key in a file that is its owner's alone."""
    if path is None:
        return None
    from vx9.fs.errors import PlanError
    from vx9.fs.ninep.auth import check_key

    try:
        with open(path, "rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Refusal(f"--key {path}: others may read it; chmod 600 {path}")
            return check_key(file.read(4096))
    except OSError as error:
        raise Refusal(f"--key {path}: {error.strerror}; name a file with the key") from None
    except PlanError as error:
        raise Refusal(f"--key {path}: {error}; make one with openssl rand -hex 32") from None


@contextlib.contextmanager
def remotes(options: argparse.Namespace) -> Iterator[list[Remote]]:
    """Dial what --mount names; what was not used is hung up at the end."""
    made: list[Remote] = []
    if options.mount:
        from vx9.fs import hostninep
        from vx9.fs.errors import PlanError

        for text in options.mount:
            address, guest, tree = parse_mount(text)
            try:
                made.append(Remote(hostninep.dial(hostninep.parse(address)), address, guest, tree))
            except PlanError as error:
                raise Refusal(f"--mount {error}; is a server listening there?") from None
    try:
        yield made
    finally:
        for remote in made:
            remote.sock.close()


def mount(kernel: "Kernel", wanted: Iterable[Remote], key: bytes | None) -> None:
    """Mount what was dialled, and post it in /srv."""
    wanted = list(wanted)
    if not wanted:
        return
    from vx9.fs.errors import PlanError
    from vx9.kernel import hostninep

    for remote in wanted:
        try:
            kernel.call(hostninep.mount, kernel, remote.sock, remote.name, remote.guest, remote.tree,
                        key)
        except PlanError as error:
            raise Refusal(f"--mount {remote.address}: {error}{_remedy(str(error))}") from None


def _remedy(text: str) -> str:
    if "authentication required" in text:
        return "; give the key that the server has with --key FILE"
    if "shared key" in text or "authentication failed" in text:
        return "; the keys differ"
    return ""
