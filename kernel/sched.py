"""The scheduler: coroutine tasks, rendezvous points, timers, one kernel thread.

A task gives up the processor only in Rendez.sleep, Scheduler.yield_cpu and what is built
of them; between those its code is atomic.  A task that is woken runs before those that
gave up the processor at the end of a quantum, within a bound that keeps these alive.
Time comes from the host object, so a fake clock makes tests exact.
Source: sleep(9), intro(2); no thread, no asyncio.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Protocol

from vx9.fs.errors import EINTR, PlanError

log = logging.getLogger(__name__)

FAVOUR: Final = 8  # woken tasks that run in a row before one that used up its quantum
POLL_NS: Final = 1_000_000  # look at host events at least so often
SHORTEST_US: Final = 100
_YIELD: Final = object()


class Host(Protocol):
    """What the scheduler needs of the host."""

    def monotonic_ns(self) -> int:
        """The host's clock."""

    def poll(self, timeout_ns: int | None) -> None:
        """Run the callbacks of what is ready; wait at most so long (None: for ever)."""


class Interruptible(Protocol):
    """What can be made to come back to the scheduler."""

    def interrupt(self) -> None:
        """From any thread."""


class Killed(BaseException):
    """Thrown into a task that must unwind now."""


class Task:
    """A coroutine that the scheduler runs to its end."""

    __slots__ = ("coro", "cpu", "done", "error", "finished", "interrupted", "name", "rendez", "result",
                 "run_ns", "sched", "thrown")

    def __init__(self, sched: Scheduler, coro: Coroutine[Any, Any, Any], name: str) -> None:
        self.sched = sched
        self.coro = coro
        self.name = name
        self.rendez: Rendez | None = None  # where it sleeps
        self.interrupted = False  # the next sleep that would block fails
        self.thrown: BaseException | None = None
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = Rendez()
        self.run_ns = 0  # processor time so far
        self.cpu: Interruptible | None = None  # in which a guest of this task may be running

    async def join(self) -> Any:
        """Wait for the end of the task; its result, or raise what it raised."""
        await self.finished.sleep(lambda: self.done)
        if self.error is not None:
            raise self.error
        return self.result


class Rendez:
    """A place to sleep until a condition holds."""

    __slots__ = ("waiters",)

    def __init__(self) -> None:
        self.waiters: deque[Task] = deque()

    @types.coroutine
    def sleep(self, cond: Callable[[], object]) -> Generator[Rendez, None, None]:
        """Sleep until cond holds; it is tried first and at every wakeup.

        Raises PlanError("interrupted") when the task is interrupted meanwhile.
        """
        while not cond():
            yield self

    def wakeup(self) -> None:
        """Let all that sleep here try their conditions again."""
        waiters = self.waiters
        while waiters:
            task = waiters.popleft()
            task.rendez = None
            task.sched.woken.append(task)

    def wakeup_one(self) -> bool:
        """Wake the one that sleeps here longest.  False when nobody does."""
        if not self.waiters:
            return False
        task = self.waiters.popleft()
        task.rendez = None
        task.sched.woken.append(task)
        return True


class Timer:
    """A call that happens once, unless cancelled."""

    __slots__ = ("call", "when_ns")

    def __init__(self, when_ns: int, call: Callable[[], None]) -> None:
        self.when_ns = when_ns
        self.call: Callable[[], None] | None = call


class Scheduler:
    """The run queue, the timers and the loop of one kernel."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.woken: deque[Task] = deque()
        self.spent: deque[Task] = deque()
        self.current: Task | None = None
        self.tasks: set[Task] = set()
        self.switches = 0
        self.events = 0  # looks at what the host has to tell
        self._timers: list[tuple[int, int, Timer]] = []
        self._dead_timers = 0
        self._order = itertools.count()
        self._stopping = False
        self._poll_now = False

    # Tasks

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str = "task") -> Task:
        """Make coro a task that will run."""
        task = Task(self, coro, name)
        self.tasks.add(task)
        self.woken.append(task)
        return task

    def start(self, coro: Coroutine[Any, Any, Any], name: str = "task") -> Task:
        """Make coro a task, whose first turn is now; not to be called by a task."""
        task = Task(self, coro, name)
        self.tasks.add(task)
        self._step(task, self.host.monotonic_ns())
        return task

    def interrupt(self, task: Task) -> None:
        """Wake task from its sleep with "interrupted", or its next sleep if it is awake."""
        task.interrupted = True
        self._rouse(task)

    def kill(self, task: Task) -> None:
        """Throw Killed into task at its next turn."""
        if not task.done:
            task.thrown = Killed()
            self._rouse(task)

    def _rouse(self, task: Task) -> None:
        if task.rendez is not None:
            task.rendez.waiters.remove(task)
            task.rendez = None
            self.woken.append(task)

    @types.coroutine
    def yield_cpu(self) -> Generator[object, None, None]:
        """Let every other ready task run first."""
        yield _YIELD

    def quantum_us(self, most: int) -> int:
        """How long a guest may run now: until the next timer, at most so long."""
        left_ns = self.next_ns()
        return most if left_ns is None else min(most, max(SHORTEST_US, left_ns // 1000))

    def interrupt_guest(self) -> None:
        """Make a guest that runs now give up the processor to host events.  Any thread."""
        self._poll_now = True
        task = self.current
        if task is not None and task.cpu is not None:
            task.cpu.interrupt()

    # Time

    def after(self, ms: float, call: Callable[[], None]) -> Timer:
        """Run call in ms milliseconds, in the kernel thread."""
        return self.at(self.host.monotonic_ns() + int(ms * 1_000_000), call)

    def at(self, when_ns: int, call: Callable[[], None]) -> Timer:
        """Run call at a time of the host's monotonic clock."""
        timer = Timer(when_ns, call)
        heapq.heappush(self._timers, (when_ns, next(self._order), timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        """Forget timer; harmless when it has fired."""
        if timer.call is None:
            return
        timer.call = None
        self._dead_timers += 1
        if self._dead_timers > 64 and self._dead_timers * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2].call is not None]
            heapq.heapify(self._timers)
            self._dead_timers = 0

    async def sleep_ms(self, ms: float) -> None:
        """Sleep; raises PlanError("interrupted")."""
        await self.tsleep(Rendez(), lambda: False, ms)

    async def tsleep(self, rendez: Rendez, cond: Callable[[], object], ms: float) -> bool:
        """Sleep at rendez until cond holds or ms have passed; whether cond holds."""
        if cond():
            return True
        task = self.current
        assert task is not None
        expired = False

        def expire(task: Task = task) -> None:
            nonlocal expired
            expired = True
            if task.rendez is rendez:
                self._rouse(task)

        timer = self.after(ms, expire)
        try:
            await rendez.sleep(lambda: expired or cond())
        finally:
            self.cancel(timer)
        return bool(cond())

    def next_ns(self) -> int | None:
        """Nanoseconds until the next timer fires, None without one."""
        timers = self._timers
        while timers and timers[0][2].call is None:
            heapq.heappop(timers)
            self._dead_timers = max(0, self._dead_timers - 1)
        return max(0, timers[0][0] - self.host.monotonic_ns()) if timers else None

    def _fire(self, now_ns: int) -> None:
        timers = self._timers
        while timers and timers[0][0] <= now_ns:
            timer = heapq.heappop(timers)[2]
            call, timer.call = timer.call, None
            if call is None:
                self._dead_timers = max(0, self._dead_timers - 1)
            else:
                call()

    # The loop

    def observe(self, call: Callable[[Task, bool], None] | None) -> None:
        """Tell call of every turn of a task, before (True) and after (False); None: no more."""
        if call is None:
            self.__dict__.pop("_step", None)
            return

        def step(task: Task, start_ns: int) -> int:
            call(task, True)
            end_ns = Scheduler._step(self, task, start_ns)
            call(task, False)
            return end_ns

        self.__dict__["_step"] = step

    def stop(self) -> None:
        """Make run() return after the step under way."""
        self._stopping = True

    def run(self, until: Callable[[], object] | None = None) -> None:
        """Run tasks until stop(), or until holds, or (given until) nothing can ever happen."""
        self._stopping = False
        host = self.host
        polled_ns = 0
        favoured = 0
        now_ns = host.monotonic_ns()
        while not self._stopping and not (until is not None and until()):
            if self._timers and self._timers[0][0] <= now_ns:
                self._fire(now_ns)
                now_ns = host.monotonic_ns()
            elif self._poll_now or now_ns - polled_ns >= POLL_NS:
                self._poll_now = False
                self.events += 1
                host.poll(0)
                polled_ns = now_ns = host.monotonic_ns()
            elif self.woken and (favoured < FAVOUR or not self.spent):
                favoured += 1
                now_ns = self._step(self.woken.popleft(), now_ns)
            elif self.spent:
                favoured = 0
                now_ns = self._step(self.spent.popleft(), now_ns)
            else:
                self.events += 1
                host.poll(self.next_ns())
                now_ns = host.monotonic_ns()

    def drain(self) -> None:
        """Run until no task is ready and no timer due; for tests and orderly ends."""
        while True:
            self._fire(self.host.monotonic_ns())
            if self.woken:
                self._step(self.woken.popleft(), self.host.monotonic_ns())
            elif self.spent:
                self._step(self.spent.popleft(), self.host.monotonic_ns())
            else:
                return

    def _step(self, task: Task, start_ns: int) -> int:
        """Run task, from now on, until it gives up the processor; when that is."""
        self.current = task
        self.switches += 1
        try:
            if task.thrown is not None:
                error, task.thrown = task.thrown, None
                where = task.coro.throw(error)
            else:
                where = task.coro.send(None)
            while where is not _YIELD:
                if task.interrupted:
                    task.interrupted = False
                    where = task.coro.throw(PlanError(EINTR))
                    continue
                task.rendez = where
                where.waiters.append(task)
                break
            else:
                self.spent.append(task)
        except StopIteration as stop:
            self._finish(task, stop.value, None)
        except Killed as error:
            self._finish(task, None, error)
        except Exception as error:
            if not task.finished.waiters:
                log.exception("task %s", task.name)
            self._finish(task, None, error)
        finally:
            self.current = None
            end_ns = self.host.monotonic_ns()
            task.run_ns += end_ns - start_ns
        return end_ns

    def _finish(self, task: Task, result: Any, error: BaseException | None) -> None:
        task.done = True
        task.result, task.error = result, error
        self.tasks.discard(task)
        task.finished.wakeup()
