/* bind(2): unions in every order, where their files are made, and how they come apart. */
#include <u.h>
#include <libc.h>

static void
dir(char *name)
{
    close(create(name, OREAD, DMDIR | 0777));
}

static void
put(char *name, char *text)
{
    int fd = create(name, OWRITE, 0666);

    if (fd < 0) {
        print("create %r\n");
        return;
    }
    write(fd, text, strlen(text));
    close(fd);
}

static void
get(char *name)
{
    char buf[32];
    int n, fd = open(name, OREAD);

    n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
    if (n < 0)
        print("open %r\n");
    else
        print("%s %.*s\n", name, n, buf);
    close(fd);
}

static void
ls(char *name)
{
    Dir *d;
    int i, n, fd = open(name, OREAD);

    n = dirreadall(fd, &d);
    print("%s:", name);
    for (i = 0; i < n; i++)
        print(" %s", d[i].name);
    print("\n");
    free(d);
    close(fd);
}

static void
did(char *what, int result)
{
    if (result < 0)
        print("%s: %r\n", what);
    else
        print("%s\n", what);
}

void
main(int argc, char **argv)
{
    rfork(RFNAMEG);
    dir("/tmp/u");
    dir("/tmp/a");
    dir("/tmp/b");
    dir("/tmp/c");
    put("/tmp/u/x", "u");
    put("/tmp/a/x", "a");
    put("/tmp/b/x", "b");
    put("/tmp/b/y", "b");
    put("/tmp/c/z", "c");

    did("after", bind("/tmp/a", "/tmp/u", MAFTER));
    get("/tmp/u/x");
    did("before", bind("/tmp/b", "/tmp/u", MBEFORE));
    get("/tmp/u/x");
    ls("/tmp/u");
    put("/tmp/u/new", "none takes it");
    did("create", bind("/tmp/c", "/tmp/u", MAFTER | MCREATE));
    put("/tmp/u/new", "taken by c");
    get("/tmp/c/new");
    ls("/tmp/u");
    put("/tmp/u/x", "B");
    get("/tmp/b/x");
    get("/tmp/a/x");
    did("remove", remove("/tmp/u/x"));
    get("/tmp/u/x");
    ls("/tmp/b");

    did("a union whole", bind("/tmp/u", "/mnt", MREPL));
    get("/mnt/z");
    put("/mnt/more", "unions are bound without their flag");
    did("with create", bind("/tmp/u", "/mnt", MREPL | MCREATE));
    did("drop b", unmount("/tmp/b", "/tmp/u"));
    ls("/tmp/u");
    ls("/mnt");
    did("drop it again", unmount("/tmp/b", "/tmp/u"));
    did("drop all", unmount(nil, "/tmp/u"));
    ls("/tmp/u");
    did("drop more", unmount(nil, "/tmp/u"));

    did("file on file", bind("/tmp/c/z", "/tmp/b/y", MREPL));
    get("/tmp/b/y");
    did("file before file", bind("/tmp/c/z", "/tmp/b/y", MBEFORE));
    did("file on folder", bind("/tmp/c/z", "/tmp/b", MREPL));
    did("remove a mount point", remove("/tmp/b/y"));
    did("three orders", bind("/tmp/a", "/tmp/b", MBEFORE | MAFTER));
    did("odd flag", bind("/tmp/a", "/tmp/b", 8));
    did("one with create", bind("/tmp/c", "/tmp/a", MREPL | MCREATE));
    did("handed on", bind("/tmp/a", "/tmp/b", MREPL | MCREATE));
    put("/tmp/b/through", "two names");
    get("/tmp/c/through");
    exits(nil);
}
