/* Calls through pointers: to TARGETS functions, 4 of them in turn or 64 of them at random. */
#include "work.h"

enum { N = 8192 };

#define ONE(n) CALLED u32 f##n(u32 x) { return (x ^ n) + 0x##n; }
#define FOUR(n) ONE(n##0) ONE(n##1) ONE(n##2) ONE(n##3)
#define SIXTEEN(n) FOUR(n##0) FOUR(n##1) FOUR(n##2) FOUR(n##3)
SIXTEEN(1) SIXTEEN(2) SIXTEEN(3) SIXTEEN(4)

#define NAMES4(n) f##n##0, f##n##1, f##n##2, f##n##3
#define NAMES16(n) NAMES4(n##0), NAMES4(n##1), NAMES4(n##2), NAMES4(n##3)
static u32 (*const function[64])(u32) = {NAMES16(1), NAMES16(2), NAMES16(3), NAMES16(4)};

static u8 order[N];

u32
work(int variant)
{
    u32 x = 1, seed = 12345;
    int i, times;

    (void)variant;
    for (i = 0; i < N; i++) {
        seed = seed * 1664525 + 1013904223;
        order[i] = (u8)(TARGETS == 4 ? i & 3 : seed >> 26);
    }
    for (times = 0; times < TIMES(TARGETS == 4 ? 300 : 120); times++)
        for (i = 0; i < N; i++)
            x = function[order[i]](x);
    return x;
}
