/* strcat(2) */
#include <u.h>
#include <libc.h>

long
strlen(char const *s)
{
    char const *e = s;

    while (*e != 0)
        e++;
    return e - s;
}

char *
strcpy(char *to, char const *from)
{
    memmove(to, from, strlen(from) + 1);
    return to;
}

/* Copies as much as fits before e, always with a NUL; returns where the NUL is. */
char *
strecpy(char *to, char *e, char const *from)
{
    if (to >= e)
        return to;
    while (to < e - 1 && *from != 0)
        *to++ = *from++;
    *to = 0;
    return to;
}

char *
strncpy(char *to, char const *from, ulong n)
{
    ulong i;

    for (i = 0; i < n && from[i] != 0; i++)
        to[i] = from[i];
    for (; i < n; i++)
        to[i] = 0;
    return to;
}

char *
strcat(char *to, char const *from)
{
    strcpy(to + strlen(to), from);
    return to;
}

char *
strncat(char *to, char const *from, long n)
{
    char *d = to + strlen(to);

    while (n-- > 0 && *from != 0)
        *d++ = *from++;
    *d = 0;
    return to;
}

char *
strdup(char const *s)
{
    ulong n = strlen(s) + 1;
    char *d = malloc(n);

    if (d == nil)
        return nil;
    setmalloctag(d, getcallerpc(&s));
    return memmove(d, s, n);
}

int
strcmp(char const *a, char const *b)
{
    while (*a == *b && *a != 0)
        a++, b++;
    return *a == *b ? 0 : (uchar)*a < (uchar)*b ? -1 : 1;
}

int
strncmp(char const *a, char const *b, long n)
{
    for (; n > 0; n--, a++, b++) {
        if (*a != *b)
            return (uchar)*a < (uchar)*b ? -1 : 1;
        if (*a == 0)
            break;
    }
    return 0;
}

static int
lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Case of ASCII letters ignored. */
int
cistrncmp(char const *a, char const *b, int n)
{
    int d;

    for (; n > 0; n--, a++, b++) {
        d = lower((uchar)*a) - lower((uchar)*b);
        if (d != 0)
            return d;
        if (*a == 0)
            break;
    }
    return 0;
}

int
cistrcmp(char const *a, char const *b)
{
    return cistrncmp(a, b, 0x7fffffff);
}

char *
cistrstr(char const *s, char const *part)
{
    long n = strlen(part);

    for (; cistrncmp(s, part, n) != 0; s++)
        if (*s == 0)
            return nil;
    return (char *)s;
}

char *
strchr(char const *s, int c)
{
    for (; *s != (char)c; s++)
        if (*s == 0)
            return nil;
    return (char *)s;
}

char *
strrchr(char const *s, int c)
{
    char const *last = nil;

    do
        if (*s == (char)c)
            last = s;
    while (*s++ != 0);
    return (char *)last;
}

char *
strstr(char const *s, char const *part)
{
    long n = strlen(part);

    for (; strncmp(s, part, n) != 0; s++)
        if (*s == 0)
            return nil;
    return (char *)s;
}

long
strspn(char const *s, char const *set)
{
    char const *p = s;

    while (*p != 0 && strchr(set, *p) != nil)
        p++;
    return p - s;
}

long
strcspn(char const *s, char const *set)
{
    char const *p = s;

    while (*p != 0 && strchr(set, *p) == nil)
        p++;
    return p - s;
}

char *
strpbrk(char const *s, char const *set)
{
    s += strcspn(s, set);
    return *s != 0 ? (char *)s : nil;
}

char *
strtok(char *s, char *separators)
{
    static char *rest;

    if (s == nil)
        s = rest;
    if (s == nil)
        return nil;
    s += strspn(s, separators);
    if (*s == 0)
        return rest = nil;
    rest = s + strcspn(s, separators);
    if (*rest != 0)
        *rest++ = 0;
    else
        rest = nil;
    return s;
}
