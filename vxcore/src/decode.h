/*
 * decode.h: guest bytes -> what the instruction is, if it is allowed at all.
 *
 * The table is insns.tab.  What it does not list is forbidden, and what it lists is taken
 * apart once, from bytes that the caller owns: the guest cannot change them meanwhile.
 */
#ifndef VX_DECODE_H
#define VX_DECODE_H

#include <stdint.h>

#include "insns.inc"  /* enum vx_action: VX_A_COPY ...; enum vx_feature: VX_F_BASE ... */

/* features.c */
extern uint32_t vx_features;          /* what guests are offered: a mask of VX_F_ */
extern uint32_t vx_features_host;     /* what this processor has of it */
enum { VX_FEATURES_HIDDEN = VX_F_TZCNT };
const char *vx_feature_name(unsigned bit);  /* 0: no such feature */
/* What CPUID answers: out is eax, ebx, ecx, edx. */
void vx_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

enum {
    VX_INSN_MAX = 15,
    VX_FEATURES_ALL = ~0,
};

/* vx_decode's answers that are not a length. */
enum {
    VX_SHORT = 0,   /* more bytes are needed */
    VX_UD = -1,     /* undefined, forbidden, or of a feature not offered */
    VX_PRIV = -2,   /* privileged */
};

/* Prefixes seen. */
enum {
    VX_P_66 = 1,
    VX_P_F3 = 2,
    VX_P_F2 = 4,
    VX_P_LOCK = 8,
    VX_P_SEG = 0x10,  /* 26 or 36 */
    VX_P_3E = 0x20,
    VX_P_2E = 0x40,
};

enum {
    VX_FP = 1,          /* touches x87, MMX or SSE state */
    VX_LOAD = 2,        /* reads memory */
    VX_STORE = 4,       /* writes memory */
    VX_STACK = 8,       /* uses ESP as push, pop and their kin do */
    VX_MEMORY = 0x10,   /* has a memory operand, accessed or not (lea) */
};

/*
 * An instruction.  Offsets count from its first byte, prefixes included.  ModRM, SIB and
 * displacement are the bytes from modrm to imm.
 */
struct vx_insn {
    /* known from the table: */
    uint8_t action;      /* enum vx_action */
    uint8_t flags;       /* VX_FP ... */
    uint8_t operand;     /* bytes of operands of size v: 4, or 2 after 66 */
    uint8_t imm_size;    /* 0, 1, 2, 4; 3: enter, whose value is size | level << 16 */
    uint16_t row;        /* of the table */
    uint8_t map;         /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
    uint8_t opcode;      /* its last byte; the low four bits are the condition of jcc */
    /* where the parts are: */
    uint8_t length;
    uint8_t prefix;      /* VX_P_ */
    uint8_t start;       /* the first byte after the prefixes */
    uint8_t modrm;       /* 0: none */
    uint8_t sib;         /* 0: none */
    uint8_t disp;        /* of the displacement, or of the absolute address */
    uint8_t disp_size;   /* 0, 1 or 4 */
    uint8_t imm;         /* = length when there is none */
    int32_t value;       /* of the immediate: Ibs and branch displacements sign-extended */
};

/*
 * Take apart the instruction at p, of which n bytes can be read.  features is a mask of
 * VX_F_.  Returns its length, 1 to 15, or VX_SHORT, VX_UD, VX_PRIV; *in holds only after a
 * length.  No more than n bytes are read.
 */
int vx_decode(const uint8_t *p, unsigned n, uint32_t features, struct vx_insn *in);

/*
 * The same for an instruction that vx_decode refuses because 64 or 65 is among its prefixes: one
 * that reads or writes its operand in a thread segment.  plain becomes its bytes without that
 * prefix, which *in describes; the length counts it.  VX_UD also when the operand is not memory,
 * or is not all that a segment would be for (strings, xlat), or the core would emulate it.
 */
int vx_decode_thread(const uint8_t *p, unsigned n, uint32_t features,
                     uint8_t plain[VX_INSN_MAX], struct vx_insn *in);

/*
 * An instruction whose operand is memory, as vx_insn_copy made it, with that operand base further
 * on; where it only computes an address (lea), there is no segment.  Returns the new length, at
 * most VX_INSN_MAX, or 0: the bytes are not such an instruction.
 */
unsigned vx_insn_rebase(const uint8_t *p, unsigned n, uint32_t base, uint8_t out[VX_INSN_MAX]);

/*
 * The instruction as it is to be executed: necessary prefixes only, in a fixed order.
 * Returns its length, at most in->length.
 */
unsigned vx_insn_copy(const struct vx_insn *in, const uint8_t *p, uint8_t *out);

/* What a copied instruction does with ECX, or a part of it: nothing; read it; write it whole, and
 * not read it. */
enum vx_use { VX_UNUSED, VX_USED, VX_SET };
enum vx_use vx_insn_ecx(const struct vx_insn *in, const uint8_t *p);

/* May a copied instruction, which is none of VX_STACK, change ESP? */
int vx_insn_names_esp(const struct vx_insn *in, const uint8_t *p);

/* The mnemonic of a row, "" when there is no such row. */
const char *vx_insn_name(unsigned row);

/* One access to memory: guest address and bytes. */
struct vx_access {
    uint32_t address;
    uint32_t size;
    int write;           /* also when it reads as well */
};
enum { VX_NACCESS = 3 };

/*
 * The accesses that the instruction makes with these registers (in the order of their
 * numbers: eax ecx edx ebx esp ebp esi edi), in the order in which it makes them.  String
 * instructions: those of the next element.  Returns how many.
 */
int vx_insn_accesses(const struct vx_insn *in, const uint8_t *p, const uint32_t reg[8],
                     struct vx_access out[VX_NACCESS]);

#endif
