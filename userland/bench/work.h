/*
 * A workload as a whole program, for several systems from the same code: work() is what is
 * measured.  The program calls it REPEATS times for each of its VARIANTS and prints
 * "checksum nanoseconds" each time.  Define PLAN9 for the guest; without it the program is for
 * Linux, except that for WebAssembly there is only work() and the host takes the times.
 *
 * Times are of the processor, not of the clock on the wall: who else uses the machine does not
 * count.  Define TINY for a run that only shows that the program works.
 */
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned char u8;

#ifndef VARIANTS
#define VARIANTS 1
#endif

#ifdef TINY
#define TIMES(n) ((n) / 100 + 1)
#undef REPEATS
#define REPEATS 2
#else
#define TIMES(n) (n)
#ifndef REPEATS
#define REPEATS 4
#endif
#endif

#define INLINE static inline __attribute__((always_inline))

/* A function that is called wherever the source calls it. */
#ifdef __wasm__
#define CALLED static __attribute__((noinline))
#else
#define CALLED static __attribute__((noinline, noclone))
#endif

#ifdef __wasm__
__attribute__((export_name("work")))
#endif
u32 work(int variant);

#ifndef __wasm__
#ifdef PLAN9
static long
call(long number, long a, long b, long c, long d, long e)
{
    long frame[6] = {0, a, b, c, d, e};
    long result;

    __asm__ volatile("xchgl %%esp, %%ecx; int $0x40; xchgl %%esp, %%ecx"
                     : "=a"(result) : "0"(number), "c"(frame) : "memory");
    return result;
}

static u64
now(void)
{
    long long time = 0;

    call(53, (long)&time, 0, 0, 0, 0);          /* nsec */
    return (u64)time;
}

static void
print(const char *text, long count)
{
    call(51, 1, (long)text, count, -1, -1);     /* pwrite at the current offset */
}

static void __attribute__((noreturn))
quit(void)
{
    for (;;)
        call(8, 0, 0, 0, 0, 0);                 /* exits */
}
#else
static long
call(long number, long a, long b, long c)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static u64
now(void)
{
    long time[2] = {0, 0};

    call(265, 3, (long)time, 0);                /* clock_gettime, of this thread's processor time */
    return (u64)(u32)time[0] * 1000000000u + (u32)time[1];
}

static void
print(const char *text, long count)
{
    call(4, 1, (long)text, count);              /* write */
}

static void __attribute__((noreturn))
quit(void)
{
    for (;;)
        call(1, 0, 0, 0);                       /* exit */
}
#endif

static char *
hex(char *p, u64 value)
{
    int shift;

    for (shift = 60; shift >= 0; shift -= 4)
        *p++ = "0123456789abcdef"[value >> shift & 15];
    return p;
}

void __attribute__((noreturn, force_align_arg_pointer))
_main(void)
{
    int variant, i;

    for (variant = 0; variant < VARIANTS; variant++)
        for (i = 0; i < REPEATS; i++) {
            u64 begin = now();
            u32 sum = work(variant);
            u64 end = now();
            char line[64], *p = hex(line, sum);

            *p++ = ' ';
            p = hex(p, end - begin);
            *p++ = '\n';
            print(line, p - line);
        }
    quit();
}
#endif
