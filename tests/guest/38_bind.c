/* bind(2): a union, a new name, and a name space of one's own. */
#include <u.h>
#include <libc.h>

static void
put(char *name, char *text)
{
    int fd = create(name, OWRITE, 0666);

    if (fd < 0)
        print("%s: %r\n", name);
    fprint(fd, "%s", text);
    close(fd);
}

static void
get(char *name)
{
    char buf[64];
    int fd = open(name, OREAD), n;

    if (fd < 0) {
        print("%s: %r\n", name);
        return;
    }
    n = read(fd, buf, sizeof buf);
    print("%s: %.*s\n", name, n, buf);
    close(fd);
}

void
main(int argc, char **argv)
{
    int fd;
    Dir *d;

    close(create("/tmp/a", OREAD, DMDIR | 0777));
    close(create("/tmp/b", OREAD, DMDIR | 0777));
    put("/tmp/a/one", "a's");
    put("/tmp/b/one", "b's");
    put("/tmp/b/two", "second");
    rfork(RFNAMEG);
    print("%d\n", bind("/tmp/b", "/tmp/a", MAFTER) >= 0);
    get("/tmp/a/one");
    get("/tmp/a/two");
    fd = open("/tmp/a", OREAD);
    print("%ld\n", dirreadall(fd, &d));
    close(fd);
    print("%d %r\n", create("/tmp/a/new", OWRITE, 0666));
    if (rfork(RFPROC | RFNAMEG) == 0) {
        print("%d\n", bind("/tmp/b", "/tmp/a", MBEFORE | MCREATE) >= 0);
        get("/tmp/a/one");
        put("/tmp/a/new", "made");
        exits(nil);
    }
    waitpid();
    get("/tmp/a/one");
    get("/tmp/b/new");
    print("%d\n", unmount(nil, "/tmp/a"));
    get("/tmp/a/two");
    print("%d %r\n", unmount(nil, "/tmp/a"));
    print("%d %r\n", bind("/tmp/a/one", "/tmp/b", MREPL));
    print("%d\n", bind("/tmp/a/one", "/tmp/b/two", MREPL) >= 0);
    get("/tmp/b/two");
    rfork(RFNOMNT);
    print("%d %r\n", open("#s", OREAD));
    exits(nil);
}
