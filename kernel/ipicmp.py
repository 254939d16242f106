"""icmp over the loopback: echo.  A conversation sends whole messages with their IP header.

The identifier of its requests, and so of the answers that it gets, is its local port.
Source: ip(3); /sys/src/9/ip/icmp.c.
"""

from __future__ import annotations

import struct
from typing import Final

from vx9.fs.errors import EHUNGUP, ETOOBIG, ETOOSMALL, PlanError
from vx9.kernel.ipconv import CONNECTED, Conv, Proto

IP_HEADER: Final = 20
ICMP_HEADER: Final = 8
MESSAGE: Final = 65535
ECHO, ECHO_REPLY = 8, 0
_ICMP: Final = struct.Struct(">BBHHH")  # type code checksum identifier sequence
_IP: Final = struct.Struct(">BBHHHBBH4s4s")
STATS: Final = ("InMsgs", "InErrors", "OutMsgs", "CsumErrs", "LenErrs", "HlenErrs")


def checksum(data: bytes) -> int:
    """The Internet's checksum of data."""
    padded = data + b"\0" if len(data) & 1 else data
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Icmp(Proto):
    """The protocol icmp."""

    name = "icmp"
    number = 1
    has_messages = True

    async def connect(self, c: Conv) -> None:
        """Nothing is sent."""
        c.state = CONNECTED

    async def write(self, c: Conv, data: bytes) -> int:
        """Send one message; an echo request to us is answered."""
        if c.rq.hungup:
            raise PlanError(EHUNGUP)
        if len(data) < IP_HEADER + ICMP_HEADER:
            raise PlanError(ETOOSMALL)
        if len(data) > MESSAGE:
            raise PlanError(ETOOBIG)
        self.stats["OutMsgs"] += 1
        kind, code, _, _, sequence = _ICMP.unpack_from(data, IP_HEADER)
        if kind == ECHO and code == 0 and self.stack.is_local(c.raddr):
            self._answer(c, sequence, data[IP_HEADER + ICMP_HEADER :])
        return len(data)

    def _answer(self, c: Conv, sequence: int, body: bytes) -> None:
        message = _ICMP.pack(ECHO_REPLY, 0, 0, c.lport, sequence) + body
        message = _ICMP.pack(ECHO_REPLY, 0, checksum(message), c.lport, sequence) + body
        header = _IP.pack(0x45, c.tos, IP_HEADER + len(message), 0, 0, c.ttl, self.number, 0,
                          c.raddr[12:], c.laddr[12:])
        header = header[:10] + checksum(header).to_bytes(2, "big") + header[12:]
        if c.rq.size + len(header) + len(message) <= c.rq.limit:
            self.stats["InMsgs"] += 1
            c.rq.put(header + message)
        else:
            self.stats["InErrors"] += 1

    def status(self, c: Conv) -> str:
        """Nothing is kept between messages."""
        return f"Datagram qin {c.rq.size} qout 0\n"

    def statistics(self) -> str:
        """What came and went."""
        return "".join(f"{name}: {self.stats[name]}\n" for name in STATS)
