/* getfields(2), and tokenize, which knows quotes as rc(1) does. */
#include <u.h>
#include <libc.h>

/* Cut str at characters of set; with several, a run of them is one cut and those at the start none. */
int
getfields(char *str, char **fields, int max, int several, char *set)
{
    int n = 0, m, inside = 0;
    Rune r;

    if (max <= 0)
        return 0;
    if (!several) {
        fields[n++] = str;
        inside = 1;
    }
    for (; *str != 0; str += m) {
        m = chartorune(&r, str);
        if (utfrune(set, r) == nil) {
            if (!inside) {
                fields[n++] = str;
                inside = 1;
            }
            continue;
        }
        if (n == max) /* the rest is the last field, as it is */
            return n;
        *str = 0;
        if (several)
            inside = 0;
        else
            fields[n++] = str + m;
    }
    return n;
}

/* The end of the token at s, whose quotes are taken out. */
static char *
token(char *s, char const *set)
{
    char *to = s;
    int quoting = 0;

    for (; *s != 0; s++) {
        if (*s == '\'') {
            if (quoting && s[1] == '\'')
                *to++ = *s++;
            else
                quoting = !quoting;
        } else if (!quoting && strchr(set, *s) != nil)
            break;
        else
            *to++ = *s;
    }
    if (to < s) {
        char *end = *s != 0 ? s + 1 : s;

        *to = 0;
        return end;
    }
    return s;
}

int
gettokens(char *s, char **args, int max, char *set)
{
    int n;
    char *e;

    for (n = 0; n < max; n++) {
        s += strspn(s, set);
        if (*s == 0)
            break;
        args[n] = s;
        e = token(s, set);
        if (*e != 0 && strchr(set, *e) != nil)
            *e++ = 0;
        s = e;
    }
    return n;
}

int
tokenize(char *s, char **args, int max)
{
    return gettokens(s, args, max, " \t\r\n");
}
