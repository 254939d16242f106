"""Mistakes that a translator can make, each to be caught by the verifier alone.

Each is one or more edits to a copy of the core's sources.  All are compiled into one program
(breaker.c), where the number in vx_seed switches one of them on.  The first five are those that
vx32 has; the length error was a full escape there.
"""

from pathlib import Path
from typing import NamedTuple


class Edit(NamedTuple):
    """What stands in a file exactly once, and what replaces it.

    With an expression marked by « and » that is what is replaced; else old is statements.
    """

    file: str
    old: str
    new: str


class Seed(NamedTuple):
    """A mistake, and the guest code, in hexadecimal, that shows it; "-": any program."""

    name: str
    guest: str
    edits: tuple[Edit, ...]


def seed(name: str, guest: str, file: str, old: str, new: str) -> Seed:
    return Seed(name, guest, (Edit(file, old, new),))


TRANSLATE, CACHE = "translate.c", "cache.c"
LOOP = "ebfe"  # jmp to itself: an end for guest code


def misread(name: str, guest: str, mistake: str, skip: str = "0") -> Seed:
    """An error of the decoder: the answer k about the bytes p, after skip of them, is wrong."""
    return Seed(name, guest, (_misread(mistake, skip),))


def _misread(mistake: str, skip: str = "0") -> Edit:
    return Edit(
        TRANSLATE, "«vx_decode(e->guest + at, n - at, vx_features, &s->in)»",
        "{ const uint8_t *p = e->guest + at; struct vx_insn *in = &s->in; uint8_t q[16];"
        f" memcpy(q, p, sizeof q); unsigned skip = {skip};"
        " int k = vx_decode(p + skip, n - at - skip, vx_features, in);"
        f" {mistake}; k; }}",
    )


LONGER = "if (k > 0 && skip) in->length = (uint8_t)++k"  # by what was skipped
LOCKED = LONGER + ", in->start++, in->prefix |= VX_P_LOCK"

SEEDS = (
    # The five of vx32.
    misread("0F38 has an immediate byte", "660f3800c1 cd80c001" + LOOP,
            "if (k > 0 && in->map == 2) in->length = (uint8_t)++k"),
    misread("LOCK before anything", "f08bc0 f090" + LOOP, LOCKED, "*p == 0xf0"),
    misread("XSAVEC is taken for another", "0fc720" + LOOP,
            "if (q[1] == 0xc7) q[1] = 0xaf, k = vx_decode(q, 15, vx_features, in)"),
    Seed("a locked jump is emitted as 0F 00", "f0e900000000" + LOOP, (
        _misread(LOCKED, "*p == 0xf0"),
        Edit(TRANSLATE, "        put_jump(e, branch_target(e, s), s->to);",
             "BYTES(e, 0x0f, 0x00); put_branch_field(e, branch_target(e, s), s->to);"),
    )),
    seed("guest code is read again, and has changed", "-", TRANSLATE,
         "    emit(e);\n    if (landing)\n        emit_tail(e, eip);",
         "memset(e->guest, 0xcd, sizeof e->guest); emit(e); if (landing) emit_tail(e, eip);"),
    # Instructions that must not be copied.
    seed("what is emulated is copied", "9d" + LOOP, TRANSLATE,
         "        put_exit(e, &x);", "put(e, p, s->in.length);"),
    seed("INT is copied", "cd80" + LOOP, TRANSLATE,
         "            put_exit(e, &(struct vx_exit){.kind = VX_X_INT, .arg = "
         "(uint8_t)s->in.value,\n                                          .eip = after});",
         "put(e, p, s->in.length);"),
    seed("HLT is copied", "f4" + LOOP, TRANSLATE,
         "        emit_trap(e, VX_T_PROTECTION, eip);", "put(e, p, 1);"),
    seed("a return is copied", "c3", TRANSLATE,
         "        (s->leaf ? emit_leaf_return : emit_return)(e, s);", "put8(e, 0xc3);"),
    seed("a leaf's return goes astray", "e803000000" + LOOP + "908b0424c3", TRANSLATE,
         "BYTES(e, 0xe2, «(uint8_t)other»)", "(uint8_t)(other + 1)"),
    seed("a call is copied", "e800000000" + LOOP, TRANSLATE,
         "        emit_call(e, s);", "put(e, p, s->in.length);"),
    seed("an indirect jump is copied", "ffe0", TRANSLATE,
         "        emit_indirect(e, s);", "put(e, p, s->in.length);"),
    misread("moves to segment registers are taken for moves", "8ed8" + LOOP,
            "if (q[0] == 0x8e) q[0] = 0x8b, k = vx_decode(q, 15, vx_features, in)"),
    misread("GS: passes", "658b0500000000" + LOOP, LONGER, "*p == 0x65"),
    misread("a 16-bit address passes", "678b0500000000" + LOOP, LONGER, "*p == 0x67"),
    # Lengths.
    misread("66 does not shorten an immediate", "66b83412 cd80c00001" + LOOP,
            "if (k > 0 && q[0] == 0x66 && in->imm_size == 2) in->length = (uint8_t)(k += 2)"),
    seed("an instruction loses its last byte", "-", TRANSLATE,
         "        emit_step(e, &e->step[i]);",
         "emit_step(e, &e->step[i]); e->n -= e->step[i].in.action == VX_A_COPY;"),
    seed("an indirect jump takes a byte too many", "ff2485000001cd" + LOOP, TRANSLATE,
         "«(uint32_t)s->in.length - modrm - 1»", "(uint32_t)s->in.length - modrm"),
    # Branches.
    seed("a short displacement is off by one", "89d84b75fbcd40", TRANSLATE,
         "«(int32_t)(e->n + 2)»", "(int32_t)(e->n + 1)"),
    seed("a far branch is made short", "89d8" * 80 + "4b0f8559ffffffcd40", TRANSLATE,
         "if («back >= -128»)", "back >= -1280"),
    seed("a branch to known code misses it", "89d8c3ebfb", TRANSLATE,
         "put32(e, «host - (e->base + e->n + 4)»);\n    else", "host - (e->base + e->n)"),
    seed("a branch in the fragment is off by one", "-", TRANSLATE, "«(f->field + 4u)»",
         "(f->field + 3u)"),
    seed("LOOP skips too much", "e2fe" + LOOP, TRANSLATE, "BYTES(e, s->in.opcode, «2»)", "3"),
    seed("INTO goes round the index of its exit", "ce" + LOOP, TRANSLATE,
         "BYTES(e, 0x71, «EXIT_SIZE»)", "EXIT_SIZE - 7"),
    seed("a fragment has no end", "90" * 200 + LOOP, TRANSLATE,
         "        put_jump(e, e->end, -1);", ""),
    # The control window, tables and exits.
    seed("a table of another guest", "c3", TRANSLATE, "«(uint32_t)(2 * e->cache->table + back)»",
         "(uint32_t)(2 * e->cache->table + 2 + back)"),
    seed("a table jump without its bound", "c3", TRANSLATE,
         "    BYTES(e, 0x8b, 0x0c, 0x24);         /* mov (esp), ecx */\n"
         "    BYTES(e, 0x0f, 0xb7, 0xc9);         /* movzx cx, ecx */\n",
         "BYTES(e, 0x8b, 0x0c, 0x24);"),
    seed("a bound with a sign", "c20400", TRANSLATE,
         "    record(e, eip, VX_FORWARD);\n"
         "    BYTES(e, 0x0f, 0xb7, 0xc9);         /* movzx cx, ecx */\n",
         "record(e, eip, VX_FORWARD); BYTES(e, 0x0f, 0xbf, 0xc9);"),
    seed("the bound of 32 bits", "ffe0", TRANSLATE,
         "    BYTES(e, 0x0f, 0xb7, 0xc9);         /* movzx cx, ecx */\n"
         "    put_table_jump(e, 0);\n"
         "    put_exit(e, &(struct vx_exit){.kind = VX_X_INDIRECT, .site = site});",
         "BYTES(e, 0x8b, 0xc9); put_table_jump(e, 0); put_exit(e, &(struct vx_exit){.kind = "
         "VX_X_INDIRECT, .site = site});"),
    seed("ecx is kept where it should not be", "c3", TRANSLATE,
         "put_gs(e, 0x89, ECX, «offset»)", "offset + 0x100"),
    seed("FS instead of GS", "c3", TRANSLATE,
         "BYTES(e, «0x65», (uint8_t)opcode,", "0x64"),
    seed("the index of an exit is off by one", "cd40", TRANSLATE,
         "put32(e, «(uint32_t)index»)", "(uint32_t)index + 1"),
    seed("an exit into the middle of the stub", "cd40", TRANSLATE,
         "put32(e, «vx_stub_exit»)", "vx_stub_exit + 1"),
    seed("an exit to 32-bit code", "cd40", TRANSLATE, "BYTES(e, «0x33», 0)", "0x23"),
    # After publication.
    seed("a block is laid over the one before", "-", CACHE,
         "«(k->used + align - 1) & ~(align - 1)»", "k->used & ~(align - 1)"),
    seed("the map of entries is off", "89d8c3", TRANSLATE,
         "vx_cache_enter(e->cache, s->eip, away, «e->base + s->host»)", "e->base + s->host + 1"),
    seed("a table entry is off", "c3c3c3", TRANSLATE,
         "e->landing = «e->n»;\n    record(e, 0, VX_FORWARD)", "e->n + 1"),
    seed("a link patches the wrong bytes", "-", TRANSLATE,
         "«e->base + f->field»}", "e->base + f->field + 1"),
    seed("a prediction patches the wrong bytes", "ffe0ffe0ffe0", TRANSLATE,
         "vx_cache_patch(c, «site + SITE_HIT», host", "site + SITE_HIT + 1"),
    seed("a failed prediction goes into a sequence", "ffe0ffe0ffe0", TRANSLATE,
         "vx_cache_patch_byte(c, site + SITE_OTHER, «(uint8_t)table»)",
         "(uint8_t)(table + 8)"),
    seed("a prediction misses its target", "ffe0ffe0ffe0", TRANSLATE,
         "«host - (site + SITE_HIT + 4)»", "host - (site + SITE_HIT + 1)"),
)


def _combine(edits: list[tuple[int, Edit]]) -> str:
    """The text for the edits of one place, with their numbers."""
    before, mark, rest = edits[0][1].old.partition("«")
    if not mark:
        text = f"{{ {before} }}"
        for number, edit in edits:
            text = f"if (vx_seed == {number}) {{ {edit.new} }} else {text}"
        return text
    text, _, after = rest.partition("»")
    for number, edit in edits:
        text = f"(vx_seed == {number} ? ({edit.new}) : ({text}))"
    return before + text + after


def plant(folder: Path) -> None:
    """Put all seeds into the copy of the core's sources in folder; they have numbers from 1."""
    places: dict[tuple[str, str], list[tuple[int, Edit]]] = {}
    for number, seed in enumerate(SEEDS, 1):
        for edit in seed.edits:
            places.setdefault((edit.file, edit.old), []).append((number, edit))
    for (file, old), edits in places.items():
        source = (folder / file).read_text()
        plain = old.replace("«", "").replace("»", "")
        assert source.count(plain) == 1, f"{file} has this {source.count(plain)} times: {plain}"
        source = source.replace(plain, _combine(edits))
        if not source.startswith("extern int vx_seed;"):
            source = "extern int vx_seed;\n" + source
        (folder / file).write_text(source)
