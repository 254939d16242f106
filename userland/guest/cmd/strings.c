/* strings: text in a file of anything.  Source: strings(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

enum { Longest = 128 };

static long least = 6;
static Biobuf out;

static void
strings(Biobuf *b)
{
    Rune run[Longest + 1];
    vlong at = 0, start = 0;
    long r, n = 0;

    for (;;) {
        at = Boffset(b);
        r = Bgetrune(b);
        if (r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0)) {
            if (n == 0)
                start = at;
            run[n++] = r;
            if (n < Longest)
                continue;
        }
        if (n >= least) {
            run[n] = 0;
            Bprint(&out, "%8lld: %S%s\n", start, run, n == Longest ? " ..." : "");
        }
        n = 0;
        if (r < 0)
            break;
    }
}

void
main(int argc, char **argv)
{
    Biobuf *b;
    char *s;

    argv0 = "strings";
    ARGBEGIN {
    case 'm':
        s = ARGF();
        if (s != nil) {
            least = strtol(s, &s, 10);
            if (*s == 0 && least > 0 && least <= Longest)
                break;
        }
        /* fall through */
    default:
        fprint(2, "usage: strings [-m min] [file...]\n");
        exits("usage");
    }
    ARGEND
    Binit(&out, 1, OWRITE);
    if (argc == 0)
        strings(Bfdopen(0, OREAD));
    for (; *argv != nil; argv++) {
        b = Bopen(*argv, OREAD);
        if (b == nil)
            sysfatal("open %s: %r", *argv);
        if (argc > 1)
            Bprint(&out, "%s:\n", *argv);
        strings(b);
        Bterm(b);
    }
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
