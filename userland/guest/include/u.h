/*
 * The machine: names for the sizes of things on a 32-bit x86.
 * Source: 0intro(2); every program includes this first, libc.h second.
 */
#ifndef VX9_U_H
#define VX9_U_H

#define nil ((void *)0)

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef signed char schar;
typedef long long vlong;
typedef unsigned long long uvlong;

typedef signed char s8int;
typedef unsigned char u8int;
typedef short s16int;
typedef unsigned short u16int;
typedef int s32int;
typedef unsigned int u32int;
typedef long long s64int;
typedef unsigned long long u64int;
typedef unsigned long uintptr;
typedef long intptr;
typedef unsigned long usize;
typedef long ssize;

typedef uint Rune; /* one Unicode character */

typedef union FPdbleword FPdbleword;
union FPdbleword {
    double x;
    struct {
        ulong lo;
        ulong hi;
    };
};

/* where setjmp keeps what it must restore: ebx esi edi ebp sp pc */
typedef long jmp_buf[6];
#define JMPBUFSP 4
#define JMPBUFPC 5
#define JMPBUFDPC 0

typedef __builtin_va_list va_list;
#define va_start(list, last) __builtin_va_start(list, last)
#define va_arg(list, type) __builtin_va_arg(list, type)
#define va_end(list) __builtin_va_end(list)
#define va_copy(to, from) __builtin_va_copy(to, from)

/* FCR */
#define FPINEX (1 << 5)
#define FPUNFL ((1 << 4) | (1 << 1))
#define FPOVFL (1 << 3)
#define FPZDIV (1 << 2)
#define FPINVAL (1 << 0)
#define FPRNR (0 << 10)
#define FPRZ (3 << 10)
#define FPRPINF (2 << 10)
#define FPRNINF (1 << 10)
#define FPRMASK (3 << 10)
#define FPPEXT (3 << 8)
#define FPPSGL (0 << 8)
#define FPPDBL (2 << 8)
#define FPPMASK (3 << 8)
/* FSR */
#define FPAINEX FPINEX
#define FPAUNFL FPUNFL
#define FPAOVFL FPOVFL
#define FPAZDIV FPZDIV
#define FPAINVAL FPINVAL

#ifndef __cplusplus
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#endif
