/* runestrcat(2) */
#include <u.h>
#include <libc.h>

long
runestrlen(Rune const *s)
{
    Rune const *e = s;

    while (*e != 0)
        e++;
    return e - s;
}

Rune *
runestrcpy(Rune *to, Rune const *from)
{
    memmove(to, from, (runestrlen(from) + 1) * sizeof(Rune));
    return to;
}

Rune *
runestrncpy(Rune *to, Rune const *from, long n)
{
    long i;

    for (i = 0; i < n && from[i] != 0; i++)
        to[i] = from[i];
    for (; i < n; i++)
        to[i] = 0;
    return to;
}

Rune *
runestrecpy(Rune *to, Rune *e, Rune const *from)
{
    if (to >= e)
        return to;
    while (to < e - 1 && *from != 0)
        *to++ = *from++;
    *to = 0;
    return to;
}

Rune *
runestrcat(Rune *to, Rune const *from)
{
    runestrcpy(to + runestrlen(to), from);
    return to;
}

Rune *
runestrncat(Rune *to, Rune const *from, long n)
{
    Rune *d = to + runestrlen(to);

    while (n-- > 0 && *from != 0)
        *d++ = *from++;
    *d = 0;
    return to;
}

Rune *
runestrdup(Rune const *s)
{
    ulong n = (runestrlen(s) + 1) * sizeof(Rune);
    Rune *d = malloc(n);

    return d != nil ? memmove(d, s, n) : nil;
}

int
runestrncmp(Rune const *a, Rune const *b, long n)
{
    for (; n > 0; n--, a++, b++) {
        if (*a != *b)
            return *a < *b ? -1 : 1;
        if (*a == 0)
            break;
    }
    return 0;
}

int
runestrcmp(Rune const *a, Rune const *b)
{
    return runestrncmp(a, b, 0x7fffffff);
}

Rune *
runestrchr(Rune const *s, Rune c)
{
    for (; *s != c; s++)
        if (*s == 0)
            return nil;
    return (Rune *)s;
}

Rune *
runestrrchr(Rune const *s, Rune c)
{
    Rune const *last = nil;

    do
        if (*s == c)
            last = s;
    while (*s++ != 0);
    return (Rune *)last;
}

Rune *
runestrstr(Rune const *s, Rune const *part)
{
    long n = runestrlen(part);

    for (; runestrncmp(s, part, n) != 0; s++)
        if (*s == 0)
            return nil;
    return (Rune *)s;
}
