/* Lists of words, and how rc quotes them.  Lists are in temp unless copied. */
#include "rc.h"

static char const *const keywords[] = {"for", "in", "while", "if", "not", "switch", "fn",
                                       "~",   "!",  "@"};

Word *
wordbytes(char const *s, ulong n, int glob)
{
    Word *w = take(&temp, sizeof *w + n + 1);

    w->next = nil;
    w->glob = glob;
    memcpy(w->text, s, n);
    w->text[n] = 0;
    return w;
}

Word *
word(char const *s, int glob)
{
    return wordbytes(s, strlen(s), glob);
}

/* A list of one's own, to be freed by freewords. */
Word *
copywords(Word *w)
{
    Word *head = nil, **tail = &head, *c;
    ulong n;

    for (; w != nil; w = w->next) {
        n = sizeof *c + strlen(w->text) + 1;
        c = memcpy(emalloc(n), w, n);
        c->next = nil;
        *tail = c;
        tail = &c->next;
    }
    return head;
}

void
freewords(Word *w)
{
    Word *next;

    for (; w != nil; w = next) {
        next = w->next;
        free(w);
    }
}

long
count(Word *w)
{
    long n = 0;

    for (; w != nil; w = w->next)
        n++;
    return n;
}

/* All of a list as one string in temp, with sep between (0: nothing). */
char *
joined(Word *w, int sep)
{
    Word *v;
    ulong n = 1, m;
    char *s, *to;

    for (v = w; v != nil; v = v->next)
        n += strlen(v->text) + 1;
    s = to = take(&temp, n);
    for (v = w; v != nil; v = v->next) {
        m = strlen(v->text);
        memcpy(to, v->text, m);
        to += m;
        if (v->next != nil && sep != 0)
            *to++ = sep;
    }
    *to = 0;
    return s;
}

/* A plain string as a pattern that matches just it. */
char *
marked(char const *s)
{
    char *t, *to;

    if (strchr(s, Mark) == nil)
        return (char *)s;
    t = to = take(&temp, 2 * strlen(s) + 1);
    for (; *s != 0; s++) {
        if (*s == Mark)
            *to++ = Mark;
        *to++ = *s;
    }
    *to = 0;
    return t;
}

/* A pattern's own text. */
char *
unmarked(char const *s)
{
    char *t, *to;

    t = to = take(&temp, strlen(s) + 1);
    for (; *s != 0; s++) {
        if (*s == Mark && s[1] != 0)
            s++;
        *to++ = *s;
    }
    *to = 0;
    return t;
}

/* The same words; patterns stand for themselves. */
Word *
plain(Word *w)
{
    Word *head = nil, **tail = &head, *next;

    for (; w != nil; w = next) {
        next = w->next;
        *tail = w->glob ? word(unmarked(w->text), 0) : w;
        tail = &(*tail)->next;
    }
    *tail = nil;
    return head;
}

static Word *
concat(Word *l, Word *r)
{
    int glob = l->glob || r->glob;
    char *a = glob && !l->glob ? marked(l->text) : l->text;
    char *b = glob && !r->glob ? marked(r->text) : r->text;
    ulong n = strlen(a), m = strlen(b);
    Word *w = take(&temp, sizeof *w + n + m + 1);

    memcpy(w->text, a, n);
    memcpy(w->text + n, b, m + 1);
    w->next = nil;
    w->glob = glob;
    return w;
}

/* l^r */
Word *
pairwise(Word *l, Word *r)
{
    Word *head = nil, **tail = &head;

    if (l == nil || r == nil)
        fail("null list in concatenation");
    if (l->next != nil && r->next != nil && count(l) != count(r))
        fail("mismatched list lengths in concatenation");
    for (;;) {
        *tail = concat(l, r);
        tail = &(*tail)->next;
        if (l->next == nil && r->next == nil)
            return head;
        if (l->next == nil)
            r = r->next;
        else if (r->next == nil)
            l = l->next;
        else {
            l = l->next;
            r = r->next;
        }
    }
}

/* The keyword's number, 0 if it is none. */
int
iskeyword(char const *s)
{
    int i;

    for (i = 0; i < nelem(keywords); i++)
        if (strcmp(keywords[i], s) == 0)
            return i + 1;
    return 0;
}

/* Is it part of a variable's name? */
int
idchr(int c)
{
    return c >= Runeself || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
           || c == '_' || c == '*';
}

static int
special(int c)
{
    return c <= ' ' || strchr("#;&|^$=`'{}()<>*?[\\", c) != nil;
}

/* A word that rc reads as this text. */
void
putquoted(Str *out, char const *s)
{
    char const *p;

    for (p = s; *p != 0 && !special((uchar)*p); p++)
        ;
    if (*p == 0 && p != s && !iskeyword(s)) {
        putbytes(out, s, p - s);
        return;
    }
    putch(out, '\'');
    for (; *s != 0; s++) {
        if (*s == '\'')
            putch(out, '\'');
        putch(out, *s);
    }
    putch(out, '\'');
}

/* A word that rc reads as this pattern: quotes around all but its marked characters. */
void
putpattern(Str *out, char const *s)
{
    int inside = 0, c, free_;

    for (; *s != 0; s++) {
        c = *s;
        free_ = 0;
        if (c == Mark && s[1] != 0) {
            c = *++s;
            free_ = c != Mark;
        }
        if (!free_ && special((uchar)c) != inside) {
            putch(out, '\'');
            inside = !inside;
        } else if (free_ && inside) {
            putch(out, '\'');
            inside = 0;
        }
        if (c == '\'')
            putch(out, '\'');
        putch(out, c);
    }
    if (inside)
        putch(out, '\'');
}
