/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * semihosting.S -- a program without a kernel. It reads four bytes of the host's /etc/hostname by semihosting calls, and
 * ends the machine with the first of them as status; with 7 if nothing was read.
 */
	.global _start
_start:
	mov	w0, #1			/* SYS_OPEN */
	adr	x1, open_block
	hlt	#0xf000
	adr	x1, read_block
	str	x0, [x1]
	adr	x2, buffer
	str	x2, [x1, #8]
	mov	w0, #6			/* SYS_READ */
	hlt	#0xf000
	adr	x2, buffer
	ldrb	w3, [x2]
	adr	x1, exit_block
	str	x3, [x1, #8]
	mov	w0, #0x20		/* SYS_EXIT_EXTENDED */
	hlt	#0xf000
1:	b	1b
	.balign	8
open_block:
	.quad	name, 0, 13
read_block:
	.quad	0, 0, 4
exit_block:
	.quad	0x20026, 0		/* ADP_Stopped_ApplicationExit */
buffer:
	.quad	7
name:
	.asciz	"/etc/hostname"
