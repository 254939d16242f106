"""vx9 serve and vx9 import: name spaces over 9P2000, out and in.

A server is reached by its own user alone, through a unix socket or on this machine, unless a
shared key says who may.  Its socket is made before the walls go up.  Source: docs/vx9.md.
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from vx9.userland import session
from vx9.userland.errors import OUR_ERROR, Refusal
from vx9.userland.remote import read_key

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

_PIECE: Final = 65536
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        _remove_at_the_end(address.host)
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
        with _ended() as wait:
            kernel.call(service.start, listener)
            sys.stderr.write(f"vx9: serving {options.tree} on {bound}\n")
            sys.stderr.flush()
            wait()
        kernel.call(tree.close)
    return 0


def _remove_at_the_end(path: str) -> None:
    """Have a child remove the socket when this process is no more, which its walls forbid it."""
    path = os.path.abspath(path)
    inode = os.lstat(path).st_ino
    theirs, _ours = os.pipe()  # ours closes when we end, however we do
    if os.fork():
        os.close(theirs)
        return
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        os.dup2(theirs, 0)
        os.closerange(1, 1 << 16)
        os.read(0, 1)
        if os.lstat(path).st_ino == inode:
            os.unlink(path)
    finally:
        os._exit(0)


@contextlib.contextmanager
def _ended() -> Iterator[Callable[[], object]]:
    """What waits for a signal that ends a server.

    The signal itself writes to a pipe, for a handler in Python would not run while the
    thread that it belongs to begins to wait.
    """
    theirs, ours = os.pipe()
    os.set_blocking(ours, False)
    before = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
    old = {number: signal.signal(number, lambda *_: None) for number in _ENDING}

    def wait() -> None:
        while not any(number in _ENDING for number in os.read(theirs, 64)):
            pass

    try:
        yield wait
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.close(theirs)
        os.close(ours)


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
