"""#c where the host owner sets things, and the files that tell of the machine at work."""

import re
import struct

import pytest

from vx9.fs.dir import ORDWR, OREAD, OWRITE
from vx9.fs.errors import PlanError

SECOND = 10**9


def fails(text):
    return pytest.raises(PlanError, match=re.escape(text) + "$")


@pytest.fixture
def mallory(v):
    """Somebody who is not the host owner, for the length of a block."""
    class Switch:
        def __enter__(self):
            v.p.user = "mallory"

        def __exit__(self, *_):
            v.p.user = "glenda"

    return Switch()


def bintime(v):
    return struct.unpack(">4Q", v.get("/dev/bintime", 32))


# Clocks

def test_time_is_set_in_seconds(v, host):
    v.put("/dev/time", b"1000000000")
    assert v.get("/dev/time")[:34] == b"%11d %21d " % (10**9, 10**18)
    host.now_ns += 5 * SECOND
    assert bintime(v)[0] == 10**18 + 5 * SECOND
    assert v.stat("/dev/time").atime == 10**9 + 5 == v.stat("/env").atime
    for bad in (b"0", b"-5", b"x", b"", b"1" * 40, b"9999999999999"):
        with fails("bad time control"):
            v.put("/dev/time", bad)


def test_the_clock_of_nsec_is_that_of_time(v, run):
    def script(g):
        at = g.room(8)
        yield from g.call("nsec", at)
        assert struct.unpack("<q", g.get(at, 8))[0] // SECOND == 77
        yield from g.call("exits", 0)

    v.put("/dev/time", b"77\n")
    assert run(script).exit.status == ""


def test_bintime_sets_trims_and_disciplines(v, host):
    v.put("/dev/bintime", b"n" + struct.pack(">q", 5 * SECOND))
    assert bintime(v)[0] == 5 * SECOND and bintime(v)[2] == SECOND
    v.put("/dev/bintime", b"d" + struct.pack(">qi", 1000, 10))  # 100 ns a second more
    host.now_ns += 5 * SECOND
    assert bintime(v)[0] == 10 * SECOND + 500
    v.put("/dev/bintime", b"f" + struct.pack(">Q", SECOND // 2))  # twice as fast
    assert bintime(v)[0] == 10 * SECOND + 500 and bintime(v)[2] == SECOND // 2
    host.now_ns += 20 * SECOND
    assert bintime(v)[0] == 50 * SECOND + 1000, "the rest of the trim, and no more"
    v.put("/dev/bintime", b"d" + struct.pack(">qi", -400, 0))
    host.now_ns += 1
    assert bintime(v)[0] == 50 * SECOND + 1000 - 400 + 2
    for bad in (b"", b"x", b"n", b"n1234567", b"d12345678123", b"f1234567",
                b"n" + struct.pack(">q", -1), b"f" + bytes(8), b"d" + struct.pack(">qi", 1, -1)):
        with fails("bad time control"):
            v.put("/dev/bintime", bad)


def test_clocks_stay_within_their_words(v, host):
    v.put("/dev/bintime", b"n" + struct.pack(">q", (1 << 63) - 1))
    v.put("/dev/bintime", b"f" + struct.pack(">Q", 1))
    v.put("/dev/bintime", b"d" + struct.pack(">qi", -(1 << 63), (1 << 31) - 1))
    host.now_ns += 1 << 40
    assert len(v.get("/dev/bintime", 32)) == 32 and len(v.get("/dev/time")) == 78
    v.stat("/dev/time")


def test_only_the_owner_sets(v, mallory):
    opened = [v.open(f"/dev/{name}", OWRITE)
              for name in ("time", "bintime", "reboot", "hostowner", "hostdomain", "swap")]
    with mallory:
        for c in opened:
            with fails("permission denied"):
                v.write(c, b"1", 0)
        for name in ("time", "bintime", "reboot", "hostowner", "hostdomain", "swap", "sysname"):
            with fails(f"'/dev/{name}' permission denied"):
                v.open(f"/dev/{name}", OWRITE)
        v.put("/dev/sysstat", b"")  # anybody's
    for c in opened:
        v.close(c)


# kprint

def test_kprint_gives_what_is_shown_from_its_opening_on(v, kernel):
    v.put("/dev/cons", b"before\n")
    c = v.open("/dev/kprint", OREAD)
    with fails("'/dev/kprint' device or object already in use"):
        v.open("/dev/kprint", OREAD)
    v.put("/dev/cons", b"during\n")
    assert v.read(c, 3) == b"dur" and v.read(c) == b"ing\n"
    reader = kernel.sched.spawn(c.read(v.p, 100))
    kernel.sched.drain()
    assert not reader.done
    v.put("/dev/cons", b"later\n")
    kernel.sched.drain()
    assert reader.result == b"later\n"
    v.put("/dev/cons", bytes(100_000))
    assert len(v.read(c, 100_000)) == 8192, "bounded"
    v.close(c)
    v.close(v.open("/dev/kprint", OREAD))
    assert v.get("/dev/kmesg", 1 << 20)[-1:] == b"\0"


# The machine

def test_config_lists_the_devices(v):
    config = v.get("/dev/config").decode()
    assert "dev\n" in config and "\tcons\n" in config and "int cpuserver = 0;" in config


def test_sysstat_has_a_line_for_each_processor(v):
    assert v.get("/dev/sysstat").count(b"\n") == 1
    v.kernel.processors = 3
    lines = v.get("/dev/sysstat").splitlines()
    assert [line.split()[0] for line in lines] == [b"0", b"1", b"2"]
    assert {len(line) for line in lines} == {120}


def test_sysstat_counts_until_it_is_written(v, run, host):
    def script(g):
        for _ in range(9):
            yield from g.call("sysr1")
        yield from g.call("exits", 0)

    v.put("/dev/sysstat", b"clear")
    run(script)
    fields = v.get("/dev/sysstat").split()
    assert len(fields) == 10 and fields[0] == b"0"
    switches, _events, calls, faults = map(int, fields[1:5])
    assert calls == 10 and faults == 0 and switches > 0
    assert int(fields[7]) // 10 + int(fields[8]) == 100
    v.put("/dev/sysstat", b"0")
    assert v.get("/dev/sysstat").split()[3] == b"0"


def test_swap_takes_a_file(v):
    assert b"\n0/0 swap\n" in v.get("/dev/swap")
    assert v.put("/dev/swap", b"start") == 5
    v.put("/tmp/swapfile", bytes(3 * 4096 + 1), create=True)
    c = v.open("/tmp/swapfile", ORDWR)
    fd = v.p.fds.install(c)
    v.put("/dev/swap", b"%d\n" % fd)
    assert b"\n0/3 swap\n" in v.get("/dev/swap") and c.refs == 2
    for bad, text in ((b"nonsense", "bad arg in system call"), (b"", "bad arg in system call"),
                      (b"77", "fd out of range or not open"),
                      (b"9" * 100, "fd out of range or not open"),
                      (b"1" * 300, "read or write too large")):
        with fails(text):
            v.put("/dev/swap", bad)
    v.close(v.p.fds.remove(fd))


def test_reboot_refuses_what_it_does_not_know(v):
    for bad, text in ((b"", "empty control message"), (b"halt now", 'wrong #args in control message '
                      '"halt now"'), (b"explode it", 'unknown control message "explode it"'),
                      (b"reboot /nope", "'/nope' file does not exist")):
        with fails(text):
            v.put("/dev/reboot", bad)
    v.put("/tmp/9pc", b"kernel", create=True)
    with fails("'/tmp/9pc' permission denied"):
        v.put("/dev/reboot", b"reboot /tmp/9pc")
    with fails("permission denied"):
        v.get("/dev/reboot")


@pytest.mark.parametrize("word", [b"halt", b"reboot\n", b"panic"])
def test_reboot_ends_all_processes(v, kernel, guest, word):
    def script(g):
        while True:
            yield from g.call("sleep", 1000)

    procs = [guest(script), guest(script)]
    kernel.sched.drain()
    v.put("/dev/reboot", word)
    kernel.sched.run(lambda: all(p.dead for p in procs))
    assert (b"panic: /dev/reboot\n" in v.get("/dev/kmesg", 1 << 20)) == (word == b"panic")


def test_what_the_host_started_ends_well_at_a_halt(kernel, guest):
    from vx9.kernel.handle import Handle

    def script(g):
        fd = yield from g.call("open", g.text("/dev/reboot"), 1)
        yield from g.call("pwrite", fd, g.text("halt"), 4, -1)

    p = guest(script)
    handle = kernel._handles[p] = Handle(kernel, p)
    kernel.sched.run(lambda: p.dead)
    assert handle.wait(0).code == 0


# Taking devices away

def test_chdev_takes_devices_from_a_name_space(v):
    v.p.ns = v.p.ns.copy()
    v.put("/dev/drivers", b"chdev &~ sU")
    for sharp in ("#s", "#U1"):
        with fails("mount/attach disallowed"):
            v.stat(sharp)
    assert "#s srv" not in v.get("/dev/drivers").decode().splitlines()
    assert v.stat("#c/null")
    v.put("/dev/drivers", b"chdev & cUe\n")
    with fails("mount/attach disallowed"):
        v.stat("#U1")
    with fails("mount/attach disallowed"):
        v.stat("#p")
    assert v.p.ns.copy().denied == v.p.ns.denied and "M" in v.p.ns.denied
    assert v.get("/dev/drivers") == b"#c cons\n#e env\n"
    v.put("/dev/drivers", b"chdev ~")
    with fails("mount/attach disallowed"):
        v.stat("#c")
    assert v.get("/dev/null") == b"", "what is bound remains"


def test_chdev_is_checked(v):
    for bad, text in ((b"", "empty control message"),
                      (b"format c:", 'unknown control message "format c:"'),
                      (b"chdev", 'wrong #args in control message "chdev"'),
                      (b"chdev & ", 'wrong #args in control message "chdev &"'),
                      (b"chdev + c", 'wrong #args in control message "chdev + c"'),
                      (b"chdev & c d", 'wrong #args in control message "chdev & c d"')):
        with fails(text):
            v.put("/dev/drivers", bad)
    assert not v.p.ns.denied
