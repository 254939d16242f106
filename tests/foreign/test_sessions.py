"""vx9 --root on a foreign tree: one line, plain input, programs, a terminal; what it may touch."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.guest, pytest.mark.timeout(120)]


def tree_lines(*all_lines: str) -> str:
    """A name space file."""
    return "".join(f"{line}\n" for line in all_lines)


def lines(done: subprocess.CompletedProcess) -> list[str]:
    """What it printed; nothing else may have been said."""
    assert done.stderr == b"", done.stderr.decode()
    return done.stdout.decode().splitlines()


def test_one_line(nine):
    assert lines(nine("echo one; cat /lib/hello | cat; tool pwd")) == \
        ["one", "hello, foreign world", "/usr/glenda"]


@pytest.mark.parametrize(("status", "code"), [("", 0), ("3", 3), ("'no luck'", 1)])
def test_the_exit_status_is_rcs(nine, status, code):
    assert nine(f"exit {status}").returncode == code


def test_lines_from_plain_input(make_tree, vx9):
    done = vx9("--root", make_tree(), input=b"x=fish\necho $x\ncd /lib\ncat hello\n")
    assert lines(done) == ["fish", "hello, foreign world"]


def test_programs_by_name_and_by_path(make_tree, vx9):
    root = make_tree()
    for name in ("echo", "/386/bin/echo", "386/bin/echo", "/bin/echo"):
        assert lines(vx9("run", "--root", root, name, "a", "b c")) == ["a b c"]
    done = vx9("run", "--root", root, "/bin/tool", "exits", "7")
    assert done.returncode == 7
    done = vx9("run", "--root", root, "nope")
    assert (done.returncode, done.stderr) == (127, b"vx9: nope: file does not exist; check the name\n")
    assert lines(vx9("run", "--root", root, "hi")) == ["hi from a script: ."]


def test_the_environment(nine):
    done = nine("cat /env/path /env/prompt; echo; echo $cputype $objtype $user $home $service "
                "$sysname $rootdir; cat /env/timezone; cat /dev/user; echo; cat /adm/users")
    out = done.stdout.decode()
    assert out.startswith(".\0/bin\0% \0\t\0\n386 386 glenda /usr/glenda terminal vx9 /root\n"
                          "EST -18000 EDT -14400\nglenda\n-1:adm:adm:\n")
    assert lines(nine("echo $color $home", "--env", "color=red", "--home", "/lib")) == ["red /lib"]


def test_no_variable_of_the_host_is_passed_on(nine):
    secret = "the host's own secret"
    done = nine("tool ls /env", env={"HOST_SECRET": secret})
    assert "HOST_SECRET" not in lines(done)
    assert lines(nine("echo $HOST_SECRET", "--inherit-env", env={"HOST_SECRET": secret})) == [secret]


def test_the_user(make_tree, vx9):
    root = make_tree({"usr/ken/lib/profile": "echo welcome $user\n", "usr/ken/tmp/x": ""})
    done = vx9("--root", root, "--user", "ken", "-c", "echo $user $home; cat /dev/user; echo; tool pwd")
    assert done.stdout.decode().splitlines() == ["ken /usr/ken", "ken", "/usr/ken"]
    done = vx9("--root", root, "--user", "ken", "--login", "-c", "echo hello")
    assert lines(done)[-2:] == ["welcome ken", "hello"]
    done = vx9("--root", root, "--user", "nobody", "-c", "tool pwd")
    assert done.stdout == b"/\n", "no home: the root"
    assert [line.split(b": ")[1] for line in done.stderr.splitlines()] == \
        [b"/lib/namespace:17", b"/lib/namespace:19"]


def test_what_only_some_machines_have_is_not_told(make_tree, vx9, tmp_path):
    """A tree's file is for many machines; one that the user names is for this one."""
    text = ("bind #c /dev\nbind #e /env\nbind /386/bin /bin\nbind -a #l /net\nbind -a #i/x /dev\n"
            "mount -a /srv/slashn /n\n. /cfg/$sysname/namespace\n. /lib/nosuchfile\nmount '#s/none' /n\n")
    done = vx9("--root", make_tree(namespace=text), "-c", "echo ok")
    assert (done.stdout, done.stderr) == (b"ok\n", b"")
    own = tmp_path / "ns"
    own.write_text(text)
    done = vx9("--root", make_tree(name="other"), "--namespace", own, "-c", "echo ok")
    assert [line.split(b":")[2] for line in done.stderr.splitlines()] == \
        [b"4", b"5", b"6", b"7", b"8", b"9"]


def test_the_profile_is_for_login_shells(nine):
    assert lines(nine("echo then", "--login")) == ["profile of glenda", "then"]
    assert lines(nine("echo then")) == ["then"]


def test_the_console_without_a_terminal_is_standard_error(nine):
    done = nine("echo to the console >/dev/cons; cat /dev/cons; echo done")
    assert (done.stdout, done.stderr) == (b"done\n", b"to the console\n")


# Name spaces

def test_the_name_space_is_what_the_tree_says(nine):
    assert {"hello", "namespace"} <= set(lines(nine("tool ls /mnt/lib")))  # from namespace.vx9
    listing = lines(nine("cat /proc/1/ns"))
    for line in ("mount -aC #s/boot /root ", "bind -a /root /", "bind  #c /dev",
                 "bind  /386/bin /bin", "bind -a /rc/bin /bin", "bind -c /usr/glenda/tmp /tmp",
                 "cd /usr/glenda"):
        assert line in listing


def test_a_line_that_fails_is_reported_and_passed_over(make_tree, vx9):
    root = make_tree(namespace="bind #c /dev\nbind -a /nodir /dev\nmount #s/cs /nodir\nfly away\n"
                               "bind -q / /n\nbind /lib\nbind #e /env\nbind /$cputype/bin /bin\n"
                               ". /lib\nbind -a /rc/bin /bin\nbind #d /fd\nbind #p /proc\n")
    done = vx9("--root", root, "-c", "echo $user; cat /proc/1/ns")
    said = done.stderr.decode().splitlines()
    assert [line.split(": ", 2)[1] for line in said] == \
        [f"/lib/namespace:{n}" for n in (2, 3, 4, 5, 6, 9)]
    assert said[0] == "vx9: /lib/namespace:2: bind -a /nodir /dev: '/nodir' file does not exist"
    assert "'/nodir' file does not exist" in said[1]
    assert "unknown operation" in said[2] and "unknown option -q" in said[3]
    assert "bind takes [-abcC] new old" in said[4]
    assert done.stdout.startswith(b"glenda\n") and done.returncode == 0


def test_import_runs_the_trees_own_program(make_tree, vx9):
    root = make_tree({"386/bin/import.rc": "#!/bin/rc\ntool bind /lib /n\necho $* >/dev/null\n"},
                     namespace=tree_lines("bind #c /dev", "bind #e /env", "bind #d /fd",
                                          "bind /386/bin /bin", "import host /net /n"))
    (root / "386/bin/import.rc").rename(root / "386/bin/import")
    (root / "386/bin/import").chmod(0o755)
    assert lines(vx9("--root", root, "-c", "cat /n/hello")) == ["hello, foreign world"]
    (root / "386/bin/import").unlink()
    done = vx9("--root", root, "-c", "echo on")
    assert done.stdout == b"on\n"
    assert done.stderr.decode() == ("vx9: /lib/namespace:5: import host /net /n: "
                                    "'/bin/import' file does not exist\n")


def test_without_a_file_the_usual_name_space(make_tree, vx9):
    root = make_tree(namespace=None)
    done = vx9("--root", root, "-c", "hi; echo $user >/dev/null; tool ls /dev /tmp; tool pwd")
    found = lines(done)
    assert found[0].startswith("hi from a script") and "cons" in found and found[-1] == "/usr/glenda"


def test_a_name_space_file_of_ones_own(make_tree, vx9, tmp_path):
    other = tmp_path / "ns"
    other.write_text("bind #c /dev\nbind #e /env\nbind #d /fd\nbind /386/bin /bin\ncd /lib\n")
    done = vx9("--root", make_tree(), "--namespace", other, "-c", "cat hello; tool ls /bin")
    found = lines(done)
    assert found[0] == "hello, foreign world" and "hi" not in found
    other.write_text("bind /lib /n\nbind $nope /n\ncd /n\n")
    done = vx9("--namespace", other, "-c", "pwd; ls ndb")
    assert done.stdout == b"/n\nndb/common\nndb/local\n"
    assert done.stderr.decode() == f"vx9: {other}:2: bind $nope /n: empty file name\n"
    done = vx9("--namespace", tmp_path / "none", "-c", "pwd")
    assert done.returncode == 125 and b"no such file" in done.stderr


def test_name_space_files_that_include_each_other_end(make_tree, vx9):
    root = make_tree({"lib/loop": ". /lib/loop\n. /lib/loop\nbind #c /dev\n"},
                     namespace="bind /386/bin /bin\nbind #d /fd\nbind #e /env\n. /lib/loop\n")
    started = time.monotonic()
    done = vx9("--root", root, "-c", "echo alive")
    assert done.stdout == b"alive\n" and time.monotonic() - started < 30
    assert b"nested more than" in done.stderr and len(done.stderr.splitlines()) == 51


def test_a_program_makes_itself_a_name_space(nine):
    done = nine("tool newns; cat /lib/hello")
    assert lines(done) == ["authentication not required"] * 2 + ["21", "hello, foreign world"]


def test_what_a_tree_says_is_shown_without_control_characters(make_tree, vx9):
    root = make_tree(namespace="bind \x1b]0;title\x07 /n\nbind /386/bin /bin\nbind #e /env\n")
    done = vx9("--root", root, "-c", "echo ok")
    assert done.stdout == b"ok\n" and done.stderr.count(b"\n") == 1
    assert b"\x1b" not in done.stderr and b"\x07" not in done.stderr


def test_the_root_can_be_mounted_again(nine):
    assert "hello" in lines(nine("tool mount '#s/boot' /mnt; tool ls /mnt/lib"))


# What may be changed

def contents(folder: Path) -> dict[str, object]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))}


CHANGES = ("echo new >/usr/glenda/tmp/new; echo over >/lib/hello; tool rm /adm/users; "
           "tool mkdir /usr/glenda/d; echo deep >/usr/glenda/d/f; cat /lib/hello "
           "/usr/glenda/d/f /tmp/new; tool ls /adm")


def test_changes_are_kept_in_memory(make_tree, vx9):
    root = make_tree()
    before = contents(root)
    done = vx9("--root", root, "-c", CHANGES)
    assert lines(done) == ["over", "deep", "new", "timezone"]
    assert contents(root) == before
    assert lines(vx9("--root", root, "-c", "cat /lib/hello")) == ["hello, foreign world"]


def test_with_rw_the_folder_itself_changes(make_tree, vx9):
    root = make_tree()
    done = vx9("--root", root, "--rw", "-c", CHANGES)
    assert lines(done) == ["over", "deep", "new", "timezone"]
    assert (root / "lib/hello").read_text() == "over\n"
    assert (root / "usr/glenda/d/f").read_text() == "deep\n"
    assert not (root / "adm/users").exists()
    assert not list(root.rglob(".wh.*"))


def test_folders_of_the_host_beside_the_tree(make_tree, vx9, tmp_path):
    root = make_tree()
    (tmp_path / "src").mkdir()
    (tmp_path / "src/file").write_text("mine\n")
    before = contents(root)
    for guest in ("/usr/glenda/src", "/usr/glenda/a/b", "/n/src", "/work/src", "/mnt/lib"):
        done = vx9("--root", root, "--bind", f"{tmp_path}/src:{guest}", "-c", f"cat {guest}/file")
        assert lines(done) == ["mine"]
    assert contents(root) == before


def test_executable_bits_decide(make_tree, vx9):
    root = make_tree()
    (root / "386/bin/echo").chmod(0o644)
    done = vx9("--root", root, "-c", "echo hello")
    assert done.stdout == b"" and b"permission denied" in done.stderr


def test_names_are_the_hosts(nine):
    assert lines(nine("cat 'a file with blanks'")) == ["blanks"]
    done = nine("cat 'A FILE with blanks'")
    assert b"does not exist" in done.stderr


def test_the_hosts_user_and_group_are_the_guests(nine):
    record = nine("cat /usr/glenda >/tmp/dir; cat /tmp/dir").stdout
    owner = b"\x06\0glenda"
    assert owner * 3 in record and b"root" not in record


@pytest.mark.parametrize("target", [
    "/etc/passwd", "../../../../../../../../etc/passwd", "../../outside", "/proc/self/root/etc/passwd",
    "{outside}", "/dev/null", "{root}/../outside"])
def test_links_do_not_lead_out(make_tree, vx9, tmp_path, target):
    root = make_tree()
    (tmp_path / "outside").write_text("secret\n")
    where = target.format(root=root, outside=tmp_path / "outside")
    (root / "lib/link").symlink_to(where)
    done = vx9("--root", root, "-c", "cat /lib/link; tool ls /lib; echo x >/lib/link; cat /lib/link")
    assert b"secret" not in done.stdout and b"root:" not in done.stdout
    assert done.stdout.decode().splitlines().count("link") == 0
    assert (tmp_path / "outside").read_text() == "secret\n"


def test_links_within_the_tree_are_followed(make_tree, vx9):
    root = make_tree()
    (root / "lib/relative").symlink_to("../adm/timezone/local")
    (root / "lib/absolute").symlink_to(root / "adm/timezone")
    done = vx9("--root", root, "-c", "cat /lib/relative /lib/absolute/local")
    assert lines(done) == ["EST -18000 EDT -14400"] * 2


def test_no_path_of_the_host_is_seen(make_tree, vx9):
    root = make_tree()
    done = vx9("--root", root, "-c",
               "cat /proc/1/ns /proc/1/fd /proc/1/args /dev/drivers; tool pwd; cat /nope; cat '#U1'; "
               "cat '#U9/x'; cat /env/home")
    assert str(root).encode() not in done.stdout + done.stderr


# Dialects

@pytest.mark.parametrize(("more", "says"), [
    ({}, "'/nope' file does not exist"),
    ({"386/bin/aux/kbdfs": "x"}, "file does not exist: '/nope'"),
    ({"rc/bin/sysupdate": "x", "386/bin/git/fetch": "x"}, "file does not exist: '/nope'"),
    ({"386/bin/git/fetch": "x"}, "'/nope' file does not exist"),
    ({"386/bin/mk": "\0/dev/bintime\0"}, "'/nope' file does not exist"),  # rc comes first
])
def test_the_dialect_is_the_trees(make_tree, vx9, more, says):
    done = vx9("--root", make_tree(more), "-c", "cat /nope")
    assert done.stderr.decode() == f"cat: can't open /nope: {says}\n"


def test_the_dialect_can_be_chosen(make_tree, vx9):
    root = make_tree({"386/bin/aux/kbdfs": "x"})
    done = vx9("--root", root, "--dialect", "bell", "-c", "cat /nope")
    assert done.stderr == b"cat: can't open /nope: '/nope' file does not exist\n"
    done = vx9("--dialect", "9front", "run", "cat", "/nope")
    assert done.stderr == b"cat: can't open /nope: file does not exist: '/nope'\n"
    done = vx9("--dialect", "tenth", "run", "cat")
    assert done.returncode == 125


# Folders that are no Plan 9 tree

def test_a_plain_folder_gets_our_programs(vx9, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "file").write_text("x\n")
    done = vx9("--root", tmp_path, "-c", "ls /; cat /file; pwd; echo y >/tmp/z; cat /tmp/z")
    out = done.stdout.decode().splitlines()
    assert {"/file", "/dev", "/tmp"} <= set(out) and out[-3:] == ["x", "/", "y"]
    assert done.stderr == b""


def test_a_tree_without_rc_gets_our_shell(make_tree, vx9):
    root = make_tree()
    (root / "386/bin/rc").unlink()
    assert lines(vx9("--root", root, "-c", "echo still")) == ["still"]


def test_what_cannot_be_done_is_one_line(make_tree, vx9):
    root = make_tree()
    rc = root / "386/bin/rc"
    done = vx9("--root", root, "--cwd", "/nowhere", "-c", "x")
    assert (done.returncode, done.stderr) == \
        (125, b"vx9: --cwd /nowhere: file does not exist; name a folder of the guest\n")
    rc.chmod(0o644)
    done = vx9("--root", root, "-c", "x")
    assert done.returncode == 126 and done.stderr.startswith(b"vx9: /bin/rc: permission denied; ")
    rc.write_bytes(b"\0\0\x8a\x97" + bytes(100))
    rc.chmod(0o755)
    done = vx9("--root", root, "-c", "x")
    assert done.returncode == 126 and done.stderr.startswith(b"vx9: /bin/rc: exec header invalid; ")


# A terminal

class Terminal:
    """vx9 on a pseudo-terminal."""

    def __init__(self, *arguments: object) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, "-P", "-m", "vx9", *map(str, arguments)])
        self.text = ""

    def until(self, wanted: str, seconds: float = 30) -> str:
        """All that is shown until wanted is."""
        end = time.monotonic() + seconds
        while wanted not in self.text:
            left = end - time.monotonic()
            assert left > 0, f"{wanted!r} does not come; there is {self.text!r}"
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data = os.read(self.fd, 4096)
                except OSError:
                    data = b""
                assert data, f"the end instead of {wanted!r}; there is {self.text!r}"
                self.text += data.decode("utf-8", "replace")
        seen, _, self.text = self.text.partition(wanted)
        return seen

    def type(self, text: str) -> None:
        """Keys."""
        os.write(self.fd, text.encode())

    def end(self) -> int:
        """The exit status."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    if os.read(self.fd, 4096):
                        continue
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("it does not end")


def test_rc_is_found_without_a_bin(make_tree, vx9):
    root = make_tree(namespace="bind #c /dev\nbind #e /env\nbind #d /fd\n")
    assert lines(vx9("--root", root, "-c", "/386/bin/echo found")) == ["found"]


def test_a_session_on_a_terminal(make_tree):
    it = Terminal("--root", make_tree())
    it.until("% ")
    it.type("echo $user types\r")
    it.until("\nglenda types")
    it.until("% ")
    it.type("tool sleep\r")
    it.until("\nsleeping")
    started = time.monotonic()
    it.type("\x03")
    it.until("% ")
    assert time.monotonic() - started < 20
    for _ in range(5):  # however many, the shell stays
        it.type("\x03")
        it.until("% ")
    it.type("echo still here\r")
    it.until("\nstill here")
    it.type("exit 5\r")
    assert it.end() == 5


def test_ctrl_d_ends_the_session(make_tree):
    it = Terminal("--root", make_tree(), "-l")
    it.until("profile of glenda")
    it.until("% ")
    it.type("\x04")
    assert it.end() == 0
