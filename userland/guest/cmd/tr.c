/* tr: other characters for characters.  Source: tr(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

typedef struct Set Set;
struct Set {
    struct Span {
        Rune lo;
        Rune hi;
    } *spans;
    int n;
    ulong count; /* characters */
};

static int
digit(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static char *
character(char *s, Rune *r)
{
    int n, base = 8;

    s += chartorune(r, s);
    if (*r != '\\' || *s == 0)
        return s;
    if (*s == 'x' && digit(s[1]) < 16) {
        base = 16;
        s++;
    } else if (digit(*s) >= 8) {
        return s + chartorune(r, s);
    }
    *r = 0;
    for (n = 0; n < (base == 8 ? 3 : 6) && digit(*s) < base; n++)
        *r = *r * base + digit(*s++);
    if (*r > Runemax)
        *r = Runeerror;
    return s;
}

static void
span(Set *set, Rune lo, Rune hi)
{
    set->spans = realloc(set->spans, (set->n + 1) * sizeof *set->spans);
    if (set->spans == nil)
        sysfatal("no memory");
    set->spans[set->n].lo = lo;
    set->spans[set->n++].hi = hi;
    set->count += hi - lo + 1;
}

static Set
parse(char *s)
{
    Set set = {nil, 0, 0};
    Rune lo, hi;

    while (*s != 0) {
        s = character(s, &lo);
        hi = lo;
        if (*s == '-' && s[1] != 0) {
            s = character(s + 1, &hi);
            if (hi < lo)
                sysfatal("Invalid range: %C-%C", lo, hi);
        }
        span(&set, lo, hi);
    }
    return set;
}

/* Which of the set r is, or -1; the last of those that are the same. */
static long
find(Set *set, Rune r)
{
    ulong at = set->count;
    int i;

    for (i = set->n; i-- > 0;) {
        at -= set->spans[i].hi - set->spans[i].lo + 1;
        if (r >= set->spans[i].lo && r <= set->spans[i].hi)
            return at + (r - set->spans[i].lo);
    }
    return -1;
}

static Rune
nth(Set *set, ulong n)
{
    int i;
    ulong m;

    for (i = 0; i < set->n; i++) {
        m = set->spans[i].hi - set->spans[i].lo + 1;
        if (n < m)
            return set->spans[i].lo + n;
        n -= m;
    }
    return set->spans[set->n - 1].hi;
}

/* Which of the characters not in the set r is. */
static ulong
rank(Set *set, Rune r)
{
    ulong n = 0;
    Rune c;

    for (c = 0; c < r && n <= 256; c++)
        n += find(set, c) < 0;
    return n;
}

enum { Same = -1, Gone = -2, Unknown = -3 };

static int cflag, dflag, sflag;
static Set from, to;

static long
translated(Rune r)
{
    long at = find(&from, r);

    if (cflag)
        at = at >= 0 ? -1 : to.n > 0 && to.count > 1 ? (long)rank(&from, r) : 0;
    if (at < 0)
        return Same;
    if (dflag)
        return Gone;
    return to.n == 0 ? Same : (long)nth(&to, at);
}

void
main(int argc, char **argv)
{
    static Biobuf in, out;
    static long known[Runeself];
    long r, x, last = -1;

    argv0 = "tr";
    ARGBEGIN {
    case 'c':
        cflag = 1;
        break;
    case 'd':
        dflag = 1;
        break;
    case 's':
        sflag = 1;
        break;
    default:
    usage:
        fprint(2, "usage: tr [-cds] [string1 [string2]]\n");
        exits("usage");
    }
    ARGEND
    if (argc > 2 || argc == 0 || argc == 1 && !dflag && !sflag)
        goto usage;
    from = parse(argv[0]);
    if (argc == 2)
        to = parse(argv[1]);
    for (r = 0; r < Runeself; r++)
        known[r] = Unknown;
    Binit(&in, 0, OREAD);
    Binit(&out, 1, OWRITE);
    while ((r = Bgetrune(&in)) >= 0) {
        x = r < Runeself ? known[r] : Unknown;
        if (x == Unknown) {
            x = translated(r);
            if (r < Runeself)
                known[r] = x;
        }
        if (x == Gone)
            continue;
        if (x == Same) {
            x = r;
            if (!sflag || find(to.n > 0 ? &to : &from, x) < 0) {
                last = -1;
                Bputrune(&out, x);
                continue;
            }
        }
        if (sflag && x == last)
            continue;
        last = x;
        Bputrune(&out, x);
    }
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
