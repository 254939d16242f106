/* Product of two 96x96 matrices of integers, a few times: nested loops and addressing. */
#define VARIANTS 16
#include "work.h"
#include "layouts.h"

enum { N = 96 };

static u32 a[N][N], b[N][N], c[N][N];

INLINE u32
multiply(u32 times)
{
    u32 i, j, k;

    while (times--) {
        for (i = 0; i < N; i++)
            for (j = 0; j < N; j++) {
                u32 x = 0;

                for (k = 0; k < N; k++)
                    x += a[i][k] * b[k][j];
                c[i][j] = x;
            }
        a[times][0] ^= c[N - 1 - times][5];
    }
    return 0;
}

LAYOUTS(multiply)

u32
work(int variant)
{
    u32 sum = 0;
    int i, j;

    for (i = 0; i < N; i++)
        for (j = 0; j < N; j++)
            a[i][j] = (u32)(i * j + 1), b[i][j] = (u32)(i - j);
    multiply_at[variant](TIMES(4));
    for (i = 0; i < N; i++)
        for (j = 0; j < N; j++)
            sum = sum * 31 + c[i][j];
    return sum;
}
