"""A program as those who look inside it need it: its text, its names, its frames.

Frames are told by Go's own table where there is one, otherwise by following the stack pointer
from a function's beginning.  What is found is taken for a return address only if a call stands
before it.
Source: ours.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import PlanError
from vx9.userland.see import pclntab, symbols
from vx9.userland.see.symbols import AOUT, MAGIC, Symbols
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    import capstone

    from vx9.kernel.chan import Chan
    from vx9.kernel.proc import Proc
    from vx9.vxcore import MemoryObject

TEXT: Final = 0x1000  # where a.out's header is mapped
SYMBOLS_MOST: Final = 64 << 20
CHUNK: Final = 1 << 20
DEPTH: Final = 128
SCANNED: Final = 1 << 14  # bytes of stack looked through for the next return address
FOLLOWED: Final = 1 << 14  # bytes of a function that are followed
Load = Callable[[int], int]  # a word of the guest's memory; raises MemoryFault


def disassembler() -> capstone.Cs:
    """For 32-bit code."""
    import capstone

    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)


class Image:
    """One program file."""

    def __init__(self, name: str, text: bytes, names: Symbols) -> None:
        self.name = name
        self.text = text  # from TEXT on
        self.end = TEXT + len(text)
        self.names = names
        self._deltas: dict[int, int | None] = {}

    @cached_property
    def table(self) -> pclntab.PcTable | None:
        """Go's table, if it is a Go program."""
        return pclntab.find(self.text, TEXT, self.names.named("runtime.pclntab"))

    @cached_property
    def cs(self) -> capstone.Cs:
        """Its disassembler."""
        return disassembler()

    def code(self, start: int, end: int) -> bytes:
        """The text between two addresses."""
        return self.text[max(0, start - TEXT):max(0, end - TEXT)]

    def function(self, pc: int) -> tuple[str, int] | None:
        """(name, first address) of the function that holds pc."""
        if not TEXT <= pc < self.end:
            return None
        found = self.names.function(pc)
        if found is not None:
            return found.name, found.address
        if self.table is not None:
            name, entry = self.table.name(pc), self.table.entry(pc)
            if name and entry is not None:
                return name, entry
        return None

    def where(self, address: int) -> str:
        """An address as name+offset; nothing when no name is near."""
        found = self.function(address)
        if found is not None:
            name, start = found
            return f"{name}+{address - start:#x}" if address != start else name
        return self.names.text(address, self.end) if address >= self.end else ""

    # The stack

    def returns_to(self, address: int) -> bool:
        """Whether a call ends right before address."""
        if not TEXT + 32 < address < self.end:
            return False
        before = self.code(address - 7, address)
        if before[-5:-4] == b"\xe8":
            return True
        for length in (2, 3, 4, 6, 7):
            code = before[-length:]
            if code[0] == 0xFF and code[1] >> 3 & 7 == 2:
                insn = next(self.cs.disasm(code, 0, 1), None)
                if insn is not None and insn.size == length:
                    return True
        return False

    def callers(self, pc: int, sp: int, bp: int, load: Load) -> list[tuple[int, bool]]:
        """The stack from pc outwards: (address, whether it is sure)."""
        found = [(pc, True)]
        try:
            while len(found) < DEPTH:
                step = self._caller(pc, sp, bp, load)
                if step is None:
                    break
                pc, sp, bp, sure = step
                found.append((pc, sure))
        except MemoryFault:
            pass
        return found

    def _caller(self, pc: int, sp: int, bp: int, load: Load) -> tuple[int, int, int, bool] | None:
        if self.table is not None and (frame := self.table.frame(pc)) is not None:
            back = load(sp + frame)
            return (back, sp + frame + 4, bp, True) if TEXT < back < self.end else None
        delta = self._delta(pc)
        if delta is not None and delta >= 0:
            back = load(sp + delta)
            if self.returns_to(back):
                return back, sp + delta + 4, bp, True
        elif delta == -1 and bp >= sp:
            back = load(bp + 4)
            if self.returns_to(back):
                return back, bp + 8, load(bp), True
        for at in range(sp, sp + SCANNED, 4):
            back = load(at)
            if self.returns_to(back):
                return back, at + 4, bp, False
        return None

    def _delta(self, pc: int) -> int | None:
        """Bytes above the stack pointer at pc to the return address; -1: above the frame pointer."""
        if pc not in self._deltas:
            if len(self._deltas) > 100_000:
                self._deltas.clear()
            self._deltas[pc] = self._follow(pc)
        return self._deltas[pc]

    def _follow(self, pc: int) -> int | None:
        found = self.function(pc)
        if found is None or pc - found[1] > FOLLOWED:
            return None
        code = self.code(found[1], pc)
        depth, body, frame = 0, 0, False
        at = found[1]
        for address, size, name, operands in self.cs.disasm_lite(code, at):
            at = address + size
            first, _, second = operands.partition(", ")
            if name == "push":
                depth += 4
            elif name == "pop":
                depth -= 4
            elif name in ("sub", "add") and first == "esp":
                try:
                    value = int(second, 0)
                except ValueError:
                    return -1 if frame else None
                depth += value if name == "sub" else -value
            elif name == "lea" and first == "esp" and not second.startswith("[esp"):
                return -1 if frame else None
            elif name == "mov" and operands == "ebp, esp" and depth == 4:
                frame = True
            elif name in ("ret", "jmp"):
                depth = body  # what follows is reached from before the way out
                continue
            elif name == "call" or name.startswith("j"):
                body = depth
        if at != pc or depth < 0:
            return None
        return -1 if frame and depth >= 4 else depth


async def load(p: Proc, chan: Chan, text: MemoryObject) -> Image:
    """The image of a program whose file is open on chan."""
    body = text.read(0, text.size)
    names = Symbols([])
    try:
        head = await chan.read(p, AOUT.size, 0)
        magic, size, data, _, syms, *_ = AOUT.unpack(head)
        if magic == MAGIC and syms <= SYMBOLS_MOST:
            at = AOUT.size + size + data
            names = Symbols(list(symbols.aout_symbols(await _read(p, chan, at, syms))))
            body = body[:AOUT.size + size]
    except (PlanError, struct.error):
        pass  # without names, then
    return Image(p.name, body, names)


async def _read(p: Proc, chan: Chan, at: int, count: int) -> bytes:
    parts = []
    while count > 0:
        part = await chan.read(p, min(CHUNK, count), at)
        if not part:
            break
        parts.append(part)
        at += len(part)
        count -= len(part)
    return b"".join(parts)
