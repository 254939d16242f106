"""The fault report: what a program that died of a fault looked like.

Registers, the code around the instruction, the stack with names, the segments; written to
vx9's own standard error in one piece, while the process is still there.  The line that Plan 9
itself writes on the guest's descriptor 2 is another matter.
Source: acid(1), whose lstk and regs a Plan 9 user would type.
"""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING, Final, TextIO

from vx9.kernel.straceargs import printable
from vx9.userland.see import image
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.note import ProcExit
    from vx9.kernel.proc import Proc
    from vx9.userland.see.image import Image

log = logging.getLogger(__name__)

BEFORE: Final = 5  # instructions
AFTER: Final = 5
FAR: Final = 1 << 16  # bytes of a function that are disassembled to be in step
ROWS: Final = 4  # of 16 bytes of stack
_NAMES: Final = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "pc", "flags")
_FLAGS: Final = ((0, "cf"), (2, "pf"), (4, "af"), (6, "zf"), (7, "sf"), (10, "df"), (11, "of"))


class Reporter:
    """Writes a report of each process that breaks."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    async def __call__(self, p: Proc, end: ProcExit) -> None:
        """The autopsy of a process, before its memory goes."""
        if p.space is None or p.image_chan is None:
            return
        try:
            program = await image.load(p, p.image_chan, p.space.text.obj)
            text = "".join(f"vx9: {line}\n" for line in lines(p, end, program))
            self.out.write(text)
            self.out.flush()
        except Exception:
            log.exception("fault report of process %d", p.pid)  # it ends all the same


def lines(p: Proc, end: ProcExit, program: Image) -> list[str]:
    """The report."""
    found = [f"fault report: {printable(p.name)} {p.pid}: {printable(end.status)}"]
    found += ["registers:", *_registers(p, program)]
    found += ["code:", *code(p, program)]
    found += ["stack:", *_stack(p, program)]
    found += ["segments:"]
    assert p.space is not None
    for seg in p.space.all():
        access = "r-x" if seg.kind.value == "Text" else "r--" if seg.read_only else "rw-"
        found.append(f"    {seg.kind.value:<8} {seg.base:08x}-{seg.top:08x} {access} "
                     f"{seg.size // 1024} KiB")
    return found


def _registers(p: Proc, program: Image) -> list[str]:
    regs = dict(zip(_NAMES, p.cpu.get_regs(), strict=True))
    flags = " ".join(name for bit, name in _FLAGS if regs["flags"] >> bit & 1)
    rows = [("ax", "bx", "cx", "dx"), ("si", "di", "bp", "sp")]
    shown = ["    " + "  ".join(f"{n} {regs[n]:08x}" for n in row) for row in rows]
    place = program.where(regs["pc"])
    shown.append(f"    pc {regs['pc']:08x} {place}".rstrip() + f"  flags {regs['flags']:08x} {flags}".rstrip())
    control, status, tag, _ = struct.unpack_from("<HHBB", p.cpu.fpu)
    if tag:
        shown.append(f"    x87 control {control:04x} status {status:04x} in use {tag:02x}")
    return shown


def code(p: Proc, program: Image) -> list[str]:
    """Instructions around the program counter."""
    pc = p.cpu.eip
    found = program.function(pc)
    start = found[1] if found is not None and pc - found[1] < FAR else pc
    data = _bytes_up_to(p, start, pc + 64)
    every = list(program.cs.disasm_lite(data, start))
    here = next((i for i, insn in enumerate(every) if insn[0] == pc), None)
    if here is None:
        start, here = pc, 0
        data = _bytes_up_to(p, pc, pc + 64)
        every = list(program.cs.disasm_lite(data, pc))
    if not every:
        return [f"    nothing to read at {pc:#x}"]
    shown = []
    for address, size, name, operands in every[max(0, here - BEFORE):here + AFTER + 1]:
        raw = data[address - start:address - start + size].hex()
        mark = "=>" if address == pc else "  "
        text = f" {mark} {address:08x}  {raw:<20}  {name} {operands}".rstrip()
        if name == "call" and operands.startswith("0x"):
            text = f"{text} {program.where(int(operands, 16))}".rstrip()
        shown.append(text)
    return shown


def _bytes_up_to(p: Proc, start: int, end: int) -> bytes:
    """As much as is readable."""
    try:
        return p.mem.read(start, end - start)
    except MemoryFault as fault:
        count = fault.address - start
        try:
            return p.mem.read(start, count) if 0 < count < end - start else b""
        except MemoryFault:
            return b""


def _stack(p: Proc, program: Image) -> list[str]:
    shown = []
    sp = p.cpu.esp
    for pc, sure in program.callers(p.cpu.eip, sp, p.cpu.ebp, p.mem.load32):
        shown.append(f"    {pc:08x} {program.where(pc)}{'' if sure else ' (perhaps)'}".rstrip())
    for row in range(ROWS):
        at = sp + 16 * row & 0xFFFFFFFF
        words = _bytes_up_to(p, at, at + 16)
        if len(words) < 16:
            break
        shown.append(f"    {at:08x}: " + " ".join(f"{w:08x}" for w in struct.unpack("<4I", words)))
    return shown or ["    nothing to read"]

