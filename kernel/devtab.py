"""Which devices there are, and the name space that programs find.

Source: intro(3), namespace(4).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Final, Protocol

from vx9.fs.dir import DMDIR, ORDWR, OREAD, OWRITE
from vx9.fs.errors import ENONEXIST, PlanError
from vx9.fs.hostfs import HostFS
from vx9.fs.overlay import Overlay
from vx9.fs.ramfs import RamFS
from vx9.fs.server import FileServer
from vx9.kernel import note
from vx9.kernel.console import Console
from vx9.kernel.devcap import Cap
from vx9.kernel.devcons import Cons
from vx9.kernel.devcs import Cs
from vx9.kernel.devdup import Dup
from vx9.kernel.devenv import Env
from vx9.kernel.devhost import Host, Ram
from vx9.kernel.devip import Ipdev
from vx9.kernel.devmachine import Arch, Rtc, Swap
from vx9.kernel.devmnt import Mnt
from vx9.kernel.devpipe import Pipe
from vx9.kernel.devproc import Devproc
from vx9.kernel.devroot import PLACES, Root
from vx9.kernel.devsegment import Segments
from vx9.kernel.devshr import Shr
from vx9.kernel.devsrv import Srv
from vx9.kernel.devstdio import Stdio
from vx9.kernel.namespace import MAFTER, MBEFORE, MCREATE, MREPL

if TYPE_CHECKING:
    from vx9.kernel.chan import Chan
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.proc import Proc

IMAGE: Final = "root"  # the memory tree of the root image
# Its folders that are something else here: devices, memory, our programs, places to mount on.
MOUNTED: Final = frozenset({"bin", "dev", "env", "fd", "mnt", "n", "net", "proc", "root", "srv",
                            "tmp"})

# Where the devices and our programs are found: what, where, how.
# fmt: off
BINDS: Final = (
    ("#c",    "/dev",  MREPL),
    ("#e",    "/env",  MREPL | MCREATE),
    ("#d",    "/fd",   MREPL),
    ("#p",    "/proc", MREPL),
    ("#s",    "/srv",  MREPL | MCREATE),
    ("#I",    "/net",  MREPL),
    ("#N",    "/net",  MAFTER),
    ("#Rtmp", "/tmp",  MREPL | MCREATE),
)
# fmt: on


class ImageFile(Protocol):
    """A file of a root image (vx9.images.root.Entry); load is None for a directory."""

    path: str
    mode: int
    load: Callable[[], bytes] | None


def devices(kernel: Kernel, console: Console | None = None,
            image: Iterable[ImageFile] = (),
            places: Sequence[str] = PLACES) -> dict[str, FileServer]:
    """The servers of a kernel, by letter; image is copied to the memory tree IMAGE.

    places are folders that #/ has besides its own.
    """
    now, eve = kernel.clock.seconds, kernel.eve
    screen = console if console is not None else Console()

    cons = Cons(kernel, screen)

    def interrupt() -> None:
        if cons.reader is not None:
            note.post_group(kernel.procs.values(), cons.reader.noteid, "interrupt")

    if console is None:
        screen.end_input()  # until a terminal is lent
        screen.interrupt = interrupt
    numbers = itertools.count(1)
    ram = Ram(numbers, eve, now, kernel.account)
    for file in image:
        if file.path.split("/")[1] not in MOUNTED:
            ram.select(IMAGE).put(file.path, file.load() if file.load else b"", file.mode)
    return {
        "/": Root(eve, now, places),
        "c": cons,
        "e": Env(kernel),
        "|": Pipe(eve, now, kernel.account),
        "p": Devproc(kernel),
        "s": Srv(eve, now, kernel.account),
        "d": Dup(eve, now),
        "g": Segments(eve, now, kernel.account.take),
        "¤": Cap(eve, now, kernel.clock.ticks),
        "σ": Shr(kernel),
        "P": Arch(kernel),
        "r": Rtc(kernel),
        "¶": Swap(kernel, cons),
        "I": Ipdev(kernel),
        "N": Cs(kernel),
        "U": Host(numbers),
        "R": ram,
        "M": Mnt(kernel.sched, numbers, kernel.account),
    }


async def first_names(kernel: Kernel) -> None:
    """Make the name space that all programs of the host's start in."""
    ram, root = kernel.devices["R"], kernel.devices["/"]
    assert isinstance(ram, Ram)
    assert isinstance(root, Root)
    await _bind_all(kernel, MREPL)
    for name in ram.select(IMAGE).root.children or ():
        root.plant(kernel.boot.root.fid, [name], True)
        await kernel.boot.ns.bind(kernel.boot, f"#R{IMAGE}/{name}", f"/{name}", MREPL | MCREATE)


async def _bind_all(kernel: Kernel, how: int) -> None:
    boot = kernel.boot
    for what, where, flag in BINDS:
        await boot.ns.bind(boot, what, where, flag)
    programs = grant_programs(kernel)
    if programs is not None:
        await boot.ns.bind(boot, programs, "/bin", how)


def grant_programs(kernel: Kernel) -> str | None:
    """The folder of our own programs, "#U1"; None when they were not built."""
    programs = resources.files("vx9.images").joinpath("bin", "386")
    device = kernel.devices["U"]
    assert isinstance(device, Host)
    return device.grant(str(programs), False, kernel.user) if programs.is_dir() else None


def adopt(kernel: Kernel, server: FileServer) -> str:
    """Make a server a device of its own, "#U1", that is closed with the kernel."""
    device = kernel.devices["U"]
    assert isinstance(device, Host)
    return device.adopt(server)


async def bind_host(kernel: Kernel, host_dir: str, guest_dir: str, rw: bool,
                    mem: bool = False) -> None:
    """Let guests see a folder or file of the host at guest_dir.

    With mem, guests may change a folder, and the changes are kept in memory above it.
    Raises PlanError when one is not there, or guest_dir cannot be made.
    """
    boot, device = kernel.boot, kernel.devices["U"]
    assert isinstance(device, Host)
    if mem:
        account = kernel.account
        above = RamFS(kernel.user, kernel.clock.seconds, account.limits.ram, charge=account.take)
        sharp = device.adopt(Overlay(HostFS(host_dir, False, kernel.user, device.hidden), above))
    else:
        sharp = device.grant(host_dir, rw, kernel.user)
    create = MCREATE if rw or mem else 0
    if guest_dir == "/":
        # Its own folders come first; the devices are bound over those of their names.
        await boot.ns.bind(boot, sharp, "/", MBEFORE | create)
        await _bind_all(kernel, MAFTER)
        return
    source = await boot.ns.access(boot, sharp)
    is_dir = source.is_dir
    await source.close()
    await make_place(kernel, guest_dir, is_dir)
    await boot.ns.bind(boot, sharp, guest_dir, MREPL | (create if is_dir else 0))


async def make_place(kernel: Kernel, guest: str, is_dir: bool) -> None:
    """A file to mount on, made in the root device or in memory where it is not there."""
    boot = kernel.boot
    try:
        await (await boot.ns.access(boot, guest)).close()
        return
    except PlanError as error:
        if ENONEXIST not in str(error) and "does not exist" not in str(error):
            raise
    names = [name for name in guest.split("/") if name not in ("", ".")]
    for depth in range(len(names) - 1, -1, -1):
        try:
            c = await boot.ns.access(boot, "/" + "/".join(names[:depth]))
        except PlanError:
            continue
        try:
            below = names[depth:]
            members = [c] if c.union is None else [m.to for m in c.union.mounts]
            for member in members:
                if isinstance(member.server, Root | RamFS):
                    member.server.plant(member.fid, below, is_dir)
                    return
                if isinstance(member.server, Overlay):  # never on the host itself
                    await _create(kernel, names, depth, is_dir)
                    return
            raise PlanError(f"{c.path} has no {below[0]} to bind on; make it first")
        finally:
            await c.close()


async def _create(kernel: Kernel, names: Sequence[str], depth: int, is_dir: bool) -> None:
    """Make the folders of a name from the one at depth on, and its last file."""
    boot = kernel.boot
    for end in range(depth + 1, len(names) + 1):
        folder = is_dir or end < len(names)
        c = await boot.ns.create(boot, "/" + "/".join(names[:end]), OREAD if folder else OWRITE,
                                 DMDIR | 0o755 if folder else 0o644)
        await c.close()


async def stdio(kernel: Kernel, p: Proc, host_fd: int, fd: int) -> Chan:
    """What a program gets for a host descriptor as its fd 0, 1 or 2: a terminal is the console."""
    host, cons = kernel.host, kernel.devices["c"]
    assert isinstance(cons, Cons)
    mode = OREAD if fd == 0 else OWRITE if fd in (1, 2) else ORDWR
    if host.isatty(host_fd):
        _use_terminal(kernel, cons.console, host_fd, mode)
        c = await p.ns.open(p, "#c/cons", mode)
        c.path, c.depth = "/dev/cons", 2
        return c
    kind = host.kind(host_fd)
    return Stdio(host, kind, kernel.eve, kernel.account).lend(host_fd, mode, f"/fd/{fd}")


def show_console(kernel: Kernel, fd: int) -> None:
    """What is written to the console goes to a host descriptor, as there is no terminal."""
    cons = kernel.devices["c"]
    assert isinstance(cons, Cons)
    cons.console.output = lambda data: kernel.host.write(fd, data)


def _use_terminal(kernel: Kernel, console: Console, fd: int, mode: int) -> None:
    """Let the console be a host terminal, which edits lines itself."""
    host = kernel.host
    if mode == OREAD:
        if console.source is None:
            console.edits = False
            console.source = lambda count: host.read(fd, count)
            console.set_raw = lambda on: host.raw(fd, on)
    elif console.output is None:
        console.output = lambda data: host.write(fd, data)
