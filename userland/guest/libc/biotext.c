/* bio(2): runes, numbers and formatted text. */
#include <u.h>
#include <libc.h>
#include <bio.h>

long
Bgetrune(Biobufhdr *b)
{
    char s[UTFmax];
    Rune r;
    int c, n;

    c = BGETC(b);
    if (c < Runeself) {
        b->runesize = c >= 0;
        return c;
    }
    s[0] = c;
    for (n = 1; !fullrune(s, n); n++) {
        c = Bgetc(b);
        if (c < 0) {
            b->eof = 1; /* for whoever asks next */
            break;
        }
        s[n] = c;
    }
    if (!fullrune(s, n)) {
        r = Runeerror;
        b->runesize = 1;
    } else
        b->runesize = chartorune(&r, s);
    b->next -= n - b->runesize;
    return r;
}

int
Bungetrune(Biobufhdr *b)
{
    if (b->mode != OREAD || b->runesize <= 0 || b->next - b->first < b->runesize)
        return Beof;
    b->next -= b->runesize;
    b->runesize = 0;
    return 1;
}

int
Bputrune(Biobufhdr *b, long c)
{
    Rune r = c;
    char s[UTFmax];
    int n;

    if (r < Runeself)
        return BPUTC(b, c) < 0 ? Beof : 1;
    n = runetochar(s, &r);
    return Bwrite(b, s, n) == n ? n : Beof;
}

static int
next(void *b)
{
    return Bgetc(b);
}

/* A number; the character after it stays. */
int
Bgetd(Biobufhdr *b, double *d)
{
    int c;

    do
        c = Bgetc(b);
    while (c == ' ' || c == '\t' || c == '\n');
    if (c < 0)
        return -1;
    Bungetc(b);
    *d = charstod(next, b);
    Bungetc(b);
    return 1;
}

static int
flush(Fmt *f)
{
    Biobufhdr *b = f->farg;

    b->next = f->to;
    if (Bflush(b) < 0)
        return 0;
    f->start = f->to = b->next;
    f->stop = b->end;
    return 1;
}

int
Bvprint(Biobufhdr *b, char const *format, va_list args)
{
    Fmt f;
    int n;

    if (b->mode != OWRITE)
        return Beof;
    memset(&f, 0, sizeof f);
    f.start = f.to = b->next;
    f.stop = b->end;
    f.flush = flush;
    f.farg = b;
    va_copy(f.args, args);
    n = dofmt(&f, format);
    if (b->mode != OWRITE)
        return Beof;
    b->next = f.to;
    return n < 0 ? Beof : f.nfmt;
}

int
Bprint(Biobufhdr *b, char const *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = Bvprint(b, format, args);
    va_end(args);
    return n;
}
