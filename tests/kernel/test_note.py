"""Notes: the queue, the frame, noted, and how a process dies of one."""

import struct

import pytest

from vx9.kernel import note
from vx9.kernel.kernel import exit_status
from vx9.kernel.note import NoteKind
from vx9.vxcore import TrapKind

HANDLER = 0x1200
NCONT, NDFLT, NSAVE, NRSTR = range(4)


def set_regs(g, eip=0x1180, eflags=0x297):
    """Tell-tale registers; they are returned."""
    esp = g.p.cpu.esp
    g.p.cpu.set_regs((0x11, 0x22, 0x33, 0x44, esp, 0x66, 0x77, 0x88, eip, eflags))
    return g.p.cpu.get_regs()


def frame(g):
    """(stack pointer, return address, ureg, message address, text, Ureg words)."""
    sp = g.p.cpu.esp
    back, ureg, message = struct.unpack("<3I", g.get(sp, 12))
    text = g.get(message, 128).partition(b"\0")[0].decode()
    return sp, back, ureg, message, text, struct.unpack("<19I", g.get(ureg, 76))


def test_the_frame_of_a_fault(run):
    seen = {}

    def script(g):
        yield from g.call("notify", HANDLER)
        regs = set_regs(g)
        yield from g.trap(TrapKind.FAULT, address=0x10, write=True)
        seen.update(regs=regs, frame=frame(g), eip=g.p.cpu.eip)
        yield from g.call("exits", 0)

    run(script)
    sp, back, ureg, message, text, words = seen["frame"]
    old = seen["regs"][4]
    assert seen["eip"] == HANDLER and back == 0
    assert old - sp == 476 == note.FRAME
    assert ureg == old - 256 - 76 and message == ureg - 4 - 128 and sp == message - 12
    assert text == "sys: trap: fault write addr=0x10 pc=0x00001180"
    assert words == (0x88, 0x77, 0x66, 0, 0x44, 0x33, 0x22, 0x11, 0x1B, 0x1B, 0x1B, 0x1B,
                     14, 6, 0x1180, 0x23, 0x297, old, 0x1B)


@pytest.mark.parametrize("kind, more, text, back", [
    (TrapKind.FAULT, {"address": 0xDEADBEEF}, "sys: trap: fault read addr=0xdeadbeef", 0),
    (TrapKind.DIVIDE, {}, "sys: trap: divide error", 0),
    (TrapKind.BREAKPOINT, {}, "sys: breakpoint", 1),
    (TrapKind.ILLEGAL, {}, "sys: trap: invalid opcode", 0),
    (TrapKind.PROTECTION, {}, "sys: trap: general protection violation", 0),
    (TrapKind.STACK, {}, "sys: trap: stack exception", 0),
    (TrapKind.OVERFLOW, {}, "sys: trap: overflow", 0),
    (TrapKind.BOUND, {}, "sys: trap: bounds check", 0),
    (TrapKind.DEBUG, {}, "sys: trap: debug exception", 0),
    (TrapKind.ALIGNMENT, {}, "sys: trap: alignment check", 0),
    (TrapKind.INT, {"number": 0x80}, "sys: trap: general protection violation", 0),
    (TrapKind.FPU, {}, "sys: fp: division by zero fppc=0x1180 status=0x4", 0),
])
def test_a_trap_without_handler_is_a_suicide(run, kind, more, text, back):
    def script(g):
        fpu = bytearray(g.p.cpu.fpu)
        fpu[2] = 4
        g.p.cpu.fpu = bytes(fpu)
        set_regs(g)
        yield from g.trap(kind, **more)

    p = run(script)
    assert p.exit.status == f"{text} pc=0x{0x1180 - back:08x}"
    assert p.broken and p.state() == "Broken"


def test_noted_gives_back_all_registers_and_the_fpu(run):
    seen = {}

    def script(g):
        yield from g.call("notify", HANDLER)
        fpu = bytearray(g.p.cpu.fpu)
        fpu[160:176] = bytes(range(16))  # xmm0
        g.p.cpu.fpu = bytes(fpu)
        seen["before"] = set_regs(g), g.p.cpu.fpu
        yield from g.trap(TrapKind.DIVIDE)
        g.p.cpu.fpu = bytes(fpu[:160]) + bytes(352)
        yield from g.call("noted", NCONT)
        seen["after"] = g.p.cpu.get_regs(), g.p.cpu.fpu
        yield from g.call("exits", 0)

    run(script)
    assert seen["before"] == seen["after"]


def test_a_handler_may_edit_pc_and_sp_but_not_system_flags(run):
    seen = {}

    def script(g):
        yield from g.call("notify", HANDLER)
        set_regs(g)
        yield from g.trap(TrapKind.DIVIDE)
        _, _, ureg, _, _, words = frame(g)
        words = list(words)
        words[14], words[17], words[16] = 0x1300, words[17] - 64, 0x0004_3FD7  # pc sp flags
        g.p.mem.write(ureg, struct.pack("<19I", *words))
        yield from g.call("noted", NCONT)
        seen["regs"], seen["sp"] = g.p.cpu.get_regs(), words[17]
        yield from g.call("exits", 0)

    run(script)
    regs = seen["regs"]
    assert (regs[8], regs[4]) == (0x1300, seen["sp"])
    assert regs[9] & 0x40000 == 0 and regs[9] & 0x3000 == 0 and regs[9] & 1


@pytest.mark.parametrize("edit", [
    (15, 0x33), (11, 0x2B), (18, 0x2B), (14, 0), (17, 0), (17, 0xFFFFFFF0),
])
def test_a_bad_ureg_is_a_suicide(run, edit):
    def script(g):
        yield from g.call("notify", HANDLER)
        set_regs(g)
        yield from g.trap(TrapKind.DIVIDE)
        _, _, ureg, _, _, words = frame(g)
        words = list(words)
        words[edit[0]] = edit[1]
        g.p.mem.write(ureg, struct.pack("<19I", *words))
        yield from g.call("noted", NCONT)

    p = run(script)
    assert p.exit.status == "Suicide"


def test_noted_outside_a_handler(run):
    def script(g):
        yield from g.call("noted", NCONT)

    assert run(script).exit.status == "Suicide"


def test_ndflt_ends_with_the_note(run):
    def script(g):
        yield from g.call("notify", HANDLER)
        note.post(g.p, "interrupt", NoteKind.USER)
        yield from g.trap(TrapKind.QUANTUM)
        yield from g.call("noted", NDFLT)

    p = run(script)
    assert p.exit.status == "interrupt" and not p.broken


def test_a_fault_inside_a_handler_kills(run):
    def script(g):
        yield from g.call("notify", HANDLER)
        note.post(g.p, "interrupt", NoteKind.USER)
        yield from g.trap(TrapKind.QUANTUM)
        yield from g.trap(TrapKind.ILLEGAL)

    assert run(script).exit.status.startswith("sys: trap: invalid opcode")


def test_user_notes_wait_while_a_handler_runs(run):
    seen = []

    def script(g):
        yield from g.call("notify", HANDLER)
        for text in ("one", "two"):
            note.post(g.p, text, NoteKind.USER)
        yield from g.trap(TrapKind.QUANTUM)
        for _ in range(2):
            seen.append(frame(g)[4])
            yield from g.call("noted", NCONT)
        yield from g.call("exits", 0)

    run(script)
    assert seen == ["one", "two"]


def test_nsave_lets_notes_nest_and_nrstr_comes_back(run):
    seen = []

    def script(g):
        yield from g.call("notify", HANDLER)
        regs = set_regs(g)
        note.post(g.p, "outer", NoteKind.USER)
        yield from g.trap(TrapKind.QUANTUM)
        outer = frame(g)[2]
        yield from g.call("noted", NSAVE)
        assert struct.unpack("<2I", g.get(g.p.cpu.esp, 8)) == (0, outer)
        note.post(g.p, "inner", NoteKind.USER)
        yield from g.trap(TrapKind.QUANTUM)
        seen.append(frame(g)[4])
        inner = frame(g)[2]
        assert struct.unpack("<I", g.get(inner - 4, 4))[0] == outer
        yield from g.call("noted", NCONT)
        yield from g.call("noted", NRSTR)
        assert g.p.cpu.get_regs() == regs
        yield from g.call("exits", 0)

    p = run(script)
    assert seen == ["inner"] and p.exit.status == ""


def test_five_notes_and_no_more(guest, kernel):
    def script(g):
        yield from g.call("exits", 0)

    p = guest(script)
    assert [note.post(p, "n", NoteKind.USER) for _ in range(6)] == [True] * 5 + [False]


def test_a_trap_drops_waiting_notes_when_there_is_no_handler(run):
    def script(g):
        note.post(g.p, "interrupt", NoteKind.USER)
        note.post(g.p, "sys: breakpoint", NoteKind.DEBUG)
        yield from g.trap(TrapKind.QUANTUM)

    assert run(script).exit.status.startswith("sys: breakpoint pc=")


def test_a_frame_that_does_not_fit_is_a_suicide(run):
    def script(g):
        yield from g.call("notify", HANDLER)
        note.post(g.p, "interrupt", NoteKind.USER)
        g.p.cpu.esp = 0x100
        yield from g.trap(TrapKind.QUANTUM)

    assert run(script).exit.status == "Suicide"


@pytest.mark.parametrize("status, cause, code", [
    ("", "", 0), ("3", "", 3), ("255", "", 255), ("256", "", 1), ("some text", "", 1),
    ("-1", "", 1), ("٣", "", 1),
    ("interrupt", "interrupt", 130), ("hangup", "hangup", 129), ("kill", "kill", 137),
    ("Killed", "kill", 137), ("alarm", "alarm", 142), ("term", "term", 143),
    ("abort", "abort", 134), ("quit", "quit", 131),
    ("x", "sys: trap: fault read addr=0x0 pc=0x1", 139), ("x", "sys: trap: divide error", 136),
    ("x", "sys: trap: invalid opcode", 132), ("x", "sys: breakpoint", 133),
    ("x", "sys: fp: invalid operation", 136), ("x", "sys: write on closed pipe", 141),
    ("x", "sys: trap: general protection violation", 139), ("x", "anything", 1),
])
def test_exit_codes(status, cause, code):
    assert exit_status(note.ProcExit(status, cause)).code == code
