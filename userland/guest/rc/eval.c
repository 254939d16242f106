/* What arguments stand for. */
#include "rc.h"

static Word **evalnode(Node *, Word **);

static Word **
append(Word **tail, char const *s, int glob)
{
    *tail = word(s, glob);
    return &(*tail)->next;
}

static char *
varname(Node *n)
{
    Word *w = nil;

    if (n->type == Nword)
        return n->text;
    *evalnode(n, &w) = nil;
    if (w == nil || w->next != nil)
        fail("variable name not singleton!");
    return w->glob ? unmarked(w->text) : w->text;
}

/* One subscript: n, n-m or n-; elements of list, whose length is known. */
static Word **
subscript(char *s, Word **list, long len, Word **tail)
{
    char *rest;
    vlong n = strtoll(s, &rest, 10), m = n;

    if (rest == s || *s == '+' || *s == '-')
        return tail;
    if (*rest == '-')
        m = rest[1] != 0 ? strtoll(rest + 1, &rest, 10) : len;
    if (n < 1) {
        if (m == n)
            return tail;
        n = 1;
    }
    if (m > len)
        m = len;
    for (; n <= m; n++)
        tail = append(tail, list[n - 1]->text, 0);
    return tail;
}

static Word **
subscripts(Node *n, Word *v, Word **tail)
{
    Word *subs = nil, **list, *w;
    long len = count(v), i;

    *evalnode(n->b, &subs) = nil;
    list = take(&temp, (len + 1) * sizeof *list);
    for (w = v, i = 0; w != nil; w = w->next)
        list[i++] = w;
    for (; subs != nil; subs = subs->next)
        tail = subscript(subs->text, list, len, tail);
    return tail;
}

static Word **
dollar(Node *n, Word **tail)
{
    Word *v = value(varname(n->a));
    char buf[24];

    switch (n->type) {
    case Ncount:
        snprint(buf, sizeof buf, "%ld", count(v));
        return append(tail, buf, 0);
    case Njoin:
        return append(tail, joined(v, ' '), 0);
    }
    if (n->b != nil)
        return subscripts(n, v, tail);
    for (; v != nil; v = v->next)
        tail = append(tail, v->text, 0);
    return tail;
}

static Word **
concatenation(Node *n, Word **tail)
{
    Word *all = nil, *more;
    Node *k = n->a;

    *evalnode(k, &all) = nil;
    for (k = k->next; k != nil; k = k->next) {
        more = nil;
        *evalnode(k, &more) = nil;
        all = pairwise(all, more);
    }
    *tail = all;
    while (*tail != nil)
        tail = &(*tail)->next;
    return tail;
}

static Word **
split(char *s, ulong n, char *seps, Word **tail)
{
    char *end = s + n, *from, *p;
    Rune r;
    int w;

    from = nil;
    for (p = s; p < end; p += w) {
        w = 1;
        if (*p != 0) {
            w = chartorune(&r, p);
            if (utfrune(seps, r) == nil) {
                if (from == nil)
                    from = p;
                continue;
            }
        }
        if (from != nil) {
            *tail = wordbytes(from, p - from, 0);
            tail = &(*tail)->next;
            from = nil;
        }
    }
    if (from != nil) {
        *tail = wordbytes(from, end - from, 0);
        tail = &(*tail)->next;
    }
    return tail;
}

static Word **
backquote(Node *n, Word **tail)
{
    Word *seps = value("ifs");
    ulong size, mark = undomark();
    int p[2], pid;
    char *all, *msg, *ifs;

    if (n->a != nil) {
        seps = nil;
        *evalnode(n->a, &seps) = nil;
    }
    ifs = joined(plain(seps), 0);
    if (pipe(p) < 0)
        fail("cannot make a pipe: %r");
    pid = forkchild(0, 1);
    if (pid == 0) {
        close(p[0]);
        redirect(1, p[1], 1);
        run(n->b, 1);
        leave(status());
    }
    close(p[1]);
    holdfd(p[0]);
    all = readall(p[0], &size);
    undo(free, all);
    tail = split(all, size, ifs, tail);
    undoto(mark);
    waitfor(pid, &msg);
    setstatus(msg);
    free(msg);
    return tail;
}

/* <{...}: a file name for the end of a pipe that we keep while the command runs. */
static Word **
pipefile(Node *n, Word **tail)
{
    int p[2], pid;
    char buf[32];

    if (pipe(p) < 0)
        fail("cannot make a pipe: %r");
    pid = forkchild(0, 0);
    if (pid == 0) {
        close(p[0]);
        forgetheld();
        if (n->op != Rwrite)
            redirect(1, p[1], n->op == Rread);
        if (n->op != Rread)
            redirect(0, p[1], 1);
        run(n->b, 1);
        leave(status());
    }
    close(p[1]);
    holdfd(p[0]);
    snprint(buf, sizeof buf, "/fd/%d", p[0]);
    return append(tail, buf, 0);
}

static Word **
evalnode(Node *n, Word **tail)
{
    Node *k;

    deep();
    switch (n->type) {
    case Nword:
        return append(tail, n->text, n->glob);
    case Nlist:
        for (k = n->a; k != nil; k = k->next)
            tail = evalnode(k, tail);
        return tail;
    case Ndollar:
    case Ncount:
    case Njoin:
        return dollar(n, tail);
    case Nconcat:
        return concatenation(n, tail);
    case Nbackq:
        return backquote(n, tail);
    case Nfd:
        return pipefile(n, tail);
    }
    return tail;
}

/* Arguments of one node, file names in place of patterns. */
Word *
eval(Node *n)
{
    Word *head = nil;

    *evalnode(n, &head) = nil;
    return expand(head);
}

/* Those of a chain of nodes, as they are. */
Word *
evalpatterns(Node *n)
{
    Word *head = nil, **tail = &head;

    for (; n != nil; n = n->next)
        tail = evalnode(n, tail);
    *tail = nil;
    return head;
}

Word *
evalall(Node *n)
{
    return expand(evalpatterns(n));
}

/* One word, or a complaint: what requires it. */
char *
evalone(Node *n, char const *what)
{
    Word *w = eval(n);

    if (w == nil)
        fail("%s requires a file name", what);
    if (w->next != nil)
        fail("%s requires a single file name", what);
    return w->text;
}
