"""The texts of floating-point notes."""

import struct
from types import SimpleNamespace

import pytest

from vx9.kernel import trap
from vx9.vxcore import TrapKind


def cpu(status=0, mxcsr=0, eip=0x1234):
    fpu = bytearray(512)
    struct.pack_into("<H", fpu, 2, status)
    struct.pack_into("<I", fpu, 24, mxcsr)
    return SimpleNamespace(fpu=bytes(fpu), eip=eip)


@pytest.mark.parametrize(("status", "text"), [
    (0x01, "invalid operation"), (0x41, "stack underflow"), (0x241, "stack overflow"),
    (0x02, "denormalized operand"), (0x04, "division by zero"), (0x08, "numeric overflow"),
    (0x10, "numeric underflow"), (0x20, "precision loss"), (0x80, "unknown exception"),
])
def test_x87(status, text):
    event = SimpleNamespace(kind=TrapKind.FPU, address=0x1100)
    assert trap.describe(event, cpu(status)) == (
        f"sys: fp: {text} fppc=0x1100 status={status:#x}", 16, 0)


@pytest.mark.parametrize(("mxcsr", "text"), [
    (0x1F01, "invalid operation"), (0x1F41, "invalid operation"), (0x9FC4, "division by zero"),
])
def test_sse_whatever_else_is_set(mxcsr, text):
    event = SimpleNamespace(kind=TrapKind.SIMD, address=0)
    assert trap.describe(event, cpu(mxcsr=mxcsr)) == (
        f"sys: fp: {text} fppc=0x1234 status={mxcsr & 0x3F:#x}", 19, 0)
