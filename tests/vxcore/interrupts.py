"""A guest stopped after any number of emitted instructions is in a state that it passes through.

The states are those of the bare processor, stepped.  A stop may be anywhere in the core's own
sequences: in a call, a return, an indirect jump, a landing, a stub, an exit, alignment; there
the core has to go back to the guest instruction's beginning or forward to its end.

    python interrupts.py --count 1000000 --seed 1      the long run
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import capstone

from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject, TrapKind, _core

try:
    from . import differential, programs
    from .bare import DATA, DATA_SIZE, LIMIT, STACK, STACK_SIZE, TEXT, Bare, Batch, State
except ImportError:  # run as a script
    sys.path.insert(0, str(Path(__file__).parent))
    import differential
    import programs
    from bare import DATA, DATA_SIZE, LIMIT, STACK, STACK_SIZE, TEXT, Bare, Batch, State

MOST_STEPS = 400  # of a program; longer ones are left out
Key = tuple[tuple[int, ...], bytes, bytes]


@dataclass
class Tally:
    """What was stopped at."""

    stops: int = 0
    resumed: int = 0
    wrong: list[str] = field(default_factory=list)
    emitted: Counter[str] = field(default_factory=Counter)  # sites of each kind
    stopped: Counter[str] = field(default_factory=Counter)  # of which so many were stopped at


class Subject:
    """One program on the core, to be started again and again."""

    def __init__(self, batch: Batch, case: int) -> None:
        self.batch = batch
        self.regs, fpu = batch.starts[case]
        self.fpu = batch.fpus[fpu]
        self.memory = Memory(LIMIT)
        text = MemoryObject(len(batch.text))
        text.write(0, batch.text)
        self.data, self.stack = MemoryObject(DATA_SIZE), MemoryObject(STACK_SIZE)
        self.memory.map(TEXT, text, READ | EXEC)
        self.memory.map(DATA, self.data, READ | WRITE)
        self.memory.map(STACK, self.stack, READ | WRITE)
        self.cpu = Cpu(self.memory)

    def start(self) -> None:
        self.data.write(0, self.batch.data)
        self.stack.write(0, self.batch.stack)
        self.cpu.set_regs(self.regs)
        self.cpu.fpu = self.fpu

    def key(self) -> Key:
        return (self.cpu.get_regs(), self.data.read(0, DATA_SIZE) + self.stack.read(0, STACK_SIZE),
                differential.hidden(self.cpu.fpu))

    def finish(self) -> Key:
        while self.cpu.run(1_000_000).kind == TrapKind.QUANTUM:
            pass
        return self.key()


class Stranger:
    """Another guest, which the same thread runs while the first one is stopped."""

    def __init__(self) -> None:
        memory = Memory(LIMIT)
        text = MemoryObject(0x1000)
        text.write(0, bytes.fromhex("ffe2 cd77"))  # jmp *%edx; int 0x77
        memory.map(TEXT, text, READ | EXEC)
        self.memory, self.cpu = memory, Cpu(memory)

    def visit(self) -> None:
        """Use the thread's own words, of spilled registers, targets and exits."""
        self.cpu.set_regs((0, 0x5AFE, TEXT + 2, 0, 0, 0, 0, 0, TEXT, 0x202))
        assert self.cpu.run(1_000_000).number == 0x77


def key_of(state: State) -> Key:
    """What of a state of the bare processor the guest may see."""
    regs = (*state.regs[:9], state.regs[9] & (programs.FLAGS | 0x200000) | 0x202)
    return regs, state.memory, differential.hidden(state.fpu)


def kinds(memory: Memory) -> Iterator[tuple[int, str]]:
    """(linear address, kind) of each emitted instruction: its shape, and how it is recovered.

    Without what no way leads to: fillers behind a jump.
    """
    md = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    md.skipdata = True
    for start, code, records in _core._emitted(memory.code):
        record, behind = 0, False
        for insn in md.disasm(code, start):
            while record + 1 < len(records) and records[record + 1][0] <= insn.address - start:
                record += 1
            behind = behind and insn.mnemonic == "nop"
            if behind:
                continue
            behind = insn.mnemonic in ("jmp", "ljmp")
            shape = re.sub(r"0x[0-9a-f]+|\b\d+\b", "N", f"{insn.mnemonic} {insn.op_str}")
            yield insn.address, f"{shape} ({records[record][1]})"


def ours(kind: str) -> bool:
    """Not an instruction of the guest's that was copied."""
    return (not kind.endswith("(0)") or "gs:" in kind
            or kind.split()[0] in ("ljmp", "nop", "jmp", "loop", "jecxz"))


def walk(batch: Batch, case: int, bare: Bare, tally: Tally, every: int = 1) -> bool:
    """Stop the program after 1, 2, 3 ... emitted instructions.  False: too long to look at."""
    one = Batch(batch.text, batch.data, batch.stack, batch.fpus, [batch.starts[case]])
    trace = bare.run(one, MOST_STEPS + 1)
    if len(trace) > MOST_STEPS:
        return False
    states: dict[Key, int] = {}
    for i, state in enumerate(trace):
        states.setdefault(key_of(state), i)
    subject = Subject(batch, case)
    subject.start()
    name = f"case {case}"
    stops: set[int] = set()

    def look(how: str) -> int:
        """The place in the trace, or -1 after saying what is wrong."""
        key = subject.key()
        at = states.get(key, -1)
        if at < 0:
            near = [i for i, s in enumerate(trace) if s.regs[8] == key[0][8]]
            tally.wrong.append(f"{name}: {how}: no such state: "
                               + "; ".join(_differs(key, key_of(trace[i])) for i in near[:3]))
        return at

    # One emitted instruction at a time, from where the last one ended.
    for warm in range(2):
        subject.start()
        last = 0
        while True:
            trap, where, left = subject.cpu._step(1)
            if left == 1:
                break
            assert trap.kind == TrapKind.INTERRUPT, trap
            tally.stops += 1
            stops.add(where)
            at = look(f"step by step, {'warm' if warm else 'cold'}, at {where:#x}")
            if at < 0:
                return True
            # States may repeat, so only what is surely backwards is wrong.
            if at < last and key_of(trace[last]) not in (key_of(s) for s in trace[at:at + 1]):
                earlier = [i for i, s in enumerate(trace) if i >= last and key_of(s) == subject.key()]
                if not earlier:
                    tally.wrong.append(f"{name}: at {where:#x}: back from {last} to {at}")
                    return True
                at = earlier[0]
            last = at
    sites = list(kinds(subject.memory))  # going on by guest addresses makes more, not stepped
    subject.start()
    final = subject.finish()
    # From the start, so many at once; then on, by the host's address and by the guest's.
    stranger = Stranger()
    count = 0
    while True:
        count += every
        for by_guest in (False, True):
            subject.start()
            trap, where, left = subject.cpu._step(count)
            if left:
                break
            tally.stops += 1
            stops.add(where)
            if look(f"after {count} at {where:#x}") < 0:
                return True
            if by_guest:
                subject.cpu.set_regs(subject.cpu.get_regs())
            tally.resumed += 1
            stranger.visit()
            end = subject.finish()
            if end != final:
                tally.wrong.append(f"{name}: after {count} at {where:#x}, resumed by "
                                   f"{'guest' if by_guest else 'host'} address: "
                                   + _differs(end, final))
                return True
        if left:
            break
    for where, kind in sites:
        tally.emitted[kind] += 1
        tally.stopped[kind] += where in stops
    subject.memory.close()
    stranger.memory.close()
    return True


def _differs(a: Key, b: Key) -> str:
    for name, x, y in zip(differential.NAMES, a[0], b[0], strict=True):
        if x != y:
            return f"{name} {x:#x} / {y:#x}"
    for what, x, y in (("memory", a[1], b[1]), ("fpu", a[2], b[2])):
        for i in range(len(x)):
            if x[i] != y[i]:
                return f"{what} at {i:#x} {x[i]:#x} / {y[i]:#x}"
    return "the same"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=100_000, help="stops")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch")
    args = parser.parse_args()
    tally, start, seed, found = Tally(), time.monotonic(), args.seed, 0
    with tempfile.TemporaryDirectory() as folder:
        bare = Bare(Path(folder))
        while tally.stops < args.count:
            batch = programs.batch(seed, 50, differential.features(), False)
            for case in range(50):
                walk(batch, case, bare, tally)
            for text in tally.wrong:
                print(f"--seed {seed}: {text}", flush=True)
            found += len(tally.wrong)
            tally.wrong.clear()
            seed += 1
    print(f"{tally.stops} stops, {tally.resumed} resumed and finished: {found} wrong in "
          f"{time.monotonic() - start:.0f} s")
    return found > 0


if __name__ == "__main__":
    sys.exit(main())
