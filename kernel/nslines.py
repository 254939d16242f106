"""A name space as the text that makes it anew: what /proc/n/ns shows.

Source: proc(3); /sys/src/9/port/devproc.c (mntscan, int2flag).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from vx9.kernel.waitrec import quote_arg

if TYPE_CHECKING:
    from vx9.kernel.chan import Chan
    from vx9.kernel.dialect import Dialect
    from vx9.kernel.walk import Mount

LETTERS: Final = (("a", 2), ("b", 1), ("c", 4), ("C", 16))  # MAFTER, MBEFORE, MCREATE, MCACHE


def lines(mounts: Sequence[tuple[Chan, Mount]], dot: Chan, dialect: Dialect,
          posted: Callable[[Chan], str | None] | None) -> list[str]:
    """A line for each mount on a file, from the oldest on, then the current directory.

    posted gives the name under which a channel is found in /srv.
    """
    show = quote_arg if dialect.quotes_names else str
    told = []
    for frm, m in mounts:
        flags = "".join(c for c, bit in LETTERS if m.flag & bit)
        flags = flags and "-" + flags
        channel = m.to.mchan
        if channel is None:
            told.append(f"bind {flags} {show(m.to.path)} {show(frm.path)}\n")
            continue
        name = posted(channel) if posted is not None else None
        server = f"#s/{name}" if name is not None else channel.path
        told.append(f"mount {flags} {show(server)} {show(frm.path)} {show(m.spec)}\n")
    told.append(f"cd {show(dot.path)}\n")
    return told
