/* Product of two 240x240 matrices of integers, six times: nested loops and addressing. */
#include "work.h"

enum { N = 240, TIMES = 6 };

static u32 a[N][N], b[N][N], c[N][N];

u32
work(void)
{
    u32 sum = 0;
    int i, j, k, times;

    for (i = 0; i < N; i++)
        for (j = 0; j < N; j++)
            a[i][j] = (u32)(i * j + 1), b[i][j] = (u32)(i - j);
    for (times = 0; times < TIMES; times++) {
        for (i = 0; i < N; i++)
            for (j = 0; j < N; j++) {
                u32 x = 0;

                for (k = 0; k < N; k++)
                    x += a[i][k] * b[k][j];
                c[i][j] = x;
            }
        a[times][0] ^= c[N - 1 - times][5];
    }
    for (i = 0; i < N; i++)
        for (j = 0; j < N; j++)
            sum = sum * 31 + c[i][j];
    return sum;
}
