/* rm: removes files.  Source: rm(1). */
#include <u.h>
#include <libc.h>

static char *errors;
static int force;

static void
complain(char *name)
{
    if (!force)
        fprint(2, "rm: %s: %r\n", name);
    errors = "errors";
}

/* All that is in the directory name, and then it. */
static void
tree(char *name)
{
    Dir *entries, *d;
    long n, i;
    int fd = open(name, OREAD);
    char *inner;

    if (fd < 0) {
        complain(name);
        return;
    }
    n = dirreadall(fd, &entries);
    close(fd);
    for (i = 0; i < n; i++) {
        d = &entries[i];
        inner = smprint("%s/%s", name, d->name);
        if (inner == nil)
            sysfatal("no memory");
        if (remove(inner) < 0) {
            if (d->qid.type & QTDIR)
                tree(inner);
            else
                complain(inner);
        }
        free(inner);
    }
    free(entries);
    if (remove(name) < 0)
        complain(name);
}

static void
usage(void)
{
    fprint(2, "usage: rm [-fr] file ...\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    int recursive = 0;
    char err[ERRMAX];
    Dir *d;

    argv0 = "rm";
    ARGBEGIN {
    case 'f':
        force = 1;
        break;
    case 'r':
        recursive = 1;
        break;
    default:
        usage();
    }
    ARGEND
    for (; argc > 0; argc--, argv++) {
        if (remove(*argv) >= 0)
            continue;
        rerrstr(err, sizeof err);
        d = recursive ? dirstat(*argv) : nil;
        if (d != nil && d->mode & DMDIR)
            tree(*argv);
        else {
            werrstr("%s", err);
            complain(*argv);
        }
        free(d);
    }
    exits(force ? nil : errors);
}
