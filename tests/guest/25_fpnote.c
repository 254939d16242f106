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
    x = x * 3 + notes; /* its own use of the registers */
    if (x < 0)
        print("?");
    notes++;
    alarm(10);
    return 1;
}

void
main(int argc, char **argv)
{
    double sum, term, first = 0;
    long i, round;

    atnotify(handler, 1);
    alarm(10);
    for (round = 0; notes < 5; round++) {
        sum = 0;
        term = 1;
        for (i = 1; i < 200; i++) {
            sum += term / i;
            term = term * 0.99 + 1e-9 * i;
        }
        if (round == 0)
            first = sum;
        if (sum != first) {
            print("round %ld: %.17g, not %.17g\n", round, sum, first);
            exits("changed");
        }
    }
    alarm(0);
    print("%.12g\n", first);
    exits(nil);
}
