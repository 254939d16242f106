/* Patterns: against strings, and against the names of files. */
#include "rc.h"

/* Behind [: does the class have r?  *end is set behind its ]; nil if there is none. */
static int
inclass(char const *p, Rune r, char const **end)
{
    Rune lo, hi;
    int not = 0, found = 0;

    if (*p == '~') {
        not = 1;
        p++;
    }
    *end = nil;
    for (;;) {
        if (*p == Mark)
            p++;
        if (*p == 0)
            return 0;
        if (*p == ']')
            break;
        p += chartorune(&lo, p);
        hi = lo;
        if (*p == '-' && p[1] != ']' && p[1] != 0) {
            p++;
            if (*p == Mark)
                p++;
            p += chartorune(&hi, p);
        }
        if (lo > hi) {
            Rune t = lo;

            lo = hi;
            hi = t;
        }
        if (lo <= r && r <= hi)
            found = 1;
    }
    *end = p + 1;
    return found != not;
}

/* One character of s at one place of the pattern p that is not a star: nil if they differ. */
static char const *
one(char const *p, char const **s)
{
    Rune r;
    char const *end;

    if (**s == 0)
        return nil;
    if (*p != Mark || p[1] == Mark) {
        if (*p == Mark)
            p++;
        return *p == *(*s)++ ? p + 1 : nil;
    }
    *s += chartorune(&r, *s);
    if (p[1] == '?')
        return p + 2;
    return inclass(p + 2, r, &end) ? end : nil;
}

/* Does s match the marked pattern?  Of all stars only the last can be asked to take more. */
int
match(char const *s, char const *p)
{
    char const *star = nil, *from = nil, *q;
    Rune r;

    for (;;) {
        if (*p == Mark && p[1] == '*') {
            p += 2;
            star = p;
            from = s;
            continue;
        }
        if (*p == 0 && *s == 0)
            return 1;
        q = *p != 0 ? one(p, &s) : nil;
        if (q != nil) {
            p = q;
            continue;
        }
        if (star == nil || *from == 0)
            return 0;
        from += chartorune(&r, from);
        s = from;
        p = star;
    }
}

static int
haspattern(char const *p, ulong n)
{
    ulong i;

    for (i = 0; i + 1 < n; i++)
        if (p[i] == Mark) {
            if (p[i + 1] != Mark)
                return 1;
            i++;
        }
    return 0;
}

typedef struct Found Found;
struct Found {
    Word *head;
    Word **tail;
};

static void
addunmarked(Str *path, char const *p, ulong n)
{
    ulong i;

    for (i = 0; i < n; i++) {
        if (p[i] == Mark && i + 1 < n)
            i++;
        putch(path, p[i]);
    }
}

/* Add to found what p matches below the folder path, which is so far without patterns. */
static void
walk(Str *path, char const *p, Found *found)
{
    char const *end;
    char *part;
    ulong n, len, mark;
    Dir *d;
    long nd, i;
    int fd;

    deep();
    for (;;) {
        while (*p == '/') {
            putch(path, '/');
            p++;
        }
        end = strchr(p, '/');
        n = end != nil ? end - p : strlen(p);
        if (n == 0 || haspattern(p, n))
            break;
        addunmarked(path, p, n);
        p += n;
    }
    if (n == 0) {
        if (access(path->p, AEXIST) == 0) {
            *found->tail = word(path->p, 0);
            found->tail = &(*found->tail)->next;
        }
        return;
    }
    fd = open(path->n > 0 ? path->p : ".", OREAD | OCEXEC);
    if (fd < 0)
        return;
    nd = dirreadall(fd, &d);
    close(fd);
    if (nd < 0)
        return;
    mark = undomark();
    undo(free, d);
    part = emalloc(n + 1);
    undo(free, part);
    memcpy(part, p, n);
    part[n] = 0;
    len = path->n;
    for (i = 0; i < nd; i++) {
        if (!match(d[i].name, part) || p[n] == '/' && !(d[i].mode & DMDIR))
            continue;
        putstr(path, d[i].name);
        if (p[n] == 0) {
            *found->tail = word(path->p, 0);
            found->tail = &(*found->tail)->next;
        } else
            walk(path, p + n, found);
        path->n = len;
        path->p[len] = 0;
    }
    undoto(mark);
}

static int
byname(void const *a, void const *b)
{
    return strcmp((*(Word **)a)->text, (*(Word **)b)->text);
}

static Word *
sorted(Word *w)
{
    long n = count(w), i;
    Word **all = take(&temp, n * sizeof *all), *head;

    for (i = 0; w != nil; w = w->next)
        all[i++] = w;
    qsort(all, n, sizeof *all, byname);
    head = all[0];
    for (i = 0; i < n; i++)
        all[i]->next = i + 1 < n ? all[i + 1] : nil;
    return head;
}

/* The files that a pattern matches, sorted; without any, the pattern itself. */
static Word *
files(Word *w)
{
    Str path = {nil, 0, 0};
    Found found = {nil, &found.head};
    ulong mark = undomark();

    undo(freestr, &path);
    putbytes(&path, "", 0);
    if (haspattern(w->text, strlen(w->text)))
        walk(&path, w->text, &found);
    *found.tail = nil;
    undoto(mark);
    return found.head != nil ? sorted(found.head) : word(unmarked(w->text), 0);
}

Word *
expand(Word *w)
{
    Word *head = nil, **tail = &head, *next;

    for (; w != nil; w = next) {
        next = w->next;
        *tail = w->glob ? files(w) : w;
        if (w->glob)
            while ((*tail)->next != nil)
                tail = &(*tail)->next;
        tail = &(*tail)->next;
    }
    *tail = nil;
    return head;
}
