/* qsort(2) on orders that are known to be bad for it. */
#include <u.h>
#include <libc.h>

enum { N = 3000 };
static int a[N];
static ulong compared;

static int
cmp(void const *p, void const *q)
{
    int x = *(int *)p, y = *(int *)q;

    compared++;
    return x < y ? -1 : x > y;
}

static int
cmpstr(void const *p, void const *q)
{
    return strcmp(*(char **)p, *(char **)q);
}

static void
try(char *name)
{
    int i;

    compared = 0;
    qsort(a, N, sizeof a[0], cmp);
    for (i = 1; i < N; i++)
        if (a[i - 1] > a[i]) {
            print("%s: not sorted at %d\n", name, i);
            exits("order");
        }
    print("%s %d\n", name, compared < 40 * N);
}

void
main(int argc, char **argv)
{
    char *words[] = {"pear", "apple", "fig", "banana"};
    char odd[][3] = {"zz", "aa", "mm"};
    int i;

    for (i = 0; i < N; i++)
        a[i] = lrand();
    try("random");
    try("sorted");
    for (i = 0; i < N; i++)
        a[i] = N - i;
    try("reversed");
    for (i = 0; i < N; i++)
        a[i] = i % 3;
    try("few values");
    for (i = 0; i < N; i++)
        a[i] = i < N / 2 ? i : N - i;
    try("pipes");
    for (i = 0; i < N; i++)
        a[i] = 7;
    try("all equal");
    qsort(words, 4, sizeof words[0], cmpstr);
    print("%s %s %s %s\n", words[0], words[1], words[2], words[3]);
    qsort(odd, 3, 3, (int (*)(void const *, void const *))strcmp);
    print("%s %s %s\n", odd[0], odd[1], odd[2]);
    qsort(words, 0, 4, cmpstr);
    exits(nil);
}
