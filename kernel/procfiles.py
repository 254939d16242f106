"""The files of a process's folder in #p: one row each, and what reads and writes it.

Source: proc(3); /sys/src/9/port/devproc.c.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import (
    EBADARG,
    EBADCTL,
    ENOREG,
    ENOTE,
    EPERM,
    EPROCDIED,
    ESHORT,
    ETOOBIG,
    ETOOSMALL,
    PlanError,
    clip,
)
from vx9.fs.server import Fid
from vx9.kernel import fpregs, note, pexit, procctl
from vx9.kernel.chan import fd_line
from vx9.kernel.note import NoteKind
from vx9.kernel.segment import SegKind
from vx9.kernel.waitrec import ARGS_MAX
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

Reader = Callable[["Proc", Fid, int, int], Awaitable[bytes]]
Writer = Callable[["Proc", Fid, bytes, int], Awaitable[int]]

CTL_MAX: Final = 256
FD_MAX: Final = 256  # bytes that one read of fd gives
STATUS_SIZE: Final = 2 * 28 + 12 + 9 * 12


@dataclass(frozen=True, slots=True)
class ProcFile:
    """One file; mode 0: the process's own (procmode)."""

    name: str
    mode: int
    read: Reader | None = None
    write: Writer | None = None
    length: int = 0


def decode(data: bytes) -> str:
    """Text that a guest wrote."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Text for a guest."""
    return text.encode("utf-8", "surrogateescape")


def number(n: int) -> bytes:
    """As the kernel formats a number that stands alone."""
    return b"%11d " % n


def atoi(text: str) -> int:
    """The number that text begins with, as atoi(2) reads it."""
    text = text.lstrip()
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    end = 0
    while end < len(digits) and end < 11 and "0" <= digits[end] <= "9":
        end += 1
    return sign * int(digits[:end] or "0")


async def _read_args(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    return encode(p.args_text())[offset:offset + count]


async def _write_args(p: Proc, fid: Fid, data: bytes, offset: int) -> int:
    if not data:
        raise PlanError(ESHORT)
    if len(data) >= ARGS_MAX:
        raise PlanError(ETOOBIG)
    p.args_set = decode(data.partition(b"\0")[0])
    return len(data)


async def _read_ctl(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    return number(p.pid)[offset:offset + count]


async def _write_ctl(p: Proc, fid: Fid, data: bytes, offset: int) -> int:
    if len(data) > CTL_MAX:
        raise PlanError(ETOOBIG)
    await procctl.control(fid.proc, p, procctl.split(decode(data)))
    return len(data)


async def _read_fd(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    if p.dead:
        return b""
    fds = p.fds.open_fds()
    numbers = (len(str(c.fid.qid[1] & 0xFFFFFFFF)) for _, c in fds)
    width = max(numbers, default=1) if p.kernel.dialect.pads else 1
    lines = [p.dot.path, *(fd_line(n, c, width) for n, c in fds)]
    return encode("\n".join(lines) + "\n")[offset:offset + min(count, FD_MAX)]


async def _read_fpregs(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    return fpregs.to_fsave(p.cpu.fpu)[offset:offset + count]


async def _write_fpregs(p: Proc, fid: Fid, data: bytes, offset: int) -> int:
    _settled(p)
    image = bytearray(fpregs.to_fsave(p.cpu.fpu))
    data = data[:max(0, len(image) - offset)]
    image[offset:offset + len(data)] = data
    p.cpu.fpu = fpregs.from_fsave(bytes(image), p.cpu.fpu)
    return len(data)


async def _read_kregs(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    # No process has a stack of its own in this kernel: pc and sp are 0.
    return bytes(note.UREG.size)[offset:offset + count]


async def _read_mem(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    seg = p.space.at(offset) if p.space is not None else None
    if seg is None:
        raise PlanError(EBADARG)
    try:
        return seg.obj.read(seg.offset + offset - seg.base, min(count, seg.top - offset))
    except (MemoryFault, ValueError):
        raise PlanError(EBADARG) from None


async def _write_mem(p: Proc, fid: Fid, data: bytes, offset: int) -> int:
    if not p.stopped:
        raise PlanError(EBADCTL)
    seg = p.space.at(offset) if p.space is not None else None
    if seg is None or p.space is None:
        raise PlanError(EBADARG)
    data = data[:seg.top - offset]
    if seg is p.space.text:
        seg = p.own_text()
    seg.obj.write(seg.offset + offset - seg.base, data)
    if seg is p.space.text:
        p.space.memory.code.flush()
    return len(data)


async def _read_note(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    if count < 1:
        raise PlanError(ETOOSMALL)
    if not p.notes:
        return b""
    text = encode(p.notes.popleft().text)
    if not p.notes:
        p.task.interrupted = False
    return text[:count - 1] + b"\0"


async def _write_note(p: Proc, fid: Fid, data: bytes, offset: int) -> int:
    if not note.post(p, note.check_text(data), NoteKind.USER):
        raise PlanError(ENOTE)
    return len(data)


async def _read_noteid(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    return number(p.noteid)[offset:offset + count]


async def _write_noteid(p: Proc, fid: Fid, data: bytes, offset: int) -> int:
    wanted = atoi(decode(data[:32]))
    if wanted != p.pid and wanted != p.noteid:
        group = [q for q in p.kernel.procs.values() if q.noteid == wanted and not q.dead]
        if not group:
            raise PlanError(EBADARG)
        if group[0].user != p.user:
            raise PlanError(EPERM)
    p.noteid = wanted
    return len(data)


async def _read_ns(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    at = fid.aux
    if p.dead:
        raise PlanError(EPROCDIED)
    if at.lines is None:
        at.lines = p.ns.listing(p)
    if at.line >= len(at.lines):
        return b""
    line = encode(at.lines[at.line].rstrip("\n") + "\n")
    if len(line) > count:
        raise PlanError(ESHORT)
    at.line += 1
    return line


async def _read_proc(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    """What the kernel knows of the process, a name and a value a line."""
    rows = (
        ("pid", p.pid), ("ppid", p.ppid), ("noteid", p.noteid), ("state", p.state()),
        ("call", p.call.name if p.call is not None else "-"), ("procctl", p.procctl.name.lower()),
        ("notes", len(p.notes)), ("notify", f"{p.notify:#x}"), ("notified", int(p.notified)),
        ("ureg", f"{p.ureg:#x}"), ("children", len(p.children)), ("waitq", len(p.waitq)),
        ("hang", int(p.hang)), ("private", int(p.private)), ("procmode", f"{p.procmode:04o}"),
        ("traced", int(p.traced)), ("fixedpri", int(p.fixed_priority)),
    )
    text = "".join(f"{name} {value}\n" for name, value in rows)
    return encode(text)[offset:offset + count]


async def _read_profile(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    profile = p.space.text.profile if p.space is not None else None
    if profile is None:
        raise PlanError("profile is off")
    return bytes(memoryview(profile).cast("B")[offset:offset + count])


async def _read_regs(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    return note.pack_ureg(p)[offset:offset + count]


async def _write_regs(p: Proc, fid: Fid, data: bytes, offset: int) -> int:
    _settled(p)
    ureg = bytearray(note.pack_ureg(p))
    data = data[:max(0, len(ureg) - offset)]
    ureg[offset:offset + len(data)] = data
    note.load_ureg(p, bytes(ureg), note.DEBUGGER_FLAGS)
    return len(data)


def _settled(p: Proc) -> None:
    """Raise PlanError(EBADCTL) while p may be running in a worker, where it has its registers."""
    if p.computes and not p.stopped and not p.dead:
        raise PlanError(EBADCTL)


async def _read_segment(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    segments = p.space.all() if p.space is not None else []
    wide = "08" if p.kernel.dialect.pads else "8"
    lines = [f"{s.shown:<6} {'R' if s.read_only else ' '}{'P' if s.profile else ' '} "
             f"{s.base:{wide}x} {s.top:{wide}x} {s.refs:4d}\n" for s in segments]
    return encode("".join(lines))[offset:offset + count]


async def _read_status(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    memory = 0
    if p.space is not None:
        memory = sum(s.size for s in p.space.all() if s.kind is not SegKind.STACK) // 1024
    columns = (*p.times_ms(), 0, memory, p.priority, p.priority)
    status = b"".join([encode(clip(p.name, 27)).ljust(28), encode(clip(p.user, 27)).ljust(28),
                       encode(p.state())[:11].ljust(12), *map(number, columns)])
    return status[offset:offset + count]


async def _read_syscall(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    return encode(p.syscalltrace)[offset:offset + count]


async def _read_wait(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    record = await pexit.wait(p, fid.proc)
    return encode(record.text())[:max(0, count - 1)]


async def _write_notepg(p: Proc, fid: Fid, data: bytes, offset: int) -> int:
    """To the group that p was in when the file was opened, even after the end of p."""
    text = note.check_text(data)
    note.post_group(p.kernel.procs.values(), fid.aux.noteid, text, fid.proc)
    return len(data)


async def _read_ppid(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    return number(p.ppid)[offset:offset + count]


async def _read_notefpregs(p: Proc, fid: Fid, count: int, offset: int) -> bytes:
    """The registers to which the handler that is running will return."""
    if not p.saved_fpu:
        raise PlanError(ENOREG)
    return fpregs.to_fsave(p.saved_fpu[-1][1])[offset:offset + count]


# fmt: off
FILES: Final = (
    ProcFile("args",    0o660, _read_args, _write_args),
    ProcFile("ctl",     0,     _read_ctl, _write_ctl),
    ProcFile("fd",      0o444, _read_fd),
    ProcFile("fpregs",  0,     _read_fpregs, _write_fpregs, fpregs.SIZE),
    ProcFile("kregs",   0o400, _read_kregs, None, note.UREG.size),
    ProcFile("mem",     0,     _read_mem, _write_mem),
    ProcFile("note",    0,     _read_note, _write_note),
    ProcFile("noteid",  0o664, _read_noteid, _write_noteid),
    ProcFile("notepg",  0,     None, _write_notepg),
    ProcFile("ns",      0o444, _read_ns),
    ProcFile("proc",    0o400, _read_proc),
    ProcFile("regs",    0,     _read_regs, _write_regs, note.UREG.size),
    ProcFile("segment", 0o444, _read_segment),
    ProcFile("status",  0o444, _read_status, None, STATUS_SIZE),
    ProcFile("text",    0),
    ProcFile("wait",    0o400, _read_wait),
    ProcFile("profile", 0o400, _read_profile),
    ProcFile("syscall", 0o400, _read_syscall),
)
MORE: Final = (  # not in all dialects
    ProcFile("notefpregs", 0,  _read_notefpregs, None, fpregs.SIZE),
    ProcFile("ppid",    0o444, _read_ppid),
)
# fmt: on
NUMBERS: Final = {file.name: i for i, file in enumerate((*FILES, *MORE), 2)}  # in qid paths
PRIVATE: Final = frozenset({"mem", "note", "ctl"})  # closed to all once a process is private
READ_ONLY: Final = frozenset({"fd", "kregs", "ns", "ppid", "proc", "profile", "segment"})
