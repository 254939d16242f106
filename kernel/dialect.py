"""Dialects: where Bell Labs' fourth edition, 9legacy and 9front differ for programs.

One row a dialect; whoever must know asks p.kernel.dialect.  VX9 is that of a name space of our
own: Bell Labs' forms, with the stricter rules of either left out.  guess() tells a tree's
dialect from a few of its files.
Source: intro(2), exec(2), bind(2), notify(2), proc(3) of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vx9.fs.dir import OREAD, QTDIR
from vx9.fs.errors import EDOESNOTEXIST, ENONEXIST, PlanError, about, about_last
from vx9.fs.server import Fid, FileServer
from vx9.kernel.quote import words


def blank_words(line: str) -> list[str]:
    """Words between blanks; quotes mean nothing."""
    return line.replace("\t", " ").split()


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a kernel of this kind does."""

    name: str
    about: Callable[[str, str], str]  # (name, message): an error about a name
    stuck: str  # the message of a walk that fails behind its first name
    fs_gs: int  # what these two selectors show as in registers
    pc: str  # how the text of a note shows the program counter
    noted_error: bool  # noted outside of a handler is an error, not the end
    keeps_notes: bool  # the child of rfork gets the notes that are pending
    tos_size: int  # bytes of the block above the stack
    script_line: int  # bytes of a #! line
    script_depth: int  # interpreters that may be scripts, the program included
    script_words: Callable[[str], list[str]]  # takes the line apart
    args_limit: int  # bytes of arguments; they lie in the stack segment of 16 MB
    args_needed: bool  # exec without an argument is an error
    bind_numbers: bool  # bind and mount tell the mount's number
    cexec_of_fd: bool  # close-on-exec belongs to the descriptor, not to the open file
    pread_moves: bool  # pread adds to the offset of the open file
    fstat_by_path: bool  # fstat's name is the last one of the path, as stat's is
    quotes_names: bool  # /proc/n/ns quotes what needs it
    pads: bool  # numbers in /proc have leading zeros or blanks to one width
    least_sleep_ms: int  # what sleep(1) sleeps
    interrupts: bool  # /proc/n has ppid and notefpregs, and its ctl interrupt and nointerrupt


# fmt: off
BELL: Final = Dialect(
    "bell", about, EDOESNOTEXIST, 0x1B, "0x{:08x}", noted_error=False, keeps_notes=True,
    tos_size=72, script_line=32, script_depth=1, script_words=blank_words, args_limit=100 * 4096,
    args_needed=False, bind_numbers=True, cexec_of_fd=False, pread_moves=True,
    fstat_by_path=False, quotes_names=False, pads=True, least_sleep_ms=10, interrupts=False)
LEGACY: Final = Dialect(
    "9legacy", about, EDOESNOTEXIST, 0x1B, "0x{:08x}", noted_error=False, keeps_notes=True,
    tos_size=72, script_line=32, script_depth=1, script_words=blank_words, args_limit=100 * 4096,
    args_needed=False, bind_numbers=True, cexec_of_fd=False, pread_moves=False,
    fstat_by_path=False, quotes_names=False, pads=True, least_sleep_ms=10, interrupts=False)
NINEFRONT: Final = Dialect(
    "9front", about_last, ENONEXIST, 0, "0x{:x}", noted_error=True, keeps_notes=False,
    tos_size=56, script_line=256, script_depth=8, script_words=words, args_limit=15 << 20,
    args_needed=True, bind_numbers=False, cexec_of_fd=True, pread_moves=False,
    fstat_by_path=True, quotes_names=True, pads=False, least_sleep_ms=1, interrupts=True)
VX9: Final = Dialect(
    "vx9", about, EDOESNOTEXIST, 0x1B, "0x{:08x}", noted_error=False, keeps_notes=True,
    tos_size=72, script_line=256, script_depth=8, script_words=blank_words, args_limit=4 << 20,
    args_needed=True, bind_numbers=True, cexec_of_fd=False, pread_moves=False,
    fstat_by_path=False, quotes_names=False, pads=True, least_sleep_ms=1, interrupts=True)
# fmt: on
DIALECTS: Final = {each.name: each for each in (BELL, LEGACY, NINEFRONT, VX9)}

# Files that only one kind of tree has.
NINEFRONT_FILES: Final = ("386/bin/aux/kbdfs", "386/bin/hjfs", "386/bin/nusb", "386/bin/webfs",
                          "rc/bin/sysupdate")
LEGACY_FILES: Final = ("386/bin/git", "rc/bin/git", "riscv", "riscv64")
# Programs to look into, and what a C library has put into them.
PROGRAMS: Final = ("386/bin/rc", "386/bin/ls", "386/bin/mk", "386/bin/cat", "386/init")
LOOK: Final = 512 << 10  # bytes of each
BELL_SIGNS: Final = (
    b"#c/pid",  # getpid; 9front's reads the Tos
    b"\xb8\x25\0\0\0\xcd\x40",  # semacquire, in lock; 9front's has no such call
)
NINEFRONT_SIGNS: Final = (b"/dev/bintime",)  # nsec, a system call elsewhere


async def guess(server: FileServer) -> Dialect:
    """The dialect of the tree that server has: by its files, then by its programs."""
    root = await server.attach("none", "")
    try:
        if await _has_any(server, root, NINEFRONT_FILES):
            return NINEFRONT
        if await _has_any(server, root, LEGACY_FILES):
            return LEGACY
        for program in PROGRAMS:
            text = await _read(server, root, program)
            if any(sign in text for sign in BELL_SIGNS):
                return BELL
            if any(sign in text for sign in NINEFRONT_SIGNS):
                return NINEFRONT
    finally:
        await server.clunk(root)
    return VX9


async def _find(server: FileServer, root: Fid, name: str) -> Fid | None:
    try:
        fid, _ = await server.walk(root, name.split("/"))
    except PlanError:
        return None
    return fid


async def _has_any(server: FileServer, root: Fid, names: Sequence[str]) -> bool:
    for name in names:
        fid = await _find(server, root, name)
        if fid is not None:
            await server.clunk(fid)
            return True
    return False


async def _read(server: FileServer, root: Fid, name: str) -> bytes:
    """The beginning of a file; nothing if it cannot be read."""
    fid = await _find(server, root, name)
    if fid is None:
        return b""
    try:
        if fid.qid[2] & QTDIR:
            return b""
        await server.open(fid, OREAD)
        return await server.read(fid, LOOK, 0)
    except PlanError:
        return b""
    finally:
        await server.clunk(fid)
