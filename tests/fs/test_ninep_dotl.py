"""9P2000.L: both sides back to back, each message of Linux's at our server, and hostile peers."""

from __future__ import annotations

import errno
import importlib.util
from pathlib import Path

import pytest

from vx9.fs.errors import PlanError
from vx9.fs.hostfs import HostFS
from vx9.fs.ninep import wire
from vx9.fs.ninep.client import Client
from vx9.fs.ninep.server import Session
from vx9.fs.ninep.wire import NOTAG, VERSION_L

_spec = importlib.util.spec_from_file_location("ninep_server", Path(__file__).with_name("test_ninep_server.py"))
plain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plain)
contract, ramfs = plain.contract, plain.ramfs
NOW = 1_800_000_000


class Back(plain.Back):
    """FileServer's verbs by a client whose server has 9P2000.L alone."""

    def __init__(self, server) -> None:
        self.session = Session(server, now=lambda: NOW)
        self.client = Client()
        self.client.agree(self.wait(self.client.ask_version(1 << 17)))
        assert self.client.version == VERSION_L == "9P2000.L"

    def wait(self, call):
        while not call.done:
            for message in self.client.take():
                if message[4] == 100 and wire.unpack(message).version == "9P2000":
                    self.client.feed(wire.pack(wire.Rlerror(NOTAG, errno.EIO)))  # as diod does
                    continue
                self.session.feed(message)
            if out := self.session.take():
                self.client.feed(b"".join(out))
        return call


class DotL(contract.Contract):
    """What 9P2000.L can carry of the contract; for the rest, how it is refused."""

    def test_append_only(self, door):
        with pytest.raises(PlanError, match="L has none"):
            super().test_append_only(door)
        assert "log" not in door.names("")

    def test_exclusive_use(self, door):
        with pytest.raises(PlanError, match="L has none"):
            super().test_exclusive_use(door)
        assert "lock" not in door.names("")


class TestContractOfRamFS(DotL):
    @pytest.fixture
    def server(self):
        back = Back(ramfs())
        yield back
        assert back.session.errors == 0


class TestContractOfAHostFolder(DotL):
    @pytest.fixture
    def server(self, tmp_path):
        for name, data in contract.TREE.items():
            path = tmp_path / name
            (path if data is None else path.parent).mkdir(parents=True, exist_ok=True)
            if data is not None:
                path.write_bytes(data)
        fs = HostFS(str(tmp_path), True, contract.USER)
        back = Back(fs)
        yield back
        assert back.session.errors == 0
        fs.close()
