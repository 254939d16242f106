"""Session: one client's connection to a FileServer, without the connection.

Bytes go in by feed(), replies come out of take(); whoever owns the connection moves them.
Requests on different fids run at once, and so do reads, writes, stats and walks on one;
what changes a fid (open, create, wstat, remove, clunk) waits for what came before on that
fid, and what comes later waits for it.  So a client that does not wait for replies gets the
order it sent.  A request that sleeps is a task of the runner; without one the server must be
of the kind that never sleeps.

Limits: fids, requests and bytes under way.  Beyond them a request fails, the rest goes on.
Nonsense ends the session: `broken` says why, and the connection is to be closed.
Source: intro(5), flush(5), version(5).
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable
from typing import Final

from ..dir import ORDWR, QTAUTH, Qid
from ..errnos import Errnos
from ..errors import PlanError
from ..server import Fid, FileServer
from . import dotlverbs, verbs, wire
from .auth import Auth
from .request import Inline, Limits, Request, Runner
from .verbs import Held
from .wire import MSIZE_MIN, NOFID, NOTAG, OVERHEAD, BadMessage, Message

log = logging.getLogger(__name__)

FIRST: Final = 8192 + OVERHEAD  # the longest message before a version is agreed on
INTERNAL: Final = "internal error of the server"
_SPOKEN: Final = re.compile(r"9P([0-9]{4,9})(\..*)?", re.DOTALL)


class Session:
    """What a server keeps for one client."""

    def __init__(self, server: FileServer, runner: Runner | None = None, *,
                 auth: Auth | None = None, limits: Limits | None = None,
                 wake: Callable[[], None] = lambda: None,
                 now: Callable[[], int] | None = None, owner: str = "") -> None:
        self.server = server
        self.runner = runner if runner is not None else Inline()
        self.auth = auth
        self.limits = limits if limits is not None else Limits()
        self.wake = wake  # called when there is something to take, or the session has ended
        self.now = now  # seconds; without it there is no 9P2000.L, whose clients ask for the time
        self.owner = owner  # whose files are shown to a user of 9P2000.L as his own
        self.replaced = 0  # files by others' names
        self.msize = 0  # 0: no version agreed on
        self.fids: dict[int, Held] = {}
        self.broken = ""
        self.closed = False
        self.errors = 0  # unexpected exceptions
        self.served = 0  # requests answered
        self.taken = 0  # messages that came
        self.attached = False  # some user has been let in
        self._split = wire.Splitter(min(FIRST, self.limits.msize))
        self._rules = verbs.RULES
        self._errnos: Errnos | None = None  # of 9P2000.L
        self._requests: dict[int, Request] = {}
        self._size = 0  # bytes of all requests under way
        self._out: list[bytes] = []
        self._out_size = 0
        self._version: wire.Tversion | None = None  # to be answered when all has ended
        self._later: deque[Message] = deque()  # what came meanwhile
        self._closing = False
        self._restarting = False  # ending all fids

    # The connection's side

    def feed(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.broken or self._closing:
            return
        try:
            for message in self._split.feed(data):
                self.taken += 1
                self._take(message)
                if self.broken:
                    return
        except BadMessage as error:
            self.fail(str(error), error.tag)

    def take(self) -> list[bytes]:
        """What is to be sent now, in order."""
        out, self._out = self._out, []
        self._out_size = 0
        return out

    @property
    def has_output(self) -> bool:
        """Whether there is something to take."""
        return bool(self._out)

    @property
    def wants_input(self) -> bool:
        """Whether more should be read; not while the client lets answers lie."""
        return (not self.broken and not self._closing and self._version is None
                and self._size + self._out_size <= self.limits.bytes)

    @property
    def waiting(self) -> int:
        """Bytes of a message that has come in part."""
        return self._split.waiting

    @property
    def busy(self) -> int:
        """Requests under way, or waiting for a Tversion that is."""
        return len(self._requests) + len(self._later) + (self._version is not None)

    def fail(self, reason: str, tag: int = NOTAG) -> None:
        """The client talks nonsense: say so, and end it."""
        log.info("9P: %s", reason)
        if tag != NOTAG:
            self._put(self._error(tag, PlanError(f"bad message: {reason}")))
        self.broken = reason
        self.wake()

    def close(self) -> None:
        """The connection is gone: interrupt what is under way, then end all fids."""
        if not self._closing:
            self._closing = True
            self._later.clear()
            self._abort()

    # Requests

    def _take(self, t: Message) -> None:
        if self._version is not None:
            self._later.append(t)
            return
        kind = type(t)
        if kind is wire.Tversion:
            self._version = t
            self._abort()
            return
        rule = self._rules.get(kind)
        if rule is None and kind is not wire.Tflush:
            self.fail(f"{kind.__name__} is an answer, not a request", t.tag)
        elif not self.msize:
            self._refuse(t, "no version agreed on: Tversion comes first")
        elif t.tag == NOTAG:
            self._refuse(t, "NOTAG is for Tversion alone")
        elif t.tag in self._requests:
            self._refuse(t, "duplicate tag")
        elif rule is None:
            self._flush(t)
        elif len(self._requests) >= self.limits.requests:
            self._refuse(t, f"too many requests under way: at most {self.limits.requests}")
        else:
            self._admit(t, rule)

    def _refuse(self, t: Message, text: str) -> None:
        self._put(self._error(t.tag, PlanError(text)))

    def _error(self, tag: int, error: PlanError) -> Message:
        """An error in the words, or the numbers, of the dialect."""
        if self._errnos is not None:
            return wire.Rlerror(tag, self._errnos.of_error(error))
        return wire.Rerror(tag, wire.ename(str(error)))

    def _admit(self, t: Message, rule: verbs.Rule) -> None:
        """Find the fids of a request and let it run, or wait for its turn."""
        request = Request(t, rule)
        on: Held | None = None
        if rule.makes != 1:
            on = request.on = self.fids.get(t[1])
            if on is None:
                self._refuse(t, "unknown fid")
                return
        if rule.size is not None:
            request.size = rule.size(self, t)
            if self._size + self._out_size + request.size > self.limits.bytes + self.msize:
                self._refuse(t, f"too much under way: at most {self.limits.bytes} bytes")
                return
            self._size += request.size
        if rule.makes and not self._make(request, t[rule.makes]):
            return
        if rule.ends:
            del self.fids[t[1]]
        self._requests[t[0]] = request
        if on is not None and (on.alone or on.queue or (request.alone and on.users)):
            on.queue.append(request)
        else:
            self._start(request)

    def _make(self, request: Request, number: int) -> bool:
        """Reserve the fid that a request makes; whether that can be."""
        t = request.message
        if request.on is not None and number == t[1]:
            request.alone = True  # a walk of a fid to itself
            return True
        if number in self.fids or number == NOFID:
            self._refuse(t, "duplicate fid")
            return False
        if len(self.fids) >= self.limits.fids:
            self._refuse(t, f"too many fids: at most {self.limits.fids}")
            return False
        self.fids[number] = request.new = Held()
        request.new.alone = True
        return True

    def _start(self, request: Request) -> None:
        on = request.on
        if on is not None:
            on.users += 1
            on.alone = request.alone
            request.held = True
        request.started = True
        request.task = self.runner.spawn(self._run(request), "9P request")

    async def _run(self, request: Request) -> None:
        """Do it, whatever happens, and answer."""
        t = request.message
        reply: Message | list[bytes] | None = None
        try:
            reply = await request.rule.serve(self, request, t)
        except PlanError as error:
            reply = self._error(t[0], error)
        except Exception:
            self.errors += 1
            log.exception("9P: %s", type(t).__name__)
            reply = self._error(t[0], PlanError(INTERNAL))
        finally:
            self._finish(request, reply)

    def _finish(self, request: Request, reply: Message | list[bytes] | None) -> None:
        """Answer, answer those who wanted it flushed, let those run that waited for it."""
        tag = request.message[0]
        if self._requests.get(tag) is request:
            del self._requests[tag]
        self._size -= request.size
        if reply is not None and not request.silent:
            self._put(reply)
        self.served += 1
        new, on = request.new, request.on
        if new is not None:
            new.alone = False
            if new.fid is None:  # it was not made
                number = request.message[request.rule.makes]
                if self.fids.get(number) is new:
                    del self.fids[number]
            self._next(new)
        if request.held and on is not None:
            on.users -= 1
            on.alone = False
            if on.queue:
                self._next(on)
        if request.flushes:
            self._answer_flushes(request)
        if self._closing or self._version is not None:
            self._when_quiet()

    def _answer_flushes(self, request: Request) -> None:
        """Those of the request, then those of these."""
        flushes = deque(request.flushes)
        while flushes:
            flush = flushes.popleft()
            del self._requests[flush.message.tag]
            if not flush.silent:
                self._put(wire.Rflush(flush.message.tag))
            flushes += flush.flushes

    def _next(self, held: Held) -> None:
        """Start what waits for a fid and need not wait longer."""
        queue = held.queue
        while queue and not held.alone and not (queue[0].alone and held.users):
            self._start(queue.popleft())

    def _put(self, reply: Message | list[bytes]) -> None:
        """Queue an answer; the first one wakes the sender."""
        out = self._out
        first = not out
        if type(reply) is list:
            out += reply
            self._out_size += len(reply[0]) + len(reply[1])
        else:
            data = wire.pack(reply)
            out.append(data)
            self._out_size += len(data)
        if first:
            self.wake()

    # Flush

    def _flush(self, t: wire.Tflush) -> None:
        """Answered at once, or right after the request that it is about."""
        old = self._requests.get(t.oldtag)
        if old is None:
            self._put(wire.Rflush(t.tag))
            return
        if len(self._requests) >= 2 * self.limits.requests:
            self.fail("too many flushes under way", t.tag)
            return
        flush = Request(t, verbs.FLUSH)
        self._requests[t.tag] = flush
        old.flushes.append(flush)
        self._interrupt(old)

    def _interrupt(self, request: Request) -> None:
        """End a request early where that can be; one that ends a fid must be done."""
        if request.rule.ends:
            return
        if request.started:
            if request.task is not None:
                self.runner.interrupt(request.task)
        elif request.on is not None:
            request.on.queue.remove(request)
            self._finish(request, None)

    # Version, and the end

    def _abort(self) -> None:
        """Interrupt everything, and go on when nothing is under way any more."""
        for request in list(self._requests.values()):
            request.silent = True
        for request in list(self._requests.values()):
            self._interrupt(request)
        self._when_quiet()

    def _when_quiet(self) -> None:
        if not self._requests and not self._restarting:
            self._restarting = True
            fids = list(self.fids.values())
            self.fids.clear()
            self.runner.spawn(self._restart(fids), "9P session")

    async def _restart(self, fids: list[Held]) -> None:
        """End all fids; then agree on a version and take what came meanwhile."""
        for held in fids:
            await verbs.let_go(self, held)
        self._restarting = False
        if self._closing:
            if not self.closed:
                self.closed = True
                self.wake()
            return
        t, self._version = self._version, None
        if t is not None:
            self._put(self._agree(t))
        while self._later and self._version is None and not self.broken:
            self._take(self._later.popleft())

    def _agree(self, t: wire.Tversion) -> Message:
        """The answer to Tversion: 9P2000.L, 9P2000 for other dialects; otherwise "unknown"."""
        self.msize = 0
        self._rules, self._split.table, self._errnos = verbs.RULES, wire.PLAIN, None
        if t.msize < MSIZE_MIN:
            return wire.Rerror(t.tag, f"message size too small: at least {MSIZE_MIN}")
        msize = min(t.msize, self.limits.msize)
        spoken = _SPOKEN.fullmatch(t.version)
        if spoken is None or int(spoken[1]) < 2000:
            return wire.Rversion(t.tag, msize, "unknown")
        self.msize = self._split.limit = msize
        if t.version != wire.VERSION_L or self.now is None:
            return wire.Rversion(t.tag, msize, wire.VERSION)
        self._rules, self._split.table, self._errnos = dotlverbs.RULES, wire.DOT_L, Errnos()
        return wire.Rversion(t.tag, msize, wire.VERSION_L)

    # For verbs

    def release(self, held: Held) -> None:
        """A request that used a fid beside its own does so no more."""
        held.users -= 1
        self._next(held)

    def auth_fid(self, uname: str, aname: str) -> Fid:
        """A new fid to authenticate by.  Raises PlanError."""
        if self.auth is None:
            raise PlanError("authentication not required")
        talk = self.auth.begin(uname, aname)
        return Fid(Qid(id(talk) & 0xFFFFFFFF, 0, QTAUTH), uname, ORDWR, talk)

    def admit_user(self, afid: int, uname: str, aname: str) -> None:
        """Raise PlanError unless that user may attach."""
        held = self.fids.get(afid)
        talk = None if held is None or held.fid is None else held.talk
        if afid != NOFID and talk is None:
            raise PlanError("unknown authentication fid")
        if self.auth is not None:
            if talk is None:
                raise PlanError("authentication required")
            if not talk.proves(uname, aname):
                raise PlanError("authentication failed")
        self.attached = True


__all__ = ["Inline", "Limits", "Runner", "Session"]
