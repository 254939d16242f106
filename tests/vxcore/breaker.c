/*
 * Try to get bad code past the verifier.
 *
 *   breaker tables                         its table against the decoder's
 *   breaker mutate CAPSTONE COUNT SEED ADDRESS FILE ...
 *                                          mutants of the blocks that the text in each file, which
 *                                          belongs at ADDRESS, becomes; capstone judges them
 *   breaker seeds ADDRESS FILE             a translator with mistakes that a number switches on:
 *                                          standard input has for each its number and guest code;
 *                                          whose guest code is "-" gets the text in the file
 *   breaker bench ADDRESS FILE             what translation costs, with and without verification
 *
 * verify.c and cache.c are included, to reach what they keep to themselves.
 */
#include "cache.c"
#include "verify.c"

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <stdio.h>

#include "decode.h"

int vx_seed;  /* the mistake that is switched on */

static void
die(const char *what)
{
    fprintf(stderr, "breaker: %s\n", what);
    exit(1);
}

static void
print_bytes(const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        printf("%02x", p[i]);
    printf("\n");
}

/* ---- tables ---- */

static unsigned long compared, agreed, differ;

static void
compare(const uint8_t *p)
{
    struct vx_insn in;
    uint8_t copy[32];
    uint32_t what = 0, ours, theirs = 0;
    int n = vx_decode(p, 15, VX_FEATURES_ALL, &in);
    if (n > 0) {
        int kept = vx_insn_copy(&in, p, copy) == (unsigned)n && memcmp(copy, p, (size_t)n) == 0;
        switch (in.action) {
        case VX_A_JCC: case VX_A_JMP: case VX_A_LOOP: case VX_A_LOOPZ: case VX_A_LOOPNZ:
        case VX_A_JECXZ: case VX_A_COPY:
            theirs = kept ? (uint32_t)n : 0;
        }
    }
    ours = measure(p, &what);
    compared++;
    agreed += ours == theirs && ours;
    if (ours != theirs && differ++ < 40) {
        printf("verifier %u decoder %u: ", ours, theirs);
        print_bytes(p, 15);
    }
}

static int
tables_agree(void)
{
    static const char *const prefixes[] = {
        "", "\x66", "\xf3", "\xf2", "\x66\xf3", "\x66\xf2", "\xf0", "\xf0\x66", "\xf0\xf3",
        "\xf0\xf2", "\xf3\x66", "\xf2\x66", "\x66\xf0", "\xf3\xf2", "\x66\x66", "\x26", "\x2e",
        "\x36", "\x3e", "\x64", "\x65", "\x67", "\xf3\xf3", "\xf0\xf0", "\xf3\xf0",
    };
    static const uint8_t sibs[] = {0x00, 0x05, 0x25, 0x65, 0xe4, 0x9d};
    spell_out();
    for (size_t k = 0; k < sizeof prefixes / sizeof prefixes[0]; k++)
        for (int map = 0; map < 4; map++)
            for (int opcode = 0; opcode < 256; opcode++)
                for (int modrm = 0; modrm < 256; modrm++)
                    for (size_t s = 0; s < sizeof sibs; s++) {
                        uint8_t p[32] = {0};
                        size_t n = strlen(prefixes[k]);
                        memcpy(p, prefixes[k], n);
                        if (map)
                            p[n++] = 0x0f;
                        if (map > 1)
                            p[n++] = map == 2 ? 0x38 : 0x3a;
                        p[n++] = (uint8_t)opcode;
                        p[n++] = (uint8_t)modrm;
                        p[n++] = sibs[s];
                        compare(p);
                        if (modrm >= 0xc0 || (modrm & 7) != 4)
                            break;
                    }
    printf("compared %lu agreed %lu differ %lu\n", compared, agreed, differ);
    return differ != 0;
}

/* ---- a guest, and its blocks ---- */

static struct vx_memory *memory;
static struct vx_cache *cache;

static void
make_guest(const uint8_t *text, uint32_t address, uint32_t size)
{
    uint32_t room = (size + VX_PAGE - 1) & ~(uint32_t)(VX_PAGE - 1);
    cache = vx_cache_new();
    memory = cache ? vx_memory_new(64 << 20, cache) : NULL;
    struct vx_object *o = memory ? vx_object_new(room, room) : NULL;
    if (o == NULL)
        die("no memory");
    memcpy(vx_object_data(o), text, size);
    if (vx_memory_map(memory, address, o, VX_READ | VX_EXEC) < 0 || vx_cache_activate(cache) < 0)
        die("cannot map");
    vx_object_unref(o);
}

static void
drop_guest(void)
{
    vx_cache_flush(cache);
    vx_memory_free(memory);
    vx_cache_unref(cache);
}

/* Everything that may happen to code: fragments, links, predictions, landings. */
static int
translate_all(uint32_t from, uint32_t size)
{
    uint32_t host, bad, first = 0;
    int err = 0;
    for (uint32_t at = from; at < from + size && err == 0;) {
        uint64_t before = cache->count.guest_bytes;
        err = (at % 3 == 0 ? vx_translate_return : at % 3 == 2 ? vx_translate_away : vx_translate)
              (memory, cache, at, &host, &bad);
        if (err == -EFAULT)
            break;
        first = first ? first : host;
        at += cache->count.guest_bytes > before ? (uint32_t)(cache->count.guest_bytes - before) : 1;
    }
    if (err == -EFAULT)
        err = 0;
    for (uint32_t i = 0; i < cache->nexit && err == 0; i++) {
        struct vx_exit x = cache->exit[i];
        uint32_t to = x.kind == VX_X_LINK ? vx_cache_find(cache, x.eip, x.arg ? VX_AWAY : VX_HERE) : first;
        if (x.kind == VX_X_LINK && to)
            err = vx_cache_patch(cache, x.site, to - (x.site + 4));
        if ((x.kind == VX_X_INDIRECT || x.kind == VX_X_RETURN) && i % 2)
            err = vx_predict(cache, &x, from, to);
    }
    for (uint32_t i = 0; i < 64 && err == 0; i++)
        if ((host = vx_cache_find(cache, from + i, VX_HERE)))
            err = vx_landing(cache, from + i, host, i % 2);
    return err;
}

static uint8_t *
read_file(const char *name, uint32_t *size)
{
    FILE *f = fopen(name, "rb");
    static uint8_t text[8 << 20];
    if (f == NULL)
        die(name);
    *size = (uint32_t)fread(text, 1, sizeof text, f);
    fclose(f);
    return text;
}

/* ---- the judge: capstone, and what a fragment must not do ---- */

static bool (*cs_next)(csh, const uint8_t **, size_t *, uint64_t *, cs_insn *);
static bool (*cs_in)(csh, const cs_insn *, unsigned);
static csh judge;
static cs_insn *insn;

static void
open_judge(const char *path)
{
    void *lib = dlopen(path, RTLD_NOW);
    if (lib == NULL)
        die(dlerror());
    cs_err (*open)(cs_arch, cs_mode, csh *) = dlsym(lib, "cs_open");
    cs_err (*option)(csh, cs_opt_type, size_t) = dlsym(lib, "cs_option");
    cs_insn *(*get)(csh) = dlsym(lib, "cs_malloc");
    cs_next = dlsym(lib, "cs_disasm_iter");
    cs_in = dlsym(lib, "cs_insn_group");
    if (open(CS_ARCH_X86, CS_MODE_32, &judge) || option(judge, CS_OPT_DETAIL, CS_OPT_ON))
        die("capstone does not open");
    insn = get(judge);
}

static int
is_one_of(const char *name, const char *names)
{
    size_t n = strlen(name);
    for (const char *s = names; (s = strstr(s, name)); s += n)
        if (s[-1] == ' ' && s[n] == ' ')
            return 1;
    return 0;
}

static const char lockable[] =
    " add or adc sbb and sub xor inc dec not neg bts btr btc xadd cmpxchg cmpxchg8b xchg ";
static const char forbidden[] =
    " cpuid pushf pushfd popf popfd fnstenv fstenv fnsave fsave fxsave fxsave64 xsave xsavec"
    " xsaveopt xsaves xrstor xrstors xgetbv xsetbv sgdt sidt sldt str smsw lar lsl verr verw"
    " arpl les lds lss lfs lgs syscall sysenter sysexit sysret in out insb insw insd outsb"
    " outsw outsd int int1 int3 into ud0 ud1 ud2 ud2b hlt cli sti clts rdpmc rdmsr wrmsr"
    " rdtscp rdpid rdpkru wrpkru rdrand rdseed xbegin xend xabort xtest movbe adcx adox"
    " clflush clflushopt clwb prefetchw prefetch prefetchwt1 femms extrq insertq movntss"
    " movntsd salc monitor mwait vmcall vmmcall vmlaunch encls enclu enclv getsec rsm iret"
    " iretd iretq retf lcall ret call rdsspd incsspd wrssd invlpg rdfsbase rdgsbase wrfsbase"
    " wrgsbase swapgs stac clac pconfig umonitor umwait tpause movdir64b movdiri cldemote"
    " ptwrite setssbsy saveprevssp rstorssp clrssbsy clzero rdpru pcommit skinit vmload"
    " vmsave vmrun stgi clgi invlpga xstore montmul xsha1 xsha256 fsetpm ";

/* Bits: instructions that may be branched to, in the real blocks and in the one that is judged. */
static uint32_t real[VX_CODE_SIZE / 32], mine[VX_BLOCK_MAX / 32 + 2];
static uint16_t places[VX_BLOCK_MAX];  /* of its instructions */
static int nplace;

static int
gs_form(uint32_t pieces[2])
{
    const cs_x86 *x = &insn->detail->x86;
    const char *s = insn->op_str;
    if (insn->id == X86_INS_MOV && insn->size == 7 &&
        (!strcmp(s, "dword ptr gs:[0], ecx") || !strcmp(s, "dword ptr gs:[4], ecx") ||
         !strcmp(s, "ecx, dword ptr gs:[0]") || !strcmp(s, "ecx, dword ptr gs:[4]")))
        return 1;
    if (insn->id == X86_INS_MOV && insn->size == 11 && x->operands[0].type == X86_OP_MEM &&
        x->operands[0].mem.base == X86_REG_INVALID && x->operands[0].mem.index == X86_REG_INVALID &&
        x->operands[0].mem.disp == 8 && (uint64_t)x->operands[1].imm < cache->nexit) {
        pieces[0] = 1;
        return 1;
    }
    if (insn->id == X86_INS_MOVZX && insn->size == 8 && !strcmp(s, "ecx, word ptr gs:[4]")) {
        pieces[1] = 2;
        return 1;
    }
    if (insn->id == X86_INS_JMP && pieces[1]) {
        const x86_op_mem *m = &x->operands[0].mem;
        uint32_t at = (uint32_t)m->disp - VX_TABLE_OFFSET;
        return x->operands[0].type == X86_OP_MEM && m->index == X86_REG_ECX && m->scale == 4 &&
               m->base == X86_REG_INVALID && at % VX_TABLE_SIZE == 0 &&
               (int)(at / VX_TABLE_SIZE / 2) == cache->table;
    }
    return 0;
}

/* What breaks the policy in this code for base, or NULL. */
static const char *
policy(const uint8_t *code, uint32_t count, uint32_t base)
{
    static uint32_t target[VX_BLOCK_MAX];
    uint32_t at = 0, ntarget = 0, pieces[2] = {0};  /* of an exit, of a table jump: seen before */
    int ends = 0;
    memset(mine, 0, sizeof mine);
    for (nplace = 0; at < count; nplace++) {
        const uint8_t *p = code + at;
        size_t left = count - at;
        uint64_t address = base + at;
        if (!cs_next(judge, &p, &left, &address, insn))
            return "undefined";
        const cs_x86 *x = &insn->detail->x86;
        uint32_t before[2] = {pieces[0], pieces[1]};
        int jump = cs_in(judge, insn, CS_GRP_JUMP) || insn->id == X86_INS_LOOP ||
                   insn->id == X86_INS_LOOPE || insn->id == X86_INS_LOOPNE ||
                   insn->id == X86_INS_JECXZ || insn->id == X86_INS_JCXZ;
        ends = 0;
        places[nplace] = (uint16_t)at;
        pieces[0] = pieces[1] = 0;
        if (before[0]) {
            static const uint8_t leave[] = {0xea, 0, 0, 0, 0xf0, 0x33, 0};
            if (insn->size != 7 || memcmp(insn->bytes, leave, 7))
                return "an exit without its end";
            ends = 1;
        } else if (x->prefix[1] == 0x65) {
            pieces[1] = before[1];
            if (!gs_form(pieces))
                return "segment";
            ends = insn->id == X86_INS_JMP;
            if (before[1])
                pieces[1] = 0;
        } else if (before[1] == 2) {
            return "an index without its jump";
        } else {
            for (int i = 0; i < insn->size && i < 4; i++)  /* capstone forgets repeated ones */
                if (insn->bytes[i] == 0x64 || insn->bytes[i] == 0x65 || insn->bytes[i] == 0x67 ||
                    insn->bytes[i] == 0x2e || insn->bytes[i] == 0x26 || insn->bytes[i] == 0x36 ||
                    insn->bytes[i] == 0x3e) {
                    if (x->prefix[1] || x->prefix[3])
                        return "prefix";
                } else if (insn->bytes[i] != 0x66 && insn->bytes[i] != 0xf0 &&
                           insn->bytes[i] != 0xf2 && insn->bytes[i] != 0xf3)
                    break;
            if (cs_in(judge, insn, CS_GRP_CALL) || cs_in(judge, insn, CS_GRP_RET) ||
                cs_in(judge, insn, CS_GRP_INT) || cs_in(judge, insn, CS_GRP_IRET) ||
                cs_in(judge, insn, CS_GRP_PRIVILEGE) || is_one_of(insn->mnemonic, forbidden))
                return "forbidden";
            if (insn->mnemonic[0] == 'v' || insn->mnemonic[0] == 'k' ||
                !memcmp(insn->bytes, "\x0f\x0f", 2))
                return "extension";
            if (x->prefix[0] == 0xf0 &&
                (x->operands[0].type != X86_OP_MEM || !is_one_of(insn->mnemonic + 5, lockable)))
                return "lock";
            for (int i = 0; i < x->op_count; i++) {
                unsigned r = x->operands[i].type == X86_OP_REG ? x->operands[i].reg : 0;
                if (r == X86_REG_CS || r == X86_REG_DS || r == X86_REG_ES || r == X86_REG_FS ||
                    r == X86_REG_GS || r == X86_REG_SS || (r >= X86_REG_CR0 && r <= X86_REG_DR15))
                    return "register";
            }
            if (jump) {
                if (x->operands[0].type != X86_OP_IMM || insn->bytes[0] == 0xea)
                    return "indirect or far";
                if (x->prefix[2] == 0x66)
                    return "16-bit branch";
                target[ntarget++] = (uint32_t)x->operands[0].imm;
                ends = insn->id == X86_INS_JMP;
            }
            if (insn->size == 3 && !memcmp(insn->bytes, "\x0f\xb7\xc9", 3))
                pieces[1] = 1;
        }
        if (!before[0] && !(before[1] && ends))
            mine[at / 32] |= 1u << at % 32;
        at += insn->size;
    }
    if (!ends)
        return "runs off its end";
    for (uint32_t i = 0; i < ntarget; i++) {
        uint32_t to = target[i] - base, far = target[i] - VX_CODE_BASE;
        if (to < count ? mine[to / 32] >> to % 32 & 1
                       : far < VX_CODE_SIZE && real[far / 32] >> far % 32 & 1)
            continue;
        if (target[i] != vx_stub_miss && target[i] != vx_stub_return_miss)
            return "target";
    }
    return NULL;
}

/* ---- mutants ---- */

static uint64_t state;

static uint32_t
below(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n ? (uint32_t)(state >> 20) % n : 0;
}

enum kind { FLIP, REPLACE, INSERT, DELETE, SWAP, RETARGET, INJECT, CUT, SPLICE, NKIND };
static const char *const kinds[] = {"flip", "replace", "insert", "delete", "swap", "retarget",
                                    "inject", "cut", "splice"};

static const char *const nasty[] = {
    "\2\xcd\x80", "\2\x0f\x05", "\2\x0f\x34", "\2\x8e\xd8", "\2\x8e\xe8", "\2\x8c\xd8", "\1\xc3",
    "\2\xff\xe0", "\2\xff\xd1", "\5\xe8\0\0\0\0", "\1\x9c", "\1\x9d", "\2\x0f\xa2", "\1\xcc",
    "\7\x65\x8b\x05\0\0\0\0", "\7\x65\x89\x0d\x0c\0\0\0", "\7\x64\x8b\x0d\0\0\0\0",
    "\7\xea\0\0\0\xf0\x33\0", "\7\x9a\0\0\0\xf0\x33\0", "\1\xcb", "\1\xcf", "\2\x66\xe9",
    "\3\x0f\x01\xd9", "\3\x0f\x01\xf8", "\2\xff\x28", "\2\xff\x1b", "\2\xd9\x30", "\2\xdd\x30",
    "\3\x0f\xae\x00", "\3\x0f\xae\x20", "\3\x0f\xc7\x20", "\2\x67\x8b", "\2\x2e\x8b", "\2\xf0\x90",
    "\3\x0f\x38\xf0", "\3\xc5\xf8\x77", "\2\xc4\x07", "\1\x07", "\1\x17", "\1\x1f", "\2\x0f\xa9",
    "\3\x0f\x00\xc8", "\3\x0f\xb2\x00", "\2\xcd\x40", "\2\x0f\x0b", "\1\xf4", "\1\xfa", "\1\x6c",
    "\2\xe4\x60", "\1\xee", "\1\x62", "\3\x62\xf1\x7c", "\4\xf3\x0f\xae\xd8",
};

/* One mutant of the n bytes, whose instructions begin at place, into out: its length. */
static uint32_t
mutate(enum kind kind, const uint8_t *code, uint32_t n, const uint16_t *place, int count,
       uint8_t *out)
{
    uint32_t at = below(n), to;
    memcpy(out, code, n);
    switch (kind) {
    case FLIP:
        out[at] ^= (uint8_t)(1 << below(8));
        return n;
    case REPLACE:
        out[at] = (uint8_t)below(256);
        return n;
    case INSERT:
        memmove(out + at + 1, out + at, n - at);
        out[at] = (uint8_t)below(256);
        return n + 1;
    case DELETE:
        memmove(out + at, out + at + 1, n - at - 1);
        return n - 1;
    case SWAP: {
        int i = (int)below((uint32_t)count - 1);
        uint32_t a = place[i], b = place[i + 1], c = i + 2 < count ? place[i + 2] : n;
        memcpy(out + a, code + b, c - b);
        memcpy(out + a + (c - b), code + a, b - a);
        return n;
    }
    case RETARGET:
        for (int tries = 0; tries < 200; tries++) {
            at = place[below((uint32_t)count)];
            uint8_t op = out[at];
            int32_t by = below(2) ? (int32_t)below(64) - 32 : (int32_t)below(1 << 20) - (1 << 19);
            if (op == 0xeb || (op >= 0x70 && op < 0x80) || (op >= 0xe0 && op < 0xe4)) {
                out[at + 1] = (uint8_t)(out[at + 1] + by);
                return n;
            }
            to = op == 0xe9 ? 1 : op == 0x0f && (out[at + 1] & 0xf0) == 0x80 ? 2 : 0;
            if (to) {
                uint32_t rel = word(out + at + to) + (uint32_t)by;
                memcpy(out + at + to, &rel, 4);
                return n;
            }
        }
        return n;
    case INJECT: {
        const char *s = nasty[below(sizeof nasty / sizeof nasty[0])];
        uint32_t size = (uint8_t)s[0];
        at = place[below((uint32_t)count)];
        if (below(2)) {
            memmove(out + at + size, out + at, n - at);
            n += size;
        } else if (at + size > n) {
            return n;
        }
        memcpy(out + at, s + 1, size);
        return n;
    }
    case CUT:
        return below(2) ? place[below((uint32_t)count)] : at;
    case SPLICE: {
        uint32_t from = place[below((uint32_t)count)], size = 1 + below(24);
        at = place[below((uint32_t)count)];
        size = size < n - from ? size : n - from;
        size = size < n - at ? size : n - at;
        memmove(out + at, code + from, size);
        return n;
    }
    case NKIND:
        break;
    }
    return n;
}

static unsigned long tally[NKIND][2][2];  /* [kind][breaks the policy][refused] */

static int
mutants(unsigned long count, uint32_t address, const char *file)
{
    uint32_t size, nblock = 0;
    uint8_t *text = read_file(file, &size);
    static struct vx_block blocks[1 << 16];
    static uint16_t place[VX_BLOCK_MAX];
    static uint8_t code[VX_BLOCK_MAX], out[VX_BLOCK_MAX + 64];
    const char *why;
    int missed = 0;
    make_guest(text, address, size);
    if (translate_all(address, size) < 0)
        die("cannot translate");
    for (int i = 0; i < VX_NCHUNK; i++)
        for (uint32_t k = 0; k < chunk[i].nblock && nblock < 1 << 16; k++)
            if (chunk[i].cache == cache)
                blocks[nblock++] = chunk[i].block[k];
    memset(real, 0, sizeof real);
    for (int pass = 0; pass < 2; pass++)  /* first where instructions begin, then what is wrong */
        for (uint32_t i = 0; i < nblock; i++) {
            uint32_t base = blocks[i].start, n = blocks[i].end - base, bad;
            why = policy(vx_code_view(base), n, base);
            for (int k = 0; k < nplace && pass == 0; k++)
                if (mine[places[k] / 32] >> places[k] % 32 & 1) {
                    uint32_t at = base + places[k] - VX_CODE_BASE;
                    real[at / 32] |= 1u << at % 32;
                }
            if (pass && (why || vx_verify_why(cache, base, vx_code_view(base), n, &bad))) {
                printf("a real block breaks the policy, %s: ", why ? why : "to the verifier");
                print_bytes(vx_code_view(base), n);
                missed++;
            }
        }
    for (unsigned long i = 0; i < count; i++) {
        struct vx_block *b = &blocks[below(nblock)];
        uint32_t n = b->end - b->start, bad;
        enum kind kind = (enum kind)below(NKIND);
        memcpy(code, vx_code_view(b->start), n);
        policy(code, n, b->start);
        memcpy(place, places, (size_t)nplace * sizeof *place);
        uint32_t m = nplace > 1 ? mutate(kind, code, n, place, nplace, out) : 0;
        if (m == 0 || (m == n && memcmp(out, code, n) == 0)) {
            i--;
            continue;
        }
        int refused = vx_verify_why(cache, b->start, out, m, &bad) != NULL;
        why = policy(out, m, b->start);
        tally[kind][why != NULL][refused]++;
        if (why && !refused && missed++ < 20) {
            printf("missed, %s by %s: ", why, kinds[kind]);
            print_bytes(out, m);
        }
    }
    drop_guest();
    return missed;
}

static int
report(void)
{
    unsigned long sum[2][2] = {{0}};
    printf("%-10s%18s%18s%18s%18s\n", "mutation", "breaking+refused", "breaking+passed",
           "harmless+refused", "harmless+passed");
    for (int k = 0; k < NKIND; k++) {
        printf("%-10s%18lu%18lu%18lu%18lu\n", kinds[k], tally[k][1][1], tally[k][1][0],
               tally[k][0][1], tally[k][0][0]);
        for (int i = 0; i < 4; i++)
            sum[i / 2][i % 2] += tally[k][i / 2][i % 2];
    }
    printf("all %lu %lu %lu %lu\n", sum[1][1], sum[1][0], sum[0][1], sum[0][0]);
    return 0;
}

/* ---- seeds ---- */

static int
seeds(uint32_t address, const char *file)
{
    vx_features = (uint32_t)VX_FEATURES_ALL;
    static char line[1 << 16], hex[1 << 16];
    static uint8_t guest[1 << 15];
    while (fgets(line, sizeof line, stdin)) {
        uint32_t size = 0;
        if (sscanf(line, "%d %65535s", &vx_seed, hex) != 2)
            die("a seed is a number and guest code");
        const uint8_t *text = guest;
        unsigned byte;
        if (hex[0] == '-')
            text = read_file(file, &size);
        else
            for (const char *s = hex; sscanf(s, "%2x", &byte) == 1; s += 2)
                guest[size++] = (uint8_t)byte;
        make_guest(text, address, size);
        int err = translate_all(address, size);
        printf("%d %lu %d\n", vx_seed, (unsigned long)cache->count.refused, err);
        fflush(stdout);
        vx_seed = 0;
        drop_guest();
    }
    return 0;
}

/* Nanoseconds for each instruction of a straight run: the least of some tries. */
static int
bench(uint32_t address, const char *file)
{
    enum { ROUNDS = 20, TRIES = 15 };
    uint32_t size;
    uint8_t *text = read_file(file, &size);
    uint64_t best[2] = {UINT64_MAX, UINT64_MAX}, n = 0;
    make_guest(text, address, size);
    for (int i = 0; i < 2 * TRIES; i++) {
        uint64_t before = cache->count.instructions;
        uint64_t ns = vx_bench_translate(memory, address, address + size, ROUNDS, i % 2);
        if (ns == 0)
            die("cannot translate");
        n = cache->count.instructions - before;
        best[i % 2] = ns < best[i % 2] ? ns : best[i % 2];
    }
    printf("instructions %lu unverified %lu ps verified %lu ps\n", (unsigned long)n / ROUNDS,
           (unsigned long)(best[0] * 1000 / n), (unsigned long)(best[1] * 1000 / n));
    drop_guest();
    return 0;
}

int
main(int argc, char **argv)
{
    const char *why;
    if (argc == 2 && strcmp(argv[1], "tables") == 0)
        return tables_agree();
    if (vx_init(&why) < 0)
        die(why);
    if (argc == 4 && strcmp(argv[1], "seeds") == 0)
        return seeds((uint32_t)strtoul(argv[2], NULL, 0), argv[3]);
    if (argc == 4 && strcmp(argv[1], "bench") == 0)
        return bench((uint32_t)strtoul(argv[2], NULL, 0), argv[3]);
    if (argc < 7 || strcmp(argv[1], "mutate"))
        die("how?");
    open_judge(argv[2]);
    state = strtoul(argv[4], NULL, 0) * 0x9e3779b97f4a7c15u + 1;
    int missed = 0, nfile = (argc - 5) / 2;
    for (int i = 0; i < nfile; i++)
        missed += mutants(strtoul(argv[3], NULL, 0) / (unsigned)nfile,
                          (uint32_t)strtoul(argv[5 + 2 * i], NULL, 0), argv[6 + 2 * i]);
    report();
    return missed != 0;
}
