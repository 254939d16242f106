/* Reading commands from sources; $status; what is said of errors, and where they lead. */
#include "rc.h"

typedef struct Catch Catch;
struct Catch {
    jmp_buf env;
    ulong mark;
    Catch *outer;
};

static Catch *catch; /* where an error returns to; nil: it is the end */
static Source *reading;
static char *file; /* of the command that runs, and its line */
static int line;
static int quiet; /* it is of rcmain */

/* Errors from here on are this command's. */
void
at(Node *n)
{
    file = n->file;
    line = n->line;
    quiet = n->quiet;
}

/* The file and line of the command that runs. */
int
hereline(char **name)
{
    *name = quiet ? nil : file;
    return quiet ? 1 : line;
}

char const *
status(void)
{
    Word *w = var("status")->val;

    return w != nil ? w->text : "";
}

void
setstatus(char const *s)
{
    Word *w = var("status")->val;

    if (w != nil && w->next == nil && strcmp(w->text, s) == 0)
        return;
    setstr("status", s);
}

/* An empty one, or nothing but those of a pipeline that went well. */
int
truestatus(void)
{
    char const *s;

    for (s = status(); *s == '0' || *s == '|'; s++)
        ;
    return *s == 0;
}

static void
report(char const *name, int number, char const *format, va_list args)
{
    char *text = vsmprint(format, args), *all = nil;

    if (text == nil)
        return;
    if (name != nil)
        all = smprint("rc: %s:%d: %s\n", name, number, text);
    else if (catch == nil && number > 0)
        all = smprint("rc: line %d: %s\n", number, text);
    else
        all = smprint("rc: %s\n", text);
    if (all != nil)
        writeall(mapfd(2), all, strlen(all));
    free(all);
    free(text);
}

/* Say what is wrong, and where. */
void
complain(char const *format, ...)
{
    va_list args;

    va_start(args, format);
    report(file, line, format, args);
    va_end(args);
}

/* Back to the prompt, or the end. */
void
stop(void)
{
    if (catch == nil || insubshell)
        leave(status());
    longjmp(catch->env, 1);
}

void
fail(char const *format, ...)
{
    va_list args;

    va_start(args, format);
    report(file, line, format, args);
    va_end(args);
    setstatus("error");
    stop();
}

void
badsyntax(Lexer *l, char const *format, ...)
{
    va_list args;

    va_start(args, format);
    report(l->src->file, l->tok.line, format, args);
    va_end(args);
    setstatus("syntax error");
    while (!l->src->atline && !l->src->eof && l->tok.kind != Tnewline) {
        ulong mark = undomark();

        if (l->src->pos == l->src->n)
            break;
        if (l->src->buf[l->src->pos++] == '\n') {
            l->src->line++;
            l->src->atline = 1;
        }
        undoto(mark);
    }
    stop();
}

void
writeall(int fd, char const *p, ulong n)
{
    ulong some;

    for (; n > 0; p += some, n -= some) {
        some = n < IOUNIT ? n : IOUNIT;
        if (fd < 0 || write(fd, p, some) != some)
            return;
    }
}

static void
showstatus(Source *src)
{
    Str s = {nil, 0, 0};

    if (!flags['s'] || src->quiet || truestatus())
        return;
    putstr(&s, "status=");
    putquoted(&s, status());
    putch(&s, '\n');
    writeall(mapfd(2), s.p, s.n);
    free(s.p);
}

static void
lines(Source *src)
{
    ulong mark;
    Tree *t;
    int end = 0;

    while (!end) {
        file = src->file;
        line = src->line;
        t = parse(src, &end);
        if (t == nil)
            continue;
        mark = undomark();
        undo(freetree, t);
        run(t->root, 0);
        undoto(mark);
        showstatus(src);
    }
}

typedef struct Reading Reading;
struct Reading {
    Source *src;
    char *file;
    int line;
};

static void
endreading(void *arg)
{
    Reading *r = arg;

    reading = r->src;
    file = r->file;
    line = r->line;
    free(r);
}

static void
popcatch(void *arg)
{
    catch = ((Catch *)arg)->outer;
    free(arg);
}

/* Read and run all of a source.  An interactive one goes on after errors. */
void
runsource(Source *src)
{
    ulong mark = undomark();
    Reading *r = emalloc(sizeof *r);
    Catch *c;

    r->src = reading;
    r->file = file;
    r->line = line;
    undo(endreading, r);
    reading = src;
    if (src->interactive) {
        c = emalloc(sizeof *c);
        c->outer = catch;
        undo(popcatch, c);
        c->mark = undomark();
        catch = c;
        if (setjmp(c->env) != 0) {
            undoto(c->mark);
            showstatus(src);
        }
    }
    lines(src);
    undoto(mark);
}
