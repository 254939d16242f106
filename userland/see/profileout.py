"""A profile as a file: for speedscope, for `go tool pprof`, for people.

Source: speedscope's file-format-schema.json; pprof's profile.proto, whose messages are
written here by hand, since they need two kinds of field only.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from vx9.userland.see.profile import PERIOD_MS

if TYPE_CHECKING:
    from vx9.userland.see.profile import Profile, Stack

SHOWN: Final = 20  # functions in the report for people
PERIOD_NS: Final = PERIOD_MS * 1_000_000


def write(profile: Profile, file: BinaryIO, name: str) -> None:
    """Write it in the format that the file's name asks for: .json, .txt, else pprof's."""
    if name.endswith(".json"):
        file.write(json.dumps(speedscope(profile.samples)).encode())
    elif name.endswith(".txt"):
        file.write(report(profile.samples).encode())
    else:
        file.write(pprof(profile.samples, profile.ticks))


def report(samples: Counter[Stack]) -> str:
    """The functions with most time, as a table."""
    flat: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for stack, count in samples.items():
        flat[stack[-1]] += count
        for name in set(stack[1:]):
            total[name] += count
    whole = sum(samples.values())
    if not whole:
        return "profile: no samples: no guest computed for a millisecond\n"
    lines = [f"profile: {whole} samples of {PERIOD_MS} ms", "   alone    with calls"]
    ranked = sorted({*flat, *total}, key=lambda name: (-flat[name], -total[name], name))
    for name in ranked[:SHOWN]:
        count = flat[name]
        lines.append(f"{count:6} {100 * count / whole:4.1f}%  "
                     f"{total[name]:6} {100 * total[name] / whole:4.1f}%  {name}")
    return "\n".join(lines) + "\n"


# speedscope

def speedscope(samples: Counter[Stack]) -> dict[str, Any]:
    """As speedscope reads it: one profile a process."""
    frames: dict[str, int] = {}
    by_process: dict[str, list[tuple[Stack, int]]] = {}
    for stack, count in samples.items():
        by_process.setdefault(stack[0], []).append((stack[1:] or stack, count))
    profiles = []
    for process, stacks in by_process.items():
        weights = [count * PERIOD_MS for _, count in stacks]
        profiles.append({
            "type": "sampled", "name": process, "unit": "milliseconds", "startValue": 0,
            "endValue": sum(weights), "weights": weights,
            "samples": [[frames.setdefault(name, len(frames)) for name in stack]
                        for stack, _ in stacks],
        })
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json", "exporter": "vx9",
        "shared": {"frames": [{"name": name} for name in frames]}, "profiles": profiles,
        "activeProfileIndex": 0,
    }


# profile.proto

def varint(value: int) -> bytes:
    """A number as protocol buffers have it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A field that is a number."""
    return varint(field << 3) + varint(value)


def message(field: int, *parts: bytes) -> bytes:
    """A field that is bytes: text, a message, packed numbers."""
    body = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


class _Strings:
    """The string table: each text once, the empty one first."""

    def __init__(self) -> None:
        self.index = {"": 0}

    def __call__(self, text: str) -> int:
        return self.index.setdefault(text, len(self.index))

    def fields(self) -> Iterable[bytes]:
        return (message(6, text.encode("utf-8", "replace")) for text in self.index)


def pprof(samples: Counter[Stack], ticks: int) -> bytes:
    """A gzipped Profile; a location for each function, a label for the process."""
    text = _Strings()
    ids: dict[str, int] = {}
    parts = [message(1, number(1, text("samples")), number(2, text("count"))),
             message(1, number(1, text("cpu")), number(2, text("nanoseconds")))]
    for stack, count in samples.items():
        where = [ids.setdefault(name, len(ids) + 1) for name in reversed(stack[1:] or stack)]
        label = message(3, number(1, text("process")), number(2, text(stack[0])))
        parts.append(message(2, message(1, *map(varint, where)),
                             message(2, varint(count), varint(count * PERIOD_NS)), label))
    for name, i in ids.items():
        parts.append(message(4, number(1, i), message(4, number(1, i))))
        parts.append(message(5, number(1, i), number(2, text(name)), number(3, text(name))))
    parts.append(number(10, ticks * PERIOD_NS))
    parts.append(message(11, number(1, text("cpu")), number(2, text("nanoseconds"))))
    parts.append(number(12, PERIOD_NS))
    return gzip.compress(b"".join([*parts, *text.fields()]))
