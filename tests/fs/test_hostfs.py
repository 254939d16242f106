"""HostFS: the contract, and that nothing outside its folder can be reached."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vx9.fs import hostcalls
from vx9.fs.dir import DMDIR, ORDWR, OREAD, OWRITE, QTDIR, DirChange
from vx9.fs.errors import ENONEXIST, ENOTDIR, ENOTREG, EPERM, PlanError
from vx9.fs.hostfs import HostFS

_spec = importlib.util.spec_from_file_location("fs_contract", Path(__file__).with_name("contract.py"))
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)
Door, fails = contract.Door, contract.fails
SECRET = b"outside"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that is served; beside it lies what must never be seen."""
    top = tmp_path / "served folder"
    top.mkdir()
    for path, data in contract.TREE.items():
        where = top / path
        if data is None:
            where.mkdir(parents=True)
        else:
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(data)
            where.chmod(0o644)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    return top


@pytest.fixture
def door(folder: Path) -> Door:
    return Door(HostFS(str(folder), rw=True))


class TestReadWrite(contract.Contract):
    @pytest.fixture
    def server(self, folder):
        return HostFS(str(folder), rw=True)


class TestReadOnly(contract.RefusesWriting):
    @pytest.fixture
    def server(self, folder):
        return HostFS(str(folder))


# What is inside, and what is not

def test_links_inside_are_followed(door, folder):
    (folder / "alias").symlink_to("sub/deep")
    (folder / "sub" / "up").symlink_to("../hello")
    (folder / "chain").symlink_to("sub/up")
    assert door.contents("alias/file") == b"deep\n"
    assert door.contents("sub/up") == door.contents("chain") == b"hello, world\n"
    names = {d.name: d for d in door.readdir(door.open_at("", OREAD))}
    assert names["alias"].qid.type & QTDIR and not names["chain"].qid.type
    assert names["alias"].qid.path == door.at("sub/deep").qid.path


LINKS = ["../secret", "../outside", "../outside/secret", "sub/../../secret", "/etc/passwd", "/",
         "/proc/self/root/etc/passwd", "/dev/null", "..", "../..", "nowhere", "alias",
         "../served folder/hello"]


@pytest.mark.parametrize("target", LINKS)
def test_links_outside_are_not(door, folder, target):
    (folder / "alias").symlink_to(target)
    with pytest.raises(PlanError) as failed:
        door.at("alias")
    assert str(failed.value).startswith((EPERM, ENONEXIST))
    root = door.attach("glenda", "")
    with pytest.raises(PlanError):
        door.walk(root, ["alias", "secret"])
    assert "alias" not in door.names("")


def test_absolute_links_to_inside_are_followed(door, folder):
    (folder / "alias").symlink_to(folder / "hello")
    (folder / "dir").symlink_to(folder / "sub")
    (folder / "root").symlink_to(folder)
    (folder / "sub" / "chain").symlink_to(folder / "dir" / "deep")
    assert door.contents("alias") == b"hello, world\n"
    assert door.contents("dir/chain/file") == door.contents("root/sub/deep/file") == b"deep\n"
    assert door.names("dir/chain") == {"file"}
    up, _ = door.walk(door.at("dir"), [".."])
    assert up.qid.path == door.at("").qid.path


@pytest.mark.parametrize("target", [
    "{top}/../secret", "{top}/sub/../../secret", "{top} beside/secret", "{top}x", "{top}/out",
    "{top}/sub/../../served folder/hello", "{top}/loop", "{top}/../served folder/../secret"])
def test_absolute_links_that_lead_out_are_not(door, folder, tmp_path, target):
    (tmp_path / "served folder beside").mkdir()
    (tmp_path / "served folder beside" / "secret").write_bytes(SECRET)
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "alias").symlink_to(target.format(top=folder))
    with pytest.raises(PlanError):
        door.contents("alias")
    assert "alias" not in door.names("")


def test_a_chain_of_links_that_is_too_long(door, folder):
    (folder / "l0").symlink_to("hello")
    for i in range(60):
        (folder / f"l{i + 1}").symlink_to(f"l{i}")
    with fails(EPERM):
        door.at("l60")
    assert door.contents("l5") == b"hello, world\n"


def test_a_link_to_a_directory_is_no_way_up(door, folder):
    (folder / "alias").symlink_to("sub/deep")
    up, _ = door.walk(door.at("alias"), [".."])
    assert up.qid.path == door.at("").qid.path


def test_create_and_rename_never_follow_links(door, folder, tmp_path):
    (folder / "trap").symlink_to("../new")
    with pytest.raises(PlanError):
        door.make("", "trap")
    with pytest.raises(PlanError):
        door.wstat(door.at("hello"), DirChange(name="trap"))
    assert not (tmp_path / "new").exists()


def test_removing_a_link_removes_the_link(door, folder):
    (folder / "alias").symlink_to("hello")
    door.remove(door.at("alias"))
    assert not (folder / "alias").is_symlink() and (folder / "hello").exists()


def test_special_files_are_not_served(door, folder):
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(os.fspath(folder / "sock")[-100:]) if len(os.fspath(folder)) < 90 else \
            os.mkfifo(folder / "sock")
    (folder / "fifo-link").symlink_to("fifo")
    for name in ("fifo", "sock", "fifo-link"):
        with fails(ENOTREG):
            door.at(name)
    assert door.names("") == {"hello", "sub", "empty"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_devices_are_not_served(door, folder):
    try:
        os.mknod(folder / "null", 0o020666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("not even root may make devices here")
    with fails(ENOTREG):
        door.at("null")


def test_proc_has_no_way_out():
    door = Door(HostFS("/proc"))
    for path in (f"{os.getpid()}/root", f"{os.getpid()}/cwd", f"{os.getpid()}/exe",
                 f"{os.getpid()}/fd/0"):
        with pytest.raises(PlanError):
            door.at(path)


def test_a_folder_moved_away_while_in_use_is_no_way_out(door, folder, tmp_path):
    deep = door.at("sub/deep")
    (folder / "sub" / "deep").rename(tmp_path / "moved")
    up, _ = door.walk(deep, [".."])
    assert up.qid.path == door.at("sub").qid.path
    (folder / "sub").rename(tmp_path / "sub")
    with pytest.raises(PlanError):
        door.walk(deep, [".."])


def test_an_open_file_follows_renames_of_the_host(door, folder):
    fid = door.open_at("hello", ORDWR)
    (folder / "hello").rename(folder / "sub" / "elsewhere")
    (folder / "hello").write_bytes(b"another")
    assert door.read(fid, 5, 0) == b"hello"
    with pytest.raises(PlanError):
        door.remove(fid)
    with pytest.raises(PlanError):
        door.wstat(fid, DirChange(name="x"))
    assert (folder / "hello").read_bytes() == b"another"


RACER = """
import os, sys
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    for source in ("real", "link"):
        os.rename(source, "swap")
        os.rename("swap", source)
"""


def test_racing_links_never_open_what_is_outside(folder, tmp_path):
    """A host process swaps a folder and a link to the outside as fast as it can."""
    door = Door(HostFS(str(folder), rw=True))
    (folder / "real").mkdir()
    (folder / "real" / "secret").write_bytes(b"inside")
    (folder / "link").symlink_to("../outside")
    outside = {path.stat().st_ino
               for path in (tmp_path / "outside", tmp_path / "outside" / "secret")}
    met = set()
    with subprocess.Popen([sys.executable, "-c", RACER, str(folder)],
                          stdout=subprocess.PIPE) as racer:
        try:
            racer.stdout.readline()
            for i in range(20000):
                try:
                    fid = door.at("swap/secret")
                except PlanError as error:
                    met.add(str(error))
                    continue
                assert os.fstat(fid.aux.fd).st_ino not in outside
                met.add("inside")
                door.clunk(fid)
                if i > 3000 and len(met) > 2:
                    break
        finally:
            racer.kill()
    assert met


# Everything else

def test_root_must_be_a_folder_or_a_file(tmp_path):
    for path in (tmp_path / "nope", "/dev/null"):
        with pytest.raises(PlanError):
            HostFS(str(path))


def test_one_file_can_be_served(folder):
    door = Door(HostFS(str(folder / "hello"), rw=True))
    root = door.attach("glenda", "")
    assert not root.qid.type & QTDIR
    with fails(ENOTDIR):
        door.walk(root, ["x"])
    with pytest.raises(PlanError):
        door.walk(root, [".."]) and door.remove(root)
    door.open(root, ORDWR)
    assert door.read(root, 5, 0) == b"hello"


def test_the_host_user_can_have_another_name(folder):
    d = Door(HostFS(str(folder), me="glenda")).at("hello")
    assert Door(HostFS(str(folder), me="glenda")).stat(d).uid
    fs = HostFS(str(folder), me="glenda")
    door = Door(fs)
    d = door.stat(door.at("hello"))
    assert d.uid == d.muid == "glenda"


def test_set_id_bits_do_not_show(door, folder):
    (folder / "hello").chmod(0o6755)
    assert door.stat(door.at("hello")).mode == 0o755


def test_hard_links_are_one_file(door, folder):
    os.link(folder / "hello", folder / "sub" / "same")
    assert door.at("hello").qid.path == door.at("sub/same").qid.path
    door.remove(door.at("sub/same"))
    assert door.contents("hello") == b"hello, world\n"


def test_changes_of_the_host_are_seen(door, folder):
    fid = door.open_at("hello", OREAD)
    (folder / "hello").write_bytes(b"new")
    (folder / "late").write_bytes(b"")
    assert door.read(fid, 100, 0) == b"new" and "late" in door.names("")


def test_a_file_shrinking_under_a_reader(door, folder):
    fid = door.open_at("hello", OREAD)
    os.truncate(folder / "hello", 2)
    assert door.read(fid, 100, 0) == b"he" and door.read(fid, 100, 5) == b""


def test_a_huge_sparse_file(door, folder):
    os.truncate(folder / "hello", 1 << 40)
    fid = door.open_at("hello", OREAD)
    assert door.stat(fid).length == 1 << 40
    assert door.read(fid, 10, (1 << 40) - 3) == bytes(3)
    with pytest.raises(PlanError):
        door.write(door.open_at("hello", OWRITE), b"x", 1 << 63)


def test_names_that_are_not_utf_8(door, folder):
    (folder / "sub").joinpath(os.fsdecode(b"\xff\xfe")).write_bytes(b"odd")
    assert "\udcff\udcfe" in door.names("sub")
    assert door.contents("sub/\udcff\udcfe") == b"odd"


def test_descriptors_come_back(folder):
    before = len(os.listdir("/proc/self/fd"))
    door = Door(HostFS(str(folder), rw=True))
    fids = [door.open_at("sub/deep/file", OREAD) for _ in range(20)]
    assert len(os.listdir("/proc/self/fd")) == before + 22  # with the root, and the folder through which files are reopened
    for fid in fids:
        door.clunk(fid)
    fids = [door.at("sub") for _ in range(20)]
    del fids
    for _ in range(10):
        with pytest.raises(PlanError):
            door.walk(door.at("sub"), ["nope"])
    door.server.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_out_of_descriptors(folder, monkeypatch):
    door = Door(HostFS(str(folder)))
    root = door.attach("glenda", "")

    def refuse(*args, **kwargs):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", refuse)
    with fails("no free file descriptors"):
        door.walk(root, ["hello"])


@pytest.mark.parametrize("number", sorted(hostcalls.ERRORS))
def test_every_error_has_a_text(number):
    text = str(hostcalls.plan_error(OSError(number, "x")))
    assert text and text == text.strip() and not text[0].isupper()


def test_unknown_errors_say_what_the_host_said():
    assert str(hostcalls.plan_error(OSError(35, "x"))) == os.strerror(35).lower()


def test_versions_and_qids_do_not_depend_on_the_fid(door):
    one, two = door.at("hello"), door.open_at("hello", OREAD)
    assert door.stat(one).qid == door.stat(two).qid == one.qid


def test_a_new_directory_can_be_made_unreadable(door):
    fid = door.make("", "d", DMDIR | 0o300, OREAD)
    assert door.stat(fid).mode & 0o777 == 0o300


def test_a_forked_process_opens_its_own_descriptors(tmp_path):
    """Numbers mean other files there than in the process that was forked."""
    for name in "ab":
        (tmp_path / name).write_text(name)
    server = HostFS(tmp_path)

    async def contents(name):
        fid, _ = await server.walk(await server.attach("glenda", ""), [name])
        await server.open(fid, 0)
        return await server.read(fid, 9, 0)

    def run(coro):
        with pytest.raises(StopIteration) as stop:
            coro.send(None)
        return stop.value.value

    held = os.open(tmp_path / "b", os.O_RDONLY)  # the next number is another in the child
    pid = os.fork()
    if pid == 0:
        os.close(held)
        os._exit(0 if run(contents("a")) == b"a" else 1)
    taken = [os.open(tmp_path / "b", os.O_RDONLY) for _ in range(20)]
    assert os.waitpid(pid, 0)[1] == 0
    assert run(contents("a")) == b"a"
    for fd in [held, *taken]:
        os.close(fd)
