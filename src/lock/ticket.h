/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ticket.h -- fairness between processes, by files in the lock directory.
 *
 * A process that cannot get what it wants leaves a ticket: a locked file named after the moment. While a ticket is
 * young others may overtake it, so that free CPUs are used. Once it is older than the patience, everyone who came later
 * stands back until it is gone. A ticket whose lock is free belongs to a process that died, and whoever finds it
 * removes it.
 */
#ifndef KTSTR_LOCK_TICKET_H
#define KTSTR_LOCK_TICKET_H

#include "lock/flock.h"

#define TICKET_PATIENCE (30 * NSEC_PER_SEC)

struct ticket {
	int fd; /* -1: none */
	nsec_t since;
	char name[LOCK_NAME_MAX];
};

#define TICKET_NULL ((struct ticket){ .fd = -1 })

/* All times are of a clock that the processes share: CLOCK_BOOTTIME. @since: from when on its owner waits. */
int ticket_take(const struct lock_dir *d, nsec_t since, struct ticket *ret, struct err **err);
/* Removes it. Harmless on TICKET_NULL. */
void ticket_give_back(const struct lock_dir *d, struct ticket *t);
/* True when someone alive has waited for longer than @patience, and for longer than @mine. */
bool ticket_must_wait(const struct lock_dir *d, const struct ticket *mine, nsec_t now, nsec_t patience);
bool ticket_urgent(const struct ticket *t, nsec_t now, nsec_t patience);

/*
 * The gate: held while a process looks, plans and takes, so that two do not take half of each other's CPUs. It only
 * saves work: locks are right without it, and a gate that someone forgot to open is walked around after @longest.
 * Blocks; for the offload pool. A descriptor to close, or -1.
 */
int gate_enter(const struct lock_dir *d, nsec_t longest);

#endif
