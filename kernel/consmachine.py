"""The part of #c that is about the machine: its name and owner, its devices, memory and load.

Functions of rows: they get the device (devcons.Cons) and the Fid.
Source: cons(3), swap(8), reboot(8), stats(8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vx9.fs.dirtab import Row
from vx9.fs.errors import (
    EBADARG,
    EBADFD,
    ECMDARGS,
    EEMPTYCTL,
    EPERM,
    ETOOBIG,
    EUNKNOWNCTL,
    PlanError,
)
from vx9.fs.server import Fid
from vx9.kernel.chan import Chan

if TYPE_CHECKING:
    from vx9.kernel.devcons import Cons

PAGE: Final = 4096
SYSNAME_MAX: Final = 256  # bytes, a closing NUL included; so below
DOMAIN_MAX: Final = 48
OWNER_MAX: Final = 128
SWAP_MAX: Final = 256
LOAD_NS: Final = 1_000_000_000  # the load is that of so long a time, at least


def text(data: bytes) -> str:
    """What a guest wrote."""
    return data.decode("utf-8", "surrogateescape")


def data(string: str) -> bytes:
    """What a guest reads."""
    return string.encode("utf-8", "surrogateescape")


def number(n: int) -> bytes:
    """As the kernel formats a number that stands alone."""
    return b"%11d " % (n & 0xFFFFFFFF)


def _name(written: bytes, limit: int) -> str:
    """A name as it was written.  Raises PlanError(EBADARG)."""
    name = text(written)
    if not name or len(written) >= limit or not name.isprintable():
        raise PlanError(EBADARG)
    return name


def _owner_only(cons: Cons, fid: Fid) -> None:
    if cons.caller(fid).user != cons.eve:
        raise PlanError(EPERM)


# Names

def _sysname(cons: Cons, fid: Fid) -> bytes:
    return data(cons.kernel.sysname)


async def _sysname_write(cons: Cons, fid: Fid, written: bytes, offset: int) -> int:
    if offset:
        raise PlanError(EBADARG)
    cons.kernel.sysname = _name(written.removesuffix(b"\n"), SYSNAME_MAX)
    return len(written)


def _hostowner(cons: Cons, fid: Fid) -> bytes:
    return data(cons.eve)


async def _hostowner_write(cons: Cons, fid: Fid, written: bytes, offset: int) -> int:
    """The owner changes his name, everywhere at once."""
    _owner_only(cons, fid)
    old, new = cons.eve, _name(written, OWNER_MAX)
    kernel = cons.kernel
    kernel.eve = kernel.user = new
    for device in kernel.devices.values():
        if hasattr(device, "eve"):
            device.eve = new
        rename = getattr(device, "rename_user", None)
        if rename is not None:
            rename(old, new)
    for p in (kernel.boot, *kernel.procs.values()):
        if p.user == old:
            p.user = new
    return len(written)


def _hostdomain(cons: Cons, fid: Fid) -> bytes:
    return data(cons.domain)


async def _hostdomain_write(cons: Cons, fid: Fid, written: bytes, offset: int) -> int:
    _owner_only(cons, fid)
    cons.domain = _name(written, DOMAIN_MAX)
    return len(written)


# What it is made of

def _osversion(cons: Cons, fid: Fid) -> bytes:
    return b"2000"


def device_name(device: object) -> str:
    """What a device is called beside its letter."""
    name: str = getattr(device, "name", type(device).__name__.lower())
    return name


def _drivers(cons: Cons, fid: Fid) -> bytes:
    """Those that the caller's name space allows."""
    ns = cons.caller(fid).ns
    return b"".join(data(f"#{letter} {device_name(device)}\n")
                    for letter, device in cons.kernel.devices.items() if ns.allows(letter))


async def _drivers_write(cons: Cons, fid: Fid, written: bytes, offset: int) -> int:
    """chdev & LETTERS, chdev &~ LETTERS, chdev ~: take devices from the name space."""
    words = text(written).split()
    if not words:
        raise PlanError(EEMPTYCTL)
    if words[0] != "chdev":
        raise PlanError(f'{EUNKNOWNCTL} "{" ".join(words)}"')
    operator, letters = "".join(words[1:2]), "".join(words[2:3])
    if operator not in ("&", "&~", "~") or len(words) > 3 or (operator != "~" and not letters):
        raise PlanError(f'{ECMDARGS} "{" ".join(words)}"')
    every = frozenset((*cons.kernel.devices, "M"))
    gone = every if operator == "~" else \
        every - set(letters) if operator == "&" else every & set(letters)
    cons.caller(fid).ns.deny(gone)
    return len(written)


def _config(cons: Cons, fid: Fid) -> bytes:
    """What the kernel was put together from, in the form of a configuration file."""
    names = "".join(f"\t{device_name(device)}\n" for device in cons.kernel.devices.values())
    return data(f"# vx9: Plan 9 in a process of the host\ndev\n{names}\tmnt\n"
                "misc\n\trealtime\nport\n\tint cpuserver = 0;\n")


# Memory

def swap(cons: Cons, fid: Fid) -> bytes:
    """Bytes of memory and of a page, then pages; the host pages, so that no swap is used."""
    kernel = cons.kernel
    total = kernel.limits.memory or 1 << 30
    used = sum(seg.size for p in kernel.procs.values() if p.space is not None
               for seg in p.space.all()) // PAGE
    pages = max(total // PAGE, used)
    return (b"%d memory\n%d pagesize\n0 kernel\n%d/%d user\n0/%d swap\n"
            b"0/0 kernel malloc\n0/0 kernel draw\n"
            % (total, PAGE, used, pages, cons.swap_pages))


async def swap_write(cons: Cons, fid: Fid, written: bytes, offset: int) -> int:
    """start, or the descriptor of a file to swap to; the host's pager runs anyway."""
    if len(written) >= SWAP_MAX:
        raise PlanError(ETOOBIG)
    if written.startswith(b"start"):
        return len(written)
    _owner_only(cons, fid)
    digits = written.replace(b"\0", b" ").strip()
    if not digits.isdigit():
        raise PlanError(EBADARG)
    p = cons.caller(fid)
    if len(digits) > 9:
        raise PlanError(EBADFD)
    c: Chan = p.fds.get(int(digits)).ref()
    try:
        pages = (await c.stat(p)).length // PAGE
    except BaseException:
        await c.close()
        raise
    old, cons.swap_file, cons.swap_pages = cons.swap_file, c, pages
    if old is not None:
        await old.close()
    return len(written)


# Work

class Meter:
    """Counts since a reset, and the load of the last second or so."""

    def __init__(self, cons: Cons) -> None:
        self.kernel = cons.kernel
        self._zero = self._counts()
        self._then = self._now()
        self._load = 0

    def _counts(self) -> tuple[int, int, int, int]:
        kernel, sched = self.kernel, self.kernel.sched
        calls, faults = kernel.past_calls, kernel.past_faults
        for p in kernel.procs.values():
            if not p.dead:
                calls += p.calls
                faults += p.faults
        return sched.switches, sched.events, calls, faults

    def _now(self) -> tuple[int, int]:
        host = self.kernel.host
        return host.monotonic_ns(), host.cpu_ns()

    def reset(self) -> None:
        """Count from zero again."""
        self._zero = self._counts()

    def row(self) -> tuple[int, ...]:
        """The line of the one processor."""
        now, then = self._now(), self._then
        passed = now[0] - then[0]
        if passed >= LOAD_NS:
            self._load = min(1000, 1000 * (now[1] - then[1]) // passed)
            self._then = now
        counts = (a - b for a, b in zip(self._counts(), self._zero, strict=True))
        return (0, *counts, 0, 0, self._load, 100 - self._load // 10, 0)


def _sysstat(cons: Cons, fid: Fid) -> bytes:
    """Of each processor: its number, switches, interrupts, system calls, faults, two counts of a
    TLB that is the host's, load in thousandths, idle and interrupt time in percent.

    The first has done it all; programs count the lines, and start as many threads.
    """
    rows = [cons.meter.row(), *((i, *[0] * 7, 100, 0) for i in range(1, cons.kernel.processors))]
    return b"".join(b"".join(map(number, row)) + b"\n" for row in rows)


async def _sysstat_write(cons: Cons, fid: Fid, written: bytes, offset: int) -> int:
    cons.meter.reset()
    return len(written)


async def _reboot_write(cons: Cons, fid: Fid, written: bytes, offset: int) -> int:
    """halt, reboot, panic: each ends all processes; what is to start again is the host's."""
    _owner_only(cons, fid)
    words = text(written.replace(b"\0", b" ")).split()
    if not words:
        raise PlanError(EEMPTYCTL)
    if words[0] not in ("halt", "reboot", "panic"):
        raise PlanError(f'{EUNKNOWNCTL} "{" ".join(words)}"')
    if words[0] == "halt" and len(words) > 1:
        raise PlanError(f'{ECMDARGS} "{" ".join(words)}"')
    p = cons.caller(fid)
    if words[0] == "reboot" and len(words) > 1:
        await (await p.ns.open(p, words[1], 3)).close()
        raise PlanError("vx9 cannot become another kernel; write reboot alone")
    if words[0] == "panic":
        await cons.console.write(b"panic: /dev/reboot\n")
    cons.kernel.halt("panic: /dev/reboot" if words[0] == "panic" else "")
    return len(written)


# fmt: off
ROWS: Final = (
    Row("config",     0o444, text=_config),
    Row("drivers",    0o666, text=_drivers, write=_drivers_write),
    Row("hostdomain", 0o664, text=_hostdomain, write=_hostdomain_write),
    Row("hostowner",  0o664, text=_hostowner, write=_hostowner_write),
    Row("osversion",  0o444, text=_osversion),
    Row("reboot",     0o660, write=_reboot_write),
    Row("swap",       0o664, text=swap, write=swap_write),
    Row("sysname",    0o664, text=_sysname, write=_sysname_write),
    Row("sysstat",    0o666, text=_sysstat, write=_sysstat_write),
)
# fmt: on
