"""The table of system calls agrees with itself and with the handlers."""

import inspect
import itertools

import pytest

from vx9.kernel import sysfile, sysmem, sysold, sysproc, systab

TABLE = systab.load().bind((sysfile, sysold, sysproc, sysmem))
CALLS = list(TABLE.calls.values())


def test_numbers_ascend_and_only_48_and_49_are_missing():
    assert list(TABLE.calls) == [n for n in range(54) if n not in (48, 49)]


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.name)
def test_a_handler_has_the_name_and_the_arguments_of_its_row(call):
    assert call.handler.__name__ == "sys_" + call.name
    assert len(inspect.signature(call.handler).parameters) == 1 + len(call.args)
    assert call.handler.__doc__


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.name)
def test_at_most_five_words_of_arguments(call):
    assert call.size == 4 * sum(kind.words for _, kind in call.args) <= 20


def test_a_count_follows_each_buffer_that_needs_one():
    for call in CALLS:
        kinds = [kind.name for _, kind in call.args] + [""]
        for kind, after in itertools.pairwise(kinds):
            assert (after == "count") == (kind in ("in", "out", "xbuf", "outstr")), call.name


def test_arguments_are_unpacked_by_sign_and_size():
    pread = TABLE.calls[50]
    block = bytes.fromhex("ffffffff 00100080 ffffffff feffffffffffffff".replace(" ", ""))
    assert pread.unpack(block) == (-1, 0x80001000, -1, -2)


@pytest.mark.parametrize("text, message", [
    ("4 close int fd:fd", "fd"),
    ("type fd 1 int\n4 close int fd:fd\n4 again int fd:fd", ":3: number 4"),
    ("type fd x int", ":1:"),
    ("four close int", ":1:"),
])
def test_a_bad_table_is_told_by_line(text, message):
    with pytest.raises(systab.TableError, match=message):
        systab.parse(text)


def test_a_call_without_a_handler_is_told():
    with pytest.raises(systab.TableError, match="close has no handler"):
        systab.parse("type fd 1 int\n4 close int fd:fd").bind(())
