/* isalpharune(2) */
#include <u.h>
#include <libc.h>

typedef struct Range Range;
struct Range {
    Rune first;
    Rune last;
};
typedef struct Map Map;
struct Map {
    Rune first;
    Rune last;
    int step;
    int difference;
};

#include "runetype.h"

static int
in(Range const *t, int n, Rune c)
{
    int low = 0, high = n, mid;

    while (low < high) {
        mid = (low + high) / 2;
        if (c > t[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && c >= t[low].first;
}

static Rune
mapped(Map const *t, int n, Rune c)
{
    int low = 0, high = n, mid;

    while (low < high) {
        mid = (low + high) / 2;
        if (c > t[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < n && c >= t[low].first && (c - t[low].first) % t[low].step == 0)
        return c + t[low].difference;
    return c;
}

int
isalpharune(Rune c)
{
    return in(alpha, nelem(alpha), c);
}

int
isdigitrune(Rune c)
{
    return in(digit, nelem(digit), c);
}

int
isspacerune(Rune c)
{
    return in(space, nelem(space), c);
}

int
isupperrune(Rune c)
{
    return in(upper, nelem(upper), c);
}

int
islowerrune(Rune c)
{
    return in(lower, nelem(lower), c);
}

int
istitlerune(Rune c)
{
    return in(title, nelem(title), c);
}

Rune
toupperrune(Rune c)
{
    return mapped(toupper, nelem(toupper), c);
}

Rune
tolowerrune(Rune c)
{
    return mapped(tolower, nelem(tolower), c);
}

Rune
totitlerune(Rune c)
{
    return mapped(totitle, nelem(totitle), c);
}
