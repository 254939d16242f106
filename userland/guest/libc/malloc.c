/*
 * malloc(2): blocks with their size at both ends.  Free neighbours are joined at once; free
 * blocks hang in lists by size, exact ones below 1 KiB and one for each power of two above.
 */
#include <u.h>
#include <libc.h>

enum {
    Unit = 16,
    Header = 16,
    Least = 32,
    Grow = 64 * 1024,
    Used = 1,      /* flags in Block.size: this block is in use */
    Prevused = 2,  /* so is the one before it */
    Exact = 64,    /* lists 0..63 are for n*Unit */
    Nlist = 96,
};

typedef struct Block Block;
struct Block {
    ulong prev; /* size of the block before, while that one is free */
    ulong size; /* with the header, and flags */
    ulong tag;
    ulong retag;
    Block *next; /* from here on: the user's while in use */
    Block *last;
};

static Lock heaplock;
static Block *lists[Nlist];
static ulong full[Nlist / 32]; /* which lists are not empty */
static Block *top;             /* the mark at the end of the newest piece of memory */

static ulong
size(Block *b)
{
    return b->size & ~(ulong)(Unit - 1);
}

static Block *
after(Block *b)
{
    return (Block *)((char *)b + size(b));
}

static int
listof(ulong n)
{
    if (n < Exact * Unit)
        return n / Unit;
    return Exact + 31 - __builtin_clzl(n) - 10;
}

static void
unlink(Block *b)
{
    int i = listof(size(b));

    if (b->next != nil)
        b->next->last = b->last;
    if (b->last != nil)
        b->last->next = b->next;
    else {
        lists[i] = b->next;
        if (b->next == nil)
            full[i / 32] &= ~(1ul << i % 32);
    }
}

/* Make b, n bytes long, a free block; the one before it is in use, the one after too. */
static void
link(Block *b, ulong n)
{
    int i = listof(n);

    b->size = n | Prevused;
    after(b)->prev = n;
    after(b)->size &= ~(ulong)Prevused;
    b->last = nil;
    b->next = lists[i];
    if (b->next != nil)
        b->next->last = b;
    lists[i] = b;
    full[i / 32] |= 1ul << i % 32;
}

static void
release(Block *b)
{
    ulong n = size(b);
    Block *a = after(b);

    if (!(a->size & Used)) {
        unlink(a);
        n += size(a);
    }
    if (!(b->size & Prevused)) {
        b = (Block *)((char *)b - b->prev);
        unlink(b);
        n += size(b);
    }
    link(b, n);
}

/* Ask the kernel for room for a block of n bytes. */
static int
more(ulong n)
{
    ulong want = (n + 2 * Header + Grow - 1) & ~(ulong)(Grow - 1);
    char *p = sbrk(want);
    Block *b, *end;

    if (p == (char *)-1)
        return 0;
    if (top != nil && p == (char *)top + Header) {
        b = top;
        b->size = want | Used | (b->size & Prevused);
    } else {
        p = (char *)(((ulong)p + Unit - 1) & ~(ulong)(Unit - 1));
        b = (Block *)p;
        b->size = (want - 2 * Unit) | Used | Prevused;
    }
    end = after(b);
    end->size = Header | Used | Prevused;
    top = end;
    release(b);
    return 1;
}

static Block *
find(ulong n)
{
    int i = listof(n), w;
    Block *b;
    ulong map;

    if (i >= Exact)
        for (b = lists[i++]; b != nil; b = b->next)
            if (size(b) >= n)
                return b;
    for (w = i / 32; w < Nlist / 32; w++) {
        map = full[w];
        if (w == i / 32)
            map &= ~0ul << i % 32;
        if (map != 0)
            return lists[w * 32 + __builtin_ctzl(map)];
    }
    return nil;
}

/* Keep n bytes of b, which is in use, and free the rest. */
static void
trim(Block *b, ulong n)
{
    ulong rest = size(b) - n;
    Block *r;

    if (rest < Least)
        return;
    b->size = n | (b->size & (Used | Prevused));
    r = after(b);
    r->size = rest | Used | Prevused;
    after(r)->size |= Prevused;
    release(r);
}

static ulong
blocksize(ulong n)
{
    if (n > 0x7fff0000)
        return 0;
    n = (n + Header + Unit - 1) & ~(ulong)(Unit - 1);
    return n < Least ? Least : n;
}

static void *
allocate(ulong user)
{
    ulong n = blocksize(user);
    Block *b;

    if (n == 0) {
        werrstr("malloc: %lud bytes are too many", user);
        return nil;
    }
    lock(&heaplock);
    b = find(n);
    if (b == nil && more(n))
        b = find(n);
    if (b != nil) {
        unlink(b);
        b->size |= Used;
        after(b)->size |= Prevused;
        trim(b, n);
        b->tag = b->retag = 0;
    }
    unlock(&heaplock);
    return b != nil ? (char *)b + Header : nil;
}

static Block *
blockof(void *p)
{
    Block *b = (Block *)((char *)p - Header);

    if (((ulong)p & (Unit - 1)) != 0 || !(b->size & Used)) {
        fprint(2, "malloc: %p is not a block in use\n", p);
        abort();
    }
    return b;
}

void *
malloc(ulong n)
{
    void *p = allocate(n);

    if (p != nil)
        setmalloctag(p, getcallerpc(&n));
    return p;
}

void *
mallocz(ulong n, int clear)
{
    void *p = allocate(n);

    if (p != nil) {
        setmalloctag(p, getcallerpc(&n));
        if (clear)
            memset(p, 0, n);
    }
    return p;
}

void *
calloc(ulong n, ulong each)
{
    void *p;

    if (each != 0 && n > 0x7fff0000 / each)
        return nil;
    p = mallocz(n * each, 1);
    if (p != nil)
        setmalloctag(p, getcallerpc(&n));
    return p;
}

void
free(void *p)
{
    if (p == nil)
        return;
    lock(&heaplock);
    release(blockof(p));
    unlock(&heaplock);
}

void *
realloc(void *p, ulong user)
{
    ulong n, old;
    Block *b, *a;
    void *q;

    if (p == nil) {
        p = allocate(user);
        if (p != nil)
            setmalloctag(p, getcallerpc(&p));
        return p;
    }
    if (user == 0) {
        free(p);
        return nil;
    }
    n = blocksize(user);
    if (n == 0)
        return nil;
    lock(&heaplock);
    b = blockof(p);
    old = size(b);
    a = after(b);
    if (old < n && !(a->size & Used) && old + size(a) >= n) {
        unlink(a);
        b->size += size(a);
        after(b)->size |= Prevused;
    }
    if (size(b) >= n) {
        trim(b, n);
        unlock(&heaplock);
        b->retag = getcallerpc(&p);
        return p;
    }
    unlock(&heaplock);
    q = allocate(user);
    if (q == nil)
        return nil;
    memmove(q, p, old - Header);
    setmalloctag(q, b->tag);
    setrealloctag(q, getcallerpc(&p));
    free(p);
    return q;
}

ulong
msize(void *p)
{
    return size(blockof(p)) - Header;
}

void
setmalloctag(void *p, ulong tag)
{
    blockof(p)->tag = tag;
}

void
setrealloctag(void *p, ulong tag)
{
    blockof(p)->retag = tag;
}

ulong
getmalloctag(void *p)
{
    return blockof(p)->tag;
}

ulong
getrealloctag(void *p)
{
    return blockof(p)->retag;
}

void *
malloctopoolblock(void *p)
{
    return blockof(p);
}
