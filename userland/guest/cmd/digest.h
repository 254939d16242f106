/* sum(1): digests of files. */

static char *errors;

static void
digest(int fd, char *name, DigestState *(*hash)(uchar *, ulong, uchar *, DigestState *), int length)
{
    static uchar buf[IOUNIT];
    uchar sum[64];
    DigestState s;
    long n;
    int i;

    memset(&s, 0, sizeof s);
    while ((n = read(fd, buf, sizeof buf)) > 0)
        hash(buf, n, nil, &s);
    if (n < 0) {
        fprint(2, "%s: reading %s: %r\n", argv0, name != nil ? name : "stdin");
        errors = "read";
        return;
    }
    hash(nil, 0, sum, &s);
    for (i = 0; i < length; i++)
        print("%.2ux", sum[i]);
    if (name != nil)
        print("\t%s", name);
    print("\n");
}

static void
digests(int argc, char **argv, DigestState *(*hash)(uchar *, ulong, uchar *, DigestState *),
        int length)
{
    int fd;

    ARGBEGIN {
    default:
        fprint(2, "usage: %s [file...]\n", argv0);
        exits("usage");
    }
    ARGEND
    if (argc == 0)
        digest(0, nil, hash, length);
    for (; *argv != nil; argv++) {
        fd = open(*argv, OREAD);
        if (fd < 0) {
            fprint(2, "%s: can't open %s: %r\n", argv0, *argv);
            errors = "open";
            continue;
        }
        digest(fd, *argv, hash, length);
        close(fd);
    }
    exits(errors);
}
