/* uniq: lines that repeat.  Source: uniq(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static long fields, letters;
static int mode; /* 0, c, d or u */
static Biobuf out;

static char *
key(char *s)
{
    long n;
    Rune r;

    for (n = 0; n < fields && *s != 0; n++) {
        while (*s == ' ' || *s == '\t')
            s++;
        while (*s != 0 && *s != ' ' && *s != '\t')
            s++;
    }
    for (n = 0; n < letters && *s != 0; n++)
        s += chartorune(&r, s);
    return s;
}

static void
put(char *s, vlong n)
{
    switch (mode) {
    case 'c':
        Bprint(&out, "%4lld %s\n", n, s);
        break;
    case 'd':
    case 'u':
        if (mode == 'd' ? n == 1 : n > 1)
            break;
        /* fall through */
    default:
        Bprint(&out, "%s\n", s);
    }
}

void
main(int argc, char **argv)
{
    char *last = nil, *s;
    vlong n = 0;
    Biobuf *in;
    int i;

    argv0 = "uniq";
    for (i = 1; i < argc; i++) {
        s = argv[i];
        if (s[0] == '+' && s[1] >= '0' && s[1] <= '9')
            letters = strtol(s + 1, nil, 10);
        else if (s[0] == '-' && s[1] >= '0' && s[1] <= '9')
            fields = strtol(s + 1, nil, 10);
        else if (s[0] == '-' && s[1] != 0 && strchr("cdu", s[1]) != nil && s[2] == 0)
            mode = s[1];
        else if (s[0] == '-' && (s[1] == 'f' || s[1] == 's') && i + 1 < argc)
            *(s[1] == 'f' ? &fields : &letters) = strtol(argv[++i], nil, 10);
        else
            break;
    }
    if (argc - i > 1 || i < argc && argv[i][0] == '-') {
        fprint(2, "usage: uniq [-udc [+-num]] [file]\n");
        exits("usage");
    }
    in = i < argc ? Bopen(argv[i], OREAD) : Bfdopen(0, OREAD);
    if (in == nil)
        sysfatal("cannot open %s: %r", argv[i]);
    Binit(&out, 1, OWRITE);
    while ((s = Brdstr(in, '\n', 1)) != nil) {
        if (last != nil && strcmp(key(last), key(s)) == 0) {
            n++;
            free(s);
            continue;
        }
        if (last != nil)
            put(last, n);
        free(last);
        last = s;
        n = 1;
    }
    if (last != nil)
        put(last, n);
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
