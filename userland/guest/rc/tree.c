/* Trees of commands: made, copied, given back, and printed as rc would read them. */
#include "rc.h"

Tree *
newtree(void)
{
    Tree *t = emalloc(sizeof *t);

    memset(t, 0, sizeof *t);
    t->refs = 1;
    return t;
}

void
freetree(void *arg)
{
    Tree *t = arg;

    if (--t->refs > 0)
        return;
    takeback(&t->arena, nil, 0);
    free(t);
}

Node *
newnode(Tree *tree, int type, Lexer *l)
{
    Node *n = take(&tree->arena, sizeof *n);

    memset(n, 0, sizeof *n);
    n->type = type;
    n->line = l->tok.line;
    n->file = l->src->file;
    n->quiet = l->src->quiet;
    return n;
}

static char *
clonetext(Tree *t, char *s)
{
    ulong n;

    if (s == nil)
        return nil;
    n = strlen(s) + 1;
    return memcpy(take(&t->arena, n), s, n);
}

static Node *
clone(Tree *t, Node *from)
{
    Node *head = nil, **tail = &head, *n;

    deep();
    for (; from != nil; from = from->next) {
        n = take(&t->arena, sizeof *n);
        *n = *from;
        n->text = clonetext(t, from->text);
        n->body = clonetext(t, from->body);
        n->a = clone(t, from->a);
        n->b = clone(t, from->b);
        n->c = from->type == Nredir ? nil : clone(t, from->c);
        n->next = nil;
        *tail = n;
        tail = &n->next;
    }
    return head;
}

/* A tree of its own with just this node. */
Tree *
clonetree(Node *n)
{
    Tree *t = newtree();
    Node one = *n;

    undo(freetree, t);
    one.next = nil;
    t->root = clone(t, &one);
    return t;
}

typedef struct Show Show;
struct Show {
    Str *out;
    Node **here; /* documents to print at the next end of line */
    long nhere;
    long room;
};

static void shownode(Show *, Node *);

/* Print the documents that wait; was there one?  It ends in a newline. */
static int
flushdocs(Show *s)
{
    long i, n = s->nhere;

    if (n == 0)
        return 0;
    putch(s->out, '\n');
    for (i = 0; i < n; i++) {
        putstr(s->out, s->here[i]->body);
        putstr(s->out, s->here[i]->text);
        putch(s->out, '\n');
    }
    s->nhere = 0;
    return 1;
}

static void
commands(Show *s, Node *n)
{
    for (; n != nil; n = n->next) {
        shownode(s, n);
        if (n->async)
            putstr(s->out, " &");
        if (!flushdocs(s) && n->next != nil)
            putstr(s->out, n->async ? " " : "; ");
    }
}

static void
body(Show *s, Node *seq)
{
    putch(s->out, '{');
    commands(s, seq->a);
    putch(s->out, '}');
}

static void
number(Show *s, int n)
{
    char buf[16];

    snprint(buf, sizeof buf, "%d", n);
    putstr(s->out, buf);
}

static void
list(Show *s, Node *n)
{
    for (; n != nil; n = n->next) {
        putch(s->out, ' ');
        shownode(s, n);
    }
}

static void
args(Show *s, Node *n)
{
    if (n == nil)
        return;
    shownode(s, n);
    list(s, n->next);
}

static void
showredir(Show *s, Node *n)
{
    static char const *const op[] = {"<", ">", ">>", "<>", "<<", ">", ">"};
    int usual = n->op == Rread || n->op == Rboth || n->op == Rhere ? 0 : 1;

    putstr(s->out, op[n->op]);
    if (n->op == Rdup || n->op == Rclose || n->fd0 != usual) {
        putch(s->out, '[');
        number(s, n->fd0);
        if (n->op == Rdup || n->op == Rclose)
            putch(s->out, '=');
        if (n->op == Rdup)
            number(s, n->fd1);
        putch(s->out, ']');
    }
    if (n->op == Rdup || n->op == Rclose)
        return;
    if (n->op != Rhere) {
        shownode(s, n->a);
        return;
    }
    if (n->quoted) {
        char *t;

        putch(s->out, '\'');
        for (t = n->text; *t != 0; t++) {
            if (*t == '\'')
                putch(s->out, '\'');
            putch(s->out, *t);
        }
        putch(s->out, '\'');
    } else
        putstr(s->out, n->text);
    if (s->nhere == s->room) {
        s->room = 2 * s->room + 8;
        s->here = erealloc(s->here, s->room * sizeof *s->here);
    }
    s->here[s->nhere++] = n;
}

static void
showpipe(Show *s, Node *n)
{
    for (n = n->a; n != nil; n = n->next) {
        shownode(s, n);
        if (n->next == nil)
            return;
        putstr(s->out, " |");
        if (n->fd0 != 1 || n->fd1 != 0) {
            putch(s->out, '[');
            number(s, n->fd0);
            if (n->fd1 != 0) {
                putch(s->out, '=');
                number(s, n->fd1);
            }
            putch(s->out, ']');
        }
        putch(s->out, ' ');
    }
}

/* Is it a variable's name that needs no quotes? */
static int
isname(char *s)
{
    char *p;

    for (p = s; idchr((uchar)*p); p++)
        ;
    return *p == 0 && p != s;
}

static void
showparts(Show *s, Node *n)
{
    for (; n != nil; n = n->next) {
        shownode(s, n);
        if (n->next != nil)
            putch(s->out, '^');
    }
}

static void
shownode(Show *s, Node *n)
{
    static char const *const dollar[] = {[Ndollar] = "$", [Ncount] = "$#", [Njoin] = "$\""};
    Node *k;

    deep();
    switch (n->type) {
    case Nword:
        if (n->glob)
            putpattern(s->out, n->text);
        else
            putquoted(s->out, n->text);
        break;
    case Nlist:
        putch(s->out, '(');
        args(s, n->a);
        putch(s->out, ')');
        break;
    case Ndollar:
    case Ncount:
    case Njoin:
        putstr(s->out, dollar[n->type]);
        if (n->a->type == Nword && isname(n->a->text))
            putstr(s->out, n->a->text);
        else
            shownode(s, n->a);
        if (n->b != nil)
            shownode(s, n->b);
        break;
    case Nconcat:
        showparts(s, n->a);
        break;
    case Nbackq:
        putch(s->out, '`');
        if (n->a != nil)
            shownode(s, n->a);
        body(s, n->b);
        break;
    case Nfd:
        putstr(s->out, n->op == Rread ? "<" : n->op == Rwrite ? ">" : "<>");
        body(s, n->b);
        break;
    case Nassign:
        shownode(s, n->a);
        putch(s->out, '=');
        shownode(s, n->b);
        break;
    case Nredir:
        showredir(s, n);
        break;
    case Nseq:
        commands(s, n->a);
        break;
    case Nsimple:
        args(s, n->a);
        list(s, n->b);
        break;
    case Nprefix:
        args(s, n->a);
        if (n->b != nil)
            list(s, n->b);
        break;
    case Nbrace:
        body(s, n->a);
        list(s, n->b);
        break;
    case Nif:
        putstr(s->out, "if(");
        commands(s, n->a->a);
        putstr(s->out, ") ");
        shownode(s, n->b);
        break;
    case Nifnot:
        putstr(s->out, "if not ");
        shownode(s, n->b);
        break;
    case Nfor:
        putstr(s->out, "for(");
        shownode(s, n->a);
        if (n->glob) {
            putstr(s->out, " in");
            list(s, n->b);
        }
        putstr(s->out, ") ");
        shownode(s, n->c);
        break;
    case Nwhile:
        putstr(s->out, "while(");
        commands(s, n->a->a);
        putstr(s->out, ") ");
        shownode(s, n->b);
        break;
    case Nswitch:
        putstr(s->out, "switch(");
        args(s, n->a->type == Nlist ? n->a->a : n->a);
        putch(s->out, ')');
        body(s, n->b);
        list(s, n->c);
        break;
    case Nmatch:
        putstr(s->out, "~ ");
        shownode(s, n->a);
        list(s, n->b);
        list(s, n->c);
        break;
    case Nandor:
        for (k = n->a; k != nil; k = k->next) {
            if (k != n->a)
                putstr(s->out, k->op == Tandand ? " && " : " || ");
            shownode(s, k);
        }
        break;
    case Npipe:
        showpipe(s, n);
        break;
    case Nnot:
        putstr(s->out, "! ");
        shownode(s, n->a);
        break;
    case Nsub:
        putstr(s->out, "@ ");
        shownode(s, n->a);
        break;
    case Nfn:
        putstr(s->out, "fn");
        list(s, n->a);
        if (n->b != nil) {
            putch(s->out, ' ');
            shownode(s, n->b);
        }
        break;
    }
}

/* What rc reads as this tree. */
void
show(Str *out, Node *n)
{
    Show s = {out, nil, 0, 0};

    shownode(&s, n);
    flushdocs(&s);
    free(s.here);
}

/* The definition of a function, in memory of its own. */
char *
treestr(Tree *t, char const *name)
{
    Str s = {nil, 0, 0};

    putstr(&s, "fn ");
    putquoted(&s, name);
    putch(&s, ' ');
    show(&s, t->root);
    putch(&s, '\n');
    return s.p;
}
