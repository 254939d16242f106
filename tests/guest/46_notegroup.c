/* notify(2), fork(2): a note to a group reaches all in it but who writes. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    int pid, i, fd[2];
    char c;

    rfork(RFNOTEG);
    pipe(fd);
    for (i = 0; i < 3; i++)
        if (fork() == 0) {
            if (i == 2)
                rfork(RFNOTEG); /* not in the group any more */
            write(fd[0], "x", 1);
            sleep(i == 2 ? 100 : 100000);
            exits("slept");
        }
    for (i = 0; i < 3; i++)
        read(fd[1], &c, 1);
    pid = getpid();
    print("%d\n", postnote(PNGROUP, pid, "hangup"));
    for (i = 0; i < 3; i++)
        print("%s\n", strchr(wait()->msg, ':'));
    exits(nil);
}
