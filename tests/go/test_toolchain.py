"""The Go toolchain itself as guests: it builds, vets and tests a program inside.

The go command, the compiler, the assembler and the linker are cross-compiled for Plan 9, and
take the host's GOROOT, bound read-only, for theirs.  pytest -rP shows what a build takes.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.go, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]

MODULE = {
    "go.mod": "module hello\n\ngo 1.25\n",
    "main.go": """
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() { fmt.Println(Greeting(), runtime.GOOS, runtime.GOARCH, len(os.Args)) }
""",
    "greeting.go": "package main\n\nfunc Greeting() string { return \"built inside\" }\n",
    "main_test.go": """
package main

import "testing"

func TestGreeting(t *testing.T) {
	if Greeting() != "built inside" { t.Fatal(Greeting()) }
}
""",
}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A folder with a program in it."""
    folder = tmp_path / "hello"
    folder.mkdir()
    for name, text in MODULE.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def guest_go(go, module):
    """guest_go("build", ".") in the module; prints what it took."""
    tools, cache = go.guest_tools(), module.parent / "cache"
    cache.mkdir()
    settings = {"GOCACHE": str(cache), "GOPATH": "/tmp/path", "GOENV": "off", "GOPROXY": "off",
                "GOTOOLCHAIN": "local", "GOTELEMETRY": "off", "GOFLAGS": "-buildvcs=false"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "vx9", "run", "--rw", *go.guest_flags(),
                   "--bind", f"{cache}:rw",
                   *(word for pair in settings.items() for word in ("--env", "=".join(pair))),
                   tools / "bin/go", *arguments]
        start = time.monotonic()
        with open(module.parent / "output", "w+") as output:
            process = subprocess.Popen(command, cwd=module, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            output.seek(0)
            said = output.read()
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, said
        print(f"go {' '.join(arguments)}: {time.monotonic() - start:.1f} s, "
              f"{usage.ru_utime + usage.ru_stime:.1f} s of processors, "
              f"{usage.ru_maxrss >> 10} MiB of the host's memory at most")
        return said
    return run


def test_go_build_and_go_test_inside(guest_go, module, vx9, go):
    assert guest_go("version").startswith("go version go1.25.5 plan9/386")
    assert guest_go("build", "-o", "hello", ".") == ""
    done = vx9("run", module / "hello", "a", "b")
    assert (done.stdout, done.stderr, done.returncode) == (b"built inside plan9 386 3\n", b"", 0)
    outside = module.parent / "outside"
    go.build(outside, "build", "-buildvcs=false", ".", cwd=module)
    assert (module / "hello").read_bytes() == outside.read_bytes()

    said = guest_go("test", "-v", ".")
    assert "--- PASS: TestGreeting" in said
    assert said.splitlines()[-1].startswith("ok  \thello")
