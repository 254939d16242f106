/*
 * decode.c: one walk over the tables that mkinsns.py makes of insns.tab.
 *
 * A cell, found by prefix class, map and opcode, is a row or a group of rows that ModRM
 * selects from.  There is no code here for any single opcode.
 */
#include "nofpu.h"

#include "decode.h"

#include <string.h>

struct row {
    uint16_t flags;      /* R_ */
    uint16_t feature;
    uint16_t size;       /* bytes of memory accessed */
    uint16_t size16;     /* the same after 66 */
    uint8_t imm;         /* bytes of immediate */
    uint8_t imm16;       /* the same after 66 */
    uint8_t action;
    uint8_t implicit;    /* the accesses that no operand shows */
    uint8_t always;      /* VX_FP and so on, whatever the operand */
    uint8_t memory;      /* the same, when the operand is memory */
    uint16_t instead;    /* the row to take when the feature is not offered, or 0 */
};

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

static const uint8_t displacement[4][8] = {  /* its bytes, by ModRM's mod and rm */
    {[5] = 4}, {1, 1, 1, 1, 1, 1, 1, 1}, {4, 4, 4, 4, 4, 4, 4, 4}, {0},
};

/* The value of an immediate of so many bytes, where room bytes can be read. */
static inline int32_t
immediate(const uint8_t *p, unsigned size, int sign, unsigned room)
{
    static const uint32_t mask[] = {0, 0xff, 0xffff, 0xffffff, 0xffffffff};
    uint32_t value;

    if (room >= sizeof value)
        memcpy(&value, p, sizeof value);
    else
        value = load(p, size);
    value &= mask[size];
    return sign ? (int8_t)value : (int32_t)value;
}

int
vx_decode(const uint8_t *p, unsigned n, uint32_t features, struct vx_insn *in)
{
    int beyond = n < VX_INSN_MAX ? VX_SHORT : VX_UD;  /* the answer when n bytes do not do */
    unsigned i = 0, prefix = 0, map = 0, cell, bit;

    if (n > VX_INSN_MAX)
        n = VX_INSN_MAX;
    for (;; i++) {
        if (i >= n)
            return beyond;
        bit = prefixes[p[i]];
        if (!bit)
            break;
        if (prefix & bit) {
            if (bit != VX_P_66)
                return VX_UD;
            bit = REPEATED_66;
        }
        if ((bit & SEGMENTS) && (prefix & SEGMENTS))
            return VX_UD;
        prefix |= bit;
    }
    if ((prefix & (VX_P_F3 | VX_P_F2)) == (VX_P_F3 | VX_P_F2))
        return VX_UD;
    in->start = i;
    if (p[i] == 0x0f) {
        map = 1;
        if (++i >= n)
            return beyond;
        if (p[i] == 0x38 || p[i] == 0x3a) {
            map = p[i] == 0x38 ? 2 : 3;
            if (++i >= n)
                return beyond;
        }
    }
    in->map = map;
    in->opcode = p[i];
    cell = cells[prefix & CLASS][map][p[i++]];

    unsigned modrm = 0xff;
    if (cell & GROUP) {
        if (i >= n)
            return beyond;
        modrm = p[i];
        cell = groups[cell & ~GROUP][modrm >= 0xc0 ? MOD3 + (modrm & 63) : modrm >> 3 & 7];
    }
    if (!cell)
        return VX_UD;
    const struct row *row = &table[cell];
    if (!(row->feature & features)) {
        cell = row->instead;
        row = &table[cell];
        if (!(row->feature & features))
            return VX_UD;
    }

    in->modrm = in->sib = in->disp_size = 0;
    if (row->flags & R_MODRM) {
        if (i >= n)
            return beyond;
        in->modrm = i;
        modrm = p[i++];
        in->disp_size = displacement[modrm >> 6][modrm & 7];
        if (modrm < 0xc0 && (modrm & 7) == 4) {
            if (i >= n)
                return beyond;
            in->sib = i;
            if (modrm < 0x40 && (p[i] & 7) == 5)
                in->disp_size = 4;
            i++;
        }
    } else if (row->flags & R_ABSOLUTE) {
        in->disp_size = 4;
    }
    in->disp = i;
    i += in->disp_size;

    int memory = (row->flags & R_MEMORY) && !(in->modrm && modrm >= 0xc0);
    if ((prefix & ~CLASS) && !allowed(prefix, row->flags, memory, in->modrm))
        return VX_UD;

    unsigned narrow = (prefix & VX_P_66) && (row->flags & R_O16);
    in->operand = narrow ? 2 : 4;
    in->imm = i;
    in->imm_size = narrow ? row->imm16 : row->imm;
    i += in->imm_size;
    if (i > n)
        return beyond;
    in->length = i;
    in->value = immediate(p + in->imm, in->imm_size, row->flags & R_SIGNED, n - in->imm);
    in->flags = row->always | (memory ? row->memory : 0);
    in->prefix = prefix & ~REPEATED_66;
    in->action = row->action;
    in->row = cell;
    return row->action == VX_A_PRIV ? VX_PRIV : (int)i;
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

const char *
vx_insn_name(unsigned row)
{
    return row < NROW ? names[row] : "";
}

enum { EAX = 0, ECX, EDX, EBX, ESP, EBP, ESI, EDI };

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
