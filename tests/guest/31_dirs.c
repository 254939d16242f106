/* Directories: made, read, renamed, removed; names from descriptors. */
#include <u.h>
#include <libc.h>

static int
byname(void const *a, void const *b)
{
    return strcmp(((Dir *)a)->name, ((Dir *)b)->name);
}

void
main(int argc, char **argv)
{
    char path[64], buf[512];
    int fd, i;
    long n, m;
    Dir *d;

    close(create("/tmp/dir", OREAD, DMDIR | 0777));
    print("%d\n", chdir("/tmp/dir"));
    for (i = 0; i < 100; i++) {
        snprint(path, sizeof path, "file%.3d", i);
        close(create(path, OWRITE, 0666));
    }
    close(create("sub", OREAD, DMDIR | 0700));
    fd = open(".", OREAD);
    n = dirreadall(fd, &d);
    qsort(d, n, sizeof *d, byname);
    print("%ld %s %s %d\n", n, d[0].name, d[n - 1].name, d[n - 1].qid.type == QTDIR);
    free(d);
    print("%lld\n", seek(fd, 0, 0));
    for (m = 0; (n = dirread(fd, &d)) > 0; m += n)
        free(d);
    print("%ld %ld\n", m, n);
    print("%d %s\n", fd2path(fd, buf, sizeof buf), buf);
    seek(fd, 0, 0);
    for (m = 0; (n = read(fd, buf, 200)) > 0;) /* whole entries only */
        for (i = 0; i < n; i += 2 + (buf[i] & 0xff) + ((buf[i + 1] & 0xff) << 8))
            m++;
    print("%ld %ld\n", m, n);
    close(fd);
    print("%d %r\n", open(".", OWRITE));
    chdir("sub");
    print("%s\n", getwd(buf, sizeof buf));
    chdir("..//../dir/.");
    print("%s\n", getwd(buf, sizeof buf));
    print("%d\n", remove("/tmp/dir"));
    remove("sub");
    for (i = 0; i < 100; i++) {
        snprint(path, sizeof path, "file%.3d", i);
        if (remove(path) < 0)
            print("%s: %r\n", path);
    }
    chdir("/");
    print("%d\n", remove("/tmp/dir"));
    d = dirstat("/dev/null");
    print("%s %C %lo\n", d->name, d->type, d->mode);
    d = dirstat("/");
    print("<%s> %d\n", d->name, (d->mode & DMDIR) != 0);
    exits(nil);
}
