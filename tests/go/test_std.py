"""The Go standard library's own tests, compiled for plan9/386 and run as guests."""

import tomllib
from pathlib import Path

import pytest

pytestmark = [pytest.mark.go, pytest.mark.guest]

SAMPLE = tomllib.loads((Path(__file__).parent / "sample.toml").read_text())["packages"]


@pytest.mark.parametrize("package", SAMPLE)
@pytest.mark.timeout(600)
def test_package(package, go, std_tests, vx9, tmp_path):
    """Each passes in its own folder, where it reads its testdata, and exits with 0.

    These are a sample: `make go-ladder` runs all packages.
    """
    env = {"GOROOT": str(go.root), "TMPDIR": str(tmp_path)}
    done = vx9(std_tests(package), "-test.short", "-test.paniconexit0", f"-test.run={SAMPLE[package]}",
               script="go_plan9_386_exec", cwd=go.src / package, timeout=540, env=env)
    assert done.stdout.decode().splitlines()[-1:] == ["PASS"], (done.stdout + done.stderr).decode()
    assert done.returncode == 0


@pytest.mark.timeout(300)
def test_go_test_runs_them_through_exec(go, vx9_prefix):
    """The go command drives vx9 run as it drives a native test."""
    done = go.run("test", "-vet=off", "-short", "-count=1", "-exec", f"{vx9_prefix} run", ".",
                  cwd=go.root / "src/container/heap")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ok  \tcontainer/heap\t")


@pytest.mark.timeout(300)
def test_go_test_finds_go_plan9_386_exec_on_path(go, scripts_path):
    """With the scripts on PATH no flag is needed."""
    done = go.run("test", "-vet=off", "-short", "-count=1", "-v", "-run", "TestHeapify|Test0|ExampleI",
                  "container/heap", cwd=go.root / "src", env=go.env(PATH=scripts_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout.splitlines()


@pytest.mark.timeout(300)
def test_a_users_module(go, vx9_prefix, scripts_path, tmp_path):
    """A failing test fails with its own output; files beside the module's are found."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "go.mod").write_text("module mine\n\ngo 1.25\n")
    (tmp_path / "shared.txt").write_text("from the module's root")
    (tmp_path / "pkg/mine_test.go").write_text("""
package mine

import ("os"; "testing")

func TestRead(t *testing.T) {
	data, err := os.ReadFile("../shared.txt")
	if err != nil || string(data) != "from the module's root" { t.Fatal(string(data), err) }
}

func TestFail(t *testing.T) { t.Error("this one fails") }

func TestWrite(t *testing.T) {
	if err := os.WriteFile("made", []byte("x"), 0o666); err != nil { t.Skip("read-only: ", err) }
}
""")
    done = go.run("test", "-vet=off", "-v", "-exec", f"{vx9_prefix} run", "./...", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    for line in ("--- PASS: TestRead", "--- FAIL: TestFail", "--- SKIP: TestWrite", "FAIL\tmine/pkg"):
        assert line in done.stdout
    assert not (tmp_path / "pkg/made").exists()

    done = go.run("test", "-vet=off", "-v", "-run", "Read|Write", "-cover", "./...", cwd=tmp_path,
                  env=go.env(PATH=scripts_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--- PASS: TestWrite" in done.stdout
    assert (tmp_path / "pkg/made").read_text() == "x"
