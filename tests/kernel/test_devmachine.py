"""#P, #r and #¶."""

import re

import pytest

from vx9.fs.dir import OWRITE
from vx9.fs.errors import PlanError


def fails(text):
    return pytest.raises(PlanError, match=re.escape(text) + "$")


def test_arch(v, kernel):
    kernel.cycle_hz = 2_595_000_000
    assert v.get("#P/cputype") == b"vx9 2595\n"
    assert v.get("#P/archctl").startswith(b"cpu vx9 2595\n")
    assert v.get("#P/ioalloc") == v.get("#P/irqalloc") == b""
    with fails("'#P/archctl' permission denied"):
        v.open("#P/archctl", OWRITE)


def test_the_clock(v, kernel):
    now = kernel.host.time_ns() // 10**9
    assert v.get("#r/rtc") == b"%11d " % now
    v.put("#r/rtc", b"1000000000\n")
    assert v.get("#r/rtc") == b" 1000000000 " and kernel.clock.seconds() == 10**9
    for bad in (b"", b"0", b"-1", b"x", b"1" * 40):
        with fails("bad time control"):
            v.put("#r/rtc", bad)
    c = v.open("#r/rtc", OWRITE)
    with fails("bad arg in system call"):
        v.write(c, b"1", 1)
    v.p.user = "mallory"
    c.fid.uid = "mallory"
    with fails("permission denied"):
        v.write(c, b"1", 0)
    v.p.user = "glenda"
    v.close(c)


def test_nvram(v):
    assert v.get("#r/nvram") == bytes(256) and v.stat("#r/nvram").length == 256
    c = v.open("#r/nvram", OWRITE)
    assert v.write(c, b"key", 10) == 3 and v.write(c, b"abcdef", 254) == 2
    assert v.write(c, b"x", 256) == 0
    with fails("bad arg in system call"):
        v.write(c, b"x", 257)
    v.close(c)
    assert v.get("#r/nvram")[8:14] == b"\0\0key\0"
    v.p.user = "none"
    with fails("permission denied"):
        v.get("#r/nvram")
    v.p.user = "glenda"


def test_swap_is_that_of_cons(v):
    assert v.get("#¶/swap") == v.get("#c/swap")
    assert v.put("#¶/swap", b"start") == 5
    with fails("fd out of range or not open"):
        v.put("#¶/swap", b"77")
