"""Random programs do on the core what they do on the bare processor, and on Unicorn.

differential.py is the same for as long as one likes: see its first lines.
"""

import dataclasses
import importlib.util
from collections.abc import Callable
from typing import NoReturn

import pytest

from . import differential, programs
from .bare import Bare

pytestmark = pytest.mark.guest

BATCHES = 22_000 // differential.PER_BATCH  # some of the portable ones end by a fault


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bare:
    return Bare(tmp_path_factory.mktemp("bare"))


@pytest.mark.slow
@pytest.mark.parametrize("quarter", range(4))
def test_programs_do_the_same_everywhere(
    bare: Bare, demand: Callable[[str], NoReturn], quarter: int
) -> None:
    """In all: 22,000 that may do anything, and as many portable ones, 20,000 on Unicorn too."""
    if importlib.util.find_spec("unicorn") is None:
        demand("the Python package unicorn")
    emulator = differential.Emulator()
    report = differential.Report()
    for seed in range(quarter * BATCHES // 4, (quarter + 1) * BATCHES // 4):
        differential.check(seed, bare, emulator, report)
    assert not report.differences, "\n".join(report.differences[:5])
    total = 2 * BATCHES // 4 * differential.PER_BATCH
    assert report.on_bare > 0.999 * total
    assert report.on_unicorn >= 5000


def test_programs_have_all_there_is(bare: Bare) -> None:
    """Every row of the table that the core offers, and every way to end, is in some program."""
    full, portable = programs._pool(differential.features())
    names = {form.name for kind in full for form in kind}
    assert len(names) > 300
    assert {form.name for kind in portable for form in kind} < names
    ends = set()
    for seed in range(100, 104):
        batch = programs.batch(seed, 500, differential.features(), False)
        ends |= {outcome.trap[0] for outcome in differential.on_core(batch)}
    kinds = differential.K
    assert ends >= {kinds.INT, kinds.FAULT, kinds.DIVIDE, kinds.BREAKPOINT, kinds.OVERFLOW,
                    kinds.BOUND, kinds.ILLEGAL, kinds.PROTECTION}


def test_a_wrong_outcome_is_seen(bare: Bare) -> None:
    """A difference planted in one register, flag, byte of memory or of the FPU is reported."""
    batch = programs.batch(7, 20, differential.features(), False)
    a = next(o for o in differential.on_core(batch) if o.trap[0] == differential.K.INT)

    for name in ("regs", "memory", "fpu", "trap"):
        value = getattr(a, name)
        if name == "trap":
            other: object = (*value[:2], 1, value[3])
        elif name == "regs":
            other = (*value[:9], value[9] ^ 0x800)
        else:
            other = value[:40] + bytes([value[40] ^ 1]) + value[41:]
        changed = dataclasses.replace(a, **{name: other})
        assert differential.difference(a, changed)
    assert not differential.difference(a, dataclasses.replace(a))
