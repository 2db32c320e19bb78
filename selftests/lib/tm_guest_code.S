/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest of tm_guest.c: 32-bit protected mode, no paging, no stack. Works through the pages from
 * ctl->begin to ctl->end, again and again until ctl->stop. Each page begins with its own address,
 * XOR TM_GUEST_SECRET.
 */
#include "tm_guest.h"

#define CTL(field)	TM_GUEST_CTL + TM_CTL_##field

	.section .rodata
	.code32
	.globl	tm_guest_code, tm_guest_code_end
tm_guest_code:
0:	movl	CTL(BEGIN), %esi
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
tm_guest_code_end:

	.section .note.GNU-stack, "", @progbits
