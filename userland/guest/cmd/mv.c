/* mv: other names for files; across directories they are copied.  Source: cp(1). */
#include <u.h>
#include <libc.h>
#include "copy.h"

static int
complain(char *what, char *name)
{
    fprint(2, "mv: can't %s %s: %r\n", what, name);
    return -1;
}

static int
rename(char *from, char *name)
{
    Dir d;

    nulldir(&d);
    d.name = name;
    return dirwstat(from, &d);
}

/* Whether both paths name files of one directory. */
static int
samedir(char *a, char *b)
{
    char *x = strdup(a), *y = strdup(b), *s;
    Dir *d, *e;
    int same;

    if (x == nil || y == nil)
        sysfatal("no memory");
    s = strrchr(x, '/');
    d = dirstat(s == nil ? "." : s == x ? "/" : (*s = 0, x));
    s = strrchr(y, '/');
    e = dirstat(s == nil ? "." : s == y ? "/" : (*s = 0, y));
    same = d != nil && e != nil && samefile(d, e);
    free(d);
    free(e);
    free(x);
    free(y);
    return same;
}

static int
copyover(char *from, char *to, Dir *d)
{
    Dir new;
    int in, out, r;

    if (d->mode & DMDIR) {
        fprint(2, "mv: can't rename directory %s to %s\n", from, to);
        return -1;
    }
    in = open(from, OREAD);
    if (in < 0)
        return complain("open", from);
    out = create(to, OWRITE, d->mode & 0777);
    if (out < 0) {
        close(in);
        return complain("create", to);
    }
    r = copybytes(in, from, out, to);
    nulldir(&new);
    new.mtime = d->mtime;
    new.mode = d->mode;
    dirfwstat(out, &new); /* as far as one may */
    close(in);
    close(out);
    if (r == 0 && remove(from) < 0)
        return complain("remove", from);
    return r;
}

static int
move(char *from, char *todir, int into)
{
    char *to = into ? smprint("%s/%s", todir, lastname(from)) : todir;
    Dir *d = dirstat(from), *old;

    if (to == nil)
        sysfatal("no memory");
    if (d == nil)
        return complain("stat", from);
    old = dirstat(to);
    if (old != nil && samefile(d, old)) {
        fprint(2, "mv: %s and %s are the same\n", from, to);
        return -1;
    }
    if (!samedir(from, to))
        return copyover(from, to, d);
    if (old != nil && remove(to) < 0)
        return complain("remove", to);
    if (rename(from, lastname(to)) < 0)
        return complain("rename", from);
    return 0;
}

static void
usage(void)
{
    fprint(2, "usage: mv fromfile tofile\n\tmv fromfile ... todir\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    int i, into, failed = 0;
    Dir *d;

    argv0 = "mv";
    ARGBEGIN {
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
    if (into && argc == 2) { /* a directory may get the name of an empty one, not of itself */
        Dir *f = dirstat(argv[0]);

        into = f == nil || !samefile(d, f);
        free(f);
    }
    if (argc > 2 && !into) {
        fprint(2, "mv: %s not a directory\n", argv[argc - 1]);
        exits("bad usage");
    }
    for (i = 0; i < argc - 1; i++)
        if (move(argv[i], argv[argc - 1], into) < 0)
            failed = 1;
    exits(failed ? "failure" : nil);
}
