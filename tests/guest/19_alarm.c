/* alarm(2), sleep(2): a note ends a sleep. */
#include <u.h>
#include <libc.h>

static volatile int rang;

static int
ring(void *u, char *note)
{
    if (strcmp(note, "alarm") != 0)
        return 0;
    rang++;
    return 1;
}

void
main(int argc, char **argv)
{
    vlong start = nsec();
    int n;

    atnotify(ring, 1);
    print("%d\n", alarm(20));
    n = sleep(60000);
    print("%d %r %d\n", n, rang);
    print("%d\n", nsec() - start < 30000000000ll);
    alarm(50000);
    n = alarm(0);
    print("%d\n", n > 49000 && n <= 50000);
    print("%d\n", sleep(0));
    print("%d\n", sleep(1));
    alarm(20);
    while (rang < 2)
        ; /* a loop is left as well */
    print("%d\n", rang);
    exits(nil);
}
