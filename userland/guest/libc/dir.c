/* stat(2), dirread(2), fcall(2), stat(5): Dir and its form in messages. */
#include <u.h>
#include <libc.h>

enum { Strings = 4, Fixed = STATFIXLEN - 2 * Strings };

static uchar *
put(uchar *p, uvlong v, int n)
{
    while (n-- > 0) {
        *p++ = v;
        v >>= 8;
    }
    return p;
}

static uvlong
get(uchar const *p, int n)
{
    uvlong v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static uchar *
putstring(uchar *p, char const *s)
{
    ulong n = s != nil ? strlen(s) : 0;

    p = put(p, n, 2);
    if (n > 0)
        memmove(p, s, n);
    return p + n;
}

uint
sizeD2M(Dir *d)
{
    char *s[Strings] = {d->name, d->uid, d->gid, d->muid};
    uint n = STATFIXLEN;
    int i;

    for (i = 0; i < Strings; i++)
        if (s[i] != nil)
            n += strlen(s[i]);
    return n;
}

/* Returns the bytes used; if they are too few, the size alone is stored, and is 2 bytes. */
uint
convD2M(Dir *d, uchar *buf, uint room)
{
    uint n = sizeD2M(d);
    uchar *p = buf;

    if (room < 2)
        return 0;
    p = put(p, n - 2, 2);
    if (room < n)
        return 2;
    p = put(p, d->type, 2);
    p = put(p, d->dev, 4);
    p = put(p, d->qid.type, 1);
    p = put(p, d->qid.vers, 4);
    p = put(p, d->qid.path, 8);
    p = put(p, d->mode, 4);
    p = put(p, d->atime, 4);
    p = put(p, d->mtime, 4);
    p = put(p, d->length, 8);
    p = putstring(p, d->name);
    p = putstring(p, d->uid);
    p = putstring(p, d->gid);
    p = putstring(p, d->muid);
    return p - buf;
}

/* 0 if buf holds exactly one well-formed record, -1 if not. */
int
statcheck(uchar *buf, uint n)
{
    uchar *p = buf + Fixed, *e = buf + n;
    int i;

    if (n < STATFIXLEN || n != get(buf, 2) + 2)
        return -1;
    for (i = 0; i < Strings; i++) {
        if (e - p < 2 || e - p - 2 < (int)get(p, 2))
            return -1;
        p += 2 + get(p, 2);
    }
    return p == e ? 0 : -1;
}

/* strings, when not nil, is room for the four names, with their NULs. */
uint
convM2D(uchar *buf, uint n, Dir *d, char *strings)
{
    char **s[Strings] = {&d->name, &d->uid, &d->gid, &d->muid};
    uchar *p = buf + 2;
    uint len;
    int i;

    if (n < STATFIXLEN || get(buf, 2) + 2 > n || statcheck(buf, get(buf, 2) + 2) < 0)
        return 0;
    d->type = get(p, 2);
    d->dev = get(p + 2, 4);
    d->qid.type = p[6];
    d->qid.vers = get(p + 7, 4);
    d->qid.path = get(p + 11, 8);
    d->mode = get(p + 19, 4);
    d->atime = get(p + 23, 4);
    d->mtime = get(p + 27, 4);
    d->length = get(p + 31, 8);
    p = buf + Fixed;
    for (i = 0; i < Strings; i++) {
        len = get(p, 2);
        *s[i] = nil;
        if (strings != nil) {
            *s[i] = strings;
            memmove(strings, p + 2, len);
            strings[len] = 0;
            strings += len + 1;
        }
        p += 2 + len;
    }
    return p - buf;
}

void
nulldir(Dir *d)
{
    memset(d, ~0, sizeof *d);
    d->name = d->uid = d->gid = d->muid = "";
}

/* By name, or by fd when name is nil; the first try has room for usual names. */
static Dir *
dirof(char const *name, int fd)
{
    uint room = STATFIXLEN + 4 * 32;
    Dir *d;
    uchar *buf;
    int n, tries;

    for (tries = 0; tries < 2; tries++) {
        d = malloc(sizeof *d + 2 * room + Strings);
        if (d == nil)
            return nil;
        buf = (uchar *)(d + 1) + room + Strings;
        n = name != nil ? stat(name, buf, room) : fstat(fd, buf, room);
        if (n < 2) {
            free(d);
            return nil;
        }
        if (n > 2 || get(buf, 2) + 2 <= room) {
            if (convM2D(buf, n, d, (char *)(d + 1)) > 0)
                return d;
            break;
        }
        room = get(buf, 2) + 2;
        free(d);
        d = nil;
    }
    free(d);
    werrstr("malformed stat buffer");
    return nil;
}

Dir *
dirstat(char const *name)
{
    return dirof(name, -1);
}

Dir *
dirfstat(int fd)
{
    return dirof(nil, fd);
}

static int
dirchange(char const *name, int fd, Dir *d)
{
    uint n = sizeD2M(d);
    uchar *buf = malloc(n);
    int r;

    if (buf == nil)
        return -1;
    convD2M(d, buf, n);
    r = name != nil ? wstat(name, buf, n) : fwstat(fd, buf, n);
    free(buf);
    return r;
}

int
dirwstat(char const *name, Dir *d)
{
    return dirchange(name, -1, d);
}

int
dirfwstat(int fd, Dir *d)
{
    return dirchange(nil, fd, d);
}

/* The records in buf as an array of Dir in memory of its own. */
static long
unpack(uchar *buf, long n, Dir **result)
{
    long i, m, count = 0, text = 0;
    char *strings;
    Dir *d;

    *result = nil;
    for (i = 0; i < n; i += m) {
        m = n - i < 2 ? n : (long)get(buf + i, 2) + 2;
        if (m > n - i || statcheck(buf + i, m) < 0) {
            werrstr("malformed stat buffer");
            return -1;
        }
        text += m - STATFIXLEN + Strings;
        count++;
    }
    if (count == 0)
        return 0;
    d = malloc(count * sizeof *d + text);
    if (d == nil)
        return -1;
    strings = (char *)(d + count);
    for (i = count = 0; i < n; i += m, count++) {
        m = convM2D(buf + i, n - i, &d[count], strings);
        strings += m - STATFIXLEN + Strings;
    }
    *result = d;
    return count;
}

/* Some of the entries; 0 at the end. */
long
dirread(int fd, Dir **result)
{
    uchar *buf = malloc(DIRMAX);
    long n;

    *result = nil;
    if (buf == nil)
        return -1;
    n = read(fd, buf, DIRMAX);
    if (n > 0)
        n = unpack(buf, n, result);
    free(buf);
    return n;
}

/* All entries from here to the end. */
long
dirreadall(int fd, Dir **result)
{
    uchar *buf = nil, *grown;
    long n = 0, m;

    *result = nil;
    for (;;) {
        grown = realloc(buf, n + DIRMAX);
        if (grown == nil) {
            free(buf);
            return -1;
        }
        buf = grown;
        m = read(fd, buf + n, DIRMAX);
        if (m <= 0)
            break;
        n += m;
    }
    if (n > 0)
        m = unpack(buf, n, result);
    free(buf);
    return m;
}

/* %M: the mode as ls -l shows it. */
int
dirmodefmt(Fmt *f)
{
    static char const *const rwx[8] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};
    ulong m = va_arg(f->args, ulong);
    char s[12];

    s[0] = m & DMDIR ? 'd' : m & DMAPPEND ? 'a' : m & DMAUTH ? 'A' : '-';
    s[1] = m & DMEXCL ? 'l' : '-';
    strcpy(s + 2, rwx[m >> 6 & 7]);
    strcpy(s + 5, rwx[m >> 3 & 7]);
    strcpy(s + 8, rwx[m & 7]);
    return fmtstrcpy(f, s);
}

/* access(2) */
int
access(char const *name, int mode)
{
    static int const how[8] = {-1, OEXEC, OWRITE, ORDWR, OREAD, OEXEC, ORDWR, ORDWR};
    Dir *d;
    int fd;

    if (mode == AEXIST) {
        d = dirstat(name);
        free(d);
        return d != nil ? 0 : -1;
    }
    fd = open(name, how[mode & 7]);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

int
iounit(int fd)
{
    char buf[128], *fields[10];
    int n, f;

    snprint(buf, sizeof buf, "#d/%dctl", fd);
    f = open(buf, OREAD);
    if (f < 0)
        return 0;
    n = read(f, buf, sizeof buf - 1);
    close(f);
    if (n < 0)
        return 0;
    buf[n] = 0;
    return tokenize(buf, fields, nelem(fields)) == nelem(fields) ? atoi(fields[7]) : 0;
}
