"""File name patterns over a small tree."""

import pytest

from vx9.userland.terminal import glob

TREE = {".": ["a.c", "b.c", ".hidden", "x*y", "src", "tmp"], "src/": ["m.c", "n.h"], "tmp/": [],
        "/": ["bin", "dev"], "/bin/": ["cat", "ls"], "/dev/": ["cons", "consctl"], "src": ["m.c", "n.h"]}


def names(folder: str) -> list[str]:
    return TREE.get(folder, [])


@pytest.mark.parametrize(("pattern", "want"), [
    ("*.c", ["a.c", "b.c"]), ("?.c", ["a.c", "b.c"]), ("[ab].c", ["a.c", "b.c"]),
    ("[~a].c", ["b.c"]), ("[b-z].c", ["b.c"]), (".*", [".hidden"]), ("*", ["a.c", "b.c", "src", "tmp", "x*y"]),
    ("*/*.c", ["src/m.c"]), ("src/*", ["src/m.c", "src/n.h"]), ("/*/c*", ["/bin/cat", "/dev/cons", "/dev/consctl"]),
    ("/d*", ["/dev"]), ("no*", []), ("x" + glob.escape("*") + "*", ["x*y"]), ("[", []), ("[]]*", []),
    ("[^a].c", ["a.c"]), ("(*", []), ("*" * 40 + "z", []),
])
def test_expand(pattern, want):
    assert glob.expand(pattern, names) == want


def test_escaped_text_is_no_pattern():
    assert not glob.is_pattern(glob.escape("a*[b]?"))
    assert glob.plain(glob.escape("a*[b]?")) == "a*[b]?"
    assert glob.is_pattern("a" + glob.escape("*") + "*")
