"""A whole kernel in its own thread, real programs, and the host around it."""

import gc
import os
import threading
import time

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel.kernel import Kernel
from vx9.vxcore import Cpu, Memory

pytestmark = pytest.mark.guest

# Machine code: what is left out of it is told in the name.
SPIN = b"\xeb\xfe"
EXITS = b"\xb8\x08\x00\x00\x00\xcd\x40"  # mov $8, %eax; int $0x40
PUSH_STATUS = b"\x68\x00\x20\x00\x00\x6a\x00"  # push $0x2000; push $0


@pytest.fixture(scope="module")
def core():
    """The core keeps a few descriptors for the life of the program: have them made now."""
    memory = Memory(Memory.LIMITS[0])
    Cpu(memory).run()
    memory.close()


@pytest.fixture
def threaded(core):
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    k = Kernel()
    k.start()
    yield k
    k.stop()
    assert k.errors == 0
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.fixture
def programs(tmp_path, threaded, aout):
    """programs(code, data) -> the path of a program in the guest."""
    threaded.bind_host(str(tmp_path), "/n/progs")

    def make(code, data=b"", name="prog"):
        (tmp_path / name).write_bytes(aout(code, data=data))
        (tmp_path / name).chmod(0o755)
        return f"/n/progs/{name}"

    return make


def spawn(k, path, *args, **more):
    more = {"stdin": None, "stdout": None, "stderr": None, **more}
    return k.spawn([path, *args], env={}, **more)


def test_exit_statuses(threaded, programs):
    for text, code in ((b"", 0), (b"7", 7), (b"some reason", 1)):
        h = spawn(threaded, programs(PUSH_STATUS + EXITS, text + b"\0", f"p{code}"))
        status = h.wait(5)
        assert (status.message, status.code) == (text.decode(), code)


@pytest.mark.parametrize("code, status", [
    (b"\xa1\x10\x00\x00\x00", 139), (b"\x31\xc9\xf7\xf1", 136), (b"\x0f\x0b", 132), (b"\xcc", 133),
    (b"\xf4", 139), (b"\xb8\x63\x00\x00\x00\xcd\x40", 159),
])
def test_traps(threaded, programs, code, status):
    assert spawn(threaded, programs(code)).wait(5).code == status


def test_a_loop_is_interrupted_and_others_go_on(threaded, programs):
    spinner = spawn(threaded, programs(SPIN, name="spin"))
    assert spawn(threaded, programs(PUSH_STATUS + EXITS, b"3\0", "p3")).wait(5).code == 3
    with pytest.raises(TimeoutError):
        spinner.wait(0.01)
    spinner.note("interrupt")
    assert spinner.wait(5).code == 130 and spinner.done()
    killed = spawn(threaded, programs(SPIN, name="spin"))
    killed.kill()
    status = killed.wait(5)
    assert (status.message, status.code) == ("Killed", 137)


def test_programs_that_cannot_be_started(threaded, programs, tmp_path):
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    for path, message in (("/n/progs/text", "exec header invalid"),
                          ("/n/progs/none", "does not exist"), ("/n/progs", "directory")):
        with pytest.raises(PlanError, match=message):
            spawn(threaded, path)
    with pytest.raises(PlanError, match="does not exist"):
        spawn(threaded, "/n/progs/text", cwd="/nowhere")
    assert not threaded.procs


def test_scripts(threaded, programs, tmp_path):
    programs(PUSH_STATUS + EXITS, b"5\0", "interp")
    (tmp_path / "script").write_text("#!/n/progs/interp -x\n")
    (tmp_path / "script").chmod(0o755)
    assert spawn(threaded, "/n/progs/script").wait(5).code == 5
    (tmp_path / "loop").write_text("#!/n/progs/loop\n")
    (tmp_path / "loop").chmod(0o755)
    with pytest.raises(PlanError, match="exec header invalid"):
        spawn(threaded, "/n/progs/loop")


def test_calls_from_many_threads(threaded):
    results = []

    def many(n):
        results.extend(threaded.call(lambda i=i: n * 1000 + i) for i in range(50))

    threads = [threading.Thread(target=many, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(set(results)) == 200
    with pytest.raises(ZeroDivisionError):
        threaded.call(lambda: 1 / 0)


def test_a_call_does_not_wait_for_a_spinning_guest(threaded, programs):
    spinner = spawn(threaded, programs(SPIN))
    begin = time.perf_counter()
    for _ in range(20):
        threaded.call(lambda: None)
    assert time.perf_counter() - begin < 0.15
    spinner.kill()
    spinner.wait(5)


def test_the_same_image_is_translated_once(threaded, programs):
    path = programs(PUSH_STATUS + EXITS, b"\0")
    for _ in range(3):
        spawn(threaded, path).wait(5)
    images = threaded.images._images
    assert len(images) == 1
    stats = next(iter(images.values())).code.stats()
    assert stats["fragments"] > 0
    before = stats["fragments"]
    spawn(threaded, path).wait(5)
    assert next(iter(images.values())).code.stats()["fragments"] == before


def test_two_kernels_know_nothing_of_each_other(threaded, programs):
    other = Kernel(user="bob")
    other.start()
    spinner = spawn(threaded, programs(SPIN))
    assert not other.procs and other.eve == "bob" and threaded.eve == "glenda"
    other.stop()
    assert not spinner.done()
    spinner.kill()
    spinner.wait(5)


def test_stop_ends_what_runs(programs, threaded):
    spinner = spawn(threaded, programs(SPIN))
    threaded.call(lambda: None)
    threaded.stop()
    assert spinner.wait(0).code == 137


def test_a_posted_call_that_fails_does_not_end_the_kernel(threaded, programs):
    threaded.post(lambda: 1 / 0)
    assert spawn(threaded, programs(PUSH_STATUS + EXITS, b"\0")).wait(5).code == 0
    assert threaded.errors == 1
    threaded.errors = 0
