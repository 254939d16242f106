/*
 * The connection to a file server at an address: one that is posted under that name, as those
 * are that vx9 --mount granted, or a call over the guest's own network.
 */

static int
dialsrv(char *address)
{
    char *name, *p;
    int fd;

    name = smprint("/srv/%s", address);
    if (name == nil)
        sysfatal("out of memory");
    for (p = name + 5; *p != 0; p++)
        if (*p == '/')
            *p = '_';
    fd = address[0] == '/' ? open(address, ORDWR) : open(name, ORDWR);
    if (fd < 0 && address[0] != '/')
        fd = dial(netmkaddr(address, "tcp", "9fs"), nil, nil, nil);
    free(name);
    return fd;
}
