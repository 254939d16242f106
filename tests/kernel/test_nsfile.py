"""Name space files: how a line is read, what is done, what is told."""

from __future__ import annotations

import pytest

from vx9.kernel.kernel import Kernel
from vx9.kernel.nsfile import LINES, REPORTS, BadLine, Builder, mounts_root, parse_line
from vx9.kernel.quote import words


@pytest.mark.parametrize(("line", "want"), [
    ("bind -c #e /env", ["bind", "-c", "#e", "/env"]), ("", []), ("  \t ", []),
    ("a 'b c' d", ["a", "b c", "d"]), ("'it''s'", ["it's"]), ("x'y'z", ["xyz"]),
    ("'' ''", ["", ""]), ("'open end", ["open end"]), ("''''", ["'"]),
])
def test_words(line, want):
    assert words(line) == want


@pytest.mark.parametrize(("text", "want"), [
    ("bind -ac new old", ("bind", "ac", ["new", "old"])),
    ("bind -a -c new old", ("bind", "ac", ["new", "old"])),
    ("mount -aC #s/boot /root $rootspec", ("mount", "aC", ["#s/boot", "/root", "$rootspec"])),
    ("unmount /n", ("unmount", "", ["/n"])), ("clear", ("clear", "", [])),
    (". /lib/x", (".", "", ["/lib/x"])), ("cd '-x y'", ("cd", "", ["-x y"])),
    ("import -bc host /net /n/net", ("import", "bc", ["host", "/net", "/n/net"])),
])
def test_lines(text, want):
    line = parse_line(1, text)
    assert line is not None and (line.name, line.flags, line.arguments) == want


@pytest.mark.parametrize("text", ["", "   ", "# bind x y", "  # bind"])
def test_lines_that_say_nothing(text):
    assert parse_line(1, text) is None


@pytest.mark.parametrize("text", [
    "fly", "bind", "bind a", "bind a b c", "bind -x a b", "import -C h m", "cd", "clear x", "mount a",
    "unmount", ".", "mount a b c d", "'' a"])
def test_lines_that_are_none(text):
    with pytest.raises(BadLine):
        parse_line(1, text)


def test_whether_a_file_mounts_the_root():
    assert mounts_root("# x\nfly\nmount -aC #s/boot /root $rootspec\n")
    assert mounts_root("mount /srv/boot /root")
    assert not mounts_root("bind #c /dev\n# mount #s/boot /root\nmount /srv/dos /n\n")


@pytest.fixture
def kernel():
    kernel = Kernel()
    kernel.set_env("user", "glenda")
    kernel.set_env("list", ["one", "two"])
    yield kernel
    kernel.stop()


def build(kernel: Kernel, text: str) -> list[str]:
    """What is told when text is carried out."""
    told: list[str] = []

    async def run(argv):
        told.append(f"ran {argv}")
        return "no network"

    kernel.call(Builder(kernel, told.append, run).carry_out, text, "file")
    return told


def stat(kernel: Kernel, name: str) -> str:
    return kernel.call(kernel.boot.ns.stat, kernel.boot, name).name


@pytest.mark.parametrize(("word", "want"), [
    ("/usr/$user/lib", "/usr/glenda/lib"), ("$user", "glenda"), ("$user.$user", "glenda.glenda"),
    ("$nope", ""), ("a$nope/b", "a/b"), ("$list", "one"), ("$", ""), ("plain", "plain"),
    ("$user$list", "glendaone"),
])
def test_variables(kernel, word, want):
    async def run(argv):
        return ""

    assert Builder(kernel, print, run).expand(word) == want


def test_operations(kernel):
    told = build(kernel, "bind -c #Rone /n\nbind -a #c /n\ncd /n\nunmount #c /n\nbind #c /tmp\n"
                         "unmount /tmp\n")
    assert told == []
    assert kernel.boot.dot.path == "/n"
    listing = kernel.boot.ns.listing(kernel.boot)
    assert "bind -c #Rone /n\n" in listing and not any("#c /n" in line for line in listing)


def test_clear(kernel):
    assert build(kernel, "clear\nbind #c /dev\n") == []
    assert kernel.boot.ns.listing(kernel.boot) == ["bind  #c /dev\n", "cd /\n"]


def test_what_fails_is_told_with_its_place(kernel):
    told = build(kernel, "bind #c /nowhere\n\nbind $nope /n\n# x\ncd /dev/null\nimport -a h /net /n\n")
    assert told == [
        "file:1: bind #c /nowhere: '/nowhere' file does not exist",
        "file:3: bind $nope /n: empty file name",
        "file:5: cd /dev/null: '/dev/null' not a directory",
        "ran ['/bin/import', '-a', 'h', '/net', '/n']",
        "file:6: import -a h /net /n: no network"]


def test_much_nonsense_is_not_told_line_by_line(kernel):
    told = build(kernel, "fly away\n" * 1000)
    assert len(told) == REPORTS + 1


def test_the_number_of_lines_is_limited(kernel):
    told = build(kernel, "cd /\n" * (LINES + 10))
    assert len(told) == 1 and "more than" in told[0]
