/* Follows pointers around a ring that the first cache holds: nothing but the delay of a load. */
#include "work.h"

enum { N = 256 };

static struct link {
    struct link *next;
    u32 value;
    u32 pad[14];
} ring[N];

u32
work(int variant)
{
    const struct link *p = ring;
    u32 seed = 3, i, order[N];

    (void)variant;
    for (i = 0; i < N; i++)
        order[i] = i, ring[i].value = i * i;
    for (i = N - 1; i > 0; i--) {
        u32 j, swap;

        seed = seed * 1664525 + 1013904223;
        j = (seed >> 8) % (i + 1);
        swap = order[i], order[i] = order[j], order[j] = swap;
    }
    for (i = 0; i < N; i++)
        ring[order[i]].next = &ring[order[(i + 1) % N]];
    for (i = 0; i < TIMES(4000000); i++)
        p = p->next;
    return p->value;
}
