/*
 * sort: lines in order, or merged.  Source: sort(1).
 * What does not fit in Budget goes to files of its own in order, which are merged at the end.
 */
#include <u.h>
#include <libc.h>
#include <bio.h>
#include "sortkey.h"

enum { Budget = 48 * 1024 * 1024, Block = 256 * 1024, Ways = 48, Small = 8 };

typedef struct Line Line;
struct Line {
    uchar *s;
    ulong n;      /* without the newline */
    ulong prefix; /* the first bytes, as a number */
};

static int cflag, mflag, uflag;
static char *tmpdir = "/tmp", *outname;
static Line *lines, *spare;
static long nline, lineroom;
static uchar **blocks;
static int nblock, blockroom;
static ulong used;
static char **runs;
static int nrun, runroom, serial;
static Biobuf *out;

static void
usage(void)
{
    fprint(2, "usage: sort [-cmubdfginrwM] [-t char] [-k pos1[,pos2]] [+pos1 [-pos2]] "
              "[-o output] [-T dir] [file ...]\n");
    exits("usage");
}

static void
cleanup(void)
{
    int i;

    for (i = 0; i < nrun; i++)
        if (runs[i] != nil)
            remove(runs[i]);
}

static int
onnote(void *u, char *s)
{
    USED(u);
    if (strcmp(s, "interrupt") != 0 && strcmp(s, "hangup") != 0 && strncmp(s, "sys: write", 10) != 0)
        return 0;
    cleanup();
    exits(s);
}

static ulong
prefix(uchar *s, ulong n)
{
    ulong p = 0;
    int i;

    for (i = 0; i < 4; i++)
        p = p << 8 | (i < n ? s[i] : 0);
    return p;
}

static int
compare(Line *a, Line *b)
{
    int c;

    if (nkey > 0) {
        c = bykeys(a->s, a->n, b->s, b->n);
        if (c != 0 || uflag || wholelines)
            return c;
        c = bytes(a->s, a->n, b->s, b->n);
        return reversed ? -c : c;
    }
    if (a->prefix != b->prefix)
        c = a->prefix < b->prefix ? -1 : 1;
    else
        c = bytes(a->s, a->n, b->s, b->n);
    return reversed ? -c : c;
}

/* In place, with the help of t; lines that are equal stay as they are. */
static void
order(Line *l, Line *t, long n)
{
    long half = n / 2, i, j, k;
    Line x;

    if (n <= Small) {
        for (i = 1; i < n; i++) {
            x = l[i];
            for (j = i; j > 0 && compare(&l[j - 1], &x) > 0; j--)
                l[j] = l[j - 1];
            l[j] = x;
        }
        return;
    }
    order(l, t, half);
    order(l + half, t, n - half);
    if (compare(&l[half - 1], &l[half]) <= 0)
        return;
    memmove(t, l, half * sizeof *l);
    for (i = k = 0, j = half; i < half; k++)
        if (j == n || compare(&t[i], &l[j]) <= 0)
            l[k] = t[i++];
        else
            l[k] = l[j++];
}

static void
put(Biobuf *b, Line *l)
{
    Bwrite(b, l->s, l->n);
    if (Bputc(b, '\n') < 0)
        sysfatal("write error: %r");
}

static void
openout(void)
{
    static Biobuf stdout;

    if (outname == nil) {
        Binit(&stdout, 1, OWRITE);
        out = &stdout;
        return;
    }
    out = Bopen(outname, OWRITE);
    if (out == nil)
        sysfatal("create %s: %r", outname);
}

static void
putall(Biobuf *b)
{
    long i;
    Line *before = nil;

    spare = malloc((nline / 2 + 1) * sizeof *spare);
    if (spare == nil)
        sysfatal("no memory");
    order(lines, spare, nline);
    free(spare);
    for (i = 0; i < nline; i++) {
        if (uflag && before != nil && compare(before, &lines[i]) == 0)
            continue;
        before = &lines[i];
        put(b, before);
    }
}

typedef struct Source Source;
struct Source {
    Biobuf b;
    Line l;
    char *own; /* memory of a line that did not fit in the buffer */
    int number;
    char *name;
};

static int
nextline(Source *s)
{
    char *p = Brdline(&s->b, '\n');

    free(s->own);
    s->own = nil;
    if (p != nil)
        s->l.n = Blinelen(&s->b) - 1;
    else {
        s->own = p = Brdstr(&s->b, '\n', 1);
        if (p == nil)
            return 0;
        s->l.n = Blinelen(&s->b);
    }
    s->l.s = (uchar *)p;
    s->l.prefix = prefix(s->l.s, s->l.n);
    return 1;
}

static int
before(Source *a, Source *b)
{
    int c = compare(&a->l, &b->l);

    return c != 0 ? c < 0 : a->number < b->number;
}

static void
sift(Source **heap, int n, int i)
{
    int j;
    Source *s = heap[i];

    for (; (j = 2 * i + 1) < n; i = j) {
        if (j + 1 < n && before(heap[j + 1], heap[j]))
            j++;
        if (!before(heap[j], s))
            break;
        heap[i] = heap[j];
    }
    heap[i] = s;
}

static void
copyline(Line *to, ulong *room, Line *from)
{
    if (from->n >= *room) {
        *room = 2 * from->n + 64;
        to->s = realloc(to->s, *room);
        if (to->s == nil)
            sysfatal("no memory");
    }
    memmove(to->s, from->s, from->n);
    to->n = from->n;
    to->prefix = from->prefix;
}

static void
merge(char **names, int n, Biobuf *b)
{
    Source **heap = calloc(n + 1, sizeof *heap), *s;
    Line last = {nil, 0, 0};
    ulong lastroom = 0;
    int i, fd, live = 0, any = 0;

    if (heap == nil)
        sysfatal("no memory");
    for (i = 0; i < n; i++) {
        s = mallocz(sizeof *s, 1);
        if (s == nil)
            sysfatal("no memory");
        fd = open(names[i], OREAD);
        if (fd < 0)
            sysfatal("open %s: %r", names[i]);
        Binit(&s->b, fd, OREAD);
        s->number = i;
        if (nextline(s))
            heap[live++] = s;
        else {
            close(fd);
            free(s);
        }
    }
    for (i = live / 2; i-- > 0;)
        sift(heap, live, i);
    while (live > 0) {
        s = heap[0];
        if (!uflag || !any || compare(&last, &s->l) != 0) {
            put(b, &s->l);
            if (uflag)
                copyline(&last, &lastroom, &s->l);
            any = 1;
        }
        if (!nextline(s)) {
            close(Bfildes(&s->b));
            free(s);
            heap[0] = heap[--live];
        }
        sift(heap, live, 0);
    }
    free(last.s);
    free(heap);
}

static char *
newrun(Biobuf **b)
{
    char *name = smprint("%s/sort.%d.%d", tmpdir, getpid(), serial++);

    if (nrun == runroom) {
        runroom = runroom == 0 ? 16 : 2 * runroom;
        runs = realloc(runs, runroom * sizeof *runs);
    }
    if (runs == nil || name == nil)
        sysfatal("no memory");
    runs[nrun++] = name;
    *b = Bopen(name, OWRITE);
    if (*b == nil)
        sysfatal("create %s: %r", name);
    return name;
}

/* The first Ways runs become one, which takes their place. */
static void
mergeruns(void)
{
    Biobuf *b;
    char *name = newrun(&b);
    int i;

    merge(runs, Ways, b);
    if (Bterm(b) < 0)
        sysfatal("write error: %s: %r", name);
    for (i = 0; i < Ways; i++) {
        remove(runs[i]);
        free(runs[i]);
    }
    runs[0] = name;
    memmove(runs + 1, runs + Ways, (nrun - 1 - Ways) * sizeof *runs);
    nrun -= Ways;
}

/* All that is in memory to a file. */
static void
spill(void)
{
    Biobuf *b;
    char *name;

    name = newrun(&b);
    putall(b);
    if (Bterm(b) < 0)
        sysfatal("write error: %s: %r", name);
    while (nblock > 0)
        free(blocks[--nblock]);
    nline = 0;
    used = 0;
}

static void
addline(uchar *s, ulong n)
{
    if (nline == lineroom) {
        lineroom = lineroom == 0 ? 1024 : lineroom + lineroom / 2;
        lines = realloc(lines, lineroom * sizeof *lines);
        if (lines == nil)
            sysfatal("no memory");
    }
    lines[nline++] = (Line){s, n, prefix(s, n)};
    used += sizeof *lines * 2;
}

static uchar *
newblock(ulong n)
{
    uchar *p = malloc(n);

    if (nblock == blockroom) {
        blockroom = blockroom == 0 ? 64 : 2 * blockroom;
        blocks = realloc(blocks, blockroom * sizeof *blocks);
    }
    if (p == nil || blocks == nil)
        sysfatal("no memory");
    used += n;
    return blocks[nblock++] = p;
}

static void
readfile(int fd, char *name)
{
    ulong size = Block, have = 0, from = 0;
    uchar *b = newblock(size + 1), *old, *e, *s;
    long n;

    for (;;) {
        if (have == size) { /* the line that is not whole goes to a new block */
            ulong part = have - from;

            old = b;
            if (used > Budget && nline > 0) {
                s = malloc(part + 1);
                if (s == nil)
                    sysfatal("no memory");
                memmove(s, old + from, part);
                spill();
                size = part < Block / 2 ? Block : 2 * part;
                b = newblock(size + 1);
                memmove(b, s, part);
                free(s);
            } else {
                size = part < Block / 2 ? Block : 2 * part;
                b = newblock(size + 1);
                memmove(b, old + from, part);
            }
            have = part;
            from = 0;
        }
        n = read(fd, b + have, size - have);
        if (n < 0)
            sysfatal("read %s: %r", name);
        if (n == 0)
            break;
        s = b + have;
        have += n;
        while ((e = memchr(s, '\n', b + have - s)) != nil) {
            addline(b + from, e - (b + from));
            s = e + 1;
            from = s - b;
        }
    }
    if (from < have) {
        fprint(2, "sort: newline added\n");
        addline(b + from, have - from);
    }
}

static void
check(int fd)
{
    Source s;
    Line last = {nil, 0, 0};
    ulong room = 0;
    int any, c;

    memset(&s, 0, sizeof s);
    Binit(&s.b, fd, OREAD);
    for (any = 0; nextline(&s); any = 1) {
        c = any ? compare(&last, &s.l) : -1;
        if (c > 0)
            sysfatal("-c file not in sort");
        if (c == 0 && uflag)
            sysfatal("-c file not in sort, and has lines that are the same");
        copyline(&last, &room, &s.l);
    }
}

static int
opened(char *name)
{
    int fd = open(name, OREAD);

    if (fd < 0)
        sysfatal("open %s: %r", name);
    return fd;
}

/* One word of options; returns how many of the words after it were used. */
static int
options(char *s, char *more)
{
    Key *k;
    int before;

    while (*s != 0) {
        before = globals;
        s = keyflags(s, &globals);
        if (globals != before || *s == 0)
            continue;
        switch (*s++) {
        case 'c':
            cflag = 1;
            continue;
        case 'm':
            mflag = 1;
            continue;
        case 'u':
            uflag = 1;
            continue;
        case 's':
            continue; /* it is always stable */
        case 't':
            if (*s != 0)
                more = s;
            if (more == nil)
                usage();
            chartorune(&separator, more);
            return more != s;
        case 'k':
            if (*s != 0)
                more = s;
            if (more == nil || *more < '0' || *more > '9')
                usage();
            k = newkey();
            {
                char *p = keyflags(position(more, 1, &k->field, &k->rune), &k->flags);

                if (*p == ',') {
                    p = position(p + 1, 0, &k->endfield, &k->endrune);
                    if (k->endrune > 0 && k->endfield > 0)
                        k->endfield--;
                    p = keyflags(p, &k->endflags);
                }
                if (*p != 0)
                    usage();
            }
            return more != s;
        case 'o':
        case 'T': {
            char c = s[-1];

            if (*s != 0)
                more = s;
            if (more == nil)
                usage();
            if (c == 'o')
                outname = more;
            else
                tmpdir = more;
            return more != s;
        }
        default:
            if (strchr("bdfiwrngM", s[-1]) != nil)
                continue; /* one that was given before */
            fprint(2, "sort: unknown option: -%s\n", s - 1);
            usage();
        }
    }
    return 0;
}

void
main(int argc, char **argv)
{
    char **files = calloc(argc + 1, sizeof *files), *s;
    int nfile = 0, i, rest = 0;

    argv0 = "sort";
    if (files == nil)
        sysfatal("no memory");
    atexit(cleanup);
    atnotify(onnote, 1);
    for (i = 1; i < argc; i++) {
        s = argv[i];
        if (rest || s[0] != '-' && s[0] != '+' || s[0] == '-' && s[1] == 0)
            files[nfile++] = s;
        else if (s[0] == '+' && (s[1] >= '0' && s[1] <= '9' || s[1] == '.')) {
            Key *k = newkey();

            if (*keyflags(position(s + 1, 0, &k->field, &k->rune), &k->flags) != 0)
                usage();
        } else if (s[0] == '-' && (s[1] >= '0' && s[1] <= '9' || s[1] == '.')) {
            Key *k = nkey > 0 ? &keys[nkey - 1] : newkey();

            if (*keyflags(position(s + 1, 0, &k->endfield, &k->endrune), &k->endflags) != 0)
                usage();
        } else if (strcmp(s, "--") == 0)
            rest = 1;
        else if (s[0] == '-')
            i += options(s + 1, argv[i + 1]);
        else
            files[nfile++] = s;
    }
    settlekeys();
    if (nfile == 0)
        files[nfile++] = "/fd/0";
    if (cflag) {
        if (nfile > 1)
            usage();
        check(opened(files[0]));
        exits(nil);
    }
    if (mflag && outname == nil && nfile <= Ways) {
        openout();
        merge(files, nfile, out);
    } else {
        for (i = 0; i < nfile; i++) {
            int fd = strcmp(files[i], "-") == 0 ? 0 : opened(files[i]);

            readfile(fd, files[i]);
            if (fd != 0)
                close(fd);
            if (used > Budget)
                spill();
        }
        if (nrun > 0 && nline > 0)
            spill();
        while (nrun > Ways)
            mergeruns();
        openout();
        if (nrun > 0)
            merge(runs, nrun, out);
        else
            putall(out);
    }
    if (Bterm(out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
