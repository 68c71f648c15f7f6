/* SPDX-License-Identifier: GPL-2.0-only */
/* fork.c -- work types that create short-lived processes or move between cgroups. */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "guest/cgroup.h"
#include "guest/work/work.h"

/* Waits for the child. If it never ends, the report blames the child, not the waiting worker. */
static void await_child(struct ktstr_worker *w, pid_t pid)
{
	atomic_store(&w->slot->child, pid);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	atomic_store(&w->slot->child, 0);
}

void fork_exit(struct ktstr_worker *w)
{
	pid_t pid = fork();
	if (pid == 0) {
		stamp(w, &w->slot->stamp);
		_exit(0);
	}
	if (pid < 0)
		return;
	ktstr_worker_block(w);
	await_child(w, pid);
	worker_woken_since(w, &w->slot->stamp);
	worker_count(w, 1);
}

/* --- cgroups ------------------------------------------------------------------------------------------------------ */

struct move_state {
	nsec_t next;
	unsigned siblings;
	char path[GROUP_PATHS_MAX][sizeof(GUEST_CGROUP) + WIRE_NAME_MAX + 32];
};

/* The engine has created the siblings, with the cgroup's own cpuset. */
void cgroup_churn_begin(struct ktstr_worker *w)
{
	struct move_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	s->siblings = MIN_OF(or_default(w->work->groups, 2), (unsigned)GROUP_PATHS_MAX);
	for (unsigned i = 0; i < s->siblings; i++)
		snprintf(s->path[i], sizeof(s->path[i]), GUEST_CGROUP "/" CGROUP_SIBLING_FORMAT "/cgroup.procs",
			 w->cgroup, i);
	s->next = nsec_now();
	w->state = s;
}

static int move_to(const char *path, pid_t pid)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", pid);
	return file_write(path, text);
}

void cgroup_churn(struct ktstr_worker *w)
{
	struct move_state *s = w->state;
	nsec_t now = nsec_now();
	if (now >= s->next) {
		s->next = now + or_default(w->work->interval_ms, 100) * NSEC_PER_MSEC;
		move_to(s->path[rng_below(&w->rng, s->siblings)], w->slot->report.tid);
	}
	ktstr_worker_spin(w, SPIN_UNITS);
	ktstr_worker_turn(w, SPIN_UNITS);
}

/* Moves the child to another cgroup while the child exits. */
void cgroup_attach_storm(struct ktstr_worker *w)
{
	struct move_state *s = w->state;
	pid_t pid = fork();
	if (pid == 0) {
		stamp(w, &w->slot->stamp);
		_exit(0);
	}
	if (pid < 0)
		return;
	move_to(s->path[rng_below(&w->rng, s->siblings)], pid);
	ktstr_worker_block(w);
	await_child(w, pid);
	worker_woken_since(w, &w->slot->stamp);
	worker_count(w, 1);
}
