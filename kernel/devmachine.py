"""Small devices that tell of the machine: #P the processor, #r its clock and store, #¶ swap.

Source: arch(3), rtc(3), swap(3) of 9front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vx9.fs.dirtab import DirtabServer, Row
from vx9.fs.errors import EBADARG, EBADTIME, EPERM, PlanError
from vx9.fs.server import Fid
from vx9.kernel import consmachine
from vx9.kernel.clock import SECOND

if TYPE_CHECKING:
    from vx9.kernel.kernel import Kernel

NVRAM: Final = 256  # bytes
TIME_MAX: Final = 32  # bytes written to rtc


class Machine(DirtabServer):
    """A device that its kernel tells about."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        super().__init__(kernel.eve, kernel.clock.seconds)


class Arch(Machine):
    """The processor."""

    dc = "P"
    name = "arch"

    def _mhz(self) -> int:
        return self.kernel.cycle_hz // 1_000_000

    def _cputype(self, fid: Fid) -> bytes:
        return b"vx9 %d\n" % self._mhz()

    def _archctl(self, fid: Fid) -> bytes:
        """What can be chosen on a real one, and what it is here, where nothing can."""
        return (b"cpu vx9 %d\npge off\ncoherence mb386\ncmpswap cmpswap486\ni8253set off\n"
                % self._mhz())

    def _nothing(self, fid: Fid) -> bytes:
        """Guests have no ports and no interrupt lines, so none are taken."""
        return b""

    # fmt: off
    ROWS = (
        Row("archctl",  0o444, text=_archctl),
        Row("cputype",  0o444, text=_cputype),
        Row("ioalloc",  0o444, text=_nothing),
        Row("irqalloc", 0o444, text=_nothing),
    )
    # fmt: on


class Rtc(Machine):
    """The clock, which is that of #c, and a store that lasts as long as the kernel."""

    dc = "r"
    name = "rtc"

    def __init__(self, kernel: Kernel) -> None:
        self.nvram = bytearray(NVRAM)
        super().__init__(kernel)

    def _rtc(self, fid: Fid) -> bytes:
        return consmachine.number(self.kernel.clock.seconds())

    async def _rtc_write(self, fid: Fid, data: bytes, offset: int) -> int:
        if fid.uid != self.eve or offset:
            raise PlanError(EPERM if fid.uid != self.eve else EBADARG)
        digits = data.replace(b"\0", b" ").strip()
        if len(data) >= TIME_MAX or not digits.isdigit() or int(digits) <= 0:
            raise PlanError(EBADTIME)
        self.kernel.clock.set(int(digits) * SECOND)
        return len(data)

    async def _nvram_read(self, fid: Fid, count: int, offset: int) -> bytes:
        if fid.uid != self.eve:
            raise PlanError(EPERM)
        return bytes(self.nvram[offset : offset + count])

    async def _nvram_write(self, fid: Fid, data: bytes, offset: int) -> int:
        if fid.uid != self.eve:
            raise PlanError(EPERM)
        if offset > NVRAM:
            raise PlanError(EBADARG)
        data = data[: NVRAM - offset]
        self.nvram[offset : offset + len(data)] = data
        return len(data)

    def _nvram_length(self, fid: Fid) -> int:
        return NVRAM

    # fmt: off
    ROWS = (
        Row("nvram", 0o664, _nvram_read, _nvram_write, length=_nvram_length),
        Row("rtc",   0o664, text=_rtc, write=_rtc_write),
    )
    # fmt: on


class Swap(Machine):
    """9front's place for what is #c/swap elsewhere."""

    dc = "¶"
    name = "swap"

    def __init__(self, kernel: Kernel, cons: Any) -> None:
        self._cons = cons
        super().__init__(kernel)

    def _swap(self, fid: Fid) -> bytes:
        return consmachine.swap(self._cons, fid)

    async def _swap_write(self, fid: Fid, data: bytes, offset: int) -> int:
        return await consmachine.swap_write(self._cons, fid, data, offset)

    ROWS = (Row("swap", 0o664, text=_swap, write=_swap_write),)
