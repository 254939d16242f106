/* intro(2): what .. is, by name and through mounts; fd2path; # names. */
#include <u.h>
#include <libc.h>

static void
where(void)
{
    char buf[256];
    Dir *d;

    d = dirstat(".");
    print("%s (%s)\n", getwd(buf, sizeof buf), d == nil ? "?" : d->name);
    free(d);
}

static void
go(char *name)
{
    if (chdir(name) < 0)
        print("chdir %r\n");
    else
        where();
}

static void
path(char *name)
{
    char buf[256];
    int fd = open(name, OREAD);

    if (fd < 0 || fd2path(fd, buf, sizeof buf) < 0)
        print("path %r\n");
    else
        print("%s: %s\n", name, buf);
    close(fd);
}

static void
name(char *file)
{
    Dir *d = dirstat(file);

    print("%s is called '%s'\n", file, d == nil ? "?" : d->name);
    free(d);
}

void
main(int argc, char **argv)
{
    char *made[] = {"/tmp/x", "/tmp/x/y", "/tmp/x/y/z", "/tmp/a", "/tmp/a/b", nil};
    int i;

    rfork(RFNAMEG);
    for (i = 0; made[i] != nil; i++)
        close(create(made[i], OREAD, DMDIR | 0777));
    bind("/tmp/x/y", "/tmp/a/b", MREPL);
    go("/tmp/a/b/z");
    go("..");
    go("..");
    go("b/./z/../..//b/");
    go("/../..");
    go("#c");
    go("..");
    go("#c/..");
    go("/tmp/a/b/z/../../../..");
    go("/dev/null");
    go("/dev/null/..");
    path("/tmp/a/b/z");
    path("/tmp//a/./b/../b/z/");
    path("#c/null");
    path("#/");
    path("#d/0/..");
    path("/dev/../proc/../env");
    path("/tmp/x/./../nope/y");
    name("/");
    name("/dev");
    name("/dev/..");
    name("/tmp/.");
    name("/tmp/a/b");
    name("/tmp/a/b/..");
    name("#c");
    name("#c/null");
    name("/fd/0");
    print("%d %r\n", open("", OREAD));
    print("%d %r\n", open("#", OREAD));
    print("%d %r\n", open("#M0", OREAD));
    print("%d %r\n", open("a\tb", OREAD));
    bind("#e", "/tmp/a", MREPL);
    print("%d\n", open("#/tmp/nothing is mounted on these", OREAD) < 0);
    close(create("/env/seen", OWRITE, 0666));
    path("/tmp/a/seen");
    exits(nil);
}
