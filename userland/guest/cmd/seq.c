/* seq: numbers.  Source: seq(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static void
usage(void)
{
    fprint(2, "usage: seq [-fformat] [-w] [first [incr]] last\n");
    exits("usage");
}

static double
number(char *s)
{
    char *e;
    double d = strtod(s, &e);

    if (e == s || *e != 0)
        usage();
    return d;
}

/* Exactly one verb, and one of those for numbers. */
static char *
checked(char *format)
{
    char *s;
    int n = 0;

    for (s = format; (s = strchr(s, '%')) != nil; s++) {
        if (s[1] == '%') {
            s++;
            continue;
        }
        s += 1 + strspn(s + 1, "-+# 0123456789.");
        if (*s == 0 || strchr("eEfgG", *s) == nil || n++ > 0)
            sysfatal("bad format: %s", format);
    }
    if (n == 0)
        sysfatal("bad format: %s", format);
    return format;
}

static void
put(Biobuf *b, char *format, double x, int width)
{
    char *s = smprint(format, x), *p = s;

    if (s == nil)
        sysfatal("no memory");
    if (width > 0) {
        if (*p == '-') {
            Bputc(b, *p++);
            width--;
        }
        for (width -= strlen(p); width > 0; width--)
            Bputc(b, '0');
    }
    Bprint(b, "%s\n", p);
    free(s);
}

void
main(int argc, char **argv)
{
    static Biobuf out;
    char *format = "%g";
    double first = 1, step = 1, end, x, limit;
    int wide = 0, width = 0;
    vlong i;

    argv0 = "seq";
    for (argc--, argv++; argc > 0 && argv[0][0] == '-'; argc--, argv++) {
        if (argv[0][1] == 'w' && argv[0][2] == 0)
            wide = 1;
        else if (argv[0][1] == 'f') {
            format = argv[0] + 2;
            if (*format == 0) {
                if (argc < 2)
                    usage();
                format = *++argv;
                argc--;
            }
            checked(format);
        } else if (argv[0][1] == '.' || argv[0][1] >= '0' && argv[0][1] <= '9')
            break;
        else
            usage();
    }
    if (argc < 1 || argc > 3)
        usage();
    end = number(argv[argc - 1]);
    if (argc > 1)
        first = number(argv[0]);
    if (argc > 2)
        step = number(argv[1]);
    if (step == 0)
        sysfatal("zero increment");
    if (wide) {
        char *a = smprint(format, first), *b = smprint(format, end);

        width = strlen(a) > strlen(b) ? strlen(a) : strlen(b);
    }
    Binit(&out, 1, OWRITE);
    limit = end + step * 1e-10; /* steps are not exact */
    for (i = 0;; i++) {
        x = first + i * step;
        if (step > 0 ? x > limit : x < limit)
            break;
        put(&out, format, x, width);
    }
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
