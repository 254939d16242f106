"""Arguments of system calls as the tracer prints them, by their type in syscalls.tab.

What a call gives is printed when it has ended: such an argument is a function of the call's
result that gives the text.  A type that has no printer here is a number, or an address if it
is a pointer in C.
Source: ratrace(1); the flags of open(2), stat(2), fork(2), bind(2), segattach(2).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.dir import Dir, DirChange, unpack, unpack_change
from vx9.fs.errors import PlanError
from vx9.kernel.usermem import OddAddress
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc
    from vx9.kernel.systab import Call

SHOWN: Final = 32  # bytes of a buffer
STRING_SHOWN: Final = 256
ARGS_SHOWN: Final = 16
_RECORDS: Final = frozenset({"stat", "fstat", "wstat", "fwstat"})  # whose buffer is a stat record
_RECORD_MOST: Final = 65535
Shown = str | Callable[[int], str]

_OPEN: Final = ("OREAD", "OWRITE", "ORDWR", "OEXEC")
# fmt: off
_OPEN_FLAGS: Final = {16: "OTRUNC", 32: "OCEXEC", 64: "ORCLOSE", 0x1000: "OEXCL"}
_PERM: Final = {0x80000000: "DMDIR", 0x40000000: "DMAPPEND", 0x20000000: "DMEXCL",
                0x10000000: "DMMOUNT", 0x08000000: "DMAUTH", 0x04000000: "DMTMP"}
_RFORK: Final = {16: "RFPROC", 32: "RFMEM", 64: "RFNOWAIT", 4: "RFFDG", 4096: "RFCFDG",
                 1: "RFNAMEG", 1024: "RFCNAMEG", 2: "RFENVG", 2048: "RFCENVG", 8: "RFNOTEG",
                 8192: "RFREND", 16384: "RFNOMNT"}
_BIND: Final = ("MREPL", "MBEFORE", "MAFTER", "3")
_BIND_FLAGS: Final = {4: "MCREATE", 16: "MCACHE"}
_NOTED: Final = ("NCONT", "NDFLT", "NSAVE", "NRSTR")
_SEGMENT: Final = {0o40: "SG_RONLY", 0o100: "SG_CEXEC"}
# fmt: on


def flags(value: int, names: dict[int, str], base: str = "") -> str:
    """The names of the bits of value, the rest in hex."""
    words = [base] if base else []
    for bit, name in names.items():
        if value & bit:
            words.append(name)
            value &= ~bit
    if value or not words:
        words.append(f"{value & 0xFFFFFFFF:#x}" if value else "0")
    return "|".join(words)


def quoted(data: bytes, shown: int = SHOWN) -> str:
    """Bytes between double quotes, unprintable ones escaped, a long rest left out."""
    text = repr(data[:shown])[2:-1].replace('"', '\\"').replace("\\'", "'")
    return f'"{text}"' + ("..." if len(data) > shown else "")


def printable(text: str) -> str:
    """A guest's text on one line, whatever is in it."""
    return text if text.isascii() and text.isprintable() else repr(text)[1:-1]


def show(p: Proc, call: Call, args: Sequence[Any]) -> list[Shown]:
    """All arguments of a call that is about to be made."""
    shown: list[Shown] = []
    for i, ((_, kind), value) in enumerate(zip(call.args, args, strict=True)):
        count = args[i + 1] if i + 1 < len(args) and isinstance(args[i + 1], int) else SHOWN
        if value is None:
            shown.append("nil")
        elif call.name in _RECORDS and kind.name == "in":
            shown.append(_reading(_change, p, value, count))
        elif call.name in _RECORDS and kind.name == "out":
            shown.append(_later(p, _record, value))
        elif kind.name in _NUMBERS:
            shown.append(_NUMBERS[kind.name](value))
        elif kind.name in _BEFORE:
            shown.append(_reading(_BEFORE[kind.name], p, value, count))
        elif kind.name in _AFTER:
            shown.append(_later(p, _AFTER[kind.name], value))
        else:
            shown.append(str(value) if not kind.c.endswith("*") else f"{value:#x}")
    return shown


def _reading(text: Callable[[Proc, Any, int], str], p: Proc, address: Any, count: int) -> str:
    """What stands in memory, or the address where nothing does."""
    if address == 0:
        return "nil"
    try:
        return text(p, address, count)
    except (MemoryFault, OddAddress, PlanError):
        return f"{address:#x}"


def _later(p: Proc, show_it: Callable[[Proc, int, int], str],
           address: int) -> Callable[[int], str]:
    def text(result: int) -> str:
        if result < 0:
            return f"{address:#x}" if address else "nil"
        return _reading(show_it, p, address, result)

    return text


# Directory records

def _fields(d: Dir | DirChange) -> str:
    """What a record says, without what it leaves open."""
    parts = [f"{name}={quoted(text.encode('utf-8', 'surrogateescape'))}" for name, text in
             (("name", d.name), ("uid", d.uid), ("gid", d.gid), ("muid", d.muid)) if text]
    if d.mode is not None:
        parts.append(f"mode={_NUMBERS['perm'](d.mode)}")
    parts += [f"{name}={value}" for name, value in
              (("length", d.length), ("atime", d.atime), ("mtime", d.mtime)) if value is not None]
    if isinstance(d, Dir):
        parts.append(f"qid=({d.qid[0]:#x} {d.qid[1]} {d.qid[2]:#x})")
    return "{" + " ".join(parts) + "}"


def _record(p: Proc, address: int, result: int) -> str:
    return _fields(unpack(p.mem.read(address, result)))


def _change(p: Proc, address: int, count: int) -> str:
    if count > _RECORD_MOST:
        return f"{address:#x}"
    return _fields(unpack_change(p.mem.read(address, count)))


# Before the call

def _string(p: Proc, value: str, count: int) -> str:
    return quoted(value.encode("utf-8", "surrogateescape"), STRING_SHOWN)


def _exit_string(p: Proc, address: int, count: int) -> str:
    return quoted(p.mem.truncated(address, 127), 127)


def _arguments(p: Proc, address: int, count: int) -> str:
    pointers = p.mem.pointers(address, 1000)
    words = [quoted(p.mem.truncated(a, STRING_SHOWN), STRING_SHOWN) for a in pointers[:ARGS_SHOWN]]
    return "[" + ", ".join(words) + (", ..." if len(pointers) > ARGS_SHOWN else "") + "]"


def _buffer(p: Proc, address: int, count: int) -> str:
    return quoted(p.mem.read(address, max(0, min(count, SHOWN + 1))))


def _text(p: Proc, address: int, count: int) -> str:
    return quoted(p.mem.read(address, max(0, min(count, SHOWN + 1))).partition(b"\0")[0])


# After it

def _filled(p: Proc, address: int, result: int) -> str:
    return quoted(p.mem.read(address, min(result, SHOWN + 1)))


def _filled_string(p: Proc, address: int, result: int) -> str:
    return quoted(p.mem.truncated(address, STRING_SHOWN), STRING_SHOWN)


def _two_fds(p: Proc, address: int, result: int) -> str:
    return "[{} {}]".format(*struct.unpack("<2i", p.mem.read(address, 8)))


def _one_vlong(p: Proc, address: int, result: int) -> str:
    return f"[{struct.unpack('<q', p.mem.read(address, 8))[0]}]"


def _wait_record(p: Proc, address: int, result: int) -> str:
    record = p.mem.read(address, 112)
    numbers = record[:48].decode("ascii", "replace").split()
    return f"[{' '.join(numbers)} {quoted(record[48:].partition(bytes(1))[0], 64)}]"


# fmt: off
_NUMBERS: Final[dict[str, Callable[[int], str]]] = {
    "omode":  lambda v: flags(v & ~3, _OPEN_FLAGS, _OPEN[v & 3]),
    "perm":   lambda v: flags(v & ~0o777, _PERM, f"0{v & 0o777:o}"),
    "rflags": lambda v: flags(v, _RFORK),
    "bflags": lambda v: flags(v & ~3, _BIND_FLAGS, _BIND[v & 3]),
    "nflag":  lambda v: _NOTED[v] if 0 <= v <= 3 else str(v),
    "sgattr": lambda v: flags(v, _SEGMENT),
    "func":   lambda v: f"{v:#x}" if v else "nil",
}
_BEFORE: Final[dict[str, Callable[[Proc, Any, int], str]]] = {
    "str": _string, "strz": _string, "exitstr": _exit_string, "argv": _arguments,
    "in": _buffer, "xbuf": _text, "buf64": _text,
}
_AFTER: Final[dict[str, Callable[[Proc, int, int], str]]] = {
    "out": _filled, "outstr": _filled_string, "fdpair": _two_fds, "vlongp": _one_vlong,
    "waitrec": _wait_record,
}
# fmt: on
