/*
 * fast.c: what fast.h promises.
 *
 * Compiled like the core's files, for the guest's x87 and SSE state is in the processor here;
 * before the C library is called it is put away.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <time.h>

#include "nofpu.h"

#include "fast.h"

enum { OREAD, OWRITE, ORDWR, COUNT_MAX = 1 << 24, BINTIME_MIN = 8, BINTIME = 32 };
#define HZ 1000000000u
#define OFFSET_MAX INT64_MAX

/* The host address of guest bytes that lie in one object, or NULL. */
static uint8_t *
bytes_at(struct vx_cpu *c, const struct fast *f, uint32_t address, uint32_t count, uint32_t prot)
{
    struct vx_memory *m = c->memory;
    struct vx_mapping *g = f->core->memory_find(m, address);
    if (g == NULL || (g->prot & prot) != prot || ((prot & VX_WRITE) && g->object->ncode))
        return NULL;
    uint64_t end = (uint64_t)address + count;
    if (end > (uint64_t)g->address + g->object->size || end > m->limit ||
        (g + 1 < m->map + m->nmap && end > g[1].address))
        return NULL;
    return f->core->store + g->object->offset + (address - g->address);
}

static void
big_endian(uint8_t *p, uint64_t value)
{
    value = __builtin_bswap64(value);
    __builtin_memcpy(p, &value, 8);
}

static void
zero(uint8_t *p, size_t count)
{
    __asm__ volatile("rep stosb" : "+D"(p), "+c"(count) : "a"(0) : "memory");
}

static uint64_t
clock_ns(struct vx_cpu *c, const struct fast *f, clockid_t clock)
{
    struct timespec t;
    f->core->fpu_save(c);
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * HZ + (uint64_t)t.tv_nsec;
}

/* The calls.  Each gives 1 and the result, or 0: for Python. */

static int
nsec(struct vx_cpu *c, const struct fast *f, const uint32_t *args, uint32_t *result)
{
    uint8_t *to = bytes_at(c, f, args[0], 8, VX_WRITE);
    if (to == NULL || !f->clock)
        return 0;
    uint64_t now = clock_ns(c, f, CLOCK_REALTIME);
    __builtin_memcpy(to, &now, 8);
    *result = 0;
    return 1;
}

static uint32_t *
semaphore(struct vx_cpu *c, const struct fast *f, const uint32_t *args)
{
    uint32_t address = args[0];
    return address & 3 ? NULL : (uint32_t *)bytes_at(c, f, address, 4, VX_READ | VX_WRITE);
}

static int
semacquire(struct vx_cpu *c, const struct fast *f, const uint32_t *args, uint32_t *result)
{
    uint32_t *p = semaphore(c, f, args);
    if (p == NULL)
        return 0;
    uint32_t value = __atomic_load_n(p, __ATOMIC_SEQ_CST);
    do {
        if (value == 0 || value > INT32_MAX)
            return 0;
    } while (!__atomic_compare_exchange_n(p, &value, value - 1, 0, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    *result = 1;
    return 1;
}

static int
semrelease(struct vx_cpu *c, const struct fast *f, const uint32_t *args, uint32_t *result)
{
    uint32_t *p = semaphore(c, f, args);
    uint32_t n = args[1];
    if (p == NULL || f->waiters || n == 0 || n > INT32_MAX)
        return 0;
    uint32_t value = __atomic_load_n(p, __ATOMIC_SEQ_CST);
    do {
        if (value > INT32_MAX)
            return 0;
    } while (!__atomic_compare_exchange_n(p, &value, value + n, 0, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    *result = value + n;
    return 1;
}

/* The open file behind a descriptor, if it is one that C knows; or NULL. */
static struct fast_chan *
chan(const struct fast *f, const uint32_t *args)
{
    int32_t fd = (int32_t)args[0];
    if (fd < 0 || fd >= f->nchan)
        return NULL;
    PyObject *o = f->chans[fd];
    if (o == NULL || (void *)Py_TYPE(o) != f->chan_type)
        return NULL;
    struct fast_chan *k = (struct fast_chan *)((char *)o + f->chan_at);
    return k->file == FAST_SERVED || k->is_channel ? NULL : k;
}

/*
 * fd buf n, and perhaps where.  Returns the count, or -1: for Python.  What it moves is the offset
 * of the open file, when no offset is given.
 */
static int32_t
extent(const uint32_t *args, int positioned, int moves, int *own)
{
    int32_t n = (int32_t)args[2];
    int64_t offset = -1;
    if (positioned)
        __builtin_memcpy(&offset, args + 3, 8);
    *own = offset == -1 || moves;
    return n < 0 || n > COUNT_MAX || offset < -1 ? -1 : n;
}

static int
read_file(struct vx_cpu *c, const struct fast *f, const uint32_t *args, int positioned, uint32_t *result)
{
    struct fast_chan *k = chan(f, args);
    int own;
    int32_t n = extent(args, positioned, f->pread_moves, &own);
    if (k == NULL || n < 0 || (k->mode != OREAD && k->mode != ORDWR) ||
        k->offset > OFFSET_MAX - COUNT_MAX)
        return 0;
    uint8_t *to = bytes_at(c, f, args[1], (uint32_t)n, VX_WRITE);
    if (to == NULL)
        return 0;
    switch (k->file) {
    case FAST_NULL:
        n = 0;
        break;
    case FAST_ZERO:
        zero(to, (size_t)n);
        break;
    case FAST_BINTIME: {
        uint8_t now[BINTIME];
        if (n < BINTIME_MIN || !f->clock)
            return 0;
        n = (n < BINTIME ? n : BINTIME) & ~7;
        uint64_t ticks = n > 8 ? clock_ns(c, f, CLOCK_MONOTONIC) : 0;
        big_endian(now, clock_ns(c, f, CLOCK_REALTIME));
        big_endian(now + 8, ticks);
        big_endian(now + 16, HZ);
        big_endian(now + 24, ticks);
        for (int i = 0; i < n; i += 8)
            __builtin_memcpy(to + i, now + i, 8);
        break;
    }
    default:
        return 0;
    }
    if (own)
        k->offset += (uint32_t)n;
    *result = (uint32_t)n;
    return 1;
}

static int
write_file(struct vx_cpu *c, const struct fast *f, const uint32_t *args, int positioned, uint32_t *result)
{
    struct fast_chan *k = chan(f, args);
    int own;
    int32_t n = extent(args, positioned, 0, &own);
    if (k == NULL || n < 0 || k->file != FAST_NULL || (k->mode != OWRITE && k->mode != ORDWR) ||
        k->offset > OFFSET_MAX - COUNT_MAX ||
        bytes_at(c, f, args[1], (uint32_t)n, VX_READ) == NULL)
        return 0;
    if (own)
        k->offset += (uint32_t)n;
    *result = (uint32_t)n;
    return 1;
}

/* Answer the call that f asks, if that can be done here. */
static int
answer(struct vx_cpu *c, struct fast *f, int call, uint32_t *result)
{
    const uint32_t *args = f->words;
    switch (call) {
    case FAST_SYSR1:
        return 1;
    case FAST_SLEEP:
        return f->alone && (int32_t)args[0] <= 0;
    case FAST_SEMACQUIRE:
        return semacquire(c, f, args, result);
    case FAST_SEMRELEASE:
        return semrelease(c, f, args, result);
    case FAST_NSEC:
        return nsec(c, f, args, result);
    case FAST_READ:
    case FAST_PREAD:
        return read_file(c, f, args, call == FAST_PREAD, result);
    case FAST_WRITE:
    case FAST_PWRITE:
        return write_file(c, f, args, call == FAST_PWRITE, result);
    }
    return 0;
}

int
fast_answer(struct vx_cpu *c, void *arg)
{
    struct fast *f = arg;
    uint32_t number = c->reg[EAX], result = 0;
    if (!f->on || number >= FAST_NCALL)
        return 1;
    const volatile uint32_t *p = (const volatile uint32_t *)
        bytes_at(c, f, c->reg[ESP], 4 + sizeof f->words, VX_READ);
    if (p == NULL)
        return 1;
    for (int i = 0; i < FAST_NWORD; i++)  /* once: the guest may have friends */
        f->words[i] = p[1 + i];
    if (answer(c, f, f->calls[number], &result)) {
        c->reg[EAX] = result;
        f->answered++;
        return 0;
    }
    f->cpu = c;
    f->number = number;
    f->asked = 1;
    return 1;
}
