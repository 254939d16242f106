"""The mount driver: the contract over a pipe, shared channels, interrupts, hostile servers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from vx9.fs.dir import ORDWR, OREAD, OWRITE, Dir, DirChange, Qid
from vx9.fs.errors import EBADUSEFD, EHUNGUP, EINTR, EMOUNTRPC, PlanError
from vx9.fs.ninep import wire
from vx9.fs.ninep.auth import Prover, SharedKey
from vx9.fs.ninep.server import Session
from vx9.fs.ramfs import RamFS
from vx9.fs.server import Fid, Refuser
from vx9.kernel.devmnt import EBADDIR
from vx9.kernel.kernel import Kernel
from vx9.kernel.mountrpc import CLUNK_MS, FLUSHES
from vx9.kernel.namespace import MREPL
from vx9.kernel.sched import Rendez

_spec = importlib.util.spec_from_file_location(
    "fs_contract", Path(__file__).parent.parent / "fs" / "contract.py")
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)


def ramfs() -> RamFS:
    fs = RamFS(contract.USER, lambda: 1_700_000_000)
    for path, data in contract.TREE.items():
        if data is None:
            fs.plant(contract.run(fs.attach(contract.USER, "")), path.split("/"), True)
        else:
            fs.put(path, data)
    return fs


@pytest.fixture
def kernel(host):
    kernel = Kernel(host=host)
    yield kernel
    kernel.stop()
    assert kernel.errors == 0


class Peer:
    """The far end of a pipe, where a server speaks 9P as a task of the kernel."""

    def __init__(self, kernel: Kernel, server=None, **options) -> None:
        self.kernel = kernel
        self.near, self.far = kernel.call(kernel.pipe, "glenda")
        self.got: list = []  # what came, taken apart
        self.reply = None  # a function that answers instead of a session
        self.session = None
        if server is not None:
            self.session = Session(server, kernel.sched, **options)
        self.sent = wire.Splitter(1 << 20)
        self.task = kernel.sched.spawn(self.serve(), "peer")

    async def serve(self) -> None:
        far = self.far
        while data := await far.server.read(far.fid, 1 << 20, 0):
            for message in self.sent.feed(data):
                self.got.append(message)
                if self.session is None:
                    for answer in self.reply(message) or ():
                        await self.put(answer)
                    continue
                self.session.feed(wire.pack(message))
                self.kernel.sched.spawn(self.flush(), "peer")
                self.session.wake = lambda: self.kernel.sched.spawn(self.flush(), "peer") and None

    async def flush(self) -> None:
        for piece in self.session.take():
            await self.put(piece)

    async def put(self, answer) -> None:
        data = answer if isinstance(answer, bytes) else wire.pack(answer)
        await self.far.server.write(self.far.fid, data, 0)

    def mount(self, **more):
        """The tree, by way of the driver."""
        kernel = self.kernel
        return kernel.call(kernel.mnt.tree, kernel.boot, self.near, *more.values())

    def kinds(self) -> list[str]:
        return [type(m).__name__ for m in self.got]


class MountDoor(contract.Door):
    """A mounted tree; each call is a task that may sleep."""

    def __init__(self, kernel, server) -> None:
        super().__init__(server)
        self.kernel = kernel

    def __getattr__(self, name):
        method = getattr(self.server, name)
        return lambda *args: self.kernel.call(method, *args)


class TestContractOverAPipe(contract.Contract):
    @pytest.fixture
    def server(self):
        return None

    @pytest.fixture(params=[False, True], ids=["", "MCACHE"])
    def door(self, kernel, request):
        door = MountDoor(kernel, Peer(kernel, ramfs()).mount())
        door.server.cached = request.param
        return door


def test_what_goes_over_the_wire_when_a_file_is_read(kernel):
    peer = Peer(kernel, ramfs())
    boot = kernel.boot

    async def go():
        tree = await kernel.mnt.tree(boot, peer.near)
        await boot.ns.mount(boot, tree, "/n", MREPL, "", peer.near)
        c = await boot.ns.open(boot, "/n/sub/deep/file", OREAD)
        data = await c.read(boot, 100)
        await c.close()
        await boot.ns.unmount(boot, None, "/n")
        return data

    assert kernel.call(go) == b"deep\n"
    assert peer.got[0] == wire.Tversion(wire.NOTAG, 8216, "9P2000")
    assert peer.got[1] == wire.Tattach(1, 1, wire.NOFID, "glenda", "")
    assert peer.got[2] == wire.Twalk(1, 1, 2, ("sub", "deep", "file"))
    assert peer.kinds()[3:] == ["Topen", "Tread", "Tclunk", "Tclunk"]
    assert peer.got[4].count == 100


def test_stat_shows_the_device(kernel):
    peer = Peer(kernel, ramfs())
    door = MountDoor(kernel, peer.mount())
    d = door.stat(door.at("hello"))
    assert (d.type, d.dev) == (ord("M"), door.server.dev) and d.dev > 0
    assert {e.dev for e in door.readdir(door.open_at("", OREAD))} == {d.dev}


def test_reads_and_writes_are_split_by_msize(kernel):
    fs = RamFS(contract.USER)
    fs.put("big", bytes(range(256)) * 100)
    peer = Peer(kernel, fs)
    door = MountDoor(kernel, peer.mount())
    fid = door.open_at("big", ORDWR)
    assert fid.iounit == 8192
    assert door.read(fid, 25600, 0) == bytes(range(256)) * 100
    assert [m.count for m in peer.got if type(m) is wire.Tread] == [8192, 8192, 8192, 1024]
    assert door.write(fid, bytes(20000), 5) == 20000
    assert [(m.offset, len(m.data)) for m in peer.got if type(m) is wire.Twrite] == \
        [(5, 8192), (8197, 8192), (16389, 3616)]
    peer.got.clear()
    assert len(door.read(fid, 1 << 20, 20000)) == 5600
    assert len(peer.got) == 1  # a short answer is the end


def test_a_server_may_lower_msize(kernel):
    peer = Peer(kernel)
    peer.reply = lambda m: [wire.Rversion(m.tag, 300, "9P2000")]
    tree = peer.mount()
    assert tree.client.msize == 300


@pytest.mark.parametrize(("answer", "text"), [
    (lambda m: wire.Rversion(m.tag, 8217, "9P2000"), "server tries to increase msize"),
    (lambda m: wire.Rversion(m.tag, 100, "9P2000"), "nonsense value of msize"),
    (lambda m: wire.Rversion(m.tag, 8216, "9P2000.L"), "bad 9P version returned from server"),
    (lambda m: wire.Rversion(m.tag, 8216, "unknown"), "bad 9P version returned from server"),
    (lambda m: wire.Rversion(m.tag, 8216, ""), "bad 9P version returned from server"),
    (lambda m: wire.Rerror(m.tag, "go away"), "go away"),
])
def test_versions_that_do_not_fit(kernel, answer, text):
    peer = Peer(kernel)
    peer.reply = lambda m: [answer(m)]
    with pytest.raises(PlanError, match=text):
        peer.mount()
    assert not peer.near.is_channel and peer.near.mux is None


def test_no_answer_to_the_version(kernel):
    peer = Peer(kernel)

    def reply(m):
        kernel.sched.spawn(peer.far.close(), "close")

    peer.reply = reply
    with pytest.raises(PlanError, match="EOF receiving fversion reply"):
        peer.mount()


def test_a_version_is_agreed_on_once(kernel):
    peer = Peer(kernel, ramfs())
    version = kernel.mnt.version
    assert kernel.call(version, kernel.boot, peer.near) == "9P2000"
    assert kernel.call(version, kernel.boot, peer.near, 0, "9P2000.u") == "9P2000"
    with pytest.raises(PlanError, match="bad 9P version specification"):
        kernel.call(version, kernel.boot, peer.near, 0, "9P1984")
    with pytest.raises(PlanError, match="bad iounit"):
        kernel.call(version, kernel.boot, peer.near, 10)
    assert peer.kinds() == ["Tversion"]


def test_a_channel_is_not_for_reading(kernel):
    peer = Peer(kernel, ramfs())
    peer.mount()
    for use in (peer.near.read, peer.near.write):
        with pytest.raises(PlanError, match=EBADUSEFD):
            kernel.call(use, kernel.boot, 1 if use == peer.near.read else b"x")


def test_two_mounts_share_a_channel_and_are_two_devices(kernel):
    peer = Peer(kernel, ramfs())
    one, two = peer.mount(), peer.mount()
    assert one.dev != two.dev and one.connection is two.connection
    a, b = MountDoor(kernel, one), MountDoor(kernel, two)
    x, y = a.attach("glenda", ""), b.attach("glenda", "")
    a.clunk(x)
    assert b.stat(y).name == "/"
    assert peer.kinds().count("Tversion") == 1


def test_the_last_fid_lets_the_channel_go(kernel):
    peer = Peer(kernel, ramfs())
    door = MountDoor(kernel, peer.mount())
    root = door.attach("glenda", "")
    fid = door.open_at("hello", OREAD)
    kernel.call(peer.near.close)
    door.clunk(root)
    assert door.read(fid, 5, 0) == b"hello"
    kernel.call(door.server.clunk, fid)
    assert len(peer.session.fids) == peer.near.refs == 1  # at() keeps the root
    assert not peer.task.done
    door.clunk(kept := Fid(fid.qid, "", -1, min(peer.session.fids)))
    kernel.sched.drain()
    assert kept.aux is None and peer.task.done and peer.near.refs == 0


class Sleepy(Refuser):
    """A file that is never ready, until it is; reads of "ready" are."""

    def __init__(self) -> None:
        self.rendez = Rendez()
        self.ready = False
        self.interrupts = 0

    async def attach(self, uid, spec):
        return Fid(Qid(1, 0, 0x80), uid)

    async def walk(self, fid, names):
        return Fid(Qid(2), fid.uid), [Qid(2)] * len(names)

    async def open(self, fid, mode):
        fid.omode = mode

    async def read(self, fid, count, offset):
        try:
            await self.rendez.sleep(lambda: self.ready)
        except PlanError:
            self.interrupts += 1
            raise
        return b"data"

    async def stat(self, fid):
        return Dir(fid.qid, 0o644, 0, 0, 0, "f", "u", "u", "u")


def reader(kernel, door):
    """A task that reads from a file of a Sleepy."""
    fid = door.at("f")
    door.open(fid, OREAD)
    task = kernel.sched.spawn(door.server.read(fid, 10, 0), "reader")
    kernel.sched.drain()
    return task


def joined(kernel, task):
    async def join():
        return await task.join()
    return kernel.call(join)


def test_many_processes_on_one_channel(kernel):
    """A blocked read keeps nobody else from the server."""
    sleepy = Sleepy()
    door = MountDoor(kernel, Peer(kernel, sleepy).mount())
    tasks = [reader(kernel, door) for _ in range(20)]
    assert door.stat(door.at("f")).name == "f"
    sleepy.ready = True
    sleepy.rendez.wakeup()
    assert [joined(kernel, task) for task in tasks] == [b"data"] * 20


def test_an_interrupt_flushes(kernel):
    sleepy = Sleepy()
    peer = Peer(kernel, sleepy)
    door = MountDoor(kernel, peer.mount())
    task = reader(kernel, door)
    tag = peer.got[-1].tag
    kernel.sched.interrupt(task)
    with pytest.raises(PlanError, match=f"^{EINTR}$"):
        joined(kernel, task)
    assert sleepy.interrupts == 1
    assert type(peer.got[-1]) is wire.Tflush and peer.got[-1].oldtag == tag
    assert door.stat(door.at("f")).name == "f"  # all goes on


def flusher(order):
    """A server that answers a read only after its flush came, in that order of messages."""
    held = {}

    def reply(m):
        kind = type(m)
        if kind is wire.Tversion:
            return [wire.Rversion(m.tag, m.msize, m.version)]
        if kind is wire.Tattach:
            return [wire.Rattach(m.tag, Qid(1, 0, 0x80))]
        if kind is wire.Twalk:
            return [wire.Rwalk(m.tag, (Qid(2),) * len(m.wname))]
        if kind is wire.Topen:
            return [wire.Ropen(m.tag, Qid(2), 0)]
        if kind is wire.Tread:
            held["read"] = m.tag
            return []
        if kind is wire.Tflush:
            held.setdefault("flush", []).append(m.tag)
            return order(held)
        if kind is wire.Tclunk:
            return [wire.Rclunk(m.tag)]
        return [wire.Rerror(m.tag, "no")]

    return reply


def test_an_answer_faster_than_the_flush_is_used(kernel):
    peer = Peer(kernel)
    peer.reply = flusher(lambda held: [wire.Rread(held["read"], b"late"),
                                       wire.Rflush(held["flush"][0])])
    task = reader(kernel, MountDoor(kernel, peer.mount()))
    kernel.sched.interrupt(task)
    assert joined(kernel, task) == b"late"


def test_nested_flushes(kernel):
    """The server answers only the third flush, then the others in their order."""
    peer = Peer(kernel)
    peer.reply = flusher(lambda held: [wire.Rflush(tag) for tag in held["flush"]]
                         if len(held["flush"]) == 3 else [])
    door = MountDoor(kernel, peer.mount())
    task = reader(kernel, door)
    for _ in range(3):
        assert not task.done
        kernel.sched.interrupt(task)
        kernel.sched.drain()
    with pytest.raises(PlanError, match=EINTR):
        joined(kernel, task)
    flushes = [m for m in peer.got if type(m) is wire.Tflush]
    assert flushes[1].oldtag == flushes[0].tag and flushes[2].oldtag == flushes[1].tag
    assert len({m.tag for m in flushes}) == 3
    assert not door.server.client.busy


def test_a_server_that_never_answers_holds_nobody(kernel):
    peer = Peer(kernel)
    peer.reply = flusher(lambda held: [])
    door = MountDoor(kernel, peer.mount())
    task = reader(kernel, door)
    for _ in range(FLUSHES + 1):
        assert not task.done
        kernel.sched.interrupt(task)
        kernel.sched.drain()
    with pytest.raises(PlanError, match=EINTR):
        joined(kernel, task)
    tags = {m.tag for m in peer.got[-FLUSHES:]}
    door.at("x")
    assert peer.got[-1].tag not in tags  # which the server may still mean
    assert door.server.client.busy == FLUSHES + 1


def test_closing_does_not_wait_for_ever(kernel):
    peer = Peer(kernel)
    answer = flusher(lambda held: [])
    peer.reply = lambda m: [] if type(m) is wire.Tclunk else answer(m)
    door = MountDoor(kernel, peer.mount())
    fid, other = door.at("f"), door.at("g")
    before = kernel.host.now_ns
    door.clunk(fid)
    assert kernel.host.now_ns - before == pytest.approx(CLUNK_MS * 1e6)
    door.clunk(other)  # a silent server is not waited for again
    assert kernel.host.now_ns - before == pytest.approx(CLUNK_MS * 1e6)
    kernel.sched.drain()
    assert peer.kinds()[-2:] == ["Tclunk", "Tclunk"]


def test_the_end_of_the_server(kernel):
    """Those who wait get "mount rpc error", those who come later "i/o on hungup channel"."""
    sleepy = Sleepy()
    peer = Peer(kernel, sleepy)
    door = MountDoor(kernel, peer.mount())
    other = door.at("f")
    tasks = [reader(kernel, door) for _ in range(3)]
    kernel.sched.kill(peer.task)
    kernel.call(peer.far.close)
    for task in tasks:
        with pytest.raises(PlanError, match=f"^{EMOUNTRPC}$"):
            joined(kernel, task)
    with pytest.raises(PlanError, match=f"^{EHUNGUP}$"):
        door.stat(other)
    door.clunk(other)


@pytest.mark.parametrize("answer", [
    b"\0\0\0\0", b"\3\0\0\0\0\0\0", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80" + bytes(50),
    b"\x07\0\0\0\x6a\1\0", b"\x07\0\0\0\0\1\0",
    lambda m: wire.pack(wire.Rread(m.tag, b"x"))[:-1] + b"",
    lambda m: b"\x0b\0\0\0\x7d" + m.tag.to_bytes(2, "little") + b"\xff\xff\xff\xff",
    lambda m: wire.pack(wire.Rclunk(m.tag)).replace(b"\x07", b"\x08", 1) + b"\0",
])
def test_nonsense_from_the_server_ends_the_connection(kernel, answer):
    peer = Peer(kernel)
    normal = flusher(lambda held: [])

    def reply(m):
        if type(m) is wire.Tstat:
            data = answer(m) if callable(answer) else answer
            if data == wire.pack(wire.Rread(m.tag, b"x"))[:-1]:
                kernel.sched.spawn(peer.far.close(), "close")  # in the middle of a message
            return [data]
        return normal(m)

    peer.reply = reply
    door = MountDoor(kernel, peer.mount())
    fid = door.at("f")
    with pytest.raises(PlanError, match=EMOUNTRPC):
        door.stat(fid)


@pytest.mark.parametrize(("request_", "answer", "text"), [
    (wire.Tstat, lambda m: wire.Ropen(m.tag, Qid(1), 0), EMOUNTRPC),
    (wire.Tstat, lambda m: wire.Tstat(m.tag, 1), EMOUNTRPC),
    (wire.Tstat, lambda m: wire.Rerror(m.tag, ""), EMOUNTRPC),
    (wire.Tstat, lambda m: wire.Rerror(m.tag, "x" * 5000), "x" * 127),
    (wire.Tstat, lambda m: wire.Rstat(m.tag, b"\x10\0"), "malformed stat buffer"),
    (wire.Tstat, lambda m: wire.Rstat(m.tag, b""), "malformed stat buffer"),
    (wire.Twalk, lambda m: wire.Rwalk(m.tag, (Qid(1),) * 9), "too many QIDs"),
    (wire.Twalk, lambda m: wire.Rwalk(m.tag, ()), "file does not exist"),
])
def test_answers_that_lie(kernel, request_, answer, text):
    peer = Peer(kernel)
    normal = flusher(lambda held: [])
    door = MountDoor(kernel, None)
    peer.reply = normal
    door.server = peer.mount()
    fid = door.at("f")
    peer.reply = lambda m: [answer(m)] if type(m) is request_ else normal(m)
    with pytest.raises(PlanError, match=text):
        door.stat(fid) if request_ is wire.Tstat else door.walk(fid, ["x", "y"])
    peer.reply = normal
    assert not door.at("z").qid.type


def test_too_much_data_is_cut_and_counted_as_asked_for(kernel):
    peer = Peer(kernel)
    normal = flusher(lambda held: [])
    peer.reply = lambda m: ([wire.Rread(m.tag, b"y" * 500)] if type(m) is wire.Tread else
                            [wire.Rwrite(m.tag, 1 << 30)] if type(m) is wire.Twrite else normal(m))
    door = MountDoor(kernel, peer.mount())
    fid = door.open_at("f", ORDWR)
    assert door.read(fid, 10, 0) == b"y" * 10
    assert door.write(fid, b"abc", 0) == 3


@pytest.mark.parametrize("name", ["", "a/b", "/", "a\0b"])
def test_bad_names_in_directories(kernel, name):
    record = Dir(Qid(5), 0, 0, 0, 0, name, "u", "u", "u").pack()
    peer = Peer(kernel)
    normal = flusher(lambda held: [])
    peer.reply = lambda m: [wire.Rread(m.tag, record)] if type(m) is wire.Tread else normal(m)
    door = MountDoor(kernel, peer.mount())
    fid = door.at("d")
    door.open(fid, OREAD)
    with pytest.raises(PlanError, match=EBADDIR):
        door.readdir(fid)


def test_a_directory_without_end(kernel):
    record = Dir(Qid(5), 0, 0, 0, 0, "x" * 8000, "u", "u", "u").pack()
    peer = Peer(kernel)
    normal = flusher(lambda held: [])
    peer.reply = lambda m: [wire.Rread(m.tag, record)] if type(m) is wire.Tread else normal(m)
    door = MountDoor(kernel, peer.mount())
    fid = door.at("d")
    door.open(fid, OREAD)
    with pytest.raises(PlanError, match="directory of more than"):
        door.readdir(fid)


def test_answers_to_nobody_are_dropped(kernel):
    peer = Peer(kernel)
    normal = flusher(lambda held: [])
    peer.reply = lambda m: [wire.Rread(999, b"x"), wire.Rclunk(7), *normal(m)]
    door = MountDoor(kernel, peer.mount())
    assert door.at("f").qid.path == 2


def test_authentication(kernel):
    key = b"0123456789abcdef"
    boot = kernel.boot
    peer = Peer(kernel, ramfs(), auth=SharedKey(key, lambda n: b"s" * n))
    tree = peer.mount()
    with pytest.raises(PlanError, match="authentication required"):
        kernel.call(tree.attach, "glenda", "")

    async def prove(with_key):
        ac = await kernel.mnt.auth(boot, peer.near, "")
        prover = Prover(with_key, b"c" * 32, "glenda", "")
        await ac.write(boot, prover.first())
        await ac.write(boot, prover.answer(await ac.read(boot, 64)))
        return ac

    ac = kernel.call(prove, key)
    tree = kernel.call(kernel.mnt.tree, boot, peer.near, ac)
    assert kernel.call(tree.attach, "glenda", "").qid.type == 0x80
    with pytest.raises(PlanError, match="authentication failed"):
        kernel.call(tree.attach, "mallory", "")
    with pytest.raises(PlanError, match="does not know the shared key"):
        kernel.call(prove, b"another key 1234")
    other = Peer(kernel, ramfs())
    with pytest.raises(PlanError, match=EBADUSEFD):
        kernel.call(kernel.mnt.tree, boot, other.near, ac)


def test_a_mount_in_a_mount(kernel):
    """The channel of one mount is a file of another: a message goes through both."""
    inner = Peer(kernel, ramfs())
    boot = kernel.boot

    class Through(Sleepy):
        async def read(self, fid, count, offset):
            return await inner.near.server.read(inner.near.fid, count, 0)

        async def write(self, fid, data, offset):
            return await inner.near.server.write(inner.near.fid, data, 0)

    outer = Peer(kernel, Through())

    async def go():
        tree = await kernel.mnt.tree(boot, outer.near)
        await boot.ns.mount(boot, tree, "/n", MREPL, "", outer.near)
        c = await boot.ns.open(boot, "/n/data", ORDWR)
        tree = await kernel.mnt.tree(boot, c)
        await boot.ns.mount(boot, tree, "/mnt", MREPL, "", c)
        f = await boot.ns.open(boot, "/mnt/hello", OREAD)
        data = await f.read(boot, 100)
        await f.close()
        await boot.ns.unmount(boot, None, "/mnt")
        await c.close()
        return data

    assert kernel.call(go) == contract.TREE["hello"]


def test_writing_only(kernel):
    door = MountDoor(kernel, Peer(kernel, ramfs()).mount())
    fid = door.open_at("hello", OWRITE)
    with pytest.raises(PlanError):
        door.read(fid, 1, 0)


def reads(peer) -> list:
    return [(m.offset, m.count) for m in peer.got if type(m) is wire.Tread]


def test_files_read_in_sequence_are_read_ahead_where_that_is_allowed(kernel):
    fs = ramfs()
    fs.put("big", bytes(range(250)) * 100)
    peer = Peer(kernel, fs)
    door = MountDoor(kernel, peer.mount())
    fid = door.open_at("big", OREAD)
    assert b"".join(door.read(fid, 100, at) for at in range(0, 1000, 100)) == bytes(range(250)) * 4
    assert len(reads(peer)) == 10  # without MCACHE each read is one
    door.server.cached = True
    peer.got.clear()
    fid = door.open_at("big", ORDWR)
    assert b"".join(door.read(fid, 100, at) for at in range(0, 1000, 100)) == bytes(range(250)) * 4
    assert reads(peer) == [(0, 100), (100, 8192)]
    assert door.read(fid, 100, 50) == bytes(range(50, 150))  # not in sequence
    assert reads(peer)[2:] == [(50, 100)]
    # What we change ourselves is seen, by whatever fid.
    assert door.read(fid, 100, 150) == bytes(range(150, 250))
    other = door.open_at("big", OWRITE)
    door.write(other, b"changed", 250)
    assert door.read(fid, 7, 250) == b"changed"
    door.wstat(other, DirChange(length=300))
    assert len(door.read(fid, 100, 257)) == 43 and door.read(fid, 100, 300) == b""
    door.clunk(fid)
    assert fid.aux is None and len(door.server._ahead) == 0


def test_devices_are_never_read_ahead(kernel):
    """Their files have no length."""
    peer = Peer(kernel)
    normal = flusher(lambda held: [])
    record = Dir(Qid(2), 0o644, 0, 0, 0, "f", "u", "u", "u").pack()
    peer.reply = lambda m: ([wire.Rread(m.tag, b"y" * m.count)] if type(m) is wire.Tread else
                            [wire.Rstat(m.tag, record)] if type(m) is wire.Tstat else normal(m))
    door = MountDoor(kernel, peer.mount())
    door.server.cached = True
    fid = door.open_at("f", OREAD)
    for at in range(0, 50, 10):
        assert door.read(fid, 10, at) == b"y" * 10
    assert reads(peer) == [(at, 10) for at in range(0, 50, 10)]
    assert peer.kinds().count("Tstat") == 1


def test_what_connections_take_is_counted_and_given_back(kernel):
    before = kernel.account.used
    peer = Peer(kernel, ramfs())
    pipe = kernel.account.used
    door = MountDoor(kernel, peer.mount())
    assert kernel.account.used - pipe >= 8216
    root = door.open_at("", OREAD)
    in_use = kernel.account.used
    door.readdir(root)
    assert kernel.account.used == in_use
    kernel.account.limits.total_memory = 1000
    with pytest.raises(PlanError, match="kernel allocate failed"):
        Peer(kernel, ramfs()).mount()
    kernel.account.limits.total_memory = None
    for number in list(peer.session.fids):
        door.clunk(Fid(root.qid, "", -1, number))
    kernel.call(peer.near.close)
    assert kernel.account.used <= pipe and before <= pipe
