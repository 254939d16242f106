/* date: now, or a number of seconds since 1970, in words.  Source: date(1). */
#include <u.h>
#include <libc.h>

static void
usage(void)
{
    fprint(2, "usage: date [-un] [seconds]\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    int uflag = 0, nflag = 0;
    ulong now;
    char *end;

    ARGBEGIN {
    case 'n':
        nflag = 1;
        break;
    case 'u':
        uflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc > 1)
        usage();
    if (argc == 1) {
        now = strtoul(argv[0], &end, 0);
        if (end == argv[0] || *end != 0)
            usage();
    } else
        now = time(nil);
    if (nflag)
        print("%lud\n", now);
    else
        print("%s", asctime(uflag ? gmtime(now) : localtime(now)));
    exits(nil);
}
