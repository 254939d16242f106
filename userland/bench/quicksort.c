/*
 * Sorts 100,000 numbers by recursion: branches that nobody can foretell.  With COMPARE, through
 * a comparison function: indirect calls too.
 */
#include "work.h"

enum { N = TIMES(100000) };

static u32 v[N];

#ifdef COMPARE
static int __attribute__((noinline))
ascending(const void *a, const void *b)
{
    u32 x = *(const u32 *)a, y = *(const u32 *)b;

    return x < y ? -1 : x > y;
}

/* Through memory, so that the compiler cannot see what is called. */
static int (*volatile order)(const void *, const void *) = ascending;

#define BELOW(p, q) (compare(p, q) < 0)
#else
static int (*const order)(const void *, const void *) = 0;

#define BELOW(p, q) (*(p) < *(q))
#endif

static void
sort(u32 *low, u32 *high, int (*compare)(const void *, const void *))
{
    while (low < high) {
        u32 *i = low, *j = high, pivot = low[(high - low) / 2], swap;

        do {
            while (BELOW(i, &pivot))
                i++;
            while (BELOW(&pivot, j))
                j--;
            if (i <= j)
                swap = *i, *i++ = *j, *j-- = swap;
        } while (i <= j);
        if (j - low < high - i)
            sort(low, j, compare), low = i;
        else
            sort(i, high, compare), high = j;
    }
}

u32
work(int variant)
{
    u32 seed = 1, sum = 0;
    int i;

    (void)variant;
    for (i = 0; i < N; i++)
        v[i] = seed = seed * 1664525 + 1013904223;
    sort(v, v + N - 1, order);
    for (i = 1; i < N; i++)
        sum = sum * 31 + (v[i] ^ (u32)(v[i - 1] > v[i]));
    return sum;
}
