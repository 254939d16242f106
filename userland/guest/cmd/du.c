/* du: the room that files take.  Source: du(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static int aflag, fflag, nflag, sflag, tflag, uflag;
static vlong block = 1024;
static char *verb = "%q";
static Biobuf out;
static char *errors;

static vlong
round(Dir *d)
{
    return (d->length + block - 1) / block * block;
}

static void
put(char *name, vlong size, Dir *d)
{
    if (!nflag) {
        if (tflag || uflag)
            Bprint(&out, "%lud\t", uflag ? d->atime : d->mtime);
        else
            Bprint(&out, "%lld\t", size / 1024);
    }
    Bprint(&out, verb, name);
    Bputc(&out, '\n');
}

static vlong
du(char *name, Dir *dir, int top)
{
    Dir *entries, *d;
    long n, i;
    vlong sum = 0, size;
    int fd;
    char *inner;

    if (!(dir->qid.type & QTDIR)) {
        size = round(dir);
        if (aflag || top)
            put(name, size, dir);
        return size;
    }
    fd = open(name, OREAD);
    n = fd < 0 ? -1 : dirreadall(fd, &entries);
    if (n < 0) {
        if (!fflag)
            fprint(2, "du: %s: %r\n", name);
        errors = "errors";
        close(fd);
        return 0;
    }
    close(fd);
    for (i = 0; i < n; i++) {
        d = &entries[i];
        inner = smprint("%s%s%s", name, name[strlen(name) - 1] == '/' ? "" : "/", d->name);
        if (inner == nil)
            sysfatal("no memory");
        sum += du(inner, d, 0);
        free(inner);
    }
    if (n > 0)
        free(entries);
    sum += round(dir);
    if (!sflag || top)
        put(name, sum, dir);
    return sum;
}

static void
usage(void)
{
    fprint(2, "usage: du [-afnqstu] [-b size] [file ...]\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    static char *here[] = {".", nil};
    char *s;
    Dir *d;

    argv0 = "du";
    ARGBEGIN {
    case 'a': aflag = 1; break;
    case 'f': fflag = 1; break;
    case 'n': nflag = 1; aflag = 1; break;
    case 'q': verb = "%s"; break;
    case 's': sflag = 1; break;
    case 't': tflag = 1; break;
    case 'u': uflag = 1; break;
    case 'b':
        s = EARGF(usage());
        block = strtoll(s, &s, 0);
        if (*s == 'k' || *s == 'K') {
            block *= 1024;
            s++;
        }
        if (block <= 0 || *s != 0)
            usage();
        break;
    default:
        usage();
    }
    ARGEND
    quotefmtinstall();
    Binit(&out, 1, OWRITE);
    if (argc == 0)
        argv = here;
    for (; *argv != nil; argv++) {
        d = dirstat(*argv);
        if (d == nil) {
            if (!fflag)
                fprint(2, "du: %s: %r\n", *argv);
            errors = "errors";
            continue;
        }
        du(*argv, d, 1);
        free(d);
    }
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(errors);
}
