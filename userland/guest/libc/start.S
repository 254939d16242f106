/*
 * The first instructions of every program.  The kernel enters with AX = the Tos
 * block, argc at 0(SP) and argv from 4(SP).  Source: exec(2).
 */
    .text
    .globl  _main
    .type   _main, @function
_main:
    movl    %eax, _tos
    movl    (%esp), %eax
    leal    4(%esp), %edx
    xorl    %ebp, %ebp              /* ends a trace of stack frames */
    andl    $-16, %esp
    subl    $8, %esp
    pushl   %edx
    pushl   %eax
    call    _begin
    .size   _main, .-_main

    .section .note.GNU-stack,"",@progbits
