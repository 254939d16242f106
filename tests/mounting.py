"""Mounts for tests: a vx9 mount in a folder, ended after the test; nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from vx9.fs import hostfuse
from vx9.fs.errors import PlanError

SECONDS = 30.0


def why_not(backend: str) -> str | None:
    """What is missing for a mount."""
    if not os.access(hostfuse.DEVICE, os.R_OK | os.W_OK):
        return "/dev/fuse"
    if os.geteuid() and hostfuse.helper() is None:
        return "fusermount3 (package fuse3), for those who are not root,"
    if backend == "fusepy":
        try:
            import fuse  # noqa: F401
        except (ImportError, OSError):
            return "libfuse2"
    return None


def command() -> list[str]:
    """The vx9 of this Python."""
    return [sys.executable, "-P", "-m", "vx9"]


def until(holds: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait for something that comes soon."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


class Mount:
    """A mount, and the vx9 that serves it."""

    def __init__(self, point: Path, process: subprocess.Popen[bytes], host: Path) -> None:
        self.point = point
        self.process = process
        self.host = host  # the folder that it was started in

    @property
    def folder(self) -> Path:
        """The host's folder as it is seen through the mount."""
        return self.point / str(self.host).lstrip("/")

    @property
    def memory(self) -> Path:
        """A folder in memory."""
        return self.point / "tmp"

    def gone(self) -> bool:
        """Whether nothing is mounted there."""
        return hostfuse.on(str(self.point)) is None


@contextlib.contextmanager
def mounted(base: Path, *options: object, env: dict[str, str] | None = None) -> Iterator[Mount]:
    """vx9 mount base/mnt, started in base/host."""
    point, host = base / "mnt", base / "host"
    with contextlib.suppress(OSError):  # also when a dead mount is there
        point.mkdir()
    host.mkdir(exist_ok=True)
    process = subprocess.Popen([*command(), "mount", *map(str, options), str(point)], cwd=host,
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, **(env or {})})
    assert process.stderr is not None
    assert process.stdin is not None  # nobody types, so who reads the console waits
    said = b""
    while not re.search(rb"vx9: mounted on .*\n", said):
        line = process.stderr.readline()
        said += line
        assert line, said.decode()
    mount = Mount(point, process, host)
    try:
        yield mount
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        try:
            until(mount.gone)
        except AssertionError:
            with contextlib.suppress(PlanError):
                hostfuse.unmount(str(point), lazy=True)
            raise
        finally:
            process.stderr.close()
            process.stdin.close()


def run(*argv: object, cwd: Path, ok: bool = True, env: dict[str, str] | None = None,
        timeout: float = 100) -> subprocess.CompletedProcess[bytes]:
    """A program of the host's."""
    done = subprocess.run([*map(str, argv)], cwd=cwd, capture_output=True, timeout=timeout,
                          env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1", **(env or {})},
                          check=False)
    assert not ok or done.returncode == 0, (argv, done.stdout, done.stderr)
    return done


