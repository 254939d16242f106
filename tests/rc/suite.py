"""The golden scripts of rc: their files, how they are run by our rc and by Plan 9's own.

A file *.golden has one theme and many tests.  A test begins with a line %test TITLE; its script
follows, then %out and %err with what the script must write, and %status with how it must end.
A line %differs REASON says that 9base's rc does something else, and why; without it both must
agree in output, in whether there are complaints, and in success.

Usage: python -P tests/rc/suite.py [--write] [FILE ...]: compare, or write down what our rc does.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
NINEBASE = "/usr/lib/plan9/bin"
PLACE = "/n/rc"
MARKERS = re.compile(r"^%(test|out|err|status|differs)(?: (.*))?\n?$")
FILES = {"a.c": "a\n", "b.c": "b\n", "ab.h": "h\n", "two words": "2\n", "dir/x.c": "x\n",
         "dir/y": "y\n", "dir/sub/z": "z\n", "lib.rc": "echo lib $0 $*\nx=lib\n",
         "lines": "one\ntwo three\nfour\n"}


@dataclass
class Result:
    """What a script did."""

    out: str = ""
    err: str = ""
    status: str = ""


@dataclass
class Case:
    """One test of a file."""

    title: str
    script: str = ""
    differs: str | None = None
    expected: Result = field(default_factory=Result)


def read(path: Path) -> list[Case]:
    """The tests of a file."""
    cases: list[Case] = []
    part = ""
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if found := MARKERS.match(line):
            part, rest = found[1], found[2] or ""
            if part == "test":
                cases.append(Case(rest))
            elif part == "status":
                cases[-1].expected.status = rest
            elif part == "differs":
                cases[-1].differs = rest
        elif part == "test":
            cases[-1].script += line
        else:
            setattr(cases[-1].expected, part, getattr(cases[-1].expected, part) + line)
    return cases


def write(path: Path, cases: Sequence[Case]) -> None:
    """The file of these tests."""
    with path.open("w", encoding="utf-8") as file:
        for case in cases:
            file.write(f"%test {case.title}\n{case.script}")
            if case.differs:
                file.write(f"%differs {case.differs}\n")
            for part in ("out", "err"):
                if text := getattr(case.expected, part):
                    file.write(f"%{part}\n{text}")
            if case.expected.status:
                file.write(f"%status {case.expected.status}\n")


def prepare(folder: Path, case: Case) -> Path:
    """A folder for a script, with the script and the files that it may expect."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "t").write_text(case.script, "utf-8")
    return folder


def _same(text: str) -> str:
    """Without the numbers of processes, and as lines."""
    text = re.sub(r"\b(?!line\b)(\w+) \d+: ", r"\1 PID: ", text)
    return text if not text or text.endswith("\n") else text + "\n"


def ours(kernel, folder: Path, cases: Sequence[Case],
         seen: str = PLACE) -> Iterator[Result]:
    """Run each in one kernel, a few at a time, in folders below one that guests know as seen."""
    def one(item: tuple[int, Case]) -> Result:
        number, case = item
        place = prepare(folder / str(number), case)
        streams = folder / f"{number}.streams"
        streams.mkdir()
        with open(os.devnull, "rb") as i, open(streams / "out", "wb") as o, \
                open(streams / "err", "wb") as e:
            env = {"path": [".", "/bin"], "home": [f"{seen}/{number}"]}
            handle = kernel.spawn(["/bin/rc", "t"], env=env, cwd=f"{seen}/{number}",
                                  stdin=i.fileno(), stdout=o.fileno(), stderr=e.fileno())
            message = handle.wait(60).message
        message = re.sub(r"^rc \d+: ", "", message)
        shutil.rmtree(place)
        out, err = ((streams / name).read_text("utf-8", "replace").replace(f"{seen}/{number}", ".")
                    for name in ("out", "err"))
        return Result(_same(out), _same(err), _same(message).rstrip("\n"))

    with ThreadPoolExecutor(4) as pool:
        yield from pool.map(one, enumerate(cases))


def theirs(folder: Path, cases: Sequence[Case]) -> Iterator[Result]:
    """The same by 9base's rc; its status is only a number."""
    def one(item: tuple[int, Case]) -> Result:
        number, case = item
        if (case.differs or "").startswith("hangs"):
            return Result("hangs", "hangs", "hangs")
        place = prepare(folder / f"{number}.9base", case)
        env = {"PATH": f".:{NINEBASE}", "home": str(place), "HOME": str(place),
               "PLAN9": "/usr/lib/plan9", "LANG": "C.UTF-8"}
        try:
            done = subprocess.run([f"{NINEBASE}/rc", "t"], cwd=place, env=env, text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False,
                                  timeout=10, errors="replace")
        except subprocess.TimeoutExpired:
            return Result("hangs", "hangs", "hangs")
        return Result(_same(done.stdout.replace(str(place), ".")), _same(done.stderr),
                      str(done.returncode or ""))

    with ThreadPoolExecutor(4) as pool:
        yield from pool.map(one, enumerate(cases))


def disagreement(our: Result, their: Result) -> str:
    """How they differ; nothing if they agree."""
    if our.out != their.out:
        return f"output {our.out!r}, 9base {their.out!r}"
    if bool(our.err) != bool(their.err):
        return f"complaints {our.err!r}, 9base {their.err!r}"
    if bool(our.status) != bool(their.status):
        return f"status {our.status!r}, 9base {their.status!r}"
    return ""


def main(args: Sequence[str]) -> int:
    """Compare with what is written down and with 9base, or write down."""
    import tempfile

    from vx9.images import root
    from vx9.kernel.kernel import Kernel

    writing = "--write" in args
    paths = [Path(a) for a in args if a != "--write"] or sorted(HERE.glob("*.golden"))
    bad = 0
    for path in paths:
        cases = read(path)
        with tempfile.TemporaryDirectory() as name:
            kernel = Kernel(image=root.entries("glenda"))
            kernel.start()
            kernel.bind_host(name, PLACE, True)
            results = list(ours(kernel, Path(name), cases))
            kernel.stop()
            others = list(theirs(Path(name), cases))
        for case, our, their in zip(cases, results, others, strict=True):
            text = disagreement(our, their)
            if bool(text) != bool(case.differs):
                bad += 1
                print(f"{path.name}: {case.title}: {text or 'does not differ'}")
            if not writing and our != case.expected:
                bad += 1
                print(f"{path.name}: {case.title}:\n  {our}\n  {case.expected}")
            case.expected = our
        if writing:
            write(path, cases)
        print(f"{path.name}: {len(cases)} tests")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
