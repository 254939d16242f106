"""The tracer of system calls: a line a call, made from the table.

    0.001204 5 cat pread(3, "hello\\n", 8192, -1) = 6 <0.000013>
    0.001311 5 cat open("/nope", OREAD) = -1 '/nope' file does not exist <0.000041>

In front are the seconds since the tracer began, the process's number and its name; behind,
the seconds that the call took.  Arguments are printed as the kernel read them; buffers that
a call fills, after it.  A call that sleeps is shown so far, and goes on in the same line or,
when another came between, in one of its own: ``<... pread resumed>``.
Nothing here writes to a guest or takes part in its calls; a sink that fails ends the tracing.
Source: ratrace(1).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from vx9.fs.errors import PlanError
from vx9.kernel.straceargs import Shown, printable, show
from vx9.vxcore import MemoryFault

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc
    from vx9.kernel.systab import Call

log = logging.getLogger(__name__)

UNFINISHED: Final = "<unfinished ...>\n"


class Tracer:
    """Writes what processes do to a text sink."""

    def __init__(self, sink: TextIO) -> None:
        self.sink: TextIO | None = sink
        self._start_ns: int | None = None
        self._told: Exception | None = None  # whose line is written
        self._open: _Line | None = None  # the last line, when it is not whole

    async def call(self, p: Proc, call: Call, args: Sequence[Any]) -> Any:
        """Make the call of a process and write its line."""
        line = _Line(self, p, call, show(p, call, args))
        if call.result == "void":
            line.end("")
        try:
            result = call.handler(p, *args)  # type: ignore[misc]
            if type(result) is not int:
                result = await _Watched(result, line.blocked)
        except Exception as error:
            line.end(f" = -1 {_reason(error)!r}")
            self._told = error
            raise
        except BaseException:
            line.end("")  # exits, or killed
            raise
        if result is None:  # exec, noted: the registers are another program's
            line.end("")
            if call.name == "exec":
                self._line(p, f"--- runs {' '.join(map(printable, p.args[:1]))}, "
                              f"entry {p.cpu.eip:#x} ---")
        else:
            shown = f"{result & 0xFFFFFFFF:#x}" if call.result == "addr" else str(result)
            line.end(f" = {shown}", result)
        return result

    def failed(self, p: Proc, call: Call, error: Exception) -> None:
        """A call failed; told here when it did so over its arguments, before it was made."""
        if self._told is not error:
            self._line(p, f"{call.name}(?) = -1 {_reason(error)!r}")
        self._told = None

    def fault(self, p: Proc, text: str) -> None:
        """The program trapped."""
        self._line(p, f"--- {printable(text)} pc={p.cpu.eip:#x} ---")

    def bad_call(self, p: Proc, number: int) -> None:
        """A system call with a number that is none."""
        self._line(p, f"{number}(?) = -1 'bad sys call'")

    def note(self, p: Proc, text: str) -> None:
        """A note is delivered."""
        self._line(p, f"--- note {text!r} to {p.notify:#x} ---")

    def exit(self, p: Proc, status: str) -> None:
        """The process ends."""
        self._line(p, f"+++ exits {status!r} +++")

    def now_ns(self, p: Proc) -> int:
        """Nanoseconds since the first line."""
        now = p.kernel.host.monotonic_ns()
        if self._start_ns is None:
            self._start_ns = now
        return now - self._start_ns

    def head(self, p: Proc, when_ns: int) -> str:
        """How each line begins."""
        return f"{when_ns / 1e9:.6f} {p.pid} {printable(p.name)} "

    def _line(self, p: Proc, text: str) -> None:
        self.write(self.head(p, self.now_ns(p)) + text + "\n", None)

    def write(self, text: str, unfinished: _Line | None) -> None:
        """Write the rest of a line or a whole one; unfinished: whose end is to come."""
        if self.sink is None:
            return
        if self._open is not None:
            text = ("" if self._open.gap else " ") + UNFINISHED + text
            self._open.resumes = True
        self.go_on(text, unfinished)

    def go_on(self, text: str, unfinished: _Line | None) -> None:
        """Write in the line that is open."""
        self._open = unfinished
        if self.sink is None:
            return
        try:
            self.sink.write(text)
            self.sink.flush()
        except (OSError, ValueError) as error:
            self.sink = None
            log.warning("tracing ends: %s", error)

    def is_open(self, line: _Line) -> bool:
        """Whether nothing came after this line's beginning."""
        return self._open is line


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryFault):
        return f"bad address {error.address:#x}"
    return str(error) if isinstance(error, PlanError) else type(error).__name__


class _Line:
    """The line of one call."""

    __slots__ = ("args", "begun", "call", "gap", "head", "p", "resumes", "start_ns", "tracer")

    def __init__(self, tracer: Tracer, p: Proc, call: Call, args: list[Shown]) -> None:
        self.tracer, self.p, self.call, self.args = tracer, p, call, args
        self.start_ns = tracer.now_ns(p)
        self.head = tracer.head(p, self.start_ns)  # exec changes the name
        self.begun = 0  # arguments that are written
        self.resumes = False
        self.gap = False  # what is written ends with a blank

    def blocked(self) -> None:
        """The call sleeps: show what is known of it."""
        known = []
        for arg in self.args:
            if not isinstance(arg, str):
                break
            known.append(arg)
        self.begun = len(known)
        self.gap = 0 < self.begun < len(self.args)
        text = f"{self.head}{self.call.name}({', '.join(known)}{', ' if self.gap else ''}"
        self.tracer.write(text, self)

    def end(self, result: str, value: int = -1) -> None:
        """Write the rest, once."""
        if not self.head:
            return
        tracer = self.tracer
        texts = [arg if isinstance(arg, str) else arg(value) for arg in self.args]
        now = tracer.now_ns(self.p)
        took = f" <{(now - self.start_ns) / 1e9:.6f}>" if self.call.result != "void" else ""
        rest = f"{', '.join(texts[self.begun:])}){result}{took}\n"
        if tracer.is_open(self):
            tracer.go_on(rest, None)
        elif self.resumes:
            head = tracer.head(self.p, now)
            tracer.write(f"{head}<... {self.call.name} resumed> {rest}", None)
        else:
            tracer.write(f"{self.head}{self.call.name}({rest}", None)
        self.head = ""


class _Watched:
    """An awaitable as it is, but that its first sleep is told."""

    __slots__ = ("inner", "slept")

    def __init__(self, inner: Awaitable[Any], slept: Callable[[], None]) -> None:
        self.inner = inner
        self.slept = slept

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self.inner.__await__()
        told = False
        step: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        while True:
            try:
                where = step()
            except StopIteration as stop:
                return stop.value
            if not told and hasattr(where, "waiters"):  # a Rendez, not the end of a turn
                told = True
                self.slept()
            try:
                yield where
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:
                thrown = error
                step = lambda thrown=thrown: steps.throw(thrown)  # type: ignore # noqa: E731
            else:
                step = lambda: next(steps)  # noqa: E731
