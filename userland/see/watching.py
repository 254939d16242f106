"""What the options for seeing inside make: files and sockets opened before the walls go up,
hooks in the kernel before it starts, results written when it has stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, TextIO

from vx9.userland.errors import Refusal

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel
    from vx9.userland.see.gdb import Stub
    from vx9.userland.see.profile import Profile


class Watching:
    """The observers of one kernel."""

    def __init__(self) -> None:
        self.trace: TextIO | None = None
        self.profile: Profile | None = None
        self.fault_report = False
        self.gdb: Stub | None = None

    def hook(self, kernel: Kernel) -> None:
        """Before the walls and before the kernel runs."""
        if self.profile is not None:
            self.profile.watch(kernel)
        if self.fault_report:
            from vx9.userland.see.report import Reporter
            kernel.autopsy = Reporter(sys.stderr)
        if self.gdb is not None:
            kernel.debugger = self.gdb
        if self.fault_report or self.profile is not None or self.gdb is not None:
            from vx9.userland.see.image import disassembler
            disassembler()  # its library cannot be loaded behind the walls

    def start(self, kernel: Kernel) -> None:
        """When the kernel runs."""
        if self.profile is not None:
            self.profile.start()
        if self.gdb is not None:
            self.gdb.start(kernel)


@contextlib.contextmanager
def watching(options: argparse.Namespace) -> Iterator[Watching]:
    """The observers that a command line asks for; their results are written at the end."""
    seen = Watching()
    with contextlib.ExitStack() as files:
        if options.strace_out:
            file = files.enter_context(_open("--strace", options.strace_out, "w"))
            seen.trace = file  # type: ignore[assignment]
        elif options.strace:
            seen.trace = sys.stderr
        out: BinaryIO | None = None
        if options.profile_out:
            out = files.enter_context(_open("--profile", options.profile_out, "wb"))  # type: ignore
        if options.profile or out is not None:
            from vx9.userland.see.profile import Profile
            seen.profile = Profile()
        seen.fault_report = options.fault_report
        if getattr(options, "gdb", None) is not None:
            from vx9.userland.see.gdb import listen
            seen.gdb = files.enter_context(listen(options.gdb))
        try:
            yield seen
        finally:
            if seen.profile is not None:
                seen.profile.stop()
                from vx9.userland.see import profileout
                if out is not None:
                    profileout.write(seen.profile, out, options.profile_out)
                else:
                    sys.stderr.write(profileout.report(seen.profile.samples))


def _open(option: str, path: str, mode: str) -> contextlib.AbstractContextManager[TextIO | BinaryIO]:
    text = {} if "b" in mode else {"encoding": "utf-8", "errors": "surrogateescape"}
    try:
        return open(path, mode, **text)  # type: ignore[call-overload]
    except OSError as error:
        raise Refusal(f"{option}={path}: {error.strerror}; "
                      "name a file that can be written") from None
