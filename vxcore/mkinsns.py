"""insns.tab -> insns.inc (the decoder's C tables), and the table as a manual page or as rows.

Usage: python mkinsns.py insns.tab insns.inc

The header of insns.tab defines its columns.  The tables made here are walked by src/decode.c:
a cell for each prefix class, map and opcode holds a row, or a group that the ModRM byte selects
from.  A row that is malformed, or that accepts bytes which another row accepts, is an error.
"""

import re
import sys
from dataclasses import dataclass
from typing import Final, NoReturn

FEATURES: Final = (
    "base x87 mmx sse sse2 sse3 ssse3 sse41 sse42 popcnt lzcnt tzcnt aes pclmul sha"
).split()
ACTIONS: Final = (
    "copy jmp jcc call ret retn jmpr callr loopnz loopz loop jecxz "
    "int int3 int1 into ud2 priv pushf popf cpuid fnstenv fnsave fxsave skip"
).split()
ACCESS: Final = {"na": 0, "r": 1, "w": 2, "rw": 3}
IMPLICIT: Final = (
    "none push pop pusha popa enter leave xlat maskmov lods scas stos movs cmps".split()
)
STACK: Final = {"push", "pop", "pusha", "popa", "enter", "leave"}
LOADS: Final = {"pop", "popa", "enter", "leave", "xlat", "lods", "scas", "movs", "cmps"}
STORES: Final = {"push", "pusha", "enter", "maskmov", "stos", "movs"}
# How a row's flags are called in C, and which attribute sets them.
FLAGS: Final = "modrm lock o16 dropf3 pad cs hint notrack bits memory absolute signed".split()
ATTRIBUTES: Final = (
    {"fp", "ecx", "sets", "rep", "repz"} | set(FLAGS[1:9]) | set(ACCESS) | set(IMPLICIT[1:9])
)
# Where an instruction may name a general register, and what it may do to ECX besides.
GENERAL: Final = "reg reg8 rm rm8 opcode opcode8 implicit setreg setrm setopcode".split()
IMMEDIATES: Final = {  # bytes: with 32-bit operands, with 16-bit operands
    "": (0, 0), "Ib": (1, 1), "Ibs": (1, 1), "Iw": (2, 2), "Iz": (4, 2), "Jb": (1, 1),
    "Jz": (4, 4), "IwIb": (3, 3),
}  # fmt: skip
SIZES: Final = {  # bytes: with 32-bit operands, with 16-bit operands
    "": (0, 0), "b": (1, 1), "w": (2, 2), "d": (4, 4), "v": (4, 2), "z": (4, 2), "q": (8, 8),
    "t": (10, 10), "x": (16, 16), "a": (8, 4), "p": (6, 6), "env": (28, 14), "sav": (108, 94),
    "fx": (512, 512),
}  # fmt: skip
FIXED: Final = {"AL", "AX", "eAX", "CL", "DX", "1", "ST0", "STi"}
MAPS: Final = ("", "0F", "0F38", "0F3A")
NCLASS: Final = 6  # 66 is 1, F3 is 2, F2 is 4; F3 and F2 exclude each other
GROUP: Final = 0x8000  # a cell with this bit names a group
MOD3: Final = 8  # in a group: 8 for memory by reg, then 64 for mod 3 by reg and rm


class TableError(Exception):
    """A row of the table is wrong."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    line: int
    prefix: str
    opcode: str
    modrm: str
    feature: str
    action: str
    attributes: frozenset[str]
    name: str
    operands: tuple[str, ...]

    def fail(self, why: str) -> NoReturn:
        """Refuse this row."""
        raise TableError(f"line {self.line}: {self.name}: {why}")

    def kind(self, operand: str) -> str:
        """The letter of an operand; '' for a fixed one."""
        return "" if operand in FIXED else operand[0]

    def cells(self) -> list[tuple[int, int]]:
        """The (map, opcode) pairs that this row is about."""
        m = re.fullmatch(r"((?:0F(?:38|3A)?)?)(..)(\+r|-\1(..))?", self.opcode)
        if not m or self.opcode == "0F":
            self.fail(f"bad opcode {self.opcode}")
        first = last = int(m[2], 16)
        if m[3] == "+r":
            if first % 8:
                self.fail(f"bad opcode {self.opcode}")
            last = first + 7
        elif m[4]:
            last = int(m[4], 16)
        return [(MAPS.index(m[1]), opcode) for opcode in range(first, last + 1)]

    def classes(self) -> list[int]:
        """The prefix classes in which the row is found."""
        base = {"-": 0, "66": 1, "F3": 2, "F2": 4}[self.prefix]
        found = {base}
        if self.attributes & {"rep", "repz", "dropf3"}:
            found.add(base | 2)
        if "repz" in self.attributes:
            found.add(base | 4)
        if "o16" in self.attributes:
            found |= {c | 1 for c in found}
        return sorted(found)

    def selects(self) -> list[int] | None:
        """The places in a group that the row takes; None without a ModRM byte."""
        kinds = {self.kind(o) for o in self.operands}
        memory = [] if kinds & set("RNUCD") else list(range(8))
        register = [] if "M" in kinds else list(range(MOD3, MOD3 + 64))
        if self.modrm == "-":
            return None
        if self.modrm == "/r":
            return memory + register
        if m := re.fullmatch(r"/([0-7])", self.modrm):
            reg = int(m[1])
            return memory[reg : reg + 1] + register[reg * 8 : reg * 8 + 8]
        m = re.fullmatch(r"=([C-F].)(\+i)?", self.modrm)
        if not m:
            self.fail(f"bad modrm {self.modrm}")
        rest = int(m[1], 16) - 0xC0
        return [MOD3 + rest + i for i in range(8 if m[2] else 1)]

    def memory(self) -> str:
        """The operand that is, or may be, memory and is given by ModRM or an address."""
        found = [o for o in self.operands if self.kind(o) in tuple("EMQWO")]
        if len(found) > 1:
            self.fail("two memory operands")
        return found[0] if found and not self.modrm.startswith("=") else ""

    def string(self) -> str:
        """The kind of access of a string instruction."""
        kinds = "".join(k for o in self.operands if (k := self.kind(o)) in tuple("XY"))
        if kinds == "Y":
            return "stos" if "w" in self.attributes else "scas"
        return {"": "none", "X": "lods", "YX": "movs", "XY": "cmps"}[kinds]

    def implicit(self) -> str:
        """The access that no operand shows."""
        named = sorted(self.attributes & set(IMPLICIT))
        if len(named) > 1:
            self.fail("two kinds of implicit access")
        return named[0] if named else self.string()

    def immediate(self) -> str:
        """Which bytes follow ModRM and displacement."""
        found = "".join(o for o in self.operands if self.kind(o) in tuple("IJ"))
        if found not in IMMEDIATES:
            self.fail(f"bad immediate {found}")
        return found

    def access(self) -> int:
        """How the memory operand is accessed: 1 read, 2 written."""
        given = sorted(self.attributes & set(ACCESS))
        memory = self.memory()
        if len(given) > 1:
            self.fail("two kinds of access")
        if given:
            return ACCESS[given[0]]
        if memory and self.operands[0] == memory:
            self.fail("how is the first operand accessed?")
        return ACCESS["r"] if memory else 0

    def size(self) -> tuple[int, int]:
        """Bytes of memory accessed, with 32-bit and with 16-bit operands."""
        memory = self.memory() or next(
            (o for o in self.operands if self.kind(o) in tuple("XY")), ""
        )
        size = SIZES.get(memory[1:])
        if size is None:
            self.fail(f"bad operand {memory}")
        if "maskmov" in self.attributes:
            size = SIZES["q" if self.operands[0].startswith("P") else "x"]
        return size

    def flags(self) -> set[str]:
        """The C flags of the row, without VX_R_."""
        flags = set(self.attributes & set(FLAGS))
        if self.modrm != "-":
            flags |= {"modrm"}
        if self.memory() or self.implicit() not in {"none"} | STACK:
            flags |= {"memory"}  # takes a segment prefix, if it is memory
        if self.memory().startswith("O"):
            flags |= {"absolute"}
        if self.immediate() in {"Ibs", "Jb"}:
            flags |= {"signed"}
        return flags

    def always(self) -> list[str]:
        """What the instruction does whatever its operand: the VX_ names of decode.h."""
        does, implicit = [], self.implicit()
        vector = any(self.kind(o) in tuple("PQNVWU") for o in self.operands)
        if "fp" in self.attributes or vector or re.fullmatch("D[89A-F]", self.opcode):
            does.append("fp")
        if implicit in LOADS:
            does.append("load")
        if implicit in STORES:
            does.append("store")
        if implicit in STACK:
            does.append("stack")
        return does

    def when_memory(self) -> list[str]:
        """What it does besides when its operand is memory."""
        access = self.access()
        return ["memory"] + ["load"] * (access & 1) + ["store"] * (access >> 1)

    def general(self) -> list[str]:
        """How general registers are named: the C flags without G_."""
        does = {"implicit"} if "ecx" in self.attributes or "CL" in self.operands else set()
        places = {"G": "reg", "E": "rm", "R": "rm", "Z": "opcode"}
        for operand in self.operands:
            if place := places.get(self.kind(operand)):
                does |= {place, place + "8"} if operand[1:] == "b" else {place}
        if "sets" in self.attributes:
            if self.kind(self.operands[0]) not in places:
                self.fail("sets no register")
            does |= {"set" + places[self.kind(self.operands[0])]}
        return [flag for flag in GENERAL if flag in does]

    def check(self) -> None:
        """Refuse what the columns' definition does not allow."""
        if self.prefix not in {"-", "66", "F3", "F2"}:
            self.fail(f"bad prefix {self.prefix}")
        if self.feature not in FEATURES:
            self.fail(f"bad feature {self.feature}")
        if self.action not in ACTIONS:
            self.fail(f"bad action {self.action}")
        if unknown := self.attributes - ATTRIBUTES:
            self.fail(f"bad attribute {', '.join(sorted(unknown))}")
        if self.prefix == "66" and "o16" in self.attributes:
            self.fail("66 cannot be both")
        for operand in self.operands:
            if operand not in FIXED and not re.fullmatch(
                "[EGMRPQNVWUZIJOXYCD](bs|[bwdvzqtxap]|env|sav|fx)?", operand
            ):
                self.fail(f"bad operand {operand}")
        needs = {self.kind(o) for o in self.operands} & set("EGMRPQNVWUCD")
        if needs and self.modrm == "-":
            self.fail("operands need a ModRM byte")
        if "lock" in self.attributes and not (self.memory() and self.access() == ACCESS["rw"]):
            self.fail("only what is read and written can be locked")
        sizes = {o[1:] for o in self.operands if self.kind(o) not in ("", "J")}
        if sizes & {"v", "z", "a", "env", "sav"} and "o16" not in self.attributes:
            self.fail("operands of two sizes need o16")
        for part in (self.cells, self.selects, self.flags, self.access, self.size, self.general):
            part()


def rows(text: str) -> list[Row]:
    """The rows of a table, checked one by one."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) < 7:
            raise TableError(f"line {number}: fewer than 7 columns")
        prefix, opcode, modrm, feature, action, marks, name = words[:7]
        attributes = frozenset() if marks == "-" else frozenset(marks.split(","))
        operands = tuple(w for w in words[7:] if w != "-")
        row = Row(number, prefix, opcode, modrm, feature, action, attributes, name, operands)
        row.check()
        found.append(row)
    return found


@dataclass(slots=True)
class Tables:
    """The cells and groups that the decoder walks; 0 is no row, rows count from 1."""

    cells: list[int]
    groups: list[tuple[int, ...]]
    instead: dict[int, int]  # of a row whose feature is not offered: the one that drops its F3


def yields(table: list[Row]) -> dict[int, int]:
    """The rows with F3 for which there is another with dropf3: number -> its number."""
    dropping = {
        (row.opcode, row.modrm): number
        for number, row in enumerate(table, 1)
        if "dropf3" in row.attributes
    }
    found = {}
    for number, row in enumerate(table, 1):
        other = dropping.get((row.opcode, row.modrm))
        if row.prefix == "F3" and other:
            if row.selects() != table[other - 1].selects():
                row.fail(f"not for all bytes of line {table[other - 1].line}")
            found[number] = other
    return found


def build(table: list[Row]) -> Tables:
    """Place every row.  Raises TableError when two rows claim the same bytes."""
    plain: dict[int, int] = {}
    grouped: dict[int, list[int]] = {}
    instead = yields(table)
    yielding = set(instead.values())
    for number, row in enumerate(table, 1):
        selects = row.selects()
        for prefix in row.classes():
            if prefix & 2 and number in yielding:
                continue  # found by way of the other row
            for map_, opcode in row.cells():
                cell = (prefix * len(MAPS) + map_) * 256 + opcode
                if cell in plain or (selects is None and cell in grouped):
                    other = plain.get(cell) or max(grouped[cell])
                    row.fail(f"accepts bytes of line {table[other - 1].line}")
                if selects is None:
                    plain[cell] = number
                    continue
                group = grouped.setdefault(cell, [0] * (MOD3 + 64))
                for i in selects:
                    if group[i]:
                        row.fail(f"accepts bytes of line {table[group[i] - 1].line}")
                    group[i] = number
    cells = [0] * (NCLASS * len(MAPS) * 256)
    groups: dict[tuple[int, ...], int] = {}
    for cell, number in plain.items():
        cells[cell] = number
    for cell, places in grouped.items():
        if len(set(places)) == 1:  # whatever the ModRM byte
            cells[cell] = places[0]
        else:
            cells[cell] = GROUP | groups.setdefault(tuple(places), len(groups))
    return Tables(cells, list(groups), instead)


# What a packed entry says beside a row's number: all that its length depends on.
ENTRY: Final = {"modrm": 16, "group": 17, "narrow": 18, "absolute": 19, "signed": 20, "imm": 21}


def _entry(number: int, row: Row, narrow: bool) -> int:
    narrow = narrow and "o16" in row.attributes
    flags = row.flags() & {"modrm", "absolute", "signed"} | ({"narrow"} if narrow else set())
    imm = IMMEDIATES[row.immediate()][narrow]
    return number | sum(1 << ENTRY[flag] for flag in flags) | imm << ENTRY["imm"]


def packed(table: list[Row], tables: Tables) -> tuple[list[int], list[int]]:
    """The cells and the places of groups, as the decoder reads them."""
    cells: list[int] = []
    places: list[int] = []
    begins: dict[tuple[int, bool], int] = {}
    for at, cell in enumerate(tables.cells):
        narrow = bool(at // (len(MAPS) * 256) & 1)  # the class has 66
        if not cell & GROUP:
            cells.append(_entry(cell, table[cell - 1], narrow) if cell else 0)
            continue
        key = cell & ~GROUP, narrow
        if key not in begins:
            begins[key] = len(places)
            places += [_entry(n, table[n - 1], narrow) if n else 0 for n in tables.groups[key[0]]]
        cells.append(begins[key] | 1 << ENTRY["group"])
    return cells, places


def _numbers(values: list[int] | tuple[int, ...]) -> str:
    return "\n".join("    " + " ".join(f"{v}," for v in values[i : i + 16])
                     for i in range(0, len(values), 16))


def _enum(name: str, prefix: str, words: list[str]) -> str:
    return f"enum {name} {{\n" + "".join(f"    {prefix}{w.upper()},\n" for w in words) + "};\n"


def _bits(name: str, prefix: str, words: list[str]) -> str:
    lines = [f"    {prefix}{w.upper()} = 1 << {i},\n" for i, w in enumerate(words)]
    return f"enum {name}{{\n" + "".join(lines) + "};\n"


def _shifts(prefix: str, places: dict[str, int]) -> str:
    lines = [f"    {prefix}{w.upper()} = {n},\n" for w, n in places.items()]
    return "enum {  /* shifts */\n" + "".join(lines) + "};\n"


def _or(prefix: str, words: list[str]) -> str:
    return "|".join(prefix + w.upper() for w in words) or "0"


def c_tables(table: list[Row]) -> str:
    """The text of insns.inc.

    It has two parts: with VX_INSNS_TABLES defined the tables, else the names that go with them.
    """
    tables = build(table)
    out = ["/* Made by mkinsns.py from insns.tab. */\n#ifndef VX_INSNS_TABLES\n"]
    out.append(_enum("vx_action", "VX_A_", ACTIONS))
    out.append(_bits("vx_feature ", "VX_F_", FEATURES))
    out.append(f"enum {{ VX_NFEATURES = {len(FEATURES)} }};")
    quoted = ", ".join('"' + feature + '"' for feature in FEATURES)
    out.append(f"#define VX_FEATURE_NAMES {quoted}\n")
    out.append("#else\n")
    out.append(_enum("implicit", "IMPLICIT_", IMPLICIT))
    out.append(_bits("", "R_", FLAGS))
    out.append(_bits("", "G_", GENERAL))
    out.append(f"enum {{ NROW = {len(table) + 1}, MOD3 = {MOD3} }};\n")
    out.append(_shifts("ENTRY_", ENTRY))
    out.append("static const struct row table[NROW] = {\n    {.flags = 0},")
    for number, row in enumerate(table, 1):
        size, size16 = row.size()
        imm = IMMEDIATES[row.immediate()]
        map_ = row.cells()[0][0]
        known = [
            f"KNOWN(VX_A_{row.action.upper()}, {_or('VX_', row.always())}, {operand},"
            f" {imm[narrow]}, {number}, {map_})"
            for narrow, operand in enumerate((4, 2))
        ]
        out.append(
            f"    {{{{{', '.join(known)}}},"
            f" {_or('R_', [f for f in FLAGS if f in row.flags()])},"
            f" VX_F_{row.feature.upper()}, {size}, {size16}, {tables.instead.get(number, 0)},"
            f" IMPLICIT_{row.implicit().upper()}, {_or('VX_', row.when_memory())},"
            f" {_or('G_', row.general())}}},"
        )
    out.append("};\n\nstatic const char *const names[NROW] = {\n    \"\",")
    out += [f"    \"{row.name}\"," for row in table]
    out.append("};\n")
    cells, places = packed(table, tables)
    out.append(f"static const uint32_t cells[{NCLASS}][{len(MAPS)}][256] = {{")
    out.append(_braced(cells))
    out.append("};\n")
    out.append(f"static const uint32_t places[{len(places)}] = {{")
    out.append(_numbers(places))
    out.append("};\n#endif")
    return "\n".join(out) + "\n"


def _braced(cells: list[int]) -> str:
    lines = []
    for prefix in range(NCLASS):
        lines.append("    {")
        for map_ in range(len(MAPS)):
            at = (prefix * len(MAPS) + map_) * 256
            part = cells[at : at + 256]
            lines.append("    {\n" + (_numbers(part) if any(part) else "    0") + "\n    },")
        lines.append("    },")
    return "\n".join(lines)


def manual(table: list[Row]) -> str:
    """The text of docs/insns.md."""
    out = [
        "# Accepted instructions",
        "",
        "Made from vxcore/insns.tab, whose header explains the columns. What is not here is",
        "forbidden.",
    ]
    for feature in FEATURES:
        out += ["", f"## {feature}", "", "| instruction | encoding | action | notes |"]
        out.append("|---|---|---|---|")
        for row in table:
            if row.feature == feature:
                code = " ".join(w for w in (row.prefix, row.opcode, row.modrm) if w != "-")
                notes = " ".join(sorted(row.attributes))
                text = f"{row.name} {', '.join(row.operands)}".strip()
                out.append(f"| {text} | {code} | {row.action} | {notes} |")
    return "\n".join(out) + "\n"


def main(source: str, target: str) -> None:
    """Read the table, write the C tables."""
    with open(source, encoding="ascii") as f:
        text = f.read()
    try:
        made = c_tables(rows(text))
    except TableError as e:
        sys.exit(f"{source}: {e}")
    with open(target, "w", encoding="ascii") as f:
        f.write(made)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: mkinsns.py insns.tab insns.inc")
    main(sys.argv[1], sys.argv[2])
