"""Console: what is typed and what is shown, with the line discipline between.

Input comes by input(), a key at a time or more, or is fetched from a `source` (a host
terminal) when somebody reads.  Unless raw, lines are edited here: backspace takes back a
byte, ^U the line, newline and ^D end it, DEL interrupts; what is typed is echoed.  A host
terminal edits and echoes by itself: then `edits` is false.  A read gives at most one line.
Source: cons(3); /sys/src/9/port/devcons.c.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from vx9.kernel.sched import Rendez

EOT: Final = 0x04
BACKSPACE: Final = 0x08
NEWLINE: Final = 0x0A
RETURN: Final = 0x0D
KILL: Final = 0x15
DEL: Final = 0x7F
LINE_MAX: Final = 4096  # bytes of a line; more is not taken
COPY_MAX: Final = 8 * 1024  # bytes that wait for the reader of kprint; more is not kept
TYPE_AHEAD: Final = 64 * 1024  # bytes that wait for a reader; more is not taken
LOG_MAX: Final = 16 * 1024  # bytes of kmesg


class Console:
    """One keyboard and one screen."""

    def __init__(self) -> None:
        self.output: Callable[[bytes], Awaitable[object]] | None = None
        self.source: Callable[[int], Awaitable[bytes]] | None = None
        self.set_raw: Callable[[bool], None] | None = None  # tells a host terminal
        self.interrupt: Callable[[], None] = lambda: None
        self.edits = True
        self.raw = False
        self.log = bytearray()  # the end of all that was shown
        self._line = bytearray()  # being typed
        self._ready: deque[bytes] = deque()  # lines, or raw bytes; b"" is an end of file
        self._waiting = 0  # bytes in _ready
        self._more = Rendez()
        self._reading = False
        self._echo = bytearray()
        self._hungup = False
        self.copying = False  # kprint is open
        self._copy = bytearray()  # what its reader has not read
        self._copied = Rendez()

    # Output

    async def write(self, data: bytes) -> int:
        """Show data, after what was typed before."""
        await self.flush_echo()
        self.note(data)
        if self.output is not None:
            await self.output(data)
        return len(data)

    def note(self, data: bytes) -> None:
        """Keep data for kmesg and kprint."""
        self.log += data
        if len(self.log) > LOG_MAX:
            del self.log[: len(self.log) - LOG_MAX]
        if self.copying:
            self._copy += data[: COPY_MAX - len(self._copy)]
            self._copied.wakeup()

    async def read_copy(self, count: int) -> bytes:
        """At most count bytes of what was shown since kprint was opened."""
        await self._copied.sleep(lambda: self._copy)
        data = bytes(self._copy[:count])
        del self._copy[:count]
        return data

    def end_copy(self) -> None:
        """kprint is closed."""
        self.copying = False
        self._copy.clear()

    async def flush_echo(self) -> None:
        """Show what was typed."""
        if self._echo:
            data = bytes(self._echo)
            self._echo.clear()
            if self.output is not None:
                await self.output(data)

    # Input

    def input(self, data: bytes) -> None:
        """What was typed."""
        if self.raw or not self.edits:
            if data:
                self._put(data)
            return
        for byte in data:
            self._type(byte)
        self._more.wakeup()  # a reader shows the echo

    def end_input(self) -> None:
        """Nobody will type any more: readers get end of file for ever."""
        if self._line:
            self._finish()
        self._hungup = True
        self._more.wakeup()

    def _type(self, byte: int) -> None:
        line = self._line
        if byte == DEL:
            line.clear()
            self.interrupt()
        elif byte == BACKSPACE:
            if line:
                del line[-1]
                self._echo.append(byte)
        elif byte == KILL:
            line.clear()
            self._echo += b"^U\n"
        elif byte == EOT:
            self._finish()
        else:
            if byte == RETURN:
                byte = NEWLINE
            if len(line) < LINE_MAX or byte == NEWLINE:
                line.append(byte)
                self._echo.append(byte)
            if byte == NEWLINE:
                self._finish()

    def _finish(self) -> None:
        data = bytes(self._line)
        self._line.clear()
        self._put(data)

    def _put(self, data: bytes) -> None:
        if self._waiting + len(data) <= TYPE_AHEAD:
            self._waiting += len(data)
            self._ready.append(data)
            self._more.wakeup()

    async def read(self, count: int) -> bytes:
        """At most count bytes of one line; b"" for ^D on an empty one."""
        if count <= 0:
            return b""
        await self._more.sleep(lambda: not self._reading)
        self._reading = True
        try:
            if not self._ready:
                await self._fetch(count)
            if not self._ready:
                return b""
            data = self._ready.popleft()
            if not self.raw and not self.edits:
                data = self._one_line(data)
            if len(data) > count:
                self._ready.appendleft(data[count:])
                data = data[:count]
            self._waiting -= len(data)
            return data
        finally:
            self._reading = False
            self._more.wakeup()

    def _one_line(self, data: bytes) -> bytes:
        end = data.find(b"\n") + 1
        if 0 < end < len(data):
            self._ready.appendleft(data[end:])
            return data[:end]
        return data

    async def _fetch(self, count: int) -> None:
        if self.source is not None:
            self._put(await self.source(count))
        else:
            while not self._ready and not self._hungup:
                await self.flush_echo()
                await self._more.sleep(lambda: self._ready or self._hungup or self._echo)

    # Control

    def raw_on(self) -> None:
        """Bytes as they come; what was typed of a line is given away too."""
        if not self.raw:
            self.raw = True
            if self._line:
                self._finish()
            if self.set_raw is not None:
                self.set_raw(True)

    def raw_off(self) -> None:
        """Lines again."""
        if self.raw:
            self.raw = False
            if self.set_raw is not None:
                self.set_raw(False)
