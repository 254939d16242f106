/*
 * store.c: the page store.
 *
 * One sparse memory file holds every guest page.  It is mapped whole above 4 GiB, so the host
 * reaches all guest memory at any time with no fault and no window; slots map parts of it.
 * Offsets are cheap, so an object gets the extent it may grow to at once; pages are not, so
 * they exist only when touched, and go back by punching holes.
 */
#include "nofpu.h"

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vx.h"

uint8_t *vx_store;
int vx_store_fd = -1;

static uint64_t store_size;
static uint64_t next_id = 1;

/*
 * Objects that nobody has any more, wiped.  One that is taken again keeps its pages, its place
 * and its id, so a slot that still maps it need not map it anew: fork and exec live of this.
 */
enum { POOL = 64, POOL_BYTES = 64 * VX_PAGE };  /* objects; what each may hold */
static struct vx_object *pool[POOL];  /* who came last is last */
static int npool;

/* Free extents, ascending, never adjacent. */
static struct extent {
    uint64_t offset, size;
} *holes;
static int nhole, caphole;

static uint64_t
page_round(uint64_t n)
{
    return (n + VX_PAGE - 1) & ~(uint64_t)(VX_PAGE - 1);
}

int
vx_store_init(void)
{
    vx_store_fd = memfd_create("vx9-pages", MFD_CLOEXEC);
    if (vx_store_fd < 0)
        return -errno;
    /* Address space is what limits this, not memory: take what the host gives. */
    for (store_size = 16ull << 40; store_size >= 1ull << 34; store_size >>= 1) {
        if (ftruncate(vx_store_fd, (off_t)store_size) < 0)
            continue;
        void *p = mmap(0, store_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                       vx_store_fd, 0);
        if (p != MAP_FAILED) {
            vx_store = p;
            madvise(p, store_size, MADV_DONTFORK);
            madvise(p, store_size, MADV_DONTDUMP);
            break;
        }
    }
    if (vx_store == NULL)
        return -ENOMEM;
    holes = malloc(64 * sizeof *holes);
    if (holes == NULL)
        return -ENOMEM;
    caphole = 64;
    holes[0] = (struct extent){VX_PAGE, store_size - VX_PAGE};
    nhole = 1;
    return 0;
}

static int
extent_take(uint64_t size, uint64_t *offset)
{
    for (int i = 0; i < nhole; i++) {
        if (holes[i].size < size)
            continue;
        *offset = holes[i].offset;
        holes[i].offset += size;
        holes[i].size -= size;
        if (holes[i].size == 0) {
            nhole--;
            memmove(holes + i, holes + i + 1, (size_t)(nhole - i) * sizeof *holes);
        }
        return 0;
    }
    return -ENOMEM;
}

static void
extent_give(uint64_t offset, uint64_t size)
{
    int i = 0, n = nhole;
    while (i < n) {  /* the first hole above offset */
        int mid = (i + n) / 2;
        if (holes[mid].offset < offset)
            i = mid + 1;
        else
            n = mid;
    }
    int joins_below = i > 0 && holes[i - 1].offset + holes[i - 1].size == offset;
    int joins_above = i < nhole && offset + size == holes[i].offset;
    if (joins_below && joins_above) {
        holes[i - 1].size += size + holes[i].size;
        nhole--;
        memmove(holes + i, holes + i + 1, (size_t)(nhole - i) * sizeof *holes);
    } else if (joins_below) {
        holes[i - 1].size += size;
    } else if (joins_above) {
        holes[i].offset -= size;
        holes[i].size += size;
    } else {
        if (nhole == caphole) {
            struct extent *p = realloc(holes, 2 * (size_t)caphole * sizeof *p);
            if (p == NULL)
                return;  /* the offsets are lost, which costs nothing but offsets */
            holes = p;
            caphole *= 2;
        }
        memmove(holes + i + 1, holes + i, (size_t)(nhole - i) * sizeof *holes);
        holes[i] = (struct extent){offset, size};
        nhole++;
    }
}

static void
punch(uint64_t offset, uint64_t size)
{
    if (size)
        fallocate(vx_store_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                  (off_t)size);
}

/* Best one that was a copy of the same before: the slot that has it has its siblings too. */
static struct vx_object *
from_pool(uint64_t reserve, uint64_t origin)
{
    int best = -1;
    for (int i = npool - 1; i >= 0; i--) {
        if (pool[i]->reserve != reserve)
            continue;
        if (best < 0)
            best = i;
        if (pool[i]->origin == origin) {
            best = i;
            break;
        }
    }
    if (best < 0)
        return NULL;
    struct vx_object *o = pool[best];
    npool--;
    memmove(pool + best, pool + best + 1, (size_t)(npool - best) * sizeof *pool);
    return o;
}

static struct vx_object *
make(uint64_t size, uint64_t reserve, uint64_t origin)
{
    size = page_round(size);
    reserve = page_round(reserve < size ? size : reserve);
    if (reserve == 0)
        reserve = VX_PAGE;
    if (reserve >= 1ull << 32)
        return NULL;
    struct vx_object *o = from_pool(reserve, origin);
    if (o != NULL) {
        o->size = (uint32_t)size;
        o->origin = origin;
        o->refs = 1;
        return o;
    }
    o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    if (extent_take(reserve, &o->offset) < 0) {
        free(o);
        return NULL;
    }
    o->id = next_id++;
    o->origin = origin;
    o->size = (uint32_t)size;
    o->reserve = (uint32_t)reserve;
    o->refs = 1;
    return o;
}

struct vx_object *
vx_object_new(uint64_t size, uint64_t reserve)
{
    return make(size, reserve, 0);
}

int
vx_object_resize(struct vx_object *o, uint64_t size)
{
    size = page_round(size);
    if (size > o->reserve)
        return -ENOMEM;
    uint32_t old = o->size;
    if (size < old)
        vx_stop();  /* whoever has it mapped does not when it goes on */
    o->size = (uint32_t)size;
    vx_layout++;
    if (size < old) {
        punch(o->offset + size, old - size);
        vx_go();
    }
    return 0;
}

void
vx_object_zero(struct vx_object *o, uint32_t offset, uint32_t count)
{
    uint64_t end = (uint64_t)offset + count;
    uint64_t first = page_round(offset), last = end & ~(uint64_t)(VX_PAGE - 1);
    if (first >= last) {
        memset(vx_object_data(o) + offset, 0, count);
        return;
    }
    memset(vx_object_data(o) + offset, 0, first - offset);
    punch(o->offset + first, last - first);
    memset(vx_object_data(o) + last, 0, end - last);
}

/* Call f for each run of pages that exist. */
static void
each_run(struct vx_object *o, void (*f)(uint64_t, uint64_t, void *), void *arg)
{
    off_t end = (off_t)(o->offset + o->size);
    off_t at = (off_t)o->offset;
    while (at < end) {
        off_t from = lseek(vx_store_fd, at, SEEK_DATA);
        if (from < 0 || from >= end)
            break;
        off_t to = lseek(vx_store_fd, from, SEEK_HOLE);
        if (to < 0 || to > end)
            to = end;
        f((uint64_t)from - o->offset, (uint64_t)(to - from), arg);
        at = to;
    }
}

static void
add_run(uint64_t offset, uint64_t size, void *sum)
{
    (void)offset;
    *(uint64_t *)sum += size;
}

uint64_t
vx_object_used(struct vx_object *o)
{
    uint64_t sum = 0;
    each_run(o, add_run, &sum);
    return sum;
}

struct wipe {
    uint8_t *data;
    uint64_t sum;
};

static void
wipe_run(uint64_t offset, uint64_t size, void *arg)
{
    struct wipe *w = arg;
    w->sum += size;
    if (w->sum <= POOL_BYTES)
        memset(w->data + offset, 0, size);
}

static void
destroy(struct vx_object *o)
{
    punch(o->offset, o->reserve);
    extent_give(o->offset, o->reserve);
    free(o->code);
    free(o->watched);
    free(o);
}

void
vx_object_unref(struct vx_object *o)
{
    if (--o->refs > 0)
        return;
    struct wipe w = {vx_object_data(o), 0};
    if (o->code == NULL && o->watched == NULL)
        each_run(o, wipe_run, &w);
    if (o->code || o->watched || w.sum > POOL_BYTES) {
        destroy(o);
        return;
    }
    o->prots = 0;
    if (npool == POOL) {
        destroy(pool[0]);
        memmove(pool, pool + 1, (size_t)--npool * sizeof *pool);
    }
    pool[npool++] = o;
}

struct copy {
    uint8_t *to;
    const uint8_t *from;
};

static void
copy_run(uint64_t offset, uint64_t size, void *arg)
{
    struct copy *c = arg;
    memcpy(c->to + offset, c->from + offset, size);
}

struct vx_object *
vx_object_copy(struct vx_object *o)
{
    struct vx_object *new = make(o->size, o->reserve, o->id);
    if (new != NULL) {
        vx_stop();  /* others that share it must not write meanwhile */
        struct copy c = {vx_object_data(new), vx_object_data(o)};
        each_run(o, copy_run, &c);
        vx_go();
    }
    return new;
}
