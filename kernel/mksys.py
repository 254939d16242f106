"""syscalls.tab -> the guest's sys.h, its stubs, and docs/syscalls.md.

A stub is a leaf: the number to %eax, INT 0x40, return.  Three calls have a C name of their
own because the library wraps them: exits (which runs what atexit was given first), seek and
nsec (which give their result through a pointer).
Usage: python -m vx9.kernel.mksys header|stubs|doc
Source: intro(2).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vx9.kernel.systab import ArgType, Call, Table

WRAPPED: Final = {"exits": "_exits", "seek": "_seek", "nsec": "_nsec"}
_READ_ONLY: Final = frozenset({"str", "strz", "exitstr", "in"})
_RESULTS: Final = {"int": "int ", "addr": "void *", "void": "void "}


def stub_name(call: Call) -> str:
    """The C name of the stub."""
    return WRAPPED.get(call.name, call.name)


def _declaration(name: str, kind: ArgType) -> str:
    base = kind.c.rstrip("*")
    stars = kind.c[len(base) :]
    const = " const" if kind.name in _READ_ONLY else ""
    return f"{base}{const} {stars}{name}"


def prototype(call: Call) -> str:
    """The C declaration of the stub, without the semicolon."""
    args = ", ".join(_declaration(name, kind) for name, kind in call.args) or "void"
    return f"{_RESULTS[call.result]}{stub_name(call)}({args})"


def header(table: Table) -> str:
    """sys.h: the numbers and the prototypes."""
    lines = ["/* Made by mksys from syscalls.tab. */", ""]
    calls = table.calls.values()
    lines += [f"#define SYS_{call.name.upper()} {call.number}" for call in calls]
    lines.append("")
    for call in calls:
        noreturn = " __attribute__((noreturn))" if call.result == "void" else ""
        lines.append(f"{prototype(call)}{noreturn};")
    return "\n".join(lines) + "\n"


def stubs(table: Table) -> str:
    """The assembly of the stubs, each in a section of its own so that the linker can drop it."""
    lines = ["/* Made by mksys from syscalls.tab. */", ""]
    for call in table.calls.values():
        name = stub_name(call)
        lines += [
            f'    .section .text.{name},"ax",@progbits',
            f"    .globl  {name}",
            f"    .type   {name}, @function",
            f"{name}:",
            f"    movl    ${call.number}, %eax",
            "    int     $0x40",
            "    ret",
            f"    .size   {name}, .-{name}",
            "",
        ]
    lines.append('    .section .note.GNU-stack,"",@progbits')
    return "\n".join(lines) + "\n"


def doc(table: Table) -> str:
    """docs/syscalls.md."""
    lines = [
        "# System calls",
        "",
        "Made by `kernel/mksys.py` from `kernel/syscalls.tab`; change the table, not this page.",
        "",
        "A call is `mov $N, %eax; int $0x40` with the return address at `0(%esp)` and the",
        "argument words from `4(%esp)` on; a `vlong` is two words, the low one first.  The result",
        "is in `%eax`; -1 is failure, and `errstr` tells why.  Numbers that are not here end the",
        "process by the note `sys: bad sys call`.",
        "",
        "| number | C | manual | result |",
        "|---:|---|---|---|",
    ]
    lines += [f"| {call.number} | `{prototype(call)}` | {call.page} | {call.gives} |"
              for call in table.calls.values()]
    lines += ["", "## Types of arguments", "", "| type | C | meaning |", "|---|---|---|"]
    lines += [f"| {kind.name} | `{kind.c}` | {kind.meaning.replace('|', chr(92) + '|')} |"
              for kind in table.types.values()]
    return "\n".join(lines) + "\n"


PRODUCTS: Final = {"header": header, "stubs": stubs, "doc": doc}


def main(args: list[str]) -> int:
    """Print one product of the installed table."""
    if len(args) != 1 or args[0] not in PRODUCTS:
        print(f"usage: mksys {'|'.join(PRODUCTS)}", file=sys.stderr)
        return 2
    from vx9.kernel import systab

    sys.stdout.write(PRODUCTS[args[0]](systab.load()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
