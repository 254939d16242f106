/* getfields(2), quote(2), cleanname(2), encode(2) */
#include <u.h>
#include <libc.h>

static void
show(int n, char **f)
{
    int i;

    print("%d", n);
    for (i = 0; i < n; i++)
        print(" <%s>", f[i]);
    print("\n");
}

static void
clean(char *name)
{
    char buf[64];

    strcpy(buf, name);
    print("%s -> %s\n", name, cleanname(buf));
}

void
main(int argc, char **argv)
{
    static char *names[] = {"", ".", "/", "//", "a//b/./c/", "a/../b", "a/..", "../x", "a/../../x",
                            "/..", "/../a/..", "/a/b/../..", "./../..", "#c/../x", "#c", "#c/",
                            "#c/cons", "a/b/../../c", "../../a/../b", "x/"};
    char a[] = "one  'two words' it''s'' '' end", b[] = ":a::b:", c[] = ":a::b:", d[] = "a b c d";
    char *f[8], buf[64];
    uchar bytes[64];
    uint i;
    int n;

    show(tokenize(a, f, nelem(f)), f);
    show(getfields(b, f, nelem(f), 0, ":"), f);
    show(getfields(c, f, nelem(f), 1, ":"), f);
    show(getfields(d, f, 2, 1, " "), f);
    print("%s %s %s\n", quotestrdup("a b"), quotestrdup("ab"), unquotestrdup("'it''s' x"));
    for (i = 0; i < nelem(names); i++)
        clean(names[i]);
    for (n = 0; n < 6; n++) {
        enc64(buf, sizeof buf, (uchar *)"abcdef", n);
        print("%s %.*s ", buf, dec64(bytes, sizeof bytes, buf, strlen(buf)), (char *)bytes);
        enc16(buf, sizeof buf, (uchar *)"abcdef", n);
        print("%s %d ", buf, dec16(bytes, sizeof bytes, buf, strlen(buf)));
        enc32(buf, sizeof buf, (uchar *)"abcdef", n);
        print("%s %d\n", buf, dec32(bytes, sizeof bytes, buf, strlen(buf)));
    }
    print("%d %d\n", enc64(buf, 4, (uchar *)"abc", 3), dec16(bytes, 4, "zz", 2));
    exits(nil);
}
