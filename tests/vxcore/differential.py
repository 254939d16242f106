"""Random programs on the core, on the bare processor and on Unicorn: all must do the same.

    python differential.py --count 1000000 --seed 1      the long run
    python differential.py --seed 17 --case 203          one program again, in full

Prints, for each difference, what makes it happen again: the seed and the case, the program
disassembled, and what differs first.
"""

import argparse
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject, TrapKind, capabilities

try:
    from . import programs
    from .bare import DATA, DATA_SIZE, END, LIMIT, STACK, STACK_SIZE, TEXT, Bare, Batch
except ImportError:  # run as a script
    sys.path.insert(0, str(Path(__file__).parent))
    import programs
    from bare import DATA, DATA_SIZE, END, LIMIT, STACK, STACK_SIZE, TEXT, Bare, Batch

PER_BATCH = 500
NAMES = "eax ecx edx ebx esp ebp esi edi eip eflags".split()
K = TrapKind
# What the processor says (its vector), and how the core calls it.
KINDS = {0: K.DIVIDE, 1: K.DEBUG, 3: K.BREAKPOINT, 4: K.OVERFLOW, 5: K.BOUND, 6: K.ILLEGAL,
         12: K.STACK, 13: K.PROTECTION, 14: K.FAULT, 16: K.FPU, 17: K.ALIGNMENT, 19: K.SIMD}
KIND_NAMES = {getattr(K, name): name for name in dir(K) if name.isupper()}


@dataclass(slots=True)
class Outcome:
    """How a program ended, in the core's words."""

    trap: tuple[int, int, int, bool]  # kind, number, address, write
    regs: tuple[int, ...]
    fpu: bytes  # FXSAVE image
    memory: bytes


def features() -> frozenset[str]:
    """Those of insns.tab that the core offers here."""
    offered = capabilities()["features"]
    assert isinstance(offered, tuple)
    return frozenset({"base", "x87"} | set(offered)) & set(programs.mkinsns.FEATURES)


def hidden(image: bytes) -> bytes:
    """An FXSAVE image without where the last x87 instruction was, and what is not the guest's."""
    return image[:6] + image[24:28] + image[32:288]


def registers_only(image: bytes) -> bytes:
    """What Unicorn keeps as the processor does: MMX and SSE registers."""
    return b"".join(image[32 + 16 * i : 40 + 16 * i] for i in range(8)) + image[160:288]


def on_core(batch: Batch) -> Iterator[Outcome]:
    """Each program in the sandbox."""
    memory = Memory(LIMIT)
    text = MemoryObject(len(batch.text))
    text.write(0, batch.text)
    data, stack = MemoryObject(DATA_SIZE), MemoryObject(STACK_SIZE)
    memory.map(TEXT, text, READ | EXEC)
    memory.map(DATA, data, READ | WRITE)
    memory.map(STACK, stack, READ | WRITE)
    cpu = Cpu(memory)
    for regs, fpu in batch.starts:
        data.write(0, batch.data)
        stack.write(0, batch.stack)
        cpu.set_regs(regs)
        cpu.fpu = batch.fpus[fpu]
        t = cpu.run(200_000)
        for _ in range(5):
            if t.kind == K.QUANTUM:  # on a busy machine that is not long
                t = cpu.run(200_000)
        yield Outcome((t.kind, t.number, t.address, t.write), cpu.get_regs(), cpu.fpu,
                      data.read(0, DATA_SIZE) + stack.read(0, STACK_SIZE))
    memory.close()


def on_bare(bare: Bare, batch: Batch) -> Iterator[Outcome]:
    """Each program on the processor itself."""
    for s in bare.run(batch):
        regs = list(s.regs)
        regs[9] = regs[9] & (programs.FLAGS | 0x200000) | 0x202
        kind, number, address, write = KINDS.get(s.trap, K.QUANTUM), 0, 0, False
        at = s.regs[8] - TEXT
        if s.trap == 13 and s.error & 7 == 2 and batch.text[at : at + 1] == b"\xcd":
            kind, number = K.INT, s.error >> 3
            regs[8] += 2
        elif s.trap == 14:
            address, write = s.address, s.error & 2 > 0
        elif kind == K.FPU:  # where the error was made: FIP of FXSAVE's image
            address = int.from_bytes(s.fpu[8:12], "little")
        yield Outcome((kind, number, address, write), tuple(regs), s.fpu, s.memory)


def difference(a: Outcome, b: Outcome,
               fpu: Callable[[bytes], bytes] = hidden) -> str:
    """What differs first, or ''; fpu chooses what to compare of the FPU's state."""
    if a.trap != b.trap and not _beyond(a, b) and not _forgotten(a, b):
        return f"trap {_trap(a.trap)} / {_trap(b.trap)}"
    for name, x, y in zip(NAMES, a.regs, b.regs, strict=True):
        if x != y:
            return f"{name} {x:#x} / {y:#x}"
    for what, x, y in (("memory", a.memory, b.memory), ("fpu", fpu(a.fpu), fpu(b.fpu))):
        if x != y:
            at = next(i for i in range(len(x)) if x[i] != y[i])
            place = at if what == "fpu" else at + DATA if at < DATA_SIZE else at - DATA_SIZE + STACK
            return f"{what} at {place:#x}: {x[at : at + 8].hex()} / {y[at : at + 8].hex()}"
    return ""


def _beyond(core: Outcome, other: Outcome) -> bool:
    """An access at the end of the 4 GiB, which may go on at 0: beyond a limit for us.

    For a flat segment it is a #SS or #GP, or a fault somewhere in it (PUSHA makes eight).
    """
    return (core.trap[0] == K.FAULT and core.trap[2] > 0xFFFFFF00
            and (other.trap[0] in (K.STACK, K.PROTECTION)
                 or (other.trap[0] == K.FAULT and other.trap[2] > 0xFFFFFF00)))


def _forgotten(core: Outcome, other: Outcome) -> bool:
    """An x87 error that was masked when it was made, and is told once it is not.

    Some processors save where it was made only while it is not masked; then the core tells where
    it came up.
    """
    return core.trap[0] == other.trap[0] == K.FPU and core.trap[2] == core.regs[8]


def _trap(trap: tuple[int, int, int, bool]) -> str:
    kind, number, address, write = trap
    return f"{KIND_NAMES.get(kind, kind)} {number} {address:#x}{' write' if write else ''}"


class Emulator:
    """Unicorn, as another reader of the manuals.  Slow, and right about integers."""

    def __init__(self) -> None:
        import unicorn
        from unicorn import x86_const

        self._uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        self._error = unicorn.UcError
        self._registers = [getattr(x86_const, f"UC_X86_REG_{n.upper()}") for n in NAMES]
        self._vector = -1
        self._text = 0
        self._uc.hook_add(unicorn.UC_HOOK_INTR, self._interrupt)
        self._uc.mem_map(DATA, DATA_SIZE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self._uc.mem_map(STACK, STACK_SIZE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self._uc.mem_map(self._OURS, 8192)

    # FPU images, where one is stored, and code that loads and stores them.
    _OURS = 0x700000
    _SAVED, _CODE = _OURS + 2048, _OURS + 4096

    def _interrupt(self, uc: object, vector: int, _: object) -> None:
        self._vector = vector
        self._uc.emu_stop()

    def _go(self, at: int) -> str:
        self._vector = -1
        try:
            self._uc.emu_start(at, 0, timeout=50_000)
        except self._error as e:
            return str(e)
        return ""

    def run(self, batch: Batch) -> Iterator[Outcome | None]:
        """Each program; None for one that ended by a fault, about which Unicorn is vague."""
        uc = self._uc
        if self._text:
            uc.mem_unmap(TEXT, self._text)
        self._text = len(batch.text) + -len(batch.text) % 4096
        uc.mem_map(TEXT, self._text, 5)
        uc.mem_write(TEXT, batch.text)
        for i, image in enumerate(batch.fpus):
            uc.mem_write(self._OURS + 512 * i, image)
            uc.mem_write(self._CODE + 16 * i,
                         b"\x0f\xae\x0d" + struct.pack("<I", self._OURS + 512 * i) + b"\xcd\x40")
        uc.mem_write(self._CODE + 64, b"\x0f\xae\x05" + struct.pack("<I", self._SAVED) + b"\xcd\x40")
        for regs, fpu in batch.starts:
            uc.mem_write(DATA, batch.data)
            uc.mem_write(STACK, batch.stack)
            self._go(self._CODE + 16 * fpu)
            for register, value in zip(self._registers, regs, strict=True):
                uc.reg_write(register, value)
            error = self._go(regs[8])
            if error or self._vector != END:
                yield None
                continue
            left = list(uc.reg_read_batch(self._registers))
            left[9] = left[9] & (programs.FLAGS | 0x200000) | 0x202
            self._go(self._CODE + 64)
            image = bytes(uc.mem_read(self._SAVED, 512))
            yield Outcome((K.INT, END, 0, False), tuple(left), image,
                          bytes(uc.mem_read(DATA, DATA_SIZE) + uc.mem_read(STACK, STACK_SIZE)))


@dataclass
class Report:
    """What came of some programs."""

    on_bare: int = 0
    on_unicorn: int = 0
    unfinished: int = 0  # that ran into the limit of time, so were not compared
    differences: list[str] = field(default_factory=list)


def check(seed: int, bare: Bare, emulator: Emulator | None, report: Report,
          count: int = PER_BATCH) -> None:
    """One batch of each kind: count programs that may do anything, and count portable ones."""
    for portable in (False, True):
        batch = programs.batch(seed, count, features(), portable)
        core = list(on_core(batch))
        for case, (a, b) in enumerate(zip(core, on_bare(bare, batch), strict=True)):
            if K.QUANTUM in (a.trap[0], b.trap[0]):
                report.unfinished += 1
                continue
            report.on_bare += 1
            if what := difference(a, b):
                report.differences.append(reproducer(
                    seed, case, portable, batch, f"core / bare processor: {what}"))
        if emulator is None or not portable:
            continue
        for case, (a, e) in enumerate(zip(core, emulator.run(batch), strict=True)):
            if e is None or a.trap[0] == K.QUANTUM:
                continue
            report.on_unicorn += 1
            if what := difference(a, e, registers_only):
                report.differences.append(reproducer(
                    seed, case, portable, batch, f"core / Unicorn: {what}"))


def reproducer(seed: int, case: int, portable: bool, batch: Batch, what: str) -> str:
    """All that is needed to see a difference again."""
    import capstone

    regs, fpu = batch.starts[case]
    lines = [
        f"--seed {seed} --case {case}{' --portable' if portable else ''}: {what}",
        "  " + " ".join(f"{n}={r:#x}" for n, r in zip(NAMES, regs, strict=True)) + f" fpu={fpu}",
    ]
    md = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    first = regs[8] - TEXT
    end = next((r[8] - TEXT for r, _ in batch.starts[case + 1 :] if r[8] > regs[8]),
               len(batch.text))
    # The program itself begins before its start, where that writes tables first.
    before = max((r[8] - TEXT for r, _ in batch.starts[:case]), default=0)
    for at in (before, first):
        if at == first or batch.text[first : first + 2] == b"\xc7\x05":
            lines += [f"  {i.address:x} {i.bytes.hex():<22} {i.mnemonic} {i.op_str}"
                      for i in md.disasm(batch.text[at : first if at != first else end], TEXT + at)]
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="programs of each kind")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch of 500")
    parser.add_argument("--case", type=int, help="show only this one of the seed's programs")
    parser.add_argument("--portable", action="store_true", help="--case is of the portable ones")
    parser.add_argument("--no-unicorn", action="store_true", help="the bare processor only")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bare = Bare(Path(folder))
        emulator = None if args.no_unicorn else Emulator()
        report = Report()
        if args.case is not None:
            batch = programs.batch(args.seed, PER_BATCH, features(), args.portable)
            one = Batch(batch.text, batch.data, batch.stack, batch.fpus, [batch.starts[args.case]])
            print(reproducer(args.seed, args.case, args.portable, batch, "as it runs"))
            a, b = next(on_core(one)), next(on_bare(bare, one))
            print("core", _trap(a.trap), [hex(r) for r in a.regs])
            print("bare", _trap(b.trap), [hex(r) for r in b.regs])
            print(difference(a, b) or "the same")
            return 0
        start = time.monotonic()
        for batch_number in range(-(-args.count // PER_BATCH)):
            check(args.seed + batch_number, bare, emulator, report)
            for text in report.differences:
                print(text, flush=True)
            found, report.differences = len(report.differences), []
            args.found = getattr(args, "found", 0) + found
            if batch_number % 20 == 19:
                print(f"{report.on_bare} on the bare processor, {report.on_unicorn} on Unicorn, "
                      f"{report.unfinished} unfinished, {args.found} differences, "
                      f"{time.monotonic() - start:.0f} s", flush=True)
    print(f"{report.on_bare} programs on the bare processor, {report.on_unicorn} on Unicorn, "
          f"{report.unfinished} unfinished: {args.found} differences in "
          f"{time.monotonic() - start:.0f} s")
    return args.found > 0


if __name__ == "__main__":
    sys.exit(main())
