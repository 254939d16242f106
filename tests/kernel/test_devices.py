"""The devices of devtab as a process sees them: #/ #c #d #e #s #U #R."""

from __future__ import annotations

import re
import struct

import pytest

from vx9.fs.dir import (
    DMDIR,
    DMEXCL,
    OCEXEC,
    ORCLOSE,
    ORDWR,
    OREAD,
    OTRUNC,
    OWRITE,
    DirChange,
)
from vx9.fs.errors import PlanError
from vx9.fs.ramfs import RamFS
from vx9.kernel.namespace import MBEFORE, MCACHE, MCREATE, MREPL


def fails(text):
    return pytest.raises(PlanError, match=re.escape(text) + "$")


# The name space

def test_first_names(v):
    names = v.ls("/")
    assert {"bin", "dev", "env", "fd", "mnt", "net", "proc", "root", "srv", "tmp"} <= set(names)
    assert chr(names["dev"].type) == "c" and chr(names["tmp"].type) == "M"
    assert v.stat("/").mode == DMDIR | 0o555
    with fails("'/new' permission denied"):
        v.create("/new", OWRITE, 0o666)
    lines = v.p.ns.listing(v.p)
    assert "bind  #c /dev\n" in lines and "bind -c #e /env\n" in lines


def test_the_listing_makes_the_name_space_anew(v):
    lines = v.p.ns.listing(v.p)
    old = v.p.ns
    v.p.ns = old.empty()
    for line in lines[:-1]:
        flags, new, on = re.match(r"bind (\S*) (\S+) (\S+)\n", line).groups()
        v.bind(new, on, sum({"a": 2, "b": 1, "c": 4}[f] for f in flags.strip("-")))
    again = v.p.ns.listing(v.p)
    v.kernel.call(v.p.ns.close)
    v.p.ns = old
    assert again == lines


def test_the_listing_names_what_is_posted(v, kernel):
    near, far = kernel.call(kernel.pipe, "glenda")
    fd = v.p.fds.install(near)
    tree = RamFS("glenda", lambda: 0, 1 << 20)
    v.mount(tree, "/mnt", MREPL | MCREATE | MCACHE, "", near)
    assert v.p.ns.listing(v.p)[-2] == "mount -cC #|/data /mnt \n"
    v.put("/srv/tree", b"%d" % fd, create=True)
    assert v.p.ns.listing(v.p)[-2] == "mount -cC #s/tree /mnt \n"
    v.put("/mnt/f", b"x", create=True)
    v.bind("/mnt", "/n", MBEFORE)
    assert v.p.ns.listing(v.p)[-3:-1] == ["bind  /n /n\n", "bind -b /mnt /n\n"]
    v.unmount("/srv/tree", "/mnt")
    with fails("not in union"):
        v.unmount("/srv/tree", "/n")
    v.unmount("/n", "/n")  # the member mounted first is what /n opens
    assert v.ls("/n") == {} and v.ls("/mnt") == {}
    v.remove("/srv/tree")
    v.close(v.p.fds.remove(fd))
    v.close(far)


def test_tmp_is_memory(v):
    v.put("/tmp/x", b"data", create=True)
    assert v.get("/tmp/x") == b"data" == v.get("#Rtmp/x")
    assert v.stat("/tmp/x").mode & 0o777 == 0o664
    for bad in ("#R", "#R" + "x" * 100, "#U", "#Unope"):
        with fails("bad attach specifier"):
            v.stat(bad)
    assert v.ls("#Rother") == {}


def test_memory_trees_are_limited_in_number(v):
    with fails("bad attach specifier"):
        for i in range(1000):
            v.stat(f"#Rt{i}")


# cons

def test_every_file_of_cons_answers(v, kernel):
    names = v.ls("/dev")
    assert {name: d.mode for name, d in names.items()} == {
        "bintime": 0o664, "config": 0o444, "cons": 0o660, "consctl": 0o220, "cputime": 0o444,
        "drivers": 0o666, "hostdomain": 0o664, "hostowner": 0o664, "kmesg": 0o440,
        "kprint": DMEXCL | 0o440, "null": 0o666, "osversion": 0o444, "pgrpid": 0o444,
        "pid": 0o444, "ppid": 0o444, "random": 0o444, "reboot": 0o660, "swap": 0o664,
        "sysname": 0o664, "sysstat": 0o666, "time": 0o664, "user": 0o666, "zero": 0o444}
    for name, d in names.items():
        assert chr(d.type) == "c" and d.uid == "glenda" and d.length == 0
        assert d.mode >> 24 == d.qid.type
        if name not in ("consctl", "kprint", "reboot"):
            v.get(f"/dev/{name}", 64)
    assert kernel.errors == 0


def test_clocks(v, kernel):
    ns = kernel.host.time_ns()
    mono = kernel.host.monotonic_ns()
    assert struct.unpack(">4Q", v.get("/dev/bintime", 32)) == (ns, mono, 10**9, mono)
    assert v.get("/dev/bintime", 8) == struct.pack(">Q", ns)
    assert [len(v.get("/dev/bintime", n)) for n in (9, 16, 24, 31, 32, 100)] == \
        [8, 16, 24, 24, 32, 32]
    with fails("read or write too small"):
        v.get("/dev/bintime", 7)
    assert v.get("/dev/time") == b"%11d %21d %21d %21d " % (ns // 10**9, ns, mono, 10**9)
    assert len(v.get("/dev/time")) == 78 and len(v.get("/dev/cputime")) == 72


def test_numbers(v):
    assert v.get("#c/pid") == b"%11d " % v.p.pid and v.get("#c/ppid") == b"%11d " % 0
    assert v.get("/dev/pid", 5) == b"     "
    assert len(v.get("/dev/pgrpid")) == 12
    assert v.get("/dev/osversion") == b"2000"


def test_a_fixed_text_is_read_in_pieces(v):
    c = v.open("/dev/time", OREAD)
    whole = v.read(c, 1000, 0)
    assert v.read(c, 10, 5) == whole[5:15] and v.read(c, 100, 78) == b""
    v.close(c)


def test_null_zero_random(v):
    assert v.get("/dev/null") == b"" and v.put("/dev/null", bytes(1000)) == 1000
    assert v.get("/dev/zero", 5000) == bytes(5000) and len(v.get("/dev/random", 77)) == 77
    for name in ("zero", "random", "pid"):
        with fails("permission denied"):
            v.open(f"/dev/{name}", OWRITE)


def test_names_of_the_machine(v, kernel):
    assert v.get("/dev/sysname") == b"vx9" and v.get("/dev/user") == b"glenda"
    v.put("/dev/sysname", b"gnot\n")
    assert v.get("/dev/sysname") == b"gnot" == kernel.sysname.encode()
    v.put("/dev/hostdomain", b"plan9.example")
    assert v.get("/dev/hostdomain") == b"plan9.example"
    for name, data in (("sysname", b"x" * 256), ("sysname", b""), ("sysname", b"a\x1b[2J"),
                       ("hostdomain", b"x" * 48), ("hostowner", b"x" * 128)):
        with fails("bad arg in system call"):
            v.put(f"/dev/{name}", data)
    c = v.open("/dev/sysname", OWRITE)
    with fails("bad arg in system call"):
        v.write(c, b"x", 1)
    v.close(c)


def test_the_host_owner_can_rename_himself(v, kernel):
    v.put("/dev/hostowner", b"bootes")
    assert kernel.eve == v.p.user == "bootes" and v.get("/dev/user") == b"bootes"
    assert v.stat("/dev/cons").uid == "bootes"
    v.p.user = "mallory"
    with fails("permission denied"):
        v.put("/dev/hostowner", b"mallory")
    v.p.user = "bootes"


def test_user_can_only_become_none(v):
    for data in (b"glenda", b"none\n", b"root", b""):
        with fails("permission denied"):
            v.put("/dev/user", data)
    v.put("/dev/user", b"none")
    assert v.get("/dev/user") == b"none"
    with fails("permission denied"):
        v.open("/dev/cons", OREAD)
    assert v.get("/dev/null") == b""


def test_what_go_reads_at_start(v):
    swap = v.get("/dev/swap").splitlines()
    assert b"4096 pagesize" in swap and re.match(rb"\d+ memory$", swap[0])
    assert v.get("/dev/sysstat").count(b"\n") == 1
    assert len(v.get("/dev/sysstat").splitlines()[0]) == 120
    v.put("/dev/sysstat", b"x")


def test_drivers(v):
    lines = v.get("/dev/drivers").decode().splitlines()
    assert "#c cons" in lines and "#/ root" in lines and len(lines) == len(v.kernel.devices)
    for line in lines:
        assert re.fullmatch(r"#. \w+", line)


def test_the_console(v, kernel):
    shown = bytearray()
    console = kernel.devices["c"].console

    async def show(data):
        shown.extend(data)

    console.output = show
    v.put("/dev/cons", b"hello\n")
    assert bytes(shown) == b"hello\n" and v.get("/dev/kmesg").endswith(b"hello\n")
    assert v.get("/dev/cons") == b"", "no terminal: end of file"
    console.input(b"typed\n")
    assert v.get("/dev/cons") == b"typed\n"


def test_raw_ends_with_the_last_consctl(v, kernel):
    console = kernel.devices["c"].console
    one, two = v.open("/dev/consctl", OWRITE), v.open("/dev/consctl", OWRITE)
    v.write(one, b"rawon")
    assert console.raw
    v.close(one)
    assert console.raw
    v.close(two)
    assert not console.raw
    c = v.open("/dev/consctl", OWRITE)
    v.write(c, b"ctlpon rawon\n")
    v.write(c, b"rawoff")
    assert not console.raw
    assert v.write(c, b"holdon for other consoles") == 25 and not console.raw
    v.close(c)


def test_devices_refuse_what_only_files_do(v):
    for act in (lambda: v.create("/dev/new", OWRITE, 0o666), lambda: v.remove("/dev/null"),
                lambda: v.wstat("/dev/null", DirChange(mode=0o777)),
                lambda: v.create("/proc/x", OWRITE, 0o666), lambda: v.remove("#d/0")):
        with pytest.raises(PlanError):
            act()


def test_truncating_a_device_changes_nothing(v):
    v.close(v.open("/dev/null", OWRITE | OTRUNC))
    v.close(v.create("/dev/null", OWRITE, 0o666))


# env

def test_env(v, kernel):
    v.put("/env/x", b"value\0", create=True)
    assert v.get("/env/x") == b"value\0" and kernel.boot.env.get("x") == b"value\0"
    d = v.stat("/env/x")
    assert (d.mode, d.length, chr(d.type)) == (0o666, 6, "e")
    before = v.stat("/env").qid.vers
    v.put("/env/x", b"other", create=True)
    assert v.get("/env/x") == b"other" and v.stat("/env/x").qid.vers > d.qid.vers
    assert v.stat("/env").qid.vers > before
    assert set(v.ls("/env")) == {"x"} and v.stat("/env").mode == DMDIR | 0o555
    v.remove("/env/x")
    with fails("'/env/x' file does not exist"):
        v.get("/env/x")


def test_env_at_offsets(v):
    c = v.create("/env/x", ORDWR, 0o666)
    v.write(c, b"abc", 0)
    v.write(c, b"Z", 5)
    v.write(c, b"B", 1)
    assert v.read(c, 100, 0) == b"aBc\0\0Z" and v.read(c, 2, 1) == b"Bc"
    for data, offset in ((bytes(16301), 0), (b"x", 16300), (b"x", 1 << 60)):
        with fails("read or write too large"):
            v.write(c, data, offset)
    assert v.write(c, bytes(16300), 0) == 16300
    v.close(c)


def test_env_names(v):
    v.put("/env/fn#f", b"{}", create=True)
    assert v.get("/env/fn#f") == b"{}"
    for mode, perm in ((OREAD, DMDIR | 0o777), (3, 0o777)):
        if perm & DMDIR:
            with fails("'/env/d' permission denied"):
                v.create("/env/d", mode, perm)
    with fails("'/env' permission denied"):
        v.open("/env", OWRITE)
    v.close(v.open("/env/fn#f", 3))  # nobody asks
    c = v.create("/env/gone", OWRITE | ORCLOSE, 0o666)
    v.close(c)
    assert set(v.ls("/env")) == {"fn#f"}


def test_env_of_all_is_the_host_owners(v, kernel):
    v.put("#ec/setting", b"on", create=True)
    v.p.user = "mallory"
    assert v.get("#ec/setting") == b"on"
    for act in (lambda: v.open("#ec/setting", OWRITE), lambda: v.remove("#ec/setting"),
                lambda: v.create("#ec/new", OWRITE, 0o666)):
        with pytest.raises(PlanError, match=r"permission denied$"):
            act()
    v.p.user = "glenda"
    with fails("bad arg in system call"):
        v.stat("#ejunk")
    vers = v.stat("#ec/setting").qid.vers
    v.put("#ec/setting", b"")
    assert v.get("#ec/setting") == b"on" and v.stat("#ec/setting").qid.vers == vers


def test_env_is_the_callers(v, kernel):
    v.put("/env/x", b"mine", create=True)
    c = v.open("/env/x", ORDWR)
    old, kernel.boot.env = kernel.boot.env, kernel.boot.env.copy()
    v.write(c, b"copy", 0)
    assert kernel.boot.env.get("x") == b"copy" and old.get("x") == b"mine"
    kernel.boot.env.remove(kernel.boot.env.find("x"))
    with fails("file does not exist"):
        v.read(c, 10, 0)
    v.close(c)
    kernel.boot.env = old


# dup

def test_dup(v, kernel):
    c = v.create("/tmp/f", ORDWR, 0o666)
    fd = v.p.fds.install(c)
    v.write(c, b"0123456789")
    d = v.open(f"/fd/{fd}", ORDWR)
    assert d is c and d.refs == 2 and d.path == "/tmp/f"
    assert v.read(d, 3, 0) == b"012" and d.offset == 10
    assert v.stat(f"/fd/{fd}").name == str(fd) and chr(v.stat(f"/fd/{fd}").type) == "d"
    line = v.get(f"#d/{fd}ctl").decode()
    assert line.split()[0] == str(fd) and line.split()[7] == "0" and line.endswith("/tmp/f\n")
    assert {str(fd), f"{fd}ctl"} <= set(v.ls("/fd"))
    v.close(d)
    e = v.open(f"/fd/{fd}", OREAD | OCEXEC)
    assert e is c and c.cexec, "the flag is the file's"
    v.close(e)
    v.close(v.p.fds.remove(fd))
    with fails(f"'/fd/{fd}' file does not exist"):
        v.open(f"/fd/{fd}", OREAD)


def test_the_most_that_a_pipe_takes_at_once(v, kernel):
    ends = kernel.call(kernel.pipe, "glenda")
    c = v.open("#|/data", ORDWR)
    for end in (*ends, c):
        fd = v.p.fds.install(end)
        assert v.get(f"#d/{fd}ctl").split()[7] == b"65536"
        v.close(v.p.fds.remove(fd))


def test_dup_checks_the_mode(v):
    fd = v.p.fds.install(v.open("/dev/null", OREAD))
    for mode in (OWRITE, ORDWR, OREAD | OTRUNC):
        with fails(f"'/fd/{fd}' inappropriate use of fd"):
            v.open(f"/fd/{fd}", mode)
    with fails("permission denied"):
        v.open(f"/fd/{fd}", OREAD | ORCLOSE)
    assert v.stat(f"/fd/{fd}").mode == 0o400
    v.close(v.p.fds.remove(fd))


@pytest.mark.parametrize("name", ["00", "-1", "+0", "0x0", "1 ", "0ctlctl", "ctl", "99999999",
                                  "²", "5000"])
def test_dup_names(v, name):
    with pytest.raises(PlanError):
        v.stat(f"/fd/{name}")


# srv

def test_srv(v):
    c = v.create("/tmp/posted", ORDWR, 0o666)
    fd = v.p.fds.install(c)
    s = v.create("/srv/name", OWRITE, 0o600)
    with fails("'/srv/name' device shut down"):
        v.open("/srv/name", ORDWR)
    v.write(s, b"%d" % fd)
    with fails("inappropriate use of fd"):
        v.write(s, b"%d" % fd)
    assert v.open("/srv/name", ORDWR) is c and c.refs == 3
    v.close(c)
    with fails("srv file already exists"):
        v.open("/srv/name", ORDWR | OTRUNC)
    assert v.stat("/srv/name").mode == 0o600 and chr(v.stat("/srv/name").type) == "s"
    v.close(s)
    v.wstat("/srv/name", DirChange(name="other", mode=0o644))
    assert set(v.ls("/srv")) == {"other"}
    v.remove("/srv/other")
    assert v.ls("/srv") == {} and c.refs == 1
    v.close(v.p.fds.remove(fd))


@pytest.mark.parametrize("text", ["%d", " %d", "\t%d\n", "0x%x", "0X%x", "0%o", "%d\0", "%d and more"])
def test_srv_reads_a_number_as_strtoul_does(v, text):
    c = v.open("/dev/null", ORDWR)
    fd = v.p.fds.install(c)
    s = v.create("/srv/x", OWRITE, 0o600)
    v.write(s, (text % fd).encode())
    assert v.open("/srv/x", ORDWR) is c


def test_srv_refuses(v):
    for mode, perm in ((OREAD, 0o600), (ORDWR, 0o600), (OREAD, DMDIR | 0o700)):
        with fails("permission denied"):
            v.create("/srv/x", mode, perm)
    s = v.create("/srv/x", OWRITE, 0o600)
    for data in (b"", b"x", b"-1", b"99", b"1" * 40, "²".encode()):
        with pytest.raises(PlanError):
            v.write(s, data)
    fd = v.p.fds.install(v.open("/dev/null", OREAD | OCEXEC))
    with fails("posted fd has remove-on-close or close-on-exec"):
        v.write(s, b"%d" % fd)
    v.close(v.p.fds.remove(fd))
    v.close(s)
    v.remove("/srv/x")


def test_srv_remove_on_close_and_rights(v):
    s = v.create("/srv/x", OWRITE | ORCLOSE, 0o600)
    fd = v.p.fds.install(v.open("/dev/null", OREAD))
    v.write(s, b"%d\n" % fd)
    with fails("permission denied"):
        v.open("/srv/x", OWRITE)
    v.p.user = "mallory"
    for act in (lambda: v.open("/srv/x", OREAD), lambda: v.remove("/srv/x"),
                lambda: v.wstat("/srv/x", DirChange(mode=0o666))):
        with fails("permission denied"):
            act()
    v.p.user = "glenda"
    v.close(s)
    assert v.ls("/srv") == {}
    v.close(v.p.fds.remove(fd))


def test_anybody_removes_what_is_for_all(v):
    v.p.user = "trudy"
    v.close(v.create("/srv/all", OWRITE | OTRUNC, 0o777))
    v.close(v.create("/srv/most", OWRITE, 0o666))
    v.p.user = "mallory"
    with fails("permission denied"):
        v.remove("/srv/most")
    v.remove("/srv/all")
    v.p.user = "glenda"
    v.close(v.create("/srv/all", OWRITE, 0o777))
    v.p.user = "mallory"
    with fails("permission denied"):
        v.remove("/srv/all")
    v.p.user = "glenda"


def test_folders_of_devices_open_for_reading_alone(v):
    for sharp, text in (("#s", "file is a directory"), ("#d", "file is a directory"),
                        ("#|", "bad arg in system call"), ("#e", "permission denied"),
                        ("#c", "permission denied"), ("#/", "permission denied"),
                        ("#p", "permission denied"), ("#g", "file is a directory"),
                        ("#¤", "bad arg in system call")):
        with fails(text):
            v.open(sharp, OWRITE)
        v.close(v.open(sharp, OREAD))


def test_srv_lists_the_newest_first(v):
    for name in ("a", "b", "c"):
        v.close(v.create(f"/srv/{name}", OWRITE, 0o600))
    assert list(v.ls("/srv")) == ["c", "b", "a"]


# Host folders

@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "f").write_bytes(b"host")
    return tmp_path


def test_host_folders_at_their_own_path(v, kernel, folder):
    kernel.bind_host(str(folder), str(folder))
    assert v.get(f"{folder}/f") == b"host" and v.stat(f"{folder}/f").type == ord("M")
    assert v.get(f"{folder}/sub/../f") == b"host"
    with fails("permission denied"):
        v.create(f"{folder}/sub/new", OWRITE, 0o666)
    with pytest.raises(PlanError):
        v.create(f"{folder}/new", OWRITE, 0o666)
    with fails(f"'{folder.parent}/x' does not exist"):
        v.stat(f"{folder.parent}/x")


def test_host_folders_for_writing(v, kernel, folder):
    kernel.bind_host(str(folder), "/n/here", True)
    v.put("/n/here/new", b"from the guest", create=True)
    v.put("/n/here/sub/new", b"too", create=True)
    assert (folder / "new").read_bytes() == b"from the guest"
    assert v.stat("/n/here/new").uid == "glenda"
    v.remove("/n/here/new")
    assert not (folder / "new").exists()


def test_host_folders_whose_changes_are_kept_in_memory(v, kernel, folder):
    kernel.bind_host(str(folder), str(folder), mem=True)
    v.put(f"{folder}/sub/new", b"from the guest", create=True)
    v.put(f"{folder}/f", b"changed")
    v.remove(f"{folder}/sub/new")
    assert v.get(f"{folder}/f") == b"changed" and (folder / "f").read_bytes() == b"host"
    assert {p.name for p in folder.rglob("*")} == {"f", "sub"}


def test_one_host_file(v, kernel, folder):
    kernel.bind_host(str(folder / "f"), "/tmp/deep/prog")
    assert v.get("/tmp/deep/prog") == b"host"
    kernel.bind_host(str(folder / "f"), "/else/where/prog")
    assert v.get("/else/where/prog") == b"host" and set(v.ls("/else/where")) == {"prog"}
    c = v.open("/else/where/prog", OREAD)
    assert c.path == "/else/where/prog"
    v.close(c)


def test_grants_inside_grants(v, kernel, folder):
    other = folder / "sub" / "inner"
    other.mkdir()
    (other / "g").write_bytes(b"g")
    kernel.bind_host(str(folder), "/w")
    kernel.bind_host(str(other), "/w/sub", True)
    assert v.get("/w/sub/g") == b"g"
    with fails("/w has no nowhere to bind on; make it first"):
        kernel.bind_host(str(other), "/w/nowhere/x")
    with pytest.raises(PlanError):
        kernel.bind_host(str(folder / "missing"), "/w2")
    with pytest.raises(PlanError):
        kernel.bind_host(str(other), "/w/f")


def test_a_host_folder_as_root(v, kernel, folder):
    (folder / "dev").mkdir()
    (folder / "bin").mkdir()
    (folder / "bin" / "tool").write_bytes(b"")
    kernel.bind_host(str(folder), "/", True)
    assert v.get("/f") == b"host" and v.get("/dev/null") == b"" and v.get("/proc/../f") == b"host"
    assert "tool" in v.ls("/bin") and v.ls("/srv") == {}
    v.put("/new", b"x", create=True)
    assert (folder / "new").read_bytes() == b"x"


def test_rfnomnt_closes_the_devices(v):
    v.p.ns.noattach = True
    for sharp in ("#U1", "#Rtmp", "#s", "#/"):
        with fails("mount/attach disallowed"):
            v.stat(sharp)
    for sharp in ("#c", "#d", "#e", "#p", "#|"):
        v.stat(sharp)
    v.p.ns.noattach = False


def test_bind_over_a_device_file(v):
    v.put("/tmp/t", b"fake", create=True)
    v.bind("/tmp/t", "/dev/time", MREPL)
    assert v.get("/dev/time") == b"fake" and v.get("#c/time") != b"fake"
    v.unmount(None, "/dev/time")
    assert v.get("/dev/time") != b"fake"
