/* rendezvous(2), and the queueing locks on top of it. */
#include <u.h>
#include <libc.h>

static QLock q;
static RWLock rw;
static Rendez full;
static int counter, readers, mostreaders, ready;

static int
interrupted(void *u, char *note)
{
    return strcmp(note, "wake") == 0;
}

void
main(int argc, char **argv)
{
    void *got;
    int i, j, pid;

    pid = rfork(RFPROC | RFMEM);
    if (pid == 0) {
        got = rendezvous(&q, (void *)22);
        exits(got == (void *)11 ? nil : "wrong value");
    }
    got = rendezvous(&q, (void *)11);
    print("%d\n", (int)got);
    print("<%s>\n", wait()->msg);

    for (i = 0; i < 3; i++)
        if (rfork(RFPROC | RFMEM) == 0) {
            for (j = 0; j < 100; j++) {
                int before;

                qlock(&q);
                before = counter;
                if (j % 5 == 0)
                    sleep(0);
                counter = before + 1;
                qunlock(&q);
                rlock(&rw);
                if (++readers > mostreaders)
                    mostreaders = readers;
                readers--;
                runlock(&rw);
                if (j % 20 == 0) {
                    wlock(&rw);
                    if (readers != 0)
                        print("a reader while writing\n");
                    wunlock(&rw);
                }
            }
            exits(nil);
        }
    while (waitpid() > 0)
        ;
    print("%d %d\n", counter, canqlock(&q));
    qunlock(&q);

    full.l = &q;
    if (rfork(RFPROC | RFMEM) == 0) {
        qlock(&q);
        ready = 1;
        rwakeup(&full);
        qunlock(&q);
        exits(nil);
    }
    qlock(&q);
    while (!ready)
        rsleep(&full);
    qunlock(&q);
    print("ready %d\n", ready);
    waitpid();

    atnotify(interrupted, 1);
    pid = getpid();
    if (rfork(RFPROC) == 0) {
        sleep(20);
        postnote(PNPROC, pid, "wake");
        exits(nil);
    }
    print("%p\n", rendezvous(&ready, nil));
    exits(nil);
}
