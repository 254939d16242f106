/* cmp: whether two files are the same.  Source: cmp(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static int lflag, Lflag, sflag;

static void
usage(void)
{
    fprint(2, "usage: cmp [-lLs] file1 file2 [offset1 [offset2]]\n");
    exits("usage");
}

static Biobuf *
opened(char *name, char *offset)
{
    Biobuf *b = strcmp(name, "-") == 0 ? Bfdopen(0, OREAD) : Bopen(name, OREAD);
    vlong at;
    char *e;

    if (b == nil) {
        if (!sflag)
            fprint(2, "cmp: can't open %s: %r\n", name);
        exits("open");
    }
    if (offset != nil) {
        at = strtoll(offset, &e, 0);
        if (*e != 0)
            usage();
        if (Bseek(b, at, 0) != at) {
            if (!sflag)
                fprint(2, "cmp: %s: seek by %lld failed: %r\n", name, at);
            exits("seek");
        }
    }
    return b;
}

void
main(int argc, char **argv)
{
    Biobuf *a, *b;
    vlong n, line = 1;
    int c, d, differ = 0;

    argv0 = "cmp";
    ARGBEGIN {
    case 'l':
        lflag = 1;
        break;
    case 'L':
        Lflag = 1;
        break;
    case 's':
        sflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc < 2 || argc > 4)
        usage();
    a = opened(argv[0], argc > 2 ? argv[2] : nil);
    b = opened(argv[1], argc > 3 ? argv[3] : nil);
    for (n = 1;; n++) {
        c = BGETC(a);
        d = BGETC(b);
        if (c < 0 || d < 0)
            break;
        if (c == d) {
            line += c == '\n';
            continue;
        }
        if (sflag)
            exits("differ");
        if (!lflag) {
            print("%s %s differ: char %lld", argv[0], argv[1], n);
            if (Lflag)
                print(" line %lld", line);
            print("\n");
            exits("differ");
        }
        print("%6lld 0x%.2x 0x%.2x\n", n, c, d);
        differ = 1;
    }
    if (c == d)
        exits(differ ? "differ" : nil);
    if (!sflag)
        fprint(2, "EOF on %s\n", c < 0 ? argv[0] : argv[1]);
    exits("EOF");
}
