/* strcat(2), memory(2) */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char buf[64], *p, line[] = ",one,,two,";
    int i, n;

    print("%ld %d %d %d %d\n", strlen("abc"), strcmp("a", "b"), strcmp("b", "a"), strcmp("", ""),
          strcmp("a\xff", "a\x01"));
    print("%d %d %d\n", strncmp("abcd", "abce", 3), cistrcmp("HeLLo", "hEllO"),
          cistrncmp("abX", "ABy", 2));
    print("%s %s %s %s\n", strchr("a/b/c", '/'), strrchr("a/b/c", '/'), strstr("a needle", "need"),
          cistrstr("Some THING", "thing"));
    print("%d %d\n", strchr("abc", 'x') == nil, *strchr("abc", 0));
    print("%ld %ld %s\n", strspn("aabbc", "ab"), strcspn("xyz,", ","), strpbrk("key=v", "=:"));
    strncpy(buf, "abc", 6);
    print("%d %d\n", buf[3], buf[5]);
    strcpy(buf, "one");
    strcat(buf, "two");
    strncat(buf, "three", 2);
    print("%s\n", buf);
    p = strecpy(buf, buf + 4, "longer");
    print("%s %ld\n", buf, p - buf);
    p = utfecpy(buf, buf + 4, "aαβ");
    print("%s %ld\n", buf, p - buf);
    for (p = strtok(line, ","); p != nil; p = strtok(nil, ","))
        print("<%s>", p);
    print("\n");
    for (i = 0; i < 40; i++)
        buf[i] = 'a' + i % 26;
    memmove(buf + 3, buf, 20);
    print("%.23s\n", buf);
    memmove(buf, buf + 5, 20);
    print("%.23s\n", buf);
    memset(buf, 'z', 7);
    print("%.9s %d %d\n", buf, memcmp("ab\0c", "ab\0d", 4), memcmp("x", "y", 0));
    p = memccpy(buf, "stop:here", ':', 9);
    print("%ld %.5s %d\n", p - buf, buf, memccpy(buf, "none", 'x', 4) == nil);
    print("%s\n", (char *)memchr("find me", 'm', 7));
    for (n = 0; n < 20; n++) { /* every length and offset */
        memset(buf, '.', sizeof buf);
        for (i = 0; i < 8; i++) {
            memcpy(buf + i, "abcdefghijklmnopqrst", n);
            if (memcmp(buf + i, "abcdefghijklmnopqrst", n) != 0 || buf[i + n] != '.')
                print("memcpy %d %d\n", i, n);
            memset(buf, '.', sizeof buf);
        }
    }
    exits(nil);
}
