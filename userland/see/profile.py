"""The profiler: where guests spend their processor time, by samples of their stacks.

A thread of its own interrupts the guests that run, a thousand times a second; the kernel
thread then notes the stack of each before it goes on.  A guest that was in a system call is
interrupted on its way out of it, and that sample is the call's.  Nothing is counted for
processes that sleep.
Source: prof(1), tprof; ours.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

from vx9.kernel.straceargs import printable
from vx9.userland.see import image
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.chan import Chan
    from vx9.kernel.kernel import Kernel
    from vx9.kernel.proc import Proc
    from vx9.userland.see.image import Image
    from vx9.vxcore import MemoryObject

PERIOD_MS: Final = 1
STACKS: Final = 50_000  # different ones; what comes beyond is counted together
OTHER: Final = "(other stacks)"
_CALL: Final = b"\xcd\x40"
_LOAD_EAX: Final = 0xB8


class _Program:
    """An image that was sampled, and the file that it came from."""

    def __init__(self, p: Proc, chan: Chan) -> None:
        self.p = p
        self.chan = chan
        self.image: Image | None = None


Stack = tuple[str, ...]  # names, the outermost first; the first is the process's


class Profile:
    """The samples of one run."""

    def __init__(self) -> None:
        self.samples: Counter[Stack] = Counter()
        self.ticks = 0
        self._due: set[Proc] = set()
        self._programs: dict[MemoryObject, _Program] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, kernel: Kernel) -> None:
        """Sample the guests of a kernel from now on; before any runs."""
        kernel.sampler = self.sample
        self._thread = threading.Thread(target=self._tick, args=(kernel,), name="vx9 profile",
                                        daemon=True)

    def start(self) -> None:
        """Let it tick."""
        assert self._thread is not None
        self._thread.start()

    def stop(self) -> None:
        """No more ticks."""
        self._over.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _tick(self, kernel: Kernel) -> None:
        while not self._over.wait(PERIOD_MS / 1000):
            self.ticks += 1
            current = kernel.sched.current
            for p in list(kernel.procs.values()):
                if not p.dead and (p.computes or p.task is current):
                    self._due.add(p)
                    p.cpu.interrupt()

    # In the kernel thread

    def sample(self, p: Proc) -> None:
        """The guest stands still: note its stack, if a tick asked for it."""
        if p not in self._due or p.space is None:
            return
        self._due.discard(p)
        program = self._programs.get(p.space.text.obj)
        if program is None:
            if p.image_chan is None:
                return
            program = self._programs[p.space.text.obj] = _Program(p, p.image_chan.ref())
            p.kernel.sched.spawn(self._load(p, program, p.space.text.obj), "profile")
        if program.image is None:
            return  # its names are on the way
        stack = self._stack(p, program.image)
        if stack not in self.samples and len(self.samples) >= STACKS:
            stack = (OTHER,)
        self.samples[stack] += 1

    async def _load(self, p: Proc, program: _Program, text: MemoryObject) -> None:
        try:
            program.image = await image.load(p, program.chan, text)
        finally:
            await program.chan.close()

    def _stack(self, p: Proc, program: Image) -> Stack:
        cpu = p.cpu
        sure = [pc for pc, sure in program.callers(cpu.eip, cpu.esp, cpu.ebp, p.mem.load32) if sure]
        names = []
        for pc in reversed(sure):
            found = program.function(pc)
            names.append(found[0] if found is not None else f"{pc:#x}")
        name = _call_before(p)
        if name:
            names.append(f"system call {name}")
        return (f"{printable(p.name)} {p.pid}", *names)


def _call_before(p: Proc) -> str:
    """The system call that p comes from, if it does."""
    try:
        code = p.mem.read(p.cpu.eip - 7 & 0xFFFFFFFF, 7)
    except MemoryFault:
        return ""
    if code[5:] != _CALL:
        return ""
    calls = p.kernel.calls
    number = int.from_bytes(code[1:5], "little")
    if code[0] == _LOAD_EAX and number < len(calls) and (call := calls[number]) is not None:
        return call.name
    return p.call.name if p.call is not None else "?"
