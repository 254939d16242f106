/* %e %f %g: exact digits, rounded once, half to even.  Source: print(2). */
#include <u.h>
#include <libc.h>
#include "fmtdef.h"

enum {
    Prec = 6,      /* when none is given */
    Maxprec = 340,
    Room = 2 * DECMAX + Maxprec,
};

/* d.ddde+dd, of n digits; prec of them after the point, zeros where they have ended. */
static char *
exponential(char *p, char const *digits, int n, int point, int prec, int sharp, int letter)
{
    int i, e = n > 0 ? point - 1 : 0;

    *p++ = n > 0 ? digits[0] : '0';
    if (prec > 0 || sharp)
        *p++ = '.';
    for (i = 1; i <= prec; i++)
        *p++ = i < n ? digits[i] : '0';
    *p++ = letter;
    *p++ = e < 0 ? '-' : '+';
    if (e < 0)
        e = -e;
    if (e >= 100)
        *p++ = '0' + e / 100;
    *p++ = '0' + e / 10 % 10;
    *p++ = '0' + e % 10;
    return p;
}

/* ddd.ddd */
static char *
positional(char *p, char const *digits, int n, int point, int prec, int sharp, int comma)
{
    int i;

    if (n == 0 || point <= 0)
        *p++ = '0';
    else
        for (i = 0; i < point; i++) {
            if (comma && i > 0 && (point - i) % 3 == 0)
                *p++ = ',';
            *p++ = i < n ? digits[i] : '0';
        }
    if (n == 0)
        point = 0;
    if (prec > 0 || sharp)
        *p++ = '.';
    for (i = point; i < point + prec; i++)
        *p++ = i >= 0 && i < n ? digits[i] : '0';
    return p;
}

int
_floatfmt(Fmt *f)
{
    char digits[DECMAX], out[Room], prefix[2], *p;
    FPdbleword d;
    int n, point, prec, exponent, letter = f->r & ~('a' - 'A');
    ulong hi;
    uvlong mantissa;

    d.x = va_arg(f->args, double);
    hi = d.hi & 0x7fffffff;
    prefix[0] = d.hi >> 31 ? '-' : f->flags & FmtSign ? '+' : f->flags & FmtSpace ? ' ' : 0;
    prefix[1] = 0;
    if (hi >= 0x7ff00000) { /* nothing there to compute with: the FPU may trap */
        f->flags &= ~FmtZero;
        if (hi > 0x7ff00000 || d.lo != 0)
            return _fmtnumber(f, "", "NaN", 3);
        return _fmtnumber(f, prefix[0] == '-' ? "-" : "+", "Inf", 3);
    }
    prec = f->flags & FmtPrec ? f->prec : Prec;
    if (prec > Maxprec)
        prec = Maxprec;
    exponent = hi >> 20;
    mantissa = (uvlong)(hi & 0xfffff) << 32 | d.lo;
    if (exponent == 0)
        exponent = 1;
    else
        mantissa |= 1ull << 52;
    n = _decimal(mantissa, exponent - 1075, digits, &point);

    switch (letter) {
    case 'E':
        n = _decround(digits, &point, n, prec + 1);
        p = exponential(out, digits, n, point, prec, f->flags & FmtSharp, f->r);
        break;
    case 'F':
        n = _decround(digits, &point, n, point + prec);
        p = positional(out, digits, n, point, prec, f->flags & FmtSharp, f->flags & FmtComma);
        break;
    default: /* G: prec counts significant digits; zeros at the end go, unless # */
        if (prec == 0)
            prec = 1;
        n = _decround(digits, &point, n, prec);
        if (n == 0)
            point = 1;
        if (point - 1 < -4 || point > prec) {
            prec = (f->flags & FmtSharp ? prec : n) - 1;
            p = exponential(out, digits, n, point, prec, f->flags & FmtSharp,
                            f->r - 'g' + 'e');
        } else {
            prec = (f->flags & FmtSharp ? prec : n) - point;
            if (prec < 0)
                prec = 0;
            p = positional(out, digits, n, point, prec, f->flags & FmtSharp,
                           f->flags & FmtComma);
        }
        break;
    }
    return _fmtnumber(f, prefix, out, p - out);
}
