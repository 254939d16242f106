/* Walks a binary tree of random shape by recursion, in order. */
#include "work.h"

enum { N = 4000 };

struct node {
    u32 key;
    struct node *left, *right;
};

static struct node node[N];

static u32
walk(const struct node *t, u32 sum)
{
    if (t == 0)
        return sum;
    sum = walk(t->left, sum);
    return walk(t->right, sum * 31 + t->key);
}

u32
work(int variant)
{
    u32 seed = 7, sum = 0;
    int i;

    (void)variant;
    for (i = 0; i < N; i++) {
        struct node **p, *t = node;

        seed = seed * 1664525 + 1013904223;
        node[i].key = seed;
        node[i].left = node[i].right = 0;
        if (i == 0)
            continue;
        do {
            p = seed < t->key ? &t->left : &t->right;
            t = *p;
        } while (t);
        *p = &node[i];
    }
    for (i = 0; i < TIMES(300); i++)
        sum = walk(node, sum);
    return sum;
}
