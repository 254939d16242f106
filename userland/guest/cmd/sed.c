/* sed: a stream editor.  Source: sed(1), regexp(6). */
#include <u.h>
#include <libc.h>
#include <bio.h>
#include <regexp.h>
#include "sed.h"

static Biobuf out;
static int nflag;

#include "sedcomp.h"

typedef struct Space Space;
struct Space {
    char *s; /* with a NUL after it */
    long n;
    long room;
};

static Space pattern, hold, work;
static Biobuf *in;
static char **files;
static char *next; /* a line that was read before its time, or nil */
static long nextlen;
static vlong lineno;
static Reprog *last;
static int replaced;

static struct Later { /* what a and r put out at the end of the cycle */
    Cmd *cmd;
} *later;
static int nlater, laterroom;

static void
add(Space *p, char const *s, long n)
{
    if (p->n + n + 1 > p->room) {
        p->room = 2 * (p->n + n + 1) + 64;
        p->s = realloc(p->s, p->room);
        if (p->s == nil)
            sysfatal("no memory");
    }
    memmove(p->s + p->n, s, n);
    p->n += n;
    p->s[p->n] = 0;
}

static void
set(Space *p, char const *s, long n)
{
    p->n = 0;
    add(p, s, n);
}

static char *
readline(long *n)
{
    char *s;

    for (;;) {
        if (in == nil) {
            if (*files == nil)
                return nil;
            in = Bopen(*files, OREAD);
            if (in == nil)
                sysfatal("Can't open %s: %r", *files);
            files++;
        }
        s = Brdline(in, '\n');
        if (s != nil) {
            *n = Blinelen(in) - 1;
            s[*n] = 0;
            return s;
        }
        s = Brdstr(in, '\n', 1);
        if (s != nil) {
            static char *old;

            free(old);
            old = s;
            *n = Blinelen(in);
            return s;
        }
        Bterm(in);
        in = nil;
    }
}

static int
islast(void)
{
    char *s;

    if (next != nil)
        return 0;
    s = readline(&nextlen);
    if (s == nil)
        return 1;
    next = malloc(nextlen + 1);
    if (next == nil)
        sysfatal("no memory");
    memmove(next, s, nextlen + 1);
    return 0;
}

/* The next line at the end of the pattern space; 0: there is none. */
static int
nextline(void)
{
    char *s;
    long n;

    if (next != nil) {
        add(&pattern, next, nextlen);
        free(next);
        next = nil;
    } else {
        s = readline(&n);
        if (s == nil)
            return 0;
        add(&pattern, s, n);
    }
    lineno++;
    return 1;
}

static void
put(Biobuf *b, char const *s, long n)
{
    Bwrite(b, s, n);
    Bputc(b, '\n');
}

static int
matches(Reprog *re, char *from, Resub *m, int n)
{
    if (re == nil)
        re = last;
    last = re;
    memset(m, 0, n * sizeof *m);
    m[0].sp = from;
    m[0].ep = pattern.s + pattern.n;
    return regexec(re, pattern.s, m, n) > 0;
}

static int
is(Addr *a)
{
    Resub m[1];

    switch (a->type) {
    case Aline:
        return lineno == a->line;
    case Alast:
        return islast();
    case Are:
        return matches(a->re, pattern.s, m, 1);
    default:
        return 1;
    }
}

static int
selected(Cmd *c)
{
    if (c->to.type == Anone)
        return is(&c->from);
    if (!c->inside) {
        if (!is(&c->from))
            return 0;
        c->inside = c->to.type == Aline ? lineno < c->to.line : c->to.type != Alast || !islast();
        return 1;
    }
    if (c->to.type == Aline) {
        c->inside = lineno < c->to.line;
        if (lineno > c->to.line) /* lines went by meanwhile */
            return is(&c->from);
    } else
        c->inside = !is(&c->to);
    return 1;
}

static void
replacement(char const *t, Resub *m, int n)
{
    int i;
    char const *s;

    for (; *t != 0; t++) {
        i = -1;
        if (*t == '&')
            i = 0;
        else if (*t == '\\') {
            t++;
            if (*t >= '0' && *t <= '9')
                i = *t - '0';
        }
        if (i < 0) {
            for (s = t; t[1] != 0 && t[1] != '&' && t[1] != '\\'; t++)
                ;
            add(&work, s, t + 1 - s);
        } else if (i < n && m[i].sp != nil)
            add(&work, m[i].sp, m[i].ep - m[i].sp);
    }
}

static void
substitute(Cmd *c)
{
    Resub m[10];
    char *from = pattern.s, *e = pattern.s + pattern.n, *at = from;
    int count = 0, done = 0, w;
    Rune r;
    Space swap;

    set(&work, "", 0);
    while ((at < e || count == 0) && matches(c->re, at, m, nelem(m))) {
        if (++count >= c->nth) {
            add(&work, from, m[0].sp - from);
            replacement(c->text, m, nelem(m));
            from = m[0].ep;
            done = 1;
            if (!c->global)
                break;
        }
        at = m[0].ep;
        if (m[0].sp == m[0].ep && at < e) {
            w = chartorune(&r, at);
            if (count >= c->nth) {
                add(&work, from, at + w - from);
                from = at + w;
            }
            at += w;
        }
    }
    if (!done)
        return;
    add(&work, from, e - from);
    swap = pattern;
    pattern = work;
    work = swap;
    replaced = 1;
    if (c->prints)
        put(&out, pattern.s, pattern.n);
    if (c->file != nil)
        put(c->file, pattern.s, pattern.n);
}

static void
translate(Cmd *c)
{
    char *s, *e = pattern.s + pattern.n, u[UTFmax];
    Rune r, *p;
    Space swap;
    int w;

    set(&work, "", 0);
    for (s = pattern.s; s < e; s += w) {
        w = chartorune(&r, s);
        for (p = c->pairs; *p != 0 && *p != r; p += 2)
            ;
        if (*p != 0)
            add(&work, u, runetochar(u, &p[1]));
        else
            add(&work, s, w);
    }
    swap = pattern;
    pattern = work;
    work = swap;
}

/* Without doubt what it is, in lines of at most 72 columns. */
static void
list(void)
{
    char *s, *e = pattern.s + pattern.n, buf[16];
    char const *known;
    int column = 0, n;
    Rune r;

    for (s = pattern.s; s < e;) {
        s += chartorune(&r, s);
        known = r != 0 && r < Runeself ? strchr("\bb\ff\nn\rr\tt\vv\\\\", r) : nil;
        if (r == '\b' || r == '\n' || r == '\r' || r == '\t' || r == '\\')
            n = snprint(buf, sizeof buf, "\\%c", known[1]);
        else if (r < ' ' || r >= 0x7f)
            n = snprint(buf, sizeof buf, "\\x%.4ux", r);
        else
            n = snprint(buf, sizeof buf, "%C", r);
        if (column + n > 72) {
            Bprint(&out, "\\\n");
            column = 0;
        }
        Bprint(&out, "%s", buf);
        column += n;
    }
    Bputc(&out, '\n');
}

static void
flushlater(void)
{
    Biobuf *b;
    char buf[4096];
    long n;
    int i;

    for (i = 0; i < nlater; i++) {
        Cmd *c = later[i].cmd;

        if (c->name == 'a') {
            Bprint(&out, "%s", c->text);
            continue;
        }
        b = Bopen(c->text, OREAD);
        if (b == nil)
            continue; /* as the manual has it */
        while ((n = Bread(b, buf, sizeof buf)) > 0)
            Bwrite(&out, buf, n);
        Bterm(b);
    }
    nlater = 0;
}

static void
endcycle(void)
{
    if (!nflag)
        put(&out, pattern.s, pattern.n);
    flushlater();
}

static void
done(void)
{
    int i;

    for (i = 0; i < nwfile; i++)
        if (wfiles[i].b != &out && Bterm(wfiles[i].b) < 0)
            sysfatal("write error: %s: %r", wfiles[i].name);
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}

enum { Next, Again, Deleted }; /* how a cycle ends: printing, without reading, without printing */

static int
cycle(void)
{
    int pc;
    Cmd *c;
    char *s;
    Space swap;

    for (pc = 0; pc < ncmd; pc++) {
        c = &cmds[pc];
        if (selected(c) == c->negated) {
            if (c->name == '{')
                pc = c->target;
            continue;
        }
        switch (c->name) {
        case 'a':
        case 'r':
            later = grow(later, nlater, &laterroom, sizeof *later);
            later[nlater++].cmd = c;
            break;
        case 'b':
            pc = c->target;
            break;
        case 't':
            if (replaced)
                pc = c->target;
            replaced = 0;
            break;
        case 'c':
            if (c->to.type == Anone || c->negated || !c->inside)
                Bprint(&out, "%s", c->text);
            return Deleted;
        case 'd':
            return Deleted;
        case 'D':
            s = memchr(pattern.s, '\n', pattern.n);
            if (s == nil)
                return Deleted;
            pattern.n -= s + 1 - pattern.s;
            memmove(pattern.s, s + 1, pattern.n + 1);
            return Again;
        case 'g':
            set(&pattern, hold.s, hold.n);
            break;
        case 'G':
            add(&pattern, "\n", 1);
            add(&pattern, hold.s, hold.n);
            break;
        case 'h':
            set(&hold, pattern.s, pattern.n);
            break;
        case 'H':
            add(&hold, "\n", 1);
            add(&hold, pattern.s, pattern.n);
            break;
        case 'x':
            swap = pattern;
            pattern = hold;
            hold = swap;
            break;
        case 'i':
            Bprint(&out, "%s", c->text);
            break;
        case 'l':
            list();
            break;
        case 'n':
            if (!nflag)
                put(&out, pattern.s, pattern.n);
            flushlater();
            set(&pattern, "", 0);
            if (!nextline())
                done();
            break;
        case 'N':
            flushlater();
            if (islast())
                done();
            add(&pattern, "\n", 1);
            nextline();
            break;
        case 'p':
            put(&out, pattern.s, pattern.n);
            break;
        case 'P':
            s = memchr(pattern.s, '\n', pattern.n);
            put(&out, pattern.s, s != nil ? s - pattern.s : pattern.n);
            break;
        case 'q':
            endcycle();
            done();
            break;
        case 's':
            substitute(c);
            break;
        case 'w':
            put(c->file, pattern.s, pattern.n);
            break;
        case 'y':
            translate(c);
            break;
        case '=':
            Bprint(&out, "%lld\n", lineno);
            break;
        }
    }
    return Next;
}

static void
usage(void)
{
    fprint(2, "usage: sed [-gn] [-e script] [-f sfile] [script] [file ...]\n");
    exits("usage");
}

static Space script;

static void
addfile(char *name)
{
    Biobuf *b = Bopen(name, OREAD);
    char buf[4096];
    long n;

    if (b == nil)
        sysfatal("Cannot open pattern-file: %s: %r", name);
    while ((n = Bread(b, buf, sizeof buf)) > 0)
        add(&script, buf, n);
    Bterm(b);
    if (script.n > 0 && script.s[script.n - 1] != '\n')
        add(&script, "\n", 1);
}

static void
addscript(char *s)
{
    add(&script, s, strlen(s));
    add(&script, "\n", 1);
}

void
main(int argc, char **argv)
{
    int given = 0, how;

    argv0 = "sed";
    set(&script, "", 0);
    ARGBEGIN {
    case 'e':
        given = 1;
        addscript(EARGF(usage()));
        break;
    case 'f':
        given = 1;
        addfile(EARGF(usage()));
        break;
    case 'g':
        gflag = 1;
        break;
    case 'n':
        nflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (!given) {
        if (argc == 0)
            usage();
        addscript(*argv++);
        argc--;
    }
    Binit(&out, 1, OWRITE);
    compile(script.s);
    if (argc == 0)
        in = Bfdopen(0, OREAD);
    files = argv;
    set(&hold, "", 0);
    set(&pattern, "", 0);
    for (how = Next;;) {
        if (how != Again) {
            set(&pattern, "", 0);
            if (!nextline())
                break;
        }
        replaced = 0;
        how = cycle();
        if (how == Next)
            endcycle();
        else
            flushlater();
    }
    done();
}
