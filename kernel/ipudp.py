"""udp over the loopback: datagrams from conversation to conversation.

A conversation that announced and asked for headers gets all datagrams to its port; one that
did not gets a call for each new sender, as tcp does.  What finds no room is lost.
Source: ip(3); /sys/src/9/ip/udp.c.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from vx9.fs.errors import EHUNGUP, ETOOBIG, ETOOSMALL, EUNKNOWNREQ, EUNREACHED, PlanError
from vx9.kernel import ipaddr
from vx9.kernel.ipconv import ANNOUNCED, BACKLOG, CONNECTED, Conv, Proto

DATAGRAM: Final = 65535 - 20 - 8  # bytes in one
_PORTS: Final = struct.Struct(">2H")
HEADERS: Final = 3 * 16 + _PORTS.size  # remote, local and interface address, both ports
OLD_HEADERS: Final = 2 * 16 + _PORTS.size  # without the interface
STATS: Final = ("InDatagrams", "NoPorts", "InErrors", "OutDatagrams")


class Udp(Proto):
    """The protocol udp."""

    name = "udp"
    number = 17
    limit = 128 * 1024
    has_messages = True

    async def write(self, c: Conv, data: bytes) -> int:
        """Send one datagram, where its header or connect says."""
        if c.rq.hungup:
            raise PlanError(c.rq.error)
        laddr, raddr, rport = c.laddr, c.raddr, c.rport
        body = data
        if c.headers:
            if len(data) < c.headers:
                raise PlanError(f"{ETOOSMALL}: a datagram begins with {c.headers} bytes of header")
            raddr, laddr = data[:16], data[16:32]
            rport, _ = _PORTS.unpack_from(data, c.headers - _PORTS.size)
            body = data[c.headers :]
        if len(body) > DATAGRAM:
            raise PlanError(ETOOBIG)
        if not self.stack.is_local(laddr):
            laddr = self.stack.local_for(raddr)
        self.stats["OutDatagrams"] += 1
        if self.stack.is_local(raddr) or ipaddr.is_multicast(raddr):
            self._deliver(c, (laddr, c.lport), (raddr, rport), body)
        return len(data)  # of others nobody hears

    def _deliver(self, sender: Conv, source: tuple[bytes, int], to: tuple[bytes, int],
                 body: bytes) -> None:
        if ipaddr.is_multicast(to[0]):
            for member in [c for c in self.convs if to[0] in c.groups and c.lport == to[1]]:
                self._put(member, source, to, body)
            return
        c = self.find(*to, *source)
        if c is None:
            self.stats["NoPorts"] += 1
            advised = self.find(*source, *to)
            if advised is not None and advised.raddr == to[0] and not advised.ignore_advice:
                advised.rq.hangup(EUNREACHED)
            return
        if c.state == ANNOUNCED and not c.headers:
            if len(c.incall) >= BACKLOG:
                self.stats["InErrors"] += 1
                return
            try:
                c = self.new_call(c, to[0], *source)
            except PlanError:  # no conversation left for it
                self.stats["InErrors"] += 1
                return
        self._put(c, source, to, body)

    def _put(self, c: Conv, source: tuple[bytes, int], to: tuple[bytes, int],
             body: bytes) -> None:
        if c.headers:
            ifc = self.stack.local_for(to[0]) if c.headers == HEADERS else b""
            body = source[0] + to[0] + ifc + _PORTS.pack(source[1], to[1]) + body
        if c.rq.size + len(body) > c.rq.limit or len(c.rq.blocks) > c.rq.limit // 64:
            self.stats["InErrors"] += 1
            self.stack.log.note("udp", f"{c.number}: no room")
            return
        self.stats["InDatagrams"] += 1
        c.rq.put(body)

    def announce(self, c: Conv) -> None:
        """Be ready for datagrams."""
        c.state = ANNOUNCED

    async def connect(self, c: Conv) -> None:
        """Nothing is sent."""
        c.state = CONNECTED

    def control(self, c: Conv, words: Sequence[str]) -> None:
        """headers, oldheaders, hangup."""
        match words:
            case ["headers"]:
                c.headers = HEADERS
            case ["oldheaders"]:
                c.headers = OLD_HEADERS
            case ["hangup"]:
                c.rq.hangup(EHUNGUP)
                self.refuse_calls(c)
                self.release(c)
            case _:
                raise PlanError(EUNKNOWNREQ)

    def status(self, c: Conv) -> str:
        """Open while somebody holds it."""
        return f"{'Open' if c.inuse else 'Closed'} qin {c.rq.size} qout 0\n"

    def statistics(self) -> str:
        """What came and went."""
        return "".join(f"{name}: {self.stats[name]}\n" for name in STATS)
