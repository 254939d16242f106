/* grep: lines that match.  Source: grep(1).  The input is looked through in big pieces of
 * whole lines, not line by line. */
#include <u.h>
#include <libc.h>
#include <bio.h>
#include <regexp.h>

enum { Piece = 64 * 1024 };

static int bflag, cflag, hflag, iflag, lflag, Lflag, nflag, sflag, vflag, names;
static char *patterns; /* each as (pattern), with | between them */
static Reprog *prog;
static Biobuf out;
static int matched, errors;
static char *buf;
static long room;

static void
usage(void)
{
    fprint(2, "usage: grep [-bchiLlnsv] [-e pattern] [-f patternfile] [pattern] [file ...]\n");
    exits("usage");
}

void
regerror(char *s)
{
    fprint(2, "grep: %s\n", s);
    exits("bad pattern");
}

static void
pattern(char *p)
{
    char *all;
    Rune r;
    Fmt f;

    if (*p == 0)
        regerror("empty pattern");
    fmtstrinit(&f);
    while (*p != 0) {
        p += chartorune(&r, p);
        fmtrune(&f, iflag ? tolowerrune(r) : r);
    }
    p = fmtstrflush(&f);
    if (p == nil)
        sysfatal("no memory");
    regfree(regcomp(p)); /* right by itself, without parentheses around it */
    all = patterns == nil ? smprint("(%s)", p) : smprint("%s|(%s)", patterns, p);
    if (all == nil)
        sysfatal("no memory");
    free(patterns);
    free(p);
    patterns = all;
}

/* One pattern a line. */
static void
addpatterns(char *s)
{
    char *e;

    for (;; s = e + 1) {
        e = strchr(s, '\n');
        if (e != nil)
            *e = 0;
        pattern(s);
        if (e == nil)
            break;
    }
}

static void
patternfile(char *name)
{
    Biobuf *b = Bopen(name, OREAD);
    char *s;

    if (b == nil)
        sysfatal("can't open %s: %r", name);
    while ((s = Brdstr(b, '\n', 1)) != nil) {
        pattern(s);
        free(s);
    }
    Bterm(b);
}

typedef struct Where Where;
struct Where {
    char *name;
    vlong line;   /* before the place up to which lines were counted */
    vlong count;  /* lines found */
};

static void
put(Where *w, char *s, char *e)
{
    w->count++;
    if (cflag || lflag || Lflag || sflag)
        return;
    if (names)
        Bprint(&out, "%s:", w->name);
    if (nflag)
        Bprint(&out, "%lld: ", w->line);
    Bwrite(&out, s, e - s);
    if (bflag)
        Bflush(&out);
}

static char *
lineend(char *s, char *e)
{
    char *n = memchr(s, '\n', e - s);

    return n != nil ? n + 1 : e;
}

/* The lines from s to e, which do not match. */
static void
rest(Where *w, char *s, char *e)
{
    char *n;

    if (!vflag && !nflag)
        return;
    for (; s < e; s = n) {
        n = lineend(s, e);
        w->line++;
        if (vflag)
            put(w, s, n);
    }
}

/* Whole lines from s to e; 0: enough is known. */
static int
piece(Where *w, char *s, char *e)
{
    char *from = s, *at, *n;

    while (s < e) {
        at = (char *)regscan(prog, s, e);
        if (at == nil)
            break;
        for (from = at; from > s && from[-1] != '\n'; from--)
            ;
        n = lineend(at, e);
        rest(w, s, from);
        w->line++;
        if (!vflag)
            put(w, from, n);
        s = n;
        if (w->count > 0 && (sflag || lflag || Lflag))
            return 0;
    }
    rest(w, s, e);
    return !(w->count > 0 && (sflag || lflag || Lflag));
}

static void
search(int fd, char *name)
{
    Where w = {name, 0, 0};
    long have = 0, n, whole;
    char *last;

    for (;;) {
        if (have == room) {
            room *= 2;
            buf = realloc(buf, room);
            if (buf == nil)
                sysfatal("no memory for a line of %s", name);
        }
        n = read(fd, buf + have, room - have);
        if (n < 0) {
            fprint(2, "grep: error reading %s: %r\n", name);
            errors = 1;
        }
        if (n <= 0)
            break;
        for (last = buf + have + n; last > buf + have && last[-1] != '\n'; last--)
            ;
        have += n;
        if (last == buf + have - n && last[-1] != '\n')
            continue; /* no end of a line yet */
        whole = last - buf;
        if (!piece(&w, buf, last)) {
            have = 0;
            break;
        }
        have -= whole;
        memmove(buf, last, have);
    }
    if (have > 0)
        piece(&w, buf, buf + have);
    if (w.count > 0)
        matched = 1;
    if (sflag)
        return;
    if (lflag && w.count > 0 || Lflag && w.count == 0)
        Bprint(&out, "%s\n", name);
    else if (cflag && names)
        Bprint(&out, "%s:%lld\n", name, w.count);
    else if (cflag)
        Bprint(&out, "%lld\n", w.count);
}

void
main(int argc, char **argv)
{
    char **files = nil, **given = nil;
    int nfile = 0, ngiven = 0, i, fd;

    argv0 = "grep";
    files = calloc(argc + 1, sizeof *files);
    given = calloc(argc + 1, sizeof *given);
    if (files == nil || given == nil)
        sysfatal("no memory");
    ARGBEGIN {
    case 'b':
        bflag = 1;
        break;
    case 'c':
        cflag = 1;
        break;
    case 'e':
        given[ngiven++] = EARGF(usage());
        break;
    case 'f':
        files[nfile++] = EARGF(usage());
        break;
    case 'h':
        hflag = 1;
        break;
    case 'i':
        iflag = 1;
        break;
    case 'l':
        lflag = 1;
        break;
    case 'L':
        Lflag = 1;
        break;
    case 'n':
        nflag = 1;
        break;
    case 's':
        sflag = 1;
        break;
    case 'v':
        vflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    for (i = 0; i < ngiven; i++)
        addpatterns(given[i]);
    for (i = 0; i < nfile; i++)
        patternfile(files[i]);
    if (ngiven + nfile == 0) {
        if (argc == 0)
            usage();
        addpatterns(*argv++);
        argc--;
    }
    if (patterns != nil) {
        prog = regcomp(patterns);
        if (iflag)
            regfold(prog);
    } else
        prog = regcomp("a^"); /* an empty file of patterns: nothing matches */
    room = Piece;
    buf = malloc(room);
    if (buf == nil)
        sysfatal("no memory");
    Binit(&out, 1, OWRITE);
    names = argc > 1 && !hflag;
    if (argc == 0)
        search(0, "/fd/0");
    for (i = 0; i < argc; i++) {
        fd = open(argv[i], OREAD);
        if (fd < 0) {
            fprint(2, "grep: can't open %s: %r\n", argv[i]);
            errors = 1;
            continue;
        }
        search(fd, argv[i]);
        close(fd);
        if (sflag && matched)
            break;
    }
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(errors ? "can't read" : matched ? nil : "no matches");
}
