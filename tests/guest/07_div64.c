/* 64-bit arithmetic, which the compiler leaves to the library. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    static uvlong const n[] = {0, 1, 7, 0xffffffff, 0x100000000, 0x123456789abcdef0,
                               0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};
    volatile uvlong a, b;
    uvlong sum = 0;
    uint i, j;

    for (i = 0; i < nelem(n); i++)
        for (j = 1; j < nelem(n); j++) {
            a = n[i];
            b = n[j];
            if (a / b * b + a % b != a || a % b >= b)
                print("wrong: %llud / %llud\n", a, b);
            sum = sum * 31 + a / b + a % b;
            if (!((vlong)b == -1 && a == 1ull << 63))
                if ((vlong)a / (vlong)b * (vlong)b + (vlong)a % (vlong)b != (vlong)a)
                    print("wrong: %lld / %lld\n", a, b);
        }
    print("%llux\n", sum);
    a = 1000000007;
    b = 998244353;
    print("%llud %llud %lld %lld\n", a * b, a * b / 12345, -(vlong)(a * b) / 1000,
          -(vlong)(a * b) % 1000);
    print("%llux %llux %llx\n", a << 33, b << 40 >> 17, -(vlong)a >> 5);
    exits(nil);
}
