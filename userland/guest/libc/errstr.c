/* errstr(2), perror(2) */
#include <u.h>
#include <libc.h>

/* A copy of the error string, which stays. */
void
rerrstr(char *buf, uint n)
{
    char err[ERRMAX];

    err[0] = 0;
    errstr(err, sizeof err);
    utfecpy(buf, buf + n, err);
    errstr(err, sizeof err);
}

void
werrstr(char const *format, ...)
{
    char err[ERRMAX];
    va_list args;

    va_start(args, format);
    vsnprint(err, sizeof err, format, args);
    va_end(args);
    errstr(err, sizeof err);
}

void
perror(char const *s)
{
    char err[ERRMAX];

    rerrstr(err, sizeof err);
    if (argv0 != nil)
        fprint(2, "%s: ", argv0);
    if (s != nil && *s != 0)
        fprint(2, "%s: ", s);
    fprint(2, "%s\n", err);
}

void
sysfatal(char const *format, ...)
{
    char buf[1024];
    va_list args;

    va_start(args, format);
    vsnprint(buf, sizeof buf, format, args);
    va_end(args);
    if (argv0 != nil)
        fprint(2, "%s: %s\n", argv0, buf);
    else
        fprint(2, "%s\n", buf);
    exits(buf);
}

/* A fault on purpose, so that what is left can be looked at. */
void
abort(void)
{
    for (;;)
        *(int volatile *)0 = 0;
}

void
_assert(char const *s)
{
    fprint(2, "assert failed: %s\n", s);
    abort();
}

/* The return address of the function whose first argument is at p. */
ulong
getcallerpc(void *p)
{
    return ((ulong *)p)[-1];
}
