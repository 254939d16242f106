"""Guest programs to look into."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vx9.userland.guest import build

HERE = Path(__file__).parent
CFLAGS = ("-fno-inline", "-fno-optimize-sibling-calls", "-Wno-array-bounds")


@pytest.fixture(scope="session")
def programs(demand, tmp_path_factory) -> Callable[[str], Path]:
    """programs(name): NAME.c of this folder as a Plan 9 program."""
    folder = tmp_path_factory.mktemp("see")
    made: dict[str, Path] = {}
    try:
        library = build.library()
    except build.BuildError as error:
        demand(f"a 32-bit compiler ({error})")

    def program(name: str) -> Path:
        if name not in made:
            made[name] = build.program([HERE / f"{name}.c"], folder / name, lib=library,
                                       cflags=CFLAGS, work=folder / "o")
        return made[name]

    return program
