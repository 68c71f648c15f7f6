/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ticket.h -- fairness between processes, by files in the lock directory.
 *
 * A process that cannot get its CPUs leaves a ticket: a locked file, named after the time since when it waits. Others
 * may overtake a young ticket, so that free CPUs are used. Once a ticket is older than the overtake time, processes
 * that came later take no CPUs until it is gone. A ticket whose lock is free belongs to a dead process and is removed
 * by the next process that finds it.
 */
#ifndef KTSTR_LOCK_TICKET_H
#define KTSTR_LOCK_TICKET_H

#include "lock/flock.h"

#define TICKET_OVERTAKE_TIME (30 * NSEC_PER_SEC)

struct ticket {
	int fd; /* -1: none */
	nsec_t since;
	char name[LOCK_NAME_MAX];
};

#define TICKET_NULL ((struct ticket){ .fd = -1 })

/* All times are CLOCK_BOOTTIME, which the processes share. @since: when the owner began to wait. */
int ticket_take(const struct lock_dir *d, nsec_t since, struct ticket *ret, struct err **err);
/* Removes it. Does nothing on TICKET_NULL. */
void ticket_give_back(const struct lock_dir *d, struct ticket *t);
/* True when a live process has waited longer than @overtake_time, and longer than the owner of @mine. */
bool ticket_must_wait(const struct lock_dir *d, const struct ticket *mine, nsec_t now, nsec_t overtake_time);
bool ticket_urgent(const struct ticket *t, nsec_t now, nsec_t overtake_time);

/*
 * The gate is a lock that a process holds while it scans, plans and takes locks, so that two processes do not each get
 * half of the same CPUs. It only avoids wasted work: the locks are correct without it, and a process that does not get
 * it within @longest goes on. Returns a descriptor to close, or -1. Blocks, so call it on the offload pool.
 */
int gate_enter(const struct lock_dir *d, nsec_t longest);

#endif
