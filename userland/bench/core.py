"""vx9 bench core: the sandbox core against native i386 code, row by row.

Native code, the guest, qemu-i386 and wasmtime run the same C and take turns within a round.  A
ratio is the median of the rounds' ratios, so that what slows a whole round down cancels out; a
round's figure for a program is the best of its repeats.  The times of workloads are processor
time.  The column vx32 quotes what libvx32 was measured to take on a 64-bit host of the same
kind, in the same way; vx9 does not run it.
"""

import math
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from vx9.userland.bench import bare, events, wasm, workloads
from vx9.userland.bench.workloads import AS_WRITTEN, HOT, LOOPS, SORT, Run, Workload
from vx9.userland.errors import Refusal

QEMU: Final = "qemu-i386"
QEMU_ROUNDS: Final = 2  # it is five times slower, and not what is measured
WASM_ROUNDS: Final = 3
CLIFF: Final = 2.0  # the ratio to native over much code, to that over little, is no cliff till here
QUARTER: Final = 0.75  # of vx32's geometric mean
CORES: Final = 1.8  # what two cores do, to what one does

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How long to measure."""

    rounds: int = 7
    tiny: bool = False  # only show that everything works


USUAL: Final = Settings()


@dataclass(frozen=True)
class Case:
    """A workload, the most and the wished for times native, and vx32's figure."""

    workload: Workload
    target: float | None
    aim: float | None
    vx32: float | None
    quoted: str = ""


@dataclass
class Row:
    """One line of the report: a figure and what bounds it, all in unit ("x": times native)."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    native: str = ""  # for people
    vx32: str = ""
    target: float | None = None
    aim: float | None = None
    met: bool | None = None
    aim_met: bool | None = None
    qemu: float | None = None  # times native
    wasm: float | None = None
    note: str = ""
    detail: dict[str, object] = field(default_factory=dict)

    def bound(self, target: float | None, aim: float | None, most: bool = True) -> "Row":
        """Compare with a target and an aim: the most that it may be, or the least."""
        def reached(limit: float | None) -> bool | None:
            if limit is None:
                return None
            return self.value <= limit if most else self.value >= limit

        self.target, self.aim = target, aim
        self.met, self.aim_met = reached(target), reached(aim)
        return self


CASES: Final = (
    Case(LOOPS, 1.05, 1.02, 1.01, "1.00-1.01 (1.85)"),
    Case(Workload("sha-256", "sha256.c", ("-O2", *AS_WRITTEN), 16), 1.05, 1.02, 1.01),
    Case(Workload("matmul", "matmul.c", ("-O2", *AS_WRITTEN), 16), 1.05, 1.02, 1.00, "1.00 (1.85)"),
    Case(SORT, 1.12, 1.05, 1.05),
    Case(Workload("sort, comparison function", "quicksort.c", ("-O2", "-DCOMPARE")),
         1.12, 1.05, None),
    Case(Workload("CoreMark-like mix", "mix.c"), 1.12, 1.05, 1.17),
    Case(Workload("fib -O2", "fib.c"), 1.15, 1.07, 1.50),
    Case(Workload("fib -O1", "fib.c", ("-O1",)), 1.20, 1.10, 1.58),
    Case(Workload("direct call+ret loop", "calls.c"), 1.35, 1.15, 1.65),
    Case(Workload("function pointers, 4 in turn", "pointers.c", ("-O2", "-DTARGETS=4")),
         1.06, 1.00, 1.06),
    Case(Workload("function pointers, 64 random", "pointers.c", ("-O2", "-DTARGETS=64")),
         1.45, 1.30, 1.67),
    Case(Workload("interpreter, switch", "interp.c"), 2.1, 1.5, 2.63),
    Case(Workload("interpreter, switch without table", "interp.c", ("-O2", "-fno-jump-tables")),
         2.1, 1.5, None),
    Case(Workload("interpreter, computed goto", "interp.c", ("-O2", "-DGOTO")), 1.7, 1.3, 1.94),
    Case(Workload("tree walk", "tree.c"), 1.35, 1.15, 1.63),
    Case(Workload("pointer chase", "chase.c"), 1.26, 1.00, 1.26),
    Case(Workload("100 call sites round robin", "sites.c"), 2.5, 1.5, 7.5),
)


@dataclass
class Measured:
    """Seconds of every round, by variants."""

    ours: list[list[float]]
    native: list[list[float]]
    qemu: list[list[float]]
    wasm: list[list[float]]
    first: list[list[float]]  # ours, with translation


def measure(workload: Workload, folder: Path, settings: Settings, tell: Tell) -> Measured:
    """A workload under all that is installed; the results must be equal."""
    more = ("-DTINY",) if settings.tiny else ()
    host = workloads.native(workload, folder, more)
    aout = workloads.guest(workload, folder, more).read_bytes()
    runs: dict[str, Callable[[], bytes]] = {
        "native": partial(workloads.run_host, [str(host)]),
        "ours": partial(bare.run, aout)}
    rounds = {"native": settings.rounds, "ours": settings.rounds}
    if qemu := shutil.which(QEMU):
        runs["qemu"] = partial(workloads.run_host, [qemu, str(host)])
        rounds["qemu"] = QEMU_ROUNDS
    if workload is not HOT and wasm.missing() is None:
        runs["wasm"] = wasm.prepare(workload, folder, more)
        rounds["wasm"] = WASM_ROUNDS
    variants = range(workload.variants)
    times: dict[str, list[list[float]]] = {
        name: [[] for _ in variants] for name in ("ours", "native", "qemu", "wasm", "first")}
    sums: list[set[str]] = [set() for _ in variants]
    for turn in range(settings.rounds):
        tell(f"{workload.name}, round {turn + 1} of {settings.rounds}")
        for name, run in runs.items():
            if turn >= rounds[name]:
                continue
            found = workloads.results(run(), f"{workload.name} ({name})", workload.variants)
            for variant, result in enumerate(found):
                sums[variant].add(result.checksum)
                times[name][variant].append(best(result))
                if name == "ours":
                    times["first"][variant].append(result.first)
    for some in sums:
        if len(some) != 1:
            raise Refusal(f"bench: {workload.name} computed different results: {sorted(some)}")
    return Measured(**times)


def best(result: Run) -> float:
    """The figure of a round."""
    return max(min(result.warm), 1e-9)


def paired(ours: Sequence[float], native: Sequence[float]) -> list[float]:
    """The rounds' ratios."""
    return [a / b for a, b in zip(ours, native, strict=False)]


def beside(other: list[list[float]], native: list[list[float]]) -> float | None:
    """Another system's ratio: the median over the variants."""
    if not other[0]:
        return None
    return statistics.median(statistics.median(paired(a, b))
                             for a, b in zip(other, native, strict=True))


def duration(second: float) -> str:
    """For people."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if second * factor >= 1:
            return f"{second * factor:.3g} {unit}"
    return f"{second * 1e9:.3g} ns"


def layout_name(workload: Workload, variant: int) -> str:
    """What a variant of a loop is: which, and how far its code is shifted."""
    loop = f"{workloads.LOOP_NAMES[variant // 16]} " if workload is LOOPS else ""
    return f"{loop}+{variant % 16 * 4}"


def compute(case: Case, folder: Path, settings: Settings, tell: Tell) -> Row:
    """A row of times native: of the worst layout, where the workload has several."""
    found = measure(case.workload, folder, settings, tell)
    rounds = [paired(a, b) for a, b in zip(found.ours, found.native, strict=True)]
    ratios = [statistics.median(some) for some in rounds]
    worst = max(range(len(ratios)), key=ratios.__getitem__)
    row = Row(case.workload.name, "x", ratios[worst], min(rounds[worst]), max(rounds[worst]),
              native=duration(statistics.median(found.native[worst])),
              vx32=case.quoted or ("" if case.vx32 is None else f"{case.vx32:.2f}"),
              qemu=beside(found.qemu, found.native), wasm=beside(found.wasm, found.native))
    if len(ratios) > 1:
        names = [layout_name(case.workload, v) for v in range(len(ratios))]
        row.name += ", worst layout"
        row.note = f"{names[worst]}; median of the layouts {statistics.median(ratios):.2f}"
        row.detail["layouts"] = dict(zip(names, ratios, strict=True))
        row.detail["to the best native layout"] = max(
            statistics.median(found.ours[v])
            / min(statistics.median(found.native[w]) for w in range(v // 16 * 16, v // 16 * 16 + 16))
            for v in range(len(ratios)))
    return row.bound(case.target, case.aim)


def geometric_mean(values: Sequence[float]) -> float:
    """Their product's root."""
    return math.exp(statistics.fmean(map(math.log, values)))


def mean_row(rows: Sequence[Row], cases: Sequence[Case]) -> Row:
    """Over the rows that vx32 has a figure for."""
    both = [(row, case.vx32) for row, case in zip(rows, cases, strict=True) if case.vx32 is not None]
    theirs = geometric_mean([vx32 for _, vx32 in both])
    ours = geometric_mean([row.value for row, _ in both])
    row = Row("geometric mean of these", "x", ours, min(r.value for r, _ in both),
              max(r.value for r, _ in both), vx32=f"{theirs:.2f}",
              note=f"target: {QUARTER:g} of vx32's")
    for name in ("qemu", "wasm"):
        found = [getattr(r, name) for r in rows]
        if None not in found:
            setattr(row, name, geometric_mean(found))
    return row.bound(round(QUARTER * theirs, 3), None)


def hot(folder: Path, settings: Settings, tell: Tell) -> list[Row]:
    """Nanoseconds of a block, over ever more code; and of a block that was never run before."""
    blocks = workloads.HOT_BLOCKS_TINY if settings.tiny else workloads.HOT_BLOCKS
    found = measure(HOT, folder, settings, tell)
    rows, little = [], 0.0
    sizes = (("100 KB", "8.4 ns"), ("400 KB", "195 ns (23x)"), ("4 MB", ""))
    for variant, (size, vx32) in enumerate(sizes):
        each = [second / blocks[variant] * 1e9 for second in found.ours[variant]]
        native = statistics.median(found.native[variant]) / blocks[variant]
        ratio = statistics.median(paired(found.ours[variant], found.native[variant]))
        row = Row(f"block of 8 instructions, {size} of hot code", "ns", statistics.median(each),
                  min(each), max(each), native=duration(native), vx32=vx32,
                  detail={"ratio": ratio}, note=f"{ratio:.2f} times native")
        if qemu := found.qemu[variant]:
            row.qemu = statistics.median(paired(qemu, found.native[variant]))
        if variant == 0:
            little = ratio
        else:
            row.met = ratio / little <= CLIFF
            row.note += f", {ratio / little:.2f} of that of 100 KB (no cliff: at most {CLIFF:g})"
        rows.append(row)
    distinct = blocks[2] if settings.tiny else blocks[2] // 2  # each block runs twice in a work()
    cold = [max(first - warm, 0.0) / distinct * 1e9
            for first, warm in zip(found.first[2], found.ours[2], strict=True)]
    rows.append(Row("translation of such a block, run and linked", "ns", statistics.median(cold),
                    min(cold), max(cold), vx32="124 ns"))
    return rows


def timed(name: str, unit: str, seconds: Sequence[float], vx32: str = "",
          target: float | None = None, aim: float | None = None, most: float | None = None) -> Row:
    """A row of the median of measured times, or of the quantile most of them."""
    factor = {"ns": 1e9, "µs": 1e6, "ms": 1e3}[unit]
    values = sorted(second * factor for second in seconds)
    value = statistics.median(values)
    row = Row(name, unit, value, values[0], values[-1], vx32=vx32)
    if most is not None:
        row.value = values[min(int(len(values) * most), len(values) - 1)]
        row.note = f"median {value:.3g} {unit} of {len(values)}"
        row.detail["median"] = value
    return row.bound(target, aim)


def event_rows(folder: Path, settings: Settings, tell: Tell) -> list[Row]:
    """What is not compared with native code."""
    rounds, less = settings.rounds, 1000 if settings.tiny else 1
    tell("calls")
    rows = [
        timed("null call, C handler", "ns", events.null_call_c(rounds, 500_000 // less),
              "241 ns", 60, 37),
        timed("null call, Python handler", "ns", events.null_call_python(rounds, 100_000 // less),
              "", 500, 115)]
    tell("translation")
    count = 20_000 // (50 if settings.tiny else 1)
    each, begin = events.translation(rounds, count)
    rows.append(timed("translation of a straight-line instruction", "ns", each,
                      "7 ns, unverified", 30, 15))
    percent = [100 * share for share in events.verifier_share(rounds, count)]
    rows.append(Row("the verifier's part of it", "%", statistics.median(percent), min(percent),
                    max(percent)).bound(25, None))
    rows.append(timed("first instruction of a new program", "µs", begin))
    tell("faults")
    faults = 10_000 // less
    rows.append(timed("page-fault trap, and on", "µs", events.page_fault(rounds, faults),
                      "3.2 µs", 4, 2.7))
    rows.append(timed("fault beyond the segment, and on", "µs", events.limit_fault(rounds, faults),
                      "3.1 µs"))
    tell("interrupts")
    rows.append(timed("Cpu.interrupt() to return of run(), p99", "ms",
                      events.interrupt(3 if settings.tiny else 300), most=0.99))
    guests = 5 if settings.tiny else events.SPINNING
    rows.append(timed(f"call to a kernel with {guests} spinning guests, p99", "ms",
                      events.control(folder, 5 if settings.tiny else 400, guests),
                      "25 ms", 20, 2, most=0.99))
    return rows


def cores_row(folder: Path, settings: Settings, tell: Tell) -> Row | None:
    """Two guests at once, in memories of their own; None: there is one core."""
    tell("two cores")
    # Long enough that starting it, which one thread does at a time, is no part of it.
    more = ("-DTINY",) if settings.tiny else ("-DREPEATS=40",)
    found = events.two_cores(settings.rounds, workloads.native(SORT, folder, more),
                             workloads.guest(SORT, folder, more).read_bytes())
    if found is None:
        return None
    ours, native = found
    row = Row("two cores, times one", "", statistics.median(ours), min(ours), max(ours),
              native=f"{statistics.median(native):.2f}").bound(CORES, None, most=False)
    if not row.met and statistics.median(native) < CORES:
        row.met = None
        row.note = "not judged: other work leaves native processes no second core either"
    return row


def core(folder: Path, settings: Settings, tell: Tell) -> tuple[list[Row], list[str]]:
    """Every row, and what is missing on this machine."""
    missing = []
    if shutil.which(QEMU) is None:
        missing.append(f"{QEMU} is missing; to compare with it: apt-get install qemu-user")
    if wants := wasm.missing():
        missing.append(wants)
    rows = [compute(case, folder, settings, tell) for case in CASES]
    rows.append(mean_row(rows, CASES))
    rows += hot(folder, settings, tell)
    rows += event_rows(folder, settings, tell)
    cores = cores_row(folder, settings, tell)
    if cores:
        rows.append(cores)
    else:
        missing.append("two cores: this process may use one only")
    return rows, missing


def table(rows: Sequence[Row]) -> str:
    """The report for people."""
    missing = {"qemu": all(row.qemu is None for row in rows),
               "wasm": all(row.wasm is None for row in rows)}
    lines = [("", "vx9", "spread", "native", "vx32", "target", "", "aim", "", "qemu", "wasmtime")]

    def number(value: float) -> str:
        return f"{value:.2f}" if value < 100 else f"{value:.0f}"

    def other(row: Row, name: str) -> str:
        value = getattr(row, name)
        if value is not None:
            return number(value)
        return "missing" if missing[name] and row.unit == "x" else "-"

    def verdict(met: bool | None) -> str:
        return "" if met is None else "met" if met else "MISSED"

    for row in rows:
        space = " " if row.unit not in ("", "x") else ""
        unit = "" if row.unit == "x" else row.unit
        target = "no cliff" if row.target is None and row.met is not None else "-"
        lines.append((
            row.name, f"{number(row.value)}{space}{unit}", f"{number(row.low)}..{number(row.high)}",
            row.native or "-", row.vx32 or "-",
            target if row.target is None else f"{row.target:g}", verdict(row.met),
            "-" if row.aim is None else f"{row.aim:g}", verdict(row.aim_met),
            other(row, "qemu"), other(row, "wasm")))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    left = (0, 6, 8)
    text = ["  ".join(cell.ljust(width) if i in left else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
            for line in lines]
    text += [f"{row.name}: {row.note}" for row in rows if row.note]
    return "\n".join(text)
