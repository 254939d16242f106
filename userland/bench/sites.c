/* One function, called from a hundred places in turn: each return goes somewhere else. */
#include "work.h"

CALLED u32
step(u32 x)
{
    __asm__ volatile("");
    return x + 3;
}

#define TEN(f) f f f f f f f f f f

u32
work(int variant)
{
    u32 x = 1;
    int i;

    (void)variant;
    for (i = 0; i < TIMES(60000); i++) {
        TEN(TEN(x = step(x) ^ 5;))
    }
    return x;
}
