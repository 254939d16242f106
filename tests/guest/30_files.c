/* open(2), read(2), seek(2), stat(2), remove(2) on a new file. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char buf[64];
    int fd, n;
    Dir *d, change;

    fd = create("/tmp/file", ORDWR, 0664);
    print("%d\n", fd >= 0);
    print("%ld", write(fd, "hello, world\n", 13));
    print(" %d\n", pwrite(fd, "J", 1, 0));
    print("%lld", seek(fd, 0, 1));
    print(" %lld\n", seek(fd, -6, 2));
    n = read(fd, buf, sizeof buf);
    print("%d %.*s", n, n, buf);
    n = pread(fd, buf, 4, 0);
    print("%d %.*s\n", n, n, buf);
    seek(fd, 0, 2);
    print("%ld", read(fd, buf, sizeof buf));
    print(" %d\n", pread(fd, buf, 5, 1000));
    print("%lld %r\n", seek(fd, -1, 0));
    print("%ld %r\n", (long)pread(fd, buf, 5, -2));
    print("%lld\n", seek(fd, 5000000000ll, 0));
    print("%lld\n", seek(fd, 0, 1));
    d = dirfstat(fd);
    print("%s %lld %lo %s %C\n", d->name, d->length, d->mode, d->uid, d->type);
    free(d);
    close(fd);
    print("%d %r\n", create("/tmp/file", OWRITE | OEXCL, 0666));
    fd = open("/tmp/file", OREAD);
    print("%ld %r\n", write(fd, "x", 1));
    close(fd);
    nulldir(&change);
    change.name = "renamed";
    change.mode = 0600;
    print("%d\n", dirwstat("/tmp/file", &change));
    d = dirstat("/tmp/renamed");
    print("%s %lo %d\n", d->name, d->mode, access("/tmp/file", AEXIST));
    nulldir(&change);
    change.length = 5;
    print("%d\n", dirwstat("/tmp/renamed", &change));
    fd = open("/tmp/renamed", OREAD | ORCLOSE);
    n = readn(fd, buf, sizeof buf);
    print("%d %.*s\n", n, n, buf);
    close(fd);
    print("%d %r\n", access("/tmp/renamed", AREAD));
    print("%d %r\n", remove("/tmp/renamed"));
    fd = create("/tmp/append", OWRITE, DMAPPEND | 0666);
    write(fd, "one ", 4);
    seek(fd, 0, 0);
    write(fd, "two\n", 4);
    close(fd);
    fd = open("/tmp/append", OREAD);
    n = read(fd, buf, sizeof buf);
    print("%.*s", n, buf);
    fd = open("/tmp/append", OWRITE | OTRUNC);
    close(fd);
    d = dirstat("/tmp/append");
    print("%lld\n", d->length);
    remove("/tmp/append");
    exits(nil);
}
