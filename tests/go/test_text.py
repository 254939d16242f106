"""Every instruction of Go programs is accepted, but those that CPUID hides from them."""

import struct
from pathlib import Path

import capstone
import pytest

from ..vxcore.decoder import Decoder, build

pytestmark = pytest.mark.go

HEADER = 32  # of a Plan 9 a.out, mapped before the text
BASE = 0x1000
# Go asks CPUID before it uses them, and ours does not offer them.
HIDDEN = {"aesenc", "pshufb", "pinsrd", "rdtscp", "xgetbv"}
NOT_CODE = {"go:buildid", "runtime.text", "runtime.etext"}


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return build(tmp_path_factory.mktemp("decode"))


def _functions(go, program: Path):  # type: ignore[no-untyped-def]
    image = program.read_bytes()
    end = BASE + HEADER + struct.unpack_from(">I", image, 4)[0]
    listing = go.run("tool", "nm", "-size", str(program), cwd=program.parent).stdout
    for line in listing.splitlines():
        address, size, kind, name = line.split(None, 3)
        start = int(address, 16)
        if kind in "tT" and name not in NOT_CODE and start + int(size) <= end:
            yield name, image[start - BASE : start - BASE + int(size)]


def test_text_of_a_program(go, go_programs, decoder: Decoder) -> None:
    judge = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    accepted, denied = 0, {}
    for function, code in _functions(go, go_programs("goroutines")):
        at = 0
        while at < len(code):
            length, _ = decoder.decode(code[at : at + 15])
            if length > 0:
                accepted += 1
                at += length
                continue
            _, size, name, _ = next(judge.disasm_lite(code[at : at + 15], 0, 1))
            denied.setdefault(name, function)
            at += size
    assert {name: denied[name] for name in denied.keys() - HIDDEN} == {}
    assert accepted > 50_000
