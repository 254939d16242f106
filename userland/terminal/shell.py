"""The first shell: runs parsed command lines as guests.

The shell is no guest: it drives the kernel from outside through Guests and keeps only its
variables, its jobs and $status.  rc, a guest, takes its place later.
Source: rc(1), for what each form means.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vx9.userland import grants, waiting
from vx9.userland.errors import NOT_A_PROGRAM, NOT_FOUND
from vx9.userland.terminal import glob
from vx9.userland.terminal.parse import (
    Command,
    Pipeline,
    Redirection,
    SyntaxFault,
    Word,
    parse,
)

if TYPE_CHECKING:
    from vx9.kernel.chan import Chan
    from vx9.kernel.kernel import Handle
    from vx9.userland.terminal.guests import Guests


HELP: Final = """\
type a program's name and its arguments; ls /bin shows the programs
a | b   a; b   a &   <file >file >>file >[2]file >[2=1]   'quoted'   $var   x=value
builtin: cd [dir]  history  jobs  help  exit [status];  ctrl-C interrupts, ctrl-D ends"""


class CommandFault(Exception):
    """A command that could not be started or done: one line, and the host's exit status."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class Exit(Exception):
    """The shell is to end."""


@dataclass
class Job:
    """A pipeline that was started: one handle a command."""

    text: str
    handles: list["Handle"]

    def note(self, note: str) -> None:
        """Post a note to every command still running."""
        for handle in self.handles:
            handle.note(note)


class Shell:
    """Variables, jobs, and the way from a line to guests."""

    def __init__(self, guests: "Guests", environment: dict[str, grants.Value],
                 history: Callable[[], Iterable[str]] = list) -> None:
        self.guests = guests
        self.variables = environment
        self.history = history
        self.status = ""
        self.code = 0  # of the host, for what status says
        self.jobs: list[Job] = []
        self.foreground: Job | None = None

    def run(self, line: str) -> None:
        """Run a line; its faults are told on stderr and in $status.  Raises Exit."""
        try:
            pipelines = parse(line)
        except SyntaxFault as fault:
            self.complain(str(fault), 1)
            return
        for pipeline in pipelines:
            try:
                self._pipeline(pipeline, line.strip())
            except CommandFault as fault:
                self.complain(str(fault), fault.code)

    def complain(self, text: str, code: int) -> None:
        """One line on stderr, which is also the status."""
        sys.stderr.write(f"vx9: {text}\n")
        sys.stderr.flush()
        self.status, self.code = text, code

    # Words

    def value(self, name: str) -> list[str]:
        """A variable as a list of words; none when it is not set."""
        if name == "status":
            return [self.status]
        value = self.variables.get(name, [])
        if isinstance(value, bytes):
            value = value.decode("utf-8", "surrogateescape")
        return [value] if isinstance(value, str) else list(value)

    def expand(self, word: Word) -> list[str]:
        """The words that a word stands for: lists join as with ^, patterns become file names."""
        patterns = [""]  # each text escaped, but for the patterns that were written bare
        for part in word:
            if part.kind == "bare":
                pieces = [part.text]
            else:
                texts = [part.text] if part.kind == "quoted" else self.value(part.text)
                pieces = list(map(glob.escape, texts))
            if not pieces and len(word) > 1:
                raise CommandFault(f"${part.text}: an empty list cannot be joined to a word")
            if len(patterns) == len(pieces):
                patterns = [a + b for a, b in zip(patterns, pieces, strict=True)]
            elif len(patterns) > 1 and len(pieces) > 1:
                raise CommandFault(f"lists of {len(patterns)} and {len(pieces)} words cannot be joined")
            else:
                patterns = [a + b for a in patterns for b in pieces]
        words = []
        for pattern in patterns:
            found = glob.expand(pattern, self.guests.names) if glob.is_pattern(pattern) else []
            words += found or [glob.plain(pattern)]
        return words

    def one(self, word: Word, what: str) -> str:
        """A word that must be exactly one."""
        words = self.expand(word)
        if len(words) != 1:
            raise CommandFault(f"{what}: {len(words)} words where one file name must be")
        return words[0]

    # Pipelines

    def _pipeline(self, pipeline: Pipeline, text: str) -> None:
        self.code = 0
        if len(pipeline.commands) == 1 and self._inside(pipeline.commands[0]):
            return
        job = Job(text, [])
        reading: Chan | None = None
        self.foreground = None if pipeline.background else job
        try:
            with contextlib.ExitStack() as stack:
                if pipeline.background:
                    reading = stack.enter_context(self.guests.opened("/dev/null", "<"))
                for i, command in enumerate(pipeline.commands):
                    streams: dict[int, int | Chan | None] = dict(enumerate(self.guests.standard))
                    if reading is not None:
                        streams[0] = reading
                    if i < len(pipeline.commands) - 1:
                        reading, streams[1] = self.guests.pipe(stack)
                    job.handles.append(self._start(command, streams, stack))
            if pipeline.background:
                self.jobs.append(job)
                self.variables["apid"] = [str(handle.pid) for handle in job.handles]
                self.status = ""
                return
            self._wait(job)
        except CommandFault:
            job.note("kill")
            self._finish(job)
            raise
        finally:
            self.foreground = None

    def _start(self, command: Command, streams: "dict[int, int | Chan | None]",
               stack: contextlib.ExitStack) -> "Handle":
        """One command of a pipeline, with its redirections."""
        words = [each for word in command.words for each in self.expand(word)]
        if not words:
            raise CommandFault("a pipeline needs a command on each side of the |")
        if words[0] in BUILTINS:
            raise CommandFault(f"{words[0]}: a builtin cannot be in a pipeline or in the background")
        for redirection in command.redirections:
            self._redirect(redirection, streams, stack)
        variables = self.variables
        if command.assignments:
            variables = {**variables, **dict(map(self._assigned, command.assignments))}
        path = [words[0]] if "/" in words[0] else [
            f"{place}/{words[0]}" for place in self.value("path") or ["/bin"]]
        return self._spawn(words, path, variables, streams)

    def _spawn(self, words: list[str], paths: list[str], variables: dict[str, grants.Value],
               streams: "dict[int, int | Chan | None]") -> "Handle":
        fault = "file does not exist"
        for path in paths:
            try:
                return self.guests.spawn(words, path, variables, streams)
            except self.guests.Fault as error:
                fault = str(error)
                if "does not exist" not in fault:
                    break
        raise CommandFault(f"{words[0]}: {self.guests.reason(fault)}",
                           NOT_FOUND if "does not exist" in fault else NOT_A_PROGRAM)

    def _redirect(self, redirection: Redirection, streams: "dict[int, int | Chan | None]",
                  stack: contextlib.ExitStack) -> None:
        if redirection.fd > 2:
            raise CommandFault(f">[{redirection.fd}]: only descriptors 0, 1 and 2 can be redirected here")
        if redirection.file is not None:
            name = self.one(redirection.file, redirection.op)
            try:
                streams[redirection.fd] = stack.enter_context(self.guests.opened(name, redirection.op))
            except self.guests.Fault as error:
                raise CommandFault(f"{name}: {self.guests.reason(str(error))}") from None
        elif redirection.source is None:
            del streams[redirection.fd]
        elif redirection.source in streams:
            streams[redirection.fd] = streams[redirection.source]
        else:
            raise CommandFault(f">[{redirection.fd}={redirection.source}]: descriptor "
                               f"{redirection.source} is not open")

    def _wait(self, job: Job) -> None:
        statuses = [waiting.wait(handle) for handle in job.handles]
        self.code = statuses[-1].code
        messages = [status.message for status in statuses]
        self.status = "|".join(messages) if any(messages) else ""

    def _finish(self, job: Job) -> None:
        """Wait for what is left of a pipeline that could not be completed."""
        for handle in job.handles:
            waiting.wait(handle)

    def end(self) -> None:
        """Hang up what still runs in the background."""
        for job in self.jobs:
            job.note("hangup")

    # Inside the shell

    def _assigned(self, assignment: tuple[str, Word]) -> tuple[str, list[str]]:
        name, word = assignment
        return name, self.expand(word) if word else [""]

    def _inside(self, command: Command) -> bool:
        """Do an assignment or a builtin; whether it was one."""
        if not command.words:
            for assignment in command.assignments:
                name, value = self._assigned(assignment)
                self.variables[name] = value
            with contextlib.ExitStack() as stack:
                for redirection in command.redirections:
                    self._redirect(redirection, {0: None, 1: None, 2: None}, stack)
            self.status = ""
            return True
        words = [each for word in command.words for each in self.expand(word)]
        if not words:
            self.status = ""
            return True
        builtin = BUILTINS.get(words[0])
        if builtin is None:
            return False
        if command.redirections:
            raise CommandFault(f"{words[0]}: a builtin cannot be redirected")
        builtin(self, words)
        self.status = ""
        return True

    def cd(self, words: list[str]) -> None:
        """cd [dir]: change the folder that programs start in; $home without dir."""
        target = words[1:] or self.value("home")
        if len(target) != 1:
            raise CommandFault("cd: give one folder")
        try:
            self.guests.chdir(target[0])
        except self.guests.Fault as error:
            raise CommandFault(f"cd: {target[0]}: {self.guests.reason(str(error))}") from None

    def leave(self, words: list[str]) -> None:
        """exit [status]: end the shell."""
        self.status = words[1] if len(words) > 1 else self.status
        if len(words) > 1:
            self.code = int(words[1]) & 255 if words[1].isascii() and words[1].isdigit() else 1
        raise Exit

    def show_history(self, _words: list[str]) -> None:
        """history: the lines typed, oldest first."""
        for number, line in enumerate(self.history(), 1):
            print(f"{number:5} {line}")

    def show_jobs(self, _words: list[str]) -> None:
        """jobs: what runs in the background."""
        self.reap()
        for job in self.jobs:
            print(*(handle.pid for handle in job.handles), job.text)

    def show_help(self, _words: list[str]) -> None:
        """help: the forms and the builtins."""
        print(HELP)

    def reap(self) -> None:
        """Forget the jobs that have ended."""
        self.jobs = [job for job in self.jobs if not all(map(self.guests.ended, job.handles))]


BUILTINS: Final[dict[str, Callable[[Shell, list[str]], None]]] = {
    "cd": Shell.cd, "exit": Shell.leave, "help": Shell.show_help, "history": Shell.show_history,
    "jobs": Shell.show_jobs,
}
