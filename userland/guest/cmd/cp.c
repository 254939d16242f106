/* cp: copies files.  Source: cp(1). */
#include <u.h>
#include <libc.h>
#include "copy.h"

static int gflag, uflag, xflag;

static void
usage(void)
{
    fprint(2, "usage: cp [-gux] fromfile tofile\n\tcp [-gux] fromfile ... todir\n");
    exits("usage");
}

static int
attributes(int fd, char *name, Dir *from)
{
    Dir d;

    nulldir(&d);
    if (xflag || gflag || uflag) {
        d.mtime = from->mtime;
        d.mode = from->mode;
    }
    if (gflag || uflag)
        d.gid = from->gid;
    if (uflag)
        d.uid = from->uid;
    if ((xflag || gflag || uflag) && dirfwstat(fd, &d) < 0) {
        fprint(2, "cp: can't wstat %s: %r\n", name);
        return -1;
    }
    return 0;
}

static int
copy(char *from, char *to, int into)
{
    char *name = into ? smprint("%s/%s", to, lastname(from)) : strdup(to);
    Dir *d, *old;
    int in, out, r;

    if (name == nil)
        sysfatal("no memory");
    d = dirstat(from);
    if (d == nil) {
        fprint(2, "cp: can't stat %s: %r\n", from);
        return -1;
    }
    if (d->mode & DMDIR) {
        fprint(2, "cp: %s is a directory\n", from);
        return -1;
    }
    old = dirstat(name);
    if (old != nil && samefile(d, old)) {
        fprint(2, "cp: %s and %s are the same file\n", from, name);
        return -1;
    }
    in = open(from, OREAD);
    if (in < 0) {
        fprint(2, "cp: can't open %s: %r\n", from);
        return -1;
    }
    out = create(name, OWRITE, d->mode & 0777);
    if (out < 0) {
        fprint(2, "cp: can't create %s: %r\n", name);
        close(in);
        return -1;
    }
    r = copybytes(in, from, out, name);
    if (r == 0)
        r = attributes(out, name, d);
    close(in);
    close(out);
    free(d);
    free(old);
    free(name);
    return r;
}

void
main(int argc, char **argv)
{
    int i, into, failed = 0;
    Dir *d;

    argv0 = "cp";
    ARGBEGIN {
    case 'g':
        gflag = 1;
        break;
    case 'u':
        uflag = 1;
        break;
    case 'x':
        xflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc < 2)
        usage();
    for (i = 0; i < argc; i++)
        unslash(argv[i]);
    d = dirstat(argv[argc - 1]);
    into = d != nil && d->mode & DMDIR;
    if (argc > 2 && !into) {
        fprint(2, "cp: %s not a directory\n", argv[argc - 1]);
        exits("bad usage");
    }
    for (i = 0; i < argc - 1; i++)
        if (copy(argv[i], argv[argc - 1], into) < 0)
            failed = 1;
    exits(failed ? "errors" : nil);
}
