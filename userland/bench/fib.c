/* The 32nd Fibonacci number by recursion: calls and returns, and little else. */
#include "work.h"

static u32 __attribute__((noinline))
fib(u32 n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

#ifdef TINY
static volatile u32 n = 16;
#else
static volatile u32 n = 32;
#endif

u32
work(int variant)
{
    (void)variant;
    return fib(n);
}
