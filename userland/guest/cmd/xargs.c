/* xargs: a command with the lines of the input as arguments.  Source: xargs(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static int failed;

static void
run(char **argv)
{
    int pid = fork();
    Waitmsg *w;
    char *path;

    if (pid < 0)
        sysfatal("fork: %r");
    if (pid == 0) {
        exec(argv[0], argv);
        path = smprint("/bin/%s", argv[0]);
        if (argv[0][0] != '/' && strncmp(argv[0], "./", 2) != 0 && strncmp(argv[0], "../", 3) != 0)
            exec(path, argv);
        sysfatal("%s: %r", argv[0]);
    }
    do {
        w = wait();
        if (w == nil)
            sysfatal("wait: %r");
    } while (w->pid != pid);
    failed |= w->msg[0] != 0;
    free(w);
}

void
main(int argc, char **argv)
{
    long most = 10, n = 0, base, i;
    char **args, *s;
    Biobuf *in;

    argv0 = "xargs";
    ARGBEGIN {
    case 'n':
        s = ARGF();
        if (s != nil) {
            most = strtol(s, &s, 10);
            if (*s == 0 && most > 0 && most < 1 << 20)
                break;
        }
        /* fall through */
    default:
    usage:
        fprint(2, "usage: xargs [-n maxargs] command [args...]\n");
        exits("usage");
    }
    ARGEND
    if (argc == 0)
        goto usage;
    base = argc;
    args = calloc(base + most + 1, sizeof *args);
    in = Bfdopen(0, OREAD);
    if (args == nil || in == nil)
        sysfatal("no memory");
    memmove(args, argv, base * sizeof *args);
    for (;;) {
        s = Brdstr(in, '\n', 1);
        if (s != nil && *s != 0)
            args[base + n++] = s;
        if (n == most || s == nil && n > 0) {
            args[base + n] = nil;
            run(args);
            for (i = 0; i < n; i++)
                free(args[base + i]);
            n = 0;
        }
        if (s == nil)
            break;
    }
    exits(failed ? "error" : nil);
}
