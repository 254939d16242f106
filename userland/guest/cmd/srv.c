/*
 * srv: calls a file server, posts the connection in /srv and perhaps mounts it.
 * Source: srv(4).
 */
#include <u.h>
#include <libc.h>
#include "dialsrv.h"
#include "mountflags.h"

static void
usage(void)
{
    fprint(2, "usage: srv [-abcCmq] [net!]host[!port] [srvname [mountpoint]]\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    char *name, *where, *path, *p;
    int fd, s, domount = 0, quiet = 0;

    ARGBEGIN {
    case 'm':
        domount = 1;
        break;
    case 'n':
        break;
    case 'q':
        quiet = 1;
        break;
    default:
        if (!mountflag(ARGC()))
            usage();
    }
    ARGEND
    if (argc < 1 || argc > 3)
        usage();
    name = argc > 1 ? argv[1] : strdup(argv[0]);
    if (argc == 1)
        for (p = name; *p != 0; p++)
            if (*p == '/')
                *p = '_';
    if (strncmp(name, "/srv/", 5) == 0)
        name += 5;
    where = argc == 3 ? argv[2] : domount ? smprint("/n/%s", name) : nil;
    path = smprint("/srv/%s", name);
    if (path == nil)
        sysfatal("out of memory");
    fd = open(path, ORDWR);
    if (fd >= 0) {
        if (!quiet && where == nil)
            fprint(2, "srv: %s is posted already\n", path);
    } else {
        fd = dialsrv(argv[0]);
        if (fd < 0)
            sysfatal("dial %s: %r", argv[0]);
        s = create(path, OWRITE, 0666);
        if (s < 0)
            sysfatal("create %s: %r", path);
        if (fprint(s, "%d", fd) < 0)
            sysfatal("post %s: %r", path);
        close(s);
    }
    if (where != nil && mount(fd, -1, where, mountflags, "") < 0)
        sysfatal("mount %s: %r", where);
    exits(nil);
}
