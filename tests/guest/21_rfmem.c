/* rfork(RFMEM): data and heap are one, each has its own stack at the same address. */
#include <u.h>
#include <libc.h>

static int global = 1;
static char *heap;
static ulong stackaddress[2];

void
main(int argc, char **argv)
{
    volatile int local = 1;
    int pid;

    heap = malloc(32);
    strcpy(heap, "parent");
    pid = rfork(RFPROC | RFMEM);
    if (pid == 0) {
        global = 2;
        local = 2;
        strcpy(heap, "child");
        stackaddress[1] = (ulong)&local;
        sbrk(100000);
        heap = malloc(50000);
        memset(heap, 'c', 50000);
        exits(nil);
    }
    stackaddress[0] = (ulong)&local;
    if (waitpid() != pid)
        print("another child\n");
    print("%d %d %c%c\n", global, local, heap[0], heap[49999]);
    print("%d\n", stackaddress[0] == stackaddress[1]);
    exits(nil);
}
