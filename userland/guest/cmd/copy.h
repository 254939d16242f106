/* cp(1): what cp and mv share. */

/* The bytes of one file to another; 0, or -1 after a complaint. */
static int
copybytes(int from, char *fromname, int to, char *toname)
{
    static char buf[IOUNIT];
    long n;

    while ((n = read(from, buf, sizeof buf)) > 0)
        if (write(to, buf, n) != n) {
            fprint(2, "%s: error writing %s: %r\n", argv0, toname);
            return -1;
        }
    if (n < 0) {
        fprint(2, "%s: error reading %s: %r\n", argv0, fromname);
        return -1;
    }
    return 0;
}

static char *
lastname(char *path)
{
    char *s = strrchr(path, '/');

    return s != nil && s[1] != 0 ? s + 1 : path;
}

static int
samefile(Dir *a, Dir *b)
{
    return a->qid.path == b->qid.path && a->qid.type == b->qid.type && a->dev == b->dev
           && a->type == b->type;
}

static void
unslash(char *s)
{
    long n = strlen(s);

    while (n > 1 && s[n - 1] == '/')
        s[--n] = 0;
}
