"""The host's time zone in Plan 9's words."""

import re
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from vx9.userland import zone

NAMES = ("Europe/Rome", "Australia/Sydney", "Asia/Tokyo", "America/New_York", "Asia/Tehran",
         "Europe/Dublin", "America/Sao_Paulo", "Asia/Kathmandu", "UTC")


def known(name, demand):
    try:
        return zoneinfo.ZoneInfo(name)
    except zoneinfo.ZoneInfoNotFoundError:
        demand("time zones (tzdata)")


def offset(text, at):
    """What a Plan 9 library makes of it."""
    words = text.split()
    moments = list(map(int, words[4:]))
    saving = any(moments[i] <= at < moments[i + 1] for i in range(0, len(moments) - 1, 2))
    return int(words[3 if saving else 1])


@pytest.mark.parametrize("name", NAMES)
def test_the_times_of_today_are_the_hosts(name, demand):
    real = known(name, demand)
    text = zone.of_host({"TZ": name})
    assert re.fullmatch(rb"\S+ -?\d+ \S+ -?\d+\n(( *\d+)+\n)*\n", text)
    assert len(text.split()) <= 152 and len(text) < 16300
    for day in range(3 * 366):
        at = 1_735_689_600 + day * 86400 + 1234
        assert offset(text, at) == datetime.fromtimestamp(at, real).utcoffset().total_seconds()


def test_a_change_is_told_to_the_second(demand):
    known("Europe/Rome", demand)
    moments = zone.of_host({"TZ": ":Europe/Rome"}).split()[4:]
    assert b"1743296400" in moments and b"1761440400" in moments  # 2025-03-30, 2025-10-26, 01:00Z


@pytest.mark.parametrize("value", ["", "UTC", "Nowhere/Atall", "../../etc/passwd", "CET-1CEST", "/"])
def test_what_cannot_be_told_is_gmt(value):
    assert zone.of_host({"TZ": value}) == zone.GMT


def test_a_zone_that_always_saves():
    class Summer(tzinfo):
        def utcoffset(self, when):
            return timedelta(hours=2)

        def tzname(self, when):
            return "CEST"

        def dst(self, when):
            return timedelta(hours=1)

    text = zone.plan9(Summer())
    assert offset(text, 10**9) == 7200 and text.startswith(b"CEST 7200 CEST 7200\n")
    assert zone.plan9(UTC) == zone.GMT


@pytest.mark.guest
@pytest.mark.parametrize("name, shown", [
    ("UTC", b"Thu Jan  1 00:00:00 GMT 1970\n"), ("Asia/Tokyo", b"Thu Jan  1 09:00:00 JST 1970\n"),
    ("America/New_York", b"Wed Dec 31 19:00:00 EST 1969\n")])
def test_a_guest_tells_the_hosts_time(vx9, demand, name, shown):
    known(name, demand)
    assert vx9("run", "date", "0", env={"TZ": name}).stdout == shown
