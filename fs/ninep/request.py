"""What a Session keeps of a request, what may be under way at a time, and who runs it.

Source: intro(5).
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from .wire import OVERHEAD, Message

if TYPE_CHECKING:
    from .verbs import Held, Rule

MSIZE: Final = 128 * 1024 + OVERHEAD


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may use."""

    msize: int = MSIZE
    fids: int = 4096
    requests: int = 1024
    bytes: int = 64 << 20  # asked for, brought, or not taken yet


class Runner(Protocol):
    """Runs requests; the kernel's scheduler is one."""

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> Any:
        """Make coro a task."""

    def interrupt(self, task: Any) -> None:
        """Make what task sleeps in raise PlanError("interrupted")."""


class Inline:
    """A Runner for servers that never sleep: each request ends before the next begins."""

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> None:
        """Run coro to its end."""
        try:
            coro.send(None)
        except StopIteration:
            return
        coro.close()
        raise RuntimeError("a file server that sleeps needs a scheduler for its requests")

    def interrupt(self, task: Any) -> None:
        """Nothing is ever under way."""


class Request:
    """One T-message between its coming and its answer."""

    __slots__ = ("alone", "flushes", "held", "message", "new", "on", "rule", "silent", "size",
                 "started", "task")

    def __init__(self, message: Message, rule: Rule) -> None:
        self.message = message
        self.rule = rule
        self.on: Held | None = None  # the fid it uses
        self.new: Held | None = None  # the fid it makes
        self.alone = rule.alone  # whether it bears no other on its fid
        self.started = False
        self.held = False  # whether it counts on its fid
        self.task: Any = None
        self.size = 0  # bytes it holds, or asks for
        self.silent = False  # its answer is not wanted any more
        self.flushes: list[Request] = []
