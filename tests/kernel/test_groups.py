"""Descriptor tables and environments."""

import asyncio

import pytest

from vx9.fs.errors import PlanError
from vx9.kernel.groups import EnvGroup, FdGroup


class FakeChan:
    def __init__(self):
        self.refs = 1

    async def close(self):
        self.refs -= 1


def test_lowest_free_descriptor_first():
    fds = FdGroup()
    assert [fds.install(FakeChan()) for _ in range(25)] == list(range(25))
    for fd in (7, 3, 11):
        fds.remove(fd)
    assert [fds.install(FakeChan()) for _ in range(4)] == [3, 7, 11, 25]


def test_a_table_may_jump_by_less_than_its_step():
    fds = FdGroup()
    fds.install_at(FakeChan(), 18)
    fds.install_at(FakeChan(), 39)
    with pytest.raises(PlanError, match="fd out of range or not open"):
        fds.install_at(FakeChan(), 60)
    assert fds.install(FakeChan()) == 0


@pytest.mark.parametrize("fd", [-1, 0, 19, 20, 1 << 30, -(1 << 31)])
def test_descriptors_that_are_not_open(fd):
    with pytest.raises(PlanError, match="fd out of range or not open"):
        FdGroup().get(fd)


def test_the_cap():
    fds = FdGroup(30)
    for _ in range(30):
        fds.install(FakeChan())
    with pytest.raises(PlanError, match="no free file descriptors"):
        fds.install(FakeChan())
    with pytest.raises(PlanError, match="no free file descriptors"):
        fds.install_at(FakeChan(), 35)


def test_install_at_gives_what_was_there():
    fds = FdGroup()
    first, second = FakeChan(), FakeChan()
    assert fds.install_at(first, 2) is None
    assert fds.install_at(second, 2) is first
    assert fds.get(2) is second


def test_a_copy_counts_and_the_last_one_closes():
    fds = FdGroup()
    c = FakeChan()
    fds.install(c)
    copy = fds.copy()
    assert c.refs == 2 and copy.get(0) is c
    asyncio.run(fds.leave())
    assert c.refs == 1
    copy.refs += 1
    asyncio.run(copy.leave())
    assert c.refs == 1
    asyncio.run(copy.leave())
    assert c.refs == 0


def test_environment_versions_and_order():
    env = EnvGroup()
    for name in "abc":
        env.set(name, name.encode())
    vers = env.vers
    env.remove(env.find("a"))
    assert [v.name for v in env.variables] == ["c", "b"] and env.vers == vers + 1
    before = env.find("b").vers
    env.set("b", b"other")
    assert env.find("b").vers == before + 1
    copy = env.copy()
    copy.set("b", b"changed")
    assert env.get("b") == b"other"
    with pytest.raises(PlanError, match="file already exists"):
        env.create("b")
    with pytest.raises(PlanError, match="too large"):
        env.set("b", bytes(20_000))
