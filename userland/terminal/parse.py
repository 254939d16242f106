"""Command lines of the first shell: a small part of rc's syntax, spelled as rc spells it.

    command arg 'quoted ''arg' $var a^$x   x=v command   a | b   a; b   a &
    <file >file >>file >[2]file >[2=1] >[2=]   # comment

Source: rc(1).  A line becomes Pipelines of Commands of Words; nothing is looked up here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["bare", "quoted", "var"]

TOKEN: Final = re.compile(
    r"""(?P<caret>[ \t]*\^[ \t]*)
      | (?P<blank>[ \t]+|\\\n|\#[^\n]*)
      | (?P<end>[;\n])
      | (?P<op>&|\||(?:>>|>|<)(?:\[[^\]\n]*\])?)
      | (?P<quoted>'(?:[^']|'')*')
      | (?P<open>'(?:[^']|'')*\Z)
      | (?P<var>\$(?:[\w*]+|(?=.)))
      | (?P<bare>[^\s;&|^$'<>\#`(){}\\]+|\\)
      | (?P<bad>.)""", re.VERBOSE)
ASSIGNMENT: Final = re.compile(r"[\w*]+=")
FORM: Final = re.compile(r"\[(\d+)(=(\d*))?\]")


class SyntaxFault(Exception):
    """A line that this shell cannot read; the text says what and where."""


class Unfinished(SyntaxFault):
    """A line that may become right when more is typed."""


@dataclass(frozen=True)
class Part:
    """A piece of a word: bare text (may hold patterns), quoted text, or a variable's name."""

    kind: Kind
    text: str


Word = tuple[Part, ...]


@dataclass(frozen=True)
class Redirection:
    """fd becomes a file (op <, > or >>), a copy of descriptor `source`, or is closed (both None)."""

    fd: int
    op: str
    file: Word | None = None
    source: int | None = None


@dataclass
class Command:
    """Assignments, words and redirections, each in the order written."""

    words: list[Word] = field(default_factory=list)
    assignments: list[tuple[str, Word]] = field(default_factory=list)
    redirections: list[Redirection] = field(default_factory=list)

    def empty(self) -> bool:
        """Whether nothing was written."""
        return not (self.words or self.assignments or self.redirections)


@dataclass
class Pipeline:
    """Commands joined by |, and whether the shell goes on at once (&)."""

    commands: list[Command]
    background: bool = False


@dataclass(frozen=True)
class Token:
    """A word (parts), an operator, or the end of a command."""

    op: str
    word: Word = ()
    at: int = 0


def tokens(line: str) -> Iterator[Token]:
    """Words and operators; adjacent pieces and ^ make one word, as rc's free carets do."""
    word: list[Part] = []
    joined = False
    for match in TOKEN.finditer(line):
        kind, text = str(match.lastgroup), match.group()
        if kind == "open":
            raise Unfinished("a quote ' is not closed")
        if kind == "bad" or text == "$":
            raise SyntaxFault(f"{text!r} at column {match.start() + 1} is not in this shell's syntax; "
                              "quote it: '" + text + "'")
        if kind == "caret":
            joined = True
            continue
        if kind in ("bare", "quoted", "var"):
            plain = {"bare": text, "quoted": text[1:-1].replace("''", "'"), "var": text[1:]}[kind]
            word.append(Part(kind, plain))  # type: ignore[arg-type]
            joined = False
            continue
        if joined:
            raise SyntaxFault(f"nothing follows the ^ before column {match.start() + 1}")
        if word:
            yield Token("word", tuple(word), match.start())
            word = []
        if kind != "blank":
            yield Token(text if kind == "op" else ";", (), match.start())
    if word:
        yield Token("word", tuple(word), len(line))
    yield Token(";", (), len(line))


def redirection(token: Token, following: Iterator[Token]) -> Redirection:
    """One redirection; takes the file name from what follows."""
    op, bracket, _ = token.op.partition("[")
    fd = 0 if op == "<" else 1
    if bracket:
        form = FORM.fullmatch(token.op[len(op):])
        if not form:
            raise SyntaxFault(f"{token.op}: write {op}[2] file, {op}[2=1] or {op}[2=]")
        fd = int(form[1])
        if form[2]:
            return Redirection(fd, op, source=int(form[3]) if form[3] else None)
    name = next(following)
    if name.op != "word":
        raise SyntaxFault(f"{token.op}: a file name must follow")
    return Redirection(fd, op, name.word)


def split_assignment(word: Word) -> tuple[str, Word] | None:
    """The name and value of x=v; None if the word is not one."""
    first = word[0]
    match = ASSIGNMENT.match(first.text) if first.kind == "bare" else None
    if not match:
        return None
    rest = first.text[match.end():]
    return match.group()[:-1], ((Part("bare", rest),) if rest else ()) + word[1:]


def parse(line: str) -> list[Pipeline]:
    """The pipelines of a line.  Raises Unfinished or SyntaxFault."""
    pipelines: list[Pipeline] = []
    commands: list[Command] = []
    command = Command()
    stream = tokens(line)
    for token in stream:
        if token.op == "word":
            assignment = None if command.words else split_assignment(token.word)
            if assignment:
                command.assignments.append(assignment)
            else:
                command.words.append(token.word)
        elif token.op[0] in "<>":
            command.redirections.append(redirection(token, stream))
        else:
            if command.empty():
                if token.op == ";" and not commands:
                    continue
                if token.op == ";" and token.at == len(line):
                    raise Unfinished("a command must follow the |")
                raise SyntaxFault(f"a command is missing before the {token.op} at column {token.at + 1}")
            commands.append(command)
            command = Command()
            if token.op != "|":
                pipelines.append(Pipeline(commands, token.op == "&"))
                commands = []
    return pipelines
