"""vx9 mount and vx9 umount: a name space as a file system of the host.

What needs rights is done before the walls go up: the mount by this process or fusermount3,
its end by a child that outlives us, however we end.  So a kill leaves no dead mount; what a
crash of both leaves is cleared by the next vx9 mount there.  Source: docs/fuse.md.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from vx9.userland import control, ending, rooted, session
from vx9.userland.errors import OUR_ERROR, Refusal
from vx9.userland.grants import Grant

if TYPE_CHECKING:
    from vx9.fs.fuse.door import Door
    from vx9.kernel.kernel import Kernel

CACHE: Final = 1.0  # seconds that the host may believe what it knows of plain files


def absolute(folder: str) -> str:
    """A folder's name without links above it; a dead mount cannot be asked."""
    parent, name = os.path.split(os.path.abspath(folder))
    return os.path.join(os.path.realpath(parent), name)


class Point:
    """Where it is mounted, and who takes it down."""

    def __init__(self, folder: str) -> None:
        self.path = absolute(folder)
        self.source = f"vx9-{os.getpid()}"
        self.behind: ending.Behind | None = None
        self._clear(folder)
        self.path = os.path.realpath(self.path)
        if not os.path.isdir(self.path):
            raise Refusal(f"mount {folder}: no such folder; make it with mkdir")

    def _clear(self, folder: str) -> None:
        """Take down what a vx9 that died left here."""
        from vx9.fs import hostfuse
        from vx9.fs.errors import PlanError

        path = self.path
        there = hostfuse.on(path)
        while there is not None and there.kind == hostfuse.KIND:
            if not hostfuse.is_dead(path):
                raise Refusal(f"mount {folder}: a vx9 is mounted there already; "
                              f"end it with vx9 umount {folder}")
            try:
                hostfuse.unmount(path, lazy=True)
            except PlanError as error:
                raise Refusal(f"mount {folder}: {error}") from None
            there = hostfuse.on(path)

    def mount(self, allow_other: bool) -> int:
        """Mount a connection here; its descriptor."""
        from vx9.fs import hostfuse
        from vx9.fs.errors import PlanError

        self.guard()
        try:
            return hostfuse.mount(self.path, self.source, allow_other)
        except (PlanError, OSError) as error:
            raise Refusal(f"mount: {error}") from None

    def guard(self) -> None:
        """Have it taken down at our end."""
        path, source = self.path, self.source

        def take_down() -> None:
            from vx9.fs import hostfuse

            there = hostfuse.on(path)
            if there is not None and there.source == source:
                hostfuse.unmount(path, lazy=True)

        self.behind = ending.Behind(take_down)

    def end(self) -> None:
        """Take it down."""
        if self.behind is not None:
            self.behind.now()

    def check(self, wanted: Iterable[Grant]) -> None:
        """Refuse grants that we would have to ask ourselves for."""
        for grant in wanted:
            real = os.path.realpath(grant.host)
            if real == self.path or real.startswith(self.path.rstrip("/") + "/"):
                raise Refusal(f"mount {self.path}: the guest is given {grant.host}, which would "
                              "lie below its own mount; mount on another folder")


def mount(options: argparse.Namespace) -> int:
    """vx9 mount: until it is unmounted, or a signal comes."""
    point = Point(options.folder)
    far = control.dial(options.attach, point.path) if options.attach else None
    if options.background:
        return _in_background(options, lambda told: _serve(options, point, far, told))
    return _serve(options, point, far, lambda: _say(f"vx9: mounted on {point.path}"))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _in_background(options: argparse.Namespace, serve: Callable[[Callable[[], None]], int]) -> int:
    """Serve in a child of its own session; return when it is mounted, or refuse as it does."""
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ours)
        with open(theirs, "rb") as pipe:
            said = pipe.read()
        if said == b"\0":
            return 0
        os.waitpid(pid, 0)
        raise Refusal(said.decode(errors="replace") or f"mount {options.folder}: it failed")
    status = OUR_ERROR
    try:
        os.close(theirs)
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)

        def told() -> None:
            os.write(ours, b"\0")
            os.close(ours)

        try:
            status = serve(told)
        except Refusal as refusal:
            with contextlib.suppress(OSError):
                os.write(ours, str(refusal).encode())
    finally:
        os._exit(status)


def _serve(options: argparse.Namespace, point: Point, far: control.Far | None,
           told: Callable[[], None]) -> int:
    point.check([] if far is not None else session.requested(options, os.getcwd()))
    with ending.ending() as end:
        try:
            if options.backend == "raw" or (options.backend == "auto" and _raw_works()):
                _raw(options, point, far, told, end)
            else:
                _libfuse(options, point, far, told, end)
        finally:
            point.end()
    return 0


def _raw_works() -> bool:
    """Whether we may mount by ourselves, or have who does it for us."""
    from vx9.fs import hostfuse

    return os.path.exists(hostfuse.DEVICE) and (
        os.geteuid() == 0 or hostfuse.helper() is not None)


@contextlib.contextmanager
def _door(options: argparse.Namespace, point: Point, far: control.Far | None,
          end: ending.Ending) -> "Iterator[tuple[Kernel, Door]]":
    """A running kernel behind its walls, and the door to what it shows."""
    from vx9.fs.errors import PlanError
    from vx9.kernel import hostfuse
    from vx9.kernel.kernel import Kernel

    uid, gid = os.geteuid(), os.getegid()
    if far is not None:
        kernel = Kernel(user=options.user or rooted.USER)
        session.walls(options, [], [])
        kernel.start()
        try:
            try:
                door, c = kernel.call(hostfuse.far_door, kernel, far.sock, far.name, uid, gid,
                                      end.come)
            except PlanError as error:
                raise Refusal(f"--attach {far.name}: {error}; is that vx9 still running?") from None
            yield kernel, door
            kernel.call(c.close)
        finally:
            kernel.stop()
        return

    def prepare(kernel: "Kernel") -> None:
        kernel.devices["U"].hidden.add(point.path)  # type: ignore[attr-defined]

    with session.kernel(options, prepare=prepare) as kernel:
        try:
            yield kernel, kernel.call(hostfuse.door, kernel, options.tree, uid, gid)
        except PlanError as error:
            raise Refusal(f"--tree {options.tree}: {session.reason(error)}; "
                          "name a folder of the guest") from None


def _raw(options: argparse.Namespace, point: Point, far: control.Far | None,
         told: Callable[[], None], end: ending.Ending) -> None:
    """Serve /dev/fuse itself."""
    fd = point.mount(options.allow_other)
    with _door(options, point, far, end) as (kernel, door):
        from vx9.kernel.hostfuse import Raw

        service = Raw(kernel, door, fd, _cache(options, far, CACHE), end.come)
        kernel.call(service.start)
        told()
        end.wait()
        point.end()
        kernel.call(service.close)


def _libfuse(options: argparse.Namespace, point: Point, far: control.Far | None,
             told: Callable[[], None], end: ending.Ending) -> None:
    """Serve through libfuse, which mounts by itself, so the walls go up after that."""
    from vx9.kernel import hostlibfuse

    try:
        binding = hostlibfuse.binding()
    except ImportError as error:
        raise Refusal(f"--backend fusepy: {error}; install libfuse2, or mfusepy and fuse3") from None
    point.guard()
    with contextlib.ExitStack() as stack:
        lib = hostlibfuse.Libfuse(
            binding, lambda: stack.enter_context(_door(options, point, far, end)),
            point.path,
            point.source, allow_other=options.allow_other,
            cache=_cache(options, far, 0.0), take_down=point.end, ended=end.come)
        lib.start()
        refusal = lib.wait()
        if refusal is not None:
            raise refusal if isinstance(refusal, Refusal) else Refusal(f"mount: {refusal}")
        told()
        end.wait()
        point.end()
        lib.stop()


def _cache(options: argparse.Namespace, far: object, usual: float) -> float:
    """How long the host may believe what it knows: not at all, where guests are at work."""
    if options.cache is not None:
        return float(options.cache)
    return usual if far is None else 0.0


def umount(options: argparse.Namespace) -> int:
    """vx9 umount: end a vx9 mount, a dead one too."""
    from vx9.fs import hostfuse
    from vx9.fs.errors import PlanError

    path = absolute(options.folder)
    there = hostfuse.on(path)
    if there is None or there.kind != hostfuse.KIND:
        raise Refusal(f"umount {options.folder}: no vx9 is mounted there")
    try:
        hostfuse.unmount(path, options.lazy or hostfuse.is_dead(path))
    except PlanError as error:
        raise Refusal(f"umount: {error}") from None
    return 0
