"""What guests use is counted, comes back to nothing, and is limited; errors are no exceptions."""

import logging

import pytest

from vx9.fs.errors import ENOMEM, PlanError
from vx9.kernel.account import LITTLE, Account
from vx9.kernel.limits import Limits

MB = 1 << 20


def everything(g):
    """Make one of each object that counts, and leave them all."""
    fds = g.room(8)
    yield from g.call("pipe", fds)
    yield from g.call("pwrite", 0, g.text("unread"), 6, -1)
    yield from g.call("pwrite", 1, g.text("unread too"), 10, -1)
    yield from g.call("pread", 1, g.room(4), 3, -1)
    yield from g.call("rfork", 2 | 1)  # RFENVG|RFNAMEG
    yield from g.call("create", g.text("/env/some"), 1, 0o666)
    yield from g.call("pwrite", 2, g.text("value"), 5, -1)
    yield from g.call("bind", g.text("/dev"), g.text("/n"), 2)
    yield from g.call("bind", g.text("/dev"), g.text("/n"), 2)
    yield from g.call("unmount", 0, g.text("/n"))
    yield from g.call("bind", g.text("/dev"), g.text("/n"), 1)
    yield from g.call("create", g.text("/srv/post"), 1 | 64, 0o600)  # gone when it is closed
    yield from g.call("dup", 0, 9)
    yield from g.call("dup", 1, 9)
    yield from g.call("rfork", 16 | 4 | 1 | 2)  # a child with copies of all
    yield from g.call("exits", 0)


def child(g):
    yield from g.call("exits", 0)


def test_what_was_taken_comes_back(run, kernel):
    kernel.sched.drain()
    base = kernel.account.used
    run(everything, child)
    kernel.sched.drain()
    assert kernel.account.used == base


def test_files_in_memory_count(run, kernel):
    base = kernel.account.used

    seen = []

    def script(g):
        yield from g.call("create", g.text("/tmp/f"), 1, 0o666)
        yield from g.call("pwrite", 0, g.put(b"x" * 100), 100, 0)
        seen.append(kernel.account.used - base)
        yield from g.call("remove", g.text("/tmp/f"))
        yield from g.call("exits", 0)

    run(script)
    kernel.sched.drain()
    assert seen[0] > 600 and kernel.account.used == base


def test_who_has_little_goes_on_beside_who_takes_all():
    account = Account(Limits(total_memory=64 * MB))
    taken = 0

    def take_all(size, own):
        nonlocal taken
        while True:
            account.take(size, taken if own else 0)
            taken += size

    with pytest.raises(PlanError, match=ENOMEM):
        take_all(MB, True)
    assert taken == 32 * MB and account.met == {"total-memory"}
    account.take(1000, 0)
    with pytest.raises(PlanError):
        account.take(1000, LITTLE)
    with pytest.raises(PlanError):
        take_all(LITTLE // 2, False)
    assert account.used <= 32 * MB + 4 * MB
    account.give(account.used)
    account.take(MB, 10 * MB)


def test_the_largest_process_is_ended(guest, kernel):
    kernel.limits.total_memory = 24 * MB

    def idle(g):
        while True:
            yield from g.call("sleep", 1)

    def big(g):
        where = yield from g.call("segattach", 0, g.text("memory"), 0, 20 * MB)
        for at in range(where, where + 20 * MB, 4096):
            g.p.mem.write(at, b"x")
        while True:
            kernel.host.now_ns += 1_000_000
            yield from g.call("sleep", 0)

    small, other, large = guest(idle), guest(idle), guest(big)
    kernel.sched.run(lambda: large.dead or kernel.sched.switches > 2000)
    assert not large.dead and not kernel.limits_met
    kernel.limits.total_memory = 10 * MB
    kernel.sched.run(lambda: large.dead or kernel.sched.switches > 20000)
    assert large.dead and large.exit.status == "Killed: Insufficient physical memory"
    assert not small.dead and not other.dead
    assert kernel.limits_met == {"total-memory"}


def test_an_unexpected_exception_is_counted_logged_and_an_error_string(run, kernel, monkeypatch, caplog):
    call = next(c for c in kernel.calls if c is not None and c.name == "nsec")
    for error in (ZeroDivisionError("x"), MemoryError(), RecursionError(), OverflowError()):
        def fail(p, result, error=error):
            raise error

        monkeypatch.setattr(call, "handler", fail)
        said = []

        def script(g, said=said):
            said.append((yield from g.fails("nsec", g.room(8))))
            yield from g.call("exits", 0)

        with caplog.at_level(logging.ERROR):
            assert run(script).exit.status == ""
        assert said == ["internal error of the kernel"]
    assert kernel.errors == 4 and "ZeroDivisionError" in caplog.text
    kernel.errors = 0
