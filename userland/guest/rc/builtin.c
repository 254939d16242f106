/* The commands that rc does itself.  Source: rc(1). */
#include "rc.h"

static void
usage(char const *text)
{
    complain("usage: %s", text);
    setstatus("usage");
}

static int
path(char const *s)
{
    return s[0] == '/' || s[0] == '#' || strcmp(s, ".") == 0 || strcmp(s, "..") == 0
           || strncmp(s, "./", 2) == 0 || strncmp(s, "../", 3) == 0;
}

static char *
below(char const *dir, char const *name)
{
    ulong n = strlen(dir) + strlen(name) + 2;
    char *s = take(&temp, n);

    if (*dir == 0 || strcmp(dir, ".") == 0)
        snprint(s, n, "%s", name);
    else
        snprint(s, n, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
    return s;
}

static int
dochdir(Word *args)
{
    Word *w;
    char *dir, err[ERRMAX];

    setstatus("can't cd");
    if (args->next == nil) {
        w = value("home");
        if (w == nil)
            complain("can't cd: $home is empty");
        else if (chdir(w->text) < 0)
            complain("can't cd %s: %r", w->text);
        else
            setstatus("");
        return 0;
    }
    if (args->next->next != nil) {
        usage("cd [directory]");
        setstatus("can't cd");
        return 0;
    }
    dir = args->next->text;
    err[0] = 0;
    w = path(dir) ? nil : value("cdpath");
    if (w == nil) {
        if (chdir(dir) >= 0)
            setstatus("");
        else
            complain("can't cd %s: %r", dir);
        return 0;
    }
    for (; w != nil; w = w->next) {
        char *whole = below(w->text, dir);

        if (chdir(whole) >= 0) {
            if (strcmp(whole, dir) != 0) {
                writeall(mapfd(1), whole, strlen(whole));
                writeall(mapfd(1), "\n", 1);
            }
            setstatus("");
            return 0;
        }
        rerrstr(err, sizeof err);
    }
    complain("can't cd %s: %s", dir, err);
    return 0;
}

/* Run what a source says in this process. */
static void
obey(Source *src)
{
    ulong mark = undomark();

    deep();
    undo(freesource, src);
    runsource(src);
    undoto(mark);
}

static int
dodot(Word *args)
{
    ulong mark = undomark();
    int interactive = 0, quiet = 0, fd = -1;
    char *name, *whole, *p, err[ERRMAX];
    Word *w;
    Source *src;

    for (args = args->next; args != nil && args->text[0] == '-' && args->text[1] != 0;
         args = args->next)
        for (p = args->text + 1; *p != 0; p++)
            if (*p == 'i')
                interactive = 1;
            else if (*p == 'q')
                quiet = 1;
            else
                fail("usage: . [-iq] file [arg ...]");
    if (args == nil)
        fail("usage: . [-iq] file [arg ...]");
    whole = name = args->text;
    err[0] = 0;
    if (path(name)) {
        fd = opensource(name);
        rerrstr(err, sizeof err);
    } else
        for (w = value("path"); w != nil && fd < 0; w = w->next) {
            whole = below(w->text, name);
            fd = opensource(whole);
            if (fd < 0)
                rerrstr(err, sizeof err);
        }
    if (fd < 0) {
        if (quiet)
            return 0;
        fail(".: can't open %s: %s", name, err[0] != 0 ? err : "file does not exist");
    }
    src = filesource(fd, strncmp(whole, "/fd/", 4) == 0 ? nil : whole, interactive);
    undo(freesource, src);
    local("0", word(name, 0));
    local("*", args->next);
    runsource(src);
    undoto(mark);
    return 0;
}

static int
doeval(Word *args)
{
    char *file;
    int line = hereline(&file);

    if (args->next == nil) {
        setstatus("");
        return 0;
    }
    obey(textsource(joined(args->next, ' '), file, line));
    return 0;
}

static int
doexec(Word *args)
{
    applyredirs();
    if (args->next != nil) {
        updenv();
        execwords(args->next);
        stop();
    } else
        setstatus("");
    return 0;
}

static int
doexit(Word *args)
{
    if (args->next != nil && args->next->next != nil)
        complain("usage: exit [status]\nrc: exiting anyway");
    leave(args->next != nil ? args->next->text : status());
    return 0;
}

static int
doshift(Word *args)
{
    long n = 1;
    char *rest = "";
    Word *w;

    if (args->next != nil)
        n = strtol(args->next->text, &rest, 10);
    if (*rest != 0 || args->next != nil && args->next->next != nil) {
        usage("shift [n]");
        return 0;
    }
    for (w = value("*"); w != nil && n > 0; n--)
        w = w->next;
    setvar("*", w);
    setstatus("");
    return 0;
}

static int
dowait(Word *args)
{
    char *rest = "";
    long pid = 0;

    if (args->next != nil)
        pid = strtol(args->next->text, &rest, 10);
    if (*rest != 0 || args->next != nil && (pid <= 0 || args->next->next != nil)) {
        usage("wait [pid]");
        return 0;
    }
    if (waitall(pid) < 0)
        setstatus("");
    return 0;
}

static int
doflag(Word *args)
{
    Word *f = args->next, *how = f != nil ? f->next : nil;
    int c;

    if (f == nil || f->text[0] == 0 || f->text[1] != 0 || (uchar)f->text[0] >= nelem(flags)
        || how != nil && (how->next != nil || strcmp(how->text, "+") != 0
                          && strcmp(how->text, "-") != 0)) {
        usage("flag letter [+-]");
        return 0;
    }
    c = f->text[0];
    if (how == nil)
        setstatus(flags[c] ? "" : "flag not set");
    else {
        flags[c] = how->text[0] == '+';
        setstatus("");
    }
    return 0;
}

static int
dorfork(Word *args)
{
    static struct {
        char letter;
        int flag;
    } const letters[] = {
        {'n', RFNAMEG}, {'N', RFCNAMEG}, {'e', RFENVG}, {'E', RFCENVG}, {'s', RFNOTEG},
        {'f', RFFDG},   {'F', RFCFDG},   {'m', RFNOMNT},
    };
    char *s = args->next != nil ? args->next->text : "ens";
    int how = 0, i;

    if (args->next != nil && args->next->next != nil)
        s = "?";
    for (; *s != 0; s++) {
        for (i = 0; i < nelem(letters) && letters[i].letter != *s; i++)
            ;
        if (i == nelem(letters)) {
            usage("rfork [nNeEsfFm]");
            return 0;
        }
        how |= letters[i].flag;
    }
    updenv();
    if (rfork(how) < 0) {
        complain("rfork: %r");
        setstatus("rfork failed");
    } else
        setstatus("");
    return 0;
}

static int
dofinit(Word *args)
{
    USED(args);
    readfns();
    return 0;
}

static void
showvar(Str *out, char const *name, Word *w)
{
    putquoted(out, name);
    putch(out, '=');
    if (w != nil && w->next == nil)
        putquoted(out, w->text);
    else {
        putch(out, '(');
        for (; w != nil; w = w->next) {
            putquoted(out, w->text);
            if (w->next != nil)
                putch(out, ' ');
        }
        putch(out, ')');
    }
    putch(out, '\n');
}

static int
showfn(Str *out, char const *name)
{
    Fn *f = fn(name);
    char *s;

    if (f == nil)
        return 0;
    s = treestr(f->tree, name);
    putstr(out, s);
    free(s);
    return 1;
}

/* The program that a name stands for: the first in $path that can be executed. */
static char *
program(char const *name)
{
    Word *w;
    char *file;
    Dir *d;
    int ok;

    for (w = value("path"); path(name) || w != nil; w = w->next) {
        file = path(name) ? (char *)name : below(w->text, name);
        if (access(file, AEXEC) == 0) {
            d = dirstat(file);
            ok = d != nil && !(d->mode & DMDIR);
            free(d);
            if (ok)
                return file;
        }
        if (path(name))
            break;
    }
    return nil;
}

static int
dowhatis(Word *args)
{
    Str out = {nil, 0, 0};
    Word *w;
    Var *v;
    Fn *f;
    char *file;
    int found;

    setstatus("");
    emptied(&out);
    if (args->next == nil) {
        for (v = eachvar(nil); v != nil; v = eachvar(v))
            if (v->val != nil)
                showvar(&out, v->name, v->val);
        for (f = eachfn(nil); f != nil; f = eachfn(f))
            showfn(&out, f->name);
    }
    for (w = args->next; w != nil; w = w->next) {
        found = 0;
        if (value(w->text) != nil) {
            showvar(&out, w->text, value(w->text));
            found = 1;
        }
        if (showfn(&out, w->text))
            continue;
        if (isbuiltin(w->text)) {
            putstr(&out, "builtin ");
            putquoted(&out, w->text);
            putch(&out, '\n');
        } else if ((file = program(w->text)) != nil) {
            putstr(&out, file);
            putch(&out, '\n');
        } else if (!found) {
            writeall(mapfd(1), out.p, out.n);
            emptied(&out);
            complain("%s: not found", w->text);
            setstatus("not found");
        }
    }
    writeall(mapfd(1), out.p, out.n);
    free(out.p);
    return 0;
}

static int
dobuiltin(Word *args)
{
    USED(args);
    usage("builtin command [arg ...]");
    return 0;
}

static int
docase(Word *args)
{
    USED(args);
    fail("case outside of a switch");
    return 0;
}

static struct {
    char const *name;
    int (*f)(Word *);
} const builtins[] = {
    {".", dodot},         {"builtin", dobuiltin}, {"case", docase},   {"cd", dochdir},
    {"eval", doeval},     {"exec", doexec},       {"exit", doexit},   {"finit", dofinit},
    {"flag", doflag},     {"rfork", dorfork},     {"shift", doshift}, {"wait", dowait},
    {"whatis", dowhatis},
};

int (*builtin(char const *name))(Word *)
{
    int i;

    for (i = 0; i < nelem(builtins); i++)
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].f;
    return nil;
}

int
isbuiltin(char const *name)
{
    return builtin(name) != nil && strcmp(name, "case") != 0 || strcmp(name, "~") == 0;
}
