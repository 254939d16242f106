/*
 * fast.h: system calls that C answers between two entries of a guest, without Python.
 *
 * Only those that neither sleep nor fail, and only while the guest runs in the kernel's own
 * thread: then nobody else changes anything that is looked at here.  Whatever is unusual is left
 * alone, and the handler in Python, which knows all of it, finds the call as it came.
 */
#ifndef FAST_H
#define FAST_H

#include <stdint.h>

#include "vx.h"

enum fast_call {  /* what a number means; 0: for Python */
    FAST_NONE, FAST_SYSR1, FAST_SLEEP, FAST_SEMACQUIRE, FAST_SEMRELEASE, FAST_NSEC,
    FAST_READ, FAST_WRITE, FAST_PREAD, FAST_PWRITE,
};
enum fast_file {  /* what a file holds; 0: for its server to say */
    FAST_SERVED, FAST_NULL, FAST_ZERO, FAST_BINTIME,
};
enum { FAST_NCALL = 64, FAST_NWORD = 5 };

struct fast_chan {
    uint64_t offset;
    int mode;      /* OREAD, OWRITE, ORDWR once open */
    int file;
    int is_channel;
};

struct fast {
    int on;                    /* the guest runs in the kernel's thread, and nobody looks on */
    int alone;                 /* no other task is ready */
    int waiters;               /* somebody waits for a semaphore */
    int clock;                 /* the time is the host's */
    int pread_moves;           /* also the offset of the open file, as in the 4th edition */
    const uint8_t *calls;      /* FAST_NCALL of them */
    void **chans;              /* the descriptors: Python's objects */
    int64_t nchan;
    void *chan_type;           /* what they must be */
    int64_t chan_at;           /* where in one the struct fast_chan is */
    const struct vx_api *core;
    uint64_t answered;
    int asked;                 /* a call for Python: */
    struct vx_cpu *cpu;        /* who made it */
    uint32_t number;
    uint32_t words[FAST_NWORD];  /* its arguments, as far as any call has them */
};

/* A vx_handler for a struct fast. */
int fast_answer(struct vx_cpu *, void *);

#endif
