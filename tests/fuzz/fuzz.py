"""Build the fuzz targets, and run them.

    python fuzz.py --time 60            each target for so many seconds, with libFuzzer (clang)
    python fuzz.py --target run --time 3600
    python fuzz.py --seeds              write a corpus of generated programs into corpus/

What libFuzzer finds new goes to build/tests/fuzz/TARGET; an input that fails is left there as
crash-*, and is to be run again with: build/tests/fuzz/TARGET.bin FILE.
"""

import argparse
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
SOURCES = TOP / "vxcore" / "src"
INSTALL = "make fuzz needs clang with libFuzzer (Debian: apt-get install clang libclang-rt-14-dev)"
SANITIZE = "-fsanitize=address,undefined", "-fno-sanitize-recover=all"


def core(target: str) -> list[Path]:
    """The core's files, as a target needs them."""
    files = sorted(SOURCES.glob("*.c"))
    if target == "translate":
        files = [f for f in files if f.name != "cache.c"] + [HERE / "arena.c"]
    return files


def build(target: str, into: Path, compiler: str, extra: Sequence[str | Path] = (),
          core_flags: Sequence[str] = (), link: Sequence[str] = ()) -> Path:
    """A target as a program; core_flags are for the core's files."""
    objects = into / f"{target}.o"
    objects.mkdir(parents=True, exist_ok=True)
    out = into / f"{target}.bin"
    common = [compiler, "-std=gnu11", "-O1", "-g", "-Wall", "-ftls-model=initial-exec",
              f"-I{SOURCES}"]
    for old in objects.iterdir():
        old.unlink()
    # Between entries the core leaves the x87 and SSE registers alone (nofpu.h).
    subprocess.run([*common, "-mgeneral-regs-only", *core_flags, "-c", *map(str, core(target))],
                   cwd=objects, check=True)
    subprocess.run([*common, *link, str(HERE / f"{target}.c"), *map(str, extra),
                    *map(str, sorted(objects.iterdir())), "-o", str(out), "-lpthread"],
                   check=True)
    return out


def alone(target: str, into: Path) -> Path:
    """A target that runs the files it is given; the translator's with gcc's sanitizers."""
    flags = SANITIZE if target == "translate" else ()
    return build(target, into, "gcc", [HERE / "alone.c"], flags, flags)


def corpus(target: str) -> list[Path]:
    """The inputs that are kept."""
    return sorted((HERE / "corpus" / target).iterdir())


def fuzz(target: str, seconds: int, into: Path) -> int:
    """Run libFuzzer; its exit status."""
    compiler = shutil.which("clang") or shutil.which("clang-14")
    if compiler is None:
        sys.exit(INSTALL)
    if target == "translate":
        flags = ["-fsanitize=fuzzer-no-link", *SANITIZE]
    else:  # nothing that calls the fuzzer while the registers are a guest's
        flags = ["-fsanitize-coverage=inline-8bit-counters,pc-table"]
    link = ["-fsanitize=fuzzer", *(SANITIZE if target == "translate" else ())]
    program = build(target, into, compiler, (), flags, link)
    found = into / target
    found.mkdir(exist_ok=True)
    # The guest needs no more of the host's signals than there are; and no memory limit, as the
    # page store is a large mapping.
    return subprocess.run(
        [program, f"-max_total_time={seconds}", "-rss_limit_mb=0", "-max_len=1024", "-timeout=20",
         "-print_final_stats=1", f"-artifact_prefix={found}/", found, HERE / "corpus" / target],
        cwd=into,
    ).returncode


def write_seeds() -> None:
    """Small generated programs, as inputs."""
    sys.path.insert(0, str(HERE.parent / "vxcore"))
    import programs

    rng = random.Random(3)
    features = frozenset(programs.mkinsns.FEATURES)
    for i in range(24):
        program = programs.Program(rng, programs.TEXT, features, False)
        code = program.make()
        setup = b"".join(
            b"\xc7\x05" + struct.pack("<I", address + k) + content[k : k + 4]
            for address, content in program.initial for k in range(0, len(content), 4)
        )
        if len(code) > 400 or setup:
            continue
        regs = [rng.getrandbits(32) for _ in range(8)]
        for register, value in program.pointer.items():
            regs[register] = value
        del regs[4]
        header = struct.pack("<HH7I", rng.randrange(1, 60), rng.getrandbits(12), *regs)
        (HERE / "corpus" / "run" / f"program-{i:02}").write_bytes(header + code)
        (HERE / "corpus" / "translate" / f"program-{i:02}").write_bytes(bytes([i % 4, 0]) + code)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--time", type=int, default=60, help="seconds for each target")
    parser.add_argument("--target", choices=("translate", "run"), action="append")
    parser.add_argument("--seeds", action="store_true", help="write the generated corpus")
    args = parser.parse_args()
    if args.seeds:
        write_seeds()
        return 0
    into = TOP / "build" / "tests" / "fuzz"
    worst = 0
    for target in args.target or ("translate", "run"):
        worst = fuzz(target, args.time, into) or worst
    return worst


if __name__ == "__main__":
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1")
    sys.exit(main())
