"""Segments: the named parts of a process's memory, over memory objects of the core.

Data and bss lie in one object, so that brk, fork and sharing treat them as one; text is
shared by all processes that run the same image; the stack is always private.
Source: segattach(2), brk(2), segfree(2), exec(2), fork(2).
"""

from __future__ import annotations

import enum
from array import array
from dataclasses import dataclass, field, replace
from typing import Final

from vx9.fs.errors import EBADARG, EINUSE, ENOVMEM, ESOVERLAP, PlanError
from vx9.kernel.usermem import UserMemory
from vx9.vxcore import EXEC, PAGE, READ, WRITE, CodeCache, Memory, MemoryObject

DATA_PROT: Final = READ | WRITE | EXEC  # data may be run, as on the 386; the stack may not
TEXT_BASE: Final = 0x1000
STACK_SIZE: Final = 16 << 20
USER_TOP: Final = 0xDFFFF000  # where user addresses end on a real 386
MAX_SEGMENTS: Final = 9  # of a process, its own four included
PROFILE_SHIFT: Final = 3
SG_RONLY, SG_CEXEC = 0o40, 0o100


class OverQuota(PlanError):
    """Memory that the quota does not allow; the guest sees that allocation failed."""

    def __init__(self, text: str = ENOVMEM) -> None:
        super().__init__(text)


class SegKind(enum.Enum):
    """What a segment is for."""

    STACK = "Stack"
    TEXT = "Text"
    DATA = "Data"
    BSS = "Bss"
    SHARED = "Shared"
    MEMORY = "Memory"


def page_up(n: int) -> int:
    """n rounded up to whole pages."""
    return (n + PAGE - 1) & -PAGE


@dataclass(slots=True, eq=False)
class Segment:
    """Addresses [base, top) of obj from offset on; refs counts the processes that have it."""

    kind: SegKind
    base: int
    top: int
    obj: MemoryObject
    offset: int = 0
    refs: int = 1
    read_only: bool = False
    close_on_exec: bool = False
    profile: array[int] | None = None  # milliseconds spent at each 8 bytes; all, at the first

    @property
    def shown(self) -> str:
        """What /proc/n/segment calls it."""
        return "Bss" if self.kind is SegKind.MEMORY else self.kind.value

    @property
    def size(self) -> int:
        """Bytes."""
        return self.top - self.base

    def start_profile(self) -> None:
        """Count, from 0, where time is spent."""
        self.profile = array("I", bytes((self.size >> PROFILE_SHIFT) * 4))

    def count(self, pc: int, ms: int) -> None:
        """So much time was spent, and pc is where its end was seen."""
        profile = self.profile
        if profile is None:
            return
        profile[0] = profile[0] + ms & 0xFFFFFFFF
        if self.base <= pc < self.top:
            at = pc - self.base >> PROFILE_SHIFT
            profile[at] = profile[at] + ms & 0xFFFFFFFF

    def copy_private(self) -> Segment:
        """The same addresses over a copy of the contents."""
        return Segment(self.kind, self.base, self.top, self.obj.copy(), self.offset, 1,
                       self.read_only, self.close_on_exec)


@dataclass(slots=True, eq=False)
class Space:
    """The segments of one process and the core memory in which they are mapped."""

    memory: UserMemory
    text: Segment
    data: Segment
    bss: Segment
    stack: Segment
    quota: int  # bytes of data, bss and attached segments together
    attached: list[Segment] = field(default_factory=list)
    own_text: bool = False  # written by a debugger, so no other process's
    segments: int = MAX_SEGMENTS  # that it may have

    @classmethod
    def new(cls, limit: int, code: CodeCache, text: MemoryObject, layout: Layout,
            quota: int) -> Space:
        """Fresh memory for an image.  Raises PlanError(ENOVMEM), CoreError."""
        size = layout.bss_top - layout.data_base
        if size > quota:
            raise OverQuota
        memory = UserMemory(limit, code)
        top = memory.limit & -PAGE
        stack_base = top - STACK_SIZE
        if layout.bss_top > stack_base:
            memory.close()
            raise PlanError(ENOVMEM)
        data = MemoryObject(max(size, PAGE), stack_base - layout.data_base)
        stack = MemoryObject(STACK_SIZE)
        memory.map(TEXT_BASE, text, READ | EXEC)
        memory.map(layout.data_base, data, DATA_PROT)
        memory.map(stack_base, stack, READ | WRITE)
        bss_offset = layout.data_top - layout.data_base
        return cls(
            memory,
            Segment(SegKind.TEXT, TEXT_BASE, layout.data_base, text, read_only=True),
            Segment(SegKind.DATA, layout.data_base, layout.data_top, data),
            Segment(SegKind.BSS, layout.data_top, layout.bss_top, data, bss_offset),
            Segment(SegKind.STACK, stack_base, top, stack),
            quota,
        )

    def size(self) -> int:
        """At least the memory that it may use of the host's: all of it."""
        return self.used() + self.stack.size

    def all(self) -> list[Segment]:
        """In the order in which /proc shows them."""
        return [self.stack, self.text, self.data, self.bss, *self.attached]

    def at(self, address: int) -> Segment | None:
        """The segment that holds address."""
        return next((s for s in self.all() if s.base <= address < s.top), None)

    def copy(self, share: bool) -> Space:
        """The memory of a child: the stack copied, data and bss shared or copied."""
        memory = UserMemory(self.memory.limit, self.memory.code)
        memory.map(self.text.base, self.text.obj, READ | EXEC)
        if share:
            data, bss = self.data, self.bss
        else:
            data = self.data.copy_private()
            bss = Segment(SegKind.BSS, self.bss.base, self.bss.top, data.obj, self.bss.offset)
        memory.map(data.base, data.obj, DATA_PROT)
        stack = self.stack.copy_private()
        memory.map(stack.base, stack.obj, READ | WRITE)
        new = Space(memory, self.text, data, bss, stack, self.quota, segments=self.segments)
        self.own_text = False  # both have it now
        for seg in self.attached:
            private = seg.kind is SegKind.MEMORY and not share
            new._adopt(seg.copy_private() if private else seg)
        mine = {id(seg) for seg in self.all()}
        for seg in new.all():
            if id(seg) in mine:
                seg.refs += 1
        return new

    def with_own_text(self) -> Space:
        """The same segments, but for a text that can be written and is translated afresh.

        The old Memory is for closing.
        """
        memory = UserMemory(self.memory.limit, CodeCache())
        self.text.refs -= 1
        text = self.text.copy_private()
        text.kind, text.read_only = SegKind.DATA, False  # as /proc shows it from now on
        memory.map(text.base, text.obj, READ | EXEC)
        memory.map(self.data.base, self.data.obj, DATA_PROT)
        memory.map(self.stack.base, self.stack.obj, READ | WRITE)
        new = Space(memory, text, self.data, self.bss, self.stack, self.quota, own_text=True,
                    segments=self.segments)
        for seg in self.attached:
            new._adopt(seg)
        return new

    def release(self) -> None:
        """Give all segments up."""
        for seg in self.all():
            seg.refs -= 1
            if seg.refs == 0:
                seg.profile = None
        self.memory.close()

    def _adopt(self, seg: Segment) -> None:
        self.memory.map(seg.base, seg.obj, READ if seg.read_only else DATA_PROT)
        self.attached.append(seg)

    def widened(self, top: int) -> Space:
        """The same segments in a Memory that reaches to top; the old one is for closing.

        Raises CoreError, PlanError(ENOVMEM).
        """
        limit = next((each for each in Memory.LIMITS if each >= top), 0)
        if not limit:
            raise PlanError(ENOVMEM)
        memory = UserMemory(limit, self.memory.code)
        memory.map(self.text.base, self.text.obj, READ | EXEC)
        memory.map(self.data.base, self.data.obj, DATA_PROT)
        memory.map(self.stack.base, self.stack.obj, READ | WRITE)
        new = replace(self, memory=memory, attached=[])
        for seg in self.attached:
            new._adopt(seg)
        return new

    def kept_top(self) -> int:
        """Where the last segment ends that exec keeps; 0 without any."""
        return max((seg.top for seg in self.attached if not seg.close_on_exec), default=0)

    def inherit(self, old: Space) -> None:
        """At exec: keep what was attached to old unless it is closed on exec or in the way."""
        for seg in old.attached:
            if not seg.close_on_exec and seg.top <= self.memory.limit and \
                    not self._overlaps(seg.base, seg.top, None):
                self._adopt(seg)
                seg.refs += 1

    # System calls

    def used(self) -> int:
        """Bytes that count against the quota."""
        return self.bss.top - self.data.base + sum(s.size for s in self.attached)

    def brk(self, address: int) -> int:
        """brk_: move the top of bss; the base of bss for address 0."""
        bss = self.bss
        if address == 0:
            return bss.base
        if address < bss.base:
            if address < self.data.base:
                raise PlanError(ENOVMEM)
            address = bss.base
        self._resize(bss, page_up(address))
        return 0

    def _resize(self, seg: Segment, top: int) -> None:
        if top > seg.top:
            if self._overlaps(seg.base, top, seg):
                raise OverQuota(ESOVERLAP) if top > self.stack.base else PlanError(ESOVERLAP)
            if self.used() + top - seg.top > self.quota:
                raise OverQuota
        elif top < seg.top and seg.refs > 1:
            raise PlanError(EINUSE)
        size = seg.offset + top - seg.base
        if size > seg.obj.reserve:
            raise PlanError(ENOVMEM)
        seg.obj.resize(max(size, PAGE))
        seg.top = top

    def _overlaps(self, base: int, top: int, but: Segment | None) -> bool:
        return any(s is not but and base < s.top and s.base < top for s in self.all())

    def segbrk(self, inside: int, address: int) -> int:
        """Move the top of the bss or attached segment that holds an address."""
        seg = self.at(inside)
        if inside == self.bss.base:
            seg = self.bss  # also when it is empty
        if seg is None or seg.kind not in (SegKind.BSS, SegKind.SHARED, SegKind.MEMORY):
            raise PlanError(EBADARG)
        if address == 0:
            return seg.base
        if address < seg.base:
            raise PlanError(ENOVMEM)
        self._resize(seg, page_up(address))
        return 0

    def attach(self, attr: int, kind: str, address: int, length: int) -> int:
        """segattach: the address of a new segment of class shared or memory."""
        kinds = {"shared": SegKind.SHARED, "memory": SegKind.MEMORY}
        size = page_up(length)
        if address >= USER_TOP:
            raise PlanError(EBADARG)
        if len(self.all()) >= self.segments:
            raise PlanError(ENOVMEM)
        if kind not in kinds or length == 0 or 0 < address < PAGE:
            raise PlanError(EBADARG)
        if self.used() + size > self.quota:
            raise OverQuota
        base = address & -PAGE if address else self._room(size)
        if base < TEXT_BASE or base + size > self.memory.limit:
            raise PlanError(ENOVMEM)
        if self._overlaps(base, base + size, None):
            raise PlanError(ESOVERLAP)
        self._adopt(Segment(kinds[kind], base, base + size, MemoryObject(size),
                            read_only=bool(attr & SG_RONLY), close_on_exec=bool(attr & SG_CEXEC)))
        return base

    def join(self, seg: Segment) -> int:
        """segattach of a segment that has a name and an address; the address."""
        if len(self.all()) >= self.segments:
            raise PlanError("too many segments")
        if self.used() + seg.size > self.quota:
            raise OverQuota
        if seg.base < TEXT_BASE or seg.top > self.memory.limit \
                or self._overlaps(seg.base, seg.top, None):
            raise PlanError("overlaps existing segment")
        self._adopt(seg)
        seg.refs += 1
        return seg.base

    def _room(self, size: int) -> int:
        """The highest free place below the stack."""
        top = self.stack.base
        for seg in sorted(self.attached, key=lambda s: s.base, reverse=True):
            if seg.top <= top - size:
                break
            top = min(top, seg.base)
        if top - size < self.bss.top:
            raise PlanError(ENOVMEM)
        return top - size

    def detach(self, address: int) -> None:
        """segdetach: only what was attached, and not the stack."""
        seg = self.at(address)
        if seg is None or seg not in self.attached:
            raise PlanError(EBADARG)
        self.memory.unmap(seg.base)
        self.attached.remove(seg)
        seg.refs -= 1

    def free(self, address: int, length: int) -> None:
        """segfree: the whole pages in the range become zero."""
        seg = self.at(address)
        if seg is None or address + length > seg.top:
            raise PlanError(EBADARG)
        if seg is self.text:
            return  # it would be read from the program's file again
        first, end = page_up(address), (address + length) & -PAGE
        if end > first:
            seg.obj.zero(seg.offset + first - seg.base, end - first)

    def flush(self, address: int, length: int) -> None:
        """segflush: code is never cached from writable memory, so only check the range."""
        end = address + length
        while address < end:
            seg = self.at(address)
            if seg is None:
                raise PlanError(EBADARG)
            address = seg.top

    def used_bytes(self) -> int:
        """Host memory held by what is private to the process."""
        return self.data.obj.used() + self.stack.obj.used()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where an image wants its segments; all but entry are page addresses."""

    data_base: int
    data_top: int
    bss_top: int
    entry: int
