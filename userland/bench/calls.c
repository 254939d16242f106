/* A function called directly, which returns at once. */
#include "work.h"

CALLED u32
step(u32 x)
{
    __asm__ volatile("");                       /* has an effect, as far as the compiler knows */
    return x * 3 + 1;
}

u32
work(int variant)
{
    u32 x = 1;
    int i;

    (void)variant;
    for (i = 0; i < TIMES(8000000); i++)
        x = step(x) + (u32)i;
    return x;
}
