/*
 * regexp(2): expressions to programs, by operator precedence with stacks of its own, so that
 * no expression is too deep.
 */
#include <u.h>
#include <libc.h>
#include <regexp.h>
#include "regdef.h"

enum { Lparen = 1, Rparen, Or, Cat, Done }; /* operators by their precedence, but for the first */

typedef struct Frag Frag;
struct Frag {
    int first;
    int last; /* a Nop or Save whose next is to be set */
};

typedef struct Parse Parse;
struct Parse {
    Reprog *prog;
    Frag *frags;
    int nfrag;
    int fragroom;
    struct Op {
        int op;
        int sub;
    } *ops;
    int nop;
    int oproom;
    int anynl;
    jmp_buf failed;
};

static void __attribute__((noreturn))
fail(Parse *c, char const *why)
{
    char s[ERRMAX];

    snprint(s, sizeof s, "%s", why);
    werrstr("%s", s);
    regerror(s);
    longjmp(c->failed, 1);
}

/* Room for one more of an array of *room things of n bytes. */
static void *
grow(Parse *c, void *p, int have, int *room, int n)
{
    if (have < *room)
        return p;
    if (*room > 0x10000000 / n)
        fail(c, "regular expression too long");
    *room = *room == 0 ? 32 : 2 * *room;
    p = realloc(p, *room * n);
    if (p == nil)
        fail(c, "out of memory");
    return p;
}

static int
inst(Parse *c, int type, Rune r, int next, int other)
{
    Reprog *p = c->prog;

    p->insts = grow(c, p->insts, p->ninst, &p->instroom, sizeof *p->insts);
    p->insts[p->ninst] = (Inst){type, r, next, other, 0, 0};
    return p->ninst++;
}

static void
push(Parse *c, int first, int last)
{
    c->frags = grow(c, c->frags, c->nfrag, &c->fragroom, sizeof *c->frags);
    c->frags[c->nfrag++] = (Frag){first, last};
}

static Frag
pop(Parse *c)
{
    if (c->nfrag == 0)
        fail(c, "missing operand");
    return c->frags[--c->nfrag];
}

static void
pushop(Parse *c, int op, int sub)
{
    c->ops = grow(c, c->ops, c->nop, &c->oproom, sizeof *c->ops);
    c->ops[c->nop].op = op;
    c->ops[c->nop++].sub = sub;
}

/* One instruction that goes on at a Nop. */
static void
single(Parse *c, int type, Rune r)
{
    int i = inst(c, type, r, 0, 0), n = inst(c, Nop, 0, 0, 0);

    c->prog->insts[i].next = n;
    push(c, i, n);
}

static void
reduce(Parse *c, int op)
{
    Frag a, b;
    int n, s;

    b = pop(c);
    a = pop(c);
    if (op == Cat) {
        c->prog->insts[a.last].next = b.first;
        push(c, a.first, b.last);
        return;
    }
    n = inst(c, Nop, 0, 0, 0);
    s = inst(c, Split, 0, a.first, b.first);
    c->prog->insts[a.last].next = n;
    c->prog->insts[b.last].next = n;
    push(c, s, n);
}

static void
reduceto(Parse *c, int op)
{
    while (c->nop > 0 && c->ops[c->nop - 1].op != Lparen && c->ops[c->nop - 1].op >= op) {
        c->nop--;
        reduce(c, c->ops[c->nop].op);
    }
}

static void
repeat(Parse *c, Rune r)
{
    Frag a = pop(c);
    int n = inst(c, Nop, 0, 0, 0);
    int s = inst(c, Split, 0, a.first, n);

    c->prog->insts[a.last].next = r == '?' ? n : s;
    push(c, r == '+' ? a.first : s, n);
}

static void
addrange(Parse *c, Rune lo, Rune hi)
{
    Reprog *p = c->prog;

    p->ranges = grow(c, p->ranges, p->nrange, &p->rangeroom, sizeof *p->ranges);
    p->ranges[p->nrange++] = (Range){lo, hi};
}

static int
byrange(void const *a, void const *b)
{
    Rune x = ((Range *)a)->lo, y = ((Range *)b)->lo;

    return x < y ? -1 : x > y;
}

/* The ranges from from on, in order, joined, and turned into the others if negated. */
static void
settle(Parse *c, int from, int negated)
{
    Reprog *p = c->prog;
    Range *r = p->ranges + from;
    int i, n = 0, count = p->nrange - from;
    Rune lo = 0;

    qsort(r, count, sizeof *r, byrange);
    for (i = 0; i < count; i++)
        if (n > 0 && r[i].lo <= r[n - 1].hi + 1) {
            if (r[i].hi > r[n - 1].hi)
                r[n - 1].hi = r[i].hi;
        } else
            r[n++] = r[i];
    p->nrange = from + n;
    if (!negated)
        return;
    for (i = 0; i < n; i++) {
        Range old = p->ranges[from + i];

        if (old.lo > lo)
            addrange(c, lo, old.lo - 1);
        lo = old.hi + 1;
    }
    if (lo <= Runemax)
        addrange(c, lo, Runemax);
    memmove(p->ranges + from, p->ranges + from + n, (p->nrange - from - n) * sizeof *r);
    p->nrange -= n;
}

static char const *
setrune(Parse *c, char const *s, Rune *r)
{
    s += chartorune(r, s);
    if (*r == '\\')
        s += chartorune(r, s);
    if (*r == 0)
        fail(c, "malformed '[]'");
    return s;
}

/* What follows a [; returns what follows the ]. */
static char const *
charclass(Parse *c, char const *s)
{
    int from = c->prog->nrange, negated = 0, i;
    Rune lo, hi;

    if (*s == '^') {
        negated = 1;
        s++;
        addrange(c, '\n', '\n');
    }
    if (*s == ']')
        fail(c, "malformed '[]'");
    while (*s != ']') {
        if (*s == '-')
            fail(c, "malformed '[]'");
        s = setrune(c, s, &lo);
        hi = lo;
        if (*s == '-' && s[1] != 0) {
            if (s[1] == ']')
                fail(c, "malformed '[]'");
            s = setrune(c, s + 1, &hi);
            if (hi < lo)
                fail(c, "malformed '[]'");
        }
        addrange(c, lo, hi);
    }
    settle(c, from, negated);
    single(c, Class, 0);
    i = c->frags[c->nfrag - 1].first;
    c->prog->insts[i].set = from;
    c->prog->insts[i].nset = c->prog->nrange - from;
    return s + 1;
}

/* An operand begins: it is joined to one that has just ended. */
static void
operand(Parse *c, int *after)
{
    if (*after) {
        reduceto(c, Cat);
        pushop(c, Cat, 0);
    }
    *after = 1;
}

/* An operator that needs an operand before it; a pair of parentheses may be empty. */
static void
ended(Parse *c, int *after)
{
    int n;

    if (*after)
        return;
    if (c->nop == 0 || c->ops[c->nop - 1].op != Lparen)
        fail(c, "missing operand");
    n = inst(c, Nop, 0, 0, 0);
    push(c, n, n);
    *after = 1;
}

static void
closeparen(Parse *c)
{
    int open, close, sub;
    Frag a;

    reduceto(c, Or);
    if (c->nop == 0)
        fail(c, "unmatched right paren");
    sub = c->ops[--c->nop].sub;
    a = pop(c);
    open = inst(c, Save, 2 * sub, a.first, 0);
    close = inst(c, Save, 2 * sub + 1, 0, 0);
    c->prog->insts[a.last].next = close;
    push(c, open, close);
}

static void
parse(Parse *c, char const *s)
{
    int after = 0; /* an operand has just ended */
    Rune r;

    while (*s != 0) {
        s += chartorune(&r, s);
        switch (r) {
        case '(':
            operand(c, &after);
            after = 0;
            pushop(c, Lparen, c->prog->nsub++);
            continue;
        case ')':
            ended(c, &after);
            closeparen(c);
            continue;
        case '|':
            if (!after)
                fail(c, "missing operand for |");
            reduceto(c, Or);
            pushop(c, Or, 0);
            after = 0;
            continue;
        case '*':
        case '+':
        case '?':
            if (!after) {
                char why[] = "missing operand for *";

                why[sizeof why - 2] = r;
                fail(c, why);
            }
            repeat(c, r);
            continue;
        }
        operand(c, &after);
        switch (r) {
        case '.':
            single(c, c->anynl ? Anynl : Any, 0);
            break;
        case '^':
            single(c, Bol, 0);
            break;
        case '$':
            single(c, Eol, 0);
            break;
        case '[':
            s = charclass(c, s);
            break;
        case '\\':
            if (*s != 0)
                s += chartorune(&r, s);
            /* fall through */
        default:
            single(c, Char, r);
        }
    }
    if (!after && c->nfrag == 0 && c->nop == 0) { /* the empty expression */
        int n = inst(c, Nop, 0, 0, 0);

        push(c, n, n);
    } else if (!after)
        fail(c, "missing operand");
    reduceto(c, Or);
    if (c->nop > 0)
        fail(c, "unmatched left paren");
}

static void
literal(Parse *c, char const *s)
{
    int after = 0;
    Rune r;

    while (*s != 0) {
        s += chartorune(&r, s);
        operand(c, &after);
        single(c, Char, r);
    }
    if (!after) {
        int n = inst(c, Nop, 0, 0, 0);

        push(c, n, n);
    }
    reduceto(c, Or);
}

static int
byrune(void const *a, void const *b)
{
    Rune x = *(Rune *)a, y = *(Rune *)b;

    return x < y ? -1 : x > y;
}

/* Where the characters between which no instruction tells a difference begin. */
static void
classes(Parse *c)
{
    Reprog *p = c->prog;
    Rune *b = malloc((4 + 2 * (p->ninst + p->nrange)) * sizeof *b);
    int i, n = 0, kept = 0;

    if (b == nil)
        fail(c, "out of memory");
    b[n++] = 0;
    b[n++] = '\n';
    b[n++] = '\n' + 1;
    for (i = 0; i < p->ninst; i++)
        if (p->insts[i].type == Char) {
            b[n++] = p->insts[i].r;
            b[n++] = p->insts[i].r + 1;
        }
    for (i = 0; i < p->nrange; i++) {
        b[n++] = p->ranges[i].lo;
        b[n++] = p->ranges[i].hi + 1;
    }
    qsort(b, n, sizeof *b, byrune);
    for (i = 0; i < n; i++)
        if (kept == 0 || b[kept - 1] != b[i])
            b[kept++] = b[i];
    p->bounds = b;
    p->nbound = kept;
}

/* Jumps over Nops, so that runs need not. */
static void
straighten(Reprog *p)
{
    int i, n;

    for (i = 0; i < p->ninst; i++) {
        for (n = p->insts[i].next; p->insts[n].type == Nop; n = p->insts[n].next)
            ;
        p->insts[i].next = n;
        if (p->insts[i].type == Split) {
            for (n = p->insts[i].other; p->insts[n].type == Nop; n = p->insts[n].next)
                ;
            p->insts[i].other = n;
        }
    }
}

static Reprog *
compile(char const *s, void (*read)(Parse *, char const *), int anynl)
{
    Parse c;
    Frag all;
    int end;

    memset(&c, 0, sizeof c);
    c.anynl = anynl;
    c.prog = mallocz(sizeof *c.prog, 1);
    if (c.prog == nil) {
        regerror("out of memory");
        return nil;
    }
    if (setjmp(c.failed) == 0) {
        c.prog->nsub = 1;
        read(&c, s);
        all = pop(&c);
        c.prog->start = inst(&c, Save, 0, all.first, 0);
        end = inst(&c, Match, 0, 0, 0);
        c.prog->insts[end].next = end;
        c.prog->insts[all.last].next = inst(&c, Save, 1, end, 0);
        straighten(c.prog);
        classes(&c);
    } else {
        regfree(c.prog);
        c.prog = nil;
    }
    free(c.frags);
    free(c.ops);
    return c.prog;
}

Reprog *
regcomp(char const *s)
{
    return compile(s, parse, 0);
}

Reprog *
regcompnl(char const *s)
{
    return compile(s, parse, 1);
}

Reprog *
regcomplit(char const *s)
{
    return compile(s, literal, 0);
}

void
regfree(Reprog *p)
{
    if (p == nil)
        return;
    _regmachinefree(p->machine);
    _regdfafree(p->dfa);
    free(p->bounds);
    free(p->ranges);
    free(p->insts);
    free(p);
}
