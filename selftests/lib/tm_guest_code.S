/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest of tm_guest.c: 32-bit protected mode, no paging, no stack. Works through the pages from
 * ctl->begin to ctl->end, again and again until ctl->stop. Each page begins with its own address,
 * XOR TM_GUEST_SECRET. Or draws pages, as tm_draw_page() does it.
 */
#include "tm_guest.h"

#define CTL(field)	TM_GUEST_CTL + TM_CTL_##field

	.section .rodata
	.code32
	.globl	tm_guest_code, tm_guest_code_end
tm_guest_code:
0:	cmpl	$TM_GUEST_DRAW, CTL(OP)
	je	6f
	movl	CTL(BEGIN), %esi
1:	cmpl	CTL(END), %esi
	jae	5f
	movl	%esi, %eax
	xorl	$TM_GUEST_SECRET, %eax
	cmpl	$TM_GUEST_WRITE, CTL(OP)
	je	2f
	ja	3f
	movl	(%esi), %eax		/* TM_GUEST_READ */
	jmp	4f
2:	movl	%eax, (%esi)
	jmp	4f
3:	cmpl	%eax, (%esi)		/* TM_GUEST_CHECK */
	je	4f
	incl	CTL(BAD)
4:	addl	$4096, %esi
	jmp	1b
5:	incl	CTL(PASSES)
	cmpl	$0, CTL(STOP)
	je	0b
	hlt
	jmp	0b

6:	movl	$TM_GUEST_DRAWS, %edi
	testl	%ebx, %ebx		/* the generator's state */
	jnz	7f
	movl	$TM_GUEST_SECRET, %ebx
7:	movl	%ebx, %eax
	shll	$13, %eax
	xorl	%eax, %ebx
	movl	%ebx, %eax
	shrl	$17, %eax
	xorl	%eax, %ebx
	movl	%ebx, %eax
	shll	$5, %eax
	xorl	%eax, %ebx
	movl	%ebx, %eax
	movl	$10, %ecx		/* one in ten goes to the others */
	mull	%ecx
	movl	CTL(HOT), %ecx
	movl	$0, %esi
	testl	%edx, %edx
	jnz	8f
	movl	%ecx, %esi
	movl	CTL(UNITS), %ecx
	subl	%esi, %ecx
8:	mull	%ecx
	addl	%edx, %esi		/* rank */
	movl	TM_GUEST_TABLE(,%esi,4), %esi
	movl	%ebx, %eax
	andl	CTL(MASK), %eax
	shll	$12, %eax
	addl	%eax, %esi
	movl	%esi, %eax
	xorl	$TM_GUEST_SECRET, %eax
	cmpl	%eax, (%esi)
	je	9f
	incl	CTL(BAD)
9:	movl	CTL(THINK), %ecx
	testl	%ecx, %ecx
	jz	11f
10:	decl	%ecx
	jnz	10b
11:	decl	%edi
	jnz	7b
	jmp	5b
tm_guest_code_end:

	.section .note.GNU-stack, "", @progbits
