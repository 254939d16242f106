"""Programs on the bare processor: the Python side of bare.c, and what a program is there."""

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

try:
    from . import elf32
except ImportError:  # run as a script
    import elf32

TEXT, DATA, STACK = 0x01000000, 0x02000000, 0x02100000
DATA_SIZE, STACK_SIZE = 4096, 4096
LIMIT = 60 << 20
TIMEOUT = 0xFFFF
END = 0x40  # the INT that ends a program

_HEADER = struct.Struct("<16I")
_START = struct.Struct("<11I")
_RECORD = struct.Struct("<8I5I12x512s")


@dataclass(slots=True)
class Batch:
    """Programs that share a text and what data, stack and FPU state hold at first."""

    text: bytes
    data: bytes
    stack: bytes
    fpus: list[bytes]
    starts: list[tuple[tuple[int, ...], int]]  # eax..edi, eip, eflags; the FPU image


@dataclass(slots=True)
class State:
    """What a program left, or has at one moment."""

    regs: tuple[int, ...]  # eax..edi, eip, eflags
    trap: int
    error: int
    address: int
    fpu: bytes
    memory: bytes


class Bare:
    """The runner, built into a folder."""

    def __init__(self, into: Path) -> None:
        source = Path(__file__).with_name("bare.c").read_text()
        self._program = elf32.compile_guest(
            source, into / "bare", "-Wl,-Ttext-segment=0x70000000", "-mgeneral-regs-only",
            "-fno-builtin", "-Wall", "-Wextra", "-Werror",
        )

    def run(self, batch: Batch, trace: int = 0) -> list[State]:
        """A state for each case; with trace, up to so many states of the one case."""
        size = _RECORD.size + DATA_SIZE + STACK_SIZE
        count = trace or len(batch.starts)
        text = batch.text + bytes(-len(batch.text) % 4096)
        parts = [b"".join(_START.pack(*r[:8], r[9], r[8], f) for r, f in batch.starts),
                 text, batch.data, batch.stack, b"".join(batch.fpus)]
        at, offsets = _HEADER.size, []
        for part in parts:
            at += -at % 64
            offsets.append(at)
            at += len(part)
        out = at + -at % 4096
        with tempfile.TemporaryFile() as f:
            f.write(_HEADER.pack(
                offsets[0], len(batch.starts), out, count, TEXT, len(text), offsets[1], DATA,
                DATA_SIZE, offsets[2], STACK, STACK_SIZE, offsets[3], offsets[4], trace > 0, 0,
            ))
            for offset, part in zip(offsets, parts, strict=True):
                f.seek(offset)
                f.write(part)
            f.truncate(out + (count + 1) * size)
            f.flush()
            status = subprocess.run([self._program], stdin=f, timeout=600).returncode
            if status:
                raise RuntimeError(f"bare.c ended with {status}")
            f.seek(_HEADER.size - 4)
            done = struct.unpack("<I", f.read(4))[0]
            f.seek(out)
            records = f.read(done * size)
        return [_state(records[i * size : (i + 1) * size]) for i in range(done)]


def _state(record: bytes) -> State:
    *regs, eflags, eip, trap, error, address, fpu = _RECORD.unpack_from(record)
    return State((*regs, eip, eflags), trap, error, address, fpu, record[_RECORD.size :])
