"""exec: Plan 9 a.out files and scripts, the argument stack, the cache of images.

An image's text and its translated code are shared by all processes that run the same
file, told by server, qid and times.  Source: exec(2), a.out(6).
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vx9.fs.dir import OEXEC
from vx9.fs.errors import EBADEXEC, ENOVMEM, PlanError
from vx9.kernel import tos
from vx9.kernel.dialect import Dialect
from vx9.kernel.note import FRESH_FPU
from vx9.kernel.segment import (
    PAGE,
    STACK_SIZE,
    TEXT_BASE,
    Layout,
    SegKind,
    Segment,
    Space,
    page_up,
)
from vx9.kernel.stop import ProcCtl
from vx9.kernel.waitrec import ARGS_MAX
from vx9.vxcore import CodeCache, CoreError, Memory, MemoryObject

if TYPE_CHECKING:
    from vx9.kernel.account import Account
    from vx9.kernel.chan import Chan
    from vx9.kernel.proc import Proc

HEADER: Final = struct.Struct(">8I")  # magic text data bss syms entry spsz pcsz
MAGIC_386: Final = 0x1EB
MAGIC_AMD64: Final = 0x8A97  # with the 8-byte entry that follows the header
TOP_MAX: Final = 0xC0000000
NAME_MAX: Final = 64  # bytes of a script's name, with its NUL
CHUNK: Final = 1 << 20
CACHED_IMAGES: Final = 32

MB: Final = 1 << 20
CLASS_C: Final = 128 * MB
CLASS_GO: Final = 512 * MB
_GO_BUILD: Final = b"\xff Go build"

# magic number: machine, of the other Plan 9 ports
_OTHER_MAGICS: Final = {
    0x0107: "68020", 0x2C7: "SPARC", 0x407: "MIPS", 0x0517: "MIPS 4000 (little-endian)",
    0x647: "ARM", 0x6EB: "Power", 0x797: "Alpha", 0x8B6B: "ARM64", MAGIC_AMD64: "amd64",
}
_ELF_MACHINES: Final = {3: "x86", 8: "MIPS", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V"}


def describe(first: bytes, size: int) -> str | None:
    """Why a file with these first bytes and this size cannot be executed; None when it can."""
    if first[:2] == b"#!":
        return None
    if first[:4] == b"\x7fELF" and len(first) >= 20:
        bits = {1: "ELF32", 2: "ELF64"}.get(first[4], "ELF")
        machine = _ELF_MACHINES.get(int.from_bytes(first[18:20], "little"), "foreign")
        return f"it is an {bits} {machine} program of the host, not a Plan 9 386 program"
    if size == 0:
        return "it is empty"
    if len(first) < HEADER.size:
        return "it is too short to be a program"
    magic, text, data, _, _, entry, _, _ = HEADER.unpack(first[:HEADER.size])
    if magic in _OTHER_MAGICS:
        return f"it is a Plan 9 program for {_OTHER_MAGICS[magic]}, and this kernel runs 386 ones"
    if magic != MAGIC_386:
        return "it is not a program (no Plan 9 a.out header, no #! line)"
    if size < HEADER.size + text + data:
        return (f"it is a truncated Plan 9 program: its header promises "
                f"{HEADER.size + text + data} bytes and it has {size}")
    try:
        parse_header(first)
    except PlanError:
        return f"its a.out header is invalid (text {text:#x}, data {data:#x}, entry {entry:#x})"
    return None


@dataclass(frozen=True, slots=True)
class Header:
    """The part of an a.out header that loading needs, and the layout that follows."""

    text: int
    data: int
    layout: Layout


def parse_header(first: bytes) -> Header:
    """Read an a.out header.  Raises PlanError(EBADEXEC)."""
    if len(first) < HEADER.size:
        raise PlanError(EBADEXEC)
    magic, text, data, bss, _, entry, _, _ = HEADER.unpack(first[:HEADER.size])
    first_byte = TEXT_BASE + HEADER.size
    data_base = page_up(first_byte + text)
    data_top = page_up(data_base + data)
    bss_top = page_up(data_base + data + bss)
    if magic != MAGIC_386 or not first_byte <= entry < first_byte + text or bss_top > TOP_MAX:
        raise PlanError(EBADEXEC)
    return Header(text, data, Layout(data_base, data_top, bss_top, entry))


@dataclass(slots=True, eq=False)
class Image:
    """A program file in memory, as all its processes share it."""

    text: MemoryObject
    code: CodeCache
    data: bytes
    layout: Layout
    go: bool
    cost: int  # bytes that it counts for in the account
    segment: Segment = field(init=False)  # the text, as processes have it

    def __post_init__(self) -> None:
        self.segment = Segment(SegKind.TEXT, TEXT_BASE, self.layout.data_base, self.text, 0, 0,
                               read_only=True)


class Images:
    """The newest images, by identity of the file."""

    def __init__(self) -> None:
        self._images: OrderedDict[tuple[object, ...], Image] = OrderedDict()

    def clear(self) -> None:
        """Forget them all."""
        self._images.clear()

    async def load(self, p: Proc, c: Chan, first: bytes) -> Image:
        """The image of the open file c, which begins with first.  Raises PlanError."""
        d = await c.stat(p)
        key = (id(c.server), c.fid.qid, d.qid, d.mtime, d.length)
        image = self._images.get(key)
        if image is not None:
            self._images.move_to_end(key)
            return image
        header = parse_header(first)
        end = HEADER.size + header.text + header.data
        if d.length and d.length < end:
            raise PlanError(EBADEXEC)
        account = p.kernel.account
        while self._images and not account.has_room(end):
            self._forget(account)
        account.take(end)
        try:
            content = await _read_all(p, c, end)
            text = MemoryObject(header.layout.data_base - TEXT_BASE)
            text.write(0, content[:HEADER.size + header.text])
        except BaseException:
            account.give(end)
            raise
        go = content[HEADER.size:HEADER.size + len(_GO_BUILD)] == _GO_BUILD
        image = Image(text, CodeCache(), content[HEADER.size + header.text:], header.layout, go, end)
        old = self._images.pop(key, None)  # read by another at the same time
        if old is not None:
            account.give(old.cost)
        self._images[key] = image
        while len(self._images) > CACHED_IMAGES:
            self._forget(account)
        return image

    def _forget(self, account: Account) -> None:
        _, image = self._images.popitem(last=False)
        account.give(image.cost)


async def _read_all(p: Proc, c: Chan, end: int) -> bytes:
    parts = []
    at = 0
    while at < end:
        part = await c.read(p, min(CHUNK, end - at), at)
        if not part:
            raise PlanError(EBADEXEC)
        parts.append(part)
        at += len(part)
    return b"".join(parts)


@dataclass(slots=True, eq=False)
class Program:
    """All that exec needs once the file has been found good."""

    chan: Chan  # open on the program; the holder closes it
    name: str  # of the process
    args: list[bytes]
    image: Image


async def prepare(p: Proc, path: str, argv: Callable[[], list[bytes]]) -> Program:
    """Open and read the program at path, through the #! lines of scripts, then the arguments.

    Raises PlanError, and what argv raises.
    """
    args: list[bytes] = []  # of scripts, to be put before argv's second
    name = last_element(path)
    dialect = p.kernel.dialect
    for _ in range(dialect.script_depth + 1):
        c = await p.ns.open(p, path, OEXEC)
        try:
            first = await c.read(p, max(dialect.script_line, HEADER.size), 0)
            if first[:2] != b"#!":
                image = await p.kernel.images.load(p, c, first)
                rest = argv()
                return Program(c, name, args + rest[1:] if args else rest, image)
            words = _interpreter(first[:dialect.script_line], dialect)
        except BaseException:
            await c.close()
            raise
        await c.close()
        script = path.encode("utf-8", "surrogateescape")
        base = name.encode("utf-8", "surrogateescape")
        if len(base) >= NAME_MAX:
            raise PlanError(EBADEXEC)
        args = [base, *words[1:], script, *args[1:]]
        path = words[0].decode("utf-8", "surrogateescape")
    raise PlanError(EBADEXEC)


def _interpreter(first: bytes, dialect: Dialect) -> list[bytes]:
    """The words of a #! line.  Raises PlanError(EBADEXEC)."""
    line, newline, _ = first[2:].partition(b"\n")
    words = [word.encode("utf-8", "surrogateescape") for word in
             dialect.script_words(line.decode("utf-8", "surrogateescape"))]
    if not newline or not words:
        raise PlanError(EBADEXEC)
    return words


def last_element(path: str) -> str:
    """The last element of a name."""
    return path.rstrip("/").rpartition("/")[2] or path


def arrange(args: Sequence[bytes], top: int, block: bytes) -> tuple[int, int, bytes]:
    """The initial stack below top: (stack pointer, address of the Tos, bytes from there up).

    Strings end right below the Tos; the pointers lie under them, argc under those, with the
    stack pointer a multiple of 8.
    """
    strings = b"\0".join(args) + b"\0" if args else b""
    nbytes = len(block) + len(strings)
    ssize = 4 * (len(args) + 1) + (nbytes + 3 & -4)
    if ssize + 4 & 7:
        ssize += 4
    sp = top - ssize - 4
    words = [len(args)]
    at = top - nbytes
    for arg in args:
        words.append(at)
        at += len(arg) + 1
    words.append(0)
    head = struct.pack(f"<{len(words)}I", *words)
    gap = top - nbytes - (sp + len(head))
    return sp, top - len(block), head + bytes(gap) + strings + block


def size_class(image: Image, quota: int | None) -> int:
    """How large an address space the image gets: its own size, its stack, and the quota."""
    need = image.layout.bss_top + STACK_SIZE
    want = max(CLASS_GO if image.go else CLASS_C, need + 16 * MB)
    if quota is not None:
        want = max(want if not image.go else need, need + quota)
    for limit in Memory.LIMITS:
        if limit + 16 * PAGE >= want:
            return limit
    if Memory.LIMITS[-1] >= need:
        return Memory.LIMITS[-1]
    raise PlanError(ENOVMEM)


def make_space(p: Proc, program: Program) -> tuple[Space, int, int]:
    """Memory with the program in it: (space, stack pointer, address of the Tos)."""
    image = program.image
    quota = p.kernel.limits.memory
    if sum(map(len, program.args)) + 5 * len(program.args) > p.kernel.dialect.args_limit:
        raise PlanError(ENOVMEM)
    try:
        limit = size_class(image, quota)
        kept = 0 if p.space is None else p.space.kept_top()
        limit = next((each for each in Memory.LIMITS
                      if each >= limit and each - STACK_SIZE >= kept), limit)
        space = Space.new(limit, image.code, image.text, image.layout,
                          limit if quota is None else quota)
    except CoreError as error:
        raise PlanError(ENOVMEM) from error
    space.segments = p.kernel.limits.segments
    space.text = image.segment
    space.text.refs += 1
    top = space.stack.top
    block = tos.pack(p.pid, p.kernel.cycle_hz)[:p.kernel.dialect.tos_size]
    sp, tos_address, data = arrange(program.args, top, block)
    space.stack.obj.write(sp - space.stack.base, data)
    if image.data:
        space.data.obj.write(0, image.data)
    return space, sp, tos_address


async def commit(p: Proc, program: Program, made: tuple[Space, int, int]) -> None:
    """The point of no return: p becomes the program."""
    space, sp, tos_address = made
    old, old_chan = p.space, p.image_chan
    if old is not None:
        space.inherit(old)
    p.set_space(space)
    if old is not None:
        old.release()
    p.image_chan = program.chan
    p.name = program.name
    p.args = [arg[:ARGS_MAX].decode("utf-8", "surrogateescape") for arg in program.args[:ARGS_MAX]]
    p.args_set = None
    p.notify = 0
    p.notified = False
    p.notes.clear()
    p.ureg = 0
    p.saved_fpu.clear()
    p.private = False
    p.cpu.set_regs((tos_address, 0, 0, 0, sp, 0, 0, 0, program.image.layout.entry, 0x202))
    p.cpu.fpu = FRESH_FPU
    if p.hang:
        p.procctl = ProcCtl.STOPME
        p.attention = True
    if p.debugger is not None:
        p.debugger.ran(p)
    for fd, c in p.fds.open_fds():
        if c.cexec or fd in p.fds.cexec:
            await p.fds.remove(fd).close()
    if old_chan is not None:
        await old_chan.close()


__all__ = ["Header", "Image", "Images", "Program", "arrange", "commit", "describe",
           "make_space", "parse_header", "prepare", "size_class"]
