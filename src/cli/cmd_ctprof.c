/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_ctprof.c -- ktstr ctprof: profiles of all threads of a host, and what changed between two of them. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/result_name.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/guest_core.h"
#include "cli/live_machine.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "ctprof/capture.h"
#include "ctprof/compress.h"
#include "ctprof/guest.h"
#include "ctprof/rows_text.h"
#include "report/host.h"

#define LIVE_TRIES 8

/* --- ctprof capture ----------------------------------------------------------------------------------------------- */

struct capture_args {
	const char *output, *root, *vm, *vmlinux;
};

static const struct option_row capture_options[] = {
	OPT_STRING(struct capture_args, output, "output", 'o', "FILE",
		   "write to FILE, by default TIME.ctprof.zst in the current directory; - prints plain JSON"),
	OPT_STRING(struct capture_args, root, "root", 0, "DIR",
		   "read a copy of another host's /proc and /sys below DIR"),
	OPT_STRING(struct capture_args, vm, "vm", 0, "FILE|RUN|MACHINE",
		   "read a guest's kernel from outside: a memory image NAME.vmcore, the directory of a run that has "
		   "one, or a running machine as 'ktstr top' names it"),
	OPT_STRING(struct capture_args, vmlinux, "vmlinux", 0, "FILE",
		   "the kernel that ran, for --vm with an image: a vmlinux with symbols and BTF"),
	OPT_END,
};

static char *default_output(void)
{
	struct tm tm;
	time_t now = time(NULL);
	char name[64] = "host.ctprof.zst";
	if (gmtime_r(&now, &tm))
		strftime(name, sizeof(name), "%Y%m%dT%H%M%SZ.ctprof.zst", &tm);
	return strdup(name);
}

static int write_snapshot(const char *path, const struct buf *text, struct err **err)
{
	_cleanup_buf_ struct buf packed = BUF_NULL;
	int r = zstd_compress(text->data, text->len, &packed, err);
	r = r < 0 ? r : file_write_output(path, packed.data, packed.len, 0644, err);
	if (r == 0)
		say_printf("ktstr: wrote host-state snapshot to %s\n", path);
	return r;
}

static int store_snapshot(const struct capture_args *a, const struct profile *s, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *path = a->output ? strdup(a->output) : default_output();
	profile_print(s, &text);
	if (!path || text.failed)
		return -ENOMEM;
	if (strcmp(path, "-") != 0)
		return write_snapshot(path, &text, err);
	out_buf(&text);
	return 0;
}

/* The only memory image in the directory of a run, or @path itself. The caller frees. */
static int find_core(const char *path, char **ret, struct err **err)
{
	DIR *d = opendir(path);
	unsigned found = 0;
	if (!d) {
		*ret = strdup(path);
		return *ret ? 0 : -ENOMEM;
	}
	for (struct dirent *e; (e = readdir(d));) {
		size_t length = strlen(e->d_name), suffix = strlen(MEMORY_SUFFIX);
		if (length <= suffix || strcmp(e->d_name + length - suffix, MEMORY_SUFFIX) || found++)
			continue;
		*ret = path_join(path, e->d_name);
	}
	closedir(d);
	if (found == 1)
		return *ret ? 0 : -ENOMEM;
	free(TAKE_PTR(*ret));
	return FAIL(err, ERR_DATA, -ENOENT, "'%s' has %u memory image%s (NAME%s); %s", path, found, plural(found),
		    MEMORY_SUFFIX,
		    found ? "name one of them" : "'ktstr test --keep-memory' keeps those of tests that do not pass");
}

static int capture_core(const char *path, const char *vmlinux, struct profile *ret, struct err **err)
{
	_cleanup_(guest_core_free_p) struct guest_core *c = NULL;
	struct inspector in;
	struct stat st;
	int r = guest_core_open(path, vmlinux, &c, err);
	if (r < 0)
		return r;
	const struct inspect_config config = { .view = &c->view, .layout = &c->layout };
	if (stat(path, &st) < 0 || inspect_begin(&in, &config) < 0)
		return -ENOMEM;
	const struct guest_source from = { .in = &in,
					   .types = c->image.types,
					   .name = path_basename(path),
					   .captured_at = (uint64_t)st.st_mtim.tv_sec * (uint64_t)NSEC_PER_SEC +
							  (uint64_t)st.st_mtim.tv_nsec };
	r = capture_guest(&from, ret, err);
	inspect_end(&in);
	return r;
}

static int run_capture_core(const struct capture_args *a, struct profile *s, struct err **err)
{
	_cleanup_free_ char *path = NULL;
	int r = find_core(a->vm, &path, err);
	if (r == 0 && a->output)
		r = file_check_not_input(a->output, path, err);
	if (r == 0 && a->output && a->vmlinux)
		r = file_check_not_input(a->output, a->vmlinux, err);
	return r < 0 ? r : capture_core(path, a->vmlinux, s, err);
}

/* 1: some threads are missing. */
static int capture_moment(struct live_machine *m, struct profile *ret, struct err **err)
{
	struct inspector in;
	const char *why;
	int r = live_machine_inspect(m, &in, &why);
	if (r > 0)
		return FAIL(err, ERR_BUSY, -EAGAIN,
			    "the machine '%s' cannot be looked at: %s; try again when it has booted", m->card.name,
			    why);
	if (r < 0)
		return r;
	const struct guest_source from = { .in = &in,
					   .types = m->kernel.image.types,
					   .name = m->card.name,
					   .running = true,
					   .captured_at = (uint64_t)nsec_clock(CLOCK_REALTIME) };
	r = capture_guest(&from, ret, err);
	inspect_end(&in);
	return r;
}

/* The list of tasks can change under a walk, so a few moments are tried. */
static int capture_running(struct live_machine *m, struct profile *ret, struct err **err)
{
	int r = capture_moment(m, ret, err);
	for (unsigned i = 1; r > 0 && i < LIVE_TRIES; i++) {
		profile_done(ret);
		r = capture_moment(m, ret, err);
	}
	return r;
}

static int run_capture_machine(const struct capture_args *a, struct profile *s, struct err **err)
{
	struct live_machine m = { 0 };
	if (a->vmlinux)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "a running machine says which kernel it runs; leave --vmlinux out");
	int r = live_machine_choose(a->vm, &m.card, err);
	if (r < 0) {
		err_hint(*err, "--vm also takes a memory image, or the directory of a run that has one");
		return r;
	}
	r = live_machine_open(&m, err);
	r = r < 0 ? r : capture_running(&m, s, err);
	live_machine_close(&m);
	return r;
}

static int run_capture_vm(const struct capture_args *a, struct err **err)
{
	_cleanup_(profile_done) struct profile s = { 0 };
	if (a->root)
		return FAIL(err, ERR_USAGE, -EINVAL, "--vm and --root are two places to read; give one");
	/* The name of an existing file means that file, and not a machine. */
	bool file = strchr(a->vm, '/') || access(a->vm, F_OK) == 0;
	int r = file ? run_capture_core(a, &s, err) : run_capture_machine(a, &s, err);
	return r < 0 ? r : store_snapshot(a, &s, err);
}

static int run_capture(void *args, struct err **err)
{
	const struct capture_args *a = args;
	if (a->vm)
		return run_capture_vm(a, err);
	if (a->vmlinux)
		return FAIL(err, ERR_USAGE, -EINVAL, "--vmlinux belongs to --vm");
	struct host_capture c = { .root = a->root ? a->root : "" };
	struct profile s;
	_cleanup_buf_ struct buf hint = BUF_NULL;
	int r = capture_host(&c, &s, err);
	if (r == 0 && !a->root)
		s.host = host_context();
	r = r < 0 ? r : store_snapshot(a, &s, err);
	capture_hint(&c, &s, &hint);
	if (r == 0 && hint.len)
		say_printf("%s", buf_str(&hint));
	profile_done(&s);
	return r;
}

const struct command cmd_ctprof_capture = {
	.name = "ctprof capture",
	.alias = "host-state capture",
	.group = GROUP_HOST,
	.summary = "Write a profile of all threads of this host",
	.text = "Reads of each thread: stat, schedstat, sched, status, io and cgroup; of each process: smaps_rollup; "
		"and "
		"from the kernel, by netlink, the delays of each thread (taskstats; needs CAP_NET_ADMIN, and "
		"kernel.task_delayacct=1 for values). Also control groups, pressure, and the state of sched_ext.\n\n"
		"What cannot be read is null in the file, never 0. The file is JSON, compressed with zstd.\n\n"
		"With --vm, the threads are those of a guest, read from outside from its memory, which 'ktstr test "
		"--keep-memory' keeps, or from that of a running machine, which goes on meanwhile: a value of such a "
		"file may be younger than another. What the kernel computes only when /proc is read is null there, and "
		"'source' in the file has the reasons.",
	.option = capture_options,
	.example =
		(const struct example[]){
			{ "ktstr ctprof capture -o before.ctprof.zst", "a file to compare with later" },
			{ "ktstr ctprof capture -o - | jq '.threads[0]'", "one thread" },
			{ "ktstr ctprof capture --vm starved-3fbe1d13877c5ff1.vmcore --vmlinux vmlinux",
			  "the threads of a guest at the end of its test" },
			{ "ktstr ctprof capture --vm shell", "those of a running shell, seen from outside" },
			{ NULL },
		},
	.size = sizeof(struct capture_args),
	.run = run_capture,
};

/* --- ctprof show and compare -------------------------------------------------------------------------------------- */

struct rows_args {
	struct strings operands, flatten, sections, metrics, columns, sort;
	unsigned group_by, format;
	uint64_t limit;
	bool exact, json;
};

static const char *const display_formats[] = { "arrow", "full", NULL };
static const char *const show_groups[] = { "pcomm", "all", "cgroup", "comm", "comm-exact", NULL };
static const enum group_by show_group_ids[] = { GROUP_PCOMM, GROUP_ALL, GROUP_CGROUP, GROUP_COMM, GROUP_COMM_EXACT };

#define ROWS_OPTIONS(groups)                                                                                           \
	OPT_CHOICE(struct rows_args, group_by, "group-by", 0, "HOW", groups,                                           \
		   "make groups of threads by process name, control group or thread name"),                            \
		OPT_LIST(struct rows_args, flatten, "cgroup-flatten", 0, "GLOB",                                       \
			 "control groups whose path begins with a match of GLOB are one; repeatable"),                 \
		OPT_LIST(struct rows_args, sections, "sections", 0, "SECTION", "only rows of these sections"),         \
		OPT_LIST(struct rows_args, metrics, "metrics", 0, "METRIC", "only rows of these metrics"),             \
		OPT_LIST(struct rows_args, columns, "columns", 0, "COLUMN", "show these columns"),                     \
		OPT_LIST(struct rows_args, sort, "sort-by", 0, "METRIC[:asc|desc]",                                    \
			 "order groups by these metrics, by default descending"),                                      \
		OPT_NUMBER(struct rows_args, limit, "limit", 0, "N", 0, UINT32_MAX, 500, "rows of a table; 0: all"),   \
		OPT_FLAG(struct rows_args, exact, "no-thread-normalize", 0, "do not treat numbers in names as equal"), \
		ROW_JSON(struct rows_args, "print as JSON")

static const struct option_row show_options[] = { ROWS_OPTIONS(show_groups), OPT_END };
static const struct option_row compare_options[] = {
	ROWS_OPTIONS(group_by_names),
	OPT_CHOICE(struct rows_args, format, "display-format", 0, "FORMAT", display_formats,
		   "baseline and candidate in one column, or each in its own"),
	OPT_END,
};

static int word_index(const char *what, const char *word, const char *const *words, unsigned *ret, struct err **err)
{
	_cleanup_buf_ struct buf all = BUF_NULL;
	for (unsigned i = 0; words[i]; i++) {
		if (!strcmp(words[i], word)) {
			*ret = i;
			return 0;
		}
		buf_appendf(&all, "%s%s", i ? ", " : "", words[i]);
	}
	return FAIL(err, ERR_USAGE, -EINVAL, "'%s' is not a %s; there are %s", word, what, buf_str(&all));
}

static int read_set(const char *what, const struct strings *list, const char *const *words, unsigned *ret,
		    struct err **err)
{
	int r = 0;
	for (size_t i = 0; i < list->count && r == 0; i++) {
		unsigned bit = 0;
		r = word_index(what, list->item[i], words, &bit, err);
		*ret |= 1u << bit;
	}
	return r;
}

static bool is_metric(const char *name)
{
	for (const struct derived_row *d = derived_rows; d->name; d++)
		if (!strcmp(d->name, name))
			return true;
	/* Rows of control groups have the kernel's names. */
	return metric_row_find(name) || strchr(name, '.');
}

static int check_metric(const char *name, struct err **err)
{
	if (is_metric(name))
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL, "'%s' is not a metric; 'ktstr ctprof metric-list' has all of them", name);
}

static int read_sort_key(char *word, struct sort_key *ret, struct err **err)
{
	char *order = strchr(word, ':');
	if (order)
		*order++ = '\0';
	if (order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0)
		return FAIL(err, ERR_USAGE, -EINVAL, "--sort-by %s: '%s' is not an order; write asc or desc", word,
			    order);
	*ret = (struct sort_key){ .metric = word, .ascending = order && !strcmp(order, "asc") };
	return check_metric(word, err);
}

static int read_request(const struct rows_args *a, struct rows_request *q, struct err **err)
{
	q->rules = (struct group_rules){ .exact_names = a->exact, .flatten = a->flatten.item };
	q->limit = a->limit;
	q->metrics = a->metrics.count ? a->metrics.item : NULL;
	int r = read_set("section", &a->sections, section_names, &q->sections, err);
	for (size_t i = 0; i < a->metrics.count && r == 0; i++)
		r = q->sections ? 0 : check_metric(a->metrics.item[i], err);
	if (r == 0 && a->sort.count > SORT_KEYS_MAX)
		r = FAIL(err, ERR_USAGE, -EINVAL, "--sort-by takes at most %d metrics", SORT_KEYS_MAX);
	for (size_t i = 0; i < a->sort.count && r == 0; i++)
		r = read_sort_key((char *)a->sort.item[i], &q->sort[i], err);
	return r;
}

#define BIT(column) (1u << COLUMN_##column)

static unsigned default_columns(const struct rows_args *a, bool compares)
{
	if (!compares)
		return BIT(GROUP) | BIT(THREADS) | BIT(METRIC) | BIT(VALUE) | BIT(UPTIME);
	unsigned values = a->format ? BIT(BASELINE) | BIT(CANDIDATE) | BIT(TAGS) : BIT(ARROW);
	return BIT(GROUP) | BIT(THREADS) | BIT(METRIC) | BIT(DELTA) | BIT(PERCENT) | BIT(UPTIME) | values;
}

static int read_columns(const struct rows_args *a, bool compares, unsigned *ret, struct err **err)
{
	unsigned wrong =
		compares ? BIT(VALUE) : BIT(BASELINE) | BIT(CANDIDATE) | BIT(ARROW) | BIT(DELTA) | BIT(PERCENT);
	int r = read_set("column", &a->columns, column_names, ret, err);
	if (r == 0 && *ret & wrong)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--columns: ctprof %s has no such column; 'ktstr ctprof %s --help'",
			    compares ? "compare" : "show", compares ? "compare" : "show");
	if (r == 0 && !*ret)
		*ret = default_columns(a, compares);
	return r;
}

static int print_rows(const struct rows_args *a, const struct rows_request *q, unsigned columns)
{
	struct rows rows;
	_cleanup_buf_ struct buf out = BUF_NULL;
	int r = rows_make(q, &rows);
	if (r < 0)
		return r;
	if (a->json) {
		json_auto_t *o = rows_json(&rows, q->a != NULL);
		out_json(o, true);
	} else {
		rows_print(&rows, columns, q->a != NULL, &out);
		out_buf(&out);
	}
	rows_done(&rows);
	return 0;
}

static int run_show(void *args, struct err **err)
{
	const struct rows_args *a = args;
	struct rows_request q = { 0 };
	struct profile s;
	unsigned columns = 0;
	int r = read_request(a, &q, err);
	r = r < 0 ? r : read_columns(a, false, &columns, err);
	if (r == 0 && a->operands.count != 1)
		r = FAIL(err, ERR_USAGE, -EINVAL, "ctprof show needs one file of 'ktstr ctprof capture'");
	r = r < 0 ? r : profile_read(a->operands.item[0], &s, err);
	if (r < 0)
		return r;
	q.b = &s;
	q.rules.by = show_group_ids[a->group_by];
	r = print_rows(a, &q, columns);
	profile_done(&s);
	return r;
}

static int run_compare(void *args, struct err **err)
{
	const struct rows_args *a = args;
	struct rows_request q = { 0 };
	struct profile base, candidate;
	unsigned columns = 0;
	int r = read_request(a, &q, err);
	r = r < 0 ? r : read_columns(a, true, &columns, err);
	if (r == 0 && a->operands.count != 2)
		r = FAIL(err, ERR_USAGE, -EINVAL, "ctprof compare needs two files of 'ktstr ctprof capture'");
	r = r < 0 ? r : profile_read(a->operands.item[0], &base, err);
	if (r < 0)
		return r;
	r = profile_read(a->operands.item[1], &candidate, err);
	if (r == 0) {
		q.a = &base;
		q.b = &candidate;
		q.rules.by = (enum group_by)a->group_by;
		r = print_rows(a, &q, columns);
		profile_done(&candidate);
	}
	profile_done(&base);
	return r;
}

#define ROWS_TEXT                                                                                                    \
	"Values of a group are the sum of its threads' counters, the maximum of peaks, the range of priorities and " \
	"CPUs, the most frequent state and policy. A value that no thread has is not shown; a value that one side "  \
	"lacks is '-'.\n\nThe sections are primary, taskstats-delay, derived, cgroup-stats, cgroup-limits, "         \
	"memory-stat, memory-events, pressure, host-pressure, smaps-rollup and sched-ext. Those of control groups "  \
	"and "                                                                                                       \
	"pressure are shown for groups by cgroup.\n\n%UPTIME is a time in percent of how long the threads have "     \
	"existed, added up over them: of a thread that always waits for a CPU, wait_time_ns has 100 %."

const struct command cmd_ctprof_show = {
	.name = "ctprof show",
	.alias = "host-state show",
	.group = GROUP_HOST,
	.summary = "Show a profile, by groups of threads",
	.operands = "FILE",
	.text = ROWS_TEXT "\n\nThe columns are group, threads, metric, value, uptime and tags.",
	.option = show_options,
	.example =
		(const struct example[]){
			{ "ktstr ctprof show a.ctprof.zst --sort-by run_time_ns --metrics run_time_ns,wait_time_ns",
			  "who used the CPUs" },
			{ NULL },
		},
	OPERANDS(struct rows_args, operands),
	.run = run_show,
};

const struct command cmd_ctprof_compare = {
	.name = "ctprof compare",
	.alias = "host-state compare",
	.group = GROUP_HOST,
	.summary = "Compare two profiles, by groups of threads",
	.operands = "BASELINE CANDIDATE",
	.text = ROWS_TEXT
	"\n\nThe columns are group, threads, metric, baseline, candidate, arrow, delta, percent, uptime "
	"and tags. Rows with the largest change in percent come first. Numbers in the names of processes "
	"and threads count as equal. Groups by 'all' are three tables; there, a control group that has "
	"another name but the same threads is the same, and marked [fudged]. Nothing is judged: the exit "
	"status is 0.",
	.option = compare_options,
	.example =
		(const struct example[]){
			{ "ktstr ctprof compare before.ctprof.zst after.ctprof.zst --group-by pcomm", "what changed" },
			{ NULL },
		},
	OPERANDS(struct rows_args, operands),
	.run = run_compare,
};

/* --- ctprof metric-list ------------------------------------------------------------------------------------------- */

struct metric_list_args {
	bool json;
};

static const struct option_row metric_list_options[] = {
	ROW_JSON(struct metric_list_args, "print as JSON"),
	OPT_END,
};

static void add_metric(json_t **all, struct buf *out, const char *name, enum section section, enum unit unit,
		       const char *rule, const char *tags, const char *meaning)
{
	json_t *o = json_object();
	json_put_text(&o, "name", name);
	json_put_text(&o, "section", section_names[section]);
	json_put_text(&o, "unit", unit_names[unit]);
	json_put_text(&o, "aggregation", rule);
	json_put_text(&o, "tags", tags);
	json_put_text(&o, "meaning", meaning);
	json_add(all, o);
	buf_appendf(out, "%-30s %-15s %-6s %-8s %s%s%s\n", name, section_names[section], unit_names[unit], rule,
		    meaning, *tags ? " " : "", tags);
}

static int run_metric_list(void *args, struct err **err)
{
	static const char *const rules[] = { "sum", "max", "min", "range", "mode", "affinity", "derived" };
	const struct metric_list_args *a = args;
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_auto_t *all = json_array();
	(void)err;
	buf_appendf(&out, "%-30s %-15s %-6s %-8s %s\n", "NAME", "SECTION", "UNIT", "RULE", "MEANING");
	for (const struct metric_row *m = metric_rows; m->name; m++)
		add_metric(&all, &out, m->name, m->section, m->unit, rules[m->rule], m->tags, m->meaning);
	for (const struct derived_row *d = derived_rows; d->name; d++)
		add_metric(&all, &out, d->name, d->section, d->unit, rules[RULE_DERIVED], "", d->meaning);
	if (a->json)
		out_json(all, true);
	else
		out_buf(&out);
	return 0;
}

const struct command cmd_ctprof_metric_list = {
	.name = "ctprof metric-list",
	.alias = "host-state metric-list",
	.group = GROUP_HOST,
	.summary = "List what a profile knows about threads",
	.text = "Prints name, section, unit, the rule that makes one value of a group, and the meaning. The tags say "
		"which "
		"threads and kernels have the value: [cfs-only] and [fair-policy] not those of real-time and "
		"sched_ext, "
		"[non-ext] not those of sched_ext, [SCHEDSTATS] with kernel.sched_schedstats=1, [SCHED_INFO], "
		"[TASK_DELAY_ACCT], [TASK_IO_ACCOUNTING], [SCHED_CORE] and [SCHED_CLASS_EXT] with that option of the "
		"kernel, "
		"[dead] counters that the kernel shows but no longer counts, [allocator] never: it is null.",
	.option = metric_list_options,
	.size = sizeof(struct metric_list_args),
	.run = run_metric_list,
};
