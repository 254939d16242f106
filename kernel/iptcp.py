"""tcp over the loopback: streams between two conversations of one stack.

No segment is ever lost, so what a conversation sends goes straight into the queue that its
peer reads; a call is through when it stands in the listener's queue.  What the peer can
tell is TCP's: a close is FIN, hangup is RST, and what reaches a closed end is lost, of which
the sender learns at its next write; what it received stays readable.
There is no Time_wait, since nothing old can still be on its way.
Source: ip(3); /sys/src/9/ip/tcp.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vx9.fs.errors import (
    ECONREFUSED,
    EHUNGUP,
    ENODEV,
    ENOROUTE,
    ETIMEDOUT,
    EUNKNOWNREQ,
    PlanError,
)
from vx9.kernel import ipaddr
from vx9.kernel.ipconv import ANNOUNCED, BACKLOG, CONNECTED, Conv, Proto
from vx9.kernel.sched import Rendez

ATOMIC: Final = 32 * 1024  # bytes put into the peer's queue at a time
MSS: Final = 16 * 1024 - 40  # what the loopback's packets leave
CALL_MS: Final = 30_000  # until a call that nobody answers is given up
OPEN: Final = frozenset(("Established", "Close_wait"))  # may send
STATS: Final = (
    "MaxConn", "MSS", "ActiveOpens", "PassiveOpens", "EstabResets", "CurrEstab", "InSegs",
    "OutSegs", "RetransSegs", "RetransTimeouts", "InErrs", "OutRsts", "CsumErrs", "HlenErrs",
    "LenErrs", "OutOfOrder",
)


class Tcp(Proto):
    """The protocol tcp."""

    name = "tcp"
    number = 6

    def is_busy(self, c: Conv) -> bool:
        """Until both ends are closed."""
        return c.step != "Closed"

    async def connect(self, c: Conv) -> None:
        """Wait for a place in the listener's queue, then talk."""
        c.step = "Syn_sent"
        self.stats["ActiveOpens"] += 1
        try:
            peer = await self._call(c)
        except BaseException:
            c.step = "Closed"
            raise
        peer.peer, c.peer = c, peer
        c.step = peer.step = "Established"
        c.state = CONNECTED
        self.stats["PassiveOpens"] += 1
        self.stack.log.note("tcp", f"{peer.number} from {c.number}: Established")

    async def _call(self, c: Conv) -> Conv:
        stack = self.stack
        if not stack.has_route(c.raddr):
            raise PlanError(ENOROUTE)
        if not stack.is_local(c.raddr):
            await self._wait(c, Rendez(), None)
            raise PlanError(ETIMEDOUT)
        while True:
            to = self.find(c.raddr, c.rport, c.laddr, c.lport)
            if to is None or to.state != ANNOUNCED:
                self.stats["OutRsts"] += 1
                stack.log.note("tcp", f"{c.number}: nobody at {ipaddr.show(c.raddr)}!{c.rport}")
                raise PlanError(ECONREFUSED)
            if len(to.incall) < BACKLOG:
                try:
                    return self.new_call(to, c.raddr, c.laddr, c.lport)
                except PlanError as error:
                    if str(error) != ENODEV:  # the port is the caller's still: refused
                        raise PlanError(ECONREFUSED) from None
                    raise
            if not await self._wait(c, to.backlog, to):
                raise PlanError(ETIMEDOUT)

    async def _wait(self, c: Conv, where: Rendez, to: Conv | None) -> bool:
        """Wait until `to` may take a call or c hangs up; False when that takes too long."""
        def ready() -> bool:
            return c.step != "Syn_sent" or (
                to is not None and (len(to.incall) < BACKLOG or to.state != ANNOUNCED))

        c.waits_at = where
        try:
            done = await self.stack.sched.tsleep(where, ready, CALL_MS)
        finally:
            c.waits_at = None
        if c.step != "Syn_sent":
            raise PlanError(EHUNGUP)
        return done

    def announce(self, c: Conv) -> None:
        """Listen."""
        c.state, c.step = ANNOUNCED, "Listen"

    async def write(self, c: Conv, data: bytes) -> int:
        """Send all of data; waits while the peer does not read."""
        if c.step not in OPEN or c.peer is None:
            raise PlanError(EHUNGUP)
        q = c.peer.rq
        if q.hungup and not c.answered:  # the first that reaches a closed end is answered by RST
            c.answered = True
            self.stats["OutRsts"] += 1
            return len(data)
        for at in range(0, len(data) or 1, ATOMIC):
            if q.size >= q.limit:
                await q.room.sleep(lambda: q.size < q.limit or q.hungup or c.step not in OPEN)
            if q.hungup or c.step not in OPEN:
                raise PlanError(EHUNGUP)
            q.put(data if len(data) <= ATOMIC else data[at : at + ATOMIC])
        return len(data)

    def close(self, c: Conv) -> None:
        """Send FIN: the peer reads what is there, then end of file."""
        peer = c.peer
        if c.step in ("Listen", "Syn_sent"):
            self._abandon(c)
        elif c.step == "Established" and peer is not None:
            c.step, peer.step = "Finwait2", "Close_wait"
            peer.rq.hangup()
        elif c.step == "Close_wait" and peer is not None:
            self._over(c)
            self._over(peer)
        c.rq.close()
        if peer is not None:
            peer.rq.room.wakeup()

    def _abandon(self, c: Conv) -> None:
        """Stop listening or calling."""
        self.release(c)
        c.step = "Closed"
        c.state = CONNECTED
        c.rq.close()
        self.refuse_calls(c)
        if c.waits_at is not None:
            c.waits_at.wakeup()

    def _over(self, c: Conv) -> None:
        self.release(c)
        c.step = "Closed"
        c.peer = None
        self.settle(c)

    def control(self, c: Conv, words: Sequence[str]) -> None:
        """close, hangup, keepalive and what changes nothing here."""
        match words[0]:
            case "close":
                self.close(c)
            case "hangup":
                self._reset(c)
            case "keepalive":
                if c.step != "Established":
                    raise PlanError("connection must be in Establised state")  # as it is spelt
            case "checksum" | "tcpporthogdefense":
                pass
            case _:
                raise PlanError(EUNKNOWNREQ)

    def _reset(self, c: Conv) -> None:
        """Send RST: both ends lose what nobody read."""
        if c.step in ("Listen", "Syn_sent"):
            self._abandon(c)
            return
        peer = c.peer
        for each in (c, peer):
            if each is not None:
                each.rq.close()
                each.rq.room.wakeup()
                if each.step != "Closed":
                    self.stats["EstabResets"] += each is peer
                    self._over(each)

    def status(self, c: Conv) -> str:
        """As netstat reads it; what a wire would cost is 0."""
        out = 0 if c.peer is None else c.peer.rq.size
        return (f"{c.step} qin {c.rq.size} qout {out} rq 0.0 srtt 0 mdev 0 sst 65535 cwin 65535 "
                f"swin {c.rq.limit}>>0 rwin {c.rq.limit}>>0 qscale 0 timer.start 10 "
                "timer.count 0 rerecv 0 katimer.start 2400 katimer.count 0\n")

    def statistics(self) -> str:
        """The counts that a wire would have are 0."""
        self.stats["MaxConn"] = self.stack.conversations
        self.stats["MSS"] = MSS
        self.stats["CurrEstab"] = sum(c.step == "Established" for c in self.convs)
        return "".join(f"{name}: {self.stats[name]}\n" for name in STATS)
