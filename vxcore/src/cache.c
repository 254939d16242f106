/*
 * cache.c: where translated code lives.
 *
 * One arena below 4 GiB holds the code of all caches, in chunks; guests see it read+execute,
 * the core writes it through a second view above 4 GiB that no 32-bit code can address.
 * A cache belongs to a set of executable mappings, not to a process: its code holds guest
 * addresses and offsets from gs only, so all processes that run the same text share it.
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

uint8_t *vx_code;
uint32_t vx_stub_exit, vx_stub_miss, vx_stub_return_miss;

static int code_fd = -1;
static uint32_t *tables;  /* all jump tables, writable view */
static struct vx_cache *table_owner[VX_NTABLE];
static struct vx_chunk chunk[VX_NCHUNK];
static int nchunk = VX_NCHUNK;  /* how many of them may be used */
static uint64_t tick;

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  /* Linux 5.14; Debian's libc knows it */
#endif
enum { READY = 1 << 15 };  /* bytes of code that memory is got for at a time */
enum { STUBS = VX_PAGE };  /* at the start of the arena, which chunk 0 does not use */

static int
double_map(const char *name, uint32_t low, uint32_t size, int low_prot, int *fd, void **high)
{
    *fd = memfd_create(name, MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, size) < 0)
        return -errno;
    *high = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *fd, 0);
    if (*high == MAP_FAILED)
        return -errno;
    madvise(*high, size, MADV_DONTFORK);
    void *want = (void *)(uintptr_t)low;
    void *p = mmap(want, size, low_prot, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, *fd,
                   0);
    if (p == MAP_FAILED)
        return -errno;
    if (p != want) {
        munmap(p, size);
        return -EEXIST;
    }
    madvise(want, size, MADV_DONTFORK);
    return 0;
}

/* movl $value, %gs:exit; ljmp to the exit stub */
uint8_t *
vx_make_exit(uint8_t *p, uint32_t value)
{
    uint32_t at = offsetof(struct vx_ctl, exit);
    *p++ = 0x65, *p++ = 0xc7, *p++ = 0x05;
    memcpy(p, &at, 4);
    memcpy(p + 4, &value, 4);
    p += 8;
    *p++ = 0xea;
    memcpy(p, &vx_stub_exit, 4);
    p[4] = 0x33, p[5] = 0;
    return p + 6;
}

static void
make_stubs(void)
{
    uint8_t *p = vx_code;
    vx_stub_exit = VX_CODE_BASE;
    *p++ = 0x41, *p++ = 0xff, *p++ = 0x67;  /* 64-bit: jmp *leave(%r15) */
    *p++ = offsetof(struct vx_cpu, leave);

    vx_stub_miss = VX_CODE_BASE + 16;
    vx_make_exit(vx_code + 16, VX_EXIT_MISS);

    vx_stub_return_miss = VX_CODE_BASE + 64;
    p = vx_code + 64;
    *p++ = 0x59;                            /* pop ecx */
    *p++ = 0x65, *p++ = 0x89, *p++ = 0x0d;  /* mov %ecx, %gs:target */
    uint32_t at = offsetof(struct vx_ctl, target);
    memcpy(p, &at, 4);
    vx_make_exit(p + 4, VX_EXIT_RETURN_MISS);
}

int
vx_stub_recovery(uint32_t host)
{
    if (host == vx_stub_return_miss)
        return VX_RETURNING;
    return host == vx_stub_return_miss + 1 ? VX_RETURNED : VX_FORWARD;
}

int
vx_cache_init(void)
{
    int err = double_map("vx9-code", VX_CODE_BASE, VX_CODE_SIZE, PROT_READ | PROT_EXEC, &code_fd,
                         (void **)&vx_code);
    if (err < 0)
        return err;
    make_stubs();
    /* Control windows: a page of each thread's own, then the shared tables, read-only. */
    int fd = memfd_create("vx9-tables", MFD_CLOEXEC);
    size_t size = (size_t)VX_NTABLE * 2 * VX_TABLE_SIZE;
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        return -errno;
    tables = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (tables == MAP_FAILED)
        return -errno;
    madvise(tables, size, MADV_DONTFORK);
    for (int i = 0; i < VX_NTHREAD; i++) {
        uintptr_t low = VX_CTL_BASE + (uint32_t)i * VX_CTL_STRIDE;
        void *p = mmap((void *)low, VX_PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (p == MAP_FAILED)
            return -errno;
        void *q = mmap((void *)(low + VX_TABLE_OFFSET), size, PROT_READ,
                       MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);
        if (q == MAP_FAILED)
            return -errno;
        if (p != (void *)low || q != (void *)(low + VX_TABLE_OFFSET))
            return -EEXIST;
        madvise(q, size, MADV_DONTFORK);
        madvise(p, VX_PAGE, MADV_DONTFORK);
    }
    close(fd);
    chunk[0].used = STUBS;
    return 0;
}

void
vx_cache_limit(int chunks)
{
    nchunk = chunks < 1 ? 1 : chunks > VX_NCHUNK ? VX_NCHUNK : chunks;
}

struct vx_cache *
vx_cache_new(void)
{
    struct vx_cache *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->refs = 1;
    c->generation = 1;
    c->table = -1;
    c->chunk = -1;
    return c;
}

/* Forget all code; keep the chunk that is being filled, or not. */
static void
give_back(struct vx_cache *c, int keep)
{
    for (int i = 0; i < VX_NCHUNK; i++)
        if (chunk[i].cache == c) {
            chunk[i].nblock = 0;
            vx_verify_forget(i);
            chunk[i].used = i == 0 ? STUBS : 0;
            if (keep && i == c->chunk)
                continue;
            chunk[i].ready = 0;
            chunk[i].cache = NULL;
            fallocate(code_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      (off_t)i * VX_CHUNK + chunk[i].used, VX_CHUNK - chunk[i].used);
        }
    if (!keep)
        c->chunk = -1;
    c->nentry = c->nrecord = c->nexit = 0;
    memset(c->may_have, 0, sizeof c->may_have);
    if (c->capentry)
        memset(c->entry, 0, c->capentry * sizeof *c->entry);
    if (c->thread)
        memset(c->thread, 0, VX_NTHREAD_CODE * sizeof *c->thread);
}

static void
table_init(struct vx_cache *c)
{
    for (int i = 0; i < VX_TABLE_ENTRIES; i++)
        c->jump[i] = vx_stub_miss;
    for (int i = 0; i < VX_TABLE_ENTRIES; i++)
        c->back[i] = vx_stub_return_miss;
    c->nset = 0;
}

static void
table_clear(struct vx_cache *c)
{
    for (uint32_t i = 0; i < c->nset; i++)
        c->jump[c->set[i]] = c->set[i] < VX_TABLE_ENTRIES ? vx_stub_miss : vx_stub_return_miss;
    c->nset = 0;
}

static void
flush(struct vx_cache *c, int keep)
{
    vx_stop();
    give_back(c, keep);
    if (c->table >= 0)
        table_clear(c);
    c->generation++;
    c->count.flushes++;
    vx_go();
}

void
vx_cache_flush(struct vx_cache *c)
{
    if (c->nentry)
        flush(c, 1);
}

void
vx_cache_unref(struct vx_cache *c)
{
    if (--c->refs > 0)
        return;
    give_back(c, 0);
    if (c->table >= 0)
        table_owner[c->table] = NULL;
    for (int i = 0; i < c->ntext; i++) {
        vx_object_uncode(c->text[i].object, c);
        vx_object_unref(c->text[i].object);
    }
    free(c->text);
    free(c->set);
    free(c->thread);
    free(c->entry);
    free(c->record);
    free(c->exit);
    free(c);
}

/* The idle cache that was used least lately and has at least so many entries. */
static struct vx_cache *
victim(struct vx_cache *not, uint32_t entries)
{
    struct vx_cache *best = NULL;
    for (int i = 0; i < VX_NTABLE; i++) {
        struct vx_cache *c = table_owner[i];
        if (c && c != not && !c->running && c->nentry >= entries &&
            (best == NULL || c->used < best->used))
            best = c;
    }
    return best;
}

/* Flush an idle cache, which other threads may run or let go of while this waits for them. */
static void
evict(struct vx_cache *c)
{
    c->refs++;
    flush(c, 0);
    vx_cache_unref(c);
}

/* A pair of tables that is nobody's, or -1: all are of caches that run. */
static int
free_table(struct vx_cache *c)
{
    for (;;) {
        for (int i = 0; i < VX_NTABLE; i++)
            if (table_owner[i] == NULL)
                return i;
        struct vx_cache *old = victim(c, 0);
        if (old == NULL)
            return -1;
        old->refs++;
        evict(old);
        if (!old->running && old->table >= 0) {
            table_owner[old->table] = NULL;
            old->table = -1;
            old->jump = old->back = NULL;
        }
        vx_cache_unref(old);
    }
}

int
vx_cache_activate(struct vx_cache *c)
{
    c->used = ++tick;
    if (c->table >= 0)
        return 0;
    c->running++;  /* so that it is no victim while this waits */
    /* Code made for another table holds its address. */
    vx_cache_flush(c);
    int i = free_table(c);
    c->running--;
    if (c->table >= 0)
        return 0;  /* by another thread, meanwhile */
    if (i < 0)
        return -ENOSPC;
    c->nset = 0;
    table_owner[i] = c;
    c->table = i;
    c->jump = tables + (size_t)i * 2 * VX_TABLE_ENTRIES;
    c->back = c->jump + VX_TABLE_ENTRIES;
    table_init(c);
    return 0;
}

static uint32_t
hash(uint32_t eip)
{
    return eip * 2654435761u >> 8;
}

uint32_t
vx_cache_find(struct vx_cache *c, uint32_t eip, int away)
{
    c->count.lookups++;
    if (c->capentry == 0 || eip >= VX_AWAY)
        return 0;
    uint32_t key = eip | (uint32_t)away;
    for (uint32_t i = hash(key);; i++) {
        struct vx_entry *e = &c->entry[i & (c->capentry - 1)];
        if (e->host == 0)
            return 0;
        if (e->eip == key)
            return e->host;
    }
}

static void
insert(struct vx_entry *table, uint32_t cap, struct vx_entry new)
{
    uint32_t i = hash(new.eip);
    while (table[i & (cap - 1)].host)
        i++;
    table[i & (cap - 1)] = new;
}

static int
enter(struct vx_cache *c, uint32_t eip, int away, uint32_t host)
{
    if (2 * (c->nentry + 1) > c->capentry) {
        uint32_t cap = c->capentry ? 2 * c->capentry : 256;
        struct vx_entry *p = calloc(cap, sizeof *p);
        if (p == NULL)
            return -ENOMEM;
        for (uint32_t i = 0; i < c->capentry; i++)
            if (c->entry[i].host)
                insert(p, cap, c->entry[i]);
        free(c->entry);
        c->entry = p;
        c->capentry = cap;
    }
    insert(c->entry, c->capentry, (struct vx_entry){eip | (uint32_t)away, host});
    c->may_have[eip % VX_TABLE_ENTRIES / 8] |= (uint8_t)(1 << eip % 8);
    c->nentry++;
    return 0;
}

int
vx_cache_enter(struct vx_cache *c, uint32_t eip, int away, uint32_t host)
{
    int err = vx_verify_entry(c, host);
    return err < 0 ? err : enter(c, eip, away, host);
}

static int
chunk_take(struct vx_cache *c)
{
    for (;;) {
        for (int i = 0; i < nchunk; i++)
            if (chunk[i].cache == NULL) {
                chunk[i].cache = c;
                c->chunk = i;
                return 0;
            }
        struct vx_cache *old = victim(c, 1);
        if (old == NULL)
            return -ENOSPC;
        evict(old);
    }
}

int
vx_cache_room(struct vx_cache *c, uint32_t count, uint32_t align, uint32_t *host)
{
    for (;;) {
        if (c->chunk >= 0) {
            struct vx_chunk *k = &chunk[c->chunk];
            uint32_t at = (k->used + align - 1) & ~(align - 1);
            if (at + count <= VX_CHUNK) {
                *host = VX_CODE_BASE + (uint32_t)c->chunk * VX_CHUNK + at;
                return 0;
            }
        }
        int err = chunk_take(c);
        if (err < 0) {
            if (c->nentry == 0)
                return err;
            vx_cache_flush(c);
            return -EAGAIN;
        }
    }
}

/* Grow an array whose length is n, if it is full. */
static int
grow(void *array, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap)
        return 0;
    uint32_t more = *cap ? 4 * *cap : 256;
    void *p = realloc(*(void **)array, more * size);
    if (p == NULL)
        return -ENOMEM;
    *(void **)array = p;
    *cap = more;
    return 0;
}

int
vx_cache_exit(struct vx_cache *c, const struct vx_exit *x)
{
    if (grow(&c->exit, c->nexit, &c->capexit, sizeof *c->exit) < 0)
        return -ENOMEM;
    c->exit[c->nexit] = *x;
    return (int)c->nexit++;
}

int
vx_cache_records(struct vx_cache *c, const struct vx_record *r, uint32_t n)
{
    while (c->nrecord + n > c->caprecord)
        if (grow(&c->record, c->caprecord, &c->caprecord, sizeof *c->record) < 0)
            return -ENOMEM;
    memcpy(c->record + c->nrecord, r, n * sizeof *r);
    c->nrecord += n;
    return 0;
}

static uint32_t
thread_place(uint32_t exit, uint32_t base)
{
    return (hash(exit) ^ hash(base)) % VX_NTHREAD_CODE;
}

uint32_t
vx_cache_thread(const struct vx_cache *c, uint32_t exit, uint32_t base)
{
    if (c->thread == NULL)
        return 0;
    const struct vx_thread_code *t = &c->thread[thread_place(exit, base)];
    return t->exit == exit && t->base == base ? t->host : 0;
}

int
vx_cache_set_thread(struct vx_cache *c, uint32_t exit, uint32_t base, uint32_t host)
{
    if (c->thread == NULL && (c->thread = calloc(VX_NTHREAD_CODE, sizeof *c->thread)) == NULL)
        return -ENOMEM;
    c->thread[thread_place(exit, base)] = (struct vx_thread_code){exit, base, host};
    return 0;
}

int
vx_cache_patch(struct vx_cache *c, uint32_t host, uint32_t value)
{
    int err = vx_verify_patch(c, host, sizeof value, value);
    if (err == 0)
        __atomic_store_n((uint32_t *)(void *)vx_code_view(host), value, __ATOMIC_RELEASE);
    return err;
}

int
vx_cache_patch_byte(struct vx_cache *c, uint32_t host, uint8_t value)
{
    int err = vx_verify_patch(c, host, sizeof value, value);
    if (err == 0)
        __atomic_store_n(vx_code_view(host), value, __ATOMIC_RELEASE);
    return err;
}

/* Have the host's memory for code up to used, in one go for several pages. */
static void
get_ready(struct vx_cache *c, uint32_t used)
{
    struct vx_chunk *k = &chunk[c->chunk];
    uint32_t to = (used + READY - 1) & ~(uint32_t)(READY - 1);
    if (to <= k->ready)
        return;
    /* If it fails, the pages come one by one. */
    madvise(vx_code + (size_t)c->chunk * VX_CHUNK + k->ready, to - k->ready, MADV_POPULATE_WRITE);
    k->ready = to;
}

int
vx_cache_publish(struct vx_cache *c, uint32_t host, const uint8_t *code, uint32_t count,
                 uint32_t record)
{
    struct vx_chunk *k = &chunk[c->chunk];
    if (grow(&k->block, k->nblock, &k->capblock, sizeof *k->block) < 0)
        return -ENOMEM;
    int err = vx_verify(c, host, code, count);
    if (err < 0)
        return err;
    get_ready(c, host + count - VX_CODE_BASE - (uint32_t)c->chunk * VX_CHUNK);
    memcpy(vx_code_view(host), code, count);
    k->used = host + count - VX_CODE_BASE - (uint32_t)c->chunk * VX_CHUNK;
    k->block[k->nblock++] = (struct vx_block){host, host + count, record, c->nrecord - record};
    c->count.host_bytes += count;
    return 0;
}

int
vx_cache_set(struct vx_cache *c, uint32_t eip, int back, uint32_t host)
{
    uint32_t i = eip % VX_TABLE_ENTRIES + (back ? VX_TABLE_ENTRIES : 0);
    int err = vx_verify_entry(c, host);
    if (err < 0)
        return err;
    if (grow(&c->set, c->nset, &c->capset, sizeof *c->set) < 0)
        return -ENOMEM;
    c->set[c->nset++] = i;
    __atomic_store_n(&c->jump[i], host, __ATOMIC_RELEASE);  /* the two tables are one array */
    return 0;
}

int
vx_cache_publish_raw(struct vx_cache *c, uint32_t eip, uint32_t host, const uint8_t *code,
                     uint32_t count, uint32_t record)
{
    struct vx_chunk *k = &chunk[c->chunk];
    if (grow(&k->block, k->nblock, &k->capblock, sizeof *k->block) < 0)
        return -ENOMEM;
    memcpy(vx_code_view(host), code, count);
    k->used = host + count - VX_CODE_BASE - (uint32_t)c->chunk * VX_CHUNK;
    k->block[k->nblock++] = (struct vx_block){host, host + count, record, c->nrecord - record};
    return enter(c, eip, VX_HERE, host);
}

const struct vx_record *
vx_cache_locate(struct vx_cache *c, uint32_t host)
{
    uint32_t i = (host - VX_CODE_BASE) / VX_CHUNK;
    if (host < VX_CODE_BASE || i >= VX_NCHUNK || chunk[i].cache != c)
        return NULL;
    struct vx_chunk *k = &chunk[i];
    uint32_t lo = 0, hi = k->nblock;
    while (lo < hi) {  /* the first block that ends above host */
        uint32_t mid = (lo + hi) / 2;
        if (k->block[mid].end <= host)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == k->nblock || host < k->block[lo].start)
        return NULL;
    struct vx_block *b = &k->block[lo];
    uint32_t offset = host - b->start;
    lo = 0, hi = b->nrecord;
    while (lo < hi) {  /* the first record above offset */
        uint32_t mid = (lo + hi) / 2;
        if (c->record[b->record + mid].offset <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? &c->record[b->record + lo - 1] : NULL;
}

const struct vx_block *
vx_cache_block(struct vx_cache *c, uint32_t index)
{
    for (int i = 0; i < VX_NCHUNK; i++)
        if (chunk[i].cache == c) {
            if (index < chunk[i].nblock)
                return &chunk[i].block[index];
            index -= chunk[i].nblock;
        }
    return NULL;
}
