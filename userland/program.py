"""Finding the program that `vx9 run` was given, and saying why a file is not one.

What makes a file a program is for exec to say; here it is only said before anything runs.
"""

import os
import stat
from dataclasses import dataclass
from typing import Final

from vx9.userland.errors import NOT_A_PROGRAM, NOT_FOUND, Refusal

HEADER: Final = 32
MAGIC: Final = b"\0\0\x01\xeb"  # of a Plan 9 386 program


@dataclass(frozen=True)
class Program:
    """A program to run: its name in the guest and, when it is a granted file, on the host."""

    guest: str
    host: str | None


def complaint(header: bytes, size: int) -> str | None:
    """Why a file that begins like this and has this many bytes cannot be run; None if it can."""
    from vx9.kernel.exec import describe

    fault = describe(header, size)
    if fault is None:
        return None
    remedy = ("build or copy it again" if header.startswith(MAGIC) else
              "build it for Plan 9 on 386 (with Go: GOOS=plan9 GOARCH=386)")
    return f"{fault}; {remedy}"


def check(host: str, name: str) -> None:
    """Refuse a host file that cannot be run; name is what the user typed."""
    try:
        if os.path.isdir(host):
            raise Refusal(f"{name}: a folder, not a program; name a file in it", NOT_A_PROGRAM)
        if not stat.S_ISREG(os.stat(host).st_mode):
            raise Refusal(f"{name}: not a plain file; name a program", NOT_A_PROGRAM)
        with open(host, "rb") as file:
            header, size = file.read(HEADER), os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise Refusal(f"{name}: file does not exist; check the name", NOT_FOUND) from None
    except OSError as error:
        text = (error.strerror or str(error)).lower()
        raise Refusal(f"{name}: {text}; check its permissions", NOT_A_PROGRAM) from None
    fault = complaint(header, size)
    if fault:
        raise Refusal(f"{name}: {fault}", NOT_A_PROGRAM)
    if not os.access(host, os.X_OK):
        raise Refusal(f"{name}: not executable; chmod +x {name}", NOT_A_PROGRAM)


def interpreter(host: str) -> str:
    """What a script of the host names in its first line."""
    with open(host, "rb") as file:
        line = file.readline(256)
    return line[2:].decode("utf-8", "replace").strip().partition(" ")[0]


def locate(name: str, root: str | None, cwd: str) -> Program:
    """Where the program is.  A host file wins over a name in the guest's /bin.

    With a root of the user's own the name is the guest's alone: in DIR, its /bin included.
    """
    if not name:
        raise Refusal("'': an empty name; name a program", NOT_FOUND)
    host = os.path.normpath(os.path.join(cwd, name))
    # /bin is the guest's own in every name space, and so is its path.
    path = "/" in name or name in (".", "..")
    if root is None and not host.startswith("/bin/") and (path or os.path.isfile(host)):
        check(host, name)
        return Program(host, host)
    if path:
        return Program(os.path.normpath(os.path.join("/" if root else cwd, name)), None)
    return Program(f"/bin/{name}", None)
