/* lock(2) between processes that share memory, without system calls and with. */
#include <u.h>
#include <libc.h>

static Lock l;
static int counter, tas;
static long atomic;

void
main(int argc, char **argv)
{
    int i, j;

    print("%d", canlock(&l));
    print(" %d\n", canlock(&l));
    unlock(&l);
    print("%d\n", canlock(&l));
    unlock(&l);
    print("%d", _tas(&tas));
    print(" %d\n", _tas(&tas) != 0);
    for (i = 0; i < 3; i++)
        if (rfork(RFPROC | RFMEM) == 0) {
            for (j = 0; j < 2000; j++) {
                lock(&l);
                counter++;
                if (j % 500 == 0)
                    sleep(0);
                unlock(&l);
                ainc(&atomic);
            }
            exits(nil);
        }
    while (waitpid() > 0)
        ;
    print("%d %ld\n", counter, atomic);
    exits(nil);
}
