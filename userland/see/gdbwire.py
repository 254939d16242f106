"""Packets of gdb's remote serial protocol: bytes to packets and back.

Source: the manual of gdb, appendix "Remote Protocol", Overview and Notification Packets.
"""

from __future__ import annotations

from typing import Final

INTERRUPT: Final = b"\x03"  # in place of a packet: stop the program
PACKET_MOST: Final = 0x4000
_ESCAPE: Final = 0x7D
_SPECIAL: Final = frozenset(b"#$}*")


def escape(data: bytes) -> bytes:
    """Binary data as it may stand in a packet."""
    out = bytearray()
    for byte in data:
        if byte in _SPECIAL:
            out += bytes((_ESCAPE, byte ^ 0x20))
        else:
            out.append(byte)
    return bytes(out)


def unescape(data: bytes) -> bytes:
    """Binary data of a packet."""
    out = bytearray()
    flip = 0
    for byte in data:
        if byte == _ESCAPE and not flip:
            flip = 0x20
        else:
            out.append(byte ^ flip)
            flip = 0
    return bytes(out)


def packet(body: bytes) -> bytes:
    """A packet with this body, which holds no bare # or $."""
    return b"$%s#%02x" % (body, sum(body) & 0xFF)


class Reader:
    """Finds the packets in a stream."""

    def __init__(self) -> None:
        self.acks = True  # until both sides have agreed to do without
        self._left = b""

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """More of the stream: the bodies that are whole now, and what is to be sent for them."""
        found: list[bytes] = []
        reply = b""
        left = self._left + data
        while left:
            first = left[:1]
            if first == INTERRUPT:
                found.append(INTERRUPT)
                left = left[1:]
            elif first != b"$":
                left = left[1:]  # acknowledgements, and noise
            else:
                end = left.find(b"#")
                if end < 0 or end + 3 > len(left):
                    if len(left) > 2 * PACKET_MOST:
                        left = b""
                    break
                body, check, left = left[1:end], left[end + 1:end + 3], left[end + 3:]
                good = check == b"%02x" % (sum(body) & 0xFF) or not self.acks
                if good:
                    found.append(body)
                if self.acks:
                    reply += b"+" if good else b"-"
        self._left = left
        return found, reply
