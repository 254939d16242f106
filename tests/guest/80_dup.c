/* dup(3): /fd is the very files, and tells of them. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char buf[256], *f[20], name[32];
    int fd, other, n;
    Dir *d;

    fd = create("/tmp/duped", ORDWR, 0666);
    write(fd, "0123456789", 10);
    seek(fd, 3, 0);
    snprint(name, sizeof name, "/fd/%d", fd);
    other = open(name, ORDWR);
    n = read(other, buf, 4);
    print("%.*s %lld\n", n, buf, seek(fd, 0, 1));
    fd2path(other, buf, sizeof buf);
    print("%s\n", buf);
    d = dirstat(name);
    print("%s %luo %lld %c\n", d->name, d->mode, d->length, d->type);
    d = dirfstat(other);
    print("%s %lld %c\n", d->name, d->length, d->type);
    print("%d %r\n", open(name, ORDWR | ORCLOSE));
    close(other);
    other = open("/tmp/duped", OREAD);
    snprint(name, sizeof name, "/fd/%d", other);
    print("%d %r\n", open(name, OWRITE));
    print("%d %r\n", open(name, OREAD | OTRUNC));
    print("%luo\n", dirstat(name)->mode);
    snprint(name, sizeof name, "#d/%dctl", fd);
    n = open(name, OREAD);
    print("%d\n", n >= 0);
    n = read(n, buf, sizeof buf - 1);
    buf[n] = 0;
    n = tokenize(buf, f, nelem(f));
    print("%d %s %s %s iounit %s offset %s %s\n", n, f[1], f[2], f[6], f[7], f[8], f[9]);
    print("%d %r\n", open(name, OWRITE));
    print("%luo\n", dirstat(name)->mode);
    print("%d %r\n", open("/fd/77", OREAD));
    print("%d %r\n", open("/fd/00", OREAD));
    print("%d %r\n", remove("/fd/0"));
    print("%d %r\n", create("/fd/9", OREAD, 0666));
    exits(nil);
}
