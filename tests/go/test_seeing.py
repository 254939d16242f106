"""Looking into Go programs: their own table of functions, and profiles for their own tool."""

import struct
import subprocess

import pytest

from vx9.userland.see import pclntab, symbols
from vx9.userland.see.image import Image

pytestmark = pytest.mark.go


def test_go_table(go_programs):
    data = go_programs("goroutines").read_bytes()
    names = symbols.read(data)
    size = struct.unpack_from(">I", data, 4)[0]
    image = Image("goroutines", data[:32 + size], names)
    assert image.table is not None
    for symbol in [s for s in names.code if s.name.startswith("main.")]:
        assert image.table.name(symbol.address) == symbol.name
        assert image.table.entry(symbol.address + 1) == symbol.address
        assert image.table.frame(symbol.address) == 0
    bare = pclntab.find(data[:32 + size], 0x1000)  # without a symbol's help
    assert bare is not None and bare.entries == image.table.entries


def test_pprof_reads_our_profiles(vx9, go, go_programs, tmp_path):
    file = tmp_path / "p"
    vx9("run", f"--profile={file}", go_programs("hog"), timeout=60)
    if not file.stat().st_size:
        pytest.fail("no profile")
    done = subprocess.run([go.root / "bin" / "go", "tool", "pprof", "-raw", file], capture_output=True, text=True,
                          env=go.env(), timeout=100)
    assert done.returncode == 0 and "PeriodType: cpu nanoseconds" in done.stdout, done.stderr
