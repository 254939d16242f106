/*
 * rewrite.c: code in memory that can be written: what just-in-time compilers make, and
 * programs that patch themselves.
 *
 * Such code is translated into a cache of the memory's own.  A page that holds some of it is
 * made read-only in the slots; a write to it, by the guest or for it, drops the cache's
 * translations and makes the page writable again.  So new code is seen by the next instruction
 * that is fetched, and writing a page from which nothing was translated costs nothing.
 * Source: the processor's own rule is laxer (a jump must come between, Intel SDM 3A, 9.1.3).
 */
#include "nofpu.h"

#include <errno.h>
#include <stdlib.h>

#include "vx.h"

int
vx_object_code(struct vx_object *o, struct vx_cache *c)
{
    for (int i = 0; i < o->ncode; i++)
        if (o->code[i] == c)
            return 0;
    struct vx_cache **p = realloc(o->code, (size_t)(o->ncode + 1) * sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    o->code = p;
    p[o->ncode++] = c;
    return 0;
}

void
vx_object_uncode(struct vx_object *o, struct vx_cache *c)
{
    for (int i = 0; i < o->ncode; i++)
        if (o->code[i] == c)
            o->code[i--] = o->code[--o->ncode];
}

int
vx_memory_cache(struct vx_memory *m, uint32_t address, struct vx_cache **cache)
{
    *cache = m->cache;
    if (m->nwritable == 0)
        return 0;
    struct vx_mapping *g = vx_memory_find(m, address);
    uint32_t both = VX_WRITE | VX_EXEC;
    if (g == NULL || (g->prot & both) != both)
        return 0;
    if (m->own == NULL && (m->own = vx_cache_new()) == NULL)
        return -ENOMEM;
    *cache = m->own;
    return vx_cache_activate(m->own);
}

/* The cache keeps the object, and the object knows the cache. */
static int
introduce(struct vx_cache *c, struct vx_object *o)
{
    for (int i = 0; i < c->ntext; i++)
        if (c->text[i].object == o)
            return 0;
    struct vx_mapping *p = realloc(c->text, (size_t)(c->ntext + 1) * sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    c->text = p;
    if (vx_object_code(o, c) < 0)
        return -ENOMEM;
    p[c->ntext++] = (struct vx_mapping){.object = o};
    o->refs++;
    return 0;
}

int
vx_watch(struct vx_memory *m, struct vx_cache *c, uint32_t address, uint32_t count)
{
    uint64_t end = (uint64_t)address + count;
    for (uint64_t at = address & ~(uint32_t)(VX_PAGE - 1); at < end; at += VX_PAGE) {
        struct vx_mapping *g = vx_memory_find(m, at < address ? address : (uint32_t)at);
        struct vx_object *o = g->object;
        if (introduce(c, o) < 0)
            return -ENOMEM;
        if (o->watched == NULL && (o->watched = calloc(1, o->reserve / VX_PAGE)) == NULL)
            return -ENOMEM;
        uint32_t page = ((uint32_t)at - g->address) / VX_PAGE;
        if (!o->watched[page]) {
            o->watched[page] = 1;
            if (o->watched_to == 0 || page < o->watched_from)
                o->watched_from = page;
            if (page >= o->watched_to)
                o->watched_to = page + 1;
            vx_slot_protect(o, page * VX_PAGE, VX_PAGE, 0);
        }
    }
    return 0;
}

int
vx_written(struct vx_object *o, uint32_t offset, uint32_t count)
{
    if (o->ncode == 0 || count == 0)
        return 0;
    if (o->watched) {
        uint32_t page = offset / VX_PAGE, last = (offset + count - 1) / VX_PAGE;
        while (page <= last && !o->watched[page])
            page++;
        if (page > last)
            return 0;
    }
    vx_stop();
    for (int i = 0; i < o->ncode; i++)
        vx_cache_flush(o->code[i]);
    for (uint32_t page = o->watched_from; page < o->watched_to; page++)
        if (o->watched[page]) {
            o->watched[page] = 0;
            vx_slot_protect(o, page * VX_PAGE, VX_PAGE, 1);
        }
    o->watched_to = 0;
    vx_go();
    return 1;
}
