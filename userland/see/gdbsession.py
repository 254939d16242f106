"""What gdb asks and the stub answers: a conversation over one connection.

A request is a packet whose first letters name it; what this stub does not know it answers
with an empty packet, as the protocol has it.
Source: gdb's manual, appendix "Remote Protocol".
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.errors import PlanError
from vx9.kernel.sched import Rendez
from vx9.kernel.straceargs import printable
from vx9.userland.see import gdbfile, gdbregs, image
from vx9.userland.see.gdb import Exited, Stop, Stub
from vx9.userland.see.gdbwire import INTERRUPT, PACKET_MOST, Reader, escape, packet, unescape
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc

log = logging.getLogger(__name__)

CHUNK: Final = 1 << 16
READ_MOST: Final = (PACKET_MOST - 16) // 2
FEATURES: Final = (f"PacketSize={PACKET_MOST:x};qXfer:features:read+;qXfer:exec-file:read+;vContSupported+;swbreak+;"
                   "QStartNoAckMode+")
ERROR: Final = b"E01"


class Gone(Exception):
    """gdb has closed the connection, or asked for its end."""


async def serve(stub: Stub) -> None:
    """One gdb after another."""
    host = stub.kernel.host
    while True:
        try:
            await host.readable(stub.listener.fileno())
            connection, _ = stub.listener.accept()
        except (PlanError, OSError):
            return
        with connection:
            connection.setblocking(False)
            if connection.family == socket.AF_INET:
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(stub, connection)
            stub.connected = True
            try:
                await session.talk()
            except (Gone, PlanError):
                pass
            except Exception:
                log.exception("gdb")
            finally:
                stub.connected = False
                stub.release()
                stub.kernel.sched.kill(session.listener)


class Session:
    """One connection."""

    def __init__(self, stub: Stub, connection: socket.socket) -> None:
        self.stub = stub
        self.kernel = stub.kernel
        self.fd = connection.fileno()
        self.reader = Reader()
        self.requests: deque[bytes] = deque()
        self.news = Rendez()
        self.gone = False
        self.general: Proc | None = None  # that g, m and so on are about
        self.listener = self.kernel.sched.spawn(self._listen(), "gdb reader")
        self.reason: Stop | Exited | None = None
        self.symbols: bytes | None = None  # the file that gdb may read

    # The connection

    async def _listen(self) -> None:
        try:
            while data := await self.kernel.host.read(self.fd, CHUNK):
                packets, reply = self.reader.feed(data)
                self.requests += packets
                if reply:
                    await self.kernel.host.write(self.fd, reply)
                self.stub.news.wakeup()
        except PlanError:
            pass
        finally:
            self.gone = True
            self.stub.news.wakeup()

    async def _send(self, body: bytes) -> None:
        await self.kernel.host.write(self.fd, packet(body))

    async def talk(self) -> None:
        """Until gdb goes."""
        stub = self.stub
        await stub.news.sleep(lambda: stub.begun or self.gone)
        await stub.quiet()
        while True:
            await stub.news.sleep(lambda: self.requests or self.gone)
            if not self.requests:
                raise Gone
            body = self.requests.popleft()
            if body == INTERRUPT:
                continue  # everything stands still
            reply = await self._answer(body)
            if reply is not None:
                await self._send(reply)
            if body == b"QStartNoAckMode":
                self.reader.acks = False

    async def _answer(self, body: bytes) -> bytes | None:
        for name, handler in _HANDLERS:
            if body.startswith(name):
                try:
                    return await handler(self, body[len(name):])
                except (ValueError, MemoryFault, IndexError, UnicodeDecodeError):
                    return ERROR
        return b""

    # Threads

    def _thread(self, text: bytes) -> Proc | None:
        number = int(text, 16)
        if number <= 0:
            return self._now()
        return next((p for p in self.stub.views if p.pid == number), None)

    def _now(self) -> Proc | None:
        if self.general is None or self.general not in self.stub.views:
            self.general = next(iter(self.stub.views), None)
        return self.general

    def _one(self) -> Proc:
        p = self._now()
        if p is None:
            raise ValueError("no process")
        return p

    async def _set_thread(self, rest: bytes) -> bytes:
        p = self._thread(rest[1:])
        if p is None:
            return ERROR
        if rest[:1] == b"g":
            self.general = p
        return b"OK"

    async def _alive(self, rest: bytes) -> bytes:
        return b"OK" if self._thread(rest) is not None else ERROR

    async def _current(self, rest: bytes) -> bytes:
        return b"QC%x" % self._one().pid

    async def _threads(self, rest: bytes) -> bytes:
        return b"m" + b",".join(b"%x" % p.pid for p in self.stub.views)

    async def _no_more(self, rest: bytes) -> bytes:
        return b"l"

    async def _thread_info(self, rest: bytes) -> bytes:
        p = self._thread(rest)
        if p is None:
            return ERROR
        return f"{printable(p.name)} {p.state()}".encode().hex().encode()

    # What is asked at the start

    async def _supported(self, rest: bytes) -> bytes:
        return FEATURES.encode()

    async def _ok(self, rest: bytes) -> bytes:
        return b"OK"

    async def _exec_file(self, rest: bytes) -> bytes:
        return await self._span(rest.rpartition(b":")[2], gdbfile.NAME.encode())

    async def _file(self, rest: bytes) -> bytes:
        if self.symbols is None:
            p = self._one()
            if p.space is None or p.image_chan is None:
                return ERROR
            program = await image.load(p, p.image_chan, p.space.text.obj)
            self.symbols = gdbfile.elf(program.names, p.space)
        return gdbfile.answer(rest, self.symbols)

    async def _attached(self, rest: bytes) -> bytes:
        return b"1" if self.stub.attached else b"0"

    async def _features(self, rest: bytes) -> bytes:
        name, _, span = rest.partition(b":")
        if name != b"target.xml":
            return b"E00"
        return await self._span(span, gdbregs.description().encode())

    @staticmethod
    async def _span(span: bytes, whole: bytes) -> bytes:
        """The part of a text that a qXfer asks for."""
        offset, _, count = span.partition(b",")
        start, most = int(offset, 16), min(int(count, 16), PACKET_MOST - 16)
        part = whole[start:start + most]
        return (b"m" if start + len(part) < len(whole) else b"l") + escape(part)

    async def _why(self, rest: bytes) -> bytes:
        stub = self.stub
        if stub.exited is not None:
            return self._told(stub.exited)
        if stub.stops:
            self.reason = stub.stops.popleft()
        if isinstance(self.reason, Stop) and self.reason.p in stub.views:
            return self._told(self.reason)
        p = self._now()
        return b"W00" if p is None else b"T05thread:%x;" % p.pid

    def _told(self, what: Stop | Exited) -> bytes:
        if isinstance(what, Exited):
            return b"X09" if what.killed else b"W%02x" % (what.code & 0xFF)
        p, signal, why = what
        self.general = p
        return b"T%02xthread:%x;%s" % (signal, p.pid, b"swbreak:;" if why else b"")

    # Registers and memory

    async def _get_registers(self, rest: bytes) -> bytes:
        return b"".join(gdbregs.values(self._one().cpu)).hex().encode()

    async def _set_registers(self, rest: bytes) -> bytes:
        data, at, cpu = bytes.fromhex(rest.decode("ascii")), 0, self._one().cpu
        for number, size in enumerate(gdbregs.SIZES.values()):
            if at + size > len(data):
                break
            gdbregs.store(cpu, number, data[at:at + size])
            at += size
        return b"OK"

    async def _get_register(self, rest: bytes) -> bytes:
        return gdbregs.values(self._one().cpu)[int(rest, 16)].hex().encode()

    async def _set_register(self, rest: bytes) -> bytes:
        number, _, value = rest.partition(b"=")
        gdbregs.store(self._one().cpu, int(number, 16), bytes.fromhex(value.decode("ascii")))
        return b"OK"

    def _view(self) -> Any:
        return self.stub.views[self._one()]

    async def _read_memory(self, rest: bytes) -> bytes:
        address, _, count = rest.partition(b",")
        data = self._view().read(int(address, 16) & 0xFFFFFFFF, min(int(count, 16), READ_MOST))
        return bytes(data).hex().encode()

    async def _write_memory(self, rest: bytes) -> bytes:
        place, _, data = rest.partition(b":")
        return self._write(place, bytes.fromhex(data.decode("ascii")))

    async def _write_binary(self, rest: bytes) -> bytes:
        place, _, data = rest.partition(b":")
        return self._write(place, unescape(data))

    def _write(self, place: bytes, data: bytes) -> bytes:
        address, _, count = place.partition(b",")
        if len(data) != int(count, 16):
            return ERROR
        at = int(address, 16) & 0xFFFFFFFF
        here = self._one()
        assert here.space is not None
        text = here.space.text
        group = self.stub.views.items() if text.base <= at < text.top else [(here, self._view())]
        for _, view in group:
            view.write(at, data)
        return b"OK"

    async def _insert(self, rest: bytes) -> bytes:
        return self._breakpoint(rest, self.stub.insert)

    async def _remove(self, rest: bytes) -> bytes:
        return self._breakpoint(rest, self.stub.remove)

    def _breakpoint(self, rest: bytes, do: Callable[[int], object]) -> bytes:
        kind, address = rest.split(b",")[:2]
        if kind not in b"01" or not kind:
            return b""
        do(int(address, 16) & 0xFFFFFFFF)
        return b"OK"

    # Running

    async def _actions(self, rest: bytes) -> bytes:
        return b"vCont;c;C;s;S"

    async def _resume(self, rest: bytes) -> bytes:
        """vCont: what each thread does; one that is not named, and has no default, stays."""
        stub = self.stub
        todo: dict[Proc, tuple[bytes, int]] = {}
        for action in rest.split(b";")[1:]:
            what, _, thread = action.partition(b":")
            if what[:1] not in (b"c", b"C", b"s", b"S"):
                return ERROR
            signal = int(what[1:], 16) if what[:1] in b"CS" else 0
            whom = [self._thread(thread)] if thread and int(thread, 16) > 0 else list(stub.views)
            for p in whom:
                if p is not None:
                    todo.setdefault(p, (what[:1].lower(), signal))
        if stub.exited is None and not todo:
            return ERROR
        later = [s for s in stub.stops if s.p in stub.held]
        stub.stops.clear()
        if later:  # another thread trapped at the same moment; tell of it first
            stub.stops.extend(later)
        else:
            for p, (what, signal) in todo.items():
                if what == b"s":
                    stub.step(p, signal)
            for p, (what, signal) in todo.items():
                if what == b"c":
                    stub.go(p, signal)
        return await self._wait()

    async def _wait(self) -> bytes:
        """Until something stops, or gdb wants it to."""
        stub = self.stub
        while True:
            await stub.news.sleep(lambda: stub.stops or stub.exited or self.requests or self.gone)
            if stub.exited is not None:
                return self._told(stub.exited)
            if stub.stops:
                break
            if self.gone:
                raise Gone
            if self.requests.popleft() == INTERRUPT:
                stub.interrupt()
        await stub.quiet()
        stub.finish_stop()
        self.reason = stub.stops.popleft()
        return self._told(self.reason)

    async def _continue(self, rest: bytes) -> bytes:
        return await self._resume(b";c")

    async def _step(self, rest: bytes) -> bytes:
        return await self._resume(b";s:%x;c" % self._one().pid)

    async def _detach(self, rest: bytes) -> bytes | None:
        await self._send(b"OK")
        self.stub.release()
        return None

    async def _kill(self, rest: bytes) -> bytes | None:
        self.stub.kill()
        raise Gone

    async def _kill_and_say(self, rest: bytes) -> bytes:
        self.stub.kill()
        return b"OK"

    async def _attach(self, rest: bytes) -> bytes:
        if not await self.stub.attach(int(rest, 16)):
            return ERROR
        self.general = self.reason = self.symbols = None
        self.stub.stops.clear()
        return b"T05thread:%x;" % self._one().pid

    async def _monitor(self, rest: bytes) -> bytes:
        """monitor ps: what could be attached to."""
        command = bytes.fromhex(rest.decode("ascii")).decode("utf-8", "replace").strip()
        if command != "ps":
            text = "monitor ps: the processes, any of which `attach PID` takes\n"
        else:
            text = "".join(f"{p.pid:8} {p.state():10} {printable(p.name)}\n"
                           for p in self.kernel.procs.values())
        return text.encode()[:READ_MOST].hex().encode()


Handler = Callable[[Session, bytes], Awaitable[bytes | None]]
# The first that fits; longer names before what they begin with.
_HANDLERS: Final[tuple[tuple[bytes, Handler], ...]] = (
    (b"qSupported", Session._supported), (b"QStartNoAckMode", Session._ok),
    (b"qXfer:exec-file:read:", Session._exec_file), (b"vFile:", Session._file),
    (b"qXfer:features:read:", Session._features), (b"qAttached", Session._attached),
    (b"qfThreadInfo", Session._threads), (b"qsThreadInfo", Session._no_more),
    (b"qThreadExtraInfo,", Session._thread_info), (b"qRcmd,", Session._monitor),
    (b"qSymbol", Session._ok), (b"qC", Session._current), (b"vCont?", Session._actions),
    (b"vCont", Session._resume), (b"vAttach;", Session._attach), (b"vKill", Session._kill_and_say),
    (b"!", Session._ok), (b"?", Session._why), (b"H", Session._set_thread),
    (b"T", Session._alive), (b"g", Session._get_registers), (b"G", Session._set_registers),
    (b"p", Session._get_register), (b"P", Session._set_register), (b"m", Session._read_memory),
    (b"M", Session._write_memory), (b"X", Session._write_binary), (b"Z", Session._insert),
    (b"z", Session._remove), (b"c", Session._continue), (b"s", Session._step),
    (b"D", Session._detach), (b"k", Session._kill),
)
