"""How the cost of an operation grows with what else there is: processes, pipes, files, mounts.

``python -P -m vx9.userland.bench.scale FILE.svg`` draws it.  Times are of the processor.
"""

import math
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from vx9.fs.dir import OREAD, OWRITE, DirChange
from vx9.kernel.devtab import bind_host
from vx9.kernel.kernel import Kernel
from vx9.kernel.limits import Limits

MOST_TIMES: Final = 2.0  # what a large one may cost of a small one
ROUNDS: Final = 7
# semacquire(&word, 1) of a word that is 0: $esp points at it and its address and 1 follow
BLOCKED: Final = bytes.fromhex("6a01 68 00200000 6a00 b8 25000000 cd40")
ENDING: Final = bytes.fromhex("6a00 6a00 b8 08000000 cd40")  # exits(0)

Do = Callable[[int], Awaitable[None]]  # an operation so many times


@dataclass
class Curve:
    """Microseconds of one operation by the number of things that there are."""

    operation: str
    things: str
    points: list[tuple[int, float]]

    @property
    def growth(self) -> float:
        """The cost with the most of them to that with the fewest."""
        return self.points[-1][1] / self.points[0][1]


@contextmanager
def kernel() -> Iterator[Kernel]:
    """A kernel in this thread, with limits that leave room."""
    made = Kernel(limits=Limits(processes=5000, mounts=5000, files=50_000, ram=1 << 30))
    try:
        yield made
    finally:
        made.stop()


def cost(k: Kernel, do: Do, times: int) -> float:
    """Microseconds of one operation: the least of several rounds."""
    k.call(do, times)
    found = []
    for _ in range(ROUNDS):
        begin = time.thread_time_ns()
        k.call(do, times)
        found.append((time.thread_time_ns() - begin) / 1e3 / times)
    return min(found)


def program(folder: Path, name: str, code: bytes) -> str:
    """A Plan 9 program of machine code, as guests name it."""
    header = b"".join(n.to_bytes(4, "big") for n in (0x1EB, len(code), 4, 0, 0, 0x1020, 0, 0))
    path = folder / name
    path.write_bytes(header + code + bytes(4))
    path.chmod(0o755)
    return f"/n/scale/{name}"


def processes(sizes: tuple[int, ...]) -> list[Curve]:
    """A process made, run and waited for, while others are blocked; these cost no thread."""
    curve = Curve("process: create, run, end", "blocked processes", [])
    with kernel() as k, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blocked, ending = program(folder, "blocked", BLOCKED), program(folder, "ending", ENDING)
        k.call(bind_host, k, name, "/n/scale", False)

        async def make(times: int) -> None:
            for _ in range(times):
                handle = await k._spawn([ending], {}, "/", (None, None, None), None, None)
                await handle.proc.exited.sleep(partial(getattr, handle.proc, "dead"))

        threads = threading.active_count()
        there = 0
        for size in sizes:
            for _ in range(size - there):
                k.spawn([blocked], env={}, stdin=None, stdout=None, stderr=None)
            there = size
            curve.points.append((size, cost(k, make, 50)))
        if threading.active_count() != threads:
            raise AssertionError("blocked processes have threads")
    return [curve]


def pipes(sizes: tuple[int, ...]) -> list[Curve]:
    """A byte through a new pipe, while there are others."""
    curve = Curve("pipe: make, byte through, close", "pipes", [])
    with kernel() as k:
        p = k.boot

        async def use(times: int) -> None:
            for _ in range(times):
                near, far = await k.pipe(p.user)
                await near.write(p, b"x")
                await far.read(p, 1)
                await near.close()
                await far.close()

        there: list[Any] = []
        for size in sizes:
            while len(there) < size:
                there.append(k.call(k.pipe, p.user))
            curve.points.append((size, cost(k, use, 500)))
        for ends in there:
            for c in ends:
                k.call(c.close)
    return [curve]


def files(sizes: tuple[int, ...], place: str, what: str) -> list[Curve]:
    """One file in a folder of many: opened; made, renamed and removed; and the list of them all."""
    opened = Curve(f"{what}: open and close", "files in the folder", [])
    made = Curve(f"{what}: make, rename, remove", "files in the folder", [])
    listed = Curve(f"{what}: list, each file", "files in the folder", [])
    with kernel() as k, tempfile.TemporaryDirectory() as name:
        p = k.boot
        k.call(bind_host, k, name, "/n/scale", True)

        async def open_one(times: int) -> None:
            for i in range(times):
                c = await p.ns.open(p, f"{place}/{i * 7919 % there}", OREAD)
                await c.close()

        async def make_one(times: int) -> None:
            for _ in range(times):
                c = await p.ns.create(p, f"{place}/new", OWRITE, 0o644)
                await c.wstat(p, DirChange(name="newer"))
                await c.close()
                await p.ns.remove(p, f"{place}/newer")

        async def list_all(times: int) -> None:
            for _ in range(times):
                c = await p.ns.open(p, place, OREAD)
                while await c.read(p, 8192):
                    pass
                await c.close()

        async def fill(begin: int, end: int) -> None:
            for i in range(begin, end):
                await (await p.ns.create(p, f"{place}/{i}", OWRITE, 0o644)).close()

        there = 0
        for size in sizes:
            k.call(fill, there, size)
            there = size
            opened.points.append((size, cost(k, open_one, 500)))
            made.points.append((size, cost(k, make_one, 200)))
            listed.points.append((size, cost(k, list_all, max(1, 1000 // size)) / size))
    return [opened, made, listed]


def mounts(sizes: tuple[int, ...]) -> list[Curve]:
    """A file opened through a mount, and a mount made and undone, among others."""
    opened = Curve("open and close through a mount", "mounts", [])
    made = Curve("bind and unmount", "mounts", [])
    with kernel() as k:
        p = k.boot

        async def folder(name: str) -> None:
            await (await p.ns.create(p, name, OREAD, 0o755 | 1 << 31)).close()

        async def add(i: int) -> None:
            await folder(f"/tmp/{i}")
            await p.ns.bind(p, "#c", f"/tmp/{i}", 0)

        async def open_one(times: int) -> None:
            for i in range(times):
                c = await p.ns.open(p, f"/tmp/{i * 7919 % there}/null", OREAD)
                await c.close()

        async def make_one(times: int) -> None:
            for _ in range(times):
                await p.ns.bind(p, "#c", "/tmp/mine", 0)
                await p.ns.unmount(p, None, "/tmp/mine")

        k.call(folder, "/tmp/mine")
        there = 0
        for size in sizes:
            for i in range(there, size):
                k.call(add, i)
            there = size
            opened.points.append((size, cost(k, open_one, 500)))
            made.points.append((size, cost(k, make_one, 200)))
    return [opened, made]


def curves(less: int = 1) -> list[Curve]:
    """All of them; less: with so many times fewer things."""
    def sizes(*most: int) -> tuple[int, ...]:
        return tuple(max(2, n // less) for n in most)

    return [*processes(sizes(10, 100, 1000)), *pipes(sizes(10, 100, 1000, 10_000)),
            *files(sizes(100, 1000, 10_000, 100_000), "/n/scale", "host folder"),
            *files(sizes(100, 1000, 10_000, 100_000), "/tmp", "memory folder"),
            *mounts(sizes(10, 100, 1000))]


# Drawing

WIDTH: Final = 760
HEIGHT: Final = 460
LEFT: Final = 60
RIGHT: Final = 480  # the names follow
TOP: Final = 30
BOTTOM: Final = 410
COLOURS: Final = ("#1f6fb4", "#d1495b", "#2e8b57", "#e08e0b", "#7b4ea3", "#17806d", "#8c564b", "#b5307d",
                  "#5b6770", "#a0a000")


def svg(found: list[Curve]) -> str:
    """Cost against number, both logarithmic."""
    most_x = math.log10(max(n for curve in found for n, _ in curve.points))
    costs = [cost for curve in found for _, cost in curve.points]
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))

    def x(n: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log10(n) / most_x

    def y(cost: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (math.log10(cost) - low) / max(1, high - low)

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT}" y="16">microseconds of the processor for one operation, by the number of '
             'things that there are</text>']
    for power in range(math.floor(most_x) + 1):
        lines += [f'<path d="M{x(10 ** power):.1f} {TOP}V{BOTTOM}" stroke="#ddd"/>',
                  f'<text x="{x(10 ** power):.1f}" y="{BOTTOM + 16}" text-anchor="middle">{10 ** power:,}</text>']
    for power in range(low, high + 1):
        lines += [f'<path d="M{LEFT} {y(10 ** power):.1f}H{RIGHT}" stroke="#ddd"/>',
                  f'<text x="{LEFT - 6}" y="{y(10 ** power) + 4:.1f}" text-anchor="end">{10 ** power:g}</text>']
    for i, curve in enumerate(found):
        colour = COLOURS[i % len(COLOURS)]
        points = " ".join(f"{x(n):.1f},{y(cost):.1f}" for n, cost in curve.points)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x(n):.1f}" cy="{y(cost):.1f}" r="3" fill="{colour}"/>'
                  for n, cost in curve.points]
        at = TOP + 14 + 36 * i
        lines += [f'<text x="{RIGHT + 20}" y="{at}" fill="{colour}">{curve.operation}</text>',
                  f'<text x="{RIGHT + 20}" y="{at + 13}" fill="#555">{curve.points[-1][0]:,} {curve.things}: '
                  f'{curve.growth:.2f} times</text>']
    return "\n".join([*lines, "</svg>", ""])


def table(found: list[Curve]) -> str:
    """The same in words."""
    return "\n".join(f"{curve.operation:34} {curve.growth:5.2f} times, from {curve.points[0][1]:.3g} us with "
                     f"{curve.points[0][0]:,} to {curve.points[-1][1]:.3g} us with {curve.points[-1][0]:,} "
                     f"{curve.things}{'' if curve.growth <= MOST_TIMES else '  MISSED'}" for curve in found)


if __name__ == "__main__":
    measured = curves()
    print(table(measured))
    Path(sys.argv[1]).write_text(svg(measured), encoding="ascii")
