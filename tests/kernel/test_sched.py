"""Tasks, sleeping, interrupts, timers."""

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel.sched import Rendez, Scheduler


@pytest.fixture
def sched(host):
    return Scheduler(host)


def finish(sched, *tasks):
    sched.run(lambda: all(task.done for task in tasks))
    return [task.result for task in tasks]


def test_sleepers_run_in_order_of_time(sched, host):
    seen = []

    async def nap(ms):
        await sched.sleep_ms(ms)
        seen.append((ms, host.now_ns))

    start = host.now_ns
    finish(sched, *(sched.spawn(nap(ms)) for ms in (30, 10, 20)))
    assert seen == [(ms, start + ms * 1_000_000) for ms in (10, 20, 30)]


def test_wakeup_retries_the_condition(sched):
    rendez, box, seen = Rendez(), [], []

    async def taker():
        await rendez.sleep(lambda: box)
        seen.append(box.pop())

    async def giver():
        rendez.wakeup()
        await sched.yield_cpu()
        assert not seen
        box.append("it")
        rendez.wakeup()

    finish(sched, sched.spawn(taker()), sched.spawn(giver()))
    assert seen == ["it"]


def test_interrupt_of_a_sleeper(sched):
    async def sleeper():
        with pytest.raises(PlanError, match=r"^interrupted$"):
            await Rendez().sleep(lambda: False)
        return "woken"

    task = sched.spawn(sleeper())
    sched.drain()
    sched.interrupt(task)
    assert finish(sched, task) == ["woken"]


def test_interrupt_before_the_sleep_fails_only_a_sleep_that_blocks(sched):
    async def sleeper():
        await Rendez().sleep(lambda: True)
        with pytest.raises(PlanError):
            await Rendez().sleep(lambda: False)
        await sched.sleep_ms(1)

    task = sched.spawn(sleeper())
    sched.interrupt(task)
    finish(sched, task)


@pytest.mark.parametrize("ms, expected", [(5, False), (50, True)])
def test_tsleep_tells_whether_the_condition_holds(sched, ms, expected):
    rendez, box = Rendez(), []

    async def waiter():
        return await sched.tsleep(rendez, lambda: box, ms)

    def give():
        box.append(1)
        rendez.wakeup()

    sched.after(20, give)
    assert finish(sched, sched.spawn(waiter())) == [expected]


def test_cancelled_timers_do_not_fire_and_do_not_pile_up(sched):
    fired = []
    for _ in range(1000):
        sched.cancel(sched.after(1, lambda: fired.append(1)))
    sched.cancel(keep := sched.after(1, lambda: None))
    sched.cancel(keep)
    assert len(sched._timers) < 200

    async def nap():
        await sched.sleep_ms(10)

    finish(sched, sched.spawn(nap()))
    assert not fired


def test_a_compute_bound_task_is_not_starved_by_two_that_wake_each_other(sched):
    rendez, turns, stop = Rendez(), [0], []

    async def pingpong():
        while not stop:
            turn = turns[0]
            turns[0] += 1
            rendez.wakeup()
            await rendez.sleep(lambda turn=turn: turns[0] != turn + 1 or stop)

    async def worker():
        for _ in range(5):
            await sched.yield_cpu()
        stop.append(1)
        rendez.wakeup()

    tasks = [sched.spawn(pingpong()), sched.spawn(pingpong()), sched.spawn(worker())]
    finish(sched, *tasks)
    assert turns[0] < 200


def test_join_gives_the_result_or_the_error(sched):
    async def good():
        return 7

    async def bad():
        raise PlanError("no")

    async def parent():
        assert await sched.spawn(good()).join() == 7
        with pytest.raises(PlanError, match="no"):
            await sched.spawn(bad()).join()

    task = sched.spawn(parent())
    finish(sched, task)
    assert task.error is None


def test_kill_unwinds_a_sleeper(sched):
    cleaned = []

    async def sleeper():
        try:
            await Rendez().sleep(lambda: False)
        finally:
            cleaned.append(1)

    task = sched.spawn(sleeper())
    sched.drain()
    sched.kill(task)
    sched.drain()
    assert task.done and cleaned
