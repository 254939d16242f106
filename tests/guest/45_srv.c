/* srv(3): a pipe that other processes can find. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char buf[32];
    int fd[2], s, n;

    pipe(fd);
    s = create("/srv/guesttest", OWRITE | ORCLOSE, 0600);
    if (s < 0)
        sysfatal("create: %r");
    fprint(s, "%d", fd[0]);
    if (rfork(RFPROC | RFCFDG) == 0) {
        n = open("/srv/guesttest", ORDWR);
        write(n, "found you", 9);
        exits(nil);
    }
    n = read(fd[1], buf, sizeof buf);
    print("%d %.*s\n", n, n, buf);
    waitpid();
    print("%ld %r\n", write(s, "1", 1));
    print("%d %r\n", open("/srv/nonesuch", ORDWR));
    close(s);
    print("%d\n", access("/srv/guesttest", AEXIST));
    exits(nil);
}
