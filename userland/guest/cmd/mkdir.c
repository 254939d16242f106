/* mkdir: new directories.  Source: mkdir(1). */
#include <u.h>
#include <libc.h>

static char *errors;
static ulong mode = 0777;

static void
usage(void)
{
    fprint(2, "usage: mkdir [-p] [-m mode] dir...\n");
    exits("usage");
}

static int
make(char *name)
{
    int fd;

    if (access(name, AEXIST) == 0) {
        fprint(2, "mkdir: %s already exists\n", name);
        return -1;
    }
    fd = create(name, OREAD, DMDIR | mode);
    if (fd < 0) {
        fprint(2, "mkdir: can't create %s: %r\n", name);
        return -1;
    }
    close(fd);
    return 0;
}

/* With the folders above it; those that are there are no error. */
static int
makeall(char *name)
{
    char *s;
    Dir *d;

    for (s = name + (*name == '/');; s++) {
        s = strchr(s, '/');
        if (s != nil)
            *s = 0;
        d = *name != 0 ? dirstat(name) : nil;
        if (d == nil && *name != 0 && make(name) < 0)
            return -1;
        if (d != nil && !(d->mode & DMDIR)) {
            fprint(2, "mkdir: %s is not a directory\n", name);
            free(d);
            return -1;
        }
        free(d);
        if (s == nil)
            return 0;
        *s = '/';
    }
}

void
main(int argc, char **argv)
{
    int parents = 0;
    char *s;

    argv0 = "mkdir";
    ARGBEGIN {
    case 'm':
        s = EARGF(usage());
        mode = strtoul(s, &s, 8);
        if (*s != 0 || mode > 0777)
            usage();
        break;
    case 'p':
        parents = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc == 0)
        usage();
    for (; argc > 0; argc--, argv++)
        if ((parents ? makeall(*argv) : make(*argv)) < 0)
            errors = "error";
    exits(errors);
}
