/*
 * probe.c: what a guest may have left behind in the processor, and in its own memory.
 *
 * Compiled by the tests into a shared object; loaded into the process that runs guests.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct probe {
    uint64_t rflags, fs_base, tls;
    uint32_t mxcsr;
    uint16_t control, tag;       /* x87; tag: a bit for each register in use */
    uint16_t cs, ds, es, ss, fs, gs;
    uint32_t arithmetic;         /* bits of what went wrong, 0: nothing */
};

static uint32_t
arithmetic(void)
{
    static volatile double one = 1.0, three = 3.0, tiny = 0x1p-1074;
    static volatile long double lone = 1.0L, lthree = 3.0L;
    static volatile float f = 1.0f, g = 3.0f;
    static volatile char odd[] = "\0\1\2\3\4\5\6\7\10";
    uint32_t bad = 0;
    uint64_t word;

    if (one / three != 0x1.5555555555555p-2)
        bad |= 1;
    if (lone / lthree != 0xa.aaaaaaaaaaaaaabp-5L)
        bad |= 2;
    if (f / g != 0x1.555556p-2f)
        bad |= 4;
    if (tiny * one != 0x1p-1074 || tiny + tiny != 0x1p-1073)
        bad |= 8;
    if (-one / three != -0x1.5555555555555p-2)
        bad |= 16;
    memcpy(&word, (const char *)odd + 1, 8);  /* faults when AC is set */
    if (word != 0x0807060504030201)
        bad |= 32;
    char copy[9];
    for (int i = 0; i < 9; i++)
        copy[i] = odd[i];
    __asm__ volatile("" : : "r"(copy) : "memory");
    if (memcmp(copy, (const char *)odd, 9) != 0)
        bad |= 64;
    return bad;
}

void
probe(struct probe *p)
{
    static uint8_t image[512] __attribute__((aligned(16)));

    __asm__ volatile("pushfq\n\tpop %0" : "=r"(p->rflags));
    __asm__ volatile("fxsave %0" : "=m"(image));
    memcpy(&p->control, image, 2);
    p->tag = image[4];
    memcpy(&p->mxcsr, image + 24, 4);
    __asm__ volatile("mov %%cs, %0" : "=r"(p->cs));
    __asm__ volatile("mov %%ds, %0" : "=r"(p->ds));
    __asm__ volatile("mov %%es, %0" : "=r"(p->es));
    __asm__ volatile("mov %%ss, %0" : "=r"(p->ss));
    __asm__ volatile("mov %%fs, %0" : "=r"(p->fs));
    __asm__ volatile("mov %%gs, %0" : "=r"(p->gs));
    __asm__ volatile("mov %%fs:0, %0" : "=r"(p->tls));
    p->fs_base = 0;
    syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &p->fs_base);
    p->arithmetic = arithmetic();
}

/*
 * Find a host address in n bytes of guest memory: an aligned word from low to high, or two
 * whose upper one is an upper half that host addresses have here.
 * Returns its offset, or -1; what[] are words that the guest knew anyway, and near ones.
 */
int64_t
scan(const uint8_t *p, uint64_t n, uint32_t low, uint32_t high, const uint32_t *upper,
     int nupper, const uint32_t *known, int nknown)
{
    for (uint64_t i = 0; i + 4 <= n; i += 4) {
        uint64_t eight = 0;
        uint32_t word;

        if (i + 8 <= n) {
            memcpy(&eight, p + i, 8);
            if (eight == 0)
                continue;
        }
        memcpy(&word, p + i, 4);
        if (word >= low && word < high) {
            int ok = 0;
            for (int k = 0; k < nknown; k++)
                ok |= word - known[k] + 0x400 < 0x800;
            if (!ok)
                return (int64_t)i;
        }
        for (int k = 0; k < nupper; k++)
            if (eight >> 32 == upper[k] && (uint32_t)eight > 0xffff)
                return (int64_t)i;
    }
    return -1;
}

/* Leave the processor as a guest might: to see that probe() notices. */
void
spoil(const char *what, uint32_t value)
{
    uint16_t control = (uint16_t)value;

    if (what[0] == 'm')
        __asm__ volatile("ldmxcsr %0" : : "m"(value));
    else if (what[0] == 'x')
        __asm__ volatile("fldcw %0" : : "m"(control));
    else
        __asm__ volatile("movd %0, %%mm0" : : "r"(value));
}

void
mend(void)
{
    static const uint32_t mxcsr = 0x1f80;

    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}
