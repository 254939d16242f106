"""#σ: shares of all name spaces, and the servers mounted in them."""

import re

import pytest

from vx9.fs.dir import DMDIR, ORCLOSE, ORDWR, OREAD, OTRUNC, OWRITE, DirChange
from vx9.fs.errors import PlanError
from vx9.fs.ramfs import RamFS
from vx9.kernel.namespace import MREPL


def fails(text):
    return pytest.raises(PlanError, match=re.escape(text) + "$")


@pytest.fixture
def serve(v, kernel, monkeypatch):
    """serve(share, name, files): a server on a pipe, mounted in a share; its tree."""
    trees = {}

    async def mount_server(p, channel, auth):
        return trees[channel]

    def serve(share, name, *files, create=True):
        near, far = kernel.call(kernel.pipe, "glenda")
        tree = trees[near] = RamFS("glenda", lambda: 0, 1 << 20)
        for file in files:
            tree.put(f"/{file}", f"{file} of {name}".encode(), 0o664)
        fd = v.p.fds.install(near)
        v.put(f"#σc/{share}/{name}", b"%d" % fd, create=create)
        v.close(v.p.fds.remove(fd))
        v.close(far)
        return near

    monkeypatch.setattr(kernel, "mount_server", mount_server)
    return serve


def share(v, name, perm=0o777):
    v.close(v.create(f"#σc/{name}", OREAD, DMDIR | perm))


def test_shares_are_unions_of_their_servers(v, serve):
    share(v, "all")
    serve("all", "one", "a", "both")
    serve("all", "two", "b", "both")
    assert v.get("#σ/all/a") == b"a of one" and v.get("#σ/all/b") == b"b of two"
    assert v.get("#σ/all/both") == b"both of two", "the newest first"
    assert sorted(v.ls("#σ/all")) == ["a", "b", "both"]
    assert list(v.ls("#σc/all")) == ["two", "one"] and list(v.ls("#σ")) == ["all"]
    v.bind("#σ/all", "/mnt", MREPL)
    v.put("/mnt/../mnt/a", b"changed!")
    assert v.get("#σ/all/a") == b"changed!"


def test_files_are_made_in_the_first_server(v, serve):
    share(v, "all")
    serve("all", "one")
    serve("all", "two")
    v.put("#σ/all/new", b"x", create=True)
    v.close(v.create("#σ/all/d", OREAD, DMDIR | 0o777))
    v.put("#σ/all/d/f", b"y", create=True)
    assert v.get("#σ/all/d/f") == b"y" and v.get("#σ/all/d/../new") == b"x"
    v.remove("#σc/all/two")
    assert sorted(v.ls("#σ/all")) == ["d", "new"]
    v.wstat("#σ/all/new", DirChange(name="old"))
    v.remove("#σ/all/d/f")
    assert v.ls("#σ/all/d") == {} and v.stat("#σ/all/old").length == 1
    assert v.stat("#σ/all/d/..").name == "all" and set(v.ls("#σ/all/d/..")) == {"d", "old"}
    v.remove("#σc/all/one")
    with fails("'#σ/all/new' mounted directory forbids creation"):
        v.create("#σ/all/new", OWRITE, 0o666)


def test_identities_differ_between_servers(v, serve):
    share(v, "one")
    share(v, "two")
    serve("one", "s", "f")
    serve("two", "s", "f")
    paths = {v.stat(name).qid.path for name in ("#σ/one", "#σ/two", "#σ/one/f", "#σ/two/f", "#σ")}
    assert len(paths) == 5
    assert v.ls("#σ/one")["f"].qid == v.stat("#σ/one/f").qid


def test_the_file_of_a_server_opens_its_channel(v, serve):
    share(v, "all")
    near = serve("all", "one")
    c = v.open("#σc/all/one", ORDWR)
    assert c is near
    v.close(c)
    with fails("permission denied"):
        v.open("#σc/all/one", OREAD)
    with fails("file already exists"):
        v.open("#σc/all/one", ORDWR | OTRUNC)
    v.close(v.create("#σc/all/empty", OWRITE, 0o666))
    with fails("device shut down"):
        v.open("#σc/all/empty", ORDWR)


def test_removal_unmounts(v, serve):
    share(v, "all")
    near = serve("all", "one", "a")
    refs = near.refs
    with fails("directory not empty"):
        v.remove("#σc/all")
    v.remove("#σc/all/one")
    assert near.refs == refs - 1 and v.ls("#σ/all") == {}
    with fails("'#σ/all/a' does not exist"):
        v.get("#σ/all/a")
    v.remove("#σc/all")
    assert v.ls("#σ") == {} == v.ls("#σc")
    share(v, "again")
    c = v.create("#σc/again/tmp", OWRITE | ORCLOSE, 0o666)
    v.close(c)
    assert v.ls("#σc/again") == {}


def test_rights(v, serve):
    share(v, "mine", 0o700)
    serve("mine", "s", "f")
    v.p.user = "mallory"
    for act in (lambda: v.create("#σc/mine/x", OWRITE, 0o666), lambda: v.remove("#σc/mine/s"),
                lambda: v.ls("#σ/mine"), lambda: v.wstat("#σc/mine", DirChange(mode=0o777))):
        with fails("permission denied"):
            act()
    share(v, "his")
    v.wstat("#σc/his", DirChange(name="hers", mode=0o755, uid="trudy"))
    assert v.stat("#σc/hers").uid == "trudy" and v.stat("#σ/hers").mode == DMDIR | 0o555
    v.p.user = "none"
    with fails("permission denied"):
        share(v, "nobodys")
    v.p.user = "glenda"
    v.put("/dev/hostowner", b"bootes")
    assert v.stat("#σc/mine").uid == "bootes"
    v.put("/dev/hostowner", b"glenda")


def test_what_is_refused(v, serve):
    share(v, "all")
    with fails("mount/attach disallowed"):
        v.stat("#σx")
    for name, mode, perm, text in (
            ("#σc/f", OWRITE, 0o666, "permission denied"),
            ("#σc/d", ORDWR, DMDIR, "permission denied"),
            ("#σc/" + "x" * 128, OREAD, DMDIR, "name too long"),
            ("#σc/all/d", OREAD, DMDIR, "permission denied"),
            ("#σc/all/f", ORDWR, 0o666, "permission denied"),
            ("#σ/d", OREAD, DMDIR, "permission denied"),
    ):
        with pytest.raises(PlanError, match=f"{text}$"):
            v.create(name, mode, perm)
    c = v.create("#σc/all/s", OWRITE, 0o666)
    fd = v.p.fds.install(v.open("/dev/null", OREAD))
    for data, text in ((b"", "bad arg in system call"), (b"x", "bad arg in system call"),
                       (b"99", "fd out of range or not open"),
                       (b"1" * 5000, "bad arg in system call"),
                       (b"%d" % fd, "inappropriate use of fd")):
        with fails(text):
            v.write(c, data)
    v.close(v.p.fds.remove(fd))
    v.remove("#σc/all/s")
    with fails("file does not exist"):
        v.write(c, b"1")
    v.close(c)
    for name in ("#σ", "#σc", "#σ/all"):
        with fails(f"'{name}' file is a directory" if "/" in name else "file is a directory"):
            v.open(name, OWRITE)
        with fails("permission denied"):
            v.remove(name) if name != "#σ/all" else v.remove("#σ/all")
    with fails("'#σc/all/s' does not exist"):
        v.stat("#σc/all/s")
    with fails("'#σ/none' file does not exist"):
        v.stat("#σ/none")
