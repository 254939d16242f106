/*
 * vx.h: the C interface of the sandbox core.
 *
 * A guest runs in this process, in 32-bit mode, under two walls: LDT segments confine its
 * data to its slot, and it never runs its own code, only our translation of it.
 *
 * Words used throughout
 *   page store   one sparse memory file that holds every guest page, mapped whole above 4 GiB
 *   object       an extent of the page store: zero-filled pages that can be mapped in guests
 *   memory       a guest address space: objects at guest addresses
 *   slot         a window of linear addresses below 4 GiB with a preset LDT data descriptor
 *   cache        the translated fragments of one set of executable mappings
 *   block        a contiguous run of emitted code: fragment or landing
 *   cpu          the registers of one guest thread of control
 *
 * Functions that can fail return 0 or a negative errno unless they say otherwise.
 * Everything here but vx_cpu_interrupt runs under the core's lock.
 */
#ifndef VX_H
#define VX_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VX_PAGE = 4096,
    VX_READ = 1,
    VX_WRITE = 2,
    VX_EXEC = 4,
};

/* ---- linear addresses below 4 GiB that belong to the core ---- */

#define VX_CODE_BASE 0xf0000000u  /* arena of emitted code, read+execute */
#define VX_CODE_SIZE 0x08000000u
#define VX_CTL_BASE 0xf8000000u   /* control windows, one per host thread */
#define VX_CTL_SIZE 0x01fff000u
#define VX_CTL_STRIDE 0x02000000u
enum { VX_NTHREAD = 4 };

/*
 * A control window, seen by emitted code through gs.  The first page is the host thread's
 * own; the jump tables behind it are shared, and read-only in this view.
 */
struct vx_ctl {
    uint32_t spill;   /* the guest's ecx while a sequence of ours uses it */
    uint32_t target;  /* guest address that an indirect transfer goes to */
    uint32_t exit;    /* which exit was taken: index into the cache's exits */
};
enum {
    VX_TABLE_OFFSET = 0x10000,         /* of the first pair of tables in a control window */
    VX_TABLE_ENTRIES = 0x10000,        /* indexed by the low 16 bits of a guest address */
    VX_TABLE_SIZE = VX_TABLE_ENTRIES * 4,
    VX_NTABLE = 60,                    /* pairs: for jumps, for returns */
};
/* vx_ctl.exit when it is not an index: */
#define VX_EXIT_MISS 0xffffffffu         /* a jump-table miss */
#define VX_EXIT_RETURN_MISS 0xfffffffeu  /* a return-table miss */

/* ---- page store (store.c) ---- */

struct vx_object {
    uint64_t id;       /* never another extent's */
    uint64_t origin;   /* what it was copied from, or 0 */
    uint64_t offset;   /* in the page store */
    uint32_t size;     /* bytes, whole pages */
    uint32_t reserve;
    int refs;
    int ncode;
    uint32_t prots;    /* that it was ever mapped with */
    struct vx_cache **code;  /* the caches that hold translations of these bytes */
    uint8_t *watched;  /* for each page: translated, and so not writable in any slot; or 0 */
    uint32_t watched_from, watched_to;  /* pages that may be */
};

extern uint8_t *vx_store;  /* the whole page store, above 4 GiB */
extern int vx_store_fd;

int vx_store_init(void);
struct vx_object *vx_object_new(uint64_t size, uint64_t reserve);  /* 0: no memory */
void vx_object_unref(struct vx_object *);
/* Remember that a cache translates from it, and forget. */
int vx_object_code(struct vx_object *, struct vx_cache *);
void vx_object_uncode(struct vx_object *, struct vx_cache *);
int vx_object_resize(struct vx_object *, uint64_t size);
struct vx_object *vx_object_copy(struct vx_object *);
void vx_object_zero(struct vx_object *, uint32_t offset, uint32_t count);
uint64_t vx_object_used(struct vx_object *);
static inline uint8_t *
vx_object_data(struct vx_object *o)
{
    return vx_store + o->offset;
}

/* ---- guest address spaces (memory.c) ---- */

struct vx_mapping {
    uint32_t address;
    uint32_t prot;
    struct vx_object *object;
};

struct vx_memory {
    uint32_t limit;             /* bytes */
    int class;                  /* index of its slot class */
    int nmap, capmap;
    struct vx_mapping *map;     /* ascending */
    struct vx_slot *slot;       /* where it is resident, or 0 */
    struct vx_cache *cache;     /* of the text: what is executable and not writable */
    struct vx_cache *own;       /* of what is both, this memory's alone; or 0 */
    int nwritable;              /* how many mappings are both */
    int computes;               /* used up its last quantum */
};

extern int vx_aliased;      /* some object was mapped executable here and writable there */
extern uint64_t vx_layout;  /* bumped whenever any mapping or object size changes */

enum { VX_NCLASS = 4, VX_GUARD = 0x10000 };
extern const uint32_t vx_class_size[VX_NCLASS];

struct vx_memory *vx_memory_new(uint32_t limit, struct vx_cache *);
void vx_memory_free(struct vx_memory *);
int vx_memory_map(struct vx_memory *, uint32_t address, struct vx_object *, uint32_t prot);
int vx_memory_unmap(struct vx_memory *, uint32_t address);
/* The mapping that holds address, or 0. */
struct vx_mapping *vx_memory_find(struct vx_memory *, uint32_t address);
/*
 * Copy out of or into a guest.  Returns count, or fewer: the address count bytes in is not
 * accessible.  Writing checks all of it before it changes anything.
 */
uint32_t vx_memory_read(struct vx_memory *, uint32_t address, void *, uint32_t count);
uint32_t vx_memory_write(struct vx_memory *, uint32_t address, const void *, uint32_t count);
/* As reading, but only what is executable, and writable or not as prot says. */
uint32_t vx_memory_fetch(struct vx_memory *, uint32_t address, void *, uint32_t count,
                         uint32_t prot);
uint32_t vx_memory_check(struct vx_memory *, uint32_t address, uint32_t count, uint32_t prot);

/* ---- slots and segments (slot.c) ---- */

struct vx_mapped {
    uint64_t id;  /* of the object */
    uint32_t address, size, prot;
};

struct vx_slot {
    uint32_t base;
    int class;
    uint16_t selector;          /* of its data segment */
    struct vx_memory *memory;   /* the owner, or 0: free */
    int running;                /* how many cpus run in it */
    uint64_t layout;            /* vx_layout when last in step with memory */
    uint64_t used;              /* tick of last use */
    int nmapped, capmapped;
    struct vx_mapped *mapped;   /* what the host maps here now */
};

int vx_slot_init(void);
/* Make m resident and its slot right.  Returns 0, -ENOSPC: all slots of its class run. */
int vx_slot_enter(struct vx_memory *m);
void vx_slot_release(struct vx_memory *m);
uint16_t vx_control_selector(int thread);
/* Let guests write these bytes of an object, or not, wherever they are mapped writable. */
void vx_slot_protect(struct vx_object *, uint32_t offset, uint32_t count, int writable);

/* ---- code that changes (rewrite.c) ---- */

/* The cache for the code at an address. -ENOMEM, -ENOSPC. */
int vx_memory_cache(struct vx_memory *, uint32_t address, struct vx_cache **);
/* A cache holds translations of these bytes: have it told when they change. */
int vx_watch(struct vx_memory *, struct vx_cache *, uint32_t address, uint32_t count);
/* These bytes change: drop what was made of them.  Whether anything was. */
int vx_written(struct vx_object *, uint32_t offset, uint32_t count);

/* ---- code caches (cache.c) ---- */

/* How to put right the guest's registers when interrupted at an emitted instruction. */
enum vx_recovery {
    VX_COPY,       /* they are right; eip is the record's */
    VX_BACK,       /* undo: ecx = spill; eip is the record's */
    VX_UNPOP,      /* undo: also esp -= 4 */
    VX_FORWARD,    /* all done but ecx = spill; eip = target */
    VX_RETURNING,  /* do a return's pop: eip = what esp points to, esp += 4; ecx = spill */
    VX_RETURNED,   /* eip = ecx + the record's; ecx = spill */
    VX_AFRESH = 1 << 8,  /* beside these: do not go on here, but from the guest's state */
};

struct vx_record {
    uint16_t offset;       /* of the emitted instruction in its block */
    uint16_t recovery;
    uint32_t eip;
};
enum { VX_BLOCK_MAX = 1 << 14 };  /* bytes */

struct vx_block {
    uint32_t start, end;      /* linear */
    uint32_t record, nrecord; /* in the cache's records */
};

enum vx_exit_kind {
    VX_X_LINK,      /* a direct branch: site is its rel32, arg not 0: ECX is away */
    VX_X_INDIRECT,  /* an indirect branch not yet predicted: site is its inline cache */
    VX_X_RETURN,    /* the same for a return; the target is in ecx */
    VX_X_INT,       /* int n */
    VX_X_TRAP,      /* a trap of kind arg */
    VX_X_EMULATE,   /* emulate code[] in C */
    VX_X_THREAD,    /* code[] of arg bytes, its operand in the cpu's thread segment */
};

struct vx_exit {
    uint8_t kind;
    uint8_t arg;
    uint8_t length;       /* of the instruction */
    uint8_t code[15];     /* VX_X_EMULATE: the instruction; VX_X_THREAD: without the prefix */
    uint32_t eip;         /* guest address to go on at (LINK), or of the instruction */
    uint32_t site;        /* linear address to patch */
};

struct vx_chunk {
    struct vx_cache *cache;
    uint32_t used;
    uint32_t ready;           /* bytes that there is memory for */
    uint32_t nblock, capblock;
    struct vx_block *block;   /* ascending */
};
enum { VX_CHUNK = 1 << 20, VX_NCHUNK = VX_CODE_SIZE / VX_CHUNK };

/*
 * A guest address can have two translations: one to come to with ECX in its register, one with
 * ECX away, in the control window (spill).  Returns and indirect transfers leave it away, and it
 * comes back when an instruction names it; most code that is returned to never does.
 */
struct vx_entry {
    uint32_t eip;   /* guest address, and VX_AWAY; slot is empty when host is 0 */
    uint32_t host;
};
enum { VX_HERE = 0, VX_AWAY = 1 << 30 };  /* no guest has addresses that high */

/* What the instruction of a VX_X_THREAD exit is with one base; empty when host is 0. */
struct vx_thread_code {
    uint32_t exit, base, host;
};
enum { VX_NTHREAD_CODE = 512 };

struct vx_cache {
    uint64_t generation;      /* bumped by each flush */
    uint64_t used;            /* tick of last use */
    int refs;                 /* Python handle and memories */
    int running;
    int table;                /* index of its pair of tables, or -1 */
    uint32_t *jump, *back;    /* for jumps and for returns, writable view */
    int chunk;                /* being filled, or -1 */
    uint8_t may_have[VX_TABLE_ENTRIES / 8];  /* by the low bits of eip: an entry may be there */
    uint32_t nentry, capentry;
    struct vx_entry *entry;   /* hash by eip, open addressing */
    uint32_t nrecord, caprecord;
    struct vx_record *record;
    uint32_t nexit, capexit;
    struct vx_exit *exit;
    int ntext;
    struct vx_mapping *text;  /* the executable mappings it translates */
    struct vx_thread_code *thread;  /* VX_NTHREAD_CODE of them, by hash; or 0 */
    uint32_t nset, capset;
    uint32_t *set;            /* entries of the tables that are not the miss stubs */
    struct vx_counters {
        uint64_t fragments, instructions, guest_bytes, host_bytes, lookups, links, flushes;
        uint64_t refused;     /* blocks, patches and entries, by the verifier */
    } count;
};

/* Code in the arena that is of no guest: */
extern uint32_t vx_stub_exit;         /* 64-bit: leave to the continuation in r15's cpu */
extern uint32_t vx_stub_miss;         /* a jump-table miss */
extern uint32_t vx_stub_return_miss;  /* a return-table miss; pops the address */
/* How to recover from an interrupt at host, in one of them. */
int vx_stub_recovery(uint32_t host);

int vx_cache_init(void);
void vx_cache_limit(int chunks);           /* use so much of the arena only: for tests */
struct vx_cache *vx_cache_new(void);
void vx_cache_unref(struct vx_cache *);
void vx_cache_flush(struct vx_cache *);
/* Set an entry of its jump or its return table. */
int vx_cache_set(struct vx_cache *, uint32_t eip, int back, uint32_t host);
int vx_cache_activate(struct vx_cache *);  /* give it a jump table */
/* The host address, or 0; away is VX_HERE or VX_AWAY. */
uint32_t vx_cache_find(struct vx_cache *, uint32_t eip, int away);
static inline int
vx_cache_may_have(const struct vx_cache *c, uint32_t eip)  /* 0: it has not */
{
    return c->may_have[eip % VX_TABLE_ENTRIES / 8] >> eip % 8 & 1;
}
int vx_cache_enter(struct vx_cache *, uint32_t eip, int away, uint32_t host);
/* Room for count bytes of code at *host, or -ENOSPC: flushed instead, start over. */
int vx_cache_room(struct vx_cache *, uint32_t count, uint32_t align, uint32_t *host);
int vx_cache_exit(struct vx_cache *, const struct vx_exit *);  /* its index, or -ENOMEM */
int vx_cache_records(struct vx_cache *, const struct vx_record *, uint32_t n);
/* The code of a VX_X_THREAD exit for a base, or 0; and remember it. */
uint32_t vx_cache_thread(const struct vx_cache *, uint32_t exit, uint32_t base);
int vx_cache_set_thread(struct vx_cache *, uint32_t exit, uint32_t base, uint32_t host);
/* Change the field of a branch in emitted code, of four bytes and of one. */
int vx_cache_patch(struct vx_cache *, uint32_t host, uint32_t value);
int vx_cache_patch_byte(struct vx_cache *, uint32_t host, uint8_t value);
/* Publish code built for host (from vx_cache_room); its records begin at record. */
int vx_cache_publish(struct vx_cache *, uint32_t host, const uint8_t *code, uint32_t count,
                     uint32_t record);
/* Without asking the verifier, as the code of the guest's eip: for the self-test (walls.c). */
int vx_cache_publish_raw(struct vx_cache *, uint32_t eip, uint32_t host, const uint8_t *code,
                         uint32_t count, uint32_t record);
uint8_t *vx_make_exit(uint8_t *, uint32_t value);  /* puts the code that leaves; its end */
const struct vx_record *vx_cache_locate(struct vx_cache *, uint32_t host);
const struct vx_block *vx_cache_block(struct vx_cache *, uint32_t index);  /* 0: no more */
static inline uint8_t *
vx_code_view(uint32_t host)  /* the writable view of emitted code */
{
    extern uint8_t *vx_code;
    return vx_code + (host - VX_CODE_BASE);
}

/* ---- verification (verify.c) ---- */

/*
 * May this block be published, this field be patched, this address be entered?  0, or -EBADMSG
 * after a line on stderr: then the translator has a bug.  A block that passes is remembered.
 * The VX_VERIFY_SEES bytes after a block are looked at too, so they must exist.
 */
enum { VX_VERIFY_SEES = 18 };
int vx_verify(struct vx_cache *, uint32_t host, const uint8_t *code, uint32_t count);
int vx_verify_patch(struct vx_cache *, uint32_t field, uint32_t size, uint32_t value);
int vx_verify_entry(struct vx_cache *, uint32_t host);
/* What is wrong with a block and at which offset, or NULL.  Only the instructions and branches,
 * not whether its place is free, and nothing is remembered. */
const char *vx_verify_why(const struct vx_cache *, uint32_t host, const uint8_t *code,
                          uint32_t count, uint32_t *bad);
void vx_verify_forget(int chunk);  /* all that is in it */
extern int vx_verify_never;        /* refuse every block: for tests */
uint64_t vx_bench_translate(struct vx_memory *, uint32_t from, uint32_t to, int rounds,
                            int verified);

/* ---- translation (translate.c) ---- */

/*
 * Translate from eip.  Returns 0 and the host address; -EFAULT and the guest address where no
 * instruction can be fetched; -EAGAIN: the cache was full and is flushed; -ENOMEM.
 */
int vx_translate(struct vx_memory *, struct vx_cache *, uint32_t eip, uint32_t *host,
                 uint32_t *bad);
/* The same for a place that is come to with ECX away. */
int vx_translate_away(struct vx_memory *, struct vx_cache *, uint32_t eip, uint32_t *host,
                      uint32_t *bad);
/*
 * The instruction at eip alone, for this once: neither entered in the cache nor watched.  It is
 * one that writes to a page that holds the code it is part of.
 */
int vx_translate_once(struct vx_memory *, struct vx_cache *, uint32_t eip, uint32_t *host,
                      uint32_t *bad);
/* The same for a place that is returned to: ECX away, with a landing, in the return table. */
int vx_translate_return(struct vx_memory *, struct vx_cache *, uint32_t eip, uint32_t *host,
                        uint32_t *bad);
/*
 * The instruction of a VX_X_THREAD exit with its operand in a thread segment at base, and a jump
 * to what follows.  -EAGAIN: the cache was full and is flushed, the exit with it; -ENOMEM.
 */
int vx_translate_thread(struct vx_cache *, uint32_t exit, uint32_t base, uint32_t *host);
/* Put eip into the jump or the return table, so that they find host, to which ECX comes away. */
int vx_landing(struct vx_cache *, uint32_t eip, uint32_t host, int back);
/* Teach the inline cache at site. */
int vx_predict(struct vx_cache *, const struct vx_exit *, uint32_t eip, uint32_t host);

/* ---- traps ---- */

enum vx_trap_kind {
    VX_T_INT, VX_T_FAULT, VX_T_DIVIDE, VX_T_DEBUG, VX_T_BREAKPOINT, VX_T_OVERFLOW, VX_T_BOUND,
    VX_T_ILLEGAL, VX_T_PROTECTION, VX_T_STACK, VX_T_ALIGNMENT, VX_T_FPU, VX_T_SIMD,
    VX_T_QUANTUM, VX_T_INTERRUPT,
    VX_T_POLL,   /* not for embedders: let Python look at its signals */
};

struct vx_trap {
    int kind;
    uint32_t number;
    uint32_t address;
    int write;
};

/* ---- cpu, entry and exit (run.c, enter.c, trap.c) ---- */

enum { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };

enum {
    VX_FL_CF = 1, VX_FL_PF = 4, VX_FL_AF = 0x10, VX_FL_ZF = 0x40, VX_FL_SF = 0x80,
    VX_FL_TF = 0x100, VX_FL_IF = 0x200, VX_FL_DF = 0x400, VX_FL_OF = 0x800,
    VX_FL_NT = 0x4000, VX_FL_AC = 0x40000, VX_FL_ID = 0x200000,
    VX_FL_ARITH = VX_FL_CF | VX_FL_PF | VX_FL_AF | VX_FL_ZF | VX_FL_SF | VX_FL_OF,
    VX_FL_USER = VX_FL_ARITH | VX_FL_DF,
};

struct vx_cpu;
/* A C handler of one interrupt number: nonzero to return the trap to the caller of run. */
typedef int (*vx_handler)(struct vx_cpu *, void *arg);

struct vx_cpu {
    /* enter.c knows these by offset */
    void (*leave)(void);        /* where vx_stub_exit goes */
    uint32_t reg[8];
    uint32_t eflags;
    struct {
        uint32_t offset;
        uint16_t selector;
    } go;                       /* far pointer to the code to run */
    uint16_t data, control;     /* selectors */
    volatile uint32_t pending;  /* do not enter */
    int in_guest;

    uint32_t eip;
    uint8_t fpu[512] __attribute__((aligned(64)));
    int fpu_live;               /* the guest's FPU state is in the processor, not in fpu[] */
    uint32_t id_flag;           /* the virtual EFLAGS.ID */
    int has_thread;             /* what gs and fs mean: a segment at thread_base; or nothing */
    uint32_t thread_base;

    /* When interrupted between guest instructions' emitted parts: where to go on. */
    uint32_t resume;            /* host address, 0: none */
    uint32_t resume_ecx, resume_spill, resume_target, resume_exit, resume_esp;
    uint64_t resume_generation;

    struct vx_memory *memory;
    struct vx_cache *cache;     /* of the code that it runs, or ran */
    struct vx_cache *own;       /* the memory's, if counted as running by this cpu */
    int once;                   /* the next instruction writes where its own code is */
    struct vx_ctl *ctl;         /* of the thread that runs it */

    /* set by the signal handler */
    volatile int signal;        /* 0: left by an exit */
    uint32_t trapno, error, linear, host_eip;

    volatile int interrupt;     /* asked for by vx_cpu_interrupt */
    volatile int ticks;         /* of the quantum, left */
    volatile int ticked;        /* a tick has come since run began */
    int poll;                   /* return VX_T_POLL at each tick */
    uint32_t steps;             /* stop after so many emitted instructions; 0: never (tests) */
    pid_t thread;               /* running it, or 0 */

    struct vx_trap trap;
    struct {
        vx_handler call;
        void *arg;
    } *handlers;                /* 256, or 0 */
};

/* ---- what handlers of other modules call: the capsule vx9.vxcore._core.API ---- */

struct vx_api {
    uint8_t *store;
    struct vx_mapping *(*memory_find)(struct vx_memory *, uint32_t address);
    void (*fpu_save)(struct vx_cpu *);
    uint32_t (*memory_check)(struct vx_memory *, uint32_t address, uint32_t count, uint32_t prot);
    uint32_t (*memory_read)(struct vx_memory *, uint32_t address, void *, uint32_t count);
    uint32_t (*memory_write)(struct vx_memory *, uint32_t address, const void *, uint32_t count);
    int (*try)(void);   /* the lock: who holds the GIL must not wait for it */
    void (*take)(void);
    void (*give)(void);
};

/* ---- the lock (lock.c) ---- */

extern uint32_t vx_lock;
void vx_take_slowly(void);
void vx_give_slowly(void);

static inline int
vx_try(void)
{
    uint32_t free = 0;
    return __atomic_compare_exchange_n(&vx_lock, &free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void
vx_take(void)
{
    if (!vx_try())
        vx_take_slowly();
}

static inline void
vx_give(void)
{
    if (__atomic_exchange_n(&vx_lock, 0, __ATOMIC_RELEASE) == 2)
        vx_give_slowly();
}

void vx_running(struct vx_cpu *, int on);  /* between these, vx_stop knows of it */
/* About to enter, lock given up; 0: not now, and everything may have changed.  And after. */
int vx_going(struct vx_cpu *);
void vx_back(struct vx_cpu *);
/* Between these no guest runs.  The lock is held, but not while vx_stop waits. */
void vx_stop(void);
void vx_go(void);
void vx_kick(struct vx_cpu *);            /* make it leave its guest (trap.c) */

/* ---- the rest ---- */

int vx_init(const char **why);            /* once; why: what failed */
struct vx_cpu *vx_cpu_new(void);
void vx_cpu_free(struct vx_cpu *);
void vx_cpu_reset_fpu(struct vx_cpu *);
void vx_cpu_interrupt(struct vx_cpu *);   /* from any thread, no lock */
/* Have interrupt vector answered by a C function; NULL: by who called run.  -ENOMEM. */
int vx_cpu_handle(struct vx_cpu *, int vector, vx_handler, void *arg);
/* Run until a trap, for at most ticks timer ticks.  Fills c->trap. 0 or a negative errno. */
int vx_run(struct vx_cpu *, int ticks);
enum { VX_TICK_US = 2000 };
uint64_t vx_bench_traps(struct vx_cpu *, int vector, uint64_t count);

/* enter.c */
int vx_enter(struct vx_cpu *);            /* VX_LEFT_EXIT, VX_LEFT_SIGNAL or VX_NOT_ENTERED */
enum { VX_LEFT_EXIT, VX_LEFT_SIGNAL, VX_NOT_ENTERED };
extern char vx_leave[], vx_leave_signal[], vx_leave_early[];
extern char vx_window[], vx_window_end[];
int vx_enter_stepping(struct vx_cpu *);   /* probe.c: with the trap flag on */
void vx_fpu_load(struct vx_cpu *);
void vx_fpu_save(struct vx_cpu *);

/* trap.c */
int vx_trap_init(void);
int vx_trap_install(void);                /* (again), before whoever is there now */
int vx_trap_refresh(int python);           /* the state of faulthandler, this thread */
int vx_trap_unsafe_signal(void);           /* a signal whose handler lacks SA_ONSTACK, or 0 */
int vx_thread_init(struct vx_ctl **ctl, uint16_t *selector);
void vx_timer_arm(void);
extern __thread struct vx_cpu *vx_current;

/* emulate.c */
/* Do what the instruction does.  0: done, eip moved on; 1: c->trap says why not. */
int vx_emulate(struct vx_cpu *, const struct vx_exit *);
/* The FPU state in FXSAVE layout, without what is the host's. */
void vx_fpu_image(const struct vx_cpu *, uint8_t image[512]);

#endif
