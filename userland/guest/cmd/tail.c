/* tail: the last part of a file.  Source: tail(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static int fromstart, bycharacter, backwards, follow;
static vlong count = 10;
static char *buf;
static ulong have, room;
static Biobuf out;

static void
usage(void)
{
    fprint(2, "usage: tail [-n N] [-c N] [-f] [-r] [+-N[bc][fr]] [file]\n");
    exits("usage");
}

static void
put(char *s, ulong n)
{
    if (Bwrite(&out, s, n) < 0)
        sysfatal("write error: %r");
}

static void
more(int fd)
{
    static char piece[IOUNIT];
    Dir *d;
    vlong at = seek(fd, 0, 1);
    long n;

    for (;;) {
        while ((n = read(fd, piece, sizeof piece)) > 0) {
            put(piece, n);
            at += n;
        }
        Bflush(&out);
        if (!follow || n < 0)
            break;
        sleep(1000);
        d = dirfstat(fd);
        if (d != nil && d->length < at && d->length >= 0 && !(d->mode & DMDIR)) {
            seek(fd, 0, 0); /* it was cut off */
            at = 0;
        }
        free(d);
    }
    if (n < 0)
        sysfatal("read error: %r");
}

/* From the line or character with that number on. */
static void
skip(int fd)
{
    static char piece[IOUNIT];
    vlong left = bycharacter ? count : count > 0 ? count - 1 : 0;
    long n;
    char *s, *e;

    while ((n = read(fd, piece, sizeof piece)) > 0) {
        s = piece;
        if (bycharacter) {
            if (left >= n) {
                left -= n;
                continue;
            }
            s += left;
            left = 0;
        } else
            while (left > 0 && s < piece + n) {
                e = memchr(s, '\n', piece + n - s);
                s = e != nil ? e + 1 : piece + n;
                left -= e != nil;
            }
        put(s, piece + n - s);
        if (left == 0)
            break;
    }
    if (n < 0)
        sysfatal("read error: %r");
    more(fd);
}

/* The place of the last count lines, or of the last count characters, in s of n bytes. */
static char *
last(char *s, ulong n)
{
    char *p = s + n;
    vlong left = count;

    if (bycharacter)
        return count >= n ? s : s + n - count;
    if (count == 0)
        return p;
    for (; p > s; p--)
        if (p[-1] == '\n' && p != s + n && --left == 0)
            break;
    return p;
}

static void
keep(int fd)
{
    long n;
    char *s;
    Dir *d = dirfstat(fd);

    if (d != nil && bycharacter && !backwards && d->length > count)
        seek(fd, -count, 2);
    free(d);
    for (;;) {
        if (room - have < IOUNIT) {
            if (!backwards || count < ~0ull >> 1) { /* what is needed no more goes */
                s = last(buf, have);
                have -= s - buf;
                memmove(buf, s, have);
            }
            if (room - have < room / 2 + IOUNIT) {
                room = 2 * room + 4 * IOUNIT;
                buf = realloc(buf, room);
                if (buf == nil)
                    sysfatal("no memory");
            }
        }
        n = read(fd, buf + have, IOUNIT);
        if (n <= 0)
            break;
        have += n;
    }
    if (n < 0)
        sysfatal("read error: %r");
}

static void
reverse(char *s, char *e)
{
    char *p, *q;

    for (q = e; q > s; q = p) {
        for (p = q - 1; p > s && p[-1] != '\n'; p--)
            ;
        put(p, q - p);
    }
}

/* The old form, +-N[lbc][fr]. */
static void
oldform(char *s)
{
    fromstart = *s++ == '+';
    if (*s >= '0' && *s <= '9')
        count = strtoll(s, &s, 10);
    for (; *s != 0; s++)
        switch (*s) {
        case 'b':
            count *= 1024;
            /* fall through */
        case 'c':
            bycharacter = 1;
            break;
        case 'l':
            bycharacter = 0;
            break;
        case 'f':
            follow = 1;
            break;
        case 'r':
            backwards = 1;
            break;
        default:
            usage();
        }
}

static void
number(char *s)
{
    if (*s == '+' || *s == '-')
        fromstart = *s++ == '+';
    count = strtoll(s, &s, 10);
    if (*s != 0 || count < 0)
        usage();
}

void
main(int argc, char **argv)
{
    int fd = 0, given = 0, i;
    char *s;

    argv0 = "tail";
    for (i = 1; i < argc && (argv[i][0] == '-' || argv[i][0] == '+'); i++) {
        s = argv[i];
        if (strcmp(s, "--") == 0) {
            i++;
            break;
        }
        if (s[0] == '-' && (s[1] == 'n' || s[1] == 'c')) {
            bycharacter = s[1] == 'c';
            given = 1;
            if (s[2] != 0)
                number(s + 2);
            else if (i + 1 < argc)
                number(argv[++i]);
            else
                usage();
            continue;
        }
        if (s[1] >= '0' && s[1] <= '9' || s[0] == '+')
            given = 1;
        oldform(s);
    }
    if (argc - i > 1)
        usage();
    if (backwards && (fromstart || follow && given && bycharacter))
        sysfatal("incompatible options");
    if (backwards && !given)
        count = ~0ull >> 1;
    if (i < argc) {
        fd = open(argv[i], OREAD);
        if (fd < 0)
            sysfatal("can't open %s: %r", argv[i]);
    }
    Binit(&out, 1, OWRITE);
    if (fromstart)
        skip(fd);
    else {
        keep(fd);
        s = last(buf, have);
        if (backwards)
            reverse(s, buf + have);
        else
            put(s, buf + have - s);
        if (follow)
            more(fd);
    }
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
