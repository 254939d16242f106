"""Worker processors: host threads for guests that compute.

The kernel thread runs a guest for a short quantum; one that used all of it without a trap is
handed to a worker, without the interpreter's lock, until its next trap or the end of a longer
quantum.  So guests use every core, and system calls do not wait behind them.
Methods belong to the kernel thread, unless they say otherwise.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from vx9.fs.errors import PlanError
from vx9.kernel.host import Host, shield
from vx9.kernel.sched import Rendez

if TYPE_CHECKING:
    from vx9.kernel.sched import Task
    from vx9.vxcore import Cpu, Trap

QUANTUM_US: Final = 20_000
MOST: Final = 3  # the core lets four host threads run guests, and the kernel's is one


class _Job:
    """A quantum of one guest."""

    __slots__ = ("cpu", "done", "error", "left", "ns", "rendez", "taken", "trap")

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.taken = False  # by a worker, or back by who gave it
        self.done = False
        self.left = threading.Event()  # the worker is through with the guest
        self.rendez = Rendez()
        self.trap: Trap | None = None
        self.error: BaseException | None = None
        self.ns = 0

    def finish(self) -> None:
        """Wake who waits; in the kernel thread."""
        self.done = True
        self.rendez.wakeup()


class Workers:
    """As many threads as there are processors to use, made when first wanted."""

    def __init__(self, host: Host, count: int | None = None) -> None:
        self.host = host
        self.count = min(MOST, len(os.sched_getaffinity(0))) if count is None else count
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def close(self) -> None:
        """End the threads; none has a guest any more."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    async def run(self, task: Task, cpu: Cpu) -> Trap | None:
        """A quantum of the guest of task; its trap, or None when it was interrupted in the queue.

        An interrupt of the task ends the quantum early and stays pending.
        """
        job = _Job(cpu)
        if len(self._threads) < self.count:
            self._start_thread()
        self._jobs.put(job)
        interrupted = False
        try:
            while not job.done:
                try:
                    await job.rendez.sleep(lambda: job.done)
                except PlanError:
                    interrupted = True
                    if self._take(job):
                        job.done = True
                    else:
                        cpu.interrupt()
        except BaseException:
            if not self._take(job):
                cpu.interrupt()
                job.left.wait()
            raise
        task.run_ns += job.ns
        if interrupted:
            task.interrupted = True
        if job.error is not None:
            raise job.error
        return job.trap

    def _start_thread(self) -> None:
        thread = threading.Thread(target=shield(self._work), name="vx9 worker", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _take(self, job: _Job) -> bool:
        """Whether the job was nobody's until now.  Any thread."""
        with self._lock:
            taken, job.taken = job.taken, True
        return not taken

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self._take(job):
                continue
            start_ns = time.monotonic_ns()
            try:
                job.trap = job.cpu.run(QUANTUM_US)
            except BaseException as error:
                job.error = error
            job.ns = time.monotonic_ns() - start_ns
            job.left.set()
            self.host.submit(job.finish)
