"""Every row of the hostile matrix, beside an honest guest, with the host looked at after each.

The cases run in a process of their own, which is started anew behind a case that ends it; so
one failure names its case, and the others are run all the same.
"""

import collections
import subprocess
import sys
from pathlib import Path

import pytest

from .cases import Case, build_probe
from .hostile import everything
from .listener import run_all

pytestmark = pytest.mark.guest

HERE = Path(__file__).parent
WANTED = 2000  # concrete cases, at the least
EACH = 3  # for every ID

# Of the instruction, control-flow, memory and signal tables.
TABLES = {"SEG": 13, "FAR": 10, "PRV": 5, "PFX": 10, "UND": 4, "INF": 4, "FLG": 4, "FPU": 7,
          "CF": 12, "MEM": 11, "SIG": 9}

EVERY = everything()
IDS = list(dict.fromkeys(case.id for case in EVERY))


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """By ID: the names of the cases that came out wrong, and how."""
    said = run_all([sys.executable], build_probe(tmp_path_factory.mktemp("probe")), len(EVERY))
    by_id = collections.defaultdict(list)
    for number, what in said.wrong().items():
        by_id[EVERY[number].id].append(f"{EVERY[number].name}: {what}; "
                                       f"expected {EVERY[number].outcome}")
    return by_id


def test_there_are_enough():
    count = collections.Counter(case.id for case in EVERY)
    assert len(EVERY) >= WANTED
    assert set(count) == {f"{name}-{i}" for name, n in TABLES.items() for i in range(1, n + 1)}
    assert not {i: n for i, n in count.items() if n < EACH}
    assert len({case.name for case in EVERY}) == len(EVERY)


@pytest.mark.parametrize("id_", IDS)
def test_row(wrong, id_):
    assert not wrong[id_], "\n".join(wrong[id_][:20])


def test_the_oracle_sees_a_changed_host(tmp_path):
    """A guard that never complains would be none."""
    script = f"""
import sys
sys.path.insert(0, {str(HERE.parent)!r})
import os
from pathlib import Path
from security.guard import Broken, Guard, machine, maps
before = maps()
guard = Guard(Path(sys.argv[1]), before)
from security.cases import Case, USUAL
case = Case("", "", b"", 0, dict(USUAL), [], "OK", False)
def broken(what, do, undo):
    do()
    try:
        guard.check(case, guest)
        guard.check_maps()
    except Broken as error:
        assert str(error).startswith(what), error
    else:
        raise SystemExit("not seen: " + what)
    undo()
guest = machine(b"")
guard.check(case, guest)
fd = [None]
broken("H4", lambda: fd.append(os.open("/", os.O_RDONLY)), lambda: os.close(fd[-1]))
for offset in (0, 4, 4000):
    broken("H2", lambda: guard.canaries[0].memory.write(0x10000 + offset, b"?"),
           lambda: guard.canaries[0].memory.write(0x10000, guard.pattern))
broken("H8", lambda: guest.memory.write(0x10000, (id(guest)).to_bytes(8, "little")),
       lambda: guest.memory.write(0x10000, bytes(8)))
broken("H8", lambda: guest.memory.write(0x11000, (0xf0001234).to_bytes(4, "little")),
       lambda: guest.memory.write(0x11000, bytes(4)))
import ctypes, mmap
page = []
def mapped():
    page.append(mmap.mmap(-1, 4096, prot=7))
broken("H3", mapped, lambda: page.pop().close())
for control, value in (("mxcsr", 0x9fc0), ("x87", 0x27f), ("tag", 0)):
    broken("H5", lambda: guard.lib.spoil(control.encode(), value), guard.lib.mend)
guard.victim.first_half()
guard.victim.cpu.edi ^= 1
try:
    guard.victim.second_half()
except Broken as error:
    assert str(error).startswith("H7")
else:
    raise SystemExit("not seen: H7")
"""
    probe = build_probe(tmp_path)
    done = subprocess.run([sys.executable, "-P", "-c", script, str(probe)], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_tell_what_a_case_is():
    assert any(isinstance(case, Case) and case.name == "FAR-3 cd80 eax=4" for case in EVERY)
