/* qsort(2): quicksort that turns into heap sort, so that no order of the input is a bad one. */
#include <u.h>
#include <libc.h>

typedef int Compare(void const *, void const *);

static void
swap(char *a, char *b, long size)
{
    char c;

    if (size % sizeof(long) == 0 && ((ulong)a | (ulong)b) % sizeof(long) == 0) {
        for (; size > 0; size -= sizeof(long), a += sizeof(long), b += sizeof(long)) {
            long w = *(long *)a;

            *(long *)a = *(long *)b;
            *(long *)b = w;
        }
        return;
    }
    while (size-- > 0) {
        c = *a;
        *a++ = *b;
        *b++ = c;
    }
}

static void
insertion(char *base, long n, long size, Compare *cmp)
{
    char *p, *q, *end = base + n * size;

    for (p = base + size; p < end; p += size)
        for (q = p; q > base && cmp(q - size, q) > 0; q -= size)
            swap(q - size, q, size);
}

static void
sift(char *base, long root, long n, long size, Compare *cmp)
{
    long child;

    while ((child = 2 * root + 1) < n) {
        if (child + 1 < n && cmp(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (cmp(base + root * size, base + child * size) >= 0)
            return;
        swap(base + root * size, base + child * size, size);
        root = child;
    }
}

static void
heapsort(char *base, long n, long size, Compare *cmp)
{
    long i;

    for (i = n / 2 - 1; i >= 0; i--)
        sift(base, i, n, size, cmp);
    for (i = n - 1; i > 0; i--) {
        swap(base, base + i * size, size);
        sift(base, 0, i, size, cmp);
    }
}

/* Quick while it goes well (depth left), a heap sort where it does not. */
static void
sort(char *base, long n, long size, Compare *cmp, int depth)
{
    char *low, *high, *mid, *last;
    long left;

    while (n > 8) {
        if (depth-- == 0) {
            heapsort(base, n, size, cmp);
            return;
        }
        mid = base + n / 2 * size;
        last = base + (n - 1) * size;
        if (cmp(base, mid) > 0)
            swap(base, mid, size);
        if (cmp(mid, last) > 0) {
            swap(mid, last, size);
            if (cmp(base, mid) > 0)
                swap(base, mid, size);
        }
        swap(base, mid, size); /* the pivot is first */
        low = base;
        high = base + n * size;
        for (;;) {
            do
                low += size;
            while (low < base + n * size && cmp(low, base) < 0);
            do
                high -= size;
            while (cmp(high, base) > 0);
            if (low >= high)
                break;
            swap(low, high, size);
        }
        swap(base, high, size);
        left = (high - base) / size;
        if (left < n - left - 1) { /* the shorter part first: the stack stays small */
            sort(base, left, size, cmp, depth);
            base = high + size;
            n -= left + 1;
        } else {
            sort(high + size, n - left - 1, size, cmp, depth);
            n = left;
        }
    }
    insertion(base, n, size, cmp);
}

void
qsort(void *base, long n, long size, int (*cmp)(void const *, void const *))
{
    int depth = 2;
    long m;

    for (m = n; m > 0; m >>= 1)
        depth += 2;
    if (n > 1 && size > 0)
        sort(base, n, size, cmp, depth);
}
