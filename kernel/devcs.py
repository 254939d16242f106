"""/net/cs and /net/dns: what to open and say to reach a host and its service.

A program writes a question, goes back to the start, and reads one answer at a time.  Answers
come from the files of ndb(6) alone, as the first name space has them, and from /net/ndb;
no other host is asked.  In Plan 9 both are programs that mount themselves on /net; here
they are one device, #N, for the same place.
Source: ndb(8) (cs, dns), ndb(6), dial(2).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from vx9.fs.dir import OREAD
from vx9.fs.dirtab import DirtabServer, Row
from vx9.fs.errors import PlanError
from vx9.fs.server import Fid
from vx9.kernel import ndb
from vx9.kernel.ndb import Entry, Ndb

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

NETS: Final = ("tcp", "udp", "icmp")  # that `net` stands for, as far as they are in /net
MOUNT: Final = "/net"
LOCAL: Final = "/lib/ndb/local"
OTHERS: Final = ("/lib/ndb/common",)  # when no entry database= says which
REQUEST: Final = 1024  # bytes
REPLIES: Final = 100
REPLY: Final = 1024  # bytes of one
DB_BYTES: Final = 512 * 1024  # of all files: to read them keeps everybody waiting
DB_FILES: Final = 16
EADDRESS: Final = "can't translate address"
ESERVICE: Final = "can't translate service"
ENONAME: Final = "dns: name does not exist"
ENORECORD: Final = "dns: resource does not exist; negrcode 0"
# An address and a port, for which the database is not needed.
LITERAL: Final = re.compile(r"\w+!+(\*|[0-9.]+)!+[0-9]+").fullmatch
# What the kinds of records are called in ndb(6), and the value's place in an answer.
# fmt: off
RECORDS: Final = {
    "ip": "ip", "ptr": "dom", "mx": "mx", "ns": "ns", "cname": "cname", "txt": "txtrr",
    "srv": "srv", "soa": "soa", "ipv6": "ipv6", "hinfo": "hinfo",
}
# fmt: on


class Failed(Exception):
    """A question has no answer; the text says why."""


class Cs(DirtabServer):
    """The connection server and the resolver."""

    dc = "M"
    name = "cs"

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel.eve, lambda: kernel.host.time_ns() // 1_000_000_000)
        self._kernel = kernel
        self._answers: dict[Fid, list[bytes]] = {}
        self._db = Ndb([])
        self._seen: dict[str, tuple[Any, ...]] = {}  # what the database was read from

    # Questions and answers

    async def _ask(self, fid: Fid, data: bytes, answer: Callable[[str], list[str]],
                   who: str) -> int:
        if len(data) >= REQUEST:
            raise PlanError(f"{who}: request too long")
        self._answers[fid] = []
        question = data.rstrip(b"\0\n").decode("utf-8", "surrogateescape")
        if not LITERAL(question):
            await self._refresh()
        try:
            found = answer(question)
        except Failed as error:
            text = str(error)
            raise PlanError(text if text.startswith(who) else f"{who}: {text}") from None
        self._answers[fid] = [each.encode("utf-8", "surrogateescape")[:REPLY]
                              for each in found[:REPLIES]]
        return len(data)

    async def _cs_write(self, fid: Fid, data: bytes, offset: int) -> int:
        return await self._ask(fid, data, self._translate, "cs")

    async def _dns_write(self, fid: Fid, data: bytes, offset: int) -> int:
        return await self._ask(fid, data, self._resolve, "dns")

    async def _next(self, fid: Fid, count: int, offset: int) -> bytes:
        """The answer that offset lies in, from there on: the answers stand one after another."""
        for answer in self._answers.get(fid, ()):
            if offset < len(answer):
                return answer[offset : offset + count]
            offset -= len(answer)
        return b""

    async def _forget(self, fid: Fid) -> None:
        self._answers.pop(fid, None)

    # The database

    async def _refresh(self) -> None:
        """Read the files again if one has changed."""
        if self._seen:
            states = [await self._state(name) == was for name, was in list(self._seen.items())]
            if all(states):
                return
        seen: dict[str, tuple[Any, ...]] = {}
        texts = [await self._load(name, seen, DB_BYTES) for name in (f"{MOUNT}/ndb", LOCAL)]
        more = [n for n in ndb.files_of(ndb.parse(texts[1])) if n != LOCAL][:DB_FILES] or OTHERS
        for name in more:
            texts.append(await self._load(name, seen, DB_BYTES - sum(map(len, texts))))
        self._db, self._seen = Ndb(texts), seen

    async def _state(self, name: str) -> tuple[Any, ...]:
        boot = self._kernel.boot
        try:
            c = await boot.ns.access(boot, name)
        except PlanError:
            return ()
        try:
            d = await c.stat(boot)
            return d.qid, d.length, d.type, d.dev, d.mtime if d.type == ord("M") else 0
        except PlanError:
            return ()
        finally:
            await c.close()

    async def _load(self, name: str, seen: dict[str, tuple[Any, ...]], most: int) -> str:
        """The text of a file, its first bytes; one that cannot be read is empty."""
        boot = self._kernel.boot
        seen[name] = await self._state(name)
        data = b""
        try:
            c = await boot.ns.open(boot, name, OREAD)
        except PlanError:
            return ""
        try:
            while len(data) < most and (piece := await c.read(boot, 65536)):
                data += piece
        except PlanError:
            pass
        finally:
            await c.close()
        return data[: max(most, 0)].decode("utf-8", "surrogateescape")

    # cs

    def _translate(self, question: str) -> list[str]:
        """net!host!service, !attr=value ... or !ipinfo ..."""
        if question.startswith("!"):
            words = question[1:].split()
            if words and words[0] == "ipinfo":
                return self._ipinfo(words[1:])
            return self._query(words)
        if question.split(" ")[0] in ("debug", "ipv6", "refresh", "paranoia"):
            return []
        words = re.split("!+", question.lstrip("!"), maxsplit=3)
        if len(words) == 1:
            words.insert(0, "net")
        net, host, service, rest = (*words, "", "", "")[:4]
        if net == "net":
            answers, why = [], EADDRESS
            for each in NETS:
                try:
                    answers += self._dial(each, host, service, rest)
                except Failed as error:
                    why = str(error) if each == NETS[0] else why
            if not answers:
                raise Failed(why)
            return answers
        if net in NETS:
            return self._dial(net, host, service, rest)
        return [f"{MOUNT}/{net}/clone {host}{'!' + service if service else ''}"]

    def _dial(self, net: str, host: str, service: str, rest: str) -> list[str]:
        """The clone file of a network, and what to connect to."""
        port = self._port(net, service)
        tail = f"{port}!{rest}" if rest else port
        clone = f"{MOUNT}/{net}/clone"
        if host in ("*", "::"):
            return [f"{clone} {tail}"]
        return [f"{clone} {address}!{tail}" for address in self._addresses(host, 0)]

    def _port(self, net: str, service: str) -> str:
        if service == "*" or (service.isascii() and service.isdecimal()):
            return service
        if not service or not all(c.isalnum() or c in "-$" for c in service):
            raise Failed(ESERVICE)
        for entry in self._db.search(net, service):
            for port in entry.values("port"):
                restricted = any(attr == "restricted" for attr, _ in entry.pairs())
                return f"{port}!r" if restricted else port
        raise Failed(ESERVICE)

    def _addresses(self, host: str, depth: int) -> list[str]:
        if host.startswith("$") and depth < 2:
            found = [value for entry in self._mine() for value in entry.values(host[1:])]
            return [a for value in found[:8] for a in self._addresses(value, depth + 1)] or \
                self._unknown(EADDRESS)
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        kind = ipattr(host)
        if kind == "ip":
            return [host]
        for attr in ("dom", "sys") if kind == "dom" else ("sys", "dom"):
            for entry in self._db.search(attr, host.removesuffix(".")):
                found = entry.values("ip", (attr, host))
                if found:
                    return list(dict.fromkeys(found))
        return self._unknown(f"{EADDRESS}: {ENONAME}")

    def _unknown(self, why: str) -> list[str]:
        raise Failed(why)

    def _mine(self) -> list[Entry]:
        """The entries of this system."""
        return self._db.search("sys", self._kernel.sysname) + self._db.search("ip", "127.0.0.1")

    def _query(self, words: list[str]) -> list[str]:
        """The entries that have all pairs."""
        pairs = [tuple(word.split("=", 1)) for word in words]
        if not pairs or any(len(pair) != 2 or not pair[0] for pair in pairs):
            raise Failed("bad query")
        first, *others = pairs
        found = [entry for entry in self._db.search(*first)
                 if all(entry.has(a, v) if v else entry.values(a) for a, v in others)]
        if not found:
            raise Failed("no match")
        return [" ".join(f"{a}={v}" for a, v in entry.pairs()) for entry in found]

    def _ipinfo(self, words: list[str]) -> list[str]:
        """Attributes of the system that a pair tells: ATTR=VALUE ATTR..."""
        key = [tuple(word.split("=", 1)) for word in words if "=" in word]
        wanted = [word for word in words if "=" not in word]
        if len(key) != 1 or not wanted:
            raise Failed("bad query")
        answers = [f"{attr}={value}" for attr in wanted
                   for entry in self._db.search(*key[0])[:1] for value in entry.values(attr)]
        if not answers:
            raise Failed("no match")
        return [" ".join(answers)]

    # dns

    def _resolve(self, question: str) -> list[str]:
        """name type"""
        name, _, kind = question.removeprefix("!").partition(" ")
        kind = kind.strip().lower()
        if not name or not kind:
            raise Failed(f"illegal request {question[:64]}")
        name = name.removesuffix(".")
        if kind in ("all", "any"):
            found = [each for each in RECORDS for each in self._records(name, each)]
        elif kind in RECORDS:
            found = self._records(name, kind)
        else:
            raise Failed(f"unknown type {kind[:32]}")
        if found:
            return found
        raise Failed(ENORECORD if self._db.search("dom", name) else ENONAME)

    def _records(self, name: str, kind: str) -> list[str]:
        if kind == "ptr":
            suffix = ".in-addr.arpa"
            if not name.casefold().endswith(suffix):
                return []
            address = ".".join(reversed(name[: -len(suffix)].split(".")))
            return [f"{name} ptr\t{dom}" for entry in self._db.search("ip", address)
                    for dom in entry.values("dom", ("ip", address))]
        found = []
        for entry in self._db.search("dom", name):
            for value in entry.values(RECORDS[kind], ("dom", name)):
                pref = (entry.values("pref") or ["1"])[0]
                found.append(f"{name} {kind}\t{pref + ' ' if kind == 'mx' else ''}{value}")
        return found

    # fmt: off
    ROWS = (
        Row("cs",  0o666, _next, _cs_write,  on_clunk=_forget),
        Row("dns", 0o666, _next, _dns_write, on_clunk=_forget),
    )
    # fmt: on


def ipattr(name: str) -> str:
    """Whether a name looks like an address (ip), a domain (dom) or a system (sys)."""
    hexadecimal = alpha = dot = colon = False
    for c in name:
        if c in "0123456789":
            continue
        if c in "abcdefABCDEF":
            hexadecimal = True
        elif c.isalpha() or c == "-":
            alpha = True
        elif c == ".":
            dot = True
        elif c == ":":
            colon = True
        else:
            return "sys"
    if alpha:
        return "dom" if dot else "sys"
    if colon:
        return "ip"
    if dot:
        return "dom" if hexadecimal else "ip"
    return "sys"
