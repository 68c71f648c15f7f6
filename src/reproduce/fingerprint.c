/* SPDX-License-Identifier: GPL-2.0-only */
/* fingerprint.c -- groups of like tasks; see fingerprint.h. */
#include "reproduce/fingerprint.h"

#include <stdio.h>
#include <string.h>

const char *const note_words[] = {
	[NOTE_UNKNOWN] = "unknown", [NOTE_GUESSED] = "guessed", [NOTE_CHANGED] = "changed", [NOTE_LEFT_OUT] = "left out"
};
const char *const hint_words[] = {
	[HINT_SPIN] = "spin_wait",	  [HINT_BURSTY] = "bursty",    [HINT_PIPE] = "pipe_io",
	[HINT_FUTEX] = "futex_ping_pong", [HINT_IO] = "io_sync_write", [HINT_YIELD] = "yield_heavy",
	[HINT_MUTEX] = "mutex_contention"
};

void fingerprint_done(struct fingerprint *f)
{
	json_decref(f->cgroups);
	f->cgroups = NULL;
}

void fingerprint_note(struct fingerprint *f, enum note_kind kind, const char *fmt, ...)
{
	va_list ap;
	if (f->notes == NOTES_MAX)
		return;
	struct note *n = &f->note[f->notes++];
	n->kind = kind;
	va_start(ap, fmt);
	vsnprintf(n->text, sizeof(n->text), fmt, ap);
	va_end(ap);
}

bool is_kernel_thread(const char *comm)
{
	static const char *const prefixes[] = {
		"kworker",	  "ksoftirqd/", "migration/",	"rcu",	      "kthreadd", "kswapd",	  "kcompactd",
		"cpuhp/",	  "irq/",	"idle_inject/", "khugepaged", "ksmd",	  "kdevtmpfs",	  "kauditd",
		"oom_reaper",	  "writeback",	"kblockd",	"jbd2/",      "ext4-",	  "xfs",	  "kintegrityd",
		"scsi_",	  "watchdogd",	"khungtaskd",	"kthrotld",   "swapper/", "mm_percpu_wq", "sched_ext_",
		"pool_workqueue", "netns",	"inet_frag",	"psimon"
	};
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(comm, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static bool is_alike(const struct group_key *a, const struct group_key *b)
{
	return !strcmp(a->cgroup, b->cgroup) && !strcmp(a->name, b->name) && !strcmp(a->policy, b->policy) &&
	       !strcmp(a->affinity, b->affinity) && a->priority == b->priority && a->nice == b->nice &&
	       a->work == b->work;
}

static struct group *find_group(struct fingerprint *f, const struct group_key *key)
{
	for (unsigned i = 0; i < f->groups; i++)
		if (is_alike(&f->group[i].key, key))
			return &f->group[i];
	return NULL;
}

/* With all places taken, the group that uses least gives way to a task that uses more. */
static struct group *make_group(struct fingerprint *f, double cpus)
{
	if (f->groups < GROUPS_MAX)
		return &f->group[f->groups++];
	struct group *least = &f->group[0];
	for (unsigned i = 1; i < GROUPS_MAX; i++)
		if (!f->group[i].has_victim && (least->has_victim || f->group[i].cpus < least->cpus))
			least = &f->group[i];
	if (least->has_victim || least->cpus >= cpus)
		return NULL;
	f->lost += least->tasks;
	return least;
}

void fingerprint_add(struct fingerprint *f, const struct group_key *key, double cpus, double burst_ms, double sleep_ms)
{
	struct group *g = find_group(f, key);
	if (!g) {
		g = make_group(f, cpus);
		if (!g) {
			f->lost++;
			return;
		}
		*g = (struct group){ .key = *key };
	}
	g->burst_ms = (g->burst_ms * g->tasks + burst_ms) / (g->tasks + 1);
	g->sleep_ms = (g->sleep_ms * g->tasks + sleep_ms) / (g->tasks + 1);
	g->cpus = cpus < 0 ? -1 : g->cpus + cpus;
	g->tasks++;
	g->has_victim |= *f->victim && !strcmp(key->name, f->victim);
}
