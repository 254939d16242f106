"""The kernel's boundary and its limits, with hostile guests beside a neighbour that must go on.

As test_matrix.py: the scenarios run in a process that is started anew behind one that ends it.
"""

import collections
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vx9.userland.guest import build

from . import calls, resources
from .cases import build_probe
from .listener import run_all

pytestmark = pytest.mark.guest

HERE = Path(__file__).parent
EACH = 3
# Of the tables of the system-call boundary and of resources; archives come with their decoders.
TABLES = {"SYS": 10, "RES": 6, "LEAK": 2}
GUESTS = ("honest", "hog", "calls", "odd")

EVERY = [*calls.scenarios(), *resources.scenarios()]
IDS = list(dict.fromkeys(case.id for case in EVERY))


@pytest.fixture(scope="module")
def programs(demand, tmp_path_factory):
    """The hostile guests and their neighbour."""
    folder = tmp_path_factory.mktemp("boundary")
    try:
        library = build.library()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: build.program(
                [HERE / f"{name}.c"], folder / name, lib=library, work=folder / "o",
                cflags=("-Wno-infinite-recursion", "-Wno-unused-result")), GUESTS))
    except build.BuildError as error:
        demand(f"a 32-bit compiler ({error})")
    return folder


@pytest.fixture(scope="module")
def wrong(programs, tmp_path_factory):
    """By ID: the scenarios that came out wrong, and how."""
    said = run_all([sys.executable], build_probe(tmp_path_factory.mktemp("probe")), len(EVERY),
                   what="boundary", more=(programs,))
    by_id = collections.defaultdict(list)
    for number, what in said.wrong().items():
        by_id[EVERY[number].id].append(f"{EVERY[number].name}: {what}")
    return by_id


def test_there_are_enough():
    count = collections.Counter(case.id for case in EVERY)
    assert set(count) == {f"{name}-{i}" for name, n in TABLES.items() for i in range(1, n + 1)}
    assert not {i: n for i, n in count.items() if n < EACH}


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.timeout(600)
def test_row(wrong, id_):
    assert not wrong[id_], "\n".join(wrong[id_][:20])
