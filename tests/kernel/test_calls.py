"""calls.tab: every system call, what it gives and what it says when it refuses."""

import ast
import re
import struct
from pathlib import Path

import pytest

from vx9.kernel.systab import load

TAB = Path(__file__).with_name("calls.tab")
CALLS = {call.name for call in load().calls.values()}
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[=!*](?= |$)|\S+')


def blocks():
    """(title, [(line number, text)])."""
    found = []
    for number, line in enumerate(TAB.read_text("utf-8").splitlines(), 1):
        if line.startswith("== "):
            found.append((line[3:], []))
        elif line.strip() and not line.startswith("#"):
            found[-1][1].append((number, line))
    return found


def literal(text):
    return ast.literal_eval("b" + text)


class Life:
    """What one process has: named buffers and results."""

    def __init__(self, g):
        self.g = g
        self.values = {}
        self.buffers = {}

    def argument(self, word):
        if word.startswith('"'):
            return self.g.put(literal(word) + b"\0")
        if word.startswith("$"):
            return self.values[word[1:]]
        if word.startswith("&"):
            name, _, size = word[1:].partition(":")
            if size:
                self.buffers[name] = self.g.room(int(size))
            return self.buffers[name]
        return int(word, 0) if not re.fullmatch(r"0[0-7]+", word) else int(word, 8)

    def line(self, text):
        words = TOKEN.findall(text)
        if words[1] == "is":
            wanted = literal(words[2])
            assert self.g.get(self.buffers[words[0]], len(wanted)) == wanted
            return
        at = next(i for i, word in enumerate(words) if word in ("=", "!", "*"))
        args = [self.argument(word) for word in words[1:at]]
        said = self.g.p.errstr
        if words[at] == "!":
            text = text.partition(" ! ")[2].strip().replace(r"\x01", "\x01")
            assert (yield from self.g.fails(words[0], *args)) == text
            return
        result = yield from self.g.call(words[0], *args)
        assert words[at] == "=", f"lives, with {result}"
        assert self.g.p.errstr == said or words[0].endswith("errstr"), "success says nothing"
        value = words[at + 1]
        if re.match(r"[-0-9$]", value):
            assert result == self.argument(value), self.g.p.errstr
        else:
            assert result != -1, self.g.p.errstr
            self.values[value] = result


@pytest.mark.parametrize("title, lines", blocks(), ids=lambda x: x if isinstance(x, str) else "")
def test_calls(title, lines, run, kernel):
    done = []

    def script(g):
        life = Life(g)
        for number, text in lines:
            done.append(f"calls.tab:{number}: {text}")
            g.at = max(g.at, 0x2100)
            try:
                yield from life.line(text)
            except AssertionError as error:
                done.append(str(error) or "not so")
                break
        else:
            done.append(None)
        yield from g.call("exits", 0)

    p = run(script)
    wanted = re.search(r" \* (.*)", lines[-1][1])
    if wanted:
        assert p.exit.status.startswith(wanted[1].strip()), done[-2:]
        assert len(done) == len(lines), done[-2:]
    else:
        assert p.exit.status == "" and (done[-1] is None or "= gone" in done[-1]), done[-2:]


def test_every_call_is_there():
    tried = {TOKEN.findall(text)[0] for _, lines in blocks() for _, text in lines}
    assert CALLS - tried == {"rendezvous", "noted"}  # test_proc.py, test_note.py


def test_numbers_are_those_of_plan_9():
    calls = load().calls
    assert sorted(calls) == [n for n in range(54) if n not in (48, 49)]
    assert struct.calcsize("I") == 4 and all(call.size <= 20 for call in calls.values())
