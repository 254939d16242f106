"""The ladder: all tests of Go's standard library, as guests, each in its package's folder.

    python ladder.py                        what has not passed yet
    python ladder.py --again 'os*' time     these, whatever they did before
    python ladder.py --repeat 10 --under-load --tier 2 --tier 3

Results are kept in the user's cache beside the programs, so that a run that was broken off
goes on where it stopped; after each package docs/go-ladder.md is written anew.
Source: ladder.toml.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import fnmatch
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

try:
    from . import toolchain
except ImportError:  # run as a script
    sys.path.insert(0, str(Path(__file__).parent))
    import toolchain

HERE = Path(__file__).resolve().parent
TABLE = HERE.parents[1] / "docs" / "go-ladder.md"
KEPT = toolchain.CACHE / f"ladder-{toolchain.VERSION}"
VERDICT = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)
GRACE = 20  # seconds that a test which is asked for its goroutines has to print them


@dataclass
class Result:
    """What a package did: of the last run, and how often it passed of how many in a row."""

    package: str
    verdict: str = ""  # ok, upstream, FAIL, time
    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    runs: str = ""  # under load: passed/asked

    @property
    def good(self) -> bool:
        """Whether only what upstream itself gets wrong has failed."""
        return self.verdict in ("ok", "upstream")


class Ladder:
    """The packages, their tiers and what is known of them."""

    def __init__(self, go: toolchain.Go) -> None:
        table = tomllib.loads((HERE / "ladder.toml").read_text())
        self.go = go
        self.tiers: dict[str, list[str]] = table["tiers"]
        self.upstream: dict[str, dict[str, object]] = table["upstream"]
        self.with_toolchain: list[str] = table["toolchain"]["packages"]
        self.packages = go.std_packages()
        self.results: dict[str, Result] = {}
        self.read()

    def read(self) -> None:
        """Learn the results that are kept."""
        with contextlib.suppress(FileNotFoundError):
            for entry in json.loads((KEPT / "results.json").read_text()):
                self.results[entry["package"]] = Result(**entry)

    def tier(self, package: str) -> int:
        """1 to 4."""
        for tier, patterns in self.tiers.items():
            for pattern in patterns:
                base = pattern.removesuffix("/**")
                if package == base or (base != pattern and package.startswith(base + "/")):
                    return int(tier)
        return 1

    def keep(self, result: Result) -> None:
        """Remember a result and write the table."""
        KEPT.mkdir(parents=True, exist_ok=True)
        with open(KEPT / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.read()  # others may climb too
            self.results[result.package] = result
            new = KEPT / "results.json.new"
            new.write_text(json.dumps([asdict(r) for r in self.results.values()], indent=1))
            new.rename(KEPT / "results.json")
            TABLE.write_text(self.table())

    def judge(self, package: str, output: str, status: int | None) -> Result:
        """What the output and the exit status (None: out of time) of a test say."""
        found = VERDICT.findall(output)
        # Tests about failing tests print such lines as well; what counts is the status.
        failed = [name for word, name in found if word == "FAIL"] if status != 0 else []
        result = Result(package, "ok", sum(word == "PASS" for word, _ in found),
                        sum(word == "SKIP" for word, _ in found), failed)
        if status is None:
            result.verdict = "time"
        elif status:
            excused = self.upstream.get(package, {}).get("tests", [])
            top = {name for name in failed if "/" not in name}
            result.verdict = "upstream" if top and top <= set(excused) else "FAIL"
        return result

    def table(self) -> str:
        """docs/go-ladder.md."""
        known = [self.results[name] for name in self.packages if name in self.results]
        count = Counter(result.verdict for result in known)
        lines = [
            "# The ladder of Go's standard library", "",
            f"Go {toolchain.VERSION}, plan9/386, `-test.short`, each package in its folder, one processor, "
            f"IPv4. Of {len(self.packages)} packages {len(known)} were run: {count['ok']} pass, "
            f"{count['upstream']} but for what is wrong upstream, {count['FAIL'] + count['time']} fail; "
            f"{sum(r.passed for r in known)} tests pass and {sum(r.skipped for r in known)} are skipped "
            "by Go itself.", "",
            "Made by `make go-ladder`; HACKING.md says how. *under load* is how often a package "
            "passed of so many runs in a row while all processors were busy.", "",
            "| package | tier | result | passed | skipped | failed | s | under load | |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for tier in range(1, 5):
            lines += [self.row(r, tier) for r in known if self.tier(r.package) == tier]
        return "\n".join(lines) + "\n"

    def row(self, result: Result, tier: int) -> str:
        """A line of the table."""
        why = ""
        if result.failed:
            why = " ".join(sorted({name for name in result.failed if "/" not in name})[:5])
        if result.verdict == "upstream":
            why += f": {self.upstream[result.package]['why']}"
        return (f"| {result.package} | {tier} | {result.verdict} | {result.passed} | {result.skipped} "
                f"| {len(result.failed)} | {result.seconds:.1f} | {result.runs} | {why} |")


def environment(go: toolchain.Go, folder: str) -> dict[str, str]:
    """What a test inherits: little, for a Go program reads every variable when it starts."""
    kept = {name: os.environ[name] for name in ("HOME", "PYTHONPATH") if name in os.environ}
    return {**kept, "PATH": f"{go.root}/bin:/usr/bin:/bin", "GOROOT": str(go.root), "TMPDIR": folder}


def run(ladder: Ladder, package: str, limit: float, flags: Sequence[str] = ()) -> Result:
    """One run of a package's tests, vx9 with these flags; its output is kept as KEPT/PACKAGE.log."""
    binary = ladder.go.std_test(package)
    log = KEPT / f"{package}.{os.getpid()}"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [Path(sys.executable).parent / "go_plan9_386_exec", *flags, binary,
               "-test.paniconexit0", "-test.short", "-test.v", f"-test.timeout={limit:.0f}s"]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vx9-ladder-") as folder, open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=ladder.go.src / package, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT,
                                   env=environment(ladder.go, folder))
        status: int | None = None
        try:
            status = process.wait(limit + GRACE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        finally:
            process.kill()
            process.wait()
    result = ladder.judge(package, log.read_text(errors="replace"), status)
    log.rename(KEPT / f"{package}.log")
    result.seconds = round(time.monotonic() - start, 1)
    return result


def climb(ladder: Ladder, package: str, options: argparse.Namespace) -> Result:
    """All the runs of a package that were asked for; stops at the first that fails."""
    passed = 0
    old = ladder.results.get(package)
    flags = ["--ncpu", str(options.ncpu)]
    if options.with_go or package in ladder.with_toolchain:
        flags += ladder.go.guest_flags()
    for _ in range(options.repeat):
        result = run(ladder, package, options.timeout, flags)
        passed += result.good
        if not result.good:
            break
    if options.repeat > 1 or options.under_load:
        result.runs = f"{passed}/{options.repeat}"
        if result.good and old is not None and old.good:
            result.seconds = old.seconds  # that of a run without load
    elif old is not None:
        result.runs = old.runs
    ladder.keep(result)
    failing = " ".join(result.failed[:4])
    print(f"{result.verdict:8} {package:44} {result.passed:6} passed {result.skipped:4} skipped "
          f"{result.seconds:7.1f} s {result.runs} {failing}", flush=True)
    return result


@contextlib.contextmanager
def load(wanted: bool) -> Iterator[None]:
    """As many programs as there are processors that only compute."""
    spin = [sys.executable, "-c", "while True: pass"]
    spinners = [subprocess.Popen(spin) for _ in range((os.cpu_count() or 1) if wanted else 0)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def chosen(ladder: Ladder, options: argparse.Namespace) -> list[str]:
    """The packages that are to be run: with --again also those that passed."""
    def asked(package: str) -> bool:
        return ((not options.patterns or any(fnmatch.fnmatchcase(package, p) for p in options.patterns))
                and (not options.tier or ladder.tier(package) in options.tier))

    def done(package: str) -> bool:
        result = ladder.results.get(package)
        if result is None or not result.good:
            return False
        count = f"{options.repeat}/{options.repeat}"
        return result.runs == count if options.repeat > 1 or options.under_load else True

    return [p for p in sorted(ladder.packages, key=lambda p: (ladder.tier(p), p))
            if asked(p) and (options.again or not done(p))]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Run Go's standard library's tests as guests.")
    parser.add_argument("patterns", nargs="*", metavar="package", help="as os, 'encoding/*'; all without")
    parser.add_argument("--tier", type=int, action="append", choices=range(1, 5), help="only this one")
    parser.add_argument("--again", action="store_true", help="also what has passed already")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="so often in a row")
    parser.add_argument("--under-load", action="store_true", help="while all processors are busy")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="packages at a time")
    parser.add_argument("--ncpu", type=int, default=1, metavar="N", help="processors that guests see")
    parser.add_argument("--with-go", action="store_true",
                        help="with a go command in the guest, for the tests that look for one")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="of a run")
    options = parser.parse_args(arguments)
    try:
        ladder = Ladder(toolchain.find())
    except toolchain.Missing as missing:
        parser.exit(1, f"ladder.py: {missing}\n")
    packages = chosen(ladder, options)
    with load(options.under_load), ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda package: climb(ladder, package, options), packages))
    bad = [result.package for result in results if not result.good]
    print(f"{len(results) - len(bad)} of {len(results)} pass" + (f"; not: {' '.join(bad)}" if bad else ""))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
