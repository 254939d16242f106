"""What the kernel tells about a process on the process's own descriptor 2.

Source: pprint of /sys/src/9/port/devcons.c; notify(2).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vx9.fs.errors import PlanError
from vx9.kernel.chan import hold

if TYPE_CHECKING:
    from vx9.kernel.proc import Proc
    from vx9.vxcore import MemoryFault

log = logging.getLogger(__name__)


async def pprint(p: Proc, text: str) -> None:
    """Print a line, if anybody can read it."""
    line = f"{p.name} {p.pid}: {text}\n".encode("utf-8", "surrogateescape")
    try:
        c = p.fds.get(2)
        await hold(c, c.write(p, line))
    except PlanError as error:
        log.debug("process %d: %s (%s)", p.pid, text, error)


async def bad_address(p: Proc, fault: MemoryFault) -> None:
    """Tell which address a system call was given, and how many bytes there."""
    await pprint(p, f"suicide: invalid address {fault.address:#x}/{fault.count & 0xFFFFFFFF} "
                    f"in sys call pc={p.cpu.eip:#x}")


async def many_fds(p: Proc) -> None:
    """Tell that there are many descriptors; done once for every hundred."""
    most, p.fds.exceeded = p.fds.exceeded, 0
    await pprint(p, f"warning: process exceeds {most} file descriptors")


__all__ = ["bad_address", "many_fds", "pprint"]
