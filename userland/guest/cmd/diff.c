/*
 * diff: how files of lines differ.  Source: diff(1).
 * Myers's algorithm by halves, so that memory is linear in the lines.
 */
#include <u.h>
#include <libc.h>
#include <bio.h>

typedef struct File File;
struct File {
    char *name;
    char **lines;
    long *ids; /* equal lines have equal ones */
    uchar *changed;
    long n;
};

static int bflag, wflag, mode; /* mode 0, e, f, n or c */
static long *forward, *backward;
static Biobuf out;

static struct Entry {
    char *key;
    long next;
} *table;
static long ntable, tableroom;
static long *buckets, nbucket;

static char *
key(char *s)
{
    char *k, *to;

    if (!bflag && !wflag)
        return s;
    k = to = malloc(strlen(s) + 1);
    if (k == nil)
        sysfatal("no memory");
    for (; *s != 0; s++)
        if (*s != ' ' && *s != '\t')
            *to++ = *s;
        else if (!wflag && s[1] != ' ' && s[1] != '\t' && s[1] != 0)
            *to++ = ' ';
    *to = 0;
    return k;
}

static long
identify(char *s)
{
    char *k = key(s);
    ulong h = 5381, i;
    char *p;

    for (p = k; *p != 0; p++)
        h = h * 33 + (uchar)*p;
    if (ntable >= nbucket) {
        nbucket = nbucket == 0 ? 1024 : 4 * nbucket;
        free(buckets);
        buckets = malloc(nbucket * sizeof *buckets);
        if (buckets == nil)
            sysfatal("no memory");
        memset(buckets, 0xff, nbucket * sizeof *buckets);
        for (i = 0; i < ntable; i++) {
            ulong g = 5381;

            for (p = table[i].key; *p != 0; p++)
                g = g * 33 + (uchar)*p;
            table[i].next = buckets[g % nbucket];
            buckets[g % nbucket] = i;
        }
    }
    long at;
    for (at = buckets[h % nbucket]; at >= 0; at = table[at].next)
        if (strcmp(table[at].key, k) == 0) {
            if (k != s)
                free(k);
            return at;
        }
    if (ntable == tableroom) {
        tableroom = tableroom == 0 ? 1024 : 2 * tableroom;
        table = realloc(table, tableroom * sizeof *table);
        if (table == nil)
            sysfatal("no memory");
    }
    table[ntable].key = k;
    table[ntable].next = buckets[h % nbucket];
    buckets[h % nbucket] = ntable;
    return ntable++;
}

static void
load(File *f, char *name)
{
    Biobuf *b = strcmp(name, "-") == 0 ? Bfdopen(0, OREAD) : Bopen(name, OREAD);
    long room = 0;
    char *s;

    if (b == nil) {
        fprint(2, "diff: can't open %s: %r\n", name);
        exits("error");
    }
    memset(f, 0, sizeof *f);
    f->name = name;
    while ((s = Brdstr(b, '\n', 1)) != nil) {
        if (f->n == room) {
            room = room == 0 ? 256 : 2 * room;
            f->lines = realloc(f->lines, room * sizeof *f->lines);
            f->ids = realloc(f->ids, room * sizeof *f->ids);
            if (f->lines == nil || f->ids == nil)
                sysfatal("no memory");
        }
        f->lines[f->n] = s;
        f->ids[f->n++] = identify(s);
    }
    Bterm(b);
    f->changed = calloc(f->n + 1, 1);
    if (f->changed == nil)
        sysfatal("no memory");
}

/* A place in the middle of a shortest way through a[0..n), b[0..m): both differ at their ends. */
static void
middle(long *a, long n, long *b, long m, long *px, long *py)
{
    long delta = n - m, most = (n + m + 1) / 2, d, k, x, y, *f = forward + most + 1,
         *r = backward + most + 1;

    f[1] = 0;
    r[1] = 0;
    for (d = 0; d <= most; d++) {
        for (k = -d + 2 * (d > m ? d - m : 0); k <= d - 2 * (d > n ? d - n : 0); k += 2) {
            x = k == -d || k != d && f[k - 1] < f[k + 1] ? f[k + 1] : f[k - 1] + 1;
            for (y = x - k; x < n && y < m && a[x] == b[y]; x++, y++)
                ;
            f[k] = x;
            if (delta % 2 != 0 && k >= delta - (d - 1) && k <= delta + (d - 1)
                && x + r[delta - k] >= n) {
                *px = x;
                *py = y;
                return;
            }
        }
        for (k = -d + 2 * (d > m ? d - m : 0); k <= d - 2 * (d > n ? d - n : 0); k += 2) {
            x = k == -d || k != d && r[k - 1] < r[k + 1] ? r[k + 1] : r[k - 1] + 1;
            for (y = x - k; x < n && y < m && a[n - 1 - x] == b[m - 1 - y]; x++, y++)
                ;
            r[k] = x;
            if (delta % 2 == 0 && k >= delta - d && k <= delta + d && x + f[delta - k] >= n) {
                *px = n - x;
                *py = m - y;
                return;
            }
        }
    }
    *px = n;
    *py = 0;
}

static void
compare(File *f, long a, long n, File *g, long b, long m)
{
    long x, y;

    while (n > 0 && m > 0 && f->ids[a] == g->ids[b])
        a++, b++, n--, m--;
    while (n > 0 && m > 0 && f->ids[a + n - 1] == g->ids[b + m - 1])
        n--, m--;
    if (n == 0 || m == 0) {
        memset(f->changed + a, 1, n);
        memset(g->changed + b, 1, m);
        return;
    }
    middle(f->ids + a, n, g->ids + b, m, &x, &y);
    if (x == 0 && y == 0 || x == n && y == m) { /* nothing in common */
        memset(f->changed + a, 1, n);
        memset(g->changed + b, 1, m);
        return;
    }
    compare(f, a, x, g, b, y);
    compare(f, a + x, n - x, g, b + y, m - y);
}

static void
range(long from, long to, char *sep)
{
    if (to - from <= 1)
        Bprint(&out, "%ld", to - from == 1 ? to : from);
    else
        Bprint(&out, "%ld%s%ld", from + 1, sep, to);
}

static void
show(File *f, long from, long to, char *prefix)
{
    for (; from < to; from++)
        Bprint(&out, "%s%s\n", prefix, f->lines[from]);
}

static void
hunk(File *f, long a, long c, File *g, long b, long d)
{
    int kind = a == c ? 'a' : b == d ? 'd' : 'c';

    switch (mode) {
    case 'e':
        range(a, c, ",");
        Bprint(&out, "%c\n", kind);
        if (kind != 'd') {
            show(g, b, d, "");
            Bprint(&out, ".\n");
        }
        return;
    case 'f':
        Bprint(&out, "%c", kind);
        range(a, c, " ");
        Bprint(&out, "\n");
        if (kind != 'd') {
            show(g, b, d, "");
            Bprint(&out, ".\n");
        }
        return;
    case 'n':
        Bprint(&out, "%s:", f->name);
        range(a, c, ",");
        Bprint(&out, " %c %s:", kind, g->name);
        range(b, d, ",");
        break;
    default:
        range(a, c, ",");
        Bprint(&out, "%c", kind);
        range(b, d, ",");
    }
    Bprint(&out, "\n");
    show(f, a, c, "< ");
    if (kind == 'c')
        Bprint(&out, "---\n");
    show(g, b, d, "> ");
}

static int
differences(File *f, File *g)
{
    long i = 0, j = 0, a, b, n = 0, room = 0, k, (*all)[4] = nil;

    while (i < f->n || j < g->n) {
        if (i < f->n && j < g->n && !f->changed[i] && !g->changed[j]) {
            i++, j++;
            continue;
        }
        for (a = i; i < f->n && f->changed[i]; i++)
            ;
        for (b = j; j < g->n && g->changed[j]; j++)
            ;
        if (n == room) {
            room = room == 0 ? 64 : 2 * room;
            all = realloc(all, room * sizeof *all);
            if (all == nil)
                sysfatal("no memory");
        }
        all[n][0] = a, all[n][1] = i, all[n][2] = b, all[n][3] = j;
        n++;
    }
    for (k = 0; k < n; k++) { /* for ed from the end, so that numbers stay right */
        long *h = all[mode == 'e' ? n - 1 - k : k];

        hunk(f, h[0], h[1], g, h[2], h[3]);
    }
    free(all);
    return n > 0;
}

static char *
within(char *name, char *other)
{
    Dir *d = strcmp(name, "-") == 0 ? nil : dirstat(name);
    char *s;

    if (d == nil && strcmp(name, "-") != 0) {
        fprint(2, "diff: can't stat %s: %r\n", name);
        exits("error");
    }
    if (d != nil && d->mode & DMDIR) {
        s = strrchr(other, '/');
        name = smprint("%s/%s", name, s != nil ? s + 1 : other);
    }
    free(d);
    return name;
}

static void
usage(void)
{
    fprint(2, "usage: diff [-befnw] file1 file2\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    File f, g;
    long n;
    int differ;

    argv0 = "diff";
    ARGBEGIN {
    case 'b':
        bflag = 1;
        break;
    case 'w':
        wflag = 1;
        break;
    case 'e':
    case 'f':
    case 'n':
        mode = ARGC();
        break;
    default:
        usage();
    }
    ARGEND
    if (argc != 2)
        usage();
    load(&f, within(argv[0], argv[1]));
    load(&g, within(argv[1], argv[0]));
    n = f.n + g.n + 8;
    forward = calloc(2 * n, sizeof *forward);
    backward = calloc(2 * n, sizeof *backward);
    if (forward == nil || backward == nil)
        sysfatal("no memory");
    compare(&f, 0, f.n, &g, 0, g.n);
    Binit(&out, 1, OWRITE);
    differ = differences(&f, &g);
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(differ ? "some" : nil);
}
