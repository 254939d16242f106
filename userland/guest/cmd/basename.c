/* basename: parts of a path.  Source: basename(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    int dflag = 0;
    char *s;
    long n, m;

    argv0 = "basename";
    ARGBEGIN {
    case 'd':
        dflag = 1;
        break;
    default:
    usage:
        fprint(2, "usage: basename [-d] string [suffix]\n");
        exits("usage");
    }
    ARGEND
    if (argc < 1 || argc > 2)
        goto usage;
    s = utfrrune(argv[0], '/');
    if (dflag) {
        if (s != nil) {
            *s = 0;
            print("%s\n", argv[0]);
        } else
            print(".\n");
        exits(nil);
    }
    if (s != nil)
        s++;
    else
        s = argv[0];
    if (argc == 2) {
        n = strlen(s);
        m = strlen(argv[1]);
        if (n >= m && strcmp(s + n - m, argv[1]) == 0)
            s[n - m] = 0;
    }
    print("%s\n", s);
    exits(nil);
}
