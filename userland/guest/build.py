"""Builds the guest programs: the C library, cmd/*.c, folders of sources -> Plan 9 a.out files.

Used by setup.py (build), by the tests and by the benchmarks (library, program).  Wants a C
compiler for the host that can also make 32-bit code (gcc or clang), the binutils and nothing
else: no 32-bit headers and no 32-bit libgcc.  The compiler is $VX9_GUEST_CC, else gcc, else
clang.  Nothing is done when nothing has changed.

Usage: python build.py [OUTPUT-DIRECTORY]
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

HERE: Final = Path(__file__).resolve().parent
TOP: Final = HERE.parent.parent
WORK: Final = HERE / "build"  # objects and the library
FOLDERS: Final = ("rc",)  # programs with more than one source
BINARIES: Final = TOP / "images" / "bin" / "386"

CFLAGS: Final = (
    "-m32", "-march=i686", "-O2", "-std=gnu11", "-ffreestanding", "-nostdinc", "-fno-pic",
    "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-strict-aliasing",
    "-fno-common", "-fwrapv", "-ffunction-sections", "-fdata-sections", "-fcf-protection=none",
    "-mno-sse", "-mno-mmx", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Wno-parentheses",
    "-Wno-sign-compare", "-Wno-main", "-Wno-unused-parameter",
)
GCC_CFLAGS: Final = ("-fplan9-extensions", "-fno-tree-loop-distribute-patterns",
                     "-fexcess-precision=fast", "-Wno-clobbered")
CLANG_CFLAGS: Final = ("-fms-extensions", "-Wno-microsoft", "-Wno-incompatible-pointer-types")
LDFLAGS: Final = ("-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--gc-sections",
                  "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-z,norelro")
REMEDY: Final = (
    "the guest programs need a C compiler that makes 32-bit x86 code with -m32, and the binutils:\n"
    "  install gcc and binutils (Debian: apt install gcc binutils; no multilib package is needed),\n"
    "  or name another compiler in the environment variable VX9_GUEST_CC"
)

_LOADING: Final = threading.Lock()  # programs are built by several threads


class BuildError(Exception):
    """The programs cannot be built; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Library:
    """A built C library: what program() links with."""

    directory: Path
    compiler: tuple[str, ...]
    cflags: tuple[str, ...]

    @property
    def archive(self) -> Path:
        """Its functions."""
        return self.directory / "libc.a"

    @property
    def start(self) -> Path:
        """What runs before main."""
        return self.directory / "start.o"


def _module(path: Path) -> ModuleType:
    """A module of ours by its path: the build runs before anything is installed."""
    name = "vx9_build_" + path.stem
    with _LOADING:
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module  # dataclasses look themselves up here
            spec.loader.exec_module(module)
        return sys.modules[name]


def _run(command: Sequence[str | Path], what: str) -> str:
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              check=False)
    except OSError as error:
        raise BuildError(f"{what}: cannot run {command[0]}: {error.strerror}\n{REMEDY}") from None
    if done.returncode != 0:
        raise BuildError(f"{what}: {shlex.join(str(w) for w in command)}\n"
                         f"{(done.stderr or done.stdout).strip()}")
    return done.stdout + done.stderr


def compiler() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The compiler's command and the flags it needs.  Raises BuildError when there is none."""
    named = os.environ.get("VX9_GUEST_CC")
    found = shlex.split(named) if named else next(
        ([cc] for cc in ("gcc", "clang", "cc") if shutil.which(cc)), None)
    if not found or not shutil.which(found[0]):
        raise BuildError(f"no C compiler{f' {named}' if named else ''}\n{REMEDY}")
    macros = subprocess.run([*found, "-m32", "-dM", "-E", "-x", "c", os.devnull],
                            capture_output=True, text=True, check=False)
    if macros.returncode != 0 or "__i386__" not in macros.stdout:
        raise BuildError(f"{shlex.join(found)} does not make 32-bit x86 code: "
                         f"{macros.stderr.strip() or 'not an x86 compiler'}\n{REMEDY}")
    extra = CLANG_CFLAGS if "__clang__" in macros.stdout else GCC_CFLAGS
    return tuple(found), (*CFLAGS, *extra)


def _sources(folders: Sequence[str]) -> list[Path]:
    """Everything that the library, or with cmd the programs, are made from."""
    files = [p for folder in folders for p in sorted((HERE / folder).iterdir())]
    kernel = TOP / "kernel"
    return [*(p for p in files if p.suffix in (".c", ".h", ".S")), HERE / "guest.ld",
            HERE / "mkaout.py", HERE / "mkrunetype.py", HERE / "build.py", kernel / "syscalls.tab", kernel / "systab.py",
            kernel / "mksys.py"]


def _digest(compiler_words: Sequence[str], *folders: str) -> str:
    digest = hashlib.sha256(_run([*compiler_words, "--version"], "compiler").encode())
    digest.update(" ".join(compiler_words).encode())
    for path in _sources(folders):
        digest.update(f"{path.relative_to(TOP)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _current(stamp: Path, digest: str, products: Sequence[Path]) -> bool:
    return (stamp.is_file() and stamp.read_text() == digest
            and all(product.is_file() for product in products))


def _compile(cc: Sequence[str], cflags: Sequence[str], include: Path, source: Path,
             out: Path) -> Path:
    warnings = _run([*cc, *cflags, "-I", HERE / "include", "-I", include, "-c", source, "-o", out],
                    f"compiling {source.name}")
    if warnings:
        sys.stderr.write(warnings)
    return out


def _derive(work: Path) -> None:
    """sys.h and the stubs from the table of system calls, runetype.h from Unicode's."""
    systab, mksys = _module(TOP / "kernel" / "systab.py"), _module(TOP / "kernel" / "mksys.py")
    table = systab.parse((TOP / "kernel" / "syscalls.tab").read_text("ascii"))
    (work / "sys.h").write_text(mksys.header(table))
    (work / "stubs.S").write_text(mksys.stubs(table))
    (work / "runetype.h").write_text(_module(HERE / "mkrunetype.py").header())


def library(work: Path = WORK) -> Library:
    """The C library, built in work unless it is there and current."""
    cc, cflags = compiler()
    built = Library(work, cc, cflags)
    digest = _digest(cc, "include", "libc")
    stamp = work / "stamp"
    if _current(stamp, digest, [built.archive, built.start]):
        return built
    work.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    _derive(work)
    sources = [p for p in sorted((HERE / "libc").iterdir()) if p.suffix in (".c", ".S")]
    sources.append(work / "stubs.S")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        objects = list(pool.map(
            lambda source: _compile(cc, cflags, work, source, work / f"{source.stem}.o"), sources))
    built.archive.unlink(missing_ok=True)
    members = [o for o in objects if o != built.start]
    _run(["ar", "rcs", built.archive, *members], "making libc.a")
    stamp.write_text(digest)
    return built


def program(sources: Sequence[Path], out: Path, *, lib: Library | None = None,
            cflags: Sequence[str] = (), work: Path | None = None) -> Path:
    """Compile C sources and link them to one Plan 9 a.out at out."""
    lib = lib or library()
    folder = work or lib.directory
    folder.mkdir(parents=True, exist_ok=True)
    objects = [_compile(lib.compiler, (*lib.cflags, *cflags), lib.directory, source,
                        folder / f"{out.name}.{source.stem}.o") for source in sources]
    elf = folder / f"{out.name}.elf"
    _run([*lib.compiler, *LDFLAGS, "-T", HERE / "guest.ld", "-o", elf, lib.start,
          *objects, lib.archive], f"linking {out.name}")
    mkaout = _module(HERE / "mkaout.py")
    try:
        image = mkaout.convert(elf.read_bytes())
    except mkaout.AoutError as error:
        raise BuildError(f"{out.name}: {error}") from None
    part = out.with_name(f".{out.name}.{os.getpid()}")
    part.write_bytes(image)
    part.chmod(0o755)
    part.replace(out)
    return out


def commands() -> dict[str, list[Path]]:
    """Each command's name and its sources: one of cmd, or all of a folder of its own."""
    found = {p.stem: [p] for p in sorted((HERE / "cmd").glob("*.c"))}
    return found | {name: sorted((HERE / name).glob("*.c")) for name in FOLDERS}


def build(out_dir: Path | str = BINARIES, work: Path = WORK) -> list[Path]:
    """All commands, into out_dir; returns their paths.  Raises BuildError."""
    out = Path(out_dir)
    wanted = commands()
    products = [out / name for name in wanted]
    lib = library(work)
    place = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]
    stamp = work / f"stamp-{place}"  # not beside the programs, which are packed into wheels
    digest = _digest(lib.compiler, "include", "libc", "cmd", *FOLDERS)
    if _current(stamp, digest, products):
        return products
    out.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for stale in out.iterdir():
        if stale.name not in wanted:
            stale.unlink()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(lambda item: program(item[1], out / item[0], lib=lib), wanted.items()))
    stamp.write_text(digest)
    return products


def main(args: Sequence[str]) -> int:
    """Build, and say what was built."""
    try:
        for product in build(args[0] if args else BINARIES):
            print(product)
    except BuildError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
