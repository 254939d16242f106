/* dd: copies by blocks, and converts.  Source: dd(1). */
#include <u.h>
#include <libc.h>

static vlong bs, ibs = 512, obs = 512, skip, iskip, oskip, count = -1;
static int quiet, lcase, ucase, swab, noerror, sync, notrunc;
static char *in, *out;
static uchar *ibuf, *obuf;
static long filled;
static vlong fullin, partin, fullout, partout;

static vlong
number(char *s)
{
    char *b = s;
    vlong n = 1, m;

    for (;;) {
        m = strtoll(s, &s, 10);
        if (*s == 'k') {
            m *= 1024;
            s++;
        } else if (*s == 'b') {
            m *= 512;
            s++;
        }
        n *= m;
        if (*s != 'x' && *s != '*')
            break;
        s++;
    }
    if (*s != 0 || n < 0)
        sysfatal("bad arg: %s", b);
    return n;
}

static void
conversions(char *s)
{
    char *words[16];
    int i, n = getfields(s, words, nelem(words), 1, ",");

    for (i = 0; i < n; i++)
        if (strcmp(words[i], "lcase") == 0)
            lcase = 1;
        else if (strcmp(words[i], "ucase") == 0)
            ucase = 1;
        else if (strcmp(words[i], "swab") == 0)
            swab = 1;
        else if (strcmp(words[i], "noerror") == 0)
            noerror = 1;
        else if (strcmp(words[i], "sync") == 0)
            sync = 1;
        else
            sysfatal("bad conversion: %s", words[i]);
}

static void
put(int fd, long n)
{
    if (n == 0)
        return;
    if (write(fd, obuf, n) != n)
        sysfatal("write: %r");
    if (n == obs)
        fullout++;
    else
        partout++;
    filled = 0;
}

static void
convert(uchar *s, long n)
{
    long i;
    uchar c;

    for (i = 0; swab && i + 1 < n; i += 2) {
        c = s[i];
        s[i] = s[i + 1];
        s[i + 1] = c;
    }
    for (i = 0; (lcase || ucase) && i < n; i++)
        if (lcase && s[i] >= 'A' && s[i] <= 'Z')
            s[i] += 'a' - 'A';
        else if (ucase && s[i] >= 'a' && s[i] <= 'z')
            s[i] += 'A' - 'a';
}

void
main(int argc, char **argv)
{
    int i, fd = 0, to = 1;
    long n, m, at;
    vlong k;
    char *v;

    argv0 = "dd";
    for (i = 1; i < argc; i++) {
        char *name = argv[i];

        if (name[0] == '-')
            name++;
        v = strchr(name, '=');
        if (v != nil)
            *v++ = 0;
        else if (i + 1 < argc)
            v = argv[++i];
        else
            sysfatal("bad arg: %s", argv[i]);
        if (strcmp(name, "if") == 0)
            in = v;
        else if (strcmp(name, "of") == 0)
            out = v;
        else if (strcmp(name, "bs") == 0)
            bs = number(v);
        else if (strcmp(name, "ibs") == 0)
            ibs = number(v);
        else if (strcmp(name, "obs") == 0)
            obs = number(v);
        else if (strcmp(name, "skip") == 0)
            skip = number(v);
        else if (strcmp(name, "iseek") == 0)
            iskip = number(v);
        else if (strcmp(name, "oseek") == 0 || strcmp(name, "seek") == 0)
            oskip = number(v);
        else if (strcmp(name, "count") == 0)
            count = number(v);
        else if (strcmp(name, "trunc") == 0)
            notrunc = number(v) == 0;
        else if (strcmp(name, "quiet") == 0)
            quiet = number(v) != 0;
        else if (strcmp(name, "conv") == 0)
            conversions(v);
        else
            sysfatal("bad arg: %s", name);
    }
    if (bs > 0)
        ibs = obs = bs;
    if (ibs <= 0 || obs <= 0 || ibs > 1 << 28 || obs > 1 << 28)
        sysfatal("block size out of range");
    ibuf = malloc(ibs);
    obuf = malloc(obs);
    if (ibuf == nil || obuf == nil)
        sysfatal("not enough memory");
    if (in != nil && (fd = open(in, OREAD)) < 0)
        sysfatal("open: %r");
    if (out != nil) {
        to = notrunc ? open(out, OWRITE) : -1;
        if (to < 0)
            to = create(out, OWRITE, 0664);
        if (to < 0)
            sysfatal("create: %r");
    }
    if (oskip > 0 && seek(to, oskip * obs, 0) < 0)
        sysfatal("seek %s: %r", out);
    if (iskip > 0 && seek(fd, iskip * ibs, 0) < 0)
        sysfatal("seek %s: %r", in);
    for (k = 0; k < skip; k++)
        if (read(fd, ibuf, ibs) <= 0)
            break;
    while (count < 0 || fullin + partin < count) {
        n = read(fd, ibuf, ibs);
        if (n < 0) {
            fprint(2, "dd: read: %r\n");
            if (!noerror)
                exits("read");
            seek(fd, ibs, 1);
            n = 0;
            if (!sync)
                continue;
        } else if (n == 0)
            break;
        if (n == ibs)
            fullin++;
        else
            partin++;
        if (n < ibs && sync) {
            memset(ibuf + n, 0, ibs - n);
            n = ibs;
        }
        convert(ibuf, n);
        for (at = 0; at < n; at += m) {
            m = n - at < obs - filled ? n - at : obs - filled;
            memmove(obuf + filled, ibuf + at, m);
            filled += m;
            if (filled == obs)
                put(to, filled);
        }
        if (bs > 0)
            put(to, filled); /* with bs a short block stays one */
    }
    put(to, filled);
    if (!quiet)
        fprint(2, "%llud+%llud records in\n%llud+%llud records out\n", fullin, partin, fullout,
               partout);
    exits(nil);
}
