/*
 * regexp(2): whether there is a match, by a table that grows as it is used: a state stands
 * for the set of places in the program where a run can be.
 */
#include <u.h>
#include <libc.h>
#include <regexp.h>
#include "regdef.h"

enum { Nhash = 256, Most = 2 * 1024 * 1024 }; /* bytes of states, before all are forgotten */

typedef struct State State;
struct State {
    State *link; /* of the same hash */
    int accepts; /* there is a match, or this is no state at all: Dfa.todo, Dfa.found */
    int atend;   /* there is a match if the line ends here */
    int bol;
    int n;
    int *pcs;
    State *next[]; /* by class of character */
};

struct Dfa {
    State *hash[Nhash];
    State todo;  /* what follows is not known yet */
    State found; /* a match before this newline */
    State *start[2];
    ulong used;
    ulong *mark;
    ulong turn;
    int *set;
    int *stack;
    int newline; /* its class */
    int ascii[128];
};

static void
forget(Dfa *d)
{
    State *s, *link;
    int i;

    for (i = 0; i < Nhash; i++) {
        for (s = d->hash[i]; s != nil; s = link) {
            link = s->link;
            free(s);
        }
        d->hash[i] = nil;
    }
    d->start[0] = d->start[1] = nil;
    d->used = 0;
}

void
_regdfafree(Dfa *d)
{
    if (d == nil)
        return;
    forget(d);
    free(d->mark);
    free(d->set);
    free(d->stack);
    free(d);
}

static int
classof(Reprog *p, Rune c)
{
    int lo = 0, hi = p->nbound, mid;

    while (hi - lo > 1) {
        mid = (lo + hi) / 2;
        if (c < p->bounds[mid])
            hi = mid;
        else
            lo = mid;
    }
    return lo;
}

static int
runeclass(Reprog *p, Rune c)
{
    return classof(p, p->fold ? tolowerrune(c) : c);
}

static Dfa *
take(Reprog *p)
{
    Dfa *d = __sync_lock_test_and_set(&p->dfa, nil);
    int c;

    if (d != nil)
        return d;
    d = mallocz(sizeof *d, 1);
    if (d == nil)
        return nil;
    d->mark = calloc(p->ninst, sizeof *d->mark);
    d->set = calloc(p->ninst, sizeof *d->set);
    d->stack = calloc(2 * p->ninst + 2, sizeof *d->stack);
    if (d->mark == nil || d->set == nil || d->stack == nil) {
        _regdfafree(d);
        return nil;
    }
    d->todo.accepts = d->found.accepts = 1;
    for (c = 0; c < 128; c++)
        d->ascii[c] = runeclass(p, c);
    d->newline = d->ascii['\n'];
    return d;
}

static void
give(Reprog *p, Dfa *d)
{
    _regdfafree(__sync_lock_test_and_set(&p->dfa, d));
}

/* Into d->set, of n so far, what follows from pc without a character. */
static int
follow(Reprog *p, Dfa *d, int n, int pc, int bol, int eol)
{
    int top = 0;
    Inst *i;

    d->stack[top++] = pc;
    while (top > 0) {
        pc = d->stack[--top];
        if (d->mark[pc] == d->turn)
            continue;
        d->mark[pc] = d->turn;
        i = &p->insts[pc];
        switch (i->type) {
        case Split:
            d->stack[top++] = i->other;
            d->stack[top++] = i->next;
            break;
        case Bol:
            if (bol)
                d->stack[top++] = i->next;
            break;
        case Eol:
            if (eol)
                d->stack[top++] = i->next;
            else
                d->set[n++] = pc;
            break;
        case Save:
        case Nop:
            d->stack[top++] = i->next;
            break;
        default:
            d->set[n++] = pc;
        }
    }
    return n;
}

static int
byint(void const *a, void const *b)
{
    return *(int *)a - *(int *)b;
}

static int
matches(Reprog *p, Dfa *d, int n)
{
    while (n > 0)
        if (p->insts[d->set[--n]].type == Match)
            return 1;
    return 0;
}

/* The state of the n places in d->set. */
static State *
state(Reprog *p, Dfa *d, int n, int bol)
{
    ulong h = bol, size;
    int i, m, haseol = 0;
    State *s;

    qsort(d->set, n, sizeof *d->set, byint);
    for (i = 0; i < n; i++)
        h = h * 31 + d->set[i];
    h = (h ^ h >> 11) % Nhash;
    for (s = d->hash[h]; s != nil; s = s->link)
        if (s->n == n && s->bol == bol && memcmp(s->pcs, d->set, n * sizeof(int)) == 0)
            return s;
    size = sizeof *s + p->nbound * sizeof(State *) + n * sizeof(int);
    if (d->used + size > Most && d->used > 0)
        return nil;
    s = malloc(size);
    if (s == nil)
        return nil;
    d->used += size;
    s->pcs = (int *)&s->next[p->nbound];
    s->n = n;
    s->bol = bol;
    memmove(s->pcs, d->set, n * sizeof(int));
    for (i = 0; i < p->nbound; i++)
        s->next[i] = &d->todo;
    s->accepts = s->atend = matches(p, d, n);
    for (i = 0; i < n; i++)
        haseol |= p->insts[s->pcs[i]].type == Eol;
    if (!s->accepts && haseol) {
        d->turn++;
        for (i = m = 0; i < n; i++)
            m = follow(p, d, m, s->pcs[i], bol, 1);
        s->atend = matches(p, d, m);
    }
    s->link = d->hash[h];
    d->hash[h] = s;
    return s;
}

static State *
start(Reprog *p, Dfa *d, int bol)
{
    if (d->start[bol] == nil) {
        d->turn++;
        d->start[bol] = state(p, d, follow(p, d, 0, p->start, bol, 0), bol);
    }
    return d->start[bol];
}

/* Where a character of class k leads; nil: there is no more room. */
static State *
step(Reprog *p, Dfa *d, State *s, int k)
{
    int newline = k == d->newline, n = 0, i, m, *from = s->pcs, *all = nil;
    State *t;

    if (newline && s->atend)
        return s->next[k] = &d->found;
    m = s->n;
    if (newline) { /* the ends of lines are passed first */
        d->turn++;
        for (i = n = 0; i < m; i++)
            n = follow(p, d, n, s->pcs[i], s->bol, 1);
        all = malloc((n + 1) * sizeof *all);
        if (all == nil)
            return nil;
        memmove(all, d->set, n * sizeof *all);
        from = all;
        m = n;
        n = 0;
    }
    d->turn++;
    for (i = 0; i < m; i++)
        if (_regaccepts(p, &p->insts[from[i]], p->bounds[k]))
            n = follow(p, d, n, p->insts[from[i]].next, newline, 0);
    n = follow(p, d, n, p->start, newline, 0);
    free(all);
    t = state(p, d, n, newline);
    if (t != nil)
        s->next[k] = t;
    return t;
}

/* step(); forgets all the states but where this leads when there are too many. */
static State *
grow(Reprog *p, Dfa *d, State **at, int k)
{
    State *s = *at, *t = step(p, d, s, k);
    int n, bol, i;

    if (t != nil)
        return t;
    n = s->n;
    bol = s->bol;
    for (i = 0; i < n; i++)
        d->set[i] = s->pcs[i];
    forget(d);
    *at = state(p, d, n, bol);
    return *at != nil ? step(p, d, *at, k) : nil;
}

/*
 * Runs from s to e, or to a NUL when e is nil; where there is known to be a match, or nil,
 * with *failed set when memory ran out.
 */
static char const *
scan(Reprog *p, Dfa *d, char const *s, char const *e, int bol, int *failed)
{
    State *at = start(p, d, bol), *t;
    Rune r;
    int k, w;

    if (at == nil) {
        forget(d);
        at = start(p, d, bol);
    }
    *failed = at == nil;
    if (at == nil)
        return nil;
    if (at->accepts)
        return s;
    for (; e != nil ? s < e : *s != 0; s += w) {
        if ((uchar)*s < Runeself) {
            k = d->ascii[(uchar)*s];
            w = 1;
        } else if (e == nil || fullrune(s, e - s)) {
            w = chartorune(&r, s);
            k = runeclass(p, r);
        } else {
            k = runeclass(p, Runeerror);
            w = 1;
        }
        t = at->next[k];
        if (t->accepts) {
            if (t == &d->todo)
                t = grow(p, d, &at, k);
            *failed = t == nil;
            if (t == nil)
                return nil;
            if (t == &d->found)
                return s;
            if (t->accepts)
                return s + w;
        }
        at = t;
    }
    return at->atend ? s : nil;
}

/* Whether there is a match: -1 when that cannot be told this way. */
int
_regpossible(Reprog *p, char const *line, char const *s, char const *e)
{
    Dfa *d = p->fold ? nil : take(p);
    int failed;
    char const *at;

    if (d == nil)
        return -1;
    at = scan(p, d, s, e, s == line || s[-1] == '\n', &failed);
    give(p, d);
    return failed ? -1 : at != nil;
}

char const *
regscan(Reprog *p, char const *s, char const *e)
{
    Dfa *d = take(p);
    int failed = 1;
    char const *at = nil;

    if (s == e)
        return nil;
    if (d != nil) {
        at = scan(p, d, s, e, 1, &failed);
        give(p, d);
    }
    if (failed)
        regerror("out of memory");
    if (at == e && e[-1] == '\n') /* no line begins there */
        return nil;
    return at;
}

void
regfold(Reprog *p)
{
    p->fold = 1;
}
