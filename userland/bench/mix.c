/*
 * A mix of what embedded programs do: linked lists that are searched, reversed and sorted;
 * small matrices; a state machine that reads numbers; a CRC over the results of all three.
 */
#include "work.h"

enum { NODES = 200, SIDE = 12, TEXT = 400 };

static u32
crc16(u32 value, u32 crc)
{
    int i;

    for (i = 0; i < 32; i++) {
        u32 odd = (value ^ crc) & 1;

        value >>= 1;
        crc >>= 1;
        if (odd)
            crc ^= 0xa001;
    }
    return crc;
}

/* Lists */

struct node {
    struct node *next;
    short value, order;
};

static struct node node[NODES];

static int
by_value(const struct node *a, const struct node *b)
{
    return a->value - b->value;
}

static int
by_order(const struct node *a, const struct node *b)
{
    return a->order - b->order;
}

static struct node *
merge(struct node *a, struct node *b, int (*compare)(const struct node *, const struct node *))
{
    struct node head, *end = &head;

    while (a && b) {
        struct node **less = compare(a, b) <= 0 ? &a : &b;

        end = end->next = *less;
        *less = (*less)->next;
    }
    end->next = a ? a : b;
    return head.next;
}

CALLED struct node *
sort(struct node *list, int n, int (*compare)(const struct node *, const struct node *))
{
    struct node *middle = list, *half;
    int i;

    if (n < 2)
        return list;
    for (i = 1; i < n / 2; i++)
        middle = middle->next;
    half = middle->next;
    middle->next = 0;
    return merge(sort(list, n / 2, compare), sort(half, n - n / 2, compare), compare);
}

CALLED struct node *
reverse(struct node *list)
{
    struct node *done = 0;

    while (list) {
        struct node *next = list->next;

        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

CALLED const struct node *
find(const struct node *list, int value)
{
    while (list && list->value != value)
        list = list->next;
    return list;
}

static u32
lists(u32 seed, u32 crc)
{
    struct node *list = 0;
    int i;

    for (i = 0; i < NODES; i++) {
        seed = seed * 1664525 + 1013904223;
        node[i].value = (short)(seed >> 22);
        node[i].order = (short)i;
        node[i].next = list;
        list = &node[i];
    }
    for (i = 0; i < 20; i++) {
        const struct node *found = find(list, (int)(seed >> (i & 7)) & 1023);

        crc = crc16(found ? (u32)found->order : 1000, crc);
        list = reverse(list);
    }
    list = sort(list, NODES, by_value);
    crc = crc16((u32)list->order, crc);
    list = sort(list, NODES, by_order);
    return crc16((u32)list->next->value, crc);
}

/* Matrices */

static short a[SIDE][SIDE], b[SIDE][SIDE];
static int product[SIDE][SIDE];

static u32
matrices(u32 seed, u32 crc)
{
    int i, j, k, sum = 0;

    for (i = 0; i < SIDE; i++)
        for (j = 0; j < SIDE; j++) {
            seed = seed * 1664525 + 1013904223;
            a[i][j] = (short)(seed >> 20);
            b[i][j] = (short)(seed >> 12 & 0xff);
        }
    for (i = 0; i < SIDE; i++)
        for (j = 0; j < SIDE; j++) {
            int x = 0;

            for (k = 0; k < SIDE; k++)
                x += (a[i][k] * b[k][j] >> 2 & 0xf) * (a[i][k] * b[k][j] >> 5 & 0x7f);
            product[i][j] = x;
        }
    for (i = 0; i < SIDE; i++)
        for (j = 0; j < SIDE; j++)
            sum += product[i][j] > product[j][i] ? 10 : product[i][j] & 1;
    return crc16((u32)sum, crc);
}

/* A state machine: what kind of number is each word? */

enum { START, SIGN, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, WRONG, STATES };

static u8 text[TEXT];

CALLED int
next_state(int state, u8 c)
{
    int digit = c >= '0' && c <= '9';

    switch (state) {
    case START:
        return digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : WRONG;
    case SIGN:
        return digit ? INTEGER : c == '.' ? POINT : WRONG;
    case INTEGER:
        return digit ? INTEGER : c == '.' ? FRACTION : c == 'e' ? EXPONENT : WRONG;
    case POINT:
        return digit ? FRACTION : WRONG;
    case FRACTION:
        return digit ? FRACTION : c == 'e' ? EXPONENT : WRONG;
    case EXPONENT:
        return digit ? SCIENTIFIC : c == '+' || c == '-' ? EXPONENT_SIGN : WRONG;
    case EXPONENT_SIGN:
    case SCIENTIFIC:
        return digit ? SCIENTIFIC : WRONG;
    }
    return WRONG;
}

static u32
states(u32 seed, u32 crc)
{
    static const char letters[] = "0123456789+-.e, 3571";
    u32 ends[STATES];
    int i, state = START;

    for (i = 0; i < TEXT; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (u8)letters[(seed >> 16) % 20];
    }
    for (i = 0; i < STATES; i++)
        ends[i] = 0;
    for (i = 0; i < TEXT; i++)
        if (text[i] == ',' || text[i] == ' ')
            ends[state]++, state = START;
        else
            state = next_state(state, text[i]);
    for (i = 0; i < STATES; i++)
        crc = crc16(ends[i], crc);
    return crc;
}

u32
work(int variant)
{
    u32 crc = 0xffff, i;

    (void)variant;
    for (i = 0; i < TIMES(500); i++)
        crc = states(i, matrices(i, lists(i, crc)));
    return crc;
}
