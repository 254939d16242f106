"""Fixtures that more than one folder of tests uses."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

Run = Callable[..., subprocess.CompletedProcess]


def _demand(what: str) -> NoReturn:
    """A tool is missing: a failure in continuous integration, a skip that says so elsewhere."""
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"{what} is missing, and with CI set that is a failure", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def demand() -> Callable[[str], NoReturn]:
    """Call it with the name of a tool that is not there."""
    return _demand


def command(name: str) -> list[str]:
    """The installed console script of this Python."""
    script = Path(sys.executable).parent / name
    return [str(script)] if script.exists() else [sys.executable, "-P", "-m", "vx9"]


@pytest.fixture(scope="session")
def vx9() -> Run:
    """Run the vx9 command: vx9("run", "hello", input=b"", cwd=..., env={...}) -> bytes results."""
    def run(*arguments: object, env: dict[str, str] | None = None, timeout: float = 60,
            script: str = "vx9", **more: object) -> subprocess.CompletedProcess:
        more.setdefault("input", b"")
        return subprocess.run([*command(script), *map(os.fspath, map(_text, arguments))],
                              capture_output=True, timeout=timeout,
                              env={**os.environ, **(env or {})}, **more)
    return run


def _text(argument: object) -> str:
    return os.fspath(argument) if isinstance(argument, os.PathLike) else str(argument)


def _aout(text: bytes, data: bytes = b"", bss: int = 0, entry: int = 0x1020,
          magic: int = 0x1EB) -> bytes:
    return struct.pack(">8I", magic, len(text), len(data), bss, 0, entry, 0, 0) + text + data


@pytest.fixture(scope="session")
def aout() -> Callable[..., bytes]:
    """Machine code -> the bytes of a Plan 9 386 program that begins with it."""
    return _aout


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Path]:
    """Machine code -> an executable file of it."""
    def make(text: bytes, name: str = "prog", **more: int) -> Path:
        path = tmp_path / name
        path.write_bytes(_aout(text, **more))
        path.chmod(0o755)
        return path
    return make


@pytest.fixture(scope="session")
def vx9_prefix() -> str:
    """The vx9 command as a program that takes a command line as one string can call it."""
    return " ".join(f"'{word}'" for word in command("vx9"))


@pytest.fixture(scope="session")
def scripts_path() -> str:
    """PATH with this installation's console scripts in front."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
