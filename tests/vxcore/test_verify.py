"""The verifier: it refuses what must not run, whoever made it.

breaker.c does the work: it compares the verifier's table with the decoder's, makes mutants of real
blocks and has capstone judge them, and runs translators with mistakes in them (seeded_bugs.py).
"""

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import capstone
import pytest

import vx9.vxcore
from vx9.vxcore import CoreError, TrapKind, _core

from . import elf32, seeded_bugs, test_native
from .decoder import mkinsns

CORE = Path(vx9.vxcore.__file__).parent
CAPSTONE = Path(capstone.__file__).parent
GUESTS = Path(__file__).parents[2] / "images" / "bin" / "386"
MUTANTS = 100_000
INCLUDED = ("cache.c", "verify.c")  # in breaker.c


def copy_of_core(folder: Path) -> Path:
    """The core's C sources, to be changed."""
    folder.mkdir()
    for file in (CORE / "src").glob("*.[ch]"):
        shutil.copy(file, folder)
    rows = mkinsns.rows((CORE / "insns.tab").read_text())
    (folder / "insns.inc").write_text(mkinsns.c_tables(rows))
    return folder


def gcc(folder: Path, *arguments: object) -> None:
    command = ["gcc", "-std=gnu11", "-O1", f"-I{folder}", f"-I{CAPSTONE / 'include'}"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True,
                          cwd=folder)
    assert done.returncode == 0, done.stderr


def compile_breaker(folder: Path, others: Path | None = None) -> Path:
    """breaker.c with the verifier in folder; the rest of the core from there or from others."""
    if others is None:
        others = folder
        gcc(folder, "-c", *(f for f in folder.glob("*.c") if f.name not in INCLUDED))
    program = folder / "breaker"
    gcc(folder, "-o", program, Path(__file__).parent / "breaker.c", *others.glob("*.o"), "-ldl",
        "-lpthread")
    return program


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory,
            demand: Callable[[str], NoReturn]) -> Callable[[str], Path]:
    """A fresh copy of the core's sources."""
    if not shutil.which("gcc"):
        demand("gcc")
    folder = tmp_path_factory.mktemp("verify")
    return lambda name: copy_of_core(folder / name)


@pytest.fixture(scope="module")
def breaker(sources: Callable[[str], Path]) -> Path:
    return compile_breaker(sources("plain"))


def text_of(program: Path, into: Path) -> list[str]:
    """Where the program's text belongs, and a file of it: breaker's arguments."""
    image = program.read_bytes()
    if image[:4] == b"\x7fELF":
        phoff, = struct.unpack_from("<I", image, 28)
        size, count = struct.unpack_from("<HH", image, 42)
        for i in range(count):
            row = struct.unpack_from("<8I", image, phoff + i * size)
            if row[0] == 1 and row[6] & 1:  # PT_LOAD, PF_X
                address, text = row[2], image[row[1] : row[1] + row[4]]
    else:  # a.out: the header is part of the text
        address, text = 0x1000, image[: 32 + struct.unpack_from(">8I", image)[1]]
    into.write_bytes(text)
    return [hex(address), str(into)]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Real programs: of the tree, and every copied instruction with random operands."""
    folder = tmp_path_factory.mktemp("texts")
    source, _ = test_native.program(seed=9)
    every = elf32.compile_guest(source, folder / "every", suffix=".S")
    programs = [every, GUESTS / "ls", GUESTS / "date", GUESTS / "echo"]
    return [word for p in programs for word in text_of(p, folder / f"{p.name}.text")]


def mutate(breaker: Path, count: int, texts: list[str]) -> subprocess.CompletedProcess[str]:
    library = str(CAPSTONE / "lib" / "libcapstone.so")
    return subprocess.run([str(breaker), "mutate", library, str(count), "9", *texts],
                          capture_output=True, text=True, timeout=100)


def test_the_two_tables_agree(breaker: Path) -> None:
    """The verifier accepts what the decoder lets pass unchanged, in the same length; no more."""
    done = subprocess.run([str(breaker), "tables"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[3]) > 300_000


@pytest.mark.guest
def test_mutants(breaker: Path, texts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    done = mutate(breaker, MUTANTS, texts)
    assert done.returncode == 0, done.stdout + done.stderr
    refused, passed, strict, harmless = map(int, done.stdout.splitlines()[-1].split()[1:])
    assert passed == 0
    assert refused + strict + harmless == MUTANTS
    assert refused > MUTANTS // 2
    assert harmless > strict  # it does not refuse everything
    with capsys.disabled():
        print(f"\n{MUTANTS} mutants: {refused} break the policy, all refused; "
              f"{harmless} do not and pass; {strict} do not and are refused")


WEAKER = {
    "PUSHF passes": ('"Nooooooooo.n..nn"', '"Nooooooooo.nn.nn"'),
    "branches are not checked": ("        if (to < count ?", "        if (0) if (to < count ?"),
    "GS: at any offset": ("return word(p + 3) == SPILL || word(p + 3) == TARGET ? 7 : 0;",
                          "return 7;"),
    "an end is not asked for": ("if (!(what & LAST))", "if (0)"),
}


@pytest.mark.guest
@pytest.mark.parametrize("weakness", WEAKER)
def test_mutants_find_a_weaker_verifier(weakness: str, sources: Callable[[str], Path],
                                        breaker: Path, texts: list[str]) -> None:
    folder = sources(weakness.replace(":", ""))
    old, new = WEAKER[weakness]
    text = (folder / "verify.c").read_text()
    assert text.count(old) == 1, old
    (folder / "verify.c").write_text(text.replace(old, new))
    done = mutate(compile_breaker(folder, breaker.parent), MUTANTS // 5, texts)
    assert done.returncode == 1
    assert "missed, " in done.stdout


def test_seeded_bugs(sources: Callable[[str], Path], texts: list[str]) -> None:
    """Each mistake is caught; without a mistake the same guests are not refused."""
    folder = sources("seeded")
    seeded_bugs.plant(folder)
    breaker = compile_breaker(folder)
    seeds = {n: (s.name, s.guest.replace(" ", "")) for n, s in enumerate(seeded_bugs.SEEDS, 1)}
    assert len(seeds) >= 20
    lines = [f"0 {guest}" for _, guest in seeds.values()]
    lines += [f"{n} {guest}" for n, (_, guest) in seeds.items()]
    ls = texts[3]
    done = subprocess.run([str(breaker), "seeds", "0x1000", ls], input="\n".join(lines) + "\n",
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    sound, unsound = results[: len(seeds)], results[len(seeds) :]
    assert all(row == (0, 0, 0) for row in sound)
    assert [n for n, _, _ in unsound] == list(seeds)
    missed = [seeds[n][0] for n, refused, _ in unsound if not refused]
    assert not missed
    assert done.stderr.count("vx9: verifier: refused code at") == sum(r for _, r, _ in unsound)


def test_a_refused_block_is_an_error_and_is_counted(capfd: pytest.CaptureFixture[str]) -> None:
    cpu = elf32.machine(bytes.fromhex("40 cd40 41 cd41"))
    assert cpu.run().kind == TrapKind.INT
    assert cpu.memory.code.stats()["refused"] == 0
    _core._refuse_all(True)
    try:
        with pytest.raises(CoreError, match="a bug in vx9"):
            cpu.run()
        assert capfd.readouterr().err.startswith("vx9: verifier: refused code at f")
        assert cpu.memory.code.stats()["refused"] == 1
        assert cpu.ecx == 0
    finally:
        _core._refuse_all(False)
    assert cpu.run().kind == TrapKind.INT
    assert (cpu.eax, cpu.ecx) == (1, 1)


@pytest.mark.guest
def test_verification_is_cheap(texts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A quarter of the time of translation on a quiet machine; a mistake would be much more."""
    code = bytes.fromhex("89d8 8b4508 01c8 83c301 8d4c2404 31d2 0fb602 c1e003 39d0 52 58") * 1000
    cpu = elf32.machine(code)
    cost = {False: 1 << 60, True: 1 << 60}
    for _ in range(15):
        for verified in cost:
            ns = _core._bench_translate(cpu.memory, 0x1000, 0x1000 + len(code), 5, verified)
            assert ns
            cost[verified] = min(cost[verified], ns)
    ratio = cost[True] / cost[False] - 1
    with capsys.disabled():
        each = cost[False] / 5 / 11_000
        print(f"\nverification adds {ratio:.0%} to {each:.1f} ns an instruction")
    assert ratio < 0.6
