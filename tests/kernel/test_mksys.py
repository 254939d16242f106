"""The products of the table: they agree with it, and the compiler takes them."""

import re
from pathlib import Path

import pytest

from vx9.kernel import mksys, systab
from vx9.userland.guest import build


@pytest.fixture(scope="module")
def table():
    return systab.load()


def test_every_call_has_a_number_a_stub_and_a_prototype(table):
    header, stubs = mksys.header(table), mksys.stubs(table)
    for call in table.calls.values():
        name = mksys.stub_name(call)
        assert f"#define SYS_{call.name.upper()} {call.number}\n" in header
        assert re.search(rf"\b{name}\(.*\).*;", header)
        assert re.search(rf"\n{name}:\n    movl    \${call.number}, %eax\n    int     \$0x40\n    ret\n",
                         stubs)


def test_names_that_the_library_wraps_differ(table):
    assert "\nexits:" not in mksys.stubs(table) and "\n_exits:" in mksys.stubs(table)
    assert "noreturn" in re.search(r"_exits\(.*", mksys.header(table)).group()


def test_prototypes_as_the_manual_has_them(table):
    by_name = {call.name: mksys.prototype(call) for call in table.calls.values()}
    assert by_name["pread"] == "int pread(int fd, void *buf, int n, vlong offset)"
    assert by_name["open"] == "int open(char const *name, int mode)"
    assert by_name["exec"] == "int exec(char const *name, char **argv)"
    assert by_name["rendezvous"] == "void *rendezvous(void *tag, void *value)"
    assert by_name["semacquire"] == "int semacquire(long *address, int block)"
    assert by_name["sysr1"] == "int sysr1(void)"


def test_the_document_lists_every_call_and_type(table):
    text = mksys.doc(table)
    for call in table.calls.values():
        assert f"| {call.number} | `{mksys.prototype(call)}` | {call.page} | {call.gives} |" in text
        assert call.page and call.gives, call.name
    for kind in table.types.values():
        assert f"\n| {kind.name} | " in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (4, 5) for row in rows)


def test_the_committed_document_is_that_of_the_table(table):
    """To make it: python -P -m vx9.kernel.mksys doc > docs/syscalls.md."""
    committed = Path(__file__).parents[2] / "docs" / "syscalls.md"
    assert committed.read_text("ascii") == mksys.doc(table)


def test_the_command(capsys):
    assert mksys.main(["header"]) == 0
    assert "#define SYS_PREAD 50" in capsys.readouterr().out
    assert mksys.main([]) == 2
    assert mksys.main(["nothing"]) == 2


@pytest.mark.guest
def test_the_library_was_built_from_this_table(table, demand):
    try:
        lib = build.library()
    except build.BuildError as error:
        demand(f"a 32-bit compiler ({error})")
    assert (lib.directory / "sys.h").read_text() == mksys.header(table)
