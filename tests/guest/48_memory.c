/* Memory without end is refused, not deadly: for the guest or for who runs it. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    ulong got = 0;
    char *p;

    while (got < 0xf0000000ul && (p = malloc(1 << 20)) != nil) {
        p[0] = p[(1 << 20) - 1] = 1;
        got += 1 << 20;
    }
    print("%d %d\n", got >= 8 << 20, got < 0xe0000000ul);
    p = sbrk(0x7fffffff);
    print("%d\n", p == (char *)-1);
    print("alive\n");
    exits(nil);
}
