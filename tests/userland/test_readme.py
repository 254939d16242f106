"""What README.md shows is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.guest, pytest.mark.timeout(60)]
README = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(after: str) -> str:
    """The indented block that follows a line beginning so."""
    rest = README[README.index(after):]
    lines = rest.splitlines()[1:]
    start = next(i for i, line in enumerate(lines) if line.startswith("    "))
    block = []
    for line in lines[start:]:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    return "\n".join(block)


def test_the_core_alone():
    code = blocks("## As a library")
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_kernel(program, tmp_path):
    program(b"\x6a\x00\x6a\x00\xb8\x08\0\0\0\xcd\x40", "hello")
    code = blocks("Or the whole of Plan 9:").replace("/tmp/demo", str(tmp_path)) + "\nprint(status.code)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def shown(command: str) -> str:
    """The output that README.md shows below a command."""
    lines = README[README.index(f"    $ {command}\n"):].splitlines()[1:]
    block = []
    for line in lines:
        if not line.startswith("    ") or line.startswith("    $ "):
            break
        block.append(line[4:] + "\n")
    return "".join(block)


def test_the_commands(vx9, program, tmp_path):
    done = vx9("run", "cat", "/etc/passwd", cwd=tmp_path)
    assert done.stderr.decode() == shown("vx9 run cat /etc/passwd")
    done = vx9("run", "--strace", "cat", "/env/user", cwd=tmp_path)
    first = shown("vx9 run --strace cat /env/user").replace("...\n", "")
    said = re.sub(r"\d\.\d{6}", "TIME", done.stderr.decode())
    assert said.startswith(re.sub(r"\d\.\d{6}", "TIME", first))
    program(b"\xa1\0\0\0\0", "faulty")
    done = vx9("run", "./faulty", cwd=tmp_path)
    assert done.stderr.decode() + f"{done.returncode}\n" == shown("vx9 run ./faulty; echo $?")


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (Path(__file__).resolve().parent.parent.parent / target).exists(), target
