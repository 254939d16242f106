"""#c: the console, the clocks, and what the machine and the calling process are called.

Source: cons(3); /sys/src/9/port/devcons.c.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.dirtab import DirtabServer, Row
from vx9.fs.errors import EBADARG, EBADCTL, EPERM, ETOOBIG, ETOOSMALL, PlanError
from vx9.fs.server import Fid
from vx9.kernel.console import Console

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

HZ: Final = 1_000_000_000  # fast ticks are nanoseconds of the monotonic clock
PAGE: Final = 4096
NAME_MAX: Final = 64  # bytes of a system's or a domain's name
_BINTIME: Final = struct.Struct(">4Q")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _number(n: int) -> bytes:
    return b"%11d " % n


def _given_name(data: bytes, offset: int) -> str:
    """A name that was written in one piece, one newline less."""
    if offset:
        raise PlanError(EBADARG)
    if len(data) >= NAME_MAX:
        raise PlanError(ETOOBIG)
    name = _text(data.removesuffix(b"\n"))
    if not name or not name.isprintable():
        raise PlanError(EBADARG)
    return name


class Cons(DirtabServer):
    """The console device."""

    dc = "c"
    name = "cons"

    def __init__(self, kernel: Kernel, console: Console) -> None:
        self.kernel = kernel
        self.console = console
        self.reader: Any = None  # the process that read the console last
        self._controls = 0  # opens of consctl
        self._domain = ""
        self._switches = 0
        super().__init__(kernel.eve, lambda: kernel.host.time_ns() // 1_000_000_000)

    def _caller(self, fid: Fid) -> Any:
        return fid.proc if fid.proc is not None else self.kernel.boot

    # The console itself

    async def _cons_read(self, fid: Fid, count: int, offset: int) -> bytes:
        self.reader = fid.proc
        return await self.console.read(count)

    async def _cons_write(self, fid: Fid, data: bytes, offset: int) -> int:
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
            elif word not in (b"ctlpon", b"ctlpoff"):  # ^P does nothing special here
                raise PlanError(EBADCTL)
        return len(data)

    def _kmesg(self, fid: Fid) -> bytes:
        return bytes(self.console.log)

    # Clocks

    async def _bintime_read(self, fid: Fid, count: int, offset: int) -> bytes:
        """As many of the four numbers as there is room for."""
        if count < 8:
            raise PlanError(ETOOSMALL)
        host = self.kernel.host
        ticks = host.monotonic_ns()
        return _BINTIME.pack(host.time_ns(), ticks, HZ, ticks)[: count & ~7]

    def _time(self, fid: Fid) -> bytes:
        ns = self.kernel.host.time_ns()
        ticks = self.kernel.host.monotonic_ns()
        return b"%11d %21d %21d %21d " % (ns // 1_000_000_000, ns, ticks, HZ)

    async def _clock_write(self, fid: Fid, data: bytes, offset: int) -> int:
        raise PlanError(f"{EPERM}: the clock is the host's")

    def _cputime(self, fid: Fid) -> bytes:
        if fid.proc is None or fid.proc is self.kernel.boot:  # never runs
            return _number(0) * 6
        user, system, real, child_user, child_system = fid.proc.times_ms()
        return b"".join(map(_number, (user, system, real, child_user, child_system, 0)))

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
        return _number(self._caller(fid).pid)

    def _ppid(self, fid: Fid) -> bytes:
        return _number(self._caller(fid).ppid)

    def _pgrpid(self, fid: Fid) -> bytes:
        return _number(self._caller(fid).ns.number)

    def _user(self, fid: Fid) -> bytes:
        return _bytes(self._caller(fid).user)

    async def _user_write(self, fid: Fid, data: bytes, offset: int) -> int:
        """Only to become nobody."""
        if offset or data != b"none":
            raise PlanError(EPERM)
        self._caller(fid).user = "none"
        return len(data)

    # The machine

    def _sysname(self, fid: Fid) -> bytes:
        return _bytes(self.kernel.sysname)

    async def _sysname_write(self, fid: Fid, data: bytes, offset: int) -> int:
        self.kernel.sysname = _given_name(data, offset)
        return len(data)

    def _hostowner(self, fid: Fid) -> bytes:
        return _bytes(self.eve)

    async def _hostowner_write(self, fid: Fid, data: bytes, offset: int) -> int:
        """The owner changes his name, everywhere at once."""
        if self._caller(fid).user != self.eve:
            raise PlanError(EPERM)
        old, new = self.eve, _given_name(data, offset)
        kernel = self.kernel
        kernel.eve = kernel.user = new
        for device in kernel.devices.values():
            if hasattr(device, "eve"):
                device.eve = new
        for p in (kernel.boot, *kernel.procs.values()):
            if p.user == old:
                p.user = new
        return len(data)

    def _hostdomain(self, fid: Fid) -> bytes:
        return _bytes(self._domain)

    async def _hostdomain_write(self, fid: Fid, data: bytes, offset: int) -> int:
        if self._caller(fid).user != self.eve:
            raise PlanError(EPERM)
        self._domain = _given_name(data, offset)
        return len(data)

    def _osversion(self, fid: Fid) -> bytes:
        return b"2000"

    def _drivers(self, fid: Fid) -> bytes:
        return b"".join(
            _bytes(f"#{letter} {getattr(device, 'name', type(device).__name__.lower())}\n")
            for letter, device in self.kernel.devices.items())

    def _swap(self, fid: Fid) -> bytes:
        """Memory in bytes and pages; nothing is ever swapped."""
        total = self.kernel.quota.memory or 1 << 30
        used = sum(seg.size for p in self.kernel.procs.values() if p.space is not None
                   for seg in p.space.all()) // PAGE
        pages = max(total // PAGE, used)
        return (b"%d memory\n%d pagesize\n0 kernel\n%d/%d user\n0/0 swap\n"
                b"0/0 kernel malloc\n0/0 kernel draw\n" % (total, PAGE, used, pages))

    def _sysstat(self, fid: Fid) -> bytes:
        """One processor: its number, context switches, and eight counts that it has not."""
        switches = self.kernel.sched.switches - self._switches
        return b"".join(map(_number, (0, switches, 0, 0, 0, 0, 0, 0, 0, 0))) + b"\n"

    async def _sysstat_write(self, fid: Fid, data: bytes, offset: int) -> int:
        self._switches = self.kernel.sched.switches
        return len(data)

    # fmt: off
    ROWS = (
        Row("bintime",    0o664, _bintime_read, _clock_write),
        Row("cons",       0o660, _cons_read, _cons_write),
        Row("consctl",    0o220, None, _consctl_write,
            on_open=_consctl_open, on_clunk=_consctl_clunk),
        Row("cputime",    0o444, text=_cputime),
        Row("drivers",    0o444, text=_drivers),
        Row("hostdomain", 0o664, text=_hostdomain, write=_hostdomain_write),
        Row("hostowner",  0o664, text=_hostowner, write=_hostowner_write),
        Row("kmesg",      0o440, text=_kmesg),
        Row("null",       0o666, _null_read, _null_write),
        Row("osversion",  0o444, text=_osversion),
        Row("pgrpid",     0o444, text=_pgrpid),
        Row("pid",        0o444, text=_pid),
        Row("ppid",       0o444, text=_ppid),
        Row("random",     0o444, _random_read),
        Row("swap",       0o664, text=_swap),
        Row("sysname",    0o664, text=_sysname, write=_sysname_write),
        Row("sysstat",    0o666, text=_sysstat, write=_sysstat_write),
        Row("time",       0o664, text=_time, write=_clock_write),
        Row("user",       0o666, text=_user, write=_user_write),
        Row("zero",       0o444, _zero_read),
    )
    # fmt: on
