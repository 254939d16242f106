"""vx9 run on programs made of a few bytes of machine code, and on files that are none."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.guest, pytest.mark.timeout(120)]

LOOP = b"\xeb\xfe"


def exits(message: bytes) -> bytes:
    """exits(message): the string lies behind the code."""
    code = b"\x68" + (0x1020 + 14).to_bytes(4, "little") + b"\x6a\x00\xb8\x08\0\0\0\xcd\x40"
    return code + message + b"\0"


@pytest.mark.parametrize(("message", "status"), [
    (b"", 0), (b"0", 0), (b"42", 42), (b"255", 255), (b"256", 1), (b"no such luck", 1), (b"-1", 1)])
def test_the_exit_status_is_the_guests(program, vx9, message, status):
    done = vx9("run", program(exits(message)))
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"")


# What a guest does to itself: name, code, status, what is said of it
DEATHS = (
    ("read", b"\xa1\x00\x00\x00\x00", 139, "sys: trap: fault read addr=0x0 pc=0x00001020"),
    ("beyond", b"\xa1\xf0\xff\xff\xff", 139, "sys: trap: fault read addr=0xfffffff0 pc=0x00001020"),
    ("text", b"\xc7\x05\x20\x10\0\0\0\0\0\0", 139, "sys: trap: fault write addr=0x1020 pc=0x00001020"),
    ("jump", b"\xb8\0\0\0\x20\xff\xe0", 139, "sys: trap: fault read addr=0x20000000 pc=0x20000000"),
    ("divide", b"\x31\xc9\xf7\xf1", 136, "sys: trap: divide error pc=0x00001022"),
    ("illegal", b"\x0f\x0b", 132, "sys: trap: invalid opcode pc=0x00001020"),
    ("halt", b"\xf4", 139, "sys: trap: general protection violation pc=0x00001020"),
    ("breakpoint", b"\xcc", 133, "sys: breakpoint pc=0x00001020"),
)


@pytest.mark.parametrize(("name", "code", "status", "says"), DEATHS, ids=[row[0] for row in DEATHS])
def test_deaths_are_one_line_with_the_exact_place(program, vx9, name, code, status, says):
    done = vx9("run", program(code, name))
    assert done.stderr.decode() == f"{name} 1: suicide: {says}\n"
    assert (done.returncode, done.stdout) == (status, b"")


# Files that are no programs: name, contents, status, what is said of it
WRONG = (
    ("text", b"just some words, more than a header of a program has bytes\n", 126, "it is not a program"),
    ("empty", b"", 126, "it is empty"),
    ("short", b"\0\0\x01\xeb\0\0", 126, "it is too short to be a program"),
    ("amd64", bytes.fromhex("00008a97") + bytes(64), 126, "a Plan 9 program for amd64"),
    ("elf64", b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\x00" + bytes(60), 126, "ELF64 x86-64 program"),
    ("truncated", bytes.fromhex("000001eb 00001000 00000000 00000000 00000000 00001020 00000000 00000000"),
     126, "a truncated Plan 9 program: its header promises 4128 bytes and it has 32"),
    ("entry", bytes.fromhex("000001eb 00000010 00000000 00000000 00000000 00009999 00000000 00000000")
     + bytes(16), 126, "its a.out header is invalid"),
    ("nointerp", b"#!/bin/nothing\n", 126, "its interpreter /bin/nothing does not exist"),
)


@pytest.mark.parametrize(("name", "contents", "status", "says"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_files_are_one_line(tmp_path, vx9, name, contents, status, says):
    path = tmp_path / name
    path.write_bytes(contents)
    path.chmod(0o755)
    done = vx9("run", path)
    assert done.stderr.decode().startswith(f"vx9: {path}: ")
    assert says in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert (done.returncode, done.stdout) == (status, b"")


@pytest.mark.parametrize(("arguments", "status", "says"), [
    (["./nothing"], 127, "vx9: ./nothing: file does not exist; check the name\n"),
    (["nothing"], 127, "vx9: nothing: file does not exist; check the name\n"),
    (["/bin/nothing"], 127, "vx9: /bin/nothing: file does not exist; check the name\n"),
    (["."], 126, "vx9: .: a folder, not a program; name a file in it\n"),
    (["--cwd", "/nowhere", "hello"], 125, "vx9: --cwd /nowhere: file does not exist; name a folder of the guest\n"),
    (["--root", "nowhere", "hello"], 125, "vx9: --root nowhere: no such folder on the host"),
    (["--bind", "nowhere", "hello"], 125, "vx9: --bind nowhere: nowhere does not exist on the host"),
    (["--strace=/nowhere/f", "hello"], 125, "vx9: --strace=/nowhere/f: No such file"),
    (["--env", "NOT_SET_ANYWHERE", "hello"], 125, "vx9: --env NOT_SET_ANYWHERE: the host has no such variable"),
    (["--memory", "much", "hello"], 125, "'much' is not a size"),
    ([], 125, "program"),
])
def test_what_cannot_be_done_is_one_line(vx9, tmp_path, arguments, status, says):
    done = vx9("run", *arguments, cwd=tmp_path)
    assert says in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert (done.returncode, done.stdout) == (status, b"")


def test_a_loop_ends_at_its_time_limit(program, vx9):
    path = program(LOOP)
    begin = time.monotonic()
    done = vx9("run", "--timeout", "0.3", path)
    assert done.stderr.decode() == f"vx9: {path}: time limit of 0.3 s reached; give a longer --timeout\n"
    assert done.returncode == 124
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(("number", "status"), [
    (signal.SIGINT, 130), (signal.SIGQUIT, 131), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_a_loop(program, number, status):
    process = subprocess.Popen([sys.executable, "-P", "-m", "vx9", "run", program(LOOP)],
                               stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)  # until its handlers are there, the signal means something else
            if caught(process.pid, number):
                process.send_signal(number)
                break
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == status
    assert errors == b""


def caught(pid: int, number: int) -> bool:
    """Whether the process has a handler of its own for a signal other than SIGINT's default one."""
    with open(f"/proc/{pid}/status") as file:
        mask = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt"))
    return bool(mask >> (signal.SIGQUIT - 1) & 1 and mask >> (number - 1) & 1)


def test_out_of_memory_at_the_start(vx9, program):
    path = program(exits(b""), bss=1 << 20)
    done = vx9("run", "--memory", "256K", path)
    assert done.stderr.decode() == (
        f"vx9: {path}: virtual memory allocation failed; give a larger --memory\n")
    assert done.returncode == 137


def test_strace_prints_calls_with_arguments_and_results(vx9):
    done = vx9("run", "--strace", "echo", "hi")
    assert done.stdout == b"hi\n"
    assert b'"hi\\n", 3, -1) = 3 <' in done.stderr


def test_root_is_the_guests_root(vx9, tmp_path):
    (tmp_path / "here").write_text("in the root\n")
    done = vx9("run", "--root", tmp_path, "cat", "/here")
    assert (done.stdout, done.stderr) == (b"in the root\n", b"")
    done = vx9("run", "--root", tmp_path, "cat", tmp_path / "here")
    assert b"does not exist" in done.stderr
    assert done.returncode == 1


def test_a_program_of_the_root(vx9, tmp_path, program):
    (tmp_path / "386").mkdir()
    program(exits(b"9")).rename(tmp_path / "386/nine")
    assert vx9("run", "--root", tmp_path, "/386/nine").returncode == 9
    assert vx9("run", "--root", tmp_path, "386/nine").returncode == 9


def test_the_current_folder_is_seen_and_nothing_beside_it(vx9, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("seen\n")
    (tmp_path / "secret").write_text("unseen\n")
    (tmp_path / "in/link").symlink_to("../secret")
    assert vx9("run", "pwd", cwd=tmp_path / "in").stdout.decode() == f"{tmp_path}/in\n"
    assert vx9("run", "cat", "file", cwd=tmp_path / "in").stdout == b"seen\n"
    for name in ("../secret", "link", tmp_path / "secret", "/etc/passwd"):
        done = vx9("run", "cat", name, cwd=tmp_path / "in")
        assert (done.stdout, done.returncode) == (b"", 1), name


def test_streams_are_lent_byte_for_byte(vx9):
    data = os.urandom(1 << 20)
    done = vx9("run", "cat", input=data)
    assert done.stdout == data
    assert vx9("run", "cat", stdin=subprocess.DEVNULL, input=None).stdout == b""


def test_a_reader_that_goes_away_ends_the_writer(vx9_prefix):
    done = subprocess.run(["sh", "-c", f"{vx9_prefix} run cat /dev/zero | head -c 5 | wc -c; true"],
                          capture_output=True, timeout=30)
    assert done.stdout.split() == [b"5"]


def test_guests_that_were_left_behind_end(vx9):
    done = vx9("-c", "sleep 1000 &", timeout=20)
    assert done.returncode == 0


def test_code_runs_only_through_the_translator(program):
    """No page of guest memory is executable on the host, and the fragment counters move."""
    script = f"""
import json, time
from vx9.kernel.kernel import Kernel
kernel = Kernel(); kernel.start()
kernel.bind_host({str(program(LOOP).parent)!r}, "/n/x")
handle = kernel.spawn(["/n/x/prog"], stdin=None, stdout=None, stderr=None)
time.sleep(0.2)
[proc] = kernel.procs.values()
stats = proc.space.memory.code.stats()
maps = [line.split() for line in open("/proc/self/maps")]
low = [m for m in maps if int(m[0].split("-")[0], 16) < 1 << 32 and "x" in m[1]]
writable = [m for m in maps if "x" in m[1] and "w" in m[1]]
handle.kill(); handle.wait(); kernel.stop()
print(json.dumps([stats["fragments"], [m[0] for m in low], writable]))
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    fragments, low, writable = json.loads(done.stdout)
    assert fragments > 0
    assert writable == []
    assert len(low) <= 4, low  # the arena of translated code, and nothing of any guest
