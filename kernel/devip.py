"""#I: talk over IP, as files; each conversation is a folder, and opening clone makes one.

#I0 (the same as #I) has the loopback 127.0.0.1 and is bound on /net; other stacks have no
interface.  Opening clone or listen makes the Fid that of a conversation's ctl file.
Source: ip(3); /sys/src/9/ip/devip.c.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.fs import perm as rights
from vx9.fs.dir import DMDIR, OREAD, OTRUNC, QTDIR, Dir, DirChange, Qid
from vx9.fs.errors import (
    EBADSPEC,
    EIO,
    EISDIR,
    ENONEXIST,
    ENOTDIR,
    EPERM,
    ESHORTCTL,
    ETOOBIG,
    PlanError,
)
from vx9.fs.server import Fid, FileServer, Refuser
from vx9.kernel import ipaddr
from vx9.kernel.ipconv import NETWORK, Conv, Proto
from vx9.kernel.ipstack import LO, LO_MASK, Stack

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

STACKS: Final = 128
NDB: Final = 8192  # bytes of the file ndb
MESSAGE: Final = 1024  # bytes of one to a ctl file
_OTHER: Final = 0xFFFF  # in a qid: no conversation


@dataclass(frozen=True, slots=True)
class File:
    """One file of a folder of #I; without hold, opening it uses no conversation."""

    name: str
    perm: int
    read: Callable[[Ip, Place, int], Awaitable[bytes]] | None = None
    text: Callable[[Ip, Place], str | bytes] | None = None  # instead of read
    write: Callable[[Ip, Place, bytes, int, str], Awaitable[int]] | None = None
    hold: Callable[[Ip, Fid], Awaitable[None]] | None = None
    size: Callable[[Ip, Place], int] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Fid is: the root, or below a protocol, or below a conversation."""

    proto: Proto | None = None
    conv: Conv | None = None
    file: File | None = None

    @property
    def protocol(self) -> Proto:
        """Of a place below one."""
        assert self.proto is not None
        return self.proto

    @property
    def conversation(self) -> Conv:
        """Of a place below one."""
        assert self.conv is not None
        return self.conv


class Ip(Refuser):
    """The files of one stack.  A Fid's aux is its Place."""

    dc = "I"

    def __init__(self, kernel: Kernel, number: int) -> None:
        self.kernel = kernel
        self.dev = number
        self.born = self.now()
        self.stack: Stack = Stack(kernel.sched, kernel.eve, number == 0,
                                  kernel.limits.conversations,
                                  lambda: kernel.limits_met.add("conversations"))
        self.ndb: bytes = b""
        self.ndb_version = 0
        if number == 0:
            self.ndb = (f"ip={ipaddr.show(LO)} ipmask={ipaddr.show_mask(LO_MASK)} "
                        f"sys={kernel.sysname}\n").encode()

    def now(self) -> int:
        """Seconds."""
        return self.kernel.host.time_ns() // 1_000_000_000

    # Places

    def qid(self, place: Place) -> Qid:
        """Tells places apart: protocol, conversation, file."""
        proto = 0 if place.proto is None else self.stack.protos.index(place.proto) + 1
        conv = _OTHER if place.conv is None else place.conv.number
        files = self._files(place)
        file = 0 if place.file is None else files.index(place.file) + 1
        version = self.ndb_version if place.file is NDB_FILE else 0
        return Qid(proto << 24 | conv << 8 | file, version, 0 if file else QTDIR)

    def _files(self, place: Place) -> Sequence[File]:
        if place.proto is None:
            return TOP
        if place.conv is None:
            return OF_PROTOCOL
        return OF_INTERFACE if place.proto.name == "ipifc" else OF_CONVERSATION

    def _step(self, place: Place, name: str) -> Place | None:
        if name == "..":
            if place.file is not None:
                return Place(place.proto, place.conv)
            return Place(place.proto) if place.conv is not None else Place()
        if place.file is not None:
            return None
        for file in self._files(place):
            if file.name == name:
                return Place(place.proto, place.conv, file)
        if place.proto is None:
            return next((Place(proto) for proto in self.stack.protos if proto.name == name), None)
        if place.conv is None and name.isascii() and name.isdecimal() and len(name) < 8:
            number = int(name)
            if str(number) == name and number < len(place.proto.convs):
                return Place(place.proto, place.proto.convs[number])
        return None

    def _fid(self, place: Place, uid: str) -> Fid:
        return Fid(self.qid(place), uid, -1, place)

    async def attach(self, uid: str, spec: str) -> Fid:
        """The root."""
        return self._fid(Place(), uid)

    async def walk(self, fid: Fid, names: Sequence[str]) -> tuple[Fid | None, list[Qid]]:
        """By the tables of files, the protocols and the conversations there have been."""
        place: Place = fid.aux
        qids: list[Qid] = []
        for name in names:
            found = self._step(place, name)
            if found is None:
                if qids:
                    return None, qids
                raise PlanError(ENONEXIST if place.file is None else ENOTDIR)
            place = found
            qids.append(self.qid(place))
        return self._fid(place, fid.uid), qids

    async def readdir(self, fid: Fid) -> list[Dir]:
        """What has folders first."""
        place: Place = fid.aux
        below: list[Place] = []
        if place.proto is None:
            below = [Place(proto) for proto in self.stack.protos]
        elif place.conv is None:
            below = [Place(place.proto, conv) for conv in place.proto.convs]
        below += [Place(place.proto, place.conv, file) for file in self._files(place)]
        return [self._dir(each) for each in below]

    async def stat(self, fid: Fid) -> Dir:
        """Of the place; after clone was opened that is a ctl file."""
        return self._dir(fid.aux)

    def _dir(self, place: Place) -> Dir:
        file, conv = place.file, place.conv
        owner = NETWORK if conv is None else conv.owner
        size = 0
        if file is not None:
            mode = conv.perm if conv is not None and file.hold is not None else file.perm
            size = 0 if file.size is None else file.size(self, place)
            name = file.name
        else:
            mode = DMDIR | 0o555
            name = (str(conv.number) if conv is not None else
                    place.proto.name if place.proto is not None else f"#I{self.dev}")
        return Dir(self.qid(place), mode, self.now(), self.born, size, name, owner,
                   self.kernel.eve, owner, ord("I"), self.dev)

    async def wstat(self, fid: Fid, change: DirChange) -> None:
        """Mode and owner of a conversation, by its owner or the host's."""
        conv = fid.aux.conv
        if fid.aux.file not in (CTL, DATA) or fid.uid not in (conv.owner, self.kernel.eve):
            raise PlanError(EPERM)
        if any(v is not None for v in (change.name, change.length, change.gid, change.muid)):
            raise PlanError(EPERM)
        if change.mode is not None:
            conv.perm = change.mode & 0o777
        if change.uid is not None:
            conv.owner = change.uid

    # Input and output

    async def open(self, fid: Fid, mode: int) -> None:
        """By the file's mode; those of a conversation that nobody has are anybody's."""
        place: Place = fid.aux
        file, conv = place.file, place.conv
        if file is None:
            if mode != OREAD:
                raise PlanError(EISDIR if rights.open_kind(mode) else EPERM)
        else:
            held = None if file.hold is None else conv
            if held is None or not held.free:
                owner = self.kernel.eve if held is None else held.owner  # eve: the network's
                rights.check(file.perm if held is None else held.perm,
                             rights.who(fid.uid, owner, self.kernel.eve),
                             rights.rights_needed(mode & 3))
            if file is NDB_FILE and mode & OTRUNC and mode & 3:
                self._set_ndb(b"")
            if file.hold is not None:
                await file.hold(self, fid)
        fid.omode = mode

    async def clunk(self, fid: Fid) -> None:
        """One user of a conversation less."""
        place: Place = fid.aux
        if fid.omode < 0 or place.file is None or place.file.hold is None:
            return
        if place.conv is not None and place.proto is not None:
            place.proto.drop(place.conv)
        elif place.file.name == "log":
            self.stack.log.close()

    async def read(self, fid: Fid, count: int, offset: int) -> bytes:
        """By the file."""
        place: Place = fid.aux
        file = place.file
        if file is not None and file.read is not None:
            return await file.read(self, place, count)
        if file is None or file.text is None:
            raise PlanError(EPERM)
        text = file.text(self, place)
        return (text if isinstance(text, bytes) else text.encode())[offset : offset + count]

    async def write(self, fid: Fid, data: bytes, offset: int) -> int:
        """By the file."""
        place: Place = fid.aux
        if place.file is None or place.file.write is None:
            raise PlanError(EPERM)
        return await place.file.write(self, place, data, offset, fid.uid)

    # Opening what makes or uses a conversation

    async def _open_clone(self, fid: Fid) -> None:
        proto = fid.aux.proto
        self._become(fid, proto, proto.clone(fid.uid))

    async def _open_conv(self, fid: Fid) -> None:
        fid.aux.proto.take(fid.aux.conv, fid.uid)

    async def _open_listen(self, fid: Fid) -> None:
        proto = fid.aux.proto
        self._become(fid, proto, await proto.listen(fid.aux.conv, fid.uid))

    async def _open_log(self, fid: Fid) -> None:
        self.stack.log.opens += 1

    def _become(self, fid: Fid, proto: Proto, conv: Conv) -> None:
        fid.aux = Place(proto, conv, CTL)
        fid.qid = self.qid(fid.aux)

    # Files

    async def _ctl_write(self, place: Place, data: bytes, offset: int, uid: str) -> int:
        await place.protocol.obey(place.conversation, words_of(data), uid == self.kernel.eve)
        return len(data)

    async def _data_write(self, place: Place, data: bytes, offset: int, uid: str) -> int:
        return await place.protocol.write(place.conversation, data)

    async def _log_write(self, place: Place, data: bytes, offset: int, uid: str) -> int:
        self.stack.log.obey(words_of(data))
        return len(data)

    async def _ndb_write(self, place: Place, data: bytes, offset: int, uid: str) -> int:
        if offset > len(self.ndb) or offset + len(data) > NDB:
            raise PlanError(EIO)
        self._set_ndb(self.ndb[:offset] + data)
        return len(data)

    def _set_ndb(self, text: bytes) -> None:
        self.ndb = text
        self.ndb_version += 1

    async def _arp_write(self, place: Place, data: bytes, offset: int, uid: str) -> int:
        if words_of(data) != ["flush"]:
            raise PlanError("bad arp request: the loopback needs none")
        return len(data)

    async def _route_write(self, place: Place, data: bytes, offset: int, uid: str) -> int:
        raise PlanError(f"{EPERM}: the loopback's routes cannot be changed")


# fmt: off
NDB_FILE: Final = File("ndb", 0o644, text=lambda ip, at: ip.ndb, write=Ip._ndb_write,
                       size=lambda ip, at: len(ip.ndb))
TOP: Final = (
    File("arp",       0o664, text=lambda ip, at: "", write=Ip._arp_write),
    File("bootp",     0o444, text=lambda ip, at: ""),
    NDB_FILE,
    File("iproute",   0o664, text=lambda ip, at: ip.stack.routes(), write=Ip._route_write),
    File("ipselftab", 0o444, text=lambda ip, at: ip.stack.own()),
    File("log",       0o664, read=lambda ip, at, n: ip.stack.log.queue.get(n),
         write=Ip._log_write, hold=Ip._open_log),
)
OF_PROTOCOL: Final = (
    File("clone", 0o666, hold=Ip._open_clone),
    File("stats", 0o444, text=lambda ip, at: at.protocol.statistics()),
)
CTL: Final = File("ctl", 0o660, text=lambda ip, at: str(at.conversation.number),
                  write=Ip._ctl_write, hold=Ip._open_conv)
DATA: Final = File("data", 0o660, read=lambda ip, at, n: at.conversation.rq.get(n),
                   write=Ip._data_write, hold=Ip._open_conv,
                   size=lambda ip, at: at.conversation.rq.size)
_ERR: Final = File("err", 0o660, read=lambda ip, at, n: at.conversation.eq.get(n),
                   hold=Ip._open_conv, size=lambda ip, at: at.conversation.eq.size)
_ADDRESSES: Final = (
    File("local",  0o444, text=lambda ip, at: at.protocol.local(at.conversation)),
    File("remote", 0o444, text=lambda ip, at:
         f"{ipaddr.show(at.conversation.raddr)}!{at.conversation.rport}\n"),
    File("status", 0o444, text=lambda ip, at: at.protocol.status(at.conversation)),
)
OF_CONVERSATION: Final = (
    CTL, DATA, _ERR, File("listen", 0o660, hold=Ip._open_listen), *_ADDRESSES)
OF_INTERFACE: Final = (*OF_CONVERSATION,
    File("snoop", 0o400, read=lambda ip, at, n: at.conversation.eq.get(n)))
# fmt: on


def words_of(data: bytes) -> list[str]:
    """The words of a control message.  Raises PlanError."""
    if len(data) > MESSAGE:
        raise PlanError(ETOOBIG)
    words = data.replace(b"\0", b" ").decode("utf-8", "replace").split()
    if not words:
        raise PlanError(ESHORTCTL)
    return words


class Ipdev(Refuser):
    """The device: a stack a spec, made when it is first attached."""

    dc = "I"
    name = "ip"

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._stacks: dict[int, Ip] = {}

    def select(self, spec: str) -> FileServer:
        """The stack of that number."""
        if spec and not (spec.isascii() and spec.isdecimal() and len(spec) < 8):
            raise PlanError(EBADSPEC)
        number = int(spec or "0")
        if number >= STACKS:
            raise PlanError(f"{EBADSPEC}: IP stacks are numbered from 0 to {STACKS - 1}")
        stack = self._stacks.get(number)
        if stack is None:
            stack = self._stacks[number] = Ip(self._kernel, number)
        return stack
