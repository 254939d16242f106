/*
 * Much code, all of it hot: blocks of 32 bytes, eight instructions and a jump to the next
 * block, one after the other; 100 KB, 400 KB and 4 MB of them.
 */
#define VARIANTS 3
#include "work.h"

#ifdef TINY
#define SMALL "31"
#define MIDDLE "125"
#define LARGE "1310"
#else
#define SMALL "3125"
#define MIDDLE "12500"
#define LARGE "131072"
#endif

#define BLOCKS(n) \
    do { \
        __asm__ volatile(".p2align 6; .rept " n "\n" \
                         "addl %1, %0; leal 7(%0,%1), %2; xorl %2, %1; addl $0x1234567, %1\n" \
                         "movl %2, 4(%4); roll $5, %0; movl 16(%4), %3; leal 0x7654321(%0,%3), %0\n" \
                         "jmp 1f\n 1:\n .endr" \
                         : "+r"(x), "+r"(y), "=&r"(z), "=&r"(t) : "r"(where) : "memory"); \
    } while (0)

u32
work(int variant)
{
    static u32 where[8];
    u32 x = 1, y = 2, z, t;
    int i;

    for (i = 0; i < 8; i++)
        where[i] = (u32)i;
    switch (variant) {
    case 0:
        for (i = 0; i < TIMES(80); i++)
            BLOCKS(SMALL);
        break;
    case 1:
        for (i = 0; i < TIMES(20); i++)
            BLOCKS(MIDDLE);
        break;
    case 2:
        for (i = 0; i < TIMES(2); i++)
            BLOCKS(LARGE);
        break;
    }
    return x ^ y;
}
