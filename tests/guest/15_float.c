/* floor(2), frexp(2), and the processor's settings at the start. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    static double const x[] = {0, 0.5, -0.5, 1.5, -1.5, 1e15, -1e300, 4503599627370497.5, 5e-324};
    volatile double third = 1, big = 1e300;
    double whole;
    uint i;
    int e;

    print("fcr %lux\n", getfcr() & ~0x40ul); /* that bit reads as 1 on some processors */
    for (i = 0; i < nelem(x); i++) {
        print("%g: %g %g %g", x[i], floor(x[i]), ceil(x[i]), fabs(x[i]));
        print(" %g", modf(x[i], &whole));
        print(" %g", whole);
        print(" %g", frexp(x[i], &e));
        print(" %d %d\n", e, ldexp(frexp(x[i], &e), e) == x[i]);
    }
    print("%g %g %g\n", ldexp(1, 1023), ldexp(1, -1074), ldexp(0.75, -1073));
    print("%g %.17g %.17g\n", fmod(10, 3), fmod(1e300, 7), fmod(-5.5, 2));
    print("%.17g %.17g %g\n", sqrt(2), third / 3, pow10(-5));
    print("%d %d %d %d\n", isNaN(NaN()), isInf(Inf(-1), -1), isInf(1, 0), isNaN(1));
    print("%d %d %lld %ud\n", (int)2.9, (int)-2.9, (vlong)1e15, (uint)3e9);
    setfcr(getfcr() & ~(FPOVFL | FPZDIV | FPINVAL)); /* no traps */
    big *= big;
    third = 1 / (third - 1);
    print("%g %g\n", big, third);
    print("%d\n", isNaN(big - big));
    exits(nil);
}
