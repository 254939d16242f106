"""System calls about processes, time and notes.

Source: fork(2), exec(2), exits(2), wait(2), sleep(2), rendezvous(2), notify(2), errstr(2),
nsec(2).
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import EBADARG, EEXITSTR, ENOVMEM, EPERM, ERRMAX, PlanError, clip
from vx9.kernel import exec as execute
from vx9.kernel import note, pexit, stop, tos
from vx9.kernel.dialect import NINEFRONT
from vx9.kernel.groups import Meeting, RendezGroup
from vx9.kernel.note import NoteKind, ProcExit
from vx9.kernel.pprint import bad_address
from vx9.kernel.sched import Rendez
from vx9.vxcore import CoreError, Cpu, MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

# fmt: off
RFNAMEG, RFENVG, RFFDG, RFNOTEG, RFPROC, RFMEM, RFNOWAIT = 1, 2, 4, 8, 16, 32, 64
RFCNAMEG, RFCENVG, RFCFDG, RFREND, RFNOMNT = 1024, 2048, 4096, 8192, 16384
# fmt: on
MAX_ARGS: Final = 100_000
TICK_MS: Final = 10  # the resolution that alarm tells
_ALL: Final = 0xFFFFFFFF


def sys_sysr1(p: Proc) -> int:
    """A call for debugging the system; does nothing."""
    if p.user != p.kernel.eve and p.kernel.dialect is NINEFRONT:
        raise PlanError(EPERM)
    return 0


# Birth and death

def _check_flags(flags: int) -> None:
    for both in (RFFDG | RFCFDG, RFNAMEG | RFCNAMEG, RFENVG | RFCENVG):
        if flags & both == both:
            raise PlanError(EBADARG)
    if not flags & RFPROC and flags & (RFMEM | RFNOWAIT):
        raise PlanError(EBADARG)


def _check_room(p: Proc, flags: int) -> None:
    """Raise PlanError when there is no memory for the groups that flags want copied."""
    need = (p.fds.charged if flags & RFFDG else 0) + (p.env.size if flags & RFENVG else 0)
    need += p.ns.copy_cost() if flags & RFNAMEG else 0
    account = p.kernel.account
    account.take(need, 0)
    account.give(need)


async def sys_rfork(p: Proc, flags: int) -> int:
    """fork(2)."""
    _check_flags(flags)
    _check_room(p, flags)
    if flags & RFPROC:
        return _fork(p, flags)
    await _regroup(p, flags)
    return 0


async def _regroup(p: Proc, flags: int) -> None:
    """rfork without RFPROC: the caller itself leaves groups."""
    if flags & (RFFDG | RFCFDG):
        fds = p.fds
        p.fds = fds.copy() if flags & RFFDG else fds.empty()
        await fds.leave()
    if flags & (RFNAMEG | RFCNAMEG):
        ns = p.ns
        p.ns = ns.copy() if flags & RFNAMEG else ns.empty()
        await ns.close()
    if flags & RFNOMNT:
        p.ns.noattach = True
    if flags & (RFENVG | RFCENVG):
        env = p.env
        p.env = env.copy() if flags & RFENVG else env.empty()
        env.leave()
    if flags & RFREND:
        p.rgrp.leave()
        p.rgrp = RendezGroup()
    if flags & RFNOTEG:
        p.noteid = p.kernel.new_noteid()


def _fork(p: Proc, flags: int) -> int:
    """rfork with RFPROC.  Without an await, so that the child sees one moment of the parent."""
    kernel = p.kernel
    space = p.space
    assert space is not None
    kernel.check_process_quota()
    try:
        new_space = space.copy(share=bool(flags & RFMEM))
        cpu = Cpu(new_space.memory)
    except CoreError as error:
        raise PlanError(ENOVMEM) from error
    cpu.copy_state(p.cpu)
    cpu.eax = 0
    child = kernel.new_proc(p.user, None if flags & RFNOWAIT else p)
    child.cpu = cpu
    child.set_space(new_space)
    tos.set_pid(new_space.stack, child.pid, kernel.dialect.tos_size)
    if flags & RFFDG:
        child.fds = p.fds.copy()
    elif flags & RFCFDG:
        child.fds = p.fds.empty()
    else:
        child.fds = p.fds
        child.fds.refs += 1
    if flags & (RFNAMEG | RFCNAMEG):
        child.ns = p.ns.copy() if flags & RFNAMEG else p.ns.empty()
    else:
        child.ns = p.ns.ref()
    if flags & RFNOMNT:
        child.ns.noattach = True
    if flags & (RFENVG | RFCENVG):
        child.env = p.env.copy() if flags & RFENVG else p.env.empty()
    else:
        child.env = p.env
        child.env.refs += 1
    child.rgrp = RendezGroup() if flags & RFREND else p.rgrp
    child.rgrp.refs += child.rgrp is p.rgrp
    child.noteid = kernel.new_noteid() if flags & RFNOTEG else p.noteid
    _inherit(child, p)
    kernel.start_proc(child)
    return child.pid


def _inherit(child: Proc, p: Proc) -> None:
    child.root, child.dot = p.root.ref(), p.dot.ref()
    child.image_chan = p.image_chan.ref() if p.image_chan is not None else None
    child.name, child.args, child.args_set = p.name, p.args, p.args_set
    child.procmode, child.private, child.hang = p.procmode, p.private, p.hang
    child.priority, child.fixed_priority = p.priority, p.fixed_priority
    stop.inherit(child, p)
    if p.debugger is not None:
        p.debugger.born(p, child)
    note.inherit(child, p)
    # Neither looks at notes on its way out of this call.
    p.fresh, child.fresh = p.attention, child.attention


def _arguments(p: Proc, argv: int) -> list[bytes]:
    """The strings whose addresses lie at argv, up to a 0."""
    dialect = p.kernel.dialect
    args = []
    size = 0
    try:
        for pointer in p.mem.pointers(argv, MAX_ARGS):
            args.append(p.mem.string(pointer, dialect.args_limit - size))
            size += len(args[-1])
    except PlanError:
        raise PlanError(ENOVMEM) from None
    return args


async def sys_exec(p: Proc, name: str, argv: int) -> None:
    """exec(2).  The registers are those of the new program; no result."""
    if p.mem.load32(argv) == 0 and p.kernel.dialect.args_needed:
        raise PlanError(EBADARG)
    program = await execute.prepare(p, name, lambda: _arguments(p, argv))
    try:
        made = execute.make_space(p, program)
    except BaseException:
        await program.chan.close()
        raise
    await execute.commit(p, program, made)


def sys_exits(p: Proc, status: int) -> Awaitable[int]:
    """exits(2)."""
    text = b""
    if status:
        try:
            text = p.mem.truncated(status, ERRMAX - 1)
        except MemoryFault as fault:
            return _exit_badly(p, fault)
    raise ProcExit(clip(text.decode("utf-8", "surrogateescape"), ERRMAX - 1))


async def _exit_badly(p: Proc, fault: MemoryFault) -> int:
    await bad_address(p, fault)
    raise ProcExit(EEXITSTR)


async def sys_await(p: Proc, buf: int, n: int) -> int:
    """wait(2)."""
    p.mem.check(buf, n & _ALL, True)
    text = (await pexit.wait(p, p)).text().encode("utf-8", "surrogateescape")
    text = text[:max(0, n - 1)]
    p.mem.write(buf, (text + b"\0")[:n])
    return len(text)


async def sys__wait(p: Proc, buf: int) -> int:
    """wait(2) of old: four numbers of 12 bytes and a message of 64."""
    p.mem.check(buf, 112, True)
    w = await pexit.wait(p, p)
    numbers = b"".join(b"%11d " % v for v in (w.pid, w.user_ms, w.sys_ms, w.real_ms))
    message = w.message.encode("utf-8", "surrogateescape")[:63]
    p.mem.write(buf, numbers + message.ljust(64, b"\0"))
    return w.pid


# Time

async def sys_sleep(p: Proc, ms: int) -> int:
    """sleep(2)."""
    if ms <= 0:
        await p.kernel.sched.yield_cpu()
    else:
        await p.kernel.sched.sleep_ms(max(ms, p.kernel.dialect.least_sleep_ms))
    return 0


def sys_alarm(p: Proc, ms: int) -> int:
    """sleep(2): the note "alarm" after ms; what was left of the alarm before."""
    sched = p.kernel.sched
    left = 0
    if p.alarm is not None:
        if p.alarm.call is not None:
            left_ms = max(0, p.alarm.when_ns - sched.host.monotonic_ns()) // 1_000_000
            left = max(TICK_MS, left_ms // TICK_MS * TICK_MS)
        sched.cancel(p.alarm)
        p.alarm = None
    if ms:
        p.alarm = sched.after(ms, lambda: _alarm(p))
    return left


def _alarm(p: Proc) -> None:
    p.alarm = None
    note.post(p, "alarm", NoteKind.USER)


def sys_nsec(p: Proc, result: int) -> int:
    """nsec(2)."""
    p.mem.write(result, struct.pack("<q", p.kernel.clock.time_ns()))
    return 0


# Notes and errors

def sys_notify(p: Proc, handler: int) -> int:
    """notify(2)."""
    if handler:
        p.mem.check(handler, 4, False)
    p.notify = handler
    return 0


async def sys_noted(p: Proc, v: int) -> None:
    """notify(2).  The registers are set by it; no result."""
    await note.noted(p, v)


def sys_errstr(p: Proc, buf: int, n: int) -> int:
    """errstr(2): exchange."""
    if n == 0:
        raise PlanError(EBADARG)
    p.mem.check(buf, n & _ALL, True)
    n = min(n, ERRMAX)
    new = p.mem.read(buf, n)[: n - 1].partition(b"\0")[0]
    p.mem.put_string(buf, n, p.errstr.encode("utf-8", "surrogateescape"))
    p.errstr = clip(new.decode("utf-8", "surrogateescape"), ERRMAX - 1)
    return 0


def sys__errstr(p: Proc, buf: int) -> int:
    """errstr(2) of old."""
    return sys_errstr(p, buf, 64)


# Meeting

async def sys_rendezvous(p: Proc, tag: int, value: int) -> int:
    """rendezvous(2).  Interrupted, the result is all ones and no error string."""
    waiting = p.rgrp.waiting
    other = waiting.pop(tag, None)
    if other is not None:
        theirs, other.value = other.value, value
        other.met = True
        other.rendez.wakeup()
        return theirs
    mine = Meeting(value, Rendez())
    waiting[tag] = mine
    try:
        await mine.rendez.sleep(lambda: mine.met)
    except PlanError:
        return _ALL
    finally:
        if waiting.get(tag) is mine:
            del waiting[tag]
    return mine.value


