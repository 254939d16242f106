"""The host's time zone, told as Plan 9 tells one.

A zone is two names with their offsets, standard time first, and the moments at which daylight
saving time begins and ends, in turns.  What a zone did differently long ago is left out.
Source: ctime(2); /adm/timezone.
"""

import functools
import zoneinfo
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

GMT = b"GMT 0 GMT 0\n\n"
LOCALTIME = "/etc/localtime"
STEP = 28 * 86400  # no daylight saving time is shorter
END = (1 << 31) - STEP
MOST = 148  # moments that a C library takes
PER_LINE = 10


def of_host(env: Mapping[str, str]) -> bytes:
    """What /env/timezone holds for a host with these variables."""
    return _text(env.get("TZ"))


@functools.lru_cache(maxsize=8)
def _text(name: str | None) -> bytes:
    try:
        if name:
            return plan9(zoneinfo.ZoneInfo(name.lstrip(":")))
        if name == "":
            return GMT
        with open(LOCALTIME, "rb") as file:
            return plan9(zoneinfo.ZoneInfo.from_file(file))
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        return GMT  # none that can be read


def plan9(zone: tzinfo) -> bytes:
    """The text of a zone."""
    moments = list(_changes(zone))[-MOST:]
    if len(moments) % 2:
        moments.append(0x7FFFFFFF)  # it still saves when the world of 32 bits ends
    names = {}
    for seconds in (0, *moments, END):
        here = _at(zone, seconds)
        shift = here.utcoffset() or timedelta()
        names[bool(here.dst())] = f"{_name(here)} {int(shift.total_seconds())}"
    last = names.get(False) or names[True]
    head = f"{last} {names.get(True, last)}".encode()
    if head in (b"UTC 0 UTC 0", b"GMT 0 GMT 0"):
        return GMT
    lines = (b" ".join(b"%10d" % moment for moment in moments[i : i + PER_LINE])
             for i in range(0, len(moments), PER_LINE))
    return b"\n".join((head, *lines)) + b"\n\n"


def _at(zone: tzinfo, seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone)


def _name(here: datetime) -> str:
    """At most three letters and some, as the abbreviations have."""
    name = "".join((here.tzname() or "GMT").split())
    return name[:15] if name[:1].isalpha() else "LOC"  # not one like +0330


def _saving(zone: tzinfo, seconds: int) -> bool:
    return bool(_at(zone, seconds).dst())


def _changes(zone: tzinfo) -> Iterator[int]:
    """When daylight saving time begins, ends, begins, ..."""
    saving, before = False, 0
    if _saving(zone, 0):
        yield 0
        saving = True
    for after in range(STEP, END, STEP):
        if _saving(zone, after) != saving:
            low, high = before, after
            while high - low > 1:
                middle = (low + high) // 2
                if _saving(zone, middle) == saving:
                    low = middle
                else:
                    high = middle
            yield high
            saving = not saving
        before = after
