/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_trace.c -- ktstr trace: shows what the scheduler did around a failure. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/result_name.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "trace/excerpt.h"
#include "trace/perfetto.h"
#include "trace/picture.h"

#define ALL_CPUS   UINT64_MAX
#define AT_FAILURE "failure"
#define WINDOW_MAX (24 * 60 * NSEC_PER_MIN)

struct trace_args {
	struct strings operands;
	bool json;
	const char *at, *perfetto, *svg;
	uint64_t cpu, task, lines;
	nsec_t window; /* 0: not given */
};

static const struct option_row trace_options[] = {
	OPT_STRING(struct trace_args, at, "at", 0, "WHEN",
		   "the moment: 'failure' (usual), or a time after the test began, such as 1500ms"),
	OPT_NUMBER(struct trace_args, cpu, "cpu", 0, "N", 0, SCHEDULE_CPUS_MAX - 1, ALL_CPUS, "only this CPU"),
	OPT_NUMBER(struct trace_args, task, "task", 0, "PID", 1, INT32_MAX, 0, "only steps that concern this task"),
	OPT_NUMBER(struct trace_args, lines, "lines", 0, "N", 1, EXCERPT_LINES_MAX, EXCERPT_LINES,
		   "at most so many steps of each CPU"),
	OPT_STRING(struct trace_args, perfetto, "perfetto", 0, "OUT",
		   "write all of it to OUT (-: standard output), as a trace for ui.perfetto.dev"),
	OPT_STRING(struct trace_args, svg, "svg", 0, "OUT",
		   "write a picture of the time around the moment to OUT (-: standard output)"),
	OPT_DURATION(struct trace_args, window, "window", 0, "TIME", 0, WINDOW_MAX, 0, NSEC_PER_SEC,
		     "the time that the picture shows (0: the moment, and a little more)"),
	ROW_JSON(struct trace_args, "the steps, and what the file says of itself, as JSON"),
	OPT_END,
};

static const struct option_conflict trace_conflicts[] = {
	{ "json", "perfetto" },
	{ "json", "svg" },
	{ "perfetto", "svg" },
	{ NULL, NULL },
};

static int find_moment(const struct trace_args *a, const struct schedule_about *about, struct schedule_moment *ret,
		       struct err **err)
{
	nsec_t at;
	*ret = about->failure;
	if (!a->at || !strcmp(a->at, AT_FAILURE)) {
		if (about->has_failure)
			return 0;
		return FAIL(err, ERR_DATA, -ENODATA,
			    "the file says of no failure: name a time after the test began, such as --at 1500ms");
	}
	if (parse_duration(a->at, &at) < 0)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--at: '%s' is not 'failure' or a time after the test began, such as 1500ms", a->at);
	uint64_t ns = about->began_ns + (uint64_t)at;
	*ret = (struct schedule_moment){ .from_ns = ns, .to_ns = ns, .pid = (int32_t)a->task, .cpu = -1 };
	return 0;
}

static double test_ms(const struct schedule_about *about, uint64_t ns)
{
	return ((double)ns - (double)about->began_ns) / 1e6;
}

/* A mistyped time or pid would otherwise look like a guest in which nothing happened. */
static int check_asked(const struct trace_args *a, const struct excerpt *x, const struct schedule_about *about,
		       const struct schedule_moment *moment, struct err **err)
{
	uint64_t first, last;
	if (!excerpt_range(x, &first, &last))
		return 0;
	if (a->task && !excerpt_has_steps(x))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--task: no recorded step concerns the task %lu; --json has all tasks", a->task);
	if (a->at && strcmp(a->at, AT_FAILURE) != 0 && (moment->from_ns < first || moment->from_ns > last))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--at: the schedule was recorded from %.0f to %.0f ms after the test began",
			    test_ms(about, first), test_ms(about, last));
	return 0;
}

static int print_excerpt(const struct trace_args *a, struct schedule_log_reader *reader,
			 const struct schedule_moment *moment, struct err **err)
{
	const struct schedule_about *about = schedule_log_about(reader);
	const struct excerpt_config config = { .moment = *moment,
					       .lines = (unsigned)a->lines,
					       .cpu = a->cpu == ALL_CPUS ? -1 : (int)a->cpu,
					       .pid = (int32_t)a->task };
	_cleanup_(excerpt_free_p) struct excerpt *x = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (a->cpu != ALL_CPUS && a->cpu >= about->cpus)
		return FAIL(err, ERR_USAGE, -EINVAL, "--cpu: the guest had the CPUs 0 to %u", about->cpus - 1);
	int r = excerpt_read(reader, &config, &x, err);
	if (r == 0)
		r = check_asked(a, x, about, moment, err);
	if (r < 0)
		return r;
	if (a->json) {
		json_auto_t *o = excerpt_json(x, about);
		out_json(o, true);
		return 0;
	}
	buf_appendf(&text, "test %s, scheduler %s, kernel %s, topology %s, seed %s; %lu event%s", about->test,
		    about->scheduler ? about->scheduler : "eevdf", about->kernel ? about->kernel : "?",
		    about->topology ? about->topology : "?", about->seed ? about->seed : "?", about->events,
		    plural(about->events));
	if (about->dropped)
		buf_appendf(&text, " (%lu older ones were not kept)", about->dropped);
	buf_puts(&text, "\n");
	excerpt_text(x, about, "", &text);
	out_buf(&text);
	return 0;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static int write_perfetto(void *data, int fd, struct err **err)
{
	return perfetto_write(data, fd, err);
}

static int export_perfetto(const char *path, struct schedule_log_reader *reader, struct err **err)
{
	if (!strcmp(path, "-"))
		return perfetto_write(reader, STDOUT_FILENO, err);
	return file_write_output_by(path, 0644, write_perfetto, reader, err);
}

static uint64_t before(uint64_t ns, uint64_t by)
{
	return ns > by ? ns - by : 0;
}

static int draw(const struct trace_args *a, struct schedule_log_reader *reader, const struct schedule_moment *moment,
		struct err **err)
{
	_cleanup_buf_ struct buf svg = BUF_NULL;
	uint64_t length = moment->to_ns - moment->from_ns;
	uint64_t around = MAX_OF(length / 10, (uint64_t)(length ? NSEC_PER_USEC : 50 * NSEC_PER_MSEC));
	struct picture_config config = { .from_ns = before(moment->from_ns, around),
					 .to_ns = moment->to_ns + around,
					 .moment = *moment,
					 .cpu = a->cpu == ALL_CPUS ? -1 : (int)a->cpu };
	if (a->window) {
		config.from_ns = before(moment->from_ns + length / 2, (uint64_t)a->window / 2);
		config.to_ns = config.from_ns + (uint64_t)a->window;
	}
	int r = picture_draw(reader, &config, &svg, err);
	if (r == 0 && !strcmp(a->svg, "-")) {
		out_buf(&svg);
		return 0;
	}
	return r == 0 ? file_write_output(a->svg, svg.data, svg.len, 0644, err) : r;
}

/* The schedule of a result is beside it, under the name that the sidecar has. */
static int schedule_of(const char *sidecar, char **ret, struct err **err)
{
	json_auto_t *o = NULL;
	_cleanup_free_ char *dir = path_dirname(sidecar);
	int r = json_read_file(sidecar, &o, err);
	if (r < 0)
		return r;
	const char *name = json_string_value(json_object_get(o, "schedule_file"));
	const char *why = json_string_value(json_object_get(o, "schedule_lack"));
	if (!name)
		return FAIL(err, ERR_DATA, -ENOENT, "the result '%s' has no recorded schedule: %s", sidecar,
			    why ?: "only a test that did not pass keeps it");
	*ret = dir ? path_join(dir, path_basename(name)) : NULL;
	return *ret ? 0 : -ENOMEM;
}

static int run_trace(void *args, struct err **err)
{
	const struct trace_args *a = args;
	_cleanup_(schedule_log_close_p) struct schedule_log_reader *reader = NULL;
	struct schedule_moment moment;
	if (a->operands.count != 1)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "trace needs one file: NAME.schedule.zst, or the result NAME.ktstr.json");
	const char *path = a->operands.item[0];
	_cleanup_free_ char *beside = NULL;
	int r = is_sidecar_name(path_basename(path)) ? schedule_of(path, &beside, err) : 0;
	if (r < 0)
		return r;
	path = beside ?: path;
	_cleanup_close_ int fd = file_open(path, err);
	if (fd < 0)
		return fd;
	r = schedule_log_open_fd(fd, &reader, err);
	if (r == 0 && a->perfetto)
		r = export_perfetto(a->perfetto, reader, err);
	else if (r == 0)
		r = find_moment(a, schedule_log_about(reader), &moment, err);
	if (r == 0 && !a->perfetto)
		r = a->svg ? draw(a, reader, &moment, err) : print_excerpt(a, reader, &moment, err);
	return r < 0 ? err_wrap(err, r, "show the recorded schedule '%s'", path) : 0;
}

const struct command cmd_trace = {
	.name = "trace",
	.group = GROUP_TESTS,
	.summary = "Show what the scheduler did around a failure",
	.operands = "FILE | RESULT",
	.text = "A test that fails on tcg leaves a file NAME.schedule.zst beside its sidecar: each switch, wake-up and "
		"move of a task, at exact times of the guest; of a long test the last ones. Instead of that file, the "
		"result may be named. This command shows the "
		"steps around the moment that the first finding of the test is about (the longest wait of a worker, if "
		"it is about none), for each CPU: which task "
		"stopped and why, which one ran next, how long it had waited, and what ran where it was woken. If that "
		"moment is a "
		"time, such as a long wait, it also shows what each CPU did meanwhile, and the steps around its begin "
		"and its end.\n"
		"With --perfetto it writes all of it as a trace that the page ui.perfetto.dev shows: a track for each "
		"CPU, and an arrow for each wake-up. 'ktstr test --schedule-trace DIR' writes such a trace for each "
		"test, also for those that pass.",
	.option = trace_options,
	.conflict = trace_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr trace starved-3fbe1d13877c5ff1.schedule.zst", "the steps around the failure" },
			{ "ktstr trace target/ktstr/6.12.117-x/starved-3fbe1d13877c5ff1.ktstr.json",
			  "the same, by the result" },
			{ "ktstr trace --at 1500ms --cpu 1 --lines 50 starved-3fbe1d13877c5ff1.schedule.zst",
			  "50 steps of CPU 1, 1.5 s after the test began" },
			{ "ktstr trace --svg starved.svg starved-3fbe1d13877c5ff1.schedule.zst", "a picture of it" },
			{ NULL },
		},
	OPERANDS(struct trace_args, operands),
	.run = run_trace,
};
