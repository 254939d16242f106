/*
 * Walk through the instruction space, and let capstone and Zydis judge what the decoder accepts.
 *
 * usage: enumerate libcapstone.so features part parts [opcode...]
 *
 * All orders of all sets of prefixes, all opcodes of four maps, all ModRM bytes, all SIB bytes,
 * four tails.  The work is cut by sets of prefixes: this process does one part of parts.  An
 * opcode is four hexadecimal digits, the first two its map; without any, all.
 * Output, apart by blanks:
 *     found kind row count bytes     what an oracle has against accepted forms of a row
 *     set row isa-set                the instruction sets that a row belongs to, says Zydis
 *     refused name isa-set bytes     not accepted, though Zydis knows it
 *     accepted N
 *     judged N
 */
#include <Zydis/Zydis.h>
#include <capstone/capstone.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "decode.h"

enum { NROWS = 4096, NORACLE = 2 };
enum kind {
    UNDEFINED,  /* to the oracle */
    LENGTH,     /* the oracle's is another */
    TRANSFER,   /* copied, but the oracle calls it a transfer of control or privileged */
    SEGMENT,    /* touches a segment register, or memory by one that is not DS, ES or SS */
    SAME,       /* the copy is another instruction to the oracle */
    OF_ORACLES, /* those above count for each oracle */
    SHORTER = OF_ORACLES,  /* a beginning of it is not VX_SHORT, or it needs bytes behind it */
    COPY,       /* the canonical copy does not decode to the same */
    ORDER,      /* another order of prefixes gives another answer */
    TAIL,       /* the bytes behind it matter */
    DENIED,     /* accepted with a prefix that is always forbidden */
    NKIND,
};
static const char *const kinds[] = {
    "undefined", "length", "transfer", "segment", "same", "shorter", "copy", "order", "tail",
    "denied",
};
static const char *const oracles[] = {"capstone", "zydis"};

struct finding {
    unsigned long count;
    uint8_t bytes[16];
};
static struct finding found[NKIND][NORACLE][NROWS];
static struct finding refused[ZYDIS_MNEMONIC_MAX_VALUE + 1][ZYDIS_ISA_SET_MAX_VALUE + 1];
static uint8_t in_set[NROWS][ZYDIS_ISA_SET_MAX_VALUE + 1];
static uint32_t features;
static unsigned long accepted, judged;
static uint8_t only[4][256], all = 1;
static uint8_t *edge;  /* the end of a page; the next one cannot be read */

static void
add(struct finding *f, const uint8_t *p)
{
    if (!f->count++)
        memcpy(f->bytes, p, 15);
}

static void
note(enum kind kind, unsigned row, const uint8_t *p)
{
    add(&found[kind][0][row], p);
}

/* ---- the oracles ---- */

/* What one of them thinks; all but length only when asked for details. */
struct opinion {
    int length;     /* 0: undefined */
    unsigned name;  /* a number for its mnemonic */
    int transfer;   /* of control, or privileged */
    int segment;    /* a segment register is an operand, or memory is by CS, FS or GS */
};

static size_t (*disasm)(csh, const uint8_t **, size_t *, uint64_t *, cs_insn *);
static bool (*in_group)(csh, const cs_insn *, unsigned);
static csh brief, detailed;
static cs_insn *insn;

static int
is_segment(unsigned reg)
{
    return reg == X86_REG_CS || reg == X86_REG_DS || reg == X86_REG_ES || reg == X86_REG_FS ||
           reg == X86_REG_GS || reg == X86_REG_SS;
}

static struct opinion
capstone(const uint8_t *p, int details)
{
    static const uint8_t groups[] = {CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT,
                                     CS_GRP_IRET, CS_GRP_PRIVILEGE};
    csh judge = details ? detailed : brief;
    size_t n = 15;
    uint64_t address = 0x1000;
    struct opinion o = {0};

    if (!disasm(judge, &p, &n, &address, insn))
        return o;
    o.length = insn->size;
    o.name = insn->id;
    if (!details)
        return o;
    for (unsigned i = 0; i < sizeof groups; i++)
        o.transfer |= in_group(judge, insn, groups[i]);
    const cs_x86 *x = &insn->detail->x86;
    for (int i = 0; i < x->op_count; i++) {
        const cs_x86_op *op = &x->operands[i];
        if (op->type == X86_OP_REG)
            o.segment |= is_segment(op->reg);
        if (op->type == X86_OP_MEM)
            o.segment |= op->mem.segment == X86_REG_FS || op->mem.segment == X86_REG_GS ||
                         op->mem.segment == X86_REG_CS;
    }
    for (int i = 0; i < insn->detail->regs_write_count; i++)
        o.segment |= is_segment(insn->detail->regs_write[i]);
    return o;
}

static ZydisDecoder decoder;
static ZydisDecodedInstruction zydis_insn;

static struct opinion
zydis(const uint8_t *p, int details)
{
    static const uint8_t transfers[] = {
        ZYDIS_CATEGORY_COND_BR, ZYDIS_CATEGORY_UNCOND_BR, ZYDIS_CATEGORY_CALL,
        ZYDIS_CATEGORY_RET, ZYDIS_CATEGORY_INTERRUPT, ZYDIS_CATEGORY_SYSCALL,
        ZYDIS_CATEGORY_SYSRET, ZYDIS_CATEGORY_SYSTEM, ZYDIS_CATEGORY_IO,
        ZYDIS_CATEGORY_IOSTRINGOP, ZYDIS_CATEGORY_SEGOP,
    };
    ZydisDecoderContext context;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecodedInstruction *z = &zydis_insn;
    struct opinion o = {0};

    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, &context, p, 15, z)))
        return o;
    o.length = z->length;
    o.name = z->mnemonic;
    if (!details ||
        !ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder, &context, z, operand,
                                                 z->operand_count)))
        return o;
    o.transfer = (z->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) ||
                 z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
                 memchr(transfers, z->meta.category, sizeof transfers);
    for (int i = 0; i < z->operand_count; i++) {
        ZydisDecodedOperand *op = &operand[i];
        if (op->type == ZYDIS_OPERAND_TYPE_REGISTER)
            o.segment |= ZydisRegisterGetClass(op->reg.value) == ZYDIS_REGCLASS_SEGMENT;
        if (op->type == ZYDIS_OPERAND_TYPE_MEMORY)
            o.segment |= op->mem.segment == ZYDIS_REGISTER_CS ||
                         op->mem.segment == ZYDIS_REGISTER_FS ||
                         op->mem.segment == ZYDIS_REGISTER_GS;
    }
    return o;
}

static struct opinion (*const ask[NORACLE])(const uint8_t *, int) = {capstone, zydis};

/* Do they find the length that we found? */
static void
judge_length(const uint8_t *p, const struct vx_insn *in)
{
    for (int j = 0; j < NORACLE; j++) {
        struct opinion o = ask[j](p, 0);
        judged++;
        if (o.length != in->length)
            add(&found[o.length ? LENGTH : UNDEFINED][j][in->row], p);
    }
}

static void
judge_all(const uint8_t *p, const struct vx_insn *in)
{
    uint8_t copy[32] = {0}, once_more[32];
    struct vx_insn again;
    unsigned n = vx_insn_copy(in, p, copy);
    int differs = n != in->length || memcmp(copy, p, n);

    if (vx_decode(copy, n, features, &again) != (int)n || again.row != in->row ||
        again.action != in->action || again.value != in->value ||
        (again.prefix & (VX_P_SEG | VX_P_3E | VX_P_2E)) ||
        vx_insn_copy(&again, copy, once_more) != n || memcmp(copy, once_more, n))
        note(COPY, in->row, p);
    for (int j = 0; j < NORACLE; j++) {
        struct opinion o = ask[j](p, 1), c;
        judged++;
        if (o.length != in->length) {
            add(&found[o.length ? LENGTH : UNDEFINED][j][in->row], p);
            continue;
        }
        if (j == 1)
            in_set[in->row][zydis_insn.meta.isa_set] = 1;
        c = differs ? ask[j](copy, 1) : o;
        if (in->action == VX_A_COPY && c.transfer)
            add(&found[TRANSFER][j][in->row], p);
        if (c.segment && (in->action == VX_A_COPY || !differs))
            add(&found[SEGMENT][j][in->row], p);
        if (c.length != (int)n || c.name != o.name)
            add(&found[SAME][j][in->row], p);
    }
}

static void
cut_short(const uint8_t *p, const struct vx_insn *in)
{
    struct vx_insn cut;

    for (unsigned n = 0; n <= in->length; n++) {
        memcpy(edge - n, p, n);
        int want = n < in->length ? VX_SHORT : in->length;
        if (vx_decode(edge - n, n, features, &cut) != want)
            note(SHORTER, in->row, p);
    }
    if (memcmp(&cut, in, sizeof cut))
        note(SHORTER, in->row, p);
}

static const uint8_t tails[][10] = {
    {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08, 0x19, 0x2a},
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    {0x00, 0xcd, 0x80, 0xe8, 0x0f, 0x38, 0x66, 0xf0, 0x00, 0x00},
    {0x80, 0x00, 0x67, 0x64, 0x0f, 0x05, 0xc4, 0x62, 0x8f, 0x00},
};
enum { NTAIL = sizeof tails / sizeof *tails };

/* What Zydis knows and we do not: VEX, segments and prefixes without a meaning apart. */
static void
judge_refused(const uint8_t *p)
{
    struct vx_insn in;
    struct opinion o = zydis(p, 0);
    const ZydisDecodedInstruction *z = &zydis_insn;

    if (!o.length || z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
        return;
    if (z->raw.prefix_count > 1 || memchr("\x26\x2e\x36\x3e\x64\x65\x67\xf0", *p, 8))
        return;
    if (z->raw.prefix_count && vx_decode(p + 1, 14, features, &in) != VX_UD)
        return;
    add(&refused[z->mnemonic][z->meta.isa_set], p);
}

/*
 * One form: bytes up to n are given, the tail is ours.  full: have all there is judged with
 * each tail, and not the length with one tail alone.
 */
static void
form(uint8_t *p, unsigned n, int full)
{
    struct vx_insn in, other;

    memcpy(p + n, tails[0], 10);
    int length = vx_decode(p, 15, features, &in);
    if (length <= 0) {
        if (length == VX_UD && full)
            judge_refused(p);
        return;
    }
    accepted++;
    if (full) {
        judge_all(p, &in);
        cut_short(p, &in);
    } else {
        judge_length(p, &in);
    }
    for (unsigned t = 1; t < NTAIL; t++) {
        memcpy(p + n, tails[t], 10);
        if (vx_decode(p, 15, features, &other) != length || other.row != in.row)
            note(TAIL, in.row, p);
        if (full)
            judge_length(p, &in);
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
            if (!all && !only[map][opcode])
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
            for (int sib = 0; sib < 256; sib++) {
                p[n + 1] = sib;
                form(p, n + 2, sib == 0x00 || sib == 0x25 || sib == 0x65 || sib == 0xbc);
            }
        } else {
            form(p, n + 1, 1);
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
        if (a > 0)
            judge_length(p, &in);
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
walk(int part, int parts)
{
    static const uint8_t repeats[] = {0, 0xf3, 0xf2}, segments[] = {0, 0x26, 0x36, 0x3e, 0x2e};

    int number = 0;

    for (int narrow = 0; narrow < 2; narrow++)
        for (int lock = 0; lock < 2; lock++)
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 5; s++) {
                    uint8_t canonical[16] = {0}, set[16], p[64] = {0};
                    unsigned n = 0;

                    if (number++ % parts != part)
                        continue;
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

static void
print_finding(const char *what, const char *name, const struct finding *f)
{
    printf("%s %s %lu ", what, name, f->count);
    for (int i = 0; i < 15; i++)
        printf("%02x", f->bytes[i]);
    printf("\n");
}

static void
print(void)
{
    for (int kind = 0; kind < NKIND; kind++)
        for (int j = 0; j < NORACLE; j++)
            for (int row = 0; row < NROWS; row++)
                if (found[kind][j][row].count) {
                    char name[64];
                    snprintf(name, sizeof name, "%s%s%s %d", kind < OF_ORACLES ? oracles[j] : "",
                             kind < OF_ORACLES ? "-" : "", kinds[kind], row);
                    print_finding("found", name, &found[kind][j][row]);
                }
    for (int row = 0; row < NROWS; row++)
        for (int set = 0; set <= ZYDIS_ISA_SET_MAX_VALUE; set++)
            if (in_set[row][set])
                printf("set %d %s\n", row, ZydisISASetGetString(set));
    for (int m = 0; m <= ZYDIS_MNEMONIC_MAX_VALUE; m++)
        for (int set = 0; set <= ZYDIS_ISA_SET_MAX_VALUE; set++)
            if (refused[m][set].count) {
                char name[96];
                snprintf(name, sizeof name, "%s %s", ZydisMnemonicGetString(m),
                         ZydisISASetGetString(set));
                print_finding("refused", name, &refused[m][set]);
            }
    printf("accepted %lu\njudged %lu\n", accepted, judged);
}

static int
open_oracles(const char *path)
{
    void *lib = dlopen(path, RTLD_NOW);
    if (!lib)
        return 0;
    cs_err (*open)(cs_arch, cs_mode, csh *) = dlsym(lib, "cs_open");
    cs_err (*option)(csh, cs_opt_type, size_t) = dlsym(lib, "cs_option");
    cs_insn *(*make)(csh) = dlsym(lib, "cs_malloc");
    disasm = dlsym(lib, "cs_disasm_iter");
    in_group = dlsym(lib, "cs_insn_group");
    if (open(CS_ARCH_X86, CS_MODE_32, &brief) || open(CS_ARCH_X86, CS_MODE_32, &detailed) ||
        option(detailed, CS_OPT_DETAIL, CS_OPT_ON))
        return 0;
    insn = make(detailed);
    return ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
                                         ZYDIS_STACK_WIDTH_32));
}

int
main(int argc, char **argv)
{
    if (argc < 5 || !open_oracles(argv[1]))
        return fprintf(stderr, "usage: enumerate libcapstone.so features part parts ...\n"), 2;
    for (int i = 5; i < argc; i++, all = 0) {
        unsigned long opcode = strtoul(argv[i], 0, 16);
        only[opcode >> 8 & 3][opcode & 255] = 1;
    }
    features = strtoul(argv[2], 0, 0);
    int part = atoi(argv[3]), parts = atoi(argv[4]);
    edge = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(edge + 4096, 4096, PROT_NONE);
    edge += 4096;

    walk(part, parts);
    if (part == 0)
        forbidden();
    print();
    return 0;
}
