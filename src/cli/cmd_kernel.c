/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_kernel.c -- ktstr kernel build, ktstr kernel list. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/term.h"
#include "cli/commands.h"
#include "kernel/config.h"
#include "kernel/job.h"
#include "reactor/signal.h"
#include "reactor/trace.h"

#define PROGRESS_PERIOD (200 * NSEC_PER_MSEC)

int build_budget(uint64_t cap, unsigned *ret, struct err **err)
{
	cpu_set_t set;
	const char *env = getenv("KTSTR_CPU_CAP");
	unsigned allowed = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	if (!cap && env && *env && parse_u64(env, &cap) < 0)
		return FAIL(err, EXIT_BAD_USAGE, -EINVAL, "KTSTR_CPU_CAP: '%s' is no number", env);
	if (cap > allowed)
		return FAIL(err, EXIT_CONTENTION, -ERANGE,
			    "--cpu-cap %lu is more than the %u CPUs this process may use", cap, allowed);
	*ret = cap ? (unsigned)cap : MAX_OF((allowed * 30 + 99) / 100, 1);
	return 0;
}

int end_trace(struct trace *trace, int result, struct err **err)
{
	_cleanup_err_ struct err *failure = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = trace_close(trace, &failure);
	if (r < 0 && result == 0) {
		if (err)
			*err = TAKE_PTR(failure);
		return r;
	}
	if (r < 0) {
		err_format(failure, &text);
		fprintf(stderr, "warning: %s\n", buf_str(&text));
	}
	return result;
}

/* --- progress: one line, redrawn on a terminal, a new one at each stage elsewhere --------------------------------- */

struct progress {
	struct machine machine;
	struct kernel_job *job;
	struct term term;
	unsigned stage;
	bool drawn;
};

static void describe(const struct kernel_job *job, nsec_t now, struct buf *out)
{
	char elapsed[TIME_TEXT_MAX];
	const char *name = machine_state_name(&job->machine);
	buf_appendf(out, "kernel %s  %-10s", job->version[0] ? job->version : "?", name);
	if (job->machine.state == STAGE_UNPACK && job->tarball_bytes)
		buf_appendf(out, " %3lu%%  %lu files", MIN_OF(job->unpack.read_bytes * 100 / job->tarball_bytes, 100),
			    job->unpack.files);
	else if (job->machine.state == STAGE_BUILD && job->objects_expected)
		buf_appendf(out, " %3lu%%  %lu/%lu objects", MIN_OF(job->objects * 100 / job->objects_expected, 99),
			    job->objects, job->objects_expected);
	else if (job->machine.state == STAGE_BUILD)
		buf_appendf(out, " %lu objects", job->objects);
	buf_appendf(out, "  %s\n", nsec_format(now - job->began, elapsed));
}

static int progress_draw(struct machine *m, int result)
{
	struct progress *p = container_of(m, struct progress, machine);
	_cleanup_buf_ struct buf out = BUF_NULL;
	(void)result;
	if (p->job->ended || m->cancelled)
		return MACHINE_END;
	if (p->term.tty || p->stage != p->job->machine.state || !p->drawn) {
		if (p->term.tty && p->drawn)
			buf_puts(&out, "\033[1A\033[K");
		describe(p->job, m->reactor->now, &out);
		fputs(buf_str(&out), stderr);
		p->drawn = true;
		p->stage = p->job->machine.state;
	}
	machine_sleep(m, PROGRESS_PERIOD);
	return 0;
}

static const struct machine_state progress_states[] = {
	{ .name = "progress", .run = progress_draw, .next = TO(0) | TO_END },
};
static const struct machine_type progress_type = { "progress", progress_states, 1, NULL };

static void on_signal(void *data, int sig)
{
	(void)sig;
	reactor_cancel_all(data);
}

static void report_job(const struct kernel_job *job, const struct cache *cache)
{
	char elapsed[TIME_TEXT_MAX];
	nsec_t spent = job->machine.reactor->now - job->began;
	if (job->result < 0)
		return;
	if (job->hit)
		fprintf(stderr, "cached kernel found: %s/%s\n", cache->root, job->key);
	else if (job->key[0])
		fprintf(stderr, "kernel %s built in %s and cached: %s\n", job->version, nsec_format(spent, elapsed),
			job->key);
	else
		fprintf(stderr, "kernel %s built in place in %s; not cached: the tree is no clean git checkout\n",
			job->version, nsec_format(spent, elapsed));
}

int build_kernel(struct reactor *r, const struct kernel_job_config *config, char *ret_key, size_t size,
		 struct err **err)
{
	struct kernel_job *job = calloc(1, sizeof(*job));
	struct progress progress = { .job = job, .term = term_probe(STDERR_FILENO) };
	struct signals signals;
	sigset_t set;
	if (!job)
		return -ENOMEM;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	int result = signals_init(&signals, r, &set, on_signal, r, err);
	if (result == 0) {
		kernel_job_start(r, job, config, NULL);
		machine_start(r, &progress.machine, &progress_type, NULL, "progress");
		result = reactor_run(r);
	}
	signals_done(&signals);
	report_job(job, config->cache);
	if (result == 0 && job->result < 0) {
		result = job->result;
		if (result == -ECANCELED)
			FAIL(err, EXIT_INTERRUPTED, -ECANCELED, "interrupted; nothing of the build was kept");
		else if (err)
			*err = TAKE_PTR(job->err);
	}
	snprintf(ret_key, size, "%s", job->key);
	kernel_job_done(job);
	free(job);
	return result;
}

/* --- kernel build ------------------------------------------------------------------------------------------------- */

struct build_args {
	const char *source;
	const char *trace;
	bool force, schedulers, json;
	uint64_t cpu_cap;
	struct strings operands;
};

static const struct option_row build_options[] = {
	{ "source", 's', OPTION_STRING, "DIR", "build this source tree in place", offsetof(struct build_args, source) },
	{ "force", 'f', OPTION_FLAG, NULL, "build even when the cache has it", offsetof(struct build_args, force) },
	{ "schedulers", 0, OPTION_FLAG, NULL, "also build the tree's own sched_ext schedulers",
	  offsetof(struct build_args, schedulers) },
	{ "cpu-cap", 0, OPTION_NUMBER, "N", "compilers at once (default: 30 % of the CPUs)",
	  offsetof(struct build_args, cpu_cap) },
	{ "trace", 0, OPTION_STRING, "FILE", "write what happened when, as a Chrome trace",
	  offsetof(struct build_args, trace) },
	{ "json", 0, OPTION_FLAG, NULL, "print the result as JSON", offsetof(struct build_args, json) },
	{ 0 },
};

static int build_source(const struct build_args *a, const char **ret, struct err **err)
{
	if (!a->source == !a->operands.count || a->operands.count > 1)
		return FAIL(err, EXIT_BAD_USAGE, -EINVAL, "kernel build wants one of: distro, a tarball, --source DIR");
	*ret = a->source ? a->source : a->operands.item[0];
	return 0;
}

static int build_identified(const struct build_args *a, const struct cache *cache, const struct kernel_id *id,
			    char *key, size_t size, struct err **err)
{
	struct kernel_job_config config = { .cache = cache, .id = *id, .force = a->force, .schedulers = a->schedulers };
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	struct trace *trace = NULL;
	if (id->kind == KERNEL_ID_CACHED) {
		snprintf(key, size, "%s", id->key);
		return 0;
	}
	int result = build_budget(a->cpu_cap, &config.jobs, err);
	if (result == 0)
		result = reactor_new(&r, err);
	if (result == 0 && a->trace)
		result = trace_open(&trace, r, a->trace, err);
	if (result == 0)
		result = build_kernel(r, &config, key, size, err);
	return end_trace(trace, result, err);
}

static int run_build(void *args, struct err **err)
{
	const struct build_args *a = args;
	_cleanup_(cache_done) struct cache cache = { 0 };
	_cleanup_(kernel_id_done) struct kernel_id id = { 0 };
	_cleanup_free_ char *dotted = NULL;
	const char *text = NULL;
	char key[160] = "";
	int r = build_source(a, &text, err);
	if (r == 0)
		r = cache_open(&cache, err);
	/* --source names a directory, whatever it looks like. */
	if (r == 0 && a->source && !strchr(text, '/')) {
		if (asprintf(&dotted, "./%s", text) < 0)
			return -ENOMEM;
		text = dotted;
	}
	if (r == 0)
		r = kernel_identify(&cache, text, &id, err);
	if (r == 0)
		r = build_identified(a, &cache, &id, key, sizeof(key), err);
	if (r < 0)
		return r;
	if (a->json)
		printf("{\"key\":\"%s\",\"path\":\"%s%s%s\"}\n", key, key[0] ? cache.root : id.path, key[0] ? "/" : "",
		       key);
	return 0;
}

const struct command cmd_kernel_build = {
	.name = "kernel build",
	.summary = "Build a kernel and keep it in the cache",
	.operands = "[distro | TARBALL]",
	.text = "Unpacks, configures (lean), builds, validates and stores a kernel. \"distro\" is the distribution's "
		"own source "
		"package. A source tree is built in place and kept only when it is a clean git checkout.",
	.option = build_options,
	.size = sizeof(struct build_args),
	.operands_at = offsetof(struct build_args, operands),
	.run = run_build,
};

/* --- kernel list -------------------------------------------------------------------------------------------------- */

struct list_args {
	bool json;
};

static const struct option_row list_options[] = {
	{ "json", 0, OPTION_FLAG, NULL, "print as JSON", offsetof(struct list_args, json) },
	{ 0 },
};

static json_t *hash_or_null(bool has, uint32_t hash)
{
	char text[16];
	snprintf(text, sizeof(text), "%08x", hash);
	return has ? json_string(text) : json_null();
}

static json_t *entry_json(const struct cache_entry *e)
{
	static const char *const statuses[] = { "matches", "stale", "untracked" };
	if (e->error_kind)
		return json_pack("{s:s, s:s, s:s, s:s}", "key", e->key, "path", e->path, "error", e->error ?: "",
				 "error_kind", e->error_kind);
	json_t *o = json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s?, s:s, s:b, s:b, s:b}", "key", e->key, "path", e->path,
			      "version", e->version, "source", e->source, "arch", e->arch, "built_at", e->built_at,
			      "kconfig_status", statuses[e->status], "has_vmlinux", e->has_vmlinux, "vmlinux_stripped",
			      e->vmlinux_stripped, "has_schedulers", e->has_schedulers);
	_cleanup_free_ char *image = NULL;
	if (asprintf(&image, "%s/%s", e->path, e->image_name) < 0)
		image = NULL;
	json_object_set_new(o, "ktstr_kconfig_hash", hash_or_null(e->has_kconfig_hash, e->kconfig_hash));
	json_object_set_new(o, "config_hash", hash_or_null(e->config_hash != 0, e->config_hash));
	json_object_set_new(o, "image_name", json_string(e->image_name));
	json_object_set_new(o, "image_path", json_string_or_null(image));
	return o;
}

static int print_json_list(const struct cache_entry *list, size_t count)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_t *entries = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(entries, entry_json(&list[i]));
	json_auto_t *root = json_pack("{s:o, s:o}", "current_ktstr_kconfig_hash",
				      hash_or_null(true, kconfig_lean_hash()), "entries", entries);
	json_print(root, true, &text);
	fputs(buf_str(&text), stdout);
	return 0;
}

static void print_row(const struct cache_entry *e)
{
	static const char *const tags[] = { "", " (stale kconfig)", " (untracked kconfig)" };
	if (e->error_kind)
		printf("  %-48s (corrupt: %s)\n", e->key, e->error ?: e->error_kind);
	else
		printf("  %-48s %-12s %-8s %-7s %s%s\n", e->key, e->version ?: "-", e->source, e->arch,
		       e->built_at ?: "-", tags[e->status]);
}

static int print_list(const struct cache_entry *list, size_t count)
{
	bool stale = false, corrupt = false;
	if (!count) {
		puts("no cached kernels. Run `ktstr kernel build distro` to build the distribution's.");
		return 0;
	}
	printf("  %-48s %-12s %-8s %-7s %s\n", "KEY", "VERSION", "SOURCE", "ARCH", "BUILT");
	for (size_t i = 0; i < count; i++) {
		print_row(&list[i]);
		corrupt |= list[i].error_kind != NULL;
		stale |= !list[i].error_kind && list[i].status == KCONFIG_STALE;
	}
	if (stale)
		fputs("warning: entries marked (stale kconfig) were built against another lean configuration; rebuild "
		      "them with "
		      "`ktstr kernel build --force`\n",
		      stderr);
	if (corrupt)
		fputs("warning: entries marked (corrupt) cannot be used: metadata or image are missing or damaged; "
		      "remove their "
		      "directories\n",
		      stderr);
	return 0;
}

static int run_list(void *args, struct err **err)
{
	const struct list_args *a = args;
	_cleanup_(cache_done) struct cache cache = { 0 };
	struct cache_entry *list;
	size_t count;
	int r = cache_open(&cache, err);
	if (r == 0)
		r = cache_list(&cache, &list, &count, err);
	if (r < 0)
		return r;
	if (!a->json)
		fprintf(stderr, "cache: %s\n", cache.root);
	r = a->json ? print_json_list(list, count) : print_list(list, count);
	entries_free(list, count);
	return fflush(stdout) == 0 ? r : -errno;
}

const struct command cmd_kernel_list = {
	.name = "kernel list",
	.summary = "List the kernels in the cache",
	.text = "Newest first; entries that cannot be used are marked with the reason.",
	.option = list_options,
	.size = sizeof(struct list_args),
	.run = run_list,
};
