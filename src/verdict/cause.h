/* SPDX-License-Identifier: GPL-2.0-only */
/* cause.h -- finds the cause of a failure in a log, by known messages of kernels, libbpf and schedulers. */
#ifndef KTSTR_VERDICT_CAUSE_H
#define KTSTR_VERDICT_CAUSE_H

#include "base/buf.h"

struct cause {
	const char *what; /* static: "kernel panic", "the BPF verifier rejected it", ... */
	bool by_test;	  /* the test itself causes this, with any scheduler */
	char line[200];	  /* the line of the log, without its time stamp */
};

/* The most specific known cause in a guest kernel's console or message log; false: there is none. */
bool cause_in_kernel_log(const char *text, struct cause *ret);
/* The same for the output of a scheduler that did not load or that ended. */
/* A call of reboot(2): `what` is what became of the machine, "restarted". */
bool cause_of_reboot(const char *text, struct cause *ret);
bool cause_in_scheduler_log(const char *text, struct cause *ret);
/* The last line of @text that is not blank; "" if there is none. */
/* The first line of @text that reads like an error, else the last line; "": there is none. */
void cause_error_line(const char *text, char *out, size_t size);
void cause_last_line(const char *text, char *out, size_t size);

#endif
