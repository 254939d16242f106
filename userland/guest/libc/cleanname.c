/* cleanname(2) */
#include <u.h>
#include <libc.h>

/* In place; the result is never longer, but "" becomes ".". */
char *
cleanname(char *name)
{
    char *from = name, *to, *base, *start;
    int rooted, n;

    start = name;
    if (*from == '#') { /* a device's name is one piece */
        while (*from != 0 && *from != '/')
            from++;
        start = from;
    }
    rooted = *from == '/' && start == name;
    if (*from == '/' && start != name)
        rooted = 1;
    to = start;
    if (rooted)
        *to++ = '/';
    base = to; /* what .. cannot go above */
    for (;;) {
        while (*from == '/')
            from++;
        if (*from == 0)
            break;
        n = strcspn(from, "/");
        if (n == 1 && from[0] == '.')
            ;
        else if (n == 2 && from[0] == '.' && from[1] == '.') {
            if (to > base) {
                for (to--; to > base && to[-1] != '/'; to--)
                    ;
                if (to > base && to[-1] == '/' && to - 1 >= base && to - 1 > start)
                    to--;
            } else if (!rooted) {
                if (to > start)
                    *to++ = '/';
                *to++ = '.';
                *to++ = '.';
                base = to;
            }
        } else {
            if (to > start && to[-1] != '/')
                *to++ = '/';
            memmove(to, from, n);
            to += n;
        }
        from += n;
    }
    if (start != name && to == start + 1) /* #x/ is #x */
        to = start;
    *to = 0;
    if (name[0] == 0) {
        name[0] = '.';
        name[1] = 0;
    }
    return name;
}
