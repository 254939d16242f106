"""Addresses of the Internet: 16 bytes each, those of IPv4 behind their prefix.

Source: ip(2) (parseip, eipfmt), ip(3).
"""

from __future__ import annotations

from typing import Final

from vx9.fs.errors import EBADIP, PlanError

NOADDR: Final = bytes(16)
V4PREFIX: Final = bytes(10) + b"\xff\xff"
V4ANY: Final = V4PREFIX + bytes(4)
TEXT_MAX: Final = 64  # characters of an address


def v4(a: int, b: int, c: int, d: int) -> bytes:
    """The address a.b.c.d."""
    return V4PREFIX + bytes((a, b, c, d))


def is_v4(address: bytes) -> bool:
    """Whether address is one of IPv4."""
    return address.startswith(V4PREFIX)


def is_multicast(address: bytes) -> bool:
    """Whether address is of a group, in IPv4 or IPv6."""
    return address[12] >> 4 == 14 if is_v4(address) else address[0] == 0xFF


def parse(text: str) -> bytes:
    """The address of a text: 1.2.3.4, 127.1, fe80::1, ::ffff:1.2.3.4.  Raises PlanError."""
    if not text or len(text) > TEXT_MAX or not text.isascii():
        raise PlanError(EBADIP)
    return _parse_v6(text) if ":" in text else V4PREFIX + _parse_v4(text)


def _parse_v4(text: str) -> bytes:
    """Up to four numbers; where some are missing, those in the middle are 0."""
    numbers = text.split(".")
    if len(numbers) > 4 or not all(word.isdigit() and len(word) <= 3 and int(word) < 256
                                   for word in numbers):
        raise PlanError(EBADIP)
    parts = [int(word) for word in numbers]
    if len(parts) == 1:
        raise PlanError(EBADIP)
    kept = 2 if parts[0] >> 6 == 2 and len(parts) == 3 else 1  # numbers of the network
    return bytes(parts[:kept] + [0] * (4 - len(parts)) + parts[kept:])


def _parse_v6(text: str) -> bytes:
    """Groups of up to four hexadecimal digits, one run of zeros left out, IPv4 at the end."""
    halves = text.split("::")
    if len(halves) > 2 or "." in text[: text.rindex(":")]:
        raise PlanError(EBADIP)
    parts = [_groups(half) if half else b"" for half in halves]
    size = sum(map(len, parts))
    if len(halves) == 1:
        if size != 16:
            raise PlanError(EBADIP)
        return parts[0]
    if size > 14:
        raise PlanError(EBADIP)
    return parts[0] + bytes(16 - size) + parts[1]


def _groups(text: str) -> bytes:
    data = b""
    words = text.split(":")
    for i, word in enumerate(words):
        if "." in word and i == len(words) - 1:
            data += _parse_v4(word)
            continue
        if not 1 <= len(word) <= 4 or not all(c in "0123456789abcdefABCDEF" for c in word):
            raise PlanError(EBADIP)
        data += int(word, 16).to_bytes(2, "big")
    return data


def show(address: bytes) -> str:
    """The text of an address, as %I prints it."""
    if is_v4(address):
        return ".".join(map(str, address[12:]))
    groups = [int.from_bytes(address[i : i + 2], "big") for i in range(0, 16, 2)]
    start, length = 0, 0
    for i in range(8):
        run = 0
        while i + run < 8 and groups[i + run] == 0:
            run += 1
        if run > length:
            start, length = i, run
    words = [f"{group:x}" for group in groups]
    if length < 2:
        return ":".join(words)
    return f"{':'.join(words[:start])}::{':'.join(words[start + length:])}"


def show_mask(mask: bytes) -> str:
    """The text of a mask, as %M prints it: how many bits of the 128 are the network's."""
    bits = int.from_bytes(mask, "big")
    count = bits.bit_count()
    return f"/{count}" if bits == ((1 << count) - 1) << (128 - count) else show(mask)


def prefix_mask(count: int) -> bytes:
    """The mask with the first count bits of 128 set."""
    return (((1 << count) - 1) << (128 - count)).to_bytes(16, "big")


def number(text: str) -> int:
    """The decimal number that text begins with, as atoi reads it."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    if len(digits) > 9:
        raise PlanError(f"bad port {text[:16]}")
    return int(digits or "0")


def port_number(text: str) -> int:
    """A port.  Raises PlanError when there is none of that number."""
    port = number(text)
    if port > 0xFFFF:
        raise PlanError(f"bad port {port}: it is above 65535")
    return port
