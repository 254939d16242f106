"""Libfuse: the FUSE door on libfuse, through mfusepy or fusepy, where the raw one cannot be.

Each request comes in a thread of libfuse's, which hands it to the kernel's thread and waits.
So blocked readers cost a thread each; and as no binding passes interrupts on, the thread
looks now and then whether who asked is being ended, and interrupts the request itself.
Paths are bytes carried as Latin-1, for names need not be UTF-8.
Source: fusepy, mfusepy; docs/fuse.md.
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import errno
import importlib
import logging
import mmap
import os
import stat
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.errnos import Errnos
from vx9.fs.errors import PlanError
from vx9.fs.fuse.attr import named, plain
from vx9.fs.fuse.door import Door
from vx9.fs.fuse.files import O_TRUNC, Change, Handle
from vx9.fs.fuse.nodes import Node

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

log = logging.getLogger(__name__)

LOOK: Final = 0.25  # seconds between looks at who waits
THREADS: Final = 1000  # of libfuse 3, whose usual ten would be ten blocked readers
KILL: Final = 1 << 8  # SIGKILL among the pending signals
_OPTIONS_2: Final = ("big_writes", "nonempty", "use_ino", "readdir_ino")
_OPTIONS_3: Final = ("use_ino", "readdir_ino")


def binding() -> Any:
    """The module that binds libfuse.  Raises ImportError with what is missing."""
    why = "no binding of libfuse"
    for name in ("mfusepy", "fuse"):
        if name == "mfusepy":
            os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")
        try:
            return importlib.import_module(name)
        except (ImportError, OSError) as error:  # OSError: no libfuse
            why = str(error)
    raise ImportError(why)


def is_ending(pid: int) -> bool:
    """Whether a thread of the host is gone, or has a signal that it would die or wake of."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            lines = dict(line.split(b":", 1) for line in file if b":" in line)
        pending = int(lines[b"SigPnd"], 16) | int(lines[b"ShdPnd"], 16)
        shut = int(lines[b"SigBlk"], 16) | int(lines[b"SigIgn"], 16)
        return bool(pending & (~shut | KILL)) or lines[b"State"].split()[0] in (b"Z", b"X")
    except FileNotFoundError:
        return True
    except (OSError, KeyError, ValueError):
        return False


def _name(text: str) -> str:
    """A name or path of ours for one in Latin-1."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def _carried(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _finish_callbacks(thread: threading.Thread) -> None:
    """Make what ctypes wrote for the binding's callbacks code for good: the walls demand it.

    It must not be written to again, so the callbacks are kept even when the binding, which
    is running in thread, does not need them any more.
    """
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if "fuse_ops" in frame.f_locals:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(frame.f_locals["fuse_ops"]))
            break
        frame = frame.f_back
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        pages = [line.split()[0] for line in maps if line.split()[1].startswith("rwx")]
    for page in pages:
        start, _, end = page.partition("-")
        at, size = int(start, 16), int(end, 16) - int(start, 16)
        if protect(ctypes.c_void_p(at), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Libfuse:
    """One mount, and the operations that the binding calls, which have its names for them."""

    use_ns = True
    flag_nullpath_ok = True  # an open file may have no name any more
    flag_nopath = False

    def __init__(self, fuse: Any, begin: Callable[[], tuple[Kernel, Door]], point: str,
                 source: str, *, allow_other: bool, cache: float,
                 take_down: Callable[[], None], ended: Callable[[], None]) -> None:
        self._fuse = fuse
        self._begin = begin
        self._take_down = take_down
        self._ended = ended
        major = getattr(fuse, "fuse_version_major", 2)
        options: dict[str, Any] = dict.fromkeys(_OPTIONS_2 if major == 2 else _OPTIONS_3, True)
        options |= {"fsname": source, "subtype": "vx9", "default_permissions": True,
                    "nosuid": True, "nodev": True, "attr_timeout": cache,
                    "entry_timeout": cache, "negative_timeout": 0}
        if allow_other:
            options["allow_other"] = True
        if major == 3:
            options["max_threads"] = THREADS
        self._arguments = (os.fsencode(point).decode("latin-1"), options)
        self._folder = os.getcwd()
        self._errnos = Errnos()
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="vx9 libfuse", daemon=True)

    def start(self) -> None:
        """Mount it."""
        self._thread.start()

    def wait(self) -> BaseException | None:
        """Wait until it is mounted; what went wrong, else."""
        self._ready.wait()
        return self._failed

    def stop(self) -> None:
        """It is unmounted: libfuse ends, unless somebody uses it still."""
        self._thread.join(2)

    def _run(self) -> None:
        point, options = self._arguments
        try:
            self._fuse.FUSE(self, point, raw_fi=True, encoding="latin-1", foreground=True, **options)
            self._failed = self._failed or RuntimeError("libfuse ended before it was mounted")
        except BaseException as error:
            self._failed = self._failed or RuntimeError(
                f"libfuse could not mount it (status {error})")
        self._ready.set()
        self._ended()

    def __call__(self, operation: str, *arguments: Any) -> Any:
        """What the binding does with an operation."""
        return getattr(self, operation)(*arguments)

    def init(self, _path: str) -> None:
        """The first call: mounted, and now whatever must be done behind walls."""
        try:
            os.chdir(self._folder)  # which libfuse 3 left
            _finish_callbacks(self._thread)
            self.kernel, self.door = self._begin()
        except BaseException as error:
            self._failed = error
            self._take_down()  # from outside the walls; libfuse then ends by itself
        else:
            self._ready.set()

    def destroy(self, _path: str) -> None:
        """Nothing: the kernel is stopped by who began it."""

    # Requests

    def _do(self, fn: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """fn in the kernel's thread.  Raises OSError."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        sched = self.kernel.sched
        tasks: list[Any] = []

        async def relay() -> None:
            try:
                future.set_result(await fn(*arguments))
            except Exception as error:
                future.set_exception(error)
            except BaseException:
                future.set_exception(PlanError("the kernel stopped"))
                raise

        self.kernel.post(lambda: tasks.append(sched.start(relay(), "libfuse")))
        pid = 0
        while True:
            try:
                return future.result(LOOK)
            except PlanError as error:
                raise OSError(self._errnos.of(str(error)), str(error)) from None
            except TimeoutError:
                pid = pid or self._fuse.fuse_get_context()[2]
                if tasks and is_ending(pid):
                    self.kernel.post(lambda: sched.interrupt(tasks[0]))
            except OSError:
                raise
            except Exception:
                log.exception("libfuse")
                raise OSError(errno.EIO, "internal error") from None

    def _on(self, path: str | None, fi: Any, fn: Callable[[Node, Handle | None], Awaitable[Any]]) -> Any:
        """fn of the file that an open one is, or that is called path."""
        async def with_node() -> Any:
            if fi is not None and fi.fh:
                handle = self.door.handle(fi.fh)
                return await fn(handle.node, handle)
            if path is None:
                raise OSError(errno.ENOENT, "no name")
            node = await self.door.reach(_name(path))
            node.users += 1
            try:
                return await fn(node, None)
            finally:
                node.users -= 1
                await self.door.nodes.prune(node)

        return self._do(with_node)

    def _in(self, path: str, fn: Callable[[Node, str], Awaitable[Any]]) -> Any:
        """fn of the folder that path is in, and the last of its names."""
        folder, _, name = path.rpartition("/")
        return self._on(folder, None, lambda node, _: fn(node, _name(name)))

    def getattr(self, path: str | None, fi: Any = None) -> dict[str, int]:
        async def attr(node: Node, handle: Handle | None) -> dict[str, int]:
            return named(self.door.attr(node, await self.door.stat(node, handle)))

        found: dict[str, int] = self._on(path, fi, attr)
        return found

    def _change(self, path: str | None, fi: Any, change: Change) -> int:
        self._on(path, fi, lambda node, handle: self.door.setattr(node, handle, change))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        return self._change(path, None, Change(mode=mode & 0o7777))

    def chown(self, path: str, uid: int, gid: int) -> int:
        return self._change(path, None, Change(uid=None if uid == -1 else uid,
                                               gid=None if gid == -1 else gid))

    def truncate(self, path: str | None, length: int, fi: Any = None) -> int:
        async def change(node: Node, handle: Handle | None) -> None:
            d = await self.door.stat(node)
            if handle is None and length == d.length == 0:
                return  # a file that is opened with O_TRUNC; it may be a device's
            if handle is None and not length and not plain(d):
                await self.door.release(await self.door.open(node, os.O_WRONLY | os.O_TRUNC))
            else:
                await self.door.setattr(node, handle, Change(size=length))

        self._on(path, fi, change)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        now = self.kernel.host.time_ns()
        atime, mtime = (t // 1_000_000_000 & 0xFFFFFFFF for t in times or (now, now))
        return self._change(path, None, Change(atime=atime, mtime=mtime))

    def statfs(self, path: str) -> dict[str, int]:
        total, free = self._on(path, None, lambda node, _: self.door.room(node))
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": total >> 12, "f_bfree": free >> 12,
                "f_bavail": free >> 12, "f_namemax": 255}

    def open(self, path: str, fi: Any) -> int:
        async def begin(node: Node, _: Handle | None) -> Handle:
            await self.door.stat(node)
            return await self.door.open(node, fi.flags & ~O_TRUNC)

        handle: Handle = self._on(path, None, begin)
        fi.fh, fi.direct_io = handle.number, handle.direct
        return 0

    def create(self, path: str, mode: int, fi: Any) -> int:
        _, _, handle = self._in(path, lambda node, name: self.door.create(node, name, fi.flags, mode))
        fi.fh, fi.direct_io = handle.number, handle.direct
        return 0

    def read(self, _path: str | None, size: int, offset: int, fi: Any) -> bytes:
        data: bytes = self._do(self.door.read, self.door.handle(fi.fh), size, offset)
        return data

    def write(self, _path: str | None, data: bytes, offset: int, fi: Any) -> int:
        count: int = self._do(self.door.write, self.door.handle(fi.fh), data, offset)
        return count

    def fsync(self, _path: str | None, _datasync: int, fi: Any) -> int:
        self._do(self.door.sync, self.door.handle(fi.fh))
        return 0

    def release(self, _path: str | None, fi: Any) -> int:
        self._do(self.door.release, self.door.handle(fi.fh))
        return 0

    def opendir(self, path: str) -> int:
        handle: Handle = self._on(path, None, lambda node, _: self.door.open(node, 0))
        return handle.number

    def readdir(self, _path: str | None, fh: int) -> Iterator[tuple[str, dict[str, int] | None, int]]:
        entries = self._do(self.door.entries, self.door.handle(fh), 0)
        yield ".", None, 0
        yield "..", None, 0
        for d in entries:
            yield _carried(d.name), named(self.door.look.attr(d)), 0

    def releasedir(self, _path: str | None, fh: int) -> int:
        self._do(self.door.release, self.door.handle(fh))
        return 0

    def fsyncdir(self, _path: str | None, _datasync: int, fh: int) -> int:
        self._do(self.door.sync, self.door.handle(fh))
        return 0

    def mknod(self, path: str, mode: int, _device: int) -> int:
        self._in(path, lambda node, name: self.door.make(node, name, mode))
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self._in(path, lambda node, name: self.door.make(node, name, mode | stat.S_IFDIR))
        return 0

    def unlink(self, path: str) -> int:
        self._in(path, lambda node, name: self.door.remove(node, name, False))
        return 0

    def rmdir(self, path: str) -> int:
        self._in(path, lambda node, name: self.door.remove(node, name, True))
        return 0

    def rename(self, old: str, new: str) -> int:
        async def rename(node: Node, name: str) -> None:
            folder, _, last = new.rpartition("/")
            to = await self.door.reach(_name(folder))
            to.users += 1
            try:
                await self.door.rename(node, name, to, _name(last), True)
            finally:
                to.users -= 1
                await self.door.nodes.prune(to)

        self._in(old, rename)
        return 0

    def symlink(self, _target: str, _source: str) -> int:
        raise OSError(errno.EPERM, "no symbolic links in Plan 9")

    def link(self, _target: str, _source: str) -> int:
        raise OSError(errno.EPERM, "no hard links in Plan 9")
