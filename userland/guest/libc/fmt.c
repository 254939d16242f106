/*
 * The formatter behind print and its family: flags, verbs, and a buffer that is flushed
 * when it is full.  Source: print(2), fmtinstall(2).
 *
 * A verb's function gets its argument from f->args, obeys f->width, f->prec and f->flags,
 * writes by fmtrune and the rest, and returns 0, or -1 when there is no more room.
 */
#include <u.h>
#include <libc.h>
#include "fmtdef.h"

enum { MAXFMT = 64 };

typedef struct Verb Verb;
struct Verb {
    int r;
    int (*fmt)(Fmt *);
};

static int percentfmt(Fmt *);
static int countfmt(Fmt *);

static Verb const builtin[] = {
    {'d', _intfmt},    {'x', _intfmt},   {'X', _intfmt},   {'o', _intfmt},   {'b', _intfmt},
    {'p', _intfmt},    {'u', _intfmt},   {'c', _charfmt},  {'C', _runefmt},  {'s', _strfmt},
    {'S', _runestrfmt}, {'r', errfmt},   {'e', _floatfmt}, {'E', _floatfmt}, {'f', _floatfmt},
    {'F', _floatfmt},  {'g', _floatfmt}, {'G', _floatfmt}, {'%', percentfmt}, {'n', countfmt},
};

static Verb installed[MAXFMT];
static int ninstalled;
static Lock fmtlock;

int
fmtinstall(int r, int (*fmt)(Fmt *))
{
    int i;

    lock(&fmtlock);
    for (i = 0; i < ninstalled; i++)
        if (installed[i].r == r)
            break;
    if (i == MAXFMT) {
        unlock(&fmtlock);
        return -1;
    }
    installed[i].fmt = fmt;
    installed[i].r = r;
    if (i == ninstalled)
        ninstalled++;
    unlock(&fmtlock);
    return 0;
}

static int (*verb(int r))(Fmt *)
{
    uint i;

    for (i = 0; i < (uint)ninstalled; i++)
        if (installed[i].r == r)
            return installed[i].fmt;
    for (i = 0; i < nelem(builtin); i++)
        if (builtin[i].r == r)
            return builtin[i].fmt;
    return nil;
}

static int
badfmt(Fmt *f)
{
    if (fmtrune(f, '%') < 0 || fmtrune(f, f->r) < 0)
        return -1;
    return fmtrune(f, '%');
}

static int
percentfmt(Fmt *f)
{
    return fmtrune(f, '%');
}

static int
countfmt(Fmt *f)
{
    *va_arg(f->args, int *) = f->nfmt;
    return 0;
}

/* Whether u, at s, is a flag of a verb that follows and not itself the verb. */
static int
uisflag(char const *s)
{
    return *s != 0 && strchr("dxXobphl,#+-", *s) != nil;
}

static char const *
number(char const *s, int *n)
{
    for (*n = 0; *s >= '0' && *s <= '9'; s++)
        if (*n < 100000000)
            *n = *n * 10 + *s - '0';
    return s;
}

/* The flags at s; returns where the verb begins. */
static char const *
flags(Fmt *f, char const *s)
{
    f->flags = 0;
    f->width = f->prec = 0;
    for (;; s++) {
        switch (*s) {
        case '-': f->flags |= FmtLeft; continue;
        case '+': f->flags |= FmtSign; continue;
        case '#': f->flags |= FmtSharp; continue;
        case ' ': f->flags |= FmtSpace; continue;
        case ',': f->flags |= FmtComma; continue;
        case 'h': f->flags |= f->flags & FmtShort ? FmtByte : FmtShort; continue;
        case 'l': f->flags |= f->flags & FmtLong ? FmtVLong : FmtLong; continue;
        case 'u':
            if (!uisflag(s + 1))
                return s;
            f->flags |= FmtUnsigned;
            continue;
        case '0':
            if (!(f->flags & (FmtWidth | FmtPrec))) {
                f->flags |= FmtZero;
                continue;
            }
            /* fall through */
        case '1': case '2': case '3': case '4': case '5':
        case '6': case '7': case '8': case '9':
            s = number(s, &f->width) - 1;
            f->flags |= FmtWidth;
            continue;
        case '*':
            f->flags |= FmtWidth;
            f->width = va_arg(f->args, int);
            if (f->width < 0) {
                f->flags |= FmtLeft;
                f->width = -f->width;
            }
            continue;
        case '.':
            f->flags |= FmtPrec;
            if (s[1] == '*') {
                s++;
                f->prec = va_arg(f->args, int);
                if (f->prec < 0)
                    f->flags &= ~FmtPrec, f->prec = 0;
            } else
                s = number(s + 1, &f->prec) - 1;
            continue;
        }
        return s;
    }
}

int
dofmt(Fmt *f, char const *s)
{
    int (*fmt)(Fmt *);
    int start = f->nfmt;
    Rune r;

    while (*s != 0) {
        if (*s != '%') {
            s += chartorune(&r, s);
            if (r == Runeerror && (uchar)s[-1] >= Runeself && !f->runes) {
                if (_fmtbyte(f, s[-1]) < 0)
                    return -1;
            } else if (fmtrune(f, r) < 0)
                return -1;
            continue;
        }
        s = flags(f, s + 1);
        if (*s == 0)
            return fmtrune(f, '%') < 0 ? -1 : f->nfmt - start;
        s += chartorune(&r, s);
        f->r = r;
        fmt = verb(r);
        if ((fmt != nil ? fmt : badfmt)(f) < 0)
            return -1;
    }
    return f->nfmt - start;
}

int
dorfmt(Fmt *f, Rune const *format)
{
    char *s = smprint("%S", format);
    int n;

    if (s == nil)
        return -1;
    n = dofmt(f, s);
    free(s);
    return n;
}

/* One byte as it is. */
int
_fmtbyte(Fmt *f, int c)
{
    char *to = f->to;

    if (to >= (char *)f->stop) {
        if (f->flush == nil || f->flush(f) <= 0)
            return -1;
        to = f->to;
    }
    *to++ = c;
    f->to = to;
    f->nfmt++;
    return 0;
}

int
fmtrune(Fmt *f, int c)
{
    char s[UTFmax];
    Rune r = c, *to;
    int n;

    if (f->runes) {
        if (f->to >= f->stop && (f->flush == nil || f->flush(f) <= 0))
            return -1;
        to = f->to;
        *to++ = r;
        f->to = to;
        f->nfmt++;
        return 0;
    }
    if (r < Runeself)
        return _fmtbyte(f, r);
    n = runetochar(s, &r);
    if ((char *)f->to + n > (char *)f->stop
        && (f->flush == nil || f->flush(f) <= 0 || (char *)f->to + n > (char *)f->stop)) {
        f->stop = f->to; /* nothing after a character that had no room */
        return -1;
    }
    memmove(f->to, s, n);
    f->to = (char *)f->to + n;
    f->nfmt += n;
    return 0;
}

int
_fmtpad(Fmt *f, int n)
{
    while (n-- > 0)
        if (fmtrune(f, ' ') < 0)
            return -1;
    return 0;
}

/* The first bytes of s that are at most f->prec characters, padded to f->width. */
int
_fmtbytes(Fmt *f, char const *s, long n)
{
    char const *e, *end = s + n;
    int count = 0, most = f->flags & FmtPrec ? f->prec : 0x7fffffff;
    Rune r;

    for (e = s; e < end && count < most; count++)
        e += fullrune(e, end - e) ? chartorune(&r, e) : 1;
    if (!(f->flags & FmtLeft) && _fmtpad(f, f->flags & FmtWidth ? f->width - count : 0) < 0)
        return -1;
    while (s < e) {
        n = fullrune(s, e - s) ? chartorune(&r, s) : 1;
        if (f->runes ? fmtrune(f, n == 1 ? (uchar)*s < Runeself ? *s : Runeerror : (int)r) < 0
            : n == 1 ? _fmtbyte(f, *s) < 0
                     : fmtrune(f, r) < 0)
            return -1;
        s += n;
    }
    if ((f->flags & FmtLeft) && _fmtpad(f, f->flags & FmtWidth ? f->width - count : 0) < 0)
        return -1;
    return 0;
}

int
fmtstrcpy(Fmt *f, char const *s)
{
    long n, most;

    if (s == nil)
        s = "<nil>";
    if (f->flags & FmtPrec) { /* s need not have a NUL then */
        most = (long)f->prec * UTFmax;
        for (n = 0; n < most && s[n] != 0; n++)
            ;
    } else
        n = strlen(s);
    return _fmtbytes(f, s, n);
}

int
fmtrunestrcpy(Fmt *f, Rune const *s)
{
    int i, n, most = f->flags & FmtPrec ? f->prec : 0x7fffffff;

    if (s == nil)
        return fmtstrcpy(f, nil);
    for (n = 0; n < most && s[n] != 0; n++)
        ;
    if (!(f->flags & FmtLeft) && _fmtpad(f, f->flags & FmtWidth ? f->width - n : 0) < 0)
        return -1;
    for (i = 0; i < n; i++)
        if (fmtrune(f, s[i]) < 0)
            return -1;
    if ((f->flags & FmtLeft) && _fmtpad(f, f->flags & FmtWidth ? f->width - n : 0) < 0)
        return -1;
    return 0;
}

int
fmtvprint(Fmt *f, char const *format, va_list args)
{
    Fmt saved = *f;
    int n;

    va_copy(f->args, args);
    f->flags = 0;
    f->width = f->prec = 0;
    n = dofmt(f, format);
    f->flags = saved.flags;
    f->width = saved.width;
    f->prec = saved.prec;
    f->r = saved.r;
    f->args = saved.args;
    return n < 0 ? -1 : 0;
}

int
fmtprint(Fmt *f, char const *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = fmtvprint(f, format, args);
    va_end(args);
    return n;
}
