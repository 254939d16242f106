/* test: whether an expression holds.  Source: test(1). */
#include <u.h>
#include <libc.h>

static char **words, **end;

static void __attribute__((noreturn))
bad(char *why)
{
    fprint(2, "test: %s\n", why);
    exits("usage");
}

static char *
next(void)
{
    if (words == end)
        bad("argument expected");
    return *words++;
}

static int
peek(char *s)
{
    return words < end && strcmp(*words, s) == 0;
}

static ulong
modeof(char *name)
{
    Dir *d = dirstat(name);
    ulong mode;

    if (d == nil)
        return 0;
    mode = d->mode;
    free(d);
    return mode;
}

static int
file(int c, char *name)
{
    Dir *d;
    int yes;

    switch (c) {
    case 'r':
        return access(name, AREAD) == 0;
    case 'w':
        return access(name, AWRITE) == 0;
    case 'x':
        return access(name, AEXEC) == 0;
    case 'A':
        return (modeof(name) & DMAPPEND) != 0;
    case 'L':
        return (modeof(name) & DMEXCL) != 0;
    case 'T':
        return (modeof(name) & DMTMP) != 0;
    }
    d = dirstat(name);
    if (d == nil)
        return 0;
    yes = c == 'e' ? 1 : c == 'd' ? (d->mode & DMDIR) != 0 : c == 'f' ? !(d->mode & DMDIR)
          : c == 's' ? d->length > 0 : 0;
    free(d);
    return yes;
}

/* Both are there, and a is younger. */
static int
younger(char *a, char *b)
{
    Dir *d = dirstat(a), *e = dirstat(b);
    int yes = d != nil && e != nil && d->mtime > e->mtime;

    free(d);
    free(e);
    return yes;
}

static vlong
number(char *s)
{
    char *e;
    vlong n;

    while (*s == ' ' || *s == '\t')
        s++;
    n = strtoll(s, &e, 10);
    while (*e == ' ' || *e == '\t')
        e++;
    if (e == s || *e != 0)
        bad("integer expression expected");
    return n;
}

/* -older: than a time in seconds, or before now by a number with a unit for each letter. */
static int
older(char *name, char *when)
{
    Dir *d = dirstat(name);
    ulong mtime, t = 0, n, unit;
    char *e;

    if (d == nil)
        return 0;
    mtime = d->mtime;
    free(d);
    n = strtoul(when, &e, 10);
    if (e == when)
        bad("bad time");
    if (*e == 0)
        return mtime < n;
    for (;; n = strtoul(e, &e, 10)) {
        switch (*e++) {
        case 'y': unit = 365 * 24 * 3600; break;
        case 'M': unit = 30 * 24 * 3600; break;
        case 'd': unit = 24 * 3600; break;
        case 'h': unit = 3600; break;
        case 'm': unit = 60; break;
        case 's': unit = 1; break;
        default: bad("bad time");
        }
        t += n * unit;
        if (*e == 0)
            break;
    }
    return mtime < (ulong)time(nil) - t;
}

static int
isatty(int fd)
{
    Dir *d = dirfstat(fd), *e = dirstat("/dev/cons");
    int yes = d != nil && e != nil && d->qid.path == e->qid.path && d->type == e->type
              && d->dev == e->dev;

    free(d);
    free(e);
    return yes;
}

static int either(void);

static int
isoperator(char *s)
{
    static char *operators[] = {"=", "!=", "-eq", "-ne", "-gt", "-lt", "-ge", "-le", "-nt", "-ot",
                                "-older", nil};
    int i;

    for (i = 0; operators[i] != nil; i++)
        if (strcmp(s, operators[i]) == 0)
            return 1;
    return 0;
}

static int
operation(char *a, char *o, char *b)
{
    if (strcmp(o, "=") == 0)
        return strcmp(a, b) == 0;
    if (strcmp(o, "!=") == 0)
        return strcmp(a, b) != 0;
    if (strcmp(o, "-nt") == 0)
        return younger(a, b);
    if (strcmp(o, "-ot") == 0)
        return younger(b, a);
    if (strcmp(o, "-older") == 0)
        return older(a, b);
    if (strcmp(o, "-eq") == 0)
        return number(a) == number(b);
    if (strcmp(o, "-ne") == 0)
        return number(a) != number(b);
    if (strcmp(o, "-gt") == 0)
        return number(a) > number(b);
    if (strcmp(o, "-lt") == 0)
        return number(a) < number(b);
    if (strcmp(o, "-ge") == 0)
        return number(a) >= number(b);
    return number(a) <= number(b);
}

static int
primary(void)
{
    char *a = next(), *o;
    int yes;

    if (words < end && isoperator(*words) && words + 1 < end) {
        o = next();
        return operation(a, o, next());
    }
    if (strcmp(a, "!") == 0)
        return !primary();
    if (strcmp(a, "(") == 0) {
        yes = either();
        if (!peek(")"))
            bad(") expected");
        words++;
        return yes;
    }
    if (a[0] == '-' && a[1] != 0 && a[2] == 0) {
        if (a[1] == 't')
            return isatty(words < end && **words >= '0' && **words <= '9' ? number(next()) : 1);
        if (words < end && strchr("rwxefdsALT", a[1]) != nil)
            return file(a[1], next());
        if (words < end && a[1] == 'n')
            return *next() != 0;
        if (words < end && a[1] == 'z')
            return *next() == 0;
    }
    return *a != 0;
}

static int
both(void)
{
    int yes = primary();

    while (peek("-a")) {
        words++;
        yes &= primary();
    }
    return yes;
}

static int
either(void)
{
    int yes = both();

    while (peek("-o")) {
        words++;
        yes |= both();
    }
    return yes;
}

void
main(int argc, char **argv)
{
    char *s = strrchr(argv[0], '/');
    int yes;

    argv0 = "test";
    words = argv + 1;
    end = argv + argc;
    if (strcmp(s != nil ? s + 1 : argv[0], "[") == 0) {
        if (argc < 2 || strcmp(argv[argc - 1], "]") != 0)
            bad("] missing");
        end--;
    }
    if (words == end)
        exits("false");
    yes = either();
    if (words < end)
        bad("unexpected operator/operand");
    exits(yes ? nil : "false");
}
