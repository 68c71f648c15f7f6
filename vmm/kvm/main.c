/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c -- the static program that is one virtual machine. It is part of ktstr, which starts it from a memfd: no
 * dynamic linking before the guest's first instruction, and no libraries in its memory.
 */
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "vmm/kvm/child.h"
#include "vmm/kvm/config.h"

int main(void)
{
	struct err *err = NULL;
	int r = vmm_child_main(&err);
	if (r >= 0)
		return r;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (err)
		err_format(err, &text);
	else
		buf_puts(&text, strerror(-r));
	buf_puts(&text, "\n");
	ssize_t ignored = write(STDERR_FILENO, buf_str(&text), text.len);
	(void)ignored;
	return VMM_EXIT_FAILED;
}
