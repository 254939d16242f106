"""The decoder: what it accepts, and that every other decoder we have agrees about it.

Oracles: capstone and Zydis over the whole space of prefixes, opcodes, ModRM and SIB
(enumerate.c), iced-x86 over the forms of each row, and what compilers emit.
"""

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, NoReturn

import capstone
import pytest

from .decoder import (
    ALL,
    CORE,
    FP,
    LOAD,
    MEMORY,
    PRIV,
    ROWS,
    SET,
    SHORT,
    STACK,
    STORE,
    UD,
    UNUSED,
    USED,
    Access,
    Decoder,
    build,
    compile_c,
    mkinsns,
)

TAIL = bytes.fromhex("1122334455667708192a")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the decoder's sources and library."""
    out = tmp_path_factory.mktemp("decode")
    build(out)
    return out


@pytest.fixture(scope="module")
def decoder(built: Path) -> Decoder:
    return Decoder(built / "libdecode.so")


def _forms(row: "mkinsns.Row", decoder: Decoder) -> Iterator[bytes]:
    """Every accepted shape of a row: all ModRM bytes, with the operand sizes it has."""
    number = ROWS.index(row) + 1
    prefixes = ["", "66"] if "o16" in row.attributes else [""]
    own = "" if row.prefix == "-" else row.prefix
    for narrow in prefixes:
        for map_, opcode in row.cells():
            head = bytes.fromhex(narrow + own + mkinsns.MAPS[map_] + f"{opcode:02x}")
            if row.modrm == "-":
                yield head + TAIL
                continue
            for modrm in range(256):
                sibs = (b"\x24", b"\x8b") if modrm < 0xC0 and modrm & 7 == 4 else (b"",)
                for sib in sibs:
                    code = head + bytes([modrm]) + sib + TAIL
                    answer, insn = decoder.decode(code, ALL)
                    if answer > 0 and insn.row == number:
                        yield code


# ---- the table ----


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- 00 /r base copy rw x Eb Gb\n- 00 /1 base copy rw y Eb", "line 2: y: accepts bytes of"),
        ("- 50+r - base copy - x\n- 55 - base copy - y", "line 2: y: accepts bytes of line 1"),
        ("- 90 - base copy rep x\nF3 90 - base copy - y", "line 2: y: accepts bytes of line 1"),
        ("66 6F - sse copy - x\n- 6F - base copy o16 y", "line 2: y: accepts bytes of line 1"),
        ("- 90 - base copy - x\n- 90 /1 base copy r y Eb", "line 2: y: accepts bytes of line 1"),
        ("- D9 /0 x87 copy r x Ed\n- D9 =C3 x87 copy - y", "line 2: y: accepts bytes of line 1"),
        ("\n\n- 90 - base copy", "line 3: fewer than 7 columns"),
        ("- 9 - base copy - x", "line 1: x: bad opcode 9"),
        ("- 0F - base copy - x", "bad opcode 0F"),
        ("- 51+r - base copy - x", "bad opcode 51"),
        ("67 90 - base copy - x", "bad prefix 67"),
        ("- 90 - avx copy - x", "bad feature avx"),
        ("- 90 - base omit - x", "bad action omit"),
        ("- 90 - base copy fast x", "bad attribute fast"),
        ("- 90 /8 base copy - x", "bad modrm /8"),
        ("- 90 /r base copy - x Eb", "how is the first operand accessed"),
        ("- 90 /r base copy r,lock x Eb", "only what is read and written can be locked"),
        ("- 90 /r base copy - x Gv Ev", "need o16"),
        ("- 90 - base copy r x Eb", "need a ModRM byte"),
        ("- 90 /r base copy r x Ek", "bad operand Ek"),
        ("66 90 /r base copy r,o16 x Ev", "66 cannot be both"),
        ("- 90 /r base copy dropf3 x Gd Ed\nF3 90 /r sse copy - y Gd Md",
         "line 2: y: not for all bytes of line 1"),
    ],
)
def test_wrong_tables(text: str, why: str) -> None:
    with pytest.raises(mkinsns.TableError, match=re.escape(why)):
        mkinsns.build(mkinsns.rows(text))


def test_wrong_table_stops_the_build(tmp_path: Path) -> None:
    table = tmp_path / "bad.tab"
    table.write_text("- 90 - base omit - x\n")
    done = subprocess.run(
        [sys.executable, "-P", str(CORE / "mkinsns.py"), str(table), str(tmp_path / "out")],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "bad.tab: line 1: x: bad action omit" in done.stderr
    assert not (tmp_path / "out").exists()


def test_manual_names_every_row() -> None:
    lines = mkinsns.manual(ROWS).splitlines()
    assert sum(line.startswith("| ") for line in lines) == len(ROWS) + len(mkinsns.FEATURES)


def test_no_row_is_lost(decoder: Decoder) -> None:
    for row in ROWS:
        if row.action != "priv":
            assert next(_forms(row, decoder), None), row


# ---- hand-picked ----


def _table() -> Iterator[tuple[str, str]]:
    for line in (Path(__file__).parent / "decode.tab").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            code, _, want = line.partition("=")
            yield code.strip(), want.strip()


def test_table(decoder: Decoder) -> None:
    wrong = []
    for text, want in _table():
        code = bytes.fromhex(text)
        answer, insn = decoder.decode(code)
        got = {UD: "FORBID", PRIV: "PRIV", SHORT: "SHORT"}.get(answer)
        if got is None:
            got = decoder.name(insn.row)
            if answer != len(code):
                got += f" of {answer} bytes"
        if got != want:
            wrong.append(f"{text}: {got}, not {want}")
    assert not wrong


@pytest.mark.parametrize(
    ("code", "want"),
    [
        ("e8feffffff", {"value": -2, "imm": 1, "imm_size": 4, "flags": STACK | STORE}),
        ("ebfe", {"value": -2, "imm": 1, "imm_size": 1, "flags": 0}),
        ("cdff", {"value": 255}),
        ("c2feff", {"value": 0xFFFE, "imm_size": 2}),
        ("c8100005", {"value": 0x50010, "imm_size": 3}),
        ("6683c0ff", {"value": -1, "operand": 2, "start": 1, "modrm": 2, "prefix": 1}),
        ("80c0ff", {"value": 255}),
        ("81848878563412ffffffff", {"modrm": 1, "sib": 2, "disp": 3, "disp_size": 4, "imm": 7}),
        ("0f8400000080", {"value": -0x80000000, "map": 1, "opcode": 0x84}),
        ("a144332211", {"disp": 1, "disp_size": 4, "modrm": 0, "flags": MEMORY | LOAD}),
        ("8d00", {"flags": MEMORY}),
        ("0100", {"flags": MEMORY | LOAD | STORE}),
        ("01c0", {"flags": 0}),
        ("8f00", {"flags": MEMORY | LOAD | STORE | STACK}),
        ("fff0", {"flags": STORE | STACK}),
        ("ff30", {"flags": MEMORY | LOAD | STORE | STACK}),
        ("d9c0", {"flags": FP}),
        ("660f7e00", {"flags": FP | MEMORY | STORE}),
        ("0fc300", {"flags": MEMORY | STORE}),
        ("0fae10", {"flags": FP | MEMORY | LOAD}),
        ("dbe3", {"flags": FP}),
        ("9b", {"flags": FP}),
        ("f3a4", {"flags": MEMORY | LOAD | STORE, "prefix": 2}),
        ("0faee8", {"flags": 0}),
    ],
)
def test_fields(decoder: Decoder, code: str, want: dict[str, int]) -> None:
    answer, insn = decoder.decode(bytes.fromhex(code))
    assert answer == len(code) // 2
    assert {name: getattr(insn, name) for name in want} == want


@pytest.mark.parametrize(
    ("code", "copy"),
    [
        ("26668900", "668900"),
        ("66f0260100", "f0660100"),
        ("2e7405", "7405"),
        ("3effe0", "ffe0"),
        ("66662e0f1f840000000000", "660f1f840000000000"),
        ("f30fbcc1", "0fbcc1"),
        ("66f30fbcc1", "660fbcc1"),
        ("36f3a4", "f3a4"),
        ("f366a5", "66f3a5"),
        ("f30f10c1", "f30f10c1"),
        ("3e8b442404", "8b442404"),
    ],
)
def test_copy(decoder: Decoder, code: str, copy: str) -> None:
    original = bytes.fromhex(code)
    _, insn = decoder.decode(original)
    assert decoder.copy(insn, original).hex() == copy


def test_features(decoder: Decoder) -> None:
    for row in ROWS:
        if row.action == "priv":
            continue
        bit = 1 << mkinsns.FEATURES.index(row.feature)
        code = next(_forms(row, decoder))
        assert decoder.decode(code, bit)[0] > 0
        answer, insn = decoder.decode(code, ALL & ~bit)
        assert answer == UD or decoder.name(insn.row) != row.name


def test_row_that_is_not_offered_yields_to_one_that_drops_f3(decoder: Decoder) -> None:
    names = mkinsns.FEATURES
    tzcnt = 1 << names.index("tzcnt")
    for code, without in (("f30fbcc1", "0fbcc1"), ("66f30fbc44cd7f", "660fbc44cd7f")):
        for mask, name, copy in ((ALL, "tzcnt", code), (ALL & ~tzcnt, "bsf", without)):
            answer, insn = decoder.decode(bytes.fromhex(code), mask)
            assert (answer, decoder.name(insn.row)) == (len(code) // 2, name)
            assert decoder.copy(insn, bytes.fromhex(code)).hex() == copy
        assert decoder.decode(bytes.fromhex(code), ALL & ~tzcnt & ~1)[0] == UD


def test_name_of_no_row(decoder: Decoder) -> None:
    assert decoder.name(0) == ""
    assert decoder.name(60000) == ""


REGS = [0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000, 0x8000]
EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = REGS


@pytest.mark.parametrize(
    ("code", "want"),
    [
        ("8b00", [(EAX, 4, 0)]),
        ("8d00", []),
        ("8bc0", []),
        ("0f1f4000", []),
        ("668900", [(EAX, 2, 1)]),
        ("8844cd7f", [(EBP + ECX * 8 + 0x7F, 1, 1)]),
        ("8b4480fc", [(EAX * 5 - 4, 4, 0)]),
        ("8b0d00000080", [(0x80000000, 4, 0)]),
        ("8b0cad04000000", [(EBP * 4 + 4, 4, 0)]),
        ("8b8fffffffff", [(EDI - 1, 4, 0)]),
        ("8b0424", [(ESP, 4, 0)]),
        ("a30000ffff", [(0xFFFF0000, 4, 1)]),
        ("50", [(ESP - 4, 4, 1)]),
        ("6650", [(ESP - 2, 2, 1)]),
        ("58", [(ESP, 4, 0)]),
        ("60", [(ESP - 32, 32, 1)]),
        ("6661", [(ESP, 16, 0)]),
        ("ff30", [(EAX, 4, 0), (ESP - 4, 4, 1)]),
        ("ff3424", [(ESP, 4, 0), (ESP - 4, 4, 1)]),
        ("8f00", [(ESP, 4, 0), (EAX, 4, 1)]),
        ("8f0424", [(ESP, 4, 0), (ESP + 4, 4, 1)]),
        ("668f442408", [(ESP, 2, 0), (ESP + 10, 2, 1)]),
        ("8f042c", [(ESP, 4, 0), (ESP + 4 + EBP, 4, 1)]),
        ("e800000000", [(ESP - 4, 4, 1)]),
        ("ff10", [(EAX, 4, 0), (ESP - 4, 4, 1)]),
        ("ff20", [(EAX, 4, 0)]),
        ("c3", [(ESP, 4, 0)]),
        ("c20800", [(ESP, 4, 0)]),
        ("c9", [(EBP, 4, 0)]),
        ("c8000000", [(ESP - 4, 4, 1)]),
        ("c8100000", [(ESP - 4, 4, 1), (ESP - 20, 4, 1)]),
        ("c8100001", [(ESP - 8, 8, 1), (ESP - 24, 4, 1)]),
        ("c8000003", [(EBP - 8, 8, 0), (ESP - 16, 16, 1)]),
        ("a4", [(ESI, 1, 0), (EDI, 1, 1)]),
        ("f3a5", [(ESI, 4, 0), (EDI, 4, 1)]),
        ("66a7", [(ESI, 2, 0), (EDI, 2, 0)]),
        ("aa", [(EDI, 1, 1)]),
        ("ad", [(ESI, 4, 0)]),
        ("af", [(EDI, 4, 0)]),
        ("d7", [(EBX, 1, 0)]),
        ("0fa308", [(EAX + 0x2000 // 32 * 4, 4, 0)]),
        ("660fab08", [(EAX + 0x2000 // 16 * 2, 2, 1)]),
        ("0fba280f", [(EAX, 4, 1)]),
        ("0fc708", [(EAX, 8, 1)]),
        ("dd30", [(EAX, 108, 1)]),
        ("66d920", [(EAX, 14, 0)]),
        ("0fae00", [(EAX, 512, 1)]),
        ("db28", [(EAX, 10, 0)]),
        ("0ff7c1", [(EDI, 8, 1)]),
        ("660ff7c1", [(EDI, 16, 1)]),
        ("6200", [(EAX, 8, 0)]),
        ("660fc40001", [(EAX, 2, 0)]),
        ("f30f1000", [(EAX, 4, 0)]),
    ],
)
def test_accesses(decoder: Decoder, code: str, want: list[tuple[int, int, int]]) -> None:
    got = decoder.accesses(bytes.fromhex(code), REGS)
    assert got == [Access(a & 0xFFFFFFFF, size, bool(write)) for a, size, write in want]


def test_negative_bit_offset(decoder: Decoder) -> None:
    regs = [0x1000, 0xFFFFFFFF, 0, 0, 0, 0, 0, 0]
    assert decoder.accesses(bytes.fromhex("0fa308"), regs) == [(0x1000 - 4, 4, False)]
    assert decoder.accesses(bytes.fromhex("660fa308"), regs) == [(0x1000 - 2, 2, False)]


# ---- oracles ----

# (finding, name): why it is right that the oracle and we differ.
REVIEWED = {
    ("capstone-undefined", "popcnt"): "F3 before a segment prefix and 66; Zydis and iced know it",
    ("zydis-transfer", "bound"): "it can trap, which is not a transfer that we must see",
    ("zydis-transfer", "rdtsc"): "of the system category, and harmless",
}
# Without TZCNT, REP BSF loses its F3.
BSF = {
    (f"{oracle}-same", "bsf"): "to the oracle it was TZCNT before" for oracle in ("capstone", "zydis")
}

# Which of Zydis' instruction sets our features are; a form of another is under a wrong feature.
SETS = {
    "base": "I86 I186 I386 I486REAL PENTIUMREAL PPRO CMOV FAT_NOP LAHF PAUSE CET "
            "I286REAL I286PROTECTED RDPMC",
    "x87": "X87 FCMOV PPRO",
    "mmx": "PENTIUMMMX",
    "sse": "SSE SSEMXCSR SSE_PREFETCH FXSAVE PENTIUMMMX",  # on MMX registers: not in Zydis' SSE
    "sse2": "SSE2 SSE2MMX",
    "sse3": "SSE3 SSE3X87",
    "ssse3": "SSSE3 SSSE3MMX",
    "sse41": "SSE4",
    "sse42": "SSE42",
    "popcnt": "POPCNT",
    "lzcnt": "LZCNT",
    "tzcnt": "BMI1",
    "aes": "AES",
    "pclmul": "PCLMULQDQ",
    "sha": "SHA",
}  # fmt: skip

# Names of those sets that are refused in some or all of their forms, and why.
REFUSED = {
    "sets a segment register, tells of one, or leaves the translated code":
        "call jmp ret iret iretd lds les lfs lgs lss pop push mov",
    "tells of the host's tables and segments": "lar lsl sldt str verr verw sgdt sidt smsw arpl",
    "a way into a kernel": "sysenter sysexit",
    "touches a shadow stack": "clrssbsy incsspd rstorssp saveprevssp setssbsy wrssd wrussd",
    "opcode 82, which is 80; /6 of shifts, which is /4; F6 /1, which is /0: never made":
        "adc add and cmp or sbb sub xor shl test",
    "undocumented, or nothing since the 80387": "salc feni8087_nop fdisi8087_nop fsetpm287_nop",
    "an x87 form that is another's alias": "fcom fcomp fxch fstp fstpnce",
    "other ModRM bytes of the same, or without effect": "lfence mfence sfence nop endbr64",
    "invalid by definition, and a trap with us too": "ud0 ud1",
}  # fmt: skip


def _zydis(demand: Callable[[str], NoReturn]) -> None:
    """Skip or fail when its headers are not there."""
    compiler = shutil.which("gcc") or "cc"
    preprocess = [compiler, "-E", "-include", "Zydis/Zydis.h", "-x", "c", "/dev/null"]
    if subprocess.run(preprocess, capture_output=True).returncode:
        demand("Zydis, the decoder that ours is compared with (Debian: apt install libzydis-dev)")


class Enumeration(NamedTuple):
    """What enumerate.c prints."""

    found: list[tuple[str, int, int, str]]  # kind, row, count, bytes
    sets: set[tuple[int, str]]  # row, instruction set
    refused: list[tuple[str, str, str]]  # name, instruction set, bytes
    accepted: int


def _enumerate(folder: Path, features: int, *opcodes: str) -> Enumeration:
    package = Path(capstone.__file__).parent
    program = folder / "enumerate"
    if not program.exists():
        compile_c(
            f"-I{folder}", f"-I{package / 'include'}", "-o", str(program),
            str(Path(__file__).parent / "enumerate.c"), str(folder / "decode.c"), "-lZydis", "-ldl",
        )  # fmt: skip
    library = package / "lib" / "libcapstone.so"
    parts = [
        subprocess.Popen(
            [program, library, hex(features), str(part), "2", *opcodes],
            stdout=subprocess.PIPE, text=True,
        )
        for part in range(2)
    ]  # fmt: skip
    outputs = [part.communicate(timeout=200)[0] for part in parts]
    assert [part.returncode for part in parts] == [0, 0]
    all_ = Enumeration([], set(), [], 0)
    accepted = 0
    for kind, *words in (line.split() for output in outputs for line in output.splitlines()):
        match kind, words:
            case "found", [what, row, count, code]:
                all_.found.append((what, int(row), int(count), code))
            case "set", [row, name]:
                all_.sets.add((int(row), name))
            case "refused", [name, set_, _, code]:
                all_.refused.append((name, set_, code))
            case "accepted", [count]:
                accepted += int(count)
    return all_._replace(accepted=accepted)


@pytest.fixture(scope="module")
def everything(built: Path, demand: Callable[[str], NoReturn]) -> Enumeration:
    """The whole space, with all features."""
    _zydis(demand)
    return _enumerate(built, ALL)


def _unexplained(found: Enumeration, decoder: Decoder, reviewed: dict) -> list[str]:
    return [
        f"{kind} {name}: {count} forms like {code}"
        for kind, row, count, code in found.found
        if (kind, name := decoder.name(row)) not in reviewed
    ]


def test_oracles_agree(everything: Enumeration, decoder: Decoder) -> None:
    assert not _unexplained(everything, decoder, REVIEWED)
    assert everything.accepted > 10_000_000
    assert len(REVIEWED) + len(BSF) <= 50
    used = {(kind, decoder.name(row)) for kind, row, _, _ in everything.found}
    assert used == set(REVIEWED)


def test_oracles_agree_without_tzcnt(
    built: Path, decoder: Decoder, demand: Callable[[str], NoReturn]
) -> None:
    _zydis(demand)
    mask = ALL & ~(1 << mkinsns.FEATURES.index("tzcnt"))
    found = _enumerate(built, mask, "01bc", "01bd")
    assert not _unexplained(found, decoder, BSF)
    assert {(kind, decoder.name(row)) for kind, row, _, _ in found.found} == set(BSF)
    assert found.accepted > 100_000


def test_features_are_zydis_instruction_sets(everything: Enumeration) -> None:
    wrong = {
        (ROWS[row - 1].line, ROWS[row - 1].name, name)
        for row, name in everything.sets
        if name not in SETS[ROWS[row - 1].feature].split()
    }
    assert not wrong
    copied = {number for number, row in enumerate(ROWS, 1) if row.action != "priv"}
    assert {row for row, _ in everything.sets} == copied


def test_table_is_complete(everything: Enumeration) -> None:
    offered = set(" ".join(SETS.values()).split())
    explained = set(" ".join(REFUSED.values()).split())
    refused = {(name, code) for name, set_, code in everything.refused if set_ in offered}
    assert not {(name, code) for name, code in refused if name not in explained}
    assert explained == {name for name, _ in refused}


def test_oracles_see_seeded_errors(tmp_path: Path, demand: Callable[[str], NoReturn]) -> None:
    _zydis(demand)
    text = (CORE / "insns.tab").read_text()
    text = re.sub(r"(0F3800 .*pshufb +Vx Wx)", r"\1 Ib", text)  # the length error of vx32
    text += """
-   D9   /1  x87   copy  r        hole    Md
-   FF   /3  base  copy  r        far     Mp
-   8E   /r  base  copy  -        sreg    Gd Ew
-   CF   -   base  copy  -        iret
"""
    build(tmp_path, text)
    found = _enumerate(tmp_path, ALL, "00d9", "00ff", "008e", "00cf", "0200").found
    names = ["", *(row.name for row in mkinsns.rows(text))]
    seen = {(kind, names[row]) for kind, row, _, _ in found}
    for oracle in ("capstone", "zydis"):
        assert {(f"{oracle}-length", "pshufb"), (f"{oracle}-undefined", "hole"),
                (f"{oracle}-transfer", "far"), (f"{oracle}-segment", "sreg"),
                (f"{oracle}-transfer", "iret")} <= seen  # fmt: skip


# Where capstone has another name for the same: by size, by old habit.
ALIASES = {
    "cwde": {"cbw"}, "cdq": {"cwd"}, "pusha": {"pushal", "pushaw"}, "popa": {"popal", "popaw"},
    "pushf": {"pushfd"}, "popf": {"popfd"}, "movsd": {"movsw"}, "cmpsd": {"cmpsw"},
    "stosd": {"stosw"}, "lodsd": {"lodsw"}, "scasd": {"scasw"}, "bsf": {"tzcnt"},
    "loopnz": {"loopne"}, "loopz": {"loope"}, "xlat": {"xlatb"}, "fwait": {"wait"},
    "fucomip": {"fucompi"}, "fcomip": {"fcompi"}, "ret": {"repz ret"}, "xchg": {"nop"},
    "shl": {"sal"},
}  # fmt: skip
CONDITION = re.compile("(j|set|cmov)(n?[abglopsez]|[abgl]e|n[abgl]e|np|pe|po)$")


def test_names_are_capstones(decoder: Decoder) -> None:
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    wrong = set()
    for row in ROWS:
        if row.action == "priv":
            continue
        for code in list(_forms(row, decoder))[::7]:
            name = next(disassembler.disasm_lite(code, 0, 1))[2]
            if m := CONDITION.match(name):
                name = m[1] + "cc"
            if re.fullmatch(r"cmp\w+[ps][sd]", name) and row.opcode == "0FC2":
                name = "cmp" + name[-2:]  # the immediate is part of capstone's name
            if name != row.name and name not in ALIASES.get(row.name, ()):
                wrong.add((row.line, row.name, name))
    assert not wrong


@pytest.fixture(scope="module")
def iced(demand: Callable[[str], NoReturn]) -> ModuleType:
    """The iced-x86 decoder."""
    try:
        return importlib.import_module("iced_x86")
    except ImportError:
        demand("iced-x86 (pip install iced-x86)")


def test_iced_agrees(decoder: Decoder, iced: ModuleType) -> None:
    wrong = []
    for row in ROWS:
        for code in _forms(row, decoder):
            insn = iced.Decoder(32, code).decode()
            length, _ = decoder.decode(code, ALL)
            if length == PRIV:
                continue
            if insn.code == iced.Code.INVALID or insn.len != length:
                wrong.append((row.line, row.name, code.hex(), length, insn.len))
    assert not wrong[:20]


# name: why iced's accesses are not ours.
OTHER_ACCESSES = {
    "enter": "iced does not show the write at the final ESP",
    "pusha": "iced has an access for each register",
    "popa": "iced has an access for each register",
    **dict.fromkeys(("bt", "bts", "btr", "btc"), "iced leaves the register's bits out"),
}


def _iced_accesses(iced: ModuleType, insn: object, info: object) -> set[Access]:
    found = set()
    for memory in info.info(insn).used_memory():
        address = memory.displacement
        for register, scale in ((memory.base, 1), (memory.index, memory.scale)):
            if register != iced.Register.NONE:
                full = iced.RegisterExt.full_register32(register)
                value = REGS[full - iced.Register.EAX]
                address += (value & 0xFF if register == iced.Register.AL else value) * scale
        size = iced.MemorySizeExt.size(memory.memory_size)
        kind = iced.OpAccess
        if memory.access == kind.NO_MEM_ACCESS:
            continue
        write = memory.access not in (kind.READ, kind.COND_READ)
        found.add(Access(address & 0xFFFFFFFF, size, write))
    return found


def test_accesses_are_iceds(decoder: Decoder, iced: ModuleType) -> None:
    info = iced.InstructionInfoFactory()
    wrong = []
    for row in ROWS:
        if row.action == "priv":
            continue
        for code in list(_forms(row, decoder))[::5]:
            insn = iced.Decoder(32, code).decode()
            want = _iced_accesses(iced, insn, info)
            got = set(decoder.accesses(code, REGS))
            if got != want and row.name not in OTHER_ACCESSES:
                wrong.append((row.line, row.name, code.hex(), got, want))
                break
    assert not wrong


def _iced_ecx(iced: ModuleType, insn: object, info: object) -> int:
    """The same as vx_insn_ecx, of an instruction of iced's."""
    parts = {iced.Register.ECX, iced.Register.CX, iced.Register.CL, iced.Register.CH}
    uses = [u for u in info.info(insn).used_registers() if u.register in parts]
    if all(u.access in (iced.OpAccess.NONE, iced.OpAccess.NO_MEM_ACCESS) for u in uses):
        return UNUSED
    whole = all(u.register == iced.Register.ECX and u.access == iced.OpAccess.WRITE for u in uses)
    return SET if whole else USED


def test_use_of_ecx_is_iceds(decoder: Decoder, iced: ModuleType) -> None:
    """With all ModRM bytes and some SIB bytes; to call it used when it is not is safe."""
    info = iced.InstructionInfoFactory()
    wrong, seen = [], set()
    for row in ROWS:
        if row.action not in ("copy", "jmpr", "callr"):
            continue
        forms = list(_forms(row, decoder))
        forms += [b"\xf3" + code for code in forms if row.attributes & {"rep", "repz"}]
        forms += [code.replace(b"\x24" + TAIL, sib + TAIL) for code in forms
                  if b"\x24" + TAIL in code for sib in (b"\x0c", b"\x21", b"\x4c")]
        for code in forms:
            insn = iced.Decoder(32, code).decode()
            want, got = _iced_ecx(iced, insn, info), decoder.ecx(code)
            seen.add(got)
            careful = got == USED and (want == SET or row.name in ("nop", "pinsrb", "pextrb"))
            if got != want and not careful:
                wrong.append((row.line, row.name, code.hex(), got, want))
                break
    assert not wrong
    assert seen == {UNUSED, USED, SET}


# ---- what compilers emit ----

PROGRAM = r"""
#include <stdint.h>
typedef float v4 __attribute__((vector_size(16)));
typedef short v8 __attribute__((vector_size(16)));
typedef uint32_t u32; typedef uint64_t u64;
v4 mix(v4 a, v4 b, float *p) { v4 c = a * b + *(v4 *)p; return c / b - a; }
v8 sat(v8 a, v8 b) { v8 m = a > b; return (m & (a + b)) | (~m & (a * b)); }
double poly(double x, float y) { return __builtin_sqrt(x) * y + (int)x + (u32)y + (u64)x; }
long double ext(long double x, long double y) { return x < y ? x / y : __builtin_fabsl(x); }
u64 mul(u64 a, u64 b, int s) { return (a * b >> s) ^ (a << s) ^ __builtin_bswap64(b); }
u32 bits(u32 x)
{
    return __builtin_ctz(x) + __builtin_clz(x) + __builtin_popcount(x) + (x >> 3 | x << 29);
}
int atomics(int *p, u64 *q, int v)
{
    __sync_synchronize();
    return __sync_fetch_and_add(p, v) + __sync_bool_compare_and_swap(p, v, 3) +
           __atomic_exchange_n(p, v, 5) + __atomic_or_fetch(p, 4, 5) +
           (int)__sync_val_compare_and_swap(q, 1, 2);
}
int jump(int x, int (*f)(int))
{
    switch (x) {
    case 0: return f(1); case 1: return x * 7; case 2: return f(f(3)); case 3: return -x;
    case 4: return ~x; case 5: return x % 10; case 6: __builtin_trap(); default: return f(x) + 1;
    }
}
void fill(char *p, const char *q, int n)
{
    for (int i = 0; i < n; i++) p[i] = q[i] > 3 ? q[i] * i : 9;
}
struct big { char x[300]; };
struct big copy(struct big *b) { __builtin_prefetch(b); return *b; }
_Bool flags(int a, unsigned b, double c) { return (a < 3) ^ (b > 7) ^ (c < 2.0) ^ (c == c); }
float conv(u64 a, unsigned b, signed char c) { return a + (float)b + c; }
int variable(int n) { volatile char a[n]; a[0] = 1; return a[n - 1] + __builtin_ia32_rdtsc(); }
"""


@pytest.mark.guest
@pytest.mark.parametrize(
    "flags",
    ["-O0", "-O1", "-Os", "-O2 -msse3 -mfpmath=sse", "-O3 -msse3", "-O2 -mno-sse -mtune=k8",
     "-O2 -msse3 -fcf-protection -fPIC", "-O2 -m3dnow -mtune=atom", "-O2 -march=core2 -mno-ssse3"],
)  # fmt: skip
def test_gccs_output_is_accepted(
    decoder: Decoder, tmp_path: Path, flags: str, demand: Callable[[str], NoReturn]
) -> None:
    source, made = tmp_path / "p.c", tmp_path / "p.o"
    source.write_text(PROGRAM)
    compiler = shutil.which("gcc")
    if compiler is None or shutil.which("objdump") is None:
        demand("gcc, or objdump (Debian: apt install gcc binutils)")
    subprocess.run(
        [compiler, "-m32", "-w", "-ffreestanding", *flags.split(), "-c", "-o", made, source],
        check=True,
    )
    listing = subprocess.run(
        ["objdump", "-d", "--insn-width=16", made], check=True, capture_output=True, text=True
    ).stdout
    seen = 0
    for line in listing.splitlines():
        columns = line.split("\t")
        if len(columns) < 3 or not columns[0].endswith(":"):
            continue
        code = bytes.fromhex(columns[1])
        assert decoder.decode(code)[0] == len(code), line
        seen += 1
    assert seen > 300
