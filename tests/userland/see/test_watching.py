"""--strace, --profile and --fault-report from the command line."""

import gzip
import json
import re

import pytest

from vx9.userland.cli import parse

pytestmark = pytest.mark.guest


def test_values_stand_only_behind_an_equals_sign():
    options = parse(["run", "--strace", "--profile", "--fault-report", "prog", "--strace=x"])
    assert (options.strace, options.strace_out, options.profile, options.profile_out) == \
        (True, None, True, None)
    assert (options.program, options.arguments) == ("prog", ["--strace=x"])
    options = parse(["run", "--strace=a b", "--profile=p.json", "prog"])
    assert (options.strace_out, options.profile_out, options.program) == ("a b", "p.json", "prog")


def test_the_trace_goes_to_a_file(vx9, programs, tmp_path):
    file = tmp_path / "trace"
    done = vx9("run", f"--strace={file}", programs("seen"), "count", "1")
    assert (done.stdout, done.stderr) == (b"1\n", b"")
    text = file.read_text()
    assert re.search(r'^0\.\d{6} 1 seen pwrite\(1, "1\\n", 2, -1\) = 2 <0\.\d{6}>$', text, re.M)
    assert text.endswith("+++ exits '' +++\n")


def test_tracing_changes_no_results(vx9, programs):
    plain = vx9("run", programs("seen"), "threads")
    traced = vx9("run", "--strace", programs("seen"), "threads")
    assert (plain.stdout, plain.returncode) == (traced.stdout, traced.returncode)
    assert b"rfork(RFPROC|RFMEM) = 2" in traced.stderr and b" 2 seen " in traced.stderr


def test_a_profile_for_people(vx9, programs):
    done = vx9("run", "--profile", programs("seen"), "spin", "3000")
    said = done.stderr.decode()
    assert re.match(r"profile: \d+ samples of 1 ms\n", said), said
    share = float(re.search(r"([\d.]+)% +\d+ +[\d.]+%  spin$", said, re.M)[1])
    assert share > 80, said
    assert re.search(r" 0 +0\.0% +\d+ +[\d.]+%  _begin$", said, re.M), said  # who calls main


def test_time_in_the_kernel_is_the_calls(vx9, programs):
    said = vx9("run", "--profile", programs("seen"), "calls", "600000").stderr.decode()
    assert re.search(r"%  system call pread$", said, re.M), said
    share = float(re.search(r"([\d.]+)% +\d+ +[\d.]+%  system call pread$", said, re.M)[1])
    assert share > 50, said


def test_a_profile_for_speedscope(vx9, programs, tmp_path):
    file = tmp_path / "p.json"
    assert vx9("run", f"--profile={file}", programs("seen"), "spin", "2000").stderr == b""
    whole = json.loads(file.read_text())
    profile, = whole["profiles"]
    names = [frame["name"] for frame in whole["shared"]["frames"]]
    assert profile["type"] == "sampled" and profile["name"] == "seen 1"
    assert len(profile["samples"]) == len(profile["weights"])
    assert sum(profile["weights"]) == profile["endValue"] > 10
    stacks = {tuple(names[i] for i in stack) for stack in profile["samples"]}
    assert any(stack[-2:] == ("main", "spin") for stack in stacks), stacks


def test_nothing_to_profile(vx9):
    assert vx9("run", "--profile", "echo", "hi").stderr.startswith(b"profile: ")


def test_profile_proto(tmp_path):
    """Decoded again, by the rules of protocol buffers."""
    from collections import Counter

    from vx9.userland.see.profileout import pprof

    raw = gzip.decompress(pprof(Counter({("a 1", "main", "f"): 300, ("a 1", "main"): 1}), 400))
    fields = list(decode(raw))
    strings = [body.decode() for field, body in fields if field == 6]
    assert strings[0] == "" and {"main", "f", "cpu", "nanoseconds", "a 1"} <= set(strings)
    samples = [dict(decode(body)) for field, body in fields if field == 2]
    assert {tuple(varints(s[2])) for s in samples} == {(300, 300_000_000), (1, 1_000_000)}
    functions = {dict(decode(body))[1]: strings[dict(decode(body))[2]]
                 for field, body in fields if field == 5}
    places = {dict(decode(body))[1]: dict(decode(dict(decode(body))[4]))[1]
              for field, body in fields if field == 4}
    deep = max(samples, key=lambda s: len(s[1]))
    assert [functions[places[i]] for i in varints(deep[1])] == ["f", "main"]


def varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0


def decode(data):
    at = 0

    def one():
        nonlocal at
        start = at
        while data[at] > 0x7F:
            at += 1
        at += 1
        return next(varints(data[start:at]))

    while at < len(data):
        key = one()
        if key & 7 == 0:
            yield key >> 3, one()
        else:
            size = one()
            yield key >> 3, data[at:at + size]
            at += size


def test_a_fault_report(vx9, programs):
    done = vx9("run", "--fault-report", programs("seen"), "fault")
    said = done.stderr.decode()
    assert done.returncode == 139
    assert "seen 1: suicide: sys: trap: fault write addr=0x0 pc=0x" in said  # Plan 9's own line
    assert "vx9: fault report: seen 1: sys: trap: fault write addr=0x0 pc=0x" in said
    assert re.search(r"^vx9:  => [0-9a-f]{8}  [0-9a-f]+ +mov dword ptr \[", said, re.M), said
    stack = said[said.index("stack:"):said.index("segments:")]
    assert re.search(r"deep.*\n.*deep.*\n(.*\n)*?.*main\+", stack), said
    assert re.search(r"Text     00001000-\w+ r-x", said) and "Stack" in said
    assert re.search(r"     sp [0-9a-f]{8}|sp [0-9a-f]{8}", said)


def test_no_report_unasked(vx9, programs):
    assert b"fault report" not in vx9("run", programs("seen"), "fault").stderr
