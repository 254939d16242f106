"""The workloads under wasmtime, where it and a compiler for WebAssembly are installed.

Source: wasmtime's Python package; clang --target=wasm32 with wasm-ld of the same version.
"""

import importlib
import importlib.util
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vx9.userland.bench.workloads import HERE, Workload
from vx9.userland.errors import Refusal

VERSIONS: Final = ("", *(f"-{n}" for n in range(22, 12, -1)))  # of clang and wasm-ld in Debian
REPEATS: Final = 3


def tools() -> tuple[str, str] | None:
    """The compiler and the linker."""
    for version in VERSIONS:
        clang, linker = shutil.which(f"clang{version}"), shutil.which(f"wasm-ld{version}")
        if clang and linker:
            return clang, linker
    return None


def missing() -> str | None:
    """What is not installed, and how to get it; or None."""
    wants = []
    if importlib.util.find_spec("wasmtime") is None:
        wants.append("pip install wasmtime")
    if tools() is None:
        wants.append("apt-get install clang lld")
    return f"wasmtime is missing; to compare with it: {', '.join(wants)}" if wants else None


def prepare(workload: Workload, folder: Path, more: tuple[str, ...]) -> Callable[[], bytes]:
    """Compile a workload; what runs it and prints as the others do."""
    found = tools()
    if found is None:
        raise Refusal("bench: no compiler for WebAssembly")
    clang, linker = found
    name = workload.source.replace(".", "") + "".join(workload.flags + more)
    plain, out = folder / f"{name}.o", folder / f"{name}.wasm"
    flags = [flag for flag in workload.flags if not flag.startswith("-f")]
    for command in ([clang, "--target=wasm32", "-ffreestanding", *flags, *more, "-c", "-o", str(plain),
                     str(HERE / workload.source)],
                    [linker, "--no-entry", "-o", str(out), str(plain)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refusal(f"bench: {workload.source} for WebAssembly: {done.stderr.strip()}")
    wasmtime: Any = importlib.import_module("wasmtime")  # not a dependency
    store = wasmtime.Store()
    module = wasmtime.Module.from_file(store.engine, str(out))
    instance = wasmtime.Instance(store, module, [])
    work = instance.exports(store)["work"]

    def run() -> bytes:
        lines = []
        for variant in range(workload.variants):
            for _ in range(1 + REPEATS):
                begin = time.thread_time_ns()
                checksum = work(store, variant)
                took = time.thread_time_ns() - begin
                lines.append(f"{checksum & 0xFFFFFFFF:016x} {took:016x}\n")
        return "".join(lines).encode()

    return run
