"""The build of the guest programs: nothing needless, blanks in paths, clear refusals."""

import os
import shutil
import stat
import sys

import pytest

from vx9.userland.guest import build

pytestmark = pytest.mark.guest


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of what the build reads, in a folder with a blank in its name."""
    top = tmp_path / "with blank"
    for folder in ("userland/guest", "kernel"):
        shutil.copytree(build.TOP / folder, top / folder,
                        ignore=shutil.ignore_patterns("build", "__pycache__"))
    for name, value in {"TOP": top, "HERE": top / "userland/guest"}.items():
        monkeypatch.setattr(build, name, value)
    for name in [n for n in sys.modules if n.startswith("vx9_build_")]:
        monkeypatch.delitem(sys.modules, name)
    return top


@pytest.fixture(autouse=True)
def compiler(demand):
    try:
        build.compiler()
    except build.BuildError as error:
        demand(f"a 32-bit compiler ({error})")


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_it_builds_and_then_does_nothing_until_a_source_changes(tree):
    out, work = tree / "out", tree / "work"
    built = build.build(out, work)
    assert {path.name for path in built} >= {"cat", "date", "echo", "hello", "kill", "ls", "ps",
                                             "pwd", "sleep"}
    for path in built:
        assert path.read_bytes()[:4] == b"\0\0\1\xeb"
        assert path.stat().st_mode & stat.S_IXUSR
    assert set(times(out)) == {path.name for path in built}, "only programs belong here"
    before = times(out)
    build.build(out, work)
    assert times(out) == before
    hello = tree / "userland/guest/cmd/hello.c"
    hello.write_text(hello.read_text().replace("world", "there"))
    build.build(out, work)
    assert b"hello, there" in (out / "hello").read_bytes()


def test_a_program_that_is_gone_goes(tree):
    out, work = tree / "out", tree / "work"
    build.build(out, work)
    (tree / "userland/guest/cmd/pwd.c").unlink()
    (out / "stray").write_text("")
    build.build(out, work)
    assert not (out / "pwd").exists() and not (out / "stray").exists()


def test_an_error_in_a_source_is_told(tree):
    (tree / "userland/guest/cmd/hello.c").write_text("this is not C\n")
    with pytest.raises(build.BuildError, match=r"(?s)compiling hello\.c.*error"):
        build.build(tree / "out", tree / "work")


def test_no_compiler(monkeypatch):
    monkeypatch.setenv("VX9_GUEST_CC", "/nowhere/cc")
    with pytest.raises(build.BuildError, match=r"(?s)/nowhere/cc.*apt install gcc"):
        build.compiler()


def test_a_compiler_without_32_bit_code(monkeypatch, tmp_path):
    fake = tmp_path / "cc"
    fake.write_text("#!/bin/sh\necho 'cc: -m32 is not known' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("VX9_GUEST_CC", str(fake))
    with pytest.raises(build.BuildError, match=r"(?s)-m32 is not known.*VX9_GUEST_CC"):
        build.compiler()


def test_programs_hold_no_instructions_of_later_processors(demand):
    """Only what a Pentium Pro has; memory is reached without segment prefixes."""
    if shutil.which("objdump") is None:
        demand("objdump (Debian: apt install binutils)")
    build.build()
    for object_file in sorted(build.WORK.glob("*.o")):
        listing = build._run(["objdump", "-d", "--no-show-raw-insn", object_file], "objdump")
        assert "xmm" not in listing and "%mm" not in listing
        assert "%gs:" not in listing and "%fs:" not in listing, object_file.name


def test_clang_builds_too(tree, monkeypatch):
    if shutil.which("clang") is None:
        pytest.skip("clang, which may stand in for gcc, is missing; gcc's build is tested")
    monkeypatch.setenv("VX9_GUEST_CC", "clang")
    assert build.build(tree / "out", tree / "work")


def test_the_command_line(tmp_path, capsys, monkeypatch):
    assert build.main([str(tmp_path / "out")]) == 0
    assert "hello" in capsys.readouterr().out
    monkeypatch.setenv("VX9_GUEST_CC", os.fspath(tmp_path / "none"))
    assert build.main([str(tmp_path / "out")]) == 1
    assert "apt install" in capsys.readouterr().err
