/*
 * The start of a program and the stubs: AX is the Tos, argc at 0(SP), argv from 4(SP); a call
 * has its number in AX, the return address at 0(SP) and arguments behind it.
 */
	.text
	.globl _main
_main:
	movl %eax, tos
	movl %esp, entrysp
	pushf
	popl entryflags
	fnstcw entryfcw
	movl 0(%esp), %eax
	leal 4(%esp), %edx
	xorl %ebp, %ebp
	pushl %edx
	pushl %eax
	call main
	pushl $0
	call exits

	.globl cas
cas:				/* cas(p, old, new) */
	movl 4(%esp), %ecx
	movl 8(%esp), %eax
	movl 12(%esp), %edx
	lock
	cmpxchgl %edx, (%ecx)
	sete %al
	movzbl %al, %eax
	ret

	.globl tas
tas:
	movl 4(%esp), %ecx
	movl $1, %eax
	xchgl %eax, (%ecx)
	ret

	.globl setjmp
setjmp:				/* as Plan 9's: sp and pc; here the callee's registers too */
	movl 4(%esp), %ecx
	movl (%esp), %edx
	movl %esp, 0(%ecx)
	movl %edx, 4(%ecx)
	movl %ebx, 8(%ecx)
	movl %esi, 12(%ecx)
	movl %edi, 16(%ecx)
	movl %ebp, 20(%ecx)
	xorl %eax, %eax
	ret

	.globl longjmp
longjmp:
	movl 4(%esp), %ecx
	movl 8(%esp), %eax
	movl 8(%ecx), %ebx
	movl 12(%ecx), %esi
	movl 16(%ecx), %edi
	movl 20(%ecx), %ebp
	movl 0(%ecx), %esp
	movl 4(%ecx), %edx
	movl %edx, 0(%esp)
	ret

	.macro CALL name, number
	.globl \name
\name:
	movl $\number, %eax
	int $0x40
	ret
	.endm

	CALL bind, 2
	CALL chdir, 3
	CALL fauth, 10
	CALL close, 4
	CALL dup, 5
	CALL alarm, 6
	CALL exec, 7
	CALL exits, 8
	CALL segbrk, 12
	CALL open, 14
	CALL sleep, 17
	CALL rfork, 19
	CALL pipe, 21
	CALL create, 22
	CALL fd2path, 23
	CALL brk_, 24
	CALL remove, 25
	CALL notify, 28
	CALL noted, 29
	CALL segattach, 30
	CALL segdetach, 31
	CALL segfree, 32
	CALL rendezvous, 34
	CALL unmount, 35
	CALL semacquire, 37
	CALL semrelease, 38
	CALL sysseek, 39
	CALL errstr, 41
	CALL stat, 42
	CALL fstat, 43
	CALL mount, 46
	CALL await, 47
	CALL pread, 50
	CALL pwrite, 51
	CALL tsemacquire, 52
	CALL sysnsec, 53
	CALL nosuchcall, 48

	.bss
	.globl tos, entrysp, entryflags, entryfcw
	.align 4
tos:	.skip 4
entrysp: .skip 4
entryflags: .skip 4
entryfcw: .skip 4
	.section .note.GNU-stack,"",@progbits
