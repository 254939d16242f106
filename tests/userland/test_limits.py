"""Limits on the command line: options, reports, exit statuses, and that the manual has them all."""

import argparse
import re
from pathlib import Path

import pytest

from vx9.kernel.limits import BY_NAME, TABLE, Limits, report, show
from vx9.userland import limits
from vx9.userland.cli import parse
from vx9.userland.errors import Refusal

MANUAL = (Path(__file__).resolve().parents[2] / "docs/vx9.md").read_text()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_manual_has_each(row):
    line = re.search(rf"^\| `{row.name}` \| ([^|]+) \| ([^|]*)\|", MANUAL, re.M)
    assert line is not None
    assert line[2].strip().strip("`") == row.option
    if row.default is not None:
        assert line[1] == show(row, row.default)


def test_each_can_be_set():
    for row in TABLE:
        text = {"size": "3M", "count": "3", "time": "3s"}[row.kind]
        options = parse(["run", "--limit", f"{row.name}={text}", "p"])
        assert limits.chosen(options).value(row.name) == {"size": 3 << 20}.get(row.kind, 3)
        if row.option:
            options = parse(["run", row.option, text, "p"])
            assert limits.chosen(options).value(row.name) == {"size": 3 << 20}.get(row.kind, 3)


def test_a_small_host_gives_less(monkeypatch, tmp_path):
    small = tmp_path / "memory.max"
    small.write_text(f"{1 << 30}\n")
    monkeypatch.setattr(limits, "CGROUP_FILES", (str(small), str(tmp_path / "none")))
    assert limits.chosen(parse(["run", "p"])).total_memory == 3 << 28
    assert limits.chosen(parse(["run", "--total-memory", "2G", "p"])).total_memory == 2 << 30
    small.write_text("max\n")
    assert limits.host_memory() > 0


def test_they_add_up_before_and_after_the_command():
    options = parse(["--max-procs", "7", "run", "--limit", "files=9", "--max-procs", "8", "p"])
    found = limits.chosen(options)
    assert (found.processes, found.files) == (8, 9)


@pytest.mark.parametrize("text", ["nope=1", "files", "files=", "files=0", "files=-1", "files=1K",
                                  "ram=0", "cpu-time=x", "memory=1T", "files=99999999999"])
def test_what_is_no_limit(text):
    with pytest.raises((Refusal, argparse.ArgumentTypeError), match=r"limit|is not a"):
        parse(["run", "--limit", text, "p"])


def test_reports_name_the_limit_its_value_and_the_remedy():
    values = Limits(memory=64 << 20, cpu_time=1.5)
    assert report("memory", values).startswith("memory limit of 64M reached")
    assert report("processes", values) == \
        "processes limit of 1000 reached (processes at a time); --max-procs raises it"
    assert "cpu-time limit of 1.5s" in report("cpu-time", values)
    assert "--limit mounts=... raises it" in report("mounts", values)
    with pytest.raises(TypeError, match="fds"):
        Limits(fds=3)
    assert all(BY_NAME[row.name] is row for row in TABLE)


def test_errors_of_our_own_are_told(capsys):
    from types import SimpleNamespace

    kernel = SimpleNamespace(errors=2, limits_met=set(), limits=Limits())
    assert limits.outcome("p", kernel, 3) == 3
    assert capsys.readouterr().err.startswith("vx9: 2 errors of vx9 itself")


SPIN = b"\xeb\xfe"


def test_processor_time(vx9, program):
    done = vx9("run", "--cpu-time", "0.2", program(SPIN))
    assert done.returncode == 124
    assert re.fullmatch(rb"vx9: \S+: cpu-time limit of 0.2s reached \(.*\); --cpu-time raises it\n",
                        done.stderr), done.stderr


def test_time(vx9, program):
    assert vx9("run", "--limit", "time=0.2", program(SPIN)).returncode == 124


def test_output(vx9, tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 5000)
    done = vx9("run", "--output-limit", "10K", "cat", "f", "f", "f", cwd=tmp_path)
    assert done.returncode == 137 and len(done.stdout) <= 10240
    assert b"output limit of 10K reached" in done.stderr
    done = vx9("run", "--output-limit", "10K", "cat", "f", "f", cwd=tmp_path)
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 10000, b"")


def test_what_is_said_of_several(capsys):
    from types import SimpleNamespace

    kernel = SimpleNamespace(errors=0, limits_met={"processes", "memory", "notes"}, limits=Limits())
    assert limits.outcome("p", kernel, 0) == 0
    with pytest.raises(Refusal, match="p: processes limit of 1000") as refusal:
        limits.outcome("p", kernel, 1)
    assert refusal.value.status == 137
    assert capsys.readouterr().err.startswith("vx9: p: memory limit reached")
    kernel.limits_met = {"notes"}
    assert limits.outcome("p", kernel, 5) == 5
    kernel.limits_met = {"files"}
    with pytest.raises(Refusal) as refusal:
        limits.outcome("p", kernel, 5)
    assert refusal.value.status == 5
