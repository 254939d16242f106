/* regexp(2), regexp(6): what matches, where, and in how much time. */
#include <u.h>
#include <libc.h>
#include <regexp.h>

static jmp_buf bad;

void
regerror(char *s)
{
    print("error: %s\n", s);
    longjmp(bad, 1);
}

static void
try(char *re, char *s)
{
    Reprog *p;
    Resub m[4];
    int i, n;

    print("%s on %s: ", re, s);
    if (setjmp(bad) != 0)
        return;
    p = regcomp(re);
    memset(m, 0, sizeof m);
    n = regexec(p, s, m, nelem(m));
    print("%d", n);
    for (i = 0; n > 0 && i < nelem(m); i++)
        if (m[i].sp != nil)
            print(" %d:%d-%d", i, (int)(m[i].sp - s), (int)(m[i].ep - s));
    print(" %d\n", regexec(p, s, nil, 0));
    regfree(p);
}

static char *cases[][2] = {
    {"abc", "xabcy"}, {"a*", "baaa"}, {"a+", "baaa"}, {"ab?c", "ac abc"}, {"a|ab|abc", "xabcd"},
    {"(a|ab)(c|bcd)", "abcd"}, {"(a*)(a*)", "aaa"}, {"(a*)+", "b"}, {"(a|b)*c", "ababc"},
    {"^b", "ab"}, {"^b", "a\nb"}, {"a$", "ba"}, {"a$", "a\nb"}, {"^$", ""}, {"^$", "a\n\nb"},
    {".", "\n"}, {"a.c", "a\xc3\xa9" "c"}, {"[a-c]+", "xxbcax"}, {"[^a-c]+", "abxyc"},
    {"[^a]", "\n"}, {"[\\]\\-]+", "a]-b"}, {"\\(x\\)", "f(x)"}, {"[é-ü]", "aùb"}, {"", "abc"},
    {"(ab)*", "ababx"}, {"((a)(b))", "xab"}, {"x*", "aaa"}, {"(a?)(ab)?", "ab"}, {"()", "a"},
    {"b|^a", "ab"}, {"a$b", "ab"}, {"(^a|b)+$", "abb"}, {"\\n", "n"}, {"(abc|a)(d|bcx)?", "abcx"},
    {"(", "a"}, {")", "a"}, {"*a", "a"}, {"a|", "a"}, {"|a", "a"}, {"[", "a"}, {"[b-a]", "a"},
    {"[]", "a"}, {"a(b", "a"}, {"a)b", "a"}, {"(|a)", "a"}, {"a**", "aa"}, {"(a+|b+)*c", "aabbc"},
};

static void
linear(void)
{
    static char s[20001];
    char re[512], *p = re;
    Reprog *prog;
    Resub m[1];
    int i;

    memset(s, 'a', sizeof s - 1);
    for (i = 0; i < 40; i++)
        p = seprint(p, re + sizeof re, "a?");
    for (i = 0; i < 40; i++)
        p = seprint(p, re + sizeof re, "a");
    prog = regcomp(re);
    memset(m, 0, sizeof m);
    m[0].sp = s;
    m[0].ep = s + 40;
    print("a?^40a^40: %d %d\n", regexec(prog, s, m, 1), (int)(m[0].ep - m[0].sp));
    prog = regcomp("(a*)*b");
    print("(a*)*b on many: %d\n", regexec(prog, s, nil, 0));
    prog = regcomp("(.|.|.)*x|a[ab]*[bc]");
    memset(m, 0, sizeof m);
    print("no exponent: %d\n", regexec(prog, s, m, 1));
}

static void
deep(void)
{
    int n = 50000, i;
    char *re = malloc(4 * n + 2);
    Reprog *p;

    memset(re, '(', n);
    re[n] = 'a';
    for (i = 0; i < n; i++)
        re[n + 1 + i] = ')';
    re[2 * n + 1] = 0;
    p = regcomp(re);
    print("deep: %d\n", regexec(p, "bab", nil, 0));
    regfree(p);
}

void
main(void)
{
    Reprog *p;
    Resub m[3];
    Rune const r[] = {0xe9, 'a', 'b', 0};
    char buf[64], *s = "hello world";
    char const *text = "one\ntwo\nthree\n";
    int i;

    for (i = 0; i < nelem(cases); i++)
        try(cases[i][0], cases[i][1]);
    p = regcomplit("a.c*");
    print("literal: %d %d\n", regexec(p, "xa.c*", nil, 0), regexec(p, "abccc", nil, 0));
    p = regcompnl("a.b");
    print("newline: %d\n", regexec(p, "a\nb", nil, 0));
    p = regcomp("(o) (w)");
    memset(m, 0, sizeof m);
    regexec(p, s, m, 3);
    regsub("<&|\\1|\\2|\\&>", buf, sizeof buf, m, 3);
    print("sub: %s\n", buf);
    regsub("&&&&&&", buf, 8, m, 3);
    print("short: %s\n", buf);
    memset(m, 0, sizeof m);
    m[0].sp = s + 5;
    m[0].ep = s + 9;
    p = regcomp("o.");
    print("within: %d", regexec(p, s, m, 1));
    print(" %d\n", (int)(m[0].sp - s));
    p = regcomp("^h|d$");
    memset(m, 0, sizeof m);
    m[0].sp = s + 1;
    print("not the beginning: %d", regexec(p, s, m, 1));
    print(" %d\n", (int)(m[0].sp - s));
    p = regcomp("(é)a");
    memset(m, 0, sizeof m);
    print("runes: %d", rregexec(p, r, m, 3));
    print(" %d-%d\n", (int)(m[0].rsp - r), (int)(m[1].rep - r));
    p = regcomp("^t.*e$");
    print("scan: %s", regscan(p, text, text + 14));
    print("none: %d\n", regscan(p, text, text + 8) == nil);
    linear();
    deep();
    exits(nil);
}
