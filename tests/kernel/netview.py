"""/net as one process has it, for tests that run without waiting."""

from __future__ import annotations

from vx9.fs.dir import ORDWR, OREAD, unpack_all


class Net:
    """/net as the boot process has it; what waits is run as far as it gets."""

    def __init__(self, kernel) -> None:
        self.kernel = kernel
        self.p = kernel.boot

    def start(self, coro):
        """A task that runs coro as far as it gets."""
        task = self.kernel.sched.spawn(coro, "test")
        task.finished.waiters.append(Deaf)  # its error is looked at here, not logged
        self.kernel.sched.drain()
        return task

    def do(self, coro):
        task = self.start(coro)
        assert task.done, "it waits"
        if task.error is not None:
            raise task.error
        return task.result

    def open(self, name, mode=ORDWR):
        return self.do(self.p.ns.open(self.p, f"/net/{name}", mode))

    def read(self, c, count=1 << 16, offset=-1):
        return self.do(c.read(self.p, count, offset))

    def write(self, c, data, offset=-1):
        return self.do(c.write(self.p, data if isinstance(data, bytes) else data.encode(), offset))

    def close(self, *chans):
        for c in chans:
            self.do(c.close())

    def get(self, name):
        c = self.open(name, OREAD)
        try:
            return self.read(c).decode()
        finally:
            self.close(c)

    def ls(self, name=""):
        c = self.open(name, OREAD)
        try:
            return {d.name: d for d in unpack_all(self.read(c))}
        finally:
            self.close(c)

    def conv(self, proto, *messages):
        """A new conversation: its ctl file and its number."""
        ctl = self.open(f"{proto}/clone")
        number = int(self.read(ctl, 20, 0))
        for message in messages:
            self.write(ctl, message)
        return ctl, number

    def pair(self, port=80):
        """(ctl, data) of both ends of a tcp connection."""
        lctl, lnumber = self.conv("tcp", f"announce *!{port}")
        cctl, cnumber = self.conv("tcp", f"connect 127.0.0.1!{port}")
        sctl = self.open(f"tcp/{lnumber}/listen")
        snumber = int(self.read(sctl, 20, 0))
        self.close(lctl)
        return ((cctl, self.open(f"tcp/{cnumber}/data")), (sctl, self.open(f"tcp/{snumber}/data")))


class _Deaf:
    """Something that is told of a task's end and does nothing."""

    rendez = None

    class sched:
        class woken:
            @staticmethod
            def append(task):
                pass


Deaf = _Deaf()
