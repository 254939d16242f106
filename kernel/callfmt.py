"""The text of a system call that /proc/n/syscall shows while a process stops at it.

    59 a Open 11e5 7dfc/"/lib/ndb/common" 00000000
     = 3 "" 1700000000000000000 1700000000000001000

Source: proc(3); ratrace(1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vx9.fs.errors import PlanError
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc
    from vx9.kernel.systab import Call

SHOWN: Final = 64  # bytes of a buffer
ARGS: Final = 1024  # strings of an argument list
TEXT: Final = 64 * 1024  # characters of them, about
_HEX: Final = frozenset({"perm", "omode", "rflags", "bflags", "sgattr"})
_SIGNED: Final = frozenset({"int", "fd", "count", "msec", "whence", "nflag", "vlong"})
_UNSIGNED: Final = frozenset({"uint"})
_MASK: Final = 0xFFFFFFFF


def entry(p: Proc, call: Call) -> str:
    """The call that p is about to make: process, program, name, pc, arguments."""
    words = [str(p.pid), p.name, call.title, f"{p.cpu.eip:x}"]
    try:
        args = call.unpack(p.mem.read(p.cpu.esp + 4 & _MASK, call.size))
    except MemoryFault:
        return " ".join(words)
    for i, (value, (_, kind)) in enumerate(zip(args, call.args, strict=True)):
        if kind.name == "in":
            words.append(_buffer(p, value, min(args[i + 1], SHOWN)))
        elif kind.name in ("str", "strz", "exitstr"):
            words.append(_string(p, value))
        elif kind.name == "argv":
            words += _strings(p, value)
        elif kind.name in _HEX:
            words.append(f"{value & _MASK:08x}")
        elif kind.name in _SIGNED or kind.name in _UNSIGNED:
            words.append(str(value))
        else:
            words.append(f"{value:x}")
    return " ".join(words)


def leave(p: Proc, call: Call, result: int, why: str, start_ns: int, stop_ns: int) -> str:
    """What came of it: buffers that it filled, the result, the error, when it began and ended."""
    filled = ""
    try:
        args = call.unpack(p.mem.read(p.cpu.esp + 4 & _MASK, call.size))
        filled = _filled(p, call.name, args, result)
    except MemoryFault:
        pass  # exec took the stack away
    shown = f"{result & _MASK:x}" if call.result == "addr" or call.name == "exec" else \
        str(result - (1 << 32) if result > 0x7FFFFFFF else result)
    return f"{filled} = {shown} {why or chr(34) * 2} {start_ns} {stop_ns}\n"


def _filled(p: Proc, name: str, args: tuple[int, ...], result: int) -> str:
    """The buffer that a call has filled, and the arguments after it once more."""
    if name in ("pread", "_read"):
        data = _buffer(p, args[1], min(result, SHOWN)) if result > 0 else '/""'
        return " ".join(["", data, *map(str, args[2:])])
    if name == "await":
        return f"{_buffer(p, args[0], max(0, result))} {args[1]}"
    if name in ("errstr", "_errstr", "fd2path"):
        return f'"" {args[-1] if len(args) > 1 else 64}'
    return ""


def _string(p: Proc, address: int) -> str:
    if address == 0:
        return '0/""'
    try:
        return f'{address:x}/"{p.mem.text(address)}"'
    except (MemoryFault, PlanError):
        return f"{address:x}"


def _strings(p: Proc, address: int) -> list[str]:
    words: list[str] = []
    room = TEXT
    try:
        for a in p.mem.pointers(address, ARGS):
            if room <= 0:
                return [*words, "..."]
            words.append(_string(p, a))
            room -= len(words[-1])
    except (MemoryFault, PlanError):
        words.append(f"{address:x}")
    return words


def _buffer(p: Proc, address: int, count: int) -> str:
    try:
        data = p.mem.read(address, max(0, count))
    except MemoryFault:
        return f"{address:x}"
    return f'{address:x}/"{"".join(chr(b) if 0x20 <= b < 0x7F else "." for b in data)}"'


__all__ = ["entry", "leave"]
