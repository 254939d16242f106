/*
 * translate.c: guest code to code that is safe to run.
 *
 * A fragment is the code from one address to the first transfer that is not conditional; a call
 * of a few straight instructions (a leaf) is followed into them and back.
 * Ordinary instructions are copied; transfers are rewritten, so that control stays among
 * fragments; what the decoder does not accept becomes a trap.  Emitted code changes no
 * flag and no register that the guest's own instruction does not, except ecx, which is kept
 * in the control window (spill) while our sequences use it, and stays away until the guest
 * names it.  Each emitted instruction has a record of how to get from it to the guest's state,
 * so an interrupt may come anywhere.
 *
 * Passes: scan (decode a snapshot of the guest's bytes, read once), mark (branches within the
 * fragment), emit, publish.
 */
#include "nofpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "vx.h"

enum {
    MAX_INSNS = 96,
    MAX_BYTES = 1024,      /* of guest code in one fragment */
    INSN_ROOM = 128,       /* most that one instruction becomes, its stub included */
    MOST_ROOM = (MAX_INSNS + 2) * INSN_ROOM,
    LINE = 64,             /* of the processor's code fetch */
    FRAGMENT_ALIGN = 32,
    EXIT_SIZE = 18,
    MOST_AGAIN = 12,       /* steps that are translated again rather than jumped to */
    NLEAF = 4,             /* most leaves in one fragment */
    LEAF_BYTES = 32,       /* most that a leaf has, its return included */
    LEAF_INSNS = 10,
    LEAF_WINDOW = LEAF_BYTES + 32,
    LEAF_REACH = 80,       /* guest bytes into a fragment until where calls are followed */
};

enum { SPILL = offsetof(struct vx_ctl, spill), TARGET = offsetof(struct vx_ctl, target),
       EXIT = offsetof(struct vx_ctl, exit) };

struct step {  /* one instruction of the fragment */
    struct vx_insn in;
    uint32_t eip;
    uint16_t at;           /* offset of its bytes in the snapshot; they lie in order, but leaves' */
    uint8_t thread;        /* not 0: so many bytes, without its prefix for a thread segment */
    uint8_t away;          /* ECX is away before it; what follows begins as 0, but loop and to */
    uint16_t loop;         /* head: guest bytes of the smallest such loop, */
    uint8_t end;           /* and its last step */
    uint8_t head;          /* a branch behind it comes back here: a loop */
    uint8_t aligned;       /* which is worth it */
    uint8_t ecx;           /* where ECX is away: enum vx_use, what it does with it */
    uint8_t leaf;          /* not 0: the call into leaf number leaf - 1, or the return from it */
    uint8_t pure;          /* of such a leaf */
    int16_t to;            /* the step it branches to, if in the fragment, or -1 */
    uint16_t host;         /* offset of its code in the block */
};

struct fixup {
    uint16_t field;        /* offset of a rel32 */
    int16_t to;            /* step, or -1: */
    uint32_t eip;          /* outside the fragment, not yet translated */
    int away;              /* for one who comes with ECX away */
};

struct emitter {
    struct vx_cache *cache;
    uint32_t eip;          /* of the fragment */
    uint32_t base;         /* linear address of the block */
    uint32_t n;            /* bytes emitted */
    uint32_t landing;      /* offset of the landing, if there is one */
    uint32_t tail;         /* of the field of its jump to the tail */
    int failed;
    int afresh;            /* VX_AFRESH, or 0: of what is emitted next */
    int away;              /* VX_AWAY: ECX is, before what is emitted next */
    int nstep, nfixup;
    uint32_t nrecord;
    int most;              /* steps to take */
    int nmain, nbranch, heads;
    uint8_t main[MAX_INSNS];    /* the steps that are not of leaves, */
    uint8_t branch[MAX_INSNS];  /* and those that branch directly */
    int nleaf;
    struct leaf {
        int pure;          /* touches neither memory nor ESP */
        uint32_t ret;      /* address of its return */
        uint32_t back;     /* where that should go */
        uint32_t other;    /* offset of a jump to take when it does not, */
        uint32_t field;    /* and of that jump's field */
    } leaf[NLEAF];
    uint32_t end;          /* guest address after the last step */
    int end_away;          /* VX_AWAY: ECX is, there */
    int open;              /* the last step falls through */
    uint32_t shorter;      /* the guest's form of the last step, than what stands here for it */
    uint8_t guest[MAX_BYTES + 16 + NLEAF * LEAF_WINDOW];
    struct step step[MAX_INSNS];
    struct fixup fixup[2 * MAX_INSNS];
    struct vx_record record[8 * (MAX_INSNS + 2)];
    uint8_t code[VX_BLOCK_MAX + VX_VERIFY_SEES];
};

/* ---- putting bytes ---- */

static void
put(struct emitter *e, const void *bytes, uint32_t n)
{
    memcpy(e->code + e->n, bytes, n);
    e->n += n;
}

static void
put8(struct emitter *e, unsigned b)
{
    e->code[e->n++] = (uint8_t)b;
}

static void
put32(struct emitter *e, uint32_t v)
{
    put(e, &v, 4);
}

#define BYTES(e, ...) put(e, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* What follows is at the guest's eip, to be recovered as how says. */
static void
record(struct emitter *e, uint32_t eip, int how)
{
    e->record[e->nrecord++] = (struct vx_record){(uint16_t)e->n, (uint16_t)(how | e->afresh), eip};
}

/* What follows is at the guest's eip, and nothing of it done. */
static void
record_at(struct emitter *e, uint32_t eip)
{
    record(e, eip, e->away ? VX_BACK : VX_COPY);
}

static void
nops(struct emitter *e, uint32_t n)
{
    static const uint8_t nop[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0},
        {0x0f, 0x1f, 0x44, 0, 0},
        {0x66, 0x0f, 0x1f, 0x44, 0, 0},
        {0x0f, 0x1f, 0x80, 0, 0, 0, 0},
        {0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0},
        {0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0},
    };
    while (n) {
        uint32_t k = n < 9 ? n : 9;
        put(e, nop[k - 1], k);
        n -= k;
    }
}

static void
align(struct emitter *e, uint32_t to)
{
    nops(e, (0u - (e->base + e->n)) & (to - 1));
}

/*
 * Pad so that the four bytes ahead bytes from here lie in one aligned word of eight: they may
 * be patched while another processor runs them.
 */
static void
keep_together(struct emitter *e, uint32_t ahead)
{
    uint32_t at = (e->base + e->n + ahead) % 8;
    if (at > 4)
        nops(e, 8 - at);
}

/* gs:[offset] as an operand of opcode, with a register in the modrm byte. */
static void
put_gs(struct emitter *e, unsigned opcode, int reg, uint32_t offset)
{
    BYTES(e, 0x65, (uint8_t)opcode, (uint8_t)(0x05 | reg << 3));
    put32(e, offset);
}

static void
save_ecx(struct emitter *e, uint32_t offset)
{
    put_gs(e, 0x89, ECX, offset);
}

static void
load_ecx(struct emitter *e, uint32_t offset)
{
    put_gs(e, 0x8b, ECX, offset);
}

/* jmp gs:[table + ecx*4], ecx being the low half of the target. */
static void
put_table_jump(struct emitter *e, int back)
{
    BYTES(e, 0x65, 0xff, 0x24, 0x8d);
    put32(e, VX_TABLE_OFFSET + (uint32_t)(2 * e->cache->table + back) * VX_TABLE_SIZE);
}

static void
put_exit(struct emitter *e, const struct vx_exit *x)
{
    int index = vx_cache_exit(e->cache, x);
    if (index < 0)
        e->failed = 1;
    put_gs(e, 0xc7, 0, EXIT);
    put32(e, (uint32_t)index);
    put8(e, 0xea);
    put32(e, vx_stub_exit);
    BYTES(e, 0x33, 0);
}

/* A rel32 that goes to a guest address, with ECX as it is: to its code or, yet, to a stub. */
static void
put_branch_field(struct emitter *e, uint32_t eip, int step)
{
    uint32_t host = step < 0 ? vx_cache_find(e->cache, eip, e->away) : 0;
    if (host)
        put32(e, host - (e->base + e->n + 4));
    else {
        e->fixup[e->nfixup++] = (struct fixup){(uint16_t)e->n, (int16_t)step, eip, e->away};
        put32(e, 0);
    }
}

static void
put_jump(struct emitter *e, uint32_t eip, int step)
{
    keep_together(e, 1);
    put8(e, 0xe9);
    put_branch_field(e, eip, step);
}

/* ---- scan ---- */

/* Of an action: does the fragment go on behind it, and does it branch directly, to where the
 * fragment may go on? */
enum { GOES_ON = 1, BRANCHES = 2 };
static const uint8_t kind[256] = {
    [VX_A_COPY] = GOES_ON,
    [VX_A_INTO] = GOES_ON,
    [VX_A_JCC] = GOES_ON | BRANCHES,
    [VX_A_LOOPNZ] = GOES_ON | BRANCHES,
    [VX_A_LOOPZ] = GOES_ON | BRANCHES,
    [VX_A_LOOP] = GOES_ON | BRANCHES,
    [VX_A_JECXZ] = GOES_ON | BRANCHES,
    [VX_A_JMP] = BRANCHES,
};

static uint32_t
eip_after(struct emitter *e, const struct step *s)
{
    return s->eip + s->in.length - e->shorter;
}

/* Where a direct branch goes. */
static uint32_t
branch_target(struct emitter *e, const struct step *s)
{
    return eip_after(e, s) + (uint32_t)s->in.value;
}

static enum vx_use
use_of_ecx(const struct step *s, const uint8_t *p)
{
    if (s->thread)
        return VX_USED;
    switch (s->in.action) {
    case VX_A_JCC:
    case VX_A_JMP:
    case VX_A_CALL:
    case VX_A_RET:
    case VX_A_RETN:
        return VX_UNUSED;
    case VX_A_COPY:
    case VX_A_JMPR:
    case VX_A_CALLR:
        return vx_insn_ecx(&s->in, p);
    }
    return VX_USED;        /* whoever deals with it wants it back */
}

/* ECX is away after it. */
static int
leaves_away(const struct step *s)
{
    return s->away && s->ecx == VX_UNUSED;
}

/* One more step, that was decoded from the snapshot. */
static struct step *
take(struct emitter *e, uint32_t eip, uint32_t at, int *away)
{
    struct step *s = &e->step[e->nstep++];
    s->eip = eip;
    s->at = (uint16_t)at;
    memset(&s->loop, 0, sizeof *s - offsetof(struct step, loop));
    s->to = -1;
    s->loop = UINT16_MAX;
    s->away = *away != VX_HERE;
    if (s->away) {
        s->ecx = (uint8_t)use_of_ecx(s, e->guest + at);
        if (s->ecx != VX_UNUSED)
            *away = VX_HERE;
    }
    return s;
}

/*
 * The last step is a call.  Does it lead to a few instructions that do nothing but return at
 * their end?  Then they are steps, too, and their return is one that is known to come back, if
 * nobody changed the address.  A leaf that touches neither memory nor ESP did not, and cannot have
 * seen another processor do it; whoever was interrupted in it has time to see, and so goes on
 * in a fragment with a return that looks.
 */
static int
follow(struct emitter *e, struct vx_memory *m, uint32_t eip, uint32_t back, int *away)
{
    uint32_t begin = MAX_BYTES + 16 + (uint32_t)e->nleaf * LEAF_WINDOW, at = 0;
    uint8_t *p = e->guest + begin;
    struct leaf *leaf = &e->leaf[e->nleaf];
    int call = e->nstep - 1, was_away = *away, pure = 1;
    if (e->nleaf == NLEAF || e->nstep + LEAF_INSNS >= e->most || e->cache == m->own)
        return 0;
    uint32_t n = vx_memory_fetch(m, eip, p, LEAF_WINDOW, VX_EXEC);
    if (n < LEAF_WINDOW || memchr(p, 0xc3, LEAF_BYTES) == NULL)
        return 0;
    for (int i = 0; i < LEAF_INSNS && at < LEAF_BYTES; i++) {
        struct step *s = &e->step[e->nstep];
        s->thread = 0;
        int length = vx_decode(p + at, n - at, vx_features, &s->in);
        if (length <= 0 || (s->in.action != VX_A_COPY && s->in.action != VX_A_RET))
            break;
        take(e, eip + at, begin + at, away);
        at += (uint32_t)length;
        if (s->in.action == VX_A_RET) {
            *leaf = (struct leaf){.pure = pure, .ret = s->eip, .back = back};
            s->leaf = e->step[call].leaf = (uint8_t)++e->nleaf;
            for (int k = call + 1; k < e->nstep; k++)
                e->step[k].pure = (uint8_t)pure;
            if (!pure)
                *away = VX_AWAY;
            return 1;
        }
        pure &= !(s->in.flags & (VX_LOAD | VX_STORE | VX_STACK)) &&
                !vx_insn_names_esp(&s->in, p + at - length);
    }
    e->nstep = call + 1;
    *away = was_away;
    return 0;
}

/* Take no more than the first n steps. */
static void
cut(struct emitter *e, int n)
{
    e->nstep = n;
    while (e->nmain && e->main[e->nmain - 1] >= n)
        e->nmain--;
    while (e->nbranch && e->branch[e->nbranch - 1] >= n)
        e->nbranch--;
    e->nleaf = 0;
    for (int i = 0; i < n; i++)
        if (e->step[i].leaf > e->nleaf)
            e->nleaf = e->step[i].leaf;
}

static int
scan(struct emitter *e, struct vx_memory *m, uint32_t *bad)
{
    uint32_t prot = VX_EXEC | (e->cache == m->own ? VX_WRITE : 0);
    uint32_t n = vx_memory_fetch(m, e->eip, e->guest, MAX_BYTES + 16, prot);
    uint32_t at = 0, join_at = 0;
    int join = 0;          /* the step from which on there is code already */
    int away = e->away;
    e->open = 1;
    while (e->nstep < e->most && at < MAX_BYTES) {
        if (join == 0 && at && vx_cache_may_have(e->cache, e->eip + at) &&
            vx_cache_find(e->cache, e->eip + at, away)) {
            join = e->nstep;
            join_at = at;
        }
        if (join && e->nstep - join >= MOST_AGAIN) {
            away = e->step[join].away ? VX_AWAY : VX_HERE;
            cut(e, join);
            at = join_at;
            break;
        }
        struct step *s = &e->step[e->nstep];
        int length = vx_decode(e->guest + at, n - at, vx_features, &s->in);
        s->thread = 0;
        if (length == VX_UD) {
            uint8_t plain[VX_INSN_MAX];
            int with = vx_decode_thread(e->guest + at, n - at, vx_features, plain, &s->in);
            if (with == VX_SHORT)
                length = 0;
            if (with > 0) {  /* it ends the fragment: what is behind it is not needed */
                length = with;
                s->thread = (uint8_t)vx_insn_copy(&s->in, plain, e->guest + at);
                s->in.length = (uint8_t)length;
            }
        }
        if (length == 0) {
            if (at == 0) {
                *bad = e->eip + n;
                return -EFAULT;
            }
            break;  /* the fragment that begins there will fault */
        }
        if (length < 0) {
            s->in.action = length == VX_PRIV ? VX_A_PRIV : VX_A_UD2;
            s->in.length = 0;
            length = 0;
        }
        e->main[e->nmain++] = (uint8_t)e->nstep;
        take(e, e->eip + at, at, &away);
        at += (uint32_t)length;
        uint8_t is = s->thread ? 0 : kind[s->in.action];
        if (is == GOES_ON)
            continue;
        if (s->in.action == VX_A_CALL && !s->thread && at <= LEAF_REACH &&
            follow(e, m, branch_target(e, s), e->eip + at, &away))
            continue;
        if (is & BRANCHES)
            e->branch[e->nbranch++] = (uint8_t)(e->nstep - 1);
        if (!(is & GOES_ON)) {
            e->open = 0;
            break;
        }
        if (join && branch_target(e, s) == e->eip + join_at)
            break;         /* a loop's end: one jump less in the loop is worth its code twice */
    }
    e->end = e->eip + at;
    e->end_away = away;
    e->cache->count.guest_bytes += at;
    return 0;
}

/* ---- mark ---- */

/* Where one loop ends in another, each runs into the other's head: nothing to fill there. */
static void
choose_aligned(struct emitter *e)
{
    for (int i = 0; i < e->nstep; i++) {
        struct step *s = &e->step[i];
        s->aligned = s->head;
        for (int k = 0; k < i && s->aligned; k++)
            if (e->step[k].head && e->step[k].end >= i && e->step[k].end < s->end)
                s->aligned = 0;
    }
}

static void
mark(struct emitter *e)
{
    e->heads = 0;
    for (int i = 0; i < e->nbranch; i++) {
        struct step *s = &e->step[e->branch[i]];
        uint32_t at = branch_target(e, s) - e->eip;
        if (at >= e->end - e->eip)
            continue;
        int lo = 0, hi = e->nmain;
        while (lo < hi) {  /* the first step not before at */
            int mid = (lo + hi) / 2;
            if (e->step[e->main[mid]].at < at)
                lo = mid + 1;
            else
                hi = mid;
        }
        int to = lo < e->nmain ? e->main[lo] : 0;
        struct step *t = &e->step[to];
        if (lo == e->nmain || t->at != at || t->away != leaves_away(s))
            continue;  /* into the middle of an instruction, or not for ECX here: other code */
        s->to = (int16_t)to;
        if (t > s)
            continue;
        uint16_t size = (uint16_t)(s->at + s->in.length - t->at);
        t->head = 1;
        e->heads++;
        if (size < t->loop) {
            t->loop = size;
            t->end = e->branch[i];
        }
    }
    if (e->heads)
        choose_aligned(e);
}

/* ---- emit ---- */

static void
emit_jcc(struct emitter *e, struct step *s)
{
    unsigned cc = s->in.opcode & 15;
    if (s->to >= 0 && e->step[s->to].head && &e->step[s->to] <= s) {
        int32_t back = (int32_t)e->step[s->to].host - (int32_t)(e->n + 2);
        if (back >= -128) {
            BYTES(e, (uint8_t)(0x70 | cc), (uint8_t)back);
            return;
        }
    }
    keep_together(e, 2);
    BYTES(e, 0x0f, (uint8_t)(0x80 | cc));
    put_branch_field(e, branch_target(e, s), s->to);
}

/* loop, loope, loopne, jecxz: only rel8 exists, so jump over a jump. */
static void
emit_loop(struct emitter *e, struct step *s)
{
    keep_together(e, 5);
    BYTES(e, s->in.opcode, 2);
    record_at(e, eip_after(e, s));
    BYTES(e, 0xeb, 5);
    record_at(e, branch_target(e, s));
    put8(e, 0xe9);
    put_branch_field(e, branch_target(e, s), s->to);
}

static void
emit_call(struct emitter *e, struct step *s)
{
    put8(e, 0x68);
    put32(e, eip_after(e, s));
    if (s->leaf)
        return;                         /* there we are */
    record_at(e, branch_target(e, s));
    put_jump(e, branch_target(e, s), -1);
}

/*
 * Where control goes by a value, there is an inline cache of one target, compared by LOOP, which
 * touches no flag.  Its parts are at fixed distances from the displacement of the lea, which is
 * the site that vx_predict patches.
 */
enum { SITE_OTHER = 5, SITE_HIT = 7, SITE_TABLE = 11, SITE_AGAIN = 13 };

/* With the target in ecx; what leaves for the core, to learn, is so many bytes on. */
static uint32_t
emit_site(struct emitter *e, uint32_t leave)
{
    keep_together(e, 2);
    BYTES(e, 0x8d, 0x89);               /* lea 1-predicted(ecx), ecx */
    uint32_t site = e->n;
    put32(e, 1);
    BYTES(e, 0xe2, (uint8_t)(leave - (SITE_OTHER + 1)));  /* loop: not it, and none is known yet */
    put8(e, 0xe9);
    put32(e, 0);                        /* falls to: */
    return e->base + site;
}

/*
 * A return to elsewhere than its site knows goes through the return table, and the landing that
 * it finds there pops the address and checks it.
 */
static void
emit_return_by_table(struct emitter *e, uint32_t eip)
{
    BYTES(e, 0x8d, 0x64, 0x24, 0xfc);   /* lea -4(esp), esp: as before the pop */
    record(e, eip, VX_BACK);
    BYTES(e, 0x8b, 0x0c, 0x24);         /* mov (esp), ecx */
    BYTES(e, 0x0f, 0xb7, 0xc9);         /* movzx cx, ecx */
    put_table_jump(e, 1);
}

static void
emit_return(struct emitter *e, struct step *s)
{
    uint32_t eip = s->eip;
    if (!s->away)
        save_ecx(e, SPILL);
    record(e, eip, VX_BACK);
    put8(e, 0x59);                      /* pop ecx */
    record(e, eip, VX_UNPOP);
    uint32_t site = emit_site(e, SITE_TABLE + 18);
    emit_return_by_table(e, eip);
    record(e, eip, VX_UNPOP);
    put_exit(e, &(struct vx_exit){.kind = VX_X_RETURN, .site = site});
}

/* Jumps for leaves' returns to take by a short branch, when they go elsewhere. */
static void
emit_others(struct emitter *e)
{
    for (int i = 0; i < e->nleaf; i++) {
        struct leaf *l = &e->leaf[i];
        if (l->pure)
            continue;
        record(e, l->ret, VX_UNPOP);
        l->other = e->n;
        put8(e, 0xe9);
        l->field = e->n;
        put32(e, 0);
    }
    if (e->n)
        align(e, 16);
}

static void
emit_leaf_return(struct emitter *e, struct step *s)
{
    struct leaf *l = &e->leaf[s->leaf - 1];
    if (l->pure) {
        BYTES(e, 0x8d, 0x64, 0x24, 4);  /* lea 4(esp), esp */
        return;
    }
    if (!s->away)
        save_ecx(e, SPILL);
    record(e, s->eip, VX_BACK);
    put8(e, 0x59);                      /* pop ecx */
    record(e, s->eip, VX_UNPOP);
    BYTES(e, 0x8d, 0x89);               /* lea 1-back(ecx), ecx */
    put32(e, 1 - l->back);
    int32_t other = (int32_t)(l->other - e->n) - 2;
    if (other >= -128) {
        BYTES(e, 0xe2, (uint8_t)other); /* loop other */
        return;
    }
    BYTES(e, 0xe2, 2, 0xeb, 5, 0xe9);   /* the same, too far for it */
    put32(e, l->other - (e->n + 4));
}

static void
emit_leaf_tails(struct emitter *e)
{
    for (int i = 0; i < e->nleaf; i++) {
        struct leaf *l = &e->leaf[i];
        if (l->pure)
            continue;
        uint32_t rel = e->n - (l->field + 4);
        memcpy(e->code + l->field, &rel, 4);
        record(e, l->ret, VX_UNPOP);
        emit_return_by_table(e, l->ret);
    }
}

/* One that drops arguments is rare, and goes the way of jumps. */
static void
emit_return_dropping(struct emitter *e, struct step *s)
{
    uint32_t eip = s->eip;
    if (!s->away)
        save_ecx(e, SPILL);
    record(e, eip, VX_BACK);
    put8(e, 0x59);                      /* pop ecx */
    record(e, eip, VX_UNPOP);
    save_ecx(e, TARGET);
    BYTES(e, 0x8d, 0xa4, 0x24);         /* lea n(esp), esp */
    put32(e, (uint32_t)s->in.value & 0xffff);
    record(e, eip, VX_FORWARD);
    BYTES(e, 0x0f, 0xb7, 0xc9);         /* movzx cx, ecx */
    put_table_jump(e, 0);
}

static void
emit_indirect(struct emitter *e, struct step *s)
{
    uint32_t eip = s->eip;
    const uint8_t *p = e->guest + s->at;
    unsigned modrm = s->in.modrm;       /* mov takes the same operand bytes */
    if (!s->away)
        save_ecx(e, SPILL);
    record(e, eip, VX_BACK);
    put8(e, 0x8b);
    put8(e, (p[modrm] & 0xc7) | ECX << 3);
    put(e, p + modrm + 1, (uint32_t)s->in.length - modrm - 1);
    save_ecx(e, TARGET);
    if (s->in.action == VX_A_CALLR) {
        put8(e, 0x68);
        put32(e, eip_after(e, s));
    }
    record(e, eip, VX_FORWARD);
    uint32_t site = emit_site(e, SITE_TABLE + 17);
    BYTES(e, 0x8d, 0x89);               /* lea predicted(ecx), ecx: the target again */
    put32(e, 0);
    BYTES(e, 0x0f, 0xb7, 0xc9);         /* movzx cx, ecx */
    put_table_jump(e, 0);
    put_exit(e, &(struct vx_exit){.kind = VX_X_INDIRECT, .site = site});
}

static void
emit_trap(struct emitter *e, int kind, uint32_t eip)
{
    put_exit(e, &(struct vx_exit){.kind = VX_X_TRAP, .arg = (uint8_t)kind, .eip = eip});
}

/* What the instruction is depends on the cpu that comes here: see vx_translate_thread. */
static void
emit_thread(struct emitter *e, struct step *s)
{
    struct vx_exit x = {.kind = VX_X_THREAD, .arg = s->thread, .length = s->in.length,
                        .eip = s->eip};
    memcpy(x.code, e->guest + s->at, s->thread);
    put_exit(e, &x);
}

static void
emit_step(struct emitter *e, struct step *s)
{
    const uint8_t *p = e->guest + s->at;
    uint32_t eip = s->eip, after = eip_after(e, s);
    e->away = s->away ? VX_AWAY : VX_HERE;
    e->afresh = s->pure ? VX_AFRESH : 0;
    record_at(e, eip);
    if (s->aligned)
        align(e, LINE);                 /* loops are fetched best from there */
    s->host = (uint16_t)e->n;
    if (s->away && s->ecx == VX_USED) {
        load_ecx(e, SPILL);
        record(e, eip, VX_COPY);
    }
    if (!leaves_away(s))
        e->away = VX_HERE;
    if (s->thread) {
        emit_thread(e, s);
        return;
    }
    switch (s->in.action) {
    case VX_A_COPY:
        if (s->in.start == 0) {  /* nearly always: a copy of fixed size is two moves */
            memcpy(e->code + e->n, p, 16);
            e->n += s->in.length;
        } else {
            e->n += vx_insn_copy(&s->in, p, e->code + e->n);
        }
        break;
    case VX_A_JCC:
        emit_jcc(e, s);
        break;
    case VX_A_JMP:
        put_jump(e, branch_target(e, s), s->to);
        break;
    case VX_A_LOOPNZ:
    case VX_A_LOOPZ:
    case VX_A_LOOP:
    case VX_A_JECXZ:
        emit_loop(e, s);
        break;
    case VX_A_CALL:
        emit_call(e, s);
        break;
    case VX_A_RET:
        (s->leaf ? emit_leaf_return : emit_return)(e, s);
        break;
    case VX_A_RETN:
        emit_return_dropping(e, s);
        break;
    case VX_A_JMPR:
    case VX_A_CALLR:
        emit_indirect(e, s);
        break;
    case VX_A_INT:
        if ((s->in.value & 0xff) == 3)
            emit_trap(e, VX_T_BREAKPOINT, after);
        else
            put_exit(e, &(struct vx_exit){.kind = VX_X_INT, .arg = (uint8_t)s->in.value,
                                          .eip = after});
        break;
    case VX_A_INT1:
        emit_trap(e, VX_T_DEBUG, after);
        break;
    case VX_A_INT3:
        emit_trap(e, VX_T_BREAKPOINT, after);
        break;
    case VX_A_INTO:
        BYTES(e, 0x71, EXIT_SIZE);      /* jno */
        emit_trap(e, VX_T_OVERFLOW, after);
        break;
    case VX_A_PRIV:
        emit_trap(e, VX_T_PROTECTION, eip);
        break;
    case VX_A_UD2:
        emit_trap(e, VX_T_ILLEGAL, eip);
        break;
    default: {
        struct vx_exit x = {.kind = VX_X_EMULATE, .eip = eip, .length = s->in.length};
        memcpy(x.code, p, s->in.length);
        put_exit(e, &x);
        break;
    }
    }
}

static void
emit(struct emitter *e)
{
    for (int i = 0; i < e->nstep; i++)
        emit_step(e, &e->step[i]);
    e->afresh = 0;
    if (e->open) {
        e->away = e->end_away;
        record_at(e, e->end);
        put_jump(e, e->end, -1);
    }
    for (int i = 0; i < e->nfixup; i++) {
        struct fixup *f = &e->fixup[i];
        uint32_t to = e->n;
        if (f->to >= 0)
            to = e->step[f->to].host;
        else {
            e->away = f->away;
            record_at(e, f->eip);
            put_exit(e, &(struct vx_exit){.kind = VX_X_LINK, .arg = f->away != VX_HERE,
                                          .eip = f->eip, .site = e->base + f->field});
        }
        uint32_t rel = to - (f->field + 4u);
        memcpy(e->code + f->field, &rel, 4);
    }
}

/* ---- publish ---- */

static int
publish_block(struct emitter *e)
{
    struct vx_cache *c = e->cache;
    uint32_t first = c->nrecord;
    int err = e->failed ? -ENOMEM : vx_cache_records(c, e->record, e->nrecord);
    return err < 0 ? err : vx_cache_publish(c, e->base, e->code, e->n, first);
}

/* To where one can come, from elsewhere in the fragment or from without. */
static int
enter(struct emitter *e, const struct step *s)
{
    int away = s->away ? VX_AWAY : VX_HERE;
    if (vx_cache_find(e->cache, s->eip, away))
        return 0;
    return vx_cache_enter(e->cache, s->eip, away, e->base + s->host);
}

static int
publish(struct emitter *e)
{
    int err = publish_block(e);
    if (err == 0)
        err = enter(e, &e->step[0]);
    for (int i = 0; i < e->nbranch && err == 0; i++) {
        int to = e->step[e->branch[i]].to;
        if (to >= 0)
            err = enter(e, &e->step[to]);
    }
    return err;
}

/*
 * A landing is where a table entry points: it sees whether the target is its own.  The other
 * case is passed on: by one in the jump table, to the landing that had the entry before or to
 * the miss stub; by one in the return table, to the jump table.
 *
 * A return's landing compares by LOOP, which is the one way to go straight on when it is right
 * without touching a flag: a branch taken at each return would spoil the processor's
 * prediction of the guest's own branches.
 */
static void
emit_landing(struct emitter *e, uint32_t eip)
{
    e->landing = e->n;
    record(e, 0, VX_FORWARD);
    load_ecx(e, TARGET);
    BYTES(e, 0x8d, 0x89);               /* lea -eip(ecx), ecx */
    put32(e, 0u - eip);
    BYTES(e, 0xe3, 5, 0xe9);            /* jecxz mine; jmp */
    put32(e, e->cache->jump[eip % VX_TABLE_ENTRIES] - (e->base + e->n + 4));
}

static void
emit_return_landing(struct emitter *e, uint32_t eip)
{
    uint32_t other = e->n;
    record(e, eip, VX_RETURNED);
    put8(e, 0xe9);                      /* to emit_tail's */
    e->tail = e->n;
    put32(e, 0);
    align(e, 8);
    e->landing = e->n;
    record(e, 0, VX_RETURNING);
    put8(e, 0x59);                      /* pop ecx */
    record(e, 0, VX_RETURNED);
    BYTES(e, 0x8d, 0x89);               /* lea 1-eip(ecx), ecx */
    put32(e, 1 - eip);
    record(e, eip - 1, VX_RETURNED);
    BYTES(e, 0xe2, (uint8_t)(other - (e->n + 2)));  /* loop other */
    record(e, eip, VX_BACK);
}

/* What a return's landing does with another's target, out of the way of what is run. */
static void
emit_tail(struct emitter *e, uint32_t eip)
{
    uint32_t rel = e->n - (e->tail + 4);
    memcpy(e->code + e->tail, &rel, 4);
    record(e, eip, VX_RETURNED);
    BYTES(e, 0x8d, 0x89);               /* lea eip(ecx), ecx */
    put32(e, eip);
    record(e, 0, VX_RETURNED);
    save_ecx(e, TARGET);
    record(e, 0, VX_FORWARD);
    BYTES(e, 0x0f, 0xb7, 0xc9);         /* movzx cx, ecx */
    put_table_jump(e, 0);
}

static void
begin(struct emitter *e, struct vx_cache *c, uint32_t eip, int away)
{
    e->cache = c;
    e->away = away;
    e->afresh = 0;
    e->eip = eip;
    e->n = 0;
    e->failed = e->nstep = e->nmain = e->nbranch = e->nleaf = e->nfixup = 0;
    e->shorter = 0;
    e->nrecord = 0;
    e->most = MAX_INSNS;
}

static struct emitter emitter;  /* under vx_lock */

/* Scan what may be written, while all guests are stopped: until it is watched. */
static int
scan_writable(struct emitter *e, struct vx_memory *m, uint32_t *bad)
{
    int err = scan(e, m, bad);
    if (err == 0)
        err = vx_watch(m, e->cache, e->eip, e->end > e->eip ? e->end - e->eip : 1);
    return err;
}

/* With MOST_ROOM in the cache, so that nothing in here waits for other threads. */
static int
build(struct vx_memory *m, struct vx_cache *c, uint32_t eip, int away, int landing,
      uint32_t *host, uint32_t *bad)
{
    struct emitter *e = &emitter;
    begin(e, c, eip, away);
    int err = (c == m->own ? scan_writable : scan)(e, m, bad);
    if (err < 0)
        return err;
    mark(e);
    uint32_t boundary = e->heads ? LINE : FRAGMENT_ALIGN;
    err = vx_cache_room(c, (uint32_t)(e->nstep + 2) * INSN_ROOM, boundary, &e->base);
    if (err < 0)
        return err;
    emit_others(e);
    if (landing)
        emit_return_landing(e, eip);
    emit(e);
    if (landing)
        emit_tail(e, eip);
    emit_leaf_tails(e);
    err = publish(e);
    if (err == 0 && landing)
        err = vx_cache_set(c, eip, 1, e->base + e->landing);
    if (err < 0) {  /* out of memory half-way: what there is may be inconsistent */
        vx_cache_flush(c);
        return err;
    }
    c->count.fragments++;
    c->count.instructions += (uint64_t)e->nstep;
    *host = e->base + e->step[0].host;
    return 0;
}

/*
 * What may wait for other threads, and let them use the emitter and change the caches, comes
 * first: stopping guests, and making room.
 */
static int
translate(struct vx_memory *m, struct vx_cache *c, uint32_t eip, int away, int landing,
          uint32_t *host, uint32_t *bad)
{
    uint32_t base;
    int writable = c == m->own;
    if (writable)
        vx_stop();
    int err = vx_cache_room(c, MOST_ROOM, LINE, &base);
    if (err == 0)
        err = build(m, c, eip, away, landing, host, bad);
    if (writable)
        vx_go();
    return err;
}

int
vx_translate(struct vx_memory *m, struct vx_cache *c, uint32_t eip, uint32_t *host, uint32_t *bad)
{
    return translate(m, c, eip, VX_HERE, 0, host, bad);
}

int
vx_translate_away(struct vx_memory *m, struct vx_cache *c, uint32_t eip, uint32_t *host,
                  uint32_t *bad)
{
    return translate(m, c, eip, VX_AWAY, 0, host, bad);
}

int
vx_translate_once(struct vx_memory *m, struct vx_cache *c, uint32_t eip, uint32_t *host,
                  uint32_t *bad)
{
    struct emitter *e = &emitter;
    uint32_t base;
    int err = vx_cache_room(c, 2 * INSN_ROOM, FRAGMENT_ALIGN, &base);
    if (err < 0)
        return err;
    begin(e, c, eip, VX_HERE);
    e->base = base;
    e->most = 1;
    err = scan(e, m, bad);
    if (err < 0)
        return err;
    mark(e);
    emit(e);
    err = publish_block(e);
    *host = e->base + e->step[0].host;
    return err;
}

/*
 * The processor adds a segment's base to an address modulo 2^32, and so it does a displacement:
 * the same instruction with base added to its displacement reads and writes what the guest meant,
 * and the guest's own segment confines it.
 */
int
vx_translate_thread(struct vx_cache *c, uint32_t exit, uint32_t base, uint32_t *host)
{
    struct emitter *e = &emitter;
    struct vx_exit x = c->exit[exit];
    uint64_t generation = c->generation;
    uint32_t at;
    int err = vx_cache_room(c, 2 * INSN_ROOM, FRAGMENT_ALIGN, &at);
    if (err == 0 && c->generation != generation)
        return -EAGAIN;
    if (err < 0)
        return err;
    begin(e, c, x.eip, VX_HERE);
    e->base = at;
    struct step *s = &e->step[e->nstep++];
    unsigned n = vx_insn_rebase(x.code, x.arg, base, e->guest);
    if (n == 0 || vx_decode(e->guest, n, VX_FEATURES_ALL, &s->in) != (int)n)
        return -EBADMSG;
    memset(&s->eip, 0, sizeof *s - offsetof(struct step, eip));
    s->to = -1;
    s->eip = x.eip;
    e->end_away = VX_HERE;
    e->shorter = n - x.length;
    e->end = eip_after(e, s);
    e->open = (kind[s->in.action] & GOES_ON) != 0;
    emit(e);
    err = publish_block(e);
    *host = e->base + s->host;
    return err < 0 ? err : vx_cache_set_thread(c, exit, base, *host);
}

int
vx_translate_return(struct vx_memory *m, struct vx_cache *c, uint32_t eip, uint32_t *host,
                    uint32_t *bad)
{
    return translate(m, c, eip, VX_AWAY, 1, host, bad);
}

int
vx_landing(struct vx_cache *c, uint32_t eip, uint32_t host, int back)
{
    struct emitter *e = &emitter;
    uint64_t generation = c->generation;
    uint32_t base;
    int err = vx_cache_room(c, INSN_ROOM, 16, &base);
    if (err == -EAGAIN || (err == 0 && c->generation != generation))
        return 0;  /* flushed: there will be another miss */
    if (err < 0)
        return err;
    begin(e, c, eip, VX_AWAY);
    e->base = base;
    (back ? emit_return_landing : emit_landing)(e, eip);
    put8(e, 0xe9);
    put32(e, host - (e->base + e->n + 4));
    if (back)
        emit_tail(e, eip);
    err = publish_block(e);
    return err < 0 ? err : vx_cache_set(c, eip, back, e->base + e->landing);
}

int
vx_predict(struct vx_cache *c, const struct vx_exit *x, uint32_t eip, uint32_t host)
{
    uint32_t site = x->site;
    int leave = (int8_t)*vx_code_view(site + SITE_OTHER), table = SITE_TABLE - (SITE_OTHER + 1);
    /* Once only: another processor may be between the compare and the jump. */
    if (leave == table)
        return 0;
    int err = vx_cache_patch(c, site + SITE_HIT, host - (site + SITE_HIT + 4));
    if (err == 0 && x->kind == VX_X_INDIRECT)
        err = vx_cache_patch(c, site + SITE_AGAIN, eip);
    if (err == 0)
        err = vx_cache_patch(c, site, 1 - eip);
    if (err == 0)
        err = vx_cache_patch_byte(c, site + SITE_OTHER, (uint8_t)table);
    return err;
}
