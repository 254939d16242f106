/* The verbs for integers, characters and strings.  Source: print(2). */
#include <u.h>
#include <libc.h>
#include "fmtdef.h"

static uvlong
integer(Fmt *f, int isunsigned)
{
    if (f->flags & FmtVLong)
        return va_arg(f->args, vlong);
    if (f->flags & FmtLong)
        return isunsigned ? va_arg(f->args, ulong) : (uvlong)(vlong)va_arg(f->args, long);
    if (f->flags & FmtByte)
        return isunsigned ? (uvlong)(uchar)va_arg(f->args, int)
                          : (uvlong)(vlong)(schar)va_arg(f->args, int);
    if (f->flags & FmtShort)
        return isunsigned ? (uvlong)(ushort)va_arg(f->args, int)
                          : (uvlong)(vlong)(short)va_arg(f->args, int);
    return isunsigned ? (uvlong)(uint)va_arg(f->args, uint) : (uvlong)(vlong)va_arg(f->args, int);
}

/* Prefix (sign, 0x) and n bytes of body, with zeros between or blanks around up to the width. */
int
_fmtnumber(Fmt *f, char const *prefix, char const *body, int n)
{
    int pad = f->flags & FmtWidth ? f->width - strlen(prefix) - n : 0;

    if (!(f->flags & (FmtLeft | FmtZero)) && _fmtpad(f, pad) < 0)
        return -1;
    while (*prefix != 0)
        if (fmtrune(f, *prefix++) < 0)
            return -1;
    if ((f->flags & FmtZero) && !(f->flags & FmtLeft))
        for (; pad > 0; pad--)
            if (fmtrune(f, '0') < 0)
                return -1;
    while (n-- > 0)
        if (fmtrune(f, (uchar)*body++) < 0)
            return -1;
    return f->flags & FmtLeft ? _fmtpad(f, pad) : 0;
}

/* %d %x %X %o %b %u, and %p which is an unsigned %x of a pointer. */
int
_intfmt(Fmt *f)
{
    char buf[400], *digits = "0123456789abcdef", prefix[4], *p = buf + sizeof buf;
    int base = 10, isunsigned, count = 0, least, pre = 0;
    uvlong v;

    isunsigned = f->flags & FmtUnsigned || f->r == 'u';
    switch (f->r) {
    case 'X':
        digits = "0123456789ABCDEF";
        /* fall through */
    case 'x':
    case 'p':
        base = 16;
        break;
    case 'o':
        base = 8;
        break;
    case 'b':
        base = 2;
        break;
    }
    if (f->r == 'p')
        v = (ulong)va_arg(f->args, void *);
    else
        v = integer(f, isunsigned);
    if (f->r != 'p' && !isunsigned && (vlong)v < 0) {
        prefix[pre++] = '-';
        v = -v;
    } else if (f->flags & FmtSign)
        prefix[pre++] = '+';
    else if (f->flags & FmtSpace)
        prefix[pre++] = ' ';
    least = f->flags & FmtPrec ? f->prec : 1;
    if (least > 256)
        least = 256;
    if ((f->flags & FmtSharp) && base == 16) {
        if (v != 0) {
            prefix[pre++] = '0';
            prefix[pre++] = f->r == 'X' ? 'X' : 'x';
        }
    }
    while (v != 0 || count < least) {
        if ((f->flags & FmtComma) && count != 0 && count % (base == 10 ? 3 : 4) == 0)
            *--p = base == 10 ? ',' : ':';
        if ((ulong)(v >> 32) == 0) {
            *--p = digits[(ulong)v % base];
            v = (ulong)v / base;
        } else {
            *--p = digits[v % base];
            v /= base;
        }
        count++;
    }
    if ((f->flags & FmtSharp) && base == 8 && (p == buf + sizeof buf || *p != '0'))
        *--p = '0';
    if (f->flags & FmtPrec)
        f->flags &= ~FmtZero;
    prefix[pre] = 0;
    return _fmtnumber(f, prefix, p, buf + sizeof buf - p);
}

int
_charfmt(Fmt *f)
{
    char c = va_arg(f->args, int);

    f->flags &= ~FmtPrec;
    return _fmtbytes(f, &c, 1);
}

int
_runefmt(Fmt *f)
{
    char s[UTFmax];
    Rune r = va_arg(f->args, int);

    f->flags &= ~FmtPrec;
    return _fmtbytes(f, s, runetochar(s, &r));
}

int
_strfmt(Fmt *f)
{
    return fmtstrcpy(f, va_arg(f->args, char *));
}

int
_runestrfmt(Fmt *f)
{
    return fmtrunestrcpy(f, va_arg(f->args, Rune *));
}

int
errfmt(Fmt *f)
{
    char err[ERRMAX];

    rerrstr(err, sizeof err);
    return fmtstrcpy(f, err);
}
