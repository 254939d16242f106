"""Client: the asking side of one connection, without the connection.

call() makes a Call, a request with a tag of its own; take() gives the messages to send,
feed() takes what came and ends Calls.  flush() asks the server to give a Call up: it ends
with the answer, if that was faster, or as interrupted.  A tag is used again only when the
server cannot mean the old request by it any more.

The server is not trusted: an answer of a wrong kind fails its Call, one to a tag that is not
in use is dropped, nonsense ends the connection for all.
Source: intro(5), flush(5), version(5); /sys/src/9/port/devmnt.c.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..errnos import text_of
from ..errors import EHUNGUP, EINTR, EMOUNTRPC, ENAMETOOLONG, PlanError
from . import wire
from .call import Call, Long, Steps, ignore
from .dotlclient import Translation
from .wire import NOTAG, OVERHEAD, BadMessage, Message

log = logging.getLogger(__name__)

MSIZE: Final = 8192 + OVERHEAD  # what Plan 9 asks for
MSIZE_MOST: Final = 1 << 20  # and the most it believes
TAGS: Final = NOTAG - 1
UNKNOWN: Final = "unknown"  # the version of servers that do not know ours
ABANDONED: Final = 256  # requests that nobody waits for, before the server is given up
_ANSWER: Final = {message: wire.MESSAGES.get(number + 1) or wire.MESSAGES_L[number + 1]
                  for message, number in wire.NUMBERS.items() if number % 2 == 0}


class Client:
    """One connection to a server."""

    def __init__(self, wake: Callable[[], None] = ignore) -> None:
        self.wake = wake  # called when there is something to take
        self.msize = 0  # 0: no version agreed on
        self.version = ""
        self.dead = ""  # why nothing can be asked any more
        self.nonsense = ""  # what the server sent that is no message
        self.abandoned = 0
        self._asked = 0
        self._numbers = False  # the server's errors are those of 9P2000.L
        self._split = wire.Splitter(MSIZE, wire.EITHER)
        self._translation: Translation | None = None  # of 9P2000, for a server of 9P2000.L
        self._calls: dict[int, Call] = {}
        self._queue: deque[Call] = deque()
        self._tags: list[int] = []  # used before, free now
        self._next_tag = 1
        self._fids: list[int] = []
        self._next_fid = 1

    # The connection's side

    def take(self, most: int = NOTAG) -> list[bytes]:
        """At most so many of the messages to send, in order; they count as sent."""
        out: list[bytes] = []
        queue = self._queue
        while queue and len(out) < most:
            call = queue.popleft()
            call.sent = True
            out.append(call.data)
            call.data = b""
        return out

    def feed(self, data: bytes) -> None:
        """Bytes from the server; no bytes are the end of the connection."""
        if self.dead:
            return
        if not data:
            self.hangup(EMOUNTRPC)
            return
        try:
            for message in self._split.feed(data):
                self._take(message)
        except BadMessage as error:
            log.info("9P server: %s", error)
            self.nonsense = str(error)
            self.hangup(EMOUNTRPC)

    def hangup(self, text: str) -> None:
        """Fail all that is under way with text, and everything from now on."""
        if self.dead:
            return
        self.dead = text
        calls = list(self._calls.values())
        self._calls.clear()
        self._queue.clear()
        for call in calls:
            if not call.done:
                self.end(call, None, text)

    @property
    def busy(self) -> int:
        """Requests under way."""
        return len(self._calls)

    # Asking

    def call(self, kind: type, *fields: Any, wake: Callable[[], None] = ignore) -> Call:
        """Queue a request of 9P2000; kind is its class, fields what follows the tag.

        Raises PlanError, also for values that no message can carry.
        """
        translation = self._translation
        if translation is None or not translation.takes(kind, fields):
            return self.ask(kind, *fields, wake=wake)
        if self.dead:
            raise PlanError(EHUNGUP)
        request = kind(NOTAG, *fields)
        return Long(self, request, translation.steps(request), wake)

    def ask(self, kind: type, *fields: Any, wake: Callable[[], None] = ignore) -> Call:
        """Queue a request as it is.  Raises PlanError."""
        if self.dead:
            raise PlanError(EHUNGUP)
        tag = NOTAG
        if kind is not wire.Tversion:
            tag = self._tags[-1] if self._tags else self._next_tag
            if tag > TAGS:
                raise PlanError("no free tags")
        try:
            request = kind(tag, *fields)
            call = Call(request, wire.pack(request), wake)
        except BadMessage as error:
            raise PlanError(str(error)) from None
        if len(call.data) > self._split.limit:
            raise PlanError(f"{ENAMETOOLONG}: a message has at most {self._split.limit} bytes")
        if tag != NOTAG:
            if self._tags:
                self._tags.pop()
            else:
                self._next_tag += 1
        self._calls[tag] = call
        self._queue.append(call)
        if len(self._queue) == 1:
            self.wake()
        return call

    def ask_version(self, msize: int, version: str = "",
                    wake: Callable[[], None] = ignore) -> Call:
        """Queue a Tversion; agree() looks at the answer.

        Without a version the server is asked for 9P2000 and, if it has only that, 9P2000.L.
        """
        self._asked = msize
        self._split.limit = min(max(msize, MSIZE), MSIZE_MOST)
        if version:
            return self.ask(wire.Tversion, msize, version, wake=wake)
        if self.dead:
            raise PlanError(EHUNGUP)
        return Long(self, wire.Tversion(NOTAG, msize, wire.VERSION_L), self._offer(msize), wake)

    def _offer(self, msize: int) -> Steps:
        answer, = yield [(wire.Tversion, msize, wire.VERSION)]
        if self._numbers or getattr(answer, "version", "") == UNKNOWN:
            answer, = yield [(wire.Tversion, msize, wire.VERSION_L)]
        elif getattr(answer, "version", "") == wire.VERSION_L:
            raise PlanError("bad 9P version returned from server")
        if isinstance(answer, PlanError):
            raise answer
        return answer

    def agree(self, call: Call) -> None:
        """Take over what the answer to a Tversion says.  Raises PlanError."""
        if self.dead:
            raise PlanError("bad fversion conversion on reply" if self.nonsense else
                            "EOF receiving fversion reply")
        answer = call.result()
        if not call.request.version.startswith(answer.version) or not answer.version:
            raise PlanError("bad 9P version returned from server")
        if answer.msize > self._asked:
            raise PlanError("server tries to increase msize in fversion")
        if not wire.MSIZE_MIN <= answer.msize <= MSIZE_MOST:
            raise PlanError("nonsense value of msize in fversion")
        self.msize = self._split.limit = answer.msize
        self.version = answer.version
        is_l = answer.version == wire.VERSION_L
        self._split.table = wire.DOT_L if is_l else wire.PLAIN
        self._translation = Translation(self) if is_l else None

    def flush(self, call: Call, wake: Callable[[], None] = ignore) -> Call | None:
        """Ask for the end of call; None when it has ended, for it had never been sent."""
        if call.done:
            return None
        if isinstance(call, Long):
            call.flush()
            return None if call.done else call
        if not call.sent:
            self._queue.remove(call)
            self._forget(call)
            self.end(call, None, EINTR)
            return None
        flush = self.ask(wire.Tflush, call.request.tag, wake=wake)
        flush.flushes = call
        call.flushed = flush
        return flush

    def abandon(self, call: Call, undo: Callable[[Message], None] | None = None) -> None:
        """Stop waiting for call; undo gets the answer when it comes, None if it is an error."""
        call.undo = undo
        if isinstance(call, Long):
            call.interrupted = True
        left: Call | None = call
        while left is not None and not left.done:
            left.abandoned = True
            left.wake = ignore
            self.abandoned += 1
            left = left.flushed
        if self.abandoned > ABANDONED:
            log.info("9P server: it does not answer")
            self.hangup(EMOUNTRPC)

    def new_fid(self) -> int:
        """A number for a fid."""
        if self._fids:
            return self._fids.pop()
        self._next_fid += 1
        return self._next_fid - 1

    def free_fid(self, fid: int) -> None:
        """The server does not know the number any more."""
        self._fids.append(fid)

    # Answers

    def _take(self, message: Message) -> None:
        call = self._calls.get(message[0])
        if call is None or not call.sent:
            log.info("9P server: %s to a tag that is not in use", type(message).__name__)
            return
        kind = type(message)
        if call.done:
            self._forget(call)  # too late
        elif kind is _ANSWER[type(call.request)]:
            self._forget(call)
            self.end(call, message, "")
        elif kind is wire.Rerror:
            self._forget(call)
            self.end(call, None, message.ename or EMOUNTRPC)
        elif kind is wire.Rlerror:
            self._numbers = True
            self._forget(call)
            self.end(call, None, text_of(message.ecode))
        else:
            log.info("9P server: %s for %s", kind.__name__, type(call.request).__name__)
            self._forget(call)
            self.end(call, None, EMOUNTRPC)

    def _forget(self, call: Call) -> None:
        """call is answered: its tag is free, unless a flush still speaks of it."""
        tag = call.request.tag
        flush = call.flushed
        if flush is not None and not flush.done:
            return
        del self._calls[tag]
        if tag != NOTAG:
            self._tags.append(tag)

    def end(self, call: Call, reply: Message, error: str) -> None:
        """Let whoever waits for call go on."""
        call.done = True
        call.reply, call.error = reply, error
        if call.abandoned:
            self.abandoned -= 1
        if call.undo is not None:
            call.undo(reply)
        old = call.flushes
        if old is not None and not self.dead:
            if old.done:
                self._forget(old)
            else:
                # Without an Rflush the server may still mean the old tag: it stays in use.
                if reply is not None:
                    self._forget(old)
                self.end(old, None, EINTR)
        call.wake()
