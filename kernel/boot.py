"""A tree of Plan 9's own as the root: what boot(8) and init(8) make of it before rc runs.

The tree's file server is posted as #s/boot; the name space is what its /lib/namespace says.
A file that does not mount the root itself finds it where boot leaves it, at /root and united
with /.  Without the file the name space is DEFAULT, and a folder that is no Plan 9 tree at all
gets our own programs as /bin, behind its own.
Source: boot(8), init(8), namespace(4), namespace(6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from vx9.fs.dir import ORDWR, Dir, Qid
from vx9.fs.errors import EHUNGUP, PlanError
from vx9.fs.ninep.server import Session
from vx9.fs.server import Fid, FileServer, Refuser
from vx9.kernel import dialect, nsfile
from vx9.kernel.chan import Chan
from vx9.kernel.devroot import Root
from vx9.kernel.devsrv import Srv
from vx9.kernel.sched import Rendez

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

NAMESPACE: Final = "lib/namespace"
SIGNS: Final = ("386/bin", "rc/bin", NAMESPACE)  # one of them makes a folder a Plan 9 tree

ROOT_LINES: Final = """\
mount -c #s/boot /root $rootspec
bind -ac $rootdir /
"""
DEVICES: Final = """\
bind #c /dev
bind #d /fd
bind -c #e /env
bind #p /proc
bind -c #s /srv
bind -a #¤ /dev
bind -a #I /net
bind -a #N /net
"""
DEFAULT: Final = ROOT_LINES + "bind -c $rootdir/mnt /mnt\n" + DEVICES + """\
bind /$cputype/bin /bin
bind -a /rc/bin /bin
"""
PLAIN: Final = ROOT_LINES + "bind -c $rootdir/mnt /mnt\n" + DEVICES + "bind -a $rootdir/bin /bin\n"


class Boot(Refuser):
    """The channel to the root's file server; mounted, it is that server itself.

    Whoever reads and writes it speaks 9P, as on any other channel.
    """

    dc = "|"

    def __init__(self, kernel: Kernel, root: FileServer) -> None:
        self.mounted = root
        self.kernel = kernel
        self._more = Rendez()
        self._out: list[bytes] = []
        self._session = Session(root, kernel.sched, wake=self._more.wakeup)

    def channel(self, uid: str) -> Chan:
        """An open Chan for it."""
        c = Chan(self, Fid(Qid(1), uid, ORDWR), "#/boot", 1)
        c.mode = ORDWR
        return c

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """At most one message; the rest of a long one next."""
        def ready() -> bool:
            self._out += self._session.take()
            return bool(self._out or self._session.broken)

        await self._more.sleep(ready)
        if not self._out:
            raise PlanError(EHUNGUP)
        data = self._out.pop(0)
        if len(data) > count:
            self._out.insert(0, data[count:])
        return data[:count]

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """A message, or a piece of one."""
        if self._session.broken:
            raise PlanError(EHUNGUP)
        self._session.feed(data)
        self._more.wakeup()
        return len(data)

    async def stat(self, fid: Fid) -> Dir:
        """As of a pipe's end."""
        now, eve = self.kernel.clock.seconds(), self.kernel.eve
        return Dir(fid.qid, 0o600, now, now, 0, "data", eve, eve, eve, ord(self.dc), self.dev)


async def boot(kernel: Kernel, root: FileServer, spoken: dialect.Dialect | None,
               namespace: tuple[str, str] | None, report: Callable[[str], None],
               programs: str | None) -> str:
    """Make root the first name space's root; the folder that its file ends in.

    spoken None guesses the dialect.  namespace is a (name, text) to use in place of the
    tree's own file; programs is what a plain folder gets as /bin ("#U1").
    """
    kernel.speak(spoken if spoken is not None else await dialect.guess(root))
    is_tree = await _is_tree(root)
    server = Boot(kernel, root)
    srv = kernel.devices["s"]
    assert isinstance(srv, Srv)
    srv.post("boot", kernel.eve, 0o660, server.channel(kernel.eve))
    for name in ("dns", "cs"):  # until the tree's own programs take their places
        names = Boot(kernel, kernel.devices["N"])
        srv.post(name, kernel.eve, 0o666, names.channel(kernel.eve))
    if kernel.boot.env.find("rootdir") is None:
        kernel.boot.env.set("rootdir", b"/root")
    builder = nsfile.Builder(kernel, report, kernel.run, any_machine=namespace is None)
    quiet = nsfile.Builder(kernel, lambda _: None, builder.run)
    if namespace is None and is_tree:
        await quiet.carry_out(ROOT_LINES, "boot")
        text = await _own_namespace(builder)
        namespace = None if text is None else (f"/{NAMESPACE}", text)
        await quiet.carry_out("clear", "boot")
    if namespace is None:
        await quiet.carry_out(DEFAULT if is_tree else PLAIN, "boot")
        if programs is not None and not is_tree:
            await quiet.carry_out(f"bind -a {programs} /bin", "boot")
    else:
        if not nsfile.mounts_root(namespace[1]):
            await quiet.carry_out(ROOT_LINES, "boot")
        await builder.carry_out(namespace[1], namespace[0])
    await _temporary(kernel, quiet)
    await _time_zone(kernel, builder)
    return kernel.boot.dot.path


async def extend(kernel: Kernel, name: str, text: str, report: Callable[[str], None]) -> str:
    """Carry a name space file out in the first name space; the folder that it ends in."""
    builder = nsfile.Builder(kernel, report, kernel.run)
    await builder.carry_out(text, name)
    return kernel.boot.dot.path


async def _is_tree(root: FileServer) -> bool:
    fid = await root.attach("none", "")
    try:
        for sign in SIGNS:
            try:
                found, _ = await root.walk(fid, sign.split("/"))
            except PlanError:
                continue
            if found is not None:
                await root.clunk(found)
                return True
    finally:
        await root.clunk(fid)
    return False


async def _own_namespace(builder: nsfile.Builder) -> str | None:
    try:
        return await builder.read(f"/{NAMESPACE}")
    except PlanError:
        return None


async def _temporary(kernel: Kernel, quiet: nsfile.Builder) -> None:
    """/tmp: what the name space says, else the user's own, else memory."""
    ns, boot = kernel.boot.ns, kernel.boot
    try:
        c = await ns.access(boot, "/tmp")
    except PlanError:
        root = kernel.devices["/"]
        assert isinstance(root, Root)
        root.plant(boot.root.fid, ["tmp"], True)
    else:
        covered = c.is_mount_point
        await c.close()
        if covered:
            return
    for line in ("bind -c /usr/$user/tmp /tmp", "bind -c #Rtmp /tmp"):
        failed: list[str] = []
        await nsfile.Builder(kernel, failed.append, quiet.run).carry_out(line, "boot")
        if not failed:
            return


async def _time_zone(kernel: Kernel, builder: nsfile.Builder) -> None:
    """$timezone is a copy of the file, as init makes it."""
    if kernel.boot.env.find("timezone") is None:
        try:
            text = await builder.read("/adm/timezone/local")
        except PlanError:
            return
        kernel.boot.env.set("timezone", text.encode("utf-8", "surrogateescape"))

