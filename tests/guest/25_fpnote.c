/* Floating point that a note interrupts goes on as if nothing had been. */
#include <u.h>
#include <libc.h>

static volatile int notes;

static int
handler(void *u, char *note)
{
    double x = 1.5;

    if (strcmp(note, "alarm") != 0)
        return 0;
    x = x * 3 + notes; /* its own use of the registers: all of them */
    __asm__ volatile("fld1; fldpi; fldl2e; fldz; fld1; fldpi; fldl2e; fldz\n"
                     "fstp %st(0); fstp %st(0); fstp %st(0); fstp %st(0)\n"
                     "fstp %st(0); fstp %st(0); fstp %st(0); fstp %st(0)");
    if ((getfcr() & ~0x40ul) != 0x20d)
        print("fcr %lux\n", getfcr());
    if (x < 0)
        print("?");
    notes++;
    alarm(10);
    return 1;
}

void
main(int argc, char **argv)
{
    double sum, term;
    volatile double result, first = 0;
    long i, round;

    setfcr((getfcr() & ~(ulong)FPPMASK) | FPPEXT); /* the handler has that of the start */
    atnotify(handler, 1);
    alarm(10);
    for (round = 0; notes < 5; round++) {
        sum = 0;
        term = 1;
        for (i = 1; i < 200; i++) {
            sum += term / i;
            term = term * 0.99 + 1e-9 * i;
        }
        result = sum; /* rounded to a double */
        if (round == 0)
            first = result;
        if (result != first) {
            print("round %ld: %.17g, not %.17g\n", round, result, first);
            exits("changed");
        }
    }
    alarm(0);
    if ((getfcr() & FPPMASK) != FPPEXT)
        print("precision was not given back: %lux\n", getfcr());
    print("%.12g\n", first);
    exits(nil);
}
