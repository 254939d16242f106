/* pipe(2): both ways, with the borders of the writes kept. */
#include <u.h>
#include <libc.h>

static char big[100000];

static int
closed(void *u, char *note)
{
    print("note: %s\n", note);
    return strcmp(note, "sys: write on closed pipe") == 0
           || strncmp(note, "sys: write on closed pipe pc=", 29) == 0;
}

void
main(int argc, char **argv)
{
    char buf[64];
    int fd[2], n, i;
    long sum;

    pipe(fd);
    write(fd[0], "hello", 5);
    write(fd[0], "world", 5);
    n = read(fd[1], buf, 3);
    print("%d %.*s\n", n, n, buf);
    n = read(fd[1], buf, sizeof buf);
    print("%d %.*s\n", n, n, buf);
    n = read(fd[1], buf, sizeof buf);
    print("%d %.*s\n", n, n, buf);
    write(fd[1], "back", 4);
    n = read(fd[0], buf, sizeof buf);
    print("%d %.*s\n", n, n, buf);
    write(fd[0], "", 0);
    print("%ld\n", read(fd[1], buf, sizeof buf));
    print("%d %r\n", (int)seek(fd[0], 0, 0));
    if (fork() == 0) {
        close(fd[1]);
        for (i = 0; i < nelem(big); i++)
            big[i] = i;
        write(fd[0], big, sizeof big);
        exits(nil);
    }
    close(fd[0]);
    sum = 0;
    for (i = 0; (n = read(fd[1], big, 3000)) > 0; i += n)
        sum += (uchar)big[0];
    print("%d\n", i);
    USED(sum);
    for (i = 0; i < 4 && n == 0; i++)
        n = read(fd[1], buf, 1);
    print("%d %r\n", n);
    waitpid();
    pipe(fd);
    close(fd[1]);
    atnotify(closed, 1);
    n = write(fd[0], "x", 1);
    print("%d %r\n", n);
    exits(nil);
}
