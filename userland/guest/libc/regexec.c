/*
 * regexp(2): runs that say where subexpressions are: a thread for each way to go on, all of
 * them moved over the text together, so that time is linear in it.  Threads are in the order
 * of their preference, and those that began further left come first.
 */
#include <u.h>
#include <libc.h>
#include <regexp.h>
#include "regdef.h"

typedef struct List List;
struct List {
    int n;
    int *pc;
    char const **caps; /* ncap of each */
};

typedef struct Todo Todo;
struct Todo {
    int pc; /* or -1 - number of a place to put back */
    char const *old;
};

struct Machine {
    int ncap;
    List now;
    List then;
    ulong *mark;
    ulong turn;
    Todo *todo;
    char const **caps;
    uchar first[128]; /* which characters below 128 can begin a match */
    int skips;        /* whether a match must begin with a character */
};

typedef struct Text Text;
struct Text {
    char const *begin; /* of the line */
    char const *end;   /* or nil: a NUL ends it */
    int wide;
};

void
_regmachinefree(Machine *m)
{
    if (m == nil)
        return;
    free(m->now.pc);
    free(m->then.pc);
    free(m->now.caps);
    free(m->then.caps);
    free(m->mark);
    free(m->todo);
    free(m->caps);
    free(m);
}

/* What a match can begin with. */
static void
firsts(Reprog *p, Machine *m)
{
    int n = 0, c;
    Inst *i;

    m->skips = 1;
    m->turn++;
    m->todo[n++].pc = p->start;
    while (n > 0) {
        int pc = m->todo[--n].pc;

        if (m->mark[pc] == m->turn)
            continue;
        m->mark[pc] = m->turn;
        i = &p->insts[pc];
        switch (i->type) {
        case Match:
        case Eol:
            m->skips = 0;
            return;
        case Split:
            m->todo[n++].pc = i->other;
            /* fall through */
        case Bol:
        case Save:
        case Nop:
            m->todo[n++].pc = i->next;
            break;
        default:
            for (c = 0; c < 128; c++)
                m->first[c] |= _regaccepts(p, i, c);
        }
    }
}

static Machine *
machine(Reprog *p, int ncap)
{
    Machine *m = __sync_lock_test_and_set(&p->machine, nil);
    ulong n = p->ninst;

    if (m != nil && m->ncap == ncap)
        return m;
    _regmachinefree(m);
    m = mallocz(sizeof *m, 1);
    if (m == nil)
        return nil;
    m->ncap = ncap;
    m->now.pc = calloc(n, sizeof(int));
    m->then.pc = calloc(n, sizeof(int));
    m->now.caps = calloc(n, ncap * sizeof(char *));
    m->then.caps = calloc(n, ncap * sizeof(char *));
    m->mark = calloc(n, sizeof(ulong));
    m->todo = calloc(2 * n + 2, sizeof(Todo));
    m->caps = calloc(ncap, sizeof(char *));
    if (m->now.pc == nil || m->then.pc == nil || m->now.caps == nil || m->then.caps == nil
        || m->mark == nil || m->todo == nil || m->caps == nil) {
        _regmachinefree(m);
        return nil;
    }
    firsts(p, m);
    return m;
}

static void
give(Reprog *p, Machine *m)
{
    _regmachinefree(__sync_lock_test_and_set(&p->machine, m));
}

int
_regaccepts(Reprog *p, Inst *i, Rune c)
{
    Range *r;
    int lo, hi, mid;

    switch (i->type) {
    case Char:
        return i->r == c;
    case Any:
        return c != '\n';
    case Anynl:
        return 1;
    case Class:
        r = p->ranges + i->set;
        for (lo = 0, hi = i->nset; lo < hi;) {
            mid = (lo + hi) / 2;
            if (c < r[mid].lo)
                hi = mid;
            else if (c > r[mid].hi)
                lo = mid + 1;
            else
                return 1;
        }
    }
    return 0;
}

/* Add what follows from pc at the place s without a character; m->caps is how it came. */
static void
follow(Reprog *p, Machine *m, List *l, int pc, char const *s, int bol, int eol)
{
    int n = 0;
    Todo t;
    Inst *i;

    m->todo[n++].pc = pc;
    while (n > 0) {
        t = m->todo[--n];
        if (t.pc < 0) {
            m->caps[-1 - t.pc] = t.old;
            continue;
        }
        if (m->mark[t.pc] == m->turn)
            continue;
        m->mark[t.pc] = m->turn;
        i = &p->insts[t.pc];
        switch (i->type) {
        case Split:
            m->todo[n++].pc = i->other;
            m->todo[n++].pc = i->next;
            break;
        case Save:
            if (i->r < m->ncap) {
                m->todo[n].pc = -1 - (int)i->r;
                m->todo[n++].old = m->caps[i->r];
                m->caps[i->r] = s;
            }
            m->todo[n++].pc = i->next;
            break;
        case Bol:
            if (bol)
                m->todo[n++].pc = i->next;
            break;
        case Eol:
            if (eol)
                m->todo[n++].pc = i->next;
            break;
        case Nop:
            m->todo[n++].pc = i->next;
            break;
        default:
            l->pc[l->n] = t.pc;
            memmove(l->caps + l->n++ * m->ncap, m->caps, m->ncap * sizeof *m->caps);
        }
    }
}

/* The bytes of the character at s, 0 at the end. */
static int
peek(Text *t, char const *s, Rune *r)
{
    *r = 0;
    if (t->end != nil && s >= t->end)
        return 0;
    *r = t->wide ? *(Rune *)s : (uchar)*s;
    if (*r == 0 && t->end == nil)
        return 0;
    if (t->wide)
        return sizeof(Rune);
    return *r < Runeself ? 1 : chartorune(r, s);
}

static int
run(Reprog *p, Machine *m, Text *t, char const *s, char const **best)
{
    int matched = 0, width, later, bol, i, ncap = m->ncap;
    char const **caps;
    Rune c, d;
    List swap;

    m->now.n = 0;
    m->turn++;
    width = peek(t, s, &c);
    bol = s == t->begin || (t->wide ? ((Rune *)s)[-1] : (Rune)s[-1]) == '\n';
    for (;;) {
        if (!matched) {
            while (m->now.n == 0 && m->skips && width > 0 && c < 128 && !m->first[c]) {
                bol = c == '\n';
                s += width;
                width = peek(t, s, &c);
            }
            memset(m->caps, 0, ncap * sizeof *m->caps);
            follow(p, m, &m->now, p->start, s, bol, width == 0 || c == '\n');
        } else if (m->now.n == 0)
            break;
        later = width > 0 ? peek(t, s + width, &d) : 0;
        m->then.n = 0;
        m->turn++;
        for (i = 0; i < m->now.n; i++) {
            caps = m->now.caps + i * ncap;
            if (matched && caps[0] > best[0])
                continue;
            if (p->insts[m->now.pc[i]].type == Match) {
                if (!matched || caps[0] < best[0] || caps[1] > best[1]) {
                    memmove(best, caps, ncap * sizeof *caps);
                    matched = 1;
                }
            } else if (width > 0 && _regaccepts(p, &p->insts[m->now.pc[i]], c)) {
                memmove(m->caps, caps, ncap * sizeof *caps);
                follow(p, m, &m->then, p->insts[m->now.pc[i]].next, s + width, c == '\n',
                       later == 0 || d == '\n');
            }
        }
        if (width == 0)
            break;
        bol = c == '\n';
        s += width;
        width = later;
        c = d;
        swap = m->now;
        m->now = m->then;
        m->then = swap;
    }
    return matched;
}

static int
execute(Reprog *p, Text *t, Resub *match, int n)
{
    char const *s = t->begin, **best;
    int ncap, i, matched;
    Machine *m;

    if (match != nil && n > 0) {
        if (match[0].sp != nil)
            s = match[0].sp;
        t->end = match[0].ep;
    } else
        n = 0;
    if (!t->wide) {
        matched = _regpossible(p, t->begin, s, t->end);
        if (matched == 0 || matched > 0 && n == 0)
            return matched;
    }
    ncap = 2 * (n < 1 ? 1 : n < p->nsub ? n : p->nsub);
    m = machine(p, ncap);
    best = m != nil ? calloc(ncap, sizeof *best) : nil;
    if (best == nil) {
        if (m != nil)
            give(p, m);
        regerror("out of memory");
        return -1;
    }
    matched = run(p, m, t, s, best);
    for (i = 0; matched && i < n; i++) {
        match[i].sp = 2 * i < ncap ? (char *)best[2 * i] : nil;
        match[i].ep = 2 * i < ncap ? (char *)best[2 * i + 1] : nil;
        if (match[i].ep == nil || match[i].ep < match[i].sp)
            match[i].sp = match[i].ep = nil;
    }
    free(best);
    give(p, m);
    return matched;
}

/* match[0], unless nil, says on entry where in s to begin and to end. */
int
regexec(Reprog *p, char const *s, Resub *match, int n)
{
    Text t = {s, nil, 0};

    return execute(p, &t, match, n);
}

int
rregexec(Reprog *p, Rune const *s, Resub *match, int n)
{
    Text t = {(char const *)s, nil, 1};

    return execute(p, &t, match, n);
}
