/* fmt: paragraphs filled.  Source: fmt(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static long width = 70, indent;
static int join = 1;
static Biobuf out;
static char **words; /* of the paragraph */
static long nword, room;
static long first; /* columns that it begins with */

static void
addword(char *s, long n)
{
    if (nword == room) {
        room = room == 0 ? 256 : 2 * room;
        words = realloc(words, room * sizeof *words);
        if (words == nil)
            sysfatal("no memory");
    }
    words[nword] = malloc(n + 1);
    if (words[nword] == nil)
        sysfatal("no memory");
    memmove(words[nword], s, n);
    words[nword++][n] = 0;
}

static void
blanks(long n)
{
    for (; n >= 8; n -= 8)
        Bputc(&out, '\t');
    for (; n > 0; n--)
        Bputc(&out, ' ');
}

static int
sentence(char *s)
{
    long n = strlen(s);

    return n > 0 && strchr(".!?:", s[n - 1]) != nil && s[n - 1] != 0;
}

/* All words in lines as long as may be. */
static void
flush(void)
{
    long i, column = 0, gap = 0, n, left = first;

    for (i = 0; i < nword; i++) {
        n = utflen(words[i]);
        if (column > 0 && column + gap + n > width) {
            Bputc(&out, '\n');
            column = 0;
        }
        if (column == 0) {
            blanks(indent + left);
            column = left;
        } else
            for (column += gap; gap > 0; gap--)
                Bputc(&out, ' ');
        Bprint(&out, "%s", words[i]);
        column += n;
        gap = sentence(words[i]) ? 2 : 1;
        free(words[i]);
    }
    if (nword > 0)
        Bputc(&out, '\n');
    nword = 0;
}

static void
fmt(Biobuf *b)
{
    char *s, *p, *e;
    long n, before = -1;

    while ((s = Brdstr(b, '\n', 1)) != nil) {
        for (n = 0, p = s; *p == ' ' || *p == '\t'; p++)
            n = *p == '\t' ? (n + 8) / 8 * 8 : n + 1;
        if (*p == 0) {
            flush();
            Bputc(&out, '\n');
            before = -1;
        } else {
            if (!join || before >= 0 && n != before)
                flush();
            if (nword == 0)
                first = n;
            before = n;
            for (; *p != 0; p = e + strspn(e, " \t")) {
                e = p + strcspn(p, " \t");
                addword(p, e - p);
            }
        }
        free(s);
    }
    flush();
}

static void
usage(void)
{
    fprint(2, "usage: fmt [-j] [-i indent] [-l length] [file...]\n");
    exits("usage");
}

static long
number(char *s)
{
    long n = strtol(s, &s, 10);

    if (*s != 0 || n < 0)
        usage();
    return n;
}

void
main(int argc, char **argv)
{
    Biobuf *b;

    argv0 = "fmt";
    ARGBEGIN {
    case 'i':
        indent = number(EARGF(usage()));
        break;
    case 'j':
        join = 0;
        break;
    case 'w':
    case 'l':
        width = number(EARGF(usage()));
        break;
    default:
        usage();
    }
    ARGEND
    Binit(&out, 1, OWRITE);
    if (argc == 0)
        fmt(Bfdopen(0, OREAD));
    for (; *argv != nil; argv++) {
        b = Bopen(*argv, OREAD);
        if (b == nil)
            sysfatal("can't open %s: %r", *argv);
        fmt(b);
        Bterm(b);
    }
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
