/*
 * arena.c: cache.c for the translator's fuzz target, where the low views do not exist.
 *
 * Nothing runs there, and AddressSanitizer keeps its shadow where the arena would be.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/mman.h>

static void *
high_only(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    if (at && (uintptr_t)at >> 32 == 0)
        return at;
    return mmap(at, size, prot, flags, fd, offset);
}

static int
high_advise(void *at, size_t size, int advice)
{
    return (uintptr_t)at >> 32 ? madvise(at, size, advice) : 0;
}

#define mmap high_only
#define madvise high_advise
#include "../../vxcore/src/cache.c"
