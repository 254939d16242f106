/*
 * Memory of three kinds: malloc's; arenas, whose newest part is given back at once; and the undo
 * stack, which says what to do on the way out of a command, however it is left.
 */
#include "rc.h"

enum { Least = 8000, Deepest = 12 * 1024 * 1024 };

struct Chunk {
    Chunk *prev;
    ulong room;
    ulong used;
    char *data;
};
typedef struct Undo Undo;
struct Undo {
    void (*f)(void *);
    void *arg;
};
typedef struct Name Name;
struct Name {
    Name *link;
    char text[];
};

Arena temp;
static Undo *undos;
static ulong nundo, undoroom;
static Name *names[64];
static char *stackbase;

static void
nomemory(void)
{
    fprint(2, "rc: out of memory\n");
    _exits("out of memory");
}

void *
emalloc(ulong n)
{
    void *p = malloc(n != 0 ? n : 1);

    if (p == nil)
        nomemory();
    return p;
}

void *
erealloc(void *p, ulong n)
{
    p = realloc(p, n != 0 ? n : 1);
    if (p == nil)
        nomemory();
    return p;
}

char *
estrdup(char const *s)
{
    ulong n = strlen(s) + 1;

    return memcpy(emalloc(n), s, n);
}

void *
take(Arena *arena, ulong n)
{
    Chunk *c = arena->chunk;
    ulong room;

    if (n > 0x7ff00000)
        nomemory();
    n = (n + 7) & ~7ul;
    if (c == nil || c->room - c->used < n) {
        room = n > Least ? n : Least;
        c = emalloc(sizeof *c + room);
        c->data = (char *)(c + 1);
        c->prev = arena->chunk;
        c->room = room;
        c->used = 0;
        arena->chunk = c;
    }
    c->used += n;
    return c->data + c->used - n;
}

/* Back to when chunk was the newest, with so much of it used. */
void
takeback(Arena *arena, Chunk *chunk, ulong used)
{
    Chunk *c;

    while ((c = arena->chunk) != chunk) {
        arena->chunk = c->prev;
        free(c);
    }
    if (chunk != nil)
        chunk->used = used;
}

static void
grow(Str *s, ulong more)
{
    if (more > 0x7ff00000 - s->n)
        nomemory();
    if (s->n + more + 1 > s->room) {
        s->room = 2 * (s->n + more) + 64;
        s->p = erealloc(s->p, s->room);
    }
}

void
putbytes(Str *s, char const *p, ulong n)
{
    grow(s, n);
    memcpy(s->p + s->n, p, n);
    s->n += n;
    s->p[s->n] = 0;
}

void
putstr(Str *s, char const *p)
{
    putbytes(s, p, strlen(p));
}

void
putch(Str *s, int c)
{
    char b = c;

    putbytes(s, &b, 1);
}

/* Without text, but with an end; big buffers are given back. */
void
emptied(Str *s)
{
    if (s->room > Least) {
        free(s->p);
        s->p = nil;
        s->room = 0;
    }
    s->n = 0;
    putbytes(s, "", 0);
}

/* For undo. */
void
freestr(void *arg)
{
    free(((Str *)arg)->p);
}

ulong
undomark(void)
{
    return nundo;
}

void
undo(void (*f)(void *), void *arg)
{
    if (nundo == undoroom) {
        undoroom = 2 * undoroom + 64;
        undos = erealloc(undos, undoroom * sizeof *undos);
    }
    undos[nundo].f = f;
    undos[nundo++].arg = arg;
}

void
undoto(ulong mark)
{
    while (nundo > mark) {
        nundo--;
        undos[nundo].f(undos[nundo].arg);
    }
}

typedef struct Place Place;
struct Place {
    Chunk *chunk;
    ulong used;
};

static void
shrink(void *arg)
{
    Place p = *(Place *)arg;

    takeback(&temp, p.chunk, p.used);
}

/* What is taken from temp after this goes with undoto. */
void
tempundo(void)
{
    Place p = {temp.chunk, temp.chunk != nil ? temp.chunk->used : 0}, *kept;

    kept = take(&temp, sizeof *kept);
    *kept = p;
    undo(shrink, kept);
}

/* Whoever calls himself calls this: the stack has an end. */
void
deep(void)
{
    char here_;

    if (stackbase == nil)
        stackbase = &here_;
    if (stackbase - &here_ > Deepest)
        fail("nested too deeply");
}

/* One copy for ever of a file's name. */
char *
intern(char const *s)
{
    Name **list, *n;
    ulong h = 0, i;

    for (i = 0; s[i] != 0; i++)
        h = 31 * h + (uchar)s[i];
    list = &names[h % nelem(names)];
    for (n = *list; n != nil; n = n->link)
        if (strcmp(n->text, s) == 0)
            return n->text;
    n = emalloc(sizeof *n + i + 1);
    strcpy(n->text, s);
    n->link = *list;
    *list = n;
    return n->text;
}
