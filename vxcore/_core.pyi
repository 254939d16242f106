"""The interface of the sandbox core: 32-bit x86 guests inside this process.

Nothing here knows Plan 9.  Addresses and sizes are in bytes; guest addresses are
unsigned 32-bit; a page is 4096 bytes.
"""

import os
from collections.abc import Iterable
from typing import Final

PAGE: Final = 4096
READ: Final = 1
WRITE: Final = 2
EXEC: Final = 4

class CoreError(Exception):
    """The core cannot do what was asked; the text names the thing and the remedy."""

class MemoryFault(Exception):
    """A host access to guest memory that the guest itself could not have made."""

    address: int  # the first guest address that is not accessible
    write: bool
    count: int  # bytes that were wanted from there on

class MemoryObject:
    """Zero-filled pages, reachable by the host whether or not a guest runs.

    May be mapped in many Memories at once (shared memory).  ``size`` is rounded up to
    pages; ``reserve`` is the most that resize() may grow it to (default: size).
    """

    def __init__(self, size: int, reserve: int = 0) -> None: ...
    size: Final[int]
    reserve: Final[int]
    def resize(self, size: int) -> None:
        """Grow (new pages are zero) or shrink; every Memory that maps it follows."""
    def copy(self) -> MemoryObject:
        """An independent snapshot; costs time and memory only for pages ever touched."""
    def read(self, offset: int, count: int) -> bytes: ...
    def write(self, offset: int, data: bytes) -> None: ...
    def zero(self, offset: int, count: int) -> None:
        """Discard the contents; whole pages give their memory back."""
    def used(self) -> int:
        """Bytes of memory held now."""

class CodeCache:
    """Translated fragments of one set of executable mappings.

    Shared by every Memory that maps the same objects executable at the same addresses.
    """

    def flush(self) -> None: ...
    def stats(self) -> dict[str, int]:
        """Counters: fragments, instructions, guest_bytes, host_bytes, lookups, links, flushes.

        And refused: blocks that the verifier refused.  Each is a bug of ours, and a CoreError.
        """

class Memory:
    """A guest address space [0, limit): whole MemoryObjects mapped at page addresses.

    ``limit`` is rounded up to one of LIMITS (which end 64 KiB below a power of two).
    """

    LIMITS: Final[tuple[int, ...]]
    def __init__(self, limit: int, code: CodeCache | None = None) -> None: ...
    limit: Final[int]
    code: Final[CodeCache]
    def map(self, address: int, obj: MemoryObject, prot: int) -> None:
        """Map all of obj (it may grow later) at address.

        prot: READ, with WRITE or EXEC or both.  Code that is writable as well may change at
        any time; its translations are this Memory's own and not in ``code``.
        """
    def unmap(self, address: int) -> None:
        """Remove the mapping that begins at address."""
    def mappings(self) -> list[tuple[int, int, int, MemoryObject]]:
        """(address, size, prot, obj), ascending."""
    def read(self, address: int, count: int) -> bytes:
        """Copy out of the guest, once.  Raises MemoryFault."""
    def write(self, address: int, data: bytes) -> None:
        """Copy into writable mappings, all or nothing.  Raises MemoryFault."""
    def cstring(self, address: int, limit: int) -> bytes:
        """The bytes before the NUL.  Raises MemoryFault, or ValueError if no NUL in limit bytes."""
    def check(self, address: int, count: int, write: bool) -> None:
        """Raise MemoryFault unless all of it is mapped (and writable, if write)."""
    def load32(self, address: int) -> int:
        """One aligned or unaligned 32-bit word, unsigned."""
    def store32(self, address: int, value: int) -> None: ...
    def cas32(self, address: int, old: int, new: int) -> bool:
        """Atomic compare and swap of an aligned word."""
    def where(self, address: int) -> tuple[MemoryObject, int]:
        """The object and offset behind address: the identity of a shared word."""
    def close(self) -> None:
        """Drop all mappings now; the Memory cannot be used again."""

class TrapKind:
    """Why run() returned."""

    INT: Final = 0  # INT n executed; number = n; eip is after it
    FAULT: Final = 1  # address, write; eip at the instruction (limit violations included)
    DIVIDE: Final = 2  # eip at the instruction, for all below unless said
    DEBUG: Final = 3
    BREAKPOINT: Final = 4  # INT3 (CC) or CD 03; eip is after it, as the CPU has it
    OVERFLOW: Final = 5  # INTO; eip is after it
    BOUND: Final = 6
    ILLEGAL: Final = 7  # forbidden or undefined instruction
    PROTECTION: Final = 8  # a privileged instruction
    STACK: Final = 9
    ALIGNMENT: Final = 10
    FPU: Final = 11  # x87: unmasked exception pending
    SIMD: Final = 12  # SSE: unmasked exception
    QUANTUM: Final = 13  # the time given to run() is used up
    INTERRUPT: Final = 14  # Cpu.interrupt()

class Trap:
    kind: int
    number: int  # INT: the vector.  FAULT: 0
    address: int  # FAULT: the guest address.  FPU: the instruction that the exception is of
    write: bool  # FAULT: a write

class Cpu:
    """The registers of one guest thread of control, and run().

    Assigning a register between runs is how a host makes calls return or move.
    A new Cpu has all registers 0, eflags 0x202, x87 as after FNINIT, MXCSR 0x1F80.
    """

    def __init__(self, memory: Memory) -> None: ...
    memory: Memory  # may be replaced between runs (exec)
    eax: int
    ecx: int
    edx: int
    ebx: int
    esp: int
    ebp: int
    esi: int
    edi: int
    eip: int
    eflags: int  # only CF PF AF ZF SF DF OF (and ID) can be changed
    fpu: bytes  # 512 bytes, FXSAVE layout; FIP and FDP read as 0
    run_ns: Final[int]  # time spent in run() so far
    thread_segment: int | None
    """The address that gs:0 and fs:0 mean.

    None, as at first: an instruction with one of these prefixes is ILLEGAL.  Else what it adds to
    addresses (modulo 2**32) to find an operand; the limit is the Memory's.  So for copied
    instructions and indirect jumps and calls; string instructions, xlat and maskmov remain ILLEGAL,
    as do the segment registers themselves.
    """
    def get_regs(self) -> tuple[int, int, int, int, int, int, int, int, int, int]:
        """(eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags)"""
    def set_regs(self, regs: tuple[int, int, int, int, int, int, int, int, int, int]) -> None: ...
    def copy_state(self, other: Cpu) -> None:
        """Take all registers and FPU state of other (fork)."""
    def handle(self, vector: int, handler: object | None) -> None:
        """Have INT vector answered in C: handler is a capsule called "vx_handler", None takes it back.

        It holds a vx_handler of src/vx.h, and as its context what that is called with.  It is
        called without the GIL, with the core's lock and the guest's FPU state in the processor; 0
        lets the guest go on, 1 makes run() return the trap.
        """
    def run(self, quantum_us: int = 10_000) -> Trap:
        """Run until a trap, which is returned (the object is reused by the next run).

        Releases the GIL.  Raises KeyboardInterrupt (or what a Python signal handler
        raises) with the guest state intact; CoreError when the core cannot run here.
        """
    def interrupt(self) -> None:
        """Make run(), now or next time, return INTERRUPT.  Any thread may call it."""

API: Final[object]
"""A capsule of struct vx_api of src/vx.h: what handlers may call."""

def offer(features: Iterable[str]) -> None:
    """Offer guests just these instruction sets, named as in capabilities()['host_features'].

    For all guests of this process, from the next code that is translated on; so call it before
    the first guest runs.  At first all that the host has are offered, except tzcnt: without it
    F3 0F BC is BSF, as guests expect who were not told of BMI1.  ValueError: the host does not
    have one of them, or base is not among them.
    """
def capabilities() -> dict[str, object]:
    """What this host offers, by name.

    'ldt': True; 'features': what guests are offered; 'host_features': what they could be;
    'unsafe_signal': the number of a signal whose handler would run on a guest's stack, or None.
    """

def selftest() -> dict[str, object]:
    """Look at every wall; what was found, by name.  CoreError when one does not hold.

    'ldt', 'code32', 'registers', 'nx', 'segments', 'altstack', 'handlers', 'wx', 'low_code':
    True; 'int80': INT 0x80 is stopped (harden() sees to that); 'low': what else the host has
    below 4 GiB, empty under a position-independent interpreter; 'walls': what harden() put up.
    """
def harden(
    level: str = "calls", *, writable: Iterable[str | bytes | os.PathLike[str]] | None = None,
    network: bool = False, children: bool = False, parent_death: bool = False,
) -> dict[str, object]:
    """Put up the walls behind the translator, for good, around this process; then selftest().

    'entry' stops every system call from where guests run, and takes from the process new
    privileges and memory that is writable and executable.  'calls' (the default) also takes all
    system calls that vx9 does not make; with network=True sockets of every kind can be made,
    with children=True other programs started, which inherit the walls.  writable: no file or
    folder but those beneath these paths can be changed, as far as the kernel has Landlock, by
    this thread and those that it starts from now on; so call it before other threads start.
    parent_death: be killed when the parent ends.  A second call can only ask for the same again.
    """
