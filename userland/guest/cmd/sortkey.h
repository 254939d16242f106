/* sort(1): keys and their order. */

enum { Fb = 1, Fd = 2, Ff = 4, Fi = 8, Fw = 16, Fr = 32, Fn = 64, Fg = 128, FM = 256 };
enum { Fvalue = Fn | Fg | FM, Fedit = Fd | Ff | Fi | Fw };

typedef struct Key Key;
struct Key {
    int flags;
    int endflags;
    long field; /* +pos1: fields to skip, then characters */
    long rune;
    long endfield; /* -pos2; -1: the end of the line */
    long endrune;
};

static Key *keys;
static int nkey;
static int globals; /* the flags of keys that have none of their own */
static Rune separator;
static int reversed;   /* for lines that are compared whole */
static int wholelines; /* no key was given: those that are equal by the flags stay as they are */

static uchar *
skipblanks(uchar *s, uchar *e)
{
    while (s < e && (*s == ' ' || *s == '\t'))
        s++;
    return s;
}

static uchar *
skiprunes(uchar *s, uchar *e, long n)
{
    Rune r;

    for (; n > 0 && s < e; n--)
        s += *s < Runeself ? 1 : chartorune(&r, (char *)s);
    return s < e ? s : e;
}

static uchar *
skipfields(uchar *s, uchar *e, long n)
{
    Rune r;
    int w;

    for (; n > 0 && s < e; n--) {
        if (separator == 0) {
            for (s = skipblanks(s, e); s < e && *s != ' ' && *s != '\t'; s++)
                ;
            continue;
        }
        for (; s < e; s += w) {
            w = chartorune(&r, (char *)s);
            if (r == separator) {
                s += w;
                break;
            }
        }
    }
    return s < e ? s : e;
}

/* Where key k lies in the line from s to e. */
static uchar *
locate(Key *k, uchar *s, uchar *e, uchar **end)
{
    uchar *b = skipfields(s, e, k->field), *t = e;

    if (k->flags & Fb)
        b = skipblanks(b, e);
    b = skiprunes(b, e, k->rune);
    if (k->endfield >= 0) {
        t = skipfields(s, e, k->endfield);
        if (k->endrune == 0) { /* the field's end, without what separates it */
            if (separator != 0 && t > s && t < e)
                t -= runelen(separator);
        } else {
            if (k->endflags & Fb)
                t = skipblanks(t, e);
            t = skiprunes(t, e, k->endrune);
        }
    }
    *end = t > b ? t : b;
    return b;
}

static uchar *
sign(uchar *s, uchar *e, int *minus)
{
    while (s < e && (*s == ' ' || *s == '\t'))
        s++;
    *minus = s < e && *s == '-';
    if (s < e && (*s == '-' || *s == '+'))
        s++;
    while (s < e && *s == '0')
        s++;
    return s;
}

static long
digits(uchar *s, uchar *e)
{
    uchar *b = s;

    while (s < e && *s >= '0' && *s <= '9')
        s++;
    return s - b;
}

static int
zero(uchar *s, long n, long m)
{
    long i;

    if (n > 0)
        return 0;
    for (i = 0; i < m; i++)
        if (s[i] != '0')
            return 0;
    return 1;
}

/* By value, with as many digits as there are. */
static int
bynumber(uchar *a, uchar *ae, uchar *b, uchar *be)
{
    int ma, mb, c = 0;
    long na, nb, fa = 0, fb = 0, i;
    uchar *pa, *pb;

    a = sign(a, ae, &ma);
    b = sign(b, be, &mb);
    na = digits(a, ae);
    nb = digits(b, be);
    pa = a + na;
    pb = b + nb;
    if (pa < ae && *pa == '.')
        fa = digits(++pa, ae);
    if (pb < be && *pb == '.')
        fb = digits(++pb, be);
    if (zero(pa, na, fa))
        ma = 0;
    if (zero(pb, nb, fb))
        mb = 0;
    if (ma != mb)
        return ma ? -1 : 1;
    if (na != nb)
        c = na < nb ? -1 : 1;
    else
        c = memcmp(a, b, na);
    for (i = 0; c == 0 && (i < fa || i < fb); i++)
        c = (i < fa ? pa[i] : '0') - (i < fb ? pb[i] : '0');
    return ma ? -c : c;
}

static double
value(uchar *s, uchar *e)
{
    char buf[512];
    long n = e - s;

    if (n > (long)sizeof buf - 1)
        n = sizeof buf - 1;
    memmove(buf, s, n);
    buf[n] = 0;
    return strtod(buf, nil);
}

static int
month(uchar *s, uchar *e)
{
    static char const names[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    int i, j;

    s = skipblanks(s, e);
    if (e - s < 3)
        return 0;
    for (i = 0; i < 12; i++) {
        for (j = 0; j < 3; j++) {
            int c = s[j];

            if (c >= 'a' && c <= 'z')
                c += 'A' - 'a';
            if (c != names[3 * i + j])
                break;
        }
        if (j == 3)
            return i + 1;
    }
    return 0;
}

/* The next character that counts, or -1. */
static long
counted(uchar **s, uchar *e, int flags)
{
    Rune r;

    while (*s < e) {
        if (**s < Runeself)
            r = *(*s)++;
        else
            *s += chartorune(&r, (char *)*s);
        if (flags & Fw && (r == ' ' || r == '\t'))
            continue;
        if (flags & Fi && (r < ' ' || r == 0x7f))
            continue;
        if (flags & Fd && r != ' ' && r != '\t' && !isalpharune(r) && !(r >= '0' && r <= '9'))
            continue;
        return flags & Ff ? (long)tolowerrune(r) : (long)r;
    }
    return -1;
}

static int
bytes(uchar *a, long n, uchar *b, long m)
{
    int c = memcmp(a, b, n < m ? n : m);

    return c != 0 ? c : n < m ? -1 : n > m;
}

static int
bytext(uchar *a, uchar *ae, uchar *b, uchar *be, int flags)
{
    long x, y;

    if (!(flags & Fedit))
        return bytes(a, ae - a, b, be - b);
    do {
        x = counted(&a, ae, flags);
        y = counted(&b, be, flags);
    } while (x == y && x >= 0);
    return x < y ? -1 : x > y;
}

static int
bykeys(uchar *a, long n, uchar *b, long m)
{
    uchar *ks, *ke, *ls, *le;
    Key *k;
    int c;
    double x, y;

    for (k = keys; k < keys + nkey; k++) {
        ks = locate(k, a, a + n, &ke);
        ls = locate(k, b, b + m, &le);
        if (k->flags & Fn)
            c = bynumber(ks, ke, ls, le);
        else if (k->flags & Fg) {
            x = value(ks, ke);
            y = value(ls, le);
            c = x < y ? -1 : x > y;
        } else if (k->flags & FM)
            c = month(ks, ke) - month(ls, le);
        else
            c = bytext(ks, ke, ls, le, k->flags);
        if (c != 0)
            return k->flags & Fr ? -c : c;
    }
    return 0;
}

/* A position, FIELD[.RUNE]; from counts both from there. */
static char *
position(char *s, long from, long *field, long *rune)
{
    *rune = 0;
    *field = strtol(s, &s, 10) - from;
    if (*s == '.')
        *rune = strtol(s + 1, &s, 10) - from;
    if (*field < 0)
        *field = 0;
    return s;
}

static char *
keyflags(char *s, int *flags)
{
    static char const names[] = "bdfiwrngM";
    char *f;

    for (; *s != 0 && (f = strchr(names, *s)) != nil; s++)
        *flags |= 1 << (f - names);
    return s;
}

static Key *
newkey(void)
{
    keys = realloc(keys, (nkey + 1) * sizeof *keys);
    if (keys == nil)
        sysfatal("no memory");
    memset(&keys[nkey], 0, sizeof *keys);
    keys[nkey].endfield = -1;
    return &keys[nkey++];
}

/* Flags go to keys without their own; without keys the line is one, if it needs one. */
static void
settlekeys(void)
{
    int i;

    wholelines = nkey == 0;
    if (nkey == 0 && (globals & ~Fr) != 0)
        newkey();
    for (i = 0; i < nkey; i++)
        if (keys[i].flags == 0 && keys[i].endflags == 0)
            keys[i].flags = keys[i].endflags = globals;
        else
            keys[i].flags |= keys[i].endflags & ~Fb;
    reversed = globals & Fr;
}
