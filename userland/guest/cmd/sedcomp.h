/* sed(1): the script. */

static Cmd *cmds;
static int ncmd, cmdroom;
static int *braces, nbrace, braceroom;
static int gflag;
static char *line; /* the beginning of the command, for complaints */

static struct Wfile {
    char *name;
    Biobuf *b;
} *wfiles;
static int nwfile, wroom;

static void __attribute__((noreturn))
garbled(char const *why)
{
    char *e = strchr(line, '\n');

    sysfatal("%s: %.*s", why, e != nil ? utfnlen(line, e - line) : utflen(line), line);
}

static void *
grow(void *p, int have, int *room, int n)
{
    if (have < *room)
        return p;
    *room = *room == 0 ? 16 : 2 * *room;
    p = realloc(p, *room * n);
    if (p == nil)
        sysfatal("no memory");
    return p;
}

static char *
blanks(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

/* Up to a delimiter; \delimiter is it, in a class too, and \n newline.  Kept: other backslashes. */
static char *
upto(char *s, Rune delim, char **into, int isre)
{
    Fmt f;
    Rune r;
    int class = 0;

    fmtstrinit(&f);
    for (;;) {
        s += chartorune(&r, s);
        if (r == 0 || isre && r == '\n')
            garbled("Command garbled");
        if (r == delim && !class)
            break;
        if (isre && class && r == ']')
            class = 0;
        else if (isre && !class && r == '[')
            class = 1;
        if (r == '\\') {
            s += chartorune(&r, s);
            if (r == 0)
                garbled("Command garbled");
            if (r == 'n')
                r = '\n';
            else if (r == delim && !isre && r != '&')
                ;
            else
                fmtrune(&f, '\\');
        }
        fmtrune(&f, r);
    }
    *into = fmtstrflush(&f);
    if (*into == nil)
        sysfatal("no memory");
    return s;
}

void
regerror(char *s)
{
    char why[ERRMAX];

    snprint(why, sizeof why, "bad regular expression (%s)", s);
    garbled(why);
}

static int anyre;

static char *
expression(char *s, Rune delim, Reprog **re)
{
    char *text;

    s = upto(s, delim, &text, 1);
    if (*text == 0) {
        if (!anyre)
            garbled("First RE may not be null");
        *re = nil;
    } else
        *re = regcomp(text);
    anyre = 1;
    free(text);
    return s;
}

static char *
address(char *s, Addr *a)
{
    a->type = Anone;
    if (*s == '/') {
        a->type = Are;
        return expression(s + 1, '/', &a->re);
    }
    if (*s == '$') {
        a->type = Alast;
        return s + 1;
    }
    if (*s >= '0' && *s <= '9') {
        a->type = Aline;
        a->line = strtoll(s, &s, 10);
        if (a->line == 0)
            garbled("line number 0 is illegal");
    }
    return s;
}

/* The lines of a, c and i; blanks at their beginnings go, unless after a backslash. */
static char *
text(char *s, char **into)
{
    Fmt f;
    Rune r;

    if (*s != '\\')
        garbled("Command garbled");
    s = blanks(s + 1);
    if (*s != '\n')
        garbled("Command garbled");
    fmtstrinit(&f);
    for (s = blanks(s + 1); *s != '\n' && *s != 0;) {
        if (*s == '\\' && s[1] != 0)
            s++;
        s += chartorune(&r, s);
        fmtrune(&f, r);
        if (r == '\n')
            s = blanks(s);
    }
    fmtrune(&f, '\n');
    *into = fmtstrflush(&f);
    if (*into == nil)
        sysfatal("no memory");
    return s;
}

/* A label or a file's name: the rest of the line, or of the command. */
static char *
word(char *s, char **into, char const *ends)
{
    char *e;

    s = blanks(s);
    e = s + strcspn(s, ends);
    *into = smprint("%.*s", utfnlen(s, e - s), s);
    if (*into == nil)
        sysfatal("no memory");
    return e;
}

static char *
wfile(char *s, Biobuf **b)
{
    char *name;
    int i;

    s = word(s, &name, "\n");
    if (*name == 0)
        garbled("no file name");
    for (i = 0; i < nwfile; i++)
        if (strcmp(wfiles[i].name, name) == 0) {
            *b = wfiles[i].b;
            free(name);
            return s;
        }
    wfiles = grow(wfiles, nwfile, &wroom, sizeof *wfiles);
    *b = strcmp(name, "/fd/1") == 0 || strcmp(name, "/dev/stdout") == 0 ? &out : Bopen(name, OWRITE);
    if (*b == nil)
        sysfatal("can't create %s: %r", name);
    wfiles[nwfile].name = name;
    wfiles[nwfile++].b = *b;
    return s;
}

static char *
substitution(char *s, Cmd *c)
{
    Rune delim;

    s += chartorune(&delim, s);
    if (delim == 0 || delim == '\n' || delim == '\\')
        garbled("Command garbled");
    s = expression(s, delim, &c->re);
    s = upto(s, delim, &c->text, 0);
    c->nth = 1;
    c->global = gflag;
    for (;; s++) {
        if (*s == 'g')
            c->global = 1;
        else if (*s == 'p')
            c->prints = 1;
        else if (*s >= '1' && *s <= '9') {
            c->nth = strtol(s, &s, 10);
            s--;
        } else
            break;
    }
    if (*s == 'w')
        s = wfile(s + 1, &c->file);
    return s;
}

static char *
pairs(char *s, Cmd *c)
{
    Rune delim, a, b;
    char *from, *to, *f, *t;
    int n = 0;

    s += chartorune(&delim, s);
    if (delim == 0 || delim == '\n' || delim == '\\')
        garbled("Command garbled");
    s = upto(s, delim, &from, 0);
    s = upto(s, delim, &to, 0);
    c->pairs = calloc(2 * strlen(from) + 2, sizeof(Rune));
    if (c->pairs == nil)
        sysfatal("no memory");
    for (f = from, t = to; *f != 0 && *t != 0;) {
        if (*f == '\\' && f[1] != 0)
            f++;
        if (*t == '\\' && t[1] != 0)
            t++;
        f += chartorune(&a, f);
        t += chartorune(&b, t);
        c->pairs[n++] = a;
        c->pairs[n++] = b;
    }
    if (*f != 0 || *t != 0)
        garbled("Command garbled");
    free(from);
    free(to);
    return s;
}

static char *
function(char *s, Cmd *c)
{
    switch (c->name = *s++) {
    case '{':
        braces = grow(braces, nbrace, &braceroom, sizeof *braces);
        braces[nbrace++] = ncmd - 1;
        return s;
    case '}':
        if (nbrace == 0)
            sysfatal("Too many }'s");
        if (c->from.type != Anone)
            garbled("no address allowed");
        cmds[braces[--nbrace]].target = ncmd - 1;
        return s;
    case ':':
        if (c->from.type != Anone)
            garbled("no address allowed");
        s = word(s, &c->text, ";\n");
        if (*c->text == 0)
            garbled("no label");
        return s;
    case 'b':
    case 't':
        return word(s, &c->text, ";\n}");
    case 'a':
    case 'i':
    case 'c':
        return text(s, &c->text);
    case 'r':
        s = word(s, &c->text, "\n");
        if (*c->text == 0)
            garbled("no file name");
        return s;
    case 'w':
        return wfile(s, &c->file);
    case 's':
        return substitution(s, c);
    case 'y':
        return pairs(s, c);
    case '=':
    case 'd':
    case 'D':
    case 'g':
    case 'G':
    case 'h':
    case 'H':
    case 'l':
    case 'n':
    case 'N':
    case 'p':
    case 'P':
    case 'q':
    case 'x':
        return s;
    }
    garbled("Unrecognized command");
}

static void
labels(void)
{
    int i, j;

    for (i = 0; i < ncmd; i++) {
        if (cmds[i].name != 'b' && cmds[i].name != 't')
            continue;
        cmds[i].target = ncmd;
        if (*cmds[i].text == 0)
            continue;
        for (j = 0; j < ncmd; j++)
            if (cmds[j].name == ':' && strcmp(cmds[j].text, cmds[i].text) == 0)
                break;
        if (j == ncmd)
            sysfatal("Undefined label: %s", cmds[i].text);
        cmds[i].target = j;
    }
}

static void
compile(char *s)
{
    Cmd *c;

    if (s[0] == '#' && s[1] == 'n' && (s[2] == '\n' || s[2] == 0))
        nflag = 1;
    for (;;) {
        while (*s == ' ' || *s == '\t' || *s == '\n' || *s == ';')
            s++;
        if (*s == 0)
            break;
        if (*s == '#') {
            s += strcspn(s, "\n");
            continue;
        }
        line = s;
        cmds = grow(cmds, ncmd, &cmdroom, sizeof *cmds);
        c = &cmds[ncmd++];
        memset(c, 0, sizeof *c);
        s = address(s, &c->from);
        if (*s == ',' && c->from.type != Anone) {
            s = address(s + 1, &c->to);
            if (c->to.type == Anone)
                garbled("Command garbled");
        }
        for (s = blanks(s); *s == '!'; s = blanks(s + 1))
            c->negated = 1;
        s = blanks(function(s, c));
        if (*s != 0 && *s != ';' && *s != '\n' && *s != '}' && *s != '#' && c->name != '{'
            && c->name != '}')
            garbled("Command garbled");
    }
    if (nbrace > 0)
        sysfatal("Too many {'s");
    labels();
}
