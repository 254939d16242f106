/*
 * memory.c: guest address spaces, as the host sees them.
 *
 * A memory is a list of objects at addresses.  The host reads and writes through the page
 * store, so it needs no slot, and cannot fault: what is in the list is accessible.
 */
#include "nofpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vx.h"

uint64_t vx_layout = 1;
int vx_aliased;

const uint32_t vx_class_size[VX_NCLASS] = {64u << 20, 256u << 20, 512u << 20, 1024u << 20};

struct vx_memory *
vx_memory_new(uint32_t limit, struct vx_cache *cache)
{
    int class = 0;
    while (class < VX_NCLASS && limit > vx_class_size[class] - VX_GUARD)
        class++;
    if (class == VX_NCLASS)
        return NULL;
    struct vx_memory *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->class = class;
    m->limit = vx_class_size[class] - VX_GUARD;
    m->cache = cache;
    cache->refs++;
    return m;
}

void
vx_memory_free(struct vx_memory *m)
{
    vx_slot_release(m);
    for (int i = 0; i < m->nmap; i++)
        vx_object_unref(m->map[i].object);
    free(m->map);
    vx_cache_unref(m->cache);
    if (m->own)
        vx_cache_unref(m->own);
    free(m);
}

/* Index of the first mapping that begins above address. */
static int
above(struct vx_memory *m, uint32_t address)
{
    int i = 0, n = m->nmap;
    while (i < n) {
        int mid = (i + n) / 2;
        if (m->map[mid].address <= address)
            i = mid + 1;
        else
            n = mid;
    }
    return i;
}

struct vx_mapping *
vx_memory_find(struct vx_memory *m, uint32_t address)
{
    int i = above(m, address);
    if (i == 0)
        return NULL;
    struct vx_mapping *g = &m->map[i - 1];
    uint32_t size = g->object->size;
    return address - g->address < size ? g : NULL;
}

/* Where a mapping ends: an object may have grown into its neighbour, which then hides it. */
static uint64_t
extent(struct vx_memory *m, struct vx_mapping *g)
{
    uint64_t end = (uint64_t)g->address + g->object->size;
    if (g + 1 < m->map + m->nmap && end > g[1].address)
        end = g[1].address;
    return end > m->limit ? m->limit : end;
}

/* Does the cache translate just these executable mappings?  Learn them if it has none. */
static int
same_text(struct vx_memory *m, uint32_t address, struct vx_object *o)
{
    struct vx_cache *c = m->cache;
    for (int i = 0; i < c->ntext; i++)
        if (c->text[i].address == address)
            return c->text[i].object == o;
    for (int i = 0; i < c->ntext; i++) {
        struct vx_mapping *g = &c->text[i];
        if ((uint64_t)address < (uint64_t)g->address + g->object->size &&
            g->address < (uint64_t)address + o->size)
            return 0;
    }
    struct vx_mapping *p = realloc(c->text, (size_t)(c->ntext + 1) * sizeof *p);
    if (p == NULL)
        return 0;
    c->text = p;
    if (vx_object_code(o, c) < 0)
        return 0;
    p[c->ntext++] = (struct vx_mapping){address, VX_READ | VX_EXEC, o};
    o->refs++;
    return 1;
}

int
vx_memory_map(struct vx_memory *m, uint32_t address, struct vx_object *o, uint32_t prot)
{
    if (address % VX_PAGE || (uint64_t)address + o->size > m->limit)
        return -EINVAL;
    int i = above(m, address);
    if (i > 0 && m->map[i - 1].address + (uint64_t)m->map[i - 1].object->size > address)
        return -EEXIST;
    if (i > 0 && m->map[i - 1].address == address)
        return -EEXIST;
    if (i < m->nmap && address + (uint64_t)o->size > m->map[i].address)
        return -EEXIST;
    int writable = (prot & VX_EXEC) && (prot & VX_WRITE);
    if ((prot & VX_EXEC) && !writable && !same_text(m, address, o))
        return -EBUSY;
    if (m->nmap == m->capmap) {
        int cap = m->capmap ? 2 * m->capmap : 8;
        struct vx_mapping *p = realloc(m->map, (size_t)cap * sizeof *p);
        if (p == NULL)
            return -ENOMEM;
        m->map = p;
        m->capmap = cap;
    }
    memmove(m->map + i + 1, m->map + i, (size_t)(m->nmap - i) * sizeof *m->map);
    m->map[i] = (struct vx_mapping){address, prot, o};
    m->nmap++;
    m->nwritable += writable;
    o->prots |= prot;
    if (!writable && (o->prots & VX_WRITE) && (o->prots & VX_EXEC))
        vx_aliased = 1;
    o->refs++;
    vx_layout++;
    return 0;
}

int
vx_memory_unmap(struct vx_memory *m, uint32_t address)
{
    int i = above(m, address) - 1;
    if (i < 0 || m->map[i].address != address)
        return -ENOENT;
    struct vx_object *o = m->map[i].object;
    vx_stop();
    if ((m->map[i].prot & VX_EXEC) && (m->map[i].prot & VX_WRITE)) {
        m->nwritable--;
        if (m->own)
            vx_cache_flush(m->own);
    } else if (m->map[i].prot & VX_EXEC) {
        vx_cache_flush(m->cache);
    }
    m->nmap--;
    memmove(m->map + i, m->map + i + 1, (size_t)(m->nmap - i) * sizeof *m->map);
    vx_object_unref(o);
    vx_layout++;
    vx_go();
    return 0;
}

/*
 * Walk count bytes from address; call f, if any, for each piece.  Returns how many bytes are
 * mapped so that, of the protection bits in mask, prot are set.
 */
static uint32_t
walk(struct vx_memory *m, uint32_t address, uint32_t count, uint32_t mask, uint32_t prot,
     void (*f)(struct vx_object *, uint32_t offset, uint32_t n, void *arg), void *arg)
{
    uint32_t done = 0;
    while (done < count) {
        uint64_t at = (uint64_t)address + done;
        struct vx_mapping *g = at < m->limit ? vx_memory_find(m, (uint32_t)at) : NULL;
        if (g == NULL || (g->prot & mask) != prot)
            break;
        uint64_t n = extent(m, g) - at;
        if (n > count - done)
            n = count - done;
        if (f)
            f(g->object, (uint32_t)(at - g->address), (uint32_t)n, arg);
        done += (uint32_t)n;
    }
    return done;
}

static void
piece_out(struct vx_object *o, uint32_t offset, uint32_t n, void *arg)
{
    uint8_t **p = arg;
    memcpy(*p, vx_object_data(o) + offset, n);
    *p += n;
}

static void
piece_in(struct vx_object *o, uint32_t offset, uint32_t n, void *arg)
{
    const uint8_t **p = arg;
    memcpy(vx_object_data(o) + offset, *p, n);
    *p += n;
    if (o->ncode)
        vx_written(o, offset, n);
}

uint32_t
vx_memory_check(struct vx_memory *m, uint32_t address, uint32_t count, uint32_t prot)
{
    return walk(m, address, count, prot, prot, NULL, NULL);
}

uint32_t
vx_memory_read(struct vx_memory *m, uint32_t address, void *to, uint32_t count)
{
    uint8_t *p = to;
    return walk(m, address, count, VX_READ, VX_READ, piece_out, &p);
}

uint32_t
vx_memory_fetch(struct vx_memory *m, uint32_t address, void *to, uint32_t count, uint32_t prot)
{
    uint8_t *p = to;
    return walk(m, address, count, VX_EXEC | VX_WRITE, prot, piece_out, &p);
}

uint32_t
vx_memory_write(struct vx_memory *m, uint32_t address, const void *from, uint32_t count)
{
    uint32_t n = walk(m, address, count, VX_WRITE, VX_WRITE, NULL, NULL);
    if (n < count)
        return n;
    const uint8_t *p = from;
    return walk(m, address, count, VX_WRITE, VX_WRITE, piece_in, &p);
}
