/* print(2): strings, runes, buffers that are too small. */
#include <u.h>
#include <libc.h>

typedef struct Point Point;
struct Point {
    int x;
    int y;
};

static int
pointfmt(Fmt *f)
{
    Point *p = va_arg(f->args, Point *);

    return fmtprint(f, "[%d %d]", p->x, p->y);
}

void
main(int argc, char **argv)
{
    Rune runes[] = {0x3b1, 0x3b2, 0x3b3, 0}, out[8];
    Point p = {3, -4};
    char buf[16], unterminated[3] = {'a', 'b', 'c'}, *s, *e;
    int n;

    print("|%s|%10s|%-10s|%.2s|%10.2s|\n", "abc", "abc", "abc", "abc", "abc");
    print("|%s|%.3s|\n", (char *)nil, unterminated);
    print("|%6s|%-6s|%.2s|\n", "αβγ", "αβγ", "αβγ");
    print("|%S|%6S|%.1S|\n", runes, runes, runes);
    print("|%s|\n", "\xff\xc3(");
    n = snprint(buf, 6, "hello, world");
    print("%d <%s>\n", n, buf);
    n = snprint(buf, 6, "αβγ");
    print("%d <%s>\n", n, buf);
    n = snprint(buf, 1, "x");
    print("%d <%s>\n", n, buf);
    e = seprint(buf, buf + sizeof buf, "%d", 12);
    e = seprint(e, buf + sizeof buf, "-%s", "seventeen letters");
    print("%ld <%s>\n", e - buf, buf);
    n = sprint(buf, "%d%n%d", 123, &argc, 4);
    print("%d %d\n", n, argc);
    s = smprint("%500s|", "far");
    print("%ld <%s>\n", strlen(s), s + 497);
    free(s);
    n = runesnprint(out, nelem(out), "a%dé%s", 7, "xyzzy");
    print("%d <%S>\n", n, out);
    fmtinstall('P', pointfmt);
    print("%P and %d\n", &p, 5);
    fmtinstall('r', pointfmt);
    print("%r\n", &p);
    fmtinstall('r', errfmt);
    werrstr("it is %d o'clock", 5);
    print("<%r> <%20r>\n");
    quotefmtinstall();
    print("%q %q %q %q %#q %q\n", "plain", "two words", "it's", "", "forced", "a=b");
    print("|%12q|%-12q|%.3q|\n", "a b", "a b", "abc def");
    exits(nil);
}
