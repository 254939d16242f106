"""Calls: a request and its answer; and Long ones, which ask several things, one after the other.

The steps of a Long call are a generator: it yields what to ask, all at once, and is sent the
answers and errors in the same order; what it returns is the answer to the whole.
Source: intro(5), flush(5).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import EINTR, PlanError
from .wire import Message

if TYPE_CHECKING:
    from .client import Client

Ask: TypeAlias = tuple[Any, ...]  # the class of a message and its fields
Answers: TypeAlias = list[Any]  # messages, or PlanErrors
Steps: TypeAlias = Generator[list[Ask], Answers, Message]


def ignore() -> None:
    """What is done at the end of a Call nobody told about."""


class Call:
    """A request and, when done, its answer or error."""

    __slots__ = ("abandoned", "data", "done", "error", "flushed", "flushes", "reply", "request", "sent",
                 "undo", "wake")

    def __init__(self, request: Message, data: bytes, wake: Callable[[], None]) -> None:
        self.request = request
        self.data = data  # until it is sent
        self.wake = wake  # called when done
        self.sent = False
        self.done = False
        self.reply: Message = None
        self.error = ""
        self.flushed: Call | None = None  # the Tflush that is about it
        self.flushes: Call | None = None  # what it is about, if it is a Tflush
        self.abandoned = False  # nobody waits for it
        self.undo: Callable[[Message], None] | None = None  # gets an answer that is too late

    def result(self) -> Any:
        """The answer.  Raises PlanError."""
        if self.error:
            raise PlanError(self.error)
        return self.reply


class Long(Call):
    """A Call that is under way as others.

    An interrupt ends it at its next step at the latest; what it does then to clean up is
    done.
    """

    __slots__ = ("_client", "_left", "_parts", "_steps", "interrupted")

    def __init__(self, client: Client, request: Message, steps: Steps,
                 wake: Callable[[], None]) -> None:
        super().__init__(request, b"", wake)
        self.interrupted = False  # go no step further
        self._client = client
        self._steps = steps
        self._parts: list[Call | PlanError] = []  # what is asked now, or why it cannot be
        self._left = 0  # how many of them have no answer
        self._go(None)

    def _go(self, answers: Answers | None) -> None:
        """The next step, and those after it as long as they fail at once."""
        client, steps = self._client, self._steps
        while True:
            try:
                asks = next(steps) if answers is None else steps.send(answers)
                if self.interrupted:
                    self.interrupted = False
                    asks = steps.throw(PlanError(EINTR))
            except StopIteration as stop:
                client.end(self, stop.value, "")
                return
            except PlanError as error:
                client.end(self, None, str(error))
                return
            self._parts = []
            self._left = 1
            for ask in asks:
                try:
                    self._parts.append(client.ask(ask[0], *ask[1:], wake=self._arrived))
                    self._left += 1
                except PlanError as error:
                    self._parts.append(error)
            self._left -= 1
            if self._left:
                return
            answers = self._answers()

    def _arrived(self) -> None:
        self._left -= 1
        if not self._left:
            self._go(self._answers())

    def _answers(self) -> Answers:
        return [part if isinstance(part, PlanError) else
                PlanError(part.error) if part.error else part.reply for part in self._parts]

    def flush(self) -> None:
        """Go no step further, and ask the server to give up what it has."""
        self.interrupted = True
        for part in self._parts:
            last = part
            while isinstance(last, Call) and last.flushed is not None and not last.done:
                last = last.flushed
            if isinstance(last, Call) and not last.done:
                self._client.flush(last)
