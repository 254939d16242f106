"""Queue: bytes or messages under way to a reader, with an end.

Who writes waits while a queue is full; a queue that hung up still gives what it holds, then
end of file three times, then its error.  Source: /sys/src/9/port/qio.c.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from vx9.fs.errors import EHUNGUP, PlanError
from vx9.kernel.sched import Rendez

ENDS_OF_FILE: Final = 3  # then reading fails


class Queue:
    """A stream of bytes, or with is_messages one of messages; an end closes it for ever."""

    __slots__ = ("blocks", "ends", "error", "hungup", "is_messages", "limit", "more", "room",
                 "size")

    def __init__(self, limit: int, is_messages: bool = False) -> None:
        self.blocks: deque[bytes] = deque()
        self.size = 0
        self.limit = limit  # bytes from which on it is full
        self.is_messages = is_messages
        self.more = Rendez()
        self.room = Rendez()
        self.hungup = False  # nothing comes any more
        self.error = EHUNGUP
        self.ends = 0  # ends of file read so far

    def is_full(self) -> bool:
        """Whether a writer should wait."""
        return self.size >= self.limit

    def put(self, block: bytes) -> None:
        """Add a block, full or not; an empty one means something among messages alone."""
        if self.hungup or not (block or self.is_messages):
            return
        self.blocks.append(block)
        self.size += len(block)
        self.more.wakeup()

    async def get(self, count: int) -> bytes:
        """At most count bytes: of one message, whose rest is lost, or of the stream."""
        blocks = self.blocks
        if not blocks:
            await self.more.sleep(lambda: blocks or self.hungup)
            if not blocks:
                return self._end()
        was_full = self.size >= self.limit
        block = blocks.popleft()
        self.size -= len(block)
        if len(block) > count:
            if not self.is_messages:
                blocks.appendleft(block[count:])
                self.size += len(block) - count
                self.more.wakeup()
            block = block[:count]
        elif not self.is_messages and blocks and len(block) + len(blocks[0]) <= count:
            block = self._gather(block, count)
        if was_full and self.size < self.limit:
            self.room.wakeup()
        return block

    def _gather(self, first: bytes, count: int) -> bytes:
        """first and as many whole blocks as fit with it into count bytes."""
        got, left = [first], count - len(first)
        while self.blocks and len(self.blocks[0]) <= left:
            got.append(self.blocks.popleft())
            left -= len(got[-1])
        self.size -= count - left - len(first)
        return b"".join(got)

    def _end(self) -> bytes:
        if self.error == EHUNGUP and self.ends < ENDS_OF_FILE:
            self.ends += 1
            return b""
        raise PlanError(self.error)

    async def wait_for_room(self) -> None:
        """Wait until a block may be put, or never will be."""
        if self.size >= self.limit:
            await self.room.sleep(lambda: self.size < self.limit or self.hungup)

    def hangup(self, error: str = EHUNGUP) -> None:
        """Nothing comes any more; what is here may still be read, then error is told."""
        if not self.hungup:
            self.hungup = True
            self.error = error
        self.more.wakeup()
        self.room.wakeup()

    def close(self) -> None:
        """Hang up, and drop what nobody read."""
        self.blocks.clear()
        self.size = 0
        self.hangup()
        self.error = EHUNGUP
