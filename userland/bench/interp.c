/*
 * An interpreter of a small machine with a stack: by a switch, or with GOTO by computed gotos.
 * It runs the sieve of Eratosthenes.
 */
#include "work.h"

#define OPERATIONS(X) \
    X(PUSH) X(LOAD) X(STORE) X(ADD) X(LESS) X(FETCH) X(PUT) X(JUMP) X(JUMPZ) X(JUMPNZ) X(STOP)

#define NAME(op) op,
enum { OPERATIONS(NAME) };

enum { N = 2000, I = 0, J = 1, COUNT = 2, OUTER = 0, INNER, FOUND, NEXT, END };

static int program[128], size, label[5];
static u8 memory[N];

static void
put(int op, int argument)
{
    program[size++] = op;
    program[size++] = argument;
}

/* Twice, as the first time does not know yet where the labels ahead are. */
static void
assemble(void)
{
    size = 0;
    put(PUSH, 2), put(STORE, I);
    label[OUTER] = size;
    put(LOAD, I), put(PUSH, N), put(LESS, 0), put(JUMPZ, label[END]);
    put(LOAD, I), put(FETCH, 0), put(JUMPNZ, label[NEXT]);
    put(LOAD, I), put(LOAD, I), put(ADD, 0), put(STORE, J);
    label[INNER] = size;
    put(LOAD, J), put(PUSH, N), put(LESS, 0), put(JUMPZ, label[FOUND]);
    put(PUSH, 1), put(LOAD, J), put(PUT, 0);
    put(LOAD, J), put(LOAD, I), put(ADD, 0), put(STORE, J), put(JUMP, label[INNER]);
    label[FOUND] = size;
    put(LOAD, COUNT), put(PUSH, 1), put(ADD, 0), put(STORE, COUNT);
    label[NEXT] = size;
    put(LOAD, I), put(PUSH, 1), put(ADD, 0), put(STORE, I), put(JUMP, label[OUTER]);
    label[END] = size;
    put(STOP, 0);
}

CALLED u32
interpret(void)
{
    int variable[3] = {0, 0, 0}, stack[8], *sp = stack, at = 0, op, argument;

#define FETCH_NEXT() (op = program[at], argument = program[at + 1], at += 2)
#ifdef GOTO
#define ADDRESS(op) &&do_##op,
    static const void *const where[] = {OPERATIONS(ADDRESS)};
#define CASE(op) do_##op
#define GO() do { FETCH_NEXT(); goto *where[op]; } while (0)
    GO();
#else
#define CASE(op) case op
#define GO() break
    for (;;) {
        FETCH_NEXT();
        switch (op) {
#endif
        CASE(PUSH): *sp++ = argument; GO();
        CASE(LOAD): *sp++ = variable[argument]; GO();
        CASE(STORE): variable[argument] = *--sp; GO();
        CASE(ADD): sp--, sp[-1] += sp[0]; GO();
        CASE(LESS): sp--, sp[-1] = sp[-1] < sp[0]; GO();
        CASE(FETCH): sp[-1] = memory[sp[-1]]; GO();
        CASE(PUT): sp -= 2, memory[sp[1]] = (u8)sp[0]; GO();
        CASE(JUMP): at = argument; GO();
        CASE(JUMPZ): if (*--sp == 0) at = argument; GO();
        CASE(JUMPNZ): if (*--sp) at = argument; GO();
        CASE(STOP): return (u32)variable[COUNT];
#ifndef GOTO
        }
    }
#endif
}

u32
work(int variant)
{
    u32 sum = 0;
    int i, times;

    (void)variant;
    assemble();
    assemble();
    for (times = 0; times < TIMES(70); times++) {
        for (i = 0; i < N; i++)
            memory[i] = 0;
        sum = sum * 31 + interpret();
    }
    return sum;
}
