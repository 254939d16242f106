/*
 * atof(2): decimal text to the nearest double, half to even.
 *
 * 64 bits of the value are computed first, with a small error; the double they give is then
 * checked against the text: it is right if the text lies between the middles to its two
 * neighbours, which are compared digit by digit.
 */
#include <u.h>
#include <libc.h>
#include "fmtdef.h"

typedef struct Number Number;
struct Number {
    char digits[DECMAX]; /* no zeros at the ends; 0.DIGITS * 10^point */
    int n;
    int point;
};

static double
frombits(ulong hi, ulong lo)
{
    FPdbleword d;

    d.hi = hi;
    d.lo = lo;
    return d.x;
}

double
NaN(void)
{
    return frombits(0x7ff80000, 0);
}

double
Inf(int sign)
{
    return frombits(sign < 0 ? 0xfff00000 : 0x7ff00000, 0);
}

/* Text against mantissa * 2^exponent: -1, 0 or 1. */
static int
compare(Number *t, uvlong mantissa, int exponent)
{
    char digits[DECMAX];
    int point, n = _decimal(mantissa, exponent, digits, &point), i;

    if (n == 0)
        return 1;
    if (t->point != point)
        return t->point < point ? -1 : 1;
    for (i = 0; i < n && i < t->n; i++)
        if (digits[i] != t->digits[i])
            return t->digits[i] < digits[i] ? -1 : 1;
    return t->n == n ? 0 : t->n < n ? -1 : 1;
}

/* The top 64 bits of the value, the highest set, give or take some hundred. */
static uvlong
approximate(Number *t, int *exponent)
{
    uvlong m = 0, rest;
    int i, e = 0, p;

    for (i = 0; i < t->n && i < 18; i++)
        m = m * 10 + t->digits[i] - '0';
    for (p = t->point - i; p > 0; p--) { /* m = m * 10, its top 64 bits */
        while (m > ~0ull / 16)
            m >>= 1, e++;
        m *= 10;
        while (m >> 63 == 0)
            m <<= 1, e--;
    }
    for (; p < 0; p++) { /* m = m * 2^64 / 10, its top 64 bits */
        while (m >> 63 == 0)
            m <<= 1, e--;
        rest = m % 10;
        m /= 10;
        m = m << 3 | (rest << 3) / 10;
        e -= 3;
    }
    while (m >> 63 == 0)
        m <<= 1, e--;
    *exponent = e;
    return m;
}

static double
nearest(Number *t)
{
    int e, shift, c;
    uvlong m;

    if (t->n == 0 || t->point < -324)
        return 0;
    if (t->point > 310)
        return Inf(1);
    m = approximate(t, &e);
    shift = 11;
    if (e + shift < -1074) /* too small to have 53 bits */
        shift = -1074 - e;
    m = shift < 64 ? m >> shift : 0;
    e += shift;
    /* Now m * 2^e is near: move it until the text is between the middles around it. */
    for (;;) {
        c = compare(t, 2 * m + 1, e - 1);
        if (c > 0 || (c == 0 && (m & 1))) {
            m++;
            if (m >> 53) {
                m >>= 1;
                e++;
            }
            continue;
        }
        if (m == 0)
            break;
        if (m == 1ull << 52 && e > -1074) /* below a power of two they lie closer */
            c = compare(t, 4 * m - 1, e - 2);
        else
            c = compare(t, 2 * m - 1, e - 1);
        if (c > 0 || (c == 0 && !(m & 1)))
            break;
        m--;
        if (m >> 52 == 0 && e > -1074) {
            m = 2 * m + 1;
            e--;
        }
    }
    if (m >> 52 == 0) /* subnormal, or 0 */
        return frombits(m >> 32, m);
    if (e + 1075 >= 0x7ff)
        return Inf(1);
    return frombits((ulong)(e + 1075) << 20 | ((ulong)(m >> 32) & 0xfffff), m);
}

static void
add(Number *t, int c)
{
    if (t->n < DECMAX - 1)
        t->digits[t->n++] = c;
    else if (c != '0') /* only that there is more matters so far out */
        t->digits[DECMAX - 1] = '1', t->n = DECMAX;
}

double
strtod(char const *str, char **rest)
{
    char const *s = str, *e;
    int negative = 0, seen = 0, exponent, esign;
    Number t;
    double d;

    while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
        s++;
    if (*s == '-' || *s == '+')
        negative = *s++ == '-';
    if (rest != nil)
        *rest = (char *)str;
    if (cistrncmp(s, "nan", 3) == 0) {
        if (rest != nil)
            *rest = (char *)s + 3;
        return NaN();
    }
    if (cistrncmp(s, "inf", 3) == 0) {
        if (rest != nil)
            *rest = (char *)s + (cistrncmp(s, "infinity", 8) == 0 ? 8 : 3);
        return Inf(negative ? -1 : 1);
    }
    t.n = t.point = 0;
    for (; *s >= '0' && *s <= '9'; s++, seen = 1)
        if (t.n > 0 || *s != '0') {
            add(&t, *s);
            if (t.point < 100000)
                t.point++;
        }
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++, seen = 1)
            if (t.n > 0 || *s != '0')
                add(&t, *s);
            else if (t.point > -100000)
                t.point--;
    if (!seen)
        return 0;
    if (*s == 'e' || *s == 'E') {
        e = s + 1;
        esign = 1;
        if (*e == '-' || *e == '+')
            esign = *e++ == '-' ? -1 : 1;
        if (*e >= '0' && *e <= '9') {
            for (exponent = 0; *e >= '0' && *e <= '9'; e++)
                if (exponent < 1000000)
                    exponent = exponent * 10 + *e - '0';
            t.point += esign * exponent;
            s = e;
        }
    }
    if (rest != nil)
        *rest = (char *)s;
    while (t.n > 0 && t.digits[t.n - 1] == '0')
        t.n--;
    d = nearest(&t);
    return negative ? -d : d;
}

double
fmtstrtod(char const *s, char **rest)
{
    return strtod(s, rest);
}

double
atof(char const *s)
{
    return strtod(s, nil);
}

/* A number whose characters come from f; reads one past its end. */
double
charstod(int (*f)(void *), void *arg)
{
    char buf[256];
    int n = 0, c = f(arg), state = 0;

    while (c == ' ' || c == '\t')
        c = f(arg);
    for (; n < (int)sizeof buf - 1; c = f(arg)) {
        if (c >= '0' && c <= '9')
            state |= 1;
        else if ((c == '+' || c == '-') && (n == 0 || buf[n - 1] == 'e' || buf[n - 1] == 'E'))
            ;
        else if (c == '.' && !(state & 6))
            state |= 2;
        else if ((c == 'e' || c == 'E') && (state & 5) == 1)
            state |= 4;
        else
            break;
        buf[n++] = c;
    }
    buf[n] = 0;
    return strtod(buf, nil);
}
