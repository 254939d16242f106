"""The commands of the image, as section 1 of the manual has them."""

import os
import re

import pytest

pytestmark = pytest.mark.guest
PLACE = "/n/d"


@pytest.fixture
def folder(tmp_path):
    """A host folder for guests to look at: two files of known times, and a directory."""
    (tmp_path / "two words").write_text("hello\n")
    (tmp_path / "zz").write_text("z" * 3000)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "inner").write_text("")
    for name, seconds in (("two words", 1_000_000_000), ("zz", 900_000_000), ("sub", 5)):
        os.utime(tmp_path / name, (seconds, seconds))
        (tmp_path / name).chmod(0o755 if name == "sub" else 0o640)
    return tmp_path


@pytest.fixture
def command(folder, demand, tmp_path_factory):
    """command(line words...) -> (stdout, stderr, status message, code), in the folder."""
    from vx9.images import root
    from vx9.kernel.kernel import Kernel

    if "ls" not in root.programs():
        demand("the guest programs (pip install -e .)")
    kernel = Kernel(image=root.entries("glenda"))
    kernel.start()
    kernel.bind_host(str(folder), PLACE, True)

    def run(*words, stdin=b"", env=None):
        place = tmp_path_factory.mktemp("streams")
        (place / "in").write_bytes(stdin)
        with open(place / "in", "rb") as i, open(place / "out", "wb") as o, \
                open(place / "err", "wb") as e:
            handle = kernel.spawn([f"/bin/{words[0]}", *words[1:]], env=env or {}, cwd=PLACE,
                                  stdin=i.fileno(), stdout=o.fileno(), stderr=e.fileno())
            status = handle.wait(60)
        return ((place / "out").read_text(), (place / "err").read_text(),
                re.sub(r"^\S+ \d+: ", "", status.message), status.code)

    yield run
    kernel.stop()
    assert kernel.errors == 0


def good(output):
    return (output, "", "", 0)


def test_hello(command):
    assert command("hello") == good("hello, world\n")


@pytest.mark.parametrize(("words", "output"), [
    ((), "\n"), (("-n",), ""), (("a", "b  c"), "a b  c\n"), (("-n", "a", ""), "a "), (("--", "-n"), "-- -n\n"),
])
def test_echo(command, words, output):
    assert command("echo", *words) == good(output)


def test_cat(command):
    assert command("cat", "two words", "zz") == good("hello\n" + "z" * 3000)
    assert command("cat", stdin=b"from\0stdin") == good("from\0stdin")
    error = "can't open x: 'x' file does not exist"
    assert command("cat", "two words", "x", "zz") == ("hello\n", f"cat: {error}\n", error, 1)


def test_pwd(command):
    assert command("pwd") == good(PLACE + "\n")


def test_sleep(command):
    assert command("sleep", "0.01") == command("sleep", "0") == command("sleep") == good("")
    assert command("sleep", "x")[1:3] == ("sleep: bad number of seconds: x\n", "bad number of seconds: x")


def test_date(command):
    assert command("date", "-u", "0") == good("Thu Jan  1 00:00:00 GMT 1970\n")
    zone = {"timezone": "CET 3600 CES 7200\n 1000000000 1000000100\n"}
    assert command("date", "1000000050", env=zone) == good("Sun Sep  9 03:47:30 CES 2001\n")
    assert command("date", "-u", "1000000050", env=zone) == good("Sun Sep  9 01:47:30 GMT 2001\n")
    assert command("date", "-n", "42") == good("42\n")
    assert re.fullmatch(r"\d{10}\n", command("date", "-n")[0])
    usage = ("", "usage: date [-un] [seconds]\n", "usage", 1)
    assert command("date", "yesterday") == command("date", "-q") == command("date", "1", "2") == usage


@pytest.mark.parametrize(("words", "output"), [
    ((), "sub\n'two words'\nzz\n"),
    (("-Q",), "sub\ntwo words\nzz\n"),
    (("-r",), "zz\n'two words'\nsub\n"),
    (("-t",), "'two words'\nzz\nsub\n"),
    (("-tr",), "sub\nzz\n'two words'\n"),
    (("-F",), "sub/\n'two words'\nzz\n"),
    (("-T",), "- sub\n- 'two words'\n- zz\n"),
    (("-s", "zz", "two words"), "1 'two words'\n3 zz\n"),
    (("-d", "sub", "."), ".\nsub\n"),
    (("sub",), "sub/inner\n"),
    (("sub/",), "sub/inner\n"),
    (("-p", "sub"), "inner\n"),
    (("zz", "sub", "two words"), "zz\nsub/inner\n'two words'\n"),
    (("-dp", PLACE), "d\n"),
])
def test_ls(command, words, output):
    assert command("ls", *words) == good(output)


def test_ls_long(command):
    out, err, message, _ = command("ls", "-l")
    assert (err, message) == ("", "")
    sub, words, zz = out.splitlines()
    assert re.fullmatch(r"d-rwxr-xr-x M \d+ \S+ +\S+ +0 Jan  1  1970 sub", sub)
    assert re.fullmatch(r"--rw-r----- M \d+ \S+ +\S+ +6 Sep  9  2001 'two words'", words)
    assert re.fullmatch(r"--rw-r----- M \d+ \S+ +\S+ +3000 Jul  9  1998 zz", zz)
    assert re.fullmatch(r"--rw-rw-rw- c 0 glenda glenda 0 \w{3} [ \d]\d \d\d:\d\d /dev/null\n",
                        command("ls", "-l", "/dev/null")[0])
    assert re.fullmatch(r"\([0-9a-f]{16} +\d+ 80\) sub\n", command("ls", "-dq", "sub")[0])
    assert re.fullmatch(r"\[\S+\] zz\n", command("ls", "-m", "zz")[0])


def test_ls_errors(command):
    assert command("ls", "nosuch", "zz") == (
        "zz\n", "ls: nosuch: 'nosuch' file does not exist\n", "errors", 1)
    assert command("ls", "-x") == ("", "usage: ls [-dlmnpqrstuFQT] [file ...]\n", "usage", 1)


def test_ls_of_many_files(command, folder):
    for i in range(1000):
        (folder / "sub" / f"{i:04}").touch()
    lines = command("ls", "-p", "sub")[0].split()
    assert lines == [*(f"{i:04}" for i in range(1000)), "inner"]


def test_ps(command):
    assert re.fullmatch(r"glenda     [ \d]{8}    0:00   0:00 [ \d]{7}K [\w ]{8} ps\n", command("ps")[0])
    assert re.search(r" /bin/ps -a\n", command("ps", "-a")[0])
    assert re.search(r"\d 10 10 ", command("ps", "-p")[0])
    assert re.search(r" \d+ +\d+ +0:00:0\d +0:0\d", command("ps", "-nr")[0])
    assert command("ps", "x") == ("", "usage: ps [-anpr]\n", "usage", 1)


def test_kill(command):
    assert re.fullmatch(r"echo kill>/proc/\d+/note # kill\n", command("kill", "kill", "no such")[0])
    assert command("kill", "nosuch") == good("")
    assert command("kill") == ("", "usage: kill name ...\n", "usage", 1)


@pytest.mark.parametrize(("name", "line"), [
    ("slay", "kill>/proc/N/ctl"), ("stop", "stop>/proc/N/ctl"), ("start", "start>/proc/N/ctl"),
])
def test_slay_stop_and_start(command, name, line):
    assert re.sub(r"\d+", "N", command(name, name)[0]) == f"echo {line} # {name}\n"
    assert command(name) == ("", f"usage: {name} name ...\n", "usage", 1)


def test_ns(command):
    out, err, message, _ = command("ns")
    lines = out.splitlines()
    assert (err, message, lines[-1]) == ("", "", f"cd {PLACE}")
    assert "bind '#c' /dev" in lines and "bind -c '#e' /env" in lines
    assert all(re.match(r"(bind|mount)( -[abcC]+)? \S+ \S+", line) for line in lines[:-1])
    assert command("ns", "99999")[1].startswith("/bin/ns: can't open /proc/99999/ns: ")
    assert command("ns", "x", "y") == ("", "usage: ns [-r] [pid]\n", "usage", 1)


def test_the_image(command):
    assert command("cat", "/adm/timezone/local") == good("GMT 0 GMT 0\n\n")
    assert "/lib/ndb/common\n" in command("ls", "/lib/ndb")[0]
    assert command("ls", "-d", "/usr/glenda", "/tmp", "/srv", "/n")[0] == "/n\n/srv\n/tmp\n/usr/glenda\n"
