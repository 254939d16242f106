"""Guest programs in C, compiled as the commands are, and a kernel to run them in."""

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from vx9.userland.guest import build

HERE = Path(__file__).parent
PLACE = "/n/guest"  # where the guests see their programs
QUIET = ("-Wno-array-bounds", "-Wno-infinite-recursion", "-Wno-unused-result")  # faults on purpose
TIMEOUT = 60.0


@dataclass(frozen=True)
class Result:
    """How a guest ended."""

    output: bytes  # of both streams
    message: str  # the status without the process's name and number
    code: int


@pytest.fixture(scope="session")
def library(demand) -> build.Library:
    """The C library, built once."""
    try:
        return build.library()
    except build.BuildError as error:
        demand(f"a 32-bit compiler ({error})")


@pytest.fixture(scope="session")
def guest_folder(library, tmp_path_factory) -> Path:
    """A host folder with every golden program of this one, compiled."""
    folder = tmp_path_factory.mktemp("guest")
    sources = sorted(HERE.glob("[0-9]*_*.c"))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(lambda source: build.program([source], folder / source.stem, lib=library,
                                                   cflags=QUIET, work=folder / "objects"), sources))
    return folder


@pytest.fixture(params=[True, False], ids=["C", "Python"])
def run_guest(request, guest_folder, monkeypatch) -> Callable[..., Result]:
    """run_guest(argv, stdin=b"", memory=None, during=None) -> Result, in a kernel of its own.

    Once with the hot system calls answered in C, and once all of them in Python.
    """
    from vx9.kernel.host import Host
    from vx9.kernel.kernel import Kernel

    monkeypatch.setattr(Host, "fast", request.param)
    kernels = []

    def run(argv: Sequence[str], stdin: bytes = b"", memory: int | None = None,
            during: Callable[..., None] | None = None) -> Result:
        kernel = Kernel(memory=memory)
        kernels.append(kernel)
        kernel.start()
        kernel.bind_host(str(guest_folder), PLACE)
        source, into = os.pipe()
        output, target = os.pipe()
        try:
            os.write(into, stdin)
            os.close(into)
            handle = kernel.spawn(argv, env={"path": ["/bin"]}, cwd="/", stdin=source,
                                  stdout=target, stderr=target)
            with ThreadPoolExecutor(1) as pool:
                reader = pool.submit(_drain, output)
                try:
                    if during is not None:
                        during(handle)
                    status = handle.wait(TIMEOUT)
                finally:
                    handle.kill()
                    os.close(target)
                    target = -1
                    kernel.stop()
                data = reader.result(TIMEOUT)
        finally:
            for fd in (source, output, target):
                if fd >= 0:
                    os.close(fd)
        assert kernel.errors == 0
        return Result(data, re.sub(r"^\S+ \d+: ", "", status.message), status.code)

    return run


def _drain(fd: int) -> bytes:
    data = b""
    while piece := os.read(fd, 65536):
        data += piece
    return data
