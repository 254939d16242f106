/* x87 instructions: the transcendental ones, rounding, comparing, 80 bits. */
#include <u.h>
#include <libc.h>

static double
op(int which, double x, double y)
{
    double r = 0;

    switch (which) {
    case 0: __asm__ volatile("fsin" : "=t"(r) : "0"(x)); break;
    case 1: __asm__ volatile("fcos" : "=t"(r) : "0"(x)); break;
    case 2: __asm__ volatile("fpatan" : "=t"(r) : "0"(x), "u"(y) : "st(1)"); break;
    case 3: __asm__ volatile("fyl2x" : "=t"(r) : "0"(x), "u"(y) : "st(1)"); break;
    case 4: __asm__ volatile("f2xm1" : "=t"(r) : "0"(x)); break;
    case 5: __asm__ volatile("fscale" : "=t"(r) : "0"(x), "u"(y)); break;
    case 6: __asm__ volatile("frndint" : "=t"(r) : "0"(x)); break;
    case 7: __asm__ volatile("fprem1" : "=t"(r) : "0"(x), "u"(y)); break;
    }
    return r;
}

void
main(int argc, char **argv)
{
    static ulong const modes[] = {FPRNR, FPRNINF, FPRPINF, FPRZ};
    volatile double a = 1, b = 3;
    ushort status;
    uint i;
    long n;
    vlong v;
    char tenbytes[10], bcd[10];

    print("%.12g %.12g %.12g\n", op(0, 1, 0), op(1, 1, 0), op(2, 1, 1));
    print("%.12g %.12g %.12g %.12g\n", op(3, 10, 1), op(4, 0.5, 0), op(5, 1.5, 4), op(7, 10, 3));
    for (i = 0; i < nelem(modes); i++) {
        setfcr((getfcr() & ~(ulong)FPRMASK) | modes[i]);
        print("%g %g %.17g %.17g\n", op(6, 2.5, 0), op(6, -1.5, 0), a / b, -a / b);
    }
    setfcr((getfcr() & ~(ulong)FPRMASK) | FPRNR);
    __asm__ volatile("fistl %0" : "=m"(n) : "t"(2.5));
    print("%ld", n);
    __asm__ volatile("fistpll %0" : "=m"(v) : "t"(1e15 + 0.75) : "st");
    print(" %lld\n", v);
    __asm__ volatile("fstpt %0" : "=m"(tenbytes) : "t"(1.0) : "st");
    for (i = 0; i < 10; i++)
        print("%.2ux", tenbytes[i] & 0xff);
    __asm__ volatile("fbstp %0" : "=m"(bcd) : "t"(-1234567.0) : "st");
    print(" ");
    for (i = 0; i < 10; i++)
        print("%.2ux", bcd[i] & 0xff);
    print("\n");
    __asm__ volatile("fcom %%st(1); fnstsw %0" : "=a"(status) : "t"(1.0), "u"(2.0));
    print("%ux", status & 0x4500);
    __asm__ volatile("fxam; fnstsw %0" : "=a"(status) : "t"(-0.0));
    print(" %ux\n", status & 0x4700);
    exits(nil);
}
