"""The hostile matrix: rows of matrix.tab, expanded into concrete cases.

A row is an ID, the outcome, registers and memory beforehand, and machine code with
alternatives; docs/security.md says how to read and extend it.
"""

import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vx9.vxcore import TrapKind

HERE = Path(__file__).parent

TEXT, DATA, READONLY, LIMIT = 0x1000, 0x10000, 0x30000, (64 << 20) - 0x10000
DATA_SIZE, TOP = 0x10000, LIMIT - 0x2000  # TOP: two pages up to the limit
REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
USUAL = {"at": TEXT, "eax": 0, "ecx": 0, "edx": 0, "ebx": 0x10100, "esp": 0x1F000, "ebp": 0x1E000,
         "esi": 0x10200, "edi": 0x10400, "flags": 0x202}

# The outcomes of the matrix, as the core says them.  Going beyond the segment is a fault at the
# guest's address by the core's policy, so SS and GP of that kind are rows with PF.
KINDS = {
    "UD": TrapKind.ILLEGAL, "GP": TrapKind.PROTECTION, "SS": TrapKind.STACK, "PF": TrapKind.FAULT,
    "DE": TrapKind.DIVIDE, "BP": TrapKind.BREAKPOINT, "DB": TrapKind.DEBUG,
    "OF": TrapKind.OVERFLOW, "BR": TrapKind.BOUND, "AC": TrapKind.ALIGNMENT, "FP": TrapKind.FPU,
    "XM": TrapKind.SIMD, "INT": TrapKind.INT, "OK": TrapKind.INT, "NAT": TrapKind.INT,
    "TICK": TrapKind.QUANTUM, "ANY": None,
}
DONE = 0x41  # the interrupt after the code


class Case(NamedTuple):
    """One stimulus and what must come of it."""

    id: str
    name: str
    code: bytes
    mark: int                # offset of the instruction that is to trap
    registers: dict[str, int]
    memory: list[tuple[int, bytes]]
    outcome: str
    loose: bool              # values of its own making may look like addresses


def child(*arguments: object, what: str = "main") -> list[str]:
    """The arguments of Python for a process that runs a function of hostile.py."""
    start = ("import sys; sys.path.insert(0, sys.argv.pop(1)); "
             f"from security import hostile; hostile.{what}()")
    return ["-P", "-c", start, str(HERE.parent), *map(str, arguments)]


def build_probe(into: Path) -> Path:
    """Compile probe.c."""
    out = into / "probe.so"
    subprocess.run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", out, HERE / "probe.c"],
                   check=True)
    return out


def _forms(register: int) -> list[str]:
    """Memory operands: [ebx], [esi+8], [0x10100], [ebx+ecx*4+0x40]."""
    r = register << 3
    return [f"{r | 3:02x}", f"{0x46 | r:02x}08", f"{r | 5:02x}00010100", f"{0x44 | r:02x}8b40"]


def _token(text: str) -> list[str]:
    """The byte strings, in hex, that a token stands for."""
    every: list[str] = []
    for part in text.split("|"):
        if match := re.fullmatch(r"([MRE])([0-7]*)", part):
            kind, regs = match.groups()
            for r in map(int, regs or "01234567"):
                if kind in "ME":
                    every += _forms(r)
                if kind in "RE":
                    every += [f"{0xC0 | r << 3 | rm:02x}" for rm in range(8)]
        elif ".." in part:
            first, last = (int(x, 16) for x in part.split(".."))
            every += [f"{x:02x}" for x in range(first, last + 1)]
        elif "*" in part:
            unit, count = part.split("*")
            every.append(unit * int(count))
        else:
            every.append("" if part == "-" else part)
    return every


def value(text: str, registers: dict[str, int]) -> int:
    """A sum of registers, hexadecimal numbers and L, the limit."""
    names = {**registers, "L": LIMIT}
    total = 0
    for sign, term in re.findall(r"([+-]?)([^+-]+)", text):
        number = names[term] if term in names else int(term, 16)
        total += -number if sign == "-" else number
    return total & 0xFFFFFFFF


def expand(id_: str, outcome: str, before: str, code: str) -> Iterator[Case]:
    """The concrete cases of one row."""
    loose = outcome.endswith("~") or outcome in ("ANY", "NAT")
    settings = [] if before == "-" else [
        (name, values.split("|")) for name, _, values in (x.partition("=") for x in before.split(","))
    ]
    tokens = code.split()
    choices = [_token(token) for token in tokens if token != "@"]
    at = tokens.index("@") if "@" in tokens else 0
    for picked in itertools.product(*(values for _, values in settings)):
        registers, memory = dict(USUAL), []
        for (name, _), text in zip(settings, picked, strict=True):
            if name in registers:
                registers[name] = value(text, registers)
            else:
                memory.append((value(name.removeprefix("m"), registers), bytes.fromhex(text)))
        for parts in itertools.product(*choices):
            raw = bytes.fromhex("".join(parts))
            chosen = ",".join(f"{n}={t}" for (n, _), t in zip(settings, picked, strict=True))
            yield Case(id_, f"{id_} {raw.hex()} {chosen}".strip(), raw,
                       len(bytes.fromhex("".join(parts[:at]))), registers, memory,
                       outcome.rstrip("~"), loose)


def rows(name: str) -> Iterator[tuple[str, str, str, str]]:
    """The rows of a table."""
    for number, line in enumerate((HERE / name).read_text().splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        columns = line.split(maxsplit=3)
        if len(columns) != 4:
            raise ValueError(f"{name}:{number}: four columns, not {len(columns)}")
        yield columns[0], columns[1], columns[2], columns[3]


def cases(name: str = "matrix.tab") -> list[Case]:
    """Every concrete case of a table, once."""
    return list({case.name: case for row in rows(name) for case in expand(*row)}.values())
