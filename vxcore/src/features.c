/*
 * features.c: which instructions guests are offered, and how CPUID tells them.
 *
 * One table is read both ways.  What the processor's CPUID says decides what the decoder
 * accepts; what the decoder accepts decides what the guest's CPUID says.  So a program that
 * asks first never meets an instruction that we refuse, and none that faults.
 */
#include "nofpu.h"

#include <cpuid.h>
#include <string.h>

#include "decode.h"

enum { A, B, C, D };

/*
 * Leaf 7 and 0x80000001 name other things too, which stay hidden: so does OSXSAVE, without
 * which no program uses VEX or EVEX forms.
 *
 * TZCNT has a bit that is not its own: BMI1 promises VEX forms (ANDN, BLSR) as well, so guests
 * are never told of it.  A guest that was not told means BSF by F3 0F BC: it expects its
 * destination unchanged and ZF set when the operand is 0, as on a processor without BMI1,
 * where ours has TZCNT write 32 and set CF.  Hence TZCNT is hidden: not offered unless the
 * embedder asks for it by name, and till then F3 0F BC runs as BSF, without its F3.
 */
static const struct feature {
    uint32_t feature;
    uint32_t leaf;
    int reg;
    uint32_t bit;
} table[] = {
    {VX_F_BASE, 1, D, bit_CMPXCHG8B | bit_CMOV | 1 << 4},  /* TSC */
    {VX_F_X87, 1, D, 1},
    {VX_F_MMX, 1, D, bit_MMX},
    {VX_F_SSE, 1, D, bit_SSE | bit_FXSAVE},
    {VX_F_SSE2, 1, D, bit_SSE2},
    {VX_F_SSE3, 1, C, bit_SSE3},
    {VX_F_PCLMUL, 1, C, bit_PCLMUL},
    {VX_F_SSSE3, 1, C, bit_SSSE3},
    {VX_F_SSE41, 1, C, bit_SSE4_1},
    {VX_F_SSE42, 1, C, bit_SSE4_2},
    {VX_F_POPCNT, 1, C, bit_POPCNT},
    {VX_F_AES, 1, C, bit_AES},
    {VX_F_TZCNT, 7, B, bit_BMI},
    {VX_F_SHA, 7, B, bit_SHA},
    {VX_F_LZCNT, 0x80000001, C, bit_LZCNT},
};
enum { NTABLE = sizeof table / sizeof *table };

uint32_t vx_features, vx_features_host;

__attribute__((constructor)) static void
look(void)
{
    for (int i = 0; i < NTABLE; i++) {
        uint32_t r[4] = {0};
        if (__get_cpuid_count(table[i].leaf, 0, &r[A], &r[B], &r[C], &r[D]) &&
            (r[table[i].reg] & table[i].bit) == table[i].bit)
            vx_features_host |= table[i].feature;
    }
    vx_features = vx_features_host & ~(uint32_t)VX_FEATURES_HIDDEN;
}

const char *
vx_feature_name(unsigned bit)
{
    static const char *const names[] = {VX_FEATURE_NAMES};
    return bit < VX_NFEATURES ? names[bit] : NULL;
}

void
vx_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    uint32_t basic = 1;

    memset(out, 0, 4 * sizeof *out);
    for (int i = 0; i < NTABLE; i++) {
        const struct feature *f = &table[i];
        if (!(f->feature & vx_features & ~(uint32_t)VX_FEATURES_HIDDEN))
            continue;
        if (f->leaf == leaf && (leaf != 7 || subleaf == 0))
            out[f->reg] |= f->bit;
        if (f->leaf < 0x80000000 && f->leaf > basic)
            basic = f->leaf;
    }
    switch (leaf) {
    case 0:
        out[A] = basic;
        memcpy(&out[B], "vx9 ", 4);  /* ebx, edx, ecx spell the vendor */
        memcpy(&out[D], "user", 4);
        memcpy(&out[C], " x86", 4);
        break;
    case 1:
        out[A] = 0x00000f10;  /* family 15, model 1 */
        out[B] = 0x00000800;  /* 64-byte lines for CLFLUSH */
        break;
    case 0x80000000:
        out[A] = 0x80000001;
        break;
    }
}
