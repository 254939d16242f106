"""The x87 registers as /proc/n/fpregs shows them: the 108 bytes of FSAVE.

The core keeps the 512 bytes of FXSAVE; these two translate.  SSE registers, which a 386
debugger does not know, stay as they are.
Source: proc(3); Intel SDM volume 1, 8.1.10 and 10.5.1.
"""

from __future__ import annotations

import struct
from typing import Final

SIZE: Final = 108
# FCW FSW FTW(abridged) FOP FIP FDP MXCSR MXCSR_MASK
_FX: Final = struct.Struct("<HHBxH Q Q II")
# FCW FSW FTW FIP FCS:FOP FDP FDS, the high halves of the first three all ones
_FS: Final = struct.Struct("<HHHHHHIIII")
_REG: Final = 10
_VALID, _ZERO, _SPECIAL, _EMPTY = range(4)


def _tag(register: bytes) -> int:
    """What a register holds that is not empty."""
    mantissa, exponent = struct.unpack("<QH", register)
    exponent &= 0x7FFF
    if exponent == 0 and mantissa == 0:
        return _ZERO
    return _VALID if 0 < exponent < 0x7FFF and mantissa >> 63 else _SPECIAL


def to_fsave(fx: bytes) -> bytes:
    """The FSAVE image of an FXSAVE image."""
    fcw, fsw, used, fop, fip, fdp, _, _ = _FX.unpack_from(fx)
    registers = [fx[32 + 16 * i:32 + 16 * i + _REG] for i in range(8)]
    top = fsw >> 11 & 7
    ftw = 0
    for physical in range(8):
        tag = _tag(registers[physical - top & 7]) if used >> physical & 1 else _EMPTY
        ftw |= tag << 2 * physical
    ones = 0xFFFF
    head = _FS.pack(fcw, ones, fsw, ones, ftw, ones, fip & 0xFFFFFFFF, fop << 16,
                    fdp & 0xFFFFFFFF, 0)
    return head + b"".join(registers)


def from_fsave(fs: bytes, fx: bytes) -> bytes:
    """fx, an FXSAVE image, with the x87 registers of the FSAVE image fs."""
    fcw, _, fsw, _, ftw, _, fip, fop, fdp, _ = _FS.unpack_from(fs)
    used = sum((ftw >> 2 * i & 3 != _EMPTY) << i for i in range(8))
    new = bytearray(fx)
    mxcsr, mask = struct.unpack_from("<II", fx, 24)
    _FX.pack_into(new, 0, fcw, fsw, used, fop >> 16 & 0x7FF, fip, fdp, mxcsr, mask)
    for i in range(8):
        new[32 + 16 * i:32 + 16 * i + _REG] = fs[_FS.size + _REG * i:_FS.size + _REG * (i + 1)]
    return bytes(new)


__all__ = ["SIZE", "from_fsave", "to_fsave"]
