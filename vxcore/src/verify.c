/*
 * verify.c: a second opinion on emitted code, before any of it can run.
 *
 * It reads the bytes that are to be published, and knows nothing of how they were made: no
 * table, type or function of the decoder or the translator is used here.  What it holds true
 * of each block, for whatever bytes the translator hands over:
 *
 *  - from its first byte to its last it is a chain of instructions that are allowed below;
 *  - the control window is touched by a handful of fixed forms only; 64-bit code is entered
 *    at the exit stub only, with the index of an exit that exists;
 *  - a jump through a table uses a table of this cache, indexed by 16 bits, and cannot be
 *    reached but through the instruction that cuts the index;
 *  - each branch goes to the beginning of an instruction: of this block, or of a block of this
 *    cache that has passed before; or to a miss stub;
 *  - control cannot run off its end.
 *
 * Table entries, patches and the map of entries are checked against the same knowledge, which
 * is one bit for each byte of the arena: a verified instruction that may be jumped to begins
 * here.  So one mistake in the translator is not an escape; it takes one here as well.
 */
#include "nofpu.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vx.h"

/* ---- what may be emitted ---- */

/*
 * A cell describes one opcode: which prefixes it may have with a memory operand and which
 * with a register or none, and what follows it.
 */
enum {
    BARE = 1, P66 = 2, PF3 = 4, PF2 = 8,  /* a set of prefixes; BARE: none of the three */
    MEMORY = 0,             /* shift of the set for memory operands */
    REGISTER = 4,           /* of the set for registers */
    MODRM = 1 << 8,
    WIDE = 9,               /* shift of the bytes of immediates, branches and addresses */
    NARROW = 12,            /* the same after 66 */
    LOCKS = 1 << 15,        /* F0 is allowed with a memory operand */
    BUT7 = 1 << 16,         /* but not with /7 */
    WITH66 = 1 << 17,       /* 66 may stand beside F3 or F2 */
    GROUP = 1 << 18,        /* ModRM decides: see lines; its first is the top byte */
    NEAR8 = 1 << 19,        /* a branch by the last byte */
    NEAR32 = 1 << 20,       /* a branch by the last four */
    LAST = 1 << 21,         /* the next instruction is not reached from here */
    PREFIX = 1 << 22,
    ESCAPE = 1 << 23,
    LINE = 24,              /* shift of the line's number */
    IMM8 = 1 << WIDE | 1 << NARROW,
    IMM24 = 3 << WIDE | 3 << NARROW,
    IMM32 = 4 << WIDE | 4 << NARROW,
    IMMZ = 4 << WIDE | 2 << NARROW,
};

/* The one-byte opcodes; letters explains the letters. */
static const char one_byte[16][17] = {
    "BVbviz..BVbviz.f", "BVbviz..BVbviz..", "BVbviz.nBVbviz.n", "BVbviz.nbvbviz.n",
    "oooooooooooooooo", "oooooooooooooooo", "ooM...p.zqIQ....", "jjjjjjjjjjjjjjjj",
    "yZ.YbvBVbvbv.M.g", "Nooooooooo.n..nn", "aAaAsScCizsSsScC", "iiiiiiiizzzzzzzz",
    "gg....ggeo......", "ggggii.ngggggggg", "jjjj.....J.k....", "p.pp.nggnn..nngg",
};

#define BOTH(set) ((set) << MEMORY | (set) << REGISTER)

static const struct {
    char name;
    uint32_t cell;
} letters[] = {
    {'b', MODRM | BOTH(BARE)},         {'B', MODRM | BOTH(BARE) | LOCKS},
    {'v', MODRM | BOTH(BARE | P66)},   {'V', MODRM | BOTH(BARE | P66) | LOCKS},
    {'n', BOTH(BARE)},                {'o', BOTH(BARE | P66)},
    {'N', BOTH(BARE | P66 | PF3)},    {'z', BOTH(BARE | P66) | IMMZ},
    {'i', BOTH(BARE) | IMM8},         {'I', BOTH(BARE | P66) | IMM8},
    {'a', BOTH(BARE) | IMM32},        {'A', BOTH(BARE | P66) | IMM32},
    {'s', BOTH(BARE | PF3)},          {'S', BOTH(BARE | P66 | PF3) | WITH66},
    {'c', BOTH(BARE | PF3 | PF2)},    {'C', BOTH(BARE | P66 | PF3 | PF2) | WITH66},
    {'e', BOTH(BARE | P66) | IMM24},   {'M', MODRM | (BARE | P66) << MEMORY},
    {'q', MODRM | BOTH(BARE | P66) | IMMZ},
    {'Q', MODRM | BOTH(BARE | P66) | IMM8},
    {'y', MODRM | BOTH(BARE) | IMM8 | LOCKS | BUT7},
    {'Y', MODRM | BOTH(BARE | P66) | IMM8 | LOCKS | BUT7},
    {'Z', MODRM | BOTH(BARE | P66) | IMMZ | LOCKS | BUT7},
    {'j', BOTH(BARE) | NEAR8 | IMM8}, {'k', BOTH(BARE) | NEAR8 | IMM8 | LAST},
    {'J', BOTH(BARE) | NEAR32 | IMM32 | LAST},
    {'f', ESCAPE},                     {'p', PREFIX},
    {'g', MODRM | GROUP},
};

/*
 * The others: a shape, and the sets of prefixes for memory and for registers as hexadecimal
 * digits (1 none, 2 66, 4 F3, 8 F2).  A form that a row leaves out does not exist.
 *   m ModRM   l the same, lockable   i ModRM and a byte   w ModRM, and 66 beside F3 or F2
 *   - nothing   j a rel32   g a group
 */
static const char two_byte[16][49] = {
    "................................................",
    "mffmffmfdm30m33m33m75m30g00...............g00g00",
    "........................m33m33mffm30mffmffm33m33",
    "...-11..........................................",
    "m33m33m33m33m33m33m33m33m33m33m33m33m33m33m33m33",
    "m03mffm55m55m33m33m33m33mffmffmffm77mffmffmffmff",
    "m33m33m33m33m33m33m33m33m33m33m33m33m22m22m33m77",
    "iffg00g00g00m33m33m33-11............maamaam77m77",
    "j11j11j11j11j11j11j11j11j11j11j11j11j11j11j11j11",
    "m11m11m11m11m11m11m11m11m11m11m11m11m11m11m11m11",
    ".........m33i33m33...............l33i33m33g00m33",
    "l11l33...l33......m33m33w44...g00l33w77w77m33m33",
    "l11l33iffm10i33i03i33g00-11-11-11-11-11-11-11-11",
    "maam33m33m33m33m33m2em03m33m33m33m33m33m33m33m33",
    "m33m33m33m33m33m33meem30m33m33m33m33m33m33m33m33",
    "m80m33m33m33m33m33m33m03m33m33m33m33m33m33m33...",
};

/* 0F38 and 0F3A: from, to, and the same three characters. */
static const struct {
    uint8_t map, from, to;
    char cell[4];
} three_byte[] = {
    {2, 0x00, 0x0b, "m33"}, {2, 0x10, 0x10, "m22"}, {2, 0x14, 0x15, "m22"},
    {2, 0x17, 0x17, "m22"}, {2, 0x1c, 0x1e, "m33"}, {2, 0x20, 0x25, "m22"},
    {2, 0x28, 0x29, "m22"}, {2, 0x2a, 0x2a, "m20"}, {2, 0x2b, 0x2b, "m22"},
    {2, 0x30, 0x35, "m22"}, {2, 0x37, 0x41, "m22"}, {2, 0xc8, 0xcd, "m11"},
    {2, 0xdb, 0xdf, "m22"}, {2, 0xf0, 0xf0, "m88"}, {2, 0xf1, 0xf1, "w88"},
    {3, 0x08, 0x0e, "i22"}, {3, 0x0f, 0x0f, "i33"}, {3, 0x14, 0x17, "i22"},
    {3, 0x20, 0x22, "i22"}, {3, 0x40, 0x42, "i22"}, {3, 0x44, 0x44, "i22"},
    {3, 0x60, 0x63, "i22"}, {3, 0xcc, 0xcc, "i11"}, {3, 0xdf, 0xdf, "i22"},
};

/*
 * Where ModRM is part of the opcode: bit n of memory allows /n with a memory operand, bit n of
 * lock allows F0 before that, and bit n of registers the ModRM byte C0+n.  Lines of one opcode
 * stand together.
 */
#define REGS(m) ((uint64_t)((m) & 1 ? 0xff : 0) | (uint64_t)((m) & 2 ? 0xff : 0) << 8 | \
                 (uint64_t)((m) & 4 ? 0xff : 0) << 16 | (uint64_t)((m) & 8 ? 0xff : 0) << 24 | \
                 (uint64_t)((m) & 16 ? 0xff : 0) << 32 | (uint64_t)((m) & 32 ? 0xff : 0) << 40 | \
                 (uint64_t)((m) & 64 ? 0xff : 0) << 48 | (uint64_t)((m) & 128 ? 0xff : 0) << 56)
#define BIT(modrm) (1ull << ((modrm) - 0xc0))

static const struct line {
    uint8_t map, opcode, prefixes, memory, lock;
    uint32_t imm;
    uint64_t registers;
} lines[] = {
    {0, 0x8f, BARE | P66, 0x01, 0, 0, REGS(0x01)},
    {0, 0xc0, BARE, 0xbf, 0, IMM8, REGS(0xbf)},
    {0, 0xc1, BARE | P66, 0xbf, 0, IMM8, REGS(0xbf)},
    {0, 0xc6, BARE, 0x01, 0, IMM8, REGS(0x01)},
    {0, 0xc7, BARE | P66, 0x01, 0, IMMZ, REGS(0x01)},
    {0, 0xd0, BARE, 0xbf, 0, 0, REGS(0xbf)},
    {0, 0xd1, BARE | P66, 0xbf, 0, 0, REGS(0xbf)},
    {0, 0xd2, BARE, 0xbf, 0, 0, REGS(0xbf)},
    {0, 0xd3, BARE | P66, 0xbf, 0, 0, REGS(0xbf)},
    /* x87, without what stores addresses of instructions: D9 /6, DD /6 */
    {0, 0xd8, BARE, 0xff, 0, 0, REGS(0xff)},
    {0, 0xd9, BARE, 0xbd, 0, 0,
     REGS(0xc3) | BIT(0xd0) | BIT(0xe0) | BIT(0xe1) | BIT(0xe4) | BIT(0xe5) |
     (REGS(0x20) & ~BIT(0xef))},
    {0, 0xd9, P66, 0x10, 0, 0, 0},
    {0, 0xda, BARE, 0xff, 0, 0, REGS(0x0f) | BIT(0xe9)},
    {0, 0xdb, BARE, 0xaf, 0, 0, REGS(0x6f) | BIT(0xe2) | BIT(0xe3)},
    {0, 0xdc, BARE, 0xff, 0, 0, REGS(0xf3)},
    {0, 0xdd, BARE, 0x9f, 0, 0, REGS(0x3d)},
    {0, 0xdd, P66, 0x10, 0, 0, 0},
    {0, 0xde, BARE, 0xff, 0, 0, REGS(0xf3) | BIT(0xd9)},
    {0, 0xdf, BARE, 0xff, 0, 0, REGS(0x61) | BIT(0xe0)},
    {0, 0xf6, BARE, 0x01, 0, IMM8, REGS(0x01)},
    {0, 0xf6, BARE, 0xfc, 0x0c, 0, REGS(0xfc)},
    {0, 0xf7, BARE | P66, 0x01, 0, IMMZ, REGS(0x01)},
    {0, 0xf7, BARE | P66, 0xfc, 0x0c, 0, REGS(0xfc)},
    {0, 0xfe, BARE, 0x03, 0x03, 0, REGS(0x03)},
    {0, 0xff, BARE | P66, 0x43, 0x03, 0, REGS(0x43)},
    {1, 0x18, BARE, 0x0f, 0, 0, 0},
    {1, 0x1e, PF3, 0, 0, 0, BIT(0xfb)},
    {1, 0x1f, BARE | P66, 0x01, 0, 0, REGS(0x01)},
    {1, 0x71, BARE | P66, 0, 0, IMM8, REGS(0x54)},
    {1, 0x72, BARE | P66, 0, 0, IMM8, REGS(0x54)},
    {1, 0x73, BARE | P66, 0, 0, IMM8, REGS(0x44)},
    {1, 0x73, P66, 0, 0, IMM8, REGS(0x88)},
    /* without what saves state: /0, /4, /6 */
    {1, 0xae, BARE, 0x0e, 0, 0, BIT(0xe8) | BIT(0xf0) | BIT(0xf8)},
    {1, 0xba, BARE | P66, 0xf0, 0xe0, IMM8, REGS(0xf0)},
    {1, 0xc7, BARE, 0x02, 0x02, 0, 0},
    {0xff, 0, 0, 0, 0, 0, 0},
};

static uint32_t cells[4][256];
static uint8_t operand[256];   /* bytes of a ModRM, its SIB and displacement */

/*
 * Most instructions are told by two bytes, or by two after 0F: their lengths, and 0 for the
 * others.  A step from one to the next is then two loads and nothing to predict.
 */
static uint8_t quick[2][1 << 16];

static uint32_t
cell_of(const char *s)
{
    static const char digits[] = "0123456789abcdef";
    if (*s == '.')
        return 0;
    uint32_t cell = (uint32_t)(strchr(digits, s[1]) - digits) << MEMORY |
                    (uint32_t)(strchr(digits, s[2]) - digits) << REGISTER;
    switch (*s) {
    case 'm':
        return cell | MODRM;
    case 'l':
        return cell | MODRM | LOCKS;
    case 'i':
        return cell | MODRM | IMM8;
    case 'w':
        return cell | MODRM | WITH66;
    case 'j':
        return cell | NEAR32 | IMM32;
    case 'g':
        return MODRM | GROUP;
    }
    return cell;
}

static void
spell_out(void)
{
    for (int i = 0; i < 256; i++) {
        for (size_t k = 0; k < sizeof letters / sizeof letters[0]; k++)
            if (letters[k].name == one_byte[i / 16][i % 16])
                cells[0][i] = letters[k].cell;
        cells[1][i] = cell_of(&two_byte[i / 16][3 * (i % 16)]);
        int mod = i >> 6, rm = i & 7;
        operand[i] = 1;
        if (mod == 3)
            continue;
        operand[i] += (rm == 4) + (mod == 1) + (mod == 2 || (mod == 0 && rm == 5) ? 4 : 0);
    }
    for (size_t k = 0; k < sizeof three_byte / sizeof three_byte[0]; k++)
        for (int i = three_byte[k].from; i <= three_byte[k].to; i++)
            cells[three_byte[k].map][i] = cell_of(three_byte[k].cell);
    for (uint32_t k = sizeof lines / sizeof lines[0] - 1; k-- > 0;)
        cells[lines[k].map][lines[k].opcode] = MODRM | GROUP | k << LINE;
}

/* The cell of a group's member, or 0. */
static uint32_t
member(uint32_t cell, unsigned prefix, unsigned modrm)
{
    const struct line *l = &lines[cell >> LINE], *first = l;
    unsigned reg = modrm >> 3 & 7;
    for (; l->opcode == first->opcode && l->map == first->map; l++)
        if ((l->prefixes & prefix) && (modrm < 0xc0 ? l->memory >> reg & 1
                                                    : l->registers >> (modrm - 0xc0) & 1))
            return MODRM | BOTH(l->prefixes) | l->imm | (l->lock >> reg & 1 ? LOCKS : 0);
    return 0;
}

/*
 * The length of the instruction at p, 0 if it is not allowed; *what becomes its cell.
 * Prefixes: F0, 66, F3 or F2, in this order and each once.  65 is not for here, and no other
 * prefix is for anywhere.  Eight bytes say all; where that is cheap, nothing is branched upon,
 * as there is nothing to predict a branch by.
 */
static inline uint32_t
measure(const uint8_t *p, uint32_t *what)
{
    uint64_t bytes;
    uint32_t n = 1, lock = 0, narrow = 0, both = 0, prefix = BARE;
    memcpy(&bytes, p, sizeof bytes);
    uint32_t cell = cells[0][bytes & 255];
    if (cell & PREFIX) {
        lock = (bytes & 255) == 0xf0;
        n += lock, bytes >>= 8 * lock;
        narrow = (bytes & 255) == 0x66;
        n += narrow, bytes >>= 8 * narrow;
        uint32_t repeat = (bytes & 0xfe) == 0xf2;
        prefix = repeat ? (bytes & 1 ? PF3 : PF2) : narrow ? P66 : BARE;
        both = repeat & narrow;
        n += repeat, bytes >>= 8 * repeat;
        cell = cells[0][bytes & 255];
    }
    if (cell & ESCAPE) {
        n++, bytes >>= 8;
        unsigned map = 1;
        if ((bytes & 0xfd) == 0x38) {
            map = bytes & 2 ? 3 : 2;
            n++, bytes >>= 8;
        }
        cell = cells[map][bytes & 255];
    }
    unsigned modrm = bytes >> 8 & 255;
    if (cell & GROUP)
        cell = member(cell, prefix, modrm);
    uint32_t has = cell / MODRM & 1;
    uint32_t refused = lock | (both & !(cell & WITH66));
    if (lock && (cell & LOCKS) && modrm < 0xc0 && !((cell & BUT7) && (modrm >> 3 & 7) == 7))
        refused &= both;
    if (!(cell >> (modrm < 0xc0 ? MEMORY : REGISTER) & prefix) || refused)
        return 0;
    *what = cell;
    return n + (cell >> (narrow ? NARROW : WIDE) & 7) + (operand[modrm] & (0 - has)) +
           (has & ((bytes & 0x7c700) == 0x50400)) * 4;  /* SIB without a base */
}

static void
learn(void)
{
    spell_out();
    for (unsigned i = 0; i < 2 << 16; i++) {
        uint8_t p[8] = {0x0f};
        uint8_t *q = p + (i >> 16);
        uint32_t what, again;
        q[0] = (uint8_t)i;
        q[1] = (uint8_t)(i >> 8);
        if ((q == p && (cells[0][q[0]] & (PREFIX | ESCAPE))) ||
            (q != p && (q[0] == 0x38 || q[0] == 0x3a)))
            continue;
        uint32_t n = measure(p, &what);
        q[2] = 5;  /* as a SIB byte, without a base */
        if (n && !(what & (NEAR8 | NEAR32 | LAST)) && measure(p, &again) == n)
            quick[i >> 16][i & 0xffff] = (uint8_t)n;
    }
    quick[1][0xc9b7] = 0;  /* movzwl %cx, %ecx: see below */
}

/* ---- what has been verified ---- */

enum { CHUNK_WORDS = VX_CHUNK / 32 };

static uint32_t known[VX_CODE_SIZE / 32];  /* a bit a byte: an instruction to jump to */
static struct vx_cache *owner[VX_NCHUNK];  /* of what is verified in the chunk */
static uint32_t used[VX_NCHUNK];           /* bytes of the chunk */

void
vx_verify_forget(int chunk)
{
    memset(known + (size_t)chunk * CHUNK_WORDS, 0, (used[chunk] + 31) / 32 * 4);
    owner[chunk] = NULL;
    used[chunk] = 0;
}

/* Does an instruction that may be jumped to begin at host, in this cache? */
static int
begins(const struct vx_cache *c, uint32_t host)
{
    uint32_t at = host - VX_CODE_BASE;
    return at < VX_CODE_SIZE && owner[at / VX_CHUNK] == c && known[at / 32] >> at % 32 & 1;
}

static int
may_branch(const struct vx_cache *c, uint32_t host)
{
    return begins(c, host) || host == vx_stub_miss || host == vx_stub_return_miss;
}

/* ---- blocks ---- */

static uint32_t
word(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

enum {
    SPILL = offsetof(struct vx_ctl, spill),
    TARGET = offsetof(struct vx_ctl, target),
    EXIT = offsetof(struct vx_ctl, exit),
};

/* jmp *gs:table(,%ecx,4) */
static uint32_t
table_jump(const struct vx_cache *c, const uint8_t *p)
{
    uint32_t first = VX_TABLE_OFFSET + (uint32_t)c->table * 2 * VX_TABLE_SIZE, at = word(p + 4);
    return c->table >= 0 && word(p) == 0x8d24ff65 && (at == first || at == first + VX_TABLE_SIZE)
           ? 8 : 0;
}

/* The sequence at p, which begins with gs:, if it is one of ours. */
static uint32_t
control(const struct vx_cache *c, const uint8_t *p, uint32_t *what)
{
    uint32_t form = word(p) >> 8;
    *what = 0;
    if ((form & 0xffff) == 0x0d89 || (form & 0xffff) == 0x0d8b)  /* mov %ecx, %gs:; and back */
        return word(p + 3) == SPILL || word(p + 3) == TARGET ? 7 : 0;
    *what = LAST;
    if ((form & 0xffff) == 0x05c7)  /* movl $index, %gs:exit; ljmp $0x33, $stub */
        return word(p + 3) == EXIT && word(p + 7) < c->nexit && p[11] == 0xea &&
               word(p + 12) == vx_stub_exit && p[16] == 0x33 && p[17] == 0 ? 18 : 0;
    if (form == 0x0db70f && word(p + 4) == TARGET)  /* movzwl %gs:target, %ecx; jmp */
        return table_jump(c, p + 8) ? 16 : 0;
    return 0;
}

static struct {
    uint32_t at;      /* offset */
    uint32_t target;  /* linear */
} branch[VX_BLOCK_MAX / 2];

static const char no_place[] = "it lies where no code may";

static int
place_exists(uint32_t host, uint32_t count)
{
    return host >= VX_CODE_BASE + VX_PAGE && host - VX_CODE_BASE < VX_CODE_SIZE && count &&
           count <= VX_BLOCK_MAX && count <= VX_CHUNK - (host - VX_CODE_BASE) % VX_CHUNK;
}

/*
 * What is wrong with it, and where, or NULL.  Its beginnings go into begin, which is like
 * known, from host rounded down to 32, and clear.
 */
static const char *
check(const struct vx_cache *c, uint32_t host, const uint8_t *code, uint32_t count,
      uint32_t *begin, uint32_t *bad)
{
    static int ready;
    if (!ready)
        learn(), ready = 1;
    uint32_t skew = host % 32, nbranch = 0, at = 0, what = 0;
    while (at < count) {
        const uint8_t *p = code + at;
        uint32_t n, first = word(p);
        begin[(skew + at) / 32] |= 1u << (skew + at) % 32;
        *bad = at;
        what = 0;
        n = quick[0][first & 0xffff];
        if (n == 0 && (first & 0xff) == 0x0f)
            n = quick[1][first >> 8 & 0xffff];
        if (n) {
            at += n;
            continue;
        }
        if ((first & 0xff) == 0x65) {
            n = control(c, p, &what);
        } else if (first == 0x65c9b70f && p[4] == 0xff) {  /* movzwl %cx, %ecx; jmp */
            what = LAST;
            n = table_jump(c, p + 3) ? 11 : 0;
        } else {
            n = measure(p, &what);
        }
        if (n == 0)
            return "this is not what the translator emits";
        at += n;
        if (what & (NEAR8 | NEAR32)) {
            uint32_t rel = what & NEAR8 ? (uint32_t)(int8_t)code[at - 1] : word(code + at - 4);
            branch[nbranch].at = at - n;
            branch[nbranch++].target = host + at + rel;
        }
    }
    if (at > count)
        return "the last instruction is cut off";
    if (!(what & LAST))
        return "control runs off the end";
    for (uint32_t i = 0; i < nbranch; i++) {
        uint32_t to = branch[i].target - host;
        *bad = branch[i].at;
        if (to < count ? !(begin[(skew + to) / 32] >> (skew + to) % 32 & 1)
                       : !may_branch(c, branch[i].target))
            return "a branch to where no instruction is known to begin";
    }
    return NULL;
}

const char *
vx_verify_why(const struct vx_cache *c, uint32_t host, const uint8_t *code, uint32_t count,
              uint32_t *bad)
{
    static uint32_t begin[VX_BLOCK_MAX / 32 + 1];
    *bad = 0;
    memset(begin, 0, sizeof begin);
    return place_exists(host, count) ? check(c, host, code, count, begin, bad) : no_place;
}

/* ---- publication ---- */

int vx_verify_never;
static struct vx_cache *trusted;  /* of the benchmark that does without us, while it runs */

static char *
put_hex(char *to, uint32_t value, int digits)
{
    while (digits--)
        *to++ = "0123456789abcdef"[value >> 4 * digits & 15];
    return to;
}

/* Count it and say so on stderr; without stdio, as the guest's SSE state may be live. */
static int
refuse(struct vx_cache *c, uint32_t host, uint32_t offset, const uint8_t *code, uint32_t count,
       const char *why)
{
    char line[256], *to = line;
    const char *part[] = {"vx9: verifier: refused code at ", "+", ": ", ": "};
    for (int i = 0; i < 4; i++) {
        for (const char *s = part[i]; *s; s++)
            *to++ = *s;
        if (i < 2)
            to = put_hex(to, i ? offset : host, i ? 4 : 8);
        for (const char *s = i == 2 ? why : ""; *s; s++)
            *to++ = *s;
    }
    for (uint32_t i = offset; i < count && i < offset + 16; i++)
        to = put_hex(to, code[i], 2);
    *to++ = '\n';
    c->count.refused++;
    ssize_t n = write(2, line, (size_t)(to - line));
    (void)n;  /* stderr may be closed; the caller gets the error all the same */
    return -EBADMSG;
}

int
vx_verify(struct vx_cache *c, uint32_t host, const uint8_t *code, uint32_t count)
{
    if (c == trusted)
        return 0;
    uint32_t bad = 0, in_arena = host - VX_CODE_BASE, i = in_arena / VX_CHUNK;
    if (!place_exists(host, count))
        return refuse(c, host, 0, code, 0, no_place);
    if ((owner[i] && owner[i] != c) || in_arena % VX_CHUNK < used[i])
        return refuse(c, host, 0, code, count, "it lies on other code");
    const char *why = check(c, host, code, count, known + in_arena / 32, &bad);
    if (vx_verify_never)
        why = "a test asks for it";
    if (why) {
        for (uint32_t at = in_arena; at < in_arena + count; at++)
            known[at / 32] &= ~(1u << at % 32);
        return refuse(c, host, bad, code, count, why);
    }
    owner[i] = c;
    used[i] = in_arena % VX_CHUNK + count;
    return 0;
}

int
vx_verify_entry(struct vx_cache *c, uint32_t host)
{
    if (c == trusted || begins(c, host))
        return 0;
    return refuse(c, host, 0, NULL, 0, "this is to be entered, and no instruction begins here");
}

/* May these bytes of published code change, so that a branch goes elsewhere? */
int
vx_verify_patch(struct vx_cache *c, uint32_t field, uint32_t size, uint32_t value)
{
    if (c == trusted)
        return 0;
    const uint8_t *p = vx_code_view(field);
    const char *why = "a patch of what is not a branch";
    uint32_t target = field + size + (size == 1 ? (uint32_t)(int8_t)value : value);
    int is_branch;
    if (size == 1)
        is_branch = begins(c, field - 1) && (cells[0][p[-1]] & NEAR8);
    else if (begins(c, field - 2) && p[-2] == 0x8d && p[-1] == 0x89)
        return 0;  /* lea value(%ecx), %ecx */
    else
        is_branch = (begins(c, field - 1) && p[-1] == 0xe9) ||
                    (begins(c, field - 2) && p[-2] == 0x0f && (cells[1][p[-1]] & NEAR32));
    if (is_branch && may_branch(c, target))
        return 0;
    if (is_branch)
        why = "a patch to where no instruction is known to begin";
    return refuse(c, field, 0, (uint8_t *)&value, size, why);
}

/*
 * Translate the straight way from one guest address to another, so many times, with the
 * verifier or without; the code is dropped afterwards.  Returns nanoseconds, 0 if it failed.
 */
uint64_t
vx_bench_translate(struct vx_memory *m, uint32_t from, uint32_t to, int rounds, int verified)
{
    struct vx_counters *n = &m->cache->count;
    struct timespec begun, ended;
    uint64_t ns = 0;
    int err = m->cache->running ? -EBUSY : vx_cache_activate(m->cache);
    vx_cache_flush(m->cache);
    while (rounds-- && err == 0) {
        trusted = verified ? NULL : m->cache;
        clock_gettime(CLOCK_MONOTONIC, &begun);
        for (uint32_t at = from; at < to && err == 0;) {
            uint32_t host, bad;
            uint64_t before = n->guest_bytes;
            err = vx_translate(m, m->cache, at, &host, &bad);
            at += (uint32_t)(n->guest_bytes - before);
            at += n->guest_bytes == before;  /* nothing that can run begins there */
        }
        clock_gettime(CLOCK_MONOTONIC, &ended);
        ns += (uint64_t)(ended.tv_sec - begun.tv_sec) * 1000000000u + (uint64_t)ended.tv_nsec -
              (uint64_t)begun.tv_nsec;
        vx_cache_flush(m->cache);
        trusted = NULL;
    }
    return err == 0 ? ns : 0;
}
