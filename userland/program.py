"""Finding the program that `vx9 run` was given, and saying why a file is not one.

Source: a.out(6) for the header; the magic numbers of other processors only serve to name
what was brought instead.
"""

import os
import stat
from dataclasses import dataclass
from typing import Final

from vx9.userland.errors import NOT_A_PROGRAM, NOT_FOUND, Refusal

MAGIC_386: Final = 0x1EB
HEADER: Final = 32
OTHER_MAGICS: Final = {
    0x8A97: "amd64", 0x647: "arm", 0x8C47: "arm64", 0x407: "mips", 0x507: "mips", 0x6EB: "power",
    0x2AB: "sparc", 0x107: "68020", 0x8BEB: "power64",
}
BUILD_HINT: Final = "build it for Plan 9 on 386 (with Go: GOOS=plan9 GOARCH=386)"
ELF_MACHINES: Final = {3: "386", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv"}


@dataclass(frozen=True)
class Program:
    """A program to run: its name in the guest and, when it is a granted file, on the host."""

    guest: str
    host: str | None


def complaint(header: bytes, size: int) -> str | None:
    """Why a file that begins like this and has this many bytes cannot be run; None if it can."""
    if header[:2] == b"#!":
        return None
    if header[:4] == b"\x7fELF":
        bits = {1: "32", 2: "64"}.get(header[4] if len(header) > 4 else 0, "?")
        machine = ELF_MACHINES.get(int.from_bytes(header[18:20], "little"), "other")
        return f"an ELF{bits} program for {machine}, not a Plan 9 one; {BUILD_HINT}"
    if size == 0:
        return "an empty file, not a program"
    magic, text, data, _bss, syms, entry, _spsz, pcsz = (
        int.from_bytes(header[at:at + 4], "big") for at in range(0, HEADER, 4))
    if len(header) >= 4 and magic in OTHER_MAGICS:
        return f"a Plan 9 program for {OTHER_MAGICS[magic]}, not 386; {BUILD_HINT}"
    if len(header) < 4 or magic != MAGIC_386:
        return f"not a Plan 9 386 program; {BUILD_HINT}"
    needed = HEADER + text + data
    if len(header) < HEADER or size < needed:
        return f"a truncated program: {size} of at least {needed if len(header) >= HEADER else HEADER} bytes; build or copy it again"
    if not 0x1020 <= entry < 0x1020 + text:
        return f"a damaged program: its entry 0x{entry:x} lies outside its text; build or copy it again"
    return None


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


def locate(name: str, root: str | None, cwd: str) -> Program:
    """Where the program is.  A host file wins over a name in the guest's /bin.

    With a root of the user's own the name is the guest's alone: in DIR, its /bin included.
    """
    if not name:
        raise Refusal("'': an empty name; name a program", NOT_FOUND)
    host = os.path.normpath(os.path.join(cwd, name))
    # /bin is the guest's own in every name space, and so is its path.
    if root is None and not host.startswith("/bin/") and ("/" in name or os.path.isfile(host)):
        check(host, name)
        return Program(host, host)
    if "/" in name:
        return Program(os.path.normpath(os.path.join("/" if root else cwd, name)), None)
    return Program(f"/bin/{name}", None)
