"""The ladder's own judgement: tiers, verdicts, what is left to run.  No toolchain needed."""

import argparse
from types import SimpleNamespace

import pytest

from . import ladder


@pytest.fixture
def climbing(tmp_path, monkeypatch):
    """A ladder of a few packages, which keeps nothing."""
    monkeypatch.setattr(ladder, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(ladder, "TABLE", tmp_path / "table.md")
    packages = ["strings", "sync", "sync/atomic", "os", "os/exec", "net", "net/smtp", "syncer"]
    return ladder.Ladder(SimpleNamespace(std_packages=lambda: packages))


def test_tiers(climbing):
    assert [climbing.tier(name) for name in climbing.packages] == [1, 2, 2, 3, 3, 4, 4, 1]


OUTPUT = """\
=== RUN   TestA
--- PASS: TestA (0.00s)
=== RUN   TestB
    --- FAIL: TestB/one (0.00s)
    --- SKIP: TestB/two (0.00s)
--- FAIL: TestB (0.00s)
"""


def test_the_exit_status_decides(climbing):
    result = climbing.judge("strings", OUTPUT, 0)
    assert (result.verdict, result.passed, result.skipped, result.failed) == ("ok", 1, 1, [])
    result = climbing.judge("strings", OUTPUT, 1)
    assert (result.verdict, result.failed, result.good) == ("FAIL", ["TestB/one", "TestB"], False)
    assert climbing.judge("strings", OUTPUT, None).verdict == "time"
    assert climbing.judge("strings", "panic: no test failed by name", 2).verdict == "FAIL"


def test_what_is_wrong_upstream_is_excused_and_nothing_else(climbing):
    def failing(*names):
        return climbing.judge("net/smtp", "".join(f"--- FAIL: {n} (0.00s)\n" for n in names), 1).verdict

    assert failing("TestTLSClient", "TestTLSConnState") == failing("TestTLSClient") == "upstream"
    assert failing("TestTLSClient", "TestOther") == "FAIL"
    assert failing() == "FAIL"


def test_only_what_has_not_passed_is_run_again(climbing):
    def chosen(*patterns, **more):
        options = {"tier": None, "again": False, "repeat": 1, "under_load": False, **more}
        return ladder.chosen(climbing, argparse.Namespace(patterns=patterns, **options))

    climbing.keep(climbing.judge("os", OUTPUT, 0))
    climbing.keep(climbing.judge("net", OUTPUT, 1))
    assert chosen("os*", "net") == ["os/exec", "net"]
    assert chosen("os*", again=True) == ["os", "os/exec"]
    assert chosen(tier=[2]) == ["sync", "sync/atomic"]
    assert chosen("os", repeat=10) == ["os"]
    climbing.results["os"].runs = "10/10"
    assert chosen("os", repeat=10) == []


def test_results_outlive_the_run(climbing):
    climbing.keep(climbing.judge("net/smtp", "--- FAIL: TestTLSClient (0.00s)\n", 1))
    again = ladder.Ladder(climbing.go)
    assert again.results["net/smtp"].verdict == "upstream"
    assert "| net/smtp | 4 | upstream | 0 | 0 | 1 | 0.0 |  | TestTLSClient: the certificate" in \
        ladder.TABLE.read_text()
