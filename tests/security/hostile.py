"""The process that runs hostile cases: main() or raw(), with PROBE and FIRST as its arguments.

A line of JSON before each case and one after it, so that whoever reads them knows the case that
ended the process.  The tests start it anew behind such a case.
"""

import json
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from vx9.vxcore import Cpu, Trap, TrapKind, _core, harden

from .cases import DATA, DATA_SIZE, DONE, KINDS, REGISTERS, Case, cases, value
from .guard import Broken, Guard, Room, machine, maps
from .scenarios import Scenario, scenarios


def say(**what: object) -> None:
    """One line to the test."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def prepare(case: Case, code: bytes, room: Room) -> Cpu:
    """A guest with the case's code, registers and memory."""
    room.clear()
    cpu = machine(code, room=room, at=case.registers["at"])
    for name in REGISTERS:
        setattr(cpu, name, case.registers[name])
    cpu.eflags = case.registers["flags"]
    for address, data in case.memory:
        obj, offset = cpu.memory.where(address)
        obj.write(offset, data)
    return cpu


def run(cpu: Cpu, quantum_us: int = 20_000) -> Trap:
    """Until it traps, or its time is up."""
    return cpu.run(quantum_us)


def judge(case: Case, cpu: Cpu, trap: Trap) -> str:
    """What is wrong with the outcome, or ''."""
    kind, _, rest = case.outcome.partition(":")
    got = f"{trap!r} at eip {cpu.eip:#x}"
    if kind == "ANY":
        return ""
    if trap.kind != KINDS[kind]:
        return got
    start = case.registers["at"]
    end = start + len(case.code)
    if kind in ("UD", "GP", "SS", "DE", "BR", "AC") and cpu.eip != start + case.mark:
        return f"{got}: not at the instruction"
    if kind in ("BP", "DB", "OF") and cpu.eip != end:
        return f"{got}: not behind the instruction"
    if kind == "PF":
        access, _, address = rest.partition(":")
        address, _, rest = address.partition(",")
        want = value(address, case.registers) if address else trap.address
        if (trap.address, trap.write) != (want, access == "w"):
            return f"{got}: not {access} {want:#x}"
    if kind == "INT":
        number = case.code[-1] if rest == "code" else int(rest, 16)
        if trap.number != number or cpu.eip != end:
            return got
    if kind in ("OK", "NAT") and (trap.number != DONE or cpu.eip != end + 2):
        return got
    if kind in ("OK", "PF"):
        for name, text in re.findall(r"(\w+)=([^,]+)", rest):
            if name[0] == "m" and name not in REGISTERS:
                address, data = value(name[1:], case.registers), bytes.fromhex(text)
                if cpu.memory.read(address, len(data)) != data:
                    return f"{name} is {cpu.memory.read(address, len(data)).hex()}"
            else:
                have = cpu.eflags if name == "flags" else getattr(cpu, name)
                if have != value(text, case.registers):
                    return f"{name} is {have:#x}"
    return ""


def same_as_native(case: Case, cpu: Cpu) -> str:
    """Compare with the same bytes put before the processor as they are."""
    seen = {
        "registers": cpu.get_regs(), "FPU": cpu.fpu, "data": cpu.memory.read(DATA, DATA_SIZE),
    }
    bare = prepare(case, case.code + bytes([0xCD, DONE]), Room())
    _core._publish_raw(bare.memory, case.registers["at"], case.code)
    trap = run(bare)
    wrong = judge(case, bare, trap)
    if wrong:
        return f"native: {wrong}"
    native = {
        "registers": bare.get_regs(), "FPU": bare.fpu, "data": bare.memory.read(DATA, DATA_SIZE),
    }
    return "; ".join(f"{what} differ from native" for what in seen if seen[what] != native[what])


def attempt(case: Case | Scenario, guard: Guard, room: Room) -> str:
    """Do it, and look at the host; what is wrong."""
    wrong, cpu = "", None
    guard.victim.first_half()
    if isinstance(case, Scenario):
        try:
            case.run()
        except Exception:
            wrong = traceback.format_exc()
    else:
        cpu = prepare(case, case.code + bytes([0xCD, DONE]), room)
        trap = run(cpu, 4_000 if case.outcome == "TICK" else 1_000_000)
        wrong = judge(case, cpu, trap)
        if case.outcome == "NAT" and not wrong:
            wrong = same_as_native(case, cpu)
    return "; ".join(filter(None, (wrong, look(guard, case, cpu))))


def look(guard: Guard, case: object = None, cpu: Cpu | None = None) -> str:
    """What is wrong with the host, and with the victim."""
    wrong = []
    for check in (lambda: guard.check(case, cpu), guard.victim.second_half):
        try:
            check()
        except Broken as error:
            wrong.append(str(error))
    return "; ".join(wrong)


def main() -> None:
    """Run everything, from the given number on."""
    all_of(everything())


def boundary() -> None:
    """The scenarios of calls.py and resources.py, whose guests' programs are in a third argument."""
    from . import world
    from .calls import scenarios as calls
    from .resources import scenarios as resources

    world.PROGRAMS = Path(sys.argv[3])
    all_of([*calls(), *resources()])


def all_of(every: Sequence[Case | Scenario]) -> None:
    """Run them, from the given number on."""
    guard = Guard(Path(sys.argv[1]), maps())
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    room = Room()
    last = ""
    for number, case in enumerate(every[first:], first):
        say(start=number)
        if case.id != last and last:
            guard.check_maps()
        last = case.id
        say(done=number, wrong=attempt(case, guard, room))
    guard.check_maps()
    say(end=len(every))


def everything() -> list[Case | Scenario]:
    """The cases of the table, then those of the scenarios."""
    return [*cases(), *scenarios()]


def raw() -> None:
    """The cases of raw.tab, from the given number on: no judgement, but the walls behind it."""
    guard = Guard(Path(sys.argv[1]), maps())
    guard.any_segment = True  # the next entry loads those that count
    harden()
    first = int(sys.argv[2])
    room = Room()
    every = cases("raw.tab")
    for number, case in enumerate(every[first:], first):
        say(start=number)
        guard.victim.first_half()
        cpu = prepare(case, b"\0", room)
        _core._publish_raw(cpu.memory, case.registers["at"], case.code)
        trap = run(cpu)
        outcome = "SAFE" if (trap.kind, trap.number) == (TrapKind.INT, DONE) else "TRAP"
        wrong = look(guard)
        say(done=number, outcome=outcome, trap=repr(trap), wrong=wrong)
    guard.check_maps()
    say(end=len(every))
