/*
 * slot.c: windows below 4 GiB, and the segments that confine guests to them.
 *
 * The LDT is filled once: a data descriptor for every place where a slot of each class could
 * be, and one for each control window.  Which places are in use changes all the time; the LDT
 * never does, because writing it interrupts every thread of the process.
 *
 * A slot keeps what is mapped in it when its guest goes, so that the next guest of the same
 * program finds the text there; nothing runs in a slot before it is made right for its memory.
 */
#include "nofpu.h"

#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vx.h"

/* The 4 GiB in units of the smallest class. */
enum { UNIT = 64 << 20, NUNIT = 64, UNITS_USED_BY_CORE = 4 };

enum { FREE, TAKEN, USELESS };
static struct {
    uint8_t state;
    struct vx_slot *slot;
} unit[NUNIT];

static uint64_t tick;

enum { HOT_AGE = 64 };  /* entries to slots: who has the slot at 0 and rests so long loses it */

/* LDT index of the data segment of the slot of a class at base. */
static int
ldt_index(int class, uint32_t base)
{
    int index = 0;
    for (int i = 0; i < class; i++)
        index += (int)((1ull << 32) / vx_class_size[i]);
    return index + (int)(base / vx_class_size[class]);
}

enum { LDT_CONTROL = 64 + 16 + 8 + 4 };  /* after the slots of all classes */

static uint16_t
selector(int index)
{
    return (uint16_t)(index << 3 | 7);
}

static int
set_segment(int index, uint32_t base, uint32_t size)
{
    struct user_desc d = {
        .entry_number = (unsigned)index,
        .base_addr = base,
        .limit = size / VX_PAGE - 1,
        .seg_32bit = 1,
        .contents = MODIFY_LDT_CONTENTS_DATA,
        .limit_in_pages = 1,
        .useable = 1,
    };
    return syscall(SYS_modify_ldt, 0x11, &d, sizeof d) < 0 ? -errno : 0;
}

int
vx_slot_init(void)
{
    for (int class = 0; class < VX_NCLASS; class++)
        for (uint64_t base = 0; base < 1ull << 32; base += vx_class_size[class]) {
            int err = set_segment(ldt_index(class, (uint32_t)base), (uint32_t)base,
                                  vx_class_size[class] - VX_GUARD);
            if (err < 0)
                return err;
        }
    for (int i = 0; i < VX_NTHREAD; i++) {
        int err = set_segment(LDT_CONTROL + i, VX_CTL_BASE + (uint32_t)i * VX_CTL_STRIDE,
                              VX_CTL_SIZE);
        if (err < 0)
            return err;
    }
    for (int i = 0; i < UNITS_USED_BY_CORE; i++)
        unit[NUNIT - 1 - i].state = USELESS;
    /*
     * A segment whose base is 0 costs nothing, any other a cycle for each load: so one slot
     * at linear 0 is worth having, where the host lets pages be mapped that low.
     */
    void *low = mmap((void *)VX_PAGE, VX_PAGE, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
    if (low != (void *)VX_PAGE)
        unit[0].state = USELESS;
    if (low != MAP_FAILED)
        munmap(low, VX_PAGE);
    return 0;
}

uint16_t
vx_control_selector(int i)
{
    return selector(LDT_CONTROL + i);
}

/* The part of a window that can be mapped: never page 0. */
static void *
window(uint32_t base, int class, size_t *size)
{
    uint32_t from = base ? base : VX_PAGE;
    *size = vx_class_size[class] - (from - base);
    return (void *)(uintptr_t)from;
}

/* Unmap everything in a slot. */
static void
unmap_all(struct vx_slot *s)
{
    size_t size;
    void *from = window(s->base, s->class, &size);
    mmap(from, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    s->nmapped = 0;
}

static void
slot_destroy(struct vx_slot *s)
{
    size_t size;
    void *from = window(s->base, s->class, &size);
    munmap(from, size);
    for (int i = 0; i < NUNIT; i++)
        if (unit[i].slot == s) {
            unit[i].slot = NULL;
            unit[i].state = FREE;
        }
    free(s->mapped);
    free(s);
}

static struct vx_slot *
slot_create(int class, uint32_t base)
{
    size_t size;
    void *from = window(base, class, &size);
    void *p = mmap(from, size, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (p != from) {  /* a kernel that does not know NOREPLACE */
        munmap(p, size);
        return NULL;
    }
    madvise(p, size, MADV_DONTFORK);
    struct vx_slot *s = calloc(1, sizeof *s);
    if (s == NULL) {
        munmap(p, size);
        return NULL;
    }
    s->base = base;
    s->class = class;
    s->selector = selector(ldt_index(class, base));
    for (uint32_t u = base / UNIT; u < (base + (uint64_t)vx_class_size[class]) / UNIT; u++) {
        unit[u].state = TAKEN;
        unit[u].slot = s;
    }
    return s;
}

/* The i'th slot, each once, by unit. */
static struct vx_slot *
slot_at(int u)
{
    struct vx_slot *s = unit[u].slot;
    return s && s->base / UNIT == (uint32_t)u ? s : NULL;
}

static int
shares(struct vx_slot *s, struct vx_memory *m, uint32_t prot)
{
    int n = 0;
    for (int i = 0; i < m->nmap; i++)
        for (int j = 0; j < s->nmapped; j++)
            if (m->map[i].object->id == s->mapped[j].id && (m->map[i].prot & prot))
                n++;
    return n;
}

/* A new slot of a class where the host leaves room for one: at 0, else from the top down. */
static struct vx_slot *
slot_from_room(int class)
{
    int n = (int)(vx_class_size[class] / UNIT);
    for (int u = 0; u < NUNIT; u = u == 0 ? NUNIT - n : u == n ? NUNIT : u - n) {
        int free = 1;
        for (int i = u; i < u + n; i++)
            free &= unit[i].state == FREE;
        if (!free)
            continue;
        struct vx_slot *s = slot_create(class, (uint32_t)u * UNIT);
        if (s)
            return s;
        /* Something of the host's is in the way.  It may be in one unit only. */
        for (int i = u; i < u + n; i++) {
            struct vx_slot *t = slot_create(0, (uint32_t)i * UNIT);
            if (t)
                slot_destroy(t);
            else
                unit[i].state = USELESS;
        }
    }
    return NULL;
}

/*
 * Could a slot of n units at u be made by destroying others?  Those must not be running nor of
 * a class above largest, and not have been used since the tick.  Tells when the last of them was.
 */
static int
replaceable(int u, int n, int largest, uint64_t since, uint64_t *used)
{
    *used = 0;
    for (int i = u; i < u + n; i++) {
        struct vx_slot *s = unit[i].slot;
        if (unit[i].state == USELESS || (s && (s->running || s->class > largest)))
            return 0;
        if (s && s->memory && s->used > *used)
            *used = s->used;
    }
    return *used < since;
}

static struct vx_slot *
replace(int u, int n, int class)
{
    for (int i = u; i < u + n; i++) {
        struct vx_slot *s = unit[i].slot;
        if (s == NULL)
            continue;
        if (s->memory)
            s->memory->slot = NULL;
        slot_destroy(s);
    }
    return slot_create(class, (uint32_t)u * UNIT);
}

/* Make room for a slot of a class in place of those used least lately, larger ones if need be. */
static struct vx_slot *
slot_from_others(int class)
{
    int n = (int)(vx_class_size[class] / UNIT);
    int best = -1;
    uint64_t best_used = UINT64_MAX, used;
    for (int largest = class; largest < VX_NCLASS && best < 0; largest++)
        for (int u = NUNIT - n; u >= 0; u -= n)
            if (replaceable(u, n, largest, best_used, &used)) {
                best = u;
                best_used = used;
            }
    return best < 0 ? NULL : replace(best, n, class);
}

/* The slot at 0 for a guest that computes, unless someone has used it of late. */
static struct vx_slot *
slot_hot(int class)
{
    int n = (int)(vx_class_size[class] / UNIT);
    uint64_t used, since = tick > HOT_AGE ? tick - HOT_AGE : 1;
    return replaceable(0, n, class, since, &used) ? replace(0, n, class) : NULL;
}

static struct vx_slot *
slot_choose(struct vx_memory *m)
{
    struct vx_slot *family = NULL, *spare = NULL, *oldest = NULL;
    int spare_shares = -1;
    for (int u = 0; u < NUNIT; u++) {
        struct vx_slot *s = slot_at(u);
        if (s == NULL || s->class != m->class || s->running)
            continue;
        if (s->memory == NULL) {
            int n = shares(s, m, VX_READ);
            if (n > spare_shares) {
                spare = s;
                spare_shares = n;
            }
        } else {
            if (shares(s, m, VX_WRITE))
                family = s;
            if (oldest == NULL || s->used < oldest->used)
                oldest = s;
        }
    }
    /*
     * Processes that share memory take turns in one slot when slots are large and few: only
     * their stacks are remapped at the switch.  Small ones get a slot each.
     */
    struct vx_slot *s = NULL;
    if (family && m->class > 0)
        s = family;
    if (s == NULL && spare && spare_shares > 0)
        s = spare;
    if (s == NULL)
        s = slot_from_room(m->class);
    if (s == NULL)
        s = spare;
    if (s == NULL)
        s = family ? family : oldest;
    if (s == NULL)
        s = slot_from_others(m->class);
    if (s && s->memory) {
        s->memory->slot = NULL;
        s->memory = NULL;
    }
    return s;
}

static int
host_prot(uint32_t prot)
{
    return (prot & VX_READ ? PROT_READ : 0) | (prot & VX_WRITE ? PROT_WRITE : 0);
}

/* How much of the j'th mapping is its own: an object may have grown since it was mapped. */
static uint32_t
want(struct vx_memory *m, int j)
{
    uint64_t end = j + 1 < m->nmap ? m->map[j + 1].address : m->limit;
    uint64_t room = end - m->map[j].address;
    return m->map[j].object->size < room ? m->map[j].object->size : (uint32_t)room;
}

/* Make the host's mappings in s those of its memory, touching only what differs. */
static int
slot_sync(struct vx_slot *s)
{
    struct vx_memory *m = s->memory;
    if (s->capmapped < m->nmap) {
        struct vx_mapped *p = realloc(s->mapped, (size_t)m->nmap * 2 * sizeof *p);
        if (p == NULL)
            return -ENOMEM;
        s->mapped = p;
        s->capmapped = 2 * m->nmap;
    }
    struct vx_mapped old[64];
    struct vx_mapped *was = old;
    int nwas = s->nmapped;
    if (nwas > 64) {
        unmap_all(s);
        nwas = 0;
    }
    memcpy(was, s->mapped, (size_t)nwas * sizeof *was);
    uint8_t *base = (uint8_t *)(uintptr_t)s->base;

    for (int i = 0; i < nwas; i++) {  /* what must go, or shrink */
        int keep = 0;
        for (int j = 0; j < m->nmap && !keep; j++)
            keep = m->map[j].object->id == was[i].id && m->map[j].address == was[i].address &&
                   m->map[j].prot == was[i].prot && want(m, j) >= was[i].size;
        if (keep)
            continue;
        if (was[i].size && mmap(base + was[i].address, was[i].size, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
            return -errno;
        was[i].id = 0;
    }
    s->nmapped = 0;
    for (int j = 0; j < m->nmap; j++) {
        struct vx_mapping *g = &m->map[j];
        uint32_t have = 0, size = want(m, j);
        for (int i = 0; i < nwas; i++)
            if (was[i].id == g->object->id && was[i].address == g->address)
                have = was[i].size;
        if (have < size &&
            mmap(base + g->address + have, size - have, host_prot(g->prot),
                 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, vx_store_fd,
                 (off_t)(g->object->offset + have)) == MAP_FAILED) {
            int err = -errno;
            unmap_all(s);
            return err;
        }
        s->mapped[s->nmapped++] = (struct vx_mapped){g->object->id, g->address, size, g->prot};
        if (have < size && g->object->watched)
            for (uint32_t at = have; at < size; at += VX_PAGE)
                if (g->object->watched[at / VX_PAGE])
                    mprotect(base + g->address + at, VX_PAGE, PROT_READ);
    }
    s->layout = vx_layout;
    return 0;
}

void
vx_slot_protect(struct vx_object *o, uint32_t offset, uint32_t count, int writable)
{
    for (int u = 0; u < NUNIT; u++) {
        struct vx_slot *s = slot_at(u);
        for (int i = 0; s && i < s->nmapped; i++) {
            struct vx_mapped *m = &s->mapped[i];
            if (m->id == o->id && (m->prot & VX_WRITE) && offset + count <= m->size)
                mprotect((uint8_t *)(uintptr_t)s->base + m->address + offset, count,
                         writable ? PROT_READ | PROT_WRITE : PROT_READ);
        }
    }
}

int
vx_slot_enter(struct vx_memory *m)
{
    if (m->computes && m->slot && m->slot->base && !m->slot->running) {
        struct vx_slot *s = slot_hot(m->class);
        if (s) {
            vx_slot_release(m);
            s->memory = m;
            m->slot = s;
        }
    }
    m->computes = 0;
    if (m->slot == NULL) {
        struct vx_slot *s = slot_choose(m);
        if (s == NULL)
            return -ENOSPC;
        s->memory = m;
        m->slot = s;
        s->layout = 0;
    }
    m->slot->used = ++tick;
    return m->slot->layout == vx_layout ? 0 : slot_sync(m->slot);
}

void
vx_slot_release(struct vx_memory *m)
{
    if (m->slot) {
        m->slot->memory = NULL;
        m->slot = NULL;
    }
}
