"""The tracer of system calls: a line a call, made from the table.

    5 cat pread(3, "hello\\n", 8192, -1) = 6
    5 cat open("/nope", OREAD) = -1 '/nope' file does not exist

Arguments are printed as the kernel read them; buffers that a call fills, after it.
Source: ratrace(1).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from vx9.fs.errors import PlanError
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc
    from vx9.kernel.systab import Call

SHOWN: Final = 32  # bytes of a buffer
ARGS_SHOWN: Final = 16

_OPEN: Final = ("OREAD", "OWRITE", "ORDWR", "OEXEC")
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


class Tracer:
    """Writes what processes do to a text sink."""

    def __init__(self, sink: TextIO) -> None:
        self.sink = sink

    async def call(self, p: Proc, call: Call, args: Sequence[Any]) -> Any:
        """Make the call of a process and write its line."""
        before = [self._before(p, call, args, i) for i in range(len(args))]
        if call.result == "void":
            self._line(p, f"{call.name}({', '.join(t or '' for t in before)})")
        try:
            result = call.handler(p, *args)  # type: ignore[misc]
            if type(result) is not int:
                result = await result
        except (PlanError, MemoryFault, Exception) as error:
            why = str(error) if isinstance(error, PlanError) else "bad address"
            self._end(p, call, args, before, f"-1 {why!r}", -1)
            raise
        if result is None:  # exec, noted: the registers are another program's
            self._line(p, f"{call.name}({', '.join(t or '' for t in before)})")
        else:
            shown = f"{result & 0xFFFFFFFF:#x}" if call.result == "addr" else str(result)
            self._end(p, call, args, before, shown, result)
        return result

    def note(self, p: Proc, text: str) -> None:
        """A note is delivered."""
        self._line(p, f"--- note {text!r} ---")

    def exit(self, p: Proc, status: str) -> None:
        """The process ends."""
        self._line(p, f"+++ exits {status!r} +++")

    def _line(self, p: Proc, text: str) -> None:
        self.sink.write(f"{p.pid} {p.name} {text}\n")
        self.sink.flush()

    def _end(self, p: Proc, call: Call, args: Sequence[Any], before: list[str | None],
             shown: str, result: int) -> None:
        texts = [t if t is not None else self._after(p, call, args, i, result)
                 for i, t in enumerate(before)]
        self._line(p, f"{call.name}({', '.join(texts)}) = {shown}")

    def _before(self, p: Proc, call: Call, args: Sequence[Any], i: int) -> str | None:
        """An argument as text; None when it is known only after the call."""
        value = args[i]
        kind = call.args[i][1].name
        if kind in ("out", "outstr", "fdpair", "vlongp", "waitrec"):
            return None
        if value is None:
            return "nil"
        if kind in ("str", "strz"):
            return quoted(value.encode("utf-8", "surrogateescape"), 256)
        if kind in ("in", "xbuf", "buf64", "exitstr", "argv"):
            return self._memory(p, kind, value, args[i + 1] if i + 1 < len(args) else 64)
        if kind in _FORMATS:
            return _FORMATS[kind](value)
        return str(value) if kind not in ("addr", "func", "semaddr") else f"{value:#x}"

    def _memory(self, p: Proc, kind: str, address: int, count: int) -> str:
        if address == 0:
            return "nil"
        try:
            if kind == "exitstr":
                return quoted(p.mem.truncated(address, 127), 127)
            if kind == "argv":
                pointers = p.mem.pointers(address, 1000)
                words = [quoted(p.mem.truncated(a, 256), 256) for a in pointers[:ARGS_SHOWN]]
                return "[" + ", ".join(words) + (", ..." if len(pointers) > ARGS_SHOWN else "") + "]"
            data = p.mem.read(address, max(0, min(count, SHOWN + 1)))
            if kind != "in":
                data = data.partition(b"\0")[0]
            return quoted(data)
        except (MemoryFault, PlanError):
            return f"{address:#x}"

    def _after(self, p: Proc, call: Call, args: Sequence[Any], i: int, result: int) -> str:
        address = args[i]
        kind = call.args[i][1].name
        try:
            if result < 0 or kind == "waitrec":
                return f"{address:#x}"
            if kind == "out":
                return quoted(p.mem.read(address, min(result, SHOWN + 1)))
            if kind == "outstr":
                return quoted(p.mem.truncated(address, 256), 256)
            if kind == "fdpair":
                return "[{} {}]".format(*struct.unpack("<2i", p.mem.read(address, 8)))
            return f"[{struct.unpack('<q', p.mem.read(address, 8))[0]}]"
        except (MemoryFault, PlanError):
            return f"{address:#x}"


_FORMATS: Final[dict[str, Callable[[int], str]]] = {
    "omode": lambda v: flags(v & ~3, _OPEN_FLAGS, _OPEN[v & 3]),
    "perm": lambda v: flags(v & ~0o777, _PERM, f"0{v & 0o777:o}"),
    "rflags": lambda v: flags(v, _RFORK),
    "bflags": lambda v: flags(v & ~3, _BIND_FLAGS, _BIND[v & 3]),
    "nflag": lambda v: _NOTED[v] if 0 <= v <= 3 else str(v),
    "sgattr": lambda v: flags(v, _SEGMENT),
}
