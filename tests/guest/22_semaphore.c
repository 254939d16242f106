/* semacquire(2) */
#include <u.h>
#include <libc.h>

enum { N = 4, Rounds = 200 };
static long sem, done;
static int total;
static Lock l;

void
main(int argc, char **argv)
{
    long s = 2;
    int i, j;
    vlong t;

    for (i = 0; i < 3; i++)
        print("%d ", semacquire(&s, 0));
    print("%d ", semrelease(&s, 3));
    print("%d\n", semrelease(&s, 0));
    i = tsemacquire(&s, 10);
    print("%d %ld\n", i, s);
    s = 0;
    t = nsec();
    print("%d\n", tsemacquire(&s, 30));
    print("%d\n", nsec() - t > 20000000);
    s = -1;
    print("%d %r\n", semacquire(&s, 0));
    print("%d %r\n", semrelease(&s, -1));
    for (i = 0; i < N; i++)
        if (rfork(RFPROC | RFMEM | RFNOWAIT) == 0) {
            for (j = 0; j < Rounds; j++) {
                semacquire(&sem, 1);
                lock(&l);
                total++;
                unlock(&l);
                if (j % 10 == 0)
                    sleep(0);
            }
            semrelease(&done, 1);
            exits(nil);
        }
    for (i = 0; i < N * Rounds / 4; i++)
        semrelease(&sem, 4);
    for (i = 0; i < N; i++)
        semacquire(&done, 1);
    print("%d %ld\n", total, sem);
    exits(nil);
}
