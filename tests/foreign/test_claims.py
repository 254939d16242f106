"""What a foreign program finds out about the system, in each dialect: src/claims.c, claims.tab."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.guest, pytest.mark.timeout(120)]

DIALECTS = ("bell", "9legacy", "9front")


def table(dialect: str) -> list[tuple[str, str]]:
    """(claim, answer) of a dialect, in the order of the program."""
    rows = []
    for line in Path(__file__).with_name("claims.tab").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, answer = line.partition(" ")
            answers = answer.split(" | ")
            rows.append((name, answers[DIALECTS.index(dialect)] if len(answers) > 1 else answer))
    return rows


def complaints(dialect: str) -> list[str]:
    """What the kernel says of the program on descriptor 2; numbers of processes left out."""
    lines = ["bad sys call number 48 pc", "suicide: invalid address 0x10/10 in sys call pc="]
    return lines if dialect == "9front" else [*lines, "call to noted() when not notified"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_claims(nine, dialect):
    done = nine("claims a 'b c' ''", "--dialect", dialect)
    found = [tuple(line.partition(" ")[::2]) for line in done.stdout.decode().splitlines()]
    assert dict(found) == dict(table(dialect))
    assert [name for name, _ in found] == [name for name, _ in table(dialect)]
    assert done.returncode == 0
    said = done.stderr.decode().splitlines()
    assert len(said) == len(complaints(dialect))
    for line, text in zip(said, complaints(dialect), strict=True):
        assert text in line
