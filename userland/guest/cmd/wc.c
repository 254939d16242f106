/* wc: lines, words, runes, broken codes and bytes.  Source: wc(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

enum { Lines, Words, Runes, Broken, Bytes, Ncount };

static uvlong total[Ncount];
static int wanted[Ncount];
static char *errors;
static Biobuf out;

static void
put(uvlong *n, char *name)
{
    int i;

    for (i = 0; i < Ncount; i++)
        if (wanted[i])
            Bprint(&out, " %7llud", n[i]);
    if (name != nil)
        Bprint(&out, " %s", name);
    Bprint(&out, "\n");
}

static void
count(int fd, char *name)
{
    static char buf[IOUNIT + UTFmax];
    uvlong n[Ncount] = {0};
    int inword = 0, have = 0;
    char *s, *e;
    long got;
    Rune r;

    for (;;) {
        got = read(fd, buf + have, IOUNIT);
        if (got < 0) {
            fprint(2, "wc: %s: %r\n", name);
            errors = "can't read";
        }
        if (got <= 0)
            break;
        n[Bytes] += got;
        e = buf + have + got;
        for (s = buf; s < e;) {
            if ((uchar)*s < Runeself)
                r = *s++;
            else {
                int w;

                if (!fullrune(s, e - s))
                    break;
                w = chartorune(&r, s);
                if (r == Runeerror && w == 1)
                    n[Broken]++;
                s += w;
            }
            n[Runes]++;
            if (r == '\n')
                n[Lines]++;
            if (r == ' ' || r == '\t' || r == '\n')
                inword = 0;
            else if (!inword) {
                inword = 1;
                n[Words]++;
            }
        }
        have = e - s;
        memmove(buf, s, have);
    }
    if (have > 0) { /* the beginning of a character, and no more */
        n[Runes] += have;
        n[Broken] += have;
        n[Words] += !inword;
    }
    put(n, name);
    for (have = 0; have < Ncount; have++)
        total[have] += n[have];
}

void
main(int argc, char **argv)
{
    static char const letters[] = "lwrbc";
    int i, fd, any = 0;

    argv0 = "wc";
    ARGBEGIN {
    default: {
        char const *s = ARGC() < Runeself ? strchr(letters, ARGC()) : nil;

        if (s == nil) {
            fprint(2, "usage: wc [-lwrbc] [file ...]\n");
            exits("usage");
        }
        wanted[s - letters] = any = 1;
    }
    }
    ARGEND
    if (!any)
        wanted[Lines] = wanted[Words] = wanted[Bytes] = 1;
    Binit(&out, 1, OWRITE);
    if (argc == 0)
        count(0, nil);
    for (i = 0; i < argc; i++) {
        fd = open(argv[i], OREAD);
        if (fd < 0) {
            fprint(2, "wc: can't open %s: %r\n", argv[i]);
            errors = "can't open";
            continue;
        }
        count(fd, argv[i]);
        close(fd);
    }
    if (argc > 1)
        put(total, "total");
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(errors);
}
