/* Doubles as exact decimal digits: the ground that %e, %f, %g and strtod stand on. */
#include <u.h>
#include <libc.h>
#include "fmtdef.h"

enum {
    Limbs = 100,
    Ten9 = 1000000000,
    Five13 = 1220703125,
};

static int
multiply(ulong *limb, int n, ulong by)
{
    uvlong carry = 0;
    int i;

    for (i = 0; i < n; i++) {
        carry += (uvlong)limb[i] * by;
        limb[i] = carry % Ten9;
        carry /= Ten9;
    }
    for (; carry != 0; carry /= Ten9)
        limb[n++] = carry % Ten9;
    return n;
}

/*
 * The digits of mantissa * 2^exponent, without zeros at either end; returns how many, none
 * for 0.  The value is 0.DIGITS * 10^*point.  A fraction over 2^k is the same number times
 * 5^k over 10^k, so all is done with whole numbers.
 */
int
_decimal(uvlong mantissa, int exponent, char *digits, int *point)
{
    ulong limb[Limbs], v;
    int n = 0, i, k = 0, count = 0;
    char text[9];

    *point = 0;
    if (mantissa == 0)
        return 0;
    while (exponent < 0 && (mantissa & 1) == 0) {
        mantissa >>= 1;
        exponent++;
    }
    for (; mantissa != 0; mantissa /= Ten9)
        limb[n++] = mantissa % Ten9;
    for (; exponent >= 29; exponent -= 29)
        n = multiply(limb, n, 1ul << 29);
    if (exponent > 0)
        n = multiply(limb, n, 1ul << exponent);
    if (exponent < 0)
        k = -exponent;
    for (i = k; i >= 13; i -= 13)
        n = multiply(limb, n, Five13);
    for (v = 1; i > 0; i--)
        v *= 5;
    n = multiply(limb, n, v);

    for (n--; n >= 0; n--) {
        v = limb[n];
        for (i = 8; i >= 0; i--, v /= 10)
            text[i] = '0' + v % 10;
        for (i = 0; i < 9; i++)
            if (count > 0 || text[i] != '0')
                digits[count++] = text[i];
    }
    *point = count - k;
    while (count > 0 && digits[count - 1] == '0')
        count--;
    return count;
}

/* Keep the first k of n digits, the last one rounded, half to even; returns how many. */
int
_decround(char *digits, int *point, int n, int k)
{
    int i, up;

    if (k < 0)
        return 0;
    if (k >= n)
        return n;
    up = digits[k] > '5' || (digits[k] == '5' && (n > k + 1 || (k > 0 && (digits[k - 1] & 1))));
    if (!up) {
        for (i = k; i > 0 && digits[i - 1] == '0'; i--)
            ;
        return i;
    }
    for (i = k; i > 0 && digits[i - 1] == '9'; i--)
        ;
    if (i == 0) { /* all nines */
        digits[0] = '1';
        ++*point;
        return 1;
    }
    digits[i - 1]++;
    return i;
}
