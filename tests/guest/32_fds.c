/* dup(2), and which descriptor is the next. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char buf[16];
    int a, b, c, i, fd[2];

    a = create("/tmp/fds", ORDWR, 0666);
    b = dup(a, -1);
    c = dup(a, 20);
    print("%d %d %d\n", b - a, c, dup(77, -1));
    write(a, "abcdef", 6);
    seek(b, 2, 0);
    print("%ld", read(c, buf, 2));
    print(" %.2s", buf);
    print(" %lld\n", seek(a, 0, 1));
    close(a);
    print("%d\n", open("/dev/zero", OREAD) == a);
    pipe(fd);
    print("%d %d\n", fd[0] == a + 2, fd[1] == a + 3);
    dup(20, 1); /* what print writes to now */
    print("in the file");
    seek(20, 0, 0);
    i = read(20, buf, sizeof buf);
    fprint(2, "%.*s\n", i, buf);
    memset(buf, 1, sizeof buf);
    i = read(a, buf, 5);
    fprint(2, "%d %d %d %d\n", i, buf[0], buf[4], buf[5]);
    rfork(RFCFDG);
    fprint(2, "gone\n");
    exits(nil);
}
