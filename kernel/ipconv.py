"""Conversations: the ends of talk over IP, their numbers, addresses, ports and callers.

Nothing here knows a protocol; the heirs of Proto are those.  A conversation lives while
somebody has one of its files open (inuse) or its protocol still needs it; then its number
is given out again, the lowest first.
Source: ip(3); /sys/src/9/ip/devip.c, ipaux.c.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import (
    EADDRINUSE,
    EANNOUNCED,
    ECONINUSE,
    ELISTEN,
    EMALFORMED,
    ENODEV,
    ENOPORTS,
    ENOTLOCAL,
    EPERM,
    EUNKNOWNREQ,
    PlanError,
)
from vx9.kernel import ipaddr
from vx9.kernel.ipaddr import NOADDR, V4ANY
from vx9.kernel.qio import Queue
from vx9.kernel.sched import Rendez

if TYPE_CHECKING:
    from vx9.kernel.ipstack import Stack

NETWORK: Final = "network"  # the owner of what nobody holds
BACKLOG: Final = 30  # calls that wait for a listener
IDLE, CONNECTING, CONNECTED, ANNOUNCED = range(4)
EPHEMERAL: Final = range(5000, 32768)
RESTRICTED: Final = range(600, 1024)  # what !r calls from
GROUPS: Final = 32  # of multicast, in one conversation


class Conv:
    """One conversation, or the place of one that was."""

    __slots__ = ("answered", "backlog", "eq", "free", "groups", "headers", "ignore_advice",
                 "incall", "inuse", "key", "laddr", "listenr", "lport", "number", "owner", "peer",
                 "perm", "proto", "raddr", "restricted", "rport", "rq", "state", "step", "tos",
                 "ttl", "waits_at")

    def __init__(self, proto: Proto, number: int) -> None:
        self.proto = proto
        self.number = number
        self.reset(NETWORK)

    def reset(self, owner: str) -> None:
        """Make it as new."""
        self.owner = owner
        self.perm = 0o660
        self.inuse = 0
        self.free = False  # for somebody else
        self.state = IDLE
        self.step = "Closed"  # where TCP is
        self.laddr = self.raddr = NOADDR
        self.lport = self.rport = 0
        self.key: tuple[bytes, int, bytes, int] | None = None  # in its protocol's table
        self.rq = self.proto.queue()
        self.eq = Queue(1024)
        self.peer: Conv | None = None
        self.answered = False  # by RST: the peer is closed
        self.incall: deque[Conv] = deque()
        self.listenr = Rendez()  # listeners wait for calls
        self.backlog = Rendez()  # and callers for listeners
        self.waits_at: Rendez | None = None  # where its call waits
        self.groups: set[bytes] = set()
        self.restricted = self.ignore_advice = False
        self.headers = 0  # bytes of the header that each datagram has
        self.ttl, self.tos = 255, 0


class Proto:
    """A protocol, with its conversations."""

    name = ""
    number = 0  # of the protocol, as IP counts them
    limit = 64 * 1024  # bytes that may wait for a reader
    has_messages = False

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.convs: list[Conv] = []
        self.ends: dict[tuple[bytes, int, bytes, int], Conv] = {}
        self.lports: Counter[int] = Counter()
        self.stats: Counter[str] = Counter()
        self._free: list[int] = []
        self._next = {EPHEMERAL: EPHEMERAL.start, RESTRICTED: RESTRICTED.start}

    def queue(self) -> Queue:
        """A queue of what a conversation received."""
        return Queue(self.limit, self.has_messages)

    # Numbers

    def clone(self, owner: str) -> Conv:
        """A new conversation in use once.  Raises PlanError when there are too many."""
        if self._free:
            c = self.convs[heapq.heappop(self._free)]
        elif len(self.convs) < self.stack.conversations:
            c = Conv(self, len(self.convs))
            self.convs.append(c)
        else:
            self.stack.quota_met()
            raise PlanError(ENODEV)
        c.reset(owner)
        c.inuse = 1
        return c

    def take(self, c: Conv, owner: str) -> None:
        """One user more; the first of a number that is free makes it a new conversation."""
        if c.inuse == 0:
            if not c.free:
                raise PlanError(ECONINUSE)  # its protocol has not done with it
            self._free.remove(c.number)
            heapq.heapify(self._free)
            c.reset(owner)
        c.inuse += 1

    def drop(self, c: Conv) -> None:
        """One user less; the last one ends the conversation."""
        c.inuse -= 1
        if c.inuse == 0:
            self.refuse_calls(c)
            c.owner, c.perm = NETWORK, 0o660
            c.groups.clear()
            self.close(c)
            self.settle(c)

    def settle(self, c: Conv) -> None:
        """Give the number of a conversation free that is over for all."""
        if c.inuse == 0 and not c.free and not self.is_busy(c):
            self.release(c)
            c.state, c.free = IDLE, True
            heapq.heappush(self._free, c.number)

    def refuse_calls(self, c: Conv) -> None:
        """Nobody will listen to c any more."""
        while c.incall:
            self.drop(c.incall.popleft())
        c.listenr.wakeup()
        c.backlog.wakeup()

    # What protocols define

    def is_busy(self, c: Conv) -> bool:
        """Whether c is needed though nobody uses it."""
        return False

    def close(self, c: Conv) -> None:
        """The last user has gone."""
        self.release(c)
        c.rq.close()

    async def connect(self, c: Conv) -> None:
        """Call c's remote end; returns when the call is through."""
        c.state = CONNECTED

    def announce(self, c: Conv) -> None:
        """Be ready for calls to c's local end."""
        c.state = ANNOUNCED

    async def write(self, c: Conv, data: bytes) -> int:
        """Send data."""
        raise PlanError(EPERM)

    def control(self, c: Conv, words: Sequence[str]) -> None:
        """Obey a control message that is the protocol's own."""
        raise PlanError(EUNKNOWNREQ)

    def status(self, c: Conv) -> str:
        """The line of the file status."""
        return f"{c.step} qin {c.rq.size} qout 0\n"

    def local(self, c: Conv) -> str:
        """The line of the file local."""
        return f"{ipaddr.show(c.laddr)}!{c.lport}\n"

    def statistics(self) -> str:
        """The file stats."""
        return "".join(f"{name}: {count}\n" for name, count in self.stats.items())

    # Control messages

    async def obey(self, c: Conv, words: Sequence[str], is_eve: bool) -> None:
        """Do what a message to the ctl file says."""
        match words[0]:
            case "connect":
                await self._connect(c, words)
            case "announce":
                self._announce(c, words, is_eve)
            case "bind":
                if len(words) != 2:
                    raise PlanError("bad args to bind")
                if c.state != IDLE:
                    raise PlanError(ECONINUSE)
                self._set_local(c, words[1])
            case "ttl":
                c.ttl = ipaddr.number(words[1]) & 255 if len(words) > 1 else 255
            case "tos":
                c.tos = ipaddr.number(words[1]) & 255 if len(words) > 1 else 0
            case "ignoreadvice":
                c.ignore_advice = True
            case "addmulti" | "remmulti":
                self._multi(c, words)
            case _:
                self.control(c, words)

    async def _connect(self, c: Conv, words: Sequence[str]) -> None:
        if c.state != IDLE:
            raise PlanError(ECONINUSE)
        if not 2 <= len(words) <= 3:
            raise PlanError("bad args to connect")
        raddr, rport, restricted = self._remote(words[1])
        laddr, lport, bound = c.laddr, c.lport, c.key is not None
        self.release(c)
        c.raddr, c.rport, c.restricted = raddr, rport, restricted
        try:
            if len(words) == 3:
                self._set_local(c, words[2])
            else:
                c.laddr = laddr if bound and laddr != NOADDR else self.stack.local_for(raddr)
                self.claim(c, lport if bound else self.free_port(c))
        except PlanError:
            c.raddr, c.rport = NOADDR, 0
            raise
        c.state = CONNECTING
        try:
            await self.connect(c)
        except PlanError as error:
            self.release(c)
            c.state = CONNECTED  # and over: a conversation is for one call
            c.eq.put(str(error).encode())
            raise
        except BaseException:  # the caller is killed
            self.release(c)
            raise

    def _announce(self, c: Conv, words: Sequence[str], is_eve: bool) -> None:
        if c.state != IDLE:
            raise PlanError(ECONINUSE)
        if len(words) != 2:
            raise PlanError("bad args to announce")
        host, bang, port = words[1].rpartition("!")
        if bang and port == "r":
            host, bang, port = host.rpartition("!")
        self.release(c)
        c.raddr, c.rport = NOADDR, 0
        c.laddr = self._own(host) if bang else NOADDR
        if port == "*":
            if not is_eve:
                raise PlanError(EPERM)
            self.claim(c, 0)
        else:
            self.claim(c, ipaddr.port_number(port) or self.free_port(c))
        self.announce(c)

    def _remote(self, text: str) -> tuple[bytes, int, bool]:
        """The parts of ADDRESS!PORT[!r]."""
        host, bang, rest = text.partition("!")
        if not bang:
            raise PlanError(EMALFORMED)
        port, _, flags = rest.partition("!")
        return ipaddr.parse(host), ipaddr.port_number(port), "r" in flags.split("!")

    def _own(self, text: str) -> bytes:
        """A local address, or NOADDR for all of them."""
        if text in ("*", ""):
            return NOADDR
        address = ipaddr.parse(text)
        if address in (NOADDR, V4ANY):
            return NOADDR
        if not self.stack.is_local(address):
            raise PlanError(ENOTLOCAL)
        return address

    def _set_local(self, c: Conv, text: str) -> None:
        """The local end from [ADDRESS!]PORT."""
        host, bang, port = text.removesuffix("!r").rpartition("!")
        address = self._own(host) if bang else NOADDR
        wanted = ipaddr.port_number(port)
        self.release(c)
        if address == NOADDR and (not bang or c.raddr != NOADDR):
            address = self.stack.local_for(c.raddr)
        c.laddr = address
        self.claim(c, wanted or self.free_port(c))

    def _multi(self, c: Conv, words: Sequence[str]) -> None:
        """Join or leave the group of the second address, else of c's remote one."""
        name = words[0]
        if len(words) < 2:
            raise PlanError(f"{name} needs interface address")
        if not self.stack.is_local(ipaddr.parse(words[1])):
            raise PlanError(ENOTLOCAL)
        group = ipaddr.parse(words[2]) if len(words) > 2 else c.raddr
        if not ipaddr.is_multicast(group):
            raise PlanError(f"{name} for a non multicast address")
        if name == "remmulti":
            c.groups.discard(group)
        elif len(c.groups) >= GROUPS:
            raise PlanError(f"{ENODEV}: a conversation joins at most {GROUPS} groups")
        else:
            c.groups.add(group)

    # Ports

    def claim(self, c: Conv, lport: int) -> None:
        """Let c have its addresses and lport for itself."""
        key = (c.laddr, lport, c.raddr, c.rport)
        if key in self.ends:
            raise PlanError(EADDRINUSE)
        c.lport, c.key = lport, key
        self.ends[key] = c
        self.lports[lport] += 1

    def release(self, c: Conv) -> None:
        """Let others have them."""
        if c.key is not None:
            del self.ends[c.key]
            port = c.key[1]
            self.lports[port] -= 1
            if not self.lports[port]:
                del self.lports[port]
            c.key = None

    def free_port(self, c: Conv) -> int:
        """A local port that no conversation has."""
        ports = RESTRICTED if c.restricted else EPHEMERAL
        start = self._next[ports]
        for i in range(len(ports)):
            port = ports[(start - ports.start + i) % len(ports)]
            if port not in self.lports:
                self._next[ports] = port + 1
                return port
        raise PlanError(ENOPORTS)

    def find(self, laddr: bytes, lport: int, raddr: bytes, rport: int) -> Conv | None:
        """Whom something from raddr is for: the very conversation, else who announced."""
        for key in ((laddr, lport, raddr, rport), (laddr, lport, NOADDR, 0),
                    (NOADDR, lport, NOADDR, 0), (laddr, 0, NOADDR, 0), (NOADDR, 0, NOADDR, 0)):
            c = self.ends.get(key)
            if c is not None and c.state in (CONNECTED, ANNOUNCED):
                return c
        return None

    # Calls

    def new_call(self, c: Conv, laddr: bytes, caller_addr: bytes, caller_port: int) -> Conv:
        """The conversation for a call to c, which announced; it waits to be listened to."""
        new = self.clone(c.owner)
        new.laddr, new.raddr, new.rport = laddr, caller_addr, caller_port
        try:
            self.claim(new, c.lport)
        except PlanError:
            self.drop(new)
            raise
        new.state = CONNECTED
        new.ttl, new.tos, new.ignore_advice = c.ttl, c.tos, c.ignore_advice
        c.incall.append(new)
        c.listenr.wakeup()
        return new

    async def listen(self, c: Conv, owner: str) -> Conv:
        """Wait for a call to c."""
        if c.state != ANNOUNCED:
            raise PlanError(EANNOUNCED)
        c.inuse += 1
        try:
            await c.listenr.sleep(lambda: c.incall or c.rq.hungup)
            if c.rq.hungup:
                raise PlanError(ELISTEN)
            new = c.incall.popleft()
            c.backlog.wakeup()
            new.owner = owner
            return new
        finally:
            self.drop(c)
