"""The registers as gdb knows an i386: their description, order and bytes.

Source: the manual of gdb, appendix "Target Descriptions", i386 features; FXSAVE's layout.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from vx9.kernel.note import CS, DS

if TYPE_CHECKING:
    from vx9.vxcore import Cpu

_GENERAL: Final = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags")
_SEGMENTS: Final = ("cs", "ss", "ds", "es", "fs", "gs")
_CONTROL: Final = ("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop")
_TYPES: Final = {"esp": "data_ptr", "ebp": "data_ptr", "eip": "code_ptr", "eflags": "i386_eflags"}

# name: bytes, in gdb's order
SIZES: Final[dict[str, int]] = {
    **dict.fromkeys((*_GENERAL, *_SEGMENTS), 4), **{f"st{i}": 10 for i in range(8)},
    **dict.fromkeys(_CONTROL, 4), **{f"xmm{i}": 16 for i in range(8)}, "mxcsr": 4,
}
NAMES: Final = tuple(SIZES)
EIP: Final = NAMES.index("eip")

_EFLAGS: Final = (("CF", 0), ("PF", 2), ("AF", 4), ("ZF", 6), ("SF", 7), ("TF", 8), ("IF", 9),
                  ("DF", 10), ("OF", 11), ("AC", 18), ("ID", 21))


def description() -> str:
    """target.xml."""
    def reg(name: str, kind: str, group: str = "") -> str:
        more = f' group="{group}"' if group else ""
        return f'<reg name="{name}" bitsize="{8 * SIZES[name]}" type="{kind}"{more}/>'

    fields = "".join(f'<field name="{name}" start="{bit}" end="{bit}"/>' for name, bit in _EFLAGS)
    vectors = (("v4f", "ieee_single", 4), ("v2d", "ieee_double", 2), ("v16i8", "int8", 16),
               ("v8i16", "int16", 8), ("v4i32", "int32", 4), ("v2i64", "int64", 2))
    members = (("v4_float", "v4f"), ("v2_double", "v2d"), ("v16_int8", "v16i8"),
               ("v8_int16", "v8i16"), ("v4_int32", "v4i32"), ("v2_int64", "v2i64"),
               ("uint128", "uint128"))
    return "".join([
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target>',
        "<architecture>i386</architecture><osabi>none</osabi>",
        '<feature name="org.gnu.gdb.i386.core">',
        f'<flags id="i386_eflags" size="4">{fields}</flags>',
        *(reg(name, _TYPES.get(name, "int32")) for name in (*_GENERAL, *_SEGMENTS)),
        *(reg(f"st{i}", "i387_ext") for i in range(8)),
        *(reg(name, "int", "float") for name in _CONTROL),
        '</feature><feature name="org.gnu.gdb.i386.sse">',
        *(f'<vector id="{name}" type="{kind}" count="{n}"/>' for name, kind, n in vectors),
        '<union id="vec128">',
        *(f'<field name="{name}" type="{kind}"/>' for name, kind in members), "</union>",
        *(reg(f"xmm{i}", "vec128") for i in range(8)), reg("mxcsr", "int", "vector"),
        "</feature></target>",
    ])


def _tags(fpu: bytes) -> int:
    """The x87 tag word of an FXSAVE image: two bits for each physical register."""
    used, top = fpu[4], fpu[3] >> 3 & 7
    tags = 0
    for i in range(8):
        if not used >> i & 1:
            tag = 3
        else:
            at = 32 + 16 * (i - top & 7)
            mantissa, exponent = struct.unpack_from("<QH", fpu, at)
            exponent &= 0x7FFF
            zero = exponent == 0 and mantissa == 0
            odd = exponent == 0x7FFF or not mantissa >> 63
            tag = 1 if zero else 2 if odd else 0
        tags |= tag << 2 * i
    return tags


def values(cpu: Cpu) -> list[bytes]:
    """Every register's bytes, in gdb's order."""
    fpu = cpu.fpu
    control, status, _, _, opcode = struct.unpack_from("<HHBBH", fpu)
    words = [*cpu.get_regs(), CS, DS, DS, DS, DS, DS]
    found = [struct.pack("<I", word) for word in words]
    found += [fpu[32 + 16 * i:42 + 16 * i] for i in range(8)]
    found += [struct.pack("<I", v) for v in (control, status, _tags(fpu), 0, 0, 0, 0, opcode)]
    found += [fpu[160 + 16 * i:176 + 16 * i] for i in range(8)]
    found.append(fpu[24:28])
    return found


def store(cpu: Cpu, number: int, data: bytes) -> None:
    """Set one register; those that cannot be set stay as they are.  ValueError: a wrong size."""
    name = NAMES[number]
    if len(data) != SIZES[name]:
        raise ValueError(f"{name} has {SIZES[name]} bytes")
    if name in _GENERAL:
        setattr(cpu, name, int.from_bytes(data, "little"))
        return
    fpu = bytearray(cpu.fpu)
    if name.startswith("st"):
        at = 32 + 16 * int(name[2:])
        fpu[at:at + 10] = data
    elif name.startswith("xmm"):
        at = 160 + 16 * int(name[3:])
        fpu[at:at + 16] = data
    elif name == "mxcsr":
        fpu[24:28] = data
    elif name in ("fctrl", "fstat"):
        at = 0 if name == "fctrl" else 2
        fpu[at:at + 2] = data[:2]
    elif name == "ftag":
        word = int.from_bytes(data, "little")
        fpu[4] = sum(1 << i for i in range(8) if word >> 2 * i & 3 != 3)
    cpu.fpu = bytes(fpu)
