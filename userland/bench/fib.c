/* The 36th Fibonacci number by recursion: calls and returns, and little else. */
#include "work.h"

static u32 __attribute__((noinline))
fib(u32 n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static volatile u32 n = 36;

u32
work(void)
{
    return fib(n);
}
