/*
 * bare.c: run many small programs on the bare processor, one after the other.
 *
 * A static i386 program without a library.  Standard input is a file, mapped shared, that bare.py
 * fills: a header, the text, images of data, stack and FPU state, and the cases.  Each case is
 * started with its registers in fresh data and stack, and runs until a fault; a program that has
 * nothing to say ends with INT 0x40, which is one.  What it left goes into the same file.
 * In trace mode there is one case, and a record of its state before each instruction.
 */
typedef unsigned u;
typedef unsigned char byte;

struct header {
    u cases, ncase, out, nout;  /* offsets in the file; room for so many records */
    u text, text_size, text_at;
    u data, data_size, data_at;
    u stack, stack_size, stack_at;
    u fpu_at;                   /* images of 512 bytes */
    u trace;
    u done;                     /* records written */
};

struct start {
    u reg[8];                   /* eax ecx edx ebx esp ebp esi edi */
    u eflags, eip, fpu;
};

struct record {
    u reg[8];
    u eflags, eip, trap, error, address;
    u rest[3];
    byte fpu[512];
    byte memory[];              /* data, then stack */
};

enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGVTALRM = 26 };
enum { TF = 0x100, TIMEOUT = 0xffff, TOP = 0x70000000 };

/* The kernel's frame of a 32-bit signal handler, as <asm/sigcontext.h> has it. */
struct context {
    u flags, link, stack[3];
    u gs, fs, es, ds;
    u edi, esi, ebp, esp, ebx, edx, ecx, eax;
    u trap, error, eip, cs, eflags, esp_at_signal, ss;
    byte *fpu;                  /* a classic image of 112 bytes, then that of FXSAVE */
    u oldmask, cr2;
};

static byte *file;
static struct header *h;
static struct start start __attribute__((used));
static u running, ticks;
static byte handler_stack[65536] __attribute__((aligned(64)));

static int
call(int n, u a, u b, u c, u d, u e, u f)
{
    u six[] = {a, b, c, d, e, f, (u)n};
    int r;
    __asm__ volatile(
        "push %%ebp\n push %%ebx\n push %%esi\n push %%edi\n"
        "mov (%1), %%ebx\n mov 4(%1), %%ecx\n mov 8(%1), %%edx\n mov 12(%1), %%esi\n"
        "mov 16(%1), %%edi\n mov 20(%1), %%ebp\n mov 24(%1), %%eax\n int $0x80\n"
        "pop %%edi\n pop %%esi\n pop %%ebx\n pop %%ebp"
        : "=a"(r)
        : "0"(six)
        : "memory", "ecx", "edx");
    return r;
}

static void
die(int status)
{
    call(252, (u)status, 0, 0, 0, 0, 0);
    for (;;)
        ;
}

void *
memcpy(void *to, const void *from, u n)
{
    void *p = to;
    __asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n) : : "memory");
    return to;
}

static void
map(u address, u size, int prot)
{
    /* MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS */
    if (size && call(192, address, size, (u)prot, 0x32, (u)-1, 0) != (int)address)
        die(3);
}

/* Into the program, and out of it from a handler. */
void into(void);
void out_of(void) __attribute__((noreturn));
__asm__(
    ".local saved\n.comm saved, 4, 4\n"
    "into:\n"
    "    push %ebp\n    push %ebx\n    push %esi\n    push %edi\n"
    "    mov %esp, saved\n"
    "    pushl start + 32\n    popf\n"
    "    mov start, %eax\n    mov start + 4, %ecx\n    mov start + 8, %edx\n"
    "    mov start + 12, %ebx\n    mov start + 20, %ebp\n    mov start + 24, %esi\n"
    "    mov start + 28, %edi\n    mov start + 16, %esp\n"
    "    jmp *start + 36\n"
    "out_of:\n"
    "    mov saved, %esp\n    cld\n"
    "    pop %edi\n    pop %esi\n    pop %ebx\n    pop %ebp\n"
    "    ret\n");

static struct record *
record(struct context *c, u trap)
{
    struct record *r = (void *)(file + h->out +
                                h->done * (sizeof *r + h->data_size + h->stack_size));
    u reg[8] = {c->eax, c->ecx, c->edx, c->ebx, c->esp, c->ebp, c->esi, c->edi};
    memcpy(r->reg, reg, sizeof reg);
    r->eflags = c->eflags & ~(u)TF;
    r->eip = c->eip;
    r->trap = trap;
    r->error = c->error;
    r->address = c->cr2;
    memcpy(r->fpu, c->fpu + 112, sizeof r->fpu);
    memcpy(r->memory, (void *)h->data, h->data_size);
    memcpy(r->memory + h->data_size, (void *)h->stack, h->stack_size);
    h->done++;
    return r;
}

static void
on_fault(int signal, void *info, struct context *c)
{
    static u before;  /* where the instruction is that was just done */
    (void)info;
    if (signal == SIGVTALRM) {
        if (!running || ++ticks < 3)
            return;
        record(c, TIMEOUT);
        out_of();
    }
    byte *p = before - h->text < h->text_size ? (byte *)before : 0;
    int popped = p && (*p == 0x9d || (*p == 0x66 && p[1] == 0x9d));
    int step = c->trap == 1 && (popped || (c->eflags & TF));
    if (c->eip - TOP < 0x100000) {
        if (!step)
            die(4);  /* not a program's: ours */
        before = 0;
        return;
    }
    if (step && h->done < h->nout) {
        /* PUSHF shows the trap flag, which is ours. */
        if (p && (*p == 0x9c || (*p == 0x66 && p[1] == 0x9c)))
            ((byte *)c->esp)[1] &= (byte)~(TF >> 8);
        c->eflags |= TF;
        before = c->eip;
        record(c, 1);
        return;
    }
    record(c, step ? TIMEOUT : c->trap);
    out_of();
}

static void
handle(int signal)
{
    /* SA_SIGINFO | SA_ONSTACK | SA_NODEFER; the handler never returns through a restorer */
    struct {
        void *handler;
        u flags;
        void *restorer;
        u mask[2];
    } a = {on_fault, 4 | 0x08000000 | 0x40000000, 0, {0, 0}};
    if (call(174, (u)signal, (u)&a, 0, 8, 0, 0) < 0)
        die(5);
}

void __attribute__((force_align_arg_pointer, used))
_start(void)
{
    u stat[24];  /* struct stat64: the size is at 44 */
    if (call(197, 0, (u)stat, 0, 0, 0, 0) < 0)
        die(6);
    file = (byte *)0x80000000;
    if (call(192, (u)file, stat[11], 3, 0x11, 0, 0) != (int)(u)file)  /* MAP_SHARED, MAP_FIXED */
        die(7);
    h = (struct header *)file;
    map(h->text, h->text_size, 7);
    memcpy((void *)h->text, file + h->text_at, h->text_size);
    if (call(125, h->text, h->text_size, 5, 0, 0, 0) < 0)
        die(8);
    map(h->data, h->data_size, 3);
    map(h->stack, h->stack_size, 3);
    u alternate[3] = {(u)handler_stack, 0, sizeof handler_stack};
    if (call(186, (u)alternate, 0, 0, 0, 0, 0) < 0)
        die(9);
    static const byte signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGVTALRM};
    for (u i = 0; i < sizeof signals; i++)
        handle(signals[i]);
    u often[4] = {0, 50000, 0, 50000};
    call(104, 1, (u)often, 0, 0, 0, 0);  /* ITIMER_VIRTUAL */
    for (u i = 0; i < h->ncase; i++) {
        start = ((struct start *)(file + h->cases))[i];
        if (h->trace)
            start.eflags |= TF;
        memcpy((void *)h->data, file + h->data_at, h->data_size);
        memcpy((void *)h->stack, file + h->stack_at, h->stack_size);
        __asm__ volatile("fxrstor %0" : : "m"(file[h->fpu_at + 512 * start.fpu]));
        ticks = 0;
        running = 1;
        into();
        running = 0;
    }
    die(0);
}
