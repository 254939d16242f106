/* malloc(2): many blocks of many sizes, none of which overlap. */
#include <u.h>
#include <libc.h>

enum { N = 500 };
static uchar *block[N];
static ulong size[N];

static void
check(int i)
{
    ulong j;

    for (j = 0; j < size[i]; j++)
        if (block[i][j] != (uchar)(i + 1)) {
            print("block %d: byte %lud is %d\n", i, j, block[i][j]);
            exits("damaged");
        }
}

void
main(int argc, char **argv)
{
    int round, i;
    ulong n;
    char *p, *q;

    srand(17);
    for (round = 0; round < 20000; round++) {
        i = nrand(N);
        check(i);
        n = nrand(10) == 0 ? nrand(20000) : nrand(200);
        if (nrand(3) == 0) {
            free(block[i]);
            block[i] = nil;
            size[i] = 0;
        } else {
            block[i] = realloc(block[i], n);
            if (n == 0) {
                size[i] = 0;
                if (block[i] != nil)
                    free(block[i]);
                block[i] = nil;
                continue;
            }
            if (block[i] == nil)
                sysfatal("no memory: %r");
            if (n > size[i])
                check(i);
            size[i] = n;
            memset(block[i], i + 1, n);
            if ((ulong)block[i] % 16 != 0 || msize(block[i]) < n)
                print("badly aligned or short\n");
        }
    }
    for (i = 0; i < N; i++) {
        check(i);
        free(block[i]);
    }
    q = sbrk(0);
    for (i = 0; i < 100; i++) { /* what is free is joined, and used again */
        p = malloc(30000);
        free(malloc(20000));
        free(p);
    }
    print("grown: %d\n", (char *)sbrk(0) != q);
    p = mallocz(1000, 1);
    for (i = 0; i < 1000; i++)
        if (p[i] != 0)
            print("not clear\n");
    free(p);
    p = calloc(10, 10);
    print("calloc %d, too much %d %d\n", p != nil, calloc(0x10000, 0x10000) == nil,
          malloc(0xfffffff0) == nil);
    p = malloc(0);
    print("malloc(0) %d\n", p != nil);
    free(p);
    free(nil);
    exits(nil);
}
