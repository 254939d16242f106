"""Notes: posting, the frame a handler gets, and noted.

Source: notify(2), postnote(2), ureg(6); at most FRAME bytes below the interrupted stack
pointer are used.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from vx9.fs.errors import EBADARG, ERRMAX, PlanError, clip
from vx9.kernel import trap
from vx9.kernel.pprint import bad_address, pprint
from vx9.kernel.trap import SYSCALL
from vx9.vxcore import MemoryFault, TrapKind

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc
    from vx9.vxcore import Trap

RED_ZONE: Final = 256
# di si bp nsp bx dx cx ax gs fs es ds trap ecode pc cs flags usp ss
UREG: Final = struct.Struct("<19I")
FRAME: Final = RED_ZONE + UREG.size + 4 + ERRMAX + 12
CS, DS = 0x23, 0x1B  # selectors as a 386 kernel shows them; the real ones are never told
USER_FLAGS: Final = 0xCD5  # what a note handler may change
DEBUGGER_FLAGS: Final = 0xD5  # what a write to /proc/n/regs may change
IF: Final = 0x202
NESTED: Final = 64  # saved FPU states of a process
# FXSAVE image after FNINIT and FLDCW 0x0232, MXCSR 0x1F80.
FRESH_FPU: Final = struct.pack("<HHBBHQQI", 0x0232, 0, 0, 0, 0, 0, 0, 0x1F80).ljust(512, b"\0")
_MASK: Final = 0xFFFFFFFF


class NoteKind(enum.IntEnum):
    """Who posts: a user, the kernel to end the process, or a trap."""

    USER = 0
    EXIT = 1
    DEBUG = 2


class Noted(enum.IntEnum):
    """The argument of noted."""

    CONT = 0
    DFLT = 1
    SAVE = 2
    RSTR = 3


@dataclass(frozen=True, slots=True)
class Note:
    """One note."""

    text: str
    kind: NoteKind


class ProcExit(BaseException):
    """Unwinds a process: it ends with this status; broken keeps its memory for debuggers."""

    def __init__(self, status: str, cause: str = "", broken: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.cause = cause  # the note it died of
        self.broken = broken


def post(p: Proc, text: str, kind: NoteKind) -> bool:
    """Queue a note and wake p from what it sleeps in.  False when the queue is full."""
    if p.dead:
        return False
    if kind is not NoteKind.USER and (p.notify == 0 or p.notified):
        p.notes.clear()
    posted = len(p.notes) < p.kernel.limits.notes
    if not posted:
        p.kernel.limits_met.add("notes")
    if posted:
        p.notes.append(Note(clip(text, ERRMAX - 1), kind))
    p.attention = True
    p.kernel.sched.interrupt(p.task)
    return posted


def post_trap(p: Proc, event: Trap) -> None:
    """The note of what the processor, or its memory, did not let p do."""
    text, number, code = trap.describe(event, p.cpu)
    if event.kind == TrapKind.BREAKPOINT:
        p.cpu.eip = p.cpu.eip - 1 & _MASK
    p.trap = (number, code)
    if p.debugger is not None and p.debugger.trapped(p, event.kind, text):
        return
    if p.tracer is not None:
        p.tracer.fault(p, text)
    post(p, text, NoteKind.DEBUG)


def post_group(procs: Iterable[Proc], noteid: int, text: str, sender: Proc | None = None) -> None:
    """Post a user note to all of a note group but the sender."""
    for p in list(procs):
        if p.noteid == noteid and p is not sender:
            post(p, text, NoteKind.USER)


def pack_ureg(p: Proc) -> bytes:
    """The registers of p as a Ureg."""
    eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags = p.cpu.get_regs()
    number, code = p.trap if p.call is None else (SYSCALL, 0)
    fs = p.kernel.dialect.fs_gs
    return UREG.pack(edi, esi, ebp, 0, ebx, edx, ecx, eax, fs, fs, DS, DS, number, code,
                     eip, CS, eflags | IF, esp, DS)


def load_ureg(p: Proc, ureg: bytes, mask: int = USER_FLAGS) -> None:
    """Set the registers of p from a Ureg; selectors and flags not in mask stay as they are."""
    di, si, bp, _, bx, dx, cx, ax, _, _, _, _, _, _, pc, _, flags, sp, _ = UREG.unpack(ureg)
    eflags = p.cpu.eflags & ~mask | flags & mask
    p.cpu.set_regs((ax, cx, dx, bx, sp, bp, si, di, pc, eflags))


async def deliver(p: Proc) -> None:
    """On the way to user mode: act on the oldest note, if it is time.  Raises ProcExit."""
    p.task.interrupted = False
    if not p.notes:
        return
    note = p.notes[0]
    text = note.text
    if text.startswith("sys:"):
        text = clip(text, ERRMAX - 15) + " pc=" + p.kernel.dialect.pc.format(p.cpu.eip)
    if note.kind is not NoteKind.USER and (p.notified or not p.notify):
        await _die(p, text, note.kind)
    if p.notified:
        return
    if not p.notify:
        raise ProcExit(text, cause=note.text)
    p.notes.popleft()
    p.last_note = Note(text, note.kind)
    usp = p.cpu.esp
    ureg = usp - RED_ZONE - UREG.size
    message = ureg - 4 - ERRMAX
    body = text.encode("utf-8", "surrogateescape").ljust(ERRMAX, b"\0")
    frame = (struct.pack("<3I", 0, ureg & _MASK, message & _MASK) + body
             + struct.pack("<I", p.ureg) + pack_ureg(p))
    sp = message - 12
    try:
        p.mem.check(p.notify, 1, False)
        p.mem.write(sp & _MASK, frame)
    except MemoryFault as fault:
        await bad_address(p, fault)
        await _suicide(p, "suicide: bad address in notify")
    p.saved_fpu.append((ureg & _MASK, p.cpu.fpu))
    del p.saved_fpu[:-NESTED]
    p.cpu.fpu = FRESH_FPU  # the interrupted code's stack of registers may be full
    p.ureg = ureg & _MASK
    p.notified = True
    p.attention = bool(p.notes)
    p.cpu.esp = sp & _MASK
    p.cpu.eip = p.notify
    p.cpu.eflags &= ~0x400  # DF
    if p.tracer is not None:
        p.tracer.note(p, text)


async def _suicide(p: Proc, why: str) -> NoReturn:
    """End a process that cannot be given a note, or leave one."""
    await pprint(p, why)
    raise ProcExit("Suicide", cause=f"sys: {why}", broken=True)


async def _die(p: Proc, text: str, kind: NoteKind) -> NoReturn:
    debug = kind is NoteKind.DEBUG
    if debug:
        await pprint(p, f"suicide: {text}")
    raise ProcExit(text, cause=text, broken=debug)


async def noted(p: Proc, how: int) -> None:
    """noted(2): leave a handler, or end the process.  The registers are set; no result."""
    if how != Noted.RSTR and not p.notified:
        if p.kernel.dialect.noted_error:
            raise PlanError(EBADARG)
        await _suicide(p, "call to noted() when not notified")
    p.notified = False
    p.attention = True
    ureg = p.ureg
    try:
        block = p.mem.read(ureg - 4 & _MASK, 4 + UREG.size)
    except MemoryFault as fault:
        await bad_address(p, fault)
        await _suicide(p, "bad ureg in noted or call to noted when not notified")
    saved = block[4:]
    words = UREG.unpack(saved)
    fs = p.kernel.dialect.fs_gs
    if (*words[8:12], words[15], words[18]) != (fs, fs, DS, DS, CS, DS):
        await _suicide(p, "bad segment selector in noted")
    if how not in (Noted.CONT, Noted.RSTR, Noted.SAVE):
        kind = p.last_note.kind
        if how != Noted.DFLT:
            await pprint(p, f"unknown noted arg {how & _MASK:#x}")
            kind = NoteKind.DEBUG
        await _die(p, p.last_note.text, kind)
    try:
        p.mem.check(words[14], 4 if how == Noted.SAVE else 1, False)
        p.mem.check(words[17], 4, False)
        if how == Noted.SAVE:
            sp = ureg - 12 - 4 - ERRMAX & _MASK
            p.mem.write(sp, struct.pack("<2I", 0, ureg))
    except MemoryFault as fault:
        await bad_address(p, fault)
        await _suicide(p, "suicide: trap in noted")
    load_ureg(p, saved)
    if how == Noted.SAVE:
        p.cpu.esp = sp
    else:
        p.ureg = int.from_bytes(block[:4], "little")
        _restore_fpu(p, ureg)


def _restore_fpu(p: Proc, ureg: int) -> None:
    """Give back the FPU state of the frame at ureg; frames inside it are gone."""
    while p.saved_fpu:
        where, fpu = p.saved_fpu.pop()
        if where == ureg:
            p.cpu.fpu = fpu
            return


def inherit(child: Proc, parent: Proc) -> None:
    """rfork: the handler, the pending notes, the frames; the child is in no handler."""
    child.notify = parent.notify
    if parent.kernel.dialect.keeps_notes:
        child.notes.extend(parent.notes)
    child.last_note = parent.last_note
    child.ureg = parent.ureg
    child.saved_fpu = list(parent.saved_fpu)
    child.attention = bool(child.notes)


def check_text(data: bytes) -> str:
    """The note that a write to a note file means.  Raises PlanError when it is too long."""
    if len(data) >= ERRMAX - 1:
        raise PlanError("read or write too large")
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


__all__ = ["FRAME", "SYSCALL", "Note", "NoteKind", "Noted", "ProcExit", "check_text", "deliver",
           "inherit", "load_ureg", "noted", "pack_ureg", "post", "post_group"]
