/* SPDX-License-Identifier: GPL-2.0-only */
/* keys.c -- see keys.h. */
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "funify/keys.h"

/* clang-format off */
static const char *const kept_names[] = {
	"schema", "version", "type", "kind", "status", "state", "result", "verdict", "outcome", "phase", "policy",
	"priority", "nice", "weight", "capacity", "size", "len", "length", "depth", "index", "idx", "level",
	"tier", "rank", "slot", "epoch", "generation", "nr_running", "nr_queued", "nr_failed", "nr_switches",
	"runqueue_depth", "event", "cnt", "nsecs", "misses", "verified_insns", "cycles", "instructions",
	"cache_misses", "branch_misses", "flags", "ops_qseq", "kick_sync", "nr_immed", "rq_clock", "nr", "seq",
	"nr_threads", "prio", "static_prio", "normal_prio", "nvcsw", "nivcsw", "bytes_read", "bytes_written",
	"io_errors", "cpus", "cpuset_cpus",
	/* events of sched_ext */
	"select_cpu_fallback", "dispatch_local_dsq_offline", "dispatch_keep_last", "enq_skip_exiting",
	"enq_skip_migration_disabled", "refill_slice_dfl", "bypass_duration", "bypass_dispatch", "bypass_activate",
	"insert_not_owned", "sub_bypass_dispatch", "reenq_immed", "reenq_local_repeat",
};
static const char *const kept_prefixes[] = {
	"numa_", "signal_", "scx_ev_",
};
static const char *const kept_suffixes[] = {
	"_count", "_total", "_completed", "_dropped", "_failed", "_skipped", "_throttled", "_read", "_written",
	"_errors", "_per_sec", "_per_ms", "_rate", "_hz", "_ratio", "_fraction", "_pct", "_percent", "_ns", "_us",
	"_ms", "_sec", "_seconds", "_bytes", "_kb", "_mb", "_gb", "_pages", "_min", "_max", "_mean", "_avg",
	"_stddev", "_p50", "_p90", "_p95", "_p99", "_capacity", "_size", "_depth", "_len", "_length", "_weight",
	"_nice", "_priority", "_index", "_idx", "_offset", "_generation", "_epoch", "_version", "_status",
	"_state", "_kind", "_type", "_phase", "_verdict", "_outcome",
};
static const char *const narrow_names[] = {
	"uid", "gid", "euid", "egid", "cpu", "cpu_id", "node_id", "pid", "tid", "tgid", "ppid",
};
/* clang-format on */

static bool is_kept_by_affix(const char *key)
{
	size_t len = strlen(key);
	for (size_t i = 0; i < ARRAY_SIZE(kept_prefixes); i++)
		if (!strncasecmp(key, kept_prefixes[i], strlen(kept_prefixes[i])))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(kept_suffixes); i++) {
		size_t end = strlen(kept_suffixes[i]);
		if (len >= end && !strcasecmp(key + len - end, kept_suffixes[i]))
			return true;
	}
	return false;
}

enum key_kind key_classify(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept_names); i++)
		if (!strcasecmp(key, kept_names[i]))
			return KEY_KEPT;
	if (is_kept_by_affix(key))
		return KEY_KEPT;
	for (size_t i = 0; i < ARRAY_SIZE(narrow_names); i++)
		if (!strcasecmp(key, narrow_names[i]))
			return KEY_NARROW;
	return KEY_REPLACED;
}
