/* Variables and functions: two tables by name. */
#include "rc.h"

enum { Nhash = 512 };

static Var *vars[Nhash];
static Fn *fns[Nhash];

static ulong
hash(char const *s)
{
    ulong h = 0;

    for (; *s != 0; s++)
        h = 31 * h + (uchar)*s;
    return h % Nhash;
}

Var *
var(char const *name)
{
    Var **list = &vars[hash(name)], *v;

    for (v = *list; v != nil; v = v->link)
        if (strcmp(v->name, name) == 0)
            return v;
    v = emalloc(sizeof *v + strlen(name) + 1);
    memset(v, 0, sizeof *v);
    strcpy(v->name, name);
    v->link = *list;
    *list = v;
    return v;
}

/* A variable's list; a number is an element of $*. */
Word *
value(char const *name)
{
    Var *v;
    Word *w;
    ulong n = 0;
    char const *s;

    for (s = name; *s >= '0' && *s <= '9' && n < 100000000; s++)
        n = 10 * n + *s - '0';
    if (*s == 0 && n > 0) {
        for (w = var("*")->val; w != nil && --n > 0; w = w->next)
            ;
        return w != nil ? word(w->text, 0) : nil;
    }
    for (v = vars[hash(name)]; v != nil; v = v->link)
        if (strcmp(v->name, name) == 0)
            return v->val;
    return nil;
}

/* The variable gets a copy of the list. */
void
setvar(char const *name, Word *w)
{
    Var *v = var(name);
    Word *old = v->val;

    v->val = copywords(w);
    v->changed = 1;
    freewords(old);
}

void
setstr(char const *name, char const *s)
{
    ulong mark = undomark();

    tempundo();
    setvar(name, word(s, 0));
    undoto(mark);
}

/* A variable of rc's own, which other programs do not see. */
void
innervar(char const *name)
{
    var(name)->inner = 1;
}

typedef struct Saved Saved;
struct Saved {
    Var *var;
    Word *val;
};

static void
restore(void *arg)
{
    Saved *s = arg;

    freewords(s->var->val);
    s->var->val = s->val;
    s->var->changed = 1;
    free(s);
}

/* Another value until undoto. */
void
local(char const *name, Word *w)
{
    Saved *s = emalloc(sizeof *s);

    s->var = var(name);
    s->val = s->var->val;
    s->var->val = copywords(w);
    s->var->changed = 1;
    undo(restore, s);
}

static void *
each(void *link, char const *name, void **table)
{
    ulong i = 0;

    if (name != nil) {
        if (link != nil)
            return link;
        i = hash(name) + 1;
    }
    for (; i < Nhash; i++)
        if (table[i] != nil)
            return table[i];
    return nil;
}

/* All variables, one after the other: nil gives the first. */
Var *
eachvar(Var *v)
{
    return v != nil ? each(v->link, v->name, (void **)vars) : each(nil, nil, (void **)vars);
}

Fn *
eachfn(Fn *f)
{
    return f != nil ? each(f->link, f->name, (void **)fns) : each(nil, nil, (void **)fns);
}

static Fn *
fnentry(char const *name)
{
    Fn **list = &fns[hash(name)], *f;

    for (f = *list; f != nil; f = f->link)
        if (strcmp(f->name, name) == 0)
            return f;
    f = emalloc(sizeof *f + strlen(name) + 1);
    memset(f, 0, sizeof *f);
    strcpy(f->name, name);
    f->link = *list;
    *list = f;
    return f;
}

/* Define a function, or with nil forget it. */
void
setfn(char const *name, Node *body)
{
    Fn *f = fnentry(name);
    ulong mark = undomark();
    Tree *tree = nil;

    if (body != nil) {
        tree = clonetree(body);
        tree->refs++;
    }
    undoto(mark);
    free(f->source);
    f->source = nil;
    if (f->tree != nil)
        freetree(f->tree);
    f->tree = tree;
    f->changed = 1;
}

/* A function as the environment has it: text, which is ours from now on. */
void
fnfrom(char const *name, char *text)
{
    Fn *f = fnentry(name);

    if (f->tree != nil || f->source != nil) {
        free(text);
        return;
    }
    f->source = text;
    f->changed = 0;
}

/* Make a function of its text, which must define just this one. */
static void
readfn(Fn *f)
{
    Source *src;
    Tree *t;
    Node *n, *name;
    ulong mark = undomark();
    int end;
    char file[64], *text = f->source;

    f->source = nil;
    undo(free, text);
    snprint(file, sizeof file, "/env/fn#%s", f->name);
    src = textsource(text, file, 1);
    undo(freesource, src);
    t = parse(src, &end);
    if (t != nil) {
        undo(freetree, t);
        n = t->root->a;
        name = n->type == Nfn ? n->a : nil;
        if (name != nil && name->type == Nword && n->b != nil
            && strcmp(name->glob ? unmarked(name->text) : name->text, f->name) == 0) {
            setfn(f->name, n->b);
            f->changed = 0;
        } else
            complain("%s does not define %s", file, f->name);
    }
    undoto(mark);
}

/* The function of that name, or nil. */
Fn *
fn(char const *name)
{
    Fn *f;

    for (f = fns[hash(name)]; f != nil; f = f->link)
        if (strcmp(f->name, name) == 0) {
            if (f->source != nil)
                readfn(f);
            return f->tree != nil ? f : nil;
        }
    return nil;
}
