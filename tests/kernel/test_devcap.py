"""#¤: who knows the key becomes the user, once."""

import hmac
import re

import pytest

from vx9.fs.dir import OREAD, OWRITE
from vx9.fs.errors import PlanError


def fails(text):
    return pytest.raises(PlanError, match=re.escape(text) + "$")


def grant(v, text, key):
    v.put("#¤/caphash", hmac.digest(key, text, "sha1"))


@pytest.fixture(autouse=True)
def glenda_again(v):
    yield
    v.p.user = "glenda"


def test_the_folder(v):
    assert v.stat("#¤").mode & 0o777 == 0o555
    assert {n: (d.mode, chr(d.type)) for n, d in v.ls("#¤").items()} == {
        "capuse": (0o222, "¤"), "caphash": (0o200, "¤")}
    assert "#¤ cap" in v.get("/dev/drivers").decode().splitlines()


def test_a_capability_works_once(v):
    grant(v, b"glenda@bootes", b"secret")
    v.put("#¤/capuse", b"glenda@bootes@secret")
    assert v.p.user == "bootes" and v.get("/dev/user") == b"bootes"
    with fails("invalid capability glenda@bootes@secret"):
        v.put("#¤/capuse", b"glenda@bootes@secret")


def test_without_the_first_user(v):
    grant(v, b"bootes", b"k")
    v.p.user = "none"
    v.put("#¤/capuse", b"bootes@k")
    assert v.p.user == "bootes"


def test_it_must_be_the_callers(v):
    grant(v, b"mallory@bootes", b"k")
    with fails("capability must match user"):
        v.put("#¤/capuse", b"mallory@bootes@k")
    assert v.p.user == "glenda"


def test_what_is_refused(v):
    with fails("i/o count too small"):
        v.put("#¤/caphash", b"short")
    with fails("i/o count too small"):
        v.put("#¤/capuse", b"no key")
    with fails("read or write too large"):
        v.put("#¤/capuse", bytes(1024))
    with fails("invalid capability a@b"):
        v.put("#¤/capuse", b"a@b\0junk")
    for name in ("capuse", "caphash"):
        with fails(f"'#¤/{name}' permission denied"):
            v.open(f"#¤/{name}", OREAD)
    with fails("bad arg in system call"):
        v.open("#¤", OWRITE)
    c = v.open("#¤/caphash", OWRITE)
    v.p.user = "mallory"
    with fails("'#¤/caphash' permission denied"):
        v.open("#¤/caphash", OWRITE)
    with fails("permission denied"):
        v.remove("#¤/caphash")
    v.p.user = "glenda"
    v.close(c)


def test_old_ones_go(v, host):
    grant(v, b"bootes", b"k")
    host.now_ns += 61 * 10**9
    with fails("invalid capability bootes@k"):
        v.put("#¤/capuse", b"bootes@k")
    grant(v, b"bootes", b"k")
    for i in range(256):
        grant(v, b"other%d" % i, b"k")
    with fails("invalid capability bootes@k"):
        v.put("#¤/capuse", b"bootes@k")
    v.put("#¤/capuse", b"other255@k")


def test_without_caphash_nobody_makes_any(v):
    c = v.open("#¤/caphash", OWRITE)
    grant(v, b"bootes", b"k")
    v.remove("#¤/caphash")
    assert set(v.ls("#¤")) == {"capuse"}
    with fails("permission denied"):
        v.write(c, bytes(20))
    v.close(c)
    v.put("#¤/capuse", b"bootes@k")
    assert v.p.user == "bootes"
