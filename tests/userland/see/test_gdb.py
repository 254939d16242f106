"""The stub, asked by the real gdb."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from vx9.userland.errors import Refusal
from vx9.userland.see.gdb import address, listen
from vx9.userland.see.symbols import read

pytestmark = pytest.mark.guest


class Debugged:
    """vx9 run --gdb, and gdb beside it."""

    def __init__(self, prefix, where, program, *arguments):
        self.run = subprocess.Popen([*prefix, "run", f"--gdb={where}", program, *arguments],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        line = self.run.stderr.readline()
        assert "waiting for gdb" in line, line + self.run.stderr.read()
        self.address = line.split()[-1]
        self.names = read(Path(program).read_bytes())
        self.gdb = None

    def at(self, name):
        return f"*{self.names.named(name):#x}"

    def start(self, *commands):
        lines = ["set pagination off", "set confirm off", "set architecture i386",
                 f"target extended-remote {self.address}", *commands]
        self.gdb = subprocess.Popen(["gdb", "-nx", "-q", "-batch",
                                     *(w for c in lines for w in ("-ex", c))],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)
        return self.gdb

    def said(self, timeout=30):
        out, _ = self.gdb.communicate(timeout=timeout)
        return out

    def ask(self, *commands):
        self.start(*commands)
        return self.said()

    def end(self, timeout=20):
        """(status, output, the rest of stderr) of vx9."""
        out, err = self.run.communicate(timeout=timeout)
        return self.run.returncode, out, err


@pytest.fixture
def debug(programs, demand):
    from tests.conftest import command  # the console script

    if shutil.which("gdb") is None:
        demand("gdb")
    every = []

    def make(*arguments, where="127.0.0.1:0"):
        every.append(Debugged(command("vx9"), where, str(programs("seen")), *arguments))
        return every[-1]

    yield make
    for one in every:
        for process in (one.gdb, one.run):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdout, process.stderr) if process else ():
                if stream:
                    stream.close()


def test_break_registers_memory_step_and_continue(debug):
    d = debug("count", "3")
    shared = d.names.named("shared")
    said = d.ask(f"break {d.at('mark')}", "continue", "info registers eip",
                 "x/1dw $esp+4", "continue", "x/1dw $esp+4",
                 f"set var *(int*){shared:#x} = 1000", f"x/1dw {shared:#x}",
                 "stepi", "stepi", "info registers eip", "x/2i $eip",
                 "delete", "print $esp = $esp", "continue")
    mark = d.names.named("mark")
    assert said.count("Breakpoint 1, ") == 2, said
    assert re.search(rf"eip +{mark:#x} ", said), said
    assert re.findall(r"0x\w+(?: <\w+>)?:\t(\d+)\n", said)[:3] == ["1", "2", "1000"], said
    assert "exited normally" in said
    assert d.end()[:2] == (0, "1005\n")


def test_breakpoints_are_not_seen_in_memory(debug):
    d = debug("count", "1")
    mark = d.names.named("mark")
    plain = debug("count", "1").ask(f"x/8xb {mark:#x}", "kill")
    said = d.ask(f"break {d.at('mark')}", "continue", f"x/8xb {mark:#x}", "kill")
    row = re.compile(r"0x\w+(?: <\w+>)?:(\t0x\w\w){8}")
    assert row.search(said)[0] == row.search(plain)[0]
    assert d.end()[0] == 137


def test_stepping_is_what_running_is(debug):
    """Through calls, returns, loops, jumps and system calls."""
    d = debug("count", "2")
    said = d.ask("stepi 1200", "info registers eip", "continue")
    assert "exited normally" in said, said
    assert d.end()[:2] == (0, "3\n")


def test_ctrl_c_and_detach(debug):
    d = debug("forever")
    gdb = d.start("continue", "info registers eip", "stepi", "detach")
    assert d.run.stdout.readline() == "running\n"
    gdb.send_signal(signal.SIGINT)
    said = d.said()
    assert "SIGINT" in said and "detached" in said, said
    assert d.run.poll() is None
    d.run.send_signal(signal.SIGTERM)
    assert d.end()[0] == 143


def test_a_fault_stops_and_can_be_passed_on(debug):
    d = debug("fault")
    said = d.ask("continue", "info registers eip", "x/1i $eip", "continue")
    assert "SIGSEGV" in said and "=> 0x" in said, said
    status, _, err = d.end()
    assert "suicide: sys: trap: fault write addr=0x0" in err and status == 139


def test_a_plain_target_ends_without_a_word_of_error(debug):
    d = debug("count", "3")
    d.gdb = subprocess.Popen(["gdb", "-nx", "-q", "-batch", "-ex", "set architecture i386",
                              "-ex", f"target remote {d.address}", "-ex", "continue"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    said = d.said()
    assert said.endswith("exited normally]\n"), said
    assert d.end()[:2] == (0, "6\n")


def test_the_exit_status(debug):
    said = (d := debug("count", "7")).ask("continue")
    assert "exited with code 07" in said, said
    assert d.end()[0] == 7


def test_kill(debug):
    d = debug("forever")
    d.ask("kill")
    assert d.end()[0] == 137


def test_a_child_with_its_own_memory_meets_no_breakpoints(debug):
    d = debug("fork")
    said = d.ask(f"break {d.at('mark')}", "continue", "info threads", "continue")
    assert said.count("Breakpoint 1, ") == 1 and "exited normally" in said, said
    assert d.end()[0] == 0


def test_processes_that_share_memory_are_threads(debug):
    d = debug("threads")
    said = d.ask(f"break {d.at('mark')}", "continue", "continue", "info threads",
                 "thread apply all x/1i $eip", "stepi", "delete", "continue")
    assert len(re.findall("hit Breakpoint 1, |Breakpoint 1, ", said)) == 2, said
    assert re.search(r"Thread 1 .*\n?.*Thread 2 |Thread 2 .*\n?.*Thread 1 ", said), said
    assert d.end()[:2] == (0, "met\n")


def test_another_process_can_be_chosen(debug):
    """The whole program goes on while a debugger looks at its child."""
    d = debug("threads")
    said = d.ask("monitor ps", "detach", "monitor ps", "attach 1", "info registers eip", "detach")
    assert re.search(r"1 Stopped +seen", said), said
    d.end()


def test_a_unix_socket(debug, tmp_path):
    path = tmp_path / "gdb"
    d = debug("count", "2", where=f"unix!{path}")
    assert path.stat().st_mode & 0o077 == 0
    assert "exited normally" in d.ask("continue")
    assert d.end()[:2] == (0, "3\n")
    assert debug("count", "2", where=str(path)).address == str(path)  # a stale one is replaced


def test_gdb_may_go_and_come_back(debug):
    d = debug("forever")
    d.ask("disconnect")
    said = d.ask("attach 1", "info registers eip", "kill")
    assert "eip" in said, said
    assert d.end()[0] == 137


def test_only_a_stale_socket_is_replaced(tmp_path):
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(Refusal, match="in use"), listen(f"unix!{file}"):
        pass
    assert file.read_text() == "precious"


@pytest.mark.parametrize("text, where", [
    ("127.0.0.1:99", ("tcp", ("127.0.0.1", 99))), (":0", ("tcp", ("127.0.0.1", 0))),
    ("localhost:7", ("tcp", ("127.0.0.1", 7))), ("tcp!127.0.0.2!8", ("tcp", ("127.0.0.2", 8))),
    ("unix!/x/y", ("unix", "/x/y")), ("./y", ("unix", "./y")), ("1234", ("tcp", ("127.0.0.1", 1234))),
])
def test_addresses(text, where):
    assert address(text) == where


@pytest.mark.parametrize("text", ["0.0.0.0:1", "10.0.0.1:1", "tcp!*!1", "example.com:1", "::1:x",
                                  "tcp!127.0.0.1.evil!1", "127.0.0.1:", "127.0.0.1:70000", ""])
def test_addresses_elsewhere_are_refused(text):
    with pytest.raises(Refusal, match="--gdb"):
        address(text)


def test_names_come_with_the_program(debug):
    said = debug("count", "2").ask("break mark", "continue", "info symbol $eip", "x/1i $eip",
                                   "print &shared", "kill")
    assert "Breakpoint 1, 0x" in said and " in mark ()" in said, said
    assert "mark in section .text" in said and "<mark>:" in said and "<shared>" in said, said
