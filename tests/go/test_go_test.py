"""GOOS=plan9 GOARCH=386 go test ./... in a user's module, with no flag at all."""

import json
import os
import re
import signal
import subprocess

import pytest

pytestmark = [pytest.mark.go, pytest.mark.guest, pytest.mark.timeout(300)]

MODULE = {
    "go.mod": "module example.org/mine\n\ngo 1.25\n",
    "shared.txt": "from the module's root",
    "good/good.go": """
package good

func Twice(n int) int {
	if n < 0 {
		return -Twice(-n)
	}
	return 2 * n
}
""",
    "good/testdata/two words.txt": "data\n",
    "good/good_test.go": """
package good

import ("fmt"; "os"; "path/filepath"; "runtime"; "strings"; "testing")

func TestTwice(t *testing.T) {
	for _, n := range []int{0, 1, 21} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if Twice(n) != n + n { t.Fail() }
		})
	}
}

func TestFiles(t *testing.T) {
	for name, want := range map[string]string{
		"testdata/two words.txt": "data\\n", "../shared.txt": "from the module's root",
	} {
		if data, err := os.ReadFile(name); err != nil || string(data) != want { t.Error(name, err) }
	}
	wd, err := os.Getwd()
	if err != nil || wd != os.Getenv("WANT") + "/good" { t.Error(wd, err) }
	exe, err := os.Executable()
	if err != nil || filepath.Base(exe) != "good.test" { t.Error(exe, err) }
}

func TestTemporary(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sub", "file")
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil { t.Fatal(err) }
	if err := os.WriteFile(name, []byte("x"), 0o666); err != nil { t.Fatal(err) }
}

func TestTheRestOfTheHostIsNotThere(t *testing.T) {
	for _, name := range strings.Split(os.Getenv("HIDDEN"), ":") {
		if _, err := os.Stat(name); !os.IsNotExist(err) { t.Error(name, err) }
	}
	goroot := runtime.GOROOT()
	if _, err := os.Stat(goroot + "/src/fmt/print.go"); err != nil { t.Error(err) }
	if err := os.WriteFile(goroot + "/made", nil, 0o666); err == nil { t.Error("GOROOT can be written") }
}

func ExampleTwice() {
	fmt.Println(Twice(4))
	// Output: 8
}

func BenchmarkTwice(b *testing.B) {
	for b.Loop() { Twice(3) }
}
""",
    "bad/bad_test.go": """
package bad

import "testing"

func TestRight(t *testing.T) {}
func TestWrong(t *testing.T) { t.Errorf("want %d", 7) }
""",
    "panics/panics_test.go": """
package panics

import "testing"

func TestPanic(t *testing.T) { var p *int; *p = 1 }
""",
    "exits/exits_test.go": """
package exits

import ("fmt"; "os"; "testing")

func TestMain(m *testing.M) { m.Run(); fmt.Println("leaving"); os.Exit(3) }
func TestFine(t *testing.T) {}
""",
    "hangs/hangs_test.go": """
package hangs

import ("fmt"; "os"; "os/signal"; "testing"; "time")

func sleeper() { time.Sleep(time.Hour) }

func TestSleep(t *testing.T) {
	go sleeper()
	fmt.Fprintln(os.Stderr, "asleep")
	time.Sleep(time.Hour)
}

func TestInterrupt(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	fmt.Fprintln(os.Stderr, "waiting")
	fmt.Println("got", <-c)
}
""",
    "empty/empty.go": "package empty\n",
    "cmd/tool/main.go": """
package main

import ("fmt"; "io"; "os"; "strconv")

func main() {
	data, _ := io.ReadAll(os.Stdin)
	fmt.Printf("%q %q\\n", os.Args[1:], data)
	n, _ := strconv.Atoi(os.Args[1])
	os.Exit(n)
}
""",
}


@pytest.fixture
def module(tmp_path):
    """The module, in a folder with a blank in its name; what lies beside it is not its own."""
    folder = tmp_path / "my module"
    for name, text in MODULE.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "secret").write_text("")
    return folder


@pytest.fixture
def env(go, module, scripts_path):
    """What somebody has who installed vx9 and sets GOOS and GOARCH."""
    hidden = ":".join((str(module.parent / "secret"), "/etc/passwd", "/usr/bin"))
    env = go.env(PATH=scripts_path, WANT=str(module), HIDDEN=hidden, GOFLAGS="")
    for name in ("TMPDIR", "GOROOT"):
        env.pop(name, None)
    return env


@pytest.fixture
def go_test(go, module, env):
    """go_test("./...") in the module."""
    return lambda *arguments, **more: go.run("test", *arguments, cwd=module, env={**env, **more})


def test_all_packages(go_test):
    done = go_test("./bad", "./panics", "./exits", "./good", "./empty")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    said = re.findall(r"^(ok|FAIL|\?) *\texample.org/mine/(\w+)\t", done.stdout, re.M)
    assert {name: word for word, name in said} == {"good": "ok", "bad": "FAIL", "panics": "FAIL", "exits": "FAIL", "empty": "?"}
    assert "--- FAIL: TestWrong (0.00s)" in lines
    assert "    bad_test.go:7: want 7" in lines
    assert "panic: runtime error: invalid memory address or nil pointer dereference" in done.stdout
    assert re.search(r"panics_test\.go:6 \+0x", done.stdout)
    assert "leaving" in lines
    assert not any("vx9" in line for line in lines + done.stderr.splitlines())


def test_exit_codes(go, module, env):
    """Compiled by hand, the exit status is the test's own."""
    for package, status in (("good", 0), ("bad", 1), ("panics", 2), ("exits", 3)):
        assert go.run("test", "-c", "-o", f"{package}.test", f"./{package}", cwd=module,
                      env=env).returncode == 0
        done = subprocess.run(["go_plan9_386_exec", f"../{package}.test"], cwd=module / package,
                              env={**env, "GOROOT": str(go.root)}, capture_output=True, timeout=60)
        assert done.returncode == status, done.stdout + done.stderr


def test_choosing_and_repeating(go_test):
    done = go_test("-v", "-run", "TestTwice/21", "-count", "2", "./good")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"--- PASS: (\S+)", done.stdout) == ["TestTwice", "TestTwice/21"] * 2
    done = go_test("-run", "^$", "-bench", ".", "-benchtime", "10x", "./good")
    assert re.search(r"^BenchmarkTwice\s+10\s", done.stdout, re.M), done.stdout + done.stderr


def test_json(go_test):
    done = go_test("-json", "./good", "./bad")
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    ended = {(event["Package"].rpartition("/")[2], event.get("Test")): event["Action"]
             for event in events if event["Action"] in ("pass", "fail")}
    assert ended["good", "TestFiles"] == ended["bad", "TestRight"] == ended["good", None] == "pass"
    assert ended["bad", "TestWrong"] == ended["bad", None] == "fail"


def test_cover(go, go_test, module, env):
    done = go_test("-cover", "-run", "Twice", "-coverprofile", "c.out", "./good")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "coverage: 66.7% of statements" in done.stdout
    profile = (module / "c.out").read_text().splitlines()
    assert profile[0] == "mode: set"
    assert [line.rpartition(" ")[2] for line in profile[1:]] == ["1", "0", "1"]
    data = module.parent / "data"
    data.mkdir()
    done = go.run("run", "-cover", "./cmd/tool", "0", cwd=module, env={**env, "GOCOVERDIR": str(data)},
                  stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, '["0"] ""\n'), done.stderr
    done = go.run("tool", "covdata", "percent", "-i", str(data), cwd=module, env=env)
    assert "coverage: 100.0% of statements" in done.stdout, done.stdout + done.stderr


def test_go_run(go, module, env):
    done = go.run("run", "./cmd/tool", "5", "a b", "", cwd=module, env=env, input="typed")
    assert done.stdout == '["5" "a b" ""] "typed"\n'
    assert (done.returncode, done.stderr) == (1, "exit status 5\n")


def test_out_of_time(go_test):
    done = go_test("-timeout", "2s", "-run", "Sleep", "./hangs")
    assert done.returncode == 1
    assert "panic: test timed out after 2s" in done.stdout
    assert re.search(r"^mine/hangs\.sleeper|hangs\.sleeper\(\)$", done.stdout, re.M)
    assert "FAIL\texample.org/mine/hangs" in done.stdout


def test_the_temporary_folder_is_the_hosts_when_it_is_named(go_test, tmp_path):
    place = tmp_path / "temporary"
    place.mkdir()
    done = go_test("-v", "-run", "Temporary", "./good", TMPDIR=str(place))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(place.iterdir()) == []


def test_no_race_detector(go_test):
    done = go_test("-race", "./good")
    assert done.returncode == 2
    assert "-race is not supported on plan9/386" in done.stderr


@pytest.fixture
def started(go, module, env):
    """A go test under way, in a process group of its own as under a terminal."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [go.root / "bin/go", "test", *arguments], cwd=module, env=env, text=True,
            start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        running.append(process)
        return process
    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _until(process, word):
    said = []
    for line in process.stdout:
        said.append(line)
        if word in line:
            return
    raise AssertionError(f"no {word!r} in {''.join(said)}")


def test_quit_at_the_terminal_shows_the_goroutines(started):
    process = started("-v", "-run", "Sleep", "./hangs")
    _until(process, "asleep")
    os.killpg(process.pid, signal.SIGQUIT)
    said, _ = process.communicate(timeout=60)
    assert re.search(r"^goroutine \d+ .*\[", said, re.M), said
    assert "hangs.sleeper" in said
    assert process.returncode == 1


def test_interrupt_at_the_terminal_reaches_the_test(started):
    process = started("-v", "-run", "Interrupt", "./hangs")
    _until(process, "waiting")
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert "got interrupt" in said
    assert "--- PASS: TestInterrupt" in said
    process = started("-v", "-run", "Sleep", "./hangs")
    _until(process, "asleep")
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
