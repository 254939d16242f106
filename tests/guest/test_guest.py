"""Golden programs: NN_name.c must print NN_name.out and end with the status in its last line.

UPDATE_GOLDEN=1 writes the .out files anew; look at what it changed.
"""

import os
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.guest
PLACE = "/n/guest"  # where conftest.py binds them
HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("[0-9]*_*.c"))
ARGUMENTS = {"01_args": ["one", "two words", "it's", ""]}


def settled(output: bytes) -> str:
    """The text without what differs between runs: numbers of processes, the pc of a suicide."""
    text = output.decode("utf-8", "surrogateescape")
    text = re.sub(r"^(\S+) \d+: suicide:", r"\1 N: suicide:", text, flags=re.M)
    text = re.sub(r"(bad sys call number \d+ pc) [0-9a-f]+$", r"\1 N", text, flags=re.M)
    return re.sub(r"pc=0x[0-9a-f]+", "pc=N", text)


@pytest.mark.parametrize("name", NAMES)
def test_golden(name, run_guest):
    result = run_guest([f"{PLACE}/{name}", *ARGUMENTS.get(name, ())])
    message = re.sub(r"pc=0x[0-9a-f]+", "pc=N", result.message)
    got = settled(result.output) + f"status: {message!r} {result.code}\n"
    golden = HERE / f"{name}.out"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(got, encoding="utf-8", errors="surrogateescape")
    assert got == golden.read_text(encoding="utf-8", errors="surrogateescape")


def test_every_golden_output_has_its_program():
    assert {path.stem for path in HERE.glob("*.out")} == set(NAMES)
