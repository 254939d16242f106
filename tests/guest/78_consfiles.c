/* cons(3): how wide each file is, and what may be written to it. */
#include <u.h>
#include <libc.h>

static int
get(char *name, char *buf, int max)
{
    int fd, n;

    fd = open(name, OREAD);
    n = fd < 0 ? -1 : readn(fd, buf, max - 1);
    if (n >= 0)
        buf[n] = 0;
    close(fd);
    return n;
}

static void
put(char *name, char *text)
{
    int fd = open(name, OWRITE), n;

    n = fd < 0 ? -1 : write(fd, text, strlen(text));
    if (n < 0)
        print("%s: %r\n", name);
    else
        print("%s took %d\n", name, n);
    close(fd);
}

static void
digits(char *s)
{
    for (; *s != 0; s++)
        if (*s >= '0' && *s <= '9')
            *s = s > s - 1 && s[1] >= '0' && s[1] <= '9' ? ' ' : 'N';
    }

static uvlong
be(uchar *p)
{
    uvlong v = 0;
    int i;

    for (i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

void
main(int argc, char **argv)
{
    char *numbers[] = {"pid", "ppid", "pgrpid", "cputime", "time", "sysstat"};
    char buf[8192];
    uchar bin[32];
    int fd, i, n, sizes[] = {8, 9, 16, 24, 32};
    vlong before;

    for (i = 0; i < nelem(numbers); i++) {
        snprint(buf, 64, "/dev/%s", numbers[i]);
        n = get(buf, buf + 64, sizeof buf - 64);
        digits(buf + 64);
        print("%s %d '%s'\n", buf, n, buf + 64);
    }
    get("/dev/pid", buf, sizeof buf);
    print("%d\n", atoi(buf) == getpid());
    fd = open("/dev/pid", OREAD);
    print("%ld", read(fd, buf, 5));
    print(" %ld", read(fd, buf, 50));
    print(" %ld\n", read(fd, buf, 50));
    close(fd);

    fd = open("/dev/bintime", OREAD);
    for (i = 0; i < nelem(sizes); i++)
        print("%d ", (int)read(fd, bin, sizes[i]));
    print("\n");
    before = nsec();
    pread(fd, bin, 24, 0);
    print("%d %lld\n", be(bin) >= before && be(bin) < before + 10000000000LL, be(bin + 16));
    print("%d\n", time(nil) - (long)(be(bin) / 1000000000) < 10);
    close(fd);

    print("%d\n", get("/dev/null", buf, sizeof buf));
    print("%d\n", get("/dev/zero", buf, 101));
    print("%d\n", get("/dev/random", buf, 1001));
    get("/dev/osversion", buf, sizeof buf);
    print("%s\n", buf);
    get("/dev/sysname", buf, sizeof buf);
    print("%s\n", buf);
    put("/dev/sysname", "gnot\n");
    get("/dev/sysname", buf, sizeof buf);
    print("%s\n", buf);
    put("/dev/hostdomain", "example.com");
    get("/dev/hostdomain", buf, sizeof buf);
    print("%s\n", buf);
    get("/dev/config", buf, sizeof buf);
    print("%d\n", strstr(buf, "\ndev\n") != nil && strstr(buf, "\tcons\n") != nil);
    get("/dev/swap", buf, sizeof buf);
    print("%d\n", strstr(buf, " memory\n4096 pagesize\n") != nil);
    print("%d\n", get("/dev/drivers", buf, sizeof buf) > 0 && strstr(buf, "#c cons\n") != nil);

    put("/dev/user", "bootes");
    put("/dev/user", "none\n");
    put("/dev/time", "tomorrow");
    put("/dev/bintime", "x");
    put("/dev/reboot", "gently");
    put("/dev/reboot", "");
    put("/dev/swap", "a bit");
    put("/dev/sysstat", "");
    put("/dev/null", "all of it");
    put("/dev/zero", "no");
    put("/dev/pid", "1");
    put("/dev/kmesg", "no");
    put("/dev/drivers", "hello");
    fd = open("/dev/kprint", OREAD);
    print("%d %r\n", open("/dev/kprint", OREAD));
    put("/dev/cons", "to the console\n");
    n = read(fd, buf, sizeof buf);
    print("%d %.*s", n, n, buf);
    close(fd);
    print("%d\n", close(open("/dev/kprint", OREAD)));
    print("%d %r\n", open("/dev/cons", OEXEC));
    print("%d %r\n", open("/dev/consctl", OREAD));
    put("/dev/consctl", "rawon");
    put("/dev/consctl", "holdon");
    put("/dev/time", "86400");
    print("%ld\n", time(nil) / 10);
    print("%s", asctime(gmtime(time(nil) / 10 * 10)));
    exits(nil);
}
