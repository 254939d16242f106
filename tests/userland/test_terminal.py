"""The shell on a real kernel: lines from -c and from a pipe, and a session on a pseudo-terminal."""

import os
import pty
import re
import select
import signal
import sys
import time

import pytest

pytestmark = [pytest.mark.guest, pytest.mark.timeout(120)]


def run(vx9, line, **more):
    done = vx9("-c", line, **more)
    return done.stdout.decode(), done.stderr.decode(), done.returncode


@pytest.mark.parametrize(("line", "output", "errors", "status"), [
    ("echo a 'b  c' | cat", "a b  c\n", "", 0),
    ("echo one; echo two", "one\ntwo\n", "", 0),
    ("x=deep; echo $x^-$x", "deep-deep\n", "", 0),
    ("cd /bin; pwd; ls hell*", "/bin\nhello\n", "", 0),
    ("echo a >/tmp/f; echo b >>/tmp/f; cat </tmp/f", "a\nb\n", "", 0),
    ("ls /nowhere >[2=1] | cat >[1=2]", "", "ls: /nowhere: '/nowhere' does not exist\n", None),
    ("echo hi >[1=]; echo $status", None, None, 0),
    ("nothing; echo on", "on\n", "vx9: nothing: file does not exist\n", 0),
    ("echo a | nothing | cat", "", "vx9: nothing: file does not exist\n", 127),
    ("cat /nowhere", "", None, 1),
    ("echo >/nowhere/f", "", "vx9: /nowhere/f: file does not exist\n", 1),
    ("exit 7", "", "", 7),
    ("echo 'open", "", "vx9: a quote ' is not closed\n", 1),
    ("hello | hello | hello", "hello, world\n", "", 0),
    ("cat /dev/zero | echo done", "done\n", "", 0),
])
def test_lines(vx9, line, output, errors, status):
    got = run(vx9, line)
    if output is not None:
        assert got[0] == output, got
    if errors is not None and status is not None:
        assert got[1] == errors
    if status is not None:
        assert got[2] == status, got


def test_a_pipeline_moves_much_data(vx9, tmp_path):
    data = os.urandom(4 << 20)
    (tmp_path / "data").write_bytes(data)
    done = vx9("-c", "cat data | cat | cat >/tmp/copy; cat /tmp/copy", cwd=tmp_path)
    assert done.stdout == data


def test_commands_from_a_pipe(vx9):
    done = vx9(input=b"echo one\ncat\ntwo\nthree\n")
    assert (done.stdout, done.stderr, done.returncode) == (b"one\ntwo\nthree\n", b"", 0)
    assert vx9(input=b"cd /nowhere\necho $status\n").stdout == b"cd: /nowhere: file does not exist\n"


def test_writing_the_host_needs_rw(vx9, tmp_path):
    assert vx9("-c", "echo no >file", cwd=tmp_path).returncode == 1
    assert not (tmp_path / "file").exists()
    assert vx9("--rw", "-c", "echo yes >file", cwd=tmp_path).returncode == 0
    assert (tmp_path / "file").read_text() == "yes\n"


def test_a_guest_that_faults_leaves_the_shell_and_the_others(vx9, program, tmp_path):
    program(b"\xa1\0\0\0\0", "fault")
    done = vx9("-c", "sleep 1 | ./fault; echo $status; echo on", cwd=tmp_path)
    assert b"sys: trap: fault read addr=0x0" in done.stdout
    assert done.stdout.endswith(b"on\n")
    assert done.stderr.count(b"suicide") == 1


class Terminal:
    """A vx9 on a pseudo-terminal: type into it, wait for what it shows."""

    def __init__(self, folder, state):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="xterm", XDG_STATE_HOME=str(state), PROMPT_TOOLKIT_NO_CPR="1")
            os.execv(sys.executable, [sys.executable, "-P", "-m", "vx9"])
        self.text = ""

    def wait_for(self, pattern, seconds=20):
        """Read until the text since the last match has the pattern; gives what was read."""
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.text)):
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.text!r}"
            if select.select([self.fd], [], [], left)[0]:
                data = os.read(self.fd, 65536).decode("utf-8", "replace")
                self.text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", data)
        seen, self.text = self.text[:match.end()], self.text[match.end():]
        return seen

    def type(self, text):
        """Send keys."""
        os.write(self.fd, text.encode())

    def end(self):
        """The exit status, soon."""
        for _ in range(200):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    time.sleep(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("the shell does not end")


def test_a_session(tmp_path, program):
    (tmp_path / "work").mkdir()
    program(b"\xeb\xfe", "loop").rename(tmp_path / "work/loop")
    terminal = Terminal(tmp_path / "work", tmp_path)
    terminal.wait_for("work%")
    terminal.type("echo hello from $user\r")
    terminal.wait_for(r"\nhello from glenda\n")
    terminal.wait_for("work%")
    terminal.type("cat\r")
    terminal.wait_for(r"cat\n")
    time.sleep(0.3)  # cat reads now, and says nothing of it
    terminal.type("typed to cat\r")
    terminal.wait_for(r"typed to cat\n+typed to cat\n")
    terminal.type("\x04")
    terminal.wait_for("work%")
    terminal.type("./loop\r")
    terminal.wait_for(r"\./loop\n")
    time.sleep(0.5)  # as the loop
    terminal.type("\x03")
    terminal.wait_for("work%")
    terminal.type("echo status $status\r")
    terminal.wait_for(r"\nstatus interrupt\n")
    terminal.wait_for("work%")
    terminal.type("half a line\x03")
    terminal.wait_for("work%")
    terminal.type("history\r")
    terminal.wait_for(r"1 echo hello from \$user\n")
    terminal.wait_for("work%")
    terminal.type("\x04")
    assert terminal.end() == 0
    history = (tmp_path / "vx9/history").read_text()
    assert "+echo hello from $user" in history
    assert "half a line" not in history
