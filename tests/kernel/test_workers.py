"""Guests that compute: in workers, beside each other and beside the kernel's other work."""

import gc
import os
import struct
import time

import pytest

from vx9.kernel.kernel import Kernel

pytestmark = pytest.mark.guest

COUNT = "b9{n:08x} 49 75fd 6a00 6a00 b808000000 cd40"  # mov ecx, n; dec; jnz; exits(0)
FOREVER = "ebfe"
NAP = "68{n:08x} 6a00 b811000000 cd40 6a00 6a00 b808000000 cd40"  # sleep(n); exits(0)


def code(text: str, n: int = 0) -> bytes:
    return bytes.fromhex(text.format(n=int.from_bytes(struct.pack("<I", n), "big")))


@pytest.fixture
def kernel(aout, tmp_path):
    programs = {"forever": code(FOREVER), "count": code(COUNT, 20_000_000),
                "short": code(COUNT, 4_000_000), "nap": code(NAP, 3_600_000)}
    for name, text in programs.items():
        (tmp_path / name).write_bytes(aout(text))
        (tmp_path / name).chmod(0o755)
    k = Kernel()
    k.start()
    k.bind_host(str(tmp_path), "/n/here")
    yield k
    k.stop()
    assert k.errors == 0


def spawn(kernel, name):
    return kernel.spawn([f"/n/here/{name}"], env={}, cwd="/", stdin=None, stdout=None, stderr=None)


def test_all_that_compute_come_to_their_end(kernel):
    handles = [spawn(kernel, "count") for _ in range(6)]
    assert [h.wait(60).code for h in handles] == [0] * 6
    assert kernel.workers is not None


def test_the_kernel_answers_while_guests_compute(kernel):
    spinning = [spawn(kernel, "forever") for _ in range(8)]
    started = time.monotonic()
    while not all(p.computes for p in kernel.call(lambda: list(kernel.procs.values()))):
        assert time.monotonic() - started < 30
    begin = time.monotonic()
    for _ in range(20):
        assert spawn(kernel, "short").wait(30).code == 0
    took = time.monotonic() - begin
    for h in spinning:
        h.kill()
    assert [h.wait(10).message for h in spinning] == ["Killed"] * 8
    assert took < 30  # a bound against starvation, not a measurement


def test_notes_reach_who_computes_and_who_queues_for_it(kernel):
    handles = [spawn(kernel, "forever") for _ in range(8)]
    for h in handles:
        h.note("interrupt")
    assert [h.wait(10).code for h in handles] == [130] * 8


def test_a_kernel_can_be_stopped_while_guests_compute(kernel):
    handles = [spawn(kernel, "forever") for _ in range(5)]
    kernel.stop()
    assert all(h.wait(1).message for h in handles)


def test_a_thousand_processes_of_which_two_hundred_compute(kernel):
    """Slots bound what runs, not what exists; nothing is left of them afterwards."""
    def shape():
        gc.collect()
        with open("/proc/self/maps") as f:
            maps = sum(1 for _ in f)
        return maps, len(os.listdir("/proc/self/fd"))

    spawn(kernel, "short").wait(30)
    before = shape()
    rss = resident()
    sleeping = [spawn(kernel, "nap") for _ in range(750)]
    wait_until(kernel, lambda: sum(p.state() == "Sleep" for p in kernel.procs.values()) == 750)
    each = (resident() - rss) / 750
    assert each < 400 << 10, f"{each / 1024:.0f} KB for an idle process"
    computing = [spawn(kernel, "short") for _ in range(200)]
    assert [h.wait(60).code for h in computing] == [0] * 200
    for h in sleeping:
        h.kill()
    assert {h.wait(60).message for h in sleeping} == {"Killed"}
    after = shape()
    assert after[1] <= before[1]
    assert after[0] <= before[0] + 80  # slots are kept for the next guests


def resident() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


def wait_until(kernel, condition, seconds=60):
    end = time.monotonic() + seconds
    while not kernel.call(condition):
        assert time.monotonic() < end
