/*
 * 64-bit division for the 32-bit compiler, which calls these by name; there is no libgcc.
 * By the processor's 64/32 division where it can be, else an estimate and one correction.
 */
#include <u.h>
#include <libc.h>

uvlong __udivmoddi4(uvlong, uvlong, uvlong *);
uvlong __udivdi3(uvlong, uvlong);
uvlong __umoddi3(uvlong, uvlong);
vlong __divmoddi4(vlong, vlong, vlong *);
vlong __divdi3(vlong, vlong);
vlong __moddi3(vlong, vlong);

/* hi:lo / d for hi < d; what the DIV instruction does. */
static inline ulong
divide(ulong hi, ulong lo, ulong d, ulong *rest)
{
    ulong q;

    __asm__("divl %4" : "=a"(q), "=d"(*rest) : "0"(lo), "1"(hi), "r"(d) : "cc");
    return q;
}

uvlong
__udivmoddi4(uvlong n, uvlong d, uvlong *rest)
{
    ulong nhi = n >> 32, dhi = d >> 32, qhi = 0, q, r;
    int shift;
    uvlong left;

    if (dhi == 0) {
        r = nhi;
        if (nhi >= (ulong)d) /* with d 0, this is the division that traps */
            qhi = divide(0, nhi, d, &r);
        q = divide(r, n, d, &r);
        if (rest != nil)
            *rest = r;
        return (uvlong)qhi << 32 | q;
    }
    if (n < d) {
        if (rest != nil)
            *rest = n;
        return 0;
    }
    /* Top 32 bits of d, n halved so that the quotient fits: at most one too many. */
    shift = __builtin_clzl(dhi);
    q = divide((n >> 1) >> 32, n >> 1, (d << shift) >> 32, &r);
    q = ((uvlong)q << shift) >> 31;
    if (q != 0)
        q--;
    left = n - d * q;
    while (left >= d) {
        left -= d;
        q++;
    }
    if (rest != nil)
        *rest = left;
    return q;
}

uvlong
__udivdi3(uvlong n, uvlong d)
{
    return __udivmoddi4(n, d, nil);
}

uvlong
__umoddi3(uvlong n, uvlong d)
{
    uvlong rest;

    __udivmoddi4(n, d, &rest);
    return rest;
}

vlong
__divmoddi4(vlong n, vlong d, vlong *rest)
{
    uvlong r, q = __udivmoddi4(n < 0 ? -(uvlong)n : (uvlong)n, d < 0 ? -(uvlong)d : (uvlong)d, &r);

    if (rest != nil)
        *rest = n < 0 ? -r : r;
    return (n < 0) != (d < 0) ? -q : q;
}

vlong
__divdi3(vlong n, vlong d)
{
    return __divmoddi4(n, d, nil);
}

vlong
__moddi3(vlong n, vlong d)
{
    vlong rest;

    __divmoddi4(n, d, &rest);
    return rest;
}
