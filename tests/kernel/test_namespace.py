"""Namespace: names, mounts, unions, and what a hostile guest makes of them."""

from __future__ import annotations

from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from vx9.fs.dir import DMDIR, OCEXEC, OEXCL, OEXEC, ORCLOSE, ORDWR, OREAD, OWRITE, DirChange
from vx9.fs.errors import PlanError
from vx9.fs.ramfs import RamFS
from vx9.fs.server import Refuser
from vx9.kernel import namespace
from vx9.kernel.chan import Chan
from vx9.kernel.devroot import Root
from vx9.kernel.namespace import MAFTER, MBEFORE, MCREATE, MOUNTMAX, MREPL, Namespace

USER = "glenda"


def run(coro: Coroutine[Any, Any, Any]) -> Any:
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it sleeps")


class Counted(RamFS):
    """A memory tree that sees to it that each Fid is clunked once."""

    def __init__(self, *files: str) -> None:
        super().__init__(USER)
        self.live: set[int] = set()
        self.walks = 0
        for name in files:
            if name.endswith("/"):
                self.plant(run(super().attach(USER, "")), name.strip("/").split("/"), True)
            else:
                self.put(name, name.encode())

    def select(self, spec: str) -> Counted:
        return self

    async def attach(self, uid, spec):
        fid = await super().attach(uid, spec)
        self.live.add(id(fid))
        self.keep = [*getattr(self, "keep", []), fid]
        return fid

    async def walk(self, fid, names):
        assert id(fid) in self.live, "walk of a clunked Fid"
        self.walks += 1
        new, qids = await super().walk(fid, names)
        if new is not None:
            self.live.add(id(new))
            self.keep.append(new)
        return new, qids

    async def clunk(self, fid):
        assert id(fid) in self.live, "clunked twice"
        self.live.discard(id(fid))
        await super().clunk(fid)


class World:
    """A name space of memory trees #A, #B, #C on a root, and a process in it."""

    def __init__(self) -> None:
        self.a = Counted("x", "only-a", "d/f", "d/sub/g", "run", "m/", "n/inner/")
        self.b = Counted("x", "only-b", "d/f", "d/only-bd", "e/")
        self.c = Counted("deep/est/file")
        self.root = Root(USER)
        self.servers = {"/": self.root, "A": self.a, "B": self.b, "C": self.c, "d": Refuser()}
        self.ns = Namespace(self.servers)
        self.p = SimpleNamespace(ns=self.ns, user=USER, root=None, dot=None)
        self.p.root = run(self.ns.attach(self.p, "#/"))
        self.p.root.path = "/"
        self.p.dot = self.p.root.ref()

    def __getattr__(self, name: str) -> Any:
        return lambda *args: run(getattr(self.p.ns, name)(self.p, *args))

    def chdir(self, name: str) -> None:
        new = self.dir(name)
        run(self.p.dot.close())
        self.p.dot = new

    def path(self, name: str) -> str:
        c = self.access(name)
        try:
            return c.path
        finally:
            run(c.close())

    def text(self, name: str) -> str:
        c = self.open(name, OREAD)
        try:
            return run(c.read(self.p, 1000)).decode()
        finally:
            run(c.close())

    def put(self, name: str, text: str = "new", mode: int = OWRITE, perm: int = 0o644) -> None:
        c = self.create(name, mode, perm)
        run(c.write(self.p, text.encode()))
        run(c.close())

    def mkdir(self, name: str) -> None:
        run(self.create(name, OREAD, DMDIR | 0o777).close())

    def ls(self, name: str) -> list[str]:
        c = self.open(name, OREAD)
        try:
            return [d.name for d in run(c.readdir(self.p))]
        finally:
            run(c.close())

    def close(self) -> None:
        run(self.p.dot.close())
        run(self.p.ns.close())
        run(self.p.root.close())
        for server in (self.a, self.b, self.c):
            assert not server.live, "Fids were lost"


@pytest.fixture
def w():
    world = World()
    yield world
    world.close()


def fails(text: str) -> Any:
    import re

    return pytest.raises(PlanError, match=f"^{re.escape(text)}$")


# Names

def test_names_and_paths(w):
    w.bind("#A", "/n", MREPL)
    for name, path in (("/", "/"), ("//", "/"), ("/n/d", "/n/d"), ("//n//d///f", "/n/d/f"),
                       ("/n/./d/.", "/n/d"), ("/n/d/../x", "/n/x"), ("/../../n/x", "/n/x"),
                       ("/n/d/sub/../../d/f", "/n/d/f"), ("#A/d", "#A/d"), ("#A", "#A"),
                       ("#A/d/..", "#A"), ("#A/..", "#A"), ("#A/../..", "#A"),
                       ("/n/d/sub/g", "/n/d/sub/g"), ("/n/..", "/")):
        assert w.path(name) == path
    w.chdir("/n/d")
    for name, path in ((".", "/n/d"), ("f", "/n/d/f"), ("..", "/n"), ("../x", "/n/x"),
                       ("../..", "/"), ("../../..", "/"), ("./sub/./g", "/n/d/sub/g")):
        assert w.path(name) == path


def test_errors_name_the_part_that_failed(w):
    w.bind("#A", "/n", MREPL)
    for name, text in (
        ("/nope", "'/nope' file does not exist"),
        ("/n/nope/x/y", "'/n/nope' file does not exist"),
        ("/n//d/nope", "'/n//d/nope' does not exist"),
        ("/n/d/nope/more", "'/n/d/nope' does not exist"),
        ("/n/x/more", "'/n/x' not a directory"),
        ("/n/d/f/more/still", "'/n/d/f' not a directory"),
        ("/n/x/", "'/n/x/' not a directory"),
        ("/n/x/.", "'/n/x/.' not a directory"),
        ("/n/x/..", "'/n/x' not a directory"),
        ("/n/x/../d", "'/n/x' not a directory"),
        ("it's", "'it''s' file does not exist"),
        ("#A/nope", "'#A/nope' file does not exist"),
        ("#Z", "unknown device in # filename"),
        ("#Z/x", "unknown device in # filename"),
        ("#", "unknown device in # filename"),
        ("#M", "mount/attach disallowed"),
        ("", "empty file name"),
        ("a\x01b", "bad character in file name: 'a\x01b'"),
        ("/n/\x7f", "bad character in file name: '/n/\x7f'"),
        ("/" + "a" * 65536, "name too long"),
    ):
        for act in (w.stat, w.access, w.remove, lambda n: w.open(n, OREAD), lambda n: w.dir(n)):
            with fails(text):
                act(name)


def test_a_long_name_keeps_its_tail_in_the_error(w):
    with pytest.raises(PlanError) as failed:
        w.stat("/n/" + "long" * 200 + "/" + "x" * 60)
    assert str(failed.value) == "'..." + "long" * 8 + "' does not exist"


def test_many_elements(w):
    w.bind("#A", "/n", MREPL | MCREATE)
    w.chdir("/n")
    for i in range(40):
        w.mkdir(f"k{i}")
        w.chdir(f"k{i}")
    deep = "/n/" + "/".join(f"k{i}" for i in range(40))
    assert w.path(deep) == w.path(".") == deep
    assert w.path(deep + "/.." * 40) == "/n"
    assert w.path(deep + "/.." * 100 + "/n/x") == "/n/x"
    assert w.path("/" + "../" * 20000 + "n") == "/n"
    with pytest.raises(PlanError):
        w.stat("/n/" + "x/" * 30000)


def test_a_path_cannot_grow_for_ever(w):
    w.bind("#A", "/n", MREPL | MCREATE)
    w.chdir("/n")
    name = "p" * 1000
    with pytest.raises(PlanError, match="name too long"):  # noqa: PT012 - one of many
        for _ in range(70):
            w.mkdir(name)
            w.chdir(name)


def test_open_modes(w):
    w.bind("#A", "/n", MREPL)
    for mode in (4, 7, 8, 128, OEXCL, -1, 1 << 20):
        with fails("bad arg in system call"):
            w.open("/n/x", mode)
    c = w.open("/n/x", OREAD | OCEXEC)
    assert c.cexec and c.mode == OREAD
    run(c.close())
    with fails("'/n/d' cannot exec directory"):
        w.open("/n/d", OEXEC)
    with fails("'/n/d' file is a directory"):
        w.open("/n/d", OWRITE)
    with fails("'/n/x' permission denied"):
        w.open("/n/x", OEXEC)


def test_dot_dot_from_a_file_fails(w):
    w.bind("#A", "/n", MREPL)
    with pytest.raises(PlanError):
        w.stat("/n/x/../x")


# Mounts

def test_bind_and_unmount(w):
    assert w.bind("#A", "/n", MREPL) > 0
    assert w.text("/n/x") == "x" and w.text("/n/d/sub/g") == "d/sub/g"
    assert w.ls("/n") == ["x", "only-a", "d", "run", "m", "n"]
    w.unmount(None, "/n")
    assert w.ls("/n") == []
    with fails("not mounted"):
        w.unmount(None, "/n")
    with fails("not mounted"):
        w.unmount("#A", "/n")


def test_bind_is_by_file_not_by_name(w):
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/mnt", MREPL)
    w.bind("/n/d", "/mnt/e", MREPL)
    w.bind("#B", "/n/d", MREPL)
    # /n/d is covered by B whatever way it is reached.
    assert w.text("/n/d/only-b") == "only-b"
    assert w.text("/mnt/e/f") == "d/f", "bound before it was covered"


def test_files_can_be_bound_on_files_alone(w):
    w.bind("#A", "/n", MREPL)
    w.bind("/n/only-a", "/n/x", MREPL)
    assert w.text("/n/x") == "only-a" and w.path("/n/x") == "/n/x"
    for new, old, flag in (("/n/d", "/n/x", MREPL), ("/n/run", "/n/d", MREPL),
                           ("/n/run", "/n/x", MBEFORE), ("/n/run", "/n/x", MAFTER)):
        with fails("inconsistent mount"):
            w.bind(new, old, flag)
    w.unmount(None, "/n/x")
    assert w.text("/n/x") == "x"


@pytest.mark.parametrize("flag", [3, 8, 7, 32, 0x80, -1, 1 << 16])
def test_bad_flags(w, flag):
    with fails("bad arg in system call"):
        w.bind("#A", "/n", flag)


def test_errors_of_bind_name_the_file(w):
    with fails("'/nope' file does not exist"):
        w.bind("/nope", "/n", MREPL)
    with fails("'/nope' file does not exist"):
        w.bind("/n", "/nope", MREPL)


def test_unions_in_order(w):
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/n", MAFTER)
    assert w.text("/n/only-a") == "only-a" and w.text("/n/only-b") == "only-b"
    assert w.ls("/n") == ["x", "only-a", "d", "run", "m", "n", "x", "only-b", "d", "e"]
    # The first member that has the first name decides.
    with fails("'/n/d/only-bd' does not exist"):
        w.text("/n/d/only-bd")
    w.bind("#B", "/n", MBEFORE)
    assert w.text("/n/d/only-bd") == "d/only-bd"
    w.unmount("#B", "/n")
    with pytest.raises(PlanError):
        w.text("/n/d/only-bd")
    w.unmount("#B", "/n")
    with fails("not in union"):
        w.unmount("#B", "/n")
    assert w.ls("/n") == ["x", "only-a", "d", "run", "m", "n"]
    w.unmount("#A", "/n")
    assert w.ls("/n") == []


def test_a_fresh_union_keeps_the_original(w):
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/n/d", MAFTER)
    assert w.ls("/n/d") == ["f", "sub", "x", "only-b", "d", "e"]
    assert w.text("/n/d/f") == "d/f" and w.text("/n/d/only-b") == "only-b"
    w.unmount("#B", "/n/d")
    assert w.ls("/n/d") == ["f", "sub"]


def test_a_bound_union_is_bound_whole(w):
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/n", MAFTER)
    w.bind("/n", "/mnt", MREPL)
    assert w.text("/mnt/only-b") == "only-b" and w.text("/mnt/only-a") == "only-a"
    w.unmount(None, "/n")
    assert w.text("/mnt/only-b") == "only-b"
    with fails("inconsistent mount"):
        w.bind("/mnt", "/usr", MREPL | MCREATE)


def test_mcreate_of_a_single_mount_is_handed_on(w):
    w.bind("#A", "/n", MREPL | MCREATE)
    w.bind("/n", "/mnt", MREPL | MCREATE)
    w.put("/mnt/made")
    assert w.text("/n/made") == "new"
    w.bind("#B", "/usr", MREPL)
    with fails("inconsistent mount"):
        w.bind("/usr", "/lib", MREPL | MCREATE)


def test_create_goes_to_the_member_for_it(w):
    w.bind("#A", "/n", MREPL)
    with fails("'/n/made' mounted directory forbids creation"):
        w.put("/n/made")
    w.put("/n/d/made")
    assert w.text("/n/d/made") == "new", "a folder that is no mount point needs no flag"
    w.bind("#B", "/n", MAFTER | MCREATE)
    w.put("/n/made")
    assert w.text("#B/made") == "new" and w.path("/n/made") == "/n/made"
    w.put("/n/only-a", "changed")
    assert w.text("#A/only-a") == "changed", "what exists is opened where it is"
    w.bind("#C", "/n", MBEFORE | MCREATE)
    w.put("/n/made2")
    assert w.text("#C/made2") == "new"


def test_dot_dot_undoes_a_mount(w):
    w.bind("#A", "/n", MREPL)
    w.bind("#B/d", "/n/d/sub", MREPL)
    w.chdir("/n/d/sub")
    assert w.path("only-bd") == "/n/d/sub/only-bd"
    assert w.path("..") == "/n/d" and w.text("../f") == "d/f"
    assert w.stat("..").qid == w.stat("#A/d").qid
    w.chdir("/n/d/sub")
    w.chdir("..")
    assert w.path(".") == "/n/d" and w.ls(".") == ["f", "sub"]
    assert w.ls("sub/..") == ["f", "sub"]
    assert w.stat("/n/..").qid == w.stat("/").qid


def test_dot_dot_after_the_mount_is_gone(w):
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/n/d/sub", MREPL)
    c = w.access("/n/d/sub/e")
    run(w.p.dot.close())
    w.p.dot = c
    w.unmount(None, "/n/d/sub")
    assert w.text("../only-b") == "only-b"
    assert w.text("../../f") == "d/f"


def test_a_directory_mounted_on_root(w):
    w.bind("#A", "/", MBEFORE)
    assert w.text("/x") == "x" and w.path("/x") == "/x"
    assert "usr" in w.ls("/") and w.path("/d/../x") == "/x"
    assert w.stat("/..").qid == w.stat("/").qid
    w.bind("#B", "/usr", MREPL)
    assert w.text("/usr/only-b") == "only-b"
    w.unmount("#A", "/")
    with pytest.raises(PlanError):
        w.text("/x")


def test_sharp_names_ignore_mounts(w):
    w.bind("#B", "#A/d", MREPL)
    assert w.text("#A/d/f") == "d/f"
    w.bind("#A", "/n", MREPL)
    assert w.text("/n/d/only-b") == "only-b"
    d = next(d for d in w_dirs(w, "#A") if d.name == "d")
    assert d.qid == w.stat("/n/d").qid, "but reading shows them"


def w_dirs(w, name):
    c = w.open(name, OREAD)
    try:
        return run(c.readdir(w.p))
    finally:
        run(c.close())


def test_entries_that_are_mount_points_show_what_covers_them(w):
    w.bind("#A", "/n", MREPL)
    plain = {d.name: d.qid for d in w_dirs(w, "/n")}
    w.bind("#B", "/n/d", MREPL)
    covered = {d.name: d.qid for d in w_dirs(w, "/n")}
    assert covered["d"] == w.stat("/n/d").qid != plain["d"] and covered["x"] == plain["x"]
    w.bind("#C", "/n/m", MAFTER)
    assert {d.name: d.qid for d in w_dirs(w, "/n")}["m"] == plain["m"], "it still is a member"


def test_mounts_are_crossed_once(w):
    w.bind("#A", "/n", MREPL)
    w.bind("/n/d", "/n/m", MREPL)
    w.bind("#B", "/n/d", MREPL)
    assert w.text("/n/m/f") == "d/f", "m shows what d was, also now that d is covered"
    assert w.ls("/n/m") == ["f", "sub"]


@pytest.mark.parametrize("how", [MREPL, MBEFORE, MAFTER])
def test_loops_end(w, how):
    w.bind("#A", "/n", MREPL | MCREATE)
    w.bind("/n", "/n/m", how)
    w.bind("/n/m", "/n/d", how)
    w.bind("/n/d", "/n/m", how)
    w.bind("/n", "/n", how)
    w.bind("/", "/n/n", how)
    for name in ("/n/m/d/m/d/m/d", "/n/m/m/m/m/m", "/n/n/n/n/n"):
        try:
            w.ls(name)
            w.path(name + "/../../..")
        except PlanError:
            pass


def test_the_number_of_mounts_is_limited(w, monkeypatch):
    assert MOUNTMAX == 4096
    monkeypatch.setattr(namespace, "MOUNTMAX", 200)
    w.bind("#A", "/n", MREPL)
    with pytest.raises(PlanError, match="at most 200"):  # noqa: PT012 - one of many
        for _ in range(201):
            w.bind("#B/e", "/n", MAFTER)
    assert len(w.p.ns.listing(w.p)) <= 201
    assert w.text("/n/x") == "x"
    w.unmount(None, "/n")
    w.bind("#A", "/n", MREPL)


def test_a_union_grows_without_work_for_its_members(w, monkeypatch):
    for _ in range(50):
        w.bind("#A/d", "/mnt", MAFTER)
    touched = []
    ref = Chan.ref
    monkeypatch.setattr(Chan, "ref", lambda c: touched.append(c) or ref(c))
    w.bind("#B/d", "/mnt", MBEFORE)
    assert len(touched) < 10
    monkeypatch.undo()
    assert w.text("/mnt/only-bd") == "d/only-bd"
    for _ in range(50):
        w.unmount("#A/d", "/mnt")
    w.unmount("#B/d", "/mnt")


def test_who_reads_a_union_keeps_it_while_it_grows(w):
    w.bind("#A/d", "/mnt", MAFTER)
    c = w.open("/mnt", OREAD)
    w.bind("#B/d", "/mnt", MAFTER)
    assert [m.to.server for m in c.union.mounts] == [w.root, w.a]
    run(c.close())
    assert w.text("/mnt/only-bd") == "d/only-bd"


def test_doubling_a_union_is_limited(w):
    """Binding a union on itself doubles it: 2**n members in n calls."""
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/n", MAFTER)
    with pytest.raises(PlanError, match="too many mounts"):  # noqa: PT012 - one of many
        for _ in range(60):
            w.bind("/n", "/n", MAFTER)


def test_the_cost_of_a_walk_does_not_grow_with_the_mounts(w):
    w.bind("#A", "/n", MREPL)
    w.a.walks = 0
    w.text("/n/d/f")
    before = w.a.walks
    for i in range(300):
        w.mkdir(f"/n/d/p{i}")
        w.bind("#B", f"/n/d/p{i}", MREPL)
    w.a.walks = 0
    w.text("/n/d/f")
    assert w.a.walks == before


def test_copies_are_independent(w):
    w.bind("#A", "/n", MREPL)
    mine, other = w.p.ns, w.p.ns.copy()
    w.p.ns = other
    w.bind("#B", "/n", MREPL)
    assert w.text("/n/only-b") == "only-b"
    w.unmount(None, "/n")
    w.p.ns = mine
    assert w.text("/n/only-a") == "only-a"
    run(other.close())
    assert w.text("/n/only-a") == "only-a"
    bare = mine.empty()
    w.p.ns = bare
    assert w.ls("/n") == []
    w.p.ns = mine
    run(bare.close())
    assert mine.number != other.number != bare.number


def test_noattach(w):
    w.bind("#A", "/n", MREPL)
    w.p.ns.noattach = True
    for act in (lambda: w.stat("#A"), lambda: w.bind("#B", "/n", MREPL),
                lambda: w.mount(w.b, "/n", MREPL), lambda: w.stat("#Z")):
        with fails("mount/attach disallowed"):
            act()
    with fails("permission denied"):
        w.stat("#d")
    w.bind("/n/d", "/mnt", MREPL)
    assert w.text("/mnt/f") == "d/f"
    copy = w.p.ns.copy()
    assert copy.noattach and copy.empty().noattach
    run(copy.close())


def test_mount(w):
    channel = w.open("#A/run", ORDWR)
    w.mount(w.b, "/n", MREPL | MCREATE, "spec", channel)
    assert w.text("/n/only-b") == "only-b"
    assert w.p.ns.listing(w.p)[-2] == "mount -c #A/run /n spec\n"
    w.unmount("#A/run", "/n")
    with fails("not mounted"):
        w.unmount(None, "/n")
    run(channel.close())


def test_listing(w):
    w.bind("#A", "/n", MREPL | MCREATE)
    w.bind("#B", "/n", MAFTER)
    w.bind("#C", "/mnt", MBEFORE)
    w.chdir("/n/d")
    assert w.p.ns.listing(w.p) == [
        "bind -c #A /n\n", "bind -a #B /n\n", "bind  /mnt /mnt\n", "bind -b #C /mnt\n",
        "cd /n/d\n"]


# Create and remove

def test_create(w):
    w.bind("#A", "/n", MREPL | MCREATE)
    w.put("/n/made")
    assert w.text("/n/made") == "new"
    w.put("/n/made", "y")
    assert w.text("/n/made") == "y", "truncated"
    for name, mode, perm, text in (
        ("/n/made", OWRITE | OEXCL, 0o644, "'/n/made' file already exists"),
        ("/n/d/", OREAD, 0o644, "'/n/d/' create without DMDIR"),
        ("/n/new/", OREAD, 0o644, "'/n/new/' create without DMDIR"),
        ("/n/new/.", OREAD, 0o644, "'/n/new/.' create without DMDIR"),
        ("/", OREAD, DMDIR | 0o755, "file already exists"),
        ("#A", OREAD, 0o644, "file already exists"),
        ("/n/nope/new", OWRITE, 0o644, "'/n/nope' file does not exist"),
        ("/n/x/new", OWRITE, 0o644, "'/n/x' not a directory"),
        ("/nope", OWRITE, 0o644, "'/nope' permission denied"),
        ("", OWRITE, 0o644, "empty file name"),
        ("/n/a\nb", OWRITE, 0o644, "bad character in file name: '/n/a\nb'"),
        ("/n/d", OWRITE, 0o644, "'/n/d' file is a directory"),
    ):
        with fails(text):
            w.create(name, mode, perm)
    c = w.create("/n/c", ORDWR | OCEXEC | OEXCL, 0o644)
    assert c.cexec and c.mode == ORDWR and c.path == "/n/c"
    assert c.fid.omode == ORDWR, "the server sees neither flag"
    run(c.close())
    c = w.create("/n/gone", OWRITE | ORCLOSE, 0o644)
    run(c.close())
    with pytest.raises(PlanError):
        w.stat("/n/gone")


def test_create_of_a_directory(w):
    w.bind("#A", "/n", MREPL | MCREATE)
    c = w.create("/n/new/", OREAD, DMDIR | 0o755)
    assert c.is_dir and run(c.read(w.p, 1000)) == b""
    run(c.close())
    w.put("/n/new/f")
    assert w.ls("/n/new") == ["f"]


def test_create_loses_a_race_gracefully(w, monkeypatch):
    """Somebody makes the file between the look and the create."""
    w.bind("#A", "/n", MREPL | MCREATE)
    create = w.a.create

    async def late(fid, name, perm, mode):
        monkeypatch.setattr(w.a, "create", create)
        w.a.put("raced", b"theirs")
        await create(fid, name, perm, mode)

    monkeypatch.setattr(w.a, "create", late)
    w.put("/n/raced", "ours")
    assert w.text("/n/raced") == "ours"
    monkeypatch.setattr(w.a, "create", late)
    w.remove("/n/raced")
    with fails("'/n/raced' file already exists"):
        w.create("/n/raced", OWRITE | OEXCL, 0o644)


def test_remove(w):
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/n", MAFTER)
    w.remove("/n/x")
    assert w.text("/n/x") == "x", "the next member's"
    w.remove("/n/x")
    with pytest.raises(PlanError):
        w.stat("/n/x")
    with fails("is a mount point"):
        w.remove("/n")
    with fails("directory not empty"):
        w.remove("/n/d")
    with fails("permission denied"):
        w.remove("/usr")


def test_wstat(w):
    w.bind("#A", "/n", MREPL)
    w.wstat("/n/x", DirChange(name="y"))
    assert w.text("/n/y") == "x"
    for name in ("a/b", "a\x01", "..", "."):
        with pytest.raises(PlanError, match="bad character in file name"):
            w.wstat("/n/y", DirChange(name=name))
    with fails("'/n' is a mount point"):
        w.wstat("/n", DirChange(name="z"))
    with fails("file already exists"):
        w.wstat("/n/y", DirChange(name="run"))


def test_stat_has_the_name_that_was_used(w):
    w.bind("#A", "/n", MREPL)
    for name, want in (("/", ""), ("/n", "n"), ("/n/..", ""), ("/n/x", "x"), ("#A", "#A"),
                       ("/n/.", "n"), ("/n/d/sub/..", "d"), ("#A/d", "d")):
        assert w.stat(name).name == want


def test_a_union_goes_on_whatever_the_offset(w):
    w.bind("#B", "/n", MAFTER)
    c = w.open("/n", OREAD)
    first = run(c.read(w.p, 150, 0))
    second = run(c.read(w.p, 150, 99999))
    assert first and second and first != second
    assert run(c.read(w.p, 150, 0)) == first
    run(c.close())


def test_a_process_in_a_union_directory(w):
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/n", MAFTER)
    w.chdir("/n")
    assert w.text("only-b") == "only-b" and len(w.ls(".")) == 10
    assert w.text("./../n/only-b") == "only-b"


def test_a_failing_member_is_left_out_of_the_listing(w, monkeypatch):
    w.bind("#A", "/n", MREPL)
    w.bind("#B", "/n", MAFTER)

    async def refuse(fid, mode):
        raise PlanError("i/o error")

    monkeypatch.setattr(w.b, "open", refuse)
    assert w.ls("/n") == ["x", "only-a", "d", "run", "m", "n"]


def test_names_of_any_bytes(w):
    w.bind("#A", "/n", MREPL | MCREATE)
    name = "/n/" + b"\xff\xfe \xc3\xa9".decode("utf-8", "surrogateescape")
    w.put(name)
    assert w.text(name) == "new" and w.path(name) == name
    with pytest.raises(PlanError) as failed:
        w.stat(name + "/x/" + "\udcff" * 300)
    assert len(str(failed.value).encode("utf-8", "surrogateescape")) <= 127
