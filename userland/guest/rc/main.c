/*
 * rc, the command language.  Source: rc(1).
 *
 * What a shell does first is in /rc/lib/rcmain, in rc: it sets the variables that nobody has
 * set, and then reads the commands that it was started for.
 */
#include "rc.h"

uchar flags[128];

static void
usage(void)
{
    fprint(2, "usage: rc [-srdiIlxepvV] [-m initial] [-c command] [file [arg ...]]\n");
    exits("usage");
}

static int
isterminal(int fd)
{
    char name[256];
    ulong n;

    if (fd2path(fd, name, sizeof name) < 0)
        return 0;
    n = strlen(name);
    return n >= 5 && strcmp(name + n - 5, "/cons") == 0;
}

static void
inner(void)
{
    static char const *const names[] = {"*", "0", "status", "pid", "cflag", "rcname"};
    int i;

    for (i = 0; i < nelem(names); i++)
        innervar(names[i]);
}

static void
start(char const *file, Word *args)
{
    int fd = open(file, OREAD | OCEXEC);
    Source *src;

    if (fd < 0) {
        fprint(2, "rc: can't open %s: %r\n", file);
        exits("no rcmain");
    }
    src = filesource(fd, file, 0);
    src->quiet = 1;
    setvar("*", args);
    runsource(src);
    leave(status());
}

void
main(int argc, char **argv)
{
    char *init = "/rc/lib/rcmain", *command = nil, pid[16];
    Word *args = nil, **tail = &args;

    deep();
    quotefmtinstall();
    if (argv[0] != nil && argv[0][0] == '-')
        flags['l'] = 1;
    argv0 = "rc";
    inner();
    readvars();
    setstr("rcname", argv[0] != nil ? argv[0] : "rc");
    argc--;
    argv++;
    while (argc > 0 && argv[0][0] == '-' && argv[0][1] != 0 && command == nil) {
        char *p = argv[0] + 1;

        argc--;
        argv++;
        if (strcmp(p, "-") == 0)
            break;
        for (; *p != 0; p++)
            if (*p == 'c' || *p == 'm') {
                char *s = p[1] != 0 ? p + 1 : argc > 0 ? (argc--, *argv++) : nil;

                if (s == nil)
                    usage();
                if (*p == 'c') {
                    flags['c'] = 1;
                    command = s;
                } else
                    init = s;
                break;
            } else if (strchr("srdiIlxepvVD", *p) != nil)
                flags[(uchar)*p] = 1;
            else
                usage();
    }
    if (command != nil)
        setstr("cflag", command);
    if (argc == 0 && command == nil && !flags['I'] && isterminal(0))
        flags['i'] = 1;
    if (flags['I'])
        flags['i'] = 0;
    mypid = getpid();
    snprint(pid, sizeof pid, "%d", mypid);
    setstr("pid", pid);
    for (; argc > 0; argc--, argv++) {
        *tail = word(*argv, 0);
        tail = &(*tail)->next;
    }
    setstatus("");
    catchnotes();
    start(init, args);
}
