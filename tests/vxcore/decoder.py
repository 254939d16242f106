"""decode.c in a library of its own, and its table, for tests."""

import ctypes
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

TOP = Path(__file__).resolve().parents[2]
CORE = TOP / "vxcore"
ALL = 0xFFFFFFFF
UP_TO_SSE3 = 0x3F
SHORT, UD, PRIV = 0, -1, -2
FP, LOAD, STORE, STACK, MEMORY = 1, 2, 4, 8, 16
UNUSED, USED, SET = range(3)


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mkinsns", CORE / "mkinsns.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


mkinsns = _load()
ROWS = mkinsns.rows((CORE / "insns.tab").read_text())


class Insn(ctypes.Structure):
    """struct vx_insn."""

    _fields_ = [
        *((name, ctypes.c_uint8) for name in ("action", "flags", "operand", "imm_size")),
        ("row", ctypes.c_uint16),
        *(
            (name, ctypes.c_uint8)
            for name in (
                "map opcode length prefix start modrm sib disp disp_size imm"
            ).split()
        ),
        ("value", ctypes.c_int32),
    ]


class _Access(ctypes.Structure):
    _fields_ = [("address", ctypes.c_uint32), ("size", ctypes.c_uint32), ("write", ctypes.c_int)]


class Access(NamedTuple):
    """struct vx_access."""

    address: int
    size: int
    write: bool


class Decoder:
    """decode.c in a library of its own."""

    def __init__(self, path: Path) -> None:
        self._lib = ctypes.CDLL(str(path))
        self._lib.vx_insn_name.restype = ctypes.c_char_p

    def decode(self, code: bytes, features: int = UP_TO_SSE3) -> tuple[int, Insn]:
        """The answer, and the instruction if that is a length."""
        insn = Insn()
        answer = self._lib.vx_decode(
            code, len(code), ctypes.c_uint32(features), ctypes.byref(insn)
        )
        return answer, insn

    def name(self, row: int) -> str:
        """The mnemonic of a row."""
        return self._lib.vx_insn_name(row).decode()

    def copy(self, insn: Insn, code: bytes) -> bytes:
        """The instruction as it is executed."""
        out = ctypes.create_string_buffer(32)
        count = self._lib.vx_insn_copy(ctypes.byref(insn), code, out)
        return out.raw[:count]

    def ecx(self, code: bytes) -> int:
        """What the instruction in code does with ECX: enum vx_use."""
        answer, insn = self.decode(code, ALL)
        assert answer > 0, code.hex()
        return self._lib.vx_insn_ecx(ctypes.byref(insn), code)

    def accesses(self, code: bytes, regs: list[int]) -> list[Access]:
        """The accesses of the instruction in code."""
        answer, insn = self.decode(code, ALL)
        assert answer > 0, code.hex()
        out = (_Access * 3)()
        count = self._lib.vx_insn_accesses(
            ctypes.byref(insn), code, (ctypes.c_uint32 * 8)(*regs), out
        )
        return [Access(a.address, a.size, bool(a.write)) for a in out[:count]]


def compile_c(*args: str) -> None:
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([shutil.which("gcc") or "cc", *flags, *args], check=True)


def build(out: Path, table: str | None = None) -> Decoder:
    """Make insns.inc and libdecode.so in out, beside copies of the sources."""
    rows = ROWS if table is None else mkinsns.rows(table)
    (out / "insns.inc").write_text(mkinsns.c_tables(rows))
    for name in ("decode.h", "decode.c", "nofpu.h"):
        shutil.copy(CORE / "src" / name, out)
    compile_c("-fPIC", "-shared", "-o", str(out / "libdecode.so"), str(out / "decode.c"))
    return Decoder(out / "libdecode.so")
