/*
 * Walk through the instruction space and let capstone judge what the decoder accepts.
 *
 * usage: enumerate libcapstone.so features
 *
 * All orders of all sets of prefixes, all opcodes of four maps, all ModRM bytes, the SIB bytes
 * that matter, several tails.  Output: for each row and finding a line
 *     kind row count bytes
 * and at last "accepted N" and "judged N".
 */
#include <capstone/capstone.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "decode.h"

enum { NROWS = 4096 };
enum kind {
    UNDEFINED,  /* to capstone */
    LENGTH,     /* capstone's is another */
    TRANSFER,   /* copied, but capstone calls it a transfer of control or privileged */
    SEGMENT,    /* copied, and touches a segment register */
    SHORTER,    /* a beginning of it is not VX_SHORT */
    COPY,       /* the canonical copy does not decode to the same */
    SAME,       /* the copy is another instruction to capstone */
    ORDER,      /* another order of prefixes gives another answer */
    TAIL,       /* the bytes behind it matter */
    DENIED,     /* accepted with a prefix that is always forbidden */
    NKIND,
};
static const char *const kinds[] = {
    "undefined", "length", "transfer", "segment", "shorter", "copy", "same", "order",
    "tail", "denied",
};
static struct {
    unsigned long count;
    uint8_t bytes[16];
} found[NKIND][NROWS];

static size_t (*disasm)(csh, const uint8_t **, size_t *, uint64_t *, cs_insn *);
static bool (*in_group)(csh, const cs_insn *, unsigned);
static csh judge;
static cs_insn *insn;
static uint32_t features;
static unsigned long accepted, judged;
static uint8_t *edge;  /* the end of a page; the next one cannot be read */

static void
note(enum kind kind, unsigned row, const uint8_t *p)
{
    if (!found[kind][row].count++)
        memcpy(found[kind][row].bytes, p, 15);
}

static int
ask(const uint8_t *p)
{
    size_t n = 15;
    uint64_t address = 0x1000;

    judged++;
    return disasm(judge, &p, &n, &address, insn) ? insn->size : 0;
}

static int
is_transfer(void)
{
    static const uint8_t groups[] = {CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT,
                                     CS_GRP_IRET, CS_GRP_PRIVILEGE};

    for (unsigned i = 0; i < sizeof groups; i++)
        if (in_group(judge, insn, groups[i]))
            return 1;
    return 0;
}

static int
is_segment(unsigned reg)
{
    return reg == X86_REG_CS || reg == X86_REG_DS || reg == X86_REG_ES || reg == X86_REG_FS ||
           reg == X86_REG_GS || reg == X86_REG_SS;
}

static int
touches_segment(int copied)
{
    const cs_x86 *x = &insn->detail->x86;

    for (int i = 0; i < x->op_count; i++) {
        if (x->operands[i].type == X86_OP_REG && is_segment(x->operands[i].reg))
            return 1;
        if (copied && x->operands[i].type == X86_OP_MEM &&
            (x->operands[i].mem.segment == X86_REG_FS || x->operands[i].mem.segment == X86_REG_GS ||
             x->operands[i].mem.segment == X86_REG_CS))
            return 1;
    }
    for (int i = 0; i < insn->detail->regs_write_count; i++)
        if (is_segment(insn->detail->regs_write[i]))
            return 1;
    return 0;
}

static void
judge_one(const uint8_t *p, const struct vx_insn *in)
{
    int size = ask(p);

    if (!size) {
        note(UNDEFINED, in->row, p);
        return;
    }
    if (size != in->length)
        note(LENGTH, in->row, p);
    if (in->action == VX_A_COPY && is_transfer())
        note(TRANSFER, in->row, p);
    if (touches_segment(0))
        note(SEGMENT, in->row, p);

    unsigned id = insn->id;
    uint8_t copy[32] = {0};
    struct vx_insn again;
    unsigned n = vx_insn_copy(in, p, copy);
    int bad = vx_decode(copy, n, features, &again) != (int)n || again.row != in->row ||
              again.action != in->action || again.value != in->value ||
              (again.prefix & (VX_P_SEG | VX_P_3E | VX_P_2E));
    uint8_t once_more[32];

    if (bad || vx_insn_copy(&again, copy, once_more) != n || memcmp(copy, once_more, n))
        note(COPY, in->row, p);
    if (n != in->length || memcmp(copy, p, n)) {
        size = ask(copy);
        if (size != (int)n || insn->id != id || (size && touches_segment(1)))
            note(SAME, in->row, p);
    }
}

static void
cut_short(const uint8_t *p, const struct vx_insn *in)
{
    struct vx_insn cut;

    for (unsigned n = 0; n < in->length; n++) {
        memcpy(edge - n, p, n);
        if (vx_decode(edge - n, n, features, &cut) != VX_SHORT)
            note(SHORTER, in->row, p);
    }
}

static const uint8_t tails[][10] = {
    {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08, 0x19, 0x2a},
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    {0x00, 0xcd, 0x80, 0xe8, 0x0f, 0x38, 0x66, 0xf0, 0x00, 0x00},
    {0x80, 0x00, 0x67, 0x64, 0x0f, 0x05, 0xc4, 0x62, 0x8f, 0x00},
};
enum { NTAIL = sizeof tails / sizeof *tails };
static const uint8_t sibs[] = {0x00, 0x24, 0x25, 0x65, 0xe5, 0xbf};

/* One form: bytes up to n are given, the tail is ours. full: ask capstone with each tail. */
static void
form(uint8_t *p, unsigned n, int full)
{
    struct vx_insn in, other;

    memcpy(p + n, tails[0], 10);
    int length = vx_decode(p, 15, features, &in);
    if (length <= 0)
        return;
    accepted++;
    judge_one(p, &in);
    if (!full)
        return;
    cut_short(p, &in);
    for (unsigned t = 1; t < NTAIL; t++) {
        memcpy(p + n, tails[t], 10);
        if (vx_decode(p, 15, features, &other) != length || other.row != in.row)
            note(TAIL, in.row, p);
        if (ask(p) != length)
            note(LENGTH, in.row, p);
    }
}

static int
is_prefix(int byte)
{
    return memchr("\x66\xf0\xf2\xf3\x26\x2e\x36\x3e", byte, 8) != 0;
}

static void
opcodes(uint8_t *p, unsigned n, void (*modrms)(uint8_t *, unsigned, void *), void *arg)
{
    static const uint8_t escapes[4][3] = {{0}, {1, 0x0f}, {2, 0x0f, 0x38}, {2, 0x0f, 0x3a}};

    for (int map = 0; map < 4; map++)
        for (int opcode = 0; opcode < 256; opcode++) {
            if (map == 0 && (opcode == 0x0f || is_prefix(opcode)))
                continue;
            if (map == 1 && (opcode == 0x38 || opcode == 0x3a))
                continue;
            unsigned at = n;
            memcpy(p + at, escapes[map] + 1, escapes[map][0]);
            at += escapes[map][0];
            p[at++] = opcode;
            modrms(p, at, arg);
        }
}

/* The canonical order of a set of prefixes: every ModRM byte and SIB. */
static void
thorough(uint8_t *p, unsigned n, void *arg)
{
    (void)arg;
    for (int modrm = 0; modrm < 256; modrm++) {
        struct vx_insn in;

        p[n] = modrm;
        memcpy(p + n + 1, tails[0], 10);
        int length = vx_decode(p, 15, features, &in);
        if (length > 0 && !in.modrm) {  /* one form, not 256 */
            form(p, n, 1);
            return;
        }
        if (modrm < 0xc0 && (modrm & 7) == 4) {
            for (unsigned s = 0; s < sizeof sibs; s++) {
                p[n + 1] = sibs[s];
                form(p, n + 2, s == 0);
            }
        } else {
            form(p, n + 1, (modrm & 7) == 5 || modrm >= 0xc0);
        }
    }
}

/* Another order must give the same answer as the canonical one, of as many prefixes. */
static void
compare(uint8_t *p, unsigned n, void *arg)
{
    const uint8_t *canonical = arg;
    unsigned count = canonical[15];
    static const uint8_t some[] = {0x00, 0x05, 0x44, 0x8c, 0x0c, 0x14, 0x1d, 0x25, 0x2c, 0x35, 0x3c,
                                   0xc0, 0xc9, 0xd2, 0xdb, 0xe4, 0xed, 0xf6, 0xf8, 0xfb};

    for (unsigned m = 0; m < sizeof some; m++) {
        struct vx_insn in, other;
        uint8_t q[32];

        p[n] = some[m];
        memcpy(p + n + 1, tails[0], 10);
        memcpy(q, canonical, count);
        memcpy(q + count, p + count, 20 - count);
        int a = vx_decode(p, 15, features, &in), b = vx_decode(q, 15, features, &other);
        if (a != b || (a > 0 && (in.row != other.row || in.prefix != other.prefix)))
            note(ORDER, a > 0 ? in.row : other.row, p);
        if (a > 0 && ask(p) != a)
            note(LENGTH, in.row, p);
    }
}

/* A forbidden prefix, or one too many: nothing may be accepted (but filler, see insns.tab). */
static void
refuse(uint8_t *p, unsigned n, void *arg)
{
    (void)arg;
    for (int modrm = 0; modrm < 256; modrm++) {
        struct vx_insn in;

        p[n] = modrm;
        memcpy(p + n + 1, tails[0], 10);
        if (vx_decode(p, 15, features, &in) > 0 && strcmp(vx_insn_name(in.row), "nop") != 0)
            note(DENIED, in.row, p);
    }
}

static void
permute(uint8_t *set, unsigned n, unsigned at, uint8_t *canonical)
{
    if (at == n) {
        uint8_t p[64] = {0};

        memcpy(p, set, n);
        if (memcmp(set, canonical, n))
            opcodes(p, n, compare, canonical);
        return;
    }
    for (unsigned i = at; i < n; i++) {
        uint8_t t = set[at];
        set[at] = set[i], set[i] = t;
        permute(set, n, at + 1, canonical);
        t = set[at];
        set[at] = set[i], set[i] = t;
    }
}

static void
walk(void)
{
    static const uint8_t repeats[] = {0, 0xf3, 0xf2}, segments[] = {0, 0x26, 0x36, 0x3e, 0x2e};

    for (int narrow = 0; narrow < 2; narrow++)
        for (int lock = 0; lock < 2; lock++)
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 5; s++) {
                    uint8_t canonical[16] = {0}, set[16], p[64] = {0};
                    unsigned n = 0;

                    if (lock)
                        canonical[n++] = 0xf0;
                    if (s)
                        canonical[n++] = segments[s];
                    if (narrow)
                        canonical[n++] = 0x66;
                    if (r)
                        canonical[n++] = repeats[r];
                    canonical[15] = n;
                    memcpy(p, canonical, n);
                    opcodes(p, n, thorough, 0);
                    memcpy(set, canonical, n);
                    permute(set, n, 0, canonical);
                }
}

static void
forbidden(void)
{
    static const uint8_t twos[][2] = {
        {0x66, 0x66}, {0xf0, 0xf0}, {0xf2, 0xf2}, {0xf3, 0xf3}, {0xf2, 0xf3}, {0xf3, 0xf2},
        {0x26, 0x26}, {0x26, 0x36}, {0x3e, 0x2e}, {0x2e, 0x3e}, {0x2e, 0x2e}, {0x36, 0x3e},
        {0x64}, {0x65}, {0x67}, {0x64, 0x66}, {0x66, 0x64}, {0x65, 0xf3}, {0xf3, 0x65},
        {0x67, 0x66}, {0x66, 0x67}, {0x67, 0xf2}, {0xf0, 0x65}, {0xf0, 0x67}, {0xf2, 0x67},
    };

    for (unsigned i = 0; i < sizeof twos / sizeof *twos; i++) {
        uint8_t p[64] = {0};

        memcpy(p, twos[i], 2);
        opcodes(p, twos[i][1] ? 2 : 1, refuse, 0);
    }
}

int
main(int argc, char **argv)
{
    void *lib = argc == 3 ? dlopen(argv[1], RTLD_NOW) : 0;
    if (!lib)
        return fprintf(stderr, "usage: enumerate libcapstone.so features\n"), 2;
    features = strtoul(argv[2], 0, 0);
    cs_err (*open)(cs_arch, cs_mode, csh *) = dlsym(lib, "cs_open");
    cs_err (*option)(csh, cs_opt_type, size_t) = dlsym(lib, "cs_option");
    cs_insn *(*make)(csh) = dlsym(lib, "cs_malloc");
    disasm = dlsym(lib, "cs_disasm_iter");
    in_group = dlsym(lib, "cs_insn_group");
    if (open(CS_ARCH_X86, CS_MODE_32, &judge) || option(judge, CS_OPT_DETAIL, CS_OPT_ON))
        return 2;
    insn = make(judge);
    edge = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(edge + 4096, 4096, PROT_NONE);
    edge += 4096;

    walk();
    forbidden();
    for (int kind = 0; kind < NKIND; kind++)
        for (int row = 0; row < NROWS; row++)
            if (found[kind][row].count) {
                printf("%s %d %lu ", kinds[kind], row, found[kind][row].count);
                for (int i = 0; i < 15; i++)
                    printf("%02x", found[kind][row].bytes[i]);
                printf("\n");
            }
    printf("accepted %lu\njudged %lu\n", accepted, judged);
    return 0;
}
