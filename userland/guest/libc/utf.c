/* rune(2): UTF-8.  What is not the shortest form of a character is Runeerror, one byte long. */
#include <u.h>
#include <libc.h>

int
chartorune(Rune *r, char const *str)
{
    uchar const *s = (uchar const *)str;
    ulong c = s[0], least;
    int n, i;

    if (c < Runeself) {
        *r = c;
        return 1;
    }
    if (c >= 0xC0 && c < 0xE0)
        n = 2, c &= 0x1F, least = 0x80;
    else if (c >= 0xE0 && c < 0xF0)
        n = 3, c &= 0x0F, least = 0x800;
    else if (c >= 0xF0 && c < 0xF8)
        n = 4, c &= 0x07, least = 0x10000;
    else
        goto bad;
    for (i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            goto bad;
        c = c << 6 | (s[i] & 0x3F);
    }
    if (c < least || c > Runemax || (c >= 0xD800 && c < 0xE000))
        goto bad;
    *r = c;
    return n;
bad:
    *r = Runeerror;
    return 1;
}

int
runetochar(char *s, Rune const *r)
{
    ulong c = *r;

    if (c > Runemax || (c >= 0xD800 && c < 0xE000))
        c = Runeerror;
    if (c < 0x80) {
        s[0] = c;
        return 1;
    }
    if (c < 0x800) {
        s[0] = 0xC0 | c >> 6;
        s[1] = 0x80 | (c & 0x3F);
        return 2;
    }
    if (c < 0x10000) {
        s[0] = 0xE0 | c >> 12;
        s[1] = 0x80 | (c >> 6 & 0x3F);
        s[2] = 0x80 | (c & 0x3F);
        return 3;
    }
    s[0] = 0xF0 | c >> 18;
    s[1] = 0x80 | (c >> 12 & 0x3F);
    s[2] = 0x80 | (c >> 6 & 0x3F);
    s[3] = 0x80 | (c & 0x3F);
    return 4;
}

int
runelen(long c)
{
    char s[UTFmax];
    Rune r = c;

    return runetochar(s, &r);
}

int
runenlen(Rune const *r, int n)
{
    int len = 0;

    while (n-- > 0)
        len += runelen(*r++);
    return len;
}

/* Whether the n bytes at s are enough for chartorune. */
int
fullrune(char const *str, int n)
{
    uchar const *s = (uchar const *)str;
    int need, i;

    if (n <= 0)
        return 0;
    need = s[0] < 0xC0 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF8 ? 4 : 1;
    for (i = 1; i < need && i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 1;
    return n >= need;
}

int
utflen(char const *s)
{
    Rune r;
    int n;

    for (n = 0; *s != 0; n++)
        s += chartorune(&r, s);
    return n;
}

int
utfnlen(char const *s, long m)
{
    char const *e = s + m;
    Rune r;
    int n;

    for (n = 0; s < e && *s != 0 && fullrune(s, e - s); n++)
        s += chartorune(&r, s);
    return n;
}

char *
utfrune(char const *s, long c)
{
    Rune r;
    int n;

    for (;; s += n) {
        n = chartorune(&r, s);
        if ((long)r == c)
            return (char *)s;
        if (r == 0)
            return nil;
    }
}

char *
utfrrune(char const *s, long c)
{
    char const *last = nil;
    Rune r;

    do {
        int n = chartorune(&r, s);

        if ((long)r == c)
            last = s;
        s += n;
    } while (r != 0);
    return (char *)last;
}

char *
utfutf(char const *s, char const *part)
{
    return strstr(s, part);
}

/* strecpy that never leaves a part of a character at the end. */
char *
utfecpy(char *to, char *e, char const *from)
{
    char *end;

    if (to >= e)
        return to;
    end = strecpy(to, e, from);
    if (from[end - to] != 0) {
        char *last = end;

        while (last > to && (last[-1] & 0xC0) == 0x80)
            last--;
        if (last > to && (uchar)last[-1] >= 0xC0 && !fullrune(last - 1, end - (last - 1)))
            end = last - 1;
        *end = 0;
    }
    return end;
}
