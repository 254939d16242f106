"""A foreign tree on the host, and sessions in it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vx9.userland.guest import build

_spec = importlib.util.spec_from_file_location("foreign_tree", Path(__file__).with_name("tree.py"))
tree = importlib.util.module_from_spec(_spec)
sys.modules["foreign_tree"] = tree  # dataclasses look themselves up here
_spec.loader.exec_module(tree)


@pytest.fixture(scope="session")
def binaries(demand, tmp_path_factory) -> dict[str, bytes]:
    """The foreign programs, compiled once."""
    try:
        return tree.programs(tmp_path_factory.mktemp("foreign"))
    except build.BuildError as error:
        demand(f"a 32-bit compiler ({error})")


@pytest.fixture
def make_tree(tmp_path, binaries) -> Callable[..., Path]:
    """make_tree(more={}, namespace=..., only=None) -> the folder of a tree."""
    def make(more=None, namespace: str | None = tree.NAMESPACE, name: str = "tree") -> Path:
        return tree.make(tmp_path / name, binaries, more, namespace)
    return make


@pytest.fixture
def nine(make_tree, vx9) -> Callable[..., subprocess.CompletedProcess]:
    """nine(line, *options, input=b"") runs one line of the tree's own rc."""
    folders: list[Path] = []

    def run(line: str, *options: object, **more: object) -> subprocess.CompletedProcess:
        if not folders:
            folders.append(make_tree())
        return vx9("--root", folders[0], *options, "-c", line, **more)

    run.make = make_tree  # type: ignore[attr-defined]
    return run
