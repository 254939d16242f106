"""Where an instruction goes next: what a single step needs.

A direct branch does nothing but go, so the stub takes it itself; every other instruction is
run, up to a breakpoint at where it will have gone.
Source: the processor's manual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable

    import capstone

    from vx9.vxcore import Cpu

_MASK = 0xFFFFFFFF


class Next(NamedTuple):
    """Run up to one of stops; or, without stops, put pc (and ecx) so."""

    stops: tuple[int, ...]
    pc: int = 0
    ecx: int | None = None


def _holds(name: str, flags: int) -> bool:
    """Whether a conditional jump is taken."""
    cf, pf, zf = flags & 1, flags >> 2 & 1, flags >> 6 & 1
    sf, of = flags >> 7 & 1, flags >> 11 & 1
    conditions = {
        "o": of, "b": cf, "e": zf, "be": cf | zf, "s": sf, "p": pf, "l": sf ^ of,
        "le": zf | (sf ^ of),
    }
    opposite = {"no": "o", "ae": "b", "ne": "e", "a": "be", "ns": "s", "np": "p", "ge": "l",
                "g": "le"}
    condition = name[1:]
    if condition in opposite:
        return not conditions[opposite[condition]]
    return bool(conditions[condition])


def after(code: bytes, cpu: Cpu, cs: capstone.Cs, load: Callable[[int], int]) -> Next | None:
    """What a step from cpu's pc means; None when there is no instruction or nowhere to go."""
    pc = cpu.eip
    insn = next(cs.disasm_lite(code, pc, 1), None)
    if insn is None:
        return None
    _, size, name, operands = insn
    behind = pc + size & _MASK
    name = name.split()[-1]  # without a prefix
    if operands.startswith("0x") and "," not in operands:
        target = int(operands, 16) & _MASK
        if name == "jmp":
            return Next((), target)
        if name == "call":
            return Next((target,))
        if name in ("jecxz", "jcxz"):
            count = cpu.ecx if name == "jecxz" else cpu.ecx & 0xFFFF
            return Next((), target if count == 0 else behind)
        if name.startswith("loop"):
            ecx = cpu.ecx - 1 & _MASK
            zero = bool(cpu.eflags >> 6 & 1)
            taken = ecx != 0 and (name == "loop" or zero == (name == "loope"))
            return Next((), target if taken else behind, ecx)
        if name.startswith("j"):
            return Next((), target if _holds(name, cpu.eflags) else behind)
    try:
        if name == "ret":
            return Next((load(cpu.esp),))
        if name in ("jmp", "call"):
            value = _operand(operands, cpu, load)
            return None if value is None else Next((value,))
    except MemoryFault:
        return Next((behind,))  # it will fault
    return Next((behind,))


def _operand(text: str, cpu: Cpu, load: Callable[[int], int]) -> int | None:
    """The value of a register or of a dword in memory, as the disassembler writes them."""
    registers = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
    if text in registers:
        return int(getattr(cpu, text))
    if not text.startswith("dword ptr [") or not text.endswith("]"):
        return None
    address = 0
    for sign_term in text[11:-1].replace(" - ", " + -").split(" + "):
        factors = sign_term.removeprefix("-").split("*")
        value = 1
        for factor in factors:
            value *= int(getattr(cpu, factor)) if factor in registers else int(factor, 0)
        address += -value if sign_term.startswith("-") else value
    return load(address & _MASK)
