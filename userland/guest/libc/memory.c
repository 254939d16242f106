/* memory(2), by string instructions: the processor's, and the compiler cannot turn them
 * back into calls of themselves. */
#include <u.h>
#include <libc.h>

void *
memset(void *p, int c, ulong n)
{
    void *d = p;
    ulong words = n >> 2;
    ulong word = (uchar)c * 0x01010101ul;

    n &= 3;
    __asm__ volatile("rep stosl" : "+D"(d), "+c"(words) : "a"(word) : "memory");
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(word) : "memory");
    return p;
}

void *
memcpy(void *to, void const *from, ulong n)
{
    return memmove(to, from, n);
}

void *
memmove(void *to, void const *from, ulong n)
{
    void *d = to;
    void const *s = from;
    ulong words = n >> 2;

    if ((ulong)to - (ulong)from >= n) {
        n &= 3;
        __asm__ volatile("rep movsl" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
    } else { /* to begins inside from: copy downwards */
        d = (char *)to + n - 1;
        s = (char const *)from + n - 1;
        __asm__ volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n) : : "memory", "cc");
    }
    return to;
}

int
memcmp(void const *a, void const *b, ulong n)
{
    uchar const *p = a, *q = b;

    for (; n > 0; n--, p++, q++)
        if (*p != *q)
            return *p < *q ? -1 : 1;
    return 0;
}

void *
memchr(void const *p, int c, ulong n)
{
    uchar const *s = p;

    for (; n > 0; n--, s++)
        if (*s == (uchar)c)
            return (void *)s;
    return nil;
}

void *
memccpy(void *to, void const *from, int c, ulong n)
{
    uchar *d = to;
    uchar const *s = from;

    while (n-- > 0)
        if ((*d++ = *s++) == (uchar)c)
            return d;
    return nil;
}
