/* print(2): where formatted text goes. */
#include <u.h>
#include <libc.h>

static int
flushfd(Fmt *f)
{
    long n = (char *)f->to - (char *)f->start;

    if (n > 0 && write((int)f->farg, f->start, n) != n)
        return 0;
    f->to = f->start;
    return 1;
}

int
fmtfdinit(Fmt *f, int fd, char *buf, int size)
{
    memset(f, 0, sizeof *f);
    f->start = f->to = buf;
    f->stop = buf + size;
    f->flush = flushfd;
    f->farg = (void *)fd;
    return 0;
}

int
fmtfdflush(Fmt *f)
{
    return flushfd(f) ? f->nfmt : -1;
}

int
vfprint(int fd, char const *format, va_list args)
{
    Fmt f;
    char buf[256];

    fmtfdinit(&f, fd, buf, sizeof buf);
    va_copy(f.args, args);
    if (dofmt(&f, format) < 0 || !flushfd(&f))
        return -1;
    return f.nfmt;
}

int
fprint(int fd, char const *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vfprint(fd, format, args);
    va_end(args);
    return n;
}

int
print(char const *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vfprint(1, format, args);
    va_end(args);
    return n;
}

/* Room for size units of memory, the last for a NUL. */
static void
intoarray(Fmt *f, void *start, void *end, int runes)
{
    memset(f, 0, sizeof *f);
    f->runes = runes;
    f->start = f->to = start;
    f->stop = (char *)end - (runes ? sizeof(Rune) : 1);
}

char *
vseprint(char *to, char *e, char const *format, va_list args)
{
    Fmt f;

    if (to >= e)
        return nil;
    intoarray(&f, to, e, 0);
    va_copy(f.args, args);
    dofmt(&f, format);
    *(char *)f.to = 0;
    return f.to;
}

char *
seprint(char *to, char *e, char const *format, ...)
{
    va_list args;

    va_start(args, format);
    to = vseprint(to, e, format, args);
    va_end(args);
    return to;
}

int
vsnprint(char *to, int n, char const *format, va_list args)
{
    char *end;

    if (n <= 0)
        return -1;
    end = vseprint(to, to + n, format, args);
    return end - to;
}

int
snprint(char *to, int n, char const *format, ...)
{
    va_list args;

    va_start(args, format);
    n = vsnprint(to, n, format, args);
    va_end(args);
    return n;
}

int
sprint(char *to, char const *format, ...)
{
    va_list args;
    char *end = (char *)((ulong)to + 65536 > (ulong)to ? (ulong)to + 65536 : ~0ul);
    int n;

    va_start(args, format);
    n = vseprint(to, end, format, args) - to;
    va_end(args);
    return n;
}

static int
growstr(Fmt *f)
{
    ulong used = (char *)f->to - (char *)f->start;
    ulong unit = f->runes ? sizeof(Rune) : 1;
    ulong size = used < 64 ? 128 : 2 * used;
    char *p = realloc(f->start, (size + UTFmax) * unit);

    if (p == nil) {
        free(f->start);
        f->start = f->to = f->stop = nil;
        return 0;
    }
    f->start = p;
    f->to = p + used;
    f->stop = p + size;
    return 1;
}

static int
stringinit(Fmt *f, int runes)
{
    memset(f, 0, sizeof *f);
    f->runes = runes;
    f->flush = growstr;
    return growstr(f) ? 0 : -1;
}

int
fmtstrinit(Fmt *f)
{
    return stringinit(f, 0);
}

int
runefmtstrinit(Fmt *f)
{
    return stringinit(f, 1);
}

char *
fmtstrflush(Fmt *f)
{
    if (f->start == nil)
        return nil;
    *(char *)f->to = 0;
    return f->start;
}

Rune *
runefmtstrflush(Fmt *f)
{
    if (f->start == nil)
        return nil;
    *(Rune *)f->to = 0;
    return f->start;
}

char *
vsmprint(char const *format, va_list args)
{
    Fmt f;

    if (fmtstrinit(&f) < 0)
        return nil;
    va_copy(f.args, args);
    dofmt(&f, format);
    return fmtstrflush(&f);
}

char *
smprint(char const *format, ...)
{
    va_list args;
    char *s;

    va_start(args, format);
    s = vsmprint(format, args);
    va_end(args);
    return s;
}

Rune *
runevseprint(Rune *to, Rune *e, char const *format, va_list args)
{
    Fmt f;

    if (to >= e)
        return nil;
    intoarray(&f, to, e, 1);
    va_copy(f.args, args);
    dofmt(&f, format);
    *(Rune *)f.to = 0;
    return f.to;
}

Rune *
runeseprint(Rune *to, Rune *e, char const *format, ...)
{
    va_list args;

    va_start(args, format);
    to = runevseprint(to, e, format, args);
    va_end(args);
    return to;
}

int
runevsnprint(Rune *to, int n, char const *format, va_list args)
{
    if (n <= 0)
        return -1;
    return runevseprint(to, to + n, format, args) - to;
}

int
runesnprint(Rune *to, int n, char const *format, ...)
{
    va_list args;

    va_start(args, format);
    n = runevsnprint(to, n, format, args);
    va_end(args);
    return n;
}

int
runesprint(Rune *to, char const *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = runevsnprint(to, 256, format, args);
    va_end(args);
    return n;
}

Rune *
runevsmprint(char const *format, va_list args)
{
    Fmt f;

    if (runefmtstrinit(&f) < 0)
        return nil;
    va_copy(f.args, args);
    dofmt(&f, format);
    return runefmtstrflush(&f);
}

Rune *
runesmprint(char const *format, ...)
{
    va_list args;
    Rune *s;

    va_start(args, format);
    s = runevsmprint(format, args);
    va_end(args);
    return s;
}
