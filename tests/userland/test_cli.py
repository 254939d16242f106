"""The command line: what is understood, and the one line for what is not."""

import pytest

from vx9.userland import cli, limits
from vx9.userland.errors import Refusal


def parsed(*arguments):
    return cli.parse(arguments)


def test_what_follows_the_program_belongs_to_it():
    options = parsed("run", "--rw", "prog", "--rw", "-c", "--", "--bind", "x")
    assert (options.program, options.rw) == ("prog", True)
    assert options.arguments == ["--rw", "-c", "--", "--bind", "x"]


def test_run_options():
    options = parsed("run", "--bind", "/a:/b:rw", "--bind", "/c", "--env", "A=1", "--env", "B", "--timeout",
                     "1m", "--memory", "64M", "--strace-out", "f", "--user", "me", "--cwd", "/x", "p")
    assert options.bind == ["/a:/b:rw", "/c"]
    assert options.env == ["A=1", "B"]
    assert (options.timeout, options.memory) == (60, 64 << 20)
    assert (options.strace_out, options.user, options.cwd, options.program) == ("f", "me", "/x", "p")


def test_without_a_command_it_is_the_shell():
    assert parsed().command is None
    assert parsed("-c", "echo hi").line == "echo hi"
    assert parsed("--rw", "-c", "ls").rw


def test_common_options_before_and_after_the_command_add_up():
    options = parsed("--rw", "--bind", "/a", "--env", "A=1", "run", "--bind", "/b", "p")
    assert options.rw
    assert options.bind == ["/a", "/b"]
    assert options.env == ["A=1"]
    assert parsed("--user", "me", "shell").user == "me"
    assert parsed("run", "p").bind == []


@pytest.mark.parametrize(("text", "want"), [("1", 1), ("64K", 65536), ("64k", 65536), ("1G", 1 << 30)])
def test_sizes(text, want):
    assert limits.size(text) == want


@pytest.mark.parametrize(("text", "want"), [("1", 1), ("0.5", 0.5), ("30s", 30), ("2m", 120), ("1h", 3600)])
def test_times(text, want):
    assert limits.seconds(text) == want


@pytest.mark.parametrize(("arguments", "says"), [
    (["run"], "required: program"), (["run", "--nothing", "p"], "required|unrecognized"),
    (["run", "--memory", "lots", "p"], "'lots' is not a size"), (["run", "--memory", "0", "p"], "not a size"),
    (["run", "--memory", "-5M", "p"], "--memory"), (["run", "--memory", "٣M", "p"], "not a size"),
    (["run", "--timeout", "soon", "p"], "'soon' is not a time"), (["run", "--timeout", "nan", "p"], "not a time"),
    (["run", "--timeout", "0", "p"], "not a time"), (["frobnicate"], "invalid choice: 'frobnicate'"),
    (["bench", "everything"], "invalid choice"), (["run", "--bi", "/x", "p"], "required|unrecognized"),
])
def test_mistakes_are_refused(arguments, says):
    with pytest.raises(Refusal, match=says) as refusal:
        parsed(*arguments)
    assert refusal.value.status == 125
    assert "\n" not in str(refusal.value)
    assert "--help" in str(refusal.value)


def test_help_fits_a_screen(capsys):
    for arguments in (["--help"], ["run", "--help"]):
        with pytest.raises(SystemExit) as leave:
            parsed(*arguments)
        assert leave.value.code == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) <= 50
        assert max(map(len, lines)) <= 100


def test_the_top_imports_little():
    """What run does not need must not be paid for at start-up."""
    import subprocess
    import sys
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", "import sys, vx9.userland.run; print(*sys.modules)"],
        capture_output=True, text=True, check=True).stdout.split()
    for module in ("prompt_toolkit", "capstone", "fuse", "asyncio", "subprocess", "tempfile", "logging"):
        assert module not in loaded
