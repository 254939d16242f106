"""Tables, manuals and packaging agree with each other."""

import argparse
import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vx9.userland import cli, errors, grants
from vx9.userland.guest.build import FOLDERS

TOP = Path(__file__).resolve().parent.parent
MANUAL = (TOP / "docs/vx9.md").read_text(encoding="utf-8")


def options() -> set[str]:
    """Every long option that the command line takes."""
    found = set()

    def visit(parser: argparse.ArgumentParser) -> None:
        for action in parser._actions:
            found.update(name for name in action.option_strings if name.startswith("--"))
            if isinstance(action, argparse._SubParsersAction):
                for sub in action.choices.values():
                    visit(sub)
    visit(cli.parser(cli.Common()))
    return found - {"--help"}


def test_the_manual_has_every_option_and_no_other():
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", MANUAL)) == options()


def test_the_manual_has_every_exit_status():
    for name, status in vars(errors).items():
        if isinstance(status, int) and name.isupper() and status < errors.INTERRUPTED:
            assert re.search(rf"^\| {status} \|", MANUAL, re.MULTILINE), f"{name} = {status}"


def test_what_the_kernel_mounts_is_never_hidden_by_the_current_folder():
    from vx9.kernel.devtab import BINDS

    for _, place, _ in BINDS:
        if place != "/tmp":  # a host's current folder may well be there
            assert place in grants.GUEST_OWN


def test_every_data_file_is_installed():
    """What package_data does not name would be missing from the wheel."""
    config = configparser.ConfigParser()
    config.read(TOP / "setup.cfg")
    folders = dict(line.split(" = ") for line in config["options"]["package_dir"].strip().splitlines())
    for package in config["options"]["packages"].split():
        known = max((name for name in folders if package.startswith(name)), key=len)
        folder = TOP / folders[known] / package[len(known):].strip(".").replace(".", "/")
        globs = [each.strip() for each in
                 config["options.package_data"].get(package, "").replace("\n", ",").split(",")]
        for path in folder.iterdir():
            if path.suffix in (".tab", ".proto", ".ld", ".typed"):
                assert any(path.match(each) for each in globs if each), f"{path} is not installed"


def test_every_guest_command_is_built():
    built = {path.name for path in (TOP / "images/bin/386").glob("[!.]*")}
    if not built:
        pytest.skip("the guest programs are not built in the tree: this is an installed vx9")
    assert built == {path.stem for path in (TOP / "userland/guest/cmd").glob("*.c")} | set(FOLDERS)


def test_nothing_built_is_committed():
    if not (TOP / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True,
                           check=True).stdout.splitlines()
    built = re.compile(r"\.(so|o|a|pyc|elf|img)$|^images/bin/|^vxcore/_core\.c$|insns\.inc$")
    assert [name for name in names if built.search(name)] == []


@pytest.mark.parametrize("name", ["Makefile", ".ci/prepare", ".ci/run", "setup.py", "setup.cfg"])
def test_the_build_names_no_host_of_the_network(name):
    """Where packages come from is for the user's own pip and apt to say."""
    assert "://" not in (TOP / name).read_text(encoding="utf-8")
