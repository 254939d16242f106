/* The arguments as exec laid them out. */
#include <u.h>
#include <libc.h>
#include <tos.h>

void
main(int argc, char **argv)
{
    int i;

    print("argc %d, then nil: %d\n", argc, argv[argc] == nil);
    for (i = 1; i < argc; i++)
        print("<%s>\n", argv[i]);
    print("argc at an address of 8: %d\n", ((ulong)argv - 4) % 8 == 0);
    print("strings below tos: %d\n", argv[argc - 1] + strlen(argv[argc - 1]) + 1 == (char *)_tos);
    print("pid: %d\n", _tos->pid == getpid() && getpid() > 0);
    exits(nil);
}
