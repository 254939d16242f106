"""Programs as the C compilers of Plan 9 make them, doing what its own do, in each dialect."""

from __future__ import annotations

import struct

import pytest

pytestmark = [pytest.mark.guest, pytest.mark.timeout(120)]

OUTPUT = {
    "debug": """\
stopped at exec
entry 1
symbol 1
text 1
note sys: breakpoint
at breakpoint 1
argument 0
target 41
got 42
target 1
got 2
Stopped
Stack
fpregs 1
args debug child
'debug PID: Killed'
""",
    "ape": """\
environment 1
segment 1
selected 5
firstsecond 1
1
group 6 1
time 1
fdinfo 0 1 2
handlers 0
""",
    "mk": """\
bss 0
jobs 60 bad 0 failed 1
newer 1
version 1
""",
    "thread": """\
sum 99500
interrupted interrupted
ended 5
""",
}


@pytest.mark.parametrize("dialect", ["bell", "9front"])
@pytest.mark.parametrize("name", OUTPUT)
def test_programs(make_tree, vx9, name, dialect):
    done = vx9("run", "--root", make_tree(), "--dialect", dialect, f"/bin/{name}")
    out = done.stdout.decode().splitlines()
    out = [" ".join("PID:" if word[:-1].isdigit() and word.endswith(":") else word
                    for word in line.split(" ")) for line in out]
    assert out == OUTPUT[name].splitlines(), done.stderr.decode()
    assert done.returncode == 0


def header(text: int, magic: int = 0x1EB, entry: int = 0x1020) -> bytes:
    return struct.pack(">8I", magic, text, 0, 0, 0, entry, 0, 0)


EXIT = b"\x6a\x00\x6a\x00\xb8\x08\0\0\0\xcd\x40"  # push $0; push $0; mov $8, %eax; int $0x40


@pytest.mark.parametrize("contents, says", [
    (header(64) + EXIT.ljust(64, b"\0"), None),
    (header(64, 0x81EB) + bytes(8) + EXIT.ljust(64, b"\0"), "exec header invalid"),
    (header(64, 0x8A97) + bytes(72), "exec header invalid"),
    (header(64, entry=0x101F) + bytes(64), "exec header invalid"),
    (header(64, entry=0x1020 + 64) + bytes(64), "exec header invalid"),
    (header(0xDFFFF000) + bytes(64), "exec header invalid"),
    (header(0xFFFFFFFF) + bytes(64), "exec header invalid"),
    (header(4096) + EXIT, "exec header invalid"),
    (b"\x7fELF" + bytes(60), "exec header invalid"),
    (b"", "exec header invalid"),
], ids=["good", "extended", "amd64", "entry below", "entry beyond", "huge", "wraps", "short",
        "elf", "empty"])
def test_headers(make_tree, vx9, contents, says):
    root = make_tree()
    (root / "386/bin/odd").write_bytes(contents)
    (root / "386/bin/odd").chmod(0o755)
    done = vx9("--root", root, "-c", "odd; echo $status.")
    if says is None:
        assert (done.stdout, done.stderr) == (b".\n", b"")
    else:
        assert done.stderr.decode() == f"odd: {says}\n"
