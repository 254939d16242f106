/* env(3): a folder of variables: order, versions, sharing, limits, and the group of all. */
#include <u.h>
#include <libc.h>

static char big[20000];

static void
put(char *name, char *text)
{
    int fd = create(name, OWRITE, 0600);

    if (fd < 0)
        print("%s: %r\n", name);
    write(fd, text, strlen(text));
    close(fd);
}

static void
ls(char *name)
{
    Dir *d;
    int i, n, fd = open(name, OREAD);

    n = dirreadall(fd, &d);
    for (i = 0; i < n; i++)
        if (strncmp(d[i].name, "e.", 2) == 0 || strncmp(d[i].name, "fn#", 3) == 0)
            print("%s %lld  ", d[i].name, d[i].length);
    print("\n");
    free(d);
    close(fd);
}

static ulong
version(char *name)
{
    Dir *d = dirstat(name);
    ulong v = d == nil ? 0 : d->qid.vers;

    free(d);
    return v;
}

void
main(int argc, char **argv)
{
    char buf[32];
    ulong v, w;
    int fd, n;
    Dir *d;

    rfork(RFENVG);
    put("/env/e.1", "one");
    put("/env/e.2", "two");
    put("/env/e.3", "three");
    put("/env/fn#f", "{echo}");
    ls("/env");
    remove("/env/e.1");
    ls("/env");
    d = dirstat("/env/e.2");
    print("%s %luo %s %s\n", d->name, d->mode, d->uid, d->gid);
    d = dirstat("/env");
    print("%luo\n", d->mode);

    v = version("/env/e.2");
    w = version("/env");
    put("/env/e.2", "");
    print("%d %d\n", version("/env/e.2") > v, version("/env") > w);
    fd = open("/env/e.2", ORDWR);
    print("%ld\n", write(fd, "a\0b\0", 4));
    print("%ld\n", pwrite(fd, "Z", 1, 6));
    n = pread(fd, buf, sizeof buf, 0);
    print("%d %d %d\n", n, buf[5], buf[6]);
    print("%ld %r\n", pwrite(fd, big, 16301, 0));
    print("%ld\n", pwrite(fd, big, 16300, 0));
    print("%ld %r\n", pwrite(fd, "x", 1, 16300));
    close(fd);

    print("%d %r\n", create("/env/e.2", OWRITE | OEXCL, 0666));
    print("%d %r\n", create("/env/dir", OREAD, DMDIR | 0777));
    print("%d %r\n", open("/env/e.3", OEXEC));
    print("%d %r\n", open("/env/e.3/more", OREAD));
    fd = create("/env/e.gone", OWRITE | ORCLOSE, 0666);
    print("%d", access("/env/e.gone", AEXIST));
    close(fd);
    print(" %d\n", access("/env/e.gone", AEXIST));

    if (rfork(RFPROC | RFFDG) == 0) {
        put("/env/e.3", "shared");
        rfork(RFENVG);
        put("/env/e.3", "copied");
        rfork(RFCENVG);
        ls("/env");
        exits(nil);
    }
    waitpid();
    print("%s\n", getenv("e.3"));
    put("#ec/e.common", "of all");
    print("%d\n", access("/env/e.common", AEXIST));
    fd = open("#ec/e.common", OREAD);
    n = read(fd, buf, sizeof buf);
    print("%.*s\n", n, buf);
    exits(nil);
}
