"""Programs made by the Go toolchain, for tests: toolchain.py."""

from collections.abc import Callable
from pathlib import Path

import pytest

from . import toolchain
from .toolchain import CACHE, Go

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def go(demand) -> Go:
    """The pinned toolchain."""
    try:
        return toolchain.find()
    except toolchain.Missing as missing:
        demand(str(missing))


@pytest.fixture(scope="session")
def go_programs(go: Go) -> Callable[[str], Path]:
    """The programs of programs/, built: go_programs("hello") is a path."""
    target = CACHE / f"programs-{go.kept}"
    target.mkdir(parents=True, exist_ok=True)
    go.build(target, "build", "./...", cwd=PROGRAMS)
    return lambda name: target / name


@pytest.fixture(scope="session")
def std_tests(go: Go) -> Callable[[str], Path]:
    """The tests of standard packages, built when missing: std_tests("strings") is a path."""
    return go.std_test
