"""Unmodified Go programs: output, arguments, files, threads, notes and exit statuses."""

import os
import re
import signal
import subprocess
import time

import pytest

pytestmark = [pytest.mark.go, pytest.mark.guest, pytest.mark.timeout(120)]


def test_hello(go_programs, vx9):
    done = vx9("run", go_programs("hello"))
    assert (done.stdout, done.stderr, done.returncode) == (b"hello, world\n", b"", 0)


def test_arguments_input_and_status_pass_through_byte_for_byte(go_programs, vx9):
    data = bytes(range(256)) * 300
    done = vx9("run", "--env", "STATUS=42", go_programs("hello"), "a b", "", "--rw", "-c", "grün",
               input=data)
    head = 'hello, world\n1 "a b"\n2 ""\n3 "--rw"\n4 "-c"\n5 "grün"\n'.encode()
    assert done.stdout == head + data
    assert (done.stderr, done.returncode) == (b"", 42)


def test_goroutines_timers_collector_and_recovered_faults(go_programs, vx9):
    done = vx9("run", go_programs("goroutines"))
    assert done.stdout.decode().splitlines() == [
        "channels ok", "locks ok", "timers ok", "garbage ok", "faults ok", "PASS"]
    assert (done.stderr, done.returncode) == (b"", 0)


@pytest.fixture
def folder(tmp_path):
    """Two files and a folder."""
    (tmp_path / "one").write_text("a\nb\n")
    (tmp_path / "two words").write_text("")
    (tmp_path / "sub").mkdir()
    return tmp_path


LISTING = "one 4 2\nsub/\ntwo words 0 0\nmissing: true\n"


def test_reads_a_folder_and_its_files(go_programs, vx9, folder):
    done = vx9("run", go_programs("files"), ".", cwd=folder)
    assert done.stdout.decode() == LISTING + f"in {folder}\n"
    assert (done.stderr, done.returncode) == (b"", 0)


def test_writes_new_files_with_rw(go_programs, vx9, folder):
    done = vx9("run", "--rw", go_programs("files"), ".", "sub", cwd=folder)
    assert done.stdout.decode() == LISTING + (
        f"same: true\nsize: 1000 true\nremoved: true\ntemporary: true\nin {folder}\n")
    small = (folder / "sub/new/deeper/small").read_bytes()
    assert len(small) == 1000
    assert small[98:104] == b"23XY67"


def test_writes_nothing_without_rw(go_programs, vx9, folder):
    done = vx9("run", go_programs("files"), ".", "sub", cwd=folder)
    assert done.returncode == 1
    assert b"FAIL: mkdir sub" in done.stdout
    assert list((folder / "sub").iterdir()) == []


def test_binds(go_programs, vx9, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "there").write_text("x\n")
    done = vx9("run", "--bind", f"{other}:/n/other:rw", go_programs("files"), "/n/other", "/n/other",
               cwd=folder)
    assert done.stdout.decode().startswith("there 2 1\nmissing: true\nsame: true\n")
    assert done.returncode == 0
    assert (other / "new/deeper/small").stat().st_size == 1000


@pytest.mark.parametrize(("how", "status", "says"), [
    ("nil", 2, "nil pointer dereference"), ("divide", 2, "integer divide by zero"),
    ("panic", 2, "panic: as asked"), ("deadlock", 2, "all goroutines are asleep - deadlock!"),
])
def test_crashes_end_with_gos_own_report_and_status(go_programs, vx9, how, status, says):
    done = vx9("run", go_programs("crash"), how)
    assert done.returncode == status
    assert says in done.stderr.decode()
    assert "main.main()" in done.stderr.decode()


def test_no_memory_left(go_programs, vx9):
    done = vx9("run", "--memory", "64M", go_programs("hog"))
    assert done.returncode == 137
    lines = done.stderr.decode().splitlines()
    ours = [line for line in lines if line.startswith("vx9: ")]
    assert len(ours) == 1, ours
    assert ours[0].startswith(f"vx9: {go_programs('hog')}: memory limit of 64M reached ")
    assert ours[0].endswith("; --memory raises it")


@pytest.fixture
def started(go_programs):
    """A guest that has begun: started("wait") is its Popen."""
    running = []

    def start(how: str, *options: str) -> subprocess.Popen:
        import sys
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vx9", "run", *options, go_programs("crash"), how],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process
    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_an_interrupt_is_a_note_that_the_guest_may_catch(started):
    process = started("wait")
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("got interrupt\n", "")
    assert process.returncode == 7


def test_an_interrupt_ends_a_guest_that_does_not_catch_it(started):
    process = started("loop")
    time.sleep(1)  # the loop says nothing that one could wait for
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_a_guest_that_ignores_interrupts_is_killed_in_the_end(started):
    process = started("deaf")
    assert process.stdout.readline() == "waiting\n"
    while process.poll() is None:  # also while vx9 cleans up
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_quit_makes_go_print_its_goroutines(started):
    process = started("sleep")
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGQUIT)
    _, errors = process.communicate(timeout=20)
    assert re.search(r"^goroutine \d+ .*\[", errors, re.MULTILINE)
    assert process.returncode == 128 + signal.SIGQUIT


def test_terminate_ends_it(started):
    process = started("sleep")
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM


def test_time_limit(go_programs, vx9):
    begin = time.monotonic()
    done = vx9("run", "--timeout", "0.5", go_programs("crash"), "loop")
    assert done.returncode == 124
    assert done.stderr.decode() == (
        f"vx9: {go_programs('crash')}: time limit of 0.5 s reached; give a longer --timeout\n")
    assert time.monotonic() - begin < 10


def test_strace(go_programs, vx9, tmp_path):
    done = vx9("run", "--strace-out", tmp_path / "calls", go_programs("hello"))
    assert (done.stdout, done.stderr) == (b"hello, world\n", b"")
    calls = (tmp_path / "calls").read_text()
    assert re.search(r'pwrite.*"hello, world\\n"', calls)
    assert "exits" in calls


def test_only_a_short_environment_is_passed_on(go_programs, vx9):
    done = vx9("run", go_programs("hello"), env={"STATUS": "9"})
    assert done.returncode == 0
    done = vx9("run", "--env", "STATUS", go_programs("hello"), env={"STATUS": "9"})
    assert done.returncode == 9
    done = vx9("run", "--inherit-env", go_programs("hello"), env={"STATUS": "9"})
    assert done.returncode == 9


def test_two_at_once_share_a_pipe(go_programs, vx9_prefix):
    done = subprocess.run(
        ["sh", "-c", f"{vx9_prefix} run {go_programs('hello')} | {vx9_prefix} run {go_programs('hello')}"],
        capture_output=True, timeout=60, stdin=subprocess.DEVNULL, env=dict(os.environ))
    assert done.stdout == b"hello, world\nhello, world\n"
