"""The process device, over scripted processes."""

import pytest

from vx9.fs.errors import PlanError
from vx9.vxcore import TrapKind


def test_status_has_the_measured_layout(proc, spinner, kernel):
    kernel.sched.drain()
    status = proc(f"{spinner.pid}/status").read()
    assert len(status) == 28 + 28 + 12 + 9 * 12 == 176
    assert status[:28].split() == [b"script"] and status[28:56].split() == [b"glenda"]
    assert status[56:68].split() == [b"Sleep"]
    assert [len(w) for w in status[68:].split()] and status[68 + 11:68 + 12] == b" "


def test_the_folder_holds_processes_and_their_files(kernel, spinner):
    server = kernel.devices["p"]

    async def listing():
        root = await server.attach("glenda", "")
        inside, _ = await server.walk(root, (str(spinner.pid),))
        return ([d.name for d in await server.readdir(root)],
                [d.name for d in await server.readdir(inside)])

    pids, names = kernel.call(listing)
    assert pids == ["trace", str(spinner.pid)]
    assert names == ["args", "ctl", "fd", "fpregs", "kregs", "mem", "note", "noteid", "notepg",
                     "ns", "proc", "regs", "segment", "status", "text", "wait", "profile",
                     "syscall", "notefpregs", "ppid"]


@pytest.mark.parametrize("name", ["0", "99999", "01", "+1", "-1", "x", "1" * 50, "١"])
def test_no_such_process(proc, spinner, name):
    with pytest.raises(PlanError, match="file does not exist"):
        proc(f"{name}/status")


def test_everything_ends_with_the_process(proc, spinner, kernel):
    files = [proc(f"{spinner.pid}/{name}") for name in ("status", "fd", "ns", "args", "mem")]
    spinner.kill()
    kernel.sched.drain()
    for file in files:
        with pytest.raises(PlanError, match="process exited"):
            file.read()


def test_kill_is_unconditional(proc, spinner, kernel):
    spinner.notify = 0x1200
    assert proc(f"{spinner.pid}/ctl", 1).write(b"kill\n") == 5
    kernel.sched.drain()
    assert spinner.dead and spinner.exit.status == "Killed"


@pytest.mark.parametrize("words, message", [
    (b"badcmd", 'unknown control message "badcmd"'),
    (b"pri", 'wrong #args in control message "pri"'),
    (b"kill now", 'wrong #args in control message "kill now"'),
    (b"", "empty control message"), (b" \n", "empty control message"),
    (b"pri x", "bad arg in system call"), (b"close 99", "fd out of range or not open"),
    (b"start", "bad process or channel control request"),
    (b"close 99999999999999999999", "bad arg in system call"),
    (b"\xff\xfe", "unknown control message"),
])
def test_control_messages_that_are_refused(proc, spinner, words, message):
    with pytest.raises(PlanError) as caught:
        proc(f"{spinner.pid}/ctl", 1).write(words)
    assert message in str(caught.value)


def test_notes_through_the_files(proc, spinner, kernel):
    kernel.sched.drain()
    with pytest.raises(PlanError, match="too large"):
        proc(f"{spinner.pid}/note", 1).write(b"x" * 127)
    proc(f"{spinner.pid}/ctl", 1).write(b"stop")
    for text in (b"one", b"two"):
        proc(f"{spinner.pid}/note", 1).write(text)
    assert proc(f"{spinner.pid}/note").read() == b"one\0"
    assert proc(f"{spinner.pid}/notepg", 1).write(b"interrupt") == 9
    assert [n.text for n in spinner.notes] == ["two", "interrupt"]


def test_stop_look_change_and_go_on(guest, proc, kernel):
    def script(g):
        for _ in range(10):
            yield from g.call("sleep", 10)
        yield from g.call("exits", g.text(str(g.p.cpu.ebx)))

    p = guest(script)
    kernel.sched.drain()
    ctl, mem = proc(f"{p.pid}/ctl", 1), proc(f"{p.pid}/mem", 2)
    with pytest.raises(PlanError, match="control request"):
        mem.write(b"x", 0x2000)
    ctl.write(b"stop")
    assert p.stopped and proc(f"{p.pid}/status").read()[56:68].split() == [b"Stopped"]
    assert mem.write(b"changed", 0x2800) == 7 and mem.read(7, 0x2800) == b"changed"
    regs = proc(f"{p.pid}/regs", 2)
    assert len(regs.read()) == 76
    regs.write((77).to_bytes(4, "little"), 16)
    with pytest.raises(PlanError, match="bad arg"):
        mem.read(4, 0x100)
    ctl.write(b"start")
    kernel.sched.run(lambda: p.dead)
    assert p.exit.status == "77"


def test_a_breakpoint_written_to_text_is_ones_own(guest, proc, kernel):
    def script(g):
        while True:
            yield from g.call("sleep", 10)

    p = guest(script)
    shared = p.space.text.obj
    proc(f"{p.pid}/ctl", 1).write(b"stop")
    mem = proc(f"{p.pid}/mem", 2)
    mem.write(b"\xcc", 0x1100)
    assert mem.read(1, 0x1100) == b"\xcc" == p.mem.read(0x1100, 1)
    assert shared.read(0x100, 1) == b"\0"


def test_private_processes(proc, spinner):
    proc(f"{spinner.pid}/ctl", 1).write(b"private")
    for name in ("mem", "note", "ctl"):
        with pytest.raises(PlanError, match="permission denied"):
            proc(f"{spinner.pid}/{name}")


def test_other_users_and_none(proc, spinner, kernel):
    class Other:
        user = "mallory"

    class Nobody:
        user = "none"

    for by, name in ((Other, "mem"), (Other, "ctl"), (Nobody, "status"), (Nobody, "note")):
        with pytest.raises(PlanError, match="permission denied"):
            proc(f"{spinner.pid}/{name}", 0, by)


def test_segment_fd_args_and_ns(proc, spinner):
    lines = proc(f"{spinner.pid}/segment").read().decode().splitlines()
    assert [line.split()[0] for line in lines] == ["Stack", "Text", "Data", "Bss"]
    assert lines[1].startswith("Text   R  00001000 00002000")
    assert proc(f"{spinner.pid}/fd").read() == b"/\n"
    args = proc(f"{spinner.pid}/args", 1)
    args.write(b"main loop")
    assert proc(f"{spinner.pid}/args").read() == b"script [main loop]"
    ns = proc(f"{spinner.pid}/ns")
    lines = []
    while line := ns.read():
        lines.append(line)
    assert lines[-1] == b"cd /\n"


def test_wait_gives_a_record_to_others(run, proc, kernel, guest):
    def child(g):
        yield from g.call("exits", g.text("gone"))

    def parent(g):
        yield from g.call("rfork", 16)
        yield from g.trap(TrapKind.QUANTUM)
        while True:
            yield from g.call("sleep", 1000)

    p = guest(parent, child)
    assert proc(f"{p.pid}/wait").read().decode().endswith(": gone'")
    kernel.sched.after(50, p.kill)
    with pytest.raises(PlanError, match="process exited"):  # others wait, whatever it has
        proc(f"{p.pid}/wait").read()


def test_only_the_newest_broken_processes_are_kept(guest, kernel, proc):
    def script(g):
        yield from g.trap(TrapKind.ILLEGAL)

    procs = [guest(script) for _ in range(6)]
    kernel.sched.drain()
    assert [p.pid in kernel.procs for p in procs] == [False, False, True, True, True, True]
    last = procs[-1]
    assert proc(f"{last.pid}/mem").read(1, 0x2000) == b"\0"
    proc(f"{last.pid}/ctl", 1).write(b"kill")
    assert last.pid not in kernel.procs and last.space is None
