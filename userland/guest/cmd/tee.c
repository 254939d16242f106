/* tee: its input to its output and to files.  Source: tee(1). */
#include <u.h>
#include <libc.h>

static int
interrupted(void *u, char *s)
{
    USED(u);
    return strcmp(s, "interrupt") == 0;
}

void
main(int argc, char **argv)
{
    static char buf[IOUNIT];
    int append = 0, i, n = 1, *fds;
    char *errors = nil;
    long m;

    argv0 = "tee";
    ARGBEGIN {
    case 'a':
        append = 1;
        break;
    case 'i':
        atnotify(interrupted, 1);
        break;
    default:
        fprint(2, "usage: tee [-ai] [file ...]\n");
        exits("usage");
    }
    ARGEND
    fds = calloc(argc + 1, sizeof *fds);
    if (fds == nil)
        sysfatal("no memory");
    fds[0] = 1;
    for (i = 0; i < argc; i++) {
        fds[n] = append ? open(argv[i], OWRITE) : -1;
        if (fds[n] >= 0)
            seek(fds[n], 0, 2);
        else
            fds[n] = create(argv[i], OWRITE, 0666);
        if (fds[n] >= 0) {
            n++;
            continue;
        }
        fprint(2, "tee: cannot open %s: %r\n", argv[i]);
        errors = "open";
    }
    while ((m = read(0, buf, sizeof buf)) > 0)
        for (i = 0; i < n; i++)
            if (write(fds[i], buf, m) != m && errors == nil) {
                fprint(2, "tee: write error: %r\n");
                errors = "write";
            }
    exits(m < 0 ? "read" : errors);
}
