"""The first shell: what it starts, with which streams and variables; its prompt; plain input."""

import contextlib
import os
from dataclasses import dataclass, field

import pytest

from vx9.userland.terminal.shell import Exit, Shell


class Fault(Exception):
    """As the kernel's."""


@dataclass
class Status:
    message: str = ""
    code: int = 0


@dataclass
class Handle:
    """A program that has ended with a status, or runs until it gets a note."""

    pid: int
    status: Status
    notes: list = field(default_factory=list)

    def wait(self, timeout=None):
        return self.status

    def when_done(self, call):
        call()

    def note(self, text):
        self.notes.append(text)

    def done(self):
        return True


class FakeGuests:
    """Records what is asked of the kernel."""

    Fault = Fault
    standard = (0, 1, 2)

    def __init__(self):
        self.cwd = "/tmp"
        self.started = []
        self.pipes = 0
        self.files = []
        self.open = set()

    def reason(self, text):
        return text

    def chdir(self, name):
        if name == "/nowhere":
            raise Fault("file does not exist")
        self.cwd = name

    def names(self, folder):
        return ["a.c", "b.c", "x y"] if folder == "." else []

    @contextlib.contextmanager
    def opened(self, name, op):
        if name == "/nowhere":
            raise Fault("file does not exist")
        self.files.append((op, name))
        self.open.add(name)
        yield f"{op}{name}"
        self.open.remove(name)

    def pipe(self, stack):
        self.pipes += 1
        number = self.pipes
        self.open.add(f"pipe{number}")
        stack.callback(self.open.remove, f"pipe{number}")
        return f"r{number}", f"w{number}"

    def spawn(self, words, path, variables, streams):
        if not path.startswith("/bin/") or path.endswith("nothing"):
            raise Fault("file does not exist")
        if path.endswith("badfile"):
            raise Fault("exec header invalid")
        self.started.append((words, streams, variables))
        status = {"false": Status("false", 1), "seven": Status("7", 7)}.get(words[0], Status())
        return Handle(len(self.started), status)

    def ended(self, handle):
        return True


@pytest.fixture
def guests():
    return FakeGuests()


@pytest.fixture
def shell(guests):
    return Shell(guests, {"path": [".", "/bin"], "home": "/usr/glenda"}, lambda: ["one", "two"])


def words(guests):
    return [started[0] for started in guests.started]


def test_words_variables_and_patterns(shell, guests):
    shell.run("x=(not lists yet)")
    assert guests.started == []
    shell.run("x=hi; echo $x ' $x' $x^.$x a$path $none '' *.c '*.c' no*")
    assert words(guests) == [["echo", "hi", " $x", "hi.hi", "a.", "a/bin", "", "a.c", "b.c", "*.c", "no*"]]


def test_assignments_before_a_command_are_its_own(shell, guests):
    shell.run("x=outer; x=inner cmd; cmd2")
    assert [started[2]["x"] for started in guests.started] == [["inner"], ["outer"]]


def test_pipelines_are_wired_and_everything_is_closed(shell, guests):
    shell.run("a | b | c >out >[2=1]; d <in >>log")
    assert words(guests) == [["a"], ["b"], ["c"], ["d"]]
    streams = [started[1] for started in guests.started]
    assert streams == [{0: 0, 1: "w1", 2: 2}, {0: "r1", 1: "w2", 2: 2},
                       {0: "r2", 1: ">out", 2: ">out"}, {0: "<in", 1: ">>log", 2: 2}]
    assert guests.open == set()


def test_background_reads_nothing(shell, guests):
    shell.run("a | b &")
    assert guests.started[0][1][0] == "</dev/null"
    assert guests.started[1][1][0] == "r1"
    assert shell.value("apid") == ["1", "2"]


def test_status(shell, guests):
    shell.run("false")
    assert (shell.status, shell.code) == ("false", 1)
    shell.run("echo $status")
    assert words(guests)[-1] == ["echo", "false"]
    assert (shell.status, shell.code) == ("", 0)
    shell.run("seven | true")
    assert (shell.status, shell.code) == ("7|", 0)
    shell.run("true | seven")
    assert (shell.status, shell.code) == ("|7", 7)


def test_cd(shell, guests):
    shell.run("cd /lib")
    assert guests.cwd == "/lib"
    shell.run("cd")
    assert guests.cwd == "/usr/glenda"


@pytest.mark.parametrize(("line", "says", "code"), [
    ("nothing", "nothing: file does not exist", 127), ("./x", "./x: file does not exist", 127),
    ("badfile", "badfile: exec header invalid", 126), ("a </nowhere", "/nowhere: file does not exist", 1),
    ("cd /nowhere", "cd: /nowhere: file does not exist", 1), ("cd a b", "cd: give one folder", 1),
    ("a >*.c", "2 words where one", 1), ("a >[5]f", "only descriptors 0, 1 and 2", 1),
    ("cd / | cat", "cd: a builtin cannot be", 1), ("a | $none", "a command on each side", 1),
    ("a >[1=7]", "descriptor 7 is not open", 1), ("history >f", "cannot be redirected", 1),
    ("echo $path^$path^(", "not in this shell's syntax", 1), ("a$none", "$none: an empty list", 1),
    ("echo 'open", "quote ' is not closed", 1),
])
def test_faults_are_one_line_and_the_shell_goes_on(shell, guests, capsys, line, says, code):
    shell.run(line)
    errors = capsys.readouterr().err
    assert says in errors
    assert errors.startswith("vx9: ")
    assert errors.count("\n") == 1
    assert shell.code == code
    assert shell.status
    assert guests.open == set()
    shell.run("echo on")
    assert words(guests)[-1] == ["echo", "on"]


def test_what_follows_a_fault_on_a_line_is_run(shell, guests, capsys):
    shell.run("nothing; echo $status")
    assert words(guests) == [["echo", "nothing: file does not exist"]]


def test_a_pipeline_that_cannot_be_completed_ends_what_it_began(shell, guests, capsys):
    shell.run("a | nothing | b")
    assert words(guests) == [["a"]]
    assert guests.open == set()


def test_exit(shell):
    with pytest.raises(Exit):
        shell.run("exit 3")
    assert shell.code == 3
    with pytest.raises(Exit):
        shell.run("exit because")
    assert (shell.status, shell.code) == ("because", 1)


def test_history_and_help(shell, capsys):
    shell.run("history")
    assert capsys.readouterr().out == "    1 one\n    2 two\n"
    shell.run("help")
    assert "ctrl-C" in capsys.readouterr().out


# Where lines come from


def test_plain_input_leaves_what_follows_a_line_to_the_guest():
    from vx9.userland.terminal.prompt import Plain
    read, write = os.pipe()
    with open(write, "wb") as file:
        file.write(b"cat\nfor the cat\necho 'two\nlines'\nlast |")
    lines = Plain(read)
    assert lines.read("% ") == "cat"
    assert os.read(read, 12) == b"for the cat\n"
    assert lines.read("% ") == "echo 'two\nlines'"
    assert lines.read("% ") == "last |"
    with pytest.raises(EOFError):
        lines.read("% ")
    assert list(lines.history()) == ["cat", "echo 'two\nlines'", "last |"]
    os.close(read)


@pytest.fixture
def typing(monkeypatch, tmp_path):
    """A terminal: send(text) types, and Typed() reads."""
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe.send_text


@pytest.mark.timeout(20)
def test_typed_lines_and_history_between_sessions(typing, tmp_path):
    from vx9.userland.terminal.prompt import Typed
    lines = Typed()
    typing("echo hi\r")
    assert lines.read("% ") == "echo hi"
    typing("echo 'a\rb'\r")
    assert lines.read("% ") == "echo 'a\nb'"
    assert (tmp_path / "vx9/history").stat().st_mode & 0o777 == 0o600
    again = Typed()
    typing("\x1b[A\x1b[A\x1b[A\r")
    assert again.read("% ") == "echo hi"
    assert next(iter(again.history())) == "echo hi"


@pytest.mark.timeout(20)
def test_control_c_drops_the_line_and_control_d_ends(typing):
    from vx9.userland.terminal.prompt import Typed
    lines = Typed()
    typing("half a line\x03")
    with pytest.raises(KeyboardInterrupt):
        lines.read("% ")
    typing("\x04")
    with pytest.raises(EOFError):
        lines.read("% ")


def test_history_that_cannot_be_kept_is_no_fault(monkeypatch, tmp_path):
    from vx9.userland.terminal.prompt import history_file
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert history_file() is None
