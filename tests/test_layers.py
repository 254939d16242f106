"""Imports go one way, and only the modules named here touch the host.

Source: HACKING.md, "Layers".
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
LAYERS = ("vxcore", "fs", "kernel", "userland", "images")
MAY_IMPORT = {
    "vxcore": set(),
    "fs": set(),
    "kernel": {"fs", "vxcore"},
    "userland": {"kernel", "fs", "vxcore", "images"},
    "images": set(),
}
HOST_MODULES = {"os", "socket", "select", "selectors", "time", "termios", "tty", "pty", "fcntl",
                "subprocess", "asyncio", "threading", "multiprocessing", "signal", "ctypes", "mmap",
                "resource", "shutil", "tempfile"}
MAY_TOUCH_THE_HOST = ("vxcore/", "userland/", "images/", "kernel/host", "fs/host")
# Tools that the build runs on files; no part of the kernel.
BUILD_TOOLS = {"kernel/mksys.py", "vxcore/mkinsns.py"}
MOST_LINES = 400
MOST_LINES_OF_A_TOOL = 500


def modules() -> list[Path]:
    """Every module of ours that is installed."""
    return sorted(path for layer in LAYERS for path in (TOP / layer).rglob("*.py")
                  if "build" not in path.relative_to(TOP).parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, full module name) of each import, also of those inside functions."""
    package = ("vx9", *path.relative_to(TOP).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else ()
            name = ".".join((*base, *(node.module or "").split("."))).strip(".")
            yield node.lineno, name
            yield from ((node.lineno, f"{name}.{alias.name}") for alias in node.names)


def name(path: Path) -> str:
    return str(path.relative_to(TOP))


@pytest.mark.parametrize("path", modules(), ids=name)
def test_imports_go_one_way(path):
    layer = path.relative_to(TOP).parts[0]
    for line, module in imports(path):
        parts = module.split(".")
        if parts[0] == "vx9" and len(parts) > 1 and parts[1] in LAYERS:
            assert parts[1] in MAY_IMPORT[layer] | {layer}, f"{name(path)}:{line} imports {module}"
        assert parts[0] not in LAYERS, f"{name(path)}:{line}: say vx9.{module}"


@pytest.mark.parametrize("path", modules(), ids=name)
def test_the_host_is_touched_only_where_allowed(path):
    if name(path).startswith(MAY_TOUCH_THE_HOST) or name(path) in BUILD_TOOLS:
        return
    for line, module in imports(path):
        assert module.split(".")[0] not in HOST_MODULES, f"{name(path)}:{line} imports {module}"


@pytest.mark.parametrize("path", modules(), ids=name)
def test_devices_and_calls_do_not_reach_up_or_across(path):
    if path.parent != TOP / "kernel" or not path.name.startswith(("dev", "sys")):
        return
    if path.stem in ("devtab", "systab"):
        return
    for line, module in imports(path):
        parts = module.split(".")
        if parts[:2] != ["vx9", "kernel"] or len(parts) < 3:
            continue
        up = {"systab", "devtab", "kernel"}
        assert parts[2] not in up or under_type_checking(path, line), \
            f"{name(path)}:{line} imports {module}"
        assert not (path.name.startswith("dev") and parts[2].startswith("dev")), \
            f"{name(path)}:{line}: a device imports a device, {module}"


def under_type_checking(path: Path, line: int) -> bool:
    """Whether an import is only for annotations."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (isinstance(node, ast.If) and isinstance(node.test, ast.Name)
                and node.test.id == "TYPE_CHECKING"
                and node.lineno < line <= (node.end_lineno or 0)):
            return True
    return False


@pytest.mark.parametrize("path", modules(), ids=name)
def test_modules_are_small_and_say_what_they_are(path):
    text = path.read_text(encoding="utf-8")
    most = MOST_LINES_OF_A_TOOL if name(path) in BUILD_TOOLS else MOST_LINES
    assert len(text.splitlines()) <= most, f"{name(path)} has grown; split it"
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{name(path)} has no docstring"


def test_every_package_is_installed():
    """A folder with an __init__.py that setup.cfg does not name would be left out of the wheel."""
    import configparser

    config = configparser.ConfigParser()
    config.read(TOP / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    for layer in LAYERS:
        for init in (TOP / layer).rglob("__init__.py"):
            package = ".".join(("vx9", *init.parent.relative_to(TOP).parts))
            assert package in listed, f"setup.cfg does not list {package}"
