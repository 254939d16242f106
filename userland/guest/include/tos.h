/* The block the kernel keeps at the top of every stack.  Source: plan 9's exec(2). */
typedef struct Tos Tos;
struct Tos {
    struct { /* profiling */
        void *pp;
        void *next;
        void *last;
        void *first;
        ulong pid;
        ulong what;
    } prof;
    uvlong cyclefreq; /* of RDTSC; 0 when it cannot be used */
    vlong kcycles;
    vlong pcycles;
    ulong pid;
    ulong clock; /* ms of user time */
};
extern Tos *_tos;
