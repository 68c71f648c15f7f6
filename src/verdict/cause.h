/* SPDX-License-Identifier: GPL-2.0-only */
/* cause.h -- what a log says went wrong: known lines of kernels, libbpf and schedulers, and what each of them means. */
#ifndef KTSTR_VERDICT_CAUSE_H
#define KTSTR_VERDICT_CAUSE_H

#include "base/buf.h"

struct cause {
	const char *what; /* "kernel panic", "BPF verifier rejected the scheduler", ... static */
	bool by_test;	  /* the test brings this about by itself, whatever the scheduler does */
	char line[200];	  /* the line that says so, without its time stamp */
};

/* The gravest known cause in a guest kernel's console or message log; false when there is none. */
bool cause_in_kernel_log(const char *text, struct cause *ret);
/* The same in the output of a scheduler that did not load or did not stay. */
bool cause_in_scheduler_log(const char *text, struct cause *ret);
/* The last line of @text that is not blank; "" when there is none. */
void cause_last_line(const char *text, char *out, size_t size);

#endif
