/* ls: what is in directories.  Source: ls(1). */
#include <u.h>
#include <libc.h>

typedef struct Entry Entry;
struct Entry {
    Dir *dir;
    char *prefix; /* the directory's name as it was given, or nil */
    char *name;
};

static int dflag, lflag, mflag, nflag, pflag, qflag, rflag, sflag, tflag, uflag;
static int Fflag, Tflag;
static char *nameverb = "%q";
static Entry *list;
static long nlist, room;
static int dwidth, vwidth, swidth, lwidth, uwidth, gwidth, mwidth;
static ulong now;
static Fmt out;
static char outbuf[8192];

static void
usage(void)
{
    fprint(2, "usage: ls [-dlmnpqrstuFQT] [file ...]\n");
    exits("usage");
}

static void
append(Dir *d, char *prefix, char *name)
{
    if (nlist == room) {
        room = room == 0 ? 64 : 2 * room;
        list = realloc(list, room * sizeof *list);
        if (list == nil)
            sysfatal("no memory");
    }
    list[nlist].dir = d;
    list[nlist].prefix = prefix;
    list[nlist].name = name;
    nlist++;
}

static ulong
when(Dir *d)
{
    return uflag ? d->atime : d->mtime;
}

static int
byname(void const *a, void const *b)
{
    int n = strcmp(((Entry *)a)->name, ((Entry *)b)->name);

    return rflag ? -n : n;
}

static int
bytime(void const *a, void const *b)
{
    ulong s = when(((Entry *)a)->dir), t = when(((Entry *)b)->dir);
    int n = s < t ? 1 : s > t ? -1 : 0;

    return n == 0 ? byname(a, b) : rflag ? -n : n;
}

static void
widen(int *width, int n)
{
    if (n > *width)
        *width = n;
}

static int
digits(uvlong v)
{
    char s[32];

    return snprint(s, sizeof s, "%llud", v);
}

static vlong
kbytes(Dir *d)
{
    return (d->length + 1023) / 1024;
}

/* Mmm dd hh:mm, or the year for what is older than half a year or not yet. */
static void
date(ulong t)
{
    char *s = ctime(t);

    if (t > now || now - t > 365 * 24 * 3600UL / 2)
        fmtprint(&out, "%.7s %.4s ", s + 4, strrchr(s, ' ') + 1);
    else
        fmtprint(&out, "%.12s ", s + 4);
}

static void
line(Entry *e)
{
    Dir *d = e->dir;

    if (sflag)
        fmtprint(&out, "%*lld ", swidth, kbytes(d));
    if (mflag)
        fmtprint(&out, "[%s]%*s ", d->muid, mwidth - utflen(d->muid), "");
    if (qflag)
        fmtprint(&out, "(%.16llux %*lud %.2ux) ", d->qid.path, vwidth, d->qid.vers, d->qid.type);
    if (Tflag)
        fmtprint(&out, "%c ", d->mode & DMTMP ? 't' : '-');
    if (lflag) {
        fmtprint(&out, "%M %C %*ud %*s %*s %*lld ", d->mode, d->type, dwidth, d->dev, -uwidth,
                 d->uid, -gwidth, d->gid, lwidth, d->length);
        date(when(d));
    }
    if (e->prefix != nil && !pflag) {
        char *path = smprint("%s%s%s", e->prefix, strcmp(e->prefix, "/") == 0 ? "" : "/", e->name);

        fmtprint(&out, nameverb, path);
        free(path);
    } else {
        char *last = pflag ? strrchr(e->name, '/') : nil;

        fmtprint(&out, nameverb, last != nil && last[1] != 0 ? last + 1 : e->name);
    }
    if (Fflag)
        fmtprint(&out, "%s", d->mode & DMDIR ? "/" : d->mode & 0111 ? "*" : "");
    fmtprint(&out, "\n");
}

/* Everything collected so far, in order. */
static void
output(void)
{
    long i;
    Dir *d;

    if (!nflag)
        qsort(list, nlist, sizeof *list, tflag ? bytime : byname);
    dwidth = vwidth = swidth = lwidth = uwidth = gwidth = mwidth = 0;
    for (i = 0; i < nlist; i++) {
        d = list[i].dir;
        widen(&dwidth, digits(d->dev));
        widen(&vwidth, digits(d->qid.vers));
        widen(&swidth, digits(kbytes(d)));
        widen(&lwidth, digits(d->length));
        widen(&uwidth, utflen(d->uid));
        widen(&gwidth, utflen(d->gid));
        widen(&mwidth, utflen(d->muid));
    }
    for (i = 0; i < nlist; i++)
        line(&list[i]);
    nlist = 0;
}

static void
unslash(char *s)
{
    long n = strlen(s);

    while (n > 1 && s[n - 1] == '/')
        s[--n] = 0;
}

static int
ls(char *name, int prefix)
{
    Dir *d = dirstat(name), *entries;
    long n, i;
    int fd;

    if (d == nil) {
    bad:
        fprint(2, "ls: %s: %r\n", name);
        return 1;
    }
    unslash(name);
    if (!(d->qid.type & QTDIR) || dflag) {
        append(d, nil, name);
        return 0;
    }
    free(d);
    output(); /* the files named before this directory */
    fd = open(name, OREAD);
    if (fd < 0)
        goto bad;
    n = dirreadall(fd, &entries);
    close(fd);
    if (n < 0)
        goto bad;
    for (i = 0; i < n; i++)
        append(&entries[i], prefix ? name : nil, entries[i].name);
    output();
    free(entries);
    return 0;
}

void
main(int argc, char **argv)
{
    static char here[] = ".";
    int errors = 0, i;

    ARGBEGIN {
    case 'F':
        Fflag = 1;
        break;
    case 'Q':
        nameverb = "%s";
        break;
    case 'T':
        Tflag = 1;
        break;
    case 'd':
        dflag = 1;
        break;
    case 'l':
        lflag = 1;
        break;
    case 'm':
        mflag = 1;
        break;
    case 'n':
        nflag = 1;
        break;
    case 'p':
        pflag = 1;
        break;
    case 'q':
        qflag = 1;
        break;
    case 'r':
        rflag = 1;
        break;
    case 's':
        sflag = 1;
        break;
    case 't':
        tflag = 1;
        break;
    case 'u':
        uflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    quotefmtinstall();
    fmtinstall('M', dirmodefmt);
    fmtfdinit(&out, 1, outbuf, sizeof outbuf);
    if (lflag)
        now = time(nil);
    if (argc == 0)
        errors = ls(here, 0);
    for (i = 0; i < argc; i++)
        errors |= ls(argv[i], 1);
    output();
    if (fmtfdflush(&out) < 0) {
        fprint(2, "ls: write error: %r\n");
        exits("write error");
    }
    exits(errors ? "errors" : nil);
}
