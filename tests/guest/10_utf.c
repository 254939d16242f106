/* rune(2), isalpharune(2) */
#include <u.h>
#include <libc.h>

static void
decode(char *s)
{
    Rune r;
    int n;

    while (*s != 0) {
        n = chartorune(&r, s);
        print(" %ux/%d", r, n);
        s += n;
    }
    print("\n");
}

void
main(int argc, char **argv)
{
    char s[UTFmax + 1];
    Rune r;
    int n;

    decode("aé€😀");
    decode("\x80\xc0\x80\xe0\x80\x80\xf0\x80\x80\x80");
    decode("\xed\xa0\x80\xf4\x90\x80\x80\xff");
    decode("\xc3\xe2\x82\xf0\x9f\x98");
    for (r = 0; r <= Runemax + 1; r += r < 0x3000 ? 1 : 0x3ff) {
        Rune back;

        n = runetochar(s, &r);
        s[n] = 0;
        if (n != runelen(r) || (r != 0 && n != chartorune(&back, s)))
            print("length of %ux\n", r);
        if (r != 0 && back != r && !(r >= 0xd800 && r < 0xe000) && r <= Runemax)
            print("%ux became %ux\n", r, back);
    }
    print("%d %d %d\n", utflen("aé€😀"), utfnlen("aé€", 4), runenlen((Rune[]){'a', 0xe9, 0x20ac}, 3));
    print("%s %s %s\n", utfrune("aébéc", 0xe9), utfrrune("aébéc", 0xe9), utfutf("x€y", "€"));
    print("%d %d %d\n", fullrune("\xe2\x82", 2), fullrune("\xe2\x82\xac", 3), fullrune("\xe2x", 2));
    print("%d %d %d %d %d\n", isalpharune(0xe9), isalpharune('1'), isupperrune(0x391),
          isspacerune(0x2003), isdigitrune(0x664));
    print("%C%C%C %C%C\n", toupperrune(0xe9), toupperrune(0x3b1), toupperrune('1'),
          tolowerrune(0x42f), totitlerune(0x1c6));
    print("%S %ld %d\n", runestrchr((Rune[]){'a', 'b', 'c', 0}, 'b'),
          runestrlen((Rune[]){'a', 'b', 0}), runestrcmp((Rune[]){'a', 0}, (Rune[]){'b', 0}));
    exits(nil);
}
