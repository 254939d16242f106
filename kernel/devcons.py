"""#c: the console, the clocks, what the calling process is; consmachine.py has the machine.

Source: cons(3); /sys/src/9/port/devcons.c.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.dir import DMEXCL
from vx9.fs.dirtab import DirtabServer, Row
from vx9.fs.errors import EBADTIME, EINUSE, EPERM, ETOOSMALL, PlanError
from vx9.fs.server import Fid
from vx9.kernel import consmachine
from vx9.kernel._fast import BINTIME_FILE, NULL_FILE, ZERO_FILE
from vx9.kernel.account import wrote
from vx9.kernel.clock import SECOND
from vx9.kernel.consmachine import data, number
from vx9.kernel.console import Console

if TYPE_CHECKING:
    from vx9.kernel.chan import Chan
    from vx9.kernel.kernel import Kernel

_BINTIME: Final = struct.Struct(">4Q")
_SET: Final = struct.Struct(">q")
_TRIM: Final = struct.Struct(">qi")
_RATE: Final = struct.Struct(">Q")
TIME_MAX: Final = 32  # bytes written to time


class Cons(DirtabServer):
    """The console device."""

    dc = "c"
    name = "cons"

    def __init__(self, kernel: Kernel, console: Console) -> None:
        self.kernel = kernel
        self.console = console
        self.reader: Any = None  # the process that read the console last
        self._controls = 0  # opens of consctl
        self.written = 0  # bytes, by guests
        self.domain = ""
        self.swap_file: Chan | None = None
        self.swap_pages = 0
        self.meter = consmachine.Meter(self)
        super().__init__(kernel.eve, kernel.clock.seconds)
        at = self.root.children
        self.known = {at["null"].qid[0]: NULL_FILE, at["zero"].qid[0]: ZERO_FILE,
                      at["bintime"].qid[0]: BINTIME_FILE}  # what C may answer in our place

    def caller(self, fid: Fid) -> Any:
        """The process that calls."""
        return fid.proc if fid.proc is not None else self.kernel.boot

    # The console itself

    async def _cons_read(self, fid: Fid, count: int, offset: int) -> bytes:
        self.reader = fid.proc
        return await self.console.read(count)

    async def _cons_write(self, fid: Fid, data: bytes, offset: int) -> int:
        wrote(self.kernel.account, fid.proc, self.written + len(data))
        self.written += len(data)
        return await self.console.write(data)

    async def _consctl_open(self, fid: Fid) -> None:
        self._controls += 1

    async def _consctl_clunk(self, fid: Fid) -> None:
        self._controls -= 1
        if not self._controls:
            self.console.raw_off()

    async def _consctl_write(self, fid: Fid, data: bytes, offset: int) -> int:
        for word in data.replace(b"\0", b" ").split():
            if word == b"rawon":
                self.console.raw_on()
            elif word == b"rawoff":
                self.console.raw_off()
            # All else is for other consoles: holdon for windows, ctlpon for serial lines.
        return len(data)

    def _kmesg(self, fid: Fid) -> bytes:
        return bytes(self.console.log)

    async def _kprint_open(self, fid: Fid) -> None:
        if self.console.copying:
            raise PlanError(EINUSE)
        self.console.copying = True

    async def _kprint_clunk(self, fid: Fid) -> None:
        self.console.end_copy()

    async def _kprint_read(self, fid: Fid, count: int, offset: int) -> bytes:
        return await self.console.read_copy(count)

    # Clocks

    async def _bintime_read(self, fid: Fid, count: int, offset: int) -> bytes:
        """As many of the four numbers as there is room for."""
        if count < 8:
            raise PlanError(ETOOSMALL)
        clock = self.kernel.clock
        ticks = clock.ticks()
        return _BINTIME.pack(clock.time_ns(), ticks, clock.hz, ticks)[: count & ~7]

    async def _bintime_write(self, fid: Fid, data: bytes, offset: int) -> int:
        """n: set the time; d: trim it over a period; f: how many fast ticks are a second."""
        self._owner_only(fid)
        clock = self.kernel.clock
        kind, rest = data[:1], data[1:]
        if kind == b"n" and len(rest) >= _SET.size:
            clock.set(*_SET.unpack_from(rest))
        elif kind == b"d" and len(rest) >= _TRIM.size:
            clock.trim(*_TRIM.unpack_from(rest))
        elif kind == b"f" and len(rest) >= _RATE.size:
            clock.set_rate(*_RATE.unpack_from(rest))
        else:
            raise PlanError(EBADTIME)
        return len(data)

    def _time(self, fid: Fid) -> bytes:
        clock = self.kernel.clock
        ns = clock.time_ns()
        return b"%11d %21d %21d %21d " % (ns // SECOND, ns, clock.ticks(), clock.hz)

    async def _time_write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Seconds."""
        self._owner_only(fid)
        digits = data.replace(b"\0", b" ").strip()
        if len(data) >= TIME_MAX or not digits.isdigit() or int(digits) <= 0:
            raise PlanError(EBADTIME)
        self.kernel.clock.set(int(digits) * SECOND)
        return len(data)

    def _owner_only(self, fid: Fid) -> None:
        if self.caller(fid).user != self.eve:
            raise PlanError(EPERM)

    def _cputime(self, fid: Fid) -> bytes:
        if fid.proc is None or fid.proc is self.kernel.boot:  # never runs
            return number(0) * 6
        user, system, real, child_user, child_system = fid.proc.times_ms()
        return b"".join(map(number, (user, system, real, child_user, child_system, 0)))

    # Endless and empty

    async def _null_read(self, fid: Fid, count: int, offset: int) -> bytes:
        return b""

    async def _null_write(self, fid: Fid, data: bytes, offset: int) -> int:
        return len(data)

    async def _zero_read(self, fid: Fid, count: int, offset: int) -> bytes:
        return bytes(count)

    async def _random_read(self, fid: Fid, count: int, offset: int) -> bytes:
        return self.kernel.host.random(count)

    # The process

    def _pid(self, fid: Fid) -> bytes:
        return number(self.caller(fid).pid)

    def _ppid(self, fid: Fid) -> bytes:
        return number(self.caller(fid).ppid)

    def _pgrpid(self, fid: Fid) -> bytes:
        return number(self.caller(fid).ns.number)

    def _user(self, fid: Fid) -> bytes:
        return data(self.caller(fid).user)

    async def _user_write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Only to become nobody."""
        if offset or data != b"none":
            raise PlanError(EPERM)
        self.caller(fid).user = "none"
        return len(data)

    # fmt: off
    ROWS = sorted((
        Row("bintime",    0o664, _bintime_read, _bintime_write),
        Row("cons",       0o660, _cons_read, _cons_write),
        Row("consctl",    0o220, None, _consctl_write,
            on_open=_consctl_open, on_clunk=_consctl_clunk),
        Row("cputime",    0o444, text=_cputime),
        Row("kmesg",      0o440, text=_kmesg),
        Row("kprint",     DMEXCL | 0o440, _kprint_read,
            on_open=_kprint_open, on_clunk=_kprint_clunk),
        Row("null",       0o666, _null_read, _null_write),
        Row("pgrpid",     0o444, text=_pgrpid),
        Row("pid",        0o444, text=_pid),
        Row("ppid",       0o444, text=_ppid),
        Row("random",     0o444, _random_read),
        Row("time",       0o664, text=_time, write=_time_write),
        Row("user",       0o666, text=_user, write=_user_write),
        Row("zero",       0o444, _zero_read),
        *consmachine.ROWS,
    ), key=lambda row: row.name)
    # fmt: on
