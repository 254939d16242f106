"""The host oracle: what must hold in the process after every hostile case.

H1 to H8 of the threat model: see docs/security.md.
"""

import contextlib
import ctypes
import os
import struct
from pathlib import Path

from vx9.vxcore import EXEC, READ, WRITE, CodeCache, Cpu, Memory, MemoryObject, TrapKind

from .cases import DATA, DATA_SIZE, LIMIT, READONLY, TEXT, TOP, Case

LOW = 1 << 32
ARENA, ARENA_SIZE = 0xF0000000, 0x08000000  # of emitted code, read+execute
WINDOWS = (0xC0000000, 0xFFF00000)  # where slots, code and control windows are


class Broken(AssertionError):
    """The host is not as it was."""


class State(ctypes.Structure):
    """struct probe."""

    _fields_ = [(n, ctypes.c_uint64) for n in ("rflags", "fs_base", "tls")]
    _fields_ += [("mxcsr", ctypes.c_uint32), ("control", ctypes.c_uint16), ("tag", ctypes.c_uint16)]
    _fields_ += [(n, ctypes.c_uint16) for n in ("cs", "ds", "es", "ss", "fs", "gs")]
    _fields_ += [("arithmetic", ctypes.c_uint32)]


def maps() -> list[tuple[int, int, str, str]]:
    """(start, end, permissions, name) of every mapping of this process."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, perms, _, _, _, *name = line.split(maxsplit=5)
        start, end = (int(x, 16) for x in span.split("-"))
        found.append((start, end, perms, name[0] if name else ""))
    return found


def machine(code: bytes, cache: CodeCache | None = None, room: "Room | None" = None,
            at: int = TEXT) -> Cpu:
    """A guest about to run code: text, data and stack, a read-only page, two pages at the top."""
    room = room or Room()
    memory = Memory(LIMIT, cache)
    text = MemoryObject(max(len(code), 1))
    text.write(0, code)
    memory.map(at, text, READ | EXEC)
    memory.map(DATA, room.data, READ | WRITE)
    memory.map(READONLY, room.readonly, READ)
    if at < TOP:
        memory.map(TOP, room.top, READ | WRITE)
    cpu = Cpu(memory)
    cpu.eip = at
    return cpu


class Room:
    """A guest's memory apart from its text."""

    def __init__(self) -> None:
        self.data = MemoryObject(DATA_SIZE)
        self.readonly = MemoryObject(0x1000)
        self.top = MemoryObject(LIMIT - TOP)

    def clear(self) -> None:
        for part in (self.data, self.readonly, self.top):
            part.zero(0, part.size)


class Victim:
    """An honest guest that works, in turns, all the time; its sums must come out right.

    Between its two halves, in which others run, it has values in all its registers, on the x87
    stack, in an XMM register, in its flags (DF) and on its stack.
    """

    ROUNDS = 500
    CODE = bytes.fromhex(
        "fc"
        "69c00d661900"  # more: imul eax, eax, 1664525
        "055ff36e3c"  # add eax, 1013904223
        "89c2 c1ea12 81e2fc3f0000"  # mov edx, eax; shr edx, 18; and edx, 0x3ffc
        "018200000100"  # add [edx+0x10000], eax
        "338200000100"  # xor eax, [edx+0x10000]
        "e2dc"  # loop more
        "660f6ef8 d9e8 d9eb 50 fd f9"  # movd xmm7, eax; fld1; fldpi; push eax; std; stc
        "cd42"
        "731a"  # jnc wrong
        "ad fc"  # lodsd (backwards); cld
        "def9 d95e00"  # fdivp; fstp dword [esi+0]
        "58 660f7efa 39c2 750a"  # pop eax; movd edx, xmm7; cmp edx, eax; jne wrong
        "31c3 31cb 31fb 31eb"  # xor ebx with eax, ecx, edi, ebp
        "cd43"
    )

    def __init__(self) -> None:
        self.room = Room()
        self.cpu = machine(self.CODE + b"\x0f\x0b", room=self.room)  # wrong: ud2
        self.seed = 12345
        self.words = [0] * 0x1000

    def first_half(self) -> None:
        cpu = self.cpu
        self.seed = (self.seed * 69069 + 1) & 0xFFFFFFFF
        cpu.set_regs((self.seed, self.ROUNDS, 0, 0x5A5A5A5A, 0x1F000, 0x0BADCAFE, 0x15000,
                      0x13579BDF, TEXT, 0x202))
        self.until(0x42)

    def second_half(self) -> None:
        self.until(0x43)
        eax = self.seed
        words = self.words
        for _ in range(self.ROUNDS):
            eax = (eax * 1664525 + 1013904223) & 0xFFFFFFFF
            i = (eax >> 18 & 0x3FFC) >> 2
            words[i] = (words[i] + eax) & 0xFFFFFFFF
            eax ^= words[i]
        quotient = struct.unpack("<I", self.cpu.memory.read(0x14FFC, 4))[0]
        want = (0x5A5A5A5A ^ eax ^ 0x13579BDF ^ 0x0BADCAFE) & 0xFFFFFFFF
        if self.cpu.ebx != want or self.cpu.eax != eax or quotient != QUOTIENT:
            raise Broken(f"H7: the victim's sum is {self.cpu.ebx:#x}, not {want:#x}; "
                         f"quotient {quotient:#x}")

    def until(self, number: int) -> None:
        while True:
            trap = self.cpu.run(100_000)
            if trap.kind == TrapKind.QUANTUM:
                continue
            if (trap.kind, trap.number) != (TrapKind.INT, number):
                raise Broken(f"H7: the victim got {trap!r} at {self.cpu.eip:#x}")
            return


QUOTIENT = struct.unpack("<I", struct.pack("<f", 1 / 3.141592653589793))[0]


class Guard:
    """Remembers the host as it is; check() says what has changed."""

    EVERY = 50  # cases between two looks at the mappings

    def __init__(self, probe: Path, before: list[tuple[int, int, str, str]]) -> None:
        self.lib = ctypes.CDLL(str(probe))
        self.foreign = {(m[0], m[3]) for m in before if m[0] < LOW}
        self.state = State()
        self.pid = os.getpid()
        self.pattern = bytes(range(256)) * 16
        self.canaries = []
        for _ in range(2):  # guests that never run again: their pages must stay as they are
            room = Room()
            room.top.write(0, self.pattern)
            room.data.write(0, self.pattern)
            guest = machine(b"\xcd\x41", room=room)
            guest.run()
            self.canaries.append(guest)
        self.high = [bytearray(self.pattern) for _ in range(4)]
        self.victim = Victim()
        self.count = 0
        self.any_segment = False
        self.lib.probe(ctypes.byref(self.state))
        self.first = (self.state.cs, self.state.fs, self.state.fs_base, self.state.tls)
        self.fds = self.descriptors()
        self.stubs = ctypes.string_at(ARENA, 256)
        core = next(m for m in maps() if "_core" in m[3] and "x" in m[2])
        self.core = (core[0], core[1] - core[0])
        self.text = hash(ctypes.string_at(*self.core))
        self.check_maps()

    @staticmethod
    def descriptors() -> list[tuple[str, str]]:
        found = []
        for fd in sorted(os.listdir("/proc/self/fd")):
            with contextlib.suppress(FileNotFoundError):  # listdir's own
                found.append((fd, os.readlink(f"/proc/self/fd/{fd}")))
        return found

    def check(self, case: object = None, guest: Cpu | None = None) -> None:
        """H1 to H8.  Raises Broken."""
        self.check_processor()
        if os.getpid() != self.pid:
            raise Broken("H1: another process")
        for guest_, what in zip(self.canaries, "ab", strict=True):
            memory = guest_.memory
            if memory.read(TOP, 4096) != self.pattern or memory.read(DATA, 4096) != self.pattern:
                raise Broken(f"H2: canary guest {what} has changed")
        if any(page != self.pattern for page in self.high):
            raise Broken("H2: the host's own memory has changed")
        if ctypes.string_at(ARENA, 256) != self.stubs:
            raise Broken("H2: the stubs at the start of the code arena have changed")
        if self.descriptors() != self.fds:
            raise Broken(f"H4: descriptors {self.descriptors()}, not {self.fds}")
        if guest is not None and isinstance(case, Case):
            self.check_leaks(case, guest)
        self.count += 1
        if self.count % self.EVERY == 0:
            self.check_maps()

    def check_processor(self) -> None:
        """H5: the registers that code of the host relies on; its arithmetic."""
        s = self.state
        self.lib.probe(ctypes.byref(s))
        if s.mxcsr & ~0x3F != 0x1F80:
            raise Broken(f"H5: MXCSR {s.mxcsr:#x}")
        if s.control != 0x37F or s.tag:
            raise Broken(f"H5: x87 control {s.control:#x}, tags {s.tag:#x}")
        if s.rflags & 0x44500:
            raise Broken(f"H5: flags {s.rflags:#x} have AC, NT, DF or TF")
        if (s.cs, s.fs, s.fs_base, s.tls) != self.first:
            raise Broken(f"H5: cs, fs: {s.cs:#x}, {s.fs:#x}, base {s.fs_base:#x}")
        # The others are not used in 64-bit mode, and stay as a guest's until the next one comes.
        for name in ("ds", "es", "ss"):
            if not (self.any_segment or
                    self.segment_is_ours(getattr(s, name), guest_data=True)):
                raise Broken(f"H5: {name} {getattr(s, name):#x}")
        if not (self.any_segment or self.segment_is_ours(s.gs, guest_data=False)):
            raise Broken(f"H5: gs {s.gs:#x}")
        if s.arithmetic:
            raise Broken(f"H5: the host's arithmetic is wrong ({s.arithmetic:#x})")

    @staticmethod
    def segment_is_ours(selector: int, guest_data: bool) -> bool:
        if selector == 0 or (guest_data and selector == 0x2B):
            return True
        index = selector >> 3  # slots of all classes, then the control windows
        return selector & 7 == 7 and (index < 92 if guest_data else 92 <= index < 96)

    def check_maps(self) -> None:
        """H2, H3: no mapping that is writable and executable; the low 4 GiB hold what they may."""
        self.upper = set()
        for start, end, perms, name in maps():
            where = f"{start:#x}-{end:#x} {perms} {name}"
            if "w" in perms and "x" in perms:
                raise Broken(f"H3: writable and executable: {where}")
            if start >= LOW:
                if name != "[vsyscall]":
                    self.upper |= {start >> 32, end - 1 >> 32}
                continue
            if (start, name) in self.foreign or name == "[heap]":
                continue
            if name not in ("", "/memfd:vx9-code (deleted)", "/memfd:vx9-tables (deleted)",
                            "/memfd:vx9-pages (deleted)", "/dev/zero (deleted)"):
                raise Broken(f"H3: below 4 GiB: {where}")
            if "x" in perms and not ARENA <= start < end <= ARENA + ARENA_SIZE:
                raise Broken(f"H3: executable below 4 GiB: {where}")
            if end > LOW:
                raise Broken(f"H3: across 4 GiB: {where}")
        if hash(ctypes.string_at(*self.core)) != self.text:
            raise Broken("H2: the code of the core has changed")

    def check_leaks(self, case: Case, guest: Cpu) -> None:
        """H8: no address of the host in what the guest can see."""
        known = list(case.registers.values())
        known += [int.from_bytes(case.code[i:i + 4], "little") for i in range(len(case.code))]
        for _, data in case.memory:
            known += [int.from_bytes(data[i:i + 4], "little") for i in range(len(data))]
        low, high = (0, 0) if case.loose else WINDOWS
        words = (ctypes.c_uint32 * len(known))(*known)
        upper = (ctypes.c_uint32 * len(self.upper))(*self.upper)
        seen = {
            "registers": struct.pack("<10I", *guest.get_regs()), "FPU": guest.fpu[:32],
            "data": guest.memory.read(DATA, DATA_SIZE),
        }
        if case.registers["at"] < TOP:
            seen["top"] = guest.memory.read(TOP, LIMIT - TOP)
        for what, data in seen.items():
            at = self.lib.scan(data, ctypes.c_uint64(len(data)), ctypes.c_uint32(low),
                               ctypes.c_uint32(high), upper, len(upper), words, len(words))
            if at >= 0:
                raise Broken(f"H8: a host address in the guest's {what}, offset {at:#x}: "
                             f"{data[at:at + 8].hex()}")
