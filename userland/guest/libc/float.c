/* floor(2), frexp(2), nan(2), getfcr(2) */
#include <u.h>
#include <libc.h>

enum { Bias = 1023 };

int
isNaN(double x)
{
    FPdbleword d = {.x = x};
    ulong hi = d.hi & 0x7fffffff;

    return hi > 0x7ff00000 || (hi == 0x7ff00000 && d.lo != 0);
}

int
isInf(double x, int sign)
{
    FPdbleword d = {.x = x};

    if ((d.hi & 0x7fffffff) != 0x7ff00000 || d.lo != 0)
        return 0;
    return sign == 0 || (d.hi >> 31 ? sign < 0 : sign > 0);
}

double
fabs(double x)
{
    FPdbleword d = {.x = x};

    d.hi &= 0x7fffffff;
    return d.x;
}

/* x = f * 2^*e with f in [1/2, 1). */
double
frexp(double x, int *e)
{
    FPdbleword d = {.x = x};
    int raw = d.hi >> 20 & 0x7ff;

    *e = 0;
    if (raw == 0x7ff || (d.hi << 1) + (d.lo != 0) == 0)
        return x;
    if (raw == 0) { /* subnormal: 2^54 times as large first */
        d.x = x * 18014398509481984.0;
        raw = d.hi >> 20 & 0x7ff;
        *e = -54;
    }
    *e += raw - Bias + 1;
    d.hi = (d.hi & 0x800fffff) | (ulong)(Bias - 1) << 20;
    return d.x;
}

double
ldexp(double x, int e)
{
    FPdbleword d = {.x = x};
    int k;

    if ((d.hi >> 20 & 0x7ff) == 0x7ff || x == 0)
        return x;
    d.x = frexp(x, &k);
    if (e > 5000)
        e = 5000;
    if (e < -5000)
        e = -5000;
    e += k;
    if (e > Bias + 1)
        return Inf(d.hi >> 31 ? -1 : 1);
    if (e < -1075)
        return d.hi >> 31 ? -0.0 : 0.0;
    if (e < -1021) { /* one rounding, by a multiplication */
        d.hi = (d.hi & 0x800fffff) | (ulong)(e + 60 + Bias - 1) << 20;
        return d.x * (1.0 / 1152921504606846976.0);
    }
    d.hi = (d.hi & 0x800fffff) | (ulong)(e + Bias - 1) << 20;
    return d.x;
}

double
modf(double x, double *whole)
{
    FPdbleword d = {.x = x};
    int e = (int)(d.hi >> 20 & 0x7ff) - Bias;

    if (e < 0) {
        d.hi &= 0x80000000;
        d.lo = 0;
    } else if (e < 20) {
        d.hi &= ~(0xffffful >> e);
        d.lo = 0;
    } else if (e < 52)
        d.lo &= ~(0xfffffffful >> (e - 20));
    else {
        *whole = x;
        return e == Bias + 1 && !isNaN(x) ? 0 : e == Bias + 1 ? x : 0;
    }
    *whole = d.x;
    return x - d.x;
}

double
floor(double x)
{
    double whole;

    if (isNaN(x) || isInf(x, 0))
        return x;
    return modf(x, &whole) < 0 ? whole - 1 : whole;
}

double
ceil(double x)
{
    double whole;

    if (isNaN(x) || isInf(x, 0))
        return x;
    return modf(x, &whole) > 0 ? whole + 1 : whole;
}

double
fmod(double x, double y)
{
    double r;

    if (isNaN(x) || isNaN(y) || isInf(x, 0) || y == 0)
        return NaN();
    if (isInf(y, 0))
        return x;
    __asm__("1: fprem; fnstsw %%ax; testb $4, %%ah; jnz 1b"
            : "=t"(r)
            : "0"(x), "u"(y)
            : "ax", "cc");
    return r;
}

double
sqrt(double x)
{
    if (isNaN(x) || x < 0)
        return NaN();
    __asm__("fsqrt" : "+t"(x));
    return x;
}

double
pow10(int n)
{
    char s[16];

    if (n < -400)
        return 0;
    if (n > 400)
        return Inf(1);
    sprint(s, "1e%d", n);
    return strtod(s, nil);
}

/* The masks count the other way round than in the processor: 1 is enabled. */
ulong
getfcr(void)
{
    ushort w;

    __asm__ volatile("fnstcw %0" : "=m"(w));
    return w ^ 0x3f;
}

void
setfcr(ulong fcr)
{
    ushort w = fcr ^ 0x3f;

    __asm__ volatile("fwait; fldcw %0" : : "m"(w));
}

ulong
getfsr(void)
{
    ushort w;

    __asm__ volatile("fnstsw %0" : "=m"(w));
    return w;
}

void
setfsr(ulong fsr)
{
    (void)fsr;
    __asm__ volatile("fnclex");
}
