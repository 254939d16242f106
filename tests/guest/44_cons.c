/* cons(3): the small files of /dev. */
#include <u.h>
#include <libc.h>

static int
get(char *name, char *buf, int n)
{
    int fd = open(name, OREAD);

    if (fd < 0) {
        print("%s: %r\n", name);
        return -1;
    }
    n = read(fd, buf, n);
    close(fd);
    return n;
}

void
main(int argc, char **argv)
{
    char buf[256], other[32];
    uvlong ns = 0;
    int n, i, fd;

    n = get("/dev/time", buf, sizeof buf);
    print("%d %d\n", n, strtoul(buf, nil, 10) > 1000000000);
    n = get("/dev/bintime", buf, 8);
    for (i = 0; i < 8; i++)
        ns = ns << 8 | (uchar)buf[i];
    print("%d %d\n", n, ns / 1000000000 > 1000000000 && (vlong)ns > 0);
    n = get("/dev/null", buf, sizeof buf);
    print("%d\n", n);
    memset(buf, 1, sizeof buf);
    n = get("/dev/zero", buf, 100);
    print("%d %d %d\n", n, buf[99], buf[100]);
    n = get("/dev/random", buf, 32);
    print("%d %d\n", n, get("/dev/random", other, 32) == 32 && memcmp(buf, other, 32) != 0);
    n = get("/dev/user", buf, sizeof buf - 1);
    print("%d\n", n > 0 && strncmp(buf, getuser(), n) == 0);
    print("%d\n", sysname() != nil && sysname()[0] != 0);
    n = get("/dev/ppid", buf, sizeof buf);
    print("%d\n", n);
    fd = open("/dev/null", OWRITE);
    print("%ld\n", write(fd, buf, 100));
    print("%d\n", get("#c/pid", buf, 3));
    print("%d %r\n", create("/dev/nonesuch", OWRITE, 0666));
    exits(nil);
}
