"""The walls behind the translator, each with those before it out of the way.

Whatever puts up walls runs in a process of its own: they stay up.
"""

import collections
import os
import platform
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
from pathlib import Path

import pytest

import vx9.vxcore

from .cases import build_probe, cases
from .listener import run_all

pytestmark = pytest.mark.guest

RAW = cases("raw.tab")
DEBIAN = Path("/usr/bin/python3.11")  # whose text and heap lie below 4 GiB

MESSAGES = {
    "WALL": "a guest reached the host's system calls",
    "ESCAPED": "a guest ran code that was not made for it",
}


def python(script: str, *arguments: object, executable: str = sys.executable,
           **more: object) -> subprocess.CompletedProcess:
    """Run a script in a new process."""
    return subprocess.run([executable, "-P", "-c", textwrap.dedent(script), *map(str, arguments)],
                          capture_output=True, text=True, timeout=60, **more)


def right(script: str, *arguments: object, **more: object) -> str:
    """What the script prints; it must end well."""
    done = python(script, *arguments, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    return build_probe(tmp_path_factory.mktemp("probe"))


# ---- the forbidden forms ----

@pytest.fixture(scope="module")
def stopped(probe):
    """By ID: the raw forms that came out otherwise than they should."""
    said = run_all([sys.executable], probe, len(RAW), what="raw", deaths=len(RAW))
    wrong = collections.defaultdict(list)
    for number, case in enumerate(RAW):
        if number in said.died:
            _, stderr = said.died[number]
            outcome = next((k for k, text in MESSAGES.items() if text in stderr), "DEAD")
            what = stderr[-300:]
        else:
            outcome, what = said.done[number]["outcome"], said.done[number]["trap"]
            if said.done[number]["wrong"]:
                wrong[case.id].append(f"{case.name}: {said.done[number]['wrong']}")
        if outcome not in case.outcome.split("|"):
            wrong[case.id].append(f"{case.name}: {outcome}, not {case.outcome}: {what}")
    return wrong


@pytest.mark.parametrize("id_", dict.fromkeys(case.id for case in RAW))
def test_raw(stopped, id_):
    assert not stopped[id_], "\n".join(stopped[id_])


def test_raw_code_is_really_run():
    """Without the filter, INT 0x80 is the host's: so it is the filter that stops it."""
    out = right("""
        import os
        from vx9.vxcore import EXEC, READ, Cpu, Memory, MemoryObject, _core, selftest
        memory = Memory(1 << 20)
        memory.map(0x1000, MemoryObject(0x1000), READ | EXEC)
        _core._publish_raw(memory, 0x1000, bytes.fromhex("b814000000 cd80"))
        cpu = Cpu(memory)
        cpu.eip = 0x1000
        if not selftest()["int80"]:
            assert cpu.run().number == 0x41 and cpu.eax == os.getpid()
        print("ran")
    """)
    assert out == "ran\n"


LIBC = """
    import ctypes, sys
    from vx9.vxcore import EXEC, READ, WRITE, Cpu, Memory, MemoryObject, _core, harden
    libc = ctypes.CDLL(None)
    text = ctypes.string_at(start := ctypes.cast(libc.syscall, ctypes.c_void_p).value, 64)
    gadget = start + text.index(b"\\x0f\\x05")
    memory = Memory(1 << 20)
    memory.map(0x1000, MemoryObject(0x1000), READ | EXEC)
    memory.map(0x10000, MemoryObject(0x1000), READ | WRITE)
    # to 64-bit mode; mov $number, %eax; movabs $gadget, %rcx; jmp *%rcx
    _core._publish_raw(memory, 0x1000, bytes.fromhex("e80000000058 83c008 6a33 50 cb b8")
                       + int(sys.argv[1]).to_bytes(4, "little") + b"\\x31\\xff\\x31\\xf6\\x48\\xb9"
                       + gadget.to_bytes(8, "little") + b"\\xff\\xe1")
    cpu = Cpu(memory)
    cpu.eip, cpu.esp = 0x1000, 0x10800
    harden()
    cpu.run()
"""


@pytest.mark.parametrize(("number", "name"), [
    (101, "ptrace"), (310, "process_vm_readv"), (321, "bpf"), (425, "io_uring_setup"),
    (154, "modify_ldt"), (165, "mount"), (272, "unshare"), (308, "setns"), (250, "keyctl"),
    (298, "perf_event_open"), (323, "userfaultfd"), (172, "iopl"), (304, "open_by_handle_at"),
    (0x40000001, "write of the x32 interface"), (329, "pkey_mprotect"), (175, "init_module"),
])
def test_calls_that_vx9_does_not_make(number, name):
    """An escaped guest that uses an instruction of libc's; it knows where that is."""
    done = python(LIBC, number)
    assert done.returncode == -signal.SIGABRT, (name, done)
    assert f"system call {number}, " in done.stderr
    assert "is not one that vx9 makes" in done.stderr


def test_what_libraries_try_is_refused():
    right("""
        import ctypes, errno, mmap, os, socket, subprocess
        from vx9.vxcore import harden
        libc = ctypes.CDLL(None, use_errno=True)
        harden()

        def refused(what, *more):
            try:
                result = what(*more)
            except OSError as error:
                assert error.errno == errno.EPERM, error
            else:
                assert result == -1 and ctypes.get_errno() == errno.EPERM, (what, result)
        refused(os.execv, "/bin/true", ["true"])
        refused(subprocess.run, ["true"])
        refused(os.fork)
        refused(os.posix_spawn, "/bin/true", ["true"], {})
        refused(os.kill, 1, 0)
        refused(os.kill, os.getppid(), 9)
        refused(os.mkfifo, "/tmp/fifo")
        refused(os.chown, "/", -1, -1)
        refused(socket.socket)
        refused(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM)
        refused(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        refused(libc.setrlimit, 4, (ctypes.c_long * 2)(0, 0))
        refused(libc.prctl, 4, 1, 0, 0, 0)  # PR_SET_DUMPABLE
        refused(libc.prctl, 15 + 7, 0, 0, 0, 0)  # PR_SET_SECCOMP
        page = mmap.mmap(-1, 4096)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        for prot in (7, 6):
            refused(libc.mprotect, ctypes.c_void_p(address), 4096, prot)
        os.kill(os.getpid(), 0)
    """)


def test_memory_cannot_become_code():
    """By the kernel, where it has MDWE (6.3)."""
    right("""
        import ctypes, mmap
        from vx9.vxcore import harden
        libc = ctypes.CDLL(None, use_errno=True)
        page = mmap.mmap(-1, 4096)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        if harden("entry")["walls"]["mdwe"]:
            for prot in (5, 7):
                assert libc.mprotect(ctypes.c_void_p(address), 4096, prot) == -1
    """)


def test_a_hardened_process_works():
    out = right("""
        import ctypes, os, signal, socket, sys, threading, time
        import vx9.vxcore as core
        found = core.harden()
        assert found["int80"] and found["walls"]["calls"] and found["walls"]["entry"]
        assert core.harden() == found  # the same again is no mistake
        compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        three = (ctypes.c_int * 3)(3, 1, 2)
        ctypes.CDLL(None).qsort(three, 3, 4, compare(lambda a, b: ctypes.c_int.from_address(a).value
                                                     - ctypes.c_int.from_address(b).value))
        assert list(three) == [1, 2, 3]
        import decimal, hashlib, json, sqlite3, uuid  # shared libraries, late
        assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
        seen = []
        threads = [threading.Thread(target=seen.append, args=(i,)) for i in range(20)]
        [t.start() for t in threads]; [t.join() for t in threads]
        assert sorted(seen) == list(range(20))
        a, b = socket.socketpair()
        a.send(b"x"); assert b.recv(1) == b"x"
        signal.signal(signal.SIGALRM, lambda *_: seen.append("alarm"))
        signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(0.05)
        assert seen[-1] == "alarm"
        status = open("/proc/self/status").read()
        assert "NoNewPrivs:\\t1" in status and "Seccomp:\\t2" in status
        print(sorted(k for k, v in found.items() if v is True))
    """)
    assert out.strip() == str(sorted([
        "ldt", "code32", "registers", "nx", "segments", "int80", "altstack", "handlers", "wx",
        "low_code"]))


def test_the_self_test_sees_what_is_wrong():
    """A handler without SA_ONSTACK, memory that is writable and executable, code lying low."""
    right("""
        import ctypes, mmap, signal
        from vx9.vxcore import CoreError, selftest

        def bad(text):
            try:
                selftest()
            except CoreError as error:
                assert text in str(error), error
            else:
                raise SystemExit("not seen: " + text)
        selftest()
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, *[ctypes.c_size_t] * 5]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        page = libc.mmap(None, 4096, 7, 0x22, 2**64 - 1, 0)
        bad("writable and executable")
        libc.munmap(page, 4096)
        page = libc.mmap(0x20000000, 4096, 5, 0x22, 2**64 - 1, 0)
        assert page == 0x20000000
        bad("code below 4 GiB")
        libc.munmap(page, 4096)

        class Action(ctypes.Structure):
            _fields_ = [("handler", ctypes.c_void_p), ("mask", ctypes.c_uint64 * 16),
                        ("flags", ctypes.c_int), ("restorer", ctypes.c_void_p)]
        action = Action(ctypes.cast(libc.abs, ctypes.c_void_p).value)
        assert libc.sigaction(signal.SIGUSR1, ctypes.byref(action), None) == 0
        bad("SA_ONSTACK")
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        selftest()
    """)


def test_ticks_do_not_disturb_the_self_test():
    right("""
        import time
        from vx9.vxcore import selftest
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            selftest()
    """)


def test_files(tmp_path):
    """With Landlock: what is beneath a writable path can be changed, nothing else."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir(), outside.mkdir()
    (outside / "old").write_text("old")
    out = right("""
        import os, sys
        from pathlib import Path
        from vx9.vxcore import harden
        inside, outside = map(Path, sys.argv[1:])
        early = open(outside / "early", "w")
        found = harden(writable=[inside, "/dev/null"])
        if not found["walls"]["landlock"]:
            print("none"); raise SystemExit
        (inside / "new").write_text("new")
        (inside / "folder").mkdir()
        os.rename(inside / "new", inside / "folder" / "new")
        open("/dev/null", "w").write("x")
        early.write("it was open"); early.close()
        assert (outside / "old").read_text() == "old"
        for what in (lambda: (outside / "new").write_text("new"), (outside / "new").mkdir,
                     (outside / "old").unlink, lambda: open(outside / "old", "a"),
                     lambda: os.rename(inside / "folder" / "new", outside / "new"),
                     lambda: os.link(inside / "folder" / "new", outside / "new"),
                     lambda: os.symlink("/", outside / "new"),
                     lambda: os.truncate(outside / "old", 0),
                     lambda: open("/proc/self/mem", "r+b"),
                     lambda: open("/proc/self/comm", "w")):
            try:
                what()
            except PermissionError:
                continue
            except OSError as error:
                assert error.errno == 18, error  # EXDEV, which link and rename say
                continue
            raise SystemExit("it was possible")
        print("held")
    """, inside, outside)
    if out == "none\n":
        pytest.skip("this kernel has no Landlock")
    assert out == "held\n"
    assert sorted(os.listdir(outside)) == ["early", "old"]


def test_what_cannot_be_asked_for(tmp_path):
    right("""
        import sys
        from vx9.vxcore import CoreError, harden

        def refused(kind, text, *more, **named):
            try:
                harden(*more, **named)
            except kind as error:
                assert text in str(error), error
            else:
                raise SystemExit("possible: " + text)
        refused(ValueError, "level", "strong")
        refused(ValueError, "256", writable=["/"] * 300)
        harden("entry")
        refused(CoreError, "stand already", "calls")
        refused(CoreError, sys.argv[1], "entry", writable=[sys.argv[1]])
    """, tmp_path / "nothing")


def test_openings():
    """Sockets and programs, where the embedder wants them."""
    right("""
        import socket, subprocess
        from vx9.vxcore import harden
        found = harden(network=True, children=True)
        assert found["int80"]
        socket.create_server(("127.0.0.1", 0)).close()
        assert subprocess.run(["echo", "x"], capture_output=True, check=True).stdout == b"x\\n"
    """)


def test_death_with_the_parent():
    script = "from vx9.vxcore import harden; harden(parent_death=True); print(1, flush=True); " \
             "import time; time.sleep(60)"
    parent = subprocess.Popen(["sh", "-c", '"$0" -P -c "$1" & echo $!; wait', sys.executable, script],
                              stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == "1\n"
    parent.kill()
    parent.wait()
    assert parent.stdout.read() == ""  # nobody holds it open any more
    parent.stdout.close()
    end = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and time.monotonic() < end:
        state = Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2][0]
        if state in "ZX":
            break
        time.sleep(0.01)
    else:
        assert not Path(f"/proc/{child}").exists()


# ---- the command ----

def test_the_command_has_walls(program, tmp_path):
    """vx9 run: while a guest runs, the process is hardened; --no-walls leaves them out."""
    spin = program(b"\xeb\xfe", "spin")
    script = Path(sys.executable).parent / "vx9"
    command = [str(script)] if script.exists() else [sys.executable, "-P", "-m", "vx9"]

    def status(*options: str) -> dict[str, str]:
        process = subprocess.Popen([*command, "run", *options, spin], cwd=tmp_path)
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                text = Path(f"/proc/{process.pid}/status").read_text()
                # the guest runs: its window and the code are mapped
                maps = Path(f"/proc/{process.pid}/maps").read_text()
                if "vx9-pages" in maps and "Threads:\t1\n" not in text:
                    break
                time.sleep(0.02)
            return dict(line.split(":\t", 1) for line in text.splitlines())
        finally:
            process.kill()
            process.wait()
    assert (s := status())["Seccomp"] == "2" and s["NoNewPrivs"] == "1"
    assert status("--no-walls")["Seccomp"] != "2" or os.environ.get("CI")


def test_the_command_writes_only_where_it_may(vx9, tmp_path):
    (tmp_path / "in").mkdir()
    done = vx9("--bind", f"{tmp_path / 'in'}:/n/x:rw", "-c", "echo hello >/n/x/file", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "in" / "file").read_bytes() == b"hello\n"


# ---- another interpreter ----

@pytest.fixture(scope="module")
def debian(tmp_path_factory, demand):
    """Debian's own Python: its environment, with this tree's core."""
    if not DEBIAN.exists():
        if Path("/etc/debian_version").exists():
            demand(str(DEBIAN))
        pytest.skip(f"{DEBIAN} is missing, and this is not Debian")
    core = Path(vx9.vxcore.__file__).parent
    asked = subprocess.run([DEBIAN, "-c", "import sysconfig; print(sysconfig.get_config_var('SOABI'))"],
                           capture_output=True, text=True, check=True)
    if asked.stdout.strip() != sysconfig.get_config_var("SOABI"):
        pytest.skip(f"{DEBIAN} cannot load extensions of Python {platform.python_version()}")
    folder = tmp_path_factory.mktemp("debian")
    (folder / "vx9").mkdir()
    (folder / "vx9" / "vxcore").symlink_to(core)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_debians_python_lies_low(debian):
    """The walls hold there too; the self-test says what is below 4 GiB."""
    out = right("""
        from vx9.vxcore import harden
        found = harden()
        print(found["int80"], found["low"])
    """, executable=str(DEBIAN), env=debian)
    assert out.startswith("True ")
    low = subprocess.run(["readelf", "-h", DEBIAN], capture_output=True, text=True).stdout
    if "EXEC (Executable file)" in low:
        assert str(DEBIAN) in out


@pytest.mark.parametrize("number", [101, 154])
def test_debians_python_is_fenced(debian, number):
    done = python(LIBC, number, executable=str(DEBIAN), env=debian)
    assert done.returncode == -signal.SIGABRT
    assert "is not one that vx9 makes" in done.stderr


def test_debians_python_runs_the_matrix(debian, probe):
    """All of it: it takes seconds."""
    said = run_all(["/usr/bin/env", f"PYTHONPATH={debian['PYTHONPATH']}", str(DEBIAN)], probe, 1 << 30)
    assert not said.wrong(), list(said.wrong().items())[:10]
    assert len(said.done) > 2000
