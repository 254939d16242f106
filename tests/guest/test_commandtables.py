"""commands/*.txt: commands of the image, what they are given and what they say.

A table has cases, each of these lines (\\n, \\t, \\\\ and \\xNN stand for what they do in C):

    file NAME TEXT      a file of the folder that the cases after it start in
    $ WORDS             a case: a command, quoted as in sh
    < TEXT              its input
    > LINE              a line of its output, >| TEXT what has no newline
    2 LINE              a line of its error output
    = STATUS            its exit status, when not empty
    @ NAME TEXT         what is in a file afterwards
    own                 not to be compared with another system's

Where Debian's 9base is installed, which carries Plan 9's own commands, the cases of those that
are in NINEBASE must give the same output and the same success there.
"""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.guest
HERE = Path(__file__).parent
TABLES = sorted((HERE / "commands").glob("*.txt"))
BASE = Path("/usr/lib/plan9/bin")
NINEBASE = {"basename", "cleanname", "diff", "fmt", "grep", "sed", "seq", "sort", "tail",
            "test", "tr", "uniq", "sha1sum", "strings"}
PLACE = "/n/d"


@dataclass
class Case:
    """One command and what is to come of it."""

    words: list[str]
    files: dict[str, bytes]
    line: int
    stdin: bytes = b""
    out: bytes = b""
    err: bytes = b""
    status: str = ""
    after: dict[str, bytes] = field(default_factory=dict)
    own: bool = False


def text(s: str) -> bytes:
    """The bytes that a text with backslashes stands for."""
    known = {"n": b"\n", "t": b"\t", "\\": b"\\", "e": b""}
    parts = re.split(r"(\\x[0-9a-f]{2}|\\[nte\\])", s)
    return b"".join(
        bytes([int(p[2:], 16)]) if p.startswith("\\x") else known[p[1]] if i % 2 else p.encode()
        for i, p in enumerate(parts))


def read(path: Path) -> list[Case]:
    """The cases of a table."""
    cases: list[Case] = []
    files: dict[str, bytes] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        key, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")
        if key == "file":
            files = {**files, name: text(value)}
        elif key == "$":
            words = [text(w).decode("utf-8", "surrogateescape") for w in shlex.split(rest)]
            cases.append(Case(words, files, number))
        elif not key or key.startswith("#"):
            continue
        elif key == "<":
            cases[-1].stdin += text(rest)
        elif key == ">":
            cases[-1].out += text(rest) + b"\n"
        elif key == ">|":
            cases[-1].out += text(rest)
        elif key == "2":
            cases[-1].err += text(rest) + b"\n"
        elif key == "=":
            cases[-1].status = rest
        elif key == "@":
            cases[-1].after[name] = text(value)
        elif key == "own":
            cases[-1].own = True
        else:
            raise ValueError(f"{path.name}:{number}: what is {key!r}?")
    return cases


def fill(folder: Path, case: Case) -> None:
    """Make the files of a case, and only them."""
    for old in sorted(folder.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    for name, data in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.fixture(scope="module")
def run(demand, tmp_path_factory):
    """run(case) -> (stdout, stderr, status), in a folder that is the case's."""
    from vx9.images import root
    from vx9.kernel.kernel import Kernel

    if "sed" not in root.programs():
        demand("the guest programs (pip install -e .)")
    folder = tmp_path_factory.mktemp("folder")
    streams = tmp_path_factory.mktemp("streams")
    kernel = Kernel(image=root.entries("glenda"))
    kernel.start()
    kernel.bind_host(str(folder), PLACE, True)

    def one(case):
        fill(folder, case)
        (streams / "in").write_bytes(case.stdin)
        with open(streams / "in", "rb") as i, open(streams / "out", "wb") as o, \
                open(streams / "err", "wb") as e:
            handle = kernel.spawn([f"/bin/{case.words[0]}", *case.words[1:]], env={}, cwd=PLACE,
                                  stdin=i.fileno(), stdout=o.fileno(), stderr=e.fileno())
            try:
                status = handle.wait(60)
            finally:
                handle.kill()
        after = {name: (folder / name).read_bytes() if (folder / name).exists() else None
                 for name in case.after}
        return ((streams / "out").read_bytes(), (streams / "err").read_bytes(),
                re.sub(r"^\S+ \d+: ", "", status.message), after)

    yield one
    kernel.stop()
    assert kernel.errors == 0


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_table(table, run):
    cases = read(table)
    wrong = []
    for case in cases:
        got = run(case)
        want = (case.out, case.err, case.status, case.after)
        if got != want:
            wrong.append(f"{table.name}:{case.line}: {shlex.join(case.words)}\n"
                         f"   got {got}\n  want {want}")
    assert not wrong, "\n".join(wrong)
    assert cases


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_as_in_9base(table, tmp_path, demand):
    cases = [c for c in read(table) if c.words[0] in NINEBASE and not c.own]
    if not cases:
        return
    if not BASE.is_dir():
        demand("Plan 9's commands (Debian: apt install 9base)")
    wrong = []
    for case in cases:
        fill(tmp_path, case)
        done = subprocess.run([os.fsencode(BASE / case.words[0]), *map(os.fsencode, case.words[1:])],
                              input=case.stdin, capture_output=True, cwd=tmp_path, timeout=20,
                              check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
        if (done.stdout, done.returncode == 0) != (case.out, case.status == ""):
            wrong.append(f"{table.name}:{case.line}: {shlex.join(case.words)}\n"
                         f"  9base {done.stdout!r} {done.returncode}\n  want {case.out!r} {case.status!r}")
    assert not wrong, "\n".join(wrong)


def test_sort_of_more_than_fits_in_memory(run):
    lines = [b"%d\n" % (i * 7919 % 2_100_000) for i in range(2_100_000)]
    case = Case(["sort", "-n"], {}, 0, stdin=b"".join(lines))
    assert run(case)[:3] == (b"".join(b"%d\n" % i for i in range(2_100_000)), b"", "")


def test_lines_of_any_length(run):
    line = b"a" * 3_000_000
    files = {"f": line + b"b\nshort\n" + line}
    assert run(Case(["grep", "-c", "ab$", "f"], files, 0))[:3] == (b"1\n", b"", "")
    assert run(Case(["sed", "s/a//g", "f"], files, 0))[:3] == (b"b\nshort\n\n", b"", "")
    assert run(Case(["sort", "f"], files, 0))[0] == line + b"\n" + line + b"b\nshort\n"
    assert run(Case(["tail", "-1", "f"], files, 0))[0] == line
    assert run(Case(["uniq", "f"], files, 0))[0] == files["f"] + b"\n"
