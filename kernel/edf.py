"""The parameters of real-time scheduling, earliest deadline first, that ctl messages set.

This kernel shares its processors with the host's programs and so can promise no deadline:
parameters are checked and kept, and admission is refused in the words of the manual.
Source: proc(3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vx9.fs.errors import PlanError

_TIME: Final = re.compile(r"\s*(\d*)(?:\.(\d*))?(.*)\Z", re.ASCII | re.DOTALL)
_UNITS: Final = {"": 1_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "µs": 1000, "us": 1000,
                 "ns": 1}
_DIGITS: Final = 9


def parse_time(text: str) -> int:
    """Nanoseconds: a number with at most one point, and a unit.  Raises PlanError."""
    found = _TIME.match(text)
    assert found is not None
    whole, fraction, unit = found.groups()
    if fraction is not None and len(fraction) > _DIGITS:
        raise PlanError("too many digits after decimal point")
    if fraction == "" or len(whole) > _DIGITS:
        raise PlanError("ill-formed number")
    if unit not in _UNITS:
        raise PlanError("unrecognized unit")
    scale = _UNITS[unit]
    parts = int((fraction or "0").ljust(_DIGITS, "0"))
    return int(whole or "0") * scale + parts * scale // 10**_DIGITS


@dataclass(slots=True)
class Edf:
    """What a process asks for; times in nanoseconds."""

    period_ns: int = 0
    deadline_ns: int = 0
    cost_ns: int = 0
    sporadic: bool = False
    notes: bool = False
    extra: bool = False

    def admit(self) -> None:
        """Raises PlanError: always, in the end."""
        if self.period_ns == 0:
            raise PlanError("T not set")
        if self.cost_ns == 0:
            raise PlanError("C not set")
        if self.deadline_ns > self.period_ns:
            raise PlanError("D > T")
        self.deadline_ns = self.deadline_ns or self.period_ns
        if self.cost_ns > self.deadline_ns:
            raise PlanError("C > D")
        raise PlanError("not schedulable")
