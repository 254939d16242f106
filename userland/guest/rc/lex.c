/* Characters from files, terminals and strings, and tokens of them. */
#include "rc.h"

enum { Bufsize = 8192 };

static Source *
newsource(char const *file, int line)
{
    Source *s = emalloc(sizeof *s);

    memset(s, 0, sizeof *s);
    s->fd = -1;
    s->file = file != nil ? intern(file) : nil;
    s->line = line;
    s->atline = s->fresh = 1;
    return s;
}

/* What can be read from fd, which is closed in the end. */
Source *
filesource(int fd, char const *file, int interactive)
{
    Source *s = newsource(file, 1);

    s->fd = fd;
    s->buf = emalloc(Bufsize);
    s->interactive = interactive;
    return s;
}

Source *
textsource(char const *text, char const *file, int line)
{
    Source *s = newsource(file, line);

    s->buf = estrdup(text);
    s->n = strlen(text);
    return s;
}

void
freesource(void *arg)
{
    Source *s = arg;

    if (s->fd > 0)
        close(s->fd);
    free(s->buf);
    free(s);
}

static void
prompt(Source *s)
{
    Word *w = value("prompt");

    if (!s->fresh && w != nil)
        w = w->next;
    if (w != nil)
        writeall(mapfd(2), w->text, strlen(w->text));
    s->fresh = 0;
}

static int
fill(Source *s)
{
    char err[ERRMAX];
    long n;

    if (s->fd < 0)
        return 0;
    for (;;) {
        n = read(s->fd, s->buf, Bufsize);
        if (n >= 0)
            break;
        rerrstr(err, sizeof err);
        if (strstr(err, "interrupt") == nil || !pending)
            break;
        traps();
        if (s->interactive) {
            s->fresh = 1;
            prompt(s);
        }
    }
    s->pos = 0;
    s->n = n > 0 ? n : 0;
    return n > 0;
}

/* With -v each line is shown when it has been read. */
static void
echo(int c)
{
    static Str line;

    if (c >= 0)
        putch(&line, c);
    if ((c == '\n' || c < 0) && line.n > 0) {
        writeall(mapfd(2), line.p, line.n);
        emptied(&line);
    }
}

/* What get gives next, or -1 at the end; zeros do not exist. */
static int
peek(Lexer *l)
{
    Source *s = l->src;

    while (!s->eof) {
        if (s->atline && s->interactive)
            prompt(s);
        s->atline = 0;
        if (s->pos == s->n && !fill(s))
            s->eof = 1;
        else if (s->buf[s->pos] != 0)
            return (uchar)s->buf[s->pos];
        else
            s->pos++;
    }
    return -1;
}

static int
get(Lexer *l)
{
    Source *s = l->src;
    int c = peek(l);

    if (c >= 0)
        s->pos++;
    if (c == '\n') {
        s->line++;
        s->atline = 1;
    }
    if (flags['v'] && !s->quiet)
        echo(c);
    return c;
}

/* After a backslash was peeked: does a newline follow? */
static int
joins(Source *s)
{
    long n;

    if (s->pos + 1 >= s->n && s->fd >= 0) {
        n = read(s->fd, s->buf + 1, Bufsize - 1);
        s->buf[0] = '\\';
        s->pos = 0;
        s->n = 1 + (n > 0 ? n : 0);
    }
    return s->pos + 1 < s->n && s->buf[s->pos + 1] == '\n';
}

static int
nextis(Lexer *l, int c)
{
    if (peek(l) != c)
        return 0;
    get(l);
    return 1;
}

static int
wordchr(int c)
{
    return c > 0 && strchr(" \t\n#;&|^$=`'{}()<>", c) == nil;
}

/* Blanks, joined lines and comments. */
static int
skipblanks(Lexer *l)
{
    int c, space = 0;

    for (;; space = 1) {
        c = peek(l);
        if (c == ' ' || c == '\t')
            get(l);
        else if (c == '#') {
            while ((c = peek(l)) != '\n' && c >= 0)
                get(l);
            return 1;
        } else if (c == '\\' && joins(l->src)) {
            get(l);
            get(l);
        } else
            return space;
    }
}

/* [n], [n=] or [n=m] behind a redirection or a pipe. */
static void
numbers(Lexer *l, int *fd0, int *fd1, int *isdup)
{
    vlong n[2] = {-1, -1};
    int i = 0, c, equals = 0;

    if (!nextis(l, '['))
        return;
    while ((c = get(l)) != ']') {
        if (c == '=' && i == 0) {
            i = 1;
            equals = 1;
        } else if (c >= '0' && c <= '9') {
            n[i] = (n[i] < 0 ? 0 : n[i]) * 10 + c - '0';
            if (n[i] > 100000)
                badsyntax(l, "file descriptor too large");
        } else
            badsyntax(l, "bad file descriptor");
    }
    if (n[0] < 0)
        badsyntax(l, "file descriptor missing");
    *fd0 = n[0];
    *fd1 = n[1];
    *isdup = equals;
}

static void
redirection(Lexer *l, int c)
{
    Token *t = &l->tok;
    int isdup = 0;

    t->kind = Tredir;
    t->how = c == '<' ? Rread : Rwrite;
    t->fd0 = c == '<' ? 0 : 1;
    t->fd1 = -1;
    if (c == '>' && nextis(l, '>'))
        t->how = Rappend;
    else if (c == '<' && nextis(l, '<'))
        t->how = Rhere;
    else if (c == '<' && nextis(l, '>'))
        t->how = Rboth;
    numbers(l, &t->fd0, &t->fd1, &isdup);
    if (!isdup)
        return;
    if (t->how != Rread && t->how != Rwrite)
        badsyntax(l, "cannot dup here");
    t->kind = Tdup;
    t->how = t->fd1 < 0 ? Rclose : Rdup;
}

static void
pipeend(Lexer *l)
{
    Token *t = &l->tok;
    int isdup = 0, reader = 0, writer = 1;

    t->kind = Tpipe;
    numbers(l, &writer, &reader, &isdup);
    if (isdup && reader < 0)
        badsyntax(l, "file descriptor missing");
    t->fd0 = writer;
    t->fd1 = isdup ? reader : 0;
}

static void
quoted(Lexer *l)
{
    int c;

    for (;;) {
        c = get(l);
        if (c < 0)
            badsyntax(l, "missing quote");
        if (c == '\'' && !nextis(l, '\''))
            return;
        putch(&l->text, c);
    }
}

static void
unquoted(Lexer *l, int c)
{
    Token *t = &l->tok;

    for (;;) {
        if (c == '*' || c == '?' || c == '[') {
            t->glob = 1;
            putch(&l->text, Mark);
        } else if (c == Mark)
            putch(&l->text, Mark);
        putch(&l->text, c);
        c = peek(l);
        if (!wordchr(c) || l->name && !idchr(c) || c == '\\' && joins(l->src))
            break;
        get(l);
    }
    if (!t->glob && memchr(l->text.p, Mark, l->text.n) != nil)
        t->glob = 1;
    if (l->name && t->glob) {
        char *p = l->text.p, *to = p;

        for (; *p != 0; p++)
            if (*p != Mark)
                *to++ = *p;
        *to = 0;
        l->text.n = to - l->text.p;
        t->glob = 0;
    }
}

/* Read the next token. */
void
next(Lexer *l)
{
    Token *t = &l->tok;
    int c;

    t->space = skipblanks(l);
    t->keyword = Knone;
    t->glob = t->quoted = 0;
    t->line = l->src->line;
    emptied(&l->text);
    c = get(l);
    t->text = l->text.p;
    switch (c) {
    case -1:
        t->kind = Teof;
        break;
    case '\n':
        t->kind = Tnewline;
        break;
    case ';':
        t->kind = Tsemi;
        break;
    case '&':
        t->kind = nextis(l, '&') ? Tandand : Tamp;
        break;
    case '|':
        if (nextis(l, '|'))
            t->kind = Toror;
        else
            pipeend(l);
        break;
    case '<':
    case '>':
        redirection(l, c);
        break;
    case '^':
        t->kind = Tcaret;
        break;
    case '$':
        t->kind = nextis(l, '#') ? Tcount : nextis(l, '"') ? Tjoin : Tdollar;
        break;
    case '`':
        t->kind = Tbackq;
        break;
    case '(':
        t->kind = Topen;
        break;
    case ')':
        t->kind = Tclose;
        break;
    case '{':
        t->kind = Tlbrace;
        break;
    case '}':
        t->kind = Trbrace;
        break;
    case '=':
        t->kind = Tequal;
        break;
    case '\'':
        t->kind = Tword;
        t->quoted = 1;
        quoted(l);
        break;
    default:
        t->kind = Tword;
        unquoted(l, c);
        if (!t->glob)
            t->keyword = iskeyword(l->text.p);
        break;
    }
    t->text = l->text.p;
}

/* The text of a here document: lines up to its tag. */
static void
document(Lexer *l, Node *n, Tree *tree)
{
    Str s = {nil, 0, 0};
    ulong begin, taglen = strlen(n->text);
    int c;

    emptied(&s);
    for (;;) {
        begin = s.n;
        while ((c = get(l)) != '\n' && c >= 0)
            putch(&s, c);
        if (s.n - begin == taglen && memcmp(s.p + begin, n->text, taglen) == 0) {
            s.n = begin;
            s.p[begin] = 0;
            break;
        }
        if (c < 0) {
            free(s.p);
            l->here = nil;
            badsyntax(l, "here document ends without %s", n->text);
        }
        putch(&s, '\n');
    }
    n->body = take(&tree->arena, s.n + 1);
    memcpy(n->body, s.p, s.n + 1);
    free(s.p);
}

void
heredocs(Lexer *l, Tree *tree)
{
    Node *n = l->here;

    for (; n != nil; n = n->c)
        document(l, n, tree);
    l->here = nil;
    l->heretail = &l->here;
}

char *
tokenname(Token *t)
{
    static char const *const names[] = {
        [Teof] = "EOF", [Tnewline] = "newline", [Tsemi] = ";", [Tamp] = "&",
        [Tandand] = "&&", [Toror] = "||", [Tpipe] = "|", [Tcaret] = "^", [Tdollar] = "$",
        [Tcount] = "$#", [Tjoin] = "$\"", [Tbackq] = "`", [Topen] = "(", [Tclose] = ")",
        [Tlbrace] = "{", [Trbrace] = "}", [Tequal] = "=",
    };

    if (t->kind == Tredir || t->kind == Tdup)
        return t->how == Rread ? "<" : t->how == Rhere ? "<<" : t->how == Rappend ? ">>"
               : t->how == Rboth ? "<>" : ">";
    if (t->kind == Tword)
        return t->glob ? unmarked(t->text) : t->text;
    return (char *)names[t->kind];
}
