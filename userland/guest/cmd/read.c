/* read: one line, or some, of the input, and no more than that.  Source: cat(1). */
#include <u.h>
#include <libc.h>

static int
line(int fd)
{
    static char *buf;
    static long room;
    long n = 0, m;

    for (;;) {
        if (n == room) {
            room = room == 0 ? 512 : 2 * room;
            buf = realloc(buf, room);
            if (buf == nil)
                sysfatal("no memory");
        }
        m = read(fd, buf + n, 1); /* what follows the line is somebody else's */
        if (m < 0)
            sysfatal("read: %r");
        if (m == 0)
            break;
        if (buf[n++] == '\n')
            break;
    }
    if (n > 0 && write(1, buf, n) != n)
        sysfatal("write: %r");
    return n > 0;
}

static int
lines(int fd, int multi, long n)
{
    int any = 0;

    while ((multi || n-- > 0) && line(fd))
        any = 1;
    return any;
}

void
main(int argc, char **argv)
{
    int multi = 0, any = 0, fd;
    long n = 1;
    char *s;

    argv0 = "read";
    ARGBEGIN {
    case 'm':
        multi = 1;
        break;
    case 'n':
        s = ARGF();
        if (s != nil) {
            n = strtol(s, &s, 10);
            if (*s == 0)
                break;
        }
        /* fall through */
    default:
        fprint(2, "usage: read [-m] [-n nlines] [files...]\n");
        exits("usage");
    }
    ARGEND
    if (argc == 0)
        any = lines(0, multi, n);
    for (; *argv != nil; argv++) {
        fd = open(*argv, OREAD);
        if (fd < 0)
            sysfatal("can't open %s: %r", *argv);
        any |= lines(fd, multi, n);
        close(fd);
    }
    exits(any ? nil : "eof");
}
