/* A process that only makes calls which C answers still gets its notes, and others their turn. */
#include <u.h>
#include <libc.h>

static volatile int rung;

static int
ring(void *u, char *note)
{
    rung++;
    return strcmp(note, "alarm") == 0;
}

void
main(int argc, char **argv)
{
    int fd = open("/dev/zero", OREAD), child, left[2];
    long sem = 1000000000;
    char buf[64];
    Waitmsg *w;

    atnotify(ring, 1);
    alarm(20);
    while (rung == 0)
        nsec();
    print("after nsec\n");
    alarm(20);
    while (rung == 1)
        sleep(0);
    print("after sleep\n");
    alarm(20);
    while (rung == 2)
        read(fd, buf, sizeof buf);
    print("after read\n");
    alarm(20);
    while (rung == 3)
        semacquire(&sem, 0);
    print("after semacquire\n");

    pipe(left);
    child = fork();
    if (child == 0)
        for (;;)
            nsec();
    if (fork() == 0) {
        write(left[0], "turn", 4);
        exits(0);
    }
    print("%ld\n", read(left[1], buf, sizeof buf));
    postnote(PNPROC, child, "die");
    while ((w = wait()) != 0) {
        print("%s\n", strstr(w->msg, "die") != 0 ? "died" : w->msg);
        free(w);
    }
    exits(0);
}
