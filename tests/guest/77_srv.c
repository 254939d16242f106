/* srv(3): who may open what is posted, and the ways it goes. */
#include <u.h>
#include <libc.h>

static void
did(char *what, int result)
{
    if (result < 0)
        print("%s: %r\n", what);
    else
        print("%s\n", what);
}

static void
ls(void)
{
    Dir *d;
    int i, n, fd = open("/srv", OREAD);

    n = dirreadall(fd, &d);
    for (i = 0; i < n; i++)
        print("%s %luo %s\n", d[i].name, d[i].mode, d[i].uid);
    close(fd);
}

void
main(int argc, char **argv)
{
    char buf[64];
    int fd[2], s, t, n;
    Dir d;

    pipe(fd);
    did("read", create("/srv/a", OREAD, 0600));
    did("both", create("/srv/a", ORDWR, 0600));
    did("folder", create("/srv/a", OREAD, DMDIR | 0700));
    did("post", s = create("/srv/a", OWRITE, 0600));
    did("early", open("/srv/a", ORDWR));
    did("no number", write(s, "zero", 4));
    did("no file", write(s, "99", 2));
    did("number", fprint(s, "%d\n", fd[0]));
    did("twice", fprint(s, "%d", fd[1]));
    did("truncated", open("/srv/a", ORDWR | OTRUNC));
    did("created", create("/srv/a", OWRITE, 0600));
    t = open("/srv/a", OREAD);
    did("half of both", t);
    fd2path(t, buf, sizeof buf);
    print("%s\n", buf);
    close(t);
    close(fd[0]);
    t = open("/srv/a", ORDWR);
    write(t, "still there", 11);
    n = read(fd[1], buf, sizeof buf);
    print("%.*s\n", n, buf);
    close(t);

    t = open("/dev/null", OREAD);
    close(create("/srv/b", OWRITE, 0644));
    did("posted twice", create("/srv/b", OWRITE | OEXCL, 0644));
    remove("/srv/b");
    n = create("/srv/b", OWRITE | ORCLOSE, 0644);
    fprint(n, "%d", t);
    did("write to it", open("/srv/b", OWRITE));
    did("read it", open("/srv/b", OREAD));
    close(t);
    t = open("/dev/null", OREAD | OCEXEC);
    close(create("/srv/c", OWRITE, 0666));
    ls();
    s = create("/srv/d", OWRITE, 0666);
    did("closed by exec", fprint(s, "%d", t));
    nulldir(&d);
    d.name = "b";
    did("taken name", dirwstat("/srv/c", &d));
    d.name = "renamed";
    d.mode = 0400;
    did("rename", dirwstat("/srv/c", &d));
    nulldir(&d);
    d.length = 0;
    did("length", dirwstat("/srv/renamed", &d));
    close(n);
    ls();
    if (rfork(RFPROC | RFFDG) == 0) {
        n = open("/dev/user", OWRITE);
        write(n, "none", 4);
        did("none opens", open("/srv/a", ORDWR));
        did("none removes", remove("/srv/renamed"));
        did("none renames", dirwstat("/srv/renamed", &d));
        did("none posts", create("/srv/none", OWRITE, 0666));
        exits(nil);
    }
    waitpid();
    ls();
    did("remove", remove("/srv/a"));
    did("gone", open("/srv/a", ORDWR));
    did("remove the folder", remove("#s"));
    n = read(fd[1], buf, sizeof buf);
    print("%d: the last reference was in /srv\n", n);
    exits(nil);
}
