/* ctime(2): the calendar. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    static ulong const when[] = {0, 951782399, 951782400, 1000000000, 2147483647, 2147483648ul,
                                 4294967295ul, 1709164800, 1735689599};
    Tm *tm;
    uint i;
    vlong a, b;

    for (i = 0; i < nelem(when); i++) {
        tm = gmtime(when[i]);
        print("%lud %d %s", when[i], tm->yday, asctime(tm));
    }
    putenv("timezone", "EST -18000 EDT -14400\n 1000000000 1000000100\n");
    print("%s", ctime(1000000050));
    print("%s", ctime(1000000100));
    for (i = 0; i < nelem(when); i++) {
        tm = gmtime(when[i]);
        print(" %d", (ulong)tm2sec(tm) == when[i]);
        tm = localtime(when[i]);
        print(" %d", (ulong)tm2sec(tm) == when[i]);
    }
    print("\n");
    a = nsec();
    b = nsec();
    print("%d %d\n", a > 1500000000000000000ll, b >= a);
    print("%d\n", (ulong)(nsec() / 1000000000) - (ulong)time(nil) + 1 < 3);
    exits(nil);
}
