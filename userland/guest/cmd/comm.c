/* comm: what is common to two files of lines in order.  Source: comm(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static Biobuf out;
static int hidden[4];

static void
usage(void)
{
    fprint(2, "usage: comm [-123] file1 file2\n");
    exits("usage");
}

static Biobuf *
opened(char *name)
{
    Biobuf *b = strcmp(name, "-") == 0 ? Bfdopen(0, OREAD) : Bopen(name, OREAD);

    if (b == nil)
        sysfatal("cannot open %s: %r", name);
    return b;
}

static void
put(int column, char *s)
{
    int i;

    if (hidden[column])
        return;
    for (i = 1; i < column; i++)
        if (!hidden[i])
            Bputc(&out, '\t');
    Bprint(&out, "%s\n", s);
}

void
main(int argc, char **argv)
{
    Biobuf *a, *b;
    char *s, *t;
    int c;

    argv0 = "comm";
    ARGBEGIN {
    case '1':
    case '2':
    case '3':
        hidden[ARGC() - '0'] = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc != 2)
        usage();
    a = opened(argv[0]);
    b = opened(argv[1]);
    Binit(&out, 1, OWRITE);
    s = Brdstr(a, '\n', 1);
    t = Brdstr(b, '\n', 1);
    while (s != nil || t != nil) {
        c = s == nil ? 1 : t == nil ? -1 : strcmp(s, t);
        put(c < 0 ? 1 : c > 0 ? 2 : 3, c <= 0 ? s : t);
        if (c <= 0) {
            free(s);
            s = Brdstr(a, '\n', 1);
        }
        if (c >= 0) {
            free(t);
            t = Brdstr(b, '\n', 1);
        }
    }
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
