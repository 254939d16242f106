/* dirname: a path without its last element.  Source: basename(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char *s;

    argv0 = "dirname";
    if (argc != 2) {
        fprint(2, "usage: dirname string\n");
        exits("usage");
    }
    s = argv[1] + strlen(argv[1]);
    while (s > argv[1] + 1 && s[-1] == '/')
        *--s = 0;
    s = utfrrune(argv[1], '/');
    if (s == nil)
        print(".\n");
    else {
        while (s > argv[1] && s[-1] == '/')
            s--;
        s[s == argv[1]] = 0;
        print("%s\n", argv[1]);
    }
    exits(nil);
}
