/* What the kernel says about a process on its descriptor 2, and how such a process ends. */
#include <u.h>
#include <libc.h>
#include <ureg.h>

static int how;

static void
nothing(void *u, char *note)
{
    noted(NCONT);
}

static void
bad(void *v, char *note)
{
    struct Ureg *u = v;

    switch (how) {
    case 0:
        u->cs = 7;
        break;
    case 1:
        u->pc = 0x10;
        break;
    case 2:
        u->sp = 0xfffffff0;
        break;
    case 3:
        noted(99);
        break;
    case 4:
        noted(NDFLT);
        break;
    case 5:
        *(volatile int *)0x20 = 0;
        break;
    }
    noted(how == 2 ? NRSTR : NCONT);
}

static void
fault(void)
{
    *(volatile int *)0x1234 = 1;
}

static int
call(int number)
{
    int result;

    asm volatile("int $0x40" : "=a"(result) : "a"(number) : "memory", "cc");
    return result;
}

/* a call with the stack pointer at sp */
static int
callfrom(uint sp, int number)
{
    int result;

    asm volatile("mov %%esp, %%ebx; mov %1, %%esp; int $0x40; mov %%ebx, %%esp"
                 : "=a"(result) : "c"(sp), "a"(number) : "ebx", "memory", "cc");
    return result;
}

/* 24 bytes are looked at, whatever the call has of arguments */
static void
narrow(int bytes, int number)
{
    segattach(0, "memory", (void *)0x2000000, 4096);
    callfrom(0x2001000 - bytes, number);
    exits("lives");
}

static void
lost(int v)
{
    asm volatile("mov $0x8, %%esp; mov $29, %%eax; int $0x40" : : "a"(v) : "memory");
}

static void
nostack(void)
{
    asm volatile("mov $0x2000, %esp; movl $1, 0x1234");
}

static void
trial(int n)
{
    switch (n) {
    case 0:
        open((char *)0x10, OREAD);
        break;
    case 1:
        write(1, (char *)0xfffff000, 0x2000);
        break;
    case 2:
        read(0, (void *)0x40, -5);
        break;
    case 3:
        pipe((int *)0xdead0002);
        break;
    case 4:
        pipe((int *)((ulong)sbrk(4096) + 2));
        break;
    case 5:
        notify(nothing);
        open((char *)0x20, OREAD);
        exits("lives");
    case 6:
        exits((char *)0x30);
    case 7:
        call(54);
        break;
    case 8:
        noted(NCONT);
        break;
    case 9 ... 14:
        how = n - 9;
        notify(bad);
        fault();
        break;
    case 15:
        notify((void *)0x40);
        break;
    case 16:
        notify(nothing);
        nostack();
        break;
    case 17:
        lost(0);
        break;
    case 18:
        semacquire((long *)((ulong)sbrk(64) | 1), 1);
        break;
    case 19:
        semacquire((long *)0x1100, 1); /* text */
        break;
    case 20:
        notify(nothing);
        call(1000000);
        exits("lives");
    case 21:
        narrow(24, 17); /* sleep */
    case 22:
        narrow(20, 17);
    case 23:
        narrow(8, 4); /* close */
    case 24:
        narrow(0, 0); /* sysr1, which has none */
    }
    exits("went on");
}

void
main(int argc, char **argv)
{
    Waitmsg *w;
    char *p;
    int i;

    for (i = 0; i <= 24; i++) {
        if (fork() == 0)
            trial(i);
        w = wait();
        p = strstr(w->msg, "pc=");
        if (p != nil)
            *p = 0;
        print("%d:%s\n", i, strchr(w->msg, ':'));
        free(w);
    }
    exits(nil);
}
