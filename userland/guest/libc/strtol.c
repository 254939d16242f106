/* atof(2): whole numbers.  Too large a number gives the largest there is. */
#include <u.h>
#include <libc.h>

enum { Base = 10 };

static int
digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return 99;
}

/* The number at s up to most; what it is too large for sets *over. */
static uvlong
parse(char const *s, char **rest, int base, int *negative, uvlong most, int *over)
{
    char const *start = s, *first;
    uvlong n = 0;
    int d;

    *over = *negative = 0;
    while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
        s++;
    if (*s == '-' || *s == '+')
        *negative = *s++ == '-';
    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 32) == 'x' && digit(s[2]) < 16) {
        s += 2;
        base = 16;
    } else if (base == 0)
        base = s[0] == '0' ? 8 : 10;
    first = s;
    if (base >= 2 && base <= 36)
        for (; (d = digit(*s)) < base; s++) {
            if (*over || n > (most - d) / base || (uvlong)d > most)
                *over = 1;
            else
                n = n * base + d;
        }
    if (rest != nil)
        *rest = (char *)(s == first ? start : s);
    return *over ? most : n;
}

uvlong
strtoull(char const *s, char **rest, int base)
{
    int negative, over;
    uvlong n = parse(s, rest, base, &negative, ~0ull, &over);

    return negative && !over ? -n : n;
}

ulong
strtoul(char const *s, char **rest, int base)
{
    int negative, over;
    ulong n = parse(s, rest, base, &negative, ~0ul, &over);

    return negative && !over ? -n : n;
}

vlong
strtoll(char const *s, char **rest, int base)
{
    int negative, over;
    uvlong n = parse(s, rest, base, &negative, 1ull << 63, &over);

    if (!negative && n > ~0ull >> 1)
        n = ~0ull >> 1;
    return negative ? -n : n;
}

long
strtol(char const *s, char **rest, int base)
{
    int negative, over;
    ulong n = parse(s, rest, base, &negative, 1ul << 31, &over);

    if (!negative && n > ~0ul >> 1)
        n = ~0ul >> 1;
    return negative ? -n : n;
}

/* As in C programs: 0x.. and 0.. are understood. */
long
atol(char const *s)
{
    return strtol(s, nil, 0);
}

vlong
atoll(char const *s)
{
    return strtoll(s, nil, 0);
}

int
atoi(char const *s)
{
    return atol(s);
}

int
abs(int n)
{
    return n < 0 ? -n : n;
}

long
labs(long n)
{
    return n < 0 ? -n : n;
}
