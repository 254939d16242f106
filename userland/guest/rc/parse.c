/*
 * The grammar of rc(1).  | binds tightest, then ! and @ and what stands before a command, then
 * && and ||; the bodies of if, for and while reach as far as they can.
 */
#include "rc.h"

void heredocs(Lexer *, Tree *);

typedef struct Parser Parser;
struct Parser {
    Lexer l;
    Tree *tree;
};

static Node *sequence(Parser *, int);
static Node *command(Parser *);
static Node *arg(Parser *);
static Node *pipeline(Parser *);

static Node *
node(Parser *p, int type)
{
    return newnode(p->tree, type, &p->l);
}

static char *
keep(Parser *p, char const *s)
{
    ulong n = strlen(s) + 1;

    return memcpy(take(&p->tree->arena, n), s, n);
}

static void
unexpected(Parser *p)
{
    badsyntax(&p->l, "token %q: syntax error", tokenname(&p->l.tok));
}

/* To the next token; documents begin behind a newline. */
static void
advance(Parser *p)
{
    if (p->l.tok.kind == Tnewline && p->l.here != nil)
        heredocs(&p->l, p->tree);
    next(&p->l);
}

static int
is(Parser *p, int kind)
{
    return p->l.tok.kind == kind;
}

static void
expect(Parser *p, int kind)
{
    if (!is(p, kind))
        unexpected(p);
    advance(p);
}

static void
newlines(Parser *p)
{
    while (is(p, Tnewline))
        advance(p);
}

static Node *
braces(Parser *p)
{
    Node *n;

    expect(p, Tlbrace);
    n = sequence(p, Trbrace);
    expect(p, Trbrace);
    return n;
}

static Node *
literal(Parser *p)
{
    Node *n = node(p, Nword);
    Token *t = &p->l.tok;

    n->text = keep(p, t->text);
    n->glob = t->glob;
    n->quoted = t->quoted;
    return n;
}

/* $x and its like.  The name is one word, and shorter than other words. */
static Node *
dollar(Parser *p, int type)
{
    Node *n = node(p, type), **tail;

    p->l.name = 1;
    next(&p->l);
    p->l.name = 0;
    if (p->l.tok.space)
        unexpected(p);
    switch (p->l.tok.kind) {
    case Tword:
        n->a = literal(p);
        advance(p);
        break;
    case Tdollar:
    case Tcount:
    case Tjoin:
        n->a = dollar(p, is(p, Tdollar) ? Ndollar : is(p, Tcount) ? Ncount : Njoin);
        break;
    case Topen:
    case Tbackq:
        n->a = arg(p);
        break;
    default:
        unexpected(p);
    }
    if (type != Ndollar || !is(p, Topen) || p->l.tok.space || n->a->type == Nlist)
        return n;
    advance(p);
    n->b = node(p, Nlist);
    tail = &n->b->a;
    for (newlines(p); !is(p, Tclose); newlines(p)) {
        *tail = arg(p);
        tail = &(*tail)->next;
    }
    advance(p);
    return n;
}

static int
beginsword(Token *t)
{
    switch (t->kind) {
    case Tword:
    case Tdollar:
    case Tcount:
    case Tjoin:
    case Tbackq:
    case Topen:
    case Tequal:
        return 1;
    case Tredir:
        return 0;
    }
    return 0;
}

/* One part of an argument; *open is set when a free caret may follow. */
static Node *
part(Parser *p, int *open)
{
    Node *n, **tail;
    Token *t = &p->l.tok;

    deep();
    *open = 0;
    switch (t->kind) {
    case Tword:
        n = literal(p);
        advance(p);
        *open = 1;
        return n;
    case Tequal:
        n = node(p, Nword);
        n->text = "=";
        advance(p);
        *open = 1;
        return n;
    case Tdollar:
    case Tcount:
    case Tjoin:
        n = dollar(p, is(p, Tdollar) ? Ndollar : is(p, Tcount) ? Ncount : Njoin);
        *open = 1;
        return n;
    case Topen:
        n = node(p, Nlist);
        advance(p);
        tail = &n->a;
        for (newlines(p); !is(p, Tclose); newlines(p)) {
            *tail = arg(p);
            tail = &(*tail)->next;
        }
        advance(p);
        return n;
    case Tbackq:
        n = node(p, Nbackq);
        advance(p);
        if (!is(p, Tlbrace))
            n->a = part(p, open);
        n->b = braces(p);
        *open = 0;
        return n;
    case Tredir:
        if (t->how == Rread || t->how == Rwrite || t->how == Rboth) {
            n = node(p, Nfd);
            n->op = t->how;
            advance(p);
            n->b = braces(p);
            return n;
        }
        break;
    }
    unexpected(p);
    return nil;
}

/* Two neighbouring words that were given as they are become one. */
static Node *
glue(Parser *p, Node *l, Node *r)
{
    char *a = l->text, *b = r->text, *s;
    ulong n, m;

    if (l->glob != r->glob) {
        if (!l->glob)
            a = marked(a);
        else
            b = marked(b);
    }
    n = strlen(a);
    m = strlen(b);
    s = take(&p->tree->arena, n + m + 1);
    memcpy(s, a, n);
    memcpy(s + n, b, m + 1);
    l->text = s;
    l->glob |= r->glob;
    l->quoted = 1;
    return l;
}

/* An argument: parts with carets, free or not, between them. */
static Node *
chain(Parser *p, Node *n, int open)
{
    Node **tail = nil, *more, *all;

    for (;;) {
        Token *t = &p->l.tok;

        if (t->kind == Tcaret)
            advance(p);
        else if (!(open && !t->space
                   && (t->kind == Tword || t->kind == Tdollar || t->kind == Tcount
                       || t->kind == Tjoin || t->kind == Tbackq || t->kind == Tequal)))
            return n;
        more = part(p, &open);
        if (tail == nil && n->type == Nword && more->type == Nword) {
            n = glue(p, n, more);
            continue;
        }
        if (tail == nil) {
            all = node(p, Nconcat);
            all->a = n;
            tail = &n->next;
            n = all;
        }
        *tail = more;
        tail = &more->next;
    }
}

static Node *
arg(Parser *p)
{
    int open;
    Node *n = part(p, &open);

    return chain(p, n, open);
}

static int
isredir(Parser *p)
{
    return is(p, Tdup) || is(p, Tredir);
}

/* A redirection; or, if *word is wanted, the argument <{...} that looks like one. */
static Node *
redir(Parser *p, Node **word)
{
    Node *n;
    Token *t = &p->l.tok;

    if (is(p, Tredir) && word != nil && t->how != Rappend && t->how != Rhere) {
        n = node(p, Nfd);
        n->op = t->how;
        n->fd0 = t->fd0;
        advance(p);
        if (is(p, Tlbrace)) {
            n->b = braces(p);
            *word = chain(p, n, 0);
            return nil;
        }
        n->type = Nredir;
        n->a = arg(p);
        return n;
    }
    n = node(p, Nredir);
    n->op = t->how;
    n->fd0 = t->fd0;
    n->fd1 = t->fd1;
    if (is(p, Tdup)) {
        advance(p);
        return n;
    }
    advance(p);
    n->a = arg(p);
    if (n->op == Rhere) {
        if (n->a->type != Nword)
            badsyntax(&p->l, "the tag of a here document must be a word");
        n->text = n->a->glob ? keep(p, unmarked(n->a->text)) : n->a->text;
        n->quoted = n->a->quoted;
        *p->l.heretail = n;
        p->l.heretail = &n->c;
    }
    return n;
}

static Node **
epilog(Parser *p, Node **tail)
{
    while (isredir(p)) {
        *tail = redir(p, nil);
        tail = &(*tail)->next;
    }
    return tail;
}

static Node *
paren(Parser *p)
{
    Node *n;

    expect(p, Topen);
    n = sequence(p, Tclose);
    expect(p, Tclose);
    newlines(p);
    return n;
}

static Node *
ifcommand(Parser *p)
{
    Node *n = node(p, Nif);

    advance(p);
    if (p->l.tok.keyword == Knot) {
        n->type = Nifnot;
        advance(p);
        newlines(p);
    } else
        n->a = paren(p);
    n->b = command(p);
    return n;
}

static Node *
forcommand(Parser *p)
{
    Node *n = node(p, Nfor), **tail = &n->b;

    advance(p);
    expect(p, Topen);
    n->a = arg(p);
    if (p->l.tok.keyword == Kin) {
        n->glob = 1;
        advance(p);
        for (newlines(p); !is(p, Tclose); newlines(p)) {
            Node *word = nil;

            if (isredir(p) && redir(p, &word) != nil)
                unexpected(p);
            *tail = word != nil ? word : arg(p);
            tail = &(*tail)->next;
        }
    }
    expect(p, Tclose);
    newlines(p);
    n->c = command(p);
    return n;
}

/* The words up to what cannot be one; <{...} among them. */
static void
words(Parser *p, Node **tail, Node **redirs)
{
    for (;;) {
        Node *word = nil, *r = nil;

        if (isredir(p)) {
            r = redir(p, &word);
            if (r != nil && redirs == nil)
                unexpected(p);
        } else if (beginsword(&p->l.tok))
            word = arg(p);
        else
            return;
        if (word != nil) {
            *tail = word;
            tail = &word->next;
        } else {
            *redirs = r;
            redirs = &r->next;
        }
    }
}

static Node *
keywordcommand(Parser *p)
{
    Node *n;

    switch (p->l.tok.keyword) {
    case Kif:
        return ifcommand(p);
    case Kfor:
        return forcommand(p);
    case Kwhile:
        n = node(p, Nwhile);
        advance(p);
        n->a = paren(p);
        n->b = command(p);
        return n;
    case Kswitch:
        n = node(p, Nswitch);
        advance(p);
        n->a = arg(p);
        newlines(p);
        n->b = braces(p);
        epilog(p, &n->c);
        return n;
    case Kmatch:
        n = node(p, Nmatch);
        advance(p);
        n->a = arg(p);
        words(p, &n->b, &n->c);
        return n;
    case Kbang:
    case Ksub:
        n = node(p, p->l.tok.keyword == Kbang ? Nnot : Nsub);
        advance(p);
        n->a = pipeline(p);
        return n;
    case Kfn:
        n = node(p, Nfn);
        advance(p);
        words(p, &n->a, nil);
        if (is(p, Tlbrace)) {
            n->b = node(p, Nbrace);
            n->b->a = braces(p);
        }
        return n;
    }
    unexpected(p);
    return nil;
}

/* Assignments and redirections before a command, then the command. */
static Node *
simple(Parser *p)
{
    Node *prefix = nil, **before = nil, *n, *first, *word;
    int open;

    for (;;) {
        first = nil;
        if (isredir(p)) {
            word = nil;
            n = redir(p, &word);
            first = word;
        } else if (p->l.tok.keyword != Knone || !beginsword(&p->l.tok) || is(p, Tequal))
            break;
        else {
            first = part(p, &open);
            /* an = right behind the first word is an assignment, with blanks or without */
            while (is(p, Tcaret)
                   || open && !p->l.tok.space && beginsword(&p->l.tok) && !is(p, Topen)
                      && !is(p, Tequal)) {
                Node *more, *all, **tail;

                if (is(p, Tcaret))
                    advance(p);
                more = part(p, &open);
                if (first->type == Nword && more->type == Nword) {
                    first = glue(p, first, more);
                    continue;
                }
                if (first->type != Nconcat) {
                    all = node(p, Nconcat);
                    all->a = first;
                    first = all;
                }
                for (tail = &first->a; *tail != nil; tail = &(*tail)->next)
                    ;
                *tail = more;
            }
            n = nil;
            if (is(p, Tequal)) {
                n = node(p, Nassign);
                n->a = first;
                advance(p);
                word = nil;
                if (is(p, Tredir) && redir(p, &word) != nil)
                    unexpected(p);
                n->b = word != nil ? word : arg(p);
                first = nil;
            }
        }
        if (first != nil)
            break;
        if (prefix == nil) {
            prefix = node(p, Nprefix);
            before = &prefix->a;
        }
        *before = n;
        before = &n->next;
    }
    n = nil;
    if (first != nil) {
        n = node(p, Nsimple);
        n->line = first->line;
        n->a = first;
        words(p, &first->next, &n->b);
    } else if (prefix != nil) {
        Token *t = &p->l.tok;

        if (t->kind == Tlbrace || t->kind == Tword && t->keyword != Knone)
            n = pipeline(p);
    } else
        unexpected(p);
    if (prefix == nil)
        return n;
    prefix->b = n;
    return prefix;
}

static Node *
unit(Parser *p)
{
    Node *n;
    Token *t = &p->l.tok;

    deep();
    if (t->kind == Tlbrace) {
        n = node(p, Nbrace);
        n->a = braces(p);
        epilog(p, &n->b);
        return n;
    }
    if (t->kind == Tword && t->keyword != Knone)
        return keywordcommand(p);
    return simple(p);
}

static Node *
pipeline(Parser *p)
{
    Node *n = unit(p), *pipe, *last, *prefix;

    if (!is(p, Tpipe))
        return n;
    /* what stands before the first command is before all of them */
    prefix = n != nil && n->type == Nprefix && n->b != nil ? n : nil;
    if (prefix != nil)
        n = prefix->b;
    pipe = node(p, Npipe);
    pipe->a = last = n;
    while (is(p, Tpipe)) {
        last->fd0 = p->l.tok.fd0;
        last->fd1 = p->l.tok.fd1;
        advance(p);
        newlines(p);
        last->next = unit(p);
        last = last->next;
        /* a ! or @ or if there has swallowed the rest */
    }
    if (prefix == nil)
        return pipe;
    prefix->b = pipe;
    return prefix;
}

static Node *
command(Parser *p)
{
    Node *n, *all, **tail;

    deep();
    switch (p->l.tok.kind) {
    case Tsemi:
    case Tamp:
    case Tnewline:
    case Tclose:
    case Trbrace:
        return node(p, Nseq); /* nothing */
    }
    n = pipeline(p);
    if (!is(p, Tandand) && !is(p, Toror))
        return n;
    all = node(p, Nandor);
    all->a = n;
    tail = &n->next;
    while (is(p, Tandand) || is(p, Toror)) {
        int op = p->l.tok.kind;

        advance(p);
        newlines(p);
        n = pipeline(p);
        n->op = op;
        *tail = n;
        tail = &n->next;
    }
    return all;
}

/* `if not` wants an if right before it. */
static void
checkifnot(Parser *p, Node *n, int afterif)
{
    if (n->type == Nifnot && !afterif)
        badsyntax(&p->l, "`if not' does not follow `if(...)'");
}

static int
endsinif(Node *n)
{
    while (n->type == Nifnot)
        n = n->b;
    return n->type == Nif;
}

/* Commands up to end, which stays. */
static Node *
sequence(Parser *p, int end)
{
    Node *seq = node(p, Nseq), **tail = &seq->a, *n;
    int afterif = 0;

    for (;;) {
        while (is(p, Tsemi) || is(p, Tnewline))
            advance(p);
        if (is(p, end))
            return seq;
        if (is(p, Teof))
            unexpected(p);
        n = command(p);
        checkifnot(p, n, afterif);
        afterif = endsinif(n);
        *tail = n;
        tail = &n->next;
        if (is(p, Tamp)) {
            n->async = 1;
            advance(p);
        } else if (is(p, Tsemi) || is(p, Tnewline))
            advance(p);
        else if (!is(p, end))
            unexpected(p);
    }
}

static void
freelexer(void *arg)
{
    free(((Parser *)arg)->l.text.p);
    free(arg);
}

/* The next line of commands, nil if it is empty; *end at the end of the source. */
Tree *
parse(Source *src, int *end)
{
    Parser *p = emalloc(sizeof *p);
    Tree *tree = newtree();
    Node *n, **tail;
    ulong mark = undomark();
    int afterif = src->afterif;

    memset(p, 0, sizeof *p);
    undo(freetree, tree);
    undo(freelexer, p);
    tempundo();
    p->tree = tree;
    p->l.src = src;
    p->l.heretail = &p->l.here;
    src->fresh = 1;
    next(&p->l);
    tree->root = node(p, Nseq);
    tail = &tree->root->a;
    *end = 0;
    while (!is(p, Tnewline) && !is(p, Teof)) {
        if (is(p, Tsemi)) {
            next(&p->l);
            continue;
        }
        if (is(p, Tclose) || is(p, Trbrace) || is(p, Tamp))
            unexpected(p);
        n = command(p);
        checkifnot(p, n, afterif);
        afterif = endsinif(n);
        *tail = n;
        tail = &n->next;
        if (is(p, Tamp))
            n->async = 1;
        else if (!is(p, Tsemi) && !is(p, Tnewline) && !is(p, Teof))
            unexpected(p);
        if (is(p, Tamp) || is(p, Tsemi))
            next(&p->l);
    }
    if (is(p, Teof)) {
        *end = 1;
        if (p->l.here != nil)
            badsyntax(&p->l, "here document ends without %s", p->l.here->text);
    } else if (p->l.here != nil)
        heredocs(&p->l, tree);
    if (tree->root->a != nil)
        src->afterif = afterif;
    tree->refs++;
    undoto(mark);
    if (tree->root->a != nil)
        return tree;
    freetree(tree);
    return nil;
}
