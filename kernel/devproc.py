"""#p processes as folders: what each is doing, its memory, and the ways to steer it.

Source: proc(3); /sys/src/9/port/devproc.c.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vx9.fs import perm
from vx9.fs.dir import DMDIR, OREAD, QTDIR, Dir, DirChange, Qid
from vx9.fs.errors import (
    EBADARG, EBADCTL, EINUSE, EISDIR, ENONEXIST, ENOTDIR, EPERM, EPROCDIED, ESHORT, ETOOBIG,
    PlanError,
)
from vx9.fs.server import Fid, Refuser
from vx9.kernel import note
from vx9.kernel.chan import fd_line
from vx9.kernel.note import NoteKind
from vx9.kernel.procctl import control
from vx9.kernel.segment import SegKind
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.chan import Chan
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.proc import Proc

CTL_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a process's folder; mode 0: the process's own (procmode)."""

    name: str
    mode: int
    read: Callable[[Devproc, Proc, Fid, int, int], Awaitable[bytes]] | None = None
    write: Callable[[Devproc, Proc, Fid, bytes, int], Awaitable[int]] | None = None


@dataclass(slots=True)
class _Open:
    """A place in the tree: the root (p None), a folder (file None) or a file."""

    p: Proc | None
    file: _File | None
    line: int = 0  # of ns: the next
    lines: list[str] | None = None


def decode(data: bytes) -> str:
    """Text that a guest wrote."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Text for a guest."""
    return text.encode("utf-8", "surrogateescape")


def number(n: int) -> bytes:
    """As the kernel formats a number that stands alone."""
    return b"%11d " % n


class Devproc(Refuser):
    """The process device."""

    dc = "p"

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    # The tree

    def _qid(self, p: Proc | None, file: _File | None) -> Qid:
        if p is None:
            return Qid(0, 0, QTDIR)
        index = 0 if file is None else FILES.index(file) + 1
        return Qid((p.pid << 8) + index, 0, QTDIR if file is None else 0)

    def _alive(self, fid: Fid) -> Proc:
        """The process of a Fid.  Raises PlanError(EPROCDIED)."""
        p: Proc | None = fid.aux.p
        if p is None or self.kernel.procs.get(p.pid) is not p:
            raise PlanError(EPROCDIED)
        return p

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root."""
        return Fid(self._qid(None, None), uid, -1, _Open(None, None))

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """By number and file name."""
        at: _Open = fid.aux
        p, file = at.p, at.file
        qids: list[Qid] = []
        for name in names:
            try:
                p, file = self._step(p, file, name)
            except PlanError:
                if qids:
                    return None, qids
                raise
            qids.append(self._qid(p, file))
        return Fid(self._qid(p, file), fid.uid, -1, _Open(p, file)), qids

    def _step(self, p: Proc | None, file: _File | None, name: str) -> tuple[Proc | None, Any]:
        if name == "..":
            return (p, None) if file is not None else (None, None)
        if file is not None:
            raise PlanError(ENOTDIR)
        if p is None:
            found = self.kernel.procs.get(int(name)) if name.isascii() and name.isdecimal() \
                and len(name) < 11 else None
            if found is None or str(found.pid) != name:
                raise PlanError(ENONEXIST)
            return found, None
        if name not in BY_NAME:
            raise PlanError(ENONEXIST)
        if self.kernel.procs.get(p.pid) is not p:
            raise PlanError(EPROCDIED)
        return p, BY_NAME[name]

    async def open(self, fid: Fid, mode: int) -> None:
        """By the file's mode; private processes keep mem, note and ctl to themselves."""
        at: _Open = fid.aux
        if at.file is None:
            if mode != OREAD:
                raise PlanError(EISDIR)
            fid.omode = mode
            return
        p = self._alive(fid)
        need = perm.rights_needed(mode & 3)
        perm.check(at.file.mode or p.procmode, perm.who(fid.uid, p.user, self.kernel.eve), need)
        self._check_user(fid, p)
        if p.private and at.file.name in ("mem", "note", "notepg", "ctl", "regs") \
                and fid.proc is not p:
            raise PlanError(EPERM)
        if at.file.name == "ns":
            at.lines = p.ns.listing(p)
        fid.omode = mode

    def _check_user(self, fid: Fid, p: Proc) -> None:
        if fid.uid == "none" and p.user != "none":
            raise PlanError(EPERM)

    async def reopen(self, fid: Fid, mode: int, p: Proc) -> Chan | None:
        """text is the program file itself."""
        at: _Open = fid.aux
        if at.file is None or at.file.name != "text":
            return None
        target = self._alive(fid)
        self._check_user(fid, target)
        if mode & ~3 or mode & 3 not in (OREAD, 3) or target.image_chan is None:
            raise PlanError(EPERM)
        perm.check(target.procmode, perm.who(fid.uid, target.user, self.kernel.eve), perm.AREAD)
        c = await target.image_chan.clone(p)
        try:
            await c.server.open(c.fid, OREAD)
        except PlanError:
            await c.close()
            raise
        c.mode = OREAD
        return c

    async def readdir(self, fid: Fid) -> list[Dir]:
        """The processes, or the files of one."""
        if fid.aux.p is None:
            return [self._dir(p, None) for p in sorted(self.kernel.procs.values(),
                                                       key=lambda p: p.pid)]
        p = self._alive(fid)
        return [self._dir(p, file) for file in FILES]

    async def stat(self, fid: Fid) -> Dir:
        """Owned by the process's user."""
        at: _Open = fid.aux
        return self._dir(None if at.p is None else self._alive(fid), at.file)

    def _dir(self, p: Proc | None, file: _File | None) -> Dir:
        now = self.kernel.host.time_ns() // 1_000_000_000
        eve = self.kernel.eve
        if p is None:
            return Dir(self._qid(None, None), DMDIR | 0o555, now, now, 0, "#p", eve, eve, eve,
                       ord("p"), self.dev)
        mode = DMDIR | 0o555 if file is None else file.mode or p.procmode
        length = 0
        if file is not None and file.name == "wait":
            length = len(p.waitq)
        return Dir(self._qid(p, file), mode, now, now, length,
                   str(p.pid) if file is None else file.name, p.user, eve, p.user,
                   ord("p"), self.dev)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """chmod of any file sets the mode of all that have none of their own."""
        p = self._alive(fid)
        if fid.uid not in (p.user, self.kernel.eve) or fid.aux.file is None:
            raise PlanError(EPERM)
        others = (change.name, change.length, change.uid, change.gid, change.muid, change.mtime)
        if any(v is not None for v in others):
            raise PlanError(EPERM)
        if change.mode is not None:
            p.procmode = change.mode & 0o777

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """By the file."""
        at: _Open = fid.aux
        p = self._alive(fid)
        if at.file is None or at.file.read is None:
            raise PlanError(EPERM)
        return await at.file.read(self, p, fid, count, offset)

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """By the file."""
        at: _Open = fid.aux
        p = self._alive(fid)
        if at.file is None or at.file.write is None:
            raise PlanError(EPERM)
        return await at.file.write(self, p, fid, data, offset)

    # The files

    async def _read_args(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        return encode(p.args_text())[:128][offset:offset + count]

    async def _write_args(self, p: Proc, fid: Fid, data: bytes, offset: int) -> int:
        if len(data) >= 128:
            raise PlanError(ETOOBIG)
        text = decode(data.partition(b"\0")[0])
        p.args_set = f"{p.name} [{text}]" if text else None
        return len(data)

    async def _read_ctl(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        return number(p.pid)[offset:offset + count]

    async def _write_ctl(self, p: Proc, fid: Fid, data: bytes, offset: int) -> int:
        if len(data) > CTL_MAX:
            raise PlanError(ETOOBIG)
        await control(fid.proc, p, decode(data).replace("\0", " ").split())
        return len(data)

    async def _read_fd(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        fds = p.fds.open_fds()
        width = max((len(str(c.fid.qid[1] & 0xFFFFFFFF)) for _, c in fds), default=1)
        lines = [p.dot.path, *(fd_line(n, c, width) for n, c in fds)]
        return encode("\n".join(lines) + "\n")[offset:offset + count]

    async def _read_mem(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        seg = p.space.at(offset) if p.space is not None else None
        if seg is None:
            raise PlanError(EBADARG)
        try:
            return seg.obj.read(seg.offset + offset - seg.base, min(count, seg.top - offset))
        except (MemoryFault, ValueError):
            raise PlanError(EBADARG) from None

    async def _write_mem(self, p: Proc, fid: Fid, data: bytes, offset: int) -> int:
        if not (p.stopped or p.broken):
            raise PlanError(EBADCTL)
        seg = p.space.at(offset) if p.space is not None else None
        if seg is None or p.space is None:
            raise PlanError(EBADARG)
        data = data[:seg.top - offset]
        if seg.kind is SegKind.TEXT:
            seg = p.own_text()
        seg.obj.write(seg.offset + offset - seg.base, data)
        if seg.kind is SegKind.TEXT:
            p.space.memory.code.flush()
        return len(data)

    async def _read_note(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        if not p.notes:
            return b""
        text = encode(p.notes[0].text) + b"\0"
        if len(text) > count:
            raise PlanError(ESHORT)
        p.notes.popleft()
        return text

    async def _write_note(self, p: Proc, fid: Fid, data: bytes, offset: int) -> int:
        if not note.post(p, note.check_text(data), NoteKind.USER):
            raise PlanError("note not posted")
        return len(data)

    async def _write_notepg(self, p: Proc, fid: Fid, data: bytes, offset: int) -> int:
        text = note.check_text(data)
        if fid.aux.p.noteid == 0:
            raise PlanError(EPERM)
        note.post_group(self.kernel.procs.values(), p.noteid, text, fid.proc)
        return len(data)

    async def _read_noteid(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        return number(p.noteid)[offset:offset + count]

    async def _write_noteid(self, p: Proc, fid: Fid, data: bytes, offset: int) -> int:
        text = decode(data).strip("\0 \n")
        wanted = int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else 0
        group = [q for q in self.kernel.procs.values() if q.noteid == wanted]
        if not group or any(q.user != p.user for q in group):
            raise PlanError(EBADARG)
        p.noteid = wanted
        return len(data)

    async def _read_ns(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        at: _Open = fid.aux
        if at.lines is None or at.line >= len(at.lines):
            return b""
        line = encode(at.lines[at.line].rstrip("\n") + "\n")
        if len(line) > count:
            raise PlanError(ESHORT)
        at.line += 1
        return line

    async def _read_regs(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        if p.space is None:
            raise PlanError(EPROCDIED)
        return note.pack_ureg(p)[offset:offset + count]

    async def _write_regs(self, p: Proc, fid: Fid, data: bytes, offset: int) -> int:
        if not (p.stopped or p.broken):
            raise PlanError(EBADCTL)
        ureg = bytearray(note.pack_ureg(p))
        data = data[:max(0, len(ureg) - offset)]
        ureg[offset:offset + len(data)] = data
        note.load_ureg(p, bytes(ureg))
        return len(data)

    async def _read_fpregs(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        return p.cpu.fpu[offset:offset + count]

    async def _read_segment(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        segments = p.space.all() if p.space is not None else []
        lines = [f"{s.kind.value:<6} {'R' if s.read_only else ' '}  "
                 f"{s.base:08x} {s.top:08x} {s.refs:4d}\n" for s in segments]
        return encode("".join(lines))[offset:offset + count]

    def _status(self, p: Proc) -> bytes:
        memory = 0
        if p.space is not None:
            memory = sum(s.size for s in p.space.all() if s.kind is not SegKind.STACK) // 1024
        columns = (*p.times_ms(), 0, memory, p.priority, p.priority)
        return b"".join([encode(p.name)[:27].ljust(28), encode(p.user)[:27].ljust(28),
                         encode(p.state())[:11].ljust(12), *map(number, columns)])

    async def _read_status(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        return self._status(p)[offset:offset + count]

    async def _read_wait(self, p: Proc, fid: Fid, count: int, offset: int) -> bytes:
        if p.waiting:
            raise PlanError(EINUSE)
        p.waiting = True
        try:
            record = await p.wait()
        finally:
            p.waiting = False
        return encode(record.text())[:count]


# fmt: off
FILES: Final = (
    _File("args",    0o660, Devproc._read_args, Devproc._write_args),
    _File("ctl",     0,     Devproc._read_ctl, Devproc._write_ctl),
    _File("fd",      0o444, Devproc._read_fd),
    _File("fpregs",  0,     Devproc._read_fpregs),
    _File("mem",     0,     Devproc._read_mem, Devproc._write_mem),
    _File("note",    0,     Devproc._read_note, Devproc._write_note),
    _File("noteid",  0o664, Devproc._read_noteid, Devproc._write_noteid),
    _File("notepg",  0,     None, Devproc._write_notepg),
    _File("ns",      0o444, Devproc._read_ns),
    _File("regs",    0,     Devproc._read_regs, Devproc._write_regs),
    _File("segment", 0o444, Devproc._read_segment),
    _File("status",  0o444, Devproc._read_status),
    _File("text",    0,     None),
    _File("wait",    0o440, Devproc._read_wait),
)
# fmt: on
BY_NAME: Final = {file.name: file for file in FILES}
