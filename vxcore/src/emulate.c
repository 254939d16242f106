/*
 * emulate.c: instructions that would tell a guest about its host, or change what the host
 * relies on.  Each is done here as the manuals say, on the guest's registers and memory.
 */
#include "nofpu.h"

#include <string.h>

#include "decode.h"
#include "vx.h"

static int
trap(struct vx_cpu *c, int kind)
{
    c->trap = (struct vx_trap){.kind = kind};
    return 1;
}

/* Store, or say where the guest cannot. */
static int
store(struct vx_cpu *c, uint32_t address, const void *from, uint32_t count)
{
    uint32_t n = vx_memory_write(c->memory, address, from, count);
    if (n == count)
        return 0;
    c->trap = (struct vx_trap){.kind = VX_T_FAULT, .address = address + n, .write = 1};
    return 1;
}

static int
pushf(struct vx_cpu *c, int size)
{
    uint32_t flags = (c->eflags & VX_FL_USER) | VX_FL_IF | 2 | c->id_flag;
    if (store(c, c->reg[ESP] - (uint32_t)size, &flags, (uint32_t)size))
        return 1;
    c->reg[ESP] -= (uint32_t)size;
    return 0;
}

static int
popf(struct vx_cpu *c, int size)
{
    uint32_t flags = c->id_flag;
    uint32_t n = vx_memory_read(c->memory, c->reg[ESP], &flags, (uint32_t)size);
    if (n < (uint32_t)size) {
        c->trap = (struct vx_trap){.kind = VX_T_FAULT, .address = c->reg[ESP] + n};
        return 1;
    }
    c->reg[ESP] += (uint32_t)size;
    c->eflags = (flags & VX_FL_USER) | VX_FL_IF | 2;
    c->id_flag = flags & VX_FL_ID;
    return 0;
}

static void
cpuid(struct vx_cpu *c)
{
    uint32_t r[4];
    vx_cpuid(c->reg[EAX], c->reg[ECX], r);
    c->reg[EAX] = r[0];
    c->reg[EBX] = r[1];
    c->reg[ECX] = r[2];
    c->reg[EDX] = r[3];
}

/*
 * The environment and state stores hold where the last x87 instruction was: in our cache.
 * Have the processor make the image, and clear that.
 */
static int
x87_store(struct vx_cpu *c, uint32_t address, int state, int size)
{
    static const uint32_t mxcsr = 0x1f80;
    uint8_t image[108], before[512];
    uint32_t count = (size == 4 ? 28 : 14) + (state ? 80 : 0);
    memcpy(before, c->fpu, sizeof before);
    __asm__ volatile("fxrstor %0" : : "m"(c->fpu) : "memory");
    if (state && size == 4)
        __asm__ volatile("fnsave %0" : "=m"(image) : : "memory");
    else if (state)
        __asm__ volatile("data16 fnsave %0" : "=m"(image) : : "memory");
    else if (size == 4)
        __asm__ volatile("fnstenv %0" : "=m"(image) : : "memory");
    else
        __asm__ volatile("data16 fnstenv %0" : "=m"(image) : : "memory");
    __asm__ volatile("fxsave %0\n\tfninit\n\tldmxcsr %1" : "=m"(c->fpu) : "m"(mxcsr) : "memory");
    if (size == 4) {
        memset(image + 12, 0, 16);     /* FIP, FCS and opcode, FDP, FDS */
        memset(image + 26, 0xff, 2);   /* reserved, stored as ones */
    } else {
        memset(image + 6, 0, 8);
    }
    if (!store(c, address, image, count))
        return 0;
    memcpy(c->fpu, before, sizeof before);  /* it did not happen */
    return 1;
}

void
vx_fpu_image(const struct vx_cpu *c, uint8_t image[512])
{
    memcpy(image, c->fpu, 512);
    memset(image + 8, 0, 16);     /* FIP, FCS, FDP, FDS */
    memset(image + 288, 0, 224);  /* XMM8 on: not the guest's */
}

static int
fxsave(struct vx_cpu *c, uint32_t address)
{
    uint8_t image[512];
    if (address % 16)
        return trap(c, VX_T_PROTECTION);
    vx_fpu_image(c, image);
    /* The last 224 bytes are the program's to use. */
    return store(c, address, image, 288);
}

int
vx_emulate(struct vx_cpu *c, const struct vx_exit *x)
{
    struct vx_insn in;
    struct vx_access access[VX_NACCESS];
    if (vx_decode(x->code, x->length, VX_FEATURES_ALL, &in) != x->length)
        return trap(c, VX_T_ILLEGAL);
    int failed;
    uint32_t address = vx_insn_accesses(&in, x->code, c->reg, access) > 0 ? access[0].address : 0;
    switch (in.action) {
    case VX_A_PUSHF:
        failed = pushf(c, in.operand);
        break;
    case VX_A_POPF:
        failed = popf(c, in.operand);
        break;
    case VX_A_CPUID:
        cpuid(c);
        failed = 0;
        break;
    case VX_A_SKIP:
        failed = 0;
        break;
    case VX_A_FNSTENV:
        failed = x87_store(c, address, 0, in.operand);
        break;
    case VX_A_FNSAVE:
        failed = x87_store(c, address, 1, in.operand);
        break;
    case VX_A_FXSAVE:
        failed = fxsave(c, address);
        break;
    default:
        return trap(c, VX_T_ILLEGAL);
    }
    if (!failed)
        c->eip += x->length;
    return failed;
}
