"""Connection: the mount driver's 9P session on one Chan, shared by all who use it.

Each process waits for its own answer, and two tasks of the kernel move the messages, so that
neither a process that is interrupted nor one that ends leaves half a message behind.  A
process that is interrupted asks the server to flush its request and waits for that; one that
is killed, or interrupted over and over, does not wait any longer, so a server that never
answers holds nobody for good.
Source: flush(5), fversion(2); /sys/src/9/port/devmnt.c (mountio, mountmux).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.errors import EHUNGUP, EMOUNTRPC, PlanError
from vx9.fs.ninep import wire
from vx9.fs.ninep.client import MSIZE, Call, Client
from vx9.kernel.sched import Rendez

if TYPE_CHECKING:
    from vx9.kernel.account import Account
    from vx9.kernel.chan import Chan
    from vx9.kernel.sched import Scheduler, Task

COST: Final = 16384  # bytes of the host that a connection takes besides a message
FLUSHES: Final = 8  # interrupts after which a process does not wait for the server any more
CLUNK_MS: Final = 10_000.0  # how long a close waits for the server


async def _gone(task: Task) -> None:
    """Wait for the end of a task that was killed, which takes one turn; bear interrupts."""
    while not task.done:
        try:
            await task.finished.sleep(lambda: task.done)
        except PlanError:
            continue


class Connection:
    """The 9P session on one Chan."""

    def __init__(self, sched: Scheduler, c: Chan, account: Account | None) -> None:
        self.sched = sched
        self.chan = c
        self.account = account
        self._charged = 0
        self.charge(COST)
        self.client = Client(wake=self._wake)
        self.fids = 0  # Fids of all its trees; the first of them holds the Chan
        self._more = Rendez()
        self._turn = Rendez()  # to agree on a version
        self._agreeing = False
        self._queued = False
        self._tasks: list[Task] = []

    def charge(self, size: int) -> None:
        """Count size bytes of the host that it takes.  Raises PlanError."""
        if self.account is not None:
            self.account.take(size)
        self._charged += size

    def _wake(self) -> None:
        self._queued = True
        self._more.wakeup()

    # The tasks

    async def _read(self) -> None:
        """Give the client what the server sends, until it ends."""
        c, client = self.chan, self.client
        try:
            while not client.dead:
                client.feed(await c.server.read(c.fid, max(client.msize, MSIZE), 0))
        except PlanError as error:
            client.hangup(str(error))

    async def _write(self) -> None:
        """Send what the client has, each message in one write."""
        c, client = self.chan, self.client
        try:
            while True:
                await self._more.sleep(lambda: self._queued)
                self._queued = False
                while messages := client.take(1):
                    await c.server.write(c.fid, messages[0], 0)
        except PlanError as error:
            client.hangup(str(error))

    def _start(self) -> None:
        self.chan.fid.proc = None  # notes about the channel are for nobody
        self.chan.is_channel = True
        self._tasks = [self.sched.spawn(self._read(), "mnt reader"),
                       self.sched.spawn(self._write(), "mnt writer")]

    async def close(self) -> None:
        """The Chan ends: fail what is under way and stop using it."""
        self.client.hangup(EMOUNTRPC)
        self.charge(-self._charged)
        for task in self._tasks:
            self.sched.kill(task)
        for task in self._tasks:
            await _gone(task)

    async def hung_up(self) -> None:
        """Wait until the server is gone."""
        reader = self._tasks[0]
        await reader.finished.sleep(lambda: reader.done)

    # Requests

    async def rpc(self, p: Any, kind: type, *fields: Any,
                  late: Callable[[Any], None] | None = None) -> Any:
        """Ask, and wait for the answer.  Raises PlanError.

        late gets None when there is no answer but an error, and the answer when it comes
        after nobody waits any more.
        """
        rendez = Rendez()
        try:
            call = self.client.call(kind, *fields, wake=rendez.wakeup)
        except PlanError:
            if late is not None:
                late(None)
            raise
        last: Call | None = call
        flushes = 0
        try:
            while not call.done:
                try:
                    await rendez.sleep(lambda: call.done)
                except PlanError:
                    if call.done:
                        break
                    flushes += 1
                    if getattr(p, "killed", False) or flushes > FLUSHES or last is None:
                        self.client.abandon(call, late)
                        raise
                    last = self.client.flush(last, rendez.wakeup)
        except PlanError:
            raise
        except BaseException:
            self.client.abandon(call, late)
            raise
        if call.error and late is not None:
            late(None)
        return call.result()

    async def clunk(self, p: Any, fid: int) -> None:
        """Tell the server that fid is not used any more; wait for it, but not for ever."""
        client = self.client
        if client.dead:
            return
        rendez = Rendez()
        call = client.call(wire.Tclunk, fid, wake=rendez.wakeup)
        try:
            if not client.abandoned:
                await self.sched.tsleep(rendez, lambda: call.done, CLUNK_MS)
        finally:
            if call.done:
                client.free_fid(fid)
            else:
                client.abandon(call, lambda _: client.free_fid(fid))

    # Fids

    def hold(self) -> None:
        """A Fid more."""
        if not self.fids:
            self.chan.ref()
        self.fids += 1

    async def release(self) -> None:
        """A Fid less."""
        self.fids -= 1
        if not self.fids:
            await self.chan.close()

    # Versions

    async def agree(self, p: Any, msize: int, version: str) -> str:
        """Agree with the server on a version, once; the one agreed on.  Raises PlanError."""
        client = self.client
        await self._turn.sleep(lambda: not self._agreeing)
        if client.version:
            if version and not version.startswith(client.version):
                raise PlanError(f"incompatible 9P versions {client.version} {version}")
            return client.version
        if client.dead:
            raise PlanError(EHUNGUP)
        self._agreeing = True
        try:
            if not self._tasks:
                self._start()
            rendez = Rendez()
            call = client.ask_version(msize, version, wake=rendez.wakeup)
            await rendez.sleep(lambda: call.done)
            client.agree(call)
            self.charge(client.msize)
        except BaseException:
            self.chan.is_channel = False
            self.chan.mux = None
            await self.close()
            raise
        finally:
            self._agreeing = False
            self._turn.wakeup()
        return client.version
