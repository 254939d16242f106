/* getenv(2): a variable is a file in /env. */
#include <u.h>
#include <libc.h>

static int
envname(char *path, int size, char const *name)
{
    if (*name == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0
        || strchr(name, '/') != nil || strlen(name) + 6 > size) {
        werrstr("bad name of a variable: '%s'", name);
        return -1;
    }
    snprint(path, size, "/env/%s", name);
    return 0;
}

/* The value in memory of its own; the elements of a list are separated by blanks. */
char *
getenv(char const *name)
{
    char path[256], *value, *grown;
    long n = 0, m, room = 256, i;
    int fd;

    if (envname(path, sizeof path, name) < 0)
        return nil;
    fd = open(path, OREAD);
    if (fd < 0)
        return nil;
    value = malloc(room + 1);
    while (value != nil && (m = read(fd, value + n, room - n)) > 0) {
        n += m;
        if (n < room)
            continue;
        room *= 2;
        grown = realloc(value, room + 1);
        if (grown == nil)
            free(value);
        value = grown;
    }
    close(fd);
    if (value == nil)
        return nil;
    while (n > 0 && value[n - 1] == 0)
        n--;
    for (i = 0; i < n; i++)
        if (value[i] == 0)
            value[i] = ' ';
    value[n] = 0;
    return value;
}

int
putenv(char const *name, char const *value)
{
    char path[256];
    long n = strlen(value);
    int fd;

    if (envname(path, sizeof path, name) < 0)
        return -1;
    fd = create(path, OWRITE, 0644);
    if (fd < 0)
        return -1;
    if (write(fd, value, n) != n) {
        close(fd);
        return -1;
    }
    close(fd);
    return 0;
}
