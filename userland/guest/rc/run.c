/* Running commands. */
#include "rc.h"

enum {
    Last = 1,   /* this process ends with the command */
    Tested = 2, /* somebody asks for its status: -e does not */
};

int ifnot; /* the last if had a false condition */

static void
exitiffalse(int how)
{
    if (flags['e'] && !(how & Tested) && !truestatus())
        leave(status());
}

/* -x: the words as they are run. */
static void
trace(Node *n, Word *args)
{
    Str s = {nil, 0, 0};

    if (!flags['x'] || n->quiet)
        return;
    for (; args != nil; args = args->next) {
        putquoted(&s, args->text);
        putch(&s, args->next != nil ? ' ' : '\n');
    }
    writeall(mapfd(2), s.p, s.n);
    free(s.p);
}

void
callfn(Fn *f, Word *args)
{
    ulong mark = undomark();
    Tree *t = f->tree;

    deep();
    t->refs++;
    undo(freetree, t);
    local("*", args);
    run(t->root, 0);
    undoto(mark);
}

/* Wait for a child; how it ended is the status. */
static void
await_(int pid)
{
    char *msg;

    waitfor(pid, &msg);
    setstatus(msg);
    free(msg);
}

static void
external(Word *args, int how)
{
    int pid;

    if ((how & Last) && insubshell) {
        updenv();
        applyredirs();
        execwords(args);
        leave(status());
    }
    pid = forkchild(0, 1);
    if (pid == 0) {
        execwords(args);
        leave(status());
    }
    await_(pid);
}

static void
simple(Node *n, int how)
{
    ulong mark = undomark();
    Word *args;
    Fn *f = nil;
    int (*b)(Word *) = nil;
    int nofn = 0;

    tempundo();
    at(n);
    openredirs(n->b);
    at(n);
    args = evalall(n->a);
    if (args == nil)
        fail("empty argument list");
    trace(n, args);
    while (strcmp(args->text, "builtin") == 0 && args->next != nil) {
        args = args->next;
        nofn = 1;
    }
    if (!nofn)
        f = fn(args->text);
    if (f == nil)
        b = builtin(args->text);
    if (f != nil)
        callfn(f, args->next);
    else if (b != nil)
        b(args);
    else
        external(args, how);
    undoto(mark);
    exitiffalse(how);
}

/* What is to be a name, which is no pattern even if it is *. */
static Word *
names(Node *n)
{
    Node one = *n;

    one.next = nil;
    return plain(evalpatterns(&one));
}

/* Assignments and redirections before a command, or alone. */
static void
prefix(Node *n, int how)
{
    ulong mark = undomark();
    Node *k;
    char *name;
    Word *w;

    tempundo();
    at(n);
    for (k = n->a; k != nil; k = k->next) {
        if (k->type == Nredir) {
            Node one = *k;

            one.next = nil;
            openredirs(&one);
            continue;
        }
        w = names(k->a);
        if (w == nil || w->next != nil)
            fail("variable name not singleton!");
        name = w->text;
        w = eval(k->b);
        if (n->b != nil)
            local(name, w);
        else
            setvar(name, w);
    }
    if (n->b != nil)
        run(n->b, how & Tested);
    undoto(mark);
}

static void
pipeline(Node *n, int how)
{
    ulong mark = undomark(), inner;
    Node *k;
    long stages = 0, i = 0;
    int p[2], input = -1, reader = 0, *pids;
    Str all = {nil, 0, 0};
    char *msg;

    tempundo();
    at(n);
    for (k = n->a; k != nil; k = k->next)
        stages++;
    pids = take(&temp, stages * sizeof *pids);
    for (k = n->a; k->next != nil; k = k->next) {
        if (pipe(p) < 0)
            fail("cannot make a pipe: %r");
        pids[i] = forkchild(0, 1);
        if (pids[i++] == 0) {
            close(p[0]);
            if (input >= 0)
                redirect(reader, input, 1);
            redirect(k->fd0, p[1], 1);
            run(k, Last | (how & Tested));
            leave(status());
        }
        close(p[1]);
        if (input >= 0)
            close(input);
        input = p[0];
        reader = k->fd1;
    }
    inner = undomark();
    redirect(reader, input, 1);
    run(k, how & Tested);
    undoto(inner);
    for (i = 0; i + 1 < stages; i++) {
        waitfor(pids[i], &msg);
        putstr(&all, msg);
        putch(&all, '|');
        free(msg);
    }
    putstr(&all, status());
    setstatus(all.p);
    free(all.p);
    undoto(mark);
}

static void
forloop(Node *n)
{
    ulong mark = undomark(), inner;
    Word *items, *name;

    tempundo();
    at(n);
    name = names(n->a);
    if (name == nil || name->next != nil)
        fail("variable name not singleton!");
    items = n->glob ? evalall(n->b) : copywords(value("*"));
    if (!n->glob)
        undo((void (*)(void *))freewords, items);
    local(name->text, nil);
    for (; items != nil; items = items->next) {
        inner = undomark();
        tempundo();
        setvar(name->text, word(items->text, 0));
        undoto(inner);
        run(n->c, 0);
    }
    undoto(mark);
}

static int
iscase(Node *n)
{
    return n->type == Nsimple && n->a->type == Nword && !n->a->glob
           && strcmp(n->a->text, "case") == 0;
}

static int
matches(char *subject, Node *patterns)
{
    Word *w;

    for (w = evalpatterns(patterns); w != nil; w = w->next)
        if (w->glob ? match(subject, w->text) : strcmp(subject, w->text) == 0)
            return 1;
    return 0;
}

static void
switchcommand(Node *n, int how)
{
    ulong mark = undomark();
    Node *k;
    char *subject;

    tempundo();
    at(n);
    k = n->b->a;
    if (k != nil && !iscase(k)) {
        at(k);
        fail("case missing in switch");
    }
    subject = joined(eval(n->a), ' ');
    openredirs(n->c);
    for (; k != nil; k = k->next)
        if (iscase(k) && matches(subject, k->a->next))
            break;
    if (k != nil)
        for (k = k->next; k != nil && !iscase(k); k = k->next)
            run(k, how & Tested);
    undoto(mark);
}

static void
twiddle(Node *n, int how)
{
    ulong mark = undomark();

    tempundo();
    at(n);
    openredirs(n->c);
    setstatus(matches(joined(plain(evalpatterns(n->a)), ' '), n->b) ? "" : "no match");
    undoto(mark);
    exitiffalse(how);
}

static void
define(Node *n)
{
    ulong mark = undomark();
    Word *w;

    tempundo();
    at(n);
    for (w = plain(evalpatterns(n->a)); w != nil; w = w->next)
        setfn(w->text, n->b);
    undoto(mark);
}

static void
background(Node *n)
{
    int own = mapfd(0) != 0, pid = forkchild(RFNOTEG, 1), fd;
    char buf[16];

    if (pid == 0) {
        fd = own ? -1 : open("/dev/null", OREAD);
        if (fd > 0) {
            dup(fd, 0);
            close(fd);
        }
        n->async = 0;
        run(n, Last);
        leave(status());
    }
    snprint(buf, sizeof buf, "%d", pid);
    setstr("apid", buf);
}

static void
subshell(Node *n, int how)
{
    int pid;

    if ((how & Last) && insubshell) {
        run(n->a, how);
        return;
    }
    pid = forkchild(0, 1);
    if (pid == 0) {
        run(n->a, Last | (how & Tested));
        leave(status());
    }
    await_(pid);
}

static void
andor(Node *n, int how)
{
    Node *k;

    for (k = n->a; k != nil; k = k->next)
        if (k == n->a || truestatus() == (k->op == Tandand))
            run(k, k->next != nil ? Tested : how & Tested);
}

static void
loop(Node *n, int how)
{
    for (;;) {
        if (n->a->a == nil)
            setstatus("");
        run(n->a, Tested);
        if (!truestatus())
            break;
        run(n->b, how & Tested);
    }
}

static void
condition(Node *n, int how)
{
    if (n->a->a == nil)
        setstatus("");
    run(n->a, Tested);
    if (!truestatus()) {
        ifnot = 1;
        return;
    }
    run(n->b, how);
    ifnot = 0;
}

/* Run a command; how says what may be taken for granted. */
void
run(Node *n, int how)
{
    ulong mark;
    Node *k;

    deep();
    if (pending)
        traps();
    if (n->async) {
        background(n);
        return;
    }
    switch (n->type) {
    case Nseq:
        for (k = n->a; k != nil; k = k->next)
            run(k, k->next == nil ? how : how & Tested);
        break;
    case Nsimple:
        simple(n, how);
        break;
    case Nprefix:
        prefix(n, how);
        break;
    case Nbrace:
        mark = undomark();
        tempundo();
        at(n);
        openredirs(n->b);
        run(n->a, how);
        undoto(mark);
        break;
    case Nif:
        condition(n, how);
        break;
    case Nifnot:
        if (ifnot)
            run(n->b, how);
        break;
    case Nfor:
        forloop(n);
        break;
    case Nwhile:
        loop(n, how);
        break;
    case Nswitch:
        switchcommand(n, how);
        break;
    case Nmatch:
        twiddle(n, how);
        break;
    case Nandor:
        andor(n, how);
        break;
    case Npipe:
        pipeline(n, how);
        break;
    case Nnot:
        run(n->a, Tested);
        setstatus(truestatus() ? "false" : "");
        break;
    case Nsub:
        subshell(n, how);
        break;
    case Nfn:
        define(n);
        break;
    }
}
