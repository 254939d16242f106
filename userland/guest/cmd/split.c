/* split: a file in pieces.  Source: split(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>
#include <regexp.h>

static char *stem, *suffix = "";
static long serial;

static void
usage(void)
{
    fprint(2, "usage: split [-n num] [-e exp] [-f stem] [-s suffix] [-x] [-i] [file]\n");
    exits("usage");
}

/* The next of aa ab ... zz; the one before ends. */
static Biobuf *
piece(Biobuf *old, char *given)
{
    char *name;
    Biobuf *b;

    if (old != nil && Bterm(old) < 0)
        sysfatal("write error: %r");
    if (given != nil)
        name = smprint("%s%s", given, suffix);
    else {
        if (serial >= 26 * 26)
            sysfatal("file %szz is not the last", stem);
        name = smprint("%s%c%c%s", stem, (int)('a' + serial / 26), (int)('a' + serial % 26), suffix);
        serial++;
    }
    b = name != nil ? Bopen(name, OWRITE) : nil;
    if (b == nil)
        sysfatal("can't create %s: %r", name);
    free(name);
    return b;
}

static char *
lowered(char *s)
{
    Fmt f;
    Rune r;

    fmtstrinit(&f);
    while (*s != 0) {
        s += chartorune(&r, s);
        fmtrune(&f, tolowerrune(r));
    }
    return fmtstrflush(&f);
}

/* A matching line begins a piece; its first subexpression, if there is one, is the name. */
static void
byexpression(Biobuf *in, char *exp, int xflag, int iflag)
{
    Reprog *re = regcomp(iflag ? lowered(exp) : exp);
    Biobuf *b = nil;
    Resub m[2];
    char *s, *low, *name;

    while ((s = Brdstr(in, '\n', 1)) != nil) {
        low = iflag ? lowered(s) : s;
        memset(m, 0, sizeof m);
        if (regexec(re, low, m, 2) > 0) {
            name = m[1].sp != nil && m[1].ep > m[1].sp
                       ? smprint("%.*s", utfnlen(m[1].sp, m[1].ep - m[1].sp), m[1].sp) : nil;
            b = piece(b, name);
            free(name);
            if (!xflag)
                Bprint(b, "%s\n", s);
        } else {
            if (b == nil)
                b = piece(b, nil);
            Bprint(b, "%s\n", s);
        }
        if (low != s)
            free(low);
        free(s);
    }
    if (b != nil && Bterm(b) < 0)
        sysfatal("write error: %r");
}

static void
bynumber(Biobuf *in, long lines)
{
    Biobuf *b = nil;
    long n = lines;
    int c;

    while ((c = BGETC(in)) >= 0) {
        if (n == lines) {
            b = piece(b, nil);
            n = 0;
        }
        if (BPUTC(b, c) < 0)
            sysfatal("write error: %r");
        n += c == '\n';
    }
    if (b != nil && Bterm(b) < 0)
        sysfatal("write error: %r");
}

void
main(int argc, char **argv)
{
    char *exp = nil, *s;
    long lines = 1000;
    int xflag = 0, iflag = 0;
    Biobuf *in;

    argv0 = "split";
    stem = "x";
    ARGBEGIN {
    case 'l':
    case 'n':
        s = EARGF(usage());
        lines = strtol(s, &s, 10);
        if (*s != 0 || lines <= 0)
            usage();
        break;
    case 'e':
        exp = EARGF(usage());
        break;
    case 'f':
        stem = EARGF(usage());
        break;
    case 's':
        suffix = EARGF(usage());
        break;
    case 'x':
        xflag = 1;
        break;
    case 'i':
        iflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc > 1)
        usage();
    in = argc == 1 ? Bopen(argv[0], OREAD) : Bfdopen(0, OREAD);
    if (in == nil)
        sysfatal("can't open %s: %r", argv[0]);
    if (exp != nil)
        byexpression(in, exp, xflag, iflag);
    else
        bynumber(in, lines);
    exits(nil);
}
