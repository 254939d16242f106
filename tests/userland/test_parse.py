"""The first shell's syntax."""

import pytest

from vx9.userland.terminal.parse import Redirection, SyntaxFault, Unfinished, parse


def words(line: str) -> list[list[str]]:
    """Each command's words, variables as $name."""
    return [[text(word) for word in command.words]
            for pipeline in parse(line) for command in pipeline.commands]


def text(word) -> str:
    return "".join(("$" if part.kind == "var" else "") + part.text for part in word)


@pytest.mark.parametrize(("line", "want"), [
    ("", []),
    ("   # only a comment", []),
    ("ls -l /tmp", [["ls", "-l", "/tmp"]]),
    ("echo 'a b' 'it''s' ''", [["echo", "a b", "it's", ""]]),
    ("echo a'b c'd", [["echo", "ab cd"]]),
    ("echo $x.c a^$y $status", [["echo", "$x.c", "a$y", "$status"]]),
    ("echo a ^ b", [["echo", "ab"]]),
    ("echo a; echo b;;", [["echo", "a"], ["echo", "b"]]),
    ("a | b|c", [["a"], ["b"], ["c"]]),
    ("echo x=y", [["echo", "x=y"]]),
    ("echo a # b | c", [["echo", "a"]]),
    ("echo a \\\n b", [["echo", "a", "b"]]),
    ("echo grün ☺", [["echo", "grün", "☺"]]),
])
def test_words(line, want):
    assert words(line) == want


def test_pipelines_and_background():
    first, second, third = parse("a | b & c; d &")
    assert [len(p.commands) for p in (first, second, third)] == [2, 1, 1]
    assert [p.background for p in (first, second, third)] == [True, False, True]


def test_assignments_come_before_the_words():
    [pipeline] = parse("x=1 y='a b' cmd z=3")
    [command] = pipeline.commands
    assert [(name, text(value)) for name, value in command.assignments] == [("x", "1"), ("y", "a b")]
    assert [text(word) for word in command.words] == ["cmd", "z=3"]


def test_redirections():
    [pipeline] = parse("cmd <in >out >>more >[2]err >[2=1] >[3=] >'a b'")
    redirs = pipeline.commands[0].redirections
    assert [(r.fd, r.op, r.file and text(r.file), r.source) for r in redirs] == [
        (0, "<", "in", None), (1, ">", "out", None), (1, ">>", "more", None), (2, ">", "err", None),
        (2, ">", None, 1), (3, ">", None, None), (1, ">", "a b", None)]
    assert redirs[5] == Redirection(3, ">")


@pytest.mark.parametrize("line", ["echo 'abc", "ls |", "ls | ", "echo 'it''"])
def test_unfinished_lines_ask_for_more(line):
    with pytest.raises(Unfinished):
        parse(line)


@pytest.mark.parametrize(("line", "names"), [
    ("| ls", "before the |"), ("ls | ; cat", "before the ;"), ("& ls", "before the &"),
    ("ls >", "a file name must follow"), ("ls >[x]f", ">[2] file"), ("ls > | cat", "a file name"),
    ("echo {a}", "'{'"), ("echo `ls`", "'`'"), ("echo $ x", "'$'"), ("echo a^; b", "nothing follows"),
])
def test_wrong_lines_say_what(line, names):
    with pytest.raises(SyntaxFault) as fault:
        parse(line)
    assert not isinstance(fault.value, Unfinished)
    assert names in str(fault.value)
