"""The golden suite of rc, and live comparison with Plan 9's own rc from Debian's 9base."""

import os
from pathlib import Path

import pytest

from . import suite

pytestmark = pytest.mark.guest
THEMES = sorted(suite.HERE.glob("*.golden"))


@pytest.fixture(scope="module")
def kernel(demand, tmp_path_factory):
    """One kernel, and the folder that its guests see."""
    from vx9.images import root
    from vx9.kernel.kernel import Kernel

    if "rc" not in root.programs():
        demand("the guest programs (pip install -e .)")
    kernel = Kernel(image=root.entries("glenda"))
    folder: Path = tmp_path_factory.mktemp("rc")
    kernel.start()
    kernel.bind_host(str(folder), suite.PLACE, True)
    yield kernel, folder
    kernel.stop()
    assert kernel.errors == 0


@pytest.mark.parametrize("theme", THEMES, ids=lambda path: path.stem)
def test_golden(kernel, theme, tmp_path_factory):
    """Every script writes and ends as it is written down."""
    cases = suite.read(theme)
    folder = kernel[1] / theme.stem
    folder.mkdir()
    place = f"{suite.PLACE}/{theme.stem}"
    wrong = [f"{case.title}: {result}, expected {case.expected}"
             for case, result in zip(cases, suite.ours(kernel[0], folder, cases, place),
                                     strict=True) if result != case.expected]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("theme", THEMES, ids=lambda path: path.stem)
def test_9base(demand, theme, tmp_path):
    """Plan 9's rc agrees, but where the file says why not."""
    if not os.access(f"{suite.NINEBASE}/rc", os.X_OK):
        demand("9base (apt install 9base)")
    cases = suite.read(theme)
    wrong = []
    for case, their in zip(cases, suite.theirs(tmp_path, cases), strict=True):
        text = suite.disagreement(case.expected, their)
        if text and not case.differs:
            wrong.append(f"{case.title}: {text}")
        if case.differs and not text:
            wrong.append(f"{case.title}: agrees, and is marked: {case.differs}")
    assert not wrong, "\n".join(wrong)


def test_enough():
    """There are several hundred."""
    assert sum(len(suite.read(theme)) for theme in THEMES) >= 400
