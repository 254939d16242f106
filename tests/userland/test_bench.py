"""The machinery of the benchmarks, with tiny workloads; no test looks at a speed."""

import json
import shutil
import subprocess

import pytest

from vx9.userland.bench import bench, core, ops, wasm, workloads
from vx9.userland.errors import Refusal

pytestmark = [pytest.mark.guest, pytest.mark.timeout(120)]

TINY = core.Settings(rounds=1, tiny=True)


@pytest.fixture
def compiler(demand):
    if shutil.which("gcc") is None:
        demand("gcc")


def quiet(text):
    pass


def test_every_row_is_measured_and_printed(compiler, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert bench.bench("core", str(report), TINY) == 0
    printed = capsys.readouterr().out
    about = json.loads(report.read_text())
    rows = {row["name"]: row for row in about["core"]}
    for case in core.CASES:
        [name] = [name for name in rows if name.removesuffix(", worst layout") == case.workload.name]
        assert (rows[name]["target"], rows[name]["aim"]) == (case.target, case.aim)
        assert rows[name]["value"] > 0
        assert rows[name]["met"] == (rows[name]["value"] <= case.target)
    for part in ("geometric mean", "100 KB", "4 MB", "C handler", "Python handler", "straight-line",
                 "verifier", "page-fault", "Cpu.interrupt()", "spinning guests"):
        assert any(part in name for name in rows), part
    for name in rows:
        assert name in printed
    layouts = rows["simple loops, worst layout"]["detail"]["layouts"]
    assert len(layouts) == 80
    assert max(layouts.values()) == rows["simple loops, worst layout"]["value"]
    assert ("qemu-i386 is missing" in printed) == (shutil.which("qemu-i386") is None)
    assert ("wasmtime is missing" in printed) == (wasm.missing() is not None)


def test_programs_that_compute_different_things_are_refused(compiler, tmp_path, monkeypatch):
    run_host = workloads.run_host
    monkeypatch.setattr(workloads, "run_host", lambda command: run_host(command).replace(b"0", b"1"))
    with pytest.raises(Refusal, match="computed different results"):
        core.measure(core.SORT, tmp_path, TINY, quiet)


def test_the_ratio_is_the_median_of_the_rounds_ratios_on_the_worst_layout(monkeypatch, tmp_path):
    native = [[1.0, 2.0, 10.0]] * 15 + [[1.0, 1.0, 1.0]]
    ours = [[1.0, 2.2, 10.0]] * 15 + [[1.5, 9.0, 1.1]]
    monkeypatch.setattr(core, "measure",
                        lambda *_: core.Measured(ours, native, [[]] * 16, [[1.25]] * 16, ours))
    row = core.compute(core.CASES[1], tmp_path, TINY, quiet)
    assert (row.value, row.low, row.high) == (1.5, 1.1, 9.0)
    assert "+60" in row.note
    assert (row.met, row.aim_met, row.qemu, row.wasm) == (False, False, None, 1.25)


@pytest.mark.parametrize(("ours", "native", "met"), [(1.9, 1.0, True), (1.7, 1.9, False),
                                                     (1.7, 1.1, None)])
def test_cores_are_not_judged_when_there_is_one_only(compiler, monkeypatch, tmp_path, ours, native, met):
    monkeypatch.setattr(core.events, "two_cores", lambda *_: ([ours], [native]))
    row = core.cores_row(tmp_path, TINY, quiet)
    assert (row.value, row.target, row.met) == (ours, 1.8, met)


def test_the_mean_is_over_what_vx32_has_a_figure_for():
    rows = [core.Row(str(i), "x", value, value, value) for i, value in enumerate((1.0, 2.0, 50.0))]
    cases = [core.Case(core.SORT, 1, 1, vx32) for vx32 in (2.0, 4.0, None)]
    row = core.mean_row(rows, cases)
    assert row.value == pytest.approx(2 ** 0.5)
    assert row.target == round(0.75 * 8 ** 0.5, 3)
    assert row.met


@pytest.mark.parametrize(("most", "value", "met"), [(True, 2.0, True), (True, 2.1, False),
                                                    (False, 2.0, True), (False, 1.9, False)])
def test_bounds(most, value, met):
    row = core.Row("", "x", value, value, value).bound(2.0, None, most)
    assert (row.met, row.aim_met) == (met, None)


@pytest.mark.parametrize("output", [b"", b"01 02\n", b"01\n02\n", b"1 1\n1 1\n1 1\n"])
def test_output_without_figures(output):
    with pytest.raises(Refusal, match="no figures"):
        workloads.results(output, "x", 2)


def test_results():
    [a, b] = workloads.results(b"7 0a\n7 09\n8 3b9aca00\n8 77359400\n", "x", 2)
    assert (a.checksum, a.first, a.warm) == ("7", 1e-8, [9e-9])
    assert (b.checksum, b.first, b.warm) == ("8", 1.0, [2.0])


def test_the_native_program_has_the_guests_layout(compiler, tmp_path):
    """Code and data at the same place of each page."""
    linked = workloads.native(core.SORT, tmp_path).read_bytes()
    workloads.guest(core.SORT, tmp_path)
    guest = (tmp_path / "sort.linked").read_bytes()
    entry = [int.from_bytes(elf[24:28], "little") for elf in (linked, guest)]
    assert entry[0] != entry[1]
    # the system calls differ, and so may the place of the entry, but not that of the text
    for elf, text in ((linked, 0x10001020), (guest, 0x1020)):
        sections = int.from_bytes(elf[32:36], "little")
        address = int.from_bytes(elf[sections + 40 + 12:sections + 40 + 16], "little")
        assert address == text


def test_every_operation_of_the_kernel_beside_the_hosts(compiler, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert bench.bench("kernel", str(report), TINY) == 0
    printed = capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads(report.read_text())["operations"]}
    for operation in ops.OPERATIONS:
        row = rows[operation.name]
        assert 0 < row["vx9"]["low"] <= row["vx9"]["median"] <= row["vx9"]["high"]
        assert row["python"]["median"] > 0 and (row["target"], row["peer"]) == (operation.target, operation.peer)
        assert row["met"] == (row["vx9"]["median"] <= row["target"])
        assert operation.name in printed
    assert rows["pipe, 1 byte there and back"]["host"]["median"] > 0
    assert rows["sleep(0), alone"]["host"]["median"] > 0 and rows["semacquire, free"]["host"] is None
    assert rows["null system call, answered in Python"]["vx9"] == rows["null system call"]["python"]
    assert "hello: create, run, destroy" in printed


def test_a_host_without_a_static_c_library(compiler, tmp_path, monkeypatch):
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda command, **more: run(
        ["false"] if command[-1] == "-static" else command, **more))
    _, native = ops.build(tmp_path, tiny=True)
    assert len(ops.run_native(native)) == len(ops.OPERATIONS)


def test_what_fails_is_not_a_figure(compiler, tmp_path):
    guest, native = ops.build(tmp_path, tiny=True)
    (tmp_path / "block").write_bytes(b"short")
    with pytest.raises(Refusal, match="pread 8 KiB from a host file: a call failed"):
        ops.run_guest(tmp_path, guest, True)
    with pytest.raises(Refusal, match="hostops ended with status"):
        ops.run_native(native)
