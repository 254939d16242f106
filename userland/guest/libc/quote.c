/* quote(2): rc's quotes. */
#include <u.h>
#include <libc.h>

int (*doquote)(int);

int
needsrcquote(int c)
{
    return c <= ' ' || (c < Runeself && strchr("`^#*[]=|\\?${}()'<>&;", c) != nil);
}

/* s without its quotes, in memory of its own. */
char *
unquotestrdup(char const *s)
{
    char *t = malloc(strlen(s) + 1), *to = t;
    int quoting = 0;

    if (t == nil)
        return nil;
    for (; *s != 0; s++) {
        if (*s == '\'') {
            if (quoting && s[1] == '\'')
                s++;
            else {
                quoting = !quoting;
                continue;
            }
        } else if (!quoting && (*s == ' ' || *s == '\t'))
            break;
        *to++ = *s;
    }
    *to = 0;
    return t;
}

Rune *
unquoterunestrdup(Rune const *s)
{
    Rune *t = malloc((runestrlen(s) + 1) * sizeof(Rune)), *to = t;
    int quoting = 0;

    if (t == nil)
        return nil;
    for (; *s != 0; s++) {
        if (*s == '\'') {
            if (quoting && s[1] == '\'')
                s++;
            else {
                quoting = !quoting;
                continue;
            }
        } else if (!quoting && (*s == ' ' || *s == '\t'))
            break;
        *to++ = *s;
    }
    *to = 0;
    return t;
}

static int
needs(char const *s, int always)
{
    Rune r;

    if (*s == 0 || always)
        return 1;
    while (*s != 0) {
        s += chartorune(&r, s);
        if (needsrcquote(r) || (doquote != nil && doquote(r)))
            return 1;
    }
    return 0;
}

/* s in quotes, in memory of its own. */
static char *
quoted(char const *s)
{
    char *t = malloc(2 * strlen(s) + 3), *to = t;

    if (t == nil)
        return nil;
    *to++ = '\'';
    for (; *s != 0; s++) {
        if (*s == '\'')
            *to++ = '\'';
        *to++ = *s;
    }
    *to++ = '\'';
    *to = 0;
    return t;
}

char *
quotestrdup(char const *s)
{
    return needs(s, 0) ? quoted(s) : strdup(s);
}

Rune *
quoterunestrdup(Rune const *s)
{
    char *plain = smprint("%S", s), *t;
    Rune *r;

    if (plain == nil)
        return nil;
    t = quotestrdup(plain);
    free(plain);
    if (t == nil)
        return nil;
    r = runesmprint("%s", t);
    free(t);
    return r;
}

static int
quotefmt(Fmt *f, char const *s)
{
    char *cut = nil, *t;
    long n;
    Rune r;
    int i, result;

    if (s == nil)
        return fmtstrcpy(f, "''");
    if (f->flags & FmtPrec) { /* counts characters of s, not quotes */
        for (n = i = 0; i < f->prec && s[n] != 0; i++)
            n += chartorune(&r, s + n);
        cut = malloc(n + 1);
        if (cut == nil)
            return -1;
        memmove(cut, s, n);
        cut[n] = 0;
        s = cut;
        f->flags &= ~FmtPrec;
    }
    if (!needs(s, f->flags & FmtSharp)) {
        result = fmtstrcpy(f, s);
        free(cut);
        return result;
    }
    t = quoted(s);
    free(cut);
    if (t == nil)
        return -1;
    result = fmtstrcpy(f, t);
    free(t);
    return result;
}

int
quotestrfmt(Fmt *f)
{
    return quotefmt(f, va_arg(f->args, char *));
}

int
quoterunestrfmt(Fmt *f)
{
    Rune *s = va_arg(f->args, Rune *);
    char *t;
    int n;

    if (s == nil)
        return quotefmt(f, nil);
    t = smprint("%S", s);
    if (t == nil)
        return -1;
    n = quotefmt(f, t);
    free(t);
    return n;
}

void
quotefmtinstall(void)
{
    fmtinstall('q', quotestrfmt);
    fmtinstall('Q', quoterunestrfmt);
}
