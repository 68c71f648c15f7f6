/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_machine.h -- a machine of this user that runs now: which one is meant, and its kernel seen in its memory. The
 * guest goes on and does not notice.
 */
#ifndef KTSTR_CLI_LIVE_MACHINE_H
#define KTSTR_CLI_LIVE_MACHINE_H

#include "monitor/inspect.h"
#include "run/machine_card.h"
#include "run/watched_kernel.h"

struct live_machine {
	struct machine_card card;
	struct watched_kernel kernel;
	struct guestmem memory;
	struct view view;
	bool found; /* the kernel in the guest's memory */
};

/*
 * Of the machines that are meant, the one that started last. @word: a part of a machine's name, the id of a run, or a
 * process; NULL: any machine. -ENOENT: there is none.
 */
int live_machine_choose(const char *word, struct machine_card *ret, struct err **err);
/* The machine that the same process started after @last. False: there is none now. */
bool live_machine_next(const struct machine_card *last, const char *word, struct machine_card *ret);
/* Calls @visit for each machine that is meant, in the order of their starts. */
int live_machines_visit(const char *word, void (*visit)(const struct machine_card *card, void *arg), void *arg,
			struct err **err);

/* Opens the machine of the card. -ESRCH: it has ended. The caller calls live_machine_close(), also after an error. */
int live_machine_open(struct live_machine *m, struct err **err);
void live_machine_close(struct live_machine *m);
bool live_machine_runs(const struct live_machine *m);
/*
 * Begins to look at its kernel. 1: not possible now, @why says why. The caller calls inspect_end() after 0.
 */
int live_machine_inspect(struct live_machine *m, struct inspector *in, const char **why);

#endif
