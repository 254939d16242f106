/* echo: its arguments, with blanks between.  Source: echo(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char *buf, *p;
    int i, newline = 1;
    long n = 1;

    if (argc > 1 && strcmp(argv[1], "-n") == 0) {
        newline = 0;
        argc--, argv++;
    }
    for (i = 1; i < argc; i++)
        n += strlen(argv[i]) + 1;
    buf = malloc(n);
    if (buf == nil)
        sysfatal("no memory");
    p = buf;
    for (i = 1; i < argc; i++) { /* one write, so that a pipe keeps it together */
        if (i > 1)
            *p++ = ' ';
        strcpy(p, argv[i]);
        p += strlen(p);
    }
    if (newline)
        *p++ = '\n';
    if (p > buf && write(1, buf, p - buf) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
