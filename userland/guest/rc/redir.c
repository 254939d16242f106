/*
 * Redirections.  In the shell itself they are only noted: which descriptor of ours stands for
 * which of the command's.  A child makes them true before it runs something else.
 */
#include "rc.h"

enum { Small = 4096, Dead = -2 };

typedef struct Redir Redir;
struct Redir {
    Redir *older;
    int to;
    int from; /* -1: closed */
    int own;  /* close from when this ends */
};
typedef struct Held Held;
struct Held {
    Held *older;
    int fd;
};

static Redir *redirs;
static Held *held;

/* Which descriptor of ours is the command's n?  -1 if it has none. */
int
mapfd(int n)
{
    Redir *r;

    for (r = redirs; r != nil; r = r->older)
        if (r->to == n)
            return r->from;
    return n;
}

static void
popredir(void *arg)
{
    Redir *r = arg;

    redirs = r->older;
    if (r->own)
        close(r->from);
    free(r);
}

void
redirect(int to, int from, int own)
{
    Redir *r = emalloc(sizeof *r);

    r->older = redirs;
    r->to = to;
    r->from = from;
    r->own = own;
    redirs = r;
    undo(popredir, r);
}

static void
pophold(void *arg)
{
    Held *h = arg;

    held = h->older;
    close(h->fd);
    free(h);
}

/* Keep fd open until undoto. */
void
holdfd(int fd)
{
    Held *h = emalloc(sizeof *h);

    h->older = held;
    h->fd = fd;
    held = h;
    undo(pophold, h);
}

/* In a child that is not concerned with what its parent holds. */
void
forgetheld(void)
{
    Held *h;

    for (h = held; h != nil; h = h->older)
        close(h->fd);
    held = nil;
}

static int
istarget(Redir **all, long n, int fd)
{
    long i;

    for (i = 0; i < n; i++)
        if (all[i]->to == fd)
            return 1;
    return 0;
}

/* A copy of fd at a number that nobody is going to take. */
static int
aside(Redir **all, long n, int fd)
{
    int copy = dup(fd, -1), other;

    if (copy < 0 || !istarget(all, n, copy))
        return copy;
    other = aside(all, n, fd);
    close(copy);
    return other;
}

static void
cannotdup(int fd)
{
    complain("file descriptor %d: %r", fd);
    leave("cannot dup");
}

/* Make the redirections true, for good. */
void
applyredirs(void)
{
    Redir *r, **all;
    long n = 0, i;
    int *from;

    for (r = redirs; r != nil; r = r->older)
        n++;
    if (n == 0)
        return;
    all = take(&temp, n * sizeof *all);
    from = take(&temp, n * sizeof *from);
    n = 0;
    for (r = redirs; r != nil; r = r->older)
        if (r->to >= 0 && !istarget(all, n, r->to))
            all[n++] = r;
    for (i = 0; i < n; i++) {
        from[i] = all[i]->from;
        if (from[i] >= 0 && from[i] != all[i]->to && istarget(all, n, from[i])) {
            from[i] = aside(all, n, from[i]);
            if (from[i] < 0)
                cannotdup(all[i]->from);
        }
    }
    for (i = 0; i < n; i++)
        if (from[i] < 0)
            close(all[i]->to);
        else if (from[i] != all[i]->to && dup(from[i], all[i]->to) < 0)
            cannotdup(from[i]);
    for (i = 0; i < n; i++)
        if (from[i] != all[i]->from)
            close(from[i]);
    for (r = redirs; r != nil; r = r->older)
        if (r->own && !istarget(all, n, r->from))
            close(r->from);
    for (r = redirs; r != nil; r = r->older) {
        r->to = Dead;
        r->own = 0;
    }
}

static void
substitute(Str *out, char *s)
{
    char *e, *name;

    for (; *s != 0; s = e) {
        if (*s != '$') {
            e = strchr(s, '$');
            if (e == nil)
                e = s + strlen(s);
            putbytes(out, s, e - s);
            continue;
        }
        for (e = s + 1; idchr((uchar)*e); e++)
            ;
        name = wordbytes(s + 1, e - s - 1, 0)->text;
        if (*name != 0)
            putstr(out, joined(value(name), ' '));
        else {
            putch(out, '$');
            if (*e == '$')
                e++;
        }
        if (*name != 0 && *e == '^')
            e++;
    }
}

/* A descriptor from which the document can be read. */
static int
document(Node *n)
{
    Str s = {nil, 0, 0};
    ulong mark = undomark();
    int p[2];

    undo(freestr, &s);
    putbytes(&s, "", 0);
    if (n->quoted)
        putstr(&s, n->body);
    else
        substitute(&s, n->body);
    if (pipe(p) < 0)
        fail("cannot make a pipe: %r");
    if (s.n <= Small)
        write(p[1], s.p, s.n);
    else
        switch (rfork(RFPROC | RFFDG | RFNOWAIT)) {
        case -1:
            close(p[0]);
            close(p[1]);
            fail("cannot fork: %r");
        case 0:
            close(p[0]);
            writeall(p[1], s.p, s.n);
            _exits(nil);
        }
    close(p[1]);
    undoto(mark);
    return p[0];
}

/* open, but /fd/n means the command's n. */
static int
openfile(char *name, int mode)
{
    char *rest;
    long n;

    if (strncmp(name, "/fd/", 4) == 0 && name[4] >= '0' && name[4] <= '9') {
        n = strtol(name + 4, &rest, 10);
        if (*rest == 0 && mapfd(n) >= 0)
            return dup(mapfd(n), -1);
    }
    return open(name, mode);
}

static int
createfile(char *name)
{
    if (strncmp(name, "/fd/", 4) == 0)
        return openfile(name, OWRITE);
    return create(name, OWRITE, 0666);
}

static void
openredir(Node *n)
{
    static char const *const op[] = {"<", ">", ">>", "<>"};
    char *name, err[ERRMAX];
    int fd;

    switch (n->op) {
    case Rdup:
        redirect(n->fd0, mapfd(n->fd1), 0);
        return;
    case Rclose:
        redirect(n->fd0, -1, 0);
        return;
    case Rhere:
        redirect(n->fd0, document(n), 1);
        return;
    }
    name = evalone(n->a, op[n->op]);
    switch (n->op) {
    case Rread:
        fd = openfile(name, OREAD);
        break;
    case Rwrite:
        fd = createfile(name);
        break;
    case Rappend:
        fd = openfile(name, OWRITE);
        if (fd < 0)
            fd = createfile(name);
        if (fd >= 0)
            seek(fd, 0, 2);
        break;
    default:
        fd = openfile(name, ORDWR);
        if (fd < 0)
            fd = create(name, ORDWR, 0666);
        break;
    }
    if (fd < 0) {
        rerrstr(err, sizeof err);
        fail("%s: can't %s: %s", name, n->op == Rread ? "open" : "create", err);
    }
    redirect(n->fd0, fd, 1);
}

/* Open a chain of redirections, from left to right; undoto ends them. */
void
openredirs(Node *n)
{
    for (; n != nil; n = n->next)
        if (n->type == Nredir)
            openredir(n);
}

/* The file descriptor for reading commands from a file. */
int
opensource(char *name)
{
    return openfile(name, OREAD | OCEXEC);
}
