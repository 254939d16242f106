/* cap(3): the host owner lets a process become somebody who has a key. */
#include <u.h>
#include <libc.h>

/* HMAC-SHA1 of "glenda@bootes" and of "mallory@bootes" with the key "secret" */
static uchar mine[20] = {
    0xfc, 0xf3, 0xae, 0x6a, 0xa8, 0xb9, 0xe3, 0x33, 0x26, 0x89,
    0x82, 0x12, 0xcc, 0x79, 0x5b, 0xe8, 0x1e, 0xd8, 0xcd, 0x65,
};
static uchar his[20] = {
    0x34, 0xd8, 0xc6, 0x15, 0x19, 0x97, 0x04, 0x61, 0x4d, 0x78,
    0x40, 0x32, 0xfa, 0x18, 0x03, 0x5c, 0xc8, 0x72, 0x03, 0xe1,
};

static void
put(char *name, void *data, int n)
{
    int fd = open(name, OWRITE);

    if (fd < 0 || write(fd, data, n) != n)
        print("%s: %r\n", name);
    close(fd);
}

static void
user(void)
{
    char buf[32];
    int fd = open("/dev/user", OREAD), n;

    n = read(fd, buf, sizeof buf);
    print("I am %.*s\n", n, buf);
    close(fd);
}

void
main(int argc, char **argv)
{
    user();
    put("#¤/capuse", "glenda@bootes@secret", 20);
    put("#¤/caphash", "short", 5);
    put("#¤/caphash", his, sizeof his);
    put("#¤/capuse", "mallory@bootes@secret", 21);
    put("#¤/caphash", mine, sizeof mine);
    put("#¤/capuse", "glenda@bootes@guess", 19);
    put("#¤/capuse", "no key at all", 13);
    if (rfork(RFPROC | RFFDG) == 0) {
        put("#¤/capuse", "glenda@bootes@secret", 20);
        user();
        put("#¤/caphash", mine, sizeof mine);
        put("/dev/user", "glenda", 6);
        put("/dev/user", "none", 4);
        user();
        exits(nil);
    }
    waitpid();
    user();
    put("#¤/capuse", "glenda@bootes@secret", 20);
    exits(nil);
}
