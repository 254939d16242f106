"""vx9 serve and vx9 import: name spaces over 9P2000, out and in.

A server is reached by its own user alone, through a unix socket or on this machine, unless a
shared key says who may.  Its socket is made before the walls go up.  Source: docs/vx9.md.
"""

import argparse
import contextlib
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final

from vx9.userland import ending, session
from vx9.userland.errors import OUR_ERROR, Refusal
from vx9.userland.remote import read_key

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

_PIECE: Final = 65536


def serve(options: argparse.Namespace) -> int:
    """vx9 serve: the name space on an address, until a signal; on stdio, until the end."""
    from vx9.fs import hostninep as wires
    from vx9.fs.errors import PlanError
    from vx9.fs.ninep.auth import SharedKey

    key = read_key(options.key)
    auth = None if key is None else SharedKey(key, os.urandom)
    try:
        address = wires.parse(options.address)
        listener = None if address.kind == "stdio" else wires.listen(address, key is not None)
    except PlanError as error:
        raise Refusal(str(error)) from None
    if listener is not None and address.kind == "unix":
        ending.remove_behind(address.host)
    with session.kernel(options) as kernel:
        from vx9.kernel import export, hostninep

        try:
            tree = kernel.call(export.export, kernel.boot, options.tree)
        except PlanError as error:
            raise Refusal(f"--tree {options.tree}: {session.reason(error)}; "
                          "name a folder of the guest") from None
        service = hostninep.Service(kernel, tree, auth)
        if listener is None:
            return _serve_streams(kernel, service)
        bound = wires.bound(listener, address)
        with ending.ending() as end:
            kernel.call(service.start, listener)
            sys.stderr.write(f"vx9: serving {options.tree} on {bound}\n")
            sys.stderr.flush()
            end.wait()
        kernel.call(tree.close)
    return 0


def _serve_streams(kernel: "Kernel", service: object) -> int:
    """One client on standard input and output."""
    near, far = socket.socketpair()
    kernel.call(service.take, far)  # type: ignore[attr-defined]

    def inward() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(0, _PIECE):
                near.sendall(data)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_WR)

    threading.Thread(target=inward, name="vx9 stdin", daemon=True).start()
    try:
        while data := near.recv(_PIECE):
            done = 0
            while done < len(data):
                done += os.write(1, data[done:])
    except OSError:
        return OUR_ERROR
    return 0


def import_(options: argparse.Namespace) -> int:
    """vx9 import: a shell in a name space where a server's tree is mounted."""
    from vx9.userland.terminal.loop import shell

    guest = options.folder
    if guest is not None and not guest.startswith("/"):
        raise Refusal(f"import {options.address} {guest}: the guest's name must begin with /; "
                      f"write /{guest}")
    options.mount.append(f"{options.address}:{guest}" if guest else options.address)
    return shell(options)
