"""That operations do not become dearer with all else that there is: counted, not timed."""

import sys
import xml.etree.ElementTree as ET

import pytest

from vx9.userland.bench import scale

LESS = 50


def instructions(k, do, times):
    """In place of the time: the instructions of Python for each operation."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return trace

    times = min(times, 3)
    k.call(do, times)
    old = sys.gettrace()
    sys.settrace(trace)
    try:
        k.call(do, times)
    finally:
        sys.settrace(old)
    return count / times


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(scale, "cost", instructions)


def test_no_operation_grows(counted):
    found = scale.curves(LESS)
    assert len(found) == 10
    assert {curve.things: max(n for n, _ in curve.points) for curve in found} == {
        "blocked processes": 20, "pipes": 200, "files in the folder": 2000, "mounts": 20}
    for curve in found:
        assert curve.growth <= 1.1, f"{curve.operation}: {curve.points}"


def test_a_thousand_blocked_processes_have_no_thread(counted):
    [curve] = scale.processes((2, 1000))
    assert curve.growth <= 1.1


def test_the_plot_is_a_picture():
    found = [scale.Curve("open", "files", [(10, 20.0), (100, 21.0)]), scale.Curve("pipe", "pipes", [(1, 3.0)])]
    root = ET.fromstring(scale.svg(found))
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 2
    assert "1.05 times" in scale.table(found)
