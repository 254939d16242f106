/* print(2): integers. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    vlong big = 0x123456789abcdef0ll;

    print("%d %d %d %d\n", 0, -1, 2147483647, -2147483647 - 1);
    print("%ud %u %lud %llud\n", -1, -2, -3ul, -4ull);
    print("%x %X %#x %#X %#x\n", 0xbeef, 0xbeef, 0xbeef, 0xbeef, 0);
    print("%x %ux %lx\n", -1, -1, -255l);
    print("%o %#o %b %#o\n", 8, 8, 5, 0);
    print("%lld %llx %llo\n", big, big, big);
    print("%lld %llud\n", 1ll << 63, 1ull << 63);
    print("|%5d|%-5d|%05d|%+d|% d|%+5d|\n", 42, 42, 42, 42, 42, -42);
    print("|%.3d|%8.3d|%-8.3d|%08.3d|%.0d|\n", 7, 7, 7, 7, 0);
    print("|%*d|%-*d|%*d|%.*d|\n", 6, 1, 6, 2, -6, 3, 4, 5);
    print("%,d %,d %,lld %,d\n", 1234567, 123, 9007199254740993ll, -1000);
    print("%hd %hud %hhd %hhud\n", 65537 + 32767, -1, 255, -1);
    print("%#8.4ux|%-#8x|%#08x|\n", 0x1f, 0x1f, 0x1f);
    print("%p %#p\n", (void *)0x1020, (void *)0x1020);
    print("%% %5% %z %y\n");
    print("%c%c%C%C %5c|%-5C|\n", 'a', 'b', 0xe9, 0x1F600, 'x', 0x20ac);
    print("trailing %");
    print("\n");
    exits(nil);
}
