"""The permission check and the rule for new files."""

from __future__ import annotations

import pytest

from vx9.fs import perm
from vx9.fs.dir import DMDIR, OCEXEC, OEXEC, ORCLOSE, ORDWR, OREAD, OTRUNC, OWRITE
from vx9.fs.errors import PlanError


@pytest.mark.parametrize(("mode", "need"), [
    (OREAD, 4), (OWRITE, 2), (ORDWR, 6), (OEXEC, 1), (OREAD | OTRUNC, 6), (OEXEC | OTRUNC, 3),
    (OREAD | ORCLOSE | OCEXEC, 4),
])
def test_what_modes_need(mode, need):
    assert perm.rights_needed(mode) == need


@pytest.mark.parametrize("mode", [4, 8, 0x80, -1, 1 << 20])
def test_unknown_modes(mode):
    with pytest.raises(PlanError, match="bad arg in system call"):
        perm.rights_needed(mode)


def test_each_class_has_its_own_bits():
    assert [perm.who(u, "owner", "group") for u in ("owner", "group", "x")] == [6, 3, 0]
    for bits, allowed in ((0o400, "owner"), (0o040, "group"), (0o004, "x")):
        for user in ("owner", "group", "x"):
            who = perm.who(user, "owner", "group")
            if user == allowed:
                perm.check(bits, who, perm.AREAD)
            else:
                with pytest.raises(PlanError, match="permission denied"):
                    perm.check(bits, who, perm.AREAD)


def test_what_new_files_inherit():
    assert perm.inherit(0o777, 0o755) == 0o755
    assert perm.inherit(0o666, 0o700) == 0o600
    assert perm.inherit(DMDIR | 0o777, 0o750) == DMDIR | 0o750
    assert perm.inherit(0o111, 0o000) == 0o111, "execution of files is not masked"
