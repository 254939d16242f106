/* bio(2): lines, runes, numbers, pushing back, seeking, long lines, formatted output. */
#include <u.h>
#include <libc.h>
#include <bio.h>

static void
make(char *name, int n)
{
    Biobuf *b = Bopen(name, OWRITE);
    int i;

    for (i = 0; i < n; i++)
        Bputc(b, 'a' + i % 26);
    Bprint(b, "\nsecond %d %s\n\nlast", 42, "été");
    print("offset %lld buffered %d\n", Boffset(b), Bbuffered(b));
    print("term %d\n", Bterm(b));
}

void
main(void)
{
    Biobuf *b, out;
    char *s;
    double d;
    long r;
    int fd[2], i;

    make("/tmp/bio", 20000);
    b = Bopen("/tmp/bio", OREAD);
    s = Brdline(b, '\n');
    print("too long: %d %d\n", s == nil, Blinelen(b));
    s = Brdstr(b, '\n', 1);
    print("long: %ld %d %.3s\n", strlen(s), Blinelen(b), s + 19997);
    free(s);
    s = Brdline(b, '\n');
    print("line: %d %.*s", Blinelen(b), utfnlen(s, Blinelen(b)), s);
    s = Brdstr(b, '\n', 0);
    print("empty: %d %d\n", Blinelen(b), s[0]);
    free(s);
    print("no newline: %d", Brdline(b, '\n') == nil);
    print(" %d\n", Blinelen(b));
    s = Brdstr(b, '\n', 1);
    print("rest: %s\n", s);
    print("end: %d %d\n", Brdstr(b, '\n', 1) == nil, Bgetc(b));
    print("seek: %lld\n", Bseek(b, 20008, 0));
    Bgetd(b, &d);
    print("number: %g offset %lld\n", d, Boffset(b));
    Bgetc(b);
    r = Bgetrune(b);
    print("rune: %x unget %d", (int)r, Bungetrune(b));
    print(" again %x\n", (int)Bgetrune(b));
    print("from the end: %lld", Bseek(b, -4, 2));
    print(" %c", Bgetc(b));
    print(" %d", Bungetc(b));
    print(" %c\n", Bgetc(b));
    Bterm(b);
    print("missing: %d\n", Bopen("/tmp/no such", OREAD) == nil);
    print("mode: %d", Bopen("/tmp/bio", ORDWR) == nil);
    print(" %r\n");

    pipe(fd);
    Binit(&out, fd[1], OWRITE);
    for (i = 0; i < 3; i++)
        Bputrune(&out, 0x1F600);
    Bwrite(&out, "\xf0\x9f", 2);
    Bterm(&out);
    close(fd[1]);
    b = Bfdopen(fd[0], OREAD);
    while ((r = Bgetrune(b)) >= 0)
        print("%x ", (int)r);
    print("%ld\n", r);
    Bterm(b);

    Binit(&out, -1, OWRITE);
    for (i = 0; i < 20000 && Bputc(&out, 'x') >= 0; i++)
        ;
    print("bad fd: %d %d\n", i < 20000, Bflush(&out));
    Binit(&out, 1, OWRITE);
    Bprint(&out, "flushed at exit\n");
    remove("/tmp/bio");
    exits(nil);
}
