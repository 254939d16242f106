/*
 * walls.h: what stands behind the translator, and the self-test.
 */
#ifndef VX_WALLS_H
#define VX_WALLS_H

#include "vx.h"

enum vx_wall {
    VX_WALL_ENTRY = 1,          /* no system call from where guests run; always */
    VX_WALL_CALLS = 2,          /* and of the others those only that vx9 needs */
    VX_WALL_MDWE = 4,           /* told, not asked: the kernel keeps code from being written */
    VX_WALL_PARENT = 8,         /* die with the parent */
    VX_WALL_NETWORK_OPEN = 16,  /* but sockets of every kind may be made */
    VX_WALL_CHILDREN_OPEN = 32, /* but other programs may be started, with the same walls */
};

/* Put up the walls, for good, around all threads.  Those that stand; or -errno, and *why. */
int vx_walls(unsigned walls, const char **why);
/*
 * No file but those beneath these (to a NULL) can be changed by this thread and those that it
 * starts.  The version of Landlock, 0: there is none; or -errno, with the culprit in *which.
 */
int vx_walls_files(const char *const *writable, const char **which);

/* Code in the guest's place that the translator did not make. */
enum { VX_RAW_MAX = 256 };
int vx_publish_raw(struct vx_memory *, uint32_t eip, const uint8_t *code, uint32_t n);

/*
 * The cpu that runs the self-test, or 0: what would end the process is for it a trap of kind
 * VX_T_PROTECTION, with the particulars in its trapno and linear.
 */
extern struct vx_cpu *volatile vx_selftest_cpu;
enum { VX_TRAPNO_WALL = 0x100 };  /* trapno when the filter of system calls did it */
int vx_selftest_registers(struct vx_cpu *);
int vx_selftest_altstack(void);

int vx_trap_wall(void);           /* handle SIGSYS (trap.c) */

#endif
