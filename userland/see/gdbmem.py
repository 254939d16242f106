"""Guest memory as a debugger reads and writes it, and the breakpoints in it.

A breakpoint is INT3 in a text of the process's own, or in its data; whoever reads through
here sees what was there before.
Source: proc(3), for what a debugger may write.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

INT3: Final = 0xCC


class View:
    """One process's memory, with its breakpoints."""

    def __init__(self, p: Proc) -> None:
        self.p = p
        self.hidden: dict[int, int] = {}  # address: the byte under a breakpoint

    def inherit(self, parent: View) -> None:
        """A child begins with its parent's text, breakpoints and all."""
        self.hidden = dict(parent.hidden)

    def read(self, address: int, count: int) -> bytes:
        """As much of it as is there.  Raises MemoryFault when nothing is."""
        try:
            data = bytearray(self.p.mem.read(address, count))
        except MemoryFault as fault:
            there = fault.address - address
            if not 0 < there < count:
                raise
            data = bytearray(self.p.mem.read(address, there))
        for at, byte in self.hidden.items():
            if address <= at < address + len(data):
                data[at - address] = byte
        return bytes(data)

    def write(self, address: int, data: bytes) -> None:
        """Write, also to text.  Raises MemoryFault."""
        shown = bytearray(data)
        for at in self.hidden:
            if address <= at < address + len(data):
                self.hidden[at] = data[at - address]
                shown[at - address] = INT3
        self._poke(address, bytes(shown))

    def insert(self, address: int) -> None:
        """Put a breakpoint.  Raises MemoryFault."""
        if address not in self.hidden:
            byte = self.p.mem.read(address, 1)[0]
            self._poke(address, bytes((INT3,)))
            self.hidden[address] = byte

    def remove(self, address: int) -> None:
        """Take a breakpoint away; harmless when there is none, or no memory any more."""
        byte = self.hidden.pop(address, None)
        if byte is not None and self.p.space is not None:
            with contextlib.suppress(MemoryFault):
                self._poke(address, bytes((byte,)))

    def clear(self) -> None:
        """Take all breakpoints away."""
        for address in list(self.hidden):
            self.remove(address)

    def _poke(self, address: int, data: bytes) -> None:
        p = self.p
        if not data:
            return
        space = p.space
        seg = space.at(address) if space is not None else None
        if space is None or seg is None or address + len(data) > seg.top:
            raise MemoryFault(address, True)
        if seg is space.text:
            seg = p.own_text()
            seg.obj.write(address - seg.base + seg.offset, data)
            p.space.memory.code.flush()  # type: ignore[union-attr]
        else:
            p.mem.write(address, data)
