/*
 * The environment: /env has a file for each variable, its elements each ended by a zero, and
 * one named fn#NAME for each function.  Source: env(3), rc(1).
 */
#include "rc.h"

/* All that can be read from fd, in memory of its own with a zero behind it. */
char *
readall(int fd, ulong *size)
{
    Str s = {nil, 0, 0};
    char buf[4096];
    long n;

    putbytes(&s, "", 0);
    while ((n = read(fd, buf, sizeof buf)) > 0)
        putbytes(&s, buf, n);
    if (size != nil)
        *size = s.n;
    return s.p;
}

static char *
contents(char const *name, ulong *size)
{
    ulong n = strlen(name) + 6;
    char *path = emalloc(n), *all;
    int fd;

    snprint(path, n, "/env/%s", name);
    fd = open(path, OREAD | OCEXEC);
    free(path);
    if (fd < 0)
        return nil;
    all = readall(fd, size);
    close(fd);
    return all;
}

static void
readvar(char const *name)
{
    ulong mark = undomark(), n, i, begin;
    Word *head = nil, **tail = &head;
    char *all = contents(name, &n);

    if (all == nil)
        return;
    tempundo();
    for (begin = i = 0; i <= n; i++)
        if (i == n ? i > begin : all[i] == 0) {
            *tail = wordbytes(all + begin, i - begin, 0);
            tail = &(*tail)->next;
            begin = i + 1;
        }
    setvar(name, head);
    var(name)->changed = 0;
    undoto(mark);
    free(all);
}

static void
readenv(int functions)
{
    Dir *d;
    long n, i;
    int fd = open("/env", OREAD | OCEXEC);

    if (fd < 0)
        return;
    n = dirreadall(fd, &d);
    close(fd);
    for (i = 0; i < n; i++) {
        int isfn = strncmp(d[i].name, "fn#", 3) == 0;

        if (isfn && functions) {
            char *text = contents(d[i].name, nil);

            if (text != nil)
                fnfrom(d[i].name + 3, text);
        } else if (!isfn && !functions && !var(d[i].name)->inner)
            readvar(d[i].name);
    }
    if (n >= 0)
        free(d);
}

void
readvars(void)
{
    readenv(0);
}

void
readfns(void)
{
    readenv(1);
}

static void
put(char const *prefix, char const *name, Str *s)
{
    ulong n = strlen(prefix) + strlen(name) + 6;
    char *path = emalloc(n);
    int fd;

    snprint(path, n, "/env/%s%s", prefix, name);
    if (*name == 0 || strchr(name, '/') != nil || strcmp(name, ".") == 0
        || strcmp(name, "..") == 0)
        fd = -2;
    else if (s == nil) {
        remove(path);
        fd = -2;
    } else
        fd = create(path, OWRITE | OCEXEC, 0666);
    if (fd == -1 || fd >= 0 && s->n > 0 && write(fd, s->p, s->n) != s->n)
        complain("%s: %r", path);
    if (fd >= 0)
        close(fd);
    free(path);
}

/* Write what has changed. */
void
updenv(void)
{
    Var *v;
    Fn *f;
    Word *w;
    Str s = {nil, 0, 0};

    for (v = eachvar(nil); v != nil; v = eachvar(v)) {
        if (!v->changed || v->inner)
            continue;
        v->changed = 0;
        emptied(&s);
        for (w = v->val; w != nil; w = w->next)
            putbytes(&s, w->text, strlen(w->text) + 1);
        put("", v->name, &s);
    }
    for (f = eachfn(nil); f != nil; f = eachfn(f)) {
        if (!f->changed)
            continue;
        f->changed = 0;
        if (f->tree != nil) {
            char *text = treestr(f->tree, f->name);

            s.n = 0;
            putbytes(&s, text, strlen(text));
            free(text);
            put("fn#", f->name, &s);
        } else
            put("fn#", f->name, nil);
    }
    free(s.p);
}
