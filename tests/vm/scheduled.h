/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scheduled.h -- for observed.c: feeds the schedule model from an observed guest, and compares it with the kernel's own
 * statistics at each switch.
 */
#ifndef KTSTR_TESTS_VM_SCHEDULED_H
#define KTSTR_TESTS_VM_SCHEDULED_H

#include <stdio.h>

#include "vmm/vm.h"

struct scheduled;

/* NULL: the environment does not ask for it, or another reason, which is printed. */
struct scheduled *scheduled_new(const struct vm_config *c);
unsigned scheduled_hooks(const struct scheduled *s, struct observe_hook *out);
void scheduled_record(struct scheduled *s, const struct observe_record *r);
void scheduled_print(struct scheduled *s, FILE *f);
void scheduled_free(struct scheduled *s);

#endif
