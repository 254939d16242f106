/*
 * decode.c: one walk over the tables that mkinsns.py makes of insns.tab.
 *
 * A cell, found by prefix class, map and opcode, says where the row is: at a place of its own,
 * or at the beginning of a group of places that ModRM selects from.  There is no code here for
 * any single opcode.
 */
#include "nofpu.h"

#include "decode.h"

#include <string.h>

struct row {
    uint64_t known[2];   /* the first word of struct vx_insn; the same after 66 */
    uint16_t flags;      /* R_ */
    uint16_t feature;
    uint16_t size;       /* bytes of memory accessed */
    uint16_t size16;     /* the same after 66 */
    uint16_t instead;    /* the row to take when the feature is not offered, or 0 */
    uint8_t implicit;    /* the accesses that no operand shows */
    uint8_t memory;      /* VX_LOAD and so on, when the operand is memory */
    uint16_t general;    /* G_: which parts name general registers */
};

#define KNOWN(action, flags, operand, imm, row, map) \
    ((uint64_t)(action) | (uint64_t)(flags) << 8 | (uint64_t)(operand) << 16 | \
     (uint64_t)(imm) << 24 | (uint64_t)(row) << 32 | (uint64_t)(map) << 48)
#define VX_INSNS_TABLES
#include "insns.inc"

static const uint8_t prefixes[256] = {
    [0x66] = VX_P_66, [0xf3] = VX_P_F3, [0xf2] = VX_P_F2,   [0xf0] = VX_P_LOCK,
    [0x26] = VX_P_SEG, [0x36] = VX_P_SEG, [0x3e] = VX_P_3E, [0x2e] = VX_P_2E,
};
enum {
    CLASS = VX_P_66 | VX_P_F3 | VX_P_F2,
    SEGMENTS = VX_P_SEG | VX_P_3E | VX_P_2E,
    REPEATED_66 = 0x80,  /* beside VX_P_ */
};

static uint32_t
load(const uint8_t *p, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)p[i] << 8 * i;
    return value;
}

static const uint32_t masks[] = {0, 0xff, 0xffff, 0xffffff, 0xffffffff};  /* of so many bytes */

/* May these prefixes, which select no row, stand before a row's instruction? */
static int
allowed(unsigned prefix, unsigned flags, int memory, int modrm)
{
    if ((prefix & VX_P_LOCK) && !(memory && modrm && (flags & R_LOCK)))
        return 0;
    if (flags & R_PAD)
        return 1;
    if (prefix & REPEATED_66)
        return 0;
    if (prefix & VX_P_2E)
        return (flags & (R_CS | R_HINT)) != 0;
    if (prefix & VX_P_3E)
        return memory || (flags & (R_HINT | R_NOTRACK));
    return memory || !(prefix & VX_P_SEG);
}

/*
 * struct vx_insn is made of two words, and for each a table has most of it: known, from the row;
 * layout, from the ModRM byte, as if that were at 0.
 */
enum {  /* shifts in the first: */
    FLAGS = 8, OPCODE = 56,
    /* and in the second: */
    LENGTH = 0, PREFIX = 8, START = 16, MODRM = 24, SIB = 32, DISP = 40, DISP_SIZE = 48, IMM = 56,
};
#define FOUR (4ull << DISP_SIZE | 4ull << IMM | 4ull << LENGTH)  /* bytes of displacement more */
#define HAS_SIB(m) ((m) < 0xc0 && ((m) & 7) == 4)
#define DISP_BYTES(m) ((m) >= 0xc0 ? 0ull : (m) >= 0x80 || ((m) < 0x40 && ((m) & 7) == 5) ? 4ull : \
                       (m) >= 0x40 ? 1ull : 0ull)
#define LAYOUT(m) ((uint64_t)HAS_SIB(m) << SIB | (1ull + HAS_SIB(m)) << DISP | \
                   DISP_BYTES(m) << DISP_SIZE | \
                   (1ull + HAS_SIB(m) + DISP_BYTES(m)) * (1ull << IMM | 1ull << LENGTH))
#define PLACE(m) ((m) >= 0xc0 ? MOD3 + ((m) & 63) : (m) >> 3 & 7)
#define EACH8(F, m) F(m), F((m) + 1), F((m) + 2), F((m) + 3), F((m) + 4), F((m) + 5), \
                    F((m) + 6), F((m) + 7)
#define EACH64(F, m) EACH8(F, m), EACH8(F, (m) + 8), EACH8(F, (m) + 16), EACH8(F, (m) + 24), \
                     EACH8(F, (m) + 32), EACH8(F, (m) + 40), EACH8(F, (m) + 48), EACH8(F, (m) + 56)
#define EACH(F) EACH64(F, 0), EACH64(F, 0x40), EACH64(F, 0x80), EACH64(F, 0xc0)
static const uint64_t layouts[256] = {EACH(LAYOUT)};
static const uint8_t in_group[256] = {EACH(PLACE)};

/*
 * Where prefixes end: their mask, the count in *end; negative when they may not stand
 * together.  Then, too, *end bytes have been looked at.
 */
static int
take_prefixes(const uint8_t *p, unsigned *end)
{
    unsigned prefix = 0, i = 0, bit;

    for (; i < VX_INSN_MAX && (bit = prefixes[p[i]]) != 0; i++) {
        if (prefix & bit) {
            if (bit != VX_P_66)
                break;
            bit = REPEATED_66;
        }
        if ((bit & SEGMENTS) && (prefix & SEGMENTS))
            break;
        prefix |= bit;
    }
    *end = i;
    if (i == VX_INSN_MAX || prefixes[p[i]] ||
        (prefix & (VX_P_F3 | VX_P_F2)) == (VX_P_F3 | VX_P_F2)) {
        *end = i + 1;
        return -1;
    }
    return (int)prefix;
}

/*
 * Decode from a place where WINDOW bytes can be read.  *seen: how many of them the answer
 * depends on.  What comes next in a program is hard to predict, so the forms differ by numbers
 * and not by branches; and the length comes straight from the entry, since the next
 * instruction waits for it.
 */
enum { WINDOW = 32 };

static inline __attribute__((always_inline)) int
decode(const uint8_t *p, unsigned i, unsigned prefix, uint32_t features, struct vx_insn *in,
       unsigned *seen)
{
    unsigned map = 0, start = i, opcode = p[i];

    if (opcode == 0x0f) {
        map = 1;
        opcode = p[++i];
        if (opcode == 0x38 || opcode == 0x3a) {
            map = opcode == 0x38 ? 2 : 3;
            opcode = p[++i];
        }
    }
    uint32_t entry = cells[prefix & CLASS][map][opcode];
    unsigned modrm = p[++i];
    *seen = i;
    if (entry >> ENTRY_GROUP & 1) {
        entry = places[(uint16_t)entry + in_group[modrm]];
        ++*seen;
    }
    const struct row *row = &table[(uint16_t)entry];
    if (!(row->feature & features)) {
        row = &table[row->instead];
        if (!(row->feature & features))  /* row 0 has none */
            return VX_UD;
    }

    uint64_t has = entry >> ENTRY_MODRM & 1;
    uint64_t layout = layouts[modrm] & (0 - has);
    if ((modrm & 0xc7) == 4 && has && (p[i + 1] & 7) == 5)  /* SIB without a base */
        layout += FOUR;
    if (entry >> ENTRY_ABSOLUTE & 1)
        layout += FOUR;
    layout += (1ull << LENGTH | 1ull << DISP | 1ull << IMM | has << MODRM | (layout & 1ull << SIB)) * i;

    unsigned memory = (row->flags & R_MEMORY) && !(has && modrm >= 0xc0);
    if ((prefix & ~CLASS) && !allowed(prefix, row->flags, (int)memory, (int)has)) {
        *seen = (unsigned)(layout >> DISP & 255);
        return VX_UD;
    }
    unsigned imm_size = entry >> ENTRY_IMM;
    uint32_t value;
    memcpy(&value, p + (layout >> IMM), sizeof value);
    value &= masks[imm_size];
    in->value = entry >> ENTRY_SIGNED & 1 ? (int8_t)value : (int32_t)value;
    layout += imm_size | (prefix & ~REPEATED_66) << PREFIX | start << START;
    uint64_t known = row->known[entry >> ENTRY_NARROW & 1] | (uint64_t)opcode << OPCODE;
    known |= (uint64_t)(row->memory & (0u - memory)) << FLAGS;
    memcpy(in, &known, sizeof known);
    memcpy((uint8_t *)in + sizeof known, &layout, sizeof layout);
    *seen = (uint8_t)layout;
    return (uint8_t)known == VX_A_PRIV ? VX_PRIV : (uint8_t)layout;
}

__attribute__((noinline)) static int
decode_prefixed(const uint8_t *p, uint32_t features, struct vx_insn *in, unsigned *seen)
{
    int prefix = take_prefixes(p, seen);

    return prefix < 0 ? VX_UD : decode(p, *seen, (unsigned)prefix, features, in, seen);
}

/* The same of fewer bytes: as if zeros stood behind them, if the answer does not depend on those. */
__attribute__((noinline)) static int
decode_few(const uint8_t *p, unsigned n, uint32_t features, struct vx_insn *in)
{
    uint8_t window[WINDOW] = {0};
    unsigned seen;

    memcpy(window, p, n);
    int answer = decode_prefixed(window, features, in, &seen);
    if (seen > VX_INSN_MAX && n >= VX_INSN_MAX)
        return VX_UD;
    return seen <= n ? answer : VX_SHORT;
}

int
vx_decode(const uint8_t *p, unsigned n, uint32_t features, struct vx_insn *in)
{
    unsigned seen;

    if (n < WINDOW)
        return decode_few(p, n, features, in);
    if (!prefixes[*p])  /* so most are, and cannot be too long */
        return decode(p, 0, 0, features, in, &seen);
    int answer = decode_prefixed(p, features, in, &seen);
    return seen <= VX_INSN_MAX ? answer : VX_UD;
}

unsigned
vx_insn_copy(const struct vx_insn *in, const uint8_t *p, uint8_t *out)
{
    uint8_t *to = out;

    if (in->prefix & VX_P_LOCK)
        *to++ = 0xf0;
    if (in->prefix & VX_P_66)
        *to++ = 0x66;
    if ((in->prefix & VX_P_F3) && !(table[in->row].flags & R_DROPF3))
        *to++ = 0xf3;
    if (in->prefix & VX_P_F2)
        *to++ = 0xf2;
    memcpy(to, p + in->start, in->length - in->start);
    return to + in->length - in->start - out;
}

/* Is its operand in memory, and the one thing that a segment prefix is about? */
static int
has_operand_in_memory(const struct vx_insn *in, const uint8_t *p)
{
    if (in->action != VX_A_COPY && in->action != VX_A_JMPR && in->action != VX_A_CALLR)
        return 0;
    return in->modrm ? p[in->modrm] < 0xc0 : in->disp_size == 4;
}

int
vx_decode_thread(const uint8_t *p, unsigned n, uint32_t features, uint8_t plain[VX_INSN_MAX],
                 struct vx_insn *in)
{
    unsigned at = 0, rest;

    while (at < n && at < VX_INSN_MAX - 1 && prefixes[p[at]])
        at++;
    if (at == n || (p[at] & 0xfe) != 0x64)
        return VX_UD;
    rest = (n < VX_INSN_MAX ? n : VX_INSN_MAX) - 1;
    memcpy(plain, p, at);
    memcpy(plain + at, p + at + 1, rest - at);
    int length = vx_decode(plain, rest, features, in);
    if (length == VX_SHORT)
        return n < VX_INSN_MAX ? VX_SHORT : VX_UD;
    if (length < 0 || (in->prefix & SEGMENTS) || !has_operand_in_memory(in, plain))
        return VX_UD;
    return length + 1;
}

unsigned
vx_insn_rebase(const uint8_t *p, unsigned n, uint32_t base, uint8_t out[VX_INSN_MAX])
{
    struct vx_insn in;

    if (vx_decode(p, n, VX_FEATURES_ALL, &in) != (int)n || !has_operand_in_memory(&in, p))
        return 0;
    uint32_t disp = load(p + in.disp, in.disp_size);
    if (in.disp_size == 1)
        disp = (uint32_t)(int8_t)disp;
    if (in.flags & (VX_LOAD | VX_STORE))
        disp += base;
    if (in.disp + 4u + (in.length - in.imm) > VX_INSN_MAX)
        return 0;
    memcpy(out, p, in.disp);
    if (in.modrm && in.disp_size < 4)  /* now it has one of four bytes */
        out[in.modrm] = (uint8_t)((p[in.modrm] & 0x3f) | 0x80);
    memcpy(out + in.disp, &disp, 4);
    memcpy(out + in.disp + 4, p + in.imm, in.length - in.imm);
    return in.disp + 4u + (in.length - in.imm);
}

const char *
vx_insn_name(unsigned row)
{
    return row < NROW ? names[row] : "";
}

enum { EAX = 0, ECX, EDX, EBX, ESP, EBP, ESI, EDI };

/* Is this register ECX?  The byte registers 1 and 5, CL and CH, are parts of it. */
static unsigned
is_ecx(unsigned r, unsigned byte)
{
    return r == ECX || (byte && r == ECX + 4);
}

enum vx_use
vx_insn_ecx(const struct vx_insn *in, const uint8_t *p)
{
    const struct row *row = &table[in->row];
    unsigned general = row->general, modrm = in->modrm ? p[in->modrm] : 0xc0, named = 0;
    enum { ADDRESS = 1 << 15 };

    if ((general & G_IMPLICIT) ||
        (row->implicit >= IMPLICIT_LODS && (in->prefix & (VX_P_F3 | VX_P_F2))))
        return VX_USED;
    if ((general & G_OPCODE) && is_ecx(in->opcode & 7, general & G_OPCODE8))
        named |= G_OPCODE;
    if ((general & G_REG) && is_ecx(modrm >> 3 & 7, general & G_REG8))
        named |= G_REG;
    if (modrm >= 0xc0) {
        if ((general & G_RM) && is_ecx(modrm & 7, general & G_RM8))
            named |= G_RM;
    } else if (in->sib) {
        unsigned sib = p[in->sib];

        if ((sib & 7) == ECX || (sib >> 3 & 7) == ECX)
            named |= ADDRESS;
    } else if ((modrm & 7) == ECX) {
        named |= ADDRESS;
    }
    if (named == 0)
        return VX_UNUSED;
    int sets = (named == G_OPCODE && (general & G_SETOPCODE)) ||
               (named == G_REG && (general & G_SETREG)) || (named == G_RM && (general & G_SETRM));
    return sets && in->operand == 4 ? VX_SET : VX_USED;
}

int
vx_insn_names_esp(const struct vx_insn *in, const uint8_t *p)
{
    unsigned general = table[in->row].general, modrm = in->modrm ? p[in->modrm] : 0;

    return ((general & G_OPCODE) && (in->opcode & 7) == ESP) ||
           ((general & G_REG) && (modrm >> 3 & 7) == ESP) ||
           ((general & G_RM) && modrm >= 0xc0 && (modrm & 7) == ESP);
}

/* The address that ModRM gives, or the absolute one; grown: ESP has grown by so much. */
static uint32_t
operand_address(const struct vx_insn *in, const uint8_t *p, const uint32_t reg[8],
                uint32_t grown)
{
    uint32_t address = load(p + in->disp, in->disp_size);
    unsigned base, modrm = p[in->modrm];

    if (in->disp_size == 1)
        address = (int8_t)address;
    if (!in->modrm)
        return address;
    base = modrm & 7;
    if (in->sib) {
        unsigned sib = p[in->sib], index = sib >> 3 & 7;

        base = sib & 7;
        if (index != ESP)
            address += reg[index] << (sib >> 6);
    }
    if (base == EBP && modrm < 0x40)
        return address;
    return address + reg[base] + (base == ESP ? grown : 0);
}

/* How far from a bit string's address the bit lies that the register operand names. */
static uint32_t
bit_offset(const struct vx_insn *in, const uint8_t *p, const uint32_t reg[8])
{
    uint32_t bit = reg[p[in->modrm] >> 3 & 7];

    if (in->operand == 2)
        return (uint32_t)(((int16_t)bit >> 4) * 2);
    return (uint32_t)(((int32_t)bit >> 5) * 4);
}

static int
put(struct vx_access out[], int count, uint32_t address, uint32_t size, int write)
{
    if (size == 0)
        return count;
    out[count] = (struct vx_access){address, size, write};
    return count + 1;
}

static int
enter_accesses(const struct vx_insn *in, const uint32_t reg[8], struct vx_access out[])
{
    uint32_t word = in->operand, level = (uint32_t)in->value >> 16 & 31;
    uint32_t pushed = word * (level + 1), copied = level > 1 ? word * (level - 1) : 0;
    uint32_t frame = (uint32_t)in->value & 0xffff;
    int n = put(out, 0, reg[EBP] - copied, copied, 0);

    n = put(out, n, reg[ESP] - pushed, pushed, 1);
    return put(out, n, reg[ESP] - pushed - frame, frame ? word : 0, 1);
}

static int
string_accesses(unsigned kind, uint32_t size, const uint32_t reg[8], struct vx_access out[])
{
    int n = 0;

    if (kind != IMPLICIT_SCAS && kind != IMPLICIT_STOS)
        n = put(out, n, reg[ESI], size, 0);
    if (kind != IMPLICIT_LODS)
        n = put(out, n, reg[EDI], size, kind == IMPLICIT_STOS || kind == IMPLICIT_MOVS);
    return n;
}

int
vx_insn_accesses(const struct vx_insn *in, const uint8_t *p, const uint32_t reg[8],
                 struct vx_access out[VX_NACCESS])
{
    const struct row *row = &table[in->row];
    uint32_t size = in->operand == 2 ? row->size16 : row->size, word = in->operand;
    int n = 0;

    if (row->implicit == IMPLICIT_POP)  /* before the operand, whose address sees the new ESP */
        n = put(out, n, reg[ESP], word, 0);
    if (row->implicit >= IMPLICIT_LODS)
        return string_accesses(row->implicit, size, reg, out);
    if ((in->flags & VX_MEMORY) && (row->memory & (VX_LOAD | VX_STORE))) {
        uint32_t address = operand_address(in, p, reg, n ? word : 0);

        if (row->flags & R_BITS)
            address += bit_offset(in, p, reg);
        n = put(out, n, address, size, (row->memory & VX_STORE) != 0);
    }
    switch (row->implicit) {
    case IMPLICIT_PUSH:
        return put(out, n, reg[ESP] - word, word, 1);
    case IMPLICIT_PUSHA:
        return put(out, n, reg[ESP] - 8 * word, 8 * word, 1);
    case IMPLICIT_POPA:
        return put(out, n, reg[ESP], 8 * word, 0);
    case IMPLICIT_LEAVE:
        return put(out, n, reg[EBP], word, 0);
    case IMPLICIT_ENTER:
        return enter_accesses(in, reg, out);
    case IMPLICIT_XLAT:
        return put(out, n, reg[EBX] + (reg[EAX] & 0xff), 1, 0);
    case IMPLICIT_MASKMOV:
        return put(out, n, reg[EDI], size, 1);
    }
    return n;
}
