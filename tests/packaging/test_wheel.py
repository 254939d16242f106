"""What is built can be installed elsewhere: sdist and wheel, from a folder with blanks in its name."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.guest, pytest.mark.timeout(900)]
TOP = Path(__file__).resolve().parent.parent.parent


def run(*command: object, cwd: Path, **more: object) -> subprocess.CompletedProcess:
    """Run a command that must succeed."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, env=env, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the sources, without what was built in them, in a folder with blanks."""
    copy = tmp_path_factory.mktemp("with blanks") / "the source tree"
    shutil.copytree(TOP, copy, ignore=shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", "*.so", "bin", ".*_cache",
        "insns.inc", "_core.c", "_fast.c"))
    return copy


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """A virtual environment with nothing but what builds need."""
    place = tmp_path_factory.mktemp("a venv") / "env"
    run(sys.executable, "-m", "venv", place, cwd=TOP)
    python = place / "bin" / "python"
    run(python, "-m", "pip", "-q", "install", "setuptools>=77", "cython>=3.1", "build", cwd=place)
    return python


@pytest.fixture(scope="module")
def dist(tree, python) -> Path:
    """The folder with the sdist, and the wheel that was built from the sdist."""
    run(python, "-P", "-m", "build", "--no-isolation", cwd=tree)
    return tree / "dist"


def test_the_sdist_has_all_sources_and_nothing_built(dist):
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("vxcore/_core.pyx", "vxcore/insns.tab", "vxcore/src/vx.h", "kernel/syscalls.tab", "Makefile",
                 ".ci/prepare", "userland/guest/guest.ld", "userland/guest/cmd/hello.c", "LICENSE",
                 "tests/conftest.py", "docs/vx9.md"):
        assert name in names, f"{name} is not in the sdist"
    built = [name for name in names if name.endswith((".so", ".o", ".pyc", "_core.c", "_fast.c", "insns.inc"))
             or name.startswith("images/bin/")]
    assert not built


def test_the_wheel_has_the_extension_and_the_guest_programs(dist):
    [wheel] = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in ("vx9/__init__.py", "vx9/kernel/syscalls.tab", "vx9/kernel/_fast.pyi", "vx9/vxcore/_core.pyi", "vx9/images/bin/386/hello",
                 "vx9/userland/bench/sha256.c", "vx9/userland/guest/guest.ld"):
        assert name in names, f"{name} is not in the wheel"
    assert any(name.startswith("vx9/vxcore/_core.") and name.endswith(".so") for name in names)
    assert not [name for name in names if not name.startswith(("vx9/", "vx9-"))]


def test_the_installed_wheel_runs_a_guest(dist, python, tmp_path):
    [wheel] = dist.glob("*.whl")
    run(python, "-m", "pip", "-q", "install", wheel, cwd=tmp_path)
    vx9 = python.parent / "vx9"
    assert run(vx9, "--version", cwd=tmp_path).stdout.startswith("vx9 ")
    assert run(vx9, "run", "hello", cwd=tmp_path).stdout == "hello, world\n"
    assert run(vx9, "-c", "echo a b | cat", cwd=tmp_path).stdout == "a b\n"


def test_an_editable_install_runs_a_guest(tree, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env/bin/python"
    run(python, "-m", "pip", "-q", "install", "-e", tree, cwd=tmp_path)
    assert run(python, "-P", "-m", "vx9", "run", "hello", cwd=tree).stdout == "hello, world\n"
