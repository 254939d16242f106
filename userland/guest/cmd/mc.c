/* mc: lines in columns.  Source: mc(1). */
#include <u.h>
#include <libc.h>
#include <bio.h>

static char **lines;
static long nline, room;
static Biobuf out;

static void
collect(Biobuf *b)
{
    char *s;

    while ((s = Brdstr(b, '\n', 1)) != nil) {
        if (nline == room) {
            room = room == 0 ? 256 : 2 * room;
            lines = realloc(lines, room * sizeof *lines);
            if (lines == nil)
                sysfatal("no memory");
        }
        lines[nline++] = s;
    }
}

static void
columns(long width)
{
    long widest = 0, n, across, down, i, j;

    for (i = 0; i < nline; i++)
        if ((n = utflen(lines[i])) > widest)
            widest = n;
    widest++;
    across = width / widest;
    if (across < 1)
        across = 1;
    down = (nline + across - 1) / across;
    for (i = 0; i < down; i++) {
        for (j = i; j < nline; j += down) {
            Bprint(&out, "%s", lines[j]);
            if (j + down < nline)
                for (n = utflen(lines[j]); n < widest; n++)
                    Bputc(&out, ' ');
        }
        Bputc(&out, '\n');
    }
}

void
main(int argc, char **argv)
{
    long width = 80;
    char *s = nil;
    Biobuf *b;

    argv0 = "mc";
    for (argc--, argv++; argc > 0 && argv[0][0] == '-' && argv[0][1] != 0; argc--, argv++) {
        s = argv[0] + 1;
        width = strtol(s, &s, 10);
        if (*s != 0 || width <= 0) {
            fprint(2, "usage: mc [-columns] [file ...]\n");
            exits("usage");
        }
    }
    if (argc == 0)
        collect(Bfdopen(0, OREAD));
    for (; *argv != nil; argv++) {
        b = Bopen(*argv, OREAD);
        if (b == nil)
            sysfatal("can't open %s: %r", *argv);
        collect(b);
        Bterm(b);
    }
    Binit(&out, 1, OWRITE);
    columns(width);
    if (Bterm(&out) < 0)
        sysfatal("write error: %r");
    exits(nil);
}
