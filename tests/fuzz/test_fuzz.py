"""The fuzz targets run on the inputs that are kept; `make fuzz` looks for more."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

HERE = Path(__file__).parent


def _fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vx9_fuzz", HERE / "fuzz.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz = _fuzz()


@pytest.mark.guest
@pytest.mark.parametrize("target", ["translate", "run"])
def test_corpus(target: str, tmp_path: Path, demand: Callable[[str], NoReturn]) -> None:
    """The translator under the address and undefined-behaviour sanitizers, the core as it is."""
    if not shutil.which("gcc"):
        demand("gcc")
    program = fuzz.alone(target, tmp_path)
    inputs = fuzz.corpus(target)
    assert len(inputs) > 15
    done = subprocess.run([program, *inputs], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"{len(inputs)} inputs\n"), done.stderr
    assert done.stderr == ""


@pytest.mark.guest
def test_a_target_that_finds_something_says_so(tmp_path: Path) -> None:
    """The harness notices: a translator whose verifier refuses all fails its checks."""
    source = tmp_path / "refuse.c"
    source.write_text('#include "vx.h"\n'
                      "__attribute__((constructor)) static void on(void) { vx_verify_never = 1; }\n")
    program = fuzz.build("translate", tmp_path, "gcc", [fuzz.HERE / "alone.c", source])
    done = subprocess.run([program, HERE / "corpus" / "translate" / "program-01"], capture_output=True, text=True)
    assert done.returncode < 0
    assert "not so" in done.stderr


def test_without_clang_it_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", str(HERE / "fuzz.py"), "--time", "1"],
        capture_output=True, text=True, env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode != 0
    assert "apt-get install clang libclang-rt-14-dev" in done.stderr
