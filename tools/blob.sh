#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# blob.sh FILE OBJECT NAME -- an object file with FILE between the symbols NAME_start and NAME_end.
set -eu
cat > "$2.s" <<ASM
	.section .rodata
	.balign 16
	.global ${3}_start, ${3}_end
${3}_start:
	.incbin "$1"
${3}_end:
	.byte 0
	.section .note.GNU-stack,"",%progbits
ASM
${CC:-cc} -c "$2.s" -o "$2"
rm -f "$2.s"
