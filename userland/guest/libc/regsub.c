/* regexp(2): what replaces a match: & is the whole of it, \1 to \9 its subexpressions. */
#include <u.h>
#include <libc.h>
#include <regexp.h>

void
regsub(char const *s, char *to, int n, Resub *match, int nmatch)
{
    char *e = to + n - 1, *p;
    int i;

    if (n <= 0)
        return;
    for (; *s != 0 && to < e; s++) {
        i = -1;
        if (*s == '&')
            i = 0;
        else if (*s == '\\') {
            s++;
            if (*s >= '0' && *s <= '9')
                i = *s - '0';
            else if (*s == 0)
                break;
        }
        if (i < 0)
            *to++ = *s;
        else if (i < nmatch && match != nil && match[i].sp != nil)
            for (p = match[i].sp; p < match[i].ep && to < e; p++)
                *to++ = *p;
    }
    *to = 0;
}

void
rregsub(Rune const *s, Rune *to, int n, Resub *match, int nmatch)
{
    Rune *e = to + n - 1, *p;
    int i;

    if (n <= 0)
        return;
    for (; *s != 0 && to < e; s++) {
        i = -1;
        if (*s == '&')
            i = 0;
        else if (*s == '\\') {
            s++;
            if (*s >= '0' && *s <= '9')
                i = *s - '0';
            else if (*s == 0)
                break;
        }
        if (i < 0)
            *to++ = *s;
        else if (i < nmatch && match != nil && match[i].rsp != nil)
            for (p = match[i].rsp; p < match[i].rep && to < e; p++)
                *to++ = *p;
    }
    *to = 0;
}
