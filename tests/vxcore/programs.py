"""Random guest programs, as machine code.

A program is a tree of statements: straight runs of random instructions (from insns.tab), loops
with bounds, calls of all kinds, jump tables, string instructions ...  Two registers hold pointers
into the data and are only read; counters and tables are in memory that random instructions do
not touch.  So every program ends, and does the same wherever its text, data and stack are at
the same addresses.

A portable program has no result that the manuals leave open: none that depends on a flag after
an instruction that leaves it undefined, on an approximation, or on what differs from one
emulator to another (UNPORTABLE says what and why).
"""

import random
import struct
from collections.abc import Callable
from functools import cache

try:
    from .bare import DATA, DATA_SIZE, END, STACK, STACK_SIZE, TEXT, Batch
    from .decoder import ROWS, mkinsns
except ImportError:  # run as a script
    from bare import DATA, DATA_SIZE, END, STACK, STACK_SIZE, TEXT, Batch
    from decoder import ROWS, mkinsns

EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
FLAGS = 0xCD5  # CF PF AF ZF SF DF OF
CF, PF, AF, ZF, SF, OF = 1, 4, 0x10, 0x40, 0x80, 0x800

# The data: two halves that pointers point to, then what the statements themselves use.
HALF = 0x600
PRIVATE = DATA + 2 * HALF + 0x100
CONTROLS, MXCSRS, COUNTERS, TABLES = PRIVATE, PRIVATE + 32, PRIVATE + 64, PRIVATE + 256
NOWHERE = (0, 0x0FFFFFF0, DATA - 4, DATA + DATA_SIZE, STACK - 16, 0x03000000, 0x5FFFFFF0)

# What random instructions leave out: outcomes that are not a function of the program, or that
# only the statements below may do as they move the stack, the strings or the FPU's control.
LEFT_OUT = set("rdtsc fxrstor fldenv frstor fldcw ldmxcsr std into".split())
OFTEN_FATAL = set("div idiv bound aam".split())
READ_ONLY = set("cmp test bt nop comiss ucomiss comisd ucomisd ptest bound pcmpestri".split())
WRITES_BOTH = set("xchg xadd".split())

# Flags that the manuals leave undefined.
UNDEFINED = set(
    "mul imul div idiv shl shr sar rol ror rcl rcr shld shrd bsf bsr bt bts btr btc daa das aaa aas"
    " aam aad and or xor test lzcnt tzcnt".split()
)
# What portable programs leave out because Unicorn 2.1 (QEMU 5.0) does it otherwise than the
# processor and the manuals, found by running each row alone: names of rows, or features.
UNPORTABLE: dict[str, str] = {
    name: why
    for names, why in (
        ("x87 fisttp", "no stack faults: an empty register is read as if it held a number"),
        ("sha", "not there"),
        ("neg", "LOCK NEG leaves the flags of another value"),
        ("shld shrd", "16 bits by more than 16: the manuals leave the result open"),
        ("cmpxchg8b", "leaves flags other than ZF of something else"),
        ("stmxcsr", "the exception flags of SSE are not kept"),
        ("rcpps rcpss rsqrtps rsqrtss", "computed exactly, where processors approximate"),
        ("cmpps cmppd cmpss cmpsd", "reserved bits of the predicate are refused, not ignored"),
        ("addps addpd addss addsd subps subpd subss subsd mulps mulpd mulss mulsd divps divpd"
         " divss divsd addsubps addsubpd haddps haddpd hsubps hsubpd dpps dppd",
         "of two NaNs it may take the other"),
        ("phaddw phaddd phaddsw phsubw phsubd phsubsw",
         "with one register as both operands, reads what it has already written"),
        ("pcmpestrm pcmpestri pcmpistrm pcmpistri", "CF of some predicates"),
    )
    for name in names.split()
}


class Form:
    """A row, with what the generator asks of it worked out once."""

    def __init__(self, row: "mkinsns.Row") -> None:
        self.row = row
        self.name = row.name
        self.attributes = row.attributes
        self.prefix = b"" if row.prefix == "-" else bytes.fromhex(row.prefix)
        self.cells = [((b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")[m], op) for m, op in row.cells()]
        places = row.selects()
        self.modrm = places is not None
        self.memory = [p for p in places or () if p < 8]
        self.register = [p - 8 for p in places or () if p >= 8]
        self.writes = row.name not in READ_ONLY
        kinds = row.operands
        first = kinds[0] if kinds else ""
        self.reg = next((o for o in kinds if o[0] == "G"), "")
        self.rm = next((o for o in kinds if o[0] in "ER"), "")
        if row.name == "pextrb":  # a byte of memory, but a register of four
            self.rm = first = "Ed"
        self.opcode_reg = next((o for o in kinds if o[0] == "Z"), "")
        both = row.name in WRITES_BOTH
        self.reg_written = self.writes and (self.reg == first or both)
        self.rm_written = self.writes and (self.rm == first or both)
        self.size = row.size()
        self.absolute = row.memory().startswith("O")
        self.immediate = mkinsns.IMMEDIATES[row.immediate()]


@cache
def _pool(features: frozenset[str]) -> tuple[list[list[Form]], list[list[Form]]]:
    """(all rows for random instructions, the portable ones)."""
    rows = []
    for row in ROWS:
        stack = row.attributes & {"push", "pop", "pusha", "popa", "enter", "leave", "xlat",
                                  "maskmov"}
        string = any(o[0] in "XY" for o in row.operands if o[:1] in ("X", "Y"))
        if (row.action == "copy" and row.feature in features and row.name not in LEFT_OUT
                and not stack and not string):
            rows.append(Form(row))
    # As many of each kind as of the others, or SSE would drown the rest.
    kinds: dict[str, list[Form]] = {}
    for row in rows:
        kinds.setdefault(row.row.feature, []).append(row)
    weights = {"base": 12, "x87": 3, "mmx": 2}
    full = [kinds[k] for k in kinds for _ in range(weights.get(k, 1))]
    portable = {k: [r for r in kinds[k] if r.name not in UNPORTABLE and k not in UNPORTABLE]
                for k in kinds}
    return full, [portable[k] for k in portable if portable[k]
                  for _ in range(weights.get(k, 1))]


class Program:
    """One program, being made at an address."""

    def __init__(self, rng: random.Random, at: int, features: frozenset[str],
                 portable: bool) -> None:
        self.rng = rng
        self.at = at
        self.portable = portable
        self.code = bytearray()
        self.index = EAX
        self._pool = _pool(features)[portable]
        self._labels: dict[int, int] = {}
        self._fixups: list[tuple[int, int, int]] = []  # place, size (0: absolute), label
        self._tables: list[tuple[int, list[int]]] = []
        self._later: list[Callable[[], None]] = []
        self._counters = COUNTERS
        self._next_table = TABLES
        self._functions: list[tuple[int, int]] = []  # label, bytes of arguments it drops
        self._depth = 0
        self._budget = 40
        self.initial: list[tuple[int, bytes]] = []  # data that it needs: address, bytes
        pointers = rng.sample((EBX, EBP, ESI, EDI), 2)
        self.pointer = {pointers[0]: DATA + 0x100 + 16 * rng.randrange(16),
                        pointers[1]: DATA + HALF + 0x100 + 16 * rng.randrange(16)}
        self.free = [r for r in (EAX, ECX, EDX, EBX, EBP, ESI, EDI) if r not in self.pointer]
        self.bytes = [r for r in range(8) if r & 3 in self.free and r & 3 < 4]

    # ---- bytes and labels ----

    def put(self, *bytes_: int) -> None:
        self.code += bytes(bytes_)

    def put32(self, value: int) -> None:
        self.code += struct.pack("<I", value & 0xFFFFFFFF)

    def label(self) -> int:
        self._labels[len(self._labels)] = -1
        return len(self._labels) - 1

    def here(self, label: int) -> None:
        self._labels[label] = len(self.code)

    def branch(self, opcode: bytes, label: int, short: bool = False) -> None:
        self.code += opcode
        self._fixups.append((len(self.code), 1 if short else 4, label))
        self.code += bytes(1 if short else 4)

    def address(self, label: int) -> None:
        """Four bytes: where the label is."""
        self._fixups.append((len(self.code), 0, label))
        self.code += bytes(4)

    def finish(self) -> bytes:
        """The code, with all branches filled in."""
        while self._later:
            self._later.pop()()
        for place, size, label in self._fixups:
            target = self._labels[label]
            if size == 0:
                struct.pack_into("<I", self.code, place, self.at + target)
            else:
                struct.pack_into("<b" if size == 1 else "<i", self.code, place,
                                 target - place - size)
        for address, labels in self._tables:
            self.initial.append((address, b"".join(
                struct.pack("<I", self.at + self._labels[x]) for x in labels)))
        return bytes(self.code)

    def counter(self) -> int:
        self._counters += 4
        return self._counters - 4

    def table(self, labels: list[int]) -> int:
        at = self._next_table
        self._next_table += 4 * len(labels)
        self._tables.append((at, labels))
        return at

    # ---- operands ----

    def memory(self, reg: int, aligned: bool = False) -> bytes:
        """ModRM, SIB and displacement of a place in the data, with reg in ModRM."""
        rng, reg = self.rng, reg << 3
        offset = rng.randrange(-0x100, 0x100)
        if aligned:
            offset &= -16
        form = rng.random()
        if form < 0.15:
            return bytes([reg | 5]) + struct.pack("<I", DATA + 0x300 + offset)
        pointer = rng.choice(tuple(self.pointer))
        skew = self.pointer[pointer] & 15
        offset -= skew if aligned else 0
        if form < 0.3 and not aligned:  # an index that was made small before
            sib = rng.randrange(3) << 6 | self.index << 3 | pointer
            return bytes([0x84 | reg, sib]) + struct.pack("<i", offset)
        if form < 0.4:  # no index
            return bytes([0x84 | reg, 0x20 | pointer]) + struct.pack("<i", offset)
        if form < 0.45 and not aligned:  # below the stack pointer
            return bytes([0x84 | reg, 0x24]) + struct.pack("<i", (offset - 0x140) & -16)
        if -128 <= offset < 128:
            return bytes([0x40 | reg | pointer, offset & 0xFF])
        return bytes([0x80 | reg | pointer]) + struct.pack("<i", offset)

    def bound_index(self) -> None:
        """Make a free register small without a flag: movzx r, byte [...]."""
        self.index = self.rng.choice(self.free)
        self.put(0x0F, 0xB6, self.index << 3 | 5)
        self.put32(DATA + self.rng.randrange(0x600))

    def gpr(self, kind: str, written: bool) -> int:
        byte = kind[1:2] == "b"
        if written:
            return self.rng.choice(self.bytes if byte else self.free)
        return self.rng.randrange(8)

    # ---- one random instruction ----

    def instruction(self) -> None:
        rng = self.rng
        row = rng.choice(rng.choice(self._pool))
        if row.name in OFTEN_FATAL and rng.random() < 0.95:
            return
        prefix = row.prefix
        narrow = "o16" in row.attributes and rng.random() < 0.2
        if narrow:
            prefix += b"\x66"
        escape, opcode = rng.choice(row.cells)
        if row.opcode_reg:
            if row.name == "xchg" and EAX not in self.free:
                return
            opcode = opcode & 0xF8 | self.gpr(row.opcode_reg, row.writes)
        body = escape + bytes([opcode])
        if row.modrm and row.memory and (not row.register or rng.random() < 0.45):
            reg = rng.choice(row.memory)
            if row.reg:
                reg = self.gpr(row.reg, row.reg_written)
            self.bound_index()
            bits = "bits" in row.attributes
            if bits:
                reg = self.index
            size = row.size[narrow]
            body += self.memory(reg, bits or (size == 16 and (self.portable or rng.random() < 0.98)))
            if "lock" in row.attributes and rng.random() < 0.2:
                prefix += b"\xf0"
            if rng.random() < 0.05:
                prefix += rng.choice((b"\x26", b"\x36", b"\x3e"))
        elif row.modrm:
            place = rng.choice(row.register)
            reg, rm = place >> 3, place & 7
            if row.reg:
                reg = self.gpr(row.reg, row.reg_written)
            if row.rm:
                rm = self.gpr(row.rm, row.rm_written)
            body += bytes([0xC0 | reg << 3 | rm])
        self.code += prefix + body
        if row.absolute:
            self.put32(DATA + rng.randrange(0xA00))
        if n := row.immediate[narrow]:
            if n == 4 and rng.random() < 0.5:
                self.put32(rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)))
            else:
                self.code += rng.randbytes(n)
        if self.portable and row.name in UNDEFINED:
            self.define()

    def define(self) -> None:
        """Give every flag a defined value: cmp r, imm8."""
        self.put(0x83, 0xF8 | self.rng.choice(self.free), self.rng.randrange(256))

    def straight(self, most: int = 6) -> None:
        for _ in range(self.rng.randrange(1, most)):
            self.instruction()

    # ---- statements ----

    def flags(self) -> None:
        """Put known flags: by cmp, by popf, by sahf, by one of the single ones."""
        rng = self.rng
        which = rng.randrange(5)
        if which == 0:
            self.define()
        elif which == 1:
            self.put(0x68)
            self.put32(rng.getrandbits(12) & FLAGS | 0x202 | rng.choice((0, 0x200000)))
            self.put(0x9D)
        elif which == 2:
            self.put(rng.choice((0xF5, 0xF8, 0xF9, 0xFC, 0xFD)))
        elif which == 3:
            self.put(0x39, 0xC0 | rng.randrange(64))
        else:
            self.put(0x04 if rng.random() < 0.5 else 0x14, rng.randrange(256))

    def use_flags(self) -> None:
        """Make flags visible: setcc, adc, sbb, pushf, lahf, cmov."""
        rng = self.rng
        which = rng.randrange(5)
        if which == 0:
            self.put(0x0F, 0x90 | rng.randrange(16), 0xC0 | rng.choice(self.bytes))
        elif which == 1:
            self.put(rng.choice((0x83, 0x81)), rng.choice((0xD0, 0xD8)) | rng.choice(self.free))
            self.code += rng.randbytes(1 if self.code[-2] == 0x83 else 4)
        elif which == 2:
            self.put(0x9C)
            self.put(0x58 | rng.choice(self.free))
        elif which == 3:
            self.put(0x9F)
        else:
            self.put(0x0F, 0x40 | rng.randrange(16), 0xC0 | rng.choice(self.free) << 3
                     | rng.randrange(8))

    def condition(self, over: int) -> None:
        if self.rng.random() < 0.5:
            self.flags()
        cc = self.rng.randrange(16)
        self.branch(bytes([0x0F, 0x80 | cc]), over)

    def if_else(self) -> None:
        other, end = self.label(), self.label()
        self.condition(other)
        self.block()
        if self.rng.random() < 0.5:
            self.branch(b"\xe9", end)
            self.here(other)
            self.block()
        else:
            self.here(other)
        self.here(end)

    def short_branch(self) -> None:
        over = self.label()
        at = len(self.code)
        cc = self.rng.choice([*range(0x70, 0x80), 0xEB])
        self.branch(bytes([cc]), over, short=True)
        self.straight(3)
        if len(self.code) - at > 120:
            del self.code[at:]
            self._fixups.pop()
        self.here(over)

    def memory_loop(self) -> None:
        """Count in memory; the flags are those of the count."""
        counter, top = self.counter(), self.label()
        self.put(0xC7, 0x05)
        self.put32(counter)
        self.put32(self.rng.randrange(1, 6))
        self.here(top)
        self.block()
        self.put(0xFF, 0x0D)
        self.put32(counter)
        self.branch(b"\x0f\x85", top)

    def ecx_loop(self) -> None:
        """loop, loope, loopne and jecxz."""
        if ECX not in self.free:
            return
        rng = self.rng
        end, top = self.label(), self.label()
        self.put(0xB9)
        self.put32(rng.randrange(5))
        if rng.random() < 0.5:
            self.branch(b"\xe3", end, short=True)
        else:
            self.put(0x41)
        self.here(top)
        self.put(0x51)
        at = len(self.code)
        self.instruction()
        self.instruction()
        if len(self.code) - at > 90:
            del self.code[at:]
        self.put(0x59)
        self.branch(bytes([rng.choice((0xE0, 0xE1, 0xE2))]), top, short=True)
        if self.portable:  # Unicorn: LOOPE and LOOPNE that end by ECX leave flags of their own
            self.define()
        self.here(end)
        if rng.random() < 0.5:
            self.use_flags()

    def function(self) -> tuple[int, int]:
        """A function to call: (label, bytes of arguments that it drops)."""
        if self._functions and self.rng.random() < 0.5:
            return self.rng.choice(self._functions)
        label, drops = self.label(), self.rng.choice((0, 0, 4, 8))
        depth = self._depth + 1

        def body() -> None:
            saved, self._depth = self._depth, depth
            self.here(label)
            self.straight(4)
            if depth < 3 and self.rng.random() < 0.3:
                self.call()
            if self.rng.random() < 0.3:
                self.flags()
            if drops:
                self.put(0xC2, drops, 0)
            else:
                self.code += self.rng.choice((b"\xc3", b"\xc3", b"\xf3\xc3", b"\xc2\0\0"))
            self._depth = saved
            if self._depth == 0:
                self._functions.append((label, drops))

        self._later.append(body)
        return label, drops

    def call(self) -> None:
        rng = self.rng
        label, drops = self.function()
        for _ in range(drops // 4):
            if rng.random() < 0.5:
                self.put(0x50 | rng.randrange(8))
            else:
                self.put(0x6A, rng.randrange(256))
        way = rng.randrange(5)
        if way < 2:
            self.branch(b"\xe8", label)
        elif way == 2:
            reg = rng.choice(self.free)
            self.put(0xB8 | reg)
            self.address(label)
            self.put(0xFF, 0xD0 | reg)
        elif way == 3:
            self.put(0xFF, 0x15)
            self.put32(self.table([label]))
        else:  # push where to go on; jmp
            back = self.label()
            self.put(0x68)
            self.address(back)
            self.branch(b"\xe9", label)
            if rng.random() < 0.5:
                self.code += rng.randbytes(3)
            self.here(back)
        if rng.random() < 0.5:
            self.use_flags()

    def recursion(self) -> None:
        counter, f, out = self.counter(), self.label(), self.label()
        self.put(0xC7, 0x05)
        self.put32(counter)
        self.put32(self.rng.randrange(1, 6))
        self.branch(b"\xe8", f)

        def body() -> None:
            self.here(f)
            self.put(0xFF, 0x0D)
            self.put32(counter)
            self.branch(b"\x0f\x88", out)
            self.straight(3)
            self.branch(b"\xe8", f)
            self.straight(3)
            self.here(out)
            self.put(0xC3)

        self._later.append(body)

    def switch(self) -> None:
        """A jump table, by a register or by memory."""
        rng = self.rng
        ways = [self.label() for _ in range(4)]
        end = self.label()
        reg = rng.choice(self.free)
        self.put(0x0F, 0xB6, reg << 3 | 5)
        self.put32(DATA + rng.randrange(0x600))
        self.put(0x83, 0xE0 | reg, 3)
        if self.portable:
            self.define()
        table = self.table(ways)
        if rng.random() < 0.5:
            self.put(0xFF, 0x24, 0x85 | reg << 3)
            self.put32(table)
        else:
            self.put(0x8B, 0x04 | reg << 3, 0x85 | reg << 3)
            self.put32(table)
            self.put(0xFF, 0xE0 | reg)
        for way in ways:
            self.here(way)
            self.straight(3)
            self.branch(b"\xe9", end)
        self.here(end)

    def string(self) -> None:
        """movs, stos, lods, scas, cmps, with and without rep, both ways."""
        rng = self.rng
        if ECX not in self.free:
            return
        op = rng.choice((0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF))
        saved = [r for r in (ESI, EDI) if r in self.pointer]
        for r in saved:
            self.put(0x50 | r)
        fatal = rng.random() < 0.01
        for r in (ESI, EDI):
            self.put(0xB8 | r)
            self.put32(DATA + DATA_SIZE - 8 if fatal else DATA + 0x100 + rng.randrange(0x900))
        self.put(0xB9)
        self.put32(rng.choice((0, 1, 2, 7, 16, 33)))
        self.put(rng.choice((0xFC, 0xFD)))
        if rng.random() < 0.3:
            self.put(0x39, 0xC0 | rng.choice((0, 1, 8)))
        if op & 1 and rng.random() < 0.2:
            self.put(0x66)
        if rng.random() < 0.8:
            self.put(rng.choice((0xF3, 0xF2)) if op & 0xF6 in (0xA6,) else 0xF3)
        self.put(op)
        if rng.random() < 0.7:
            self.put(0xFC)
        for r in reversed(saved):
            self.put(0x58 | r)

    def stack(self) -> None:
        """push and pop, pusha and popa, enter and leave."""
        rng = self.rng
        which = rng.randrange(6)
        if which == 0:
            self.put(0x50 | rng.randrange(8))
            self.straight(3)
            self.put(0x58 | rng.choice(self.free))
        elif which == 1:
            narrow = [0x66] if rng.random() < 0.2 else []
            self.put(*narrow, 0x60)
            self.straight(4)
            self.put(*narrow, 0x61)
        elif which == 2:
            self.put(0x55)
            # Two levels read what EBP points to.
            self.put(0xC8, 4 * rng.randrange(8), 0,
                     rng.randrange(3 if EBP in self.pointer else 2))
            ebp = self.pointer.pop(EBP, None)
            if ebp is None or self.pointer:
                free = self.free
                self.free = [r for r in free if r != EBP]
                self.straight(3)
                self.free = free
            if ebp is not None:
                self.pointer[EBP] = ebp
            self.put(0xC9, 0x5D)
        elif which == 3:  # memory operands of push and pop
            self.bound_index()
            self.put(0xFF)
            self.code += self.memory(6)
            self.bound_index()
            self.put(0x8F)
            self.code += self.memory(0)
        elif which == 4:
            self.put(0x68)
            self.put32(rng.getrandbits(32))
            self.put(0x66, 0x58 | rng.choice(self.free))
            self.put(0x66, 0x58 | rng.choice(self.free))
        else:  # the stack pointer as an operand
            reg = rng.choice(self.free)
            self.put(0x89, 0xE0 | reg)
            self.put(0x83, 0xEC, 16)
            self.put(0x8D, 0x64, 0x24, 16)

    def return_games(self) -> None:
        """push; ret.  call next; pop.  A return that is not to its call."""
        rng = self.rng
        which = rng.randrange(3)
        if which == 0:
            on = self.label()
            self.put(0x68)
            self.address(on)
            self.put(0xC3)
            self.code += rng.randbytes(rng.randrange(4))
            self.here(on)
        elif which == 1:
            self.put(0xE8, 0, 0, 0, 0, 0x58 | rng.choice(self.free))
        else:
            f, other, on = self.label(), self.label(), self.label()
            self.branch(b"\xe8", f)
            self.branch(b"\xe9", on)
            self.here(f)  # change the return address to other
            self.put(0xC7, 0x04, 0x24)
            self.address(other)
            self.put(*rng.choice(((0xC3,), (0xC2, 0, 0), (0xF3, 0xC3))))
            self.here(other)
            self.straight(3)
            self.here(on)

    def overlap(self) -> None:
        """One stream of bytes read from two places: mov eax, imm, and what the imm holds."""
        counter, top, inside, end = self.counter(), self.label(), self.label(), self.label()
        if EAX not in self.free:
            return
        reg = self.rng.choice(self.free)
        self.put(0xC7, 0x05)
        self.put32(counter)
        self.put32(2)
        self.here(top)
        self.put(0xB8)
        self.here(inside)
        self.put(0x40 | reg, 0x90, 0x48 | self.rng.choice(self.free), 0xF8)
        self.put(0xFF, 0x0D)
        self.put32(counter)
        self.branch(b"\x0f\x84", end)
        self.branch(b"\xe9", inside)
        self.here(end)

    def fpu_control(self) -> None:
        """Rounding, precision and masks of x87 and SSE, and their environment stores."""
        which = self.rng.randrange(4)
        if which == 0:
            self.put(0xD9, 0x2D)
            self.put32(CONTROLS + 2 * self.rng.randrange(5))
        elif which == 1:
            self.put(0x0F, 0xAE, 0x15)
            self.put32(MXCSRS + 4 * self.rng.randrange(5))
        elif which == 2:  # where the last instruction was is not the same everywhere
            at = DATA + 0x400
            self.put(0xD9, 0x35)
            self.put32(at)
            for i in range(12, 28, 4):
                self.put(0xC7, 0x05)
                self.put32(at + i)
                self.put32(0)
            if self.rng.random() < 0.5:
                self.put(0xD9, 0x25)
                self.put32(at)
        else:
            self.put(0xDB, 0xE3)

    def xlat(self) -> None:
        if EBX in self.pointer and EAX in self.free:
            self.put(0xD7)

    STATEMENTS = (
        ("straight", 8), ("if_else", 3), ("short_branch", 2), ("memory_loop", 2), ("ecx_loop", 1),
        ("call", 4), ("recursion", 1), ("switch", 1), ("string", 2), ("stack", 2),
        ("return_games", 1), ("overlap", 0.5), ("flags", 2), ("use_flags", 2), ("xlat", 0.3),
        ("fpu_control", 0.3),
    )

    def block(self) -> None:
        self._depth += 1
        names = [n for n, _ in self.STATEMENTS]
        weights = [w for _, w in self.STATEMENTS]
        for _ in range(self.rng.randrange(1, 4)):
            self._budget -= 1
            name = "straight"
            if self._depth < 5 and self._budget > 0:
                name = self.rng.choices(names, weights)[0]
                if self.portable and name == "fpu_control":
                    name = "straight"
            getattr(self, name)()
        self._depth -= 1

    def end(self) -> None:
        """INT 0x40, or a fault, about which Unicorn is vague."""
        rng = self.rng
        if self.portable or rng.random() < 0.75:
            self.put(0xCD, END)
            return
        nowhere = rng.choice(NOWHERE)
        which = rng.randrange(10)
        if which == 0:
            self.code += rng.choice((b"\xa1", b"\xa3", b"\x8b\x0d", b"\x01\x05", b"\xdd\x05",
                                     b"\x0f\x6f\x05", b"\x66\x0f\x6f\x05", b"\xff\x35",
                                     b"\xff\x15", b"\xff\x25"))
            self.put32(nowhere)
        elif which == 1:  # the stack is nowhere, or at the end of the data
            esp = rng.choice((0x10, DATA, DATA + DATA_SIZE, STACK, 0x03000000))
            ways = [b"\x50", b"\x58", b"\xe8\0\0\0\0", b"\x60", b"\x61", b"\x9c", b"\x9d",
                    b"\xbd\x10\0\0\0\xc9"]
            if esp in (0x10, 0x03000000):  # elsewhere they find an address of who knows what
                ways += [b"\xc3", b"\xff\xd0", b"\xc2\x08\0"]
            self.put(0xBC)
            self.put32(esp)
            self.code += rng.choice(ways)
            self.put(0xCD, END)
        elif which == 2:  # jump nowhere
            self.put(0xB8)
            self.put32(rng.choice((*NOWHERE, DATA, STACK)))
            self.code += rng.choice((b"\xff\xe0", b"\xff\xd0", b"\x50\xc3", b"\x50\xc2\4\0"))
        elif which == 3:
            self.code += rng.choice((b"\x0f\x0b", b"\xcc", b"\xf4", b"\xfa", b"\xcd\x03",
                                     b"\xe4\x10", b"\xcd\x41"))
        elif which == 4:  # divide: by zero, and a quotient that is too large
            self.put(0x31, 0xC9, 0x31, 0xD2)
            self.code += rng.choice((b"\xf7\xf1", b"\xf7\xf9", b"\xf6\xf1", b"\xd4\x00",
                                     b"\x41\x4a\xf7\xf1"))
        elif which == 5:
            self.put(0xB8)
            self.put32(0x7FFFFFFF)
            self.put(0x83, 0xC0, rng.randrange(2), 0xCE, 0xCD, END)
        elif which == 6:  # across the end of the data
            self.code += rng.choice((b"\xa1", b"\xa3", b"\xdd\x05", b"\x0f\x10\x05", b"\xdb\x3d"))
            self.put32(DATA + DATA_SIZE - rng.randrange(1, 4))
        elif which == 7:  # the text is not to be written
            self.put(0xC6, 0x05)
            self.put32(self.at)
            self.put(0x90)
        elif which == 8:  # not aligned
            self.code += b"\x0f\x28\x05"
            self.put32(DATA + 8)
        else:  # bound
            self.put(0x62, 0x05)
            self.put32(DATA + 4 * rng.randrange(64))
            self.put(0xCD, END)

    def make(self) -> bytes:
        for _ in range(self.rng.randrange(1, 4)):
            self.block()
        self._depth = 0
        self.end()
        return self.finish()


def images(rng: random.Random) -> tuple[bytes, bytes, list[bytes]]:
    """What data, stack and FPU hold at first: numbers, small and large, of all types."""
    def numbers(size: int) -> bytes:
        out = bytearray()
        while len(out) < size:
            which = rng.randrange(6)
            if which == 0:
                out += struct.pack("<d", rng.choice((0.0, -0.0, 1.5, -1e10, 3.25e-5, 1e300)))
            elif which == 1:
                out += struct.pack("<f", rng.uniform(-1e6, 1e6))
            elif which == 2:
                out += struct.pack("<i", rng.randrange(-300, 300))
            elif which == 3:
                out += struct.pack("<I", rng.choice((0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)))
            else:
                out += rng.randbytes(4)
        return bytes(out[:size])

    data = bytearray(numbers(DATA_SIZE))
    struct.pack_into("<5H", data, CONTROLS - DATA, 0x37F, 0x27F, 0x77F, 0xF7F, 0x372)
    struct.pack_into("<5I", data, MXCSRS - DATA, 0x1F80, 0x9FC0, 0x3F80, 0x5F80, 0x1D00)
    fpus = []
    for i in range(4):
        image = bytearray(512)
        struct.pack_into("<HHBBHIIIII", image, 0, 0x37F, 0, (0, 0x3F, 0xFF, 0)[i], 0, 0, 0, 0, 0, 0,
                         0x1F80)
        for k in range(8):
            exponent = 0x3FFF + rng.randrange(-20, 40)
            struct.pack_into("<QH", image, 32 + 16 * k, rng.getrandbits(63) | 1 << 63, exponent)
            image[160 + 16 * k : 176 + 16 * k] = numbers(16)
        fpus.append(bytes(image))
    return bytes(data), numbers(STACK_SIZE), fpus


def batch(seed: int, count: int, features: frozenset[str], portable: bool) -> Batch:
    """count programs, in one text."""
    rng = random.Random(f"{seed} {portable}")
    data, stack, fpus = images(rng)
    text = bytearray()
    starts = []
    table_data = bytearray(data)
    for _ in range(count):
        text += b"\xcc" * rng.randrange(1, 20)
        program = Program(rng, TEXT + len(text), features, portable)
        code = program.make()
        eip = TEXT + len(text)
        # The tables of a program are written by the program itself: data is the same for all.
        setup = bytearray()
        for address, content in program.initial:
            for i in range(0, len(content), 4):
                setup += b"\xc7\x05" + struct.pack("<I", address + i) + content[i : i + 4]
        text += code
        if setup:
            start = len(text)
            text += setup + b"\xe9" + struct.pack("<i", eip - (TEXT + start + len(setup) + 5))
            eip = TEXT + start
        regs = [rng.choice((rng.getrandbits(32), rng.randrange(256), 0xFFFFFFFF, 0))
                for _ in range(8)]
        for register, value in program.pointer.items():
            regs[register] = value
        regs[ESP] = STACK + STACK_SIZE - 1024 - 4 * rng.randrange(4)
        flags = rng.getrandbits(12) & FLAGS & ~0x400 | 0x202
        starts.append(((*regs, eip, flags), rng.randrange(4)))
    return Batch(bytes(text), bytes(table_data), stack, fpus, starts)
