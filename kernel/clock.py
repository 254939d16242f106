"""The time of day as guests see it: the host's, until the host owner sets it.

What is set belongs to this kernel alone; the host's own clock is never touched.  From then
on time is counted in fast ticks, the nanoseconds of the host's monotonic clock, at the rate
that was set, and a trim is spread over its period.
Source: cons(3) (bintime, time); /sys/src/9/port/tod.c.
"""

from __future__ import annotations

from typing import Final, Protocol

from vx9.fs.errors import EBADTIME, PlanError

SECOND: Final = 1_000_000_000
HZ: Final = SECOND  # fast ticks in a second
_MAX: Final = 0x7FFFFFFFFFFFFFFF


class Host(Protocol):
    """What the clock needs of the host."""

    def time_ns(self) -> int:
        """Nanoseconds since the epoch."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment in the past."""


class Clock:
    """The time of one kernel."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.hz = HZ
        self.adjusted = False  # no longer the host's time
        self._base = 0  # the time ...
        self._since = 0  # ... at this tick
        self._trim = 0  # to add ...
        self._period = 0  # ... over so many ticks

    def ticks(self) -> int:
        """Fast ticks since some moment in the past."""
        return self.host.monotonic_ns()

    def time_ns(self) -> int:
        """Nanoseconds since the epoch."""
        if not self.adjusted:
            return self.host.time_ns()
        passed = self.ticks() - self._since
        ns = self._base + passed * SECOND // self.hz
        if self._trim:
            ns += self._trim * min(passed, self._period) // self._period
        return max(0, ns) & _MAX

    def seconds(self) -> int:
        """Seconds since the epoch."""
        return self.time_ns() // SECOND

    def _from_now(self, ns: int) -> None:
        """Count from ns on; what is left of a trim remains to be done."""
        now = self.ticks()
        if self._trim:
            left = max(0, self._period - (now - self._since))
            self._trim = self._trim * left // self._period
            self._period = left
        self._base, self._since, self.adjusted = ns, now, True

    def set(self, ns: int) -> None:
        """Let it be ns now.  Raises PlanError."""
        if not 0 <= ns <= _MAX:
            raise PlanError(EBADTIME)
        self._trim = 0
        self._from_now(ns)

    def trim(self, delta_ns: int, seconds: int) -> None:
        """Go so much further, or less far, within the next seconds.  Raises PlanError."""
        if seconds < 0:
            raise PlanError(EBADTIME)
        self._from_now(self.time_ns())
        self._trim, self._period = delta_ns, max(1, seconds * HZ)

    def set_rate(self, hz: int) -> None:
        """Take so many fast ticks for a second.  Raises PlanError."""
        if not 0 < hz <= _MAX:
            raise PlanError(EBADTIME)
        self._from_now(self.time_ns())
        self.hz = hz
