"""Stack: one IP stack whose only interface is a loopback, and its interface files.

No socket of the host is behind it.  The first stack has 127.0.0.1; others have no interface
at all.  IPv6 is not announced.  Source: ip(3); /sys/src/9/ip/ipifc.c, iproute.c, netlog.c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from vx9.fs.errors import EBADARG, EPERM, PlanError
from vx9.kernel import ipaddr
from vx9.kernel.ipaddr import NOADDR, show
from vx9.kernel.ipconv import CONNECTED, Conv, Proto
from vx9.kernel.ipicmp import Icmp
from vx9.kernel.iptcp import Tcp
from vx9.kernel.ipudp import Udp
from vx9.kernel.qio import Queue
from vx9.kernel.sched import Scheduler

LO: Final = ipaddr.v4(127, 0, 0, 1)
LO_NET: Final = ipaddr.v4(127, 0, 0, 0)
LO_BROADCAST: Final = ipaddr.v4(127, 255, 255, 255)
LO_MASK: Final = ipaddr.prefix_mask(96 + 8)
HOST_MASK: Final = ipaddr.prefix_mask(128)
MTU: Final = 16 * 1024
FOREVER: Final = 0xFFFFFFFF  # seconds that an address is valid
LOG: Final = 16 * 1024  # bytes kept for who reads the log
LOGGED: Final = frozenset(("ip", "icmp", "tcp", "udp", "arp", "dhcp", "ipifc", "all"))
IP_STATS: Final = (
    "InReceives", "InHdrErrors", "InAddrErrors", "ForwDatagrams", "InUnknownProtos",
    "InDiscards", "InDelivers", "OutRequests", "OutDiscards", "OutNoRoutes", "ReasmTimeout",
    "ReasmReqds", "ReasmOKs", "ReasmFails", "FragOKs", "FragFails", "FragCreates",
)


class Netlog:
    """What the protocols tell of themselves, to whoever has the file log open."""

    def __init__(self) -> None:
        self.opens = 0
        self.wanted: set[str] = set()
        self.queue = Queue(LOG)

    def note(self, flag: str, text: str) -> None:
        """A line, if somebody wants to know."""
        wanted = self.opens and (flag in self.wanted or "all" in self.wanted)
        if wanted and not self.queue.is_full():
            self.queue.put(f"{flag}: {text}\n".encode())

    def close(self) -> None:
        """One reader less; without any, nothing is wanted."""
        self.opens -= 1
        if not self.opens:
            self.wanted.clear()
            self.queue = Queue(LOG)

    def obey(self, words: Sequence[str]) -> None:
        """set FLAG..., clear FLAG..., only ADDRESS."""
        verb, flags = words[0], words[1:]
        if verb == "only" and len(flags) == 1:
            ipaddr.parse(flags[0])  # there is no other address
        elif verb in ("set", "clear") and flags:
            for flag in flags:
                if flag not in LOGGED:
                    raise PlanError(f"unknown netlog flag {flag[:32]}")
            (self.wanted.update if verb == "set" else self.wanted.difference_update)(flags)
        else:
            raise PlanError(EBADARG)


class Ipifc(Proto):
    """The interfaces, as conversations; the loopback is 0 and the only one."""

    name = "ipifc"
    number = -1

    def clone(self, owner: str) -> Conv:
        """No interface can be added to the loopback."""
        if self.convs or not self.stack.has_loopback:
            raise PlanError(f"{EPERM}: the loopback is the only interface")
        c = super().clone(owner)
        c.state = CONNECTED
        return c

    async def obey(self, c: Conv, words: Sequence[str], is_eve: bool) -> None:
        """The interface is as it is."""
        raise PlanError(f"{EPERM}: the loopback cannot be changed")

    def status(self, c: Conv) -> str:
        """The interface, then its addresses."""
        return (f"device /dev/null maxtu {MTU} sendra 0 recvra 0 mflag 0 oflag 0 maxraint 0 "
                "minraint 0 linkmtu 0 reachtime 0 rxmitra 0 ttl 0 routerlt 0 pktin 0 pktout 0 "
                "errin 0 errout 0\n"
                f"\t{show(LO):<40} {ipaddr.show_mask(LO_MASK):<10} {show(LO_NET):<40} "
                f"{FOREVER:<12} {FOREVER:<12}\n")

    def local(self, c: Conv) -> str:
        """Its addresses, each with those that it answers for."""
        return f"{show(LO):<40}->\t{{{show(LO_BROADCAST)} {show(LO_NET)} {show(LO)} }}\n"

    def statistics(self) -> str:
        """Of IP itself: nothing of it is used between conversations of one stack."""
        return "Forwarding: 2\nDefaultTTL: 255\n" + "".join(f"{name}: 0\n" for name in IP_STATS)


class Stack:
    """Protocols, addresses and routes."""

    def __init__(self, sched: Scheduler, eve: str, has_loopback: bool, conversations: int,
                 quota_met: Callable[[], None]) -> None:
        self.sched = sched
        self.has_loopback = has_loopback
        self.conversations = conversations  # at most, of each protocol
        self.quota_met = quota_met
        self.log = Netlog()
        self.protos: tuple[Proto, ...] = (Tcp(self), Udp(self), Icmp(self), Ipifc(self))
        if has_loopback:
            self.protos[-1].clone(eve)

    def is_local(self, address: bytes) -> bool:
        """Whether address is one of this stack's own."""
        return self.has_loopback and address == LO

    def has_route(self, address: bytes) -> bool:
        """Whether packets to address would leave by an interface."""
        return self.has_loopback and ipaddr.is_v4(address) and address[12] == LO[12]

    def local_for(self, address: bytes) -> bytes:
        """The own address that talk with address comes from."""
        return LO if self.has_loopback and (ipaddr.is_v4(address) or address == NOADDR) else NOADDR

    # Files

    def routes(self) -> str:
        """The file iproute: address, mask, gateway, what it is, tag, interface."""
        rows = (
            (LO_NET, LO_MASK, LO_NET, "4i", "ifc", "0"),
            (LO_NET, HOST_MASK, LO_NET, "4b", "ifc", "-"),
            (LO, HOST_MASK, LO, "4u", "ifc", "0"),
            (LO_BROADCAST, HOST_MASK, LO_BROADCAST, "4b", "ifc", "-"),
        ) if self.has_loopback else ()
        return "".join(f"{show(a):<15} {ipaddr.show_mask(m):<4} {show(g):<15} "
                       f"{flags:>4} {tag:>4} {ifc:>3}\n" for a, m, g, flags, tag, ifc in rows)

    def own(self) -> str:
        """The file ipselftab: address, how many interfaces have it, what it is."""
        rows = ((LO_BROADCAST, "4b"), (LO_NET, "4b"), (LO, "4u")) if self.has_loopback else ()
        return "".join(f"{show(address):<44} 01 {flags:>4}\n" for address, flags in rows)
