/* The stack is deep, at once and step by step. */
#include <u.h>
#include <libc.h>

static long
depth(long n)
{
    volatile char room[1000];

    room[0] = n;
    room[999] = n;
    return n == 0 ? 0 : depth(n - 1) + (room[0] == room[999]);
}

void
main(int argc, char **argv)
{
    char volatile *volatile far = (char *)&argc - 8 * 1024 * 1024;

    *far = 7;
    print("%d\n", *far);
    print("%ld\n", depth(10000));
    exits(nil);
}
