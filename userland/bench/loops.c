/* Five loops of a few instructions each, over numbers that the first cache holds. */
#define VARIANTS 80
#include "work.h"
#include "layouts.h"

enum { N = 4096 };

static u32 a[N], b[N];
static u8 text[N];

INLINE u32
registers(u32 n)
{
    u32 sum = 0, i;

    for (i = 0; i < n * N; i++)
        sum += i ^ i >> 2;
    return sum;
}

INLINE u32
total(u32 n)
{
    u32 sum = 0;
    int i;

    while (n--)
        for (i = 0; i < N; i++)
            sum = (sum ^ a[i]) + 1;
    return sum;
}

INLINE u32
copy(u32 n)
{
    int i;

    while (n--)
        for (i = 0; i < N; i++)
            b[i] = a[i] + n;
    return b[N - 1] + b[1];
}

INLINE u32
choose(u32 n)
{
    u32 sum = 0;
    int i;

    while (n--)
        for (i = 0; i < N; i++)
            if (a[i] & 2) {
                __asm__ volatile("");           /* stay a branch */
                sum += a[i];
            } else {
                __asm__ volatile("");
                sum ^= n;
            }
    return sum;
}

INLINE u32
scan(u32 n)
{
    u32 sum = 0;

    while (n--) {
        const u8 *p = text;

        while (*p)
            p++;
        sum += (u32)(p - text);
    }
    return sum;
}

LAYOUTS(registers)
LAYOUTS(total)
LAYOUTS(copy)
LAYOUTS(choose)
LAYOUTS(scan)

static u32 (*const *const loop[5])(u32) = {registers_at, total_at, copy_at, choose_at, scan_at};

u32
work(int variant)
{
    int i;

    for (i = 0; i < N; i++)
        a[i] = (u32)i, text[i] = i < N - 1;
    return loop[variant / 16][variant % 16](TIMES(800));
}
