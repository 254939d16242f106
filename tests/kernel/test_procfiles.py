"""The files of /proc/n one by one, in what is not seen through test_devproc.py."""

import struct

import pytest

from vx9.fs.dir import DirChange
from vx9.fs.errors import PlanError
from vx9.kernel import fpregs, note
from vx9.kernel.dialect import BELL
from vx9.kernel.edf import parse_time
from vx9.kernel.note import NoteKind
from vx9.kernel.procctl import CONTROLS, split
from vx9.kernel.proctrace import TraceEvent
from vx9.vxcore import TrapKind

RFPROC, RFMEM, RFNOTEG = 16, 32, 8


# Every file

@pytest.mark.parametrize("name, mode", [
    ("args", 0o660), ("ctl", 0o640), ("fd", 0o444), ("fpregs", 0o640), ("kregs", 0o440),
    ("mem", 0o640), ("note", 0o640), ("noteid", 0o664), ("notepg", 0o640), ("ns", 0o444),
    ("proc", 0o440), ("profile", 0o440), ("regs", 0o640), ("segment", 0o444), ("status", 0o444),
    ("syscall", 0o440), ("text", 0o640), ("wait", 0o440),
])
def test_modes(kernel, spinner, name, mode):
    server = kernel.devices["p"]

    async def stat():
        fid, _ = await server.walk(await server.attach("glenda", ""), (str(spinner.pid), name))
        return await server.stat(fid)

    d = kernel.call(stat)
    assert d.mode == mode and d.name == name and d.uid == "glenda"
    assert d.qid.vers == spinner.pid
    assert d.length == {"status": 176, "regs": 76, "kregs": 76, "fpregs": 108}.get(name, 0)


def test_chmod_sets_the_mode_of_all_and_adds_its_read_bits_to_the_others(kernel, proc, spinner):
    server = kernel.devices["p"]
    status = proc(f"{spinner.pid}/status")
    kernel.call(server.wstat, status.fid, DirChange(mode=0o604))
    assert proc(f"{spinner.pid}/mem").stat().mode == 0o604
    assert proc(f"{spinner.pid}/wait").stat().mode == 0o404
    with pytest.raises(PlanError, match="permission denied"):
        kernel.call(server.wstat, status.fid, DirChange(name="other"))
    kernel.call(server.wstat, status.fid, DirChange(uid="other"))
    assert spinner.user == "other"


@pytest.mark.parametrize("name", ["fd", "kregs", "ns", "proc", "profile", "segment"])
def test_files_that_are_only_read(proc, spinner, name):
    for mode in (1, 2, 16):
        with pytest.raises(PlanError, match="permission denied"):
            proc(f"{spinner.pid}/{name}", mode)


# fd, args, note, noteid, notepg

def test_fd_lines_and_how_much_one_read_gives(guest, proc, kernel):
    def script(g):
        for _ in range(6):
            yield from g.call("open", g.text("#c/null"), 2)
        yield from g.call("open", g.text("#c/zero"), 0)
        yield from g.call("open", g.text("#c/null"), 1)
        while True:
            yield from g.call("sleep", 1000)

    p = guest(script)
    kernel.sched.drain()
    file = proc(f"{p.pid}/fd")
    first = file.read()
    assert len(first) == 256
    text, offset = b"", 0
    while piece := file.read(8192, offset):
        text, offset = text + piece, offset + len(piece)
    lines = text.decode().splitlines()
    assert lines[0] == "/" and len(lines) == 9
    assert lines[1][:12] == "  0 rw c    " and lines[7][:9] == "  6 r  c " and lines[8][:9] == "  7 w  c "
    fields = lines[1].split()
    assert len(fields) == 10 and fields[4].startswith("(") and fields[9] == "#c/null"


def test_args_are_quoted_cut_and_written_over(proc, spinner):
    spinner.args = ["prog", "two words", "it's", "", "a=b"]
    args = proc(f"{spinner.pid}/args", 2)
    assert args.read() == b"prog 'two words' 'it''s' '' a=b"
    spinner.args = ["prog", "x" * 200]
    assert args.read() == b"prog " + b"x" * 122
    for bad, why in ((b"", "too small"), (b"x" * 128, "too large")):
        with pytest.raises(PlanError, match=why):
            args.write(bad)
    args.write(b"busy\0rest")
    assert args.read() == b"script [busy]"


def test_a_note_that_is_read_is_gone_and_no_longer_interrupts(proc, spinner, kernel):
    kernel.sched.drain()
    proc(f"{spinner.pid}/ctl", 1).write(b"stop")
    for text in ("first note", "second"):
        note.post(spinner, text, NoteKind.USER)
    file = proc(f"{spinner.pid}/note", 2)
    with pytest.raises(PlanError, match="too small"):
        file.read(0)
    assert file.read(6) == b"first\0"
    assert file.read() == b"second\0" and file.read() == b""
    proc(f"{spinner.pid}/ctl", 1).write(b"start")
    kernel.sched.drain()
    assert spinner.state() == "Sleep"


def test_six_notes_do_not_fit(proc, spinner):
    file = proc(f"{spinner.pid}/note", 1)
    for i in range(5):
        file.write(b"note %d" % i)
    with pytest.raises(PlanError, match="note not posted"):
        file.write(b"one too many")


def test_noteid(proc, spinner, guest, kernel):
    def script(g):
        while True:
            yield from g.call("sleep", 1000)

    other = guest(script)
    file = proc(f"{spinner.pid}/noteid", 2)
    assert file.read() == b"%11d " % spinner.noteid
    with pytest.raises(PlanError, match="bad arg"):
        file.write(b"999999")
    file.write(b"%d" % other.noteid)
    assert spinner.noteid == other.noteid
    file.write(b" %d\n" % spinner.pid)  # a group of its own, by its own number
    assert spinner.noteid == spinner.pid
    other.user = "mallory"
    with pytest.raises(PlanError, match="permission denied"):
        file.write(b"%d" % (other.noteid,) if other.noteid != spinner.noteid else b"12345")


def test_notepg_means_the_group_at_the_time_of_the_open(proc, guest, kernel):
    def script(g):
        yield from g.call("notify", 0x1200)
        while True:
            yield from g.call("sleep", 1000)

    a, b, c = (guest(script) for _ in range(3))
    b.noteid = c.noteid = a.noteid
    with pytest.raises(PlanError, match="permission denied"):
        proc(f"{a.pid}/notepg", 2)
    file = proc(f"{a.pid}/notepg", 1)
    file.fid.proc = b
    a.noteid = 77
    assert file.write(b"hello") == 5
    assert [len(p.notes) for p in (a, b, c)] == [0, 0, 1]
    a.kill()
    kernel.sched.drain()
    assert file.write(b"again") == 5  # although a is no more
    with pytest.raises(PlanError, match="too large"):
        file.write(b"x" * 127)


def test_what_only_some_dialects_have(kernel, proc, spinner):
    assert proc(f"{spinner.pid}/ppid").read() == b"%11d " % 0
    file = proc(f"{spinner.pid}/notefpregs")
    with pytest.raises(PlanError, match="no saved registers"):
        file.read()
    kernel.sched.drain()
    spinner.notify = 0x1200
    note.post(spinner, "hello", NoteKind.USER)
    kernel.sched.drain()
    assert spinner.notified and len(file.read()) == 108
    kernel.dialect = BELL
    for name in ("ppid", "notefpregs"):
        with pytest.raises(PlanError, match="does not exist"):
            proc(f"{spinner.pid}/{name}")
    with pytest.raises(PlanError, match="unknown control message"):
        proc(f"{spinner.pid}/ctl", 1).write(b"interrupt")


# Registers

def test_regs_keep_selectors_and_system_flags(proc, spinner, kernel):
    proc(f"{spinner.pid}/ctl", 1).write(b"stop")
    regs = proc(f"{spinner.pid}/regs", 2)
    words = list(struct.unpack("<19I", regs.read()))
    assert words[15] == 0x23 and words[18] == 0x1B and words[12] == 64
    words[15], words[18], words[8] = 7, 8, 9
    words[16] = 0xFFFFFFFF
    words[14] = 0x1104
    assert regs.write(struct.pack("<19I", *words)) == 76
    after = struct.unpack("<19I", regs.read())
    assert after[15] == 0x23 and after[18] == 0x1B and after[8] == 0x1B and after[14] == 0x1104
    assert after[16] & 0xD5 == 0xD5 and not after[16] & 0x3D00
    assert regs.write(b"\x01\x02", 75) == 1 and regs.write(b"x", 76) == 0
    assert regs.read(4, 56) == (0x1104).to_bytes(4, "little") and regs.read(4, 76) == b""
    assert proc(f"{spinner.pid}/kregs").read() == bytes(76)


def test_registers_of_a_guest_that_computes_are_not_to_be_had(proc, spinner):
    spinner.computes = True
    with pytest.raises(PlanError, match="control request"):
        proc(f"{spinner.pid}/regs", 2).write(b"xxxx")
    with pytest.raises(PlanError, match="control request"):
        proc(f"{spinner.pid}/fpregs", 2).write(b"xxxx")


def test_fpregs_are_an_fsave_image(proc, spinner):
    proc(f"{spinner.pid}/ctl", 1).write(b"stop")
    one = struct.pack("<QH", 1 << 63, 0x3FFF)
    file = proc(f"{spinner.pid}/fpregs", 2)
    image = bytearray(file.read())
    assert len(image) == fpregs.SIZE == 108
    image[0:2] = (0x0272).to_bytes(2, "little")
    image[4:6] = (6 << 11).to_bytes(2, "little")  # two registers in use
    image[8:10] = (0x4FFF).to_bytes(2, "little")
    image[28:38], image[38:48] = one, bytes(10)
    assert file.write(bytes(image)) == 108
    back = file.read()
    assert back[0:2] == b"\x72\x02" and back[28:38] == one
    assert struct.unpack("<H", back[8:10])[0] == 0x4FFF  # valid in 6, zero in 7, the rest empty
    assert file.read(10, 28) == one


def test_tags_of_fsave():
    fx = bytearray(512)
    struct.pack_into("<HHB", fx, 0, 0x37F, 0, 0xFF)
    values = [(0, 0), (1 << 63, 0x3FFF), (1, 0), (1 << 63, 0x7FFF), (1 << 62, 0x3FFF)]
    for i, value in enumerate(values):
        struct.pack_into("<QH", fx, 32 + 16 * i, *value)
    tags = struct.unpack_from("<H", fpregs.to_fsave(bytes(fx)), 8)[0]
    assert [tags >> 2 * i & 3 for i in range(5)] == [1, 0, 2, 2, 2]
    assert fpregs.from_fsave(fpregs.to_fsave(bytes(fx)), bytes(fx)) == bytes(fx)


# mem, segment, profile, text

def test_mem_is_written_only_while_stopped(proc, spinner, kernel):
    mem = proc(f"{spinner.pid}/mem", 2)
    for address in (0x2000, 0x1100):
        with pytest.raises(PlanError, match="control request"):
            mem.write(b"x", address)
    proc(f"{spinner.pid}/ctl", 1).write(b"stop")
    assert mem.write(b"12345678", 0x2FFC) == 4  # up to the segment's end
    assert mem.read(8, 0x2FFC) == b"1234" and mem.read(4, 0x3000) == bytes(4)
    for address in (0, 0xFFF, 0xE0000000, 1 << 40):
        with pytest.raises(PlanError, match="bad arg"):
            mem.read(4, address)


def test_written_text_is_shown_as_data_and_lost_with_its_process(proc, guest, kernel):
    def child(g):
        while True:
            yield from g.call("sleep", 1000)

    def parent(g):
        yield from g.call("rfork", RFPROC)
        while True:
            yield from g.call("sleep", 1000)

    p = guest(parent, child)
    kernel.sched.drain()
    q = next(iter(p.children))
    assert b"Text   R  00001000 00002000    2" in proc(f"{q.pid}/segment").read()
    proc(f"{q.pid}/ctl", 1).write(b"stop")
    proc(f"{q.pid}/mem", 2).write(b"\xcc", 0x1100)
    assert proc(f"{q.pid}/segment").read().splitlines()[1] == b"Data      00001000 00002000    1"
    assert b"Text   R  00001000 00002000    1" in proc(f"{p.pid}/segment").read()
    assert p.mem.read(0x1100, 1) == b"\0"
    with pytest.raises(PlanError, match="control request"):
        proc(f"{q.pid}/ctl", 1).write(b"profile")


def test_profile(proc, spinner):
    file = proc(f"{spinner.pid}/profile")
    with pytest.raises(PlanError, match="profile is off"):
        file.read()
    proc(f"{spinner.pid}/ctl", 1).write(b"profile")
    assert b"Text   RP" in proc(f"{spinner.pid}/segment").read()
    spinner.space.text.count(0x1100, 30)
    spinner.space.text.count(0x9000, 10)  # elsewhere: only in the sum
    assert file.stat().length == 4 * 0x1000 // 8
    assert file.read(4) == struct.pack("<I", 40)
    assert file.read(4, 0x100 // 8 * 4) == struct.pack("<I", 30)


def test_text_of_the_scripted_is_not_there(proc, kernel, spinner):
    async def reopen():
        server = kernel.devices["p"]
        fid, _ = await server.walk(await server.attach("glenda", ""), (str(spinner.pid), "text"))
        return await server.reopen(fid, 0, kernel.boot)

    with pytest.raises(PlanError, match="process exited"):
        kernel.call(reopen)


# ctl

def test_words():
    assert split("pri 5\n") == ["pri", "5"] and split(" a 'b c' 'd''e'\0f") == ["a", "b c", "d'e", "f"]


@pytest.mark.parametrize("words, why", [
    ("pri x", "bad arg"), ("wired", "wrong #args"), ("wired 1 2", "wrong #args"),
    ("trace 1 2", "wrong #args"), ("admit", "edf params"), ("nosuch 'a b'", "nosuch 'a b'"),
    ("period 1x", "unrecognized unit"), ("period 1.", "ill-formed number"),
    ("cost 1.1234567890s", "too many digits"), ("startsyscall", "control request"),
    ("startstop", "control request"), ("pri 99999999999", "bad arg"),
])
def test_ctl_refuses(proc, spinner, words, why):
    with pytest.raises(PlanError) as caught:
        proc(f"{spinner.pid}/ctl", 1).write(words.encode())
    assert why in str(caught.value)


def test_every_word_of_the_manual_is_there():
    assert set(CONTROLS) == set("""close closefiles fixedpri hang nohang noswap kill pri private
        profile start startstop startsyscall stop waitstop wired trace period deadline cost
        sporadic deadlinenotes admit extra expel event interrupt nointerrupt""".split())


def test_pri_close_and_the_rest(proc, guest, kernel):
    def script(g):
        yield from g.call("open", g.text("#c/null"), 2)
        yield from g.call("open", g.text("#c/null"), 2)
        while True:
            yield from g.call("sleep", 1000)

    p = guest(script)
    kernel.sched.drain()
    ctl = proc(f"{p.pid}/ctl", 1)
    for words in (b"noswap", b"wired 0", b"close 0", b"pri 3", b"expel"):
        assert ctl.write(words) == len(words)
    assert p.priority == 3 and not p.fixed_priority
    assert proc(f"{p.pid}/status").read().split()[-2:] == [b"3", b"3"]
    ctl.write(b"fixedpri 25")
    assert p.priority == 19 and p.fixed_priority
    assert [fd for fd, _ in p.fds.open_fds()] == [1]
    ctl.write(b"closefiles")
    assert not p.fds.open_fds()
    kernel.eve = "somebody"
    ctl.write(b"pri 10")
    with pytest.raises(PlanError, match="permission denied"):
        ctl.write(b"pri 11")


def test_interrupt_without_a_note(proc, guest, kernel):
    seen = []

    def script(g):
        seen.append((yield from g.fails("sleep", 1000)))
        yield from g.call("exits", 0)

    p = guest(script)
    kernel.sched.drain()
    ctl = proc(f"{p.pid}/ctl", 1)
    ctl.write(b"nointerrupt")
    ctl.write(b"interrupt")
    kernel.sched.drain()
    assert seen == ["interrupted"] and p.dead and p.exit.status == ""


def test_times_of_real_time():
    assert parse_time("1") == parse_time("1s") == 1_000_000_000
    assert parse_time("1.5ms") == 1_500_000 and parse_time("20us") == parse_time("20µs") == 20_000
    assert parse_time("7ns") == 7 and parse_time(".25s") == 250_000_000


def test_real_time_is_asked_for_and_refused(proc, spinner):
    ctl = proc(f"{spinner.pid}/ctl", 1)
    for words, why in (("extra", "T not set"), ("period 10ms", "C not set"),
                       ("deadline 20ms", "C not set"), ("cost 1ms", "D > T"),
                       ("deadline 5ms", "not schedulable"), ("cost 6ms", "C > D"),
                       ("sporadic", "C > D"), ("deadlinenotes", "C > D")):
        ctl.write(words.encode())
        with pytest.raises(PlanError) as caught:
            ctl.write(b"admit")
        assert str(caught.value) == why


# trace

def test_trace(proc, guest, kernel):
    def script(g):
        for _ in range(2):
            yield from g.call("sleep", 10)
        yield from g.call("exits", 0)

    p, other = guest(script), guest(script)
    proc(f"{p.pid}/ctl", 1).write(b"trace")
    file = proc("trace")
    with pytest.raises(PlanError, match="already open"):
        proc("trace")
    proc(f"{p.pid}/ctl", 1, p).write(b"event")
    kernel.sched.run(lambda: p.dead and other.dead)
    records = list(struct.iter_unpack("<IIq", file.read(8192)))
    assert {pid for pid, _, _ in records} == {p.pid}
    events = [event for _, event, _ in records]
    assert events[0] == TraceEvent.USER and events[-1] == TraceEvent.DEAD
    assert TraceEvent.RUN in events and TraceEvent.SLEEP in events
    assert file.read(8192) == b"" and file.stat().mode == 0o444
    file.close()
    proc("trace").close()
    with pytest.raises(PlanError, match="permission denied"):
        proc("trace", 1)


# The dead and the private

def test_a_broken_process_keeps_memory_and_registers_but_no_files(guest, kernel, proc):
    def script(g):
        g.p.mem.write(0x2400, b"evidence")
        yield from g.call("open", g.text("#c/null"), 0)
        g.p.cpu.ebx = 0x1234
        yield from g.trap(TrapKind.ILLEGAL)

    p = guest(script)
    kernel.sched.drain()
    assert proc(f"{p.pid}/status").read()[56:68].split() == [b"Broken"]
    assert proc(f"{p.pid}/mem").read(8, 0x2400) == b"evidence"
    assert struct.unpack("<19I", proc(f"{p.pid}/regs").read())[4] == 0x1234
    assert proc(f"{p.pid}/fd").read() == b""
    with pytest.raises(PlanError, match="process exited"):
        proc(f"{p.pid}/ns").read()
    with pytest.raises(PlanError, match="control request"):
        proc(f"{p.pid}/mem", 2).write(b"x", 0x2400)
    ctl = proc(f"{p.pid}/ctl", 1)
    assert ctl.write(b"stop") == 4 and ctl.write(b"waitstop") == 8
    assert proc(f"{p.pid}/proc").read().startswith(b"pid %d\n" % p.pid)


def test_private_means_everybody(proc, spinner):
    ctl = proc(f"{spinner.pid}/ctl", 1, spinner)
    ctl.write(b"private")
    for name in ("mem", "note", "ctl"):
        with pytest.raises(PlanError, match="permission denied"):
            proc(f"{spinner.pid}/{name}", 0, spinner)
    assert proc(f"{spinner.pid}/regs").read()
